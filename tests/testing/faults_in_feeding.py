"""Faults planted into the feed of all events."""

from __future__ import annotations

import time
from collections.abc import Sequence
from itertools import count
from threading import Lock

from attrs import evolve
from testing.delegating import Delegating, Once, Remembering, caught_by

import client_access as ca
from client_access.repository.feeding import check_page

Page = Sequence[tuple[int, ca.Event]]


class _Feeding(Delegating):
    """Passes the arguments of `events_after` to `fed`, which faults override."""

    def events_after(self, position: int, *, limit: int) -> Page:
        return self.fed(position, limit)

    def fed(self, position: int, limit: int) -> Page:
        return self.good.events_after(position, limit=limit)


class _OwnFeed(_Feeding):
    """Keeps a feed of its own, with gaps in the positions or without."""

    def __init__(self) -> None:
        super().__init__()
        self.numbers = count(1)
        self.feed: dict[int, ca.Event] = {}

    def note(self, changes: Sequence[ca.Change]) -> None:
        self.feed |= {next(self.numbers): change.event for change in changes if change.event}

    def save(self, changes: Sequence[ca.Change]) -> None:
        super().save(changes)
        self.note(changes)

    def fed(self, position: int, limit: int) -> Page:
        check_page(position, limit)
        return sorted(
            ((place, event) for place, event in self.feed.copy().items() if place > position),
            key=lambda each: each[0],
        )[:limit]


@caught_by("feed_misses_nothing_that_is_committed_late")
class NumbersBeforeTheCommit(_OwnFeed):
    """Draws a position while it saves; the slower of two savers commits the smaller one later."""

    def __init__(self) -> None:
        super().__init__()
        self.committing = Lock()

    def save(self, changes: Sequence[ca.Change]) -> None:
        drawn = [next(self.numbers) for _ in changes]
        time.sleep(drawn[0] % 3 / 200)
        with self.committing:
            self.good.save(changes)
            for place, change in zip(drawn, changes, strict=True):
                assert change.event is not None
                self.feed[place] = change.event


@caught_by("feed_has_every_event_once", "feed_misses_nothing_that_is_committed_late")
class GivesTheLastEventTwice(_OwnFeed):
    def note(self, changes: Sequence[ca.Change]) -> None:
        super().note([*changes, changes[-1]])


@caught_by("feed_has_every_event_once")
class NumbersTheLastVersionFirst(_OwnFeed):
    def note(self, changes: Sequence[ca.Change]) -> None:
        super().note(changes[::-1])


@caught_by("feed_has_every_event_once", "feed_has_every_field_of_an_event")
class FeedsOnlyTheLastOfABatch(_OwnFeed):
    def note(self, changes: Sequence[ca.Change]) -> None:
        super().note([change for change in changes[-1:] if change.after.version % 3])


@caught_by("feed_has_every_field_of_an_event")
class ForgetsWhoDidIt(_Feeding):
    def fed(self, position: int, limit: int) -> Page:
        page = super().fed(position, limit)
        return [(place, evolve(event, by=ca.PlatformUser())) for place, event in page]


@caught_by("feed_goes_on_after_a_position", "feed_has_every_event_once")
class RepeatsTheEventAtThePosition(_Feeding):
    def fed(self, position: int, limit: int) -> Page:
        return super().fed(max(position - 1, 0), limit)


@caught_by("feed_goes_on_after_a_position")
class IgnoresThePosition(_Feeding):
    def fed(self, position: int, limit: int) -> Page:
        return super().fed(0, limit)


@caught_by("feed_goes_on_after_a_position", "feed_has_every_event_once")
class IgnoresTheLimit(_Feeding):
    def fed(self, position: int, limit: int) -> Page:
        check_page(position, limit)
        return super().fed(position, 10_000)


@caught_by("feed_goes_on_after_a_position")
class BeginsAfterTheFirstEvent(_Feeding):
    def fed(self, position: int, limit: int) -> Page:
        return super().fed(max(position, 1), limit)


@caught_by("feed_goes_on_after_a_position")
class NumbersEachPageAgain(_Feeding):
    """Counts the positions from the given one on in jumps, so that they differ between pages."""

    def fed(self, position: int, limit: int) -> Page:
        page = super().fed(position, limit)
        return [(place + (limit == 2), event) for place, event in page]


@caught_by("feed_refuses_malformed_places")
class TakesAnyPlace(_OwnFeed):
    def fed(self, position: int, limit: int) -> Page:
        return super().fed(max(position, 0), min(max(limit, 1), 10_000))


@caught_by("feed_keeps_nothing_of_a_failed_save")
class FeedsBeforeItSaves(_OwnFeed):
    def save(self, changes: Sequence[ca.Change]) -> None:
        self.note(changes)
        self.good.save(changes)


@caught_by("feed_has_what_save_once_stores")
class FeedsWhatSaveStoresOnly(_OwnFeed):
    """Its `save_once` is that of the good repository, which does not call its `save`."""


@caught_by("feed_has_what_save_once_stores")
class FeedsAnOutcomeTwice(Remembering, _OwnFeed):
    def once(self, asked: Once) -> None:
        super().once(asked)
        self.note([asked.change, asked.change])


@caught_by("feed_keeps_no_person_who_was_erased")
class FeedsErasedPeople(_OwnFeed):
    """Keeps a copy of each event, which no erasure reaches."""


@caught_by("feed_keeps_no_person_who_was_erased")
class LeavesErasedPeopleOut(_Feeding):
    def fed(self, position: int, limit: int) -> Page:
        return [
            (place, event)
            for place, event in super().fed(position, limit)
            if not (client := self.good.get(event.client_id)) or not client.erasures
        ]
