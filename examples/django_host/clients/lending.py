"""The other way: the library's own SQL adapter, on the connection that Django holds.

Nothing of SQLAlchemy begins, ends or closes anything here: Django does.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from django.db import DEFAULT_DB_ALIAS, connections, transaction
from sqlalchemy import URL, Connection, Engine, NullPool, create_engine
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.engine.interfaces import DBAPIConnection


class Lent:
    """What a dialect leaves to Django."""

    def on_connect_url(self, url: URL) -> None:
        """Set nothing up: Django has."""

    def do_begin(self, dbapi_connection: DBAPIConnection) -> None:
        """Leave it to `atomic()`."""

    do_commit = do_rollback = do_close = do_terminate = do_begin


class LentSqlite(Lent, SQLiteDialect_pysqlite):
    """SQLite on Django's connection."""

    supports_statement_cache = True


class LentPostgresql(Lent, PGDialect_psycopg):
    """PostgreSQL on Django's connection."""

    supports_statement_cache = True


registry.register("sqlite.django", __name__, LentSqlite.__name__)
registry.register("postgresql.django", __name__, LentPostgresql.__name__)


@contextmanager
def sqlalchemy_connection(using: str = DEFAULT_DB_ALIAS) -> Iterator[Connection]:
    """Lend Django's connection to SQLAlchemy for a block, which is in `atomic()`."""
    with transaction.atomic(using=using), _engine(using).connect() as connection:
        yield connection
        if connection.invalidated:  # it must not be used again, so Django must not commit
            transaction.set_rollback(True, using=using)


@cache
def _engine(using: str) -> Engine:
    """Return the engine whose connections are those of Django, of the thread that asks."""
    return create_engine(
        f"{connections[using].vendor}+django://",
        creator=lambda: connections[using].connection,
        poolclass=NullPool,
        pool_reset_on_return=None,
        hide_parameters=True,
    )
