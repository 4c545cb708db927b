"""Who can sign in, and who can open which services: the end of rules §8, and P6."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta, timezone
from typing import Any

import pytest
import world
from attrs import evolve
from office import Office
from rules_table import facts, has_client
from test_notices import clients
from world import ACTORS, CLIENT, CLIENT_ID, FIRST, FREE, LATE, NORTH, PLATFORM, SOON, SOUTH

import client_access as ca

TICK = timedelta(microseconds=1)

ADD = ca.AddClient(CLIENT_ID, NORTH, business_name="Acme", email=FIRST)
SUBSCRIBE = ca.Subscribe(
    CLIENT_ID,
    NORTH,
    payer=ca.Payer.PRACTICE,
    sign_in=ca.SignIn.PRACTICE_AND_CLIENT,
    services={"payroll": None},
    activation_id=world.FIRST_ACTIVATION,
)
ACTIVATE = ca.Activate(CLIENT_ID, CLIENT, activation_id=world.FIRST_ACTIVATION)
STOP = ca.StopManaging(CLIENT_ID, NORTH)
LEFT = (ADD, SUBSCRIBE, ACTIVATE, STOP)


def expected_code(client: dict[str, Any], at: Any) -> str | None:
    """§8: return why a client with this address cannot sign in, or None if it can."""
    match client.get("status"):
        case None | "inactive" | "practice_only" | "closed" | "deleted":
            return "unknown_address"
        case "awaiting_activation":
            return "not_activated"
        case "disabled":
            return "disabled_by_practice"
        case _:
            owed = client["direct_debit"]
            closed = owed and owed[1] is not None and at >= owed[1]
            return "direct_debit_missing" if closed else None


@pytest.mark.parametrize("at", [SOON, LATE], ids=["soon", "late"])
def test_the_sign_in_of_every_client_follows_the_rules(at: Any) -> None:
    """§8: by status and debt; with its services if it can sign in, without any if not. The answer
    names the client, unless no client has the address.
    """
    seen: Counter[str | None] = Counter()
    for client in (None, *clients()):
        decision = ca.sign_in_of(client, at=at)
        code = decision.refusal and decision.refusal.code.value
        assert code == expected_code(facts(client), at)
        assert decision.allowed == (code is None)
        held = client.services if client else ()
        assert decision.services == (held if decision.allowed else ())
        assert decision.client_id == (client and client.id)
        seen[code] += 1
    assert set(seen) == {
        None,
        "unknown_address",
        "not_activated",
        "disabled_by_practice",
        *(["direct_debit_missing"] if at == LATE else []),
    }


# ── Opening ──────────────────────────────────────────────────────────────────────────────────────

CAPABILITIES = {"start": ("vat_returns", "journals"), "payroll": ("payslips",)}
CAPABLE = ca.Catalogue(
    [
        evolve(service, capabilities=CAPABILITIES.get(service.code, ()))
        for service in world.CATALOGUE.services
    ]
)


def opening_code(client: dict[str, Any], by: ca.Actor, at: Any) -> str | None:
    """§8: return why an actor can open nothing of a client, or None if it can open its services."""
    status = client["status"]
    if not has_client(client, by):
        return "unknown_client"
    match by:
        case ca.PracticeUser():
            works = {"practice_only", "awaiting_activation", "both_access", "disabled"}
            code = None if status in works else "not_in_this_status"
        case ca.ClientUser():
            code = expected_code(client, at)
        case ca.PlatformUser():
            code = "not_in_this_status" if status == "inactive" else None
    return code or (None if client["services"] else "no_services")


@pytest.mark.parametrize("at", [SOON, LATE], ids=["soon", "late"])
def test_every_actor_opens_what_the_rules_allow(at: Any) -> None:
    """§8, L3, S7: who can open the services has each with all of its capabilities. Everybody else
    gets the reason and what helps.
    """
    opened: Counter[tuple[str, str]] = Counter()
    refused: Counter[tuple[str, str, str]] = Counter()
    for client in clients():
        for by in ACTORS:
            opening = ca.opening_of(client, by, at=at, catalogue=CAPABLE)
            code = opening_code(facts(client), by, at)
            assert (opening.refusal and opening.refusal.code.value) == code
            if code is None:
                opened[type(by).__name__, client.status.value] += 1
                assert [(each.code, each.name) for each in opening.services] == [
                    (held.code, world.CATALOGUE.held(held.code).name) for held in client.services
                ]
                for each in opening.services:
                    assert each.capabilities == CAPABILITIES.get(each.code, ())
            else:
                refused[type(by).__name__, client.status.value, code] += 1
                assert opening.services == ()
                assert opening.refusal is not None
                assert opening.refusal.ways_out
    practice, both = ("practice_only", "awaiting_activation", "disabled"), "both_access"
    late = at == LATE
    assert set(opened) == {
        *(("PracticeUser", status) for status in (*practice, both)),
        *(("PlatformUser", status) for status in (*practice, both, "unmanaged")),
        ("ClientUser", both),
        ("ClientUser", "unmanaged"),
    }
    assert {row for row in refused if row[2] != "unknown_client"} == {
        ("PracticeUser", "inactive", "not_in_this_status"),
        ("PracticeUser", "closed", "not_in_this_status"),
        ("PracticeUser", "unmanaged", "not_in_this_status"),
        *(("PracticeUser", status, "no_services") for status in (*practice, both)),
        ("PlatformUser", "inactive", "not_in_this_status"),
        ("PlatformUser", "closed", "no_services"),
        *(("PlatformUser", status, "no_services") for status in (*practice, both, "unmanaged")),
        *(("ClientUser", s, "unknown_address") for s in ("inactive", "practice_only", "closed")),
        ("ClientUser", "awaiting_activation", "not_activated"),
        ("ClientUser", "disabled", "disabled_by_practice"),
        ("ClientUser", both, "no_services"),
        ("ClientUser", "unmanaged", "no_services"),
        *(("ClientUser", s, "direct_debit_missing") for s in (both, "unmanaged") if late),
    }


ALONE = (
    ADD,
    evolve(SUBSCRIBE, sign_in=ca.SignIn.PRACTICE_ONLY),
)
EMPTIED = ca.RemoveService(CLIENT_ID, NORTH, service="payroll")
REGISTER = ca.RegisterCustomer(
    CLIENT_ID, PLATFORM, business_name="Acme", email=FIRST, services={"payroll": None}
)


@pytest.mark.parametrize(
    ("given", "by", "code", "helps"),
    [
        ((ADD,), NORTH, "not_in_this_status", ["subscribe.practice"]),
        ((ADD,), PLATFORM, "not_in_this_status", ["subscribe.practice"]),
        ((ADD,), CLIENT, "unknown_address", ["check_address", "contact_support"]),
        (
            (*ALONE, ca.CloseClient(CLIENT_ID, NORTH)),
            NORTH,
            "not_in_this_status",
            ["reopen_client.practice", "add_service.practice"],
        ),
        (
            (*ALONE, ca.CloseClient(CLIENT_ID, NORTH)),
            PLATFORM,
            "no_services",
            ["reopen_client.practice", "add_service.practice"],
        ),
        ((*ALONE, EMPTIED), NORTH, "no_services", ["add_service.practice"]),
        ((*ALONE, EMPTIED), PLATFORM, "no_services", ["add_service.practice"]),
        (
            (ADD, SUBSCRIBE),
            CLIENT,
            "not_activated",
            ["activate.client", "junk_folder", "contact_support"],
        ),
        ((ADD, SUBSCRIBE, ACTIVATE, EMPTIED), CLIENT, "no_services", ["add_service.practice"]),
        (
            (*LEFT, evolve(EMPTIED, by=PLATFORM)),
            CLIENT,
            "no_services",
            ["add_service.platform"],
        ),
        (
            (ADD, SUBSCRIBE, ACTIVATE, ca.DisableAccess(CLIENT_ID, NORTH)),
            CLIENT,
            "disabled_by_practice",
            ["enable_access.practice"],
        ),
        (
            (REGISTER, ca.InvitePractice(CLIENT_ID, CLIENT, practice_id="north")),
            NORTH,
            "not_in_this_status",
            ["accept_practice_invitation.practice"],
        ),
        ((REGISTER,), NORTH, "unknown_client", ["from_the_list"]),
    ],
)
def test_why_nothing_can_be_opened_and_what_helps(
    given: tuple[ca.Command, ...], by: ca.Actor, code: str, helps: list[str]
) -> None:
    """§8: the refusal names the steps, in order, after which the actor can open a service."""
    office = Office(given)
    opening = ca.opening_of(office.client(), by, at=office.now, catalogue=world.CATALOGUE)
    assert opening.services == ()
    assert opening.refusal is not None
    assert opening.refusal.code.value == code
    assert [step.key for step in opening.refusal.ways_out] == helps


def test_a_client_that_owes_details_opens_its_services_until_they_are_due() -> None:
    """P6, §8: to the microsecond; entering the details helps."""
    office = Office(LEFT)
    office.now = world.T0 + timedelta(days=30) - TICK
    assert office.access.opening(CLIENT_ID, CLIENT).services
    office.now += TICK
    opening = office.access.opening(CLIENT_ID, CLIENT)
    assert opening.services == ()
    assert opening.refusal is not None
    assert opening.refusal.code.value == "direct_debit_missing"
    assert [step.key for step in opening.refusal.ways_out] == ["provide_direct_debit.client"]


def test_a_service_that_the_catalogue_lacks_cannot_be_opened_silently() -> None:
    """S4: leaving it out would hide the host's error."""
    office = Office((ADD, SUBSCRIBE))
    lacking = ca.Catalogue([world.CATALOGUE.held("start")])
    with pytest.raises(ca.CatalogueIncomplete) as raised:
        ca.opening_of(office.client(), NORTH, at=SOON, catalogue=lacking)
    assert raised.value.service == "payroll"
    # Who can open nothing is refused first.
    assert ca.opening_of(office.client(), CLIENT, at=SOON, catalogue=lacking).refusal


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"client": None}, "client"),
        ({"client": "x"}, "client"),
        ({"by": None}, "by"),
        ({"by": "north"}, "by"),
        ({"at": SOON.replace(tzinfo=None)}, "at"),
        ({"at": "now"}, "at"),
        ({"catalogue": None}, "catalogue"),
    ],
)
def test_a_malformed_argument_of_an_opening_is_named(wrong: dict[str, Any], field: str) -> None:
    office = Office((ADD, SUBSCRIBE))
    sound = {"client": office.client(), "by": NORTH, "at": SOON, "catalogue": world.CATALOGUE}
    asked: dict[str, Any] = {**sound, **wrong}
    with pytest.raises(ca.InvalidValue) as malformed:
        ca.opening_of(asked.pop("client"), asked.pop("by"), **asked)
    assert malformed.value.field == field


# ── By address ───────────────────────────────────────────────────────────────────────────────────


def test_sign_in_is_by_the_identity_of_an_address() -> None:
    """E1: in any spelling. An address that no client has is unknown."""
    office = Office((ADD, SUBSCRIBE, ACTIVATE))
    for spelt in (FIRST, FIRST.upper(), ca.EmailAddress("First@Example.com")):
        decision = office.access.sign_in(spelt)
        assert (decision.allowed, decision.client_id) == (True, CLIENT_ID)
    unknown = office.access.sign_in(FREE)
    assert unknown.refusal is not None
    assert unknown.client_id is None


def test_nobody_signs_in_with_a_placeholder() -> None:
    """E2: a placeholder is not an address, so it is malformed and not unknown."""
    office = Office((ca.AddClient(CLIENT_ID, NORTH, business_name="Acme"),))
    for placeholder in (office.client().email, office.client().email.address):
        with pytest.raises(ca.InvalidValue) as malformed:
            office.access.sign_in(placeholder)
        assert malformed.value.field == "email"


@pytest.mark.parametrize("erase", [False, True])
def test_nobody_signs_in_with_an_erased_address(erase: bool) -> None:
    """E2: what replaces an erased address is malformed like a placeholder, as a value or as text,
    whether a client has it or not. The address that was erased does not sign in either.
    """
    office = Office((ADD, SUBSCRIBE, ACTIVATE))
    erased = ca.EmailAddress.erased(CLIENT_ID)
    if erase:
        office.repository.erase(CLIENT_ID)
        assert office.client().email == erased
    for given in (erased, erased.address):
        with pytest.raises(ca.InvalidValue) as malformed:
            office.access.sign_in(given)
        assert malformed.value.field == "email"
        assert str(CLIENT_ID.hex) not in str(malformed.value)
    assert office.access.sign_in(FIRST).allowed == (not erase)


def test_the_old_address_no_longer_signs_in() -> None:
    """E4: after the change only the new address signs in."""
    office = Office((ADD, SUBSCRIBE, ACTIVATE, ca.ChangeEmail(CLIENT_ID, CLIENT, email=FREE)))
    assert not office.access.sign_in(FIRST).allowed
    assert office.access.sign_in(FREE).allowed


# ── P6 ───────────────────────────────────────────────────────────────────────────────────────────


def test_sign_in_is_refused_from_the_due_moment_and_not_before() -> None:
    """P6: 30 days after the access ended, to the microsecond. The client is prompted until then."""
    office = Office(LEFT)
    due = world.T0 + timedelta(days=30)
    for at, allowed in ((due - TICK, True), (due, False), (due + TICK, False)):
        office.now = at
        decision = office.access.sign_in(FIRST)
        assert decision.allowed == allowed
        (prompt,) = decision.prompts
        assert isinstance(prompt, ca.DirectDebitNeeded)
        assert prompt.due == due
    office.now = due.astimezone(timezone(timedelta(hours=-7))) - TICK
    assert office.access.sign_in(FIRST).allowed


def test_the_date_is_fixed_when_the_access_ends() -> None:
    """P6: another policy afterwards does not move it."""
    office = Office(LEFT)
    later = ca.ClientAccess(
        office.repository,
        catalogue=world.CATALOGUE,
        policy=ca.Policy(unpaid_access=timedelta(days=90)),
        clock=lambda: office.now,
    )
    office.later(days=30)
    assert not later.sign_in(FIRST).allowed


@pytest.mark.parametrize(
    ("unpaid_access", "days", "allowed"),
    [
        (None, 10_000, True),
        (timedelta(0), 0, False),
        (timedelta(days=2), 1.999, True),
        (timedelta(days=2), 2, False),
    ],
)
def test_the_policy_says_how_long_a_client_may_owe(
    unpaid_access: timedelta | None, days: float, allowed: bool
) -> None:
    """P6: None is no limit, and zero is at once."""
    office = Office(LEFT, policy=ca.Policy(unpaid_access=unpaid_access))
    office.later(days=days)
    decision = office.access.sign_in(FIRST)
    assert decision.allowed == allowed
    assert len(decision.prompts) == 1


def test_providing_the_details_opens_sign_in_again() -> None:
    """P6: by the client or the platform, in time or late. The client is no longer prompted."""
    for by in (CLIENT, PLATFORM):
        for days in (1, 30, 300):
            office = Office(LEFT)
            office.later(days=days)
            office.do(ca.ProvideDirectDebit(CLIENT_ID, by))
            decision = office.access.sign_in(FIRST)
            assert (decision.allowed, decision.prompts) == (True, ())


def test_owed_details_close_sign_in_and_nothing_else() -> None:
    """P6: the client's commands and a later practice's access are not affected. The client owes the
    details by the same date, whatever practice it invites or leaves.
    """
    office = Office(LEFT)
    due = world.T0 + timedelta(days=30)
    office.later(days=60)
    office.do(
        ca.ChangeContactDetails(CLIENT_ID, CLIENT, contact=ca.ContactDetails("Ann")),
        ca.InvitePractice(CLIENT_ID, CLIENT, practice_id="south"),
        ca.AcceptPracticeInvitation(CLIENT_ID, SOUTH),
    )
    assert office.client().status is ca.Status.BOTH_ACCESS
    assert not office.access.sign_in(FIRST).allowed
    assert office.access.opening(CLIENT_ID, SOUTH).services
    assert office.access.opening(CLIENT_ID, CLIENT).services == ()
    office.do(ca.StopManaging(CLIENT_ID, CLIENT))
    assert office.client().direct_debit == ca.DirectDebit(world.T0, due)
    office.do(ca.ProvideDirectDebit(CLIENT_ID, CLIENT))
    assert office.access.sign_in(FIRST).allowed


def test_direct_debit_is_asked_for_if_the_practice_paid_for_services() -> None:
    """P6: for every actor that ends its access. What was owed before is owed by the same date."""
    asked: Counter[tuple[str, bool, bool]] = Counter()
    for client in world.clients():
        for by in ACTORS:
            try:
                after = world.decide(client, ca.StopManaging(CLIENT_ID, by), SOON).after
            except ca.CommandRefused:
                continue
            paid = client.payer_state is ca.PayerState.PRACTICE_LOCKED
            if paid and client.services:
                assert after.direct_debit == ca.DirectDebit(SOON, SOON + timedelta(days=30))
            else:
                assert after.direct_debit == client.direct_debit
            asked[type(by).__name__, paid, bool(client.services)] += 1
    assert len(asked) == 3 * 2 * 2


PAYING = (ADD, evolve(SUBSCRIBE, payer=ca.Payer.CLIENT))


def test_a_client_that_pays_is_asked_for_details_when_it_activates() -> None:
    """P6: it can sign in for 30 days from then on, not from the subscription."""
    office = Office(PAYING)
    office.later(days=10)
    office.do(ACTIVATE)
    due = office.now + timedelta(days=30)
    (prompt,) = office.access.sign_in(FIRST).prompts
    assert prompt == ca.DirectDebitNeeded(CLIENT_ID, 3, ca.AtSignIn(CLIENT_ID), "Acme", due=due)
    office.now = due
    assert not office.access.sign_in(FIRST).allowed


def test_a_client_that_holds_no_service_owes_no_details() -> None:
    """P6: removing the last service ends the request. The next first service makes a new one."""
    office = Office((*PAYING, ACTIVATE, evolve(EMPTIED, by=PLATFORM)))
    assert office.access.sign_in(FIRST).prompts == ()
    office.later(days=100)
    office.do(ca.AddService(CLIENT_ID, PLATFORM, service="extra"))
    (prompt,) = office.access.sign_in(FIRST).prompts
    assert isinstance(prompt, ca.DirectDebitNeeded)
    assert prompt.due == office.now + timedelta(days=30)


def test_details_that_were_given_are_never_asked_for_again() -> None:
    """P6: not if every service was removed. A registered customer has given them."""
    given = (*PAYING, ACTIVATE, ca.ProvideDirectDebit(CLIENT_ID, CLIENT))
    for first in (given, (REGISTER,)):
        office = Office(
            (
                *first,
                evolve(EMPTIED, by=PLATFORM),
                ca.AddService(CLIENT_ID, PLATFORM, service="extra"),
            )
        )
        decision = office.access.sign_in(FIRST)
        assert (decision.allowed, decision.prompts) == (True, ())


# ── An activation email that never arrives (E5) ──────────────────────────────────────────────────

JUNK = ["junk_folder", "contact_support"]


@pytest.mark.parametrize(
    ("more", "by", "advice"),
    [
        ((), NORTH, ["resend_activation.practice", "change_email.practice", *JUNK]),
        ((), PLATFORM, ["resend_activation.platform", "change_email.platform", *JUNK]),
        # The practice resends only what leads to a service.
        ((EMPTIED,), NORTH, ["resend_activation.platform", "change_email.practice", *JUNK]),
        ((EMPTIED,), PLATFORM, ["resend_activation.platform", "change_email.platform", *JUNK]),
        ((), CLIENT, []),
        ((), SOUTH, []),
        ((), world.STRANGER, []),
        ((ACTIVATE,), NORTH, []),
        ((ca.WithdrawAccess(CLIENT_ID, NORTH),), NORTH, []),
    ],
)
def test_what_helps_if_the_activation_email_never_arrives(
    more: tuple[ca.Command, ...], by: ca.Actor, advice: list[str]
) -> None:
    """E5: the guide's advice in its order, for the practice and the platform, as long as the
    client awaits its activation.
    """
    client = Office((ADD, SUBSCRIBE, *more)).client()
    assert [step.key for step in ca.undelivered_activation(client, by)] == advice


def test_an_erased_client_is_given_a_new_address_instead() -> None:
    """E5, E7: sending again and correcting the address are one step then."""
    office = Office((ADD, SUBSCRIBE))
    office.repository.erase(CLIENT_ID)
    for by, step in ((NORTH, "change_email.practice"), (PLATFORM, "change_email.platform")):
        advice = ca.undelivered_activation(office.client(), by)
        assert [each.key for each in advice] == [step, *JUNK]


def test_every_step_against_an_undelivered_activation_can_be_taken() -> None:
    """E5: no advice is a command that would be refused."""
    advised = 0
    for client in (*clients(), *world.erased()):
        for by in ACTORS:
            for step in ca.undelivered_activation(client, by):
                if step.command is None or step.by is None:
                    continue
                actor = by if isinstance(by, step.by) else PLATFORM
                actions = ca.actions_of(client, actor, at=SOON, catalogue=world.CATALOGUE)
                assert step.command in actions.allowed
                advised += 1
    assert advised > 10


# ── The questions of the service ─────────────────────────────────────────────────────────────────


def test_opening_a_client_that_the_actor_does_not_have_is_unknown() -> None:
    """C3: neither a practice that was only invited nor a stranger can open it."""
    office = Office((*LEFT, ca.InvitePractice(CLIENT_ID, CLIENT, practice_id="south")))
    for by in (SOUTH, NORTH, world.EAST, world.STRANGER):
        asks: tuple[Any, ...] = (office.access.opening, office.access.client)
        for ask in asks:
            with pytest.raises(ca.CommandRefused) as refused:
                ask(CLIENT_ID, by)
            assert refused.value.refusal.code is ca.RefusalCode.UNKNOWN_CLIENT
            with pytest.raises(ca.CommandRefused) as none_there:
                ask(world.OTHER_ID, by)
            assert none_there.value.refusal == refused.value.refusal
    assert office.access.client(CLIENT_ID, CLIENT) == office.client()
    assert office.access.client(CLIENT_ID, PLATFORM) == office.client()
