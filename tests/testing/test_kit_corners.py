"""What only a repository in great disorder makes the kit do."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, nullcontext
from datetime import datetime, timedelta
from typing import cast
from uuid import UUID

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import run_state_machine_as_test
from testing.faults_in_saving import ForgetsTheVersion

import client_access as ca
from client_access import testing
from client_access.testing import awaited, examples, machine_for
from client_access.testing.checks.frame import expect_error
from client_access.testing.checks.scene import empty_outbox
from client_access.testing.machine import _refused


def test_a_name_that_the_kit_has_not_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="nothing"):
        testing.nothing  # noqa: B018  # on purpose


def test_the_strategies_are_there_without_being_imported_apart() -> None:
    program = "from client_access import testing; print(testing.strategies.__name__)"
    done = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    )
    assert done.stdout == "client_access.testing.strategies\n"


def test_another_error_than_the_conflict_is_told_with_the_advice() -> None:
    """save(): "Raises: StaleClient", and nothing else in its place."""
    with (
        pytest.raises(testing.ConformanceError, match="StaleClient was expected, and OSError"),
        expect_error(ca.StaleClient, UUID(int=1), "compare the version"),
    ):
        raise OSError


def test_an_outbox_that_never_empties_does_not_hang_the_kit() -> None:
    """delivered() "Forget a notice that was delivered": one that does not is left after a while."""
    example = next(each for each in examples().values() if any(c.notices for c in each.changes))
    notice = next(notice for change in example.changes for notice in change.notices)

    class Endless(ca.MemoryRepository):  # type: ignore[misc]  # final for others than this test
        given = 0

        def claim(self, *, at: datetime, lease: timedelta, limit: int) -> Sequence[ca.Claim]:
            self.given += 1
            return [ca.Claim(notice, 0, UUID(int=0), at)]

    store = Endless()
    empty_outbox(store)
    assert store.given == 1000


def test_what_fails_when_it_is_left_is_told_to_whoever_leaves_it() -> None:
    @asynccontextmanager
    async def open_repository() -> AsyncIterator[ca.AsyncRepository]:
        yield None  # type: ignore[misc]  # nobody asks it anything
        raise OSError("cannot be closed")

    with pytest.raises(OSError, match="cannot be closed"), awaited(open_repository):
        pass


def test_the_machine_catches_a_repository_that_forgets_the_version() -> None:
    """save(): "the stored version must be `before.version`"."""
    machine = machine_for(lambda: nullcontext(ForgetsTheVersion()))
    found = settings(
        max_examples=200,
        deadline=None,
        phases=[Phase.generate],
        derandomize=True,
        report_multiple_bugs=False,
    )
    with pytest.raises(testing.ConformanceError):
        run_state_machine_as_test(machine, settings=found)


def test_the_machine_sees_whether_a_change_is_refused() -> None:
    """save(): "Where `before` is None the id must never have existed"."""
    (first,) = next(each for each in examples().values() if len(each.changes) == 1).changes
    store = ca.MemoryRepository()
    assert _refused(lambda: store.save([first])) is None
    assert _refused(lambda: store.save([first])) == first.after.id


class Drawn:
    """Stands for what Hypothesis would draw."""

    def __init__(self, value: object) -> None:
        self.value = value

    def draw(self, _: object) -> object:
        return self.value


def test_the_machine_goes_through_every_page_of_a_list() -> None:
    """page(): "the folded name and id that all of them come after"."""
    machine = machine_for(lambda: nullcontext(ca.MemoryRepository()))()
    practice = machine._practices[0]
    by = ca.PracticeUser(practice)
    machine._handle([ca.AddClient(UUID(int=number), by, business_name="A") for number in range(3)])
    drawn = cast("st.DataObject", Drawn(practice))
    machine.page_through_a_list(drawn, ca.ClientList.INACTIVE, "", 1)
    machine.teardown()


def test_the_machine_drives_a_repository_that_keeps_no_history() -> None:
    """History is offered or not: nothing else depends on it."""

    class Bare:
        def __init__(self) -> None:
            good = ca.MemoryRepository()
            self.get, self.find_by_email = good.get, good.find_by_email
            self.save, self.page = good.save, good.page

    machine = machine_for(lambda: nullcontext(Bare()))
    few = settings(max_examples=5, deadline=None, derandomize=True)
    run_state_machine_as_test(machine, settings=few)
    assert machine.visits
