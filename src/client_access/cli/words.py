"""Events, notices and clients in plain words."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import assert_never

from client_access import (
    AccessDisabled,
    AccessEnabled,
    AccessEnded,
    AccessGiven,
    AccessRemoved,
    AccessWithdrawn,
    AccessWithdrawnEmail,
    Activated,
    ActivationEmail,
    ActivationEnding,
    ActivationResent,
    Actor,
    AtSignIn,
    BusinessNameChanged,
    BusinessNameReplaced,
    Catalogue,
    Client,
    ClientAdded,
    ClientClosed,
    ClientDeleted,
    ClientImported,
    ClientInvoiceChanged,
    ClientList,
    ClientReopened,
    ClientTransferred,
    ClientUser,
    Command,
    ContactDetailsChanged,
    CustomerRegistered,
    DirectDebit,
    DirectDebitDue,
    DirectDebitNeeded,
    DirectDebitProvided,
    DoneForPractice,
    EmailChanged,
    EmailReplaced,
    Event,
    HeldService,
    InvitationAnswered,
    InvoiceLine,
    ManagementStopped,
    Notice,
    Payer,
    PayerChosen,
    PlatformAct,
    PlatformUser,
    PracticeInvitationAccepted,
    PracticeInvitationDeclined,
    PracticeInvitationWithdrawn,
    PracticeInvited,
    PracticeInvoiceChanged,
    PracticeLeft,
    PracticeReplaced,
    PracticeUser,
    Recipient,
    ServiceAdded,
    ServiceChangedEmail,
    ServiceRemoved,
    SignIn,
    Source,
    Subscribed,
    ToAddress,
    ToClientService,
    ToPractice,
)
from client_access.batch import ImportResult, Problem
from client_access.questions.billing import total_of

LISTS = {
    ClientList.ACTIVE: "Active Clients",
    ClientList.INACTIVE: "Inactive Clients",
    ClientList.IMPORTED: "Imported Clients",
    ClientList.CLOSED: "Closed Clients",
}
"""The lists of a practice, by name: three are the product's, the last is ours."""

SOURCES = {
    Source.ADDED: "added by its practice",
    Source.IMPORTED: "imported by its practice",
    Source.CUSTOMER: "signed up by itself",
}
"""How a client was created."""

ACTS = {
    PlatformAct.ACCESS_GIVEN: "gave {} access",
    PlatformAct.ACCESS_WITHDRAWN: "withdrew the access of {}",
    PlatformAct.CLIENT_CLOSED: "closed {}",
    PlatformAct.CLIENT_REOPENED: "reopened {}",
    PlatformAct.CLIENT_DELETED: "deleted {}",
    PlatformAct.CLIENT_RENAMED: "renamed {}",
}
"""What Customer Services did, with a place for the client's name."""

EXAMPLE_PRICES = "Prices are those of the example catalogue; name your own with --catalogue FILE."
MORE = "… and more; --limit shows them."

_SYMBOLS = {"GBP": "£", "EUR": "€", "USD": "$"}


def money(amount: Decimal, currency: str) -> str:
    """Return an amount as people write it: £12.00, CHF 12.00."""
    symbol = _SYMBOLS.get(currency, f"{currency} ")
    return f"{symbol}{amount:,.2f}" if amount == round(amount, 2) else f"{symbol}{amount:,}"


def day(at: datetime) -> str:
    """Return a date as people write it: 5 January 2026."""
    return f"{at.day} {at:%B %Y}"


def listed(parts: Iterable[str]) -> str:
    """Return parts joined for a sentence: a, b and c."""
    *first, last = parts
    return f"{', '.join(first)} and {last}" if first else last


def asked(command: type[Command]) -> str:
    """Return a command in words: Stop managing."""
    return re.sub("(?<=[a-z])(?=[A-Z])", " ", command.__name__).capitalize()


def actor(by: Actor) -> str:
    """Return who gives a command, in a word."""
    match by:
        case PracticeUser():
            return "Practice"
        case ClientUser():
            return "Client"
        case PlatformUser():
            return "Platform"
        case _:
            assert_never(by)


def payer(client: Client) -> str:
    """Return who pays for a client, and whether that can change."""
    who = payer_name(client.payer)
    if client.payer is None:
        return who
    return f"{who}, for good" if client.payer_locked else f"{who}; can still be changed"


def payer_name(who: Payer | None) -> str:
    """Return a payer in words."""
    match who:
        case None:
            return "undecided"
        case Payer.PRACTICE:
            return "the practice"
        case Payer.CLIENT:
            return "the client"
        case _:
            assert_never(who)


def services(held: Iterable[HeldService], catalogue: Catalogue) -> str:
    """Return the names of the services that are held."""
    return listed([service_name(service.code, catalogue) for service in held] or ["none"])


def services_with_prices(held: Iterable[HeldService], catalogue: Catalogue) -> str:
    """Return the names of the services that are held, each with its monthly price."""
    names = []
    for code in (service.code for service in held):
        service = catalogue.get(code)
        price = money(service.monthly_price, catalogue.currency) if service else "no price known"
        names.append(f"{service_name(code, catalogue)} ({price})")
    return listed(names or ["none"])


def service_name(code: str, catalogue: Catalogue) -> str:
    """Return the name of a service; its code, if the catalogue lacks it."""
    service = catalogue.get(code)
    return service.name if service else code


def invoice_lines(lines: Iterable[InvoiceLine], currency: str) -> str:
    """Return the total of some lines of an invoice, and their services."""
    lines = tuple(lines)
    total = money(total_of(lines), currency)
    return f"{total} ({listed(line.service_name for line in lines)})" if lines else total


def happened(event: Event, catalogue: Catalogue) -> str:
    """Return what happened, in a sentence."""
    match event:
        case ClientAdded():
            return "Client added."
        case ClientImported():
            return "Client imported."
        case CustomerRegistered():
            return f"Customer registered, with {services(event.services, catalogue)}."
        case PayerChosen():
            return f"Payer chosen: {payer_name(event.payer)}."
        case Subscribed():
            together = event.sign_in is SignIn.PRACTICE_AND_CLIENT
            return (
                f"Subscribed to {services(event.services, catalogue)};"
                f" {payer_name(event.payer)} pays,"
                f" {'both sign in' if together else 'only the practice signs in'}."
            )
        case ServiceAdded():
            added = service_name(event.service.code, catalogue)
            return f"Service added: {added}.{_asks(event.direct_debit)}"
        case ServiceRemoved():
            return f"Service removed: {service_name(event.service, catalogue)}."
        case AccessGiven():
            return f"Access given, to {event.email}."
        case ActivationResent():
            return f"Activation sent again, {event.activation.times_sent} times in all."
        case EmailChanged():
            again = " A new activation replaces the old." if event.activation else ""
            return f"Address changed to {event.email}.{again}"
        case AccessWithdrawn():
            return "The client's access was withdrawn."
        case Activated():
            return f"Activated.{_asks(event.direct_debit)}"
        case AccessDisabled():
            return "The client's access was disabled."
        case AccessEnabled():
            return "The client's access was enabled."
        case ManagementStopped():
            return f"The practice's access has ended.{_asks(event.direct_debit)}"
        case DirectDebitProvided():
            return "Direct debit details given."
        case ClientClosed():
            return "Client closed; its services ended."
        case ClientReopened():
            return "Client reopened."
        case ClientTransferred():
            return f"Client transferred to practice {event.practice_id}."
        case ClientDeleted():
            return "Client deleted, with every personal detail."
        case PracticeInvited():
            return f"Practice invited: {event.practice_id}."
        case PracticeInvitationWithdrawn():
            return "Practice invitation withdrawn."
        case PracticeInvitationAccepted():
            return "Practice invitation accepted."
        case PracticeInvitationDeclined():
            return "Practice invitation declined."
        case ContactDetailsChanged():
            return "Contact details changed."
        case BusinessNameChanged():
            return f"Business name changed to {event.business_name}."
        case _:
            assert_never(event)


def _asks(owed: DirectDebit | None) -> str:
    return f" Direct debit details are asked for{_by(owed.due)}." if owed else ""


def recipient(to: Recipient) -> str:
    """Return where a notice goes."""
    match to:
        case ToAddress():
            return str(to.email)
        case ToClientService():
            return "the client, in its service"
        case ToPractice():
            return "the practice"
        case AtSignIn():
            return "the client, at sign-in"
        case _:
            assert_never(to)


def told(notice: Notice) -> str:
    """Return the content of a notice, in a sentence."""
    match notice:
        case ActivationEmail():
            return f"activate your account by {day(notice.expires_at)}; {_paid_by(notice)}."
        case ServiceChangedEmail():
            there = "is there" if notice.added else "is no longer there"
            return f"{notice.service_name} {there} at your next sign-in."
        case AccessWithdrawnEmail():
            return "your practice has withdrawn your access."
        case EmailReplaced():
            return "your address was changed; contact Customer Services if it was not you."
        case PracticeLeft():
            due = _by(notice.direct_debit_due)
            asks = f"; enter your direct debit details{due}" if notice.direct_debit_asked else ""
            return f"the practice no longer has access{asks}."
        case AccessEnded():
            return f"your access to {notice.business_name} has ended."
        case DoneForPractice():
            return f"Customer Services {ACTS[notice.act].format(notice.business_name)}."
        case BusinessNameReplaced():
            return f"your business name is now {notice.business_name}."
        case PracticeReplaced():
            before, after = notice.from_practice_id, notice.to_practice_id
            return f"{notice.business_name} was transferred from {before} to {after}."
        case InvitationAnswered():
            return f"the practice {'accepted' if notice.accepted else 'declined'} your invitation."
        case PracticeInvoiceChanged() | ClientInvoiceChanged():
            before = money(total_of(notice.before), notice.currency)
            after = invoice_lines(notice.after, notice.currency)
            return f"next invoice, for this client: {before} → {after}."
        case AccessRemoved():
            return "your practice has removed your access; contact it."
        case DirectDebitNeeded():
            return f"enter your direct debit details{_by(notice.due)}."
        case ActivationEnding():
            return f"the activation of {notice.business_name} ends on {day(notice.ends_at)}."
        case DirectDebitDue():
            return f"enter your direct debit details{_by(notice.ends_at)}, to sign in after that."
        case _:
            assert_never(notice)


def _paid_by(notice: ActivationEmail) -> str:
    total = notice.monthly_total
    amount = "" if total is None else f" {money(total, notice.currency)} a month"
    what = f" for {listed(notice.services)}" if notice.services else ""
    return f"{payer_name(notice.payer)} pays{amount}{what}"


def _by(due: datetime | None) -> str:
    return f" by {day(due)}" if due else ""


def problem(found: Problem) -> str:
    """Return what is wrong, with the row and the column."""
    where = f"Row {found.row}, {found.column}" if found.column else f"Row {found.row}"
    return f"{where}: {found.message}"


def imported(counts: Mapping[ImportResult, int]) -> str:
    """Return how many rows of a file were imported, and how many were not."""
    rows = sum(counts.values())
    parts = [
        f"{counts[result]:,} {result.value.replace('_', ' ')}"
        for result in ImportResult
        if counts[result]
    ]
    noun = "row" if rows == 1 else "rows"
    return f"{rows:,} {noun}: {listed(parts)}." if rows else "The file has no rows."


def interrupted(last_row: int, counts: Mapping[ImportResult, int]) -> str:
    """Return how far an import came, and what to do next."""
    came = f"after row {last_row:,}. {imported(counts)}" if last_row else "before the first row."
    return (
        f"Interrupted {came} Import the file again to go on: what was imported is saved, and no"
        " client is added twice."
    )
