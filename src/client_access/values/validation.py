"""Checks that make it impossible to build a malformed value.

The functions named `is_…` are, or return, validators for attrs: they raise :class:`InvalidValue`
with the attribute's name. Those named `check_…` and `to_…` do the same for an argument. A value is
kept as exactly the type that is asked for: an instance of a subclass (a `StrEnum`, text marked safe
for HTML, a driver's own UUID) is made plain.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Awaitable, Callable, Iterable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from functools import cache
from inspect import isawaitable, iscoroutinefunction
from typing import Any, NamedTuple, ParamSpec, TypeAlias, TypeVar, cast
from uuid import UUID

from attrs import Attribute, field, fields, make_class

from client_access.errors import InvalidValue

P = ParamSpec("P")
T = TypeVar("T")
Validator: TypeAlias = "Callable[[object, Attribute[T], T], None]"

NAME_LENGTH = 200
"""The longest name, in characters."""

# Cc control, Cs lone surrogates, Zl and Zp line and paragraph separators.
_CONTROL = frozenset({"Cc", "Cs", "Zl", "Zp"})
# Explicit bidirectional formatting reorders the text around a name on a screen.
_BIDIRECTIONAL = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")

# How an instance of a subclass is made plain. `str(value)` of an enum's member is its name, so the
# methods of the type itself are called where they may differ. A moment keeps its offset, not its
# zone, and nothing below a microsecond.
_PLAIN: dict[type, Callable[[Any], object]] = {
    str: str.__str__,
    int: int,
    Decimal: Decimal,
    UUID: lambda value: UUID(int=value.int),
    date: lambda value: date.fromordinal(value.toordinal()),
    datetime: lambda value: datetime.fromisoformat(datetime.isoformat(value)),
    timedelta: timedelta.__pos__,
    tuple: tuple,
}
# Subclasses that mean something else: True is not a number, and a moment is not a day.
_NOT_MEANT: dict[type, type] = {int: bool, date: datetime}


# What to write for a value of a type that callers often give in another form.
_WRITTEN: dict[type, str] = {
    UUID: "UUID('…')",
    Decimal: "Decimal('7.50')",
    date: "date(2026, 1, 31)",
    datetime: "datetime(2026, 1, 31, tzinfo=UTC)",
    timedelta: "timedelta(days=30)",
}


def wrong_type(field: str, wanted: str, value: object, mend: str = "") -> InvalidValue:
    """Return the error for a value of another type, which ends in what to do instead."""
    given = type(value).__name__
    given = "None" if value is None else _with_article(given)
    if isinstance(value, type):
        given = f"the class {value.__name__}"
    return InvalidValue(field, f"must be {wanted}, not {given}{mend and ': '}{mend}")


def _with_article(name: str) -> str:
    return f"{'an' if name[0].lower() in 'aeio' else 'a'} {name}"


def not_a(field: str, kind: type, value: object) -> InvalidValue:
    """Return the error for a value that is not of a type."""
    wanted, written = _with_article(kind.__name__), _WRITTEN.get(kind)
    if issubclass(kind, Enum):
        written = f"{kind.__name__}.{next(iter(kind.__members__))}"
    elif kind is str and isinstance(value, int | UUID):
        written = "str(…)"
    elif kind.__module__.startswith("client_access.values"):
        written = f"{kind.__name__}(…)"
    return wrong_type(field, wanted, value, f"write {written}" if written else "")


def to_plain(field: str, value: object, kind: type[T]) -> T:
    """Return a value of exactly this type. An instance of a subclass is made plain if possible.

    Raises:
        InvalidValue: it is not of this type.
    """
    if type(value) is kind:  # nearly always, and quick to check
        return value
    given = type(value)
    plain = _PLAIN.get(kind)
    if plain is None or not issubclass(given, kind) or issubclass(given, _NOT_MEANT.get(kind, ())):
        raise not_a(field, kind, value)
    try:
        return cast("T", plain(value))
    except Exception:  # of a time zone, which is the caller's own code
        raise InvalidValue(field, f"is not a valid {kind.__name__}") from None


def keep(instance: object, attribute: Attribute[Any], value: object, kind: type[T]) -> T:
    """Put the plain form of a value in its place, and return it.

    A validator does this, so that no field needs a converter as well.

    Raises:
        InvalidValue: it is not of this type.
    """
    plain = to_plain(attribute.name, value, kind)
    if plain is not value:
        object.__setattr__(instance, attribute.name, plain)  # the class is frozen
    return plain


def is_a(kind: type[T]) -> Validator[T]:
    """Accept instances of one type; a bool is not an int."""

    def check(instance: object, attribute: Attribute[T], value: T) -> None:
        if type(value) is not kind:
            keep(instance, attribute, value, kind)

    return check


def is_a_or_none(kind: type[T]) -> Validator[T | None]:
    """Accept instances of one type, or None."""

    def check(instance: object, attribute: Attribute[T | None], value: T | None) -> None:
        if value is not None and type(value) is not kind:
            keep(instance, attribute, value, kind)

    return check


def is_one_of(*kinds: type) -> Validator[Any]:
    """Accept instances of any of the given final classes."""
    allowed = frozenset(kinds)
    names = ", ".join(kind.__name__ for kind in kinds)
    mend = f"write {kinds[0].__name__}(…), for example"

    def check(_: object, attribute: Attribute[object], value: object) -> None:
        if type(value) not in allowed:
            raise wrong_type(attribute.name, f"one of {names}", value, mend)

    return check


class TextLimits(NamedTuple):
    """The limits of a validator that :func:`is_text` returned, under the names given there."""

    limit: int
    blank: bool
    lines: bool


TEXT_LIMITS: dict[object, TextLimits] = {}
"""The limits of each such validator, which the schemas state."""


def is_text(
    limit: int = NAME_LENGTH, *, blank: bool = False, lines: bool = False
) -> Validator[str]:
    """Accept text of at most `limit` characters without control characters.

    Parameters:
        limit: the longest text, in characters.
        blank: whether empty text and white space are accepted too.
        lines: whether line feeds are accepted.
    """

    def check(instance: object, attribute: Attribute[str], value: str) -> None:
        # What nearly every text is; `check_text` decides about the others.
        if type(value) is not str or not (
            len(value) <= limit and value.isprintable() and not value.isspace() and (blank or value)
        ):
            text = keep(instance, attribute, value, str)
            check_text(attribute.name, text, limit, blank=blank, lines=lines)

    TEXT_LIMITS[check] = TextLimits(limit, blank, lines)
    return check


def is_text_or_none(limit: int = NAME_LENGTH) -> Validator[str | None]:
    """Accept what :func:`is_text` does, or None."""
    check = is_text(limit)

    def check_if_given(
        instance: object, attribute: Attribute[str | None], value: str | None
    ) -> None:
        if value is not None:
            check(instance, cast("Attribute[str]", attribute), value)

    return check_if_given


def is_count(instance: object, attribute: Attribute[int], value: int) -> None:
    """Accept whole numbers from 1."""
    if type(value) is int and value >= 1:
        return
    if keep(instance, attribute, value, int) < 1:
        raise InvalidValue(attribute.name, "must be at least 1")


def is_tally(instance: object, attribute: Attribute[int], value: int) -> None:
    """Accept whole numbers from 0."""
    if keep(instance, attribute, value, int) < 0:
        raise InvalidValue(attribute.name, "must not be negative")


def is_aware(instance: object, attribute: Attribute[datetime], value: datetime) -> None:
    """Accept a moment: a datetime with a time zone."""
    if type(value) is not datetime or value.tzinfo is not UTC:
        check_aware(attribute.name, keep(instance, attribute, value, datetime))


def is_aware_or_none(
    instance: object, attribute: Attribute[datetime | None], value: datetime | None
) -> None:
    """Accept a moment, or None."""
    if value is not None and (type(value) is not datetime or value.tzinfo is not UTC):
        check_aware(attribute.name, keep(instance, attribute, value, datetime))


def is_tuple_of(kind: type[T]) -> Validator[tuple[T, ...]]:
    """Accept a tuple of instances of one of the library's own classes."""

    def check(instance: object, attribute: Attribute[tuple[T, ...]], value: tuple[T, ...]) -> None:
        for item in value if type(value) is tuple else keep(instance, attribute, value, tuple):
            if type(item) is not kind:
                to_plain(attribute.name, item, kind)

    return check


# ── What has been validated already ──────────────────────────────────────────────────────────────


def writable(kind: type, **methods: object) -> Any:
    """Return a subclass of a frozen class whose fields can be assigned, without validation.

    When an instance is complete, assign the frozen class to its `__class__`. This takes less than
    half the time of a frozen `__init__`, which writes each field by `object.__setattr__`.
    """
    # Python keeps both methods in one place. It is five times as slow if only one is plain.
    plain = {"__setattr__": object.__setattr__, "__delattr__": object.__delattr__}
    return type(kind.__name__, (kind,), {"__slots__": (), **plain, **methods})


@cache
def _unvalidated(kind: object) -> Any:
    """Return a writable subclass whose `__init__` takes every field."""
    given = cast("type", kind)
    plain = {each.name: field(kw_only=each.kw_only) for each in fields(given)}
    made = make_class(given.__name__, plain, slots=True, eq=False, repr=False)
    return writable(given, __init__=vars(made)["__init__"])


def trusted(kind: Callable[P, T], /, *values: P.args, **named: P.kwargs) -> T:
    """Return an instance of one of the library's own classes without validating its fields again.

    For what the library makes of values that it has validated; a field cannot be left out.
    """
    made = _unvalidated(kind)(*values, **named)
    made.__class__ = kind
    instance: T = made
    return instance


def check_type(field: str, value: object, kind: type) -> None:
    """Raise :class:`InvalidValue` unless `value` is an instance of this type or of a subclass.

    This is for arguments that are used and not kept. For those that are kept, use :func:`to_plain`.
    """
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise not_a(field, kind, value)


def check_callable(field: str, value: object) -> None:
    """Raise :class:`InvalidValue` unless `value` can be called."""
    if not callable(value):
        raise wrong_type(field, "callable", value, "pass a function")


def check_methods(field: str, value: object, protocol: type) -> None:
    """Raise :class:`InvalidValue` unless `value` is an object with every method of a protocol."""
    wanted = _with_article(protocol.__name__)
    if isinstance(value, type):
        raise wrong_type(field, wanted, value, f"write {value.__name__}(…)")
    for name in vars(protocol):
        if not name.startswith("_") and not callable(getattr(value, name, None)):
            raise wrong_type(field, wanted, value, f"it has no method {name}")


def check_sync(field: str, function: object, instead: str) -> None:
    """Raise :class:`InvalidValue` if a function is to be awaited, where nobody would."""
    if iscoroutinefunction(function):
        raise InvalidValue(field, f"is async, and nothing would await it: use {instead}")


def check_awaitable(field: str, answer: Awaitable[T], instead: str) -> Awaitable[T]:
    """Return an answer that is to be awaited.

    Raises:
        InvalidValue: it cannot be.
    """
    if not isawaitable(answer):
        raise InvalidValue(field, f"is not async: use {instead}")
    return answer


def to_span(field: str, value: object, longest: timedelta) -> timedelta:
    """Return a positive span of time.

    Raises:
        InvalidValue: it is not a timedelta, not positive, or longer than `longest`.
    """
    span = to_plain(field, value, timedelta)
    if not timedelta(0) < span <= longest:
        raise InvalidValue(field, f"must be positive, and at most {longest.days:,} days")
    return span


def to_tuple(field: str, values: Iterable[T]) -> tuple[T, ...]:
    """Return the items of an iterable.

    Raises:
        InvalidValue: it is not iterable.
    """
    try:
        items = iter(values)
    except TypeError:
        raise wrong_type(field, "an iterable", values, "write a list of them") from None
    return tuple(items)


_SHORTEST_KEY = 16


def to_secret_key(field: str, value: object) -> bytes:
    """Return a secret key as bytes: a text in UTF-8, or bytes. Errors do not repeat it.

    Raises:
        InvalidValue: it is neither, is blank, or has fewer than 16 bytes.
    """
    match value:
        case str():
            try:
                key = value.encode()
            except UnicodeEncodeError:
                raise InvalidValue(field, "cannot be encoded in UTF-8") from None
        case bytes():
            key = bytes(value)
        case _:
            raise InvalidValue(field, "must be str or bytes")
    if not key.strip():
        raise InvalidValue(field, "is blank")
    if len(key) < _SHORTEST_KEY:
        raise InvalidValue(field, f"is too short: a key has at least {_SHORTEST_KEY} bytes")
    return key


def check_id(field: str, value: object) -> None:
    """Raise :class:`InvalidValue` unless `value` is a client's or an activation's id."""
    check_type(field, value, UUID)


def to_id(field: str, value: object) -> UUID:
    """Return a client's or an activation's id.

    Raises:
        InvalidValue: it is not a UUID.
    """
    return to_plain(field, value, UUID)


def to_text(
    field: str, value: object, limit: int, *, blank: bool = False, lines: bool = False
) -> str:
    """Return text as a plain `str`, under the limits of :func:`is_text`.

    Raises:
        InvalidValue: it is not such text.
    """
    text = to_plain(field, value, str)
    check_text(field, text, limit, blank=blank, lines=lines)
    return text


def check_text(
    field: str, value: object, limit: int, *, blank: bool = False, lines: bool = False
) -> None:
    """Raise :class:`InvalidValue` unless `value` is a plain `str` that :func:`is_text` accepts."""
    if type(value) is not str:
        raise not_a(field, str, value)
    if len(value) > limit:
        raise InvalidValue(field, f"is longer than {limit} characters")
    # Printable text has no forbidden character, and no white space but the plain blank.
    if (value.replace("\n", "") if lines else value).isprintable():
        visible = bool(value) and not value.isspace()
    else:
        visible = _check_characters(field, value, lines=lines)
    if not (visible or blank):
        raise InvalidValue(field, "is blank: write at least one visible character")


def _check_characters(field: str, value: str, *, lines: bool) -> bool:
    """Refuse forbidden characters, and return whether any of the others is visible."""
    visible = False
    for character in value:
        if lines and character == "\n":
            continue
        if is_control(character):
            raise InvalidValue(field, f"contains the control character U+{ord(character):04X}")
        visible = visible or unicodedata.category(character) not in ("Zs", "Cf")
    return visible


def is_control(character: str) -> bool:
    """Return whether a character ends a line, controls a terminal or reorders the text around it.

    No name may contain one, and text that is shown has them replaced or removed.
    """
    return unicodedata.category(character) in _CONTROL or character in _BIDIRECTIONAL


def check_aware(field: str, moment: datetime) -> None:
    """Raise :class:`InvalidValue` unless a datetime has a time zone with an offset."""
    try:
        offset = moment.utcoffset()
    except Exception:  # the zone may be the caller's own class, and raise anything
        raise InvalidValue(field, "has a time zone without a valid offset") from None
    if offset is None:
        raise InvalidValue(field, "must have a time zone: write tzinfo=UTC, or datetime.now(UTC)")
