"""A repository that is awaited, behind the face of one that is not.

So the checks are written once: each call is put to an event loop that runs in a thread of its own,
and the caller waits for its answer. Calls from several threads are tasks side by side.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import AbstractAsyncContextManager, contextmanager
from datetime import datetime, timedelta
from inspect import iscoroutine
from threading import Thread
from typing import Any, Generic, TypeVar
from uuid import UUID

from client_access.change import Change
from client_access.client import Client
from client_access.events import Event
from client_access.repository import (
    Claim,
    CommandMemory,
    Erasure,
    History,
    HostTransaction,
    Lookup,
    OutboxStore,
    Repository,
    ServiceCounts,
)
from client_access.repository.awaited import (
    AsyncCommandMemory,
    AsyncErasure,
    AsyncHistory,
    AsyncLookup,
    AsyncOutboxStore,
    AsyncRepository,
    AsyncServiceCounts,
)
from client_access.testing.checks.frame import ConformanceError
from client_access.values import ClientList

T = TypeVar("T")
R = TypeVar("R")

OpenAsyncRepository = Callable[[], AbstractAsyncContextManager[AsyncRepository]]
"""Opens a repository, on the event loop that it is used on, and closes it there."""


@contextmanager
def awaited(open_repository: OpenAsyncRepository) -> Iterator[Repository]:
    """Open a repository that is awaited, and yield it as one that is not.

    What is yielded offers the very protocols that the repository offers.

    Parameters:
        open_repository: returns an async context manager that yields the repository; it is entered
            and left on the event loop on which every call is made.
    """
    opened: Future[tuple[asyncio.AbstractEventLoop, asyncio.Event, AsyncRepository]] = Future()

    failed: list[BaseException] = []

    async def host() -> None:
        # Entered and left by one task, as some libraries ask for.
        async with open_repository() as repository:
            done = asyncio.Event()
            opened.set_result((asyncio.get_running_loop(), done, repository))
            await done.wait()

    def run() -> None:
        try:
            asyncio.run(host())
        except BaseException as error:
            failed.append(error)
            if not opened.done():
                opened.set_exception(error)

    thread = Thread(target=run, name="awaited repository", daemon=True)
    thread.start()
    loop, done, repository = opened.result()
    try:
        yield _face_of(repository)(loop, repository)
    finally:
        loop.call_soon_threadsafe(done.set)
        thread.join()
    if failed:  # on being left
        raise failed[0]


class _Face(Generic[R]):
    """A way to a repository on another thread's event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop, repository: R) -> None:
        self._loop = loop
        self._repository = repository

    def _await(self, method: str, answer: Coroutine[Any, Any, T]) -> T:
        is_coroutine = iscoroutine(answer)
        if not is_coroutine:
            raise ConformanceError(
                f"{type(self._repository).__name__}.{method}() must be a coroutine: define it with "
                f"`async def`. It returned {type(answer).__name__} without being awaited."
            )
        return asyncio.run_coroutine_threadsafe(answer, self._loop).result()


class _Repository(_Face[AsyncRepository]):
    def get(self, client_id: UUID) -> Client | None:
        return self._await("get", self._repository.get(client_id))

    def find_by_email(self, email_key: str) -> Client | None:
        return self._await("find_by_email", self._repository.find_by_email(email_key))

    def save(self, changes: Sequence[Change]) -> None:
        self._await("save", self._repository.save(changes))

    def page(
        self,
        practice_id: str,
        client_list: ClientList,
        *,
        search: str,
        limit: int,
        after: tuple[str, UUID] | None,
    ) -> Sequence[Client]:
        return self._await(
            "page",
            self._repository.page(
                practice_id, client_list, search=search, limit=limit, after=after
            ),
        )


class _Lookup(_Face[AsyncLookup]):
    def get_many(self, client_ids: Iterable[UUID]) -> Mapping[UUID, Client]:
        return self._await("get_many", self._repository.get_many(client_ids))

    def find_many_by_email(self, email_keys: Iterable[str]) -> Mapping[str, UUID]:
        return self._await("find_many_by_email", self._repository.find_many_by_email(email_keys))


class _History(_Face[AsyncHistory]):
    def history(self, client_id: UUID) -> Sequence[Event]:
        return self._await("history", self._repository.history(client_id))


class _ServiceCounts(_Face[AsyncServiceCounts]):
    def service_counts(self, practice_id: str) -> Mapping[str, int]:
        return self._await("service_counts", self._repository.service_counts(practice_id))


class _HostTransaction(_Face[HostTransaction]):
    @property
    def in_host_transaction(self) -> bool:
        return self._repository.in_host_transaction


class _CommandMemory(_Face[AsyncCommandMemory]):
    def recall(self, command_id: str, *, at: datetime) -> Change | None:
        return self._await("recall", self._repository.recall(command_id, at=at))

    def save_once(self, command_id: str, change: Change, *, at: datetime, until: datetime) -> None:
        self._await("save_once", self._repository.save_once(command_id, change, at=at, until=until))


class _Erasure(_Face[AsyncErasure]):
    def erase(self, client_id: UUID) -> None:
        self._await("erase", self._repository.erase(client_id))


class _OutboxStore(_Face[AsyncOutboxStore]):
    def claim(self, *, at: datetime, lease: timedelta, limit: int) -> Sequence[Claim]:
        return self._await("claim", self._repository.claim(at=at, lease=lease, limit=limit))

    def delivered(self, claim: Claim) -> bool:
        return self._await("delivered", self._repository.delivered(claim))

    def failed(self, claim: Claim, *, retry_at: datetime | None) -> bool:
        return self._await("failed", self._repository.failed(claim, retry_at=retry_at))

    def waiting(self, *, parked: bool, limit: int) -> Sequence[Claim]:
        return self._await("waiting", self._repository.waiting(parked=parked, limit=limit))

    def retry(self, notice_id: UUID, *, at: datetime) -> bool:
        return self._await("retry", self._repository.retry(notice_id, at=at))


# A protocol that is awaited has the names of its namesake, which is all that isinstance looks at.
_FACES: dict[type, type] = {
    Lookup: _Lookup,
    History: _History,
    ServiceCounts: _ServiceCounts,
    HostTransaction: _HostTransaction,
    CommandMemory: _CommandMemory,
    Erasure: _Erasure,
    OutboxStore: _OutboxStore,
}


def _face_of(repository: AsyncRepository) -> type[_Repository]:
    """Return a class with the methods that the repository has, and no others."""
    more = [face for protocol, face in _FACES.items() if isinstance(repository, protocol)]
    return type("AwaitedRepository", (_Repository, *more), {})
