"""An observer sees each command that a service is given, once, with what became of it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import pytest
from test_async_service import AwaitedMemory
from testing.delegating import Delegating
from world import CATALOGUE, CLIENT_ID, FIRST, NORTH, OTHER_ID, PLATFORM

import client_access as ca

ADD = ca.AddClient(CLIENT_ID, NORTH, business_name="Acme", email=FIRST)
TAKEN = ca.AddClient(OTHER_ID, NORTH, business_name="Bolt", email=FIRST)


class Memory(Delegating):
    """A repository with conflicts, as `AwaitedMemory` has."""

    def __init__(self) -> None:
        super().__init__()
        self.conflicts: list[BaseException] = []

    def save(self, changes: Any) -> None:
        if self.conflicts:
            raise self.conflicts.pop()
        self.good.save(changes)

    def save_once(self, command_id: str, change: ca.Change, **more: Any) -> None:
        if self.conflicts:
            raise self.conflicts.pop()
        self.good.save_once(command_id, change, **more)


class Observed:
    """A service of either kind, called as the sync one, and what its observer was given."""

    def __init__(self, is_async: bool) -> None:
        self.seen: list[ca.Observation] = []
        self.is_async = is_async
        self.repository: Any = AwaitedMemory() if is_async else Memory()
        kind: Any = ca.AsyncClientAccess if is_async else ca.ClientAccess
        self.access = kind(self.repository, catalogue=CATALOGUE, observe=self.seen.append)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self.access, name)

        def call(*arguments: Any, **more: Any) -> Any:
            result = method(*arguments, **more)
            return asyncio.run(result) if self.is_async else result

        return call

    def take(self) -> list[tuple[ca.Command, ca.Change | Exception, int]]:
        """Return what was observed since the last call of this method."""
        assert all(0 <= each.seconds < 60 for each in self.seen)
        taken = [(each.command, each.outcome, each.attempts) for each in self.seen]
        self.seen.clear()
        return taken


@pytest.fixture(params=[False, True], ids=["sync", "async"])
def service(request: pytest.FixtureRequest) -> Observed:
    return Observed(request.param)


def test_each_decision_is_observed(service: Observed) -> None:
    """A change, a refusal, and a command that changes nothing; a preview is not observed."""
    service.preview(ADD)
    service.preview_all([ADD])
    assert service.take() == []
    change = service.handle(ADD)
    assert service.take() == [(ADD, change, 1)]
    with pytest.raises(ca.CommandRefused) as refused:
        service.handle(TAKEN)
    assert service.take() == [(TAKEN, refused.value, 1)]
    same = ca.ChangeBusinessName(CLIENT_ID, PLATFORM, business_name="Acme")
    change = service.handle(same)
    assert change.event is None
    assert service.take() == [(same, change, 1)]


def test_each_command_of_several_is_observed_once(service: Observed) -> None:
    """If a call raises an error, every one of its commands has that error as its outcome."""
    with pytest.raises(ca.CommandRefused) as refused:
        service.handle_all([ADD, TAKEN])
    assert service.take() == [(ADD, refused.value, 1), (TAKEN, refused.value, 1)]
    added, left_out = service.handle_each([ADD, TAKEN])
    assert service.take() == [(ADD, added, 1), (TAKEN, left_out, 1)]
    service.handle_all([])
    assert service.take() == []


def test_a_command_that_was_remembered_is_observed_without_an_attempt(service: Observed) -> None:
    """So a host counts each change once."""
    change = service.handle(ADD, command_id="first")
    assert service.handle(ADD, command_id="first") == change
    assert service.take() == [(ADD, change, 1), (ADD, change, 0)]


@pytest.mark.usefixtures("no_pauses")
@pytest.mark.parametrize("command_id", [None, "first"])
def test_attempts_are_counted_and_a_failure_is_observed(
    service: Observed, command_id: str | None
) -> None:
    """Conflicts count, also if all attempts fail. So does an error of the storage."""
    service.repository.conflicts = [ca.StaleClient(CLIENT_ID)] * 2
    change = service.handle(ADD, command_id=command_id)
    assert service.take() == [(ADD, change, 3)]
    rename = ca.ChangeBusinessName(CLIENT_ID, PLATFORM, business_name="Bolt")
    for error, attempts in ((ca.StaleClient(CLIENT_ID), 20), (ca.RepositoryError("down"), 1)):
        service.repository.conflicts = [error] * attempts
        with pytest.raises(type(error)):
            service.handle(rename)
        assert service.take() == [(rename, error, attempts)]


def test_malformed_calls_and_cancelled_tasks_are_not_observed(service: Observed) -> None:
    """What is not a command was never given, and the outcome of a cancelled task is unknown."""
    with pytest.raises(ca.InvalidValue):
        service.handle("add")
    with pytest.raises(ca.InvalidValue):
        service.handle_all([ADD, "add"])
    service.repository.conflicts = [KeyboardInterrupt()]
    with pytest.raises(KeyboardInterrupt):
        service.handle(ADD)
    assert service.take() == []


@pytest.mark.parametrize("is_async", [False, True])
def test_an_observer_that_raises_an_error_changes_nothing(
    is_async: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """The change is saved and returned, and the error is logged under a documented name."""
    service = Observed(is_async)
    service.access.observe = lambda _: 1 / 0
    change = service.handle(ADD)
    assert change.after.version == 1
    with pytest.raises(ca.CommandRefused):
        service.handle(TAKEN)
    assert [(record.name, record.levelno) for record in caplog.records] == [
        ("client_access.service", logging.ERROR)
    ] * 2


@pytest.mark.parametrize(
    ("kind", "repository"),
    [(ca.ClientAccess, Memory()), (ca.AsyncClientAccess, AwaitedMemory())],
)
def test_an_observer_must_be_callable(kind: Any, repository: Any) -> None:
    with pytest.raises(ca.InvalidValue, match="observe"):
        kind(repository, catalogue=CATALOGUE, observe="print")
