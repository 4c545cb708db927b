"""Faults planted into `in_session`: it undoes what was saved, or hides what `work` raised."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from types import SimpleNamespace
from typing import TypeVar, cast
from uuid import UUID

from testing.delegating import Delegating, caught_by

import client_access as ca
from client_access.testing.checks.frame import names_of

T = TypeVar("T")
Work = Callable[[ca.Repository], T]


@caught_by("session_does_the_same")
class ReturnsNothing(Delegating):
    def in_session(self, work: Work[T]) -> T:
        super().in_session(work)
        return cast("T", None)


@caught_by("session_does_the_same")
class DoesItTwice(Delegating):
    def in_session(self, work: Work[T]) -> T:
        super().in_session(work)
        return super().in_session(work)


@caught_by("session_does_the_same")
class ReadsWhatItReadFirst(Delegating):
    def in_session(self, work: Work[T]) -> T:
        return work(_Remembering(self))


@caught_by("session_does_the_same")
class HidesThatAnotherWriterWasFirst(Delegating):
    def in_session(self, work: Work[T]) -> T:
        return work(_Hiding(self))


class _Hiding(Delegating):
    """Says nothing of changes that are refused."""

    def __init__(self, stored: Delegating) -> None:
        self.good = stored.good

    def save(self, changes: Sequence[ca.Change]) -> None:
        with suppress(ca.StaleClient):
            super().save(changes)


class _Remembering(Delegating):
    """Reads each client once."""

    def __init__(self, stored: Delegating) -> None:
        self.good = stored.good
        self.seen: dict[UUID, ca.Client | None] = {}

    def get(self, client_id: UUID) -> ca.Client | None:
        return self.seen.setdefault(client_id, super().get(client_id))


@caught_by("session_keeps_what_was_saved_if_work_fails")
class RollsBack(Delegating):
    def in_session(self, work: Work[T]) -> T:
        return self.locked([], work)


@caught_by("session_keeps_what_was_saved_if_work_fails")
class SwallowsErrors(Delegating):
    def in_session(self, work: Work[T]) -> T:
        try:
            return super().in_session(work)
        except Exception:
            return cast("T", None)


@caught_by("session_keeps_what_was_saved_if_work_fails")
class WrapsErrors(Delegating):
    def in_session(self, work: Work[T]) -> T:
        try:
            return super().in_session(work)
        except Exception as error:
            raise ca.RepositoryError("the work failed") from error


@caught_by("session_offers_all_that_the_repository_offers")
class GivesWorkABareRepository(Delegating):
    def in_session(self, work: Work[T]) -> T:
        bare = SimpleNamespace(**{name: getattr(self, name) for name in names_of(ca.Repository)})
        return work(cast("ca.Repository", bare))
