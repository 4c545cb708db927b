"""The words of the command line: a sentence for every event and every notice."""

from __future__ import annotations

import io
from datetime import timedelta
from decimal import Decimal

import pytest
import world
from attrs import evolve
from every_notice import changes, notices

import client_access as ca
from client_access.cli import words
from client_access.cli.screen import Screen
from client_access.events import EVENTS
from client_access.notices import NOTICES
from examples.tour.previews import differences


def test_every_event_and_every_notice_has_a_sentence() -> None:
    """Every kind of event and of notice that a reachable client can have."""
    events = {change.event for change in changes() if change.event}
    assert {type(event) for event in events} == set(EVENTS.values())
    for event in events:
        sentence = words.happened(event, world.CATALOGUE)
        assert sentence[0].isupper()
        assert sentence.endswith(".")
        assert "None" not in sentence
    assert {type(notice) for notice in notices()} == set(NOTICES.values())
    for notice in notices():
        sentence = words.told(notice)
        assert sentence.endswith(".")
        assert "None" not in sentence
        assert words.recipient(notice.recipient)


@pytest.mark.parametrize("times", [2, 3, 11, 21, 22, 23, 112])
def test_the_sentence_of_a_resent_activation_is_right_for_any_number(times: int) -> None:
    """E5: each sending is counted."""
    event = next(c.event for c in changes() if isinstance(c.event, ca.ActivationResent))
    event = evolve(event, activation=evolve(event.activation, times_sent=times))
    sentence = f"Activation sent again, {times} times in all."
    assert words.happened(event, world.CATALOGUE) == sentence


@pytest.mark.parametrize(
    ("amount", "currency", "text"),
    [
        (Decimal(12), "GBP", "£12.00"),
        (Decimal("1234.5"), "EUR", "€1,234.50"),
        (Decimal("0.0125"), "CHF", "CHF 0.0125"),
    ],
)
def test_money(amount: Decimal, currency: str, text: str) -> None:
    """A known currency has its symbol, and no part of a penny is lost."""
    assert words.money(amount, currency) == text


def test_lists_payers_days_and_services() -> None:
    """The small words of the sentences; a service without a name is shown by its code."""
    assert words.listed(["a"]) == "a"
    assert words.listed(["a", "b", "c"]) == "a, b and c"
    assert {words.payer_name(client.payer) for client in world.clients()} == {
        "undecided",
        "the practice",
        "the client",
    }
    assert any("can still be changed" in words.payer(client) for client in world.clients())
    assert words.day(world.T0 + timedelta(days=1)) == "6 January 2026"
    assert words.service_name("teapot", world.CATALOGUE) == "teapot"
    teapot = words.services_with_prices([ca.HeldService("teapot")], world.CATALOGUE)
    assert teapot == "teapot (no price known)"


@pytest.mark.parametrize(("columns", "widest"), [("60", 60), ("80", 80), ("300", 100)])
def test_lines_are_as_wide_as_the_terminal_up_to_100_columns(
    monkeypatch: pytest.MonkeyPatch, columns: str, widest: int
) -> None:
    """Longer lines are hard to read."""
    monkeypatch.setenv("COLUMNS", columns)
    output = io.StringIO()
    screen = Screen(output)
    screen.gap()
    screen.heading("Title")
    screen.paragraph("word " * 100)
    screen.line("x" * 500, mark="✓")
    lengths = {len(line) for line in output.getvalue().splitlines()}
    assert max(lengths) == widest
    assert output.getvalue().startswith("\nTitle")


# ── The tour's previews, for all of these changes ─────────────────────────────────────────────────


def test_a_preview_shows_what_changes() -> None:
    """S2: every kind of fact comes up, and nothing is shown if nothing changes."""
    shown: dict[str, set[str]] = {}
    for change in changes():
        facts = tuple(differences(change, world.CATALOGUE, at=world.SOON))
        for name, text in facts:
            shown.setdefault(name, set()).add(text)
        if change.event is None:
            assert facts == ()
        if change.notices:
            assert facts[-1][0] == "will be told"
    assert {
        "status",
        "who pays",
        "services",
        "address",
        "a month",
        "signs in",
        "for good",
    } <= shown.keys()
    assert shown["for good"] >= {what.sentence for what in ca.Irreversible}


def test_a_preview_without_a_price_shows_no_smaller_invoice() -> None:
    """S4: it names the service that the catalogue lacks."""
    (change,) = [
        change
        for change in changes()
        if isinstance(change.event, ca.ServiceAdded) and change.notices
    ][:1]
    facts = dict(differences(change, ca.Catalogue([]), at=world.SOON))
    assert facts["a month"].startswith("unknown: there is no price for ")
