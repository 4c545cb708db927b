"""Every notice that a reachable client can have: the tests of texts, records and erasing use it."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import world

import client_access as ca


@cache
def changes() -> tuple[ca.Change, ...]:
    """Return the change of every accepted command, for every reachable client."""
    outcomes = (
        world.outcome(client, command, world.SOON)
        for client in (None, *world.clients())
        for by in world.ACTORS
        for command in world.commands(by)
    )
    return tuple(outcome for outcome in outcomes if isinstance(outcome, ca.Change))


@cache
def notices() -> tuple[ca.Notice, ...]:
    """Return the notices of all changes, the prompts at sign-in and the reminders (rules §9)."""
    return tuple(dict.fromkeys(_notices()))


def _notices() -> Iterator[ca.Notice]:
    for change in changes():
        yield from change.notices
    for client in world.clients():
        yield from ca.sign_in_of(client, at=world.SOON).prompts
        yield from ca.reminders(client, world.T0, world.LATE)
