"""Options of engines, and transactions on their connections."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, TypeVar, TypeVarTuple

from sqlalchemy import (
    URL,
    Connection,
    Dialect,
    Pool,
    SingletonThreadPool,
    StaticPool,
    Transaction,
    make_url,
)
from sqlalchemy.exc import (
    ArgumentError,
    DBAPIError,
    OperationalError,
    SQLAlchemyError,
    StatementError,
)

from client_access.errors import ClientAccessError, InvalidValue

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

_BUSY_TIMEOUT: Final = 30  # seconds that a writer on SQLite waits for another
_READY: Final = "client_access.ready"
_WAL_ATTEMPTS, _WAL_PAUSE = 100, 0.02

_DRIVERS: Final = (("sqlite", "pysqlite"), ("sqlite", "aiosqlite"), ("postgresql", "psycopg"))

# With FULL, a commit survives a power failure, not only the end of the process. With secure_delete,
# SQLite overwrites deleted content with zeros.
_PRAGMAS: Final = (
    f"PRAGMA busy_timeout = {_BUSY_TIMEOUT * 1000}",
    "PRAGMA synchronous = FULL",
    "PRAGMA secure_delete = ON",
)


def parse_url(url: str | URL, sqlite_driver: str, postgresql_driver: str) -> URL:
    """Return the URL of a database, with a driver if it names none.

    Raises:
        InvalidValue: it is not a URL, or names another database or driver.
    """
    with usable_url():
        parsed = make_url(url)
    drivers = {"sqlite": sqlite_driver, "postgresql": postgresql_driver}
    name, _, driver = parsed.drivername.partition("+")
    if name not in drivers:
        raise InvalidValue("url", "must begin with sqlite:// or postgresql://")
    if driver not in ("", drivers[name]):
        raise InvalidValue("url", f"must begin with {name}:// or {name}+{drivers[name]}://")
    return parsed.set(drivername=f"{name}+{drivers[name]}")


@contextmanager
def usable_url() -> Iterator[None]:
    """Raise :class:`InvalidValue` if SQLAlchemy or a driver rejects a URL."""
    try:
        yield
    except (ArgumentError, ValueError):  # their texts may show a password
        reason = "is not a URL of a database, or has a malformed part: write sqlite:///clients.db"
        raise InvalidValue("url", f"{reason} or postgresql://user@host/name") from None


def engine_options(url: URL, pool: type[Pool]) -> dict[str, Any]:
    """Return the arguments for `create_engine`."""
    # Errors must not show parameters: they hold personal data.
    options: dict[str, Any] = {"hide_parameters": True, "pool_reset_on_return": None}
    if url.get_backend_name() == "sqlite":
        options["connect_args"] = {"timeout": _BUSY_TIMEOUT, "check_same_thread": False}
        if url.database in (None, "", ":memory:"):
            # There is one connection. A second caller waits for it.
            options |= {"poolclass": pool, "pool_size": 1, "max_overflow": 0}
    else:
        options["connect_args"] = {"client_encoding": "utf8"}
        # For questions. A transaction switches it off until its connection is returned.
        options["isolation_level"] = "AUTOCOMMIT"
    return options


def check_bind(dialect: Dialect, pool: Pool | None) -> None:
    """Raise :class:`InvalidValue` if this package does not support an engine or a connection.

    Parameters:
        dialect: the dialect of the engine or connection.
        pool: the pool of the engine; None for a connection.
    """
    if (dialect.name, dialect.driver) not in _DRIVERS:
        raise InvalidValue("bind", "must use SQLite, or PostgreSQL with psycopg 3")
    if isinstance(pool, StaticPool | SingletonThreadPool):
        raise InvalidValue("bind", "must have a pool that lends a connection to one at a time")


def read(connection: Connection, question: Callable[[Connection, *Ts], T], *arguments: *Ts) -> T:
    """Ask a question that is one statement, without a transaction around it."""
    _set_autocommit(connection, True)
    return run(connection, question, *arguments)


def run(connection: Connection, work: Callable[[Connection, *Ts], T], *arguments: *Ts) -> T:
    """Do work inside the transaction of a connection.

    A time limit, a cancelled task or a signal may interrupt a statement. If the driver then still
    waits for the answer, the connection is not used again.
    """
    try:
        return work(connection, *arguments)
    except (SQLAlchemyError, ClientAccessError):
        raise
    except (UnicodeError, OverflowError) as error:
        # Drivers raise these for a value that the database cannot store.
        raise StatementError("a value cannot be stored", None, None, error) from error
    except BaseException as error:
        if _is_waiting(connection):
            connection.invalidate(error)
        raise


def in_transaction(
    connection: Connection, work: Callable[[Connection, *Ts], T], *arguments: *Ts
) -> T:
    """Do work that writes, in a transaction of its own."""
    if connection.dialect.name == "sqlite":
        return _finish(connection.begin(), _immediately, work, *arguments)
    _set_autocommit(connection, False)
    return _finish(connection.begin(), work, *arguments)


def _immediately(
    connection: Connection, work: Callable[[Connection, *Ts], T], *arguments: *Ts
) -> T:
    """Do work on SQLite that writes, with the lock taken before it.

    A transaction that reads and then writes fails instead of waiting if another one has written in
    between.
    """
    if _driver(connection).in_transaction:  # an event of the host's engine has begun one
        connection.exec_driver_sql("ROLLBACK")
    _prepare(connection)
    connection.exec_driver_sql("BEGIN IMMEDIATE")
    return work(connection, *arguments)


def in_savepoint(
    connection: Connection, work: Callable[[Connection, *Ts], T], *arguments: *Ts
) -> T:
    """Do work that writes, in a savepoint inside the transaction of a host.

    The driver of SQLite begins a transaction at the first write only. A savepoint outside of one
    would commit when it is released.
    """
    if not connection.in_transaction():
        connection.begin()
    if connection.dialect.name == "sqlite":
        _check_mode(connection)
        if not _driver(connection).in_transaction:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
    return _finish(connection.begin_nested(), work, *arguments)


def _finish(transaction: Transaction, work: Callable[[Connection, *Ts], T], *arguments: *Ts) -> T:
    """Do work and commit it, or undo it after an error and raise that error.

    A connection that cannot undo it is not used again. This includes a host's connection to SQLite
    after a full disk: SQLite then has undone the whole transaction, and the host must not commit
    the rest.
    """
    connection = transaction.connection
    try:
        result = run(connection, work, *arguments)
    except BaseException:
        try:
            transaction.rollback()
        except DBAPIError as error:
            connection.invalidate(error)
        raise
    try:
        transaction.commit()
    except BaseException as error:
        # SQLAlchemy undoes nothing after a commit that failed.
        connection.invalidate(error)
        raise
    return result


def _set_autocommit(connection: Connection, wanted: bool) -> None:
    """Set the mode of a connection to PostgreSQL until it is returned to the pool.

    An engine with the option `isolation_level` would do so too. But it does so by an event, and
    engines that have an event execute every statement more slowly.
    """
    if connection.dialect.name == "postgresql" and _driver(connection).autocommit != wanted:
        level = "AUTOCOMMIT" if wanted else connection.default_isolation_level
        connection.execution_options(isolation_level=level)


def _is_waiting(connection: Connection) -> bool:
    """Return whether the driver waits for an answer. That of SQLite never does."""
    if connection.invalidated or connection.dialect.name == "sqlite":
        return False
    return bool(_driver(connection).info.transaction_status.name == "ACTIVE")


def _driver(connection: Connection) -> Any:
    return connection.connection.driver_connection


def _check_mode(connection: Connection) -> None:
    """Refuse a connection to SQLite that does not begin and end transactions by statements.

    Python 3.12 and later can make one, by setting `autocommit`.
    """
    if isinstance(getattr(_driver(connection), "autocommit", None), bool):
        raise InvalidValue("bind", "must leave the autocommit of its driver at its default")


def _prepare(connection: Connection) -> None:
    """Set up a connection to SQLite, once."""
    if _READY in connection.info:
        return
    _check_mode(connection)
    for pragma in _PRAGMAS:
        connection.exec_driver_sql(pragma)
    left = _WAL_ATTEMPTS
    while True:
        try:
            connection.exec_driver_sql("PRAGMA journal_mode = WAL")
        except OperationalError:  # SQLite does not wait for other processes here
            left -= 1
            if not left:
                raise
            time.sleep(_WAL_PAUSE)
        else:
            connection.info[_READY] = True
            return
