"""A host's own unit of work is repeated after conflicts with other writers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, TypeAlias
from uuid import UUID

import pytest

import client_access as ca
from client_access.service.retries import ATTEMPTS

Repeat: TypeAlias = Callable[[Callable[[], int]], int]
FIRST = UUID(int=1)


def _awaited(work: Callable[[], int]) -> int:
    async def awaited() -> int:
        return work()

    return asyncio.run(ca.repeat_on_conflict_async(awaited))


repeating = pytest.mark.parametrize("repeat", [ca.repeat_on_conflict, _awaited])


class Work:
    """Raises errors in turn, and then returns how often it was called."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.calls = 0

    def __call__(self) -> int:
        self.calls += 1
        if self.errors:
            raise self.errors.pop(0)
        return self.calls


@repeating
def test_work_is_repeated_after_conflicts_and_its_result_returned(repeat: Repeat) -> None:
    assert repeat(Work()) == 1
    assert repeat(Work(ca.StaleClient(FIRST), ca.EmailTaken(FIRST))) == 3


@repeating
@pytest.mark.usefixtures("no_pauses")
def test_the_last_attempt_raises_its_conflict_and_says_how_often_it_was_tried(
    repeat: Repeat,
) -> None:
    work = Work(*(ca.StaleClient(FIRST) for _ in range(ATTEMPTS + 1)))
    with pytest.raises(ca.StaleClient) as raised:
        repeat(work)
    assert work.calls == ATTEMPTS
    assert raised.value.__notes__ == [f"Tried {ATTEMPTS} times."]


@repeating
def test_any_other_error_is_raised_at_once(repeat: Repeat) -> None:
    for error in (ca.CorruptRecord("reason"), ca.InvalidValue("field", "reason"), KeyError()):
        work = Work(error)
        with pytest.raises(type(error)):
            repeat(work)
        assert work.calls == 1


def test_what_cannot_be_called_or_is_of_the_other_kind_is_refused() -> None:
    async def is_async() -> None:
        raise AssertionError  # not called

    def is_sync() -> Any:
        return None

    with pytest.raises(ca.InvalidValue, match="repeat_on_conflict_async"):
        ca.repeat_on_conflict(is_async)  # type: ignore[unused-coroutine]  # none is made
    with pytest.raises(ca.InvalidValue, match="use repeat_on_conflict"):
        asyncio.run(ca.repeat_on_conflict_async(is_sync))
    not_callable: Any = 1
    with pytest.raises(ca.InvalidValue, match="work"):
        ca.repeat_on_conflict(not_callable)
    with pytest.raises(ca.InvalidValue, match="work"):
        asyncio.run(ca.repeat_on_conflict_async(not_callable))
