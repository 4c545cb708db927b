"""The small values that everything else is made of. Each checks itself when it is built."""

from __future__ import annotations

import unicodedata
from datetime import UTC, date, datetime, timedelta
from enum import Enum
from typing import final
from uuid import UUID

from attrs import AttrsInstance, field, fields_dict, frozen

from client_access.errors import InvalidValue
from client_access.values.validation import (
    check_aware,
    is_a,
    is_a_or_none,
    is_aware,
    is_aware_or_none,
    is_count,
    is_text,
    to_plain,
    to_text,
    wrong_type,
)


class IdentityEnum(Enum):
    """An enum whose members are hashed by identity.

    Each member exists once, also after pickling and copying. Python's own hash of a member is a
    call to a Python function, and every decision looks up half a dozen members.

    The `repr` of a member can be pasted, so that the one of a command or an event can.
    """

    __repr__ = Enum.__str__


# Outside of the class: inside, pyright takes it for another type than the one of `Enum`.
IdentityEnum.__hash__ = object.__hash__  # type: ignore[method-assign]  # it is meant to be replaced


def pasted(instance: AttrsInstance) -> str:
    """Return an instance as it is written in code: its `repr`, which can be pasted.

    Commands, events and notices share it. attrs would compile a method for each of their classes,
    and importing the package would take a tenth longer.
    """
    kind = type(instance)
    given = ", ".join(f"{name}={getattr(instance, name)!r}" for name in fields_dict(kind))
    return f"{kind.__name__}({given})"


class ClientKind(IdentityEnum):
    """What a client is."""

    BUSINESS = "business"
    INDIVIDUAL = "individual"


class Source(IdentityEnum):
    """How the client came to its present practice (§1)."""

    ADDED = "added"
    IMPORTED = "imported"
    CUSTOMER = "customer"


class SignIn(IdentityEnum):
    """Who works on the client's data: the practice alone, or the client too (§1)."""

    PRACTICE_ONLY = "practice_only"
    PRACTICE_AND_CLIENT = "practice_and_client"


class ClientList(IdentityEnum):
    """The four lists of a practice (C1)."""

    ACTIVE = "active"
    INACTIVE = "inactive"
    IMPORTED = "imported"
    CLOSED = "closed"


class VatScheme(IdentityEnum):
    """The VAT scheme that some services ask for (S1)."""

    NOT_REGISTERED = "not_registered"
    STANDARD = "standard"
    CASH = "cash"
    FLAT_RATE = "flat_rate"
    FLAT_RATE_CASH = "flat_rate_cash"


def fold(text: str) -> str:
    """Return the form in which names and addresses are compared: case-folded, in NFC (C2, E1).

    The text is decomposed first, so that folding twice is the same as folding once.
    """
    if text.isascii():
        return text.lower()
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", text).casefold())


# ── Details and services ─────────────────────────────────────────────────────────────────────────


@final
@frozen
class ContactDetails:
    """The contact person at a client, and how to reach them (D1). Each part may be empty.

    Parameters:
        name: the contact person, at most 200 characters.
        phone: a telephone number as people write it, at most 50 characters.
        address: the postal address, at most 1,000 characters; it may have several lines.
    """

    name: str = field(default="", validator=is_text(blank=True))
    phone: str = field(default="", validator=is_text(50, blank=True))
    address: str = field(default="", validator=is_text(1000, blank=True, lines=True))


@final
@frozen
class ServiceSetup:
    """The additional information that some services ask for (S1).

    Parameters:
        vat_scheme: the client's VAT scheme.
        vat_number: its VAT registration number, at most 20 characters; empty if not registered.
        accounts_start: the first day of the accounts.
    """

    vat_scheme: VatScheme = field(validator=is_a(VatScheme))
    vat_number: str = field(default="", validator=is_text(20, blank=True))
    accounts_start: date | None = field(default=None, validator=is_a_or_none(date))

    def __attrs_post_init__(self) -> None:
        if self.vat_number and self.vat_scheme is VatScheme.NOT_REGISTERED:
            raise InvalidValue("vat_number", "is given for a client that is not registered for VAT")


SERVICE_CODE_LENGTH = 64


@final
@frozen
class HeldService:
    """A service that a client holds, by its code in the catalogue, without a price (S6)."""

    code: str = field(validator=is_text(SERVICE_CODE_LENGTH))
    setup: ServiceSetup | None = field(default=None, validator=is_a_or_none(ServiceSetup))


# ── Invitations and debts ────────────────────────────────────────────────────────────────────────


@final
@frozen
class Activation:
    """The pending invitation from the practice to the client (E6).

    Parameters:
        id: what the link contains; knowing it gives no right.
        sent_at: when it was last sent.
        expires_at: the first moment at which it is no longer valid.
        times_sent: how often it has been sent, from 1.
    """

    id: UUID = field(validator=is_a(UUID))
    sent_at: datetime = field(validator=is_aware)
    expires_at: datetime = field(validator=is_aware)
    times_sent: int = field(default=1, validator=is_count)

    def __attrs_post_init__(self) -> None:
        if self.expires_at <= self.sent_at:
            raise InvalidValue("expires_at", "must be later than sent_at")


PRACTICE_ID_LENGTH = 200


@final
@frozen
class PracticeInvitation:
    """The pending invitation from an existing customer to a practice (§1)."""

    practice_id: str = field(validator=is_text(PRACTICE_ID_LENGTH))
    invited_at: datetime = field(validator=is_aware)


@final
@frozen
class DirectDebit:
    """Direct debit details asked for and not given yet (P6).

    Parameters:
        asked_at: when they were asked for.
        due: the moment from which sign-in is closed until they are given; None for no limit.
    """

    asked_at: datetime = field(validator=is_aware)
    due: datetime | None = field(default=None, validator=is_aware_or_none)

    def __attrs_post_init__(self) -> None:
        if self.due is not None and self.due < self.asked_at:
            raise InvalidValue("due", "must not be earlier than asked_at")

    def is_due(self, at: datetime) -> bool:
        """Return whether sign-in is closed at this moment.

        Raises:
            InvalidValue: the moment has no time zone.
        """
        moment = to_utc("at", at)
        return self.due is not None and moment >= self.due


_UNPAID_ACCESS: timedelta | None = timedelta(days=30)


@final
@frozen
class Policy:
    """What a platform can choose (E6, P6).

    Parameters:
        activation_lifetime: how long an activation is valid after it was last sent.
        unpaid_access: how long a client can sign in without giving the direct debit details that it
            was asked for; None for no limit.
    """

    activation_lifetime: timedelta = field(default=timedelta(days=30), validator=is_a(timedelta))
    unpaid_access: timedelta | None = field(
        default=_UNPAID_ACCESS, validator=is_a_or_none(timedelta)
    )

    def __attrs_post_init__(self) -> None:
        if self.activation_lifetime <= timedelta(0):
            raise InvalidValue("activation_lifetime", "must be positive")
        if self.unpaid_access is not None and self.unpaid_access < timedelta(0):
            raise InvalidValue("unpaid_access", "must not be negative")

    def activation_expires(self, sent_at: datetime) -> datetime:
        """Return when an activation sent at this moment expires.

        Raises:
            InvalidValue: the moment has no time zone, or the result would be after the year 9999.
        """
        return later(sent_at, self.activation_lifetime)

    def direct_debit(self, asked_at: datetime) -> DirectDebit:
        """Return the request for direct debit details, made at this moment.

        Raises:
            InvalidValue: as :meth:`activation_expires`.
        """
        grace = self.unpaid_access
        return DirectDebit(asked_at, None if grace is None else later(asked_at, grace))


DEFAULT_POLICY = Policy()


def later(at: datetime, span: timedelta) -> datetime:
    """Return the moment that is later by this span, in UTC.

    Python adds to the hands of a clock, and not to a moment, if the time zone is not UTC. The sum
    is then wrong by an hour when the clocks change, so nothing else here adds to a caller's time.

    Raises:
        InvalidValue: the moment has no time zone, or the result would be after the year 9999.
    """
    moment = to_utc("at", at)
    try:
        return moment + span
    except OverflowError:
        raise InvalidValue("at", "is too close to the year 9999") from None


def to_utc(field_name: str, at: datetime) -> datetime:
    """Return the same moment in UTC.

    Raises:
        InvalidValue: it has no time zone, or cannot be expressed in UTC.
    """
    if type(at) is datetime and at.tzinfo is UTC:  # the common case, at a fifth of the cost
        return at
    moment = to_plain(field_name, at, datetime)
    check_aware(field_name, moment)
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise InvalidValue(field_name, "cannot be expressed in UTC") from None


# ── Actors ───────────────────────────────────────────────────────────────────────────────────────


@final
@frozen
class PracticeUser:
    """A user of a practice.

    Parameters:
        practice_id: the host's own key of the practice, opaque, at most 200 characters.
        user: the user, for the history. No rule reads it. If a command has a `command_id`, the
            whole command is compared, including its user.
    """

    practice_id: str = field(validator=is_text(PRACTICE_ID_LENGTH))
    user: str = field(default="", validator=is_text(blank=True))


@final
@frozen
class ClientUser:
    """A user of a client.

    Parameters:
        client_id: the client.
        user: the user, for the history. No rule reads it. If a command has a `command_id`, the
            whole command is compared, including its user.
    """

    client_id: UUID = field(validator=is_a(UUID))
    user: str = field(default="", validator=is_text(blank=True))


@final
@frozen
class PlatformUser:
    """The platform itself, or its Customer Services.

    Parameters:
        user: the user, for the history. No rule reads it. If a command has a `command_id`, the
            whole command is compared, including its user.
    """

    user: str = field(default="", validator=is_text(blank=True))


Actor = PracticeUser | ClientUser | PlatformUser
"""Who gives a command: a union of final classes, as `match` with `assert_never` needs."""
ACTORS: tuple[type[Actor], ...] = (PracticeUser, ClientUser, PlatformUser)


def check_actor(value: object) -> None:
    """Raise :class:`InvalidValue` unless `value` is an actor."""
    if type(value) not in ACTORS:
        raise wrong_type("by", "an actor", value, "write PracticeUser(…), for example")


def to_practice_id(value: object) -> str:
    """Return a practice's id as a plain str.

    Raises:
        InvalidValue: it is not a practice's id.
    """
    return to_text("practice_id", value, PRACTICE_ID_LENGTH)
