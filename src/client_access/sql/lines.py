"""Threads and tasks that wait for a connection, or to write on SQLite, take turns in order.

SQLAlchemy's pool lets a thread that just returned a connection take it again before those that
wait, and a writer on SQLite polls for the lock with growing pauses. Under load, both leave some
waiting until they give up.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext
from threading import Event, Lock
from typing import Final, final
from weakref import WeakKeyDictionary

from sqlalchemy import Engine

from client_access.errors import RepositoryError


@final
class Line:
    """Lets some callers in at once. The others wait in line.

    It is a context manager: entering it waits for a place, and leaving it gives the place back.
    Entering raises :class:`RepositoryError` if there was no place in time.

    Parameters:
        places: how many are let in at once.
        timeout: how many seconds each of the others waits.
        message: the error for one that waits longer.
    """

    def __init__(self, places: int, timeout: float, message: str) -> None:
        self._free = places
        self._timeout = timeout
        self._message = message
        self._waiting: deque[Event] = deque()
        self._lock = Lock()

    def __enter__(self) -> None:
        with self._lock:
            if self._free:
                self._free -= 1
                return
            mine = Event()
            self._waiting.append(mine)
        try:
            in_time = mine.wait(self._timeout)
        except BaseException:  # a signal
            self._give_up(mine)
            raise
        if not in_time:
            self._give_up(mine)
            raise RepositoryError(self._message)

    def _give_up(self, mine: Event) -> None:
        with self._lock:
            if mine in self._waiting:
                self._waiting.remove(mine)
                return
        self._leave()  # the place came too late

    def __exit__(self, *_: object) -> None:
        self._leave()

    def _leave(self) -> None:
        with self._lock:
            if self._waiting:
                self._waiting.popleft().set()
            else:
                self._free += 1


_TIMEOUT: Final = 30.0  # seconds
_KEPT_WRITING: Final = "others kept writing for 30 seconds: SQLite has one writer"
_LINES: WeakKeyDictionary[Engine, Line] = WeakKeyDictionary()
_TASKS: WeakKeyDictionary[asyncio.AbstractEventLoop, WeakKeyDictionary[Engine, asyncio.Lock]] = (
    WeakKeyDictionary()
)


def form_line(engine: Engine, line: Line) -> None:
    """Let the threads that write with an engine wait in this line."""
    _LINES[engine] = line


def turn_to_write(engine: Engine) -> AbstractContextManager[None]:
    """Return the line of the threads that write with an engine.

    Where none was formed, one thread at a time writes on SQLite, and nobody waits on PostgreSQL.
    """
    if engine.dialect.name != "sqlite":
        return _LINES.get(engine) or nullcontext()
    return _LINES.setdefault(engine, Line(1, _TIMEOUT, _KEPT_WRITING))


@asynccontextmanager
async def task_to_write(engine: Engine) -> AsyncIterator[None]:
    """Wait, on SQLite, until the tasks that came before have written with this engine.

    Raises:
        RepositoryError: they had not in time.
    """
    if engine.dialect.name != "sqlite":
        yield
        return
    locks = _TASKS.setdefault(asyncio.get_running_loop(), WeakKeyDictionary())
    lock = locks.setdefault(engine, asyncio.Lock())
    try:
        async with asyncio.timeout(_TIMEOUT):
            await lock.acquire()
    except TimeoutError:
        raise RepositoryError(_KEPT_WRITING) from None
    try:
        yield
    finally:
        lock.release()
