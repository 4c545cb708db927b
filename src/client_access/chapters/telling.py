"""The notices that follow from events: one function for each row of rules §9.

`CommandRules.tells` lists the functions of a command, in order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from uuid import UUID

from client_access.chapters.rules import Case
from client_access.client import Client, invoice_payer, lines_of
from client_access.events import (
    AccessGiven,
    AccessWithdrawn,
    ActivationResent,
    BusinessNameChanged,
    ClientClosed,
    ClientDeleted,
    ClientReopened,
    ClientTransferred,
    EmailChanged,
    Event,
    ManagementStopped,
    PracticeInvitationAccepted,
    PracticeInvitationDeclined,
    ServiceAdded,
    ServiceRemoved,
    Subscribed,
)
from client_access.machines.lifecycle import SIGNS_IN, Status
from client_access.machines.payer import Payer
from client_access.notices import (
    AccessEnded,
    AccessWithdrawnEmail,
    ActivationEmail,
    BusinessNameReplaced,
    ClientInvoiceChanged,
    DoneForPractice,
    EmailReplaced,
    InvitationAnswered,
    Notice,
    PlatformAct,
    PracticeInvoiceChanged,
    PracticeLeft,
    PracticeReplaced,
    ServiceChangedEmail,
    ToAddress,
    ToClientService,
    ToPractice,
)
from client_access.values import Actor, ClientUser, PlatformUser, PracticeUser
from client_access.values.catalogue import exact_sum
from client_access.values.validation import trusted

# ── To an address ────────────────────────────────────────────────────────────────────────────────


def activation_email(
    case: Case,
    event: Subscribed | ServiceAdded | AccessGiven | ActivationResent | EmailChanged,
    after: Client,
) -> Iterator[Notice]:
    """Tell the client of an activation that is sent, if there is an address to send it to (E5)."""
    sent = event.activation
    payer = after.payer
    if sent is not None and after.practice_id and payer and after.email.is_mailable:
        services = [case.catalogue.held(held.code) for held in after.services]
        monthly_total = None
        if payer is Payer.CLIENT:
            monthly_total = exact_sum(service.monthly_price for service in services)
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
            payer=payer,
            services=tuple([service.name for service in services]),
            monthly_total=monthly_total,
            currency=case.catalogue.currency,
        )


def email_replaced(case: Case, _: EmailChanged, after: Client) -> Iterator[Notice]:
    """Tell the old address of an activated client that it was changed (E4)."""
    before = case.client
    if before.activated and before.email.is_mailable:
        yield trusted(
            EmailReplaced, before.id, after.version, ToAddress(before.email), before.business_name
        )


def service_added_email(case: Case, event: ServiceAdded, after: Client) -> Iterator[Notice]:
    """Tell an activated client of a service that its practice added (S3)."""
    yield from _service_changed(case, event.by, event.service.code, after, added=True)


def service_removed_email(case: Case, event: ServiceRemoved, after: Client) -> Iterator[Notice]:
    """Tell an activated client of a service that its practice removed (S3)."""
    yield from _service_changed(case, event.by, event.service, after, added=False)


def _service_changed(
    case: Case, by: Actor, code: str, after: Client, *, added: bool
) -> Iterator[Notice]:
    if not isinstance(by, PracticeUser) or after.status is not Status.BOTH_ACCESS:
        return
    if after.email.is_mailable:
        service = case.catalogue.get(code)
        yield trusted(
            ServiceChangedEmail,
            after.id,
            after.version,
            ToAddress(after.email),
            after.business_name,
            service=code,
            service_name=code if service is None else service.name,
            added=added,
        )


def access_withdrawn_email(case: Case, _: AccessWithdrawn, after: Client) -> Iterator[Notice]:
    """Tell a disabled client, at the address that it had, that its access is withdrawn (L10)."""
    before = case.client
    if before.status is Status.DISABLED and before.email.is_mailable and before.practice_id:
        yield trusted(
            AccessWithdrawnEmail,
            before.id,
            after.version,
            ToAddress(before.email),
            before.business_name,
            practice_id=before.practice_id,
        )


# ── To the client, in its own service ────────────────────────────────────────────────────────────


def practice_left(case: Case, event: ManagementStopped, after: Client) -> Iterator[Notice]:
    """Tell the client that the practice no longer has access, and what it owes now (L4, P6)."""
    before, owed = case.client, after.direct_debit
    if not isinstance(event.by, ClientUser) and before.practice_id:
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


def business_name_replaced(
    case: Case, event: BusinessNameChanged, after: Client
) -> Iterator[Notice]:
    """Tell a client that can sign in that the platform changed its name (D2)."""
    if isinstance(event.by, PlatformUser) and case.client.status in SIGNS_IN:
        yield trusted(
            BusinessNameReplaced,
            after.id,
            after.version,
            ToClientService(after.id),
            after.business_name,
        )


# ── To the practice ──────────────────────────────────────────────────────────────────────────────


def access_ended(case: Case, event: ManagementStopped, after: Client) -> Iterator[Notice]:
    """Tell the practice that its access has ended, unless it ended it itself (L6, L7)."""
    before = case.client
    if not isinstance(event.by, PracticeUser) and before.practice_id:
        yield trusted(
            AccessEnded,
            before.id,
            after.version,
            ToPractice(before.practice_id),
            before.business_name,
        )


def done_for_practice(case: Case, event: Event, after: Client) -> Iterator[Notice]:
    """Tell the practice what the platform did for it (L7)."""
    before = case.client
    if isinstance(event.by, PlatformUser) and before.practice_id:
        yield trusted(
            DoneForPractice,
            before.id,
            after.version,
            ToPractice(before.practice_id),
            before.business_name,
            act=_ACTS[type(event)],
        )


_ACTS: dict[type[Event], PlatformAct] = {
    AccessGiven: PlatformAct.ACCESS_GIVEN,
    AccessWithdrawn: PlatformAct.ACCESS_WITHDRAWN,
    ClientClosed: PlatformAct.CLIENT_CLOSED,
    ClientReopened: PlatformAct.CLIENT_REOPENED,
    ClientDeleted: PlatformAct.CLIENT_DELETED,
    BusinessNameChanged: PlatformAct.CLIENT_RENAMED,
}


# ── To both practices and the client ─────────────────────────────────────────────────────────────


def practice_replaced(case: Case, event: ClientTransferred, after: Client) -> Iterator[Notice]:
    """Tell both practices, and a client that can sign in, of a transfer (L11)."""
    before = case.client
    assert before.practice_id is not None  # only a managed client is transferred
    recipients: list[ToPractice | ToClientService] = [
        ToPractice(before.practice_id),
        ToPractice(event.practice_id),
    ]
    if after.status in SIGNS_IN:
        recipients.append(ToClientService(before.id))
    for recipient in recipients:
        yield trusted(
            PracticeReplaced,
            before.id,
            after.version,
            recipient,
            before.business_name,
            from_practice_id=before.practice_id,
            to_practice_id=event.practice_id,
        )


# ── To the payer ─────────────────────────────────────────────────────────────────────────────────


def invoice_changed(case: Case, _: Event, after: Client) -> Iterator[Notice]:
    """Tell the payer before and the payer after, if the lines on its next invoice differ (S3)."""
    before, catalogue = case.client, case.catalogue
    was, now = _invoiced(before), _invoiced(after)
    same_services = after.services is before.services
    if was == now and same_services:
        return
    # No event changes both the payer and the business name, which is in the lines.
    old = new = lines_of(before, catalogue) if was else ()
    if not (was and same_services):
        new = lines_of(after, catalogue) if now else ()
    told = [(was, old, new)] if was == now else [(was, old, ()), (now, (), new)]
    for invoiced, lines_before, lines_after in told:
        if invoiced is None or lines_before == lines_after:
            continue
        payer, payer_id = invoiced
        kind, to_payer = _INVOICES[payer]
        yield trusted(
            kind,
            before.id,
            after.version,
            to_payer(payer_id),
            before.business_name,
            before=lines_before,
            after=lines_after,
            currency=catalogue.currency,
        )


_INVOICES: dict[Payer, tuple[Callable[..., Notice], Callable[..., ToPractice | ToClientService]]]
_INVOICES = {
    Payer.PRACTICE: (PracticeInvoiceChanged, ToPractice),
    Payer.CLIENT: (ClientInvoiceChanged, ToClientService),
}


def _invoiced(client: Client) -> tuple[Payer, str | UUID] | None:
    """Return who is invoiced for a client's services and the payer's id, or None."""
    payer = invoice_payer(client)
    payer_id = client.id if payer is Payer.CLIENT else client.practice_id
    return None if payer is None or payer_id is None else (payer, payer_id)
