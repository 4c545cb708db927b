"""Calls that are cancelled or interrupted at any moment raise that, and lock nothing."""

from __future__ import annotations

import asyncio
import gc
import os
import random
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

import pytest
from sql.shop import added, renamed
from sqlalchemy import Connection, create_engine, event
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import create_async_engine

from client_access import RepositoryError, StaleClient
from client_access.sql import AsyncSqlRepository, SqlRepository

CALLS = 100


async def _cancelled(call: Callable[[], Any], after: float) -> None:
    task = asyncio.ensure_future(call())
    await asyncio.sleep(after)
    task.cancel()
    await asyncio.sleep(0)
    task.cancel()  # a task may be cancelled again while it ends
    await task


async def _limited(call: Callable[[], Any], after: float) -> None:
    async with asyncio.timeout(after):
        await call()


@pytest.mark.parametrize("host", [False, True], ids=["own", "host"])
@pytest.mark.parametrize(
    ("interrupted", "error"),
    [(_cancelled, asyncio.CancelledError), (_limited, TimeoutError)],
    ids=["cancelled", "limited"],
)
def test_a_cancelled_call_raises_that_and_nothing_else(
    database: str, host: bool, interrupted: Any, error: type[BaseException]
) -> None:
    """Whatever happens while its connection is put away. The next call finds no lock.

    On SQLite, a host's connection is opened and closed by a task that is not cancelled: aiosqlite
    can wait forever in the `close` of a connection whose task was cancelled twice.
    """
    chance = random.Random(4)

    async def live() -> None:
        ends: Counter[type[BaseException] | None] = Counter()
        repository = await AsyncSqlRepository.open(database)
        engine = create_async_engine(database.replace("sqlite:", "sqlite+aiosqlite:"))

        async def in_host(interrupt_save: bool) -> None:
            async with engine.connect() as connection:
                save = partial(save_some, AsyncSqlRepository(connection))
                await (interrupt(save) if interrupt_save else save())
                await connection.commit()

        async def save_some(to: AsyncSqlRepository) -> None:
            await to.save([added() for _ in range(20)])

        async def interrupt(call: Callable[[], Any]) -> None:
            await interrupted(call, chance.uniform(0, 0.02))

        if not host:
            attempt = partial(interrupt, partial(save_some, repository))
        elif database.startswith("sqlite"):
            attempt = partial(in_host, interrupt_save=True)
        else:
            attempt = partial(interrupt, partial(in_host, interrupt_save=False))
        while ends[error] < CALLS:
            try:
                await attempt()
            except BaseException as raised:
                ends[type(raised)] += 1
            else:
                ends[None] += 1
            if ends.total() % 10 == 0:
                await asyncio.wait_for(repository.save([added()]), 10)
        assert set(ends) <= {error, None}
        await engine.dispose()
        await repository.close()

    asyncio.run(live())
    gc.collect()  # what is left is reported here, and not in a later test


def test_a_loop_that_ends_does_not_wait_for_a_call(sqlite: str) -> None:
    """`asyncio.run` cancels what is left, and the task that works on SQLite too."""

    async def live() -> None:
        async with await AsyncSqlRepository.open(sqlite) as repository:
            began = asyncio.Event()
            engine = repository._bind.sync_engine
            event.listen(engine, "before_cursor_execute", lambda *_: began.set())
            call = repository.save([added() for _ in range(50)])
            task: asyncio.Future[None] = asyncio.ensure_future(call)
            await began.wait()
            for each in asyncio.all_tasks() - {asyncio.current_task()}:
                each.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await repository.save([added()])

    asyncio.run(live())


def _interrupt(*_: object) -> NoReturn:
    raise KeyboardInterrupt


# Python only reports an interruption that meets it in a finalizer.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("host", ["own", "host"])
def test_a_call_that_ctrl_c_ends_raises_that_and_locks_nothing(database: str, host: str) -> None:
    """Even while the error is handled, whose traceback refers to a cursor.

    A process of its own is interrupted, without coverage: that holds a lock of its own while it
    notes a line, and an interruption there would wait for the lock without end.
    """
    script = Path(__file__).with_name("interrupted_writer.py")
    alone = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
    ends = subprocess.run(
        [sys.executable, str(script), database, host, str(CALLS)],
        env=alone | {"PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (ends.stdout, ends.returncode) == ("KeyboardInterrupt\n", 0), ends.stderr


@pytest.mark.parametrize(
    ("moment", "error"),
    [
        ("before_cursor_execute", OperationalError("exit", None, Exception("pipeline mode"))),
        ("before_cursor_execute", AssertionError()),
        ("commit", AssertionError()),
    ],
)
def test_an_interruption_that_is_replaced_is_raised(
    database: str, moment: str, error: Exception
) -> None:
    """psycopg replaces it if it fails to leave pipeline mode, and SQLAlchemy while it commits.

    SQLAlchemy also does so while it releases a savepoint.

    One that was handled before is not raised.
    """
    engine = create_engine(database)
    repository = SqlRepository(engine)
    change = added()
    repository.save([change])

    def stop(*arguments: Any) -> None:
        if moment == "commit" or "INSERT INTO client_access_event" in arguments[2]:
            error.__context__ = KeyboardInterrupt()
            raise error

    try:
        _interrupt()
    except KeyboardInterrupt:
        with pytest.raises(StaleClient):
            repository.save([change])
    event.listen(engine, moment, (lambda _: stop()) if moment == "commit" else stop)
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            repository.save([added()])
    assert repository.get(change.after.id) == change.after
    engine.dispose()


def test_an_interruption_is_raised_though_a_part_of_its_transaction_cannot_be_undone(
    database: str,
) -> None:
    """With asyncio, the context of the error that the undo raises has no interruption."""
    engine = create_engine(database)
    repository = SqlRepository(engine)
    separate = import_module("greenlet").greenlet  # it has no types
    replacing = OperationalError("exit", None, Exception("pipeline mode"))
    replacing.__context__ = KeyboardInterrupt()

    def fail() -> NoReturn:
        raise OperationalError("send", None, Exception("pipeline mode"))

    def stop(*arguments: Any) -> None:
        if "INSERT INTO client_access_client" in arguments[2]:
            raise replacing
        if arguments[2].startswith("ROLLBACK TO"):
            separate(fail).switch()  # what it raises gets no context

    event.listen(engine, "before_cursor_execute", stop)
    with pytest.raises(KeyboardInterrupt):
        repository.save([added(), added()])
    event.remove(engine, "before_cursor_execute", stop)
    repository.save([added(), added()])
    engine.dispose()


@pytest.mark.parametrize(
    ("cause", "raised"), [(None, RepositoryError), (KeyboardInterrupt(), KeyboardInterrupt)]
)
def test_a_part_of_a_transaction_that_cannot_be_undone_ends_all_of_it(
    database: str, cause: BaseException | None, raised: type[BaseException]
) -> None:
    """With the reason, and with the interruption if there was one."""
    engine = create_engine(database)
    repository = SqlRepository(engine)
    change = added()
    repository.save([change])

    def stop(*arguments: Any) -> None:
        if arguments[2].startswith("ROLLBACK TO"):
            raise OperationalError("send", None, Exception("gone")) from cause

    event.listen(engine, "before_cursor_execute", stop)
    with pytest.raises(raised, match="the connection was lost" if cause is None else None):
        repository.save([added(), change])
    event.remove(engine, "before_cursor_execute", stop)
    with pytest.raises(StaleClient):
        repository.save([added(), change])
    engine.dispose()


def test_sqlite_is_unlocked_though_a_cursor_is_kept(sqlite: str) -> None:
    """A connection is closed only when its last cursor is, so its transaction ends first."""
    engine = create_engine(sqlite)
    repository = SqlRepository(engine)
    kept = []

    def stop(*arguments: Any) -> None:
        if "INSERT INTO client_access_client" in arguments[2]:
            arguments[1].execute("SELECT 1 UNION SELECT 2")
            kept.append(arguments[1])
            raise KeyboardInterrupt

    event.listen(engine, "before_cursor_execute", stop)
    with pytest.raises(KeyboardInterrupt):
        repository.save([added()])
    other = sqlite3.connect(sqlite.removeprefix("sqlite:///"), timeout=0)
    other.execute("BEGIN IMMEDIATE")
    other.close()
    engine.dispose()
    assert kept


@pytest.mark.parametrize("second", [ValueError, KeyboardInterrupt])
@pytest.mark.parametrize("closing", [None, ValueError("Connection closed")])
def test_what_putting_a_connection_away_raises_replaces_nothing(
    sqlite: str, second: type[BaseException], closing: Exception | None
) -> None:
    """The first error is raised, unless it is not an error that ends the work, and a second is."""

    class Failing(sqlite3.Connection):
        def rollback(self) -> None:
            if self.in_transaction:
                raise second

        def close(self) -> None:
            super().rollback()
            super().close()
            if closing:
                raise closing

    SqlRepository.open(sqlite).close()
    file = sqlite.removeprefix("sqlite:///")
    engine = create_engine(sqlite, creator=lambda: sqlite3.connect(file, factory=Failing))
    repository = SqlRepository(engine)
    change = added()
    repository.save([change])
    with pytest.raises(StaleClient if issubclass(second, Exception) else second):
        repository.save([change])
    assert repository.get(change.after.id) == change.after
    repository.save([renamed(change.after)])
    engine.dispose()


def test_a_listener_that_fails_replaces_no_error(sqlite: str) -> None:
    """A host may listen to the connections that its pool puts away."""
    engine = create_engine(sqlite)
    repository = SqlRepository(engine)

    def fail(*_: object) -> None:
        raise LookupError

    def break_commit(connection: Connection) -> None:
        raise OSError("commit")

    event.listen(engine, "invalidate", fail)
    event.listen(engine, "commit", break_commit)
    with pytest.raises(OSError, match="commit"):
        repository.save([added()])
    engine.dispose()
