"""The protocols of :mod:`client_access.repository`, for repositories that are awaited.

Each method does what its namesake there does, under the same contract.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol, runtime_checkable
from uuid import UUID

from client_access.change import Change
from client_access.client import Client
from client_access.events import Event
from client_access.repository import Claim
from client_access.values import ClientList


class AsyncRepository(Protocol):
    """As :class:`~client_access.Repository`."""

    async def get(self, client_id: UUID) -> Client | None:
        """Return the client with this id, a deleted one too; None where it was never used."""
        ...

    async def find_by_email(self, email_key: str) -> Client | None:
        """Return the client whose `email_key` is exactly this, or None (E1)."""
        ...

    async def save(self, changes: Sequence[Change]) -> None:
        """Store what changes leave, in order, as if one by one, all or nothing."""
        ...

    async def page(
        self,
        practice_id: str,
        client_list: ClientList,
        *,
        search: str,
        limit: int,
        after: tuple[str, UUID] | None,
    ) -> Sequence[Client]:
        """Return clients by their `listing`, ordered by folded name, then id (C2)."""
        ...


@runtime_checkable
class AsyncLookup(Protocol):
    """As :class:`~client_access.Lookup`."""

    async def get_many(self, client_ids: Iterable[UUID]) -> Mapping[UUID, Client]:
        """Return those of the clients that exist, by id."""
        ...

    async def find_many_by_email(self, email_keys: Iterable[str]) -> Mapping[str, UUID]:
        """Return the ids of the clients that have these addresses, by `email_key`."""
        ...


@runtime_checkable
class AsyncHistory(Protocol):
    """As :class:`~client_access.History`."""

    async def history(self, client_id: UUID) -> Sequence[Event]:
        """Return a client's events in order; none where there is no such client."""
        ...


@runtime_checkable
class AsyncServiceCounts(Protocol):
    """As :class:`~client_access.ServiceCounts`."""

    async def service_counts(self, practice_id: str) -> Mapping[str, int]:
        """Return how many clients hold each service for which the practice is the payer (S6)."""
        ...


@runtime_checkable
class AsyncCommandMemory(Protocol):
    """As :class:`~client_access.CommandMemory`."""

    async def recall(self, command_id: str, *, at: datetime) -> Change | None:
        """Return the change that was remembered under an id and is not forgotten yet, or None."""
        ...

    async def save_once(
        self, command_id: str, change: Change, *, at: datetime, until: datetime
    ) -> None:
        """Store a change, if it has an event, and remember it, in one transaction."""
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

    async def claim(self, *, at: datetime, lease: timedelta, limit: int) -> Sequence[Claim]:
        """Lease notices that are due, the first undelivered one of each client only."""
        ...

    async def delivered(self, claim: Claim) -> bool:
        """Forget a notice that was delivered; False where the lease had passed to another."""
        ...

    async def failed(self, claim: Claim, *, retry_at: datetime | None) -> bool:
        """Give a notice back, to be tried from a time on, or parked where that is None."""
        ...

    async def waiting(self, *, parked: bool, limit: int) -> Sequence[Claim]:
        """Return notices that wait, or those that are parked, oldest first; lease none."""
        ...

    async def retry(self, notice_id: UUID, *, at: datetime) -> bool:
        """Make a parked notice due again from a time on; False where it is not parked."""
        ...
