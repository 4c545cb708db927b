"""The same six steps of a client's life in other libraries.

Each function below makes a walk: a generator function that yields the status after each step, with
one guard for each step if the library has guards. Classes and machines are made before the walk and
not measured with it. The extra `benchmarks` installs the libraries.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Protocol, TypeAlias

import attrs

Walk: TypeAlias = Callable[[], Iterator[object]]

START = "inactive"
STEPS = (
    ("subscribe", "inactive", "practice_only"),
    ("give_access", "practice_only", "awaiting_activation"),
    ("activate", "awaiting_activation", "both_access"),
    ("disable", "both_access", "disabled"),
    ("enable", "disabled", "both_access"),
    ("stop_managing", "both_access", "unmanaged"),
)
"""Trigger, source and destination of each step."""
TRIGGERS = tuple(trigger for trigger, _, _ in STEPS)
STATUSES = tuple(dict.fromkeys((START, *(to for _, _, to in STEPS))))


@attrs.frozen
class Frozen:
    """A client that checks nothing."""

    id: int
    version: int
    name: str
    email: str
    status: str
    payer: str
    services: tuple[str, ...]
    practice: str | None


TABLE = {(source, trigger): to for trigger, source, to in STEPS}
NEW = Frozen(1, 1, "Oak & Sons", "books@example.com", START, "undecided", (), "practice")


def table() -> Walk:
    """A frozen attrs client, a dict of (state, trigger), and the constructor."""

    def walk() -> Iterator[object]:
        was = NEW
        for trigger in TRIGGERS:
            if not was.practice:
                raise ValueError(trigger)
            was = Frozen(
                was.id,
                was.version + 1,
                was.name,
                was.email,
                TABLE[was.status, trigger],
                was.payer,
                was.services,
                was.practice,
            )
            yield was.status

    return walk


def table_evolved() -> Walk:
    """The same with `attrs.evolve`."""

    def walk() -> Iterator[object]:
        client = NEW
        for trigger in TRIGGERS:
            if not client.practice:
                raise ValueError(trigger)
            status = TABLE[client.status, trigger]
            client = attrs.evolve(client, status=status, version=client.version + 1)
            yield client.status

    return walk


def transitions() -> Walk:
    """One machine of `transitions` with a condition on each edge, and one model that it moves."""
    from transitions import Machine

    class Client:
        def __init__(self) -> None:
            self.practice = "practice"

        def has_practice(self) -> bool:
            return bool(self.practice)

    client = Client()
    Machine(
        client,
        states=list(STATUSES),
        initial=START,
        transitions=[
            {"trigger": trigger, "source": source, "dest": to, "conditions": "has_practice"}
            for trigger, source, to in STEPS
        ],
        auto_transitions=False,
    )

    def walk() -> Iterator[object]:
        client.state = START  # type: ignore[attr-defined]  # the machine adds it
        for trigger in TRIGGERS:
            getattr(client, trigger)()
            yield client.state  # type: ignore[attr-defined]  # the same

    return walk


def automat() -> Walk:
    """A typed state machine of `automat`, which has no guards."""
    from automat import TypeMachineBuilder

    class Inputs(Protocol):
        def subscribe(self) -> str: ...
        def give_access(self) -> str: ...
        def activate(self) -> str: ...
        def disable(self) -> str: ...
        def enable(self) -> str: ...
        def stop_managing(self) -> str: ...

    builder = TypeMachineBuilder(Inputs, object)
    states = {status: builder.state(status) for status in STATUSES}
    for trigger, source, to in STEPS:
        states[source].upon(getattr(Inputs, trigger)).to(states[to]).returns(to)
    machine = builder.build()

    def walk() -> Iterator[object]:
        client = machine(object())
        for trigger in TRIGGERS:
            yield getattr(client, trigger)()

    return walk


def django_fsm_2() -> Walk:
    """A Django model, not saved, with an `FSMField` and a condition on each transition."""
    import django
    from django.conf import settings

    settings.configure()
    django.setup()

    from django.db import models
    from django_fsm import FSMField, transition

    def has_practice(client: Frozen) -> bool:
        return bool(client.practice)

    status = FSMField(default=START)
    fields = {
        "__module__": __name__,
        "Meta": type("Meta", (), {"app_label": "benchmarks"}),
        "status": status,
        "practice": models.CharField(max_length=100),
    }
    for trigger, source, to in STEPS:
        move = transition(status, source=source, target=to, conditions=[has_practice])
        fields[trigger] = move(lambda _: None)
    client = type("Client", (models.Model,), fields)(practice="practice")

    def walk() -> Iterator[object]:
        client.status = START
        for trigger in TRIGGERS:
            getattr(client, trigger)()
            yield client.status

    return walk


def python_statemachine() -> Walk:
    """A class of `python-statemachine` with a condition on each transition."""
    from statemachine import State, StateMachine

    states = {status: State(value=status, initial=status == START) for status in STATUSES}
    moves = {
        trigger: states[source].to(states[to], cond="has_practice") for trigger, source, to in STEPS
    }
    # A machine that reached a final state could not walk again, so the last state is not final.
    body = {**states, **moves, "has_practice": True, "validate_trap_states": False}
    client = type(StateMachine)("Client", (StateMachine,), body)()

    def walk() -> Iterator[object]:
        client.current_state_value = START
        for trigger in TRIGGERS:
            getattr(client, trigger)()
            yield client.current_state_value

    return walk


def eventsourcing() -> Walk:
    """An `Aggregate` of `eventsourcing`: an event and a guard for each step."""
    from eventsourcing.domain import Aggregate, event

    def begin(self: Any, practice: str) -> None:
        self.practice = practice
        self.status = START

    def step(trigger: str, source: str, to: str) -> object:
        def move(self: Any) -> None:
            if not self.practice or self.status != source:
                raise ValueError(trigger)
            self.status = to

        return event(trigger.title().replace("_", ""))(move)

    methods = {trigger: step(trigger, source, to) for trigger, source, to in STEPS}
    client = type(Aggregate)("Client", (Aggregate,), {"__init__": begin, **methods})("practice")

    def walk() -> Iterator[object]:
        client.status = START
        client.pending_events.clear()
        for trigger in TRIGGERS:
            getattr(client, trigger)()
            yield client.status

    return walk


PEERS = (
    table,
    table_evolved,
    transitions,
    automat,
    django_fsm_2,
    eventsourcing,
    python_statemachine,
)
