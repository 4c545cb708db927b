"""Work on a connection: questions, transactions and savepoints, and what follows an error."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final, TypeVar, TypeVarTuple

from sqlalchemy import Connection, Transaction
from sqlalchemy.exc import OperationalError, SQLAlchemyError, StatementError

from client_access.errors import ClientAccessError, InvalidValue, RepositoryError
from client_access.sql.engines import BUSY_TIMEOUT, is_ours

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

LOG_LIMIT: Final = 8 * 1024 * 1024  # bytes that SQLite's write-ahead log keeps
_BEGIN: Final = "BEGIN IMMEDIATE"
_READY: Final = "client_access.ready"
_PROCESS: Final = "client_access.process"
_WAL_ATTEMPTS, _WAL_PAUSE = 100, 0.02

# With FULL, a commit survives a power failure, not only the end of the process. With secure_delete,
# SQLite overwrites deleted content with zeros. The write-ahead log begins again after some 4 MiB.
# It gives back what a large transaction took, but not less: a log that does not grow is written
# twice as fast.
_PRAGMAS: Final = (
    f"PRAGMA busy_timeout = {BUSY_TIMEOUT * 1000}",
    "PRAGMA synchronous = FULL",
    "PRAGMA secure_delete = ON",
    f"PRAGMA journal_size_limit = {LOG_LIMIT}",
)


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


def give_back(connection: Connection) -> None:
    """Return a connection to its pool. It is not used again if that fails."""
    try:
        # A rollback that fails inside `close` returns the connection with its transaction open.
        if (transaction := connection.get_transaction()) is not None:
            transaction.rollback()
        connection.close()
    except Exception as problem:  # drivers also raise errors that are not SQLAlchemy's
        _put_away(connection, problem)
    except BaseException as problem:
        _put_away(connection, problem)
        raise


def _put_away(connection: Connection, error: BaseException) -> None:
    """Close a connection that cannot be used again. No error of that replaces the first one."""
    with suppress(Exception):
        connection.invalidate(error)


def in_transaction(
    connection: Connection, work: Callable[[Connection, *Ts], T], *arguments: *Ts
) -> T:
    """Do work that writes, in a transaction of its own."""
    return _finish(begin(connection), work, *arguments)


def in_deferred_transaction(
    connection: Connection, work: Callable[[Connection, *Ts], T], *arguments: *Ts
) -> T:
    """Do work whose first statement writes, in a transaction of its own."""
    return _finish(begin(connection, immediate=False), work, *arguments)


def in_one_statement(
    connection: Connection, work: Callable[[Connection, *Ts], T], *arguments: *Ts
) -> T:
    """Do work that is one statement on PostgreSQL, and several on SQLite.

    On an engine of our own, PostgreSQL commits the statement itself. The commit of SQLAlchemy then
    only tells those who listen.
    """
    _check_process(connection)
    if connection.dialect.name == "postgresql" and is_ours(connection):
        return _finish(connection.get_transaction() or connection.begin(), work, *arguments)
    return in_deferred_transaction(connection, work, *arguments)


def begin(connection: Connection, *, immediate: bool = True) -> Transaction:
    """Begin a transaction that writes.

    Parameters:
        connection: the connection.
        immediate: whether SQLite takes the lock at once. If not, the first statement must write. A
            transaction that reads and then writes would fail instead of waiting, if another one has
            written in between.
    """
    _check_process(connection)
    # On a kept connection, a question has begun one.
    transaction = connection.get_transaction() if is_ours(connection) else None
    if connection.dialect.name != "sqlite":
        if transaction is not None:
            transaction.rollback()
        _set_autocommit(connection, False)
        return connection.begin()
    if transaction is None:
        transaction = connection.begin()
    if _driver(connection).in_transaction:  # an event of the host's engine has begun one
        connection.exec_driver_sql("ROLLBACK")
    _prepare(connection)
    if immediate or _commits_each(connection):
        connection.exec_driver_sql(_BEGIN)
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
    """Do work that writes, in a savepoint inside the transaction of a host."""
    _check_host(connection)
    if not connection.in_transaction():
        connection.begin()
    if connection.dialect.name == "sqlite":
        _check_mode(connection)
    if _commits_each(connection):
        raise InvalidValue("bind", "must not be in AUTOCOMMIT: its host must begin and end")
    return nested(connection, work, *arguments)


def nested(connection: Connection, work: Callable[[Connection, *Ts], T], *arguments: *Ts) -> T:
    """Do work that writes, as a part of a transaction, and undo only this part after an error.

    If the part can be neither undone nor kept, the connection is not used again. The context
    manager of SQLAlchemy would then raise that error instead of the first one.

    The driver of SQLite begins a transaction at the first write only. A savepoint outside of one
    would commit when it is released.
    """
    if connection.dialect.name == "sqlite" and not _driver(connection).in_transaction:
        connection.exec_driver_sql(_BEGIN)
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
        if interruption := _interruption_behind(problem, error):
            raise interruption from None
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


def _commits_each(connection: Connection) -> bool:
    """Return whether a connection commits each statement."""
    driver = _driver(connection)
    if connection.dialect.name == "sqlite":
        return driver.isolation_level is None and not driver.in_transaction
    return bool(driver.autocommit)


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
    process = os.getpid()
    if connection.info.setdefault(_PROCESS, process) != process:
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
