"""Clients in a database, with SQLAlchemy: SQLite to start with, PostgreSQL for many writers.

Use `SqlRepository.open(url)` or `SqlRepository(engine or connection)`. It implements every protocol
of :mod:`client_access.repository`, and `client_ids()` yields all ids in order. `in_transaction`
commits commands together with a host's own statements. `AsyncSqlRepository` and
`in_transaction_async` do the same for asyncio.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from client_access.errors import needs

with needs("sql"):
    from client_access.sql.repository import SqlRepository
    from client_access.sql.schema import bring_up_to_date, stamp
    from client_access.sql.tables import metadata
    from client_access.sql.transactions import in_transaction

if TYPE_CHECKING:
    from client_access.sql.async_repository import AsyncSqlRepository
    from client_access.sql.async_transactions import in_transaction_async

__all__ = [
    "AsyncSqlRepository",
    "SqlRepository",
    "bring_up_to_date",
    "in_transaction",
    "in_transaction_async",
    "metadata",
    "stamp",
]

# SQLAlchemy's asyncio imports its whole ORM, which takes long.
_AWAITED = {
    "AsyncSqlRepository": "client_access.sql.async_repository",
    "in_transaction_async": "client_access.sql.async_transactions",
}


def __getattr__(name: str) -> object:
    if name not in _AWAITED:
        raise AttributeError(name)
    with needs("async"):
        import_module("greenlet")  # SQLAlchemy misses it only when a statement is awaited
        return getattr(import_module(_AWAITED[name]), name)
