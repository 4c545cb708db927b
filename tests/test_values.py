"""Values are always valid: an argument makes a valid value, or InvalidValue names its field."""

from __future__ import annotations

import copy
import pickle
import sys
import unicodedata
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from decimal import Decimal
from itertools import product
from typing import Any, get_args
from uuid import UUID

import attrs
import email_validator
import every_notice
import junk
import pytest
import test_notices
import world
from hypothesis import example, given, settings
from hypothesis import strategies as st
from world import CATALOGUE, CLIENT_ID, NORTH, OTHER_ID, PLATFORM, SETUP, SOON, T0

import client_access as ca
from client_access.events import EVENTS
from client_access.questions.consequences import consequences_of
from client_access.values import email_address, fold

# ── Samples ──────────────────────────────────────────────────────────────────────────────────────


def _changes() -> list[ca.Change]:
    """Return one accepted change for each kind of step."""
    changes = []
    for there in world.walk().histories:
        before = ca.replay(there.events[:-1]) if there.events[1:] else None
        at = there.events[-1].at
        changes.append(world.decide(before, there.commands[-1], at, world.CATALOGUE_THEN))
    return [*changes, *test_notices.changes()]


def _samples() -> dict[type, Any]:
    """Return a valid value of every class that a caller makes or is given."""
    changes = _changes()
    sign_ins = [ca.sign_in_of(client, at=SOON) for client in world.clients()]
    found: list[Any] = [
        *(change.command for change in changes),
        *(change.event for change in changes),
        *(notice for change in changes for notice in change.notices),
        *(notice.recipient for change in changes for notice in change.notices),
        *(each for client in world.clients() for each in ca.reminders(client, T0, world.LATE)),
        *(prompt for decision in sign_ins for prompt in decision.prompts),
        *(prompt.recipient for decision in sign_ins for prompt in decision.prompts),
        *world.commands(NORTH),
        *world.clients(),
        *(client.direct_debit for client in world.clients() if client.direct_debit),
        *(client.activation for client in world.clients() if client.activation),
        *(client.practice_invitation for client in world.clients() if client.practice_invitation),
        *world.ACTORS,
        ca.EmailAddress(world.FIRST),
        ca.ContactDetails("Ann", "1", "2 Road\nTown"),
        SETUP,
        ca.HeldService("start", SETUP),
        ca.Policy(),
        CATALOGUE,
        attrs.evolve(CATALOGUE.services[0], capabilities=("vat_returns", "journals")),
    ]
    return {type(value): value for value in found}


SAMPLES = _samples()
GIVEN = {
    *get_args(ca.Command),
    *get_args(ca.Event),
    *get_args(ca.Notice),
    *get_args(ca.Recipient),
    *get_args(ca.Actor),
    ca.Client,
    ca.EmailAddress,
    ca.ContactDetails,
    ca.ServiceSetup,
    ca.HeldService,
    ca.Activation,
    ca.PracticeInvitation,
    ca.DirectDebit,
    ca.Policy,
    ca.Service,
    ca.Catalogue,
}
"""Every class that a caller may instantiate."""


def given_values() -> list[Any]:
    """Return values of all classes that the library gives to callers."""
    change = max(_changes(), key=lambda change: len(change.notices))
    client = next(c for c in world.clients() if c.status is ca.Status.DISABLED)
    service = ca.ClientAccess(ca.MemoryRepository(), catalogue=CATALOGUE, clock=lambda: SOON)
    service.handle(ca.AddClient(CLIENT_ID, NORTH, business_name="Acme"))
    invoice = ca.Invoice(ca.monthly_lines(client, CATALOGUE), "GBP")
    return [
        *SAMPLES.values(),
        ca.EmailAddress.placeholder(CLIENT_ID),
        ca.EmailAddress.erased(CLIENT_ID),
        change,
        client.listing,
        ca.actions_of(client, NORTH, at=SOON, catalogue=CATALOGUE),
        ca.sign_in_of(client, at=SOON),
        ca.sign_in_of(client, at=SOON).refusal,
        invoice,
        *invoice.lines,
        *ca.differences(invoice, ca.Invoice((), "GBP")),
        service.clients("north", ca.ClientList.INACTIVE),
        *service.clients("north", ca.ClientList.INACTIVE).rows,
        *next(iter(_refusals())).ways_out,
        ca.opening_of(client, NORTH, at=SOON, catalogue=CATALOGUE),
        ca.opening_of(client, world.CLIENT, at=SOON, catalogue=CATALOGUE),
        *ca.opening_of(client, NORTH, at=SOON, catalogue=CATALOGUE).services,
        *ca.deadlines_of(next(c for c in world.clients() if c.activation)),
    ]


def _refusals() -> list[ca.Refusal]:
    actions = ca.actions_of(world.clients()[0], PLATFORM, at=SOON, catalogue=CATALOGUE)
    return list(actions.refused.values())


def build(kind: type, /, **fields: Any) -> Any:
    """Make the sample of a class again, with some fields replaced."""
    sample = SAMPLES[kind]
    kept = {
        field.alias: getattr(sample, field.name)
        for field in attrs.fields(kind)
        if field.init and field.alias is not None
    }
    return kind(**{**kept, **fields})


def fields_of(kind: type) -> list[str]:
    return [f.alias for f in attrs.fields(kind) if f.init and f.alias is not None]


def test_every_class_has_a_sample() -> None:
    assert set(SAMPLES) == GIVEN
    for kind, sample in SAMPLES.items():
        assert build(kind) == sample


# ── Arguments of any kind ────────────────────────────────────────────────────────────────────────

FIELDS = [(kind, name) for kind in SAMPLES for name in fields_of(kind)]
OF_NO_FIELD = (object(), object, 1j, {1, 2}, bytearray(b"x"), lambda: None)
"""Values that no field takes."""


@pytest.mark.parametrize("kind", SAMPLES, ids=lambda kind: kind.__name__)
def test_a_wrong_type_is_invalid_and_names_the_field(kind: type) -> None:
    """`field` is the name of the argument."""
    for name in fields_of(kind):
        for wrong in OF_NO_FIELD:
            with pytest.raises(ca.InvalidValue) as raised:
                build(kind, **{name: wrong})
            assert raised.value.field == name, (kind, name, wrong)


@settings(max_examples=6 * settings().max_examples)
@given(st.sampled_from(FIELDS), junk.anything)
def test_any_argument_makes_a_valid_value_or_is_invalid(
    field: tuple[type, str], value: object
) -> None:
    """No other exception is raised. A value that is made can be hashed, pickled and printed."""
    kind, name = field
    problem = None
    try:
        made = build(kind, **{name: value})
    except ca.InvalidValue as raised:
        problem = raised
    if problem is not None:
        assert problem.field in fields_of(kind)
        assert problem.reason
        return
    assert hash(made) == hash(build(kind, **{name: value}))
    assert pickle.loads(pickle.dumps(made)) == made
    assert repr(made)


@settings(max_examples=150)
@given(junk.anything, junk.anything)
def test_any_argument_of_a_function_is_answered_or_invalid(one: Any, other: Any) -> None:
    """The functions and the service raise InvalidValue or a refusal, and nothing else."""
    sound: dict[str, Any] = {"at": SOON, "catalogue": CATALOGUE}
    repository = ca.MemoryRepository()
    access = ca.ClientAccess(repository, catalogue=CATALOGUE, clock=lambda: SOON)
    add = ca.AddClient(CLIENT_ID, NORTH, business_name="Acme")
    access.handle(add)
    client = repository.get(CLIENT_ID)
    assert client is not None
    lists = ca.ClientList.INACTIVE
    calls: list[Callable[[], object]] = [
        lambda: ca.decide(one, add, **sound),
        lambda: ca.decide(client, one, **sound),
        lambda: ca.decide(None, add, at=one, catalogue=CATALOGUE),
        lambda: ca.decide(None, add, at=SOON, catalogue=one),
        lambda: ca.decide(None, add, **sound, policy=one),
        lambda: ca.decide(None, add, **sound, email_owner=one),
        lambda: ca.evolve(one, other),
        lambda: ca.evolve(client, one),
        lambda: ca.replay(one),
        lambda: ca.replay([one]),
        lambda: ca.actions_of(one, other, **sound),
        lambda: ca.actions_of(client, one, **sound),
        lambda: ca.actions_of(client, NORTH, at=one, catalogue=other),
        lambda: ca.sign_in_of(one, at=SOON),
        lambda: ca.sign_in_of(client, at=one),
        lambda: ca.opening_of(one, NORTH, **sound),
        lambda: ca.opening_of(client, one, **sound),
        lambda: ca.opening_of(client, NORTH, at=one, catalogue=other),
        lambda: ca.undelivered_activation(one, NORTH),
        lambda: ca.undelivered_activation(client, one),
        lambda: ca.deadlines_of(one),
        lambda: ca.reminders(one, SOON, SOON),
        lambda: ca.reminders(client, one, other),
        lambda: ca.reminders(client, SOON, SOON, before=one),
        lambda: ca.reminders(client, SOON, SOON, before=[one]),
        lambda: ca.mailto(one),
        lambda: ca.monthly_lines(one, CATALOGUE),
        lambda: ca.monthly_lines(client, one),
        lambda: ca.monthly_total(one, CATALOGUE),
        lambda: ca.monthly_total(["payroll"], one),
        lambda: ca.as_of(one, SOON),
        lambda: ca.as_of([], one),
        lambda: ca.differences(one, other),
        lambda: ca.Invoice(one, "GBP"),
        lambda: ca.Invoice((one,), "GBP"),
        lambda: ca.Invoice((), one),
        lambda: ca.InvoiceDifference(one, other, ca.Cause.CLIENT_CAME),
        lambda: ca.InvoiceDifference(None, None, one),
        lambda: consequences_of(one, at=SOON, catalogue=CATALOGUE),
        lambda: consequences_of(ca.Change(add, one, None, other), at=SOON, catalogue=CATALOGUE),
        lambda: _refusals()[0].translated(one),
        lambda: _refusals()[0].translated({"unknown_client": one}),
        lambda: CATALOGUE.get(one),
        lambda: CATALOGUE.offers(one),
        lambda: CATALOGUE.held(one),
        lambda: ca.DirectDebit(SOON).is_due(one),
        lambda: ca.Policy().activation_expires(one),
        lambda: ca.Policy().direct_debit(one),
        lambda: ca.ClientAccess(one, catalogue=CATALOGUE),
        lambda: ca.ClientAccess(repository, catalogue=CATALOGUE, clock=one),
        lambda: ca.ClientAccess(repository, catalogue=CATALOGUE, remember_for=one),
        lambda: ca.AsyncClientAccess(one, catalogue=CATALOGUE),
        lambda: ca.ClientAccess(repository, catalogue=one),
        lambda: ca.ClientAccess(repository, catalogue=CATALOGUE, policy=one),
        lambda: access.handle_all(one),
        lambda: access.handle_each([one]),
        lambda: access.preview(one),
        lambda: access.preview_all(one),
        lambda: access.preview_all([one]),
        lambda: access.actions(one, NORTH),
        lambda: access.actions(CLIENT_ID, one),
        lambda: access.client(one, NORTH),
        lambda: access.client(CLIENT_ID, one),
        lambda: access.opening(one, NORTH),
        lambda: access.opening(CLIENT_ID, one),
        lambda: access.deadlines(one, other),
        lambda: access.deadlines(SOON, SOON, practice_id=one),
        lambda: access.clients(one, lists),
        lambda: access.clients("north", one),
        lambda: access.clients("north", lists, search=one),
        lambda: access.clients("north", lists, limit=one),
        lambda: access.clients("north", lists, after=one),
        lambda: access.clients("north", lists, after=(one, CLIENT_ID)),
        lambda: access.sign_in(one),
        lambda: access.next_invoice(one),
        lambda: access.next_invoice_total(one),
        lambda: access.next_invoice_of_client(one),
    ]
    for call in calls:
        # `held` is asked for services that no catalogue has.
        with suppress(ca.InvalidValue, ca.CommandRefused, ca.CorruptRecord, ca.CatalogueIncomplete):
            call()


A_CHANGE: Any = ca.Change
"""`Any`, because Change checks nothing."""
A_LINE = ca.InvoiceLine(CLIENT_ID, "Acme", "payroll", "Payroll", Decimal(1))


@pytest.mark.parametrize(
    ("ask", "field"),
    [
        (lambda wrong: ca.as_of(wrong, SOON), "events"),
        (lambda wrong: ca.differences(wrong, ca.Invoice((), "GBP")), "earlier"),
        (lambda wrong: ca.differences(ca.Invoice((), "GBP"), wrong), "later"),
        (lambda wrong: ca.Invoice(wrong, "GBP"), "lines"),
        (lambda wrong: ca.Invoice((A_LINE, wrong), "GBP"), "lines"),
        (lambda wrong: ca.Invoice((), wrong), "currency"),
        (lambda wrong: ca.InvoiceDifference(wrong, None, ca.Cause.CLIENT_LEFT), "before"),
        (lambda wrong: ca.InvoiceDifference(None, wrong, ca.Cause.CLIENT_CAME), "after"),
        (lambda wrong: ca.InvoiceDifference(None, A_LINE, wrong), "cause"),
        (lambda wrong: consequences_of(wrong, at=SOON, catalogue=CATALOGUE), "change"),
        (
            lambda wrong: consequences_of(
                A_CHANGE(wrong, None, wrong, wrong), at=SOON, catalogue=CATALOGUE
            ),
            "change",
        ),
        (
            lambda wrong: consequences_of(
                A_CHANGE(wrong, wrong, wrong, world.clients()[0]), at=SOON, catalogue=CATALOGUE
            ),
            "change",
        ),
        (lambda wrong: _refusals()[0].translated(wrong), "texts"),
        (lambda wrong: _refusals()[0].translated({_refusals()[0].code.value: wrong}), "texts"),
        (lambda wrong: ca.opening_of(wrong, NORTH, at=SOON, catalogue=CATALOGUE), "client"),
        (lambda wrong: ca.undelivered_activation(wrong, NORTH), "client"),
        (lambda wrong: ca.undelivered_activation(world.clients()[0], wrong), "by"),
        (ca.deadlines_of, "client"),
        (lambda wrong: ca.evolve(wrong, ca.AccessDisabled(CLIENT_ID, 2, T0, NORTH)), "client"),
        (
            lambda wrong: ca.decide(
                wrong, ca.DisableAccess(CLIENT_ID, NORTH), at=SOON, catalogue=CATALOGUE
            ),
            "client",
        ),
        (
            lambda wrong: ca.decide(
                None, ca.DisableAccess(CLIENT_ID, NORTH), at=SOON, catalogue=wrong
            ),
            "catalogue",
        ),
        (CATALOGUE.get, "code"),
        (CATALOGUE.offers, "code"),
        (CATALOGUE.held, "code"),
        (ca.DirectDebit(T0).is_due, "at"),
        (ca.Policy().activation_expires, "at"),
        (ca.Policy().direct_debit, "at"),
        *(
            (lambda wrong, kind=kind: kind(wrong, catalogue=CATALOGUE), "repository")
            for kind in (ca.ClientAccess, ca.AsyncClientAccess)
        ),
        *(
            (
                lambda wrong, kind=kind, name=name: kind(
                    ca.MemoryRepository(), catalogue=CATALOGUE, **{name: wrong}
                ),
                name,
            )
            for kind in (ca.ClientAccess, ca.AsyncClientAccess)
            for name in ("clock", "remember_for", "policy")
        ),
    ],
)
def test_a_wrong_argument_of_a_function_is_named(ask: Callable[[Any], object], field: str) -> None:
    """`field` is the name of the argument."""
    for wrong in (5, [], object()):
        if field == "events" and wrong == []:
            continue  # an empty history is valid
        with pytest.raises(ca.InvalidValue) as raised:
            ask(wrong)
        assert raised.value.field == field


# ── Malformed text ───────────────────────────────────────────────────────────────────────────────

TEXT_FIELDS = [
    (kind, name)
    for kind, name in FIELDS
    if isinstance(getattr(SAMPLES[kind], name, None), str) and kind is not ca.EmailAddress
]
BLANK = ("", " ", "\t", "\u00a0", "\u2003 ", "\u200b", "\u2060\u200d")
CONTROL = (
    "a\x00b",
    "a\x1bb",
    "a\rb",
    "a\x7fb",
    "a\x85b",
    "a\u2028b",
    "a\u2029b",
    "a\u202eb",
    "a\u2066b\u2069",
    "\ud800",
    "a\udfffb",
)
MAY_BE_BLANK = {
    (ca.ContactDetails, "name"),
    (ca.ContactDetails, "phone"),
    (ca.ContactDetails, "address"),
    (ca.ServiceSetup, "vat_number"),
    *((actor, "user") for actor in get_args(ca.Actor)),
}


@pytest.mark.parametrize(
    ("kind", "name"), TEXT_FIELDS, ids=[f"{kind.__name__}.{name}" for kind, name in TEXT_FIELDS]
)
def test_text_is_not_blank_or_too_long_and_has_no_control_characters(kind: type, name: str) -> None:
    """For every text of every class. Only some of them may be blank."""
    for bad in (*CONTROL, "x" * 1001):
        with pytest.raises(ca.InvalidValue) as raised:
            build(kind, **{name: bad})
        assert raised.value.field == name
        assert bad not in str(raised.value)
    for blank in BLANK[:1] + BLANK[3:]:
        if (kind, name) in MAY_BE_BLANK:
            build(kind, **{name: blank})
        else:
            with pytest.raises(ca.InvalidValue, match=name):
                build(kind, **{name: blank})
    if (kind, name) != (ca.ContactDetails, "address"):
        with pytest.raises(ca.InvalidValue, match=name):
            build(kind, **{name: "a\nb"})


def test_only_a_postal_address_has_several_lines() -> None:
    for address in ("1 Road\nTown\n", "1\u00a0Road\nTown"):
        assert ca.ContactDetails(address=address).address == address
    with pytest.raises(ca.InvalidValue, match=r"address contains the control character U\+000D"):
        ca.ContactDetails(address="1 Road\r\nTown")


def test_text_is_kept_as_given() -> None:
    """Names with other scripts, joiners and spaces are not corrected."""
    for name in (
        "Ångström & Söhne",
        "李明",
        "  A  ",
        "\u200fمحمد",
        "नी\u200dति",
        "👩\u200d💻",
        "e\u0301",
    ):
        assert ca.AddClient(CLIENT_ID, NORTH, business_name=name).business_name == name


@pytest.mark.parametrize(
    ("limit", "make", "field"),
    [
        (200, lambda text: ca.AddClient(CLIENT_ID, NORTH, business_name=text), "business_name"),
        (200, lambda text: ca.PracticeUser(text), "practice_id"),
        (200, lambda text: ca.PlatformUser(text), "user"),
        (64, lambda text: ca.HeldService(text), "code"),
        (64, lambda text: ca.AddService(CLIENT_ID, NORTH, service=text), "service"),
        (50, lambda text: ca.ContactDetails(phone=text), "phone"),
        (1000, lambda text: ca.ContactDetails(address=text), "address"),
        (20, lambda text: ca.ServiceSetup(ca.VatScheme.CASH, text), "vat_number"),
    ],
)
def test_text_has_a_largest_length(limit: int, make: Callable[[str], object], field: str) -> None:
    make("x" * limit)
    with pytest.raises(ca.InvalidValue, match=f"{field} is longer than {limit} characters"):
        make("x" * (limit + 1))


# ── Subclasses of plain types ────────────────────────────────────────────────────────────────────


class Text(str):
    """Text with another `str()`, like a member of an enum of texts."""

    def __str__(self) -> str:
        return f"Text.{self.upper()}"


class Number(int):
    pass


class Amount(Decimal):
    pass


class Id(UUID):
    pass


class Moment(datetime):
    pass


class Day(date):
    pass


class Span(timedelta):
    pass


class Several(tuple[Any, ...]):
    pass


def _id_like(value: UUID) -> Id:
    return Id(int=value.int)


def _moment_like(value: datetime) -> Moment:
    return Moment.fromisoformat(value.isoformat())


DISGUISES: dict[type, Callable[[Any], object]] = {
    str: Text,
    int: Number,
    Decimal: Amount,
    UUID: _id_like,
    datetime: _moment_like,
    date: lambda value: Day.fromordinal(value.toordinal()),
    timedelta: lambda value: Span(seconds=value.total_seconds()),
    tuple: Several,
}
"""For each plain type, a function that makes an equal instance of a subclass."""

ANY_ITERABLE = {(kind, "services") for kind in (ca.RegisterCustomer, ca.Subscribe, ca.Catalogue)}
"""Fields that take any iterable."""
DISGUISED = [
    (kind, name)
    for kind, name in FIELDS
    if type(getattr(SAMPLES[kind], name)) in DISGUISES and (kind, name) not in ANY_ITERABLE
]


@pytest.mark.parametrize(
    ("kind", "name"), DISGUISED, ids=[f"{kind.__name__}.{name}" for kind, name in DISGUISED]
)
def test_a_value_of_a_subclass_is_kept_as_the_plain_type(kind: type, name: str) -> None:
    """In every field of every class: text, numbers, amounts, ids, moments, days, spans and tuples.
    They can be written as JSON.
    """
    from client_access import wire

    plain = getattr(SAMPLES[kind], name)
    given = DISGUISES[type(plain)](plain)
    assert type(given) is not type(plain)
    made = build(kind, **{name: given})
    assert type(getattr(made, name)) is type(plain)
    assert getattr(made, name) == plain
    assert made == SAMPLES[kind]
    if kind in {*get_args(ca.Command), *get_args(ca.Event), *get_args(ca.Notice), ca.Client}:
        assert wire.encode(made) == wire.encode(SAMPLES[kind])


def test_every_plain_type_is_in_some_field() -> None:
    """The samples have every plain type but `date`, which is tested here."""
    assert {type(getattr(SAMPLES[kind], name)) for kind, name in DISGUISED} == {*DISGUISES} - {date}
    day = date(2026, 4, 1)
    setup = ca.ServiceSetup(ca.VatScheme.CASH, accounts_start=Day(2026, 4, 1))
    assert type(setup.accounts_start) is date
    assert setup.accounts_start == day


def test_a_repository_is_given_plain_values_only() -> None:
    """Also if the service is given subclasses: ids of practices and clients, addresses, searches,
    places and codes.
    """
    inside = ca.MemoryRepository()
    asked: list[object] = []

    class Asked:
        save = inside.save

        def get(self, client_id: UUID) -> ca.Client | None:
            asked.append(client_id)
            return inside.get(client_id)

        def find_by_email(self, email_key: str) -> ca.Client | None:
            asked.append(email_key)
            return inside.find_by_email(email_key)

        def page(self, practice_id: str, client_list: ca.ClientList, **more: Any) -> Any:
            asked.extend([practice_id, more["search"], more["limit"], *(more["after"] or ())])
            return inside.page(practice_id, client_list, **more)

    access = ca.ClientAccess(Asked(), catalogue=CATALOGUE, clock=lambda: SOON)
    access.handle(ca.AddClient(_id_like(CLIENT_ID), NORTH, business_name=Text("Acme")))
    client_id, practice = _id_like(CLIENT_ID), Text("north")
    assert access.client(client_id, ca.PracticeUser(practice)).business_name == "Acme"
    access.actions(client_id, NORTH)
    access.sign_in(Text("a@example.com"))
    access.next_invoice(practice)
    access.next_invoice_total(practice)
    page = access.clients(
        practice,
        ca.ClientList.INACTIVE,
        search=Text("acme"),
        limit=Number(5),
        after=(Text("a"), _id_like(UUID(int=0))),
    )
    assert [row.client_id for row in page.rows] == [CLIENT_ID]
    assert CATALOGUE.offers(Text("payroll"))
    assert {type(value) for value in asked} == {UUID, str, int}


def test_a_date_is_not_a_datetime() -> None:
    """Each is malformed in place of the other, though `datetime` is a subclass of `date`."""
    with pytest.raises(ca.InvalidValue, match="sent_at must be a datetime, not a date"):
        ca.Activation(CLIENT_ID, date(2026, 1, 1), SOON)  # type: ignore[arg-type]  # refused here
    with pytest.raises(ca.InvalidValue, match="must be a date, not a Moment"):
        ca.ServiceSetup(ca.VatScheme.CASH, accounts_start=_moment_like(T0))


def _derived(kind: type) -> Any:
    """Return a value of a class derived from one of this library, which type checkers forbid."""
    derived: Any = type("Derived", (kind,), {})
    value = derived.__new__(derived)
    for name in fields_of(kind):
        object.__setattr__(value, name, getattr(SAMPLES[kind], name))
    return value


@pytest.mark.parametrize(
    "make",
    [
        lambda: build(ca.AddClient, contact=_derived(ca.ContactDetails)),
        lambda: build(ca.AddClient, email=_derived(ca.EmailAddress)),
        lambda: build(ca.CustomerRegistered, services=(_derived(ca.HeldService),)),
        lambda: ca.HeldService("start", _derived(ca.ServiceSetup)),
        lambda: ca.Catalogue([_derived(ca.Service)]),
    ],
)
def test_values_of_a_class_derived_from_the_librarys_are_malformed(
    make: Callable[[], object],
) -> None:
    """The classes are final."""
    with pytest.raises(ca.InvalidValue, match="not a Derived"):
        make()


def test_a_moment_in_a_zone_that_fails_is_malformed() -> None:
    """A time zone may be a class of the caller. What it does wrong is InvalidValue."""

    class Zone(tzinfo):
        def tzname(self, _: object) -> str:
            return "zone"

        def dst(self, _: object) -> None:
            return None

    class Wrong(Zone):
        def utcoffset(self, _: object) -> Any:
            return 5

    class Fails(Zone):
        def utcoffset(self, _: object) -> Any:
            raise RuntimeError

    class Moment(datetime):
        pass

    for kind, zone in product((datetime, Moment), (Wrong(), Fails())):
        with pytest.raises(ca.InvalidValue) as malformed:
            ca.DirectDebit(kind(2026, 1, 1, tzinfo=zone))
        assert malformed.value.field == "asked_at"


NAIVE = datetime(2026, 1, 1)  # noqa: DTZ001  # refused here
AWARE_FIELDS = [
    (kind, name)
    for kind, name in FIELDS
    if isinstance(getattr(SAMPLES[kind], name, None), datetime)
]


@pytest.mark.parametrize(
    ("kind", "name"), AWARE_FIELDS, ids=[f"{kind.__name__}.{name}" for kind, name in AWARE_FIELDS]
)
def test_moments_have_a_time_zone(kind: type, name: str) -> None:
    for wrong in (NAIVE, date(2026, 1, 1), 1.5, "2026-01-01"):
        with pytest.raises(ca.InvalidValue) as raised:
            build(kind, **{name: wrong})
        assert raised.value.field == name


COUNTS = [(kind, name) for kind, name in FIELDS if name in {"version", "times_sent"}]


@pytest.mark.parametrize(("kind", "name"), COUNTS)
def test_counts_are_ints_from_one(kind: type, name: str) -> None:
    """A bool or a whole float is not accepted as an int."""
    for wrong in (True, 0, -1, 1.0, Decimal(1), "1", None):
        with pytest.raises(ca.InvalidValue) as raised:
            build(kind, **{name: wrong})
        assert raised.value.field == name


@pytest.mark.parametrize(
    "price",
    [
        Decimal("-0.01"),
        Decimal("-0"),
        Decimal("NaN"),
        Decimal("sNaN"),
        Decimal("Infinity"),
        Decimal("-Infinity"),
        Decimal(10) ** 9,
        Decimal("1E+999999"),
        Decimal("0.00001"),
        Decimal("1E-999999"),
        1,
        1.5,
        True,
        "1.50",
        None,
    ],
)
def test_a_price_is_finite_and_exact(price: Any) -> None:
    """It is a Decimal with at most four places, and not negative, infinite or NaN."""
    with pytest.raises(ca.InvalidValue) as raised:
        ca.Service("x", "X", price)
    assert raised.value.field == "monthly_price"


def test_prices_at_their_limits() -> None:
    for price in ("0", "0.0000", "0.0001", "999999999.9999", "1E+8"):
        assert ca.Service("x", "X", Decimal(price)).monthly_price == Decimal(price)


@pytest.mark.parametrize(
    ("make", "field", "reason"),
    [
        (lambda: ca.Catalogue([CATALOGUE.services[0]] * 2), "services", "the code 'start' twice"),
        (lambda: ca.Catalogue([], currency="gbp"), "currency", "ISO 4217"),
        (lambda: ca.Catalogue([], currency="£"), "currency", "ISO 4217"),
        (lambda: ca.Catalogue([], currency="GBPX"), "currency", "longer than 3"),
        (lambda: ca.Catalogue(5), "services", "iterable"),  # type: ignore[arg-type]
        (lambda: ca.Catalogue(["start"]), "services", "Service"),  # type: ignore[list-item]
        (
            lambda: ca.ServiceSetup(ca.VatScheme.NOT_REGISTERED, "GB1"),
            "vat_number",
            "not registered",
        ),
        (
            lambda: ca.ServiceSetup(ca.VatScheme.CASH, accounts_start=T0),
            "accounts_start",
            "not a datetime",
        ),
        (lambda: ca.Activation(CLIENT_ID, T0, T0), "expires_at", "later than sent_at"),
        (lambda: ca.DirectDebit(SOON, T0), "due", "earlier than asked_at"),
        (lambda: build(ca.Client, erasures=-1), "erasures", "must not be negative"),
        (lambda: build(ca.ClientAdded, erasures=-1), "erasures", "must not be negative"),
        (lambda: build(ca.ClientImported, erasures=-1), "erasures", "must not be negative"),
        (lambda: build(ca.CustomerRegistered, erasures=-1), "erasures", "must not be negative"),
        (lambda: ca.Policy(timedelta(0)), "activation_lifetime", "must be positive"),
        (lambda: ca.Policy(-timedelta(1)), "activation_lifetime", "must be positive"),
        (lambda: ca.Policy(unpaid_access=-timedelta(1)), "unpaid_access", "negative"),
        (lambda: ca.Policy(unpaid_access=30), "unpaid_access", "timedelta"),  # type: ignore[arg-type]
        (lambda: ca.EmailAddress.placeholder("x"), "client_id", "UUID"),  # type: ignore[arg-type]
        (lambda: ca.EmailAddress("x" * 255), "address", "longer than 254"),
        (lambda: ca.EmailAddress(b"a@b.com"), "address", "str"),  # type: ignore[arg-type]
    ],
)
def test_malformed_values_say_what_is_wrong(
    make: Callable[[], object], field: str, reason: str
) -> None:
    with pytest.raises(ca.InvalidValue, match=reason) as raised:
        make()
    assert raised.value.field == field


def test_values_at_their_limits() -> None:
    """Due at once, unpaid access of zero or without end, a lifetime of a microsecond."""
    assert ca.DirectDebit(T0, T0).is_due(T0)
    assert ca.Policy(unpaid_access=timedelta(0)).direct_debit(T0) == ca.DirectDebit(T0, T0)
    assert ca.Policy(unpaid_access=None).direct_debit(T0) == ca.DirectDebit(T0, None)
    assert not ca.DirectDebit(T0, None).is_due(datetime.max.replace(tzinfo=UTC))
    tick = ca.Policy(timedelta(microseconds=1))
    assert tick.activation_expires(T0) == T0 + timedelta(microseconds=1)


@pytest.mark.parametrize(
    "selection",
    [
        5,
        None,
        "payroll",
        ["payroll"],
        {"payroll": 5},
        {5: None},
        {"": None},
        {"payroll": "standard"},
        [ca.HeldService("payroll"), ca.HeldService("payroll")],
        [ca.HeldService("payroll"), ca.HeldService("payroll", SETUP)],
        [None],
        [_derived(ca.HeldService)],
    ],
)
def test_a_selection_maps_codes_to_setups_each_code_once(selection: Any) -> None:
    with pytest.raises(ca.InvalidValue) as raised:
        build(ca.Subscribe, services=selection)
    assert raised.value.field == "services"


def test_a_selection_is_held_ordered_by_code() -> None:
    """A mapping and held services make equal commands."""
    as_mapping = build(ca.Subscribe, services={"start": SETUP, "payroll": None})
    as_services = build(
        ca.Subscribe, services=iter([ca.HeldService("start", SETUP), ca.HeldService("payroll")])
    )
    assert as_mapping == as_services
    assert [held.code for held in as_mapping.services] == ["payroll", "start"]


def test_addresses_may_be_given_as_text_or_as_values() -> None:
    """If one is malformed, the error names the field of the command."""
    spelt = build(ca.GiveAccess, email="A@Example.com", confirm_email="a@example.COM")
    assert spelt == build(
        ca.GiveAccess,
        email=ca.EmailAddress("A@Example.com"),
        confirm_email=ca.EmailAddress("a@example.COM"),
    )
    for name in ("email", "confirm_email"):
        for wrong in ("a@b", None, 5, ca.EmailAddress.placeholder(CLIENT_ID)):
            with pytest.raises(ca.InvalidValue) as raised:
                build(ca.GiveAccess, **{name: wrong})
            assert raised.value.field == name
    assert build(ca.AddClient, email=None).email is None


@pytest.mark.parametrize("space", [" ", "\t", "\r\n", "\u00a0", " \u3000\n"])
def test_white_space_around_a_typed_address_is_ignored(space: str) -> None:
    """E1: in every command, and at sign-in."""
    typed = f"{space}A@Example.com{space}"
    for kind in (ca.AddClient, ca.ImportClient, ca.RegisterCustomer, ca.ChangeEmail, ca.GiveAccess):
        command = build(kind, email=typed)
        assert command.email.address == "A@Example.com"
    assert build(ca.GiveAccess, confirm_email=typed).confirm_email.address == "A@Example.com"
    repository = ca.MemoryRepository()
    access = ca.ClientAccess(repository, catalogue=ca.Catalogue([]))
    access.handle(build(ca.AddClient, email=typed))
    assert access.sign_in(typed).client_id == CLIENT_ID
    for wrong in (f"a{space}@b.com", f"a@b{space}.com", space, f"a@b.com{space}b"):
        with pytest.raises(ca.InvalidValue):
            build(ca.ChangeEmail, email=wrong)


# ── Moments and the calendar ─────────────────────────────────────────────────────────────────────

LAST = datetime.max.replace(tzinfo=UTC)


def test_a_moment_at_the_end_of_the_calendar_is_malformed() -> None:
    """A lifetime would end after the calendar does, or the moment does not exist in UTC."""
    inactive = next(c for c in world.clients() if c.status is ca.Status.INACTIVE)
    subscribe = ca.Subscribe(
        inactive.id,
        ca.PracticeUser(inactive.practice_id or ""),
        payer=ca.Payer.PRACTICE,
        sign_in=ca.SignIn.PRACTICE_AND_CLIENT,
        services={"payroll": None},
    )
    reachable = attrs.evolve(inactive, email=ca.EmailAddress(world.FREE))
    for at in (
        LAST,
        datetime.max.replace(tzinfo=timezone(-timedelta(hours=1))),
        datetime.min.replace(tzinfo=timezone(timedelta(hours=1))),
    ):
        with pytest.raises(ca.InvalidValue) as raised:
            ca.decide(reachable, subscribe, at=at, catalogue=CATALOGUE)
        assert raised.value.field == "at"


def test_an_event_has_its_moment_in_utc() -> None:
    """The clock may have any time zone."""
    tokyo = SOON.astimezone(timezone(timedelta(hours=9)))
    command = ca.AddClient(CLIENT_ID, NORTH, business_name="Acme")
    change = ca.decide(None, command, at=tokyo, catalogue=CATALOGUE)
    assert change.event is not None
    assert change.event.at == SOON
    assert change.event.at.utcoffset() == timedelta(0)


# ── Email addresses ──────────────────────────────────────────────────────────────────────────────

LABELS = (
    "example",
    "com",
    "co",
    "COM",
    "c",
    "museum",
    "1",
    "123",
    "c0m",
    "invalid",
    "test",
    "local",
    "localhost",
    "onion",
    "arpa",
    "home",
    "-a",
    "a-",
    "a--b",
    "ab--c",
    "abc--d",
    "xn--p1ai",
    "xn--a",
    "xn--",
    "a_b",
    "",
    "a" * 63,
    "a" * 64,
    "faß",
    "日本",
)
LOCALS = (
    "a",
    "A.b",
    ".a",
    "a.",
    "a..b",
    "a%0Abcc=x",
    "a+b",
    "-a-",
    "!#$%&'*+/=?^_`{|}~-",
    '"a b"',
    "a" * 64,
    "a" * 65,
    "a b",
    "a\\b",
    "a,b",
    "a@b",
    "(a)b",
    "İ",
    "ß" * 40,
    "",
)
_letters = st.sampled_from("abcXYZ019-_.+%!'@ éß\u0130\ufb03日\u0301")
_labels = st.one_of(st.sampled_from(LABELS), st.text(_letters, min_size=1, max_size=8))
_locals = st.one_of(st.sampled_from(LOCALS), st.text(_letters, min_size=1, max_size=12))
adversarial = st.one_of(
    st.builds(
        lambda local, domain: f"{local}@{'.'.join(domain)}",
        _locals,
        st.lists(_labels, min_size=1, max_size=4),
    ),
    st.builds(
        lambda local, n: f"{local}@{'a' * 60}.{'b' * n}.{'c' * 60}.{'d' * 50}.com",
        _locals,
        st.integers(1, 64),
    ),
    st.emails(),
    st.text(max_size=20),
    junk.texts,
)


def _by_email_validator(address: str) -> str | None:
    """Return the identity key by email-validator alone; None if it refuses the address."""
    if len(address) > 254:
        return None
    try:
        parts = email_validator.validate_email(address, check_deliverability=False)
    except email_validator.EmailNotValidError:
        return None
    return f"{fold(parts.local_part)}@{parts.ascii_domain.lower()}"


def _by_library(address: str) -> str | None:
    try:
        return ca.EmailAddress(address).key
    except ca.InvalidValue:
        return None


@settings(max_examples=5 * settings().max_examples)
@given(adversarial)
@example("a@example.com")
@example("a@b.co-m")
@example("a@example.com\n")
@example("\ud800@example.com")
@example("a@\ud800.com")
def test_the_pattern_for_plain_addresses_agrees_with_email_validator(address: str) -> None:
    """The same addresses are valid, with the same keys, as without the pattern."""
    assert _by_library(address) == _by_email_validator(address)


def test_the_pattern_agrees_for_every_odd_label_and_local_part() -> None:
    """Each odd label is tried as the whole domain, and as its last, first and middle label. Each
    odd local part is tried, and addresses around the greatest length.
    """
    domains = [
        domain
        for label in LABELS
        for domain in (label, f"example.{label}", f"{label}.com", f"a.{label}.co.uk")
    ]
    addresses = [
        *(f"a@{domain}" for domain in domains),
        *(f"{local}@example.com" for local in LOCALS),
        *(f"{'a' * n}@{'b' * 60}.{'c' * 60}.{'d' * 60}.com" for n in range(60, 70)),
        *(f"a@{'b' * 63}.{'c' * 63}.{'d' * 63}.{'e' * n}.com" for n in range(50, 62)),
    ]
    sound = 0
    for address in addresses:
        key = _by_email_validator(address)
        assert _by_library(address) == key, address
        sound += key is not None
    assert sound >= 40


def test_the_pattern_matches_plain_addresses() -> None:
    """It saves time for plain addresses, and does not accept reserved domains."""
    for plain in ("a@example.com", "Jo.O'Neil+x@mail-1.Example.co.uk", f"{'a' * 64}@b.org"):
        assert email_address._PLAIN.fullmatch(plain)
    assert _by_library("a@b.test") is None
    assert _by_library("a@B.INVALID") is None


@settings(max_examples=3 * settings().max_examples)
@given(adversarial)
@example("İ@example.com")
@example("x@FAẞ.de")
@example("a\u0345b@example.com")
def test_the_identity_key_is_idempotent(address: str) -> None:
    """E1: the key of a key is itself."""
    key = _by_library(address)
    if key is not None:
        assert _by_library(key) in (key, None)
        assert key.rpartition("@")[2].isascii()
        assert unicodedata.is_normalized("NFC", key)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Ann@Example.com", "ann@EXAMPLE.COM"),
        ("a@faß.de", "a@xn--fa-hia.de"),
        ("jos\u00e9@example.com", "jose\u0301@example.com"),
        ("JOSÉ@example.com", "josé@example.com"),
        ("a@bücher.example.com", "a@XN--BCHER-KVA.example.com"),
        ("straße@example.com", "STRASSE@example.com"),
    ],
)
def test_addresses_that_are_the_same(one: str, other: str) -> None:
    """E1: the key has the domain in IDNA form and the local part folded and in NFC. The address is
    kept as spelt.
    """
    assert ca.EmailAddress(one).key == ca.EmailAddress(other).key
    assert ca.EmailAddress(one) != ca.EmailAddress(other)
    assert str(ca.EmailAddress(one)) == one


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("ann@example.com", "ann@example.org"),
        ("ann+x@example.com", "ann@example.com"),
        ("a.nn@example.com", "ann@example.com"),
        ("a@faß.de", "a@fass.de"),
    ],
)
def test_addresses_that_are_not_the_same(one: str, other: str) -> None:
    """The library does not guess what a mail server does with tags and dots."""
    assert ca.EmailAddress(one).key != ca.EmailAddress(other).key


@pytest.mark.parametrize(
    "address",
    [
        "a",
        "a@",
        "@a.com",
        "a@b",
        "a b@c.com",
        "a@b.com, c@d.com",
        "Ann <a@b.com>",
        "a@[127.0.0.1]",
        '"a"@b.com',
        "a@b.com\nbcc: x@y.com",
        " a@b.com",
        "a@b.com ",
        "a@b_c.com",
        "a@b.invalid",
        f"{CLIENT_ID.hex}@placeholder.invalid",
        f"{CLIENT_ID.hex}@erased.invalid",
    ],
)
def test_malformed_addresses(address: str) -> None:
    """E2: a placeholder too, like everything else to which mail cannot be sent."""
    with pytest.raises(ca.InvalidValue) as raised:
        ca.EmailAddress(address)
    assert raised.value.field == "address"


@given(st.text("☃♥日xyz", min_size=3, max_size=9))
def test_the_reason_does_not_repeat_the_address(label: str) -> None:
    """Logs show reasons, and must not show addresses."""
    with pytest.raises(ca.InvalidValue) as raised:
        ca.EmailAddress(f"{label}☃@{label}☃.com")
    assert label not in raised.value.reason


def test_placeholders_are_unique_invalid_and_never_mailed() -> None:
    """E2: they are made from the id, under a reserved domain, and differ from erased addresses."""
    one, other = ca.EmailAddress.placeholder(CLIENT_ID), ca.EmailAddress.placeholder(OTHER_ID)
    erased = ca.EmailAddress.erased(CLIENT_ID)
    assert len({one, other, erased, one.key, other.key, erased.key}) == 6
    assert (one.is_placeholder, one.is_erased, one.is_mailable) == (True, False, False)
    assert (erased.is_placeholder, erased.is_erased, erased.is_mailable) == (False, True, False)
    assert ca.EmailAddress(world.FIRST).is_mailable
    assert one.address.endswith(".invalid")
    for copied in (copy.deepcopy(one), pickle.loads(pickle.dumps(one))):
        assert (copied, copied.key) == (one, one.key)


# ── Folding ──────────────────────────────────────────────────────────────────────────────────────


def test_folding_twice_is_folding_once() -> None:
    """C2, E1: for every character, alone, before a mark and after a mark that changes its place.
    Composed and decomposed text is folded to the same text.
    """
    for code in range(sys.maxunicode + 1):
        character = chr(code)
        if character.casefold() != character or unicodedata.decomposition(character):
            for text in (character, f"a{character}\u0301", f"a\u0345{character}"):
                folded = fold(text)
                assert fold(folded) == folded, hex(code)
                assert fold(unicodedata.normalize("NFD", text)) == folded, hex(code)
                assert unicodedata.is_normalized("NFC", folded), hex(code)


@given(st.text(max_size=10))
def test_folding_ignores_composition(text: str) -> None:
    folded = fold(text)
    assert fold(folded) == folded
    assert fold(unicodedata.normalize("NFD", text)) == folded
    assert fold(unicodedata.normalize("NFC", text)) == folded


def test_folding_ascii_gives_the_same_as_the_general_way() -> None:
    every = "".join(map(chr, range(128)))
    assert fold(every) == fold(every + "é")[:-1]


# ── Frozen, hashable, picklable ──────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("value", given_values(), ids=lambda value: type(value).__name__)
def test_values_are_frozen_slotted_hashable_and_picklable(value: Any) -> None:
    """So is everything in them. They have no dictionary, and are equal after pickle and copy."""
    kind = type(value)
    assert not hasattr(value, "__dict__")
    (name, *_) = [field.name for field in attrs.fields(kind)]
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        setattr(value, name, None)
    with pytest.raises((AttributeError, TypeError)):
        value.something_new = 1
    for same in (
        copy.copy(value),
        copy.deepcopy(value),
        *(pickle.loads(pickle.dumps(value, n)) for n in range(2, pickle.HIGHEST_PROTOCOL + 1)),
    ):
        assert same == value
        assert hash(same) == hash(value)
        assert type(same) is kind
    _assert_immutable(value)


def test_what_a_decision_makes_is_frozen_and_what_its_constructor_makes() -> None:
    """A decision validates nothing again, and writes fields before it freezes them."""
    made = {
        value
        for change in every_notice.changes()
        for value in (change, change.event, change.after, *change.notices)
        if value is not None
    }
    assert {type(value) for value in made} > {ca.Change, ca.Client, *EVENTS.values()}
    for value in made:
        (name, *_) = [field.name for field in attrs.fields(type(value))]
        with pytest.raises(attrs.exceptions.FrozenInstanceError):
            setattr(value, name, None)
        with pytest.raises(attrs.exceptions.FrozenInstanceError):
            delattr(value, name)
        again = attrs.evolve(value)
        assert again == value
        assert type(again) is type(value)


def _assert_immutable(value: Any) -> None:
    """Check that a value and everything in it is frozen or immutable."""
    if attrs.has(type(value)):
        hash(value)
        for field in attrs.fields(type(value)):
            if field.eq:  # a field that is not compared is computed from the others
                _assert_immutable(getattr(value, field.name))
    elif isinstance(value, (tuple, frozenset)):
        for item in value:
            _assert_immutable(item)
    else:
        hash(value)
        assert not isinstance(value, (list, dict, set, bytearray))


@pytest.mark.parametrize(
    "error",
    [
        ca.ClientAccessError("x"),
        ca.InvalidValue("email", "is blank"),
        ca.StaleClient(CLIENT_ID),
        ca.EmailTaken(CLIENT_ID),
        ca.CorruptRecord("no events"),
        ca.CorruptRecord("no events", CLIENT_ID),
        ca.CommandRefused(world.commands(NORTH)[0], _refusals()[0]),
        ca.CommandRefused(None, _refusals()[0]),
        ca.CatalogueIncomplete("payroll"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_errors_survive_pickle_and_copy(error: ca.ClientAccessError) -> None:
    """They keep every attribute and the message."""
    for same in (copy.copy(error), copy.deepcopy(error), pickle.loads(pickle.dumps(error))):
        assert type(same) is type(error)
        assert str(same) == str(error)
        assert vars(same) == vars(error)
        assert same.args == error.args


def test_errors_have_one_root_and_say_what_is_at_fault() -> None:
    assert issubclass(ca.InvalidValue, ValueError)
    assert issubclass(ca.InvalidValue, ca.ClientAccessError)
    assert issubclass(ca.CommandRefused, ca.ClientAccessError)
    assert issubclass(ca.RepositoryError, ca.ClientAccessError)
    for kind in (ca.StaleClient, ca.EmailTaken, ca.CorruptRecord):
        assert issubclass(kind, ca.RepositoryError)
    # A catalogue that lacks a held service is the host's error, and nobody's input (S4).
    assert ca.CatalogueIncomplete.__bases__ == (ca.ClientAccessError,)
    assert "'payroll'" in str(ca.CatalogueIncomplete("payroll"))
    assert str(ca.InvalidValue("email", "is blank")) == "email is blank"
    assert str(CLIENT_ID) in str(ca.StaleClient(CLIENT_ID))
    assert str(CLIENT_ID) in str(ca.EmailTaken(CLIENT_ID))
    assert str(ca.CorruptRecord("no events")) == "no events"
    named = ca.CorruptRecord("no events", CLIENT_ID)
    assert str(named) == f"client {CLIENT_ID}: no events"


def test_the_members_of_unions_are_final() -> None:
    """So a type checker knows that a `match` with `assert_never` is complete."""
    for union in (ca.Command, ca.Event, ca.Notice, ca.Recipient, ca.Actor):
        for kind in get_args(union):
            assert getattr(kind, "__final__", False), kind


# ── Capabilities ─────────────────────────────────────────────────────────────────────────────────


def test_capabilities_are_kept_as_they_were_given() -> None:
    """S7: in their order, from any iterable; a service has none unless the host names them."""
    names = ["vat_returns", "journals", "Chart of accounts"]
    for given_names in (names, tuple(names), iter(names), dict.fromkeys(names)):
        service = ca.Service("start", "Start", Decimal(6), capabilities=given_names)
        assert service.capabilities == tuple(names)
    assert ca.Service("start", "Start", Decimal(6)).capabilities == ()


@pytest.mark.parametrize(
    "wrong",
    ["vat_returns", b"x", 5, None, [5], [None], [""], [" "], ["a\nb"], ["a\x00"], ["x" * 65]],
)
def test_a_malformed_capability_is_named(wrong: Any) -> None:
    """S7: a single str would be taken for its letters."""
    with pytest.raises(ca.InvalidValue) as malformed:
        ca.Service("start", "Start", Decimal(6), capabilities=wrong)
    assert malformed.value.field == "capabilities"


# ── Mail ─────────────────────────────────────────────────────────────────────────────────────────


def _with_address(address: str) -> ca.Client:
    (client, *_) = [c for c in world.clients() if c.status is ca.Status.UNMANAGED]
    return attrs.evolve(client, email=ca.EmailAddress(address))


@pytest.mark.parametrize(
    ("address", "link"),
    [
        ("ann@example.com", "mailto:ann@example.com"),
        ("a%0Abcc=x@example.com", "mailto:a%250Abcc%3Dx@example.com"),
        ("a?cc=b&d@example.com", "mailto:a%3Fcc%3Db%26d@example.com"),
        ("o'neil+tag@example.com", "mailto:o%27neil%2Btag@example.com"),
        ("josé@faß.de", "mailto:jos%C3%A9@fa%C3%9F.de"),
        ("a/b@example.com", "mailto:a%2Fb@example.com"),
    ],
)
def test_the_mailto_link_of_a_client(address: str, link: str) -> None:
    """D3, RFC 6068: characters that could add a recipient or a header are percent-encoded."""
    assert ca.mailto(_with_address(address)) == link


@settings(max_examples=150)
@given(adversarial)
def test_no_address_can_add_anything_to_its_link(address: str) -> None:
    """D3: the decoded link is the address and nothing else."""
    from urllib.parse import unquote, urlsplit

    if _by_library(address) is None:
        return
    link = ca.mailto(_with_address(address))
    assert link is not None
    parts = urlsplit(link)
    assert (parts.scheme, parts.query, parts.fragment) == ("mailto", "", "")
    assert unquote(parts.path) == address
    assert parts.path.count("@") == 1
    assert not set(parts.path) & set(',;:/?&# \r\n"<>')
    assert parts.path.isascii()


def test_a_placeholder_has_no_mailto_link() -> None:
    for client in world.clients():
        assert (ca.mailto(client) is None) == client.email.is_placeholder


def test_every_uuid_is_an_id() -> None:
    """The nil UUID too."""
    nil = UUID(int=0)
    assert ca.AddClient(nil, NORTH, business_name="Acme").client_id == nil
