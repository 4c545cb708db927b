"""Every refusal: it is reached, its ways out are taken, and its words are for anybody to read."""

from __future__ import annotations

import copy
import pickle
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from uuid import UUID

import attrs
import pytest
import rules_table
import world
from rules_table import facts, has_client
from world import (
    ACTORS,
    CATALOGUE,
    CLIENT,
    CLIENT_ID,
    EAST,
    FIRST,
    FIRST_ACTIVATION,
    FREE,
    LATE,
    NORTH,
    OTHER_ID,
    PLATFORM,
    SECOND_ACTIVATION,
    SETUP,
    SOON,
    SOUTH,
    STRANGER,
    T0,
    TAKEN,
    THIRD,
)

import client_access as ca
from client_access.refusals import RULE_OF, english

Code, S = ca.RefusalCode, ca.Status

# ── All refusals ──────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Refused:
    """A refusal: of a command, of an action, at sign-in, or of opening a client's services."""

    client: ca.Client | None
    by: ca.Actor | None
    at: datetime
    command: type | None
    refusal: ca.Refusal


@cache
def all_refusals() -> tuple[Refused, ...]:
    """Return every refusal of every reachable client, actor and command, each once."""
    once = {
        (
            id(refused.client),
            refused.by,
            refused.at,
            refused.command,
            refused.refusal.code,
            tuple(step.key for step in refused.refusal.ways_out),
        ): refused
        for refused in _all_refusals()
    }
    return tuple(once.values())


def _all_refusals() -> Iterator[Refused]:
    for client in (None, *world.clients(), *world.erased()):
        in_time = client is None or client.activation is None
        for at in (SOON,) if in_time else (SOON, LATE):
            for by in ACTORS:
                actions = ca.actions_of(client, by, at=at, catalogue=CATALOGUE)
                for kind, refusal in actions.refused.items():
                    yield Refused(client, by, at, kind, refusal)
                for command in world.commands(by):
                    refusal_or = world.outcome(client, command, at)
                    if isinstance(refusal_or, ca.Refusal):
                        yield Refused(client, by, at, type(command), refusal_or)
        for at in (SOON, LATE):
            if refusal_at_sign_in := ca.sign_in_of(client, at=at).refusal:
                yield Refused(client, None, at, None, refusal_at_sign_in)
            if client:
                for by in ACTORS:
                    opening = ca.opening_of(client, by, at=at, catalogue=CATALOGUE)
                    if opening.refusal:
                        yield Refused(client, by, at, None, opening.refusal)


def test_every_code_is_reached() -> None:
    """§8: all 29, the four of sign-in among them."""
    assert len(Code) == 29
    assert {refused.refusal.code for refused in all_refusals()} == set(Code)


# ── Ways out, in general ─────────────────────────────────────────────────────────────────────────


def those_who_have(client: ca.Client, kind: type) -> tuple[ca.Actor, ...]:
    """Return the actors of a kind that have a client (§8)."""
    return tuple(
        by for by in (NORTH, SOUTH, CLIENT, PLATFORM) if type(by) is kind and _has(client, by)
    )


def _has(client: ca.Client, by: ca.Actor) -> bool:
    return has_client(facts(client), by)


@cache
def after_step(client: ca.Client, step: ca.WayOut, at: datetime) -> tuple[ca.Client, ...]:
    """Return each client that a step can lead to; none if no command that takes it is accepted.

    `actions` alone does not prove it: a command of an allowed kind may have nothing left to name.
    """
    led_to = []
    for by in those_who_have(client, step.by or type(None)):
        kinds = frozenset[type]([step.command or type(None)])
        accepted = list(after_commands(client, by, kinds, at))
        allowed = step.command in ca.actions_of(client, by, at=at, catalogue=CATALOGUE).allowed
        assert allowed or not accepted
        led_to += accepted
    return tuple(led_to)


def after_commands(
    client: ca.Client, by: ca.Actor, kinds: frozenset[type], at: datetime
) -> Iterator[ca.Client]:
    """Yield the client after each command of some kinds that is accepted from an actor."""
    for command in world.commands(by):
        if type(command) in kinds:
            try:
                yield world.decide(client, command, at).after
            except ca.ClientAccessError:
                continue


def steps_offered() -> Iterator[tuple[ca.Client, datetime, tuple[ca.WayOut, ...]]]:
    """Yield every sequence of steps that is offered for a client: of refusals, and of E5."""
    for refused in all_refusals():
        if refused.client is not None:
            yield refused.client, refused.at, refused.refusal.ways_out
    for client in (*world.clients(), *world.erased()):
        for by in ACTORS:
            for at in (SOON, LATE):
                yield client, at, ca.undelivered_activation(client, by)


def test_every_way_out_can_be_taken() -> None:
    """§8: each command of a refusal's ways out is accepted now, or after the ones before it.

    Over all reachable states × actors × commands and actions, sign-in, opening, and the advice of
    E5.
    """
    dead_ends = set()
    taken: Counter[str] = Counter()
    for client, at, steps in set(steps_offered()):
        here = {client}
        for step in steps:
            if step.command is None:
                continue
            led_to = {after for state in here for after in after_step(state, step, at)}
            if not led_to:
                dead_ends.add((client.status.value, step.key, tuple(way.key for way in steps)))
            taken[step.key] += 1
            here |= led_to
    assert not dead_ends
    assert len(taken) >= 30, taken


# ── No state is a dead end ───────────────────────────────────────────────────────────────────────


def can_reach(
    client: ca.Client,
    goal: Callable[[ca.Client], bool],
    actors: Sequence[ca.Actor],
    kinds: frozenset[type],
    at: datetime,
) -> bool:
    """Return whether some actors can bring a client to a goal with some kinds of command."""
    seen, waiting = {client}, [client]
    while waiting:
        here = waiting.pop(0)
        if goal(here):
            return True
        led_to = {after for by in actors for after in after_commands(here, by, kinds, at)}
        waiting += led_to - seen
        seen |= led_to
    return False


def let_go_of(client: ca.Client) -> bool:
    """L9: no practice pays for the client or works on it."""
    return client.status in {S.DELETED, S.UNMANAGED} or (
        client.status is S.CLOSED and client.services == ()
    )


@pytest.mark.parametrize("at", [SOON, LATE], ids=["soon", "late"])
def test_a_practice_can_let_go_of_every_client_alone(at: datetime) -> None:
    """L9: from every managed status, the practice alone reaches a state in which it neither pays
    for the client nor works on it. None of the commands adds a cost.
    """
    letting_go: frozenset[type] = frozenset(
        {ca.StopManaging, ca.WithdrawAccess, ca.CloseClient, ca.DeleteClient}
    )
    left: Counter[str] = Counter()
    for client in (*world.clients(), *world.erased()):
        if client.managed:
            (practice_,) = those_who_have(client, ca.PracticeUser)
            assert can_reach(client, let_go_of, [practice_], letting_go, at), client
            left[client.status.value] += 1
    assert set(left) == rules_table.MANAGED


@pytest.mark.parametrize("at", [SOON, LATE], ids=["soon", "late"])
def test_the_platform_and_the_client_always_reach_its_own_sign_in(at: datetime) -> None:
    """L7, L9: without the practice, every client reaches its own sign-in. An inactive client has no
    services yet; the platform deletes it.
    """

    def signs_in(client: ca.Client) -> bool:
        return client.email.is_mailable and ca.sign_in_of(client, at=at).allowed

    getting_in: frozenset[type] = frozenset(
        {
            ca.ReopenClient,
            ca.GiveAccess,
            ca.ResendActivation,
            ca.ChangeEmail,
            ca.Activate,
            ca.StopManaging,
            ca.ProvideDirectDebit,
        }
    )
    inside: Counter[str] = Counter()
    for client in (*world.clients(), *world.erased()):
        if client.status is S.INACTIVE:
            deleting = frozenset[type]({ca.DeleteClient})
            assert can_reach(client, lambda c: c.status is S.DELETED, [PLATFORM], deleting, at)
        elif client.status is not S.DELETED:
            assert can_reach(client, signs_in, [PLATFORM, CLIENT], getting_in, at), client
            inside[client.status.value] += 1
    assert set(inside) == rules_table.ANY - {"inactive"}


def test_another_actor_who_is_said_to_remove_the_service_can_remove_it() -> None:
    """P4, §8: if the first way out is that another actor removes the service, that actor can remove
    this very service. If nothing is held, no actor is named. Over all states and actors.
    """
    first_ways: Counter[tuple[str, str]] = Counter()
    for client in world.clients():
        for by in ACTORS:
            for command in world.commands(by):
                refusal = world.outcome(client, command, SOON)
                if not (isinstance(command, ca.RemoveService) and isinstance(refusal, ca.Refusal)):
                    continue
                (first, *_) = refusal.ways_out
                first_ways[refusal.code.value, first.key] += 1
                if first.command is ca.RemoveService:
                    (other, *_) = those_who_have(client, first.by or type(None))
                    asked = attrs.evolve(command, by=other)
                    if client.holds(command.service):
                        assert isinstance(world.outcome(client, asked, SOON), ca.Change)
                    else:
                        # The client's own settings show only what is held.
                        assert refusal.code is not Code.CLIENT_PAYS
                    assert client.services
    assert first_ways["client_pays", "remove_service.platform"]
    assert first_ways["client_pays", "choose_held"]
    assert first_ways["client_pays", "nothing_to_do"]
    assert first_ways["not_in_this_status", "nothing_to_do"]
    assert first_ways["not_in_this_status", "remove_service.platform"]
    assert first_ways["actor_not_allowed", "for_practice"]
    assert first_ways["actor_not_allowed", "remove_service.practice"]
    assert first_ways["service_not_held", "nothing_to_do"]


def test_every_refusal_says_what_helps() -> None:
    """Each refusal has a way out, none twice; a way out inside names a command and its actor."""
    for refused in all_refusals():
        ways = refused.refusal.ways_out
        assert ways
        assert len({step.key for step in ways}) == len(ways)
        for step in ways:
            assert (step.command is None) == (step.by is None)
            assert step.command is None or "." in step.key


def test_the_only_way_out_is_never_what_was_refused_itself() -> None:
    """No refusal begins with the advice to do what was refused."""
    for refused in all_refusals():
        (first, *_) = refused.refusal.ways_out
        assert (first.command, first.by) != (refused.command, type(refused.by)), refused


# ── Ways out, code by code ───────────────────────────────────────────────────────────────────────

i, o = CLIENT_ID, OTHER_ID
practice, client = ca.Payer.PRACTICE, ca.Payer.CLIENT
alone, together = ca.SignIn.PRACTICE_ONLY, ca.SignIn.PRACTICE_AND_CLIENT

ADD = ca.AddClient(i, NORTH, business_name="Acme", email=FIRST)
ADD_WITHOUT_ADDRESS = ca.AddClient(i, NORTH, business_name="Acme")
OTHERS = ca.AddClient(o, EAST, business_name="Other", email=TAKEN)
REGISTER = ca.RegisterCustomer(
    i, PLATFORM, business_name="A", email=FIRST, services={"extra": None}
)


def subscribe(
    payer: ca.Payer = practice, sign_in: ca.SignIn = together, **services: ca.ServiceSetup | None
) -> ca.Subscribe:
    return ca.Subscribe(
        i,
        NORTH,
        payer=payer,
        sign_in=sign_in,
        services=services or {"payroll": None},
        activation_id=FIRST_ACTIVATION,
    )


def activate(activation_id: UUID = FIRST_ACTIVATION) -> ca.Activate:
    return ca.Activate(i, CLIENT, activation_id=activation_id)


def give_access(email: str = FREE, again: str = FREE) -> ca.GiveAccess:
    return ca.GiveAccess(
        i, NORTH, email=email, confirm_email=again, activation_id=SECOND_ACTIVATION
    )


def invite(by_practice: ca.PracticeUser = NORTH) -> ca.InvitePractice:
    return ca.InvitePractice(i, CLIENT, practice_id=by_practice.practice_id)


def correct(email: str = THIRD) -> ca.ChangeEmail:
    return ca.ChangeEmail(i, NORTH, email=email, activation_id=SECOND_ACTIVATION)


def by_platform(command: ca.ChangeEmail) -> ca.ChangeEmail:
    return attrs.evolve(command, by=PLATFORM)


def add_service(
    by: ca.Actor = NORTH, service: str = "extra", setup: ca.ServiceSetup | None = None
) -> ca.AddService:
    return ca.AddService(i, by, service=service, setup=setup)


def remove_service(by: ca.Actor = NORTH, service: str = "payroll") -> ca.RemoveService:
    return ca.RemoveService(i, by, service=service)


ACTIVE = (ADD, subscribe(), activate())
AWAITING = (ADD, subscribe())
ALONE = (ADD, subscribe(sign_in=alone))
GIVEN = (*ALONE, give_access())
CUSTOMERS = (REGISTER, invite(), ca.AcceptPracticeInvitation(i, NORTH))

Given = tuple[ca.Command, ...]
Step = ca.Command | timedelta
SKIP = None
"""A way out that this story does not take, or a step outside the library."""


@dataclass(frozen=True)
class Story:
    """A refusal, its ways out in order, and what they lead to.

    Each way out has the command that takes it, or SKIP. `then` is accepted afterwards: the command
    that was refused, or a corrected one. If the rules never accept it, `instead` says what is
    reached instead.
    """

    code: ca.RefusalCode
    given: Given
    asked: ca.Command
    ways: dict[str, ca.Command | None]
    then: ca.Command | None
    instead: str = ""
    wait: timedelta = field(default=timedelta(hours=1))


DAYS = timedelta(days=1)

STORIES = (
    Story(
        Code.UNKNOWN_CLIENT,
        ACTIVE,
        ca.StopManaging(i, EAST),
        {"from_the_list": SKIP},
        ca.StopManaging(i, NORTH),
    ),
    Story(
        Code.ACTOR_NOT_ALLOWED,
        (ADD,),
        ca.Subscribe(i, CLIENT, payer=client, sign_in=together, services={"extra": None}),
        {"subscribe.practice": subscribe(client)},
        None,
        instead="the practice has done it",
    ),
    Story(
        Code.ACTOR_NOT_ALLOWED,
        (),
        ca.AddClient(i, PLATFORM, business_name="Acme"),
        {"for_practice": SKIP},
        ADD,
    ),
    Story(
        Code.NOT_IN_THIS_STATUS,
        (ADD,),
        add_service(),
        {"subscribe.practice": subscribe()},
        add_service(),
    ),
    Story(
        Code.NOT_IN_THIS_STATUS,
        (ADD_WITHOUT_ADDRESS,),
        invite(SOUTH),
        {
            "change_email.practice": correct(),
            "subscribe.practice": subscribe(),
            "activate.client": activate(),
            "stop_managing.client": ca.StopManaging(i, CLIENT),
        },
        invite(SOUTH),
    ),
    Story(
        Code.CLIENT_EXISTS,
        (ADD,),
        ADD,
        {"new_id": SKIP},
        ca.AddClient(UUID(int=77), NORTH, business_name="Acme", email=FREE),
    ),
    Story(
        Code.EMAIL_TAKEN,
        (OTHERS,),
        ca.AddClient(i, NORTH, business_name="Acme", email=TAKEN.upper()),
        {"another_address": SKIP, "invite_you": SKIP, "customer_services": SKIP},
        ADD,
    ),
    Story(
        Code.EMAIL_TAKEN,
        (
            ca.RegisterCustomer(
                o, PLATFORM, business_name="B", email=TAKEN, services={"extra": None}
            ),
        ),
        ca.AddClient(i, NORTH, business_name="Acme", email=TAKEN),
        {
            "another_address": SKIP,
            "invite_you": ca.InvitePractice(o, STRANGER, practice_id=NORTH.practice_id),
            "customer_services": SKIP,
        },
        ca.AcceptPracticeInvitation(o, NORTH),
    ),
    Story(
        Code.NO_SERVICES,
        (ADD,),
        ca.Subscribe(i, NORTH, payer=practice, sign_in=together, services={}),
        {"choose_services": SKIP},
        subscribe(),
    ),
    Story(
        Code.NO_SERVICES,
        (*AWAITING, remove_service()),
        ca.ResendActivation(i, NORTH),
        {"add_service.practice": add_service(), "resend_activation.platform": SKIP},
        ca.ResendActivation(i, NORTH),
    ),
    Story(
        Code.NO_SERVICES,
        (ADD, subscribe(client), remove_service(PLATFORM)),
        ca.ResendActivation(i, NORTH),
        {"resend_activation.platform": ca.ResendActivation(i, PLATFORM)},
        activate(),
    ),
    Story(
        Code.UNKNOWN_SERVICE,
        ALONE,
        add_service(service="legacy"),
        {"choose_offered": SKIP},
        add_service(),
    ),
    Story(
        Code.SETUP_REQUIRED,
        (ADD,),
        subscribe(start=None),
        {"enter_setup": SKIP},
        subscribe(start=SETUP),
    ),
    Story(
        Code.PAYER_LOCKED,
        ACTIVE,
        ca.ChoosePayer(i, NORTH, payer=client),
        {"stop_managing.practice": ca.StopManaging(i, NORTH)},
        None,
        instead="the client pays",
    ),
    Story(
        Code.PAYER_LOCKED,
        ALONE,
        ca.ChoosePayer(i, NORTH, payer=client),
        {
            "give_access.practice": give_access(),
            "activate.client": activate(SECOND_ACTIVATION),
            "stop_managing.practice": ca.StopManaging(i, NORTH),
        },
        None,
        instead="the client pays",
    ),
    Story(
        Code.PAYER_LOCKED,
        AWAITING,
        ca.ChoosePayer(i, NORTH, payer=client),
        {
            "resend_activation.practice": ca.ResendActivation(i, NORTH),
            "activate.client": activate(),
            "stop_managing.practice": ca.StopManaging(i, NORTH),
        },
        None,
        instead="the client pays",
    ),
    Story(
        Code.PAYER_LOCKED,
        (ADD, subscribe(client)),
        ca.ChoosePayer(i, NORTH, payer=practice),
        {"settled": SKIP},
        None,
        instead="the client pays",
    ),
    Story(
        Code.EMAIL_MISSING,
        (ADD_WITHOUT_ADDRESS,),
        subscribe(),
        {"change_email.practice": correct(), "practice_alone": SKIP},
        subscribe(),
    ),
    Story(
        Code.EMAIL_MISSING,
        (ADD_WITHOUT_ADDRESS,),
        subscribe(),
        {"change_email.practice": SKIP, "practice_alone": SKIP},
        subscribe(sign_in=alone),
    ),
    *(
        Story(
            Code.CLIENT_CANNOT_PAY,
            (ADD,),
            subscribe(client, alone),
            {"let_practice_pay": SKIP, "let_client_sign_in": SKIP},
            then,
        )
        for then in (subscribe(practice, alone), subscribe(client, together))
    ),
    Story(
        Code.CLIENT_PAYS,
        (ADD, subscribe(client)),
        add_service(),
        {"add_service.platform": add_service(PLATFORM)},
        None,
        instead="it has been done",
    ),
    Story(
        Code.CLIENT_PAYS,
        (ADD, subscribe(client)),
        remove_service(),
        {"remove_service.platform": remove_service(PLATFORM)},
        None,
        instead="it has been done",
    ),
    Story(
        Code.CLIENT_PAYS,
        (ADD, subscribe(client), activate()),
        ca.DisableAccess(i, NORTH),
        {"stop_managing.practice": ca.StopManaging(i, NORTH)},
        None,
        instead="the practice has nothing to do with the client any more",
    ),
    Story(
        Code.CLIENT_PAYS,
        (ADD, subscribe(client, start=SETUP, payroll=None, extra=None)),
        add_service(),
        {"nothing_to_do": SKIP},
        None,
        instead="the client has every service",
    ),
    Story(
        Code.CLIENT_PAYS,
        (ADD, subscribe(client)),
        ca.WithdrawAccess(i, NORTH),
        {"delete_client.practice": ca.DeleteClient(i, NORTH), "change_email.practice": SKIP},
        None,
        instead="the practice has nothing to do with the client any more",
    ),
    Story(
        Code.CLIENT_PAYS,
        (ADD, subscribe(client)),
        ca.WithdrawAccess(i, PLATFORM),
        {"delete_client.platform": SKIP, "change_email.platform": by_platform(correct())},
        activate(SECOND_ACTIVATION),
    ),
    Story(
        Code.NOTHING_TO_ADD,
        (*ALONE, add_service(), add_service(service="start", setup=SETUP)),
        add_service(),
        {"nothing_to_do": SKIP},
        None,
        instead="the client has every service",
    ),
    Story(
        Code.SERVICE_ALREADY_ADDED,
        ALONE,
        add_service(service="payroll"),
        {"choose_not_held": SKIP},
        add_service(),
    ),
    Story(
        Code.SERVICE_NOT_HELD,
        ALONE,
        remove_service(service="extra"),
        {"choose_held": SKIP},
        remove_service(),
    ),
    Story(
        Code.EMAILS_DIFFER,
        ALONE,
        give_access(FREE, THIRD),
        {"same_address_twice": SKIP},
        give_access(FREE, FREE.title()),
    ),
    Story(
        Code.ALREADY_ACTIVATED,
        ACTIVE,
        activate(),
        {"sign_in": SKIP},
        None,
        instead="the client signs in",
    ),
    Story(
        Code.ALREADY_ACTIVATED,
        (*ACTIVE, ca.DisableAccess(i, NORTH)),
        activate(),
        {"enable_access.practice": ca.EnableAccess(i, NORTH), "sign_in": SKIP},
        None,
        instead="the client signs in",
    ),
    Story(
        Code.ACTIVATION_UNKNOWN,
        (*AWAITING, correct()),
        activate(FIRST_ACTIVATION),
        {
            "newest_email": SKIP,
            "resend_activation.practice": ca.ResendActivation(i, NORTH),
            "change_email.practice": SKIP,
            "junk_folder": SKIP,
            "contact_support": SKIP,
        },
        activate(SECOND_ACTIVATION),
    ),
    Story(
        Code.ACTIVATION_EXPIRED,
        AWAITING,
        activate(),
        {
            "resend_activation.practice": ca.ResendActivation(i, NORTH),
            "change_email.practice": SKIP,
            "junk_folder": SKIP,
            "contact_support": SKIP,
        },
        activate(),
        wait=30 * DAYS,
    ),
    Story(
        Code.ACTIVATION_EXPIRED,
        AWAITING,
        activate(),
        {
            "resend_activation.practice": SKIP,
            "change_email.practice": correct(),
            "junk_folder": SKIP,
            "contact_support": SKIP,
        },
        activate(SECOND_ACTIVATION),
        wait=30 * DAYS,
    ),
    Story(
        Code.NOT_INVITED_BY_PRACTICE,
        CUSTOMERS,
        ca.DisableAccess(i, NORTH),
        {"stop_managing.practice": ca.StopManaging(i, NORTH)},
        None,
        instead="the practice has nothing to do with the client any more",
    ),
    Story(
        Code.NO_CLIENT_SIGN_IN,
        ALONE,
        ca.StopManaging(i, NORTH),
        {
            "give_access.practice": give_access(),
            "activate.client": activate(SECOND_ACTIVATION),
            "close_client.practice": SKIP,
        },
        ca.StopManaging(i, NORTH),
    ),
    Story(
        Code.NO_CLIENT_SIGN_IN,
        ALONE,
        ca.StopManaging(i, NORTH),
        {
            "give_access.practice": SKIP,
            "activate.client": SKIP,
            "close_client.practice": ca.CloseClient(i, NORTH),
        },
        None,
        instead="the client is closed",
    ),
    Story(
        Code.NO_CLIENT_SIGN_IN,
        GIVEN,
        ca.StopManaging(i, NORTH),
        {
            "resend_activation.practice": SKIP,
            "change_email.practice": SKIP,
            "activate.client": SKIP,
            "withdraw_access.practice": ca.WithdrawAccess(i, NORTH),
            "close_client.practice": ca.CloseClient(i, NORTH),
        },
        None,
        instead="the client is closed",
    ),
    Story(
        Code.NO_CLIENT_SIGN_IN,
        AWAITING,
        ca.StopManaging(i, NORTH),
        {
            "resend_activation.practice": ca.ResendActivation(i, NORTH),
            "change_email.practice": correct(),
            "activate.client": activate(SECOND_ACTIVATION),
            "delete_client.practice": SKIP,
        },
        ca.StopManaging(i, NORTH),
    ),
    Story(
        Code.NO_CLIENT_SIGN_IN,
        AWAITING,
        ca.StopManaging(i, NORTH),
        {
            "resend_activation.practice": SKIP,
            "change_email.practice": SKIP,
            "activate.client": SKIP,
            "delete_client.practice": ca.DeleteClient(i, NORTH),
        },
        None,
        instead="the practice has nothing to do with the client any more",
    ),
    Story(
        Code.NO_CLIENT_SIGN_IN,
        GIVEN,
        ca.StopManaging(i, PLATFORM),
        {
            "resend_activation.platform": ca.ResendActivation(i, PLATFORM),
            "change_email.platform": SKIP,
            "activate.client": activate(SECOND_ACTIVATION),
            "withdraw_access.platform": SKIP,
            "close_client.platform": SKIP,
        },
        ca.StopManaging(i, PLATFORM),
    ),
    Story(
        Code.HAS_BEEN_ACTIVE,
        GIVEN,
        ca.DeleteClient(i, NORTH),
        {
            "withdraw_access.practice": ca.WithdrawAccess(i, NORTH),
            "close_client.practice": ca.CloseClient(i, NORTH),
            "delete_client.practice": ca.DeleteClient(i, NORTH),
        },
        None,
        instead="it has been done",
    ),
    Story(
        Code.INVITATION_PENDING,
        (REGISTER, invite()),
        invite(SOUTH),
        {"withdraw_practice_invitation.client": ca.WithdrawPracticeInvitation(i, CLIENT)},
        invite(SOUTH),
    ),
    Story(
        Code.NO_PENDING_INVITATION,
        (REGISTER,),
        ca.WithdrawPracticeInvitation(i, CLIENT),
        {"invite_practice.client": invite()},
        ca.WithdrawPracticeInvitation(i, CLIENT),
    ),
    Story(
        Code.CONTACT_CUSTOMER_SERVICES,
        ACTIVE,
        ca.ChangeBusinessName(i, NORTH, business_name="Bolt"),
        {"change_business_name.platform": ca.ChangeBusinessName(i, PLATFORM, business_name="Bolt")},
        None,
        instead="it has been done",
    ),
)

AT_SIGN_IN = {
    Code.UNKNOWN_ADDRESS,
    Code.NOT_ACTIVATED,
    Code.DISABLED_BY_PRACTICE,
    Code.DIRECT_DEBIT_MISSING,
}


class Office:
    """The service on a repository in memory, with a clock that the test moves."""

    def __init__(self, given: Given) -> None:
        self.now = T0
        self.repository = ca.MemoryRepository()
        self.access = ca.ClientAccess(self.repository, catalogue=CATALOGUE, clock=lambda: self.now)
        for command in given:
            self.access.handle(command)

    def refusal_of(self, command: ca.Command) -> ca.Refusal:
        with pytest.raises(ca.CommandRefused) as refused:
            self.access.handle(command)
        assert refused.value.command == command
        return refused.value.refusal

    def client(self) -> ca.Client:
        found = self.repository.get(CLIENT_ID)
        assert found is not None
        return found


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.code.value)
def test_the_ways_out_of_a_refusal_lead_to_the_command(story: Story) -> None:
    """§8: the ways out are these, in this order. They are taken, and then it is accepted."""
    office = Office(story.given)
    office.now += story.wait
    refusal = office.refusal_of(story.asked)
    assert refusal.code is story.code
    assert [step.key for step in refusal.ways_out] == list(story.ways)
    for step, command in zip(refusal.ways_out, story.ways.values(), strict=True):
        if command is not None:
            if step.command is not None:
                assert (type(command), type(command.by)) == (step.command, step.by)
            assert office.access.handle(command).event is not None
    if story.then is not None:
        assert office.access.handle(story.then).event is not None
        return
    match story.instead:
        case "the client pays":
            assert office.client().payer is ca.Payer.CLIENT
        case "the client signs in":
            assert office.access.sign_in(office.client().email).allowed
        case "the client is closed":
            assert office.client().status is S.CLOSED
        case "the client has every service":
            assert {held.code for held in office.client().services} == world.SHOP.offered
        case "the practice has nothing to do with the client any more":
            assert office.refusal_of(story.asked).code is Code.UNKNOWN_CLIENT
        case _:
            # Another actor, or the two steps together, have done what was asked.
            (*_, last) = [command for command in story.ways.values() if command is not None]
            assert type(last) is type(story.asked)


def test_an_erased_client_has_no_address_to_sign_in_with() -> None:
    """E7: it is treated as a client without an address. The way out works, and the activation goes
    to the new address.
    """
    office = Office((ADD,))
    office.repository.erase(i)
    assert office.client().email.is_erased
    refusal = office.refusal_of(subscribe())
    assert refusal.code is Code.EMAIL_MISSING
    assert [step.key for step in refusal.ways_out] == ["change_email.practice", "practice_alone"]
    office.access.handle(correct(THIRD))
    (email,) = _activation_emails(office.access.handle(subscribe()))
    assert str(email) == THIRD
    assert office.client().status is ca.Status.AWAITING_ACTIVATION


@pytest.mark.parametrize("by", [NORTH, PLATFORM])
@pytest.mark.parametrize("given", [AWAITING, (*AWAITING, remove_service()), GIVEN])
def test_nothing_is_sent_to_an_address_that_was_erased(given: Given, by: ca.Actor) -> None:
    """E7: sending again is refused, with services or without. Entering an address sends the
    activation to it.
    """
    office = Office(given)
    office.repository.erase(i)
    refusal = office.refusal_of(ca.ResendActivation(i, by))
    assert refusal.code is Code.EMAIL_MISSING
    (step,) = refusal.ways_out
    assert (step.command, step.by) == (ca.ChangeEmail, type(by))
    assert refusal == office.access.actions(i, by).refused[ca.ResendActivation]
    another = UUID(int=3)
    change = ca.ChangeEmail(i, by, email=THIRD, activation_id=another)
    (email,) = _activation_emails(office.access.handle(change))
    assert str(email) == THIRD
    assert office.access.handle(activate(another)).after.status is ca.Status.BOTH_ACCESS
    assert office.access.sign_in(THIRD).allowed


@pytest.mark.parametrize(
    ("by", "end"),
    [
        (SOUTH, ca.DeclinePracticeInvitation(i, SOUTH)),
        (PLATFORM, ca.WithdrawPracticeInvitation(i, CLIENT)),
    ],
)
def test_an_invitation_is_ended_where_a_customer_cannot_be_deleted(
    by: ca.Actor, end: ca.Command
) -> None:
    """L5, L9: an invited practice declines, and the client withdraws; either way the record of a
    customer is kept.
    """
    office = Office((REGISTER, invite(SOUTH)))
    ending, keep = office.refusal_of(ca.DeleteClient(i, by)).ways_out
    assert (ending.command, ending.by) == (type(end), type(end.by))
    assert keep.key == "keep_record"
    assert office.access.handle(end).event is not None
    assert office.refusal_of(ca.DeleteClient(i, PLATFORM)).ways_out == (keep,)


def _activation_emails(change: ca.Change) -> list[ca.EmailAddress]:
    return [
        notice.recipient.email
        for notice in change.notices
        if isinstance(notice, ca.ActivationEmail) and isinstance(notice.recipient, ca.ToAddress)
    ]


def test_every_refusal_of_a_command_has_its_story() -> None:
    """§8: the stories above cover every code of a command."""
    assert {story.code for story in STORIES} == set(Code) - AT_SIGN_IN


def _sign_in(office: Office, email: str = FIRST) -> ca.SignInDecision:
    return office.access.sign_in(email)


@pytest.mark.parametrize(
    ("code", "given", "wait", "ways"),
    [
        (
            Code.NOT_ACTIVATED,
            AWAITING,
            29 * DAYS,
            {"activate.client": activate(), "junk_folder": SKIP, "contact_support": SKIP},
        ),
        (
            Code.NOT_ACTIVATED,
            AWAITING,
            30 * DAYS,
            {
                "resend_activation.practice": ca.ResendActivation(i, NORTH),
                "activate.client": activate(),
                "junk_folder": SKIP,
                "contact_support": SKIP,
            },
        ),
        (
            Code.NOT_ACTIVATED,
            (*AWAITING, remove_service()),
            30 * DAYS,
            {
                "resend_activation.platform": ca.ResendActivation(i, PLATFORM),
                "activate.client": activate(),
                "junk_folder": SKIP,
                "contact_support": SKIP,
            },
        ),
        (
            Code.DISABLED_BY_PRACTICE,
            (*ACTIVE, ca.DisableAccess(i, NORTH)),
            DAYS,
            {"enable_access.practice": ca.EnableAccess(i, NORTH)},
        ),
        (
            Code.DIRECT_DEBIT_MISSING,
            (*ACTIVE, ca.StopManaging(i, NORTH)),
            30 * DAYS,
            {"provide_direct_debit.client": ca.ProvideDirectDebit(i, CLIENT)},
        ),
        (
            Code.UNKNOWN_ADDRESS,
            ALONE,
            DAYS,
            {"check_address": SKIP, "contact_support": give_access(FIRST, FIRST)},
        ),
    ],
)
def test_the_ways_out_of_a_refused_sign_in_lead_in(
    code: ca.RefusalCode, given: Given, wait: timedelta, ways: dict[str, ca.Command | None]
) -> None:
    """§8: a refused sign-in says what helps, and it does."""
    office = Office(given)
    office.now += wait
    decision = _sign_in(office)
    refusal = decision.refusal
    assert refusal is not None
    assert not decision.allowed
    assert decision.services == ()
    assert refusal.code is code
    assert [step.key for step in refusal.ways_out] == list(ways)
    for command in ways.values():
        if command is not None:
            office.access.handle(command)
    if code is Code.UNKNOWN_ADDRESS:
        office.access.handle(activate(SECOND_ACTIVATION))
    assert _sign_in(office).allowed
    assert _sign_in(office).refusal is None


# ── Words ────────────────────────────────────────────────────────────────────────────────────────

NUMBERED = {
    *(f"L{n}" for n in range(1, 12)),
    *(f"P{n}" for n in range(1, 7)),
    *(f"E{n}" for n in range(1, 8)),
    *(f"D{n}" for n in range(1, 4)),
    *(f"S{n}" for n in range(1, 9)),
    *(f"C{n}" for n in range(1, 4)),
    "N1",
    *(f"§{n}" for n in range(1, 11)),
}
"""The numbers that the rules have."""


def test_every_refusal_cites_an_existing_rule() -> None:
    """§8: the number of a refusal is the number of a rule."""
    assert set(RULE_OF) == set(Code)
    assert {refused.refusal.rule for refused in all_refusals()} <= NUMBERED
    assert set(RULE_OF.values()) <= NUMBERED


def test_a_refusal_cites_the_rule_of_the_command_that_it_refuses() -> None:
    """§8: the same code can follow from different rules for different commands."""
    cited = {(r.command, r.refusal.code): r.refusal.rule for r in all_refusals()}
    assert cited[ca.Subscribe, Code.NO_SERVICES] == "P2"
    assert cited[ca.ResendActivation, Code.NO_SERVICES] == "E5"
    assert cited[ca.AddService, Code.CLIENT_PAYS] == "P4"
    assert cited[ca.DisableAccess, Code.CLIENT_PAYS] == "L8"
    assert cited[ca.WithdrawAccess, Code.CLIENT_PAYS] == "L10"
    assert cited[ca.AddService, Code.NOTHING_TO_ADD] == "S4"
    assert cited[ca.DeleteClient, Code.HAS_BEEN_ACTIVE] == "L5"
    assert cited[ca.DisableAccess, Code.NOT_INVITED_BY_PRACTICE] == "L8"
    assert cited[ca.ChoosePayer, Code.PAYER_LOCKED] == "P2"


def test_every_text_is_one_plain_sentence() -> None:
    """Each text begins with a capital, ends with a full stop, and is at most 100 characters."""
    for key, sentence in english().items():
        assert re.fullmatch(r"[A-Z][^.!?\n{}%]{8,98}\.", sentence), (key, sentence)


def test_no_text_holds_anything_of_a_client() -> None:
    """C3: every sentence of a refusal is one of the fixed texts; nothing is inserted."""
    texts = english()
    for refused in all_refusals():
        refusal = refused.refusal
        assert refusal.message == texts[refusal.code.value]
        for step in refusal.ways_out:
            assert step.sentence == texts[step.key]
    marked = ca.AddClient(
        i,
        NORTH,
        business_name="Zyxwv Ltd",
        email="zyxwv@zyxwv.example.com",
        contact=ca.ContactDetails("Zyxwv", "0123498765", "Zyxwv Road"),
    )
    office = Office((marked,))
    at_risk: list[str] = []
    for by in ACTORS:
        for command in world.commands(by):
            try:
                office.access.preview(command)
            except ca.CommandRefused as refused_:
                at_risk += [str(refused_), repr(refused_.refusal)]
            except ca.InvalidValue as problem:
                at_risk.append(str(problem))
        at_risk.append(repr(office.access.actions(i, by)))
    assert len(at_risk) > 200
    for text in at_risk:
        assert not re.search("zyxwv|0123498765|north|south", text, re.IGNORECASE), text


def test_the_words_are_the_same_for_another_practices_clients() -> None:
    """C3: `email_taken` and `client_exists` do not show which practice has the client."""
    own = ca.AddClient(UUID(int=5), NORTH, business_name="B", email="own@example.com")
    office = Office((ADD, OTHERS, own))

    taken = [
        office.refusal_of(ca.AddClient(UUID(int=6), NORTH, business_name="C", email=email))
        for email in ("own@example.com", TAKEN)
    ]
    assert taken[0] == taken[1]
    exists = [
        office.refusal_of(ca.AddClient(client_id, NORTH, business_name="C"))
        for client_id in (own.client_id, o)
    ]
    assert exists[0] == exists[1]


def test_a_client_of_somebody_else_is_refused_like_one_that_does_not_exist() -> None:
    """C3: the same refusals and the same actions, for every command and actor."""
    for there in (*world.clients(),):
        for by in ACTORS:
            if _has(there, by):
                continue
            assert ca.actions_of(there, by, at=SOON, catalogue=CATALOGUE) == ca.actions_of(
                None, by, at=SOON, catalogue=CATALOGUE
            )
            for command in world.commands(by):
                refusal = _refusal(there, command)
                if refusal is not None and refusal.code is not Code.CLIENT_EXISTS:
                    assert refusal == _refusal(None, command), (there.status, command)


def _refusal(client: ca.Client | None, command: ca.Command) -> ca.Refusal | None:
    answer = world.outcome(client, command, SOON)
    return answer if isinstance(answer, ca.Refusal) else None


# ── Other languages ──────────────────────────────────────────────────────────────────────────────


def test_every_text_can_be_replaced() -> None:
    """A translation of `english()` replaces every sentence, and changes nothing else."""
    upper = {key: text.upper() for key, text in english().items()}
    for refusal in {refused.refusal for refused in all_refusals()}:
        other = refusal.translated(upper)
        assert other.message == refusal.message.upper()
        assert [s.sentence for s in other.ways_out] == [
            s.sentence.upper() for s in refusal.ways_out
        ]
        assert (other.code, other.rule) == (refusal.code, refusal.rule)
        assert [(s.key, s.command, s.by) for s in other.ways_out] == [
            (s.key, s.command, s.by) for s in refusal.ways_out
        ]
        assert refusal.translated({}) == refusal
        assert other.translated(english()) == refusal


def test_a_translation_must_be_text() -> None:
    """A subclass of str becomes plain. Blank, endless or other text raises InvalidValue."""

    class Marked(str):
        pass

    (refusal, *_) = _all_codes().values()
    key = refusal.code.value
    assert type(refusal.translated({key: Marked("Nein.")}).message) is str
    for wrong in ("", " ", "a\x00b", "x" * 1001, None, b"Nein."):
        with pytest.raises(ca.InvalidValue) as raised:
            refusal.translated({key: wrong})  # type: ignore[dict-item]  # wrong on purpose
        assert raised.value.field == "texts"


def test_no_two_keys_have_the_same_text() -> None:
    """Every sentence means one thing, and every code has one."""
    texts = english()
    assert len(set(texts.values())) == len(texts)
    assert {code.value for code in Code} <= set(texts)


# ── Errors travel ────────────────────────────────────────────────────────────────────────────────


def test_refusals_survive_pickle_and_copy() -> None:
    """A refusal can cross a process and keeps its equality and hash."""
    for refusal in {refused.refusal for refused in all_refusals()}:
        for same in (
            pickle.loads(pickle.dumps(refusal)),
            copy.copy(refusal),
            copy.deepcopy(refusal),
        ):
            assert same == refusal
            assert hash(same) == hash(refusal)


def test_a_refused_command_says_code_rule_and_sentence() -> None:
    """The text of the error has the code, the rule and the sentence."""
    error = ca.CommandRefused(ADD, _all_codes()[Code.CLIENT_EXISTS])
    assert str(error) == (
        "client_exists (L5): This client id has been used before, and an id is used only once."
    )


def _all_codes() -> dict[ca.RefusalCode, ca.Refusal]:
    return {refused.refusal.code: refused.refusal for refused in all_refusals()}
