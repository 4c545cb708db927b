"""A history shows the client as it was at any moment."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
import world

import client_access as ca


def test_as_of_replays_the_events_until_a_moment() -> None:
    """An event at that very moment is included. Before the first event, there is no client."""
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
    """The first is `InvalidValue` and names its field, the second is `CorruptRecord`."""
    first, second, *_ = max((there.events for there in world.walk().histories), key=len)
    with pytest.raises(ca.InvalidValue, match="at must have a time zone"):
        ca.as_of([first], datetime(2026, 1, 1))  # noqa: DTZ001  # on purpose
    with pytest.raises(ca.CorruptRecord):
        ca.as_of([second], world.LATE)
