"""An async repository as a synchronous one, so that the checks are written once.

Each call is sent to an event loop that runs in another thread, and the caller waits for the
answer. Calls from several threads run as concurrent tasks.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import AbstractAsyncContextManager, contextmanager
from functools import partialmethod
from inspect import iscoroutine
from operator import attrgetter
from typing import Any, TypeVar, cast

from client_access.repository import Repository
from client_access.repository.awaited import AsyncRepository
from client_access.testing.checks.frame import OPTIONAL_PROTOCOLS, ConformanceError, names_of

T = TypeVar("T")

OpenAsyncRepository = Callable[[], AbstractAsyncContextManager[AsyncRepository]]
"""Opens a repository on the running event loop, and closes it there."""


@contextmanager
def awaited(open_repository: OpenAsyncRepository) -> Iterator[Repository]:
    """Open an async repository, and yield it as a synchronous one.

    What is yielded offers exactly the protocols that the repository offers. A method that is not a
    coroutine raises :class:`ConformanceError` when it is called.

    Parameters:
        open_repository: returns an async context manager that yields the repository. It is entered
            and left on the event loop on which every call is made.
    """
    opened: Future[tuple[asyncio.AbstractEventLoop, asyncio.Event, AsyncRepository]] = Future()

    async def host() -> None:
        # One task enters and leaves, as some libraries require.
        async with open_repository() as repository:
            done = asyncio.Event()
            opened.set_result((asyncio.get_running_loop(), done, repository))
            await done.wait()

    with ThreadPoolExecutor(1, "awaited-repository") as thread:
        hosting = thread.submit(lambda: asyncio.run(host()))
        either: list[Future[Any]] = [opened, hosting]
        wait(either, return_when=FIRST_COMPLETED)
        if not opened.done():
            hosting.result()  # raises what prevented the opening
        loop, done, repository = opened.result()
        try:
            yield _synchronous(repository, loop)
        finally:
            loop.call_soon_threadsafe(done.set)
        hosting.result()  # raises what closing raised


class _Synchronous:
    """Calls an async repository from another thread."""

    def __init__(self, repository: AsyncRepository, loop: asyncio.AbstractEventLoop) -> None:
        self.repository = repository
        self.loop = loop

    def call(self, name: str, *args: object, **kwargs: object) -> object:
        given = [self._to_await(each) if callable(each) else each for each in args]
        answer = getattr(self.repository, name)(*given, **kwargs)
        if not iscoroutine(answer):
            raise ConformanceError(
                f"{type(self.repository).__name__}.{name}() must be a coroutine, but it returned "
                f"{type(answer).__name__} without being awaited: define it with `async def`."
            )
        return asyncio.run_coroutine_threadsafe(answer, self.loop).result()

    def _to_await(
        self, work: Callable[[Repository], T]
    ) -> Callable[[AsyncRepository], Awaitable[T]]:
        """Return work that is done in another thread, as it calls this loop."""
        return lambda held: asyncio.to_thread(work, _synchronous(held, self.loop))


def _synchronous(repository: AsyncRepository, loop: asyncio.AbstractEventLoop) -> Repository:
    """Return a synchronous repository with the members of the protocols that this one offers.

    An async protocol has the names of its synchronous counterpart, and isinstance compares names.
    """
    offered = [protocol for protocol in OPTIONAL_PROTOCOLS if isinstance(repository, protocol)]
    members: dict[str, object] = {
        name: property(attrgetter(f"repository.{name}"))
        if isinstance(getattr(protocol, name), property)
        else partialmethod(_Synchronous.call, name)
        for protocol in (Repository, *offered)
        for name in names_of(protocol)
    }
    face = type("AwaitedRepository", (_Synchronous,), members)
    return cast("Repository", face(repository, loop))
