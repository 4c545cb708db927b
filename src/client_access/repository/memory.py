"""A repository in memory: for tests, for trying things out, and as an example of an adapter."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from heapq import nsmallest
from itertools import chain, count, islice
from threading import RLock
from typing import final
from uuid import UUID, uuid4

from attrs import Factory, define, field

from client_access.change import Change
from client_access.client import Client, invoice_payer
from client_access.deciding import replay
from client_access.errors import EmailTaken, StaleClient
from client_access.events import Event
from client_access.machines.lifecycle import Status
from client_access.machines.payer import Payer
from client_access.notices import Notice
from client_access.questions.deadlines import deadlines_of
from client_access.repository import PURGED_AT_ONCE, Claim, OutboxState
from client_access.repository.erasing import (
    erase_change,
    erase_event,
    erase_history,
    erase_notice,
)
from client_access.repository.feeding import check_page
from client_access.values import ClientList, later, to_utc


@final
class MemoryRepository:
    """Clients and their histories in dictionaries, safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = RLock()
        self._clients: dict[UUID, Client] = {}
        self._owners: dict[str, UUID] = {}
        self._lists: defaultdict[tuple[str, ClientList], list[tuple[str, UUID]]] = defaultdict(list)
        self._searched: dict[UUID, str] = {}
        self._events: defaultdict[UUID, list[Event]] = defaultdict(list)
        self._feed: list[tuple[UUID, int]] = []
        self._outbox: defaultdict[UUID, list[_Waiting]] = defaultdict(list)
        self._numbers = count()
        self._remembered: dict[str, tuple[Change, datetime]] = {}
        self._command_ids: defaultdict[UUID, set[str]] = defaultdict(set)

    def get(self, client_id: UUID) -> Client | None:
        """Return the client with this id, also if it was deleted."""
        return self._clients.get(client_id)

    def get_many(self, client_ids: Iterable[UUID]) -> Mapping[UUID, Client]:
        """Return the clients that exist, by id."""
        with self._lock:
            return {i: self._clients[i] for i in client_ids if i in self._clients}

    def find_by_email(self, email_key: str) -> Client | None:
        """Return the client that has this address."""
        with self._lock:
            owner = self._owners.get(email_key)
            return None if owner is None else self._clients[owner]

    def find_many_by_email(self, email_keys: Iterable[str]) -> Mapping[str, UUID]:
        """Return the ids of the clients that have these addresses."""
        with self._lock:
            return {key: self._owners[key] for key in email_keys if key in self._owners}

    def save(self, changes: Sequence[Change]) -> None:
        """Store changes in order, all or nothing.

        Raises:
            StaleClient: another writer was first, or the id exists.
            EmailTaken: two clients would have the same address.
        """
        with self._lock:
            self._check(changes)
            for change in changes:
                self._apply(change)

    def page(
        self,
        practice_id: str,
        client_list: ClientList,
        *,
        search: str,
        limit: int,
        after: tuple[str, UUID] | None,
    ) -> Sequence[Client]:
        """Return clients of one list in order, after a place."""
        with self._lock:
            places = self._lists.get((practice_id, client_list), [])
            start = 0 if after is None else bisect_right(places, after)
            found: list[Client] = []
            for index in range(start, len(places)):
                if len(found) == limit:
                    break
                _, client_id = places[index]
                if search in self._searched[client_id]:
                    found.append(self._clients[client_id])
            return found

    def history(
        self, client_id: UUID, *, after: int = 0, limit: int | None = None
    ) -> Sequence[Event]:
        """Return a client's events in order, after a version."""
        with self._lock:
            events = self._events.get(client_id, [])
            return tuple(events[after : None if limit is None else after + limit])

    def events_after(self, position: int, *, limit: int) -> Sequence[tuple[int, Event]]:
        """Return events of all clients after a position, each with its own.

        Raises:
            InvalidValue: the position is negative, or the limit is not from 1 to 10,000.
        """
        check_page(position, limit)
        with self._lock:
            saved = self._feed[position : position + limit]
            return tuple(
                (place, self._events[client_id][version - 1])
                for place, (client_id, version) in enumerate(saved, position + 1)
            )

    def with_deadlines(
        self,
        since: datetime,
        until: datetime,
        *,
        practice_id: str | None,
        limit: int,
        after: tuple[datetime, UUID] | None,
    ) -> Sequence[Client]:
        """Return clients that have a deadline between two moments, ordered by it, then by id."""
        with self._lock:
            found = [
                (deadline.at, client.id, client)
                for client in self._clients.values()
                if practice_id in (None, client.practice_id)
                for deadline in deadlines_of(client)
                if since <= deadline.at < until
                and (after is None or (deadline.at, client.id) > after)
            ]
        found.sort(key=lambda place: place[:2])
        return [client for *_, client in found[:limit]]

    def service_counts(self, practice_id: str) -> Mapping[str, int]:
        """Return how many clients hold each service that the practice pays for."""
        with self._lock:
            return Counter(
                service.code
                for client in self._clients.values()
                if client.practice_id == practice_id and invoice_payer(client) is Payer.PRACTICE
                for service in client.services
            )

    def recall(self, command_id: str, *, at: datetime) -> Change | None:
        """Return the change that is remembered under an id, or None."""
        with self._lock:
            change, until = self._remembered.get(command_id, (None, at))
            return change if until > at else None

    def save_once(self, command_id: str, change: Change, *, at: datetime, until: datetime) -> None:
        """Store a change and remember it.

        Raises:
            StaleClient: another writer was first, or has remembered the id.
            EmailTaken: two clients would have the same address.
        """
        with self._lock:
            if self.recall(command_id, at=at) is not None:
                raise StaleClient(change.after.id)
            self._check((change,))
            self._forget_command(command_id)
            self._remembered[command_id] = change, until
            self._command_ids[change.after.id].add(command_id)
            if change.event is not None:
                self._apply(change)

    def purge(self, *, at: datetime, limit: int = PURGED_AT_ONCE) -> int:
        """Delete changes that are forgotten, and return how many."""
        with self._lock:
            forgotten = (key for key, (_, until) in self._remembered.items() if until <= at)
            deleted = list(islice(forgotten, limit))
            for command_id in deleted:
                self._forget_command(command_id)
            return len(deleted)

    def erase(self, client_id: UUID) -> None:
        """Erase name, contact details and address from the client, its history and its notices."""
        with self._lock:
            stored = self._clients.get(client_id)
            if stored is None:
                return
            events = erase_history(self._events[client_id])
            self._remove(stored)
            self._events[client_id] = list(events)
            self._insert(replay(events))
            self._forget(client_id)

    def claim(self, *, at: datetime, lease: timedelta, limit: int) -> Sequence[Claim]:
        """Lease notices that are due, only the first undelivered one of each client."""
        with self._lock:
            firsts = (
                next((entry for entry in entries if not entry.parked), None)
                for entries in self._outbox.values()
            )
            now, until = to_utc("at", at), later(at, lease)
            due = [entry for entry in firsts if entry is not None and entry.due <= now][:limit]
            return [entry.claim(until) for entry in due]

    def delivered(self, claim: Claim) -> bool:
        """Forget a delivered notice; return False if another relay has claimed it since."""
        with self._lock:
            entry = self._claimed(claim)
            if entry is None:
                return False
            self._outbox[claim.notice.client_id].remove(entry)
            return True

    def failed(self, claim: Claim, *, retry_at: datetime | None) -> bool:
        """Give a notice back, and count the failure; False if another relay has claimed it."""
        with self._lock:
            entry = self._claimed(claim)
            if entry is None:
                return False
            entry.lease, entry.attempts = None, entry.attempts + 1
            if retry_at is None:
                entry.parked = True
            else:
                entry.due = to_utc("retry_at", retry_at)
            return True

    def released(self, claim: Claim) -> bool:
        """Give a notice back whose delivery has not begun, without counting a failure."""
        with self._lock:
            entry = self._claimed(claim)
            if entry is None:
                return False
            entry.lease, entry.due = None, entry.made_at
            return True

    def waiting(self, *, parked: bool, limit: int) -> Sequence[Claim]:
        """Return notices that wait, or those that are parked, oldest first."""
        with self._lock:
            entries = (entry for entry in self._entries() if entry.parked is parked)
            oldest = nsmallest(limit, entries, key=lambda entry: entry.number)
            return [entry.shown() for entry in oldest]

    def retry(self, notice_id: UUID, *, at: datetime) -> bool:
        """Make a parked notice due at a time; return False if it is not parked."""
        with self._lock:
            entry = self._parked(notice_id)
            if entry is None:
                return False
            entry.parked, entry.due, entry.attempts = False, to_utc("at", at), 0
            return True

    def discard(self, notice_id: UUID) -> bool:
        """Forget a parked notice; return False if it is not parked."""
        with self._lock:
            entry = self._parked(notice_id)
            if entry is None:
                return False
            self._outbox[entry.notice.client_id].remove(entry)
            return True

    def outbox_state(self) -> OutboxState:
        """Return how much waits, and since when."""
        with self._lock:
            parked = sum(entry.parked for entry in self._entries())
            made = [entry.made_at for entry in self._entries() if not entry.parked]
            return OutboxState(len(made), parked, min(made, default=None))

    def _check(self, changes: Sequence[Change]) -> None:
        """Check every change before the first is stored, so that none is stored if one fails."""
        clients: dict[UUID, Client] = {}
        owners: dict[str, UUID | None] = {}
        for change in changes:
            after = change.after
            stored = clients.get(after.id, self._clients.get(after.id))
            if not change.follows(stored):
                raise StaleClient(after.id)
            if owners.get(after.email_key, self._owners.get(after.email_key)) not in (
                None,
                after.id,
            ):
                raise EmailTaken(after.id)
            if stored is not None:
                owners[stored.email_key] = None
            owners[after.email_key] = after.id
            clients[after.id] = after

    def _apply(self, change: Change) -> None:
        after, event = change.after, change.event
        if stored := self._clients.get(after.id):
            self._remove(stored)
        self._insert(after)
        assert event is not None  # the protocol requires it
        self._events[after.id].append(event)
        self._feed.append((after.id, event.version))
        for notice in change.notices:
            self._outbox[after.id].append(_Waiting(notice, event.at, next(self._numbers)))
        if after.status is Status.DELETED:
            self._events[after.id] = [erase_event(event) for event in self._events[after.id]]
            self._forget(after.id)

    def _remove(self, client: Client) -> None:
        del self._owners[client.email_key]
        if listing := client.listing:
            places = self._lists[listing.practice_id, listing.client_list]
            del places[bisect_left(places, (listing.folded_name, client.id))]
            del self._searched[client.id]

    def _insert(self, client: Client) -> None:
        self._clients[client.id] = client
        self._owners[client.email_key] = client.id
        if listing := client.listing:
            places = self._lists[listing.practice_id, listing.client_list]
            insort(places, (listing.folded_name, client.id))
            self._searched[client.id] = listing.searched

    def _forget(self, client_id: UUID) -> None:
        """Erase the person from waiting notices and remembered changes."""
        kept = []
        for entry in self._outbox.pop(client_id, []):
            if (notice := erase_notice(entry.notice)) is not None:
                entry.notice = notice
                kept.append(entry)
        if kept:
            self._outbox[client_id] = kept
        erasures = self._clients[client_id].erasures
        for command_id in self._command_ids.get(client_id, ()):
            change, until = self._remembered[command_id]
            self._remembered[command_id] = erase_change(change, erasures=erasures), until

    def _forget_command(self, command_id: str) -> None:
        if command_id in self._remembered:
            change, _ = self._remembered.pop(command_id)
            command_ids = self._command_ids[change.after.id]
            command_ids.discard(command_id)
            if not command_ids:
                del self._command_ids[change.after.id]

    def _entries(self) -> Iterator[_Waiting]:
        return chain.from_iterable(self._outbox.values())

    def _parked(self, notice_id: UUID) -> _Waiting | None:
        for entry in self._entries():
            if entry.notice.id == notice_id and entry.parked:
                return entry
        return None

    def _claimed(self, claim: Claim) -> _Waiting | None:
        for entry in self._outbox.get(claim.notice.client_id, ()):
            if entry.notice.id == claim.notice.id and entry.lease == claim.lease:
                return entry
        return None


@define
class _Waiting:
    """A notice in the outbox."""

    notice: Notice
    made_at: datetime
    number: int
    due: datetime = field(default=Factory(lambda self: self.made_at, takes_self=True))
    attempts: int = 0
    parked: bool = False
    lease: UUID | None = None

    def claim(self, until: datetime) -> Claim:
        """Lease the notice: it is not due until the lease ends."""
        unanswered = self.lease is not None
        self.lease, self.due = uuid4(), until
        return Claim(self.notice, self.attempts, self.lease, until, unanswered)

    def shown(self) -> Claim:
        return Claim(self.notice, self.attempts, UUID(int=0), None if self.parked else self.due)
