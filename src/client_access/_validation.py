"""The checks that make a value impossible to build wrong, in the form that attrs takes.

Each returns a validator ``(instance, attribute, value)`` that raises :class:`InvalidValue` with the
attribute's name. They check exact types first, so that everything after them may rely on it.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any, TypeAlias, TypeVar
from uuid import UUID

from attrs import Attribute

from client_access.errors import InvalidValue

T = TypeVar("T")
Validator: TypeAlias = "Callable[[object, Attribute[T], T], None]"

NAME_LENGTH = 200
"""The longest name, in characters."""

# Cc control, Cs lone surrogates, Zl and Zp line and paragraph separators.
_FORBIDDEN = frozenset({"Cc", "Cs", "Zl", "Zp"})
# Explicit bidirectional formatting reorders the text around a name on a screen.
_BIDIRECTIONAL = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def is_a(kind: type[T]) -> Validator[T]:
    """Accept instances of one type; a bool is no int."""

    def check(_: object, attribute: Attribute[T], value: T) -> None:
        if type(value) is not kind:  # as it nearly always is, and told at less cost
            check_type(attribute.name, value, kind)

    return check


def is_a_or_none(kind: type[T]) -> Validator[T | None]:
    """Accept instances of one type, or None."""

    def check(_: object, attribute: Attribute[T | None], value: T | None) -> None:
        if value is not None and type(value) is not kind:
            check_type(attribute.name, value, kind)

    return check


def is_one_of(*kinds: type) -> Validator[Any]:
    """Accept instances of any of the given final classes."""
    allowed = frozenset(kinds)
    names = ", ".join(kind.__name__ for kind in kinds)

    def check(_: object, attribute: Attribute[object], value: object) -> None:
        if type(value) not in allowed:
            raise InvalidValue(attribute.name, f"must be one of {names}")

    return check


def is_text(
    limit: int = NAME_LENGTH, *, blank: bool = False, lines: bool = False
) -> Validator[str]:
    """Accept text of at most `limit` characters without control characters.

    Parameters:
        limit: the longest text, in characters.
        blank: whether nothing, or nothing but white space, is accepted too.
        lines: whether line feeds are accepted.
    """

    def check(_: object, attribute: Attribute[str], value: str) -> None:
        check_text(attribute.name, value, limit, blank=blank, lines=lines)

    return check


def is_text_or_none(limit: int = NAME_LENGTH) -> Validator[str | None]:
    """Accept what :func:`is_text` does, or None."""

    def check(_: object, attribute: Attribute[str | None], value: str | None) -> None:
        if value is not None:
            check_text(attribute.name, value, limit)

    return check


def is_count(_: object, attribute: Attribute[int], value: int) -> None:
    """Accept whole numbers from 1."""
    check_type(attribute.name, value, int)
    if value < 1:
        raise InvalidValue(attribute.name, "must be at least 1")


def is_aware(_: object, attribute: Attribute[datetime], value: datetime) -> None:
    """Accept a moment: a datetime that knows its offset from UTC."""
    check_aware(attribute.name, value)


def is_aware_or_none(
    _: object, attribute: Attribute[datetime | None], value: datetime | None
) -> None:
    """Accept a moment, or None."""
    if value is not None:
        check_aware(attribute.name, value)


def is_tuple_of(kind: type[T]) -> Validator[tuple[T, ...]]:
    """Accept a tuple with instances of one type."""

    def check(_: object, attribute: Attribute[tuple[T, ...]], value: tuple[T, ...]) -> None:
        check_type(attribute.name, value, tuple)
        for item in value:
            check_type(attribute.name, item, kind)

    return check


def check_type(field: str, value: object, kind: type) -> None:
    """Raise :class:`InvalidValue` unless `value` is of this kind."""
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise InvalidValue(field, f"must be a {kind.__name__}, not a {type(value).__name__}")


def to_tuple(field: str, values: Iterable[T]) -> tuple[T, ...]:
    """Return what an iterable yields.

    Raises:
        InvalidValue: it is none.
    """
    try:
        items = iter(values)
    except TypeError:
        raise InvalidValue(field, "must be an iterable") from None
    return tuple(items)


def check_id(field: str, value: object) -> None:
    """Raise :class:`InvalidValue` unless `value` is a client's or an activation's id."""
    check_type(field, value, UUID)


def check_text(
    field: str, value: object, limit: int, *, blank: bool = False, lines: bool = False
) -> None:
    """Raise :class:`InvalidValue` unless `value` is such text (see :func:`is_text`)."""
    if not isinstance(value, str):
        raise InvalidValue(field, f"must be a str, not a {type(value).__name__}")
    if len(value) > limit:
        raise InvalidValue(field, f"is longer than {limit} characters")
    # What is printable holds nothing forbidden, and no white space but the plain blank.
    if (value.replace("\n", "") if lines else value).isprintable():
        visible = bool(value) and not value.isspace()
    else:
        visible = _check_characters(field, value, lines=lines)
    if not (visible or blank):
        raise InvalidValue(field, "is blank")


def _check_characters(field: str, value: str, *, lines: bool) -> bool:
    """Refuse forbidden characters; tell whether any of the others can be seen."""
    visible = False
    for character in value:
        if lines and character == "\n":
            continue
        category = unicodedata.category(character)
        if category in _FORBIDDEN or character in _BIDIRECTIONAL:
            raise InvalidValue(field, f"contains the control character U+{ord(character):04X}")
        visible = visible or category not in ("Zs", "Cf")
    return visible


def check_aware(field: str, value: object) -> None:
    """Raise :class:`InvalidValue` unless `value` is a datetime with an offset."""
    if not isinstance(value, datetime):
        raise InvalidValue(field, f"must be a datetime, not a {type(value).__name__}")
    if value.utcoffset() is None:
        raise InvalidValue(field, "must have a time zone")
