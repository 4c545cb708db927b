"""Erasing a person (L5), and commands that are handled once."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any
from uuid import UUID

import pytest
import world
from attrs import evolve
from every_notice import notices
from office import Office
from rules_table import facts
from test_async_service import AwaitedMemory
from world import CLIENT_ID, NORTH, PLATFORM, SOUTH

import client_access as ca
from client_access.notices import NOTICES
from client_access.repository.erasing import (
    erase_client,
    erase_command,
    erase_event,
    erase_history,
    erase_notice,
)
from client_access.service.once import to_command_id
from client_access.testing import run_checks
from client_access.testing.checks.frame import shown

SECRET = "Zyxwv"
CONTACT = ca.ContactDetails(f"{SECRET} Person", SECRET, f"{SECRET} Road")
SETUP = ca.ServiceSetup(ca.VatScheme.CASH, f"GB{SECRET}")
PERSONAL = {"business_name", "contact", "email", "services", "invitation"}


def _marked(event: ca.Event) -> ca.Event:
    """Put the secret into every field of an event that is about a person."""
    marks: dict[str, Any] = {}
    if isinstance(event.by, ca.ClientUser):
        marks["by"] = ca.ClientUser(event.by.client_id, SECRET)
    if hasattr(event, "business_name"):
        marks["business_name"] = SECRET
    if hasattr(event, "contact"):
        marks["contact"] = CONTACT
    if isinstance(event, ca.ServiceAdded):
        marks["service"] = evolve(event.service, setup=SETUP)
    if isinstance(getattr(event, "email", None), ca.EmailAddress):
        marks["email"] = ca.EmailAddress(f"{SECRET}{event.version}@example.com")
    if services := getattr(event, "services", ()):
        marks["services"] = tuple(evolve(held, setup=SETUP) for held in services)
    return evolve(event, **marks)


def test_an_erased_history_replays_to_the_client_without_the_person() -> None:
    """Every history loses what is personal and keeps the facts that the rules depend on."""
    for there in (*world.walk().histories, *world.reachable()):
        events = [_marked(event) for event in there.events]
        before = ca.replay(events)
        erased = erase_history(events)
        after = ca.replay(erased)
        assert SECRET.lower() not in shown((erased, after)).lower()
        kept = {name: value for name, value in facts(before).items() if name not in PERSONAL}
        assert kept == {n: value for n, value in facts(after).items() if n not in PERSONAL}
        assert [_kept(held) for held in after.services] == [_kept(h) for h in before.services]
        assert after.practice_invitation == before.practice_invitation
        assert (before.erasures, after.erasures) == (0, 1)
        assert not after.email.is_mailable
        assert erase_history(erased) == erased
        assert [erase_event(event) for event in erased] == list(erased)
        assert [(e.client_id, e.version, e.at) for e in erased] == [
            (e.client_id, e.version, e.at) for e in events
        ]


def _kept(held: ca.HeldService) -> tuple[str, ca.VatScheme | None]:
    """Return what is left of a service: its code and its VAT scheme, which is about no person."""
    return held.code, None if held.setup is None else held.setup.vat_scheme


def test_a_client_is_erased_without_its_history_as_with_it() -> None:
    """E7: an adapter need not hold a long history to erase it."""
    for there in (*world.walk().histories, *world.reachable()):
        events = [_marked(event) for event in there.events]
        erased = erase_history(events)
        for count in range(1, len(events) + 1):
            client = ca.replay(events[:count])
            assert erase_client(client, erasures=1) == ca.replay(erased[:count])


def test_a_history_without_its_first_event_is_corrupt() -> None:
    """The first event counts the erasures, so nothing can be erased without it."""
    events = [_marked(event) for event in max(world.walk().histories, key=_length).events]
    with pytest.raises(ca.CorruptRecord, match="first event"):
        erase_history(events[1:])


def _length(there: world.Reached) -> int:
    return len(there.events)


def test_an_erased_notice_does_not_name_the_person() -> None:
    """E7: a notice by email is dropped, because it goes to the person. Others lose the name."""
    kinds = set()
    for notice in notices():
        erased = erase_notice(_named(notice))
        assert (erased is None) == isinstance(notice.recipient, ca.ToAddress)
        if erased is not None:
            assert SECRET not in repr(erased)
            assert erased.id == notice.id
            assert type(erased) is type(notice)
            kinds.add(type(notice))
    by_email_only = {
        ca.ActivationEmail,
        ca.ServiceChangedEmail,
        ca.AccessWithdrawnEmail,
        ca.EmailReplaced,
        ca.DirectDebitDue,
    }
    assert kinds == set(NOTICES.values()) - by_email_only


def _named(notice: ca.Notice) -> ca.Notice:
    """Put the secret into every field of a notice that is about a person."""
    marks: dict[str, Any] = {"business_name": SECRET}
    for name in ("before", "after"):
        if lines := getattr(notice, name, ()):
            marks[name] = tuple(evolve(line, business_name=SECRET) for line in lines)
    return evolve(notice, **marks)


def _office() -> Office:
    """Return an office with a client that has a long history and waiting notices."""
    return Office(
        (
            ca.AddClient(
                CLIENT_ID, NORTH, business_name=SECRET, email=world.FIRST, contact=CONTACT
            ),
            ca.Subscribe(
                CLIENT_ID,
                NORTH,
                payer=ca.Payer.PRACTICE,
                sign_in=ca.SignIn.PRACTICE_AND_CLIENT,
                services={"start": SETUP},
                activation_id=world.FIRST_ACTIVATION,
            ),
        )
    )


def test_erasing_keeps_the_history_and_frees_the_address() -> None:
    """The history replays to the stored client, lists use the new name, the address is free."""
    office = _office()
    repository = office.repository
    repository.erase(CLIENT_ID)
    client = office.client()
    assert ca.replay(repository.history(CLIENT_ID)) == client
    assert client.status is ca.Status.AWAITING_ACTIVATION
    assert SECRET not in shown((client, repository.history(CLIENT_ID)))
    assert SECRET not in shown(repository.waiting(parked=False, limit=99))
    assert repository.find_by_email(world.FIRST) is None
    (row,) = office.access.clients("north", ca.ClientList.INACTIVE).rows
    assert row.business_name == "(erased)"
    again = ca.AddClient(world.OTHER_ID, NORTH, business_name="New", email=world.FIRST)
    assert office.code_of(again) == ""
    repository.erase(CLIENT_ID)
    assert office.client() == client
    repository.erase(world.OTHER_ID)
    repository.erase(world.WRONG_ACTIVATION)  # no client has this id, so nothing happens


def test_deleting_erases_the_history_too() -> None:
    """L5: every personal detail is removed from the history and from waiting notices."""
    office = _office()
    office.do(ca.DeleteClient(CLIENT_ID, PLATFORM))
    repository = office.repository
    everything = shown(
        (
            office.client(),
            repository.history(CLIENT_ID),
            repository.waiting(parked=False, limit=99),
        )
    )
    assert SECRET not in everything
    assert ca.replay(repository.history(CLIENT_ID)) == office.client()


# ── Once only ────────────────────────────────────────────────────────────────────────────────────

RENAME = ca.ChangeBusinessName(CLIENT_ID, PLATFORM, business_name="Bolt")


def test_a_command_id_given_again_returns_the_first_outcome() -> None:
    """The change is the same, whatever happened since, and nothing is saved again."""
    office = _office()
    first = office.access.handle(RENAME, command_id="a")
    office.do(ca.ChangeBusinessName(CLIENT_ID, PLATFORM, business_name="Cord"))
    again = office.access.handle(RENAME, command_id="a")
    assert (again.before, again.event, again.after, again.notices) == (
        first.before,
        first.event,
        first.after,
        first.notices,
    )
    assert office.client().business_name == "Cord"
    office.later(days=7)
    assert office.access.handle(RENAME, command_id="a").event is not None
    assert office.client().business_name == "Bolt"


def test_an_outcome_without_an_event_is_remembered_too() -> None:
    office = _office()
    office.do(RENAME)
    assert office.access.handle(RENAME, command_id="a").event is None
    office.do(ca.ChangeBusinessName(CLIENT_ID, PLATFORM, business_name="Cord"))
    assert office.access.handle(RENAME, command_id="a").event is None
    assert office.client().business_name == "Cord"


def test_the_first_command_of_a_client_is_remembered_too() -> None:
    office = Office()
    add = ca.AddClient(CLIENT_ID, NORTH, business_name="Acme")
    first = office.access.handle(add, command_id="a")
    assert office.access.handle(add, command_id="a") == first
    assert first.before is None


def test_what_is_still_remembered_of_a_client_is_erased_after_a_purge() -> None:
    """`purge` forgets one of its commands; the client's other one still names the person."""
    office = _office()
    office.access.handle(RENAME, command_id="a")
    office.later(days=6)
    named = ca.ChangeBusinessName(CLIENT_ID, PLATFORM, business_name=SECRET)
    office.access.handle(named, command_id="b")
    office.later(days=1)
    assert office.repository.purge(at=office.now) == 1
    assert SECRET in shown(office.access.handle(named, command_id="b"))
    office.repository.erase(CLIENT_ID)
    erased = office.repository.recall(to_command_id("b", named), at=office.now)
    assert erased is not None
    assert SECRET not in shown(erased)


def test_a_refusal_is_not_remembered() -> None:
    office = _office()
    accept = ca.AcceptPracticeInvitation(CLIENT_ID, SOUTH)
    for _ in range(2):
        with pytest.raises(ca.CommandRefused, match="unknown_client"):
            office.access.handle(accept, command_id="a")
    assert office.access.handle(RENAME, command_id="a").event is not None


def test_a_command_id_belongs_to_one_command() -> None:
    """Given to another command, or to one about another client, it is malformed."""
    office = _office()
    office.access.handle(RENAME, command_id="a")
    for other in (
        ca.ResendActivation(CLIENT_ID, PLATFORM),
        ca.AddClient(world.OTHER_ID, PLATFORM, business_name="A"),
    ):
        with pytest.raises(ca.InvalidValue) as malformed:
            office.access.handle(other, command_id="a")
        assert malformed.value.field == "command_id"
    for wrong in ("", "x" * 201, 5):
        with pytest.raises(ca.InvalidValue) as malformed:
            office.access.handle(RENAME, command_id=wrong)  # type: ignore[arg-type]
        assert malformed.value.field == "command_id"


class _Forgetful:
    """A repository that does not remember commands."""

    def __init__(self, memory: Any) -> None:
        self.get, self.find_by_email = memory.get, memory.find_by_email
        self.save, self.page = memory.save, memory.page


def test_a_command_id_is_malformed_if_the_repository_does_not_remember_commands() -> None:
    """Without memory, the command could be handled twice."""
    office = _office()
    access = ca.ClientAccess(_Forgetful(office.repository), catalogue=world.CATALOGUE)
    with pytest.raises(ca.InvalidValue, match="methods of CommandMemory"):
        access.handle(RENAME, command_id="a")
    awaited = ca.AsyncClientAccess(_Forgetful(AwaitedMemory()), catalogue=world.CATALOGUE)
    with pytest.raises(ca.InvalidValue, match="methods of CommandMemory"):
        asyncio.run(awaited.handle(RENAME, command_id="a"))
    assert office.client().business_name == SECRET


def test_two_callers_of_one_command_id_get_one_outcome() -> None:
    """The second finds the id taken when it saves, and returns the first outcome."""
    office = _office()
    memory = office.repository

    racing: Any = memory
    quick = memory.save_once
    raced: list[bool] = []

    def save_once(command_id: str, change: ca.Change, **times: Any) -> None:
        if not raced:
            raced.append(True)
            quick(command_id, change, **times)
        quick(command_id, change, **times)

    racing.save_once = save_once
    change = office.access.handle(RENAME, command_id="a")
    assert change.event == memory.history(CLIENT_ID)[-1]
    assert office.client().version == 3


def test_a_remembered_outcome_is_erased_with_the_person() -> None:
    """L5: the outcome that is returned again holds nothing about a person erased or deleted."""
    office = _office()
    resend = ca.ResendActivation(CLIENT_ID, NORTH)
    assert office.access.handle(resend, command_id="a").notices
    other = ca.AddClient(world.OTHER_ID, NORTH, business_name="Other")
    others = office.access.handle(other, command_id="other")
    office.repository.erase(CLIENT_ID)
    assert SECRET not in shown(office.access.handle(resend, command_id="a"))
    office.access.handle(ca.DeleteClient(CLIENT_ID, PLATFORM), command_id="b")
    gone = office.access.handle(ca.DeleteClient(CLIENT_ID, PLATFORM), command_id="b")
    assert gone.after == office.client()
    assert office.access.handle(other, command_id="other") == others


def test_a_command_id_given_to_another_command_is_malformed() -> None:
    """Another command must not get the first outcome, nor must another user.

    Only the id of an activation may differ, because each command draws a new one.
    """
    office = _office()
    office.access.handle(RENAME, command_id="a")
    for other in (
        evolve(RENAME, business_name="Another"),
        evolve(RENAME, by=ca.PlatformUser("somebody else")),
        ca.ResendActivation(CLIENT_ID, PLATFORM),
    ):
        with pytest.raises(ca.InvalidValue, match="another command"):
            office.access.handle(other, command_id="a")
    first, again = (ca.ChangeEmail(CLIENT_ID, NORTH, email="new@example.com") for _ in range(2))
    assert first.activation_id != again.activation_id
    change = office.access.handle(first, command_id="b")
    assert office.access.handle(again, command_id="b") == change
    with pytest.raises(ca.InvalidValue, match="another command"):
        office.access.handle(evolve(again, email="other@example.com"), command_id="b")


def test_who_asks_has_command_ids_of_its_own() -> None:
    """C3: an id used by one practice neither meets nor shows itself to another, whatever it is."""
    office = Office()
    ids = [world.CLIENT_ID, world.OTHER_ID]
    for by, client_id in zip((NORTH, SOUTH), ids, strict=True):
        add = ca.AddClient(client_id, by, business_name="Acme")
        change = office.access.handle(add, command_id="a")
        assert change.after.practice_id == by.practice_id
        assert office.access.handle(add, command_id="a") == change
    foreign = ca.AddClient(CLIENT_ID, SOUTH, business_name="Acme")
    for command_id in ("a-new-one", 'north", "a'):
        with pytest.raises(ca.CommandRefused, match="client_exists"):
            office.access.handle(foreign, command_id=command_id)
    # The same name of a practice, a client and the platform does not make one asker of them.
    keys = {
        to_command_id("a", ca.ResendActivation(CLIENT_ID, by))
        for by in (
            ca.PracticeUser(str(CLIENT_ID)),
            ca.ClientUser(CLIENT_ID),
            ca.ClientUser(world.OTHER_ID),
            ca.PlatformUser(),
            ca.PracticeUser("platform"),
        )
    }
    assert len(keys) == 5
    assert to_command_id("a", RENAME) == to_command_id("a", evolve(RENAME, by=ca.PlatformUser("x")))
    assert all(len(key) <= 200 for key in keys)


@pytest.mark.parametrize("nonsense", [None, "rename", 5])
def test_anything_but_a_command_is_malformed_with_any_id(nonsense: object) -> None:
    office = _office()
    office.access.handle(RENAME, command_id="a")
    for command_id in ("a", "b"):
        with pytest.raises(ca.InvalidValue, match="must be a command"):
            office.access.handle(nonsense, command_id=command_id)  # type: ignore[arg-type]  # tried


def test_a_remembered_command_is_erased_and_still_recognised() -> None:
    """L5: the command keeps nothing of the person, and is compared by what is left of it."""
    office = _office()
    commands: tuple[ca.Command, ...] = (
        RENAME,
        ca.ChangeEmail(CLIENT_ID, NORTH, email="secret@example.com"),
        ca.ChangeContactDetails(CLIENT_ID, NORTH, contact=ca.ContactDetails(SECRET)),
        ca.RemoveService(CLIENT_ID, NORTH, service="start"),
        ca.AddService(CLIENT_ID, NORTH, service="start", setup=SETUP),
    )
    for number, command in enumerate(commands):
        office.access.handle(command, command_id=str(number))
    office.repository.erase(CLIENT_ID)
    for number, command in enumerate(commands):
        again = office.access.handle(command, command_id=str(number))
        assert again.command == erase_command(command)
        for secret in (SECRET, "secret", SETUP.vat_number):
            assert secret not in shown(again)
    with pytest.raises(ca.InvalidValue, match="another command"):
        office.access.handle(ca.ResendActivation(CLIENT_ID, PLATFORM), command_id="0")
    # The erased command itself is another command.
    with pytest.raises(ca.InvalidValue, match="was erased"):
        office.access.handle(erase_command(commands[1]))


def test_a_change_decided_before_any_erasure_is_refused() -> None:
    """Also before a second erasure, and if the client's real name is that of the erased."""
    office = _office()
    repository = office.repository
    for rename in (RENAME, evolve(RENAME, business_name="(erased)")):
        office.access.handle(rename)
        late = office.access.preview(ca.ResendActivation(CLIENT_ID, NORTH))
        repository.erase(CLIENT_ID)
        with pytest.raises(ca.StaleClient):
            repository.save([late])
        assert ca.replay(repository.history(CLIENT_ID)) == office.client()
        office.access.handle(ca.ChangeEmail(CLIENT_ID, NORTH, email="new@example.com"))


def test_conflicts_with_other_writers_are_decided_again_under_the_same_id() -> None:
    office = _office()
    memory: Any = office.repository
    quick, others = memory.save_once, [ca.StaleClient(CLIENT_ID), ca.EmailTaken(CLIENT_ID)]

    def save_once(*args: Any, **times: Any) -> None:
        if others:
            raise others.pop()
        quick(*args, **times)

    memory.save_once = save_once
    assert office.access.handle(RENAME, command_id="a").after == office.client()


class WithoutEvents:
    """A repository that keeps no events, and erases by `erase_client` alone."""

    def __init__(self) -> None:
        self.clients: dict[UUID, ca.Client] = {}

    def get(self, client_id: UUID) -> ca.Client | None:
        return self.clients.get(client_id)

    def find_by_email(self, email_key: str) -> ca.Client | None:
        return next((one for one in self.clients.values() if one.email_key == email_key), None)

    def save(self, changes: Sequence[ca.Change]) -> None:
        for change in changes:
            if not change.follows(self.get(change.after.id)):
                raise ca.StaleClient(change.after.id)
            self.clients[change.after.id] = change.after

    def page(
        self,
        practice_id: str,
        client_list: ca.ClientList,
        *,
        search: str,
        limit: int,
        after: tuple[str, UUID] | None,
    ) -> Sequence[ca.Client]:
        return [
            client
            for client in self.clients.values()
            if (place := client.listing) is not None
            and place.practice_id == practice_id
            and search in place.searched
        ]

    def erase(self, client_id: UUID) -> None:
        if stored := self.get(client_id):
            self.clients[client_id] = erase_client(stored)


def test_an_adapter_that_keeps_no_events_erases_the_client_alone() -> None:
    """Each erasure of something is counted once, so `save` refuses what was decided before (L5)."""
    report = run_checks(
        lambda: nullcontext(WithoutEvents()),
        only=[
            "erase_takes_the_person_out_of_the_client",
            "erase_frees_the_address",
            "erase_moves_the_client_to_its_erased_name",
            "erase_twice_is_erase_once",
            "erase_of_nobody_does_nothing",
            "save_refuses_what_would_bring_an_erased_person_back",
            "erase_takes_out_what_is_new_since_the_last_time",
            "erase_does_not_go_by_the_name",
        ],
    )
    assert len(report.passed) == 8, str(report)
