"""What else the kit has: clock, examples, strategies, the runner and the state machine."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, nullcontext
from datetime import UTC, datetime, timedelta
from typing import cast
from uuid import UUID

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import run_state_machine_as_test
from testing.delegating import Delegating
from testing.faults_in_more import BringsErasedPeopleBack
from testing.faults_in_outbox import DeliversAWholeClaim
from testing.faults_in_saving import ForgetsTheVersion, LosesMicroseconds
from testing.faults_in_saving_once import SavesOnceWithoutEvents

import client_access as ca
from client_access import testing
from client_access.commands import COMMANDS
from client_access.events import EVENTS
from client_access.machines import lifecycle
from client_access.testing import (
    CATALOGUE,
    CHECKS,
    FixedClock,
    awaited,
    example_clients,
    examples,
    machine_for,
    run_checks,
    run_machine,
    strategies,
)

NAME = "get_returns_deleted_clients_too"

# ── Clock and examples ───────────────────────────────────────────────────────────────────────────


def test_a_fixed_clock_stands_still_or_goes_on_by_steps() -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    clock = FixedClock(now)
    assert clock() == clock() == now
    assert clock.advance(timedelta(hours=1)) == clock() == now + timedelta(hours=1)
    stepping = FixedClock(now, step=timedelta(seconds=1))
    assert (stepping(), stepping()) == (now, now + timedelta(seconds=1))
    with pytest.raises(ca.InvalidValue):
        FixedClock(datetime(2026, 1, 1))  # noqa: DTZ001  # what is refused


def test_there_is_an_example_client_in_every_status_and_list() -> None:
    made = example_clients()
    assert made == example_clients()
    assert {client.status for client in made.values()} == set(ca.Status)
    assert {client.payer_state for client in made.values()} == set(ca.PayerState)
    listings = (client.listing for client in made.values())
    assert {listing.client_list for listing in listings if listing} == set(ca.ClientList)
    for name, example in examples().items():
        assert ca.replay(example.events) == example.client, name


def test_every_event_happens_to_an_example() -> None:
    happened = {type(event) for example in examples().values() for event in example.events}
    assert happened == set(EVENTS.values())


# ── Strategies ───────────────────────────────────────────────────────────────────────────────────


def test_walks_reach_every_status_and_almost_every_event() -> None:
    seen: Counter[object] = Counter()

    # What an unmanaged client does, it does in no other status, so it is asked for twice.
    @settings(max_examples=150)
    @given(
        st.one_of(
            strategies.walks(max_details=4),
            strategies.walks(status=ca.Status.UNMANAGED, max_details=8),
        )
    )
    def walk(changes: tuple[ca.Change, ...]) -> None:
        client = changes[-1].after
        assert ca.replay([change.event for change in changes if change.event]) == client
        seen[client.status] += 1
        seen.update({type(change.event) for change in changes})

    walk()
    for status in ca.Status:
        assert seen[status] >= 2, status
    assert len(set(EVENTS.values()) & set(seen)) >= 20


@pytest.mark.parametrize("status", ca.Status)
def test_clients_and_histories_end_where_they_are_told_to(status: ca.Status) -> None:
    @settings(max_examples=20)
    @given(strategies.clients(status=status), strategies.histories(status=status))
    def arrive(client: ca.Client, events: tuple[ca.Event, ...]) -> None:
        assert client.status is status
        assert ca.replay(events).status is status

    arrive()


@settings(max_examples=30)
@given(st.data())
def test_walks_take_any_catalogue_and_policy(data: st.DataObject) -> None:
    catalogue = data.draw(strategies.catalogues())
    policy = data.draw(strategies.policies())
    client = data.draw(strategies.clients(catalogue=catalogue, policy=policy))
    assert {held.code for held in client.services} <= {s.code for s in catalogue.services}


@settings(max_examples=50)
@given(st.data())
def test_accepted_commands_are_accepted(data: st.DataObject) -> None:
    client = data.draw(strategies.clients())
    at = datetime(2040, 1, 1, tzinfo=UTC)
    commands = strategies.accepted_commands(client, at=at)
    if client.status is ca.Status.DELETED:
        assert commands.is_empty
    else:
        command = data.draw(commands)
        assert ca.decide(client, command, at=at, catalogue=CATALOGUE).command == command


def test_commands_of_every_kind_are_made() -> None:
    kinds = set()

    @settings(max_examples=150)
    @given(strategies.commands(client_id=UUID(int=1)))
    def ask_for_anything(command: ca.Command) -> None:
        kinds.add(type(command))

    @settings(max_examples=20)
    @given(st.data())
    def ask(data: st.DataObject) -> None:
        kinds.add(type(data.draw(strategies.commands())))
        client = data.draw(strategies.clients())
        about = data.draw(strategies.commands(client=client, by=st.just(ca.PlatformUser())))
        assert about.client_id == client.id
        only = data.draw(
            strategies.commands(client_id=UUID(int=1), kinds=(ca.Subscribe, ca.Activate))
        )
        assert isinstance(only, ca.Subscribe | ca.Activate)
        assert only.client_id == UUID(int=1)

    ask_for_anything()
    ask()
    assert kinds == set(COMMANDS.values())


@given(strategies.email_addresses(any_domain=False), strategies.email_addresses())
def test_addresses_are_mailable(known: ca.EmailAddress, any_domain: ca.EmailAddress) -> None:
    assert known.is_mailable
    assert any_domain.is_mailable


# ── Runner ───────────────────────────────────────────────────────────────────────────────────────


def test_the_runner_reports_what_passed_failed_and_was_left_out() -> None:
    report = run_checks(lambda: nullcontext(ca.MemoryRepository()), thread_safe=False)
    assert report.conforms
    assert str(report).endswith(f"{len(report.passed)} passed, 0 failed, 10 skipped")
    assert len(report.passed) + len(report.skipped) == len(CHECKS)

    name = "save_refuses_a_change_decided_on_an_older_version"
    report = run_checks(lambda: nullcontext(ForgetsTheVersion()), only=[name])
    assert not report.conforms
    assert "compare before.version in the statement that writes" in str(report)
    assert str(report).startswith(f"{name}\n  proves: Repository.save: ")


def test_a_repository_that_offers_less_than_it_means_to_is_told() -> None:
    class Misspelt:
        histories = Delegating.history

    misspelt = cast("ca.Repository", Misspelt())
    run_checks(
        lambda: nullcontext(Delegating()),
        offers=[ca.History],
        only=[NAME],
    )
    with pytest.raises(testing.ConformanceError, match="History, but it lacks history"):
        run_checks(
            lambda: nullcontext(misspelt),
            offers=[ca.History],
            only=[NAME],
        )


def test_a_method_that_is_no_coroutine_is_told_by_its_name() -> None:
    class HalfAwaited:
        def save(self, changes: Sequence[ca.Change]) -> None:
            return

    @asynccontextmanager
    async def opened() -> AsyncIterator[ca.AsyncRepository]:
        yield cast("ca.AsyncRepository", HalfAwaited())

    with (
        pytest.raises(testing.ConformanceError, match=r"HalfAwaited\.save\(\) must be a coroutine"),
        awaited(opened) as repository,
    ):
        repository.save([])


def test_what_cannot_be_opened_is_told_to_whoever_opens_it() -> None:
    @asynccontextmanager
    async def shut() -> AsyncIterator[ca.AsyncRepository]:
        raise ConnectionError("no database today")
        yield  # type: ignore[unreachable]  # what makes it a generator

    with pytest.raises(ConnectionError), awaited(shut):
        pass


def test_checks_need_neither_pytest_nor_hypothesis() -> None:
    program = (
        "import sys; sys.modules['pytest'] = sys.modules['hypothesis'] = None;"
        "from contextlib import nullcontext; from client_access import MemoryRepository;"
        "from client_access.testing import run_checks;"
        "print(run_checks(lambda: nullcontext(MemoryRepository())))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    )
    assert "0 failed" in done.stdout


def test_the_kit_has_what_it_lists_and_nothing_else() -> None:
    for name in testing.__all__:
        assert getattr(testing, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        testing.nonsense  # noqa: B018  # what is refused


# ── Pytest classes ───────────────────────────────────────────────────────────────────────────────


def test_a_suite_without_its_fixture_says_which_to_override() -> None:
    sync, awaiting = testing.RepositoryConformance, testing.AsyncRepositoryConformance
    for suite, fixture in ((sync, "repository"), (awaiting, "open_repository")):
        with pytest.raises(NotImplementedError, match=f"override the fixture `{fixture}`"):
            list(getattr(suite, fixture).__wrapped__(suite()) or ())


def test_a_suite_has_a_test_for_every_check() -> None:
    tests = {name for name in dir(testing.RepositoryConformance) if name.startswith("test_")}
    assert {f"test_{name}" for name in CHECKS} < tests


# ── State machine ────────────────────────────────────────────────────────────────────────────────


def test_the_machine_visits_every_status_and_most_steps() -> None:
    machine = machine_for(lambda: nullcontext(ca.MemoryRepository()))
    courses = settings(max_examples=120, stateful_step_count=30, derandomize=True)
    run_state_machine_as_test(machine, settings=courses)
    visits, done = machine.visits, machine.done
    assert {after for _, _, after in visits} == set(ca.Status)
    edges = {
        (edge["source"], edge["dest"]) for edge in lifecycle.TRANSITIONS if edge["source"] != "new"
    }
    seen = {(before.value, after.value) for before, _, after in visits if before}
    assert len(edges & seen) >= 6
    assert len({event for _, event, _ in visits}) >= 15
    assert {name for name, times in done.items() if times >= 5} == {
        *("asked once", "asked again", "saved later", "refused later", "erased"),
        *("delivered", "failed", "parked", "retried", "too late"),
    }


def test_a_run_tells_how_often_each_step_was_taken() -> None:
    visits = run_machine(lambda: nullcontext(ca.MemoryRepository()), examples=5)
    assert sum(visits.values()) >= 5


@pytest.mark.parametrize(
    "fault",
    [LosesMicroseconds, SavesOnceWithoutEvents, BringsErasedPeopleBack, DeliversAWholeClaim],
)
def test_the_machine_catches_what_a_repository_loses(fault: type[Delegating]) -> None:
    machine = machine_for(lambda: nullcontext(fault()))
    found = settings(
        max_examples=200,
        deadline=None,
        phases=[Phase.generate],
        derandomize=True,
        report_multiple_bugs=False,
    )
    with pytest.raises(testing.ConformanceError):
        run_state_machine_as_test(machine, settings=found)


def test_a_machine_is_a_test_case() -> None:
    machine = machine_for(lambda: nullcontext(ca.MemoryRepository()))
    assert issubclass(machine, testing.RepositoryMachine)
    assert machine.visits == Counter()
