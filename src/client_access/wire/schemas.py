"""The JSON Schemas of input and answers, by name. They are also those of OpenAPI 3.1."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

from client_access.errors import InvalidValue
from client_access.wire.answers import ANSWER_SCHEMAS
from client_access.wire.forms import Schema
from client_access.wire.inputs import input_schemas
from client_access.wire.kinds import Json
from client_access.wire.problems import PROBLEM

_ALL = {**input_schemas(), **ANSWER_SCHEMAS, "Problem": PROBLEM}


def schemas(refs: str = "#/components/schemas/") -> dict[str, dict[str, Json]]:
    """Return every schema by its name: the `components.schemas` of an OpenAPI 3.1 document.

    Input has the name of its command, such as `subscribe`. An answer has the name of its class,
    such as `Client`. Errors are `Problem`.

    Parameters:
        refs: where the schemas are that others refer to; the default is their place in OpenAPI.
    """
    return {name: _resolved(schema, refs) for name, schema in _ALL.items()}


def schema(name: str) -> dict[str, Json]:
    """Return one schema as a JSON Schema (2020-12) that needs no other.

    Raises:
        InvalidValue: there is no schema of this name.
    """
    if name not in _ALL:
        raise InvalidValue("name", "is not the name of a schema")
    needed = [name]
    for each in needed:
        needed += [other for other in _refs(_ALL[each]) if other not in needed]
    definitions: dict[str, Json] = {
        each: _resolved(_ALL[each], "#/$defs/") for each in sorted(needed[1:])
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **_resolved(_ALL[name], "#/$defs/"),
        **({"$defs": definitions} if definitions else {}),
    }


def _refs(part: Json) -> Iterator[str]:
    if isinstance(part, dict):
        if "$ref" in part:
            yield str(part["$ref"])
        for inner in part.values():
            yield from _refs(inner)
    elif isinstance(part, list):
        for inner in part:
            yield from _refs(inner)


def _resolved(schema: Schema, refs: str) -> Schema:
    return cast("Schema", _with_refs(schema, refs))


def _with_refs(part: Json, refs: str) -> Json:
    if isinstance(part, list):
        return [_with_refs(each, refs) for each in part]
    if isinstance(part, dict):
        return {
            name: f"{refs}{inner}" if name == "$ref" else _with_refs(inner, refs)
            for name, inner in part.items()
        }
    return part
