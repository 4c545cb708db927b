"""The state machine of the kit: where it goes, and what it finds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from contextlib import nullcontext
from datetime import datetime
from typing import Any, cast
from uuid import UUID

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import run_state_machine_as_test
from testing.delegating import Delegating, offering
from testing.faults_in_deadlines import KeepsUsedDeadlines
from testing.faults_in_feeding import FeedsOnlyTheLastOfABatch
from testing.faults_in_more import BringsErasedPeopleBack
from testing.faults_in_outbox import DeliversAWholeClaim
from testing.faults_in_saving import ForgetsTheVersion, LosesMicroseconds
from testing.faults_in_saving_once import SavesOnceWithoutEvents

import client_access as ca
from client_access import testing
from client_access.machines import lifecycle
from client_access.testing import examples, machine_for, run_checks, run_machine
from client_access.testing.machine import _refused


def test_the_machine_visits_every_status_and_most_steps() -> None:
    """Hypothesis takes constants from the modules loaded, so the counts vary with them."""
    machine = machine_for(lambda: nullcontext(ca.MemoryRepository()))
    runs = settings(max_examples=80, stateful_step_count=25, derandomize=True)
    run_state_machine_as_test(machine, settings=runs)
    visits, done = machine.visits, machine.done
    assert {after for _, _, after in visits} == set(ca.Status)
    edges = {
        (edge["source"], edge["dest"]) for edge in lifecycle.TRANSITIONS if edge["source"] != "new"
    }
    seen = {(before.value, after.value) for before, _, after in visits if before}
    assert len(edges & seen) >= 6
    assert len({event for _, event, _ in visits}) >= 15
    assert {name for name, times in done.items() if times} == {
        *("asked once", "asked again", "saved later", "refused later", "erased", "fed"),
        *("delivered", "failed", "parked", "retried", "too late"),
    }


@pytest.mark.parametrize(
    "fault",
    [
        LosesMicroseconds,
        ForgetsTheVersion,
        SavesOnceWithoutEvents,
        BringsErasedPeopleBack,
        DeliversAWholeClaim,
        KeepsUsedDeadlines,
        FeedsOnlyTheLastOfABatch,
    ],
)
def test_the_machine_catches_faults(fault: type[Delegating]) -> None:
    machine = machine_for(lambda: nullcontext(fault()))
    first_failure = settings(
        max_examples=200,
        deadline=None,
        phases=[Phase.generate],
        derandomize=True,
        report_multiple_bugs=False,
    )
    with pytest.raises(testing.ConformanceError):
        run_state_machine_as_test(machine, settings=first_failure)


def test_the_machine_drives_a_repository_without_optional_protocols() -> None:
    """run_machine() returns how often each step was taken."""
    visits = run_machine(lambda: nullcontext(offering()), examples=5, steps=10)
    assert sum(visits.values()) >= 5


class ReturnsPlaces(Delegating):
    """Returns a `StoredRow` for every client, as the protocols allow."""

    def page(  # type: ignore[override]  # the protocol allows a StoredRow
        self, *args: Any, **kwargs: Any
    ) -> Sequence[ca.StoredRow[str]]:
        clients = self.good.page(*args, **kwargs)
        return [
            ca.StoredRow((client.listing.folded_name, client.id), client)
            for client in clients
            if client.listing
        ]

    def with_deadlines(  # type: ignore[override]  # the protocol allows a StoredRow
        self, *args: Any, **kwargs: Any
    ) -> Sequence[ca.StoredRow[datetime]]:
        clients = self.good.with_deadlines(*args, **kwargs)
        return [
            ca.StoredRow((deadline.at, client.id), client)
            for client in clients
            for deadline in ca.deadlines_of(client)
        ]


def test_the_machine_and_the_checks_accept_a_stored_row_in_place_of_a_client() -> None:
    """Deadlines.with_deadlines: "It may return a StoredRow in place of a client"."""
    run_machine(lambda: nullcontext(ReturnsPlaces()), examples=20, steps=20)
    assert run_checks(lambda: nullcontext(ReturnsPlaces()), thread_safe=False).conforms


def test_a_machine_is_a_test_case() -> None:
    machine = machine_for(lambda: nullcontext(ca.MemoryRepository()))
    assert issubclass(machine, testing.RepositoryMachine)
    assert machine.visits == Counter()


def test_the_machine_sees_whether_a_change_is_refused() -> None:
    """save(): "If `before` is None, the id must never have existed"."""
    (first,) = next(each for each in examples().values() if len(each.changes) == 1).changes
    store = ca.MemoryRepository()
    assert _refused(lambda: store.save([first])) is None
    assert _refused(lambda: store.save([first])) == first.after.id


class Drawn:
    """Draws the same value, whatever the strategy."""

    def __init__(self, value: object) -> None:
        self.value = value

    def draw(self, _: object) -> object:
        return self.value


def test_the_machine_reads_every_page_of_a_list() -> None:
    """page(): "the folded name and id after which the page begins"."""
    machine = machine_for(lambda: nullcontext(ca.MemoryRepository()))()
    practice = machine._practices[0]
    by = ca.PracticeUser(practice)
    for service in machine._services:
        service.handle_all(
            [ca.AddClient(UUID(int=number), by, business_name="A") for number in range(3)]
        )
    drawn = cast("st.DataObject", Drawn(practice))
    machine.page_through_a_list(drawn, ca.ClientList.INACTIVE, "", 1)
    machine.teardown()
