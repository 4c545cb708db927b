"""Faults planted into the optional protocols: lookups, histories, counts, outcomes, erasing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from attrs import evolve
from testing.delegating import Delegating, Historical, Once, Remembering, caught_by, same_version

import client_access as ca
from client_access.testing.clock import START

# ── Lookup ───────────────────────────────────────────────────────────────────────────────────────


@caught_by("get_many_returns_those_that_exist")
class LooksUpNoDeletedClients(Delegating):
    def get_many(self, client_ids: Iterable[UUID]) -> Mapping[UUID, ca.Client]:
        found = super().get_many(client_ids)
        return {i: c for i, c in found.items() if c.status is not ca.Status.DELETED}


@caught_by("get_many_takes_many_ids")
class LooksUpAThousand(Delegating):
    def get_many(self, client_ids: Iterable[UUID]) -> Mapping[UUID, ca.Client]:
        return super().get_many(list(client_ids)[:1000])


@caught_by("find_many_by_email_returns_owners_by_exact_key")
class FindsOwnersByPattern(Delegating):
    def find_many_by_email(self, email_keys: Iterable[str]) -> Mapping[str, UUID]:
        found = {key: self.good.find_by_email(key.replace("%", "x")) for key in email_keys}
        return {key: client.id for key, client in found.items() if client}


# ── History ──────────────────────────────────────────────────────────────────────────────────────


@caught_by("history_has_every_event_in_order")
class DropsTheLastEvent(Historical):
    def events(self, client_id: UUID) -> Sequence[ca.Event]:
        return super().events(client_id)[:-1]


@caught_by("history_has_every_event_in_order", "history_replays_to_the_stored_client")
class ReturnsHistoryBackwards(Historical):
    def events(self, client_id: UUID) -> Sequence[ca.Event]:
        return super().events(client_id)[::-1]


class _PagesHistory(Delegating):
    """Passes the arguments of `history` to `paged`, which faults override."""

    def history(
        self, client_id: UUID, *, after: int = 0, limit: int | None = None
    ) -> Sequence[ca.Event]:
        return self.paged(client_id, after, limit)

    def paged(self, client_id: UUID, after: int, limit: int | None) -> Sequence[ca.Event]:
        return self.good.history(client_id, after=after, limit=limit)


@caught_by("history_comes_in_pages")
class IgnoresWhereAPageBegins(_PagesHistory):
    def paged(self, client_id: UUID, after: int, limit: int | None) -> Sequence[ca.Event]:
        return super().paged(client_id, 0, limit)


@caught_by("history_comes_in_pages")
class RepeatsTheEventBeforeAPage(_PagesHistory):
    def paged(self, client_id: UUID, after: int, limit: int | None) -> Sequence[ca.Event]:
        return super().paged(client_id, max(after - 1, 0), limit)


@caught_by("history_comes_in_pages")
class ReturnsMoreThanAPage(_PagesHistory):
    def paged(self, client_id: UUID, after: int, limit: int | None) -> Sequence[ca.Event]:
        return super().paged(client_id, after, None)


@caught_by("history_comes_in_pages")
class LimitsBeforeItSkips(_PagesHistory):
    def paged(self, client_id: UUID, after: int, limit: int | None) -> Sequence[ca.Event]:
        return super().paged(client_id, 0, limit)[after:]


@caught_by("history_comes_in_pages")
class ReturnsTheLastEvents(_PagesHistory):
    def paged(self, client_id: UUID, after: int, limit: int | None) -> Sequence[ca.Event]:
        events = super().paged(client_id, after, None)
        return events if limit is None else events[-limit:]


@caught_by("history_has_every_event_in_order")
class LimitsWhatHasNoLimit(_PagesHistory):
    def paged(self, client_id: UUID, after: int, limit: int | None) -> Sequence[ca.Event]:
        return super().paged(client_id, after, 2 if limit is None else limit)


@caught_by("history_keeps_clients_apart", "history_of_an_unknown_client_is_empty")
class MixesHistories(Historical):
    def __init__(self) -> None:
        super().__init__()
        self.log: list[ca.Event] = []

    def save(self, changes: Sequence[ca.Change]) -> None:
        super().save(changes)
        self.log += [change.event for change in changes if change.event]

    def events(self, client_id: UUID) -> Sequence[ca.Event]:
        return self.log


class _OwnLog(Historical):
    """Keeps events unerased."""

    def __init__(self) -> None:
        super().__init__()
        self.log: dict[UUID, list[ca.Event]] = {}

    def note(self, changes: Sequence[ca.Change]) -> None:
        for change in changes:
            if change.event:
                self.log.setdefault(change.after.id, []).append(change.event)

    def events(self, client_id: UUID) -> Sequence[ca.Event]:
        return self.log.get(client_id, [])


@caught_by("history_keeps_nothing_of_a_failed_save", "writers_leave_a_history_without_gaps")
class LogsBeforeItSaves(_OwnLog):
    def save(self, changes: Sequence[ca.Change]) -> None:
        self.note(changes)
        super().save(changes)


@caught_by(
    "erase_takes_the_person_out_of_the_history",
    "deleting_erases_too",
    "history_of_a_deleted_client_keeps_no_person",
)
class ErasesNoHistory(_OwnLog):
    def save(self, changes: Sequence[ca.Change]) -> None:
        super().save(changes)
        self.note(changes)


# ── Service counts ───────────────────────────────────────────────────────────────────────────────


@caught_by("service_counts_are_those_of_the_clients_it_pays_for")
class CountsWhatClientsPayFor(_OwnLog):
    def save(self, changes: Sequence[ca.Change]) -> None:
        super().save(changes)
        self.note(changes)

    def service_counts(self, practice_id: str) -> Mapping[str, int]:
        counts: dict[str, int] = {}
        for client_id in self.log:
            client = self.good.get(client_id)
            if client and client.practice_id == practice_id:
                for held in client.services:
                    counts[held.code] = counts.get(held.code, 0) + 1
        return counts


# ── Remembering ──────────────────────────────────────────────────────────────────────────────────


@caught_by("save_once_stores_the_change_and_its_outcome")
class ForgetsOutcomes(Delegating):
    def recall(self, command_id: str, *, at: datetime) -> ca.Change | None:
        return None


@caught_by("save_once_remembers_what_changes_nothing")
class RemembersChangesOnly(Remembering):
    def once(self, asked: Once) -> None:
        if asked.change.event is not None:
            super().once(asked)


@caught_by("recall_of_an_unknown_id_is_none")
class FoldsCommandIds(Delegating):
    def recall(self, command_id: str, *, at: datetime) -> ca.Change | None:
        return super().recall(command_id.strip().lower(), at=at)


@caught_by("recall_returns_the_first_outcome_whatever_came_after")
class RecallsTheClientAsItIs(Delegating):
    def recall(self, command_id: str, *, at: datetime) -> ca.Change | None:
        outcome = super().recall(command_id, at=at)
        if outcome is None:
            return None
        return evolve(outcome, after=self.good.get(outcome.after.id) or outcome.after)


@caught_by("save_once_refuses_an_id_that_is_remembered", "of_writers_with_one_command_id_one_wins")
class TakesACommandIdTwice(Remembering):
    def once(self, asked: Once) -> None:
        if self.good.recall(asked.command_id, at=asked.at):
            self.save([asked.change])
        else:
            super().once(asked)


@caught_by("save_once_remembers_nothing_where_it_fails")
class RemembersBeforeItSaves(Remembering):
    def __init__(self) -> None:
        super().__init__()
        self.outcomes: dict[str, ca.Change] = {}

    def once(self, asked: Once) -> None:
        self.outcomes[asked.command_id] = asked.change
        super().once(asked)

    def recall(self, command_id: str, *, at: datetime) -> ca.Change | None:
        return self.outcomes.get(command_id)


@caught_by("outcomes_are_forgotten_when_their_time_is_up")
class NeverForgets(Delegating):
    def recall(self, command_id: str, *, at: datetime) -> ca.Change | None:
        return super().recall(command_id, at=START)


@caught_by("outcomes_are_forgotten_when_their_time_is_up")
class ForgetsAtOnce(Remembering):
    def once(self, asked: Once) -> None:
        super().once(evolve(asked, until=asked.at))


@caught_by("outcomes_are_forgotten_when_their_time_is_up")
class NeverFreesIds(Remembering):
    def once(self, asked: Once) -> None:
        super().once(evolve(asked, at=START))


# ── Erasing ──────────────────────────────────────────────────────────────────────────────────────


@caught_by(
    "erase_takes_the_person_out_of_the_client",
    "erase_frees_the_address",
    "erase_moves_the_client_to_its_erased_name",
)
class ErasesNothing(Delegating):
    def erase(self, client_id: UUID) -> None:
        return


@caught_by("erase_of_nobody_does_nothing", "erase_twice_is_erase_once")
class ErasesEverything(Delegating):
    erased: UUID | None = None

    def erase(self, client_id: UUID) -> None:
        super().erase(client_id)
        if self.erased == client_id or self.good.get(client_id) is None:
            self.good = ca.MemoryRepository()
        self.erased = client_id


@caught_by("save_refuses_what_would_bring_an_erased_person_back")
class BringsErasedPeopleBack(Delegating):
    def save(self, changes: Sequence[ca.Change]) -> None:
        self.force(
            changes,
            same_version,
        )


@caught_by("erase_takes_the_person_out_of_remembered_outcomes")
class RemembersErasedPeople(RemembersBeforeItSaves):
    pass


@caught_by("erase_takes_the_person_out_of_remembered_outcomes")
class ForgetsWhatErasedPeopleAsked(Delegating):
    def recall(self, command_id: str, *, at: datetime) -> ca.Change | None:
        outcome = super().recall(command_id, at=at)
        return None if outcome and outcome.after.erasures else outcome
