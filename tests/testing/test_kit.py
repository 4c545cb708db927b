"""The clock, the examples, the runner, async repositories and the pytest classes of the kit."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, nullcontext
from datetime import UTC, datetime, timedelta
from typing import cast
from uuid import UUID

import pytest
from testing.delegating import Delegating
from testing.faults_in_saving import ForgetsTheVersion

import client_access as ca
from client_access import testing
from client_access.events import EVENTS
from client_access.testing import (
    CHECKS,
    FixedClock,
    awaited,
    example_clients,
    examples,
    run_checks,
)
from client_access.testing.checks.frame import expect_error
from client_access.testing.checks.scene import empty_outbox

NAME = "get_returns_deleted_clients_too"


def _python(program: str) -> str:
    """Run a program in a process of its own, and return what it prints."""
    done = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    )
    return done.stdout


# ── Names ────────────────────────────────────────────────────────────────────────────────────────


def test_the_kit_has_the_names_that_it_lists_and_no_others() -> None:
    for name in testing.__all__:
        assert getattr(testing, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        testing.nonsense  # noqa: B018  # raises


def test_the_strategies_need_no_import_of_their_own() -> None:
    printed = _python("from client_access import testing; print(testing.strategies.__name__)")
    assert printed == "client_access.testing.strategies\n"


def test_checks_need_neither_pytest_nor_hypothesis() -> None:
    printed = _python(
        "import sys; sys.modules['pytest'] = sys.modules['hypothesis'] = None;"
        "from contextlib import nullcontext; from client_access import MemoryRepository;"
        "from client_access.testing import run_checks;"
        f"print(run_checks(lambda: nullcontext(MemoryRepository()), only=['{NAME}']))"
    )
    assert printed == "1 passed, 0 failed\n"


# ── Clock and examples ───────────────────────────────────────────────────────────────────────────


def test_a_fixed_clock_stands_still_or_advances_by_steps() -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    clock = FixedClock(now)
    assert clock() == clock() == now
    assert clock.advance(timedelta(hours=1)) == clock() == now + timedelta(hours=1)
    stepping = FixedClock(now, step=timedelta(seconds=1))
    assert (stepping(), stepping()) == (now, now + timedelta(seconds=1))
    with pytest.raises(ca.InvalidValue):
        FixedClock(datetime(2026, 1, 1))  # noqa: DTZ001  # raises


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


# ── Checks and runner ────────────────────────────────────────────────────────────────────────────


def test_the_runner_reports_what_passed_failed_and_was_skipped() -> None:
    report = run_checks(lambda: nullcontext(ca.MemoryRepository()), thread_safe=False)
    assert report.conforms
    assert str(report) == (
        f"{len(report.passed)} passed, 0 failed\n"
        "12 skipped: the repository is not thread-safe\n"
        "3 skipped: the repository does not offer Locks\n"
        "2 skipped: the repository does not offer HostTransaction\n"
        "3 skipped: the repository does not offer Sessions"
    )
    assert len(report.passed) + len(report.skipped) == len(CHECKS)

    name = "save_refuses_a_change_decided_on_an_older_version"
    report = run_checks(lambda: nullcontext(ForgetsTheVersion()), only=[name])
    assert not report.conforms
    assert "compare before.version\n  in the statement that writes" in str(report)
    assert str(report).startswith(f"{name}\n  proves: Repository.save: ")
    assert max(map(len, str(report).splitlines())) <= 100


def test_the_runner_names_any_other_error_and_where_it_was_raised() -> None:
    """A `KeyError` says little without its name and its place."""

    class Broken(Delegating):
        def save(self, changes: Sequence[ca.Change]) -> None:
            raise KeyError("row")

    report = run_checks(lambda: nullcontext(Broken()), only=[NAME])
    assert re.search(r"KeyError: 'row' \(.*test_kit.py, line \d+, in save\)", str(report))


def test_the_runner_names_what_a_repository_should_offer_and_lacks() -> None:
    class Misspelt:
        histories = Delegating.history

    misspelt = cast("ca.Repository", Misspelt())
    run_checks(lambda: nullcontext(Delegating()), offers=[ca.History], only=[NAME])
    with pytest.raises(testing.ConformanceError, match="History, but it lacks history"):
        run_checks(lambda: nullcontext(misspelt), offers=[ca.History], only=[NAME])


def test_another_error_than_the_expected_conflict_is_named_with_the_advice() -> None:
    """save() raises StaleClient, and no other error instead."""
    with (
        pytest.raises(
            testing.ConformanceError,
            match="StaleClient was expected, and OSError was raised: compare the version",
        ),
        expect_error(ca.StaleClient, UUID(int=1), "compare the version"),
    ):
        raise OSError


def test_an_outbox_that_is_never_empty_does_not_hang_the_kit() -> None:
    """If `delivered` forgets no notice, the kit gives up."""
    example = next(each for each in examples().values() if any(c.notices for c in each.changes))
    notice = next(notice for change in example.changes for notice in change.notices)

    class Endless(Delegating):
        claims = 0

        def claim(self, *, at: datetime, lease: timedelta, limit: int) -> Sequence[ca.Claim]:
            self.claims += 1
            return [ca.Claim(notice, 0, UUID(int=0), at)]

    store = Endless()
    empty_outbox(store)
    assert store.claims == 1000


# ── Async repositories ───────────────────────────────────────────────────────────────────────────


def test_a_method_that_is_not_a_coroutine_is_named() -> None:
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


def test_a_synchronous_face_offers_what_the_async_repository_offers() -> None:
    """Only the protocols that it offers, and a property is read again each time."""

    class Hosted:
        in_host_transaction = False

        async def history(self, client_id: UUID) -> Sequence[ca.Event]:
            return ()

    hosted = Hosted()

    @asynccontextmanager
    async def opened() -> AsyncIterator[ca.AsyncRepository]:
        yield cast("ca.AsyncRepository", hosted)

    with awaited(opened) as repository:
        offered = {one for one in testing.OPTIONAL_PROTOCOLS if isinstance(repository, one)}
        assert offered == {ca.History, ca.HostTransaction}
        assert isinstance(repository, ca.History)
        assert repository.history(UUID(int=1)) == ()
        assert isinstance(repository, ca.HostTransaction)
        assert not repository.in_host_transaction
        hosted.in_host_transaction = True
        assert repository.in_host_transaction


def test_what_opening_raises_is_raised() -> None:
    @asynccontextmanager
    async def opened() -> AsyncIterator[ca.AsyncRepository]:
        raise ConnectionError("no database today")
        yield  # type: ignore[unreachable]  # makes it a generator

    with pytest.raises(ConnectionError), awaited(opened):
        pass


def test_what_closing_raises_is_raised() -> None:
    @asynccontextmanager
    async def opened() -> AsyncIterator[ca.AsyncRepository]:
        yield None  # type: ignore[misc]  # nothing is called
        raise OSError("cannot be closed")

    with pytest.raises(OSError, match="cannot be closed"), awaited(opened):
        pass


# ── Pytest classes ───────────────────────────────────────────────────────────────────────────────


def test_a_suite_without_its_fixture_says_which_to_override() -> None:
    sync, awaiting = testing.RepositoryConformance, testing.AsyncRepositoryConformance
    for suite, fixture in ((sync, "repository"), (awaiting, "open_repository")):
        with pytest.raises(NotImplementedError, match=f"override the fixture `{fixture}`"):
            list(getattr(suite, fixture).__wrapped__(suite()) or ())


def test_a_suite_has_a_test_for_every_check() -> None:
    tests = {name for name in dir(testing.RepositoryConformance) if name.startswith("test_")}
    assert {f"test_{name}" for name in CHECKS} < tests
