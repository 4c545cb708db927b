"""A repository in memory: for tests, for trying things out, and as an example of an adapter."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from threading import RLock
from typing import final
from uuid import UUID

from client_access.billing import invoice_payer
from client_access.change import Change
from client_access.client import Client
from client_access.errors import EmailTaken, StaleClient
from client_access.events import Event
from client_access.machines.payer import Payer
from client_access.values import ClientList


@final
class MemoryRepository:
    """Clients and their histories in dictionaries, safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = RLock()
        self._clients: dict[UUID, Client] = {}
        self._owners: dict[str, UUID] = {}
        self._lists: defaultdict[tuple[str, ClientList], list[tuple[str, UUID]]] = defaultdict(list)
        self._events: defaultdict[UUID, list[Event]] = defaultdict(list)

    def get(self, client_id: UUID) -> Client | None:
        """Return the client with this id, a deleted one too."""
        return self._clients.get(client_id)

    def get_many(self, client_ids: Iterable[UUID]) -> Mapping[UUID, Client]:
        """Return those of the clients that exist."""
        with self._lock:
            return {i: self._clients[i] for i in client_ids if i in self._clients}

    def find_by_email(self, email_key: str) -> Client | None:
        """Return the client that has this address."""
        with self._lock:
            owner = self._owners.get(email_key)
            return None if owner is None else self._clients[owner]

    def find_many_by_email(self, email_keys: Iterable[str]) -> Mapping[str, UUID]:
        """Return who has these addresses."""
        with self._lock:
            return {key: self._owners[key] for key in email_keys if key in self._owners}

    def save(self, changes: Sequence[Change]) -> None:
        """Store what changes leave, all or nothing.

        Raises:
            StaleClient: another writer was there first, or the id exists.
            EmailTaken: two clients would have one address.
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
        """Return clients of one list in order, from a place on."""
        with self._lock:
            places = self._lists.get((practice_id, client_list), [])
            start = 0 if after is None else bisect_right(places, after)
            found: list[Client] = []
            for index in range(start, len(places)):
                if len(found) == limit:
                    break
                name, client_id = places[index]
                if search in name:
                    found.append(self._clients[client_id])
            return found

    def history(self, client_id: UUID) -> Sequence[Event]:
        """Return a client's events in order."""
        with self._lock:
            return tuple(self._events.get(client_id, ()))

    def service_counts(self, practice_id: str) -> Mapping[str, int]:
        """Return how many clients hold each service that the practice pays for."""
        with self._lock:
            return Counter(
                service.code
                for client in self._clients.values()
                if client.practice_id == practice_id and invoice_payer(client) is Payer.PRACTICE
                for service in client.services
            )

    def _check(self, changes: Sequence[Change]) -> None:
        """Go through the changes one by one on paper, so that none is stored if any fails."""
        clients: dict[UUID, Client] = {}
        owners: dict[str, UUID | None] = {}
        for change in changes:
            after = change.after
            stored = clients.get(after.id, self._clients.get(after.id))
            expected = change.before and change.before.version
            if (stored and stored.version) != expected:
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
        after = change.after
        stored = self._clients.get(after.id)
        if stored is not None:
            del self._owners[stored.email_key]
            if listing := stored.listing:
                places = self._lists[listing.practice_id, listing.client_list]
                del places[bisect_left(places, (listing.folded_name, stored.id))]
        self._clients[after.id] = after
        self._owners[after.email_key] = after.id
        if listing := after.listing:
            places = self._lists[listing.practice_id, listing.client_list]
            insort(places, (listing.folded_name, after.id))
        if change.event is not None:
            self._events[after.id].append(change.event)
