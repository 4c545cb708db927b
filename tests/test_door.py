"""The door for JSON: what is read from outside, what is answered, and the schemas of both."""

from __future__ import annotations

import copy
import json
import pickle
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from enum import Enum
from typing import Any, get_args
from uuid import UUID

import attrs
import pytest
import world
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

import client_access as ca
from client_access import wire
from client_access.events import EVENTS
from client_access.links import ActivationLinks
from client_access.testing import CATALOGUE, NORTH, SOUTH, examples, strategies
from client_access.wire import (
    INPUTS,
    InvalidInput,
    answer_of,
    problem_of,
    read_command,
    read_cursor,
    schema,
    schemas,
)

ACME = UUID(int=7)


def described(name: str) -> Any:
    """Return a schema, for tests that look into it."""
    return schema(name)


def body_of(command: ca.Command) -> dict[str, Any]:
    """Return what somebody outside would send for a command."""
    left_out = ("client_id", "by", "activation_id")
    return {
        field.name: plain(getattr(command, field.name))
        for field in attrs.fields(type(command))
        if field.name not in left_out
    }


def plain(value: Any) -> Any:
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, ca.EmailAddress):
        return value.address
    if isinstance(value, tuple):
        return {held.code: plain(held.setup) for held in value}
    if attrs.has(type(value)):
        return {
            field.name: plain(getattr(value, field.name)) for field in attrs.fields(type(value))
        }
    return value


def problems(kind: str, body: object) -> list[tuple[str, str]]:
    with pytest.raises(InvalidInput) as caught:
        read_command(kind, body, client_id=ACME, by=NORTH)
    return [(each.field, each.reason) for each in caught.value.problems]


SOME = st.sampled_from(sorted(INPUTS)).flatmap(
    lambda kind: st.tuples(st.just(kind), strategies.commands(kinds=(INPUTS[kind],)))
)


# ── Input ────────────────────────────────────────────────────────────────────────────────────────


@given(SOME)
def test_every_command_is_read_from_its_fields(given: tuple[str, ca.Command]) -> None:
    """What comes out equals the command, but for the id of an activation, which is drawn."""
    kind, command = given
    body = body_of(command)
    for form in (body, json.dumps(body).encode()):
        read = read_command(kind, form, client_id=command.client_id, by=command.by)
        if isinstance(read, ca.Subscribe | ca.GiveAccess | ca.ChangeEmail):
            assert isinstance(command, type(read))
            read = attrs.evolve(read, activation_id=command.activation_id)
        assert read == command


@pytest.mark.parametrize("kind", INPUTS)
def test_what_has_a_default_may_be_left_out(kind: str) -> None:
    """Exactly what the schema requires is missing from an empty body."""
    required = described(kind)["required"]
    if required:
        assert problems(kind, {}) == [(name, "is missing") for name in required]
    else:
        assert type(read_command(kind, {}, client_id=ACME, by=NORTH)) is INPUTS[kind]


def test_a_body_says_neither_who_asks_nor_about_whom_nor_what_is_drawn() -> None:
    """The host knows the actor and the client. Activations are made by links (E6)."""
    body = {"email": "a@example.com", "by": {}, "client_id": str(ACME), "activation_id": str(ACME)}
    assert [field for field, _ in problems("change_email", body)] == [
        "by",
        "client_id",
        "activation_id",
    ]
    assert problems("activate", {"activation_id": str(ACME)}) == [
        ("kind", "is not the name of a command that can be read")
    ]
    assert set(ca.commands.COMMANDS) - set(INPUTS) == {"activate"}


def test_everything_wrong_is_named_at_once() -> None:
    """Each problem has the path of its field, and none repeats what was sent."""
    body = {
        "business_name": " ",
        "email": "ann@localhost",
        "contact": {"name": "x" * 201, "phone": 5, "fax": ""},
        "services": {
            "payroll": {"vat_scheme": "not_registered", "vat_number": "GB1"},
            "start": {"vat_scheme": "cash", "accounts_start": "20260131"},
            "accounting": {"vat_number": None, "accounts_start": "2026-02-30"},
            "x" * 65: None,
            "pensions": [],
        },
        "kind": "person",
        "Ann Archer": "ann@example.com",
    }
    assert problems("register_customer", body) == [
        ("(a field)", "is not a field of this input"),
        ("business_name", "is blank: write at least one visible character"),
        ("email", problems("change_email", {"email": "ann@localhost"})[0][1]),
        ("services.payroll.vat_number", "is given for a client that is not registered for VAT"),
        ("services.start.accounts_start", "is not a valid date: write it as 2026-01-31"),
        ("services.accounting.vat_scheme", "is missing"),
        ("services.accounting.vat_number", "must be a string"),
        ("services.accounting.accounts_start", "is not a valid date: write it as 2026-01-31"),
        ("services", "has a code that is longer than 64 characters"),
        ("services.pensions", "must be an object"),
        ("kind", "must be one of business, individual"),
        ("contact.fax", "is not a field of this input"),
        ("contact.name", "is longer than 200 characters"),
        ("contact.phone", "must be a string"),
    ]


def test_white_space_around_an_address_is_ignored_but_counted() -> None:
    """The schema counts every character that was sent (E1)."""
    read = read_command("change_email", {"email": " a@example.com "}, client_id=ACME, by=NORTH)
    assert isinstance(read, ca.ChangeEmail)
    assert read.email.address == "a@example.com"
    assert problems("change_email", {"email": " " * 254 + "a@example.com"}) == [
        ("email", "is longer than 254 characters")
    ]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (None, "must be an object"),
        ([], "must be an object"),
        ("{}", "must be an object"),
        (b"[]", "must be an object"),
        (b"", "is not valid JSON"),
        (b"{", "is not valid JSON"),
        (b"\xff", "is not valid JSON"),
        (b"[" * 100_000, "is not valid JSON"),
    ],
)
def test_a_body_is_an_object(body: object, reason: str) -> None:
    assert problems("close_client", body) == [("body", reason)]


def test_what_the_host_gives_is_checked_too() -> None:
    with pytest.raises(ca.InvalidValue, match="client_id must be"):
        read_command("close_client", {}, client_id="7", by=NORTH)  # type: ignore[arg-type]
    with pytest.raises(ca.InvalidValue, match="by must be"):
        read_command("close_client", {}, client_id=ACME, by="north")  # type: ignore[arg-type]


def test_invalid_input_is_an_invalid_value_that_survives_pickle_and_copy() -> None:
    first, second = ca.InvalidValue("a", "is missing"), ca.InvalidValue("b.c", "is blank")
    error = InvalidInput(first, second)
    assert isinstance(error, ca.InvalidValue)
    assert (error.field, error.reason) == ("a", "is missing")
    for again in (pickle.loads(pickle.dumps(error)), copy.copy(error), copy.deepcopy(error)):
        assert type(again) is InvalidInput
        assert str(again) == "a is missing; b.c is blank"
        assert [each.field for each in again.problems] == ["a", "b.c"]


@given(strategies.business_names(), st.uuids())
def test_a_cursor_goes_out_and_comes_back(name: str, client_id: UUID) -> None:
    """The `next` of a page is text, and `read_cursor` returns it."""
    answer = answer_of(ca.Page((), (name, client_id)))
    assert read_cursor(str(answer["next"])) == (name, client_id)


@pytest.mark.parametrize("text", ["", "x", f"{ACME.hex}", f"{ACME.hex}-acme", f"{ACME}:acme", None])
def test_what_is_not_a_cursor_is_malformed(text: Any) -> None:
    with pytest.raises(InvalidInput, match="after is not the next of a page"):
        read_cursor(text)


# ── Schemas ──────────────────────────────────────────────────────────────────────────────────────

JUNK: tuple[Any, ...] = (
    None, True, 0, 1.5, [], {}, "", " ", "x", "x" * 21, "x" * 51, "x" * 65, "x" * 201, "x" * 1001,
    "a\nb", "a\x00b", "a\u202eb", "\ud800", "a\u2028b", "business", "practice", "2026-01-31",
    "2026-02-30", "a@example.com", " a@example.com ", " " * 255 + "a@example.com", "a@b", "cash",
    {"payroll": None}, {"": None}, {"x" * 65: None}, {"a\nb": None}, {"x": {"vat_scheme": "cash"}},
    {"vat_scheme": "not_registered", "vat_number": "1"}, {"name": ""}, {"unknown": 1}, [{}],
)  # fmt: skip

# What a schema cannot say: what an address or a visible character is, days of a month, and what
# goes together.
RULES = (
    "is blank: write at least one visible character",
    "is not a valid address",
    "is not a valid date",
    "has a code that is blank",
    "is given for a client that is not registered",
)


def paths(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield (*path, name)
            yield from paths(inner, (*path, name))


@st.composite
def mutated(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    """Return input in which up to three fields are replaced, left out or added."""
    kind, command = draw(SOME)
    body = body_of(command)
    for _ in range(draw(st.integers(0, 3))):
        places = [*paths(body), ("more",)]
        *way, last = draw(st.sampled_from(places))
        inside = body
        for name in way:
            inside = inside[name]
        if last in inside and draw(st.booleans()):
            del inside[last]
        else:
            inside[last] = copy.deepcopy(draw(st.sampled_from(JUNK)))
    return kind, body


VALIDATORS = {kind: Draft202012Validator(schema(kind)) for kind in INPUTS}


@given(mutated())
def test_the_reader_accepts_what_the_schema_does(given: tuple[str, dict[str, Any]]) -> None:
    """The two agree on every field, except for what a schema cannot say."""
    kind, body = given
    valid = VALIDATORS[kind].is_valid(body)
    found: tuple[ca.InvalidValue, ...] = ()
    try:
        read_command(kind, body, client_id=ACME, by=NORTH)
    except InvalidInput as error:
        found = error.problems
    assert valid is all(each.reason.startswith(RULES) for each in found), found


def test_the_schemas_are_valid_and_complete() -> None:
    """Each is a JSON Schema of 2020-12, which is that of OpenAPI 3.1, and needs no other."""
    for name in schemas():
        alone = described(name)
        Draft202012Validator.check_schema(alone)
        assert "#/components" not in json.dumps(alone)
        for target in refs(alone):
            assert target.removeprefix("#/$defs/") in alone["$defs"]
    together = schemas()
    assert set(refs(together)) <= {f"#/components/schemas/{name}" for name in together}
    assert set(refs(schemas("#/$defs/"))) <= {f"#/$defs/{name}" for name in together}
    with pytest.raises(ca.InvalidValue, match="name is not the name of a schema"):
        schema("activate")


def refs(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        if "$ref" in part:
            yield part["$ref"]
        for inner in part.values():
            yield from refs(inner)
    elif isinstance(part, list):
        for inner in part:
            yield from refs(inner)


def test_the_schemas_state_the_limits_of_the_constructors() -> None:
    name = described("change_business_name")["properties"]["business_name"]
    assert (name["minLength"], name["maxLength"]) == (1, 200)
    contact = described("contact_details")["properties"]
    assert [part["maxLength"] for part in contact.values()] == [200, 50, 1000]
    assert "minLength" not in contact["name"]
    subscribe = described("subscribe")
    assert subscribe["required"] == ["payer", "sign_in", "services"]
    assert subscribe["properties"]["payer"] == {"type": "string", "enum": ["practice", "client"]}
    assert described("add_client")["properties"]["kind"]["default"] == "business"


# ── Answers ──────────────────────────────────────────────────────────────────────────────────────


def checked(value: wire.Answer) -> dict[str, Any]:
    """Return an answer, which fits its schema, and which JSON can hold."""
    answer = answer_of(value)
    Draft202012Validator(schema(type(value).__name__)).validate(answer)
    assert json.loads(json.dumps(answer)) == answer
    return answer


@given(strategies.clients())
def test_every_answer_about_a_client_fits_its_schema(client: ca.Client) -> None:
    """Whatever happened to the client, and whoever asks."""
    at = datetime(2026, 1, 5, tzinfo=UTC)
    answer = checked(client)
    assert (answer["id"], answer["label"]) == (str(client.id), client.label)
    assert answer["email"] == (client.email.address if client.email.is_mailable else None)
    assert answer["services"] == {held.code: plain(held.setup) for held in client.services}
    checked(ca.sign_in_of(client, at=at))
    for deadline in ca.deadlines_of(client):
        checked(deadline)
    for by in (NORTH, SOUTH, ca.ClientUser(client.id), ca.PlatformUser()):
        checked(ca.opening_of(client, by, at=at, catalogue=CATALOGUE))
        actions = ca.actions_of(client, by, at=at, catalogue=CATALOGUE)
        shown = checked(actions)
        assert len(shown["allowed"]) == len(actions.allowed)
        assert len(shown["allowed"]) + len(shown["refused"]) == 26


def test_every_change_and_its_consequences_fit_their_schemas() -> None:
    for example in examples().values():
        for change in example.changes:
            checked(change)
            checked(ca.consequences_of(change, at=world.T0, catalogue=CATALOGUE))


def test_every_event_fits_its_own_schema_and_that_of_events() -> None:
    """A history is answered as events, without the ids of activations and placeholders (E6)."""
    seen = set()
    whole = Draft202012Validator(schema("Event"))
    for example in examples().values():
        for event in example.events:
            answer = checked(event)
            whole.validate(answer)
            seen.add(answer["event"])
            assert answer["by"]["kind"] in ("practice", "client", "platform")
            text = json.dumps(answer)
            assert ".invalid" not in text
            assert "erasures" not in answer
            if (activation := getattr(event, "activation", None)) is not None:
                assert str(activation.id) not in text
    assert seen == set(EVENTS)


def test_a_practice_that_declines_never_sees_the_client() -> None:
    """The answer has the client only where the actor may read it afterwards (C3)."""
    access = ca.ClientAccess(ca.MemoryRepository(), catalogue=CATALOGUE)
    platform, carl = ca.PlatformUser(), ca.ClientUser(ACME)
    access.handle(
        ca.RegisterCustomer(
            ACME, platform, business_name="Acme", email="a@example.com", services={"payroll": None}
        )
    )
    invited = checked(access.handle(ca.InvitePractice(ACME, carl, practice_id="north")))
    assert invited["client"]["practice_invitation"]["practice_id"] == "north"
    (row,) = checked(access.clients("north", ca.ClientList.INACTIVE))["rows"]
    assert row["client"] is None
    declined = checked(access.handle(ca.DeclinePracticeInvitation(ACME, NORTH)))
    assert declined["client"] is None
    assert declined["event"] == "practice_invitation_declined"
    assert declined["notices"] == ["invitation_answered"]
    assert "example.com" not in json.dumps(declined)


def test_a_change_that_changes_nothing_has_no_event() -> None:
    access = ca.ClientAccess(ca.MemoryRepository(), catalogue=CATALOGUE)
    access.handle(ca.AddClient(ACME, NORTH, business_name="Acme"))
    same = checked(access.handle(ca.ChangeBusinessName(ACME, NORTH, business_name="Acme")))
    assert (same["event"], same["version"]) == (None, 1)
    assert same["client"]["email"] is None


def test_the_id_of_an_activation_and_placeholders_stay_inside() -> None:
    """No answer has what a link contains, and none has an address that is not one."""
    for example in examples().values():
        client = example.client
        text = json.dumps(checked(client))
        assert ".invalid" not in text
        if client.activation is not None:
            assert str(client.activation.id) not in text


def test_amounts_moments_and_ids_are_strings() -> None:
    """Amounts have no exponent, moments are in UTC."""
    line = ca.InvoiceLine(ACME, "Acme", "payroll", "Payroll", Decimal("5E+2"))
    invoice = ca.Invoice((line,), "GBP")
    assert checked(invoice) == {
        "lines": [
            {
                "client_id": str(ACME),
                "business_name": "Acme",
                "service": "payroll",
                "service_name": "Payroll",
                "monthly_price": "500",
            }
        ],
        "currency": "GBP",
        "total": "500",
    }
    cheaper = ca.Invoice((attrs.evolve(line, monthly_price=Decimal("7.50")),), "GBP")
    (difference,) = ca.differences(invoice, cheaper)
    assert checked(difference)["cause"] == "price_changed"
    assert checked(CATALOGUE)["services"][0]["monthly_price"] == str(
        CATALOGUE.services[0].monthly_price
    )
    moment = datetime(2026, 7, 1, 12, tzinfo=timezone(timedelta(hours=1)))
    client = next(each.client for each in examples().values() if each.client.activation)
    deadline = ca.Deadline(client, ca.DeadlineKind.ACTIVATION_ENDS, moment)
    assert checked(deadline)["at"] == "2026-07-01T11:00:00+00:00"


@given(strategies.business_names(), st.lists(st.uuids(), max_size=2))
def test_a_page_fits_its_schema(name: str, unreadable: list[UUID]) -> None:
    row = ca.Row(ACME, ca.ClientKind.BUSINESS, name, "New Client Invitation", None)
    answer = checked(ca.Page((row,), (name, ACME), tuple(unreadable)))
    assert answer["rows"][0]["business_name"] == name
    assert answer["unreadable"] == [str(each) for each in unreadable]


def test_only_answers_are_answered() -> None:
    assert len(get_args(wire.Answer)) == 12 + 26
    with pytest.raises(ca.InvalidValue, match="value must be an answer"):
        answer_of(ca.ContactDetails())  # type: ignore[arg-type]


# ── Problems ─────────────────────────────────────────────────────────────────────────────────────


def problem(error: ca.ClientAccessError) -> dict[str, Any]:
    """Return the problem details of an error, which fit their schema."""
    details = problem_of(error)
    Draft202012Validator(schema("Problem")).validate(details)
    assert json.loads(json.dumps(details)) == details
    return details


def test_a_refusal_is_a_problem_with_its_rule_and_its_ways_out() -> None:
    access = ca.ClientAccess(ca.MemoryRepository(), catalogue=CATALOGUE)
    access.handle(ca.AddClient(ACME, NORTH, business_name="Acme"))
    services = {"payroll": None}
    access.handle(
        ca.Subscribe(
            ACME,
            NORTH,
            payer=ca.Payer.PRACTICE,
            sign_in=ca.SignIn.PRACTICE_ONLY,
            services=services,
        )
    )
    with pytest.raises(ca.CommandRefused) as refused:
        access.handle(ca.AddService(ACME, NORTH, service="payroll"))
    assert problem(refused.value) == {
        "type": "urn:client-access:problem:service_already_added",
        "title": "Service already added",
        "status": 409,
        "detail": "The client has this service already.",
        "code": "service_already_added",
        "rule": refused.value.refusal.rule,
        "services": ["payroll"],
        "ways_out": [
            {
                "key": step.key,
                "sentence": step.sentence,
                "command": None,
                "by": None,
            }
            for step in refused.value.refusal.ways_out
        ],
    }


@given(strategies.clients(), st.data())
def test_every_refusal_is_a_problem(client: ca.Client, data: st.DataObject) -> None:
    command = data.draw(strategies.commands(client=client))
    caught: ca.ClientAccessError | None = None
    try:
        ca.decide(client, command, at=world.LATE, catalogue=CATALOGUE)
    except (ca.CommandRefused, ca.InvalidValue) as error:
        caught = error
    if isinstance(caught, ca.CommandRefused):
        details, refusal = problem(caught), caught.refusal
        assert details["status"] in (403, 404, 409)
        assert details["code"] == refusal.code.value
        sentences = [step["sentence"] for step in details["ways_out"]]
        assert sentences == [step.sentence for step in refusal.ways_out]
    elif caught is not None:
        assert problem(caught)["status"] == 422


def _link_error() -> ca.ClientAccessError:
    try:
        ActivationLinks(["k" * 16]).redeem("x")
    except ca.ClientAccessError as error:
        return error
    raise AssertionError


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (
            ca.CommandRefused(None, ca.Refusal(ca.RefusalCode.UNKNOWN_CLIENT, "C3", "-", ())),
            404,
            "",
        ),
        (
            ca.CommandRefused(None, ca.Refusal(ca.RefusalCode.ACTOR_NOT_ALLOWED, "", "", ())),
            403,
            "",
        ),
        (ca.InvalidValue("email", "is blank"), 422, "invalid_value"),
        (_link_error(), 400, "invalid_link"),
        (ca.StaleClient(ACME), 409, "conflict"),
        (ca.EmailTaken(ACME), 409, "conflict"),
        (ca.CatalogueIncomplete("payroll"), 500, "catalogue_incomplete"),
        (ca.CorruptRecord("secret", ACME), 500, "corrupt_record"),
        (ca.RepositoryError("postgresql://secret"), 503, "unavailable"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else None,
)
def test_each_error_has_its_status(error: ca.ClientAccessError, status: int, code: str) -> None:
    """What is wrong on the host's side is not told outside."""
    details = problem(error)
    assert details["status"] == status
    assert details["code"] == code or not code
    assert str(ACME) not in json.dumps(details)
    assert "secret" not in json.dumps(details)


def test_an_invalid_value_names_its_fields() -> None:
    one = problem(ca.InvalidValue("contact.name", "is blank"))
    assert one["errors"] == [{"field": "contact.name", "detail": "is blank"}]
    many = problem(InvalidInput(ca.InvalidValue("a", "is blank"), ca.InvalidValue("b", "is blank")))
    assert [each["field"] for each in many["errors"]] == ["a", "b"]


def test_only_errors_of_this_library_are_problems() -> None:
    with pytest.raises(ca.InvalidValue, match="error must be an error of this library"):
        problem_of(KeyError())  # type: ignore[arg-type]
