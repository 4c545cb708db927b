"""A good repository to plant faults into: it forwards every method to one in memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import deepcopy
from datetime import datetime
from types import SimpleNamespace
from typing import Concatenate, ParamSpec, TypeVar, cast
from uuid import UUID

from attrs import evolve, frozen

import client_access as ca
from client_access import ClientList, MemoryRepository
from client_access.testing.checks.frame import names_of

ALL = 1_000_000
Place = tuple[str, UUID]
P = ParamSpec("P")
T = TypeVar("T")


def _forward(
    method: Callable[Concatenate[MemoryRepository, P], T],
) -> Callable[Concatenate[Delegating, P], T]:
    """Return a method that calls a method of the good repository."""

    def forward(self: Delegating, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return method(self.good, *args, **kwargs)

    return forward


# What a failed transaction does not undo: a lock, and a sequence.
_NOT_KEPT = ("_lock", "_numbers")


class Delegating:
    """Offers every protocol. What a fault overrides, the good repository never calls."""

    in_host_transaction = False

    def __init__(self) -> None:
        self.good = MemoryRepository()

    get = _forward(MemoryRepository.get)
    find_by_email = _forward(MemoryRepository.find_by_email)
    save = _forward(MemoryRepository.save)
    page = _forward(MemoryRepository.page)
    get_many = _forward(MemoryRepository.get_many)
    find_many_by_email = _forward(MemoryRepository.find_many_by_email)
    history = _forward(MemoryRepository.history)
    events_after = _forward(MemoryRepository.events_after)
    service_counts = _forward(MemoryRepository.service_counts)
    with_deadlines = _forward(MemoryRepository.with_deadlines)
    recall = _forward(MemoryRepository.recall)
    save_once = _forward(MemoryRepository.save_once)
    purge = _forward(MemoryRepository.purge)
    erase = _forward(MemoryRepository.erase)
    claim = _forward(MemoryRepository.claim)
    delivered = _forward(MemoryRepository.delivered)
    failed = _forward(MemoryRepository.failed)
    waiting = _forward(MemoryRepository.waiting)
    released = _forward(MemoryRepository.released)
    retry = _forward(MemoryRepository.retry)
    discard = _forward(MemoryRepository.discard)
    outbox_state = _forward(MemoryRepository.outbox_state)

    def in_session(self, work: Callable[[ca.Repository], T]) -> T:
        return work(self)

    def locked(self, client_ids: Sequence[UUID], work: Callable[[ca.Repository], T]) -> T:
        with self.good._lock:
            before = {
                name: deepcopy(kept)
                for name, kept in vars(self.good).items()
                if name not in _NOT_KEPT
            }
            try:
                return work(self)
            except BaseException:
                vars(self.good).update(before)
                raise

    # ── Helpers for faults ───────────────────────────────────────────────────────────────────────

    def whole_list(
        self, practice_id: str, client_list: ClientList, search: str = ""
    ) -> list[ca.Client]:
        found = self.good.page(practice_id, client_list, search=search, limit=ALL, after=None)
        return list(found)

    def force(
        self,
        changes: Sequence[ca.Change],
        fits: Callable[[ca.Client | None, ca.Client | None], bool],
    ) -> None:
        """Save a change as if decided on the stored client, if that `fits` its `before`."""
        now: dict[UUID, ca.Client | None] = {}
        forced = []
        for change in changes:
            stored = now.get(change.after.id, self.good.get(change.after.id))
            before = stored if fits(stored, change.before) else change.before
            forced.append(evolve(change, before=before))
            now[change.after.id] = change.after
        self.good.save(forced)


def offering(*protocols: type) -> ca.Repository:
    """Return a good repository that offers these optional protocols and no others."""
    good = Delegating()
    names = [name for protocol in (ca.Repository, *protocols) for name in names_of(protocol)]
    return cast("ca.Repository", SimpleNamespace(**{name: getattr(good, name) for name in names}))


def same_version(stored: ca.Client | None, before: ca.Client | None) -> bool:
    """Compare versions only: what an adapter does that forgets the erasures."""
    return bool(stored and before and stored.version == before.version)


@frozen
class Once:
    """The arguments of `save_once`."""

    command_id: str
    change: ca.Change
    at: datetime
    until: datetime


class Remembering(Delegating):
    """Passes the arguments of `save_once` as one object to `once`, which faults override."""

    def save_once(
        self, command_id: str, change: ca.Change, *, at: datetime, until: datetime
    ) -> None:
        self.once(Once(command_id, change, at, until))

    def once(self, asked: Once) -> None:
        self.good.save_once(asked.command_id, asked.change, at=asked.at, until=asked.until)


class Historical(Delegating):
    """Returns pages of `events`, which faults override."""

    def events(self, client_id: UUID) -> Sequence[ca.Event]:
        return self.good.history(client_id)

    def history(
        self, client_id: UUID, *, after: int = 0, limit: int | None = None
    ) -> Sequence[ca.Event]:
        wanted = [event for event in self.events(client_id) if event.version > after]
        return wanted[:limit]


FAULTS: list[tuple[type[Delegating], str]] = []
"""Every planted fault, with a check that must catch it."""


def caught_by(*checks: str) -> Callable[[type[Delegating]], type[Delegating]]:
    """Plant a repository with a fault that each of these checks must catch."""

    def plant(fault: type[Delegating]) -> type[Delegating]:
        FAULTS.extend((fault, check) for check in checks)
        return fault

    return plant
