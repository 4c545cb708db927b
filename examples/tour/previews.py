"""The "check your information" step: what a command would change, in a few facts (S2)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime

from client_access import Catalogue, Change, Client
from client_access.cli import words
from client_access.questions.consequences import Standing, consequences_of


def differences(change: Change, catalogue: Catalogue, *, at: datetime) -> Iterator[tuple[str, str]]:
    """Yield what a change alters, what cannot be undone, and who would be told."""
    expected = consequences_of(change, at=at, catalogue=catalogue)
    if change.before is not None:
        for name, text in _OF_CLIENT:
            before, after = text(change.before, catalogue), text(change.after, catalogue)
            if before != after:
                yield name, f"{before} → {after}"
        for name, shown in _OF_STANDING:
            before, after = shown(expected.before), shown(expected.after)
            if before != after:
                yield name, f"{before} → {after}"
    for irreversible in expected.cannot_be_undone:
        yield "for good", irreversible.sentence
    if change.notices:
        told = dict.fromkeys(words.recipient(notice.recipient) for notice in change.notices)
        yield "will be told", "; ".join(told)


def _services(client: Client, catalogue: Catalogue) -> str:
    return words.services(client.services, catalogue)


def _address(client: Client, _: Catalogue) -> str:
    return str(client.email) if client.email.is_mailable else "none"


def _signs_in(standing: Standing) -> str:
    return "yes" if standing.client_signs_in else "no"


def _cost(standing: Standing) -> str:
    invoice = standing.invoice
    if invoice is None:
        return f"unknown: there is no price for {words.listed(standing.unpriced)}"
    return words.invoice_lines(invoice.lines, invoice.currency)


_OF_CLIENT: tuple[tuple[str, Callable[[Client, Catalogue], str]], ...] = (
    ("status", lambda client, _: client.label),
    ("services", _services),
    ("address", _address),
)
_OF_STANDING: tuple[tuple[str, Callable[[Standing], str]], ...] = (
    ("signs in", _signs_in),
    ("who pays", lambda standing: words.payer_name(standing.payer)),
    ("a month", _cost),
)
