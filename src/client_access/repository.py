"""What a caller implements to store clients, and how changes are decided on what it stores.

The protocols say what an adapter must do, sync or async. What more it can do is a protocol of its
own, which :class:`~client_access.ClientAccess` uses where it is there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol, runtime_checkable
from uuid import UUID

from client_access.change import Change
from client_access.client import Client
from client_access.events import Event
from client_access.values import ClientList


class Repository(Protocol):
    """Clients, by id, by address and by their place in a practice's lists."""

    def get(self, client_id: UUID) -> Client | None:
        """Return the client with this id, a deleted one too; None where it was never used."""
        ...

    def find_by_email(self, email_key: str) -> Client | None:
        """Return the client whose `email_key` is exactly this, or None (E1)."""
        ...

    def save(self, changes: Sequence[Change]) -> None:
        """Store what changes leave, in order, as if one by one, all or nothing.

        Where `before` is None the id must never have existed; otherwise the stored version must be
        `before.version`. Every change has an event.

        Raises:
            StaleClient: another writer was there first, or the id exists.
            EmailTaken: two clients would have one `email_key`, at any step.
        """
        ...

    def page(
        self,
        practice_id: str,
        client_list: ClientList,
        *,
        search: str,
        limit: int,
        after: tuple[str, UUID] | None,
    ) -> Sequence[Client]:
        """Return clients by their `listing`, ordered by folded name, then id, by code point (C2).

        Parameters:
            practice_id, client_list: whose list, and which.
            search: folded text that the folded name contains; empty for all.
            limit: how many at the most.
            after: the folded name and id that all of them come after; None for the first.
        """
        ...


@runtime_checkable
class Lookup(Protocol):
    """A repository that can answer for many clients at once."""

    def get_many(self, client_ids: Iterable[UUID]) -> Mapping[UUID, Client]:
        """Return those of the clients that exist, by id."""
        ...

    def find_many_by_email(self, email_keys: Iterable[str]) -> Mapping[str, UUID]:
        """Return the ids of the clients that have these addresses, by `email_key`."""
        ...


@runtime_checkable
class History(Protocol):
    """A repository that keeps every event."""

    def history(self, client_id: UUID) -> Sequence[Event]:
        """Return a client's events in order; none where there is no such client."""
        ...


@runtime_checkable
class ServiceCounts(Protocol):
    """A repository that can count what a practice is invoiced for, without loading its clients."""

    def service_counts(self, practice_id: str) -> Mapping[str, int]:
        """Return how many clients hold each service for which the practice is the payer (S6)."""
        ...
