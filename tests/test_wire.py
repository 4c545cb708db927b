"""The JSON form: what is written is read back equal, and nothing else is read."""

from __future__ import annotations

import copy
import importlib.util
import json
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any
from uuid import UUID

import junk
import pytest
import world
from attrs import evolve
from every_notice import notices
from hypothesis import given

import client_access as ca
from client_access.commands import COMMANDS
from client_access.events import EVENTS
from client_access.notices import NOTICES
from client_access.repository.erasing import erase_event, erase_notice
from client_access.wire import (
    KINDS,
    Json,
    decode,
    dump,
    encode,
    load_client,
    load_command,
    load_event,
    load_notice,
    make_kinds,
)

SCHEMAS = Path(__file__).parents[1] / "docs" / "schemas"
LOADS: dict[str, Callable[[object], Any]] = {
    "client": load_client,
    "command": load_command,
    "event": load_event,
    "notice": load_notice,
}


@cache
def samples() -> dict[str, tuple[Any, ...]]:
    """Return values of every kind, in every state that a client can reach."""
    histories = world.walk().histories
    return {
        "client": tuple(dict.fromkeys(there.client for there in histories)),
        "command": tuple(dict.fromkeys(c for by in world.ACTORS for c in world.commands(by))),
        "event": tuple(dict.fromkeys(event for there in histories for event in there.events)),
        "notice": notices(),
    }


@cache
def smallest() -> tuple[tuple[str, Any], ...]:
    """Return one record of each kind, with the group of its kind."""
    found: dict[tuple[str, str], Any] = {}
    for what, values in samples().items():
        for value in values:
            record = dump(value)
            # The longest one has parts of every sort to break.
            key = (what, str(record["kind"]))
            if key not in found or len(str(found[key])) < len(str(record)):
                found[key] = record
    return tuple((what, record) for (what, _), record in found.items())


# ── There and back ───────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("what", LOADS)
def test_every_value_is_read_back_equal_from_its_json(what: str) -> None:
    """One JSON form for client, command, event and notice."""
    for value in samples()[what]:
        assert LOADS[what](decode(encode(value))) == value
        assert json.loads(encode(value)) == dump(value)


def test_the_samples_are_of_every_kind() -> None:
    """The tests here cover every class."""
    kinds = {what: {dump(value)["kind"] for value in samples()[what]} for what in LOADS}
    assert kinds == {
        "client": {"client"},
        "command": set(COMMANDS),
        "event": set(EVENTS),
        "notice": set(NOTICES),
    }


def test_what_was_erased_is_read_back_equal() -> None:
    """An erased address and a placeholder are written and read back (E2)."""
    for there in world.walk().histories:
        erased = [erase_event(event) for event in there.events]
        assert [load_event(decode(encode(event))) for event in erased] == erased
        client = ca.replay(erased)
        assert load_client(decode(encode(client))) == client
    for notice in samples()["notice"]:
        if (without := erase_notice(notice)) is not None:
            assert load_notice(decode(encode(without))) == without


def test_the_placeholder_of_another_client_is_corrupt() -> None:
    """A placeholder is bound to the client's id (E2)."""
    client = next(c for c in samples()["client"] if c.email.is_placeholder)
    for other in (ca.EmailAddress.placeholder, ca.EmailAddress.erased):
        record: Any = dump(client)
        record["data"]["email"] = other(world.OTHER_ID).address
        with pytest.raises(ca.CorruptRecord):
            load_client(record)


@pytest.mark.parametrize("address", ["x.invalid", f"{world.CLIENT_ID.hex}@other.invalid"])
def test_an_invalid_address_that_is_not_a_placeholder_is_corrupt(address: str) -> None:
    """Only the two addresses that this library makes are under `.invalid`."""
    record: Any = dump(samples()["client"][0])
    record["data"]["email"] = address
    with pytest.raises(ca.CorruptRecord):
        load_client(record)


def test_a_moment_is_written_in_utc() -> None:
    """Moments are ISO 8601 in UTC, in whatever zone they were given."""
    zone = timezone(timedelta(hours=2))
    activation = ca.Activation(
        world.FIRST_ACTIVATION, world.T0.astimezone(zone), world.SOON.astimezone(zone)
    )
    event = ca.ActivationResent(
        world.CLIENT_ID, 2, world.T0.astimezone(zone), world.NORTH, activation=activation
    )
    record: Any = dump(event)
    assert record["data"]["at"] == "2026-01-05T09:00:00+00:00"
    assert load_event(record) == event


def test_a_moment_without_a_form_in_utc_is_an_invalid_value() -> None:
    """A moment that cannot be written raises InvalidValue."""
    early = datetime.min.replace(tzinfo=timezone(timedelta(hours=1)))
    with pytest.raises(ca.InvalidValue):
        dump(ca.AccessDisabled(world.CLIENT_ID, 2, early, world.NORTH))


def test_an_amount_is_written_without_an_exponent() -> None:
    """Amounts are text, in one spelling."""
    line = ca.InvoiceLine(world.CLIENT_ID, "Acme", "start", "Start", Decimal("1E+3"))
    notice = ca.ClientInvoiceChanged(
        world.CLIENT_ID,
        2,
        ca.ToClientService(world.CLIENT_ID),
        "Acme",
        before=(),
        after=(line,),
        currency="GBP",
    )
    record: Any = dump(notice)
    assert record["data"]["after"][0]["monthly_price"] == "1000"
    assert load_notice(record) == notice


@pytest.mark.parametrize("value", [None, {}, object(), ca.EmailAddress("a@example.com")])
def test_anything_else_cannot_be_dumped(value: Any) -> None:
    """`dump` takes clients, commands, events and notices."""
    with pytest.raises(ca.InvalidValue):
        dump(value)


# ── Nothing else is read ─────────────────────────────────────────────────────────────────────────


def places(part: object, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path to every part of a record."""
    yield path
    if isinstance(part, dict):
        for key, value in part.items():
            yield from places(value, (*path, key))
    elif isinstance(part, list):
        for index, value in enumerate(part):
            yield from places(value, (*path, index))


def replaced(record: Any, path: tuple[Any, ...], value: object) -> Any:
    """Return a record with one part replaced."""
    if not path:
        return value
    whole = copy.deepcopy(record)
    holder = whole
    for key in path[:-1]:
        holder = holder[key]
    holder[path[-1]] = value
    return whole


@pytest.mark.parametrize(("what", "record"), smallest(), ids=lambda x: str(x)[:40])
def test_a_missing_or_an_unknown_field_is_corrupt_wherever_it_is(what: str, record: Any) -> None:
    """Unknown or missing fields are `CorruptRecord`, those with a default too."""
    for path in places(record):
        part = record
        for key in path:
            part = part[key]
        if not isinstance(part, dict):
            continue
        for name in part:
            less = {key: part[key] for key in part if key != name}
            with pytest.raises(ca.CorruptRecord):
                LOADS[what](replaced(record, path, less))
        with pytest.raises(ca.CorruptRecord):
            LOADS[what](replaced(record, path, {**part, "more": None}))


HOSTILE: tuple[object, ...] = (
    True,
    -1,
    2**63,
    10**400,
    1.0,
    float("nan"),
    float("inf"),
    "",
    " ",
    "\ud800",
    "\x00",
    "x" * 5000,
    b"x",
    [],
    [None],
    {},
    {"kind": None},
    {"kind": []},
    {"kind": "client_user"},
    (),
    object(),
)


def check_in_every_place(what: str, record: Any, value: object) -> None:
    """Put a value in each place of a record, in turn."""
    for path in places(record):
        wrong = replaced(record, path, value)
        try:
            loaded = LOADS[what](wrong)
        except ca.CorruptRecord:
            continue
        assert dump(loaded) == wrong  # read as it is, or not at all


@pytest.mark.parametrize(("what", "record"), smallest(), ids=lambda x: str(x)[:40])
def test_a_wrong_value_anywhere_is_corrupt_or_another_valid_value(what: str, record: Any) -> None:
    """Hostile input is `CorruptRecord` and nothing else, never a half-read object."""
    for value in HOSTILE:
        check_in_every_place(what, record, value)


@pytest.mark.parametrize(("what", "record"), smallest(), ids=lambda x: str(x)[:40])
def test_deep_nesting_anywhere_is_corrupt(what: str, record: Any) -> None:
    """Deeper than Python can recurse."""
    nested: Any = []
    for _ in range(20_000):
        nested = [nested]
    check_in_every_place(what, record, nested)


@given(junk.plain)
def test_junk_is_corrupt(value: object) -> None:
    """Any other object raises `CorruptRecord`."""
    for load in LOADS.values():
        for record in (value, {"kind": value}, {"kind": "client", "format": 1, "data": value}):
            with pytest.raises(ca.CorruptRecord):
                load(record)


def test_a_record_of_something_else_is_corrupt() -> None:
    """Each function reads only its own kinds."""
    for what, record in smallest():
        for load in (load for other, load in LOADS.items() if other != what):
            with pytest.raises(ca.CorruptRecord):
                load(record)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("id", "{10000000-0000-4000-8000-000000000001}"),
        ("id", "10000000000040008000000000000001"),
        ("version", 2**63),
        ("version", True),
        ("kind", "BUSINESS"),
    ],
)
def test_another_spelling_is_corrupt(field: str, value: Json) -> None:
    """Every value has one spelling."""
    record: Any = dump(samples()["client"][0])
    record["data"][field] = value
    with pytest.raises(ca.CorruptRecord):
        load_client(record)


@pytest.mark.parametrize(
    "moment",
    [
        "2026-01-05",
        "2026-01-05T09:00:00",
        "2026-01-05T09:00:00Z",
        "2026-01-05 09:00:00+00:00",
        "2026-01-05T10:00:00+01:00",
        "2026-W02-1T09:00:00+00:00",
        "9999-99-99T09:00:00+00:00",
    ],
)
def test_another_spelling_of_a_moment_is_corrupt(moment: str) -> None:
    """Moments are ISO 8601 in UTC, in one spelling."""
    record: Any = dump(ca.AccessDisabled(world.CLIENT_ID, 2, world.T0, world.NORTH))
    record["data"]["at"] = moment
    with pytest.raises(ca.CorruptRecord):
        load_event(record)


@pytest.mark.parametrize(
    "amount", ["1E+999999999", "NaN", "-1", "01.50", "1.00000", "9" * 20, "\uff11"]
)
def test_an_amount_that_no_catalogue_has_is_corrupt(amount: str) -> None:
    """An invoice line is checked when it is read, because its class checks nothing (S6)."""
    record: Any = next(r for _, r in smallest() if r["kind"] == "practice_invoice_changed")
    record = copy.deepcopy(record)
    line = (record["data"]["before"] + record["data"]["after"])[0]
    line["monthly_price"] = amount
    with pytest.raises(ca.CorruptRecord):
        load_notice(record)


def test_an_error_does_not_repeat_what_was_read() -> None:
    """A message does not repeat the value, which may be about a person."""
    record: Any = dump(samples()["client"][0])
    record["data"]["status"] = "Secret Name"
    with pytest.raises(ca.CorruptRecord) as caught:
        load_client(record)
    assert "Secret" not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "nul",
        "NaN",
        '{"a": Infinity}',
        "1" * 5000,
        b"\xff\xfe\xfd",
        "\ud800",
    ],
)
def test_text_that_is_not_json_is_corrupt(text: str | bytes) -> None:
    """Truncated or hostile text is `CorruptRecord`, huge numbers too."""
    with pytest.raises(ca.CorruptRecord):
        decode(text)


def test_text_that_is_nested_deeply_is_corrupt() -> None:
    """Deeper than Python can recurse."""
    with pytest.raises(ca.CorruptRecord):
        decode("[" * 200_000)


def test_json_cut_off_anywhere_is_corrupt() -> None:
    """Truncated input is `CorruptRecord`."""
    text = encode(samples()["client"][0])
    for length in range(len(text)):
        with pytest.raises(ca.CorruptRecord):
            decode(text[:length])


# ── Formats ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("data_format", [0, 2, -1, True, 1.0, "1", None, 10**400, []])
def test_an_unknown_format_is_corrupt(data_format: object) -> None:
    """A record of a later version raises `CorruptRecord`."""
    for what, record in smallest():
        with pytest.raises(ca.CorruptRecord):
            LOADS[what]({**record, "format": data_format})


def _renamed(data: dict[str, Json]) -> dict[str, Json]:
    data["address"] = data.pop("street")
    return data


def _split(data: dict[str, Json]) -> dict[str, Json]:
    name, phone = str(data.pop("who")).split("/")
    return {**data, "name": name, "phone": phone}


def test_an_older_format_is_read_through_every_step_to_the_present_one() -> None:
    """Every older version is read and gives the same value."""
    kinds = make_kinds(
        {"contact": ca.ContactDetails}, [("contact", 2, _split), ("contact", 1, _renamed)]
    )
    kind = kinds["contact"]
    oldest: dict[str, object] = {"who": "Ann/1", "street": "Road"}
    assert kind.format == 3
    assert kind.load(1, oldest) == ca.ContactDetails("Ann", "1", "Road")
    assert kind.load(2, {"who": "Ann/1", "address": "Road"}) == kind.load(1, oldest)
    assert kind.load(3, {"name": "Ann", "phone": "1", "address": "Road"}) == kind.load(1, oldest)
    assert oldest == {"who": "Ann/1", "street": "Road"}
    wrong: tuple[object, ...] = ({}, [], None, "x", {"who": 1, "street": 2}, {"who": "Ann"})
    for data in wrong:
        with pytest.raises(ca.CorruptRecord):
            kind.load(1, data)


@pytest.mark.parametrize(
    "steps",
    [
        [("contact", 2, _split)],
        [("contact", 1, _split), ("contact", 3, _split)],
        [("contact", 0, _split), ("contact", 1, _split)],
        [("contact", 1, _split), ("contact", 1, _renamed)],
        [("nothing", 1, _split)],
    ],
)
def test_a_missing_or_doubled_step_raises(steps: Any) -> None:
    """The steps are checked when the kinds are made."""
    with pytest.raises(ValueError, match="step"):
        make_kinds({"contact": ca.ContactDetails}, steps)


def test_a_step_may_change_its_argument() -> None:
    """The record stays unchanged, at every depth, and can be read again."""

    def flattened(data: dict[str, Any]) -> dict[str, Any]:
        return {"name": data["person"].pop("name"), "phone": "", "address": ""}

    kind = make_kinds({"contact": ca.ContactDetails}, [("contact", 1, flattened)])["contact"]
    record = {"person": {"name": "Ann"}}
    assert [kind.load(1, record) for _ in range(2)] == [ca.ContactDetails("Ann")] * 2
    assert record == {"person": {"name": "Ann"}}


def test_no_two_kinds_share_a_name() -> None:
    """The kind alone identifies the class of a record."""
    names = [name for kinds in KINDS.values() for name in kinds]
    assert len(set(names)) == len(names)
    assert all(kinds[name].name == name for kinds in KINDS.values() for name in kinds)


# ── Schemas ──────────────────────────────────────────────────────────────────────────────────────


def test_the_schemas_are_up_to_date() -> None:
    """JSON Schemas are generated and committed: python docs/schemas/generate.py."""
    spec = importlib.util.spec_from_file_location("generate", SCHEMAS / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    committed = {path.name: path.read_text("utf-8") for path in SCHEMAS.glob("*.json")}
    assert committed == module.schemas()


def fits(value: Any, schema: dict[str, Any], definitions: dict[str, Any]) -> bool:
    """Return whether a value fits a schema, as far as these schemas go."""
    types = {"string": str, "boolean": bool, "integer": int, "null": type(None)}
    match schema:
        case {"$ref": name}:
            return fits(value, definitions[name.removeprefix("#/$defs/")], definitions)
        case {"oneOf": choices}:
            return sum(fits(value, choice, definitions) for choice in choices) == 1
        case {"anyOf": choices}:
            return any(fits(value, choice, definitions) for choice in choices)
        case {"const": constant}:
            return bool(value == constant)
        case {"enum": constants}:
            return value in constants
        case {"type": "array", "items": items}:
            return isinstance(value, list) and all(fits(v, items, definitions) for v in value)
        case {"type": "object", "properties": properties}:
            return (
                isinstance(value, dict)
                and value.keys() == properties.keys()
                and all(fits(value[name], part, definitions) for name, part in properties.items())
            )
        case _:
            return type(value) is types[schema["type"]]


@pytest.mark.parametrize("what", LOADS)
def test_every_record_fits_its_schema(what: str) -> None:
    """Everything that is written fits its schema."""
    schema = json.loads((SCHEMAS / f"{what}.json").read_text("utf-8"))
    for value in samples()[what]:
        assert fits(dump(value), schema, schema["$defs"])


def test_a_date_is_written_as_one() -> None:
    """A date is written without a time, in one spelling."""
    held = ca.HeldService("start", evolve(world.SETUP, accounts_start=world.T0.date()))
    event = ca.ServiceAdded(
        UUID(int=1), 2, world.T0, world.NORTH, service=held, activation=None, direct_debit=None
    )
    record: Any = dump(event)
    assert record["data"]["service"]["setup"]["accounts_start"] == "2026-01-05"
    assert load_event(record) == event
    for day in ("20260105", "2026-W02-1", "2026-01-05T00:00:00", 5):
        record["data"]["service"]["setup"]["accounts_start"] = day
        with pytest.raises(ca.CorruptRecord):
            load_event(record)
