"""Write the JSON Schemas of this directory from the classes: python docs/schemas/generate.py.

`door.json` has the schemas of input and answers, which the package makes itself. The others
describe records, as they are written in the present format. They do not describe the conditions
between fields, which the constructors check when a record is read.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, get_args, get_origin
from uuid import UUID

from attrs import fields, has, resolve_types

from client_access import wire
from client_access.notices import RECIPIENTS_OF
from client_access.values import Actor
from client_access.values.email_address import EmailAddress
from client_access.wire.converting import ACTORS, RECIPIENTS

_ADDRESS = {"type": "string", "maxLength": 254}
_SCALARS: dict[object, dict[str, Any]] = {
    str: {"type": "string"},
    bool: {"type": "boolean"},
    int: {"type": "integer"},
    UUID: {"type": "string", "format": "uuid"},
    datetime: {"type": "string", "format": "date-time"},
    date: {"type": "string", "format": "date"},
    Decimal: {"type": "string", "pattern": r"^[0-9]+(\.[0-9]+)?$"},
}
_UNIONS: dict[object, Mapping[str, type]] = {Actor: ACTORS}


def schemas() -> dict[str, str]:
    """Return the text of every schema, by file name."""
    records = {f"{name}.json": _text(name, kinds) for name, kinds in wire.KINDS.items()}
    return {**records, "door.json": json.dumps(wire.schemas(), indent=2) + "\n"}


def _text(title: str, kinds: Mapping[str, wire.Kind]) -> str:
    definitions: dict[str, Any] = {}
    records = [
        _object(
            {
                "kind": {"const": kind.name},
                "format": {"const": kind.format},
                "data": _schema(kind.cls, definitions),
            }
        )
        for kind in kinds.values()
    ]
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"The record of a {title}",
        "oneOf": records,
        "$defs": dict(sorted(definitions.items())),
    }
    return json.dumps(schema, indent=2) + "\n"


def _schema(cls: Any, definitions: dict[str, Any]) -> dict[str, Any]:
    if cls in _SCALARS:
        return _SCALARS[cls]
    if cls is EmailAddress:  # the key is written only if it is not the address in lower case
        keyed = _object({"address": _ADDRESS, "key": {"type": "string", "maxLength": 1000}})
        return {"anyOf": [_ADDRESS, keyed]}
    if get_origin(cls) in (Union, UnionType):
        present = [member for member in get_args(cls) if member is not NoneType]
        return {"anyOf": [*(_schema(each, definitions) for each in present), {"type": "null"}]}
    if get_origin(cls) is tuple:
        return {"type": "array", "items": _schema(get_args(cls)[0], definitions)}
    if issubclass(cls, Enum):
        return {"enum": [member.value for member in cls]}
    if not has(cls):
        raise TypeError(cls)
    definitions.setdefault(cls.__name__, {})  # before its fields, which may name it
    definitions[cls.__name__] = _fields(cls, definitions)
    return {"$ref": f"#/$defs/{cls.__name__}"}


def _union(members: Mapping[str, type], definitions: dict[str, Any]) -> dict[str, Any]:
    return {"oneOf": [_fields(cls, definitions, kind=name) for name, cls in members.items()]}


def _fields(cls: type, definitions: dict[str, Any], **constants: str) -> dict[str, Any]:
    resolve_types(cls)
    properties = {name: {"const": value} for name, value in constants.items()}
    for each in fields(cls):
        if each.init:
            members = _UNIONS.get(each.type, {})
            if isinstance(each.type, TypeVar):  # the recipient of a notice
                members = {k: v for k, v in RECIPIENTS.items() if v in RECIPIENTS_OF[cls]}
            properties[each.name] = (
                _union(members, definitions) if members else _schema(each.type, definitions)
            )
    return _object(properties)


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


if __name__ == "__main__":
    for file_name, text in schemas().items():
        Path(__file__).with_name(file_name).write_text(text, encoding="utf-8")
        print(file_name)
