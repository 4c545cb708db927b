"""A clock that a test sets."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import final

from client_access.values import to_utc

START = datetime(2026, 1, 5, 9, 30, 15, 123457, tzinfo=UTC)
"""When examples begin: with microseconds, which a repository must not lose."""


@final
class FixedClock:
    """A clock that stands still, or goes on by one step with each reading.

    Parameters:
        now: what it shows, with a time zone.
        step: how much it goes on after each reading; nothing, unless given.

    Raises:
        InvalidValue: `now` has no time zone.
    """

    def __init__(self, now: datetime = START, *, step: timedelta = timedelta(0)) -> None:
        self.now: datetime = to_utc("now", now)
        self.step = step

    def __call__(self) -> datetime:
        """Return the time, and go on by one step."""
        now = self.now
        self.now += self.step
        return now

    def advance(self, by: timedelta) -> datetime:
        """Go on, or back where `by` is negative, and return the time then."""
        self.now += by
        return self.now
