"""Who can sign in, and who can open which services: the end of rules §8, and P6."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta, timezone
from typing import Any

import pytest
import world
from office import Office
from rules_table import facts, has_client
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
        case None | "inactive" | "practice_only" | "deleted":
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
    """§8: by status and debt; with its services if it can sign in, without any if not."""
    seen: Counter[str | None] = Counter()
    for client in (None, *world.clients()):
        decision = ca.sign_in_of(client, at=at)
        code = decision.refusal and decision.refusal.code.value
        assert code == expected_code(facts(client), at)
        assert decision.allowed == (code is None)
        held = client.services if client else ()
        assert decision.services == (held if decision.allowed else ())
        seen[code] += 1
    assert set(seen) == {
        None,
        "unknown_address",
        "not_activated",
        "disabled_by_practice",
        *(["direct_debit_missing"] if at == LATE else []),
    }


@pytest.mark.parametrize("at", [SOON, LATE], ids=["soon", "late"])
def test_every_actor_opens_what_the_rules_allow(at: Any) -> None:
    """§8: the practice that manages it, the client if it can sign in, and the platform, but in no
    case an inactive or deleted client. A practice that was only invited opens nothing.
    """
    opened: Counter[tuple[str, str]] = Counter()
    for client in world.clients():
        for by in ACTORS:
            services = ca.services_open_to(client, by, at=at)
            status = client.status.value
            match by:
                case ca.PracticeUser():
                    may = client.practice_id == by.practice_id and status in {
                        "practice_only",
                        "awaiting_activation",
                        "both_access",
                        "disabled",
                    }
                case ca.ClientUser():
                    may = by == CLIENT and expected_code(facts(client), at) is None
                case ca.PlatformUser():
                    may = status not in {"inactive", "deleted"}
            assert services == (client.services if may else ())
            if services:
                assert has_client(facts(client), by)
                opened[type(by).__name__, status] += 1
    assert set(opened) == {
        *(
            ("PracticeUser", status)
            for status in ("practice_only", "awaiting_activation", "both_access", "disabled")
        ),
        ("ClientUser", "both_access"),
        ("ClientUser", "unmanaged"),
        *(
            ("PlatformUser", status)
            for status in (
                "practice_only",
                "awaiting_activation",
                "both_access",
                "disabled",
                "unmanaged",
            )
        ),
    }


# ── By address ───────────────────────────────────────────────────────────────────────────────────


def test_sign_in_is_by_the_identity_of_an_address() -> None:
    """E1: in any spelling. An address that no client has is unknown."""
    office = Office((ADD, SUBSCRIBE, ACTIVATE))
    for spelt in (FIRST, FIRST.upper(), ca.EmailAddress("First@Example.com")):
        assert office.access.sign_in(spelt).allowed
    assert office.access.sign_in(FREE).refusal is not None


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
    assert office.access.services_open_to(CLIENT_ID, SOUTH)
    assert office.access.services_open_to(CLIENT_ID, CLIENT) == ()
    office.do(ca.StopManaging(CLIENT_ID, CLIENT))
    assert office.client().direct_debit == ca.DirectDebit(world.T0, due)
    office.do(ca.ProvideDirectDebit(CLIENT_ID, CLIENT))
    assert office.access.sign_in(FIRST).allowed


def test_direct_debit_is_asked_for_only_if_the_practice_paid() -> None:
    """P6: for every actor that ends the access, with or without services left."""
    asked: Counter[tuple[str, bool, bool]] = Counter()
    for client in world.clients():
        for by in ACTORS:
            try:
                after = world.decide(client, ca.StopManaging(CLIENT_ID, by), SOON).after
            except ca.CommandRefused:
                continue
            paid = client.payer_state is ca.PayerState.PRACTICE_LOCKED
            if paid:
                assert after.direct_debit == ca.DirectDebit(SOON, SOON + timedelta(days=30))
            else:
                assert after.direct_debit == client.direct_debit
            asked[type(by).__name__, paid, bool(client.services)] += 1
    assert len(asked) == 3 * 2 * 2


# ── The questions of the service ─────────────────────────────────────────────────────────────────


def test_opening_a_client_that_the_actor_does_not_have_is_unknown() -> None:
    """C3: neither a practice that was only invited nor a stranger can open it."""
    office = Office((*LEFT, ca.InvitePractice(CLIENT_ID, CLIENT, practice_id="south")))
    for by in (SOUTH, NORTH, world.EAST, world.STRANGER):
        for ask in (office.access.services_open_to, office.access.client):
            with pytest.raises(ca.CommandRefused) as refused:
                ask(CLIENT_ID, by)
            assert refused.value.refusal.code is ca.RefusalCode.UNKNOWN_CLIENT
            with pytest.raises(ca.CommandRefused) as none_there:
                ask(world.OTHER_ID, by)
            assert none_there.value.refusal == refused.value.refusal
    assert office.access.client(CLIENT_ID, CLIENT) == office.client()
    assert office.access.client(CLIENT_ID, PLATFORM) == office.client()
