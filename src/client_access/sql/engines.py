"""Engines: their URLs and options, and what is listened to."""

from __future__ import annotations

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
    event,
    make_url,
)
from sqlalchemy.exc import (
    ArgumentError,
)

from client_access.errors import InvalidValue, RepositoryError
from client_access.sql.faults import is_read_only, is_rejected_argument
from client_access.values.validation import NAME_LENGTH, check_text, check_type, wrong_type

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

_OPENED: Final = "client_access_opened"
"""The execution option of engines that `open` has made."""

BUSY_TIMEOUT: Final = 30  # seconds that a writer on SQLite waits for another
DEFAULT_POOL_SIZE: Final = 20
DEFAULT_POOL_TIMEOUT: Final = 30.0  # seconds

_DRIVERS: Final = (("sqlite", "pysqlite"), ("sqlite", "aiosqlite"), ("postgresql", "psycopg"))

# Arguments of psycopg that are not text, so that a URL cannot set them.
_NOT_TEXT: Final = ("autocommit", "context", "cursor_factory", "prepare_threshold", "row_factory")


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
        "execution_options": {_OPENED: True},
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
        arguments: dict[str, object] = {"timeout": BUSY_TIMEOUT, "check_same_thread": False}
        if url.database in (None, "", ":memory:"):
            options["pool_size"] = 1  # a second caller waits for the one connection
    else:
        arguments = {"client_encoding": "utf8"}
        # For questions. A transaction switches it off until its connection is returned.
        options["isolation_level"] = "AUTOCOMMIT"
    if schema is not None:
        options["execution_options"]["schema_translate_map"] = {None: schema}
    return options | {"connect_args": arguments | dict(connect_args or {})}


def is_ours(engine: Engine | Connection) -> bool:
    """Return whether `open` made an engine, so that no host has set it up in its own way."""
    return _OPENED in engine.get_execution_options()


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
