"""Measure one step of a client's life beside other libraries: python benchmarks/steps.py.

Every figure is shown with its ratio to one guarded step of `transitions`. Only the ratios mean
anything. Each peer is checked to walk the same six steps. Rounds are interleaved, and medians of
processor time are shown.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from statistics import median
from time import process_time
from timeit import Timer
from uuid import UUID

import peers

from client_access import (
    Activate,
    AddClient,
    Catalogue,
    ChoosePayer,
    ClientUser,
    CommandRefused,
    DisableAccess,
    EnableAccess,
    GiveAccess,
    Payer,
    PracticeUser,
    Service,
    SignIn,
    Status,
    StopManaging,
    Subscribe,
    actions_of,
    decide,
    evolve,
)

ROUNDS, SECONDS_EACH, IMPORTS = 100, 0.002, 31
CLIENT = UUID(int=1)
PRACTICE = PracticeUser("practice")
EMAIL = "books@example.com"
CATALOGUE = Catalogue([Service("payroll", "Payroll", Decimal(7))])
decided = partial(decide, at=datetime(2026, 1, 1, tzinfo=UTC), catalogue=CATALOGUE)

ADD = AddClient(CLIENT, PRACTICE, business_name="Oak & Sons", email=EMAIL)
COMMANDS = (
    Subscribe(
        CLIENT,
        PRACTICE,
        payer=Payer.PRACTICE,
        sign_in=SignIn.PRACTICE_ONLY,
        services={"payroll": None},
    ),
    GiveAccess(CLIENT, PRACTICE, email=EMAIL, confirm_email=EMAIL, activation_id=UUID(int=2)),
    Activate(CLIENT, ClientUser(CLIENT), activation_id=UUID(int=2)),
    DisableAccess(CLIENT, PRACTICE),
    EnableAccess(CLIENT, PRACTICE),
    StopManaging(CLIENT, PRACTICE),
)
CHOOSE = ChoosePayer(CLIENT, PRACTICE, payer=Payer.CLIENT)
STATUSES = [Status(to) for _, _, to in peers.STEPS]
ADDED = decided(None, ADD)

CHANGES = []
client = ADDED.after
for command in COMMANDS:
    CHANGES.append(decided(client, command))
    client = CHANGES[-1].after
EVENTS = [change.event for change in CHANGES if change.event is not None]
BEFORE, DISABLE, DISABLED = CHANGES[3].before, COMMANDS[3], EVENTS[3]


def walk_deciding() -> Iterator[object]:
    """Decide on each command: guards, event, client and notices."""
    client = ADDED.after
    for command in COMMANDS:
        client = decided(client, command).after
        yield client.status


def walk_evolving() -> Iterator[object]:
    """Replay the same events."""
    client = ADDED.after
    for event in EVENTS:
        client = evolve(client, event)
        yield client.status


def refuse() -> None:
    """Choose a payer when the payer is locked."""
    try:
        decided(BEFORE, CHOOSE)
    except CommandRefused:
        return
    raise AssertionError("not refused")


def measured() -> Iterator[tuple[str, float | None, Callable[[], object], int]]:
    """Yield each measurement: its name, its goal, a call, and the number of steps in the call."""
    for peer in peers.PEERS:
        try:
            walk = peer()
        except ModuleNotFoundError as missing:
            sys.stdout.write(f"{peer.__name__}: left out, {missing.name} is not installed\n")
        else:
            yield peer.__name__, None, *walking(walk)
    yield "decide, disabling", 1.0, partial(decided, BEFORE, DISABLE), 1
    yield "decide, mean of the walk", 1.7, *walking(walk_deciding)
    yield "evolve, disabling", 0.5, partial(evolve, BEFORE, DISABLED), 1
    yield "evolve, mean of the walk", 0.5, *walking(walk_evolving)
    yield "actions_of", 4.0, partial(actions_of, BEFORE, PRACTICE, **decided.keywords), 1
    yield "a refusal", 0.6, refuse, 1
    yield "decide, adding", None, partial(decided, None, ADD), 1


def walking(walk: peers.Walk) -> tuple[Callable[[], object], int]:
    """Check that a walk takes the six steps. Return a call that takes it, and the step count."""
    assert [Status(status) for status in walk()] == STATUSES
    return lambda: deque(walk(), maxlen=0), len(STATUSES)


def print_steps() -> None:
    """Measure and print every step."""
    timers, rows = [], []
    for name, goal, call, steps in measured():
        timer = Timer(call, timer=process_time)
        times = max(1, round(SECONDS_EACH / timer.timeit(5) * 5))
        timers.append((timer, times, steps))
        rows.append((name, goal))
    rounds = [
        [timer.timeit(times) / times / steps for timer, times, steps in timers]
        for _ in range(ROUNDS)
    ]
    medians = [median(taken) for taken in zip(*rounds, strict=True)]
    unit = medians[[name for name, _ in rows].index("transitions")]
    for (name, goal), seconds in zip(rows, medians, strict=True):
        wanted = "" if goal is None else f"   goal {goal:.1f}"
        sys.stdout.write(f"{name:28}{seconds * 1e6:8.2f} µs{seconds / unit:8.2f}{wanted}\n")


def print_imports() -> None:
    """Measure and print whole processes that import the package, or attrs alone."""
    compiling = {**os.environ, "PYTHONDONTWRITEBYTECODE": ""}
    commands = [[sys.executable, "-c", f"import {name}"] for name in ("attrs", "client_access")]
    timers = [
        Timer(partial(subprocess.run, command, check=True, env=compiling)) for command in commands
    ]
    for timer in timers:
        timer.timeit(1)  # compiles the modules
    rounds = [[timer.timeit(1) for timer in timers] for _ in range(IMPORTS)]
    alone, package = (median(taken) for taken in zip(*rounds, strict=True))
    sys.stdout.write(
        f"import client_access {package * 1e3:.0f} ms, attrs {alone * 1e3:.0f} ms:"
        f" {package / alone:.2f}   goal 3.0\n"
    )


if __name__ == "__main__":
    print_steps()
    print_imports()
