"""The notices that follow from events: one function for each row of rules §9.

`CommandRules.tells` lists the functions of a command, in order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from client_access.chapters.rules import Case
from client_access.client import Client, invoice_payer, monthly_lines
from client_access.events import (
    AccessGiven,
    ActivationResent,
    EmailChanged,
    Event,
    ManagementStopped,
    PracticeInvitationAccepted,
    PracticeInvitationDeclined,
    ServiceAdded,
    Subscribed,
)
from client_access.machines.payer import Payer
from client_access.notices import (
    AccessEnded,
    AccessGivenForPractice,
    ActivationEmail,
    ClientDeletedForPractice,
    ClientInvoiceChanged,
    EmailReplaced,
    InvitationAnswered,
    Notice,
    PracticeInvoiceChanged,
    PracticeLeft,
    ToAddress,
    ToClientService,
    ToPractice,
)
from client_access.values import ClientUser, PlatformUser, PracticeUser
from client_access.values.validation import trusted

# ── To an address ────────────────────────────────────────────────────────────────────────────────


def activation_email(
    case: Case,
    event: Subscribed | ServiceAdded | AccessGiven | ActivationResent | EmailChanged,
    after: Client,
) -> Iterator[Notice]:
    """Tell the client of an activation that is sent, if there is an address to send it to (E5)."""
    sent = event.activation
    if sent is not None and after.practice_id and after.email.is_mailable:
        yield trusted(
            ActivationEmail,
            after.id,
            after.version,
            ToAddress(after.email),
            case.client.business_name,
            practice_id=after.practice_id,
            activation_id=sent.id,
            expires_at=sent.expires_at,
            times_sent=sent.times_sent,
        )


def email_replaced(case: Case, _: EmailChanged, after: Client) -> Iterator[Notice]:
    """Tell the old address of an activated client that it was changed (E4)."""
    before = case.client
    if before.activated and before.email.is_mailable:
        yield trusted(
            EmailReplaced, before.id, after.version, ToAddress(before.email), before.business_name
        )


# ── To the client, in its own service ────────────────────────────────────────────────────────────


def practice_left(case: Case, event: ManagementStopped, after: Client) -> Iterator[Notice]:
    """Tell the client that the practice no longer has access, and what it owes now (L4, P6)."""
    before, owed = case.client, after.direct_debit
    if isinstance(event.by, PracticeUser | PlatformUser) and before.practice_id:
        yield trusted(
            PracticeLeft,
            before.id,
            after.version,
            ToClientService(before.id),
            before.business_name,
            practice_id=before.practice_id,
            direct_debit_asked=owed is not None,
            direct_debit_due=owed and owed.due,
        )


def invitation_answered(
    case: Case, event: PracticeInvitationAccepted | PracticeInvitationDeclined, after: Client
) -> Iterator[Notice]:
    """Tell the client what the practice answered."""
    before = case.client
    assert before.practice_invitation is not None  # a guard has asked
    yield trusted(
        InvitationAnswered,
        before.id,
        after.version,
        ToClientService(before.id),
        before.business_name,
        practice_id=before.practice_invitation.practice_id,
        accepted=isinstance(event, PracticeInvitationAccepted),
    )


# ── To the practice ──────────────────────────────────────────────────────────────────────────────


def access_ended(case: Case, event: ManagementStopped, after: Client) -> Iterator[Notice]:
    """Tell the practice that its access has ended, unless it ended it itself (L6, L7)."""
    before = case.client
    if isinstance(event.by, ClientUser | PlatformUser) and before.practice_id:
        yield trusted(
            AccessEnded,
            before.id,
            after.version,
            ToPractice(before.practice_id),
            before.business_name,
        )


def for_practice(
    notice: type[AccessGivenForPractice] | type[ClientDeletedForPractice],
) -> Callable[[Case, Event, Client], Iterator[Notice]]:
    """Return what tells the practice that the platform acted for it (L7)."""

    def tell(case: Case, event: Event, after: Client) -> Iterator[Notice]:
        before = case.client
        if isinstance(event.by, PlatformUser) and before.practice_id:
            yield notice(
                before.id, after.version, ToPractice(before.practice_id), before.business_name
            )

    return tell


access_given_for_practice = for_practice(AccessGivenForPractice)
client_deleted_for_practice = for_practice(ClientDeletedForPractice)

# ── To the payer ─────────────────────────────────────────────────────────────────────────────────


def invoice_changed(case: Case, _: Event, after: Client) -> Iterator[Notice]:
    """Tell the payer before and the payer after, if the lines on its next invoice differ (S3)."""
    before, catalogue = case.client, case.catalogue
    was, now = invoice_payer(before), invoice_payer(after)
    lines_before = monthly_lines(before, catalogue) if was else ()
    if was and now and after.services is before.services:
        lines_after = lines_before
    else:
        lines_after = monthly_lines(after, catalogue) if now else ()

    old = lines_before if was is Payer.PRACTICE else ()
    new = lines_after if now is Payer.PRACTICE else ()
    practice_id = before.practice_id or after.practice_id
    if old != new and practice_id:
        yield trusted(
            PracticeInvoiceChanged,
            before.id,
            after.version,
            ToPractice(practice_id),
            before.business_name,
            before=old,
            after=new,
            currency=catalogue.currency,
        )
    old = lines_before if was is Payer.CLIENT else ()
    new = lines_after if now is Payer.CLIENT else ()
    if old != new:
        yield trusted(
            ClientInvoiceChanged,
            before.id,
            after.version,
            ToClientService(before.id),
            before.business_name,
            before=old,
            after=new,
            currency=catalogue.currency,
        )
