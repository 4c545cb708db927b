"""Clients in a database, with SQLAlchemy: SQLite to start with, PostgreSQL for many writers.

Use `SqlRepository.open(url)` or `SqlRepository(engine or connection)`. It implements every protocol
of :mod:`client_access.repository`, and `client_ids()` yields all ids in order. `AsyncSqlRepository`
does the same for asyncio.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from client_access.extras import needs

with needs("sql"):
    from client_access.sql.repository import SqlRepository
    from client_access.sql.schema import bring_up_to_date
    from client_access.sql.tables import metadata

if TYPE_CHECKING:
    from client_access.sql.async_repository import AsyncSqlRepository

__all__ = ["AsyncSqlRepository", "SqlRepository", "bring_up_to_date", "metadata"]


def __getattr__(name: str) -> object:
    if name == "AsyncSqlRepository":
        # SQLAlchemy's asyncio imports its whole ORM, which takes long.
        with needs("async"):
            import_module("greenlet")  # SQLAlchemy misses it only when a statement is awaited
            from client_access.sql.async_repository import (  # noqa: PLC0415  # as said
                AsyncSqlRepository,
            )
        return AsyncSqlRepository
    raise AttributeError(name)
