"""Options of engines, and transactions on their connections."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, Final, TypeVar, TypeVarTuple
from weakref import WeakSet

from sqlalchemy import (
    URL,
    Connection,
    Dialect,
    Engine,
    ExceptionContext,
    Pool,
    SingletonThreadPool,
    StaticPool,
    Transaction,
    event,
    make_url,
)
from sqlalchemy.exc import (
    ArgumentError,
    OperationalError,
    SQLAlchemyError,
    StatementError,
)

from client_access.errors import ClientAccessError, InvalidValue, RepositoryError
from client_access.sql.faults import is_read_only, is_rejected_argument
from client_access.values.validation import NAME_LENGTH, check_text, check_type, wrong_type

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

_BUSY_TIMEOUT: Final = 30  # seconds that a writer on SQLite waits for another
LOG_LIMIT: Final = 8 * 1024 * 1024  # bytes that SQLite's write-ahead log keeps
DEFAULT_POOL_SIZE: Final = 20
DEFAULT_POOL_TIMEOUT: Final = 30.0  # seconds
_READY: Final = "client_access.ready"
_PROCESS: Final = "client_access.process"
_WAL_ATTEMPTS, _WAL_PAUSE = 100, 0.02

_DRIVERS: Final = (("sqlite", "pysqlite"), ("sqlite", "aiosqlite"), ("postgresql", "psycopg"))

# Arguments of psycopg that are not text, so that a URL cannot set them.
_NOT_TEXT: Final = ("autocommit", "context", "cursor_factory", "prepare_threshold", "row_factory")

# With FULL, a commit survives a power failure, not only the end of the process. With secure_delete,
# SQLite overwrites deleted content with zeros. The write-ahead log begins again after some 4 MiB.
# It gives back what a large transaction took, but not less: a log that does not grow is written
# twice as fast.
_PRAGMAS: Final = (
    f"PRAGMA busy_timeout = {_BUSY_TIMEOUT * 1000}",
    "PRAGMA synchronous = FULL",
    "PRAGMA secure_delete = ON",
    f"PRAGMA journal_size_limit = {LOG_LIMIT}",
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
    for argument in _NOT_TEXT:
        if name == "postgresql" and argument in parsed.query:
            raise InvalidValue(
                "url", f"must not set {argument}: write connect_args={{'{argument}': ...}}"
            )
    return parsed.set(drivername=f"{name}+{drivers[name]}")


@contextmanager
def usable_url() -> Iterator[None]:
    """Raise :class:`InvalidValue` if SQLAlchemy or a driver rejects a URL."""
    try:
        yield
    except InvalidValue:
        raise
    except (ArgumentError, ValueError):  # their texts may show a password
        reason = "is not a URL of a database, or has a malformed part: write sqlite:///clients.db"
        raise InvalidValue("url", f"{reason} or postgresql://user@host/name") from None
    except TypeError:
        raise InvalidValue("connect_args", "has an argument that the driver rejects") from None
    except RepositoryError as error:
        if is_rejected_argument(error):
            reason = "or connect_args has an argument that the driver rejects"
            raise InvalidValue("url", reason) from None
        raise


def engine_options(
    url: URL,
    pool: type[Pool],
    *,
    schema: str | None,
    connect_args: Mapping[str, object] | None,
    pool_size: int,
    pool_timeout: float,
) -> dict[str, Any]:
    """Return the arguments for `create_engine`."""
    check_type("pool_size", pool_size, int)
    check_type("connect_args", {} if connect_args is None else connect_args, Mapping)
    if schema is not None:
        check_text("schema", schema, NAME_LENGTH)
    if pool_size < 1:
        raise InvalidValue("pool_size", "must be positive")
    if not isinstance(pool_timeout, int | float):
        raise wrong_type("pool_timeout", "a number of seconds", pool_timeout)
    if not pool_timeout >= 0:
        raise InvalidValue("pool_timeout", "must not be negative")
    options: dict[str, Any] = {
        "hide_parameters": True,  # errors must not show personal data
        "poolclass": pool,
        "pool_reset_on_return": None,
        "pool_size": pool_size,
        "max_overflow": 0,
        "pool_timeout": pool_timeout,
    }
    if url.get_backend_name() == "sqlite":
        if schema is not None:
            raise InvalidValue("schema", "must be None: SQLite has no schemas")
        arguments: dict[str, object] = {"timeout": _BUSY_TIMEOUT, "check_same_thread": False}
        if url.database in (None, "", ":memory:"):
            options["pool_size"] = 1  # a second caller waits for the one connection
    else:
        arguments = {"client_encoding": "utf8"}
        # For questions. A transaction switches it off until its connection is returned.
        options["isolation_level"] = "AUTOCOMMIT"
    if schema is not None:
        options["execution_options"] = {"schema_translate_map": {None: schema}}
    return options | {"connect_args": arguments | dict(connect_args or {})}


def check_bind(dialect: Dialect, pool: Pool | None) -> None:
    """Raise :class:`InvalidValue` if this package does not support an engine or a connection.

    Parameters:
        dialect: the dialect of the engine or connection.
        pool: the pool of the engine; None for a connection.
    """
    if (dialect.name, dialect.driver) not in _DRIVERS:
        raise InvalidValue("bind", "must use SQLite or psycopg 3: write postgresql+psycopg://")
    if isinstance(pool, StaticPool | SingletonThreadPool):
        raise InvalidValue(
            "bind",
            "must have a pool that lends a connection to one at a time: pass poolclass=QueuePool",
        )


def watch(engine: Engine) -> None:
    """Listen to what happens to the connections of an engine, a host's too.

    `event.contains` knows an engine by its `id`, which a later engine may have. An engine and its
    copies with other options share a dialect.
    """
    if engine.dialect not in _WATCHED:
        _WATCHED.add(engine.dialect)
        event.listen(engine, *_LISTENERS[engine.dialect.name])


def _roll_back(connection: Any, *_: object) -> None:
    """End the transaction of a connection to SQLite that is about to be closed.

    A cursor that something still refers to, such as a traceback, keeps the connection open and the
    lock taken.
    """
    with suppress(Exception):
        connection.rollback()


def _put_away_if_read_only(context: ExceptionContext) -> None:
    """Treat a server that became a standby as one that was lost: reconnecting finds the new one."""
    if is_read_only(context.original_exception):
        context.is_disconnect = True


_WATCHED: Final = WeakSet[Dialect]()
_LISTENERS: Final[Mapping[str, tuple[str, Callable[..., None]]]] = {
    "sqlite": ("invalidate", _roll_back),
    "postgresql": ("handle_error", _put_away_if_read_only),
}


def read(connection: Connection, question: Callable[[Connection, *Ts], T], *arguments: *Ts) -> T:
    """Ask a question that is one statement, without a transaction around it."""
    _check_process(connection)
    _set_autocommit(connection, True)
    return run(connection, question, *arguments)


def read_in_host(
    connection: Connection, question: Callable[[Connection, *Ts], T], *arguments: *Ts
) -> T:
    """Ask a question inside the transaction of a host."""
    _check_host(connection)
    return run(connection, question, *arguments)


def run(connection: Connection, work: Callable[[Connection, *Ts], T], *arguments: *Ts) -> T:
    """Do work inside the transaction of a connection.

    A time limit, a cancelled task or a signal may interrupt a statement. If the driver then still
    waits for the answer, the connection is not used again.
    """
    handled = sys.exception()
    try:
        return work(connection, *arguments)
    except (UnicodeError, OverflowError) as error:
        # Drivers raise these for a value that the database cannot store.
        raise StatementError("a value cannot be stored", None, None, error) from error
    except (SQLAlchemyError, ClientAccessError, AssertionError) as error:
        interruption = _interruption_behind(error, handled)
        if interruption is None:
            raise
        _put_away(connection, interruption)
        raise interruption from None
    except BaseException as error:
        if _is_waiting(connection):
            _put_away(connection, error)
        raise


def _interruption_behind(
    error: BaseException, handled: BaseException | None
) -> BaseException | None:
    """Return the interruption that an error replaced, or None.

    If Ctrl-C interrupts psycopg while it sends many rows, psycopg fails to leave pipeline mode, and
    raises that instead. SQLAlchemy raises an AssertionError after an interrupted commit.

    Parameters:
        error: the error.
        handled: what the caller was handling before, which has interrupted nothing here.
    """
    found: BaseException | None = error
    while isinstance(found, Exception) and found is not handled:
        found = found.__cause__ or found.__context__
    return None if found is handled else found


def _put_away(connection: Connection, error: BaseException) -> None:
    """Close a connection that cannot be used again. No error of that replaces the first one."""
    with suppress(Exception):
        connection.invalidate(error)


def in_transaction(
    connection: Connection, work: Callable[[Connection, *Ts], T], *arguments: *Ts
) -> T:
    """Do work that writes, in a transaction of its own."""
    return _finish(begin(connection), work, *arguments)


def begin(connection: Connection) -> Transaction:
    """Begin a transaction that writes.

    On SQLite, it takes the lock at once. A transaction that reads and then writes would fail
    instead of waiting if another one has written in between.
    """
    _check_process(connection)
    if connection.dialect.name != "sqlite":
        _set_autocommit(connection, False)
        return connection.begin()
    transaction = connection.begin()
    if _driver(connection).in_transaction:  # an event of the host's engine has begun one
        connection.exec_driver_sql("ROLLBACK")
    _prepare(connection)
    connection.exec_driver_sql("BEGIN IMMEDIATE")
    return transaction


def outside_transaction(connection: Connection, work: Callable[[Connection], T]) -> T:
    """Do work that no transaction may surround."""
    _check_process(connection)
    _set_autocommit(connection, True)
    if connection.dialect.name == "sqlite":
        connection.begin()
        if _driver(connection).in_transaction:  # an event of the host's engine has begun one
            connection.exec_driver_sql("ROLLBACK")
        _prepare(connection)
    return run(connection, work)


def in_savepoint(
    connection: Connection, work: Callable[[Connection, *Ts], T], *arguments: *Ts
) -> T:
    """Do work that writes, in a savepoint inside the transaction of a host.

    The driver of SQLite begins a transaction at the first write only. A savepoint outside of one
    would commit when it is released.
    """
    _check_host(connection)
    if not connection.in_transaction():
        connection.begin()
    driver = _driver(connection)
    if connection.dialect.name == "sqlite":
        _check_mode(connection)
        if not driver.in_transaction:
            if driver.isolation_level is None:
                raise InvalidValue("bind", "must not be in AUTOCOMMIT: its host must begin and end")
            connection.exec_driver_sql("BEGIN IMMEDIATE")
    elif driver.autocommit:
        raise InvalidValue("bind", "must not be in AUTOCOMMIT: its host must begin and end")
    return nested(connection, work, *arguments)


def nested(connection: Connection, work: Callable[[Connection, *Ts], T], *arguments: *Ts) -> T:
    """Do a part of a transaction that writes, and undo this part alone after an error.

    The context manager of SQLAlchemy would raise another error if it cannot undo the part, as after
    a cancelled statement.
    """
    return _finish(connection.begin_nested(), work, *arguments)


def _finish(transaction: Transaction, work: Callable[[Connection, *Ts], T], *arguments: *Ts) -> T:
    """Do work and commit it, or undo it after an error and raise that error."""
    connection = transaction.connection
    try:
        result = run(connection, work, *arguments)
    except BaseException as error:
        undo(connection, transaction, error)
        raise
    commit(connection, transaction)
    return result


def undo(connection: Connection, transaction: Transaction, error: BaseException) -> None:
    """Undo a transaction after an error.

    A connection that cannot undo it, or still waits for an answer, is not used again. This includes
    a host's connection to SQLite after a full disk: SQLite then has undone the whole transaction,
    and the host must not commit the rest.
    """
    if connection.closed:  # by the host, which has undone the transaction
        return
    if _is_waiting(connection):
        _put_away(connection, error)
    try:
        transaction.rollback()
    except Exception as problem:  # drivers also raise errors that are not SQLAlchemy's
        _put_away(connection, problem)
    except BaseException as problem:
        _put_away(connection, problem)
        raise


def commit(connection: Connection, transaction: Transaction) -> None:
    """Commit a transaction. SQLAlchemy undoes nothing after a commit that failed."""
    handled = sys.exception()
    try:
        transaction.commit()
    except BaseException as error:
        _put_away(connection, error)
        interruption = _interruption_behind(error, handled)
        if interruption is None:
            raise
        raise interruption from None


def _set_autocommit(connection: Connection, wanted: bool) -> None:
    """Set the mode of a connection to PostgreSQL until it is returned to the pool.

    An engine with the option `isolation_level` would do so too. But it does so by an event, and
    engines that have an event execute every statement more slowly.
    """
    if connection.dialect.name == "postgresql" and _driver(connection).autocommit != wanted:
        level = "AUTOCOMMIT" if wanted else connection.default_isolation_level
        connection.execution_options(isolation_level=level)


def _check_host(connection: Connection) -> None:
    """Refuse a host's connection on which the answer of a statement comes later or never."""
    _check_process(connection)
    if connection.dialect.name == "postgresql" and _driver(connection).pgconn.pipeline_status:
        raise InvalidValue("bind", "must not be in pipeline mode: leave the pipeline first")


def _check_process(connection: Connection) -> None:
    """Refuse a connection that a forked process shares with its parent: answers would mix up."""
    if connection.info.setdefault(_PROCESS, os.getpid()) != os.getpid():
        raise RepositoryError(  # pragma: no cover  # coverage does not see a forked process
            "the connection belongs to another process: open the repository after forking"
        )


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
        raise InvalidValue(
            "bind", "must leave the autocommit of its driver at its default: do not pass autocommit"
        )


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
