"""The protocols of :mod:`client_access.repository`, for repositories that are awaited.

Each method has the contract of the method of that name there.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol, TypeVar, runtime_checkable
from uuid import UUID

from client_access.change import Change
from client_access.client import Client
from client_access.events import Event
from client_access.questions.lists import StoredRow
from client_access.repository import PURGED_AT_ONCE, Claim, OutboxState
from client_access.values import ClientList

T = TypeVar("T")


class AsyncRepository(Protocol):
    """As :class:`~client_access.Repository`."""

    async def get(self, client_id: UUID) -> Client | None:
        """Return the client with this id, also if it was deleted; None if the id was never used."""
        ...

    async def find_by_email(self, email_key: str) -> Client | None:
        """Return the client whose `email_key` is exactly this, or None (E1)."""
        ...

    async def save(self, changes: Sequence[Change]) -> None:
        """Store changes in order, as if one by one, all or nothing."""
        ...

    async def page(
        self,
        practice_id: str,
        client_list: ClientList,
        *,
        search: str,
        limit: int,
        after: tuple[str, UUID] | None,
    ) -> Sequence[Client | StoredRow[str]]:
        """Return clients by their `listing`, ordered by folded name, then id (C2)."""
        ...


@runtime_checkable
class AsyncLookup(Protocol):
    """As :class:`~client_access.Lookup`."""

    async def get_many(self, client_ids: Iterable[UUID]) -> Mapping[UUID, Client]:
        """Return the clients that exist, by id."""
        ...

    async def find_many_by_email(self, email_keys: Iterable[str]) -> Mapping[str, UUID]:
        """Return the ids of the clients that have these addresses, by `email_key`."""
        ...


@runtime_checkable
class AsyncHistory(Protocol):
    """As :class:`~client_access.History`."""

    async def history(
        self, client_id: UUID, *, after: int = 0, limit: int | None = None
    ) -> Sequence[Event]:
        """Return a client's events in order; empty if there is no such client."""
        ...


@runtime_checkable
class AsyncEventFeed(Protocol):
    """As :class:`~client_access.EventFeed`."""

    async def events_after(self, position: int, *, limit: int) -> Sequence[tuple[int, Event]]:
        """Return committed events after a position, each with its own, by growing position."""
        ...


@runtime_checkable
class AsyncServiceCounts(Protocol):
    """As :class:`~client_access.ServiceCounts`."""

    async def service_counts(self, practice_id: str) -> Mapping[str, int]:
        """Return, by service code, how many clients hold it for which the practice pays (S6)."""
        ...


@runtime_checkable
class AsyncDeadlines(Protocol):
    """As :class:`~client_access.Deadlines`."""

    async def with_deadlines(
        self,
        since: datetime,
        until: datetime,
        *,
        practice_id: str | None,
        limit: int,
        after: tuple[datetime, UUID] | None,
    ) -> Sequence[Client | StoredRow[datetime]]:
        """Return clients with a deadline between two moments, ordered by it, then by id (N1)."""
        ...


@runtime_checkable
class AsyncLocks(Protocol):
    """As :class:`~client_access.Locks`."""

    async def locked(
        self, client_ids: Sequence[UUID], work: Callable[[AsyncRepository], Awaitable[T]]
    ) -> T:
        """Await `work` while no other writer can change these clients, and return its result."""
        ...


@runtime_checkable
class AsyncSessions(Protocol):
    """As :class:`~client_access.Sessions`."""

    async def in_session(self, work: Callable[[AsyncRepository], Awaitable[T]]) -> T:
        """Await `work` once, and return its result."""
        ...


@runtime_checkable
class AsyncCommandMemory(Protocol):
    """As :class:`~client_access.CommandMemory`."""

    async def recall(self, command_id: str, *, at: datetime) -> Change | None:
        """Return the change that is remembered under an id, or None."""
        ...

    async def save_once(
        self, command_id: str, change: Change, *, at: datetime, until: datetime
    ) -> None:
        """Store a change as `save` does and remember it, in one transaction."""
        ...

    async def purge(self, *, at: datetime, limit: int = PURGED_AT_ONCE) -> int:
        """Delete changes that are forgotten, and return how many."""
        ...


@runtime_checkable
class AsyncErasure(Protocol):
    """As :class:`~client_access.Erasure`."""

    async def erase(self, client_id: UUID) -> None:
        """Erase name, contact details and address from the client, its history and notices."""
        ...


@runtime_checkable
class AsyncOutboxStore(Protocol):
    """As :class:`~client_access.OutboxStore`."""

    async def get(self, client_id: UUID) -> Client | None:
        """Return the client with this id, or None."""
        ...

    async def claim(self, *, at: datetime, lease: timedelta, limit: int) -> Sequence[Claim]:
        """Lease notices that are due, only the first undelivered one of each client."""
        ...

    async def delivered(self, claim: Claim) -> bool:
        """Forget a delivered notice; return False if another relay has claimed it since."""
        ...

    async def failed(self, claim: Claim, *, retry_at: datetime | None) -> bool:
        """Give a notice back, and count the failure; False if another relay has claimed it."""
        ...

    async def released(self, claim: Claim) -> bool:
        """Give a notice back whose delivery has not begun, without counting a failure."""
        ...

    async def waiting(self, *, parked: bool, limit: int) -> Sequence[Claim]:
        """Return notices that wait, or those that are parked, oldest first, and lease none."""
        ...

    async def retry(self, notice_id: UUID, *, at: datetime) -> bool:
        """Make a parked notice due at a time; return False if it is not parked."""
        ...

    async def discard(self, notice_id: UUID) -> bool:
        """Forget a parked notice, which is never delivered then; False if it is not parked."""
        ...

    async def outbox_state(self) -> OutboxState:
        """Return how much waits, including what cannot be read, and since when."""
        ...
