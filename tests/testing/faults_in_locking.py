"""Faults planted into `locked`: it locks nothing, commits nothing, or hides what `work` raised."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from threading import Lock
from types import SimpleNamespace
from typing import TypeVar, cast
from uuid import UUID

from testing.delegating import Delegating, caught_by

import client_access as ca
from client_access.testing.checks.frame import names_of

T = TypeVar("T")
Work = Callable[[ca.Repository], T]


class _Undone(Exception):
    pass


@caught_by("locked_keeps_other_writers_away")
class LocksNothing(Delegating):
    def locked(self, client_ids: Sequence[UUID], work: Work[T]) -> T:
        return work(self)


@caught_by("locked_commits_what_work_saves")
class CommitsNothing(Delegating):
    def locked(self, client_ids: Sequence[UUID], work: Work[T]) -> T:
        results: list[T] = []

        def undone(held: ca.Repository) -> None:
            results.append(work(held))
            raise _Undone

        try:
            super().locked(client_ids, undone)
        except _Undone:
            return results[0]
        raise AssertionError


@caught_by("locked_commits_what_work_saves")
class ReturnsNothing(Delegating):
    def locked(self, client_ids: Sequence[UUID], work: Work[T]) -> T:
        super().locked(client_ids, work)
        return cast("T", None)


@caught_by("locked_commits_what_work_saves")
class ReadsOnAnotherConnection(Delegating):
    """What `work` reads is not what it has saved."""

    def locked(self, client_ids: Sequence[UUID], work: Work[T]) -> T:
        return super().locked(client_ids, lambda _: work(_Snapshot(self, client_ids)))


class _Snapshot(Delegating):
    """Reads clients as they were when it was made, and saves them as they are."""

    def __init__(self, stored: Delegating, client_ids: Sequence[UUID]) -> None:
        self.good = stored.good
        self.seen = {client_id: stored.get(client_id) for client_id in client_ids}

    def get(self, client_id: UUID) -> ca.Client | None:
        return self.seen.get(client_id)


@caught_by("locked_undoes_what_work_saved_if_it_fails")
class SwallowsErrors(Delegating):
    def locked(self, client_ids: Sequence[UUID], work: Work[T]) -> T:
        try:
            return super().locked(client_ids, work)
        except Exception:
            return cast("T", None)


@caught_by("locked_undoes_what_work_saved_if_it_fails")
class WrapsErrors(Delegating):
    def locked(self, client_ids: Sequence[UUID], work: Work[T]) -> T:
        try:
            return super().locked(client_ids, work)
        except Exception as error:
            raise ca.RepositoryError("the work failed") from error


@caught_by("locked_undoes_what_work_saved_if_it_fails")
class KeepsWhatFailed(Delegating):
    def locked(self, client_ids: Sequence[UUID], work: Work[T]) -> T:
        with self.good._lock:
            return work(self)


@caught_by("locked_gives_work_all_that_the_repository_offers")
class GivesWorkABareRepository(Delegating):
    def locked(self, client_ids: Sequence[UUID], work: Work[T]) -> T:
        bare = SimpleNamespace(**{name: getattr(self, name) for name in names_of(ca.Repository)})
        return super().locked(client_ids, lambda _: work(cast("ca.Repository", bare)))


@caught_by("writers_with_locks_take_turns")
class ReadsBeforeItLocks(Delegating):
    def locked(self, client_ids: Sequence[UUID], work: Work[T]) -> T:
        held = _Snapshot(self, client_ids)
        time.sleep(0.01)
        return super().locked(client_ids, lambda _: work(held))


@caught_by("writers_with_locks_take_turns")
class LocksInTheOrderGiven(Delegating):
    """So that two writers wait for each other, until the database ends it."""

    def __init__(self) -> None:
        super().__init__()
        self.locks: dict[UUID, Lock] = {}

    def locked(self, client_ids: Sequence[UUID], work: Work[T]) -> T:
        held: list[Lock] = []
        try:
            for client_id in client_ids:
                lock = self.locks.setdefault(client_id, Lock())
                if not lock.acquire(timeout=0.2):
                    raise ca.RepositoryError("a deadlock was detected")
                held.append(lock)
                time.sleep(0.01)
            return super().locked(client_ids, work)
        finally:
            for lock in held:
                lock.release()
