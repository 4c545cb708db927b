"""The texts of notices: every kind, in English and in own words, with any name."""

from __future__ import annotations

import re
import smtplib
import socket
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import world
from attrs import evolve
from every_notice import notices
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import BaseLoader, DictLoader, FileSystemLoader, FunctionLoader
from jinja2.utils import urlize
from markupsafe import Markup
from world import CATALOGUE, CLIENT_ID, FIRST, NORTH, T0

import client_access as ca
from client_access import rendering
from client_access.links import ActivationLinks
from client_access.notices import NOTICES
from client_access.rendering import (
    Letterhead,
    RenderedNotice,
    Templates,
    moment,
    money,
    render,
)
from client_access.rendering.letterhead import luminance
from client_access.rendering.outside import unlinked
from docs import letters

LINKS = ActivationLinks(["0123456789abcdef0123456789abcdef"])
URL = LINKS.url("https://app.example.com/activate#")
DUE = datetime(2026, 2, 4, 9, 30, 59, tzinfo=UTC)
MAIL = ca.ToAddress(ca.EmailAddress(FIRST))
IN_SERVICE, TO_PRACTICE = ca.ToClientService(CLIENT_ID), ca.ToPractice("north")
AT_SIGN_IN = ca.AtSignIn(CLIENT_ID)
START = ca.InvoiceLine(CLIENT_ID, "Acme", "start", "Start", Decimal("6.00"))
BOOKS = ca.InvoiceLine(
    CLIENT_ID, "Acme", "books", "Books for a business of some size…", Decimal("10.00")
)
PAYROLL = ca.InvoiceLine(CLIENT_ID, "Acme", "payroll", "Payroll & more", Decimal("1205.5"))

ACTIVATION = ca.ActivationEmail(
    CLIENT_ID,
    2,
    MAIL,
    "Acme",
    practice_id="north",
    activation_id=world.FIRST_ACTIVATION,
    expires_at=DUE,
    times_sent=1,
    payer=ca.Payer.CLIENT,
    services=("Payroll & more", "Start"),
    monthly_total=Decimal("1211.5"),
    currency="GBP",
)
PRACTICE_PAYS = evolve(ACTIVATION, payer=ca.Payer.PRACTICE, monthly_total=None)
ADDED = ca.ServiceChangedEmail(
    CLIENT_ID, 3, MAIL, "Acme", service="payroll", service_name="Payroll & more", added=True
)
ENDED = ca.AccessEnded(CLIENT_ID, 5, TO_PRACTICE, "Acme")
REPLACED = ca.PracticeReplaced(
    CLIENT_ID, 5, TO_PRACTICE, "Acme", from_practice_id="north", to_practice_id="south"
)
ENDING = ca.ActivationEnding(
    CLIENT_ID,
    2,
    MAIL,
    "Acme",
    practice_id="north",
    activation_id=world.FIRST_ACTIVATION,
    ends_at=DUE,
    remind_at=T0,
)
LEFT = ca.PracticeLeft(
    CLIENT_ID,
    4,
    IN_SERVICE,
    "Acme",
    practice_id="north",
    direct_debit_asked=True,
    direct_debit_due=DUE,
)
INVOICE = ca.PracticeInvoiceChanged(
    CLIENT_ID,
    3,
    TO_PRACTICE,
    "Acme",
    before=(),
    after=(PAYROLL, START),
    currency="GBP",
)
REPLACED_EMAIL = ca.EmailReplaced(CLIENT_ID, 5, MAIL, "Acme")
DIRECT_DEBIT_DUE = ca.DirectDebitDue(CLIENT_ID, 5, MAIL, "Acme", ends_at=DUE, remind_at=T0)
EVERY: tuple[ca.Notice, ...] = (
    ACTIVATION,
    evolve(ACTIVATION, times_sent=2),
    PRACTICE_PAYS,
    evolve(PRACTICE_PAYS, services=()),
    ENDING,
    evolve(ENDING, recipient=TO_PRACTICE),
    ADDED,
    evolve(ADDED, added=False),
    ca.AccessWithdrawnEmail(CLIENT_ID, 5, MAIL, "Acme", practice_id="north"),
    REPLACED_EMAIL,
    LEFT,
    evolve(LEFT, direct_debit_due=None),
    evolve(LEFT, direct_debit_asked=False, direct_debit_due=None),
    ENDED,
    *(ca.DoneForPractice(CLIENT_ID, 5, TO_PRACTICE, "Acme", act=act) for act in ca.PlatformAct),
    ca.BusinessNameReplaced(CLIENT_ID, 5, IN_SERVICE, "Acme"),
    REPLACED,
    evolve(REPLACED, recipient=IN_SERVICE),
    ca.InvitationAnswered(CLIENT_ID, 5, IN_SERVICE, "Acme", practice_id="north", accepted=True),
    ca.InvitationAnswered(CLIENT_ID, 5, IN_SERVICE, "Acme", practice_id="north", accepted=False),
    INVOICE,
    evolve(INVOICE, before=(START,), after=()),
    ca.ClientInvoiceChanged(
        CLIENT_ID, 5, IN_SERVICE, "Acme", before=(START,), after=(PAYROLL, START), currency="EUR"
    ),
    ca.AccessRemoved(CLIENT_ID, 5, AT_SIGN_IN, "Acme", practice_id="north"),
    ca.AccessRemoved(CLIENT_ID, 5, AT_SIGN_IN, "Acme", practice_id=None),
    ca.DirectDebitNeeded(CLIENT_ID, 5, AT_SIGN_IN, "Acme", due=DUE),
    ca.DirectDebitNeeded(CLIENT_ID, 5, AT_SIGN_IN, "Acme", due=None),
    DIRECT_DEBIT_DUE,
)


def in_words(notice: ca.Notice, **more: Any) -> RenderedNotice:
    return render(notice, **{"activation_url": URL, "practice_name": lambda _: "North & Co"} | more)


class Reader(HTMLParser):
    """Parses HTML: the visible text, the tags and the links."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.text, self.tags, self.open, self.links = "", set[str](), list[str](), list[str]()
        self.styles = list[str]()
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        if tag not in ("meta", "br"):
            self.open.append(tag)
        self.links += [value or "" for name, value in attributes if name == "href"]
        self.styles += [value or "" for name, value in attributes if name in ("style", "bgcolor")]
        assert not any(name.startswith("on") for name, _ in attributes)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not {"title", "style"} & set(self.open):
            self.text += data


def words(text: str) -> str:
    return " ".join(re.sub(r"[-:.]", " ", text).split())


# ── Every kind ───────────────────────────────────────────────────────────────────────────────────


def test_every_kind_is_here() -> None:
    assert {type(notice) for notice in EVERY} == set(NOTICES.values())


def test_every_kind_has_both_its_templates() -> None:
    """The directory has no template that no notice uses."""
    directory = Path(rendering.__file__).parent / "templates"
    assert {path.name for path in directory.iterdir()} == {
        "email.html",
        "email.txt",
        "button.html",
        "invoice_lines.txt",
        "invoice_lines.html",
        *(f"{kind}.{form}" for kind in NOTICES for form in ("txt", "html")),
    }


@pytest.mark.parametrize("notice", EVERY, ids=lambda notice: type(notice).__name__)
def test_a_notice_reads_well(notice: ca.Notice) -> None:
    rendered = in_words(notice)
    assert rendered.subject
    assert rendered.subject == rendered.subject.strip()
    assert len(rendered.subject) <= 70
    assert not re.search(r"[{}]|None|True|False|\n\n\n|[^\S\n]$", rendered.text, re.MULTILINE)
    assert rendered.text.endswith("\n")
    assert not rendered.text.startswith("\n")
    for line in rendered.text.splitlines():
        assert len(line) <= 72 or line.startswith("https://")
    html = Reader(rendered.html)
    assert ("html" in html.tags) == isinstance(notice.recipient, ca.ToAddress)
    assert not re.search(r"[{}]|None|True|False", html.text)
    for part in (rendered.subject + rendered.text, html.text):
        assert "Acme" in part or "your data" in part


@pytest.mark.parametrize("notice", EVERY, ids=lambda notice: type(notice).__name__)
def test_text_and_html_say_the_same(notice: ca.Notice) -> None:
    rendered = in_words(notice)
    text, html = words(rendered.text), words(Reader(rendered.html).text)
    for kept in (
        "North & Co",
        "4 February 2026, 09 30 UTC",
        "£1,211 50",
        "EUR 6 00",
        "did not expect",
        "Total a month",
        "Customer",
        "Payroll & more",
        "sent again",
        "next sign in",
    ):
        assert (kept in text) == (kept in html), kept


def test_the_activation_email() -> None:
    rendered = in_words(ACTIVATION)
    assert rendered.subject == "North & Co invites Acme to sign in"
    link = "https://app.example.com/activate#" + LINKS.token(CLIENT_ID, world.FIRST_ACTIVATION)
    assert f"\n\n{link}\n\n" in rendered.text
    assert "valid until 4 February 2026, 09:30 UTC" in rendered.text
    assert Reader(rendered.html).links == [link, link]
    assert "sent again" not in rendered.text
    again = in_words(evolve(ACTIVATION, times_sent=3))
    assert "sent again" in again.text
    assert "sent again" in again.html


def test_an_activation_email_says_who_pays_for_what() -> None:
    """§9: who pays, the services, and the total a month if the client is to pay."""
    by_client, by_practice = in_words(ACTIVATION), in_words(PRACTICE_PAYS)
    for rendered in (by_client, by_practice):
        assert "Your services:\n- Payroll & more\n- Start\n" in rendered.text
        assert ">Payroll &amp; more</td>" in rendered.html
    assert "- Start\nTotal a month: £1,211.50\n\nYou pay for your services" in by_client.text
    assert ">£1,211.50</td>" in by_client.html
    assert "North & Co pays for your services.\n" in by_practice.text
    assert "a month" not in by_practice.text
    assert "Your services:" not in in_words(evolve(PRACTICE_PAYS, services=())).text


def test_a_reminder_has_a_fresh_link_of_the_same_activation() -> None:
    """N1: the client's has a link and the same end; the practice's has no link (E6)."""
    rendered = in_words(ENDING)
    link = URL(CLIENT_ID, world.FIRST_ACTIVATION)
    assert f"\n\n{link}\n\n" in rendered.text
    assert Reader(rendered.html).links == [link, link]
    assert "valid until 4 February 2026, 09:30 UTC" in rendered.text
    to_practice = in_words(evolve(ENDING, recipient=TO_PRACTICE))
    assert "https://" not in to_practice.text + to_practice.html
    assert "4 February 2026, 09:30 UTC" in to_practice.text


def test_a_transfer_names_both_practices() -> None:
    """L11, §9: from whom to whom."""
    rendered = in_words(REPLACED, practice_name={"north": "North & Co", "south": "South"}.get)
    assert rendered.subject == "Acme was transferred to South"
    assert "from North & Co to South." in rendered.text


def test_each_act_of_the_platform_has_words_of_its_own() -> None:
    """L7, §9: the practice reads what was done."""
    acts = [
        in_words(ca.DoneForPractice(CLIENT_ID, 5, TO_PRACTICE, "Acme", act=act))
        for act in ca.PlatformAct
    ]
    for parts in zip(*((act.subject, act.text, act.html) for act in acts), strict=True):
        assert len(set(parts)) == len(ca.PlatformAct)


def test_a_new_name_is_shown() -> None:
    """D2, §9: the client reads its new name."""
    rendered = in_words(ca.BusinessNameReplaced(CLIENT_ID, 5, IN_SERVICE, "Bolt"))
    assert rendered.subject == "Your business name is now Bolt"
    assert "It is now Bolt." in rendered.text


def test_an_invoice_shows_each_line_before_and_now_in_columns() -> None:
    """S3: what the client's services cost before and now, the totals below."""
    notice = evolve(INVOICE, before=(START, BOOKS), after=(PAYROLL, START))
    rendered = in_words(notice)
    assert rendered.subject == "Your next invoice for Acme: £1,211.50 a month"
    assert (
        "\n"
        "Service                                   Before           Now\n"
        "Start                                      £6.00         £6.00\n"
        "Books for a business of some size…\n"
        "                                          £10.00             –\n"
        "Payroll & more                                 –     £1,205.50\n"
        "Total a month                             £16.00     £1,211.50\n"
        "\n"
    ) in rendered.text
    rows = [
        re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row)
        for row in re.findall(r"<tr.*?</tr>", rendered.html)
    ]
    assert rows == [
        ["Service", "Before", "Now"],
        ["Start", "£6.00", "£6.00"],
        ["Books for a business of some size…", "£10.00", "–"],
        ["Payroll &amp; more", "–", "£1,205.50"],
        ["Total a month", "£16.00", "£1,211.50"],
    ]
    for figure in re.findall(r"<td[^>]*>", rendered.html):
        assert "text-align: right" in figure
        assert "tabular-nums" in figure


def test_lines_that_an_invoice_has_twice_are_all_shown() -> None:
    """A notice that was stored may hold two lines of one service; neither is lost."""
    notice = evolve(
        INVOICE, before=(START, START), after=(evolve(START, monthly_price=Decimal(7)),)
    )
    text = in_words(notice).text
    assert re.findall(r"^Start +(.*)$", text, re.MULTILINE) == [
        "£6.00         £7.00",
        "£6.00             –",
    ]


def test_every_notice_of_a_lifecycle_can_be_rendered() -> None:
    """Every notice of every command on every client, every prompt, every reminder (rules §9)."""
    assert {type(notice) for notice in notices()} == set(NOTICES.values())
    for notice in notices():
        assert in_words(notice).subject


# ── Hostile values ───────────────────────────────────────────────────────────────────────────────

HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</title></body></html>",
    "{{ 7 * 7 }}{% include 'email.html' %}{# gone #}",
    "{{ self.__init__.__globals__ }}",
    "Acme%0D%0ABcc: all@example.com",
    "&lt;b&gt; &amp; <b>",
    "Ærø & Søn ⚓ 株式会社",
    "' or \" or ` or \\",
)


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("notice", EVERY, ids=lambda notice: type(notice).__name__)
def test_a_hostile_name_is_only_text(notice: ca.Notice, name: str) -> None:
    plain = Reader(in_words(notice).html)
    rendered = in_words(evolve(notice, business_name=name), practice_name=lambda _: name)
    read = Reader(rendered.html)
    assert read.tags == plain.tags
    assert read.links == plain.links
    assert unlinked(name) in read.text
    assert unlinked(name) in " ".join(rendered.text.split()) or unlinked(name) in rendered.subject
    assert "49" not in read.text.replace("1,249", "")


@pytest.mark.parametrize("end", ["\n", "\r", "\r\n", "\x0b", "\x0c", "\x1c", "\x85", "\u2028"])
def test_no_name_has_a_line_break(end: str) -> None:
    with pytest.raises(ca.InvalidValue):
        evolve(ACTIVATION, business_name=f"Acme{end}Bcc: all@example.com")
    with pytest.raises(ca.InvalidValue) as caught:
        in_words(ACTIVATION, practice_name=lambda _: f"North{end}Bcc: all@example.com")
    assert caught.value.field == "practice_name"


@pytest.mark.parametrize(
    "end", ["\n", "\r", "\r\n", "\x0b", "\x0c", "\x1c", "\x85", "\u2028", "\0"]
)
def test_a_subject_is_one_line_whatever_a_template_does(end: str) -> None:
    templates = Templates(
        DictLoader({"access_ended.txt": "Ended{{ '' | nasty }}Bcc: all@example.com\n\nText"}),
        filters={"nasty": lambda _: end},
    )
    subject = in_words(ENDED, templates=templates).subject
    message = EmailMessage()
    message["Subject"] = subject
    assert "Bcc" not in BytesParser(policy=policy.default).parsebytes(message.as_bytes())
    assert not set(subject) & set("\n\r\x0b\x0c\x1c\x85\u2028\0")


@given(st.text(max_size=60))
def test_any_name_that_a_client_can_have_is_escaped(name: str) -> None:
    try:
        notice = evolve(ACTIVATION, business_name=name)
    except ca.InvalidValue:
        return
    rendered = in_words(notice)
    assert unlinked(name) in Reader(rendered.html).text
    assert len(rendered.subject.splitlines()) == 1
    EmailMessage()["Subject"] = rendered.subject


LINKING = (
    "example.com www.evil.example.org http://evil.com/sign-in HTTPS://EVIL.COM //evil.com //evil",
    "mailto:x@evil.com x@evil.com Pay (http://evil.com), or a.b@c.com!",
    "tel:123 192.0.2.1 \\\\evil\\share evil\uff0ecom evil\u3002com http\uff1a//evil x\uff20evil",
)
LINK_LIKE = re.compile(
    r"[a-z][:\uff1a][^\s\u200c]|\w[.\u3002\uff0e\uff61]\w|[@\uff20]\w|//|\\\\", re.IGNORECASE
)


@pytest.mark.parametrize("name", LINKING)
@pytest.mark.parametrize("notice", EVERY, ids=lambda notice: type(notice).__name__)
def test_no_name_becomes_a_link(notice: ca.Notice, name: str) -> None:
    """A mail program makes links of what looks like one; only the link to activate may."""
    named: dict[str, Any] = {"business_name": name}
    if isinstance(notice, ca.ServiceChangedEmail):
        named["service_name"] = name
    if isinstance(notice, ca.ActivationEmail):
        named["services"] = (name,)
    for side in ("before", "after"):
        if lines := getattr(notice, side, ()):
            named[side] = tuple(
                evolve(line, business_name=name, service_name=name) for line in lines
            )
    rendered = in_words(evolve(notice, **named), practice_name=lambda _: name)
    html = Reader(rendered.html)
    assert html.links == Reader(in_words(notice).html).links
    for text in (rendered.subject, rendered.text, html.text):
        own = re.sub(
            r"https://app\.example\.com/\S+|[0-9][0-9,]*\.[0-9]{2}|[0-9]{2}:[0-9]{2}", "", text
        )
        assert LINK_LIKE.search(own) is None
        assert "<a" not in urlize(own)  # a program that makes links
    assert len(LINK_LIKE.findall(name)) >= len(name.split())
    assert text_of(name) in text_of(rendered.subject + rendered.text)


def text_of(shown: str) -> str:
    """Return what a reader sees of a text."""
    return " ".join(shown.replace("\u200c", "").split())


def test_a_name_without_such_characters_stays_as_it_is() -> None:
    """So do dots and colons at the end of a word."""
    for name in ("Acme", "Smith & Co. Ltd.", "No. 1: The Shop", "R\u00e9my"):
        assert unlinked(name) == name
    assert unlinked("J.R. Smith") == "J.\u200cR. Smith"


# ── Links ────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("notice", [ACTIVATION, ENDING])
def test_an_email_to_activate_needs_a_link(notice: ca.Notice) -> None:
    """E6: without a link, the email is of no use."""
    with pytest.raises(ca.InvalidValue, match="is needed") as caught:
        render(notice)
    assert caught.value.field == "activation_url"


def test_no_other_notice_needs_a_link() -> None:
    def never(client_id: UUID, activation_id: UUID) -> str:
        raise AssertionError("only an activation email has a link")

    for notice in EVERY:
        to_practice = isinstance(notice.recipient, ca.ToPractice)
        if to_practice or not isinstance(notice, ca.ActivationEmail | ca.ActivationEnding):
            assert "https://" not in render(notice, activation_url=never).text


@pytest.mark.parametrize(
    "url",
    [
        None,
        b"https://app.example.com/x",
        "",
        "javascript:alert(1)",
        "app.example.com/x",
        "https://app.example.com/x y",
        "https://app.example.com/x\nBcc: all@example.com",
        "https://app.example.com/x\n",
        "https://é.example.com/x",
        "https://[::1/x",
        "https:///x",
    ],
)
def test_a_link_that_is_not_a_web_address_raises(url: Any) -> None:
    with pytest.raises(ca.InvalidValue) as caught:
        render(ACTIVATION, activation_url=lambda *_: url)
    assert caught.value.field == "activation_url"


def test_a_link_is_escaped_in_html_and_unchanged_in_text() -> None:
    url = "https://app.example.com/?a=1&b=\"><script>&t='"
    rendered = render(ACTIVATION, activation_url=lambda *_: url)
    assert url in rendered.text
    read = Reader(rendered.html)
    assert read.links == [url, url]
    assert "script" not in read.tags


def test_markup_from_the_caller_is_escaped_too() -> None:
    """Templates do not escape a `Markup`, but what a host gives is text, never HTML."""
    name = Markup("<img src=x>")
    url = Markup('https://x.example.com/"><script>alert(1)</script>')
    rendered = render(ACTIVATION, practice_name=lambda _: name, activation_url=lambda *_: url)
    read = Reader(rendered.html)
    assert not {"img", "script"} & read.tags
    assert read.links == [str(url)] * 2
    assert str(name) in read.text
    assert str(name) in rendered.subject
    assert type(rendered.subject) is type(rendered.text) is type(rendered.html) is str

    line = ca.InvoiceLine(CLIENT_ID, name, "start", name, Decimal(6))
    invoice = in_words(evolve(INVOICE, business_name=name, after=(line,)))
    assert "img" not in Reader(invoice.html).tags
    assert Reader(invoice.html).text.count(str(name)) == 2  # the client and the service


# ── Who it is from ───────────────────────────────────────────────────────────────────────────────

EMAILS = tuple(notice for notice in EVERY if isinstance(notice.recipient, ca.ToAddress))
HEAD = Letterhead(
    "The Platform",
    colour="#FFdd00",
    footer="1 High Street\nRegistered in England, 01234567",
    sign_in_url="https://app.example.com/sign-in",
)


@pytest.mark.parametrize("notice", EMAILS, ids=lambda notice: type(notice).__name__)
def test_an_email_says_who_it_is_from_and_what_to_do_if_it_was_not_expected(
    notice: ca.Notice,
) -> None:
    """At the top and at the end; its first sentence is the preview in a list of emails."""
    rendered = in_words(notice, letterhead=HEAD)
    read = Reader(rendered.html)
    assert words(read.text).count("The Platform") == 2
    end = "\n\nThe Platform\n1 High Street\nRegistered in England, 01234567\n"
    assert rendered.text.endswith(end)
    assert words(read.text).endswith(words(end))
    for part in (rendered.text, read.text):
        assert re.search(r"If (you did not expect|this was not you)", " ".join(part.split()))
    first = " ".join(rendered.text.partition("\n\n")[0].split())
    assert read.text.strip().startswith(first)


@pytest.mark.parametrize("notice", EMAILS, ids=lambda notice: type(notice).__name__)
def test_an_email_has_one_button_at_most_and_its_address_in_words(notice: ca.Notice) -> None:
    for letterhead in (HEAD, Letterhead()):
        rendered = in_words(notice, letterhead=letterhead)
        read = Reader(rendered.html)
        assert len(read.links) in (0, 2)
        assert len(set(read.links)) <= 1
        for link in set(read.links):
            assert f"\n\n{link}\n\n" in rendered.text
            assert link in read.text


def test_emails_that_ask_to_sign_in_have_a_button_if_the_page_is_known() -> None:
    for notice in (ADDED, DIRECT_DEBIT_DUE):
        rendered = in_words(notice, letterhead=HEAD)
        assert set(Reader(rendered.html).links) == {HEAD.sign_in_url}
        assert "sign-in" not in in_words(notice).text
    assert str(HEAD.sign_in_url) not in in_words(ACTIVATION, letterhead=HEAD).html


def test_without_a_name_the_practice_is_named() -> None:
    """An email that names no practice, and has no footer, then ends with its last sentence."""
    rendered = in_words(ACTIVATION, letterhead=Letterhead("  "))
    assert rendered.text.endswith("\n\nNorth & Co\n")
    assert "North & Co</p>" not in in_words(ADDED).html
    assert in_words(ADDED).text.endswith("contact your practice.\n")
    assert in_words(ADDED, letterhead=Letterhead(footer="1 High Street")).text.endswith(
        "contact your practice.\n\n1 High Street\n"
    )


@pytest.mark.parametrize("notice", EMAILS, ids=lambda notice: type(notice).__name__)
def test_an_email_asks_for_nothing_from_elsewhere(notice: ca.Notice) -> None:
    """No picture, script, font or style sheet; nothing is lost where pictures are off."""
    html = in_words(notice, letterhead=HEAD).html
    assert not re.search(r"<(img|script|link|iframe|object|video)\b|\bsrc=|url\(|@import", html)


@pytest.mark.parametrize("name", [*HOSTILE, *LINKING])
def test_a_hostile_letterhead_is_only_text(name: str) -> None:
    """A practice may choose the name; it becomes neither HTML, nor CSS, nor a link."""
    hostile = evolve(HEAD, name=name)
    plain, read = (Reader(in_words(ADDED, letterhead=each).html) for each in (HEAD, hostile))
    assert (read.tags, read.links, read.styles) == (plain.tags, plain.links, plain.styles)
    assert unlinked(name) in read.text
    footer = in_words(ADDED, letterhead=evolve(HEAD, footer="<b>\n</td>\n{{ 7 * 7 }}")).html
    assert Reader(footer).tags == plain.tags
    assert "<br>\n{{ 7 * 7 }}\n" in footer


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", 5),
        ("name", "North\nBcc: all@example.com"),
        ("name", "n" * 1001),
        ("footer", None),
        ("footer", "\u202eelpmaxe"),
        ("colour", None),
        ("colour", "red"),
        ("colour", "#fff"),
        ("colour", "#ffffff\n"),
        ("colour", "#\uff11\uff12\uff13456"),
        ("colour", '#ffffff" onload="alert(1)'),
        ("colour", "#fff;}body{display:none"),
        ("sign_in_url", b"https://app.example.com"),
        ("sign_in_url", "javascript:alert(1)"),
        ("sign_in_url", "https:///x"),
    ],
)
def test_a_malformed_letterhead_raises(field: str, value: Any) -> None:
    with pytest.raises(ca.InvalidValue) as caught:
        Letterhead(**{field: value})
    assert caught.value.field == field
    with pytest.raises(ca.InvalidValue):
        in_words(ADDED, letterhead=value)


def test_markup_in_a_letterhead_is_escaped() -> None:
    head = Letterhead(Markup("<img>"), footer=Markup("<hr>"))
    assert type(head.name) is type(head.footer) is str
    assert not {"img", "hr"} & Reader(in_words(ADDED, letterhead=head).html).tags


@given(st.integers(0, 0xFFFFFF))
def test_the_words_on_a_button_can_be_read_on_every_colour(number: int) -> None:
    """WCAG 1.4.3: 4.5 to 1 at least, and never the worse of black and white."""
    colour = f"#{number:06x}"
    ink = Letterhead(colour=colour).ink
    other = {"#000000": "#ffffff", "#ffffff": "#000000"}[ink]
    assert contrast(colour, ink) > 4.5
    assert contrast(colour, ink) > contrast(colour, other) - 0.01


@given(st.integers(0, 0xFFFFFF))
def test_a_button_stands_out_from_the_letter_in_light_and_dark(number: int) -> None:
    """WCAG 1.4.11: its colour, or its edge in the colour of its words, has 3 to 1."""
    head = Letterhead(colour=f"#{number:06x}")
    for letter in ("#ffffff", "#1f2227"):
        assert max(contrast(letter, head.colour), contrast(letter, head.ink)) > 3


def contrast(one: str, other: str) -> float:
    light, dark = sorted(map(luminance, (one, other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_the_colour_is_that_of_the_button_and_of_the_line_at_the_top() -> None:
    for email, places in (
        (in_words(ADDED, letterhead=HEAD), 4),
        (in_words(REPLACED_EMAIL, letterhead=HEAD), 2),
    ):
        assert email.html.count("#FFdd00") == places
    assert "color: #000000; font-weight: 600" in in_words(ADDED, letterhead=HEAD).html


def test_the_letters_of_the_documentation_show_every_kind(tmp_path: Path) -> None:
    """Every template in each of its wordings, as files that ask for nothing from elsewhere."""
    written = letters.write(tmp_path)
    assert {letter.kind for letter in written} == set(NOTICES)
    assert {path.name for path in tmp_path.iterdir()} == {
        "index.html",
        *(f"{letter.name}.{form}" for letter in written for form in ("html", "txt")),
    }
    for page in tmp_path.glob("*.html"):
        html = page.read_text(encoding="utf-8")
        assert not re.search(r'src="(?![\w-]+\.html")|url\(|@import|<script', html)
    assert len(written) == len({letter.words for letter in written}) + 1  # one has two readers


# ── Other words ──────────────────────────────────────────────────────────────────────────────────

GERMAN = {
    "activation_email.txt": "{{ practice }} lädt {{ business_name }} ein\n\n{{ activation_url }}\n"
    "Gültig bis {{ expires_at | moment }}\n",
    "activation_email.html": "<p>{{ business_name }}: <a href='{{ activation_url }}'>Los</a></p>",
    "email.html": '<html lang="de">{{ body }}</html>',
}


@pytest.mark.parametrize("loader", [DictLoader(GERMAN), FunctionLoader(GERMAN.get)])
def test_a_callers_templates_come_first_and_the_rest_stays(loader: BaseLoader) -> None:
    templates = Templates(loader, filters={"moment": lambda at: f"{at:%d.%m.%Y}"})
    rendered = in_words(evolve(ACTIVATION, business_name="<Käse>"), templates=templates)
    assert rendered.subject == "North & Co lädt <Käse> ein"
    assert "Gültig bis 04.02.2026" in rendered.text
    assert rendered.html.startswith('<html lang="de"><p>&lt;Käse&gt;: <a href=')
    assert in_words(INVOICE, templates=templates) == in_words(INVOICE)


def test_an_email_names_its_language_for_screen_readers() -> None:
    assert 'lang="en"' in in_words(ADDED).html
    assert in_words(ADDED, templates=Templates(language="de-AT")).html.count('lang="de-AT"') == 2


@pytest.mark.parametrize("language", [None, "", "e", "de_AT", 'de" onload="', "de\n"])
def test_a_malformed_language_raises(language: Any) -> None:
    with pytest.raises(ca.InvalidValue) as caught:
        Templates(language=language)
    assert caught.value.field == "language"


def test_a_template_with_an_unknown_extension_is_escaped_too() -> None:
    loader = DictLoader({"x": "{{ business_name }}", "access_ended.html": "{% include 'x' %}"})
    notice = evolve(ENDED, business_name="<b>")
    assert in_words(notice, templates=Templates(loader)).html == "&lt;b&gt;"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{{ nobody }}", "fail in access_ended.txt: 'nobody' is undefined"),
        ("{{ business_name.nobody }}", "fail in access_ended.txt"),
        ("{{ activation_url }}", "undefined"),
        ("{% if %}", "fail in access_ended.txt"),
        ("{{ business_name | nobody }}", "fail in access_ended.txt"),
        ("{% include 'nobody.txt' %}", "lack nobody.txt, which access_ended.txt needs"),
        ("", "give no subject"),
        ("  \n\nText", "give no subject"),
        ("\u0000\nText", "give no subject"),
    ],
)
def test_a_template_that_fails_says_which_and_why(text: str, reason: str) -> None:
    templates = Templates(DictLoader({"access_ended.txt": text}))
    with pytest.raises(ca.InvalidValue, match=reason) as caught:
        in_words(ENDED, templates=templates)
    assert caught.value.field == "templates"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{{ 1 / 0 }}", "ZeroDivisionError"),
        ("{{ business_name + 1 }}", "TypeError"),
        ("{% include 'access_ended.txt' %}", "RecursionError"),
        ("{{ business_name | broken }}", "OSError"),
        ("{{ business_name | moment }}", "InvalidValue"),
    ],
)
def test_an_exception_in_a_template_is_an_invalid_value(text: str, reason: str) -> None:
    """The cause is kept, but its message, which may name a person, is not repeated."""

    def broken(_: str) -> str:
        raise OSError("Acme")

    templates = Templates(DictLoader({"access_ended.txt": text}), filters={"broken": broken})
    with pytest.raises(ca.InvalidValue) as caught:
        in_words(ENDED, templates=templates)
    assert str(caught.value) == f"templates fail in access_ended.txt: {reason}"
    assert type(caught.value.__cause__).__name__ == reason


def test_a_template_in_another_encoding_raises(tmp_path: Path) -> None:
    """The message names the template that was saved as Latin-1."""
    (tmp_path / "access_ended.txt").write_bytes("Zugang beendet für\n".encode("latin-1"))
    with pytest.raises(ca.InvalidValue, match=r"fail in access_ended\.txt: UnicodeDecodeError"):
        in_words(ENDED, templates=Templates(FileSystemLoader(tmp_path)))


@pytest.mark.parametrize("made", ["activation_url", "practice_name"])
def test_an_exception_of_the_callers_function_is_not_caught(made: str) -> None:
    """The caller knows what it means."""

    def broken(*_: object) -> str:
        raise OSError("no directory of practices")

    with pytest.raises(OSError, match="no directory of practices"):
        in_words(ACTIVATION, **{made: broken})


@pytest.mark.parametrize("filters", [5, ["money"], {"money": 5}, {5: money}])
def test_filters_that_are_not_functions_raise(filters: Any) -> None:
    with pytest.raises(ca.InvalidValue) as caught:
        Templates(filters=filters)
    assert caught.value.field == "filters"


@pytest.mark.parametrize(
    ("field", "arguments"),
    [("notice", (None, {})), ("templates", (ACTIVATION, {"templates": None}))],
)
def test_malformed_arguments(field: str, arguments: tuple[Any, dict[str, Any]]) -> None:
    notice, more = arguments
    with pytest.raises(ca.InvalidValue) as caught:
        in_words(notice, **more)
    assert caught.value.field == field


def test_a_loader_of_another_type_raises() -> None:
    with pytest.raises(ca.InvalidValue) as caught:
        Templates({"email.html": ""})  # type: ignore[arg-type]  # that is the point
    assert caught.value.field == "loader"


# ── Dates and money ──────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        (T0, "5 January 2026, 09:00 UTC"),
        (DUE, "4 February 2026, 09:30 UTC"),
        (
            datetime(2026, 12, 31, 23, 5, tzinfo=timezone(timedelta(hours=-5))),
            "1 January 2027, 04:05 UTC",
        ),
    ],
)
def test_moments(at: datetime, expected: str) -> None:
    assert moment(at) == expected


@pytest.mark.parametrize(
    ("amount", "currency", "expected"),
    [
        ("0", "GBP", "£0.00"),
        ("6", "GBP", "£6.00"),
        ("1234.5", "GBP", "£1,234.50"),
        ("5.5", "EUR", "EUR 5.50"),
        ("5.5000", "EUR", "EUR 5.50"),
        ("5.1234", "EUR", "EUR 5.1234"),
        ("1234567.891", "USD", "USD 1,234,567.891"),
        ("1E+3", "USD", "USD 1,000.00"),
        ("600", "JPY", "JPY 600"),
        ("600.00", "JPY", "JPY 600"),
        ("600.5", "JPY", "JPY 600.5"),
    ],
)
def test_amounts(amount: str, currency: str, expected: str) -> None:
    assert money(Decimal(amount), currency) == expected


# ── Sent and received ────────────────────────────────────────────────────────────────────────────


class Mailbox:
    """The emails that arrive at an SMTP server."""

    def __init__(self) -> None:
        self.arrived: list[tuple[str, list[str], bytes]] = []

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802 - the server's own name for it
        self.arrived.append((envelope.mail_from, envelope.rcpt_tos, envelope.original_content))
        return "250 OK"


@pytest.fixture
def mail_server() -> Iterator[tuple[Mailbox, int]]:
    from aiosmtpd.controller import Controller

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    mailbox = Mailbox()
    controller = Controller(mailbox, hostname="127.0.0.1", port=port)
    controller.start()
    try:
        yield mailbox, port
    finally:
        controller.stop()


def test_a_client_is_let_in_by_the_email_that_a_mail_server_delivered(
    mail_server: tuple[Mailbox, int],
) -> None:
    """From the subscription through a real SMTP server to the click."""
    mailbox, port = mail_server
    service = ca.ClientAccess(ca.MemoryRepository(), catalogue=CATALOGUE, clock=lambda: T0)
    name = "Ærø & <b>Søn</b> {{ 7 * 7 }}"
    service.handle(ca.AddClient(CLIENT_ID, NORTH, business_name=name, email=FIRST))
    subscribed = service.handle(
        ca.Subscribe(
            CLIENT_ID,
            NORTH,
            payer=ca.Payer.PRACTICE,
            sign_in=ca.SignIn.PRACTICE_AND_CLIENT,
            services={"payroll": None},
        )
    )
    notice = subscribed.notices[0]
    assert isinstance(notice, ca.ActivationEmail)
    assert isinstance(notice.recipient, ca.ToAddress)
    rendered = in_words(notice)
    message = EmailMessage()
    message["From"] = "accounts@platform.example.com"
    message["To"] = notice.recipient.email.address
    message["Subject"] = rendered.subject
    message["Message-ID"] = f"<{notice.id}@platform.example.com>"
    message.set_content(rendered.text)
    message.add_alternative(rendered.html, subtype="html")

    with smtplib.SMTP("127.0.0.1", port, timeout=10) as connection:
        connection.send_message(message)

    ((sender, recipients, content),) = mailbox.arrived
    assert (sender, recipients) == ("accounts@platform.example.com", [FIRST])
    received = BytesParser(policy=policy.default).parsebytes(content)
    assert sorted(received.keys()) == sorted([*message.keys()])
    assert received["Subject"] == f"North & Co invites {name} to sign in"
    text, html = (received.get_body((form,)) for form in ("plain", "html"))
    assert text is not None
    assert html is not None
    read = Reader(html.get_content())
    assert f"the accounts of {name}" in read.text
    (link,) = re.findall(r"https://\S+", text.get_content())
    assert read.links == [link, link]

    let_in = service.handle(LINKS.redeem(link.partition("#")[2])).after
    assert let_in.status is ca.Status.BOTH_ACCESS
