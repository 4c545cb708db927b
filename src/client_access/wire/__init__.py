"""The one JSON form of clients, commands, events and notices (needs the extra `sql`).

A record is ``{"kind": …, "format": …, "data": {…}}``: the kind is the stable name of the class, the
format counts from 1 and grows whenever the shape of that kind's data does, and the data has exactly
the fields of the class. Moments are in UTC, enums by value, amounts and ids as text.

Reading goes through the constructors, so that nothing is read that could not have been made. What
is older is brought up to date step by step first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, cast

import msgspec

from client_access.client import Client
from client_access.commands import COMMANDS, Command
from client_access.errors import CorruptRecord, InvalidValue
from client_access.events import EVENTS, Event
from client_access.notices import NOTICES, Notice
from client_access.wire.converting import converter
from client_access.wire.kinds import MALFORMED, Json, Kind, Upcast, make_kinds

__all__ = [
    "KINDS",
    "UPCASTS",
    "Json",
    "Kind",
    "Upcast",
    "decode",
    "dump",
    "encode",
    "load_client",
    "load_command",
    "load_event",
    "load_notice",
    "make_kinds",
]

UPCASTS: Final[Sequence[tuple[str, int, Upcast]]] = ()
"""Every step from an older format to the next: the kind, the format that it reads, the step.

A change of shape adds one here for each kind that it concerns, and alters none that is here.
"""

_ALL = make_kinds({"client": Client, **COMMANDS, **EVENTS, **NOTICES}, UPCASTS)
KINDS: Final[Mapping[str, Mapping[str, Kind]]] = {
    "client": {"client": _ALL["client"]},
    "command": {name: _ALL[name] for name in COMMANDS},
    "event": {name: _ALL[name] for name in EVENTS},
    "notice": {name: _ALL[name] for name in NOTICES},
}
"""Every kind of record by its name, apart by what it is a record of."""
_WRITERS = {
    kind.cls: (kind.name, kind.format, converter.get_unstructure_hook(kind.cls))
    for kind in _ALL.values()
}


# ── Writing ──────────────────────────────────────────────────────────────────────────────────────


def dump(value: Client | Command | Event | Notice) -> dict[str, Json]:
    """Return the record of a value, made of what JSON has.

    Raises:
        InvalidValue: it is none of these, or a moment in it has no form in UTC.
    """
    try:
        name, format_now, unstructure = _WRITERS[type(value)]
    except KeyError:
        raise InvalidValue("value", f"must not be a {type(value).__name__}") from None
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
        CorruptRecord: it is no sound record of a client, or one of a later format.
    """
    return cast("Client", _load(record, "client"))


def load_command(record: object) -> Command:
    """Return the command of a record.

    Raises:
        CorruptRecord: it is no sound record of a command, or one of a later format.
    """
    return cast("Command", _load(record, "command"))


def load_event(record: object) -> Event:
    """Return the event of a record.

    Raises:
        CorruptRecord: it is no sound record of an event, or one of a later format.
    """
    return cast("Event", _load(record, "event"))


def load_notice(record: object) -> Notice:
    """Return the notice of a record.

    Raises:
        CorruptRecord: it is no sound record of a notice, or one of a later format.
    """
    return cast("Notice", _load(record, "notice"))


def decode(text: str | bytes) -> object:
    """Return what JSON says, to be given to one of the functions above.

    Raises:
        CorruptRecord: it is no JSON.
    """
    try:
        return _decode(text)
    except (msgspec.MsgspecError, *MALFORMED):
        raise CorruptRecord("a record is no JSON") from None


_ENVELOPE = frozenset({"kind", "format", "data"})


def _load(record: object, expected: str) -> object:
    if type(record) is not dict or record.keys() != _ENVELOPE:
        raise CorruptRecord("a record has a kind, a format and data, and nothing else")
    name, kinds = record["kind"], KINDS[expected]
    if type(name) is not str or name not in kinds:
        raise CorruptRecord(f"a record is not of a {expected}, as it should be")
    return kinds[name].load(record["format"], record["data"])
