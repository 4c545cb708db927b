"""One lifecycle step, beside what else moves a client: python benchmarks/steps.py.

Each peer walks the same seven steps; rounds are interleaved, and the median of each is shown with
its ratio to the first. Only the ratios mean anything.
"""

from __future__ import annotations

import statistics
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from time import perf_counter
from uuid import UUID

import attrs
from transitions import Machine

from client_access import (
    Activate,
    AddClient,
    Catalogue,
    Client,
    ClientUser,
    Command,
    DisableAccess,
    EnableAccess,
    GiveAccess,
    Payer,
    PracticeUser,
    Service,
    SignIn,
    StopManaging,
    Subscribe,
    decide,
    evolve,
)
from client_access.machines import lifecycle

ROUNDS, WALKS = 7, 500
AT = datetime(2026, 1, 1, tzinfo=UTC)
CLIENT, ACTIVATION = UUID(int=1), UUID(int=2)
PRACTICE = PracticeUser("practice")
CATALOGUE = Catalogue([Service("payroll", "Payroll", Decimal(7))])
EMAIL = "books@example.com"

COMMANDS: tuple[Command, ...] = (
    AddClient(CLIENT, PRACTICE, business_name="Oak & Sons", email=EMAIL),
    Subscribe(
        CLIENT,
        PRACTICE,
        payer=Payer.PRACTICE,
        sign_in=SignIn.PRACTICE_ONLY,
        services={"payroll": None},
    ),
    GiveAccess(CLIENT, PRACTICE, email=EMAIL, confirm_email=EMAIL, activation_id=ACTIVATION),
    Activate(CLIENT, ClientUser(CLIENT), activation_id=ACTIVATION),
    DisableAccess(CLIENT, PRACTICE),
    EnableAccess(CLIENT, PRACTICE),
    StopManaging(CLIENT, PRACTICE),
)
TRIGGERS = (
    "add",
    "subscribe_practice_only",
    "give_access",
    "activate",
    "disable",
    "enable",
    "stop_managing",
)


def walk_decide() -> None:
    """Decide on each command: guards, event, client and notices."""
    client: Client | None = None
    for command in COMMANDS:
        client = decide(client, command, at=AT, catalogue=CATALOGUE).after


def _history() -> list[object]:
    client: Client | None = None
    events: list[object] = []
    for command in COMMANDS:
        change = decide(client, command, at=AT, catalogue=CATALOGUE)
        client = change.after
        events.append(change.event)
    return events


EVENTS = _history()


def walk_evolve() -> None:
    """Replay the same history."""
    client: Client | None = None
    for event in EVENTS:
        client = evolve(client, event)  # type: ignore[arg-type]  # events, held as objects


@attrs.frozen
class Plain:
    """Eight fields without a check, for the peers."""

    id: UUID
    version: int
    name: str
    email: str
    status: str
    payer: str
    services: tuple[str, ...]
    practice: str | None


TABLE = {(edge["source"], edge["trigger"]): edge["dest"] for edge in lifecycle.TRANSITIONS}


def walk_table() -> None:
    """Move a frozen client by a dict of (state, trigger) and attrs.evolve, without any rule."""
    client = Plain(CLIENT, 0, "Oak & Sons", EMAIL, "new", "undecided", (), "practice")
    for trigger in TRIGGERS:
        status = TABLE[client.status, trigger]
        client = attrs.evolve(client, status=status, version=client.version + 1)


class Model:
    """A model that a machine of `transitions` may mutate."""


EDGES = [{k: v for k, v in edge.items() if k != "conditions"} for edge in lifecycle.TRANSITIONS]
STATES = [lifecycle.NEW, *(status.value for status in lifecycle.Status)]
SHARED = Machine(
    model=None, states=STATES, initial="new", transitions=EDGES, auto_transitions=False
)


def walk_transitions() -> None:
    """Move a model that one shared machine of `transitions` has taken on, without any rule."""
    model = Model()
    SHARED.add_model(model)
    for trigger in TRIGGERS:
        getattr(model, trigger)()
    SHARED.remove_model(model)


PEERS: dict[str, Callable[[], None]] = {
    "dict table, attrs.evolve, no rules": walk_table,
    "client_access: evolve": walk_evolve,
    "client_access: decide": walk_decide,
    "transitions, shared machine, no rules": walk_transitions,
}


def main() -> None:
    """Measure the peers in turn, and print a line for each."""
    seconds: dict[str, list[float]] = {name: [] for name in PEERS}
    for _ in range(ROUNDS):
        for name, walk in PEERS.items():
            start = perf_counter()
            for _ in range(WALKS):
                walk()
            seconds[name].append((perf_counter() - start) / (WALKS * len(TRIGGERS)))
    first = statistics.median(seconds["dict table, attrs.evolve, no rules"])
    for name, taken in seconds.items():
        median = statistics.median(taken)
        sys.stdout.write(f"{name:40} {median * 1e6:7.1f} µs a step {median / first:6.2f}\n")


if __name__ == "__main__":
    main()
