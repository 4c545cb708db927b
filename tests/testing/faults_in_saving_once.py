"""Faults planted into `save_once` and into what it remembers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

from attrs import evolve
from testing.delegating import Delegating, Historical, Once, Remembering, caught_by, same_version

import client_access as ca


@caught_by("every_notice_of_a_change_saved_once_waits")
class SavesOnceWithoutNotices(Remembering):
    def __init__(self) -> None:
        super().__init__()
        self.notices: dict[str, tuple[ca.Notice, ...]] = {}

    def once(self, asked: Once) -> None:
        super().once(evolve(asked, change=evolve(asked.change, notices=())))
        self.notices[asked.command_id] = asked.change.notices

    def recall(self, command_id: str, *, at: datetime) -> ca.Change | None:
        outcome = super().recall(command_id, at=at)
        return outcome and evolve(outcome, notices=self.notices[command_id])


@caught_by("history_has_every_event_that_was_saved_once")
class SavesOnceWithoutEvents(Remembering, Historical):
    def __init__(self) -> None:
        super().__init__()
        self.saved_once: set[tuple[UUID, int]] = set()

    def once(self, asked: Once) -> None:
        super().once(asked)
        self.saved_once.add((asked.change.after.id, asked.change.after.version))

    def events(self, client_id: UUID) -> Sequence[ca.Event]:
        events = super().events(client_id)
        return [event for event in events if (client_id, event.version) not in self.saved_once]


@caught_by("save_once_refuses_what_would_bring_an_erased_person_back")
class IgnoresErasuresInSaveOnce(Remembering):
    def once(self, asked: Once) -> None:
        change = asked.change
        stored = self.good.get(change.after.id)
        if same_version(stored, change.before):
            change = evolve(change, before=stored)
        super().once(evolve(asked, change=change))


@caught_by(
    "save_once_refuses_a_stale_change_without_an_event",
    "save_once_remembers_nobody_who_was_erased_meanwhile",
)
class RemembersNothingUnchecked(Remembering):
    def once(self, asked: Once) -> None:
        change = asked.change
        stored = self.good.get(change.after.id)
        if change.event is None and stored is not None:
            change = evolve(change, before=stored, after=stored)
        super().once(evolve(asked, change=change))


@caught_by("deleting_by_save_once_erases_too")
class SavesDeletionsOnceUnerased(Remembering, Historical):
    def __init__(self) -> None:
        super().__init__()
        self.kept: dict[UUID, list[ca.Event]] = {}

    def once(self, asked: Once) -> None:
        change = asked.change
        events = self.good.history(change.after.id)
        super().once(asked)
        if change.event and change.after.status is ca.Status.DELETED:
            self.kept[change.after.id] = [*events, change.event]

    def events(self, client_id: UUID) -> Sequence[ca.Event]:
        return self.kept.get(client_id) or super().events(client_id)


@caught_by("erase_takes_the_person_out_of_remembered_outcomes")
class RemembersDeletionsUnerased(Remembering):
    def __init__(self) -> None:
        super().__init__()
        self.deletions: dict[str, ca.Change] = {}

    def once(self, asked: Once) -> None:
        super().once(asked)
        if asked.change.after.status is ca.Status.DELETED:
            self.deletions[asked.command_id] = asked.change

    def recall(self, command_id: str, *, at: datetime) -> ca.Change | None:
        return self.deletions.get(command_id) or super().recall(command_id, at=at)


@caught_by("command_ids_are_kept_to_the_last_character")
class CutsTheIdsItKeeps(Remembering):
    def once(self, asked: Once) -> None:
        super().once(evolve(asked, command_id=asked.command_id[:100]))


@caught_by("command_ids_are_kept_to_the_last_character")
class CutsCommandIds(CutsTheIdsItKeeps):
    def recall(self, command_id: str, *, at: datetime) -> ca.Change | None:
        return super().recall(command_id[:100], at=at)


def as_text(at: datetime) -> datetime:
    """Return the moment in UTC with the same ISO text up to the time zone."""
    return at.replace(tzinfo=UTC)


@caught_by("outcomes_are_forgotten_at_moments_in_any_time_zone")
class RecallsByTextOfTimes(Delegating):
    def recall(self, command_id: str, *, at: datetime) -> ca.Change | None:
        return super().recall(command_id, at=as_text(at))


@caught_by("outcomes_are_forgotten_at_moments_in_any_time_zone")
class RemembersUntilTextOfTimes(Remembering):
    def once(self, asked: Once) -> None:
        super().once(evolve(asked, until=as_text(asked.until)))


@caught_by("outcomes_are_forgotten_at_moments_in_any_time_zone")
class ForgetsByTextOfTimes(Remembering):
    def once(self, asked: Once) -> None:
        super().once(evolve(asked, at=as_text(asked.at)))


@caught_by("purge_deletes_what_is_forgotten_and_nothing_else")
class PurgesNothing(Delegating):
    def purge(self, *, at: datetime, limit: int = 1000) -> int:
        return 0


@caught_by("purge_deletes_what_is_forgotten_and_nothing_else")
class PurgesAMomentTooLate(Delegating):
    def purge(self, *, at: datetime, limit: int = 1000) -> int:
        return super().purge(at=at - timedelta(microseconds=1), limit=limit)


@caught_by("purge_deletes_what_is_forgotten_and_nothing_else")
class PurgesWhatIsRemembered(Delegating):
    def purge(self, *, at: datetime, limit: int = 1000) -> int:
        return super().purge(at=at + timedelta(microseconds=1), limit=limit)


@caught_by("purge_deletes_what_is_forgotten_and_nothing_else")
class PurgesMoreThanItsLimit(Delegating):
    def purge(self, *, at: datetime, limit: int = 1000) -> int:
        return super().purge(at=at)


@caught_by("purge_deletes_what_is_forgotten_and_nothing_else")
class CountsTheLimit(Delegating):
    def purge(self, *, at: datetime, limit: int = 1000) -> int:
        super().purge(at=at, limit=limit)
        return limit


@caught_by("purge_deletes_what_is_forgotten_and_nothing_else")
class PurgesByTextOfTimes(Delegating):
    def purge(self, *, at: datetime, limit: int = 1000) -> int:
        return super().purge(at=as_text(at), limit=limit)


@caught_by("outcomes_are_forgotten_when_their_time_is_up")
class NeedsAPurgeBeforeAnIdIsUsedAgain(Remembering):
    def __init__(self) -> None:
        super().__init__()
        self.there: set[str] = set()

    def once(self, asked: Once) -> None:
        if asked.command_id in self.there:
            raise ca.StaleClient(asked.change.after.id)
        super().once(asked)
        self.there.add(asked.command_id)


@caught_by("save_once_leaves_the_forgotten_to_purge")
class PurgesInSaveOnce(Remembering):
    def once(self, asked: Once) -> None:
        self.good.purge(at=asked.at)
        super().once(asked)
