"""Writes every letter to a folder, as HTML and plain text, to look at.

    python docs/letters.py [folder]

The folder is `build/letters` unless another is named. `index.html` shows all of them.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from html import escape
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

import client_access as ca
from client_access.notices import NOTICE_NAMES
from client_access.rendering import Letterhead, RenderedNotice, render

ROOT = Path(__file__).parents[1]
BAKERY = UUID("7e3c1a52-9d84-4b0f-8c61-2f5d9b7a4e10")
ACTIVATION = UUID("1b0d6f3e-52a7-4c7e-9a38-60d2c4e8f715")
NAME = "Harbour Bakery Ltd"
PRACTICES = {"north": "North & Partners", "south": "South Street Accounting"}
LETTERHEAD = Letterhead(
    colour="#0b6b57",
    footer="Client access for accountants and their clients\nhelp@accounts.example.com",
    sign_in_url="https://accounts.example.com/sign-in",
)

_AT = datetime(2026, 1, 5, 9, tzinfo=UTC)
_END = _AT + timedelta(days=30)
_MAIL = ca.ToAddress(ca.EmailAddress("office@harbour-bakery.example.com"))
_PRACTICE = ca.ToPractice("north")
_SERVICE = ca.ToClientService(BAKERY)
_SCREEN = ca.AtSignIn(BAKERY)
_PLACES = {
    ca.ToAddress: "email",
    ca.ToPractice: "to the practice",
    ca.ToClientService: "in the client's service",
    ca.AtSignIn: "at sign-in",
}


def _line(service: str, name: str, price: str) -> ca.InvoiceLine:
    return ca.InvoiceLine(BAKERY, NAME, service, name, Decimal(price))


_BOOKS = _line("accounting", "Accounting", "1204.50")
_PAYROLL = _line("payroll", "Payroll", "7.50")
_RETURNS = _line("vat", "VAT returns every quarter", "12.00")

_INVITES = ca.ActivationEmail(
    BAKERY,
    2,
    _MAIL,
    NAME,
    practice_id="north",
    activation_id=ACTIVATION,
    expires_at=_END,
    times_sent=1,
    payer=ca.Payer.CLIENT,
    services=("Accounting", "Payroll"),
    monthly_total=Decimal("1212.00"),
    currency="GBP",
)
_PAID_FOR = ca.ActivationEmail(
    BAKERY,
    3,
    _MAIL,
    NAME,
    practice_id="north",
    activation_id=ACTIVATION,
    expires_at=_END,
    times_sent=2,
    payer=ca.Payer.PRACTICE,
    services=("Accounting", "Payroll"),
    monthly_total=None,
    currency="GBP",
)


def _notices() -> Iterator[ca.Notice]:
    """Yield every kind of notice, in the order of rules §9, and every wording of it."""
    yield _INVITES
    yield _PAID_FOR
    for added in (True, False):
        yield ca.ServiceChangedEmail(
            BAKERY, 5, _MAIL, NAME, service="payroll", service_name="Payroll", added=added
        )
    yield ca.AccessWithdrawnEmail(BAKERY, 6, _MAIL, NAME, practice_id="north")
    yield ca.EmailReplaced(BAKERY, 6, _MAIL, NAME)
    for asked, due in ((True, _END), (True, None), (False, None)):
        yield ca.PracticeLeft(
            BAKERY,
            7,
            _SERVICE,
            NAME,
            practice_id="north",
            direct_debit_asked=asked,
            direct_debit_due=due,
        )
    yield ca.AccessEnded(BAKERY, 7, _PRACTICE, NAME)
    for act in ca.PlatformAct:
        yield ca.DoneForPractice(BAKERY, 8, _PRACTICE, NAME, act=act)
    yield ca.BusinessNameReplaced(BAKERY, 8, _SERVICE, NAME)
    for recipient in (_PRACTICE, _SERVICE):
        yield ca.PracticeReplaced(
            BAKERY, 9, recipient, NAME, from_practice_id="north", to_practice_id="south"
        )
    for accepted in (True, False):
        yield ca.InvitationAnswered(
            BAKERY, 9, _SERVICE, NAME, practice_id="north", accepted=accepted
        )
    yield ca.PracticeInvoiceChanged(
        BAKERY,
        4,
        _PRACTICE,
        NAME,
        before=(_BOOKS, _RETURNS),
        after=(_BOOKS, _PAYROLL),
        currency="GBP",
    )
    yield ca.ClientInvoiceChanged(
        BAKERY, 4, _SERVICE, NAME, before=(), after=(_BOOKS, _PAYROLL), currency="EUR"
    )
    for practice_id in ("north", None):
        yield ca.AccessRemoved(BAKERY, 5, _SCREEN, NAME, practice_id=practice_id)
    for due in (_END, None):
        yield ca.DirectDebitNeeded(BAKERY, 7, _SCREEN, NAME, due=due)
    for reader in (_MAIL, _PRACTICE):
        yield ca.ActivationEnding(
            BAKERY,
            2,
            reader,
            NAME,
            practice_id="north",
            activation_id=ACTIVATION,
            ends_at=_END,
            remind_at=_END - timedelta(days=7),
        )
    yield ca.DirectDebitDue(
        BAKERY, 7, _MAIL, NAME, ends_at=_END, remind_at=_END - timedelta(days=7)
    )


class Letter(NamedTuple):
    """A notice in words: the name of its files, its kind, and where its reader finds it."""

    name: str
    kind: str
    place: str
    words: RenderedNotice


def letters() -> Iterator[Letter]:
    """Yield every letter."""
    for number, notice in enumerate(_notices(), start=1):
        words = render(
            notice,
            activation_url=_activation_url,
            practice_name=PRACTICES.__getitem__,
            letterhead=LETTERHEAD,
        )
        kind = NOTICE_NAMES[type(notice)]
        name = f"{number:02}-{kind.replace('_', '-')}"
        yield Letter(name, kind, _PLACES[type(notice.recipient)], words)


def _activation_url(client_id: UUID, activation_id: UUID) -> str:
    """Return a link of the length that `client_access.links` makes; its token is no real one."""
    return f"https://accounts.example.com/activate#{client_id.hex}.{activation_id.hex}.example"


PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }}
body {{ max-width: 40rem; margin: 0 auto; padding: 1rem; }}
h1 {{ font-size: 1.375rem; line-height: 1.3; }}
h2 {{ font-size: 1.125rem; margin: 3rem 0 0; }}
iframe {{ width: 100%; height: 32rem; border: 1px solid #9aa1ab; }}
pre {{ overflow: auto; border: 1px solid #9aa1ab; padding: 1rem; font-size: 0.875rem; }}
</style>
</head>
<body>
<main>
<h1>{title}</h1>
{body}
</main>
</body>
</html>
"""


def write(folder: Path) -> list[Letter]:
    """Write every letter and the index to a folder, and return the letters."""
    folder.mkdir(parents=True, exist_ok=True)
    written = list(letters())
    for letter in written:
        html, subject = letter.words.html, escape(letter.words.subject)
        if letter.place != "email":  # a fragment, for a page of the host
            html = PAGE.format(title=subject, body=html)
        (folder / f"{letter.name}.html").write_text(html, encoding="utf-8")
        text = f"{letter.words.subject}\n\n{letter.words.text}"
        (folder / f"{letter.name}.txt").write_text(text, encoding="utf-8")
    shown = "".join(
        f"<h2>{escape(letter.words.subject)}</h2>\n"
        f"<p><code>{letter.kind}</code>, {letter.place}:"
        f' <a href="{letter.name}.html">HTML</a>, <a href="{letter.name}.txt">plain text</a></p>\n'
        f'<iframe src="{letter.name}.html" title="{escape(letter.words.subject)}"'
        ' loading="lazy"></iframe>\n'
        f"<details><summary>Plain text</summary><pre>{escape(letter.words.text)}</pre></details>\n"
        for letter in written
    )
    index = PAGE.format(title="Every letter", body=shown)
    (folder / "index.html").write_text(index, encoding="utf-8")
    return written


if __name__ == "__main__":
    into = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "build" / "letters"
    print(f"{len(write(into))} letters in {into}")
