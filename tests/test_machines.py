"""The five machines: their tables are those of the rules, and every edge matters."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from types import ModuleType
from typing import Any, get_args
from uuid import UUID

import pytest
import world
from attrs import evolve
from transitions import Machine, MachineError

import client_access as ca
from client_access import deciding
from client_access.chapters import access
from client_access.machines import (
    activation,
    direct_debit,
    lifecycle,
    payer,
    practice_invitation,
)
from client_access.machines.activation import ActivationState
from client_access.machines.direct_debit import DirectDebitState
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
    withdraw_access             awaiting_activation  practice_only
    withdraw_access             disabled             practice_only
    activate                    awaiting_activation  both_access
    disable                     both_access          disabled
    enable                      disabled             both_access
    stop_managing               both_access          unmanaged
    stop_managing               disabled             unmanaged
    accept_practice_invitation  unmanaged            both_access
    close                       practice_only        closed
    reopen                      closed               practice_only
    delete                      inactive             deleted
    delete                      awaiting_activation  deleted
    delete                      closed               deleted
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
    withdraw    pending   not_sent
    withdraw    used      not_sent
"""
DIRECT_DEBIT = """
    register  not_asked  given
    ask       not_asked  asked
    provide   asked      given
    release   asked      not_asked
"""
INVITATION = """
    invite    none     pending
    withdraw  pending  none
    accept    pending  none
    decline   pending  none
"""
CONDITIONS = {
    ("lifecycle", "withdraw_access"): ["practice_pays_for_access"],
    ("lifecycle", "activate"): ["activation_is_pending", "activation_has_not_expired"],
    ("lifecycle", "disable"): ["invited_by_practice", "practice_pays"],
    ("lifecycle", "accept_practice_invitation"): ["invitation_is_pending"],
    ("lifecycle", "delete"): ["closed_or_never_established"],
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
    Case(direct_debit, DIRECT_DEBIT, tuple(DirectDebitState), "not_asked"),
)
each_machine = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name.split()[0])


@each_machine
def test_the_table_is_the_one_of_the_rules(case: Case) -> None:
    """§2, §3, E4 to E6, L10, §8, P6: every edge, in the order of the rules, with its conditions."""
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
    """A model for `transitions` to move; it meets every condition of every table."""

    state: str

    def activation_is_pending(self) -> bool:
        return True

    activation_has_not_expired = invited_by_practice = practice_pays = activation_is_pending
    invitation_is_pending = closed_or_never_established = activation_is_pending
    practice_pays_for_access = activation_is_pending


def moved_by_transitions(machine: Machine, trigger: str, source: str) -> str | None:
    """Return where `transitions` itself moves a model, or None if it refuses."""
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
    """Return where a compiled lookup moves a state, or None if it refuses."""
    try:
        return name_of(move(trigger, state))
    except ca.CorruptRecord:
        return None


@each_machine
def test_the_lookup_moves_as_the_machine_does(case: Case) -> None:
    """Every trigger in every state: both move alike, and as the rules say."""
    for trigger in case.triggers:
        for state in case.states:
            source = name_of(state)
            expected = case.edges.get((trigger, source))
            assert moved_by_transitions(case.machine, trigger, source) == expected
            assert moved(case.module.move, trigger, state) == expected
    assert case.machine.models == []


@each_machine
def test_walking_a_model_and_a_state_side_by_side(case: Case) -> None:
    """Along every path of six steps, both move alike."""
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
        assert paths or case.module is direct_debit


def test_a_trigger_that_does_not_exist_moves_nothing() -> None:
    """An unknown trigger raises CorruptRecord, which names trigger, state and machine."""
    with pytest.raises(ca.CorruptRecord, match=r"'vanish'.*Status.INACTIVE.*lifecycle"):
        lifecycle.move("vanish", S.INACTIVE)  # type: ignore[arg-type]


def test_no_machine_has_a_model_or_triggers_of_its_own() -> None:
    """A machine holds only the table: it has no model and no automatic trigger."""
    for case in CASES:
        assert case.machine.models == []
        assert set(case.machine.events) == set(case.triggers)
        assert case.machine.auto_transitions is False


# ── What make_machine refuses ────────────────────────────────────────────────────────────────────

VALID: tuple[Edge, ...] = (
    {"trigger": "go", "source": "a", "dest": "b"},
    {"trigger": "back", "source": "b", "dest": "a"},
)


def _make(table: tuple[Edge, ...], states: str = "ab", triggers: str = "go back") -> Machine:
    return make_machine("sample", list(states), triggers.split(), "a", table)


def test_a_valid_table_makes_a_machine() -> None:
    """The table of the cases below makes a machine that moves."""
    assert moved_by_transitions(_make(VALID), "go", "a") == "b"


def _edge(trigger: str, source: str, dest: str) -> Edge:
    return {"trigger": trigger, "source": source, "dest": dest}


@pytest.mark.parametrize(
    ("build", "reason"),
    [
        (lambda: _make((*VALID, _edge("go", "a", "b"))), "'go' leaves 'a' twice"),
        (lambda: _make((*VALID, _edge("go", "a", "a"))), "'go' leaves 'a' twice"),
        (lambda: _make((*VALID, _edge("go", "z", "a"))), "'z' is not declared"),
        (lambda: _make((*VALID, _edge("go", "b", "z"))), "'z' is not declared"),
        (lambda: _make((*VALID, _edge("leap", "b", "a"))), r"not both: \['leap'\]"),
        (lambda: _make(VALID[:1]), r"not both: \['back'\]"),
        (lambda: _make(VALID, states="abc"), r"nothing leads to \['c'\]"),
        (
            lambda: _make((*VALID, _edge("go", "c", "d"), _edge("go", "d", "c")), states="abcd"),
            r"nothing leads to \['c', 'd'\]",
        ),
    ],
    ids=[
        "twice",
        "twice, to another state",
        "undeclared source",
        "undeclared destination",
        "undeclared trigger",
        "unused trigger",
        "unreachable state",
        "unreachable cycle",
    ],
)
def test_what_transitions_accepts_silently_is_refused(
    build: Callable[[], Machine], reason: str
) -> None:
    """A table that does not make a valid machine raises at import."""
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
    ("lifecycle", "withdraw_access"): (ca.WithdrawAccess,),
    ("lifecycle", "activate"): (ca.Activate,),
    ("lifecycle", "disable"): (ca.DisableAccess,),
    ("lifecycle", "enable"): (ca.EnableAccess,),
    ("lifecycle", "stop_managing"): (ca.StopManaging,),
    ("lifecycle", "accept_practice_invitation"): (ca.AcceptPracticeInvitation,),
    ("lifecycle", "close"): (ca.CloseClient,),
    ("lifecycle", "reopen"): (ca.ReopenClient,),
    ("lifecycle", "delete"): (ca.DeleteClient,),
    ("payer machine", "choose_practice"): (ca.ChoosePayer,),
    ("payer machine", "choose_client"): (ca.ChoosePayer,),
    ("payer machine", "lock"): (ca.Subscribe, ca.RegisterCustomer),
    ("payer machine", "transfer_to_client"): (ca.StopManaging,),
    ("activation machine", "send"): (ca.Subscribe, ca.GiveAccess),
    ("activation machine", "send_again"): (ca.ResendActivation, ca.AddService),
    ("activation machine", "replace"): (ca.ChangeEmail,),
    ("activation machine", "use"): (ca.Activate,),
    ("activation machine", "withdraw"): (ca.WithdrawAccess, ca.DeleteClient),
    ("practice invitation", "invite"): (ca.InvitePractice,),
    ("practice invitation", "withdraw"): (ca.WithdrawPracticeInvitation,),
    ("practice invitation", "accept"): (ca.AcceptPracticeInvitation,),
    ("practice invitation", "decline"): (ca.DeclinePracticeInvitation,),
    ("direct debit", "register"): (ca.RegisterCustomer,),
    ("direct debit", "ask"): (ca.StopManaging, ca.Activate, ca.AddService),
    ("direct debit", "provide"): (ca.ProvideDirectDebit,),
    ("direct debit", "release"): (ca.RemoveService,),
}
"""The commands that fire each trigger."""

NOT_OF_THE_EDGE = {
    # They check the command, not the client's status.
    "id_is_new",
    "email_is_free",
    "emails_agree",
    "services_are_chosen",
    "services_are_offered",
    "services_are_set_up",
    "email_is_given",
    "payer_can_sign_in",
    # They hold in every status that the edge leaves: the table has no other edge.
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
    """Diagrams show a guard's name, and readers its sentence; no two guards share a name."""
    guards = {guard for rules in deciding.RULES for guard in rules.guards}
    for guard in guards:
        assert guard.name.isidentifier()
        assert (guard.check.__doc__ or "").endswith(".")
    assert len({guard.name for guard in guards}) == len(guards)


def test_a_row_without_advice_for_a_status_is_an_error_at_import() -> None:
    """§8: a command that is not allowed in a status says what helps there."""
    with pytest.raises(TableError, match=r"DisableAccess has no advice for .*, disabled, inactive"):
        evolve(access.DISABLE, elsewhere={})


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
        name = f"{edge['trigger']} from {edge['source']}"
        yield Mutant(f"drop {name}", (*rest[0], *rest[1]))
        for dest in states:
            if dest != edge["dest"]:
                redirected: Edge = {**edge, "dest": dest}
                yield Mutant(f"redirect {name} to {dest}", (*rest[0], redirected, *rest[1]))
    for trigger in case.triggers:
        for source in states:
            for dest in states:
                if (trigger, source) not in case.edges:
                    added = _edge(trigger, source, dest)
                    yield Mutant(f"add {trigger} from {source} to {dest}", (*case.table, added))


@contextmanager
def in_force(case: Case, move: Callable[[Any, Any], Any]) -> Iterator[None]:
    """Replace a machine's lookup in the library for a while."""
    original = case.module.move
    case.module.move = move  # type: ignore[attr-defined]
    try:
        yield
    finally:
        case.module.move = original  # type: ignore[attr-defined]


def histories_differ() -> bool:
    """Whether a history that the library wrote now makes another client, or none.

    The states of three machines are not stored: they follow from the client. The trigger of an
    event must lead to the same state.
    """
    for there in world.walk().histories:
        event = there.events[-1]
        try:
            before = ca.replay(there.events[:-1]) if there.events[1:] else None
            after = ca.evolve(before, event)
            if after != there.client:
                return True
            for trigger in fired(before, event):
                state = activation.move(trigger, activation.STATE_OF[_status(before)])
                if state is not activation.STATE_OF[after.status]:
                    return True
            if (answer := ANSWERS.get(type(event))) and before is not None:
                invitation = practice_invitation.state_of(before.practice_invitation)
                left = practice_invitation.state_of(after.practice_invitation)
                if practice_invitation.move(answer, invitation) is not left:
                    return True
            ask = fired_for_details(before, event, after)
            if ask and direct_debit.move(ask, _details(before)) is not _details(after):
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


def _details(client: ca.Client | None) -> DirectDebitState:
    if client is None:
        return DirectDebitState.NOT_ASKED
    return direct_debit.state_of(client.direct_debit, given=client.direct_debit_given)


def fired(before: ca.Client | None, event: ca.Event) -> tuple[activation.Trigger, ...]:
    """Return what an event does to the activation, by the rules (E4 to E6, L10)."""
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
        case ca.AccessWithdrawn():
            return ("withdraw",)
        case ca.ClientDeleted() if pending:
            return ("withdraw",)
        case _:
            return ()


def fired_for_details(
    before: ca.Client | None, event: ca.Event, after: ca.Client
) -> direct_debit.Trigger | None:
    """Return what an event does to the direct debit details, by the rules (P6)."""
    match event:
        case ca.CustomerRegistered():
            return "register"
        case ca.ManagementStopped() | ca.Activated() | ca.ServiceAdded() if event.direct_debit:
            return "ask"
        case ca.DirectDebitProvided():
            return "provide"
        case ca.ServiceRemoved() if before and before.direct_debit and not after.services:
            return "release"
        case _:
            return None


def grid_differs(case: Case, move: Callable[[Any, Any], Any]) -> bool:
    """Whether any trigger in any state leads elsewhere than the rules say."""
    return any(
        moved(move, trigger, state) != case.edges.get((trigger, name_of(state)))
        for trigger in case.triggers
        for state in case.states
    )


@pytest.mark.parametrize(
    ("case", "edges", "floor"),
    [
        (CASES[0], 19, 1000),
        (CASES[1], 10, 50),
        (CASES[2], 6, 20),
        (CASES[3], 4, 12),
        (CASES[4], 4, 20),
    ],
    ids=["lifecycle", "payer", "activation", "practice invitation", "direct debit"],
)
def test_no_mutant_of_a_table_survives(case: Case, edges: int, floor: int) -> None:
    """Each edge that is dropped, redirected or added raises at import, or changes what clients do.

    A dropped or redirected edge fails the machine's own checks or the replay of histories: the
    rules need every edge, and its destination. No history takes an added edge; the grid of every
    trigger in every state shows it.
    """
    assert len(case.table) == edges
    assert not histories_differ()  # this makes the walk with the original table
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
    """Refuse an edge that leads to `new`: before there is a client."""

    def state(name: str) -> Enum | None:
        if name == "new":
            raise TableError("leads to a client that does not exist")
        return state_named(name)

    return state


def test_an_activation_is_sent_again_exactly_where_one_is_pending() -> None:
    """E4, E5: an event that sends or replaces an activation is corrupt where none is pending, and
    so is one that sends none where one is. Only a replacement has another id.
    """
    other = ca.Activation(UUID(int=99), world.T0, world.LATE)
    corrupt: Counter[str] = Counter()
    for there in world.walk().histories:
        match there.events[-1]:
            case ca.ServiceAdded() | ca.EmailChanged() | ca.ActivationResent() as event:
                before = ca.replay(there.events[:-1])
            case _:
                continue
        wrong = [None if event.activation else other]
        if pending := before.activation:
            wrong.append(pending if isinstance(event, ca.EmailChanged) else other)
        for activation_sent in wrong:
            if activation_sent is None and isinstance(event, ca.ActivationResent):
                continue  # such an event cannot be made
            with pytest.raises(ca.CorruptRecord):
                ca.evolve(before, evolve(event, activation=activation_sent))  # type: ignore[arg-type]  # None is left out above
            corrupt[f"{type(event).__name__} {pending is None} {activation_sent is None}"] += 1
    assert len(corrupt) == 7, corrupt


def test_histories_that_no_edge_allows_are_refused() -> None:
    """Every event after every client is accepted exactly along the tables, else CorruptRecord.

    The events happened to other clients. Their id and version are made to fit, so only the tables
    can refuse them.
    """
    samples = {type(there.events[-1]): there.events[-1] for there in world.walk().histories}
    assert len(samples) == 26
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
