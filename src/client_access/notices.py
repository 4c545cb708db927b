"""What is sent to whom (rules §9), as values: the caller, or its outbox, delivers them.

A notice has a stable id, by which its recipient can recognise one that is delivered twice. No
notice holds a link: a link to activate is made when the email is sent (E6).
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Generic, TypeVar, final, get_args
from uuid import UUID, uuid5

from attrs import Attribute, field, frozen

from client_access.machines.payer import Payer
from client_access.values import PRACTICE_ID_LENGTH, SERVICE_CODE_LENGTH, IdentityEnum, pasted
from client_access.values.catalogue import InvoiceLine, is_currency
from client_access.values.email_address import EmailAddress
from client_access.values.validation import (
    NAME_LENGTH,
    check_text,
    is_a,
    is_a_or_none,
    is_aware,
    is_aware_or_none,
    is_count,
    is_text,
    is_text_or_none,
    is_tuple_of,
    keep,
    wrong_type,
)

# ── Recipients ───────────────────────────────────────────────────────────────────────────────────


@final
@frozen
class ToAddress:
    """By email."""

    email: EmailAddress = field(validator=is_a(EmailAddress))


@final
@frozen
class ToClientService:
    """In the client's own service, where the client reads messages."""

    client_id: UUID = field(validator=is_a(UUID))


@final
@frozen
class ToPractice:
    """To the practice, in whatever way the platform reaches it."""

    practice_id: str = field(validator=is_text(PRACTICE_ID_LENGTH))


@final
@frozen
class AtSignIn:
    """On the client's screen when it signs in."""

    client_id: UUID = field(validator=is_a(UUID))


Recipient = ToAddress | ToClientService | ToPractice | AtSignIn
"""Any of the four kinds of recipients."""

# ── Notices ──────────────────────────────────────────────────────────────────────────────────────

# A notice without fields of its own has no decorator, as in `events`.


R = TypeVar("R", bound=Recipient)


def _is_recipient(instance: object, attribute: Attribute[R], value: R) -> None:
    """Accept the recipients of the notice's own class."""
    kinds = RECIPIENTS_OF[type(instance)]
    if type(value) not in kinds:
        names = " or ".join(kind.__name__ for kind in kinds)
        raise wrong_type(attribute.name, f"of type {names}", value)


@frozen(repr=False)
class _Notice(Generic[R]):
    """The fields of every notice.

    Parameters:
        client_id: the client that it is about.
        version: the client's version after the change that it is about.
        recipient: where to send it.
        business_name: the client's name.
    """

    client_id: UUID = field(validator=is_a(UUID))
    version: int = field(validator=is_count)
    recipient: R = field(validator=_is_recipient)
    business_name: str = field(validator=is_text())

    __repr__ = pasted

    @property
    def id(self) -> UUID:
        """Made from client, occasion, kind and practice: the same each time it is made."""
        name = f"{self._occasion()}/{NOTICE_NAMES[type(self)]}"  # type: ignore[index]  # only subclasses are made
        if isinstance(self.recipient, ToPractice):
            name = f"{name}/{self.recipient.practice_id}"
        return uuid5(self.client_id, name)

    def _occasion(self) -> str:
        """Return what differs between two notices of one kind about one client."""
        return str(self.version)


def _are_names(
    instance: object, attribute: Attribute[tuple[str, ...]], value: tuple[str, ...]
) -> None:
    """Accept a tuple of names."""
    for name in keep(instance, attribute, value, tuple):
        check_text(attribute.name, name, NAME_LENGTH)


@final
@frozen(repr=False)
class ActivationEmail(_Notice[ToAddress]):
    """To the client's address: the activation. Its link is made when the email is sent (E6).

    Parameters:
        practice_id: the practice that invites the client.
        activation_id: the activation that the link is bound to.
        expires_at: when the activation ends.
        times_sent: how often the activation has been sent, including this time.
        payer: who pays for the services.
        services: the names of the services.
        monthly_total: what the services cost a month, if the client is to pay; else None.
        currency: the ISO 4217 code of the total.
    """

    practice_id: str = field(kw_only=True, validator=is_text(PRACTICE_ID_LENGTH))
    activation_id: UUID = field(kw_only=True, validator=is_a(UUID))
    expires_at: datetime = field(kw_only=True, validator=is_aware)
    times_sent: int = field(kw_only=True, validator=is_count)
    payer: Payer = field(kw_only=True, validator=is_a(Payer))
    services: tuple[str, ...] = field(kw_only=True, validator=_are_names)
    monthly_total: Decimal | None = field(kw_only=True, validator=is_a_or_none(Decimal))
    currency: str = field(kw_only=True, validator=is_currency)


@final
@frozen(repr=False)
class ServiceChangedEmail(_Notice[ToAddress]):
    """To the client's address: the practice added or removed a service for it (S3).

    It is there, or no longer, at the next sign-in.

    Parameters:
        service: the service's code.
        service_name: its name for people; the code, if the catalogue lacks it.
        added: whether it was added; False if it was removed.
    """

    service: str = field(kw_only=True, validator=is_text(SERVICE_CODE_LENGTH))
    service_name: str = field(kw_only=True, validator=is_text())
    added: bool = field(kw_only=True, validator=is_a(bool))


@final
@frozen(repr=False)
class AccessWithdrawnEmail(_Notice[ToAddress]):
    """To the address that a disabled client had: the practice has withdrawn its access (L10).

    Parameters:
        practice_id: the practice.
    """

    practice_id: str = field(kw_only=True, validator=is_text(PRACTICE_ID_LENGTH))


@final
class EmailReplaced(_Notice[ToAddress]):
    """To the old address: it was changed; contact Customer Services if it was not you (E4)."""

    __slots__ = ()


@final
@frozen(repr=False)
class PracticeLeft(_Notice[ToClientService]):
    """To the client: the practice no longer has access.

    Parameters:
        practice_id: the practice whose access ended.
        direct_debit_asked: whether the client must enter direct debit details (P6).
        direct_debit_due: when they are due; None for no limit.
    """

    practice_id: str = field(kw_only=True, validator=is_text(PRACTICE_ID_LENGTH))
    direct_debit_asked: bool = field(kw_only=True, validator=is_a(bool))
    direct_debit_due: datetime | None = field(kw_only=True, validator=is_aware_or_none)


@final
class AccessEnded(_Notice[ToPractice]):
    """To the practice: the client or the platform ended its access to the client."""

    __slots__ = ()


class PlatformAct(IdentityEnum):
    """What the platform can do for a practice (L7)."""

    ACCESS_GIVEN = "access_given"
    ACCESS_WITHDRAWN = "access_withdrawn"
    CLIENT_CLOSED = "client_closed"
    CLIENT_REOPENED = "client_reopened"
    CLIENT_DELETED = "client_deleted"
    CLIENT_RENAMED = "client_renamed"


@final
@frozen(repr=False)
class DoneForPractice(_Notice[ToPractice]):
    """To the practice: the platform did something for it, with its client (L7).

    Parameters:
        act: what the platform did.
    """

    act: PlatformAct = field(kw_only=True, validator=is_a(PlatformAct))


@final
class BusinessNameReplaced(_Notice[ToClientService]):
    """To the client: the platform changed its business name, to the one of this notice (D2)."""

    __slots__ = ()


@final
@frozen(repr=False)
class PracticeReplaced(_Notice[ToPractice | ToClientService]):
    """To both practices and the client: the client was transferred (L11).

    Parameters:
        from_practice_id: the practice that managed the client.
        to_practice_id: the practice that manages it now.
    """

    from_practice_id: str = field(kw_only=True, validator=is_text(PRACTICE_ID_LENGTH))
    to_practice_id: str = field(kw_only=True, validator=is_text(PRACTICE_ID_LENGTH))


@final
@frozen(repr=False)
class InvitationAnswered(_Notice[ToClientService]):
    """To the client: the practice accepted or declined its invitation.

    Parameters:
        practice_id: the practice that answered.
        accepted: whether it accepted.
    """

    practice_id: str = field(kw_only=True, validator=is_text(PRACTICE_ID_LENGTH))
    accepted: bool = field(kw_only=True, validator=is_a(bool))


@frozen(repr=False)
class _InvoiceChanged(_Notice[R]):
    before: tuple[InvoiceLine, ...] = field(kw_only=True, validator=is_tuple_of(InvoiceLine))
    after: tuple[InvoiceLine, ...] = field(kw_only=True, validator=is_tuple_of(InvoiceLine))
    currency: str = field(kw_only=True, validator=is_currency)


@final
class PracticeInvoiceChanged(_InvoiceChanged[ToPractice]):
    """To the practice: this client's lines on the practice's next invoice, before and after (S3).

    Parameters:
        before, after: the lines.
        currency: the ISO 4217 code of their prices.
    """

    __slots__ = ()


@final
class ClientInvoiceChanged(_InvoiceChanged[ToClientService]):
    """To the client: the lines on its own next invoice, before and after (S3).

    Parameters:
        before, after: the lines.
        currency: the ISO 4217 code of their prices.
    """

    __slots__ = ()


@final
@frozen(repr=False)
class AccessRemoved(_Notice[AtSignIn]):
    """At sign-in: the practice has removed the client's access; contact it.

    Parameters:
        practice_id: the practice to contact.
    """

    practice_id: str | None = field(kw_only=True, validator=is_text_or_none(PRACTICE_ID_LENGTH))


@final
@frozen(repr=False)
class DirectDebitNeeded(_Notice[AtSignIn]):
    """At sign-in: enter direct debit details (P6).

    Parameters:
        due: when they are due; None for no limit.
    """

    due: datetime | None = field(kw_only=True, validator=is_aware_or_none)


@frozen(repr=False)
class _Reminder(_Notice[R]):
    ends_at: datetime = field(kw_only=True, validator=is_aware)
    remind_at: datetime = field(kw_only=True, validator=is_aware)

    def _occasion(self) -> str:
        """Return the two moments: a reminder stays the same if the client changes meanwhile."""
        moments = self.ends_at, self.remind_at
        return "/".join(moment.astimezone(UTC).isoformat() for moment in moments)


@final
@frozen(repr=False)
class ActivationEnding(_Reminder[ToAddress | ToPractice]):
    """To the client's address, and to the practice: the activation is about to expire (N1).

    Its link is made when the email is sent, and is of the same activation (E6).

    Parameters:
        practice_id: the practice that invited the client.
        activation_id: the activation that the link is bound to.
        ends_at: when the activation ends.
        remind_at: the moment of the reminder.
    """

    practice_id: str = field(kw_only=True, validator=is_text(PRACTICE_ID_LENGTH))
    activation_id: UUID = field(kw_only=True, validator=is_a(UUID))


@final
class DirectDebitDue(_Reminder[ToAddress]):
    """To the client's address: direct debit details are due soon (N1, P6).

    Parameters:
        ends_at: the moment from which sign-in is closed without them.
        remind_at: the moment of the reminder.
    """

    __slots__ = ()


Notice = (
    ActivationEmail
    | ServiceChangedEmail
    | AccessWithdrawnEmail
    | EmailReplaced
    | PracticeLeft
    | AccessEnded
    | DoneForPractice
    | BusinessNameReplaced
    | PracticeReplaced
    | InvitationAnswered
    | PracticeInvoiceChanged
    | ClientInvoiceChanged
    | AccessRemoved
    | DirectDebitNeeded
    | ActivationEnding
    | DirectDebitDue
)
"""Any of the notices: a union of final classes."""

NOTICES: dict[str, type[Notice]] = {
    "activation_email": ActivationEmail,
    "service_changed_email": ServiceChangedEmail,
    "access_withdrawn_email": AccessWithdrawnEmail,
    "email_replaced": EmailReplaced,
    "practice_left": PracticeLeft,
    "access_ended": AccessEnded,
    "done_for_practice": DoneForPractice,
    "business_name_replaced": BusinessNameReplaced,
    "practice_replaced": PracticeReplaced,
    "invitation_answered": InvitationAnswered,
    "practice_invoice_changed": PracticeInvoiceChanged,
    "client_invoice_changed": ClientInvoiceChanged,
    "access_removed": AccessRemoved,
    "direct_debit_needed": DirectDebitNeeded,
    "activation_ending": ActivationEnding,
    "direct_debit_due": DirectDebitDue,
}
"""Every kind of notice by its stable name, in the order of rules §9."""

NOTICE_NAMES: dict[type[Notice], str] = {notice: name for name, notice in NOTICES.items()}
"""The stable name of each notice."""


def _recipients_of(notice: type) -> tuple[type, ...]:
    """Return the recipients in the brackets of the class that a notice is derived from."""
    (recipient,) = get_args(notice.__dict__["__orig_bases__"][0])
    return get_args(recipient) or (recipient,)


RECIPIENTS_OF: dict[type, tuple[type, ...]] = {
    notice: _recipients_of(notice) for notice in NOTICES.values()
}
"""The recipients that each kind of notice can have."""
