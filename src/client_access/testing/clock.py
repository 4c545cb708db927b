"""A clock that tests set."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import final

from client_access.values import to_utc

START = datetime(2026, 1, 5, 9, 30, 15, 123457, tzinfo=UTC)
"""When the examples begin; it has microseconds, which a repository must not lose."""


@final
class FixedClock:
    """A clock that stands still, or advances by one step with each reading.

    Parameters:
        now: the time that it shows, with a time zone.
        step: how far it advances after each reading; zero by default.

    Raises:
        InvalidValue: `now` has no time zone.
    """

    def __init__(self, now: datetime = START, *, step: timedelta = timedelta(0)) -> None:
        self.now: datetime = to_utc("now", now)
        self.step = step

    def __call__(self) -> datetime:
        """Return the time, and advance by one step."""
        now = self.now
        self.now += self.step
        return now

    def advance(self, by: timedelta) -> datetime:
        """Advance, or go back if `by` is negative, and return the new time."""
        self.now += by
        return self.now
