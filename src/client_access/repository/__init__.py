"""The protocols that a caller implements to store clients.

Every adapter implements :class:`Repository`. The other protocols are optional:
:class:`~client_access.ClientAccess` uses those that the repository has.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, Protocol, TypeVar, final, runtime_checkable
from uuid import UUID

from attrs import frozen

from client_access.change import Change
from client_access.client import Client
from client_access.events import Event
from client_access.notices import Notice
from client_access.questions.lists import StoredRow
from client_access.values import ClientList

T = TypeVar("T")

PURGED_AT_ONCE: Final = 1000
"""How many forgotten changes :meth:`CommandMemory.purge` deletes by default."""


class Repository(Protocol):
    """Stored clients, by id, by address and by their place in a practice's lists."""

    def get(self, client_id: UUID) -> Client | None:
        """Return the client with this id, also if it was deleted; None if the id was never used."""
        ...

    def find_by_email(self, email_key: str) -> Client | None:
        """Return the client whose `email_key` is exactly this, or None (E1)."""
        ...

    def save(self, changes: Sequence[Change]) -> None:
        """Store changes in order, as if one by one, all or nothing.

        If `before` is None, the id must never have existed. Otherwise the stored client must have
        the `version` and the `erasures` of `before`. Every change has an event.

        A change to a deleted client erases the person from the client's stored events, in the same
        transaction: each event is replaced by ``client_access.repository.erasing.erase_event`` of
        it (L5). An adapter that keeps no events has nothing to erase: `after` is erased already.

        Raises:
            StaleClient: another writer was first, or the id exists.
            EmailTaken: after one of the changes, two clients would have the same `email_key`.
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
    ) -> Sequence[Client | StoredRow[str]]:
        """Return clients by their `listing`, ordered by folded name, then id, by code point (C2).

        Where the stored place of a client is not the one that its `listing` gives now, or its
        record cannot be read, return a :class:`StoredRow` in its place: the next page begins at the
        place of the last row.

        Parameters:
            practice_id, client_list: the practice, and which of its lists.
            search: folded text that `listing.searched` must contain; empty for all.
            limit: the largest number of clients.
            after: the folded name and id after which the page begins; None for the first page.
        """
        ...


@runtime_checkable
class Lookup(Protocol):
    """A repository that can load many clients at once."""

    def get_many(self, client_ids: Iterable[UUID]) -> Mapping[UUID, Client]:
        """Return the clients that exist, by id."""
        ...

    def find_many_by_email(self, email_keys: Iterable[str]) -> Mapping[str, UUID]:
        """Return the ids of the clients that have these addresses, by `email_key`."""
        ...


@runtime_checkable
class History(Protocol):
    """A repository that keeps every event."""

    def history(
        self, client_id: UUID, *, after: int = 0, limit: int | None = None
    ) -> Sequence[Event]:
        """Return a client's events in order; empty if there is no such client.

        After a deletion, each event is there and names no person (L5): see :meth:`Repository.save`.

        Parameters:
            client_id: the client.
            after: the version after which the page begins; 0 for the first page.
            limit: the largest number of events; None for all.
        """
        ...


@runtime_checkable
class EventFeed(Protocol):
    """A repository that can give the events of all clients, one after another."""

    def events_after(self, position: int, *, limit: int) -> Sequence[tuple[int, Event]]:
        """Return committed events after a position, each with its own, by growing position.

        Every event has one position, which never changes, and the events of one client have
        growing positions in the order of their versions. Between clients there is no order. An
        event that is committed late gets a position after those that were returned before, so a
        reader that goes on from the last position misses none. An empty answer means that no more
        is there now.

        After an erasure or a deletion, the events of the client keep their positions and name no
        person (L5, E7).

        Parameters:
            position: the position after which the page begins; 0 for the first page.
            limit: the largest number of events, from 1 to 10,000.

        Raises:
            InvalidValue: the position is negative, or the limit is out of range.
            CorruptRecord: the first event after the position cannot be read. The error has its
                `position`, from which the reader can go on. Those before it are returned first.
        """
        ...


@runtime_checkable
class ServiceCounts(Protocol):
    """A repository that can count the services on a practice's invoice without loading clients."""

    def service_counts(self, practice_id: str) -> Mapping[str, int]:
        """Return, by service code, how many clients hold it for which the practice pays (S6)."""
        ...


@runtime_checkable
class Deadlines(Protocol):
    """A repository that can find clients by their deadlines (N1)."""

    def with_deadlines(
        self,
        since: datetime,
        until: datetime,
        *,
        practice_id: str | None,
        limit: int,
        after: tuple[datetime, UUID] | None,
    ) -> Sequence[Client | StoredRow[datetime]]:
        """Return clients with a deadline between two moments, ordered by it, then by id.

        It may return a :class:`StoredRow` in place of a client, as :meth:`Repository.page`. A
        client has at most one deadline: that of :func:`~client_access.deadlines_of`. Times are
        compared as moments, whatever their time zones.

        Parameters:
            since: the first moment.
            until: the moment after the last one.
            practice_id: the practice that manages the clients; None for all clients.
            limit: the largest number of clients.
            after: the deadline and id after which the page begins; None for the first page.
        """
        ...


@runtime_checkable
class HostTransaction(Protocol):
    """A repository that may work inside a transaction of its host.

    There, a command is not decided again after a conflict: only the host can repeat its
    transaction.
    """

    @property
    def in_host_transaction(self) -> bool:
        """Whether the host begins, commits and repeats the transaction."""
        ...


@runtime_checkable
class Locks(Protocol):
    """A repository that can keep other writers away from clients.

    After a conflict, a service decides again while it has the lock, so that writers who meet at one
    client take turns. Without this protocol they meet again, after random pauses.
    """

    def locked(self, client_ids: Sequence[UUID], work: Callable[[Repository], T]) -> T:
        """Call `work` while no other writer can change these clients, and return its result.

        What `work` saves in the repository that it gets is committed after it, or is undone if it
        raises an error. That repository offers the protocols that this one offers. `work` may be
        called again, as a transaction may have to be begun again. Nothing calls `locked` inside a
        transaction of the host.

        Raises:
            StaleClient, EmailTaken: other writers were first each time, at a client that did not
                exist or at an address.
            RepositoryError: the repository failed.
            Exception: what `work` raised.
        """
        ...


@runtime_checkable
class Sessions(Protocol):
    """A repository that can serve several calls on one connection, which is faster.

    A service reads and saves in one session. Without this protocol, it makes the calls one by one.
    """

    def in_session(self, work: Callable[[Repository], T]) -> T:
        """Call `work` once, and return its result.

        The repository that it gets does the same as this one, and offers the protocols that this
        one offers. `work` uses only this repository, makes one call at a time, and does not keep
        it. A session is no transaction: what was saved stays, even if `work` then raises an
        error.

        Raises:
            Exception: what `work` raised.
        """
        ...


@runtime_checkable
class CommandMemory(Protocol):
    """A repository that remembers outcomes by a command's own id, so that it handles each once.

    Times are compared as moments, whatever their time zones.
    """

    def recall(self, command_id: str, *, at: datetime) -> Change | None:
        """Return the change that is remembered under an id, or None if it is forgotten.

        If the person was erased meanwhile, the command, the client before and after, the event and
        the notices are erased too.

        Parameters:
            command_id: the id, as for :meth:`save_once`.
            at: now. A change is forgotten from its `until` on.
        """
        ...

    def save_once(self, command_id: str, change: Change, *, at: datetime, until: datetime) -> None:
        """Store a change as :meth:`Repository.save` does and remember it, in one transaction.

        Parameters:
            command_id: the command's own id, at most 200 characters. The service makes it of
                who asks and of the id that it is given.
            change: the change. If it has no event, it is only remembered.
            at: now. A forgotten change under the same id is replaced. All others are left to
                :meth:`purge`, so that commands do not wait for each other.
            until: when this change is forgotten.

        Raises:
            StaleClient: as :meth:`Repository.save`, also for a change without an event; or another
                process has remembered this id meanwhile.
            EmailTaken: as :meth:`Repository.save`.
        """
        ...

    def purge(self, *, at: datetime, limit: int = PURGED_AT_ONCE) -> int:
        """Delete changes that are forgotten, and return how many.

        Changes that another process has locked are left for the next call. Repeat the call until it
        returns 0.

        Parameters:
            at: now.
            limit: the largest number of changes to delete.
        """
        ...


@runtime_checkable
class Erasure(Protocol):
    """A repository that can erase a person and keep the history (L5)."""

    def erase(self, client_id: UUID) -> None:
        """Erase name, contact details and address from the client, its history and its notices.

        The history still replays to the stored client. Notices to the person's address, and those
        that cannot be read, are dropped. The others stay, with their leases, attempts and parking.
        The version does not change, yet `save` and `save_once` refuse a change that was decided
        before the erasure, with StaleClient.

        Deleting a client erases it too, in the transaction that saves the deletion (L5). If there
        is no such client, nothing happens.
        """
        ...


@runtime_checkable
class OutboxStore(Protocol):
    """A repository that keeps every notice until it is delivered.

    Notices are saved in the transaction of their change. A claimed notice is leased: it is not
    claimed again until its lease ends, so a relay that dies loses nothing. Times are compared as
    moments, whatever their time zones. So is the end of a lease: `at` and `lease` add up to a
    moment, also when the clocks change.
    """

    def get(self, client_id: UUID) -> Client | None:
        """Return a client, as :meth:`Repository.get`; its activation may be pending no longer."""
        ...

    def claim(self, *, at: datetime, lease: timedelta, limit: int) -> Sequence[Claim]:
        """Lease up to `limit` notices that are due, only the first undelivered one of each client.

        They have been leased when this returns. A claim is `unanswered` if the lease before it
        ended without `delivered`, `failed` or `released`. A parked notice does not hold up those
        after it. A notice that cannot be read holds up only those of its own client.

        The notices that wait behind the first one of a client cost a claim nothing, however many
        they are.
        """
        ...

    def delivered(self, claim: Claim) -> bool:
        """Forget a delivered notice; return False if another relay has claimed it since."""
        ...

    def failed(self, claim: Claim, *, retry_at: datetime | None) -> bool:
        """Give a notice back, and count the failure; False if another relay has claimed it.

        Parameters:
            claim: the claimed notice.
            retry_at: when it is due again; None to park it.
        """
        ...

    def released(self, claim: Claim) -> bool:
        """Give a notice back whose delivery has not begun: it is due, and no failure is counted.

        Return False if another relay has claimed it since.
        """
        ...

    def waiting(self, *, parked: bool, limit: int) -> Sequence[Claim]:
        """Return notices that wait, or those that are parked, oldest first, and lease none.

        Notices that cannot be read are left out.
        """
        ...

    def retry(self, notice_id: UUID, *, at: datetime) -> bool:
        """Make a parked notice due at a time, as if it had never failed.

        Return False if it is not parked.
        """
        ...

    def discard(self, notice_id: UUID) -> bool:
        """Forget a parked notice, which is never delivered then; False if it is not parked."""
        ...

    def outbox_state(self) -> OutboxState:
        """Return how much waits, including what cannot be read, and since when."""
        ...


@final
@frozen
class Claim:
    """A notice in an outbox.

    Parameters:
        notice: the notice to deliver.
        attempts: how many deliveries of it have failed.
        lease: the id of this claim, which a later claim of the same notice does not have.
        due: when it may be claimed next; None if it is parked.
        unanswered: whether the lease before this one ended without an answer. The relay that held
            it has died, perhaps of this very delivery.
    """

    notice: Notice
    attempts: int
    lease: UUID
    due: datetime | None
    unanswered: bool = False


@final
@frozen
class OutboxState:
    """How much an outbox holds.

    Parameters:
        waiting: how many notices wait for delivery, whether due or not.
        parked: how many are parked.
        oldest: when the oldest of those that wait was made; None if none waits.
    """

    waiting: int
    parked: int
    oldest: datetime | None
