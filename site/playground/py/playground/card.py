"""What the page shows of one client: its card, its history, its notices and its sign-in."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from client_access import (
    ActivationEmail,
    Catalogue,
    Client,
    ClientKind,
    CommandRefused,
    HeldService,
    Invoice,
    Notice,
    Opening,
    PracticeUser,
    ServiceSetup,
    Status,
    ToAddress,
    WayOut,
    deadlines_of,
    mailto,
    opening_of,
    sign_in_of,
    undelivered_activation,
)
from client_access.cli import words
from client_access.questions.deadlines import DeadlineKind
from client_access.questions.sign_in import readable
from client_access.rendering import moment, render
from playground import asking
from playground.naming import in_words, practice_name
from playground.refusing import refusal, way_out
from playground.session import LINKS, PORTAL, Session

_KINDS = {ClientKind.BUSINESS: "Business", ClientKind.INDIVIDUAL: "Individual"}


def shown(session: Session, client: Client, practice_id: str) -> dict[str, object]:
    """Return everything about a client, and what a practice may see of it."""
    return {
        **_facts(session, client),
        "list": _list(client, practice_id),
        "hidden": _hidden(client, practice_id),
        "actions": asking.actions(session, client, practice_id),
        "history": _history(session, client),
        "notices": _notices(session, client),
        "invoice": _own_invoice(session, client),
        "sign_in": _sign_in(session, client),
        "openings": _openings(session, client, practice_id),
    }


# ── The card ─────────────────────────────────────────────────────────────────────────────────────


def _facts(session: Session, client: Client) -> dict[str, object]:
    catalogue, invited = session.catalogue, client.practice_invitation
    return {
        "id": str(client.id),
        "version": client.version,
        "name": client.business_name or "Deleted client",
        "kind": _KINDS[client.kind],
        "status": client.status.value,
        "label": client.label,
        "email": client.email.address if client.email.is_mailable else None,
        "placeholder": None if client.email.is_mailable else client.email.address,
        "mailto": mailto(client),
        "contact": {
            "name": client.contact.name,
            "phone": client.contact.phone,
            "address": client.contact.address,
        },
        "source": words.SOURCES[client.source],
        "practice": None if client.practice_id is None else practice_name(client.practice_id),
        "invited": None if invited is None else practice_name(invited.practice_id),
        "payer": None if client.payer is None else client.payer.value,
        "payer_words": words.payer_name(client.payer),
        "settled": client.payer_locked,
        "services": [_service(held, catalogue) for held in client.services],
        "total": words.money(_price(client, catalogue), catalogue.currency),
        "activation": _activation(client, session.now),
        "advice": [way_out(each) for each in _advice(client)],
        "direct_debit": _direct_debit(client),
        "deadline": _deadline(client),
        "been": sorted({change.after.status.value for _, change in session.changes[client.id]}),
    }


def _service(held: HeldService, catalogue: Catalogue) -> dict[str, object]:
    service = catalogue.held(held.code)
    return {
        "code": held.code,
        "name": service.name,
        "price": words.money(service.monthly_price, catalogue.currency),
        "setup": None if held.setup is None else _setup(held.setup),
        "capabilities": list(service.capabilities),
    }


def _setup(setup: ServiceSetup) -> str:
    parts = [f"VAT: {in_words(setup.vat_scheme.value).lower()}"]
    if setup.vat_number:
        parts.append(setup.vat_number)
    if setup.accounts_start:
        parts.append(f"accounts from {setup.accounts_start.isoformat()}")
    return ", ".join(parts)


def _price(client: Client, catalogue: Catalogue) -> Decimal:
    return sum((catalogue.held(each.code).monthly_price for each in client.services), Decimal(0))


def _activation(client: Client, now: datetime) -> dict[str, object]:
    sent = client.activation
    if sent is not None:
        ended = sent.expires_at <= now
        times = "once" if sent.times_sent == 1 else f"{sent.times_sent} times"
        state = "expired" if ended else "pending"
        ends = "Ended" if ended else "Ends"
        text = f"Sent {times}, last on {moment(sent.sent_at)}. {ends} {moment(sent.expires_at)}."
    elif client.activated:
        state, text = "used", "The client has a sign-in of its own."
    else:
        state, text = "none", "Nothing has been sent, and the client cannot sign in."
    return {"state": state, "text": text}


def _advice(client: Client) -> tuple[WayOut, ...]:
    if client.practice_id is None:
        return ()
    return undelivered_activation(client, PracticeUser(client.practice_id))


def _direct_debit(client: Client) -> dict[str, object] | None:
    if client.direct_debit is not None:
        due = client.direct_debit.due
        by = "" if due is None else f", by {moment(due)}"
        return {"state": "owed", "text": f"The client is asked for direct debit details{by}."}
    if client.direct_debit_given:
        return {"state": "given", "text": "The client has given direct debit details."}
    return None


def _deadline(client: Client) -> dict[str, object] | None:
    for deadline in deadlines_of(client):
        ends = deadline.kind is DeadlineKind.ACTIVATION_ENDS
        what = "The activation ends" if ends else "Sign-in closes until direct debit is given"
        return {"what": what, "at": deadline.at.isoformat()}
    return None


def _list(client: Client, practice_id: str) -> str | None:
    """Return which of a practice's lists has the client."""
    listing = client.listing
    ours = listing is not None and listing.practice_id == practice_id
    return listing.client_list.value if listing is not None and ours else None


def _hidden(client: Client, practice_id: str) -> str | None:
    """Return why a practice would not see this card, or None."""
    try:
        readable(client, PracticeUser(practice_id))
    except CommandRefused as refused:
        invited = client.practice_invitation
        if invited is not None and invited.practice_id == practice_id:
            return (
                f"{practice_name(practice_id)} sees only the name until it accepts (C3)."
                " You see the rest as Customer Services would."
            )
        return (
            f"For {practice_name(practice_id)}: {refused.refusal.message} (C3)"
            " You see it as Customer Services would."
        )
    return None


# ── What happened ────────────────────────────────────────────────────────────────────────────────


def _history(session: Session, client: Client) -> list[object]:
    return [
        {
            "version": change.event.version,
            "at": moment(at),
            "by": words.actor(change.event.by),
            "what": words.happened(change.event, session.catalogue),
            "event": type(change.event).__name__,
            "told": len(change.notices),
        }
        for at, change in session.changes[client.id]
        if change.event is not None
    ]


def _notices(session: Session, client: Client) -> list[object]:
    return [
        {"id": str(notice.id), "at": moment(at), "moment": at.isoformat(), **_text(notice)}
        for at, notice in session.notices(client.id)
    ]


def _text(notice: Notice) -> dict[str, object]:
    """Return a notice as its recipient gets it."""
    text = render(notice, activation_url=LINKS.url(PORTAL), practice_name=practice_name)
    return {
        "kind": type(notice).__name__,
        "to": words.recipient(notice.recipient),
        "by_email": isinstance(notice.recipient, ToAddress),
        "link": isinstance(notice, ActivationEmail),
        "subject": text.subject,
        "text": text.text,
        "html": text.html,
    }


def _own_invoice(session: Session, client: Client) -> dict[str, object] | None:
    if client.status is Status.DELETED:
        return None
    invoice = session.access.next_invoice_of_client(client.id)
    return _lines(invoice)


def _lines(invoice: Invoice) -> dict[str, object]:
    lines: list[object] = [
        {
            "service": line.service_name,
            "price": words.money(line.monthly_price, invoice.currency),
        }
        for line in invoice.lines
    ]
    return {"lines": lines, "total": words.money(invoice.total, invoice.currency)}


# ── Sign-in and opening ──────────────────────────────────────────────────────────────────────────


def _sign_in(session: Session, client: Client) -> dict[str, object]:
    decision = sign_in_of(client, at=session.now)
    return {
        "allowed": decision.allowed,
        "refusal": None if decision.refusal is None else refusal(decision.refusal),
        "prompts": [_text(prompt) for prompt in decision.prompts],
    }


def _openings(session: Session, client: Client, practice_id: str) -> dict[str, object]:
    at, catalogue = session.now, session.catalogue
    return {
        name: _opening(opening_of(client, by, at=at, catalogue=catalogue))
        for name, by in asking.actors(client.id, practice_id).items()
    }


def _opening(opening: Opening) -> dict[str, object]:
    services: list[object] = [
        {"name": each.name, "capabilities": list(each.capabilities)} for each in opening.services
    ]
    return {
        "services": services,
        "refusal": None if opening.refusal is None else refusal(opening.refusal),
    }
