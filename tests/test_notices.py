"""Rules §9, row by row: what every accepted command sends, to whom, and nothing else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from functools import cache
from typing import Any, get_args
from uuid import UUID

import attrs
import every_notice
import pytest
import world
from attrs import evolve
from office import Office, notices_of
from rules_table import KINDS, facts, is_placeholder
from world import CATALOGUE, CLIENT, CLIENT_ID, FIRST, FREE, NORTH, PLATFORM, SOON

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

PLATFORM_ACTS: dict[type, str] = {
    ca.GiveAccess: "access_given",
    ca.WithdrawAccess: "access_withdrawn",
    ca.CloseClient: "client_closed",
    ca.ReopenClient: "client_reopened",
    ca.DeleteClient: "client_deleted",
    ca.ChangeBusinessName: "client_renamed",
}


def expected(
    before: dict[str, Any], command: ca.Command, after: dict[str, Any]
) -> Iterator[Expected]:
    """Yield what rules §9 say of a step, row by row, from the facts before and after."""
    by = KINDS[type(command.by)]
    service = ca.ToClientService(before["id"])
    practice = before["practice_id"]

    # An activation sent, sent again, or sent to a corrected address.
    if after["activation"] and after["activation"] != before["activation"]:
        activation_id, _, expires_at, times_sent = after["activation"]
        client_pays = after["payer_state"].startswith("client")
        held = [PRICES[code] for code in sorted(after["services"])]
        yield (
            "activation_email",
            to(after["email"]),
            {
                "activation_id": activation_id,
                "expires_at": expires_at,
                "times_sent": times_sent,
                "practice_id": practice,
                "payer": ca.Payer.CLIENT if client_pays else ca.Payer.PRACTICE,
                "services": tuple(name for name, _ in held),
                "monthly_total": sum(price for _, price in held) if client_pays else None,
            },
        )
    # A service added or removed by the practice in both_access.
    by_practice_in_both = before["status"] == "both_access" and by == "practice"
    if by_practice_in_both and isinstance(command, ca.AddService | ca.RemoveService):
        yield (
            "service_changed_email",
            to(before["email"]),
            {
                "service": command.service,
                "service_name": PRICES[command.service][0],
                "added": isinstance(command, ca.AddService),
            },
        )
    # Access withdrawn from a disabled client.
    if isinstance(command, ca.WithdrawAccess) and before["status"] == "disabled":
        yield "access_withdrawn_email", to(before["email"]), {"practice_id": practice}
    # The address of an activated client changed.
    if isinstance(command, ca.ChangeEmail) and before["status"] in ACTIVATED:
        yield "email_replaced", to(before["email"]), {}
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
            yield "access_ended", ca.ToPractice(practice), {}
    # Access given or withdrawn, client closed, reopened, deleted or renamed by the platform.
    if by == "platform" and practice and type(command) in PLATFORM_ACTS:
        act = ca.PlatformAct(PLATFORM_ACTS[type(command)])
        yield "done_for_practice", ca.ToPractice(practice), {"act": act}
    # Business name changed by the platform, if the client can sign in.
    renamed = by == "platform" and isinstance(command, ca.ChangeBusinessName)
    if renamed and before["status"] in SIGNS_IN:
        yield "business_name_replaced", service, {}
    # Client transferred.
    if isinstance(command, ca.TransferClient):
        told: list[ca.Recipient] = [ca.ToPractice(practice), ca.ToPractice(command.practice_id)]
        for recipient in (*told, service) if before["status"] in SIGNS_IN else told:
            yield (
                "practice_replaced",
                recipient,
                {"from_practice_id": practice, "to_practice_id": command.practice_id},
            )
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
    # Services added or removed, first subscription, activation used, client closed, deleted or
    # transferred, access ended.
    if isinstance(
        command,
        ca.AddService
        | ca.RemoveService
        | ca.Subscribe
        | ca.Activate
        | ca.CloseClient
        | ca.DeleteClient
        | ca.TransferClient
        | ca.StopManaging,
    ):
        old, new = lines(before), lines(after)
        for payer in dict.fromkeys((*old, *new)):
            was, now = old.get(payer, ()), new.get(payer, ())
            if was != now:
                kind = "client" if payer == service else "practice"
                yield f"{kind}_invoice_changed", payer, {"before": was, "after": now}


ACTIVATED = {"both_access", "disabled", "unmanaged"}
SIGNS_IN = {"both_access", "unmanaged"}


def to(address: str) -> ca.ToAddress:
    return ca.ToAddress(ca.EmailAddress(address))


def lines(client: dict[str, Any]) -> dict[ca.Recipient, tuple[ca.InvoiceLine, ...]]:
    """S6: return a client's lines by the payer on whose next invoice they are."""
    if client["payer_state"] == "practice_locked" and client["practice_id"]:
        payer: ca.Recipient = ca.ToPractice(client["practice_id"])
    elif client["payer_state"] == "client_locked" and client["status"] in ACTIVATED:
        payer = ca.ToClientService(client["id"])
    else:
        return {}
    return {
        payer: tuple(
            ca.InvoiceLine(client["id"], client["business_name"], code, *PRICES[code])
            for code in sorted(client["services"])
        )
    }


IN_ORDER = (
    "activation_email",
    "service_changed_email",
    "access_withdrawn_email",
    "email_replaced",
    "practice_left",
    "access_ended",
    "done_for_practice",
    "business_name_replaced",
    "practice_replaced",
    "invitation_answered",
    "practice_invoice_changed",
    "client_invoice_changed",
    "access_removed",
    "direct_debit_needed",
    "activation_ending",
    "direct_debit_due",
)
COMMON = {"client_id", "version", "recipient", "business_name", "currency"}


def test_every_step_sends_what_the_rules_say_and_nothing_else() -> None:
    """§9: kind, recipient and every fact, in the order of the rules, for every accepted command."""
    sent: Counter[tuple[str, str]] = Counter()
    for change in changes():
        assert change.event is not None
        before = facts(change.before)
        wanted = list(expected(before, change.command, facts(change.after)))
        assert len(change.notices) == len(wanted), change
        for notice, (kind, recipient, own) in zip(change.notices, wanted, strict=True):
            assert notices.NOTICE_NAMES[type(notice)] == kind
            assert notice.recipient == recipient
            assert {f: getattr(notice, f) for f in fields_of(notice) if f not in COMMON} == own
            assert notice.client_id == change.after.id
            assert notice.version == change.event.version
            assert getattr(notice, "currency", "GBP") == "GBP"
            renamed = kind == "business_name_replaced"
            name = change.after.business_name if renamed else before["business_name"]
            assert notice.business_name == name
            sent[kind, type(change.command).__name__] += 1
    assert set(sent) == {
        *(
            ("activation_email", command)
            for command in (
                "Subscribe",
                "AddService",
                "GiveAccess",
                "ResendActivation",
                "ChangeEmail",
            )
        ),
        ("service_changed_email", "AddService"),
        ("service_changed_email", "RemoveService"),
        ("access_withdrawn_email", "WithdrawAccess"),
        ("email_replaced", "ChangeEmail"),
        ("practice_left", "StopManaging"),
        ("access_ended", "StopManaging"),
        *(("done_for_practice", command.__name__) for command in PLATFORM_ACTS),
        ("business_name_replaced", "ChangeBusinessName"),
        ("practice_replaced", "TransferClient"),
        ("invitation_answered", "AcceptPracticeInvitation"),
        ("invitation_answered", "DeclinePracticeInvitation"),
        *(
            ("practice_invoice_changed", command)
            for command in (
                "Subscribe",
                "AddService",
                "RemoveService",
                "StopManaging",
                "CloseClient",
                "DeleteClient",
                "TransferClient",
            )
        ),
        *(
            ("client_invoice_changed", command)
            for command in ("AddService", "RemoveService", "StopManaging", "Activate")
        ),
    }


@cache
def clients() -> tuple[ca.Client, ...]:
    """Return every reachable client, and closed ones."""
    alone = [c for c in world.clients() if c.status is ca.Status.PRACTICE_ONLY]
    closed = (world.decide(c, ca.CloseClient(CLIENT_ID, PLATFORM), SOON).after for c in alone)
    return (*world.clients(), *closed)


@cache
def commands(by: ca.Actor) -> tuple[ca.Command, ...]:
    """Return every command by an actor."""
    return (
        *world.commands(by),
        ca.WithdrawAccess(CLIENT_ID, by),
        ca.CloseClient(CLIENT_ID, by),
        ca.ReopenClient(CLIENT_ID, by),
        *(ca.TransferClient(CLIENT_ID, by, practice_id=to) for to in ("north", "south", "east")),
    )


@cache
def changes() -> tuple[ca.Change, ...]:
    """Return every change that every reachable client accepts."""
    return tuple(_changes())


def _changes() -> Iterator[ca.Change]:
    for client in clients():
        for by in world.ACTORS:
            for command in commands(by):
                change = world.outcome(client, command, SOON)
                if isinstance(change, ca.Change) and change.event is not None:
                    yield change


def fields_of(notice: ca.Notice) -> tuple[str, ...]:
    return tuple(field.name for field in attrs.fields(type(notice)))


def test_a_new_client_sends_nothing() -> None:
    """§9: adding, importing and registering send nothing to anybody."""
    for by in world.ACTORS:
        for command in world.commands(by):
            try:
                change = world.decide(None, command, SOON)
            except ca.ClientAccessError:
                continue
            assert change.notices == ()


def test_a_client_that_has_no_sign_in_gets_nothing() -> None:
    """§9: from and to inactive, practice_only and closed, every notice goes to the practice."""
    quiet = {ca.Status.INACTIVE, ca.Status.PRACTICE_ONLY, ca.Status.CLOSED}
    seen = set()
    for change in changes():
        assert change.before is not None
        if {change.before.status, change.after.status} <= quiet:
            for notice in change.notices:
                assert isinstance(notice.recipient, ca.ToPractice)
                seen.add(change.before.status)
    assert seen == quiet


# ── The same by example ──────────────────────────────────────────────────────────────────────────

_ADD = ca.AddClient(CLIENT_ID, NORTH, business_name="Acme", email=FIRST)


def _subscribe(payer: ca.Payer, sign_in: ca.SignIn) -> ca.Subscribe:
    return ca.Subscribe(
        CLIENT_ID,
        NORTH,
        payer=payer,
        sign_in=sign_in,
        services={"payroll": None},
        activation_id=world.FIRST_ACTIVATION,
    )


_ACTIVATE = ca.Activate(CLIENT_ID, CLIENT, activation_id=world.FIRST_ACTIVATION)
_ALONE = (_ADD, _subscribe(ca.Payer.PRACTICE, ca.SignIn.PRACTICE_ONLY))
_AWAITING = (_ADD, _subscribe(ca.Payer.PRACTICE, ca.SignIn.PRACTICE_AND_CLIENT))
_PAYING = (_ADD, _subscribe(ca.Payer.CLIENT, ca.SignIn.PRACTICE_AND_CLIENT))
_BOTH = (*_AWAITING, _ACTIVATE)
_DISABLED = (*_BOTH, ca.DisableAccess(CLIENT_ID, NORTH))
_CLOSED = (*_ALONE, ca.CloseClient(CLIENT_ID, NORTH))
_OWED = (*_BOTH, ca.StopManaging(CLIENT_ID, NORTH))

_MAIL = f"mail {FIRST}"


def _given(by: ca.Actor) -> ca.GiveAccess:
    return ca.GiveAccess(CLIENT_ID, by, email=FREE, confirm_email=FREE)


def _named(by: ca.Actor) -> ca.ChangeBusinessName:
    return ca.ChangeBusinessName(CLIENT_ID, by, business_name="Bolt")


def _moved(practice_id: str = "south") -> ca.TransferClient:
    return ca.TransferClient(CLIENT_ID, PLATFORM, practice_id=practice_id)


def _extra(by: ca.Actor) -> ca.AddService:
    return ca.AddService(CLIENT_ID, by, service="extra")


def _less(by: ca.Actor) -> ca.RemoveService:
    return ca.RemoveService(CLIENT_ID, by, service="payroll")


@pytest.mark.parametrize(
    ("given", "command", "sent"),
    [
        (_AWAITING, ca.ResendActivation(CLIENT_ID, PLATFORM), {("activation_email", _MAIL)}),
        (_AWAITING, _ACTIVATE, set()),
        (_PAYING, _ACTIVATE, {("client_invoice_changed", "client")}),
        (
            _BOTH,
            _extra(NORTH),
            {("service_changed_email", _MAIL), ("practice_invoice_changed", "north")},
        ),
        (
            _BOTH,
            _less(NORTH),
            {("service_changed_email", _MAIL), ("practice_invoice_changed", "north")},
        ),
        # Not by the platform, nor of a client that cannot sign in.
        (_BOTH, _extra(PLATFORM), {("practice_invoice_changed", "north")}),
        (_DISABLED, _extra(NORTH), {("practice_invoice_changed", "north")}),
        (_ALONE, _less(NORTH), {("practice_invoice_changed", "north")}),
        ((*_PAYING, _ACTIVATE), _extra(PLATFORM), {("client_invoice_changed", "client")}),
        (_DISABLED, ca.WithdrawAccess(CLIENT_ID, NORTH), {("access_withdrawn_email", _MAIL)}),
        (
            _DISABLED,
            ca.WithdrawAccess(CLIENT_ID, PLATFORM),
            {("access_withdrawn_email", _MAIL), ("done_for_practice", "north")},
        ),
        # A client that has never signed in is not told that it cannot.
        (_AWAITING, ca.WithdrawAccess(CLIENT_ID, NORTH), set()),
        (_AWAITING, ca.WithdrawAccess(CLIENT_ID, PLATFORM), {("done_for_practice", "north")}),
        (_ALONE, _given(NORTH), {("activation_email", f"mail {FREE}")}),
        (
            _ALONE,
            _given(PLATFORM),
            {("activation_email", f"mail {FREE}"), ("done_for_practice", "north")},
        ),
        (_ALONE, ca.CloseClient(CLIENT_ID, NORTH), {("practice_invoice_changed", "north")}),
        (
            _ALONE,
            ca.CloseClient(CLIENT_ID, PLATFORM),
            {("practice_invoice_changed", "north"), ("done_for_practice", "north")},
        ),
        (_CLOSED, ca.ReopenClient(CLIENT_ID, NORTH), set()),
        (_CLOSED, ca.ReopenClient(CLIENT_ID, PLATFORM), {("done_for_practice", "north")}),
        (_CLOSED, ca.DeleteClient(CLIENT_ID, NORTH), set()),
        (_CLOSED, ca.DeleteClient(CLIENT_ID, PLATFORM), {("done_for_practice", "north")}),
        # The practice names a client that has no sign-in; the platform any.
        (_ALONE, _named(NORTH), set()),
        (_ALONE, _named(PLATFORM), {("done_for_practice", "north")}),
        (_DISABLED, _named(PLATFORM), {("done_for_practice", "north")}),
        (
            _BOTH,
            _named(PLATFORM),
            {("done_for_practice", "north"), ("business_name_replaced", "client")},
        ),
        (_OWED, _named(PLATFORM), {("business_name_replaced", "client")}),
        # The payer after a transfer is the practice that takes over; a client that pays still does.
        (
            _ALONE,
            _moved(),
            {
                ("practice_replaced", "north"),
                ("practice_replaced", "south"),
                ("practice_invoice_changed", "north"),
                ("practice_invoice_changed", "south"),
            },
        ),
        (_CLOSED, _moved(), {("practice_replaced", "north"), ("practice_replaced", "south")}),
        (
            (*_PAYING, _ACTIVATE),
            _moved(),
            {
                ("practice_replaced", "north"),
                ("practice_replaced", "south"),
                ("practice_replaced", "client"),
            },
        ),
        (_BOTH, _moved("north"), set()),
        (
            _BOTH,
            ca.StopManaging(CLIENT_ID, CLIENT),
            {
                ("access_ended", "north"),
                ("practice_invoice_changed", "north"),
                ("client_invoice_changed", "client"),
            },
        ),
        # The invitation itself sends nothing.
        (_OWED, ca.InvitePractice(CLIENT_ID, CLIENT, practice_id="south"), set()),
    ],
    ids=lambda value: type(value).__name__ if attrs.has(type(value)) else "",
)
def test_who_gets_what(
    given: tuple[ca.Command, ...], command: ca.Command, sent: set[tuple[str, str]]
) -> None:
    """§9: the rows of the table and their limits, one by one."""
    (change,) = Office(given).do(command)
    assert {(notices.NOTICE_NAMES[type(n)], _whom(n)) for n in change.notices} == sent
    assert len({notice.id for notice in change.notices}) == len(sent)


def _whom(notice: ca.Notice) -> str:
    match notice.recipient:
        case ca.ToAddress(email):
            return f"mail {email.address}"
        case ca.ToPractice(practice_id):
            return practice_id
        case _:
            return "client"


def test_an_activation_email_says_who_pays_for_what_and_how_much() -> None:
    """§9: the total a month is shown only to a client that is to pay it."""
    for given, payer, total in (
        (_AWAITING, ca.Payer.PRACTICE, None),
        (_PAYING, ca.Payer.CLIENT, Decimal("6.75")),
    ):
        (change,) = Office(given).do(_extra(NORTH if total is None else PLATFORM))
        (email,) = [n for n in change.notices if isinstance(n, ca.ActivationEmail)]
        assert (email.payer, email.services) == (payer, ("Extra", "Payroll"))
        assert (email.monthly_total, email.currency) == (total, "GBP")


def test_the_name_in_a_notice_is_one_that_its_recipient_knows() -> None:
    """§9, L5: the practice reads the old name, also of a deleted client; the client its new one."""
    (change,) = Office(_BOTH).do(_named(PLATFORM))
    assert [notice.business_name for notice in change.notices] == ["Acme", "Bolt"]
    (change,) = Office(_CLOSED).do(ca.DeleteClient(CLIENT_ID, PLATFORM))
    assert [notice.business_name for notice in change.notices] == ["Acme"]


def test_nothing_is_mailed_to_a_placeholder() -> None:
    """E2: after no step."""
    for change in changes():
        for notice in change.notices:
            if isinstance(notice.recipient, ca.ToAddress):
                assert not is_placeholder(notice.recipient.email.address)
                assert notice.recipient.email.is_mailable


def test_nothing_is_mailed_to_an_erased_address() -> None:
    """E7: a client that was erased gets no email, until it has a new address."""
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


def test_an_activation_counts_as_sent_if_and_only_if_it_is_mailed() -> None:
    """E5, E7: without an email no sending is counted and no lifetime starts again. A service can
    still be added.
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
    """E5, E7: a sending before the erasure stays counted in the erased history. Adding a service
    after it sends nothing. Both histories replay to the client.
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
    """E5: if the client has an address, adding a service always sends the activation again."""
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
    """E6: a link is made when the email is sent."""
    for change in changes():
        assert "http" not in repr(change.notices)
        assert "token" not in repr(change.notices)


def test_the_id_of_a_notice_is_stable_and_its_own() -> None:
    """§9: the id is made from client, version, kind and practice. No two notices share one."""
    ids: dict[UUID, tuple[object, ...]] = {}
    for change in changes():
        assert len({notice.id for notice in change.notices}) == len(change.notices)
        for notice in change.notices:
            practice = getattr(notice.recipient, "practice_id", None)
            identity = (notice.client_id, notice.version, type(notice), practice)
            assert ids.setdefault(notice.id, identity) == identity
    assert len(ids) > 20
    sample = next(change for change in changes() if change.notices).notices[0]
    assert evolve(sample, business_name="Other").id == sample.id
    assert evolve(sample, version=sample.version + 1).id != sample.id
    assert evolve(sample, client_id=world.OTHER_ID).id != sample.id
    # Outboxes store them, so they never change.
    email = ca.EmailReplaced(CLIENT_ID, 3, to(FIRST), "Acme")
    assert email.id == UUID("99ed19d6-c414-5b5e-9e68-99ad2e218053")
    ended = ca.AccessEnded(CLIENT_ID, 3, ca.ToPractice("north"), "Acme")
    assert ended.id == UUID("1b33d8f9-6532-59c6-883c-2181f7a2681a")


def test_all_who_hear_of_a_transfer_have_notices_of_their_own() -> None:
    """L11: two practices and the client get the same kind of notice, each with its own id."""
    (change,) = Office(_BOTH).do(_moved())
    told = [n for n in change.notices if isinstance(n, ca.PracticeReplaced)]
    assert len(told) == len({notice.id for notice in told}) == 3
    assert {(n.from_practice_id, n.to_practice_id) for n in told} == {("north", "south")}
    left, taken = [n for n in change.notices if isinstance(n, ca.PracticeInvoiceChanged)]
    assert (left.recipient, taken.recipient) == (ca.ToPractice("north"), ca.ToPractice("south"))
    assert (left.before, left.after) == (taken.after, taken.before)
    assert left.id != taken.id


def test_kinds_are_in_the_order_of_the_rules() -> None:
    assert tuple(notices.NOTICES) == IN_ORDER
    assert tuple(notices.NOTICES.values()) == get_args(ca.Notice)


# ── At sign-in ───────────────────────────────────────────────────────────────────────────────────


def test_what_a_client_is_shown_at_sign_in() -> None:
    """§9: a disabled client reads that its practice removed its access, and a client that owes
    direct debit details that it must enter them.
    """
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


def test_removing_what_the_catalogue_lacks_always_works() -> None:
    """S4: nobody is told of an invoice, because the service has no price. An email to the client
    names it by its code.
    """
    for codes in (("payroll",), ("payroll", "extra"), ("payroll", "legacy")):
        for by, told in ((NORTH, ["payroll"]), (PLATFORM, [])):
            change = world.decide(
                _holding(*codes), ca.RemoveService(CLIENT_ID, by, service="payroll"), SOON, LACKING
            )
            assert not change.after.holds("payroll")
            emails = [n for n in change.notices if isinstance(n, ca.ServiceChangedEmail)]
            assert [email.service_name for email in emails] == told
            assert len(change.notices) == len(told)


def test_removing_what_the_catalogue_lacks_works_while_the_client_awaits_activation() -> None:
    """S4: no activation email is sent, which would name the services."""
    client = _holding("payroll", "extra", status=ca.Status.AWAITING_ACTIVATION)
    remove = ca.RemoveService(CLIENT_ID, NORTH, service="payroll")
    assert world.decide(client, remove, SOON, LACKING).notices == ()


@pytest.mark.parametrize(
    ("command", "status"),
    [
        (ca.RemoveService(CLIENT_ID, NORTH, service="extra"), ca.Status.BOTH_ACCESS),
        (
            ca.AddService(CLIENT_ID, NORTH, service="start", setup=world.SETUP),
            ca.Status.BOTH_ACCESS,
        ),
        (ca.StopManaging(CLIENT_ID, NORTH), ca.Status.BOTH_ACCESS),
        (ca.TransferClient(CLIENT_ID, PLATFORM, practice_id="east"), ca.Status.BOTH_ACCESS),
        (ca.CloseClient(CLIENT_ID, NORTH), ca.Status.PRACTICE_ONLY),
        (ca.ResendActivation(CLIENT_ID, NORTH), ca.Status.AWAITING_ACTIVATION),
    ],
    ids=lambda value: type(value).__name__ if attrs.has(type(value)) else "",
)
def test_a_service_that_the_catalogue_lacks_is_the_hosts_error(
    command: ca.Command, status: ca.Status
) -> None:
    """S4: an invoice never becomes smaller silently, and no email leaves a service out."""
    client = _holding("payroll", "extra", status=status)
    with pytest.raises(ca.CatalogueIncomplete, match="lacks the service 'payroll'") as raised:
        world.decide(client, command, SOON, LACKING)
    assert raised.value.service == "payroll"
    assert not isinstance(raised.value, ca.InvalidValue)


def test_a_lacking_catalogue_matters_to_nothing_else() -> None:
    """S4: a command that changes no invoice is decided as usual."""
    for command in (
        ca.ChangeContactDetails(CLIENT_ID, NORTH, contact=ca.ContactDetails("Bob")),
        ca.DisableAccess(CLIENT_ID, NORTH),
        ca.ChangeEmail(CLIENT_ID, CLIENT, email=world.THIRD),
    ):
        assert world.decide(_holding("payroll"), command, SOON, LACKING).event is not None
    paying = Office((*_PAYING, _ACTIVATE)).client()
    assert world.decide(paying, _moved(), SOON, LACKING).after.practice_id == "south"


# ── From a history ───────────────────────────────────────────────────────────────────────────────


def test_notices_can_be_made_again_from_a_history() -> None:
    """With the catalogue of that time, an event makes the notices that it made when it happened."""
    for there in world.walk().histories:
        before = ca.replay(there.events[:-1]) if there.events[1:] else None
        event = there.events[-1]
        change = world.decide(before, there.commands[-1], event.at, world.CATALOGUE_THEN)
        again = notices_of(before, event, there.client, world.CATALOGUE_THEN)
        assert again == change.notices


@pytest.mark.parametrize("kind", notices.NOTICES.values(), ids=lambda kind: kind.__name__)
def test_a_notice_refuses_the_recipients_of_other_notices(kind: type[ca.Notice]) -> None:
    """§9: each kind of notice goes to those that its class names in brackets, and to no other."""
    notice: Any = next(made for made in every_notice.notices() if type(made) is kind)
    everyone: list[Any] = [
        ca.ToAddress(ca.EmailAddress("a@acme.example.com")),
        ca.ToClientService(notice.client_id),
        ca.ToPractice("north"),
        ca.AtSignIn(notice.client_id),
    ]
    for recipient in everyone:
        if type(recipient) in notices.RECIPIENTS_OF[kind]:
            assert evolve(notice, recipient=recipient).recipient == recipient
        else:
            with pytest.raises(ca.InvalidValue, match="recipient must be of type"):
                evolve(notice, recipient=recipient)


@pytest.mark.parametrize("wrong", ["Pay\nroll", "\u202e", "", "x" * 201, 1])
def test_the_names_of_services_in_an_activation_email_are_names(wrong: Any) -> None:
    """A stored notice is checked like that too, before a letter is made of it."""
    email = next(n for n in every_notice.notices() if isinstance(n, ca.ActivationEmail))
    with pytest.raises(ca.InvalidValue, match="services"):
        evolve(email, services=("Payroll", wrong))
    with pytest.raises(ca.InvalidValue, match="services"):
        evolve(email, services=["Payroll"])  # type: ignore[arg-type]  # the test
