"""Six typical mistakes in adapters, each with what the check that catches it says to do."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import evolve
from testing.delegating import Delegating, caught_by
from testing.faults_in_more import ErasesNoHistory, ReturnsHistoryBackwards
from testing.faults_in_outbox import ReadsFirstAndWritesAfter
from testing.faults_in_paging import Asked, Paging
from testing.faults_in_saving import IgnoresAccents

import client_access as ca
from client_access.questions.lists import place_of

CHUNK = 500


@caught_by("page_finds_the_only_match_late_in_a_long_list")
class StopsAtAChunkWithoutAMatch(Paging):
    def answer(self, asked: Asked) -> Sequence[ca.Client]:
        found: list[ca.Client] = []
        after = asked.after
        while len(found) < asked.limit:
            chunk = super().answer(evolve(asked, search="", limit=CHUNK, after=after))
            matching = [one for one in chunk if asked.search in self.searched(one)]
            if not matching:
                break
            found += matching
            after = place_of(chunk[-1])
        return found[: asked.limit]


@caught_by("page_goes_on_after_a_row", "page_neither_skips_nor_repeats")
class ForgetsThePlaceOfTheCursor(Paging):
    def answer(self, asked: Asked) -> Sequence[ca.Client]:
        return super().answer(evolve(asked, after=None))


ADVICE: dict[type[Delegating], tuple[str, str]] = {
    StopsAtAChunkWithoutAMatch: (
        "page_finds_the_only_match_late_in_a_long_list",
        "go on after a chunk without a match",
    ),
    ErasesNoHistory: (
        "history_of_a_deleted_client_keeps_no_person",
        "replace each stored event of the client by client_access.repository.erasing.erase_event",
    ),
    ReadsFirstAndWritesAfter: (
        "of_writers_that_change_one_client_one_wins",
        "compare the version in the statement that writes",
    ),
    IgnoresAccents: (
        "save_keeps_addresses_with_different_keys_apart",
        "compare keys by code point",
    ),
    ForgetsThePlaceOfTheCursor: (
        "page_goes_on_after_a_row",
        "select (folded_name, id) > (:name, :id)",
    ),
    ReturnsHistoryBackwards: ("history_has_every_event_in_order", "order by version"),
}
"""The check that catches each mistake, and what its message says to do."""
