"""The four machines: their tables are those of the rules, and every edge is needed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from types import ModuleType
from typing import Any, get_args

import pytest
import world
from attrs import evolve
from transitions import Machine, MachineError

import client_access as ca
from client_access import deciding
from client_access.machines import activation, lifecycle, payer, practice_invitation
from client_access.machines.activation import ActivationState
from client_access.machines.practice_invitation import InvitationState
from client_access.machines.table import Edge, TableError, compile_moves, make_machine

S, P, A = ca.Status, ca.PayerState, ActivationState


# ── The tables of the rules, copied by hand ──────────────────────────────────────────────────────

LIFECYCLE = """
    add                         new                  inactive
    import                      new                  inactive
    register                    new                  unmanaged
    subscribe_practice_only     inactive             practice_only
    subscribe_with_client       inactive             awaiting_activation
    give_access                 practice_only        awaiting_activation
    activate                    awaiting_activation  both_access
    disable                     both_access          disabled
    enable                      disabled             both_access
    stop_managing               both_access          unmanaged
    stop_managing               disabled             unmanaged
    accept_practice_invitation  unmanaged            both_access
    delete                      inactive             deleted
    delete                      awaiting_activation  deleted
"""
PAYER = """
    choose_practice     undecided        practice_chosen
    choose_practice     practice_chosen  practice_chosen
    choose_practice     client_chosen    practice_chosen
    choose_client       undecided        client_chosen
    choose_client       practice_chosen  client_chosen
    choose_client       client_chosen    client_chosen
    lock                practice_chosen  practice_locked
    lock                client_chosen    client_locked
    transfer_to_client  practice_locked  client_locked
    transfer_to_client  client_locked    client_locked
"""
ACTIVATION = """
    send        not_sent  pending
    send_again  pending   pending
    replace     pending   pending
    use         pending   used
    withdraw    not_sent  withdrawn
    withdraw    pending   withdrawn
"""
INVITATION = """
    invite    none     pending
    withdraw  pending  none
    accept    pending  none
    decline   pending  none
"""
CONDITIONS = {
    ("lifecycle", "activate"): ["activation_is_pending", "activation_has_not_expired"],
    ("lifecycle", "disable"): ["invited_by_practice", "practice_pays"],
    ("lifecycle", "accept_practice_invitation"): ["invitation_is_pending"],
    ("lifecycle", "delete"): ["never_established"],
    ("activation machine", "use"): ["activation_is_pending", "activation_has_not_expired"],
}
"""The column "only if" of §2, and E6."""


@dataclass(frozen=True)
class Case:
    """A machine, and its table in the rules."""

    module: ModuleType
    text: str
    states: tuple[Enum | None, ...]
    initial: str

    @property
    def name(self) -> str:
        return str(self.machine.name).removesuffix(": ")

    @property
    def machine(self) -> Machine:
        made = self.module.MACHINE
        assert isinstance(made, Machine)
        return made

    @property
    def table(self) -> tuple[Edge, ...]:
        return tuple(self.module.TRANSITIONS)

    @property
    def triggers(self) -> tuple[str, ...]:
        return get_args(self.module.Trigger)

    @property
    def edges(self) -> dict[tuple[str, str], str]:
        """The destination of each trigger and source in the rules."""
        rows = [line.split() for line in self.text.strip().splitlines()]
        return {(trigger, source): dest for trigger, source, dest in rows}

    def state_named(self, name: str) -> Enum | None:
        return next(state for state in self.states if name_of(state) == name)


def name_of(state: Enum | None) -> str:
    return "new" if state is None else str(state.value)


CASES = (
    Case(lifecycle, LIFECYCLE, (None, *S), "new"),
    Case(payer, PAYER, tuple(P), "undecided"),
    Case(activation, ACTIVATION, tuple(A), "not_sent"),
    Case(practice_invitation, INVITATION, tuple(InvitationState), "none"),
)
each_machine = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name.split()[0])


@each_machine
def test_the_table_is_that_of_the_rules(case: Case) -> None:
    """§2, §3, E4 to E6: the same edges in the same order, with the same conditions."""
    assert [(e["trigger"], e["source"], e["dest"]) for e in case.table] == [
        (trigger, source, dest) for (trigger, source), dest in case.edges.items()
    ]
    for edge in case.table:
        conditions = CONDITIONS.get((case.name, edge["trigger"]), [])
        assert edge.get("conditions", []) == conditions
    assert case.triggers == tuple(dict.fromkeys(trigger for trigger, _ in case.edges))
    assert case.machine.initial == case.initial
    assert list(case.machine.states) == [name_of(state) for state in case.states]


# ── The compiled lookup and the machine of transitions ───────────────────────────────────────────


class _Model:
    """A model for `transitions`. It meets every condition of every table."""

    state: str

    def activation_is_pending(self) -> bool:
        return True

    activation_has_not_expired = invited_by_practice = practice_pays = activation_is_pending
    invitation_is_pending = never_established = activation_is_pending


def moved_by_transitions(machine: Machine, trigger: str, source: str) -> str | None:
    """Make a step with `transitions`; return None if it refuses."""
    model = _Model()
    machine.add_model(model, initial=source)
    try:
        machine.events[trigger].trigger(model)
    except MachineError:
        return None
    finally:
        machine.remove_model(model)
    return model.state


def moved(move: Callable[[Any, Any], Any], trigger: str, state: Enum | None) -> str | None:
    """Make the step with a compiled lookup; return None if it refuses."""
    try:
        return name_of(move(trigger, state))
    except ca.CorruptRecord:
        return None


@each_machine
def test_the_lookup_moves_as_the_machine_does(case: Case) -> None:
    """Every trigger in every state leads to the same state in both, and in the rules."""
    for trigger in case.triggers:
        for state in case.states:
            source = name_of(state)
            expected = case.edges.get((trigger, source))
            assert moved_by_transitions(case.machine, trigger, source) == expected
            assert moved(case.module.move, trigger, state) == expected
    assert case.machine.models == []


@each_machine
def test_the_lookup_walks_as_the_machine_does(case: Case) -> None:
    """They agree along every path of six steps."""
    paths = [(case.initial, case.state_named(case.initial))]
    for _ in range(6):
        onward = []
        for name, state in paths:
            for trigger in case.triggers:
                by_machine = moved_by_transitions(case.machine, trigger, name)
                if by_machine is not None:
                    here = case.module.move(trigger, state)
                    assert name_of(here) == by_machine
                    onward.append((by_machine, here))
        paths = list(dict.fromkeys(onward))
        assert paths or case.module is activation


def test_a_trigger_that_does_not_exist_moves_nothing() -> None:
    """The error names the trigger, the state and the machine."""
    with pytest.raises(ca.CorruptRecord, match=r"'vanish'.*Status.INACTIVE.*lifecycle"):
        lifecycle.move("vanish", S.INACTIVE)  # type: ignore[arg-type]


def test_no_machine_has_models_or_automatic_triggers() -> None:
    """A machine holds only its table."""
    for case in CASES:
        assert case.machine.models == []
        assert set(case.machine.events) == set(case.triggers)
        assert case.machine.auto_transitions is False


# ── What make_machine refuses ────────────────────────────────────────────────────────────────────

SOUND: tuple[Edge, ...] = (
    {"trigger": "go", "source": "a", "dest": "b"},
    {"trigger": "back", "source": "b", "dest": "a"},
)


def _make(table: tuple[Edge, ...], states: str = "ab", triggers: str = "go back") -> Machine:
    return make_machine("sample", list(states), triggers.split(), "a", table)


def test_a_sound_table_makes_a_machine() -> None:
    assert moved_by_transitions(_make(SOUND), "go", "a") == "b"


def _edge(trigger: str, source: str, dest: str) -> Edge:
    return {"trigger": trigger, "source": source, "dest": dest}


@pytest.mark.parametrize(
    ("build", "reason"),
    [
        (lambda: _make((*SOUND, _edge("go", "a", "b"))), "'go' leaves 'a' twice"),
        (lambda: _make((*SOUND, _edge("go", "a", "a"))), "'go' leaves 'a' twice"),
        (lambda: _make((*SOUND, _edge("go", "z", "a"))), "'z' is not declared"),
        (lambda: _make((*SOUND, _edge("go", "b", "z"))), "'z' is not declared"),
        (lambda: _make((*SOUND, _edge("leap", "b", "a"))), r"not both: \['leap'\]"),
        (lambda: _make(SOUND[:1]), r"not both: \['back'\]"),
        (lambda: _make(SOUND, states="abc"), r"nothing leads to \['c'\]"),
        (
            lambda: _make((*SOUND, _edge("go", "c", "d"), _edge("go", "d", "c")), states="abcd"),
            r"nothing leads to \['c', 'd'\]",
        ),
    ],
    ids=[
        "twice",
        "twice, to different states",
        "undeclared source",
        "undeclared destination",
        "undeclared trigger",
        "unused trigger",
        "unreachable state",
        "unreachable cycle",
    ],
)
def test_tables_that_transitions_accepts_silently_are_refused(
    build: Callable[[], Machine], reason: str
) -> None:
    """A wrong table is an error when its module is imported."""
    with pytest.raises(TableError, match=reason):
        build()


# ── Guards ───────────────────────────────────────────────────────────────────────────────────────

FIRED_BY: dict[tuple[str, str], tuple[type, ...]] = {
    ("lifecycle", "add"): (ca.AddClient,),
    ("lifecycle", "import"): (ca.ImportClient,),
    ("lifecycle", "register"): (ca.RegisterCustomer,),
    ("lifecycle", "subscribe_practice_only"): (ca.Subscribe,),
    ("lifecycle", "subscribe_with_client"): (ca.Subscribe,),
    ("lifecycle", "give_access"): (ca.GiveAccess,),
    ("lifecycle", "activate"): (ca.Activate,),
    ("lifecycle", "disable"): (ca.DisableAccess,),
    ("lifecycle", "enable"): (ca.EnableAccess,),
    ("lifecycle", "stop_managing"): (ca.StopManaging,),
    ("lifecycle", "accept_practice_invitation"): (ca.AcceptPracticeInvitation,),
    ("lifecycle", "delete"): (ca.DeleteClient,),
    ("payer machine", "choose_practice"): (ca.ChoosePayer,),
    ("payer machine", "choose_client"): (ca.ChoosePayer,),
    ("payer machine", "lock"): (ca.Subscribe, ca.RegisterCustomer),
    ("payer machine", "transfer_to_client"): (ca.StopManaging,),
    ("activation machine", "send"): (ca.Subscribe, ca.GiveAccess),
    ("activation machine", "send_again"): (ca.ResendActivation, ca.AddService),
    ("activation machine", "replace"): (ca.ChangeEmail,),
    ("activation machine", "use"): (ca.Activate,),
    ("activation machine", "withdraw"): (ca.DeleteClient,),
    ("practice invitation", "invite"): (ca.InvitePractice,),
    ("practice invitation", "withdraw"): (ca.WithdrawPracticeInvitation,),
    ("practice invitation", "accept"): (ca.AcceptPracticeInvitation,),
    ("practice invitation", "decline"): (ca.DeclinePracticeInvitation,),
}
"""The commands that fire each trigger."""

NOT_OF_THE_EDGE = {
    # About the command, not about the status of the client.
    "id_is_new",
    "email_is_free",
    "emails_agree",
    "services_are_chosen",
    "services_are_offered",
    "services_are_set_up",
    "email_is_given",
    "payer_can_sign_in",
    # True in every status that has the edge, so the table needs no condition.
    "client_can_sign_in",
    "activation_is_unused",
}


def test_the_conditions_in_the_tables_are_guards_of_the_commands() -> None:
    """Each condition of an edge is a guard of every command that fires it, in the same order. In
    the lifecycle, the other way round too: the guards of the command are conditions of its edge.
    """
    guards = {rules.command: [guard.name for guard in rules.guards] for rules in deciding.RULES}
    assert set(FIRED_BY) == {(case.name, trigger) for case in CASES for trigger in case.triggers}
    for case in CASES:
        for edge in case.table:
            conditions = edge.get("conditions", [])
            for command in FIRED_BY[case.name, edge["trigger"]]:
                asked = [name for name in guards[command] if name not in NOT_OF_THE_EDGE]
                if case.module is lifecycle:
                    assert asked == conditions, (edge, command)
                else:
                    assert [name for name in asked if name in conditions] == conditions
    names = {name for asked in guards.values() for name in asked}
    assert names >= NOT_OF_THE_EDGE


def test_every_guard_has_a_name_and_a_sentence() -> None:
    """Diagrams show the name, and readers the sentence."""
    guards = {guard for rules in deciding.RULES for guard in rules.guards}
    for guard in guards:
        assert guard.name.isidentifier()
        assert (guard.check.__doc__ or "").endswith(".")
    assert len({guard.name for guard in guards}) == len(guards)


# ── Mutants: every edge is needed ────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Mutant:
    """A table with one edge dropped, redirected or added."""

    how: str
    table: tuple[Edge, ...]

    def __str__(self) -> str:
        return self.how


def mutants(case: Case) -> Iterator[Mutant]:
    states = [name_of(state) for state in case.states]
    for index, edge in enumerate(case.table):
        rest = case.table[:index], case.table[index + 1 :]
        what = f"{edge['trigger']} from {edge['source']}"
        yield Mutant(f"drop {what}", (*rest[0], *rest[1]))
        for dest in states:
            if dest != edge["dest"]:
                redirected: Edge = {**edge, "dest": dest}
                yield Mutant(f"redirect {what} to {dest}", (*rest[0], redirected, *rest[1]))
    for trigger in case.triggers:
        for source in states:
            for dest in states:
                if (trigger, source) not in case.edges:
                    added = _edge(trigger, source, dest)
                    yield Mutant(f"add {trigger} from {source} to {dest}", (*case.table, added))


@contextmanager
def in_force(case: Case, move: Callable[[Any, Any], Any]) -> Iterator[None]:
    """Make the library use another lookup meanwhile."""
    sound = case.module.move
    case.module.move = move  # type: ignore[attr-defined]
    try:
        yield
    finally:
        case.module.move = sound  # type: ignore[attr-defined]


def histories_differ() -> bool:
    """Return whether a history replays to another client now, or does not replay.

    The states of an activation and of a practice invitation are not stored. They follow from the
    client, and must follow from the trigger too.
    """
    for there in world.walk().histories:
        try:
            before = ca.replay(there.events[:-1]) if there.events[1:] else None
            after = ca.evolve(before, there.events[-1])
            if after != there.client:
                return True
            for trigger in fired(before, there.events[-1]):
                state = activation.move(trigger, activation.STATE_OF[_status(before)])
                if state is not activation.STATE_OF[after.status]:
                    return True
            answer = ANSWERS.get(type(there.events[-1]))
            if before is not None and answer is not None:
                invitation = practice_invitation.state_of(before.practice_invitation)
                left = practice_invitation.state_of(after.practice_invitation)
                if practice_invitation.move(answer, invitation) is not left:
                    return True
        except (ca.CorruptRecord, ca.InvalidValue):
            return True
    return False


ANSWERS: dict[type, practice_invitation.Trigger] = {
    ca.PracticeInvited: "invite",
    ca.PracticeInvitationWithdrawn: "withdraw",
    ca.PracticeInvitationAccepted: "accept",
    ca.PracticeInvitationDeclined: "decline",
}
"""The trigger of the practice invitation that each event fires."""


def _status(client: ca.Client | None) -> ca.Status:
    assert client is not None
    return client.status


def fired(before: ca.Client | None, event: ca.Event) -> tuple[activation.Trigger, ...]:
    """Return the trigger of the activation that an event fires, if it fires one (E4 to E6)."""
    pending = before is not None and before.status is S.AWAITING_ACTIVATION
    match event:
        case ca.Subscribed() | ca.AccessGiven() if event.activation is not None:
            return ("send",)
        case ca.ServiceAdded() | ca.ActivationResent() if pending:
            return ("send_again",)
        case ca.EmailChanged() if pending:
            return ("replace",)
        case ca.Activated():
            return ("use",)
        case ca.ClientDeleted():
            return ("withdraw",)
        case _:
            return ()


def grid_differs(case: Case, move: Callable[[Any, Any], Any]) -> bool:
    """Return whether any trigger in any state leads elsewhere than in the rules."""
    return any(
        moved(move, trigger, state) != case.edges.get((trigger, name_of(state)))
        for trigger in case.triggers
        for state in case.states
    )


@pytest.mark.parametrize(
    ("case", "edges", "floor"),
    [(CASES[0], 14, 700), (CASES[1], 10, 50), (CASES[2], 6, 50), (CASES[3], 4, 12)],
    ids=["lifecycle", "payer", "activation", "practice invitation"],
)
def test_no_mutant_of_a_table_survives(case: Case, edges: int, floor: int) -> None:
    """Every table with one edge dropped, redirected or added is found to be wrong.

    A dropped or redirected edge is found by `make_machine` or by replaying histories. No history
    takes an added edge, so only the grid of every trigger in every state finds it.
    """
    assert len(case.table) == edges
    assert not histories_differ()  # this also makes the walk, before any table is changed
    caught: Counter[str] = Counter()
    for mutant in mutants(case):
        states = [name_of(state) for state in case.states]
        try:
            machine = make_machine(case.name, states, case.triggers, case.initial, mutant.table)
            move = compile_moves(machine, case.state_named, _checked(case.state_named))
        except TableError:
            caught["built"] += 1
            continue
        if not mutant.how.startswith("add"):
            with in_force(case, move):
                assert histories_differ(), f"{mutant} survived"
            caught["replayed"] += 1
        assert grid_differs(case, move), f"{mutant} survived"
        caught["grid"] += 1
    assert not histories_differ()
    assert caught.total() >= floor, caught


def _checked(state_named: Callable[[str], Enum | None]) -> Callable[[str], Enum | None]:
    """Refuse an edge that leads to `new`, the state before there is a client."""

    def state(name: str) -> Enum | None:
        if name == "new":
            raise TableError("leads to a client that does not exist")
        return state_named(name)

    return state


def test_an_event_that_no_edge_allows_is_refused() -> None:
    """Each kind of event is tried on every client: if the tables have no edge, it is CorruptRecord.

    The events happened to other clients. Their version is made to fit, so that only the tables can
    refuse them.
    """
    samples = {type(there.events[-1]): there.events[-1] for there in world.walk().histories}
    assert len(samples) == 22
    possible = {(step[0], step[1]) for step in world.walk().steps if not isinstance(step[2], P)}
    refused: Counter[type] = Counter()
    for client in world.clients():
        for kind, sample in samples.items():
            event = evolve(sample, version=client.version + 1)
            try:
                ca.evolve(client, event)
            except ca.CorruptRecord:
                refused[kind] += 1
            else:
                assert (client.status, kind) in possible, (client.status, kind)
    assert set(refused) == set(samples)
    for kind, sample in samples.items():
        event = evolve(sample, version=1)
        if (None, kind) in possible:
            assert ca.evolve(None, event).version == 1
        else:
            with pytest.raises(ca.CorruptRecord):
                ca.evolve(None, event)
