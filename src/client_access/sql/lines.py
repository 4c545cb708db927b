"""Threads and tasks that wait for a connection, or to write on SQLite, take turns in order.

SQLAlchemy's pool lets a thread that just returned a connection take it again before those that
wait, and a writer on SQLite polls for the lock with growing pauses. Under load, both leave some
waiting until they give up.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import (
    AbstractContextManager,
    asynccontextmanager,
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

    def turn(self) -> Turn:
        """Return a turn that is not entered yet."""
        return Turn(self)

    def enter(self, waiter: Lock, *, wait: bool) -> bool:
        """Let a waiter in, as :meth:`Turn.enter`."""
        with self._lock:
            if len(self._inside) < self._places:
                self._inside.add(waiter)
                return True
            if not wait:
                return False
            self._waiting.append(waiter)
        if not waiter.acquire(timeout=self._timeout):
            raise RepositoryError(self._message)
        return True

    def leave(self, waiter: Lock) -> None:
        """Take a waiter out, and let the next one in."""
        with self._lock:
            self._inside.discard(waiter)
            if waiter in self._waiting:
                self._waiting.remove(waiter)
            while self._waiting and len(self._inside) < self._places:
                following = self._waiting.popleft()
                self._inside.add(following)
                following.release()


@final
class Turn:
    """A place in a line, from when it is entered until it is left.

    A signal may interrupt a `with` statement just before or after its block. The turn is then left
    when nothing refers to it.
    """

    def __init__(self, line: Line) -> None:
        self._line = line
        self._waiter = Lock()  # much quicker to make than an Event
        self._waiter.acquire()
        self._entered = False

    def enter(self, *, wait: bool = True) -> bool:
        """Enter, if need be after those that came before.

        Parameters:
            wait: whether to wait for a place; if not, return False if none is free.

        Raises:
            RepositoryError: there was no place in time.
        """
        self._entered = True
        try:
            return self._line.enter(self._waiter, wait=wait)
        except BaseException:
            self.leave()
            raise

    def leave(self) -> None:
        """Leave, if it was entered."""
        if self._entered:
            self._line.leave(self._waiter)
            self._entered = False

    def __enter__(self) -> None:
        self.enter()

    def __exit__(self, *_: object) -> None:
        self.leave()

    __del__ = leave


_TIMEOUT: Final = 30.0  # seconds
_KEPT_WRITING: Final = "others kept writing for 30 seconds: SQLite has one writer"
_LINES: WeakKeyDictionary[Engine, Line] = WeakKeyDictionary()
_TASKS: WeakKeyDictionary[
    asyncio.AbstractEventLoop, WeakKeyDictionary[Engine, asyncio.Semaphore]
] = WeakKeyDictionary()


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
    writer = _writer(engine)
    try:
        async with asyncio.timeout(_TIMEOUT):
            await writer.acquire()
    except TimeoutError:
        raise RepositoryError(_KEPT_WRITING) from None
    try:
        yield
    finally:
        writer.release()


def is_turn_to_write(engine: Engine) -> bool:
    """Return whether :func:`task_to_write` need not wait."""
    return engine.dialect.name != "sqlite" or not _writer(engine).locked()


def _writer(engine: Engine) -> asyncio.Semaphore:
    """Return what one task at a time holds. Unlike a Lock, it is `locked()` while others wait."""
    writers = _TASKS.setdefault(asyncio.get_running_loop(), WeakKeyDictionary())
    return writers.setdefault(engine, asyncio.Semaphore())
