"""The one JSON form of clients, commands, events and notices (needs the extra `sql`).

A record is ``{"kind": …, "format": …, "data": {…}}``: the kind is the stable name of the class, the
format counts from 1 and grows whenever the shape of that kind's data does, and the data has exactly
the fields of the class. Moments are in UTC, enums by value, amounts and ids as text.

Reading goes through the constructors, so that nothing is read that could not have been made. What
is older is brought up to date step by step first.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from operator import attrgetter
from types import NoneType, UnionType
from typing import Any, Final, TypeAlias, Union, cast, final, get_args, get_origin
from uuid import UUID

import msgspec
from attrs import fields, frozen, has
from cattrs import Converter
from cattrs.gen import make_dict_structure_fn

from client_access.client import Client
from client_access.commands import COMMANDS, Command
from client_access.errors import CorruptRecord, InvalidValue
from client_access.events import EVENTS, Event
from client_access.notices import (
    NOTICES,
    AtSignIn,
    Notice,
    Recipient,
    ToAddress,
    ToClientService,
    ToPractice,
)
from client_access.values import (
    Actor,
    ClientUser,
    EmailAddress,
    PlatformUser,
    PracticeUser,
    to_utc,
)

Json: TypeAlias = "bool | int | str | list[Json] | dict[str, Json] | None"
"""What records are made of; there are no floats in them."""
Upcast: TypeAlias = "Callable[[dict[str, Json]], dict[str, Json]]"
"""Returns the data of a record in the next format; it may change what it is given."""

CLIENTS: Final[Mapping[str, type[Client]]] = {"client": Client}
ACTORS: Final[Mapping[str, type[Actor]]] = {
    "practice_user": PracticeUser,
    "client_user": ClientUser,
    "platform_user": PlatformUser,
}
"""Every actor by its stable name, which stands beside its fields as `kind`."""
RECIPIENTS: Final[Mapping[str, type[Recipient]]] = {
    "to_address": ToAddress,
    "to_client_service": ToClientService,
    "to_practice": ToPractice,
    "at_sign_in": AtSignIn,
}
"""Every recipient of a notice by its stable name, which stands beside its fields as `kind`."""

UPCASTS: Final[Sequence[tuple[str, int, Upcast]]] = ()
"""Every step from an older format to the next: the kind, the format that it reads, the step.

A change of shape adds one here for each kind that it concerns, and alters none that is here.
"""

# What reading a value of the wrong shape can raise; InvalidValue is among them.
_MALFORMED = (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RecursionError)


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
    except (msgspec.MsgspecError, *_MALFORMED):
        raise CorruptRecord("a record is no JSON") from None


_ENVELOPE = frozenset({"kind", "format", "data"})


def _load(record: object, expected: str) -> object:
    if type(record) is not dict or record.keys() != _ENVELOPE:
        raise CorruptRecord("a record has a kind, a format and data, and nothing else")
    name, kinds = record["kind"], KINDS[expected]
    if type(name) is not str or name not in kinds:
        raise CorruptRecord(f"a record is not of a {expected}, as it should be")
    return kinds[name].load(record["format"], record["data"])


# ── Formats ──────────────────────────────────────────────────────────────────────────────────────


@final
@frozen
class Kind:
    """One kind of record.

    Parameters:
        name: its stable name.
        cls: the class of its values.
        upcasts: the steps from format 1 to the present one, in order.
    """

    name: str
    cls: type
    upcasts: tuple[Upcast, ...] = ()

    @property
    def format(self) -> int:
        """The format that is written."""
        return len(self.upcasts) + 1

    def load(self, data_format: object, data: object) -> object:
        """Return the value that data stands for.

        Raises:
            CorruptRecord: the format is unknown, or the data is not of that format.
        """
        if type(data_format) is not int or not 1 <= data_format <= self.format:
            raise CorruptRecord(f"the format of a {self.name} is unknown")
        try:
            if data_format < self.format:
                data = deepcopy(data)  # the steps may change what they are given
            for upcast in self.upcasts[data_format - 1 :]:
                data = upcast(dict(cast("dict[str, Json]", data)))
            return _converter.structure(data, self.cls)
        except InvalidValue as problem:
            reason = str(problem)
        except CorruptRecord as problem:
            reason = problem.reason
        except _MALFORMED:
            reason = "something is malformed"
        # What was read stands in none of these texts, for it may be about a person.
        raise CorruptRecord(f"in the record of a {self.name}, {reason}")


def make_kinds(
    classes: Mapping[str, type], upcasts: Sequence[tuple[str, int, Upcast]]
) -> dict[str, Kind]:
    """Return kinds by name, each with its chain of steps.

    Parameters:
        classes: the classes by stable name.
        upcasts: the steps, as in :data:`UPCASTS`, in whatever order.

    Raises:
        ValueError: a chain has a gap or a step twice, or is for no kind.
    """
    chains: dict[str, dict[int, Upcast]] = {name: {} for name in classes}
    for name, data_format, upcast in upcasts:
        if name not in chains or data_format in chains[name]:
            raise ValueError(f"a step from format {data_format} of {name} is one too many")
        chains[name][data_format] = upcast
    for name, chain in chains.items():
        if sorted(chain) != list(range(1, len(chain) + 1)):
            raise ValueError(f"the steps of {name} do not lead on from format 1 without a gap")
    return {
        name: Kind(name, classes[name], tuple(chain[start] for start in sorted(chain)))
        for name, chain in chains.items()
    }


# ── Values ───────────────────────────────────────────────────────────────────────────────────────
#
# What is written is read back exactly and in one spelling only: nothing is converted on the way.

_AMOUNT = re.compile(r"[0-9]{1,20}(?:\.[0-9]{1,20})?")
_LARGEST = 2**63  # beyond it no database holds a whole number


def _exactly(kind: type, value: object) -> Any:
    if type(value) is not kind:
        raise CorruptRecord(f"something is no {kind.__name__}")
    return value


def _load_str(value: object, _: object) -> str:
    return cast("str", _exactly(str, value))


def _load_bool(value: object, _: object) -> bool:
    return cast("bool", _exactly(bool, value))


def _load_int(value: object, _: object) -> int:
    if not -_LARGEST <= _exactly(int, value) < _LARGEST:
        raise CorruptRecord("a number is too large")
    return cast("int", value)


def _load_uuid(value: object, _: object) -> UUID:
    return cast("UUID", _respelt(UUID(_exactly(str, value)), str, value))


def _load_moment(value: object, _: object) -> datetime:
    moment = datetime.fromisoformat(_exactly(str, value))
    if moment.tzinfo is not UTC:
        raise CorruptRecord("a moment is not in UTC")
    return cast("datetime", _respelt(moment, datetime.isoformat, value))


def _load_date(value: object, _: object) -> date:
    return cast("date", _respelt(date.fromisoformat(_exactly(str, value)), date.isoformat, value))


def _load_amount(value: object, _: object) -> Decimal:
    if _AMOUNT.fullmatch(_exactly(str, value)) is None:
        raise CorruptRecord("an amount is none")
    return cast("Decimal", _respelt(Decimal(cast("str", value)), _dump_amount, value))


def _respelt(value: object, spell: Callable[[Any], str], spelt: object) -> object:
    if spell(value) != spelt:
        raise CorruptRecord("something is not spelt as it is written")
    return value


def _dump_amount(amount: Decimal) -> str:
    return format(amount, "f")  # never with an exponent


def _dump_moment(moment: datetime) -> str:
    return (moment if moment.tzinfo is UTC else to_utc("at", moment)).isoformat()


def _load_email(value: object, _: object) -> EmailAddress:
    address = _exactly(str, value)
    if not address.endswith(".invalid"):
        return EmailAddress(address)
    client_id = UUID(address.partition("@")[0])
    for email in (EmailAddress.placeholder(client_id), EmailAddress.erased(client_id)):
        if email.address == address:
            return email
    raise CorruptRecord("an address is none")


def _make_converter() -> Converter:
    converter = Converter(detailed_validation=False)

    def is_enum(cls: object) -> bool:
        return isinstance(cls, type) and issubclass(cls, Enum)

    def load_enum(cls: type[Enum]) -> Callable[[object, object], Enum]:
        by_value = {member.value: member for member in cls}
        return lambda value, _: by_value[_exactly(str, value)]

    def dump_enum(_: type[Enum]) -> Callable[[Enum], object]:
        return attrgetter("_value_")  # `value` is a property in Python, and half as fast

    def load_tuple(cls: object) -> Callable[[object, object], tuple[object, ...]]:
        item = get_args(cls)[0]
        load = converter.get_structure_hook(item)
        return lambda value, _: tuple([load(each, item) for each in _exactly(list, value)])

    def dump_tuple(cls: object) -> Callable[[tuple[object, ...]], list[object]]:
        write = converter.get_unstructure_hook(get_args(cls)[0])
        return lambda value: [write(each) for each in value]

    def load_optional(cls: object) -> Callable[[object, object], object]:
        (kind,) = (member for member in get_args(cls) if member is not NoneType)
        load = converter.get_structure_hook(kind)
        return lambda value, _: None if value is None else load(value, kind)

    def dump_optional(cls: object) -> Callable[[object], object]:
        (kind,) = (member for member in get_args(cls) if member is not NoneType)
        write = converter.get_unstructure_hook(kind)
        return lambda value: None if value is None else write(value)

    def load_class(cls: type) -> Callable[[object, object], object]:
        names = {field.name for field in fields(cls) if field.init}
        load: Callable[[Any, type], object] = make_dict_structure_fn(cls, converter)

        def load_exactly(value: object, _: object) -> object:
            if _exactly(dict, value).keys() != names:
                raise CorruptRecord(f"the fields are not those of a {cls.__name__}")
            return load(value, cls)

        return load_exactly

    def add_union(union: object, members: Mapping[str, type]) -> None:
        names = {cls: name for name, cls in members.items()}
        loads = {name: converter.get_structure_hook(cls) for name, cls in members.items()}
        dumps = {cls: converter.get_unstructure_hook(cls) for cls in names}

        def load(value: object, _: object) -> object:
            data = dict(_exactly(dict, value))
            name = _exactly(str, data.pop("kind"))
            return loads[name](data, members[name])

        def write(value: object) -> dict[str, object]:
            cls = type(value)
            return {"kind": names[cls], **dumps[cls](value)}

        converter.register_structure_hook(union, load)
        converter.register_unstructure_hook(union, write)

    def is_tuple(cls: object) -> bool:
        return get_origin(cls) is tuple

    def is_optional(cls: object) -> bool:
        return get_origin(cls) in (Union, UnionType) and NoneType in get_args(cls)

    converter.register_structure_hook_factory(has, load_class)
    converter.register_structure_hook_factory(is_tuple, load_tuple)
    converter.register_structure_hook_factory(is_optional, load_optional)
    converter.register_structure_hook_factory(is_enum, load_enum)
    converter.register_unstructure_hook_factory(is_tuple, dump_tuple)
    converter.register_unstructure_hook_factory(is_optional, dump_optional)
    converter.register_unstructure_hook_factory(is_enum, dump_enum)
    for cls, load, write in (
        (str, _load_str, None),
        (bool, _load_bool, None),
        (int, _load_int, None),
        (UUID, _load_uuid, str),
        (datetime, _load_moment, _dump_moment),
        (date, _load_date, date.isoformat),
        (Decimal, _load_amount, _dump_amount),
        (EmailAddress, _load_email, str),
    ):
        converter.register_structure_hook(cls, load)
        if write is not None:
            converter.register_unstructure_hook(cls, write)
    add_union(Actor, ACTORS)
    add_union(Recipient, RECIPIENTS)
    return converter


_converter = _make_converter()
_ALL = make_kinds({**CLIENTS, **COMMANDS, **EVENTS, **NOTICES}, UPCASTS)
KINDS: Final[Mapping[str, Mapping[str, Kind]]] = {
    "client": {name: _ALL[name] for name in CLIENTS},
    "command": {name: _ALL[name] for name in COMMANDS},
    "event": {name: _ALL[name] for name in EVENTS},
    "notice": {name: _ALL[name] for name in NOTICES},
}
"""Every kind of record by its name, apart by what it is a record of."""
_WRITERS = {
    kind.cls: (kind.name, kind.format, _converter.get_unstructure_hook(kind.cls))
    for kind in _ALL.values()
}
