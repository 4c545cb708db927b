"""JSON: records that are stored, and a door to the outside (needs the extra `wire`).

The door is for a host's own clients, such as a browser. :func:`read_command` reads what they ask,
:func:`answer_of` and :func:`problem_of` make what they are answered, and :func:`schemas` describes
both.

What is stored has one form, the record: ``{"kind": …, "format": …, "data": {…}}``. The kind is the
stable name of the class. The format begins at 1 and is raised whenever the shape of that kind's
data changes. The data has exactly the fields of the class: moments in UTC, enums by value, amounts
and ids as text.

Reading a record calls the constructors, so it checks everything that they check. An older record is
brought to the present format first, step by step.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, cast

from client_access.client import Client
from client_access.commands import COMMANDS, Command
from client_access.errors import CorruptRecord, needs
from client_access.events import EVENTS, Event
from client_access.notices import NOTICES, Notice
from client_access.values.validation import wrong_type

with needs("wire"):
    import msgspec

    from client_access.wire.answers import Answer, answer_of
    from client_access.wire.converting import converter
    from client_access.wire.inputs import INPUTS, InvalidInput, read_command, read_cursor
    from client_access.wire.kinds import MALFORMED, Json, Kind, Upcast, make_kinds
    from client_access.wire.problems import problem_of
    from client_access.wire.schemas import schema, schemas

__all__ = [
    "INPUTS",
    "KINDS",
    "UPCASTS",
    "Answer",
    "InvalidInput",
    "Json",
    "Kind",
    "Upcast",
    "answer_of",
    "decode",
    "dump",
    "encode",
    "load_client",
    "load_command",
    "load_event",
    "load_notice",
    "make_kinds",
    "problem_of",
    "read_command",
    "read_cursor",
    "schema",
    "schemas",
]

UPCASTS: Final[Sequence[tuple[str, int, Upcast]]] = ()
"""Every step from an older format to the next: the kind, the format that it reads, the function.

To change the shape of a kind, add a step here. Never change a step that is here.
"""

_ALL = make_kinds({"client": Client, **COMMANDS, **EVENTS, **NOTICES}, UPCASTS)
KINDS: Final[Mapping[str, Mapping[str, Kind]]] = {
    "client": {"client": _ALL["client"]},
    "command": {name: _ALL[name] for name in COMMANDS},
    "event": {name: _ALL[name] for name in EVENTS},
    "notice": {name: _ALL[name] for name in NOTICES},
}
"""Every kind of record by its name, grouped by what is recorded."""
_WRITERS = {
    kind.cls: (kind.name, kind.format, converter.get_unstructure_hook(kind.cls))
    for kind in _ALL.values()
}


# ── Writing ──────────────────────────────────────────────────────────────────────────────────────


def dump(value: Client | Command | Event | Notice) -> dict[str, Json]:
    """Return the record of a value, as a dict that JSON can hold.

    Raises:
        InvalidValue: the value is of another type, or a moment in it has no form in UTC.
    """
    try:
        name, format_now, unstructure = _WRITERS[type(value)]
    except KeyError:
        wanted = "a client, a command, an event or a notice"
        raise wrong_type("value", wanted, value, "dump(change.after), for example") from None
    return {"kind": name, "format": format_now, "data": unstructure(value)}


def encode(value: Client | Command | Event | Notice) -> str:
    """Return the record of a value as compact JSON.

    Raises:
        InvalidValue: as :func:`dump`.
    """
    return str(_encode(dump(value)), "utf-8")


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode


# ── Reading ──────────────────────────────────────────────────────────────────────────────────────


def load_client(record: object) -> Client:
    """Return the client of a record.

    Raises:
        CorruptRecord: it is not a valid record of a client, or its format is a later one.
    """
    return cast("Client", _load(record, "client"))


def load_command(record: object) -> Command:
    """Return the command of a record.

    Raises:
        CorruptRecord: it is not a valid record of a command, or its format is a later one.
    """
    return cast("Command", _load(record, "command"))


def load_event(record: object) -> Event:
    """Return the event of a record.

    Raises:
        CorruptRecord: it is not a valid record of an event, or its format is a later one.
    """
    return cast("Event", _load(record, "event"))


def load_notice(record: object) -> Notice:
    """Return the notice of a record.

    Raises:
        CorruptRecord: it is not a valid record of a notice, or its format is a later one.
    """
    return cast("Notice", _load(record, "notice"))


def decode(text: str | bytes) -> object:
    """Return the content of a JSON text, for one of the functions above.

    Raises:
        CorruptRecord: the text is not valid JSON.
    """
    try:
        return _decode(text)
    except (msgspec.MsgspecError, *MALFORMED):
        raise CorruptRecord("a record is not valid JSON") from None


_ENVELOPE = frozenset({"kind", "format", "data"})


def _load(record: object, expected: str) -> object:
    if type(record) is not dict or record.keys() != _ENVELOPE:
        raise CorruptRecord(
            "a record is a dict with a kind, a format and data; decode() makes one of text"
        )
    name, kinds = record["kind"], KINDS[expected]
    if type(name) is not str or name not in kinds:
        raise CorruptRecord(f"a record is not of a {expected}: load it as what its kind says")
    return kinds[name].load(record["format"], record["data"])
