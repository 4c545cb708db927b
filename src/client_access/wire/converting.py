"""Converts values to what JSON has, and back. Every value has one spelling, and others are corrupt.

cattrs converts, because msgspec cannot read a union of attrs classes, such as `Actor`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from operator import attrgetter
from types import NoneType, UnionType
from typing import Any, Final, TypeVar, Union, get_args, get_origin
from uuid import UUID

from attrs import fields, has
from cattrs import Converter
from cattrs.gen import make_dict_structure_fn

from client_access.errors import CorruptRecord
from client_access.notices import AtSignIn, Recipient, ToAddress, ToClientService, ToPractice
from client_access.values import Actor, ClientUser, PlatformUser, PracticeUser, to_utc
from client_access.values.email_address import EmailAddress

ACTORS: Final[Mapping[str, type[Actor]]] = {
    "practice_user": PracticeUser,
    "client_user": ClientUser,
    "platform_user": PlatformUser,
}
"""Every actor by its stable name, which is written beside its fields as `kind`."""
RECIPIENTS: Final[Mapping[str, type[Recipient]]] = {
    "to_address": ToAddress,
    "to_client_service": ToClientService,
    "to_practice": ToPractice,
    "at_sign_in": AtSignIn,
}
"""Every recipient of a notice by its stable name, written beside its fields as `kind`."""

_RECIPIENT_TYPES = frozenset(RECIPIENTS.values())

_T = TypeVar("_T")
_AMOUNT = re.compile(r"[0-9]{1,20}(?:\.[0-9]{1,20})?")
_LIMIT = 2**63  # databases hold whole numbers below it


def _exactly(kind: type[_T], value: object) -> _T:
    if type(value) is not kind:
        raise CorruptRecord(f"a value is not of type {kind.__name__}")
    return value


def _load_str(value: object, _: object) -> str:
    return value if type(value) is str else _exactly(str, value)  # most values are text


def _load_bool(value: object, _: object) -> bool:
    return _exactly(bool, value)


def _load_int(value: object, _: object) -> int:
    number = _exactly(int, value)
    if not -_LIMIT <= number < _LIMIT:
        raise CorruptRecord("a number is too large")
    return number


def _load_uuid(value: object, _: object) -> UUID:
    return _spelt(UUID(_exactly(str, value)), str, value)


def _load_moment(value: object, _: object) -> datetime:
    moment = datetime.fromisoformat(_exactly(str, value))
    if moment.tzinfo is not UTC:
        raise CorruptRecord("a moment is not in UTC")
    return _spelt(moment, datetime.isoformat, value)


def _load_date(value: object, _: object) -> date:
    return _spelt(date.fromisoformat(_exactly(str, value)), date.isoformat, value)


def _load_amount(value: object, _: object) -> Decimal:
    text = _exactly(str, value)
    if _AMOUNT.fullmatch(text) is None:
        raise CorruptRecord("an amount is not a decimal number")
    return _spelt(Decimal(text), _dump_amount, value)


def _spelt(value: _T, spell: Callable[[_T], object], text: object) -> _T:
    if spell(value) != text:
        raise CorruptRecord("a value is not in the spelling that is written")
    return value


def _dump_amount(amount: Decimal) -> str:
    return format(amount, "f")  # never with an exponent


def _dump_moment(moment: datetime) -> str:
    return (moment if moment.tzinfo is UTC else to_utc("at", moment)).isoformat()


def _dump_email(email: EmailAddress) -> str | dict[str, str]:
    """Return an address, with its key unless that is the address in lower case.

    The key is stored and not made again, because folding changes with Unicode.
    """
    address, key = email.address, email.key
    if address.isascii() and address.lower() == key:
        return address
    return {"address": address, "key": key}


def _load_email(value: object, _: object) -> EmailAddress:
    if type(value) is dict and value.keys() == {"address", "key"}:
        return _spelt(EmailAddress.stored(value["address"], value["key"]), _dump_email, value)
    address = _exactly(str, value)
    if not address.endswith(".invalid"):
        if not address.isascii():
            raise CorruptRecord("an address that is not ASCII is written with its key")
        return EmailAddress.stored(address)
    client_id = UUID(address.partition("@")[0])
    for email in (EmailAddress.placeholder(client_id), EmailAddress.erased(client_id)):
        if email.address == address:
            return email
    raise CorruptRecord("an address is not valid")


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

    def add_union(
        union: object, members: Mapping[str, type]
    ) -> tuple[Callable[[object, object], object], Callable[[object], dict[str, object]]]:
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
        return load, write

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
        (EmailAddress, _load_email, _dump_email),
    ):
        converter.register_structure_hook(cls, load)
        if write is not None:
            converter.register_unstructure_hook(cls, write)
    add_union(Actor, ACTORS)
    load_recipient, dump_recipient = add_union(Recipient, RECIPIENTS)

    def is_recipient(cls: object) -> bool:
        return cls in _RECIPIENT_TYPES or (
            get_origin(cls) in (Union, UnionType) and set(get_args(cls)) <= _RECIPIENT_TYPES
        )

    # A notice whose recipients are fewer writes their kind all the same.
    converter.register_structure_hook_factory(is_recipient, lambda _: load_recipient)
    converter.register_unstructure_hook_factory(is_recipient, lambda _: dump_recipient)
    return converter


converter: Final = _make_converter()
"""Converts the values of every kind of record."""
