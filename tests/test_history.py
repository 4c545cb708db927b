"""A history shows how the client was at any time."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
import world

import client_access as ca


def test_as_of_replays_the_events_up_to_a_moment() -> None:
    """An event of that very moment is included; before the first event there is no client."""
    blink = timedelta(microseconds=1)
    for there in world.walk().histories:
        client = None
        for count, event in enumerate(there.events):
            assert ca.as_of(there.events, event.at - blink) == client
            client = ca.replay(there.events[: count + 1])
            assert ca.as_of(there.events, event.at) == client
        assert ca.as_of(there.events, world.LATE) == there.client
    assert ca.as_of((), world.LATE) is None


def test_a_moment_without_a_time_zone_is_malformed_and_a_broken_history_is_corrupt() -> None:
    """Malformed input raises InvalidValue, and an impossible history raises CorruptRecord."""
    first, second, *_ = max((there.events for there in world.walk().histories), key=len)
    with pytest.raises(ca.InvalidValue, match="at must have a time zone"):
        ca.as_of([first], datetime(2026, 1, 1))  # noqa: DTZ001  # wrong on purpose
    with pytest.raises(ca.CorruptRecord):
        ca.as_of([second], world.LATE)
