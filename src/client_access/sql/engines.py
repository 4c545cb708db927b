"""Engines as this package needs them, and how it begins a transaction on one."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final, TypeVar, TypeVarTuple

from sqlalchemy import (
    URL,
    Connection,
    Dialect,
    Engine,
    Pool,
    SingletonThreadPool,
    StaticPool,
    make_url,
)
from sqlalchemy.exc import ArgumentError, DBAPIError, OperationalError

from client_access.errors import InvalidValue
from client_access.sql.cursor import Cursor

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

_BUSY_TIMEOUT: Final = 30  # seconds that a writer on SQLite waits for another
_READY: Final = "client_access.ready"
_AUTOCOMMIT: Final = "client_access_autocommit"
_WAL_ATTEMPTS, _WAL_PAUSE = 100, 0.02

_DRIVERS: Final = (("sqlite", "pysqlite"), ("sqlite", "aiosqlite"), ("postgresql", "psycopg"))

# FULL, so that what was committed survives a failure of power, not only of the process; what is
# deleted is overwritten with zeros.
_PRAGMAS: Final = (
    f"PRAGMA busy_timeout = {_BUSY_TIMEOUT * 1000}",
    "PRAGMA synchronous = FULL",
    "PRAGMA secure_delete = ON",
)


def parse_url(url: str | URL, sqlite_driver: str, postgresql_driver: str) -> URL:
    """Return the URL of a database, with a driver where it names none.

    Raises:
        InvalidValue: it is no URL, or one of another database or driver.
    """
    with usable_url():
        parsed = make_url(url)
    drivers = {"sqlite": sqlite_driver, "postgresql": postgresql_driver}
    name, _, driver = parsed.drivername.partition("+")
    if name not in drivers:
        raise InvalidValue("url", "must be of SQLite or PostgreSQL")
    if driver not in ("", drivers[name]):
        raise InvalidValue("url", f"must name the driver {drivers[name]}, or none")
    return parsed.set(drivername=f"{name}+{drivers[name]}")


@contextmanager
def usable_url() -> Iterator[None]:
    """Raise :class:`InvalidValue` for what SQLAlchemy or a driver says of a malformed URL."""
    try:
        yield
    except (ArgumentError, ValueError):  # their texts may show a password
        raise InvalidValue("url", "is no URL of a database, or has a malformed part") from None


def engine_options(url: URL, pool: type[Pool]) -> dict[str, Any]:
    """Return the arguments with which an engine is made."""
    # What an error shows of a statement never holds what is about a person.
    options: dict[str, Any] = {"hide_parameters": True, "pool_reset_on_return": None}
    if url.get_backend_name() == "sqlite":
        options["connect_args"] = {"timeout": _BUSY_TIMEOUT, "check_same_thread": False}
        if url.database in (None, "", ":memory:"):
            # There is one connection, and who comes second waits.
            options |= {"poolclass": pool, "pool_size": 1, "max_overflow": 0}
    else:
        options["connect_args"] = {"client_encoding": "utf8"}
        # Set once for each connection: to switch to and fro costs as much as a question.
        options |= {"isolation_level": "AUTOCOMMIT", "execution_options": {_AUTOCOMMIT: True}}
    return options


def check_bind(dialect: Dialect, pool: Pool | None) -> None:
    """Raise :class:`InvalidValue` for what this package cannot work with.

    Parameters:
        dialect: that of an engine or a connection.
        pool: that of an engine.
    """
    if (dialect.name, dialect.driver) not in _DRIVERS:
        raise InvalidValue("bind", "must be of SQLite, or of PostgreSQL with psycopg 3")
    if isinstance(pool, StaticPool | SingletonThreadPool):
        raise InvalidValue("bind", "must have a pool that lends a connection to one at a time")


def for_reading(engine: Engine) -> Engine:
    """Return an engine for questions that are one statement, with no transaction around it."""
    if engine.dialect.name == "sqlite" or _AUTOCOMMIT in engine.get_execution_options():
        return engine
    return engine.execution_options(isolation_level="AUTOCOMMIT")


def in_transaction(connection: Connection, work: Callable[[Cursor, *Ts], T], *arguments: *Ts) -> T:
    """Do work that writes, in a transaction of its own.

    On SQLite it takes the lock at once: one that first reads and then writes fails instead of
    waiting, where another has written in between. On PostgreSQL the driver begins it by itself,
    unless it commits every statement by itself.
    """
    with Cursor(connection) as cursor:
        try:
            _begin(cursor)
            result = work(cursor, *arguments)
            cursor.do("COMMIT")
        except BaseException:
            cursor.rollback()
            raise
    return result


def in_transaction_of_sqlalchemy(
    connection: Connection, work: Callable[[Connection], None]
) -> None:
    """Do work with SQLAlchemy's own statements, in a transaction of its own."""
    with Cursor(connection) as cursor:
        _prepare(cursor)
        with connection.begin():
            # A host may have SQLAlchemy begin it with a statement of the host's.
            if not _has_begun(cursor):
                _begin(cursor)
            work(connection)


def _begin(cursor: Cursor) -> None:
    if cursor.connection.dialect.name == "sqlite":
        _prepare(cursor)
        cursor.do("BEGIN IMMEDIATE")
    elif cursor.driver.autocommit:
        cursor.do("BEGIN")


def _has_begun(cursor: Cursor) -> bool:
    sqlite = cursor.connection.dialect.name == "sqlite"
    return sqlite and bool(cursor.driver.in_transaction)


def ask(connection: Connection, question: Callable[[Cursor, *Ts], T], *arguments: *Ts) -> T:
    """Ask a question that is one statement."""
    with Cursor(connection) as cursor:
        return question(cursor, *arguments)


def ask_in_host(connection: Connection, question: Callable[[Cursor, *Ts], T], *arguments: *Ts) -> T:
    """Ask a question inside the transaction of a host, which begins as with any statement."""
    if not connection.in_transaction():
        connection.begin()
    with Cursor(connection) as cursor:
        return question(cursor, *arguments)


def in_savepoint(connection: Connection, work: Callable[[Cursor, *Ts], T], *arguments: *Ts) -> T:
    """Do work that writes, in a savepoint inside the transaction of a host.

    The driver of SQLite begins a transaction at the first write only, whatever SQLAlchemy says; a
    savepoint outside of one would commit when it is released.
    """
    if not connection.in_transaction():
        connection.begin()
    sqlite = connection.dialect.name == "sqlite"
    with Cursor(connection) as cursor:
        if sqlite:
            _check_mode(cursor)
            if not cursor.driver.in_transaction:
                cursor.do("BEGIN IMMEDIATE")
        cursor.savepoint()
        try:
            result = work(cursor, *arguments)
        except BaseException:
            with suppress(DBAPIError):  # where the connection is lost, all is undone
                cursor.rollback_to_savepoint()
            if sqlite and not cursor.driver.in_transaction:
                # A full disk makes SQLite undo the whole transaction, what the host did before this
                # too; so the host must not commit what it does after it.
                connection.invalidate()
            raise
        cursor.release_savepoint()
    return result


def _check_mode(cursor: Cursor) -> None:
    """Refuse a connection to SQLite that does not begin and end transactions by statements.

    So it does where `autocommit`, which Python has from 3.12 on, is left as it is.
    """
    if isinstance(getattr(cursor.driver, "autocommit", None), bool):
        raise InvalidValue("bind", "must leave the autocommit of its driver as it is by itself")


def _prepare(cursor: Cursor) -> None:
    """Set up a connection to SQLite, once."""
    connection = cursor.connection
    if connection.dialect.name != "sqlite" or _READY in connection.info:
        return
    _check_mode(cursor)
    for pragma in _PRAGMAS:
        cursor.do(pragma)
    left = _WAL_ATTEMPTS
    while True:
        try:
            cursor.ask("PRAGMA journal_mode = WAL")
        except OperationalError:  # does not wait for other processes by itself
            left -= 1
            if not left:
                raise
            time.sleep(_WAL_PAUSE)
        else:
            connection.info[_READY] = True
            return
