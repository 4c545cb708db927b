"""Deadlines and their reminders: rule N1."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise
from typing import Any
from uuid import UUID

import pytest
import world
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st
from office import Office
from test_notices import clients
from world import CATALOGUE, CLIENT, CLIENT_ID, FIRST, FREE, NORTH, OTHER_ID, PLATFORM, T0

import client_access as ca
from client_access.repository.erasing import erase_history

TICK = timedelta(microseconds=1)
DAY = timedelta(days=1)
END = T0 + 30 * DAY
"""When an activation that is sent at T0 ends, and details that are asked for at T0 are due."""
EVER = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)

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
AWAITING = (ADD, SUBSCRIBE)
OWED = (*AWAITING, ACTIVATE, ca.StopManaging(CLIENT_ID, NORTH))


def awaiting() -> ca.Client:
    """Return a client whose activation was sent at T0."""
    return Office(AWAITING).client()


def owing() -> ca.Client:
    """Return a client that was asked for direct debit details at T0."""
    return Office(OWED).client()


def moments(found: tuple[ca.Notice, ...]) -> list[datetime]:
    """Return when reminders are due, each moment once."""
    assert all(isinstance(each, ca.ActivationEnding | ca.DirectDebitDue) for each in found)
    return list(dict.fromkeys(each.remind_at for each in found))  # type: ignore[union-attr]  # checked


# ── Deadlines ────────────────────────────────────────────────────────────────────────────────────


def test_the_deadlines_of_every_client() -> None:
    """N1: the end of a pending activation, and the moment from which sign-in is closed. No client
    has both.
    """
    seen = set()
    for client in clients():
        found = ca.deadlines_of(client)
        if client.status is ca.Status.AWAITING_ACTIVATION:
            assert client.activation is not None
            wanted = [(ca.DeadlineKind.ACTIVATION_ENDS, client.activation.expires_at)]
        elif client.direct_debit is not None:
            assert client.direct_debit.due is not None
            wanted = [(ca.DeadlineKind.DIRECT_DEBIT_DUE, client.direct_debit.due)]
        else:
            wanted = []
        assert [(each.kind, each.at) for each in found] == wanted
        assert all(each.client is client for each in found)
        seen |= {(each.kind.value, client.status.value) for each in found}
    assert seen == {
        ("activation_ends", "awaiting_activation"),
        ("direct_debit_due", "both_access"),
        ("direct_debit_due", "unmanaged"),
    }


def test_a_deadline_is_the_moment_at_which_something_ends() -> None:
    """N1, E6, P6: a link and a sign-in work until just before it, and not at the moment itself."""
    office = Office(AWAITING)
    (deadline,) = ca.deadlines_of(office.client())
    office.now = deadline.at
    assert office.code_of(ACTIVATE) == "activation_expired"
    office.now = deadline.at - TICK
    assert office.code_of(ACTIVATE) == ""

    office = Office(OWED)
    (deadline,) = ca.deadlines_of(office.client())
    for at, allowed in ((deadline.at, False), (deadline.at - TICK, True)):
        office.now = at
        assert office.access.sign_in(FIRST).allowed is allowed


def test_there_is_no_deadline_without_a_limit() -> None:
    """P6: a policy without a limit fixes no moment, so nothing is due and nobody is reminded."""
    client = Office(OWED, policy=ca.Policy(unpaid_access=None)).client()
    assert client.direct_debit is not None
    assert ca.deadlines_of(client) == ()
    assert ca.reminders(client, *EVER) == ()


# ── Reminders ────────────────────────────────────────────────────────────────────────────────────


def test_an_activation_that_ends_reminds_the_client_and_its_practice() -> None:
    """N1: 7 days and 1 day before, with what a fresh link of the same activation is made of."""
    client = awaiting()
    found = ca.reminders(client, T0, END)
    assert [(type(each), each.recipient) for each in found] == 2 * [
        (ca.ActivationEnding, ca.ToAddress(ca.EmailAddress(FIRST))),
        (ca.ActivationEnding, ca.ToPractice("north")),
    ]
    assert moments(found) == [END - 7 * DAY, END - DAY]
    for each in found:
        assert isinstance(each, ca.ActivationEnding)
        assert each.activation_id == world.FIRST_ACTIVATION
        assert (each.client_id, each.business_name) == (CLIENT_ID, "Acme")
        assert (each.practice_id, each.ends_at, each.version) == ("north", END, client.version)
    # To remind is not to send again.
    assert client.activation is not None
    assert (client.activation.expires_at, client.activation.times_sent) == (END, 1)


def test_direct_debit_details_that_are_due_remind_only_the_client() -> None:
    """N1: at its address; also a client that another practice manages by then."""
    office = Office(OWED)
    office.do(
        ca.InvitePractice(CLIENT_ID, CLIENT, practice_id="south"),
        ca.AcceptPracticeInvitation(CLIENT_ID, world.SOUTH),
    )
    for client in (owing(), office.client()):
        found = ca.reminders(client, T0, END)
        assert moments(found) == [END - 7 * DAY, END - DAY]
        for each in found:
            assert isinstance(each, ca.DirectDebitDue)
            assert each.recipient == ca.ToAddress(ca.EmailAddress(FIRST))
            assert (each.ends_at, each.business_name) == (END, "Acme")


@pytest.mark.parametrize("client", [awaiting(), owing()], ids=["awaiting", "owing"])
def test_a_reminder_falls_between_the_first_moment_and_before_the_last(client: ca.Client) -> None:
    """N1: `since` is included and `until` is not, to the microsecond."""
    week, day = END - 7 * DAY, END - DAY
    for since, until, wanted in (
        (week, week + TICK, [week]),
        (week + TICK, day, []),
        (week - DAY, week, []),
        (week, day + TICK, [week, day]),
        (day, END, [day]),
        (END, END + DAY, []),
        (week, week, []),
        (END, T0, []),
        (*EVER, [week, day]),
    ):
        assert moments(ca.reminders(client, since, until)) == wanted
    east = timezone(timedelta(hours=9))
    found = ca.reminders(client, week.astimezone(east), day.astimezone(east))
    assert found == ca.reminders(client, week, day)


spans = st.timedeltas(TICK, 40 * DAY)


@settings(max_examples=100)
@given(st.lists(st.timedeltas(-DAY, 40 * DAY), max_size=6), st.lists(spans, max_size=4))
def test_windows_that_follow_one_another_have_each_reminder_once(
    cuts: list[timedelta], before: list[timedelta]
) -> None:
    """N1: whatever the windows, their reminders together are those of the whole time."""
    client = awaiting()
    edges = sorted([T0 - DAY, END + DAY, *(T0 + cut for cut in cuts)])
    found = [
        each
        for since, until in pairwise(edges)
        for each in ca.reminders(client, since, until, before=before)
    ]
    assert tuple(found) == ca.reminders(client, edges[0], edges[-1], before=before)
    wanted = sorted(END - span for span in set(before) if span < 30 * DAY)
    assert moments(tuple(found)) == wanted
    assert len({each.id for each in found}) == len(found) == 2 * len(wanted)


def test_how_long_before_is_the_callers_choice() -> None:
    """N1: in any order and each once, the earliest reminder first."""
    client = owing()
    before = [DAY, 3 * DAY, DAY, 2 * DAY]
    found = ca.reminders(client, *EVER, before=before)
    assert moments(found) == [END - 3 * DAY, END - 2 * DAY, END - DAY]
    assert len(found) == 3
    assert ca.reminders(client, *EVER, before=()) == ()
    assert ca.reminders(client, *EVER, before=iter([DAY])) == found[-1:]


def test_nobody_is_reminded_before_the_deadline_is_fixed() -> None:
    """N1: nor at that very moment, when the email or the prompt itself says it."""
    for client in (awaiting(), owing()):
        for span, count in ((30 * DAY - TICK, 1), (30 * DAY, 0), (31 * DAY, 0), (timedelta.max, 0)):
            assert len(moments(ca.reminders(client, *EVER, before=[span]))) == count


def test_sending_again_moves_the_reminders_and_an_answer_ends_them() -> None:
    """N1, E5: they belong to the present deadline only."""
    office = Office(AWAITING)
    office.later(days=10)
    office.do(ca.ResendActivation(CLIENT_ID, NORTH))
    end = END + 10 * DAY
    found = ca.reminders(office.client(), *EVER)
    assert moments(found) == [end - 7 * DAY, end - DAY]
    assert not {each.id for each in found} & {each.id for each in ca.reminders(awaiting(), *EVER)}
    office.do(ACTIVATE)
    assert ca.reminders(office.client(), *EVER) == ()
    office = Office((*OWED, ca.ProvideDirectDebit(CLIENT_ID, CLIENT)))
    assert ca.reminders(office.client(), *EVER) == ()


def test_a_corrected_address_gets_the_link_of_the_new_activation() -> None:
    """N1, E4: the link of the replaced activation would be refused."""
    office = Office(AWAITING)
    office.later(days=1)
    office.do(ca.ChangeEmail(CLIENT_ID, NORTH, email=FREE, activation_id=world.SECOND_ACTIVATION))
    first, *_ = ca.reminders(office.client(), *EVER)
    assert isinstance(first, ca.ActivationEnding)
    assert first.recipient == ca.ToAddress(ca.EmailAddress(FREE))
    assert first.activation_id == world.SECOND_ACTIVATION


def test_an_erased_client_is_not_written_to() -> None:
    """N1, E7: only the practice is reminded of its activation."""
    waits = ca.replay(erase_history(Office(AWAITING).repository.history(CLIENT_ID)))
    assert {each.recipient for each in ca.reminders(waits, *EVER)} == {ca.ToPractice("north")}
    owes = ca.replay(erase_history(Office(OWED).repository.history(CLIENT_ID)))
    assert ca.deadlines_of(owes)
    assert ca.reminders(owes, *EVER) == ()


# ── Ids ──────────────────────────────────────────────────────────────────────────────────────────


def test_the_same_reminder_has_the_same_id_even_if_the_client_changed() -> None:
    """N1: a host that asks twice, with a change of the client in between, reminds nobody twice."""
    for commands, rename in (
        (AWAITING, ca.ChangeBusinessName(CLIENT_ID, NORTH, business_name="Bolt")),
        (OWED, ca.ChangeBusinessName(CLIENT_ID, PLATFORM, business_name="Bolt")),
    ):
        office = Office(commands)
        once = ca.reminders(office.client(), *EVER)
        assert once == ca.reminders(office.client(), *EVER)
        office.do(rename)
        again = ca.reminders(office.client(), *EVER)
        assert [each.id for each in again] == [each.id for each in once]
        assert {each.business_name for each in again} == {"Bolt"}


def test_different_reminders_have_different_ids() -> None:
    """N1: by client, recipient, deadline, moment and kind."""
    one = ca.reminders(awaiting(), *EVER)
    other = evolve(ADD, client_id=OTHER_ID, email=FREE)
    office = Office((other, evolve(SUBSCRIBE, client_id=OTHER_ID)))
    everything = [
        *one,
        *ca.reminders(office.client(OTHER_ID), *EVER),
        *ca.reminders(owing(), *EVER),
        *ca.reminders(awaiting(), *EVER, before=[2 * DAY]),
    ]
    assert len({each.id for each in everything}) == len(everything) == 4 + 4 + 2 + 2
    first = one[0]
    assert isinstance(first, ca.ActivationEnding)
    # The same moment in another time zone is the same reminder.
    west = timezone(timedelta(hours=-5))
    assert evolve(first, ends_at=END.astimezone(west)).id == first.id
    # Outboxes store them, so they never change.
    assert first.id == UUID("01f1477d-592c-55e6-a1fd-1e66b40da1f8")


# ── Malformed arguments ──────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"client": None}, "client"),
        ({"client": CLIENT_ID}, "client"),
        ({"since": T0.replace(tzinfo=None)}, "since"),
        ({"since": "2026-01-05"}, "since"),
        ({"until": None}, "until"),
        ({"until": END.replace(tzinfo=None)}, "until"),
        ({"before": None}, "before"),
        ({"before": DAY}, "before"),
        ({"before": [7]}, "before"),
        ({"before": "7d"}, "before"),
        ({"before": [DAY, timedelta(0)]}, "before"),
        ({"before": [-DAY]}, "before"),
    ],
)
def test_a_malformed_argument_of_reminders_is_named(wrong: dict[str, Any], field: str) -> None:
    """N1: also if the client has no deadline."""
    for client in (awaiting(), Office((ADD,)).client()):
        asked: dict[str, Any] = {"client": client, "since": T0, "until": END, **wrong}
        with pytest.raises(ca.InvalidValue) as malformed:
            ca.reminders(asked.pop("client"), asked.pop("since"), asked.pop("until"), **asked)
        assert malformed.value.field == field


def test_only_a_client_has_deadlines() -> None:
    for wrong in (None, CLIENT_ID, "x", CATALOGUE):
        with pytest.raises(ca.InvalidValue) as malformed:
            ca.deadlines_of(wrong)  # type: ignore[arg-type]  # that is what is tested
        assert malformed.value.field == "client"
