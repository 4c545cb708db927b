"""One client's world: who asks, what for, and every state in which the client can come to stand.

`reachable()` walks from nothing, by commands only, until no command leads anywhere new. Each client
comes with the commands and the events that led to it. All of them have the same id, so that the
commands below are made once and put to every one of them.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache
from typing import Any
from uuid import UUID

import rules_table
from attrs import evolve
from rules_table import Asked, Shop, facts

import client_access as ca
from client_access.repository.erasing import erase_history

T0 = datetime(2026, 1, 5, 9, tzinfo=UTC)
STEP = timedelta(minutes=1)
SOON = T0 + timedelta(days=3)
"""When everything sent on the way is still valid, and nothing is due yet."""
LATE = T0 + timedelta(days=400)
"""When everything sent on the way has expired, and everything asked for is due."""

CLIENT_ID = UUID("10000000-0000-4000-8000-000000000001")
OTHER_ID = UUID("20000000-0000-4000-8000-000000000002")
FIRST_ACTIVATION = UUID("a0000000-0000-4000-8000-000000000001")
SECOND_ACTIVATION = UUID("a0000000-0000-4000-8000-000000000002")
WRONG_ACTIVATION = UUID("a0000000-0000-4000-8000-000000000009")

FIRST = "first@example.com"
FIRST_RESPELT = "First@Example.COM"
FREE = "free@example.com"
THIRD = "third@example.com"
TAKEN = "taken@example.com"

NORTH = ca.PracticeUser("north", "nora")
SOUTH = ca.PracticeUser("south")
EAST = ca.PracticeUser("east")
CLIENT = ca.ClientUser(CLIENT_ID, "carl")
STRANGER = ca.ClientUser(OTHER_ID)
PLATFORM = ca.PlatformUser("petra")
ACTORS: tuple[ca.Actor, ...] = (NORTH, SOUTH, EAST, CLIENT, STRANGER, PLATFORM)
"""Two practices that the client may have to do with, one that it has not, the client itself,
another client, the platform."""

SETUP = ca.ServiceSetup(ca.VatScheme.STANDARD, "GB123456789")

_START = ca.Service("start", "Start", Decimal("6.00"), needs_setup=True)
_PAYROLL = ca.Service("payroll", "Payroll", Decimal("5.50"))
_EXTRA = ca.Service("extra", "Extra", Decimal("1.25"))
_LEGACY = ca.Service("legacy", "Legacy", Decimal("2.00"), needs_setup=True)
CATALOGUE_THEN = ca.Catalogue([_START, _PAYROLL, _EXTRA, _LEGACY])
"""What was on offer when the clients were made."""
CATALOGUE = ca.Catalogue([_START, _PAYROLL, _EXTRA, evolve(_LEGACY, offered=False)])
"""What is on offer now: one service has been withdrawn from sale (S4)."""
SHOP_THEN = Shop(frozenset({"start", "payroll", "extra", "legacy"}), frozenset({"start", "legacy"}))
SHOP = Shop(frozenset({"start", "payroll", "extra"}), frozenset({"start", "legacy"}))


# ── Commands ─────────────────────────────────────────────────────────────────────────────────────


@cache
def commands(by: ca.Actor) -> tuple[ca.Command, ...]:
    """Return all 26 commands by an actor, each with valid fields and every kind of invalid ones."""
    i = CLIENT_ID
    p, c = ca.Payer.PRACTICE, ca.Payer.CLIENT
    alone, together = ca.SignIn.PRACTICE_ONLY, ca.SignIn.PRACTICE_AND_CLIENT
    one, two = FIRST_ACTIVATION, SECOND_ACTIVATION
    good = {"start": SETUP, "payroll": None}
    selections: tuple[dict[str, ca.ServiceSetup | None], ...] = (
        {"payroll": None},
        {},
        {"teapot": None},
        {"start": None},
        {"legacy": None, "start": None},
        {"payroll": SETUP},
    )
    contact = ca.ContactDetails("Ann", "1", "2 Road\nTown")
    return (
        ca.AddClient(i, by, business_name="Acme"),
        ca.AddClient(i, by, business_name="Acme", email=FIRST, payer=p, contact=contact),
        ca.AddClient(i, by, business_name="Acme", email=TAKEN, payer=c),
        ca.ImportClient(i, by, business_name="Acme", kind=ca.ClientKind.INDIVIDUAL),
        ca.ImportClient(i, by, business_name="Acme", email=FIRST, payer=c),
        ca.ImportClient(i, by, business_name="Acme", email=TAKEN),
        ca.RegisterCustomer(i, by, business_name="Acme", email=FIRST, services=good),
        *(
            ca.RegisterCustomer(i, by, business_name="Acme", email=email, services=selection)
            for email in (FIRST, TAKEN)
            for selection in selections
        ),
        ca.ChoosePayer(i, by, payer=p),
        ca.ChoosePayer(i, by, payer=c),
        *(
            ca.Subscribe(i, by, payer=p, sign_in=way, services=good, activation_id=one)
            for way in (alone, together)
        ),
        *(
            ca.Subscribe(i, by, payer=c, sign_in=way, services=selection, activation_id=one)
            for way in (alone, together)
            for selection in selections
        ),
        ca.AddService(i, by, service="payroll"),
        ca.AddService(i, by, service="payroll", setup=SETUP),
        ca.AddService(i, by, service="start", setup=SETUP),
        ca.AddService(i, by, service="start"),
        ca.AddService(i, by, service="legacy", setup=SETUP),
        ca.AddService(i, by, service="legacy"),
        ca.AddService(i, by, service="extra"),
        ca.AddService(i, by, service="teapot"),
        ca.RemoveService(i, by, service="payroll"),
        ca.RemoveService(i, by, service="start"),
        ca.RemoveService(i, by, service="legacy"),
        ca.RemoveService(i, by, service="teapot"),
        *(
            ca.GiveAccess(i, by, email=email, confirm_email=again, activation_id=one)
            for email, again in (
                (FREE, FREE.upper()),
                (FIRST, FIRST),
                (FREE, THIRD),
                (TAKEN, TAKEN),
                (TAKEN, FREE),
            )
        ),
        ca.ResendActivation(i, by),
        ca.ChangeEmail(i, by, email=FREE, activation_id=two),
        ca.ChangeEmail(i, by, email=FREE, activation_id=one),
        ca.ChangeEmail(i, by, email=FIRST, activation_id=two),
        ca.ChangeEmail(i, by, email=FIRST_RESPELT, activation_id=one),
        ca.ChangeEmail(i, by, email=TAKEN, activation_id=one),
        ca.Activate(i, by, activation_id=one),
        ca.Activate(i, by, activation_id=two),
        ca.Activate(i, by, activation_id=WRONG_ACTIVATION),
        ca.WithdrawAccess(i, by),
        ca.DisableAccess(i, by),
        ca.EnableAccess(i, by),
        ca.StopManaging(i, by),
        ca.ProvideDirectDebit(i, by),
        ca.CloseClient(i, by),
        ca.ReopenClient(i, by),
        ca.TransferClient(i, by, practice_id=NORTH.practice_id),
        ca.TransferClient(i, by, practice_id=SOUTH.practice_id),
        ca.DeleteClient(i, by),
        ca.InvitePractice(i, by, practice_id=NORTH.practice_id),
        ca.InvitePractice(i, by, practice_id=SOUTH.practice_id),
        ca.WithdrawPracticeInvitation(i, by),
        ca.AcceptPracticeInvitation(i, by),
        ca.DeclinePracticeInvitation(i, by),
        ca.ChangeContactDetails(i, by, contact=ca.ContactDetails()),
        ca.ChangeContactDetails(i, by, contact=contact),
        ca.ChangeBusinessName(i, by, business_name="Acme"),
        ca.ChangeBusinessName(i, by, business_name="Bolt"),
    )


def owner_of_email(client: ca.Client | None, command: ca.Command) -> UUID | None:
    """Return who has the address in a command, as a repository would say."""
    email = getattr(command, "email", None)
    if email is None:
        return None
    if rules_table.key(email.address) == TAKEN:
        return OTHER_ID
    own = client is not None and client.email.address
    if own and rules_table.key(own) == rules_table.key(email.address):
        return CLIENT_ID
    return None


def decide(
    client: ca.Client | None,
    command: ca.Command,
    at: datetime,
    catalogue: ca.Catalogue = CATALOGUE,
    **more: Any,
) -> ca.Change:
    """Put a command to the library, in this world."""
    owner = owner_of_email(client, command)
    return ca.decide(client, command, at=at, catalogue=catalogue, email_owner=owner, **more)


_outcomes: dict[tuple[int, int, datetime], ca.Change | ca.Refusal | ca.InvalidValue] = {}


def outcome(
    client: ca.Client | None, command: ca.Command, at: datetime
) -> ca.Change | ca.Refusal | ca.InvalidValue:
    """Return what `decide` answers, worked out once for all tests.

    Only for clients and commands of this module: they are never freed, so that their identity will
    do for a key.
    """
    key = id(client), id(command), at
    found = _outcomes.get(key)
    if found is None:
        try:
            found = decide(client, command, at)
        except ca.CommandRefused as refused:
            found = refused.refusal
        except ca.InvalidValue as problem:
            found = problem
        _outcomes[key] = found
    return found


def ask(client: ca.Client | None, command: ca.Command, at: datetime, shop: Shop = SHOP) -> Asked:
    """Put the same question to the oracle."""
    return Asked(facts(client), command, at, shop, owner_of_email(client, command))


# ── Every state ──────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Reached:
    """A client, and how it came to be so."""

    client: ca.Client
    commands: tuple[ca.Command, ...]
    events: tuple[ca.Event, ...]


def kind_of_state(client: ca.Client) -> tuple[object, ...]:
    """Return what tells the states apart that the rules can tell apart."""
    return (
        client.status,
        client.payer_state,
        client.source,
        [held.code for held in client.services] == ["payroll"],
        bool(client.services),
        client.holds("legacy"),
        client.email.is_placeholder,
        client.established,
        client.direct_debit is not None,
        client.practice_invitation and client.practice_invitation.practice_id,
        client.practice_id,
        client.activation and client.activation.id,
    )


@dataclass(frozen=True)
class Walk:
    """Where a walk came.

    `reached` has one client for every kind of state; `histories` one for every way of making a
    step: from which status and payer state, by what event, to which. `steps` counts them all, by
    statuses and by payer states.
    """

    reached: tuple[Reached, ...]
    histories: tuple[Reached, ...]
    steps: Counter[tuple[Any, Any, Any]]


@cache
def walk() -> Walk:
    """Walk every way that there is."""
    reached: dict[tuple[object, ...], Reached] = {}
    histories: dict[tuple[object, ...], Reached] = {}
    steps: Counter[tuple[Any, Any, Any]] = Counter()
    waiting: list[Reached | None] = [None]
    while waiting:
        here = waiting.pop(0)
        client = here.client if here else None
        status, payer = client and client.status, client and client.payer_state
        at = T0 + STEP * (client.version if client else 0)
        # The southern practice only comes to clients by being invited.
        for by in (NORTH, SOUTH, CLIENT, PLATFORM) if here else (NORTH, PLATFORM):
            for command in commands(by):
                try:
                    change = decide(client, command, at, CATALOGUE_THEN)
                except ca.ClientAccessError:
                    continue
                if change.event is None:
                    continue
                after, event = change.after, type(change.event)
                steps[status, event, after.status] += 1
                steps[payer, event, after.payer_state] += 1
                there = Reached(
                    after,
                    (*(here.commands if here else ()), command),
                    (*(here.events if here else ()), change.event),
                )
                step = (status, payer, event, after.status, after.payer_state)
                histories.setdefault(step, there)
                if kind_of_state(after) not in reached:
                    reached[kind_of_state(after)] = there
                    waiting.append(there)
    return Walk(tuple(reached.values()), tuple(histories.values()), steps)


def reachable() -> tuple[Reached, ...]:
    """Return one client for every kind of state."""
    return walk().reached


@cache
def clients() -> tuple[ca.Client, ...]:
    """Return the clients of `reachable`."""
    return tuple(there.client for there in reachable())


@cache
def erased() -> tuple[ca.Client, ...]:
    """Return clients whose person was erased, and the address with it: one of every standing.

    No command leads there, so they are none of `clients`.
    """
    found: dict[tuple[object, ...], ca.Client] = {}
    for there in reachable():
        client = there.client
        if client.email.is_mailable:
            standing = (
                client.status,
                client.payer_state,
                client.practice_id,
                client.established,
                bool(client.services),
                client.practice_invitation is None,
            )
            found.setdefault(standing, ca.replay(erase_history(there.events)))
    return tuple(found.values())
