"""Rules §9, row by row: what every possible step sends to whom, and nothing else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from functools import cache
from typing import Any, get_args
from uuid import UUID

import attrs
import pytest
import world
from attrs import evolve
from office import notices_of
from rules_table import KINDS, facts, is_placeholder
from world import CATALOGUE, CLIENT, CLIENT_ID, NORTH, PLATFORM, SOON

import client_access as ca
from client_access import notices
from client_access.repository.erasing import erase_history

PRICES = {
    "start": ("Start", Decimal("6.00")),
    "payroll": ("Payroll", Decimal("5.50")),
    "extra": ("Extra", Decimal("1.25")),
    "legacy": ("Legacy", Decimal("2.00")),
}

# ── The table of the rules ───────────────────────────────────────────────────────────────────────

Expected = tuple[str, ca.Recipient, dict[str, Any]]


def expected(
    before: dict[str, Any], command: ca.Command, event: ca.Event, after: dict[str, Any]
) -> Iterator[Expected]:
    """Return the notices of a step by rules §9, row by row, from the facts before and after."""
    by = KINDS[type(command.by)]
    service = ca.ToClientService(before["id"])
    practice = before["practice_id"]
    to_practice = ca.ToPractice(practice) if practice else None

    # An activation sent, sent again, or sent to a corrected address.
    if after["activation"] and after["activation"] != before["activation"]:
        activation_id, _, expires_at, times_sent = after["activation"]
        yield (
            "activation_email",
            ca.ToAddress(ca.EmailAddress(after["email"])),
            {
                "activation_id": activation_id,
                "expires_at": expires_at,
                "times_sent": times_sent,
                "practice_id": practice,
            },
        )
    # Address of an activated client changed.
    if before["email"] != after["email"] and before["status"] in {
        "both_access",
        "disabled",
        "unmanaged",
    }:
        yield "email_replaced", ca.ToAddress(ca.EmailAddress(before["email"])), {}
    if isinstance(command, ca.StopManaging):
        # Stop managing by the practice or the platform.
        if by in {"practice", "platform"}:
            owed = after["direct_debit"]
            yield (
                "practice_left",
                service,
                {
                    "practice_id": practice,
                    "direct_debit_asked": owed is not None,
                    "direct_debit_due": owed and owed[1],
                },
            )
        # Stop managing by the client or the platform.
        if by in {"client", "platform"}:
            assert to_practice
            yield "access_ended", to_practice, {}
    # Access given or client deleted by the platform.
    if by == "platform" and isinstance(command, ca.GiveAccess):
        assert to_practice
        yield "access_given_for_practice", to_practice, {}
    if by == "platform" and isinstance(command, ca.DeleteClient):
        assert to_practice
        yield "client_deleted_for_practice", to_practice, {}
    # Practice invitation accepted or declined.
    if isinstance(command, ca.AcceptPracticeInvitation | ca.DeclinePracticeInvitation):
        yield (
            "invitation_answered",
            service,
            {
                "practice_id": before["invitation"][0],
                "accepted": isinstance(command, ca.AcceptPracticeInvitation),
            },
        )
    # Services added or removed, first subscription, client deleted, access ended.
    if isinstance(
        command,
        ca.AddService | ca.RemoveService | ca.Subscribe | ca.DeleteClient | ca.StopManaging,
    ):
        for payer, recipient in (("practice", to_practice), ("client", service)):
            old, new = lines(before, payer), lines(after, payer)
            if old != new:
                assert recipient
                yield f"{payer}_invoice_changed", recipient, {"before": old, "after": new}


def lines(client: dict[str, Any], payer: str) -> tuple[ca.InvoiceLine, ...]:
    """S6: a client's lines on the next invoice of the practice, or on its own."""
    status = client["status"]
    if client["payer_state"] != f"{payer}_locked" or status == "deleted":
        return ()
    if payer == "client" and status not in {"both_access", "disabled", "unmanaged"}:
        return ()
    return tuple(
        ca.InvoiceLine(client["id"], client["business_name"], code, *PRICES[code])
        for code in sorted(client["services"])
    )


IN_ORDER = (
    "activation_email",
    "email_replaced",
    "practice_left",
    "access_ended",
    "access_given_for_practice",
    "client_deleted_for_practice",
    "invitation_answered",
    "practice_invoice_changed",
    "client_invoice_changed",
    "access_removed",
    "direct_debit_needed",
)
COMMON = {"client_id", "version", "recipient", "business_name", "currency"}


def test_every_step_sends_what_the_rules_say_and_nothing_else() -> None:
    """§9: kind, recipient and every fact, in the order of the rules, for every accepted command."""
    sent: Counter[tuple[str, str]] = Counter()
    for change in changes():
        assert change.event is not None
        before = facts(change.before)
        wanted = list(expected(before, change.command, change.event, facts(change.after)))
        assert len(change.notices) == len(wanted)
        for notice, (kind, recipient, own) in zip(change.notices, wanted, strict=True):
            assert notices.NOTICE_NAMES[type(notice)] == kind
            assert notice.recipient == recipient
            found = {f: getattr(notice, f) for f in fields_of(notice) if f not in COMMON}
            assert found == own
            assert notice.client_id == change.after.id
            assert notice.version == change.event.version
            assert notice.business_name == before["business_name"]
            sent[kind, type(change.command).__name__] += 1
    assert set(sent) == {
        ("activation_email", "Subscribe"),
        ("activation_email", "AddService"),
        ("activation_email", "GiveAccess"),
        ("activation_email", "ResendActivation"),
        ("activation_email", "ChangeEmail"),
        ("email_replaced", "ChangeEmail"),
        ("practice_left", "StopManaging"),
        ("access_ended", "StopManaging"),
        ("access_given_for_practice", "GiveAccess"),
        ("client_deleted_for_practice", "DeleteClient"),
        ("invitation_answered", "AcceptPracticeInvitation"),
        ("invitation_answered", "DeclinePracticeInvitation"),
        *(
            (f"{payer}_invoice_changed", command)
            for payer in ("practice", "client")
            for command in ("AddService", "RemoveService", "StopManaging")
        ),
        ("practice_invoice_changed", "Subscribe"),
        ("practice_invoice_changed", "DeleteClient"),
    }


@cache
def changes() -> tuple[ca.Change, ...]:
    """Return every change that every reachable client accepts."""
    return tuple(_changes())


def _changes() -> Iterator[ca.Change]:
    for client in world.clients():
        for by in world.ACTORS:
            for command in world.commands(by):
                change = world.outcome(client, command, SOON)
                if isinstance(change, ca.Change) and change.event is not None:
                    yield change


def fields_of(notice: ca.Notice) -> tuple[str, ...]:
    return tuple(field.name for field in attrs.fields(type(notice)))


def test_a_new_client_gets_no_notice() -> None:
    """§9: adding, importing and registering send nothing to anybody."""
    for by in world.ACTORS:
        for command in world.commands(by):
            try:
                change = world.decide(None, command, SOON)
            except ca.ClientAccessError:
                continue
            assert change.notices == ()


def test_an_inactive_or_practice_only_client_gets_no_notice() -> None:
    """§9, G: neither before nor after the step."""
    counted = 0
    for change in changes():
        quiet = {ca.Status.INACTIVE, ca.Status.PRACTICE_ONLY}
        assert change.before is not None
        if {change.before.status, change.after.status} <= quiet:
            counted += 1
            for notice in change.notices:
                assert isinstance(notice.recipient, ca.ToPractice)
    assert counted > 50


def test_nothing_is_mailed_to_a_placeholder() -> None:
    """E2: not on any step."""
    for change in changes():
        for notice in change.notices:
            if isinstance(notice.recipient, ca.ToAddress):
                assert not is_placeholder(notice.recipient.email.address)
                assert notice.recipient.email.is_mailable


def test_nothing_is_mailed_to_an_erased_address() -> None:
    """No activation and no notice about a changed address goes there."""
    erased = ca.EmailAddress.erased(CLIENT_ID)
    for client in world.clients():
        if client.status not in {ca.Status.AWAITING_ACTIVATION, ca.Status.BOTH_ACCESS}:
            continue
        unknown = evolve(client, email=erased)
        for command in (
            ca.ResendActivation(CLIENT_ID, PLATFORM),
            ca.ChangeEmail(CLIENT_ID, PLATFORM, email=world.THIRD),
        ):
            try:
                change = world.decide(unknown, command, SOON)
            except ca.CommandRefused:
                continue
            for notice in change.notices:
                assert notice.recipient == ca.ToAddress(ca.EmailAddress(world.THIRD))


def test_an_activation_is_counted_as_sent_exactly_if_it_is_mailed() -> None:
    """E2, E5: only an email counts, and begins a new lifetime. A service can be added to a client
    without an address, too.
    """
    seen: Counter[tuple[str, bool]] = Counter()
    for client in (*world.clients(), *world.erased()):
        for by in world.ACTORS:
            for command in world.commands(by):
                change = world.outcome(client, command, SOON)
                if not isinstance(change, ca.Change):
                    continue
                pending = change.after.activation
                counted = pending is not None and pending != client.activation
                mailed = any(isinstance(n, ca.ActivationEmail) for n in change.notices)
                assert counted == mailed, (client, command)
                if client.email.is_erased and pending is not None:
                    seen[type(command).__name__, mailed] += 1
                    if isinstance(change.event, ca.ServiceAdded):
                        assert change.event.activation is None
                        assert change.after.holds(change.event.service.code)
                        assert pending == client.activation
    assert seen["AddService", False]
    assert not seen["AddService", True]
    assert seen["ChangeEmail", True]


def test_a_service_added_before_an_erasure_replays_as_after_it() -> None:
    """E5, L5: what was sent before the erasure stays counted in the erased history. A service that
    is added after it sends nothing, and the history still replays to the client.
    """
    before, added = _sent_again_by_adding()
    events = erase_history((*before, added))
    client = ca.replay(events)
    assert client.activation == added.activation
    change = world.decide(client, ca.AddService(CLIENT_ID, NORTH, service="extra"), SOON)
    assert change.event is not None
    assert ca.replay((*events, change.event)) == change.after
    assert change.after.activation == client.activation


def test_a_history_without_a_sending_that_an_address_had_is_corrupt() -> None:
    """E5: adding a service sends the activation again, if the address can be mailed."""
    before, added = _sent_again_by_adding()
    with pytest.raises(ca.CorruptRecord, match="no activation to send again"):
        ca.replay((*before, evolve(added, activation=None)))


def _sent_again_by_adding() -> tuple[tuple[ca.Event, ...], ca.ServiceAdded]:
    """Return a history, and a service added after it while the client awaits its activation."""
    for there in world.walk().histories:
        *before, added = there.events
        if isinstance(added, ca.ServiceAdded) and added.activation:
            return tuple(before), added
    raise AssertionError("the walk adds services while awaiting activation")


def test_no_notice_holds_a_link() -> None:
    """E6: a link is made when its email is sent. A notice has the ids that it is bound to."""
    for change in changes():
        assert "http" not in repr(change.notices)
        assert "token" not in repr(change.notices)


def test_the_id_of_a_notice_follows_from_client_version_and_kind() -> None:
    """The same notice has the same id each time, and another notice has another id."""
    ids: dict[UUID, tuple[object, ...]] = {}
    for change in changes():
        assert len({notice.id for notice in change.notices}) == len(change.notices)
        for notice in change.notices:
            identity = (notice.client_id, notice.version, type(notice))
            assert ids.setdefault(notice.id, identity) == identity
    assert len(ids) > 20
    sample = next(change for change in changes() if change.notices).notices[0]
    assert evolve(sample, business_name="Other").id == sample.id
    assert evolve(sample, version=sample.version + 1).id != sample.id
    assert evolve(sample, client_id=world.OTHER_ID).id != sample.id
    # Outboxes store ids, so they must never change.
    email = ca.EmailReplaced(CLIENT_ID, 3, ca.ToAddress(ca.EmailAddress(world.FIRST)), "Acme")
    assert email.id == UUID("99ed19d6-c414-5b5e-9e68-99ad2e218053")


def test_kinds_are_in_the_order_of_the_rules() -> None:
    assert tuple(notices.NOTICES) == IN_ORDER
    assert tuple(notices.NOTICES.values()) == get_args(ca.Notice)


# ── At sign-in ───────────────────────────────────────────────────────────────────────────────────


def test_what_a_client_is_shown_at_sign_in() -> None:
    """§9: a disabled client sees `AccessRemoved`, one that owes details `DirectDebitNeeded`."""
    shown: Counter[type] = Counter()
    for client in world.clients():
        prompts = ca.sign_in_of(client, at=SOON).prompts
        match client.status:
            case ca.Status.DISABLED:
                (prompt,) = prompts
                assert isinstance(prompt, ca.AccessRemoved)
                assert prompt.practice_id == client.practice_id
            case ca.Status.BOTH_ACCESS | ca.Status.UNMANAGED if client.direct_debit:
                (prompt,) = prompts
                assert isinstance(prompt, ca.DirectDebitNeeded)
                assert prompt.due == client.direct_debit.due
            case _:
                assert prompts == ()
                continue
        assert prompt.recipient == ca.AtSignIn(client.id)
        assert prompt.business_name == client.business_name
        shown[type(prompt)] += 1
    assert len(shown) == 2


# ── A catalogue that lacks what is held ──────────────────────────────────────────────────────────

LACKING = ca.Catalogue([s for s in CATALOGUE.services if s.code not in {"payroll", "legacy"}])


def _holding(*codes: str, status: ca.Status = ca.Status.BOTH_ACCESS) -> ca.Client:
    client = next(
        c
        for c in world.clients()
        if c.status is status and c.payer_state is ca.PayerState.PRACTICE_LOCKED
    )
    held = tuple(ca.HeldService(code, None) for code in sorted(codes))
    return evolve(client, services=held)


def test_a_service_that_the_catalogue_lacks_can_be_removed() -> None:
    """S4: without notices of an invoice, because the service has no price."""
    for codes in (("payroll",), ("payroll", "extra"), ("payroll", "legacy")):
        for by in (NORTH, PLATFORM):
            change = world.decide(
                _holding(*codes), ca.RemoveService(CLIENT_ID, by, service="payroll"), SOON, LACKING
            )
            assert not change.after.holds("payroll")
            assert change.notices == ()


@pytest.mark.parametrize(
    "command",
    [
        ca.RemoveService(CLIENT_ID, NORTH, service="extra"),
        ca.AddService(CLIENT_ID, NORTH, service="start", setup=world.SETUP),
        ca.StopManaging(CLIENT_ID, NORTH),
    ],
)
def test_a_service_that_the_catalogue_lacks_is_an_error_of_the_host(command: ca.Command) -> None:
    """S4: a command that changes an invoice raises InvalidValue; no invoice is too small."""
    with pytest.raises(ca.InvalidValue, match="lacks the service 'payroll'") as raised:
        world.decide(_holding("payroll", "extra"), command, SOON, LACKING)
    assert raised.value.field == "catalogue"


def test_other_commands_need_no_price() -> None:
    """S4: they are accepted although the catalogue lacks a service."""
    for command in (
        ca.ChangeContactDetails(CLIENT_ID, NORTH, contact=ca.ContactDetails("Bob")),
        ca.DisableAccess(CLIENT_ID, NORTH),
        ca.ChangeEmail(CLIENT_ID, CLIENT, email=world.THIRD),
    ):
        assert world.decide(_holding("payroll"), command, SOON, LACKING).event is not None


# ── Histories ────────────────────────────────────────────────────────────────────────────────────


def test_notices_can_be_made_again_from_a_history() -> None:
    """With the catalogue of that time, an event makes the notices that it made then."""
    for there in world.walk().histories:
        before = ca.replay(there.events[:-1]) if there.events[1:] else None
        event = there.events[-1]
        change = world.decide(before, there.commands[-1], event.at, world.CATALOGUE_THEN)
        again = notices_of(before, event, there.client, world.CATALOGUE_THEN)
        assert again == change.notices
