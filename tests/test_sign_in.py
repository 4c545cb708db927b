"""Who gets in, and who can open what: the end of rules §8, and P6 at the exact moment."""

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
    """§8: why a client with this address does not get in; None where it does."""
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
def test_every_client_is_answered_as_the_rules_say(at: Any) -> None:
    """§8: by status and debt; let in with the services held, kept out with none."""
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
def test_every_actor_opens_what_the_rules_say(at: Any) -> None:
    """§8: the practice where it may open the data, the client as it signs in, the platform in any
    but inactive and deleted; nobody else, and nothing where a practice is merely invited.
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
    """E1: however it is spelt; and any address of nobody is unknown."""
    office = Office((ADD, SUBSCRIBE, ACTIVATE))
    for spelt in (FIRST, FIRST.upper(), ca.EmailAddress("First@Example.com")):
        assert office.access.sign_in(spelt).allowed
    assert office.access.sign_in(FREE).refusal is not None


def test_nobody_signs_in_with_a_placeholder() -> None:
    """E2: it is no address, so asking with one is malformed, not unknown."""
    office = Office((ca.AddClient(CLIENT_ID, NORTH, business_name="Acme"),))
    for placeholder in (office.client().email, office.client().email.address):
        with pytest.raises(ca.InvalidValue) as told:
            office.access.sign_in(placeholder)
        assert told.value.field == "email"


@pytest.mark.parametrize("erase", [False, True])
def test_nobody_signs_in_with_what_stands_for_an_erased_address(erase: bool) -> None:
    """E2: never signed in with: malformed as a placeholder is, of a value or spelt, whether or not
    there is a client that has it; nor does the address that was erased let anybody in.
    """
    office = Office((ADD, SUBSCRIBE, ACTIVATE))
    erased = ca.EmailAddress.erased(CLIENT_ID)
    if erase:
        office.repository.erase(CLIENT_ID)
        assert office.client().email == erased
    for given in (erased, erased.address):
        with pytest.raises(ca.InvalidValue) as told:
            office.access.sign_in(given)
        assert told.value.field == "email"
        assert str(CLIENT_ID.hex) not in str(told.value)
    assert office.access.sign_in(FIRST).allowed == (not erase)


def test_the_old_address_does_not_sign_in_any_more() -> None:
    """E4: from the change on it is the new one that signs in."""
    office = Office((ADD, SUBSCRIBE, ACTIVATE, ca.ChangeEmail(CLIENT_ID, CLIENT, email=FREE)))
    assert not office.access.sign_in(FIRST).allowed
    assert office.access.sign_in(FREE).allowed


# ── P6 ───────────────────────────────────────────────────────────────────────────────────────────


def test_sign_in_is_closed_from_the_very_moment_and_not_before() -> None:
    """P6: 30 days after the access ended, to the microsecond; prompted for until then."""
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
    """P6: another policy afterwards moves nothing."""
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
def test_how_long_is_a_policy_value(
    unpaid_access: timedelta | None, days: float, allowed: bool
) -> None:
    """P6: none for no limit, nothing for at once."""
    office = Office(LEFT, policy=ca.Policy(unpaid_access=unpaid_access))
    office.later(days=days)
    decision = office.access.sign_in(FIRST)
    assert decision.allowed == allowed
    assert len(decision.prompts) == 1


def test_providing_the_details_opens_sign_in_again() -> None:
    """P6: by the client or the platform, in time or late; and nothing is prompted for any more."""
    for by in (CLIENT, PLATFORM):
        for days in (1, 30, 300):
            office = Office(LEFT)
            office.later(days=days)
            office.do(ca.ProvideDirectDebit(CLIENT_ID, by))
            decision = office.access.sign_in(FIRST)
            assert (decision.allowed, decision.prompts) == (True, ())


def test_what_is_owed_closes_sign_in_and_nothing_else() -> None:
    """P6: the client's commands and a later practice's access are not closed; it goes on owing,
    with the date that it has, whoever it invites and whoever leaves again.
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


def test_direct_debit_is_asked_for_just_where_the_practice_paid() -> None:
    """P6: by whomever its access ends, with or without services left."""
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


def test_opening_what_is_not_ones_own_is_unknown() -> None:
    """C3: a practice that is merely invited reads nothing, and a stranger not either."""
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
