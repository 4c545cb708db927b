"""Threads that wait for a connection get one in the order in which they came.

SQLAlchemy's pool lets a thread that just returned a connection take it again before those that
wait, and a writer on SQLite polls for the lock with growing pauses. Under load, both leave some
threads waiting until they give up.
"""

from __future__ import annotations

from collections import deque
from threading import Event, Lock
from typing import final

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
