"""Clients in a database, by SQLAlchemy: SQLite for a start, PostgreSQL for many writers.

`SqlRepository.open(url)`, or `SqlRepository(engine or connection)`; it also answers every protocol
of :mod:`client_access.repository`, and `client_ids()` yields all ids in order. `AsyncSqlRepository`
does the same for those who await.
"""

from typing import TYPE_CHECKING

from client_access.sql.repository import SqlRepository
from client_access.sql.schema import bring_up_to_date
from client_access.sql.tables import metadata

if TYPE_CHECKING:
    from client_access.sql.async_repository import AsyncSqlRepository

__all__ = ["AsyncSqlRepository", "SqlRepository", "bring_up_to_date", "metadata"]


def __getattr__(name: str) -> object:
    if name == "AsyncSqlRepository":
        # SQLAlchemy's asyncio brings its whole ORM along, which nobody else need wait for.
        from client_access.sql.async_repository import AsyncSqlRepository  # noqa: PLC0415  # as said

        return AsyncSqlRepository
    raise AttributeError(name)
