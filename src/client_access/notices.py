"""What is sent to whom (rules §9), as values: the caller, or its outbox, delivers them.

A notice has a stable id, by which its recipient can recognise one that is delivered twice. No
notice holds a link: a link to activate is made when the email is sent (E6).
"""

from __future__ import annotations

from datetime import datetime
from typing import final
from uuid import UUID, uuid5

from attrs import field, frozen

from client_access.values import PRACTICE_ID_LENGTH
from client_access.values.catalogue import InvoiceLine
from client_access.values.email_address import EmailAddress
from client_access.values.validation import (
    is_a,
    is_aware,
    is_aware_or_none,
    is_count,
    is_one_of,
    is_text,
    is_text_or_none,
    is_tuple_of,
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
_RECIPIENTS: tuple[type[Recipient], ...] = (ToAddress, ToClientService, ToPractice, AtSignIn)

# ── Notices ──────────────────────────────────────────────────────────────────────────────────────


@frozen
class _Notice:
    """The fields of every notice.

    Parameters:
        client_id: the client that it is about.
        version: the client's version after the change that it is about.
        recipient: where to send it.
        business_name: the client's name.
    """

    client_id: UUID = field(validator=is_a(UUID))
    version: int = field(validator=is_count)
    recipient: Recipient = field(validator=is_one_of(*_RECIPIENTS))
    business_name: str = field(validator=is_text())

    @property
    def id(self) -> UUID:
        """The id made from client, version and kind: the same each time that the notice is made."""
        return uuid5(self.client_id, f"{self.version}/{NOTICE_NAMES[type(self)]}")  # type: ignore[index]  # only subclasses are made


@final
@frozen
class ActivationEmail(_Notice):
    """To the client's address: the activation. Its link is made when the email is sent (E6).

    Parameters:
        practice_id: the practice that invites the client.
        activation_id: the activation that the link is bound to.
        expires_at: when the activation ends.
        times_sent: how often the activation has been sent, including this time.
    """

    practice_id: str = field(kw_only=True, validator=is_text(PRACTICE_ID_LENGTH))
    activation_id: UUID = field(kw_only=True, validator=is_a(UUID))
    expires_at: datetime = field(kw_only=True, validator=is_aware)
    times_sent: int = field(kw_only=True, validator=is_count)


@final
@frozen
class EmailReplaced(_Notice):
    """To the old address: it was changed; contact Customer Services if it was not you (E4)."""


@final
@frozen
class PracticeLeft(_Notice):
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
@frozen
class AccessEnded(_Notice):
    """To the practice: the client or the platform ended its access to the client."""


@final
@frozen
class AccessGivenForPractice(_Notice):
    """To the practice: the platform gave its client access (L7)."""


@final
@frozen
class ClientDeletedForPractice(_Notice):
    """To the practice: the platform deleted its client (L7)."""


@final
@frozen
class InvitationAnswered(_Notice):
    """To the client: the practice accepted or declined its invitation.

    Parameters:
        practice_id: the practice that answered.
        accepted: whether it accepted.
    """

    practice_id: str = field(kw_only=True, validator=is_text(PRACTICE_ID_LENGTH))
    accepted: bool = field(kw_only=True, validator=is_a(bool))


@frozen
class _InvoiceChanged(_Notice):
    before: tuple[InvoiceLine, ...] = field(kw_only=True, validator=is_tuple_of(InvoiceLine))
    after: tuple[InvoiceLine, ...] = field(kw_only=True, validator=is_tuple_of(InvoiceLine))
    currency: str = field(kw_only=True, validator=is_text(3))


@final
@frozen
class PracticeInvoiceChanged(_InvoiceChanged):
    """To the practice: this client's lines on the practice's next invoice, before and after (S3).

    Parameters:
        before, after: the lines.
        currency: the ISO 4217 code of their prices.
    """


@final
@frozen
class ClientInvoiceChanged(_InvoiceChanged):
    """To the client: the lines on its own next invoice, before and after (S3).

    Parameters:
        before, after: the lines.
        currency: the ISO 4217 code of their prices.
    """


@final
@frozen
class AccessRemoved(_Notice):
    """At sign-in: the practice has removed the client's access; contact it.

    Parameters:
        practice_id: the practice to contact.
    """

    practice_id: str | None = field(kw_only=True, validator=is_text_or_none(PRACTICE_ID_LENGTH))


@final
@frozen
class DirectDebitNeeded(_Notice):
    """At sign-in: enter direct debit details (P6).

    Parameters:
        due: when they are due; None for no limit.
    """

    due: datetime | None = field(kw_only=True, validator=is_aware_or_none)


Notice = (
    ActivationEmail
    | EmailReplaced
    | PracticeLeft
    | AccessEnded
    | AccessGivenForPractice
    | ClientDeletedForPractice
    | InvitationAnswered
    | PracticeInvoiceChanged
    | ClientInvoiceChanged
    | AccessRemoved
    | DirectDebitNeeded
)

NOTICES: dict[str, type[Notice]] = {
    "activation_email": ActivationEmail,
    "email_replaced": EmailReplaced,
    "practice_left": PracticeLeft,
    "access_ended": AccessEnded,
    "access_given_for_practice": AccessGivenForPractice,
    "client_deleted_for_practice": ClientDeletedForPractice,
    "invitation_answered": InvitationAnswered,
    "practice_invoice_changed": PracticeInvoiceChanged,
    "client_invoice_changed": ClientInvoiceChanged,
    "access_removed": AccessRemoved,
    "direct_debit_needed": DirectDebitNeeded,
}
"""Every kind of notice by its stable name, in the order of rules §9."""

NOTICE_NAMES: dict[type[Notice], str] = {notice: name for name, notice in NOTICES.items()}
