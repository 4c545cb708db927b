"""Faults planted into `in_unit_of_work`: it undoes what was saved, or hides what `work` raised."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import TypeVar, cast
from uuid import UUID

from testing.delegating import Delegating, caught_by

import client_access as ca
from client_access.testing.checks.frame import names_of

T = TypeVar("T")
Work = Callable[[ca.Repository], T]


@caught_by("unit_of_work_does_the_same")
class ReturnsNothing(Delegating):
    def in_unit_of_work(self, work: Work[T]) -> T:
        super().in_unit_of_work(work)
        return cast("T", None)


@caught_by("unit_of_work_does_the_same")
class DoesItTwice(Delegating):
    def in_unit_of_work(self, work: Work[T]) -> T:
        super().in_unit_of_work(work)
        return super().in_unit_of_work(work)


@caught_by("unit_of_work_does_the_same")
class ReadsWhatItReadFirst(Delegating):
    def in_unit_of_work(self, work: Work[T]) -> T:
        return work(_Remembering(self))


class _Remembering(Delegating):
    """Reads each client once."""

    def __init__(self, stored: Delegating) -> None:
        self.good = stored.good
        self.seen: dict[UUID, ca.Client | None] = {}

    def get(self, client_id: UUID) -> ca.Client | None:
        return self.seen.setdefault(client_id, super().get(client_id))


@caught_by("unit_of_work_keeps_what_it_saved_if_it_fails")
class RollsBack(Delegating):
    def in_unit_of_work(self, work: Work[T]) -> T:
        return self.locked([], work)


@caught_by("unit_of_work_keeps_what_it_saved_if_it_fails")
class SwallowsErrors(Delegating):
    def in_unit_of_work(self, work: Work[T]) -> T:
        try:
            return super().in_unit_of_work(work)
        except Exception:
            return cast("T", None)


@caught_by("unit_of_work_keeps_what_it_saved_if_it_fails")
class WrapsErrors(Delegating):
    def in_unit_of_work(self, work: Work[T]) -> T:
        try:
            return super().in_unit_of_work(work)
        except Exception as error:
            raise ca.RepositoryError("the work failed") from error


@caught_by("unit_of_work_offers_all_that_the_repository_offers")
class GivesWorkABareRepository(Delegating):
    def in_unit_of_work(self, work: Work[T]) -> T:
        bare = SimpleNamespace(**{name: getattr(self, name) for name in names_of(ca.Repository)})
        return work(cast("ca.Repository", bare))
