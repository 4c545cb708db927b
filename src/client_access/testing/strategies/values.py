"""Hypothesis strategies for values, catalogues and actors."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import cache
from itertools import product
from typing import Any, Generic, TypeAlias, TypeVar, final
from uuid import UUID

from attrs import frozen
from hypothesis import strategies as st

from client_access.testing.clock import START
from client_access.testing.examples import CONTACT, NORTH, SETUP, SOUTH
from client_access.values import (
    Actor,
    ClientUser,
    ContactDetails,
    HeldService,
    PlatformUser,
    Policy,
    PracticeUser,
    ServiceSetup,
    VatScheme,
)
from client_access.values.catalogue import Catalogue, Service
from client_access.values.email_address import EmailAddress

T = TypeVar("T")

Draw: TypeAlias = Callable[[st.SearchStrategy[Any]], Any]
"""Draws an example from a strategy."""

_BIDIRECTIONAL = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
# Text has no control characters, lone surrogates, or separators of lines and paragraphs.
_ANY = st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp"), exclude_characters=_BIDIRECTIONAL)
_VISIBLE = st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp", "Zs", "Cf"))

_NAMES = (
    "Acme",
    "Marigold & Thyme Catering",
    "O\u2019Hara Plumbing",
    "Stra\u00dfenbau M\u00fcller",
    "\u0141\u00f3d\u017a Bakery",
    "\u4f1a\u8ba1\u4e8b\u52a1\u6240",
    "100% Wool_Works",
    "Zo\u00eb",
)
_LOCALS = ("hello", "accounts.payable", "o'hara", "jos\u00e9", "\u017c\u00f3\u0142\u0107", "a+b")
_DOMAINS = ("example.com", "example.org", "b\u00fccher.example.net", "mail.example.co.uk")
_CONTACTS = (
    ContactDetails(),
    ContactDetails("Ann"),
    ContactDetails(phone="020 7946 0000"),
    ContactDetails(address="1 High Street\nLeeds"),
    CONTACT,
)
_SETUPS = (
    *(
        ServiceSetup(scheme)
        for scheme in (VatScheme.NOT_REGISTERED, VatScheme.STANDARD, VatScheme.CASH)
    ),
    ServiceSetup(VatScheme.NOT_REGISTERED, accounts_start=date(2025, 4, 6)),
    SETUP,
)
_LABELS = st.text("abcdefghijklmnopqrstuvwxyz0123456789", min_size=1, max_size=12)
_ATOMS = st.text(
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$%&'*+/=?^_`{|}~-",
    min_size=1,
    max_size=15,
)


@cache
def _below(number: int) -> st.SearchStrategy[int]:
    return st.integers(0, number - 1)


def choose(draw: Draw, options: Sequence[T]) -> T:
    """Draw one of some options, the first being the simplest.

    Making a strategy of options that are new with each draw takes longer than drawing.
    """
    if len(options) == 1:
        return options[0]
    option: T = options[draw(_below(len(options)))]
    return option


@final
@frozen
class Pool(Generic[T]):
    """Known values, which are quick to draw and to read, and a strategy that builds others.

    Parameters:
        known: the known values, the simplest first; most of what is drawn.
        built: builds any value.
    """

    known: tuple[T, ...]
    built: st.SearchStrategy[T]

    def draw(self, draw: Draw) -> T:
        """Draw a value, without a strategy around it: that would take twice as long."""
        number = draw(_below(len(self.known) + len(self.known) // 3 + 1))
        value: T = self.known[number] if number < len(self.known) else draw(self.built)
        return value


@st.composite
def _values(draw: st.DrawFn, pool: Pool[T]) -> T:
    return pool.draw(draw)


def _texts(limit: int, more: str = "") -> st.SearchStrategy[str]:
    letters = st.one_of(_ANY, st.sampled_from(more)) if more else _ANY
    return st.text(letters, max_size=limit)


@cache
def name_pool() -> Pool[str]:
    """Return the pool of business names."""
    half = st.text(_ANY, max_size=99)
    return Pool(_NAMES, st.builds(lambda a, seen, b: f"{a}{seen}{b}", half, _VISIBLE, half))


@cache
def business_names() -> st.SearchStrategy[str]:
    """Return names of 200 characters at most, in any script, with a visible one."""
    return _values(name_pool())


@cache
def email_addresses(
    *, domains: tuple[str, ...] = _DOMAINS, any_domain: bool = True
) -> st.SearchStrategy[EmailAddress]:
    """Return mailable addresses in any spelling, ASCII or not.

    Parameters:
        domains: the domains of most addresses.
        any_domain: whether there are other domains too.
    """
    known = [EmailAddress(f"{local}@{host}") for local, host in product(_LOCALS, sorted(domains))]
    locals_ = st.lists(_ATOMS, min_size=1, max_size=4).map(".".join)
    hosts: st.SearchStrategy[str] = st.sampled_from(sorted(domains))
    if any_domain:
        ends = st.sampled_from(("com", "org", "COM", "de", "co.uk"))
        hosts = st.one_of(hosts, st.builds(lambda label, end: f"{label}.{end}", _LABELS, ends))
    built = st.builds(lambda local, host: EmailAddress(f"{local}@{host}"), locals_, hosts)
    return _values(Pool(tuple(known), built))


@cache
def contact_pool() -> Pool[ContactDetails]:
    """Return the pool of contact details."""
    texts = {"name": _texts(200), "phone": _texts(50), "address": _texts(300, more="\n ")}
    return Pool(_CONTACTS, st.builds(ContactDetails, **texts))


@cache
def contact_details() -> st.SearchStrategy[ContactDetails]:
    """Return contact details; each part may be empty, and the address may have several lines."""
    return _values(contact_pool())


@cache
def setup_pool() -> Pool[ServiceSetup]:
    """Return the pool of setups."""
    starts = st.none() | st.dates(date(1990, 1, 1), date(2100, 1, 1))
    numbers = st.one_of(st.just(""), st.sampled_from(("GB123456789", "DE 12\u00b73")), _texts(20))
    registered = st.sampled_from([s for s in VatScheme if s is not VatScheme.NOT_REGISTERED])
    built = st.one_of(
        st.builds(
            ServiceSetup, st.just(VatScheme.NOT_REGISTERED), st.just(""), accounts_start=starts
        ),
        st.builds(ServiceSetup, registered, numbers, accounts_start=starts),
    )
    return Pool(_SETUPS, built)


@cache
def service_setups() -> st.SearchStrategy[ServiceSetup]:
    """Return setups, without a VAT number if not registered for VAT."""
    return _values(setup_pool())


@cache
def prices() -> st.SearchStrategy[Decimal]:
    """Return monthly prices from 0 to 999,999,999, with four decimals at most."""
    return st.builds(
        lambda units, places: Decimal(units).scaleb(-places),
        st.integers(0, 999_999_999),
        st.integers(0, 4),
    )


def catalogues(*, max_services: int = 6, currency: str = "GBP") -> st.SearchStrategy[Catalogue]:
    """Return catalogues in which at least one service is offered.

    Parameters:
        max_services: how many services at most; at least 1.
        currency: the currency of the prices.
    """

    def catalogue(codes: list[str], facts: list[tuple[Decimal, bool, bool]]) -> Catalogue:
        services = [
            Service(code, code.title(), price, needs_setup=setup, offered=offered or not number)
            for number, (code, (price, setup, offered)) in enumerate(
                zip(codes, facts, strict=False)
            )
        ]
        return Catalogue(services, currency)

    codes = st.lists(_LABELS, min_size=1, max_size=max_services, unique=True)
    facts = st.tuples(prices(), st.booleans(), st.booleans())
    return st.builds(
        catalogue, codes, st.lists(facts, min_size=max_services, max_size=max_services)
    )


@st.composite
def _held_services(draw: st.DrawFn, offered: list[Service]) -> tuple[HeldService, ...]:
    return choose_services(draw, offered)


def choose_services(draw: Draw, offered: Sequence[Service]) -> tuple[HeldService, ...]:
    """Draw one or more services on offer, each with the setup that it needs."""
    left = list(offered)
    number = 1 + draw(_below(len(left)))
    chosen = [left.pop(draw(_below(len(left)))) for _ in range(number)]
    return tuple(
        HeldService(service.code, setup_pool().draw(draw) if service.needs_setup else None)
        for service in chosen
    )


def held_services(catalogue: Catalogue) -> st.SearchStrategy[tuple[HeldService, ...]]:
    """Return selections of one or more services that a catalogue offers, with the setup they need.

    Parameters:
        catalogue: the services on offer; at least one must be.
    """
    return _held_services([service for service in catalogue.services if service.offered])


@cache
def policies() -> st.SearchStrategy[Policy]:
    """Return policies: activations last a minute or more; unpaid access may have no limit."""
    lifetimes = st.timedeltas(timedelta(minutes=1), timedelta(days=365))
    unpaid = st.none() | st.timedeltas(timedelta(0), timedelta(days=365))
    return st.builds(Policy, lifetimes, unpaid)


@cache
def spans(longest: timedelta) -> st.SearchStrategy[timedelta]:
    """Return spans of time from nothing on, to the microsecond."""
    unit = timedelta(microseconds=1)
    return st.integers(0, longest // unit).map(lambda number: number * unit)


def moments(*, since: datetime = START) -> st.SearchStrategy[datetime]:
    """Return times within ten years, to the microsecond.

    Parameters:
        since: the earliest.
    """
    return spans(timedelta(days=3650)).map(lambda span: since + span)


def practice_users(
    *, practices: Collection[str] = (NORTH.practice_id, SOUTH.practice_id)
) -> st.SearchStrategy[PracticeUser]:
    """Return users of practices.

    Parameters:
        practices: the ids of those practices.
    """
    users = ("", "nora", "Zo\u00eb")
    return st.sampled_from(
        [PracticeUser(each, user) for user in users for each in sorted(practices)]
    )


def actors(
    client_id: UUID, *, practices: Collection[str] = (NORTH.practice_id, SOUTH.practice_id)
) -> st.SearchStrategy[Actor]:
    """Return actors of every kind: practices, the client itself, the platform.

    Parameters:
        client_id: the client.
        practices: the ids of the practices.
    """
    return st.one_of(
        practice_users(practices=practices),
        st.sampled_from([ClientUser(client_id, user) for user in ("", "carl")]),
        st.sampled_from([PlatformUser(user) for user in ("", "petra")]),
    )
