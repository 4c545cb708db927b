"""Commands from outside, such as the body of an HTTP request."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date
from enum import Enum
from functools import cache
from typing import Any, Final, cast, final
from uuid import UUID

import msgspec
from attrs import NOTHING, Attribute, fields, frozen, has, resolve_types

from client_access.commands import COMMANDS, Activate, Command
from client_access.errors import InvalidValue
from client_access.questions.lists import Cursor
from client_access.values import (
    SERVICE_CODE_LENGTH,
    Actor,
    ContactDetails,
    HeldService,
    ServiceSetup,
)
from client_access.values.email_address import ADDRESS_LENGTH, EmailAddress
from client_access.values.validation import check_text
from client_access.wire.forms import (
    EMAIL,
    Schema,
    first_line,
    mapping,
    obj,
    one_of,
    or_null,
    ref,
    text_of,
    without_none,
)
from client_access.wire.kinds import MALFORMED


class InvalidInput(InvalidValue):
    """The input is malformed, in one place or in several.

    As an :class:`~client_access.InvalidValue`, it stands for the first problem.

    Attributes:
        problems: every problem, each with the path of its field, such as `contact.name`.
    """

    def __init__(self, *problems: InvalidValue) -> None:
        super().__init__(problems[0].field, problems[0].reason)
        self.args = problems  # what pickle gives to this constructor
        self.problems = problems

    def __str__(self) -> str:
        return "; ".join(map(str, self.problems))


INPUTS: Final[Mapping[str, type[Command]]] = {
    name: cls for name, cls in COMMANDS.items() if cls is not Activate
}
"""The commands that can be read, by name: all but `activate`, which a signed link makes (E6)."""


def read_command(kind: str, body: object, *, client_id: UUID, by: Actor) -> Command:
    """Return the command that somebody outside asks for.

    What has a default may be left out. The id of an activation is never read: each command draws a
    new one.

    Parameters:
        kind: the name of the command, such as `subscribe`; any but `activate` (E6).
        body: its other fields: a dict, or JSON as bytes. `schema(kind)` describes it.
        client_id: the client. It is not read from the body, nor is `by`.
        by: who asks, which the host knows from its own session.

    Raises:
        InvalidInput: the input is malformed. Everything wrong with it is named.
        InvalidValue: `client_id` or `by` is malformed.
    """
    cls = INPUTS.get(kind)
    if cls is None:
        raise InvalidInput(InvalidValue("kind", "is not the name of a command that can be read"))
    if type(body) is bytes:
        try:
            body = msgspec.json.decode(body)
        except (msgspec.MsgspecError, *MALFORMED):
            raise InvalidInput(InvalidValue("body", "is not valid JSON")) from None
    if type(body) is not dict:
        raise InvalidInput(InvalidValue("body", "must be an object"))
    return cast("Command", _made(cls, body, client_id=client_id, by=by))


def read_cursor(text: str) -> Cursor:
    """Return where a page continues: the `next` of the answer before, to pass as `after`.

    Raises:
        InvalidInput: no page has such a `next`.
    """
    try:
        client_id, name = UUID(hex=text[:32]), text[33:]
        if write_cursor((name, client_id)) == text:
            return name, client_id
    except MALFORMED:
        pass
    raise InvalidInput(InvalidValue("after", "is not the next of a page"))


def write_cursor(cursor: Cursor) -> str:
    """Return the text that :func:`read_cursor` reads."""
    name, client_id = cursor
    return f"{client_id.hex}:{name}"


# ── Forms ────────────────────────────────────────────────────────────────────────────────────────


@final
@frozen
class _Form:
    """How a type is given.

    Parameters:
        schema: its schema.
        read: returns the value of what JSON has, for the field with this name. What it raises has
            the path of the field, from that name on.
    """

    schema: Schema
    read: Callable[[str, object], object]


def _form(attribute: Attribute[Any]) -> _Form:
    """Return the form of a field."""
    kind: Any = attribute.type
    inner = without_none(kind)
    form = _form_of(kind if inner is None else inner, attribute)
    return form if inner is None else _optional(form)


def _form_of(kind: Any, attribute: Attribute[Any]) -> _Form:
    if kind is str:
        return _Form(text_of(attribute), _read_text)
    if kind is EmailAddress:
        return _Form(EMAIL, _read_email)
    if kind is date:
        return _Form({"type": "string", "format": "date", "pattern": f"^{_DATE}$"}, _read_date)
    if kind == tuple[HeldService, ...]:
        return _Form(mapping(_SETUP_OR_NULL.schema), _read_services)
    return _class(kind) if has(kind) else _enum(kind)


_PARTS = {"contact_details": ContactDetails, "service_setup": ServiceSetup}
"""What commands are made of, by the name of its schema."""
_DATE = "[0-9]{4}-[0-9]{2}-[0-9]{2}"


def _optional(form: _Form) -> _Form:
    def read(name: str, data: object) -> object:
        return None if data is None else form.read(name, data)

    return _Form(or_null(form.schema), read)


def _enum(kind: type[Enum]) -> _Form:
    members = {member.value: member for member in kind}

    def read(name: str, data: object) -> Enum:
        if type(data) is str and data in members:
            return members[data]
        raise InvalidValue(name, f"must be one of {', '.join(members)}")

    return _Form(one_of([*members]), read)


def _class(cls: type) -> _Form:
    def read(name: str, data: object) -> object:
        given = _read_object(name, data)
        try:
            return _made(cls, given)
        except InvalidValue as error:
            problems = [
                InvalidValue(f"{name}.{each.field}", each.reason) for each in problems_of(error)
            ]
        raise InvalidInput(*problems)

    (name,) = (name for name, part in _PARTS.items() if part is cls)
    return _Form(ref(name), read)


_SETUP_OR_NULL = _optional(_class(ServiceSetup))


def _read_text(name: str, data: object) -> str:
    if type(data) is not str:
        raise InvalidValue(name, "must be a string")
    return data


def _read_email(name: str, data: object) -> str:
    text = _read_text(name, data)
    if len(text) > ADDRESS_LENGTH:  # with the white space around it, which the schema counts
        raise InvalidValue(name, f"is longer than {ADDRESS_LENGTH} characters")
    return text


def _read_date(name: str, data: object) -> date:
    text = _read_text(name, data)
    try:
        if re.fullmatch(_DATE, text):
            return date.fromisoformat(text)
    except ValueError:
        pass
    raise InvalidValue(name, "is not a valid date: write it as 2026-01-31")


def _read_object(name: str, data: object) -> dict[object, object]:
    if type(data) is not dict:
        raise InvalidValue(name, "must be an object")
    return data


def _read_services(name: str, data: object) -> list[HeldService]:
    found: list[HeldService] = []
    problems: list[InvalidValue] = []
    for code, setup in _read_object(name, data).items():
        try:
            check_text("code", code, SERVICE_CODE_LENGTH)
        except InvalidValue as error:
            problems.append(InvalidValue(name, f"has a code that {error.reason}"))
            continue
        try:
            given = _SETUP_OR_NULL.read(f"{name}.{code}", setup)
            found.append(HeldService(cast("str", code), cast("ServiceSetup | None", given)))
        except InvalidValue as error:
            problems += problems_of(error)
    if problems:
        raise InvalidInput(*problems)
    return found


# ── Fields ───────────────────────────────────────────────────────────────────────────────────────


def _made(cls: type, data: Mapping[object, object], **given: object) -> object:
    """Return the instance with these fields, made by its constructor.

    Raises:
        InvalidInput: with every problem of every field, or else with that of the constructor.
    """
    wanted = _fields_of(cls)
    problems = [
        InvalidValue(_shown(name), "is not a field of this input")
        for name in data
        if name not in wanted
    ]
    values = dict(given)
    for name, (attribute, form) in wanted.items():
        if name in data:
            try:
                values[name] = _checked(attribute, form.read(name, data[name]))
            except InvalidValue as error:
                problems += problems_of(error)
        elif attribute.default is NOTHING:
            problems.append(InvalidValue(name, "is missing"))
    if problems:
        raise InvalidInput(*problems)
    return cls(**values)


@cache
def _fields_of(cls: type) -> dict[str, tuple[Attribute[Any], _Form]]:
    """Return the fields that are read: not the client and the actor, and nothing that is drawn."""
    return {
        attribute.name: (attribute, _form(attribute))
        for attribute in fields(resolve_types(cls))
        if attribute.name not in ("client_id", "by", "activation_id")
    }


def _checked(attribute: Attribute[Any], value: object) -> object:
    """Return the value of a field, converted and checked as the constructor does it."""
    if attribute.converter is not None:
        value = cast("Callable[[object], object]", attribute.converter)(value)
    if attribute.validator is not None:
        attribute.validator(None, attribute, value)  # which changes only what is not plain
    return value


def problems_of(error: InvalidValue) -> tuple[InvalidValue, ...]:
    """Return every problem that an error stands for."""
    return error.problems if isinstance(error, InvalidInput) else (error,)


def _shown(name: object) -> str:
    """Return the name of an unknown field, unless it may be about a person."""
    return name if type(name) is str and re.fullmatch("[a-z][a-z_]{0,49}", name) else "(a field)"


# ── Schemas ──────────────────────────────────────────────────────────────────────────────────────


def input_schemas() -> dict[str, Schema]:
    """Return the schema of each command that is read, and of what they are made of, by name."""
    classes: dict[str, type] = {**INPUTS, **_PARTS}
    return {name: _schema_of(cls) for name, cls in classes.items()}


def _schema_of(cls: type) -> Schema:
    properties, required = {}, []
    for name, (attribute, form) in _fields_of(cls).items():
        properties[name] = form.schema
        if attribute.default is NOTHING:
            required.append(name)
        elif isinstance(attribute.default, Enum):
            properties[name] = {**form.schema, "default": attribute.default.value}
    return obj(properties, required, first_line(cls))
