"""Faults planted into `save_once`, the other way to save, and into what it remembers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

from attrs import evolve
from testing.delegating import Delegating, caught_by

import client_access as ca


@caught_by("every_notice_of_a_change_saved_once_waits")
class SavesOnceWithoutNotices(Delegating):
    def __init__(self) -> None:
        super().__init__()
        self.notices: dict[str, tuple[ca.Notice, ...]] = {}

    def save_once(
        self, command_id: str, change: ca.Change, *, at: datetime, until: datetime
    ) -> None:
        super().save_once(command_id, evolve(change, notices=()), at=at, until=until)
        self.notices[command_id] = change.notices

    def recall(self, command_id: str, *, at: datetime) -> ca.Change | None:
        outcome = super().recall(command_id, at=at)
        return outcome and evolve(outcome, notices=self.notices[command_id])


@caught_by("history_has_every_event_that_was_saved_once")
class SavesOnceWithoutEvents(Delegating):
    def __init__(self) -> None:
        super().__init__()
        self.saved_once: set[tuple[UUID, int]] = set()

    def save_once(
        self, command_id: str, change: ca.Change, *, at: datetime, until: datetime
    ) -> None:
        super().save_once(command_id, change, at=at, until=until)
        self.saved_once.add((change.after.id, change.after.version))

    def history(self, client_id: UUID) -> Sequence[ca.Event]:
        events = super().history(client_id)
        return [event for event in events if (client_id, event.version) not in self.saved_once]


@caught_by("save_once_refuses_what_would_bring_an_erased_person_back")
class SavesOnceWhoeverWasErased(Delegating):
    def save_once(
        self, command_id: str, change: ca.Change, *, at: datetime, until: datetime
    ) -> None:
        stored, before = self.good.get(change.after.id), change.before
        if stored and before and stored.version == before.version:
            change = evolve(change, before=stored)
        super().save_once(command_id, change, at=at, until=until)


@caught_by(
    "save_once_refuses_nothing_that_is_stale",
    "save_once_remembers_nobody_who_was_erased_meanwhile",
)
class RemembersNothingUnchecked(Delegating):
    def save_once(
        self, command_id: str, change: ca.Change, *, at: datetime, until: datetime
    ) -> None:
        stored = self.good.get(change.after.id)
        if change.event is None and stored is not None:
            change = evolve(change, before=stored, after=stored)
        super().save_once(command_id, change, at=at, until=until)


@caught_by("deleting_by_save_once_erases_too")
class SavesDeletionsOnceUnerased(Delegating):
    def __init__(self) -> None:
        super().__init__()
        self.kept: dict[UUID, list[ca.Event]] = {}

    def save_once(
        self, command_id: str, change: ca.Change, *, at: datetime, until: datetime
    ) -> None:
        events = self.good.history(change.after.id)
        super().save_once(command_id, change, at=at, until=until)
        if change.event and change.after.status is ca.Status.DELETED:
            self.kept[change.after.id] = [*events, change.event]

    def history(self, client_id: UUID) -> Sequence[ca.Event]:
        return self.kept.get(client_id) or super().history(client_id)


@caught_by("erase_takes_the_person_out_of_remembered_outcomes")
class RemembersDeletionsUnerased(Delegating):
    def __init__(self) -> None:
        super().__init__()
        self.deletions: dict[str, ca.Change] = {}

    def save_once(
        self, command_id: str, change: ca.Change, *, at: datetime, until: datetime
    ) -> None:
        super().save_once(command_id, change, at=at, until=until)
        if change.after.status is ca.Status.DELETED:
            self.deletions[command_id] = change

    def recall(self, command_id: str, *, at: datetime) -> ca.Change | None:
        return self.deletions.get(command_id) or super().recall(command_id, at=at)


@caught_by("command_ids_are_kept_to_the_last_character")
class CutsCommandIds(Delegating):
    def save_once(
        self, command_id: str, change: ca.Change, *, at: datetime, until: datetime
    ) -> None:
        super().save_once(command_id[:100], change, at=at, until=until)

    def recall(self, command_id: str, *, at: datetime) -> ca.Change | None:
        return super().recall(command_id[:100], at=at)


@caught_by("command_ids_are_kept_to_the_last_character")
class CutsTheIdsItKeeps(Delegating):
    def save_once(
        self, command_id: str, change: ca.Change, *, at: datetime, until: datetime
    ) -> None:
        super().save_once(command_id[:100], change, at=at, until=until)


def as_text(at: datetime) -> datetime:
    """Return the moment in UTC whose ISO text begins as that of another time zone does."""
    return at.replace(tzinfo=UTC)


@caught_by("outcomes_are_forgotten_at_moments_in_any_time_zone")
class RecallsByTextOfTimes(Delegating):
    def recall(self, command_id: str, *, at: datetime) -> ca.Change | None:
        return super().recall(command_id, at=as_text(at))


@caught_by("outcomes_are_forgotten_at_moments_in_any_time_zone")
class RemembersUntilTextOfTimes(Delegating):
    def save_once(
        self, command_id: str, change: ca.Change, *, at: datetime, until: datetime
    ) -> None:
        super().save_once(command_id, change, at=at, until=as_text(until))


@caught_by("outcomes_are_forgotten_at_moments_in_any_time_zone")
class ForgetsByTextOfTimes(Delegating):
    def save_once(
        self, command_id: str, change: ca.Change, *, at: datetime, until: datetime
    ) -> None:
        super().save_once(command_id, change, at=as_text(at), until=until)
