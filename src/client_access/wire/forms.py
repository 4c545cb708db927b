"""What input and answers have in common: how a type is written, and the schema that says so."""

from __future__ import annotations

from collections.abc import Mapping
from types import NoneType
from typing import Any, TypeAlias, get_args

from attrs import Attribute

from client_access.values import SERVICE_CODE_LENGTH
from client_access.values.email_address import ADDRESS_LENGTH
from client_access.values.validation import TEXT_LIMITS, TextLimits
from client_access.wire.kinds import Json

Schema: TypeAlias = "dict[str, Json]"
"""A JSON Schema. In this package, a `$ref` is the bare name of another schema."""

EMAIL: Schema = {"type": "string", "format": "idn-email", "maxLength": ADDRESS_LENGTH}

# Control characters, lone surrogates, separators of lines and paragraphs, and what reorders text.
_FORBIDDEN = r"\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069\ud800-\udfff"
_FORBIDDEN_IN_LINES = _FORBIDDEN.replace(r"\u001f", r"\u0009\u000b-\u001f", 1)


def text(limits: TextLimits) -> Schema:
    """Return the schema of text under the limits of a validator."""
    forbidden = _FORBIDDEN_IN_LINES if limits.lines else _FORBIDDEN
    schema: Schema = {"type": "string", "maxLength": limits.limit}
    if not limits.blank:
        schema["minLength"] = 1
    return {**schema, "pattern": rf"^[^{forbidden}]*$"}


def text_of(attribute: Attribute[object]) -> Schema:
    """Return the schema of a field that is text."""
    limits = TEXT_LIMITS.get(attribute.validator)
    return {"type": "string"} if limits is None else text(limits)


def one_of(values: list[str]) -> Schema:
    """Return the schema of a text that is one of these."""
    return {"type": "string", "enum": [*values]}


def ref(name: str) -> Schema:
    """Return a schema that stands for the one with this name."""
    return {"$ref": name}


def or_null(schema: Schema) -> Schema:
    """Return the schema of a value that may be null."""
    return {"anyOf": [schema, {"type": "null"}]}


def array(items: Schema) -> Schema:
    """Return the schema of a list."""
    return {"type": "array", "items": items}


def mapping(values: Schema) -> Schema:
    """Return the schema of an object whose keys are codes of services."""
    codes = text(TextLimits(SERVICE_CODE_LENGTH, blank=False, lines=False))
    return {"type": "object", "propertyNames": codes, "additionalProperties": values}


def obj(
    properties: Mapping[str, Schema], required: list[str] | None = None, description: str = ""
) -> Schema:
    """Return the schema of an object that has these properties and no others."""
    named: list[str] = list(properties) if required is None else required
    return {
        "type": "object",
        **({"description": description} if description else {}),
        "properties": {**properties},
        "required": [*named],
        "additionalProperties": False,
    }


def without_none(kind: Any) -> Any:
    """Return what else an optional type can be, or None if the type is not optional."""
    members = get_args(kind)
    if NoneType not in members:
        return None
    (member,) = (member for member in members if member is not NoneType)
    return member


def first_line(cls: type) -> str:
    """Return what a class is, in the first line of its docstring."""
    return (cls.__doc__ or "").partition("\n")[0]
