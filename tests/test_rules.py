"""Rules §8: every reachable state × every command × every actor, compared with the oracle."""

from __future__ import annotations

from collections import Counter
from itertools import combinations
from typing import Any

import pytest
import rules_table
import world
from attrs import evolve
from rules_table import ANY, MALFORMED, ROWS, UNCHANGED, answer, facts, facts_after
from world import ACTORS, CATALOGUE, CATALOGUE_THEN, LATE, PLATFORM, SHOP, SHOP_THEN, SOON

import client_access as ca

Answer = str | type

EVERYWHERE: tuple[ca.Client | None, ...] = (None, *world.clients(), *world.erased())
AT: dict[str, tuple[Any, tuple[ca.Client | None, ...]]] = {
    "soon": (SOON, EVERYWHERE),
    # Time matters only for clients that have something that can expire or fall due.
    "late": (LATE, tuple(c for c in EVERYWHERE if c and (c.activation or c.direct_debit))),
}


def answer_of_library(client: ca.Client | None, command: ca.Command, at: Any) -> Answer | ca.Change:
    match world.outcome(client, command, at):
        case ca.Refusal() as refusal:
            return refusal.code.value
        case ca.InvalidValue():
            return MALFORMED
        case ca.Change() as change:
            return change


@pytest.mark.parametrize("time", AT)
def test_every_answer_is_that_of_the_rules(time: str) -> None:
    """§8: the refusal code, the event, no event for =, or malformed, as the oracle says.

    After an accepted command, every field is as the oracle says, and `evolve` gives the same
    client. The client before is never changed.
    """
    at, clients = AT[time]
    wrong = []
    seen: Counter[tuple[str, Answer]] = Counter()
    for client in clients:
        before = facts(client)
        for by in ACTORS:
            for command in world.commands(by):
                asked = world.ask(client, command, at)
                expected = answer(asked)
                got: Any = answer_of_library(client, command, at)
                if isinstance(got, ca.Change):
                    change, got = got, UNCHANGED if got.event is None else type(got.event)
                    assert change.before is client
                    assert change.command is command
                    if change.event is None:
                        assert change.after is client
                        assert change.notices == ()
                    else:
                        assert change.after == ca.evolve(client, change.event)
                        assert facts(change.after) == facts_after(asked)
                        event = change.event
                        assert (event.client_id, event.version, event.at, event.by) == (
                            command.client_id,
                            change.after.version,
                            at,
                            by,
                        )
                if got != expected:
                    wrong.append((before.get("status"), command, expected, got))
                assert facts(client) == before
                seen[type(command).__name__, got] += 1
    assert not wrong, wrong[:5]

    if time == "late":
        assert seen["Activate", "activation_expired"]
        return
    # Every row gives every answer that it can give.
    unseen = {
        (row.command.__name__, own.code)
        for row in ROWS
        for own in row.own
        if not seen[row.command.__name__, own.code]
    }
    assert unseen == {("Activate", "activation_expired")}
    assert {got for _, got in seen if isinstance(got, type)} == {row.event for row in ROWS}
    assert {name for name, got in seen if got == UNCHANGED} == {
        "ChoosePayer",
        "ChangeEmail",
        "ProvideDirectDebit",
        "ChangeContactDetails",
        "ChangeBusinessName",
    }
    assert {name for name, got in seen if got == MALFORMED} == {
        "RegisterCustomer",
        "Subscribe",
        "AddService",
        "ChangeEmail",
    }


EXCLUDING = {
    # An empty selection has no service that could be unknown.
    ("RegisterCustomer", "no_services", "unknown_service"),
    ("RegisterCustomer", "no_services", "setup_required"),
    ("Subscribe", "no_services", "unknown_service"),
    ("Subscribe", "no_services", "setup_required"),
    # One needs a client that is to sign in, the other a client that is not.
    ("Subscribe", "email_missing", "client_cannot_pay"),
    # One applies in every status except the one in which the others apply.
    ("Activate", "already_activated", "activation_unknown"),
    ("Activate", "already_activated", "activation_expired"),
}


def test_of_two_own_refusals_the_earlier_is_returned() -> None:
    """§8: there is a case for any two of a row, unless they exclude each other."""
    both: set[tuple[str, str, str]] = set()
    for client in EVERYWHERE:
        for by in ACTORS:
            for command in world.commands(by):
                codes = rules_table.own_refusals(world.ask(client, command, LATE))
                if codes[1:]:
                    assert answer_of_library(client, command, LATE) == codes[0]
                    both |= {(type(command).__name__, *pair) for pair in combinations(codes, 2)}
    pairs = {
        (row.command.__name__, one.code, other.code)
        for row in ROWS
        for one, other in combinations(row.own, 2)
    }
    assert pairs - both == EXCLUDING


def test_the_id_of_a_new_client_is_checked_first() -> None:
    """§8: if the id exists, neither services nor address are checked."""
    client = world.clients()[0]
    for command in world.commands(PLATFORM):
        if isinstance(command, ca.RegisterCustomer):
            assert answer_of_library(client, command, SOON) == "client_exists"


def test_each_check_looks_at_the_whole_selection() -> None:
    """§8: an unknown service is refused before a missing setup, in any order of the selection."""
    (inactive, *_) = [c for c in world.clients() if c.status is ca.Status.INACTIVE]
    for codes in ({"start": None, "teapot": None}, {"aardvark": None, "start": None}):
        command = ca.Subscribe(
            inactive.id,
            ca.PracticeUser(inactive.practice_id or ""),
            payer=ca.Payer.PRACTICE,
            sign_in=ca.SignIn.PRACTICE_ONLY,
            services=codes,
        )
        assert answer_of_library(inactive, command, SOON) == "unknown_service"


def test_a_command_is_malformed_only_after_every_check() -> None:
    """S1, E6: a command that is refused and also malformed is refused."""
    malformed_and_taken = ca.RegisterCustomer(
        world.CLIENT_ID,
        PLATFORM,
        business_name="Acme",
        email=world.TAKEN,
        services={"payroll": world.SETUP},
    )
    assert answer_of_library(None, malformed_and_taken, SOON) == "email_taken"


# ── The walk ─────────────────────────────────────────────────────────────────────────────────────

S, P = ca.Status, ca.PayerState

LIFECYCLE_EDGES: tuple[tuple[ca.Status | None, type, ca.Status], ...] = (
    (None, ca.ClientAdded, S.INACTIVE),
    (None, ca.ClientImported, S.INACTIVE),
    (None, ca.CustomerRegistered, S.UNMANAGED),
    (S.INACTIVE, ca.Subscribed, S.PRACTICE_ONLY),
    (S.INACTIVE, ca.Subscribed, S.AWAITING_ACTIVATION),
    (S.PRACTICE_ONLY, ca.AccessGiven, S.AWAITING_ACTIVATION),
    (S.AWAITING_ACTIVATION, ca.Activated, S.BOTH_ACCESS),
    (S.BOTH_ACCESS, ca.AccessDisabled, S.DISABLED),
    (S.DISABLED, ca.AccessEnabled, S.BOTH_ACCESS),
    (S.BOTH_ACCESS, ca.ManagementStopped, S.UNMANAGED),
    (S.DISABLED, ca.ManagementStopped, S.UNMANAGED),
    (S.UNMANAGED, ca.PracticeInvitationAccepted, S.BOTH_ACCESS),
    (S.INACTIVE, ca.ClientDeleted, S.DELETED),
    (S.AWAITING_ACTIVATION, ca.ClientDeleted, S.DELETED),
)
PAYER_EDGES: tuple[tuple[ca.PayerState | None, type, ca.PayerState], ...] = (
    (None, ca.ClientAdded, P.UNDECIDED),
    (None, ca.ClientAdded, P.PRACTICE_CHOSEN),
    (None, ca.ClientImported, P.UNDECIDED),
    (None, ca.ClientImported, P.CLIENT_CHOSEN),
    (None, ca.CustomerRegistered, P.CLIENT_LOCKED),
    (P.UNDECIDED, ca.PayerChosen, P.PRACTICE_CHOSEN),
    (P.UNDECIDED, ca.PayerChosen, P.CLIENT_CHOSEN),
    (P.PRACTICE_CHOSEN, ca.PayerChosen, P.CLIENT_CHOSEN),
    (P.CLIENT_CHOSEN, ca.PayerChosen, P.PRACTICE_CHOSEN),
    (P.UNDECIDED, ca.Subscribed, P.PRACTICE_LOCKED),
    (P.UNDECIDED, ca.Subscribed, P.CLIENT_LOCKED),
    (P.PRACTICE_CHOSEN, ca.Subscribed, P.PRACTICE_LOCKED),
    (P.PRACTICE_CHOSEN, ca.Subscribed, P.CLIENT_LOCKED),
    (P.CLIENT_CHOSEN, ca.Subscribed, P.PRACTICE_LOCKED),
    (P.CLIENT_CHOSEN, ca.Subscribed, P.CLIENT_LOCKED),
    (P.PRACTICE_LOCKED, ca.ManagementStopped, P.CLIENT_LOCKED),
    (P.CLIENT_LOCKED, ca.ManagementStopped, P.CLIENT_LOCKED),
)


def test_the_walk_takes_every_edge_and_no_other() -> None:
    """§2, §3: a status or payer state changes only along the edges of the rules."""
    steps = world.walk().steps
    for edge in (*LIFECYCLE_EDGES, *PAYER_EDGES):
        assert steps[edge], edge
    moved = {step for step in steps if step[0] is not step[2]}
    assert moved == {edge for edge in (*LIFECYCLE_EDGES, *PAYER_EDGES) if edge[0] is not edge[2]}


FLOORS: dict[str, dict[Any, int]] = {
    "status": {
        "inactive": 12,
        "practice_only": 8,
        "awaiting_activation": 30,
        "both_access": 20,
        "disabled": 4,
        "unmanaged": 30,
        "deleted": 8,
    },
    "payer_state": {
        "undecided": 4,
        "practice_chosen": 4,
        "client_chosen": 4,
        "practice_locked": 40,
        "client_locked": 50,
    },
    "source": {"added": 40, "imported": 40, "customer": 20},
    "established": {True: 60, False: 50},
    "services": {True: 100, False: 50},
    "placeholder": {True: 15, False: 80},
    "owes": {True: 15, False: 100},
    "invited": {True: 15, False: 100},
}


def test_the_walk_reaches_enough_clients_of_every_kind() -> None:
    """A test over the clients of a kind proves nothing if there are none."""
    counts: dict[str, Counter[Any]] = {name: Counter() for name in FLOORS}
    for client in world.clients():
        counts["status"][client.status.value] += 1
        counts["payer_state"][client.payer_state.value] += 1
        counts["source"][client.source.value] += 1
        counts["established"][client.established] += 1
        counts["services"][bool(client.services)] += 1
        counts["placeholder"][client.email.is_placeholder] += 1
        counts["owes"][client.direct_debit is not None] += 1
        counts["invited"][client.practice_invitation is not None] += 1
    for name, floors in FLOORS.items():
        for value, floor in floors.items():
            assert counts[name][value] >= floor, (name, value, counts[name])


def test_a_client_equals_its_replayed_history() -> None:
    """Each event has the version that the client has after it."""
    for there in (*world.walk().reached, *world.walk().histories):
        assert ca.replay(there.events) == there.client
        assert [event.version for event in there.events] == list(range(1, len(there.events) + 1))
        assert there.client.version == len(there.events) == len(there.commands)


# ── Actions ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("time", AT)
def test_actions_agree_with_handle(time: str) -> None:
    """A refused action has the rules' refusal, and no command of its kind is accepted.

    For an allowed action, some command is accepted or changes nothing, and the others are refused
    for their fields only. Together they are all 22. Other actors' clients are unknown (C3).
    """
    at, clients = AT[time]
    for client in clients:
        for by in ACTORS:
            actions = ca.actions_of(client, by, at=at, catalogue=CATALOGUE)
            assert actions.allowed.isdisjoint(actions.refused)
            assert actions.allowed | set(actions.refused) == {row.command for row in ROWS}
            assert hash(actions) == hash(ca.actions_of(client, by, at=at, catalogue=CATALOGUE))
            if not rules_table.has_client(facts(client), by):
                assert {r.code.value for r in actions.refused.values()} == {"unknown_client"}
                assert len(actions.refused) == 22
                continue
            sound: dict[type, bool] = dict.fromkeys(actions.allowed, False)
            for command in world.commands(by):
                kind = type(command)
                asked = world.ask(client, command, at)
                early = rules_table.refusal_before_fields(asked)
                got = answer_of_library(client, command, at)
                if kind in actions.refused:
                    assert actions.refused[kind].code.value == early
                    assert isinstance(got, str), (client, command, got)
                else:
                    assert early is None
                    if isinstance(got, ca.Change):
                        sound[kind] = True
                    else:
                        row = rules_table.ROW_OF[kind]
                        assert got == MALFORMED or got in {o.code for o in row.own if o.reads}
            assert all(sound.values()), (client, by, sound)


def test_a_refused_action_has_the_refusal_of_the_command() -> None:
    """`actions` and `handle` ask the same guards: if both refuse for the same reason, the refusals
    are equal. There is one exception: if the service to remove is not held, the command has one
    more way out, to choose a service that is held.
    """
    choosing = 0
    for client in world.clients():
        for by in ACTORS:
            actions = ca.actions_of(client, by, at=SOON, catalogue=CATALOGUE)
            if not rules_table.has_client(facts(client), by):
                continue
            for command in world.commands(by):
                action = actions.refused.get(type(command))
                refusal = world.outcome(client, command, SOON)
                if action and isinstance(refusal, ca.Refusal) and action.code is refusal.code:
                    if refusal.ways_out[0].key == "choose_held":
                        assert isinstance(command, ca.RemoveService)
                        assert client.services
                        assert not client.holds(command.service)
                        refusal = evolve(refusal, ways_out=refusal.ways_out[1:])
                        choosing += 1
                    assert action == refusal
    assert choosing


# ── The oracle itself ────────────────────────────────────────────────────────────────────────────


def test_the_oracle_has_the_22_commands_and_their_events() -> None:
    """§8: one event for each command. The union types have the same members."""
    from typing import get_args

    assert tuple(row.command for row in ROWS) == get_args(ca.Command)
    assert {row.event for row in ROWS} == set(get_args(ca.Event))
    assert len(ROWS) == 22
    assert {status.value for status in ca.Status} == ANY | {"deleted"}


def test_the_oracle_agrees_with_every_step_of_the_walk() -> None:
    """The walk used the earlier catalogue, in which more services were offered (S4)."""
    for there in world.reachable():
        at = world.T0 + world.STEP * (there.client.version - 1)
        before = ca.replay(there.events[:-1]) if there.events[1:] else None
        asked = world.ask(before, there.commands[-1], at, SHOP_THEN)
        assert answer(asked) is type(there.events[-1])
        assert facts(there.client) == facts_after(asked)
    assert SHOP != SHOP_THEN
    assert CATALOGUE != CATALOGUE_THEN
