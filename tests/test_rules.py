"""All of rules §8: every reachable state × every command × every actor, code for code."""

from __future__ import annotations

from collections import Counter
from itertools import combinations
from typing import Any

import pytest
import rules_table
import world
from attrs import evolve
from rules_table import (
    ANY,
    MALFORMED,
    ROWS,
    UNCHANGED,
    answer,
    facts,
    facts_after,
    services_concerned,
)
from world import ACTORS, CATALOGUE, CATALOGUE_THEN, LATE, PLATFORM, SHOP, SHOP_THEN, SOON

import client_access as ca

Answer = str | type

EVERYWHERE: tuple[ca.Client | None, ...] = (None, *world.clients(), *world.erased())
AT: dict[str, tuple[Any, tuple[ca.Client | None, ...]]] = {
    "soon": (SOON, EVERYWHERE),
    # Time matters only to a client that has something that can expire or become due.
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
def test_every_answer_is_the_one_of_the_rules(time: str) -> None:
    """§8: a refusal code and the services it names, an event, none for =, or malformed.

    Among the answers are those of L1, L2, L4, L6, L8, P1, E3 and D1. An accepted command leaves
    what the oracle says, in every field, and what the event makes of the client. A refused one
    leaves the client as it was.
    """
    at, clients = AT[time]
    wrong = []
    seen: Counter[tuple[str, Answer]] = Counter()
    for client in clients:
        before = facts(client)
        for by in ACTORS:
            for command in world.commands(by):
                asked = world.ask(before, command, at)
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
                elif got != MALFORMED:
                    refusal = world.outcome(client, command, at)
                    assert isinstance(refusal, ca.Refusal)
                    assert list(refusal.services) == services_concerned(asked)
                if got != expected:
                    wrong.append((before.get("status"), command, expected, got))
                seen[type(command).__name__, got] += 1
        assert facts(client) == before
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
        "TransferClient",
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
    # An empty selection has no unknown service.
    ("RegisterCustomer", "no_services", "unknown_service"),
    ("RegisterCustomer", "no_services", "setup_required"),
    ("Subscribe", "no_services", "unknown_service"),
    ("Subscribe", "no_services", "setup_required"),
    # One is about a client that is to sign in, the other about one that is not.
    ("Subscribe", "email_missing", "client_cannot_pay"),
    # One is for every status but awaiting_activation, the others are for that one.
    ("Activate", "already_activated", "activation_unknown"),
    ("Activate", "already_activated", "activation_expired"),
}


def test_the_order_of_a_commands_own_refusals_is_tried() -> None:
    """§8: for any two in a row, both apply in some case, and the answer is the earlier one."""
    both: set[tuple[str, str, str]] = set()
    for client in EVERYWHERE:
        before = facts(client)
        for by in ACTORS:
            for command in world.commands(by):
                codes = rules_table.own_refusals(world.ask(before, command, LATE))
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
    """§8: if the id exists, neither services nor the address are looked at."""
    client = world.clients()[0]
    for command in world.commands(PLATFORM):
        if isinstance(command, ca.RegisterCustomer):
            assert answer_of_library(client, command, SOON) == "client_exists"


def test_each_check_looks_at_the_whole_selection() -> None:
    """§8: an unknown service is refused before a missing setup, whichever comes first."""
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


def test_malformed_input_is_raised_after_every_check() -> None:
    """S1, E6: a command that is refused and malformed is refused."""
    malformed_and_taken = ca.RegisterCustomer(
        world.CLIENT_ID,
        PLATFORM,
        business_name="Acme",
        email=world.TAKEN,
        services={"payroll": world.SETUP},
    )
    assert answer_of_library(None, malformed_and_taken, SOON) == "email_taken"


SHOWING = ca.ActivationEmail, ca.PracticeInvoiceChanged, ca.ClientInvoiceChanged
"""The notices that show the services that a client holds."""


def test_a_catalogue_without_a_held_service_changes_no_answer() -> None:
    """S4: an answer stays the same, or the host's error is raised if an accepted command would show
    the services. Removing the service that is missing always works.
    """
    incomplete = ca.Catalogue(s for s in CATALOGUE.services if s.code != "legacy")
    seen: Counter[str] = Counter()
    for client in world.clients():
        if not client.holds("legacy"):
            continue
        for by in ACTORS:
            for command in world.commands(by):
                expected = answer_of_library(client, command, SOON)
                removes_it = isinstance(command, ca.RemoveService) and command.service == "legacy"
                try:
                    got: Any = world.decide(client, command, SOON, incomplete).after
                except ca.CommandRefused as refused:
                    got = refused.refusal.code.value
                except ca.InvalidValue:
                    got = MALFORMED
                except ca.CatalogueIncomplete:
                    assert isinstance(expected, ca.Change)
                    assert not removes_it
                    assert any(isinstance(notice, SHOWING) for notice in expected.notices)
                    seen["incomplete"] += 1
                    continue
                if isinstance(expected, ca.Change):
                    assert got == expected.after
                    seen["removed" if removes_it else "accepted"] += 1
                else:
                    assert got == expected
                    seen["refused"] += 1
    assert min(seen[name] for name in ("refused", "incomplete", "removed", "accepted")) > 50, seen


# ── What was reached ──────────────────────────────────────────────────────────────────────────────

S, P = ca.Status, ca.PayerState

LIFECYCLE_EDGES: tuple[tuple[ca.Status | None, type, ca.Status], ...] = (
    (None, ca.ClientAdded, S.INACTIVE),
    (None, ca.ClientImported, S.INACTIVE),
    (None, ca.CustomerRegistered, S.UNMANAGED),
    (S.INACTIVE, ca.Subscribed, S.PRACTICE_ONLY),
    (S.INACTIVE, ca.Subscribed, S.AWAITING_ACTIVATION),
    (S.PRACTICE_ONLY, ca.AccessGiven, S.AWAITING_ACTIVATION),
    (S.AWAITING_ACTIVATION, ca.AccessWithdrawn, S.PRACTICE_ONLY),
    (S.DISABLED, ca.AccessWithdrawn, S.PRACTICE_ONLY),
    (S.AWAITING_ACTIVATION, ca.Activated, S.BOTH_ACCESS),
    (S.BOTH_ACCESS, ca.AccessDisabled, S.DISABLED),
    (S.DISABLED, ca.AccessEnabled, S.BOTH_ACCESS),
    (S.BOTH_ACCESS, ca.ManagementStopped, S.UNMANAGED),
    (S.DISABLED, ca.ManagementStopped, S.UNMANAGED),
    (S.UNMANAGED, ca.PracticeInvitationAccepted, S.BOTH_ACCESS),
    (S.PRACTICE_ONLY, ca.ClientClosed, S.CLOSED),
    (S.CLOSED, ca.ClientReopened, S.PRACTICE_ONLY),
    (S.INACTIVE, ca.ClientDeleted, S.DELETED),
    (S.AWAITING_ACTIVATION, ca.ClientDeleted, S.DELETED),
    (S.CLOSED, ca.ClientDeleted, S.DELETED),
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


def test_the_walk_takes_every_edge_and_moves_along_no_other() -> None:
    """§2, §3: a status or payer state changes along the edges of the rules and no others."""
    steps = world.walk().steps
    for edge in (*LIFECYCLE_EDGES, *PAYER_EDGES):
        assert steps[edge], edge
    moved = {step for step in steps if step[0] is not step[2]}
    assert moved == {edge for edge in (*LIFECYCLE_EDGES, *PAYER_EDGES) if edge[0] is not edge[2]}


FLOORS: dict[str, dict[Any, int]] = {
    "status": {
        "inactive": 20,
        "practice_only": 40,
        "awaiting_activation": 100,
        "both_access": 70,
        "disabled": 16,
        "unmanaged": 80,
        "closed": 4,
        "deleted": 10,
    },
    "payer_state": {
        "undecided": 8,
        "practice_chosen": 8,
        "client_chosen": 8,
        "practice_locked": 150,
        "client_locked": 180,
    },
    "source": {"added": 150, "imported": 150, "customer": 60},
    "practice_id": {"north": 120, "south": 120, None: 100},
    "established": {True: 200, False: 100},
    "services": {
        "none": 80,
        "one": 60,
        "some": 60,
        "all on offer": 60,
        "one withdrawn from sale": 60,
    },
    "placeholder": {True: 40, False: 200},
    "direct_debit": {"not asked": 150, "asked": 50, "given": 80},
    "invited": {True: 60, False: 200},
    "transferred": {True: 80, False: 200},
}


def _counted(there: world.Reached) -> dict[str, Any]:
    client = there.client
    return {
        "status": client.status.value,
        "payer_state": client.payer_state.value,
        "source": client.source.value,
        "practice_id": client.practice_id,
        "established": client.established,
        "services": world.kind_of_services(client),
        "placeholder": client.email.is_placeholder,
        "direct_debit": world.kind_of_details(client),
        "invited": client.practice_invitation is not None,
        "transferred": any(isinstance(event, ca.ClientTransferred) for event in there.events),
    }


def test_the_walk_reaches_every_status_and_flag() -> None:
    """Every status, payer state, source and flag has a floor, so that no test runs on nothing."""
    counts: dict[str, Counter[Any]] = {name: Counter() for name in FLOORS}
    for there in world.reachable():
        for name, value in _counted(there).items():
            counts[name][value] += 1
    for name, floors in FLOORS.items():
        assert set(counts[name]) == set(floors), name
        for value, floor in floors.items():
            assert counts[name][value] >= floor, (name, value, counts[name])


def test_direct_debit_details_are_asked_for_when_the_rules_say() -> None:
    """P6: when the practice is left, at activation, with the first service; at no other time."""
    asking = {
        type(there.events[-1])
        for there in world.walk().histories
        if getattr(there.events[-1], "direct_debit", None)
    }
    assert asking == {ca.ManagementStopped, ca.Activated, ca.ServiceAdded}


def test_live_equals_replayed() -> None:
    """Replaying a client's events makes the client; each event has the version after it."""
    for there in (*world.walk().reached, *world.walk().histories):
        assert ca.replay(there.events) == there.client
        assert [event.version for event in there.events] == list(range(1, len(there.events) + 1))
        assert there.client.version == len(there.events) == len(there.commands)


# ── Actions ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("time", AT)
def test_actions_agree_with_handle(time: str) -> None:
    """§8: an action is refused exactly by the checks that read no field of the command.

    No command of a refused kind is accepted. A command of an allowed kind is refused for a field
    only, and some command of that kind is accepted. Both together are all 26. If the client is not
    the actor's, all are unknown_client (C3).
    """
    at, clients = AT[time]
    for client in clients:
        before = facts(client)
        for by in ACTORS:
            actions = ca.actions_of(client, by, at=at, catalogue=CATALOGUE)
            assert actions.allowed.isdisjoint(actions.refused)
            assert actions.allowed | set(actions.refused) == {row.command for row in ROWS}
            assert hash(actions) == hash(ca.actions_of(client, by, at=at, catalogue=CATALOGUE))
            if not rules_table.has_client(before, by):
                assert {r.code.value for r in actions.refused.values()} == {"unknown_client"}
                assert len(actions.refused) == 26
                continue
            accepted: dict[type, bool] = dict.fromkeys(actions.allowed, False)
            for command in world.commands(by):
                kind = type(command)
                asked = world.ask(before, command, at)
                early = rules_table.refusal_before_fields(asked)
                got = answer_of_library(client, command, at)
                if kind in actions.refused:
                    assert actions.refused[kind].code.value == early
                    assert isinstance(got, str), (client, command, got)
                else:
                    assert early is None
                    if isinstance(got, ca.Change):
                        accepted[kind] = True
                    else:
                        row = rules_table.ROW_OF[kind]
                        assert got == MALFORMED or got in {o.code for o in row.own if o.reads}
            assert all(accepted.values()), (client, by, accepted)


def test_a_refused_action_has_the_refusal_of_the_command() -> None:
    """§8: if `actions` and `handle` refuse with the same code, the whole refusal is the same.

    There is one exception: removing a service that is not held is first advised to choose another.
    """
    advised_to_choose = 0
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
                        advised_to_choose += 1
                    assert action == refusal
    assert advised_to_choose


# ── The oracle itself ────────────────────────────────────────────────────────────────────────────


def test_the_oracle_has_the_26_commands_and_their_events() -> None:
    """§8: one event for each command; the union types name exactly these."""
    from typing import get_args

    assert tuple(row.command for row in ROWS) == get_args(ca.Command)
    assert {row.event for row in ROWS} == set(get_args(ca.Event))
    assert len(ROWS) == 26
    assert {status.value for status in ca.Status} == ANY | {"deleted"}


def test_the_oracle_agrees_about_what_was_on_offer_then() -> None:
    """S4: the walk itself follows the rules, with the services on offer at that time."""
    for there in world.reachable():
        at = world.T0 + world.STEP * (there.client.version - 1)
        before = ca.replay(there.events[:-1]) if there.events[1:] else None
        asked = world.ask(facts(before), there.commands[-1], at, SHOP_THEN)
        assert answer(asked) is type(there.events[-1])
        assert facts(there.client) == facts_after(asked)
    assert SHOP != SHOP_THEN
    assert CATALOGUE != CATALOGUE_THEN
