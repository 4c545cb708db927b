"""Which notices follow from a change: the table of rules §9, row by row."""

from __future__ import annotations

from collections.abc import Iterator

from client_access.client import Client, invoice_payer, monthly_lines
from client_access.errors import InvalidValue
from client_access.events import (
    AccessGiven,
    ActivationResent,
    ClientDeleted,
    EmailChanged,
    Event,
    ManagementStopped,
    PracticeInvitationAccepted,
    PracticeInvitationDeclined,
    ServiceAdded,
    ServiceRemoved,
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
from client_access.values.catalogue import Catalogue, InvoiceLine


def notices_of(
    before: Client | None, event: Event, after: Client, catalogue: Catalogue
) -> tuple[Notice, ...]:
    """Return what to tell whom about an event, in the order of rules §9.

    Raises:
        InvalidValue: the catalogue lacks a service that the client holds (S4).
    """
    if before is None:
        return ()
    return tuple(_notices(before, event, after, catalogue))


def _notices(before: Client, event: Event, after: Client, catalogue: Catalogue) -> Iterator[Notice]:
    client_id, version, name = before.id, event.version, before.business_name
    in_service = ToClientService(client_id)
    practice = before.practice_id and ToPractice(before.practice_id)
    invitation = before.practice_invitation
    by_platform = isinstance(event.by, PlatformUser)

    match event:
        case Subscribed() | ServiceAdded() | AccessGiven() | ActivationResent() | EmailChanged():
            sent = event.activation
            if sent is not None and after.practice_id and after.email.is_mailable:
                yield ActivationEmail(
                    client_id,
                    version,
                    ToAddress(after.email),
                    name,
                    practice_id=after.practice_id,
                    activation_id=sent.id,
                    expires_at=sent.expires_at,
                    times_sent=sent.times_sent,
                )
        case _:
            pass

    match event:
        case EmailChanged() if before.activated and before.email.is_mailable:
            yield EmailReplaced(client_id, version, ToAddress(before.email), name)
        case ManagementStopped():
            if isinstance(event.by, PracticeUser | PlatformUser) and before.practice_id:
                owed = after.direct_debit
                yield PracticeLeft(
                    client_id,
                    version,
                    in_service,
                    name,
                    practice_id=before.practice_id,
                    direct_debit_asked=owed is not None,
                    direct_debit_due=owed and owed.due,
                )
            if isinstance(event.by, ClientUser | PlatformUser) and practice:
                yield AccessEnded(client_id, version, practice, name)
        case AccessGiven() if by_platform and practice:
            yield AccessGivenForPractice(client_id, version, practice, name)
        case ClientDeleted() if by_platform and practice:
            yield ClientDeletedForPractice(client_id, version, practice, name)
        case PracticeInvitationAccepted() | PracticeInvitationDeclined() if invitation:
            yield InvitationAnswered(
                client_id,
                version,
                in_service,
                name,
                practice_id=invitation.practice_id,
                accepted=isinstance(event, PracticeInvitationAccepted),
            )
        case _:
            pass

    match event:
        case (
            Subscribed() | ServiceAdded() | ServiceRemoved() | ClientDeleted() | ManagementStopped()
        ):
            try:
                lines = monthly_lines(before, catalogue), monthly_lines(after, catalogue)
            except InvalidValue:
                # Removing what the catalogue lacks must work, and has no price to tell of (S4).
                if isinstance(event, ServiceRemoved) and catalogue.get(event.service) is None:
                    return
                raise
            yield from _invoice_changes(before, event, after, lines, catalogue.currency)
        case _:
            pass


def _invoice_changes(
    before: Client,
    event: Event,
    after: Client,
    lines: tuple[tuple[InvoiceLine, ...], tuple[InvoiceLine, ...]],
    currency: str,
) -> Iterator[Notice]:
    """Tell the payer before and the payer after, where the lines on its own invoice differ."""

    def on_invoice_of(payer: Payer) -> tuple[tuple[InvoiceLine, ...], tuple[InvoiceLine, ...]]:
        return (
            lines[0] if invoice_payer(before) is payer else (),
            lines[1] if invoice_payer(after) is payer else (),
        )

    old, new = on_invoice_of(Payer.PRACTICE)
    practice_id = before.practice_id or after.practice_id
    if old != new and practice_id:
        yield PracticeInvoiceChanged(
            before.id,
            event.version,
            ToPractice(practice_id),
            before.business_name,
            before=old,
            after=new,
            currency=currency,
        )
    old, new = on_invoice_of(Payer.CLIENT)
    if old != new:
        yield ClientInvoiceChanged(
            before.id,
            event.version,
            ToClientService(before.id),
            before.business_name,
            before=old,
            after=new,
            currency=currency,
        )
