"""What a caller implements to store clients, and how changes are decided on what it stores.

The protocols say what an adapter must do, sync or async. What more it can do is a protocol of its
own, which :class:`~client_access.ClientAccess` uses where it is there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol, final, runtime_checkable
from uuid import UUID

from attrs import frozen

from client_access.change import Change
from client_access.client import Client
from client_access.events import Event
from client_access.notices import Notice
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
        `before.version`, and the person erased as often as from `before`. Every change has an
        event.

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


@runtime_checkable
class HostTransaction(Protocol):
    """A repository that may work inside a transaction of its host.

    There, nothing is decided again on a conflict: only the host can begin its transaction anew.
    """

    @property
    def in_host_transaction(self) -> bool:
        """Whether the host begins, commits and repeats the transaction."""
        ...


@runtime_checkable
class CommandMemory(Protocol):
    """A repository that remembers outcomes by a command's own id, so that it is handled once.

    Times are compared as moments, whatever their time zones.
    """

    def recall(self, command_id: str, *, at: datetime) -> Change | None:
        """Return the change that was remembered under an id and is not forgotten yet, or None.

        Of a person erased meanwhile, everything in it is erased too: the command, the client before
        and after, the event and the notices.
        """
        ...

    def save_once(self, command_id: str, change: Change, *, at: datetime, until: datetime) -> None:
        """Store a change as save does, if it has an event, and remember it, in one transaction.

        Parameters:
            command_id: the command's own id, of at most 200 characters.
            change: with or without an event.
            at: now; what was remembered until then is forgotten.
            until: when this is forgotten.

        Raises:
            StaleClient: as save, for a change without an event too; and where another process has
                remembered this id meanwhile.
            EmailTaken: as :meth:`Repository.save`.
        """
        ...


@runtime_checkable
class Erasure(Protocol):
    """A repository that can erase a person and keep what happened."""

    def erase(self, client_id: UUID) -> None:
        """Erase name, contact details and address from the client, its history and its notices.

        The history still replays, to the client as it is then stored. A notice that goes to the
        person's address is dropped, and one that cannot be read; the others stay, with their
        leases, attempts and parking.
        Deleting a client erases it too, in the transaction that saves the deletion (L5). Nothing
        happens where there is none. The version stays as it is, yet a change decided before the
        erasure is refused as StaleClient by save, and by save_once.
        """
        ...


@runtime_checkable
class OutboxStore(Protocol):
    """A repository that keeps every notice, from the change that made it until it is delivered.

    Notices are saved in the transaction of their change. A claimed one is leased: until its lease
    ends nobody else is given it, and afterwards anybody may be, so a relay that dies loses nothing.
    Times are compared as moments, whatever their time zones.
    """

    def claim(self, *, at: datetime, lease: timedelta, limit: int) -> Sequence[Claim]:
        """Lease notices that are due, the first undelivered one of each client only.

        All of those, up to `limit`, have been leased when this returns. A parked notice does not
        hold up those after it, and one that cannot be read holds up only those of its own client.
        """
        ...

    def delivered(self, claim: Claim) -> bool:
        """Forget a notice that was delivered; False where the lease had passed to another."""
        ...

    def failed(self, claim: Claim, *, retry_at: datetime | None) -> bool:
        """Give a notice back, to be tried from a time on, or parked where that is None.

        The failure is counted. False where the lease had passed to another.
        """
        ...

    def waiting(self, *, parked: bool, limit: int) -> Sequence[Claim]:
        """Return notices that wait, or those that are parked, oldest first; lease none.

        Those that cannot be read are left out.
        """
        ...

    def retry(self, notice_id: UUID, *, at: datetime) -> bool:
        """Make a parked notice due again from a time on, as if it had never failed.

        False where it is not parked.
        """
        ...


@final
@frozen
class Claim:
    """A notice in an outbox.

    Parameters:
        notice: what to deliver.
        attempts: how many attempts to deliver it have failed.
        lease: tells this claim from later ones of the same notice.
        due: when it may be claimed next; None where it is parked.
    """

    notice: Notice
    attempts: int
    lease: UUID
    due: datetime | None
