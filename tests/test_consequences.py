"""The check-your-information step (S2): what would happen, while nothing is saved."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from functools import cache
from itertools import pairwise
from typing import Any, NoReturn

import attrs
import pytest
import test_notices
import world
from attrs import evolve
from office import Office
from rules_table import facts
from world import CATALOGUE, CLIENT, CLIENT_ID, LATE, NORTH, PLATFORM, SOON, T0

import client_access as ca
from client_access.events import EVENTS
from client_access.questions.consequences import (
    SENTENCES,
    Consequences,
    Irreversible,
    Standing,
    consequences_of,
)

PRACTICE, PAYING_CLIENT = ca.Payer.PRACTICE, ca.Payer.CLIENT
ALONE, TOGETHER = ca.SignIn.PRACTICE_ONLY, ca.SignIn.PRACTICE_AND_CLIENT

ADD = ca.AddClient(CLIENT_ID, NORTH, business_name="Acme", email=world.FIRST)
REGISTER = ca.RegisterCustomer(
    CLIENT_ID, PLATFORM, business_name="Acme", email=world.FIRST, services={"extra": None}
)


def subscribe(payer: ca.Payer = PRACTICE, sign_in: ca.SignIn = TOGETHER) -> ca.Subscribe:
    return ca.Subscribe(
        CLIENT_ID,
        NORTH,
        payer=payer,
        sign_in=sign_in,
        services={"payroll": None, "extra": None},
        activation_id=world.FIRST_ACTIVATION,
    )


ACTIVATE = ca.Activate(CLIENT_ID, CLIENT, activation_id=world.FIRST_ACTIVATION)
STOP = ca.StopManaging(CLIENT_ID, NORTH)


class ReadOnly:
    """A repository in memory that cannot be written to."""

    def __init__(self, inside: ca.MemoryRepository) -> None:
        self.get = inside.get
        self.find_by_email = inside.find_by_email
        self.page = inside.page

    def save(self, changes: Sequence[ca.Change]) -> NoReturn:
        raise AssertionError("a preview saves nothing")


def preview(*given: ca.Command, at: Any = SOON) -> Consequences:
    """Preview the last command after the others, on a repository that cannot be written to."""
    repository = ca.MemoryRepository()
    ca.ClientAccess(repository, catalogue=CATALOGUE, clock=lambda: T0).handle_all(given[:-1])
    stored = copy.deepcopy(repository.get(CLIENT_ID)), tuple(repository.history(CLIENT_ID))
    service = ca.ClientAccess(ReadOnly(repository), catalogue=CATALOGUE, clock=lambda: at)
    consequences = consequences_of(service.preview(given[-1]), at=at, catalogue=CATALOGUE)
    assert (repository.get(CLIENT_ID), tuple(repository.history(CLIENT_ID))) == stored
    return consequences


def shown(standing: Standing) -> tuple[Any, ...]:
    invoice = standing.invoice
    return (
        standing.status and standing.status.value,
        [who for who in ("client_signs_in", "practice_opens") if getattr(standing, who)],
        standing.payer and standing.payer.value,
        standing.invoiced_to and standing.invoiced_to.value,
        invoice and str(invoice.total),
    )


@pytest.mark.parametrize(
    ("given", "before", "after", "final"),
    [
        ((ADD,), (None, [], None, None, "0"), ("inactive", [], None, None, "0"), []),
        (
            (REGISTER,),
            (None, [], None, None, "0"),
            ("unmanaged", ["client_signs_in"], "client", "client", "1.25"),
            ["payer_lock"],
        ),
        (
            (ADD, ca.ChoosePayer(CLIENT_ID, NORTH, payer=PAYING_CLIENT)),
            ("inactive", [], None, None, "0"),
            ("inactive", [], "client", None, "0"),
            [],
        ),
        (
            (ADD, subscribe()),
            ("inactive", [], None, None, "0"),
            ("awaiting_activation", ["practice_opens"], "practice", "practice", "6.75"),
            ["payer_lock"],
        ),
        (
            (ADD, subscribe(PAYING_CLIENT)),
            ("inactive", [], None, None, "0"),
            ("awaiting_activation", ["practice_opens"], "client", None, "0"),
            ["payer_lock"],
        ),
        (
            (ADD, subscribe(PAYING_CLIENT), ACTIVATE),
            ("awaiting_activation", ["practice_opens"], "client", None, "0"),
            ("both_access", ["client_signs_in", "practice_opens"], "client", "client", "6.75"),
            [],
        ),
        (
            (ADD, subscribe(), ACTIVATE, STOP),
            ("both_access", ["client_signs_in", "practice_opens"], "practice", "practice", "6.75"),
            ("unmanaged", ["client_signs_in"], "client", "client", "6.75"),
            ["payer_passes_to_client"],
        ),
        (
            (ADD, subscribe(PAYING_CLIENT), ACTIVATE, STOP),
            ("both_access", ["client_signs_in", "practice_opens"], "client", "client", "6.75"),
            ("unmanaged", ["client_signs_in"], "client", "client", "6.75"),
            [],
        ),
        (
            (ADD, subscribe(), ACTIVATE, ca.DisableAccess(CLIENT_ID, NORTH)),
            ("both_access", ["client_signs_in", "practice_opens"], "practice", "practice", "6.75"),
            ("disabled", ["practice_opens"], "practice", "practice", "6.75"),
            [],
        ),
        (
            (ADD, subscribe(), ca.DeleteClient(CLIENT_ID, NORTH)),
            ("awaiting_activation", ["practice_opens"], "practice", "practice", "6.75"),
            ("deleted", [], "practice", None, "0"),
            ["deletion"],
        ),
        (
            (ADD, subscribe(), ca.RemoveService(CLIENT_ID, NORTH, service="extra")),
            ("awaiting_activation", ["practice_opens"], "practice", "practice", "6.75"),
            ("awaiting_activation", ["practice_opens"], "practice", "practice", "5.50"),
            [],
        ),
    ],
    ids=lambda value: type(value[-1]).__name__ if isinstance(value, tuple) else "",
)
def test_the_consequences_of_a_command(
    given: tuple[ca.Command, ...], before: Any, after: Any, final: list[str]
) -> None:
    found = preview(*given)
    assert shown(found.before) == before
    assert shown(found.after) == after
    assert [what.value for what in found.cannot_be_undone] == final


def test_the_lines_have_the_client_and_the_standing_has_the_practice() -> None:
    found = preview(ADD, subscribe(), ACTIVATE, STOP)
    assert (found.before.practice_id, found.after.practice_id) == ("north", None)
    assert found.before.payer_locked
    assert found.after.payer_locked
    assert found.before.invoice is not None
    assert [line.service for line in found.before.invoice.lines] == ["extra", "payroll"]
    assert found.before.invoice.currency == "GBP"


def test_sign_in_is_decided_at_the_given_moment() -> None:
    """P6: a client that owes direct debit details can sign in until they are due."""
    given = (ADD, subscribe(), ACTIVATE, STOP, ca.ProvideDirectDebit(CLIENT_ID, CLIENT))
    assert preview(*given, at=SOON).before.client_signs_in
    late = preview(*given, at=T0 + timedelta(days=30))
    assert not late.before.client_signs_in
    assert late.after.client_signs_in


def test_a_command_that_changes_nothing_has_no_consequences() -> None:
    again = ca.ChangeBusinessName(CLIENT_ID, NORTH, business_name="Acme")
    found = preview(ADD, again)
    assert found.before == found.after
    assert found.cannot_be_undone == ()


# ── Over everything ──────────────────────────────────────────────────────────────────────────────


@cache
def every_change() -> tuple[ca.Change, ...]:
    """Return changes: one for each step of the walk, and for each other step by its statuses."""
    walked = []
    for there in world.walk().histories:
        before = ca.replay(there.events[:-1]) if there.events[1:] else None
        at, command = there.events[-1].at, there.commands[-1]
        walked.append(world.decide(before, command, at, world.CATALOGUE_THEN))
    steps: dict[object, ca.Change] = {}
    for change in test_notices.changes():
        assert change.before is not None
        legacy = change.before.holds("legacy")
        steps[change.before.status, type(change.event), change.after.status, legacy] = change
    return (*walked, *steps.values())


def opens(client: ca.Client, by: ca.Actor) -> bool:
    """Return whether an actor can open any service of a client."""
    return bool(ca.opening_of(client, by, at=SOON, catalogue=CATALOGUE).services)


def test_the_consequences_of_every_change_are_what_the_library_does() -> None:
    changes = every_change()
    assert len(changes) >= 50
    assert {type(change.event) for change in changes} == set(EVENTS.values())
    locked = PAYING_CLIENT, PRACTICE
    for change in changes:
        found = consequences_of(change, at=SOON, catalogue=CATALOGUE)
        for client, standing in ((change.before, found.before), (change.after, found.after)):
            if client is None:
                continue
            own = opens(client, ca.ClientUser(client.id))
            assert standing.client_signs_in or not own
            assert standing.payer in (None, *locked)
            if client.services:
                theirs = opens(client, NORTH)
                assert theirs == (standing.practice_opens and client.practice_id == "north")
            assert standing.invoice is not None
            assert standing.invoice.lines == ca.monthly_lines(client, CATALOGUE)
        # The invoice notices have the lines that are shown beforehand.
        for notice in change.notices:
            if isinstance(notice, ca.PracticeInvoiceChanged | ca.ClientInvoiceChanged):
                for standing, lines in ((found.before, notice.before), (found.after, notice.after)):
                    assert standing.invoice is not None
                    payer: ca.Recipient = ca.ToClientService(change.after.id)
                    if standing.invoiced_to is PRACTICE:
                        assert standing.practice_id is not None
                        payer = ca.ToPractice(standing.practice_id)
                    assert lines == (standing.invoice.lines if payer == notice.recipient else ())


def test_every_change_that_cannot_be_undone_is_shown_as_such_and_no_other() -> None:
    """The payer lock (P2), the payer passing to the client (P3), deleting (L5), and services that
    could not be added again (S8).
    """
    seen = set()
    for change in every_change():
        found = consequences_of(change, at=SOON, catalogue=CATALOGUE)
        final = found.cannot_be_undone
        seen |= set(final)
        kind = type(change.command)
        assert (Irreversible.DELETION in final) == (kind is ca.DeleteClient)
        assert (Irreversible.PAYER_LOCK in final) == (kind in (ca.Subscribe, ca.RegisterCustomer))
        was = change.before and change.before.payer
        passes = kind is ca.StopManaging and was is PRACTICE
        assert (Irreversible.PAYER_PASSES_TO_CLIENT in final) == passes
        # Only `legacy` has been withdrawn from sale.
        held = change.before is not None and change.before.holds("legacy")
        loses = held and not change.after.holds("legacy")
        assert (Irreversible.SERVICES_LOST in final) == loses
        assert found.lost_services == (("legacy",) if loses else ())
    assert seen == set(Irreversible)


# ── Services that could not be added again (S8) ──────────────────────────────────────────────────

LEGACY = ca.Catalogue(
    [
        evolve(service, offered=service.code in {"payroll", "start"})
        for service in CATALOGUE.services
    ]
)
"""What is still on offer: `extra` and `legacy` have been withdrawn from sale."""


@pytest.mark.parametrize(
    ("given", "command", "lost"),
    [
        ((), ca.RemoveService(CLIENT_ID, NORTH, service="extra"), ("extra",)),
        ((), ca.RemoveService(CLIENT_ID, NORTH, service="payroll"), ()),
        ((), ca.RemoveService(CLIENT_ID, NORTH, service="legacy"), ("legacy",)),
        ((), ca.CloseClient(CLIENT_ID, NORTH), ("extra", "legacy")),
        ((), ca.TransferClient(CLIENT_ID, PLATFORM, practice_id="south"), ()),
        ((), ca.ChangeContactDetails(CLIENT_ID, NORTH, contact=ca.ContactDetails("Ann")), ()),
        ((ca.CloseClient(CLIENT_ID, NORTH),), ca.ReopenClient(CLIENT_ID, NORTH), ()),
        ((ca.CloseClient(CLIENT_ID, NORTH),), ca.DeleteClient(CLIENT_ID, NORTH), ()),
    ],
    ids=lambda value: type(value).__name__ if attrs.has(type(value)) else "",
)
def test_services_that_could_not_be_added_again_are_named(
    given: tuple[ca.Command, ...], command: ca.Command, lost: tuple[str, ...]
) -> None:
    """S4, S8: those that end and are no longer on offer, and not those that can be added again."""
    held: dict[str, ca.ServiceSetup | None] = {
        "payroll": None,
        "extra": None,
        "legacy": world.SETUP,
    }
    office = Office(
        (ADD, evolve(subscribe(sign_in=ALONE), services=held)), catalogue=world.CATALOGUE_THEN
    )
    office.do(*given)
    change = ca.decide(office.client(), command, at=SOON, catalogue=LEGACY)
    found = consequences_of(change, at=SOON, catalogue=LEGACY)
    assert found.lost_services == lost
    assert (Irreversible.SERVICES_LOST in found.cannot_be_undone) is bool(lost)


def test_a_service_that_the_catalogue_lacks_could_not_be_added_again_either() -> None:
    """S4, S8: removing it works, and is shown as final."""
    remove = ca.RemoveService(CLIENT_ID, NORTH, service="extra")
    client = client_with_an_unknown_service()
    change = ca.decide(client, remove, at=SOON, catalogue=WITHOUT_EXTRA)
    assert consequences_of(change, at=SOON, catalogue=WITHOUT_EXTRA).lost_services == ("extra",)


# ── Several commands ─────────────────────────────────────────────────────────────────────────────


def test_the_consequences_of_several_commands_follow_from_one_another() -> None:
    """S8: each change of `preview_all` begins where the one before it ends."""
    office = Office((ADD, subscribe(sign_in=ALONE)))
    commands = (
        ca.RemoveService(CLIENT_ID, NORTH, service="extra"),
        ca.CloseClient(CLIENT_ID, NORTH),
        ca.DeleteClient(CLIENT_ID, NORTH),
    )
    previewed = office.access.preview_all(commands)
    steps = [consequences_of(each, at=SOON, catalogue=CATALOGUE) for each in previewed]
    for earlier, later in pairwise(steps):
        assert later.before == earlier.after
    assert [shown(step.after) for step in steps] == [
        ("practice_only", ["practice_opens"], "practice", "practice", "5.50"),
        ("closed", [], "practice", "practice", "0"),
        ("deleted", [], "practice", None, "0"),
    ]
    assert [step.cannot_be_undone for step in steps] == [(), (), (Irreversible.DELETION,)]
    assert office.client().status is ca.Status.PRACTICE_ONLY


# ── What the catalogue lacks (S4) ────────────────────────────────────────────────────────────────

WITHOUT_EXTRA = ca.Catalogue([service for service in CATALOGUE.services if service.code != "extra"])


def client_with_an_unknown_service() -> ca.Client:
    changes = ca.ClientAccess(
        ca.MemoryRepository(), catalogue=CATALOGUE, clock=lambda: T0
    ).handle_all((ADD, subscribe()))
    return changes[-1].after


def test_removing_a_service_that_the_catalogue_lacks_shows_no_smaller_invoice() -> None:
    change = ca.decide(
        client_with_an_unknown_service(),
        ca.RemoveService(CLIENT_ID, NORTH, service="extra"),
        at=SOON,
        catalogue=WITHOUT_EXTRA,
    )
    found = consequences_of(change, at=SOON, catalogue=WITHOUT_EXTRA)
    assert found.before.invoice is None
    assert found.before.unpriced == ("extra",)
    assert found.before.invoiced_to is PRACTICE
    assert found.after.invoice is not None
    assert found.after.invoice.total == Decimal("5.50")
    assert found.after.unpriced == ()


def test_a_change_without_services_is_shown_if_the_catalogue_lacks_one() -> None:
    change = ca.decide(
        client_with_an_unknown_service(),
        ca.ChangeContactDetails(CLIENT_ID, NORTH, contact=ca.ContactDetails("Ann")),
        at=SOON,
        catalogue=WITHOUT_EXTRA,
    )
    found = consequences_of(change, at=SOON, catalogue=WITHOUT_EXTRA)
    assert found.before == found.after
    assert found.after.unpriced == ("extra",)


# ── The values ───────────────────────────────────────────────────────────────────────────────────


def test_each_irreversible_consequence_has_a_sentence() -> None:
    assert set(SENTENCES) == set(Irreversible)
    for what in Irreversible:
        assert what.sentence.endswith(".")
        assert what.sentence.count(".") == 1


def test_consequences_are_values() -> None:
    found = preview(ADD, subscribe())
    assert hash(found) == hash(preview(ADD, subscribe()))
    for again in (pickle.loads(pickle.dumps(found)), copy.deepcopy(found)):
        assert again == found
    with pytest.raises(AttributeError):
        found.cannot_be_undone = ()  # type: ignore[misc]  # that is the point


@pytest.mark.parametrize(
    ("field", "wrong"), [("change", None), ("at", T0.replace(tzinfo=None)), ("catalogue", {})]
)
def test_a_malformed_argument_is_named(field: str, wrong: Any) -> None:
    change = world.decide(None, ADD, LATE)
    arguments: dict[str, Any] = {"change": change, "at": LATE, "catalogue": CATALOGUE}
    arguments[field] = wrong
    with pytest.raises(ca.InvalidValue) as caught:
        consequences_of(arguments.pop("change"), **arguments)
    assert caught.value.field == field
    assert facts(change.after)["status"] == "inactive"
