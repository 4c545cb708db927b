"""Strategies for the types of this library, as `from_type` returns them."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from attrs import fields_dict
from hypothesis import strategies as st

from client_access.change import Change
from client_access.client import Client
from client_access.commands import COMMANDS
from client_access.deciding import decide
from client_access.events import EVENTS, Event
from client_access.machines.payer import Payer
from client_access.notices import (
    NOTICES,
    RECIPIENTS_OF,
    Notice,
    PlatformAct,
    ToAddress,
    ToPractice,
)
from client_access.testing.examples import CATALOGUE, NORTH, SOUTH, examples
from client_access.testing.strategies.commanding import (
    IDS,
    PRACTICES,
    Ways,
    accepted_command,
    accepted_kinds,
    commands,
    creating_kinds,
)
from client_access.testing.strategies.values import (
    Draw,
    business_names,
    catalogues,
    choose,
    choose_services,
    contact_details,
    email_addresses,
    moments,
    policies,
    practice_users,
    prices,
    service_setups,
)
from client_access.testing.strategies.walking import clients
from client_access.values import (
    DEFAULT_POLICY,
    ClientUser,
    ContactDetails,
    HeldService,
    PlatformUser,
    Policy,
    PracticeUser,
    ServiceSetup,
)
from client_access.values.catalogue import Catalogue, InvoiceLine
from client_access.values.email_address import EmailAddress

_SERVICES = CATALOGUE.services
_PRACTICE_IDS = st.sampled_from(PRACTICES)
_MAYBE_LATER = st.none() | moments()


@cache
def of_type(kind: type) -> st.SearchStrategy[Any]:
    """Return the strategy for a type that is registered."""
    if kind in COMMANDS.values():
        return commands(kinds=(kind,))
    if kind in EVENTS.values():
        return _events(_changes()[kind])
    if kind in NOTICES.values():
        return _notices(kind)
    return _VALUES[kind]()


@st.composite
def _held(draw: st.DrawFn) -> HeldService:
    service = choose(draw, [each for each in _SERVICES if each.offered])
    return choose_services(draw, [service])[0]


_VALUES: dict[type, Callable[[], st.SearchStrategy[Any]]] = {
    Client: clients,
    EmailAddress: email_addresses,
    ContactDetails: contact_details,
    ServiceSetup: service_setups,
    HeldService: _held,
    Catalogue: catalogues,
    Policy: policies,
    PracticeUser: practice_users,
    ClientUser: lambda: st.builds(ClientUser, IDS, st.sampled_from(("", "carl"))),
    PlatformUser: lambda: st.sampled_from([PlatformUser(), PlatformUser("petra")]),
}

# ── Events ───────────────────────────────────────────────────────────────────────────────────────


@cache
def _changes() -> dict[type, list[Change]]:
    """Return the changes of the examples by their event; there is one at least of each kind."""
    found: dict[type, list[Change]] = {kind: [] for kind in EVENTS.values()}
    for example in examples().values():
        for change in example.changes:
            found[type(change.event)].append(change)
    return found


@st.composite
def _events(draw: st.DrawFn, changes: list[Change]) -> Event:
    """Let an example client accept a command of the same kind again, with fields that are drawn."""
    change = choose(draw, changes)
    assert change.event is not None  # those of the examples have events
    ways = Ways(CATALOGUE, email_addresses(), PRACTICES, change.before)
    at, kinds = change.event.at, (type(change.command),)
    if change.before is None:
        found = creating_kinds(ways, kinds)
    else:
        found = accepted_kinds(ways, at=at, policy=DEFAULT_POLICY, kinds=kinds)
    command = accepted_command(draw, ways, change.after.id, found)
    # A field may be drawn as it was: then nothing changes.
    return decide(change.before, command, at=at, catalogue=CATALOGUE).event or change.event


# ── Notices ──────────────────────────────────────────────────────────────────────────────────────


def _line(client_id: Any, name: str, number: int) -> InvoiceLine:
    service = _SERVICES[number]
    return InvoiceLine(client_id, name, service.code, service.name, service.monthly_price)


def _lines() -> st.SearchStrategy[tuple[InvoiceLine, ...]]:
    numbers = st.integers(0, len(_SERVICES) - 1)
    line = st.builds(_line, IDS, business_names(), numbers)
    return st.lists(line, max_size=3).map(tuple)


_FIELDS: dict[str, Callable[[], st.SearchStrategy[Any]]] = {
    "version": lambda: st.integers(1, 1000),
    "business_name": business_names,
    "practice_id": lambda: _PRACTICE_IDS,
    "from_practice_id": lambda: st.just(NORTH.practice_id),
    "to_practice_id": lambda: st.just(SOUTH.practice_id),
    "activation_id": lambda: IDS,
    "expires_at": moments,
    "ends_at": moments,
    "remind_at": moments,
    "due": lambda: _MAYBE_LATER,
    "direct_debit_asked": st.booleans,
    "direct_debit_due": lambda: _MAYBE_LATER,
    "times_sent": lambda: st.integers(1, 9),
    "payer": lambda: st.sampled_from(Payer),
    "services": lambda: st.sampled_from([(), ("Payroll",), ("Bookkeeping", "Payroll")]),
    "monthly_total": lambda: st.none() | prices(),
    "currency": lambda: st.just("GBP"),
    "service": lambda: st.sampled_from([each.code for each in _SERVICES]),
    "service_name": lambda: st.sampled_from([each.name for each in _SERVICES]),
    "added": st.booleans,
    "act": lambda: st.sampled_from(PlatformAct),
    "accepted": st.booleans,
    "before": _lines,
    "after": _lines,
}


@st.composite
def _notices(draw: st.DrawFn, kind: type[Notice]) -> Notice:
    client_id = draw(IDS)
    names = [name for name in fields_dict(kind) if name not in ("client_id", "recipient")]
    drawn = {name: draw(_FIELDS[name]()) for name in names}
    return kind(client_id=client_id, recipient=_recipient(draw, kind, client_id), **drawn)


def _recipient(draw: Draw, kind: type[Notice], client_id: Any) -> Any:
    recipient = choose(draw, RECIPIENTS_OF[kind])
    if recipient is ToAddress:
        return ToAddress(draw(email_addresses()))
    if recipient is ToPractice:
        return ToPractice(choose(draw, PRACTICES))
    return recipient(client_id)
