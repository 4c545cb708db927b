"""Threads and tasks that wait for a connection, or to write on SQLite, take turns in order.

SQLAlchemy's pool lets a thread that just returned a connection take it again before those that
wait, and a writer on SQLite polls for the lock with growing pauses. Under load, both leave some
waiting until they give up.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterator
from contextlib import (
    AbstractContextManager,
    asynccontextmanager,
    contextmanager,
    nullcontext,
)
from threading import Lock, RLock
from typing import Final, final
from weakref import WeakKeyDictionary

from sqlalchemy import Engine

from client_access.errors import RepositoryError


@final
class Line:
    """Lets some callers in at once. The others wait in line.

    Parameters:
        places: how many are let in at once.
        timeout: how many seconds each of the others waits.
        message: the error for one that waits longer.
    """

    def __init__(self, places: int, timeout: float, message: str) -> None:
        self._places = places
        self._timeout = timeout
        self._message = message
        self._inside: set[Lock] = set()
        self._waiting: deque[Lock] = deque()
        # A turn can end while another one begins, if the garbage collector ends it.
        self._lock = RLock()

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait for a place, and give it back at the end.

        A signal may interrupt the `with` statement just before or after its block. The generator
        is then closed when nothing refers to it, and so gives the place back all the same.

        Raises:
            RepositoryError: there was no place in time.
        """
        mine = Lock()  # much quicker to make than an Event
        mine.acquire()
        try:
            with self._lock:
                if len(self._inside) < self._places:
                    self._inside.add(mine)
                else:
                    self._waiting.append(mine)
            if mine not in self._inside and not mine.acquire(timeout=self._timeout):
                raise RepositoryError(self._message)
            yield
        finally:
            with self._lock:
                self._inside.discard(mine)
                if mine in self._waiting:
                    self._waiting.remove(mine)
                while self._waiting and len(self._inside) < self._places:
                    following = self._waiting.popleft()
                    self._inside.add(following)
                    following.release()


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
    """Wait in the line of the threads that write with an engine.

    Where none was formed, one thread at a time writes on SQLite, and nobody waits on PostgreSQL.
    """
    if engine.dialect.name != "sqlite":
        line = _LINES.get(engine)
        return nullcontext() if line is None else line.turn()
    return _LINES.setdefault(engine, Line(1, _TIMEOUT, _KEPT_WRITING)).turn()


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
