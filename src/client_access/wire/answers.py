"""What a host answers: clients, changes, lists, invoices and decisions, as JSON has them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from functools import cache
from operator import attrgetter
from types import UnionType
from typing import Any, TypeAlias, cast, final, get_args, get_origin, get_type_hints
from uuid import UUID

from attrs import fields_dict, frozen, resolve_types

from client_access.change import Change
from client_access.client import Client
from client_access.commands import COMMAND_NAMES, Command
from client_access.deciding import Actions
from client_access.events import (
    EVENT_NAMES,
    ClientAdded,
    ClientImported,
    CustomerRegistered,
    Event,
)
from client_access.notices import NOTICE_NAMES, AccessRemoved, DirectDebitNeeded
from client_access.questions.billing import Invoice, InvoiceDifference
from client_access.questions.consequences import Consequences, Irreversible
from client_access.questions.deadlines import Deadline
from client_access.questions.lists import Cursor, Page
from client_access.questions.sign_in import Opening, SignInDecision, readable
from client_access.refusals import ACTOR_NAMES, CommandRefused, Refusal
from client_access.values import Activation, Actor, HeldService, ServiceSetup, to_utc
from client_access.values.catalogue import Catalogue
from client_access.values.email_address import EmailAddress
from client_access.values.validation import wrong_type
from client_access.wire.forms import (
    EMAIL,
    Schema,
    array,
    first_line,
    mapping,
    obj,
    one_of,
    or_null,
    ref,
    text_of,
    without_none,
)
from client_access.wire.inputs import write_cursor
from client_access.wire.kinds import Json

Answer: TypeAlias = (
    Client
    | Change
    | Actions
    | Page
    | Invoice
    | InvoiceDifference
    | SignInDecision
    | Opening
    | Consequences
    | Deadline
    | Refusal
    | Catalogue
    | Event
)
"""What a host can answer."""


def answer_of(value: Answer) -> dict[str, Json]:
    """Return a value as JSON has it; `schema("Client")`, for example, describes it.

    Moments are in UTC, amounts and ids are strings, and services are objects by code, as in input.
    A placeholder is null, and the id of an activation is left out.

    A change has the client only if the actor may read it afterwards: a practice that declines an
    invitation never sees the client's details (C3). Of its notices it has the kinds only. An event
    has everything that happened, so show it to the platform only (C3).

    Raises:
        InvalidValue: a value of this type is not an answer, or a moment in it has no form in UTC.
    """
    form = _ANSWERS.get(type(value))
    if form is None:
        raise wrong_type("value", "an answer, such as a Client or a Page", value)
    return cast("dict[str, Json]", form.write(value))


@final
@frozen
class _Form:
    """How a type is answered.

    Parameters:
        schema: its schema.
        write: returns what JSON has.
    """

    schema: Schema
    write: Callable[[Any], Json]


# ── Types ────────────────────────────────────────────────────────────────────────────────────────


def _amount(amount: Decimal) -> str:
    return format(amount, "f")  # never with an exponent


def _moment(moment: datetime) -> str:
    return to_utc("at", moment).isoformat()


def _email(email: EmailAddress) -> str | None:
    return email.address if email.is_mailable else None


def _services(services: tuple[HeldService, ...]) -> dict[str, Json]:
    write = _form(ServiceSetup | None).write
    return {held.code: write(held.setup) for held in services}


def _irreversible(what: Irreversible) -> dict[str, Json]:
    return {"code": what.value, "sentence": what.sentence}


def _as_it_is(value: Any) -> Any:
    return value


def _named(names: Mapping[Any, str]) -> _Form:
    return _Form(one_of(list(names.values())), names.__getitem__)


_TEXT: Schema = {"type": "string"}
_FORMS: dict[object, _Form] = {
    str: _Form(_TEXT, _as_it_is),
    bool: _Form({"type": "boolean"}, _as_it_is),
    int: _Form({"type": "integer"}, _as_it_is),
    UUID: _Form({"type": "string", "format": "uuid"}, str),
    datetime: _Form({"type": "string", "format": "date-time"}, _moment),
    date: _Form({"type": "string", "format": "date"}, date.isoformat),
    Decimal: _Form({"type": "string", "pattern": "^[0-9]+([.][0-9]+)?$"}, _amount),
    EmailAddress: _Form(or_null(EMAIL), _email),
    Cursor: _Form(_TEXT, write_cursor),
    Irreversible: _Form(
        obj({"code": one_of([each.value for each in Irreversible]), "sentence": _TEXT}),
        _irreversible,
    ),
    type[Command]: _named(COMMAND_NAMES),
    type[Actor]: _named(ACTOR_NAMES),
}


@cache
def _form(kind: Any) -> _Form:
    """Return the form of a type."""
    if found := _FORMS.get(kind):
        return found
    if inner := without_none(kind):
        return _optional(_form(inner))
    if kind == tuple[HeldService, ...]:
        return _Form(mapping(_form(ServiceSetup | None).schema), _services)
    if get_origin(kind) is tuple:
        return _array(_form(get_args(kind)[0]))
    if get_origin(kind) is UnionType:
        return _union(get_args(kind))
    if issubclass(kind, Enum):
        return _Form(one_of([member.value for member in kind]), attrgetter("value"))
    return _class(kind)


def _optional(form: _Form) -> _Form:
    return _Form(or_null(form.schema), lambda value: None if value is None else form.write(value))


def _array(form: _Form) -> _Form:
    return _Form(array(form.schema), lambda values: [form.write(value) for value in values])


def _union(classes: tuple[type, ...]) -> _Form:
    forms = {cls: _form(cls) for cls in classes}
    choices: list[Json] = [form.schema for form in forms.values()]
    return _Form({"oneOf": choices}, lambda value: forms[type(value)].write(value))


# ── Classes ──────────────────────────────────────────────────────────────────────────────────────

ANSWER_SCHEMAS: dict[str, Schema] = {}
"""The schema of each class that answers consist of, by its name."""

# By what the members of a union differ. An event may have a kind of client.
_TAGS: Mapping[type, tuple[str, str]] = {
    **{cls: ("kind", name) for cls, name in NOTICE_NAMES.items()},
    **{cls: ("kind", name) for cls, name in ACTOR_NAMES.items()},
    **{cls: ("event", name) for cls, name in EVENT_NAMES.items()},
}
_LEFT_OUT: Mapping[type, tuple[str, ...]] = {
    **dict.fromkeys((Client, ClientAdded, ClientImported, CustomerRegistered), ("erasures",)),
    Activation: ("id",),
    AccessRemoved: ("recipient",),
    DirectDebitNeeded: ("recipient",),
}
_PROPERTIES: Mapping[type, tuple[str, ...]] = {
    Client: ("label", "payer", "payer_locked", "activated", "managed"),
}
"""The properties that are answered beside the fields."""


def _class(cls: type) -> _Form:
    parts = list(_parts(cls))

    def write(value: Any) -> Json:
        return {name: part.write(value) for name, part in parts}

    return _kept(cls, {name: part.schema for name, part in parts}, write)


def _parts(cls: type) -> Iterator[tuple[str, _Form]]:
    """Yield the name of each part, and a form that is written of the whole."""
    if cls in _TAGS:
        tag, value = _TAGS[cls]
        yield tag, _Form({"type": "string", "const": value}, lambda _: value)
    for name, attribute in fields_dict(resolve_types(cls)).items():
        if not (name.startswith("_") or name in _LEFT_OUT.get(cls, ())):
            kind: Any = attribute.type
            yield name, _part(name, _form(kind), text_of(attribute) if kind is str else None)
    for name in _PROPERTIES.get(cls, ()):
        yield name, _part(name, _form(get_type_hints(vars(cls)[name].fget)["return"]))


def _part(name: str, form: _Form, schema: Schema | None = None) -> _Form:
    read = attrgetter(name)
    return _Form(schema or form.schema, lambda whole: form.write(read(whole)))


def _kept(cls: type, properties: dict[str, Schema], write: Callable[[Any], Json]) -> _Form:
    ANSWER_SCHEMAS[cls.__name__] = obj(properties, description=first_line(cls))
    return _Form(ref(cls.__name__), write)


# ── Changes and actions ──────────────────────────────────────────────────────────────────────────


def _change(change: Change) -> Json:
    after = change.after
    try:
        client = _form(Client).write(readable(after, change.command.by))
    except CommandRefused:
        client = None
    return {
        "client_id": str(after.id),
        "version": after.version,
        "event": None if change.event is None else EVENT_NAMES[type(change.event)],
        "client": client,
        "notices": [NOTICE_NAMES[type(notice)] for notice in change.notices],
    }


def _actions(actions: Actions) -> Json:
    refusal = _form(Refusal)
    return {
        "allowed": [name for cls, name in COMMAND_NAMES.items() if cls in actions.allowed],
        "refused": {COMMAND_NAMES[cls]: refusal.write(why) for cls, why in actions.refused.items()},
    }


_FORMS[Change] = _kept(
    Change,
    {
        "client_id": _form(UUID).schema,
        "version": _form(int).schema,
        "event": or_null(one_of(list(EVENT_NAMES.values()))),
        "client": or_null(_form(Client).schema),
        "notices": array(one_of(list(NOTICE_NAMES.values()))),
    },
    _change,
)
_FORMS[Actions] = _kept(
    Actions,
    {
        "allowed": array(_form(type[Command]).schema),
        "refused": {
            "type": "object",
            "propertyNames": _form(type[Command]).schema,
            "additionalProperties": _form(Refusal).schema,
        },
    },
    _actions,
)
ANSWER_SCHEMAS["Event"] = _form(Event).schema
_ANSWERS = {cls: _form(cls) for cls in get_args(Answer)}
