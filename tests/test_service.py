"""The service loads, decides and saves: all or none, again on a conflict, never on a preview."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import attrs
import pytest
import rules_table
import world
from attrs import evolve
from office import Office
from rules_table import UNCHANGED, Asked, answer, facts, facts_after
from test_async_service import AwaitedMemory
from world import (
    CATALOGUE,
    CLIENT,
    CLIENT_ID,
    EAST,
    FIRST,
    FREE,
    NORTH,
    OTHER_ID,
    PLATFORM,
    SHOP,
    TAKEN,
    THIRD,
)

import client_access as ca
from client_access.service.retries import ATTEMPTS, FIRST_PAUSE, LONGEST_PAUSE, Retries

ADD = ca.AddClient(CLIENT_ID, NORTH, business_name="Acme", email=FIRST)
OTHER = ca.AddClient(OTHER_ID, NORTH, business_name="Bolt", email=TAKEN)
NEW_ID = UUID(int=7)


def rename(name: str, client_id: UUID = CLIENT_ID) -> ca.ChangeBusinessName:
    return ca.ChangeBusinessName(client_id, PLATFORM, business_name=name)


def move(email: str, client_id: UUID = CLIENT_ID) -> ca.ChangeEmail:
    return ca.ChangeEmail(client_id, PLATFORM, email=email)


# ── Handling ─────────────────────────────────────────────────────────────────────────────────────


def test_an_accepted_command_is_saved_and_a_refused_one_is_not() -> None:
    """§8: a refused command changes nothing in the repository."""
    office = Office((ADD, OTHER))
    before = office.snapshot(CLIENT_ID, OTHER_ID)
    for by in world.ACTORS:
        for command in world.commands(by):
            if office.code_of(command) == "":
                office = Office((ADD, OTHER))
            else:
                assert office.snapshot(CLIENT_ID, OTHER_ID) == before
    (change,) = office.do(rename("Other"))
    assert office.client() == change.after
    assert office.repository.history(CLIENT_ID)[-1] == change.event


def test_a_command_that_changes_nothing_saves_nothing() -> None:
    """§8: a command marked = is accepted without an event, and `save` is not called."""
    office = Office((ADD,))
    saves = Spy(office)
    change = saves.access.handle(rename("Acme"))
    assert (change.event, change.notices, change.after) == (None, (), office.client())
    assert saves.saved == []


class Spy:
    """A repository in front of another that records what it is given, and can be made to fail."""

    def __init__(self, office: Office) -> None:
        self.inner = office.repository
        self.saved: list[list[ca.Change]] = []
        self.loads = 0
        self.conflicts: list[ca.RepositoryError] = []
        self.meanwhile: list[Callable[[], object]] = []
        self.access = ca.ClientAccess(self, catalogue=CATALOGUE, clock=lambda: office.now)

    def get(self, client_id: UUID) -> ca.Client | None:
        self.loads += 1
        found: ca.Client | None = self.inner.get(client_id)
        return found

    def find_by_email(self, email_key: str) -> ca.Client | None:
        found: ca.Client | None = self.inner.find_by_email(email_key)
        return found

    def page(self, *args: Any, **named: Any) -> Sequence[ca.Client]:
        found: Sequence[ca.Client] = self.inner.page(*args, **named)
        return found

    def save(self, changes: Sequence[ca.Change]) -> None:
        if self.meanwhile:
            self.meanwhile.pop()()
        if self.conflicts:
            raise self.conflicts.pop()
        self.inner.save(changes)
        self.saved.append(list(changes))


@pytest.mark.usefixtures("no_pauses")
@pytest.mark.parametrize("conflict", [ca.StaleClient(CLIENT_ID), ca.EmailTaken(CLIENT_ID)])
def test_a_conflict_is_decided_again_a_bounded_number_of_times(
    conflict: ca.RepositoryError,
) -> None:
    """If another writer was first, the command is loaded and decided again, 20 times at most."""
    office = Office((ADD,))
    spy = Spy(office)
    spy.conflicts = [conflict] * (ATTEMPTS - 1)
    assert spy.access.handle(rename("Bolt")).after == office.client()
    assert spy.loads == ATTEMPTS
    spy.conflicts = [conflict] * ATTEMPTS
    with pytest.raises(type(conflict)) as raised:
        spy.access.handle(rename("Cord"))
    assert raised.value is conflict
    assert raised.value.__notes__ == ["Tried 20 times."]
    assert office.client().business_name == "Bolt"


def test_a_command_is_decided_again_on_what_is_stored_then() -> None:
    """E1, L5: a client that changed meanwhile leads to another change, or to a refusal."""
    office = Office((ADD,))
    spy = Spy(office)
    spy.meanwhile = [lambda: office.do(ca.DeleteClient(CLIENT_ID, NORTH))]
    with pytest.raises(ca.CommandRefused, match="unknown_client"):
        spy.access.handle(rename("Bolt"))

    office = Office((ADD,))
    spy = Spy(office)
    spy.meanwhile = [lambda: office.do(evolve(OTHER, email=FREE))]
    with pytest.raises(ca.CommandRefused, match="email_taken"):
        spy.access.handle(move(FREE))
    assert office.client().email.address == FIRST

    office = Office()
    spy = Spy(office)
    spy.meanwhile = [lambda: office.do(ADD)]
    with pytest.raises(ca.CommandRefused, match="client_exists"):
        spy.access.handle(evolve(ADD, email=FREE))


class _Hosted(Spy):
    """A repository inside its host's transaction."""

    in_host_transaction = True


def test_nothing_is_decided_again_inside_a_hosts_transaction() -> None:
    """Only the host can repeat its transaction."""
    office = Office((ADD,))
    spy = _Hosted(office)
    spy.conflicts = [ca.StaleClient(CLIENT_ID)]
    with pytest.raises(ca.StaleClient):
        spy.access.handle(rename("Bolt"))
    assert spy.loads == 1


def test_pauses_grow_to_a_second_and_differ_between_writers() -> None:
    """Writers that met once wait for different times, up to a limit that doubles."""
    waits = []
    for _ in range(200):
        retries = Retries()
        waits.append([retries.pause_after(ca.StaleClient(CLIENT_ID)) for _ in range(ATTEMPTS - 1)])
    for number, pauses in enumerate(zip(*waits, strict=True)):
        longest = min(FIRST_PAUSE * 2**number, LONGEST_PAUSE)
        assert 0 <= min(pauses) < longest / 4
        assert longest * 3 / 4 < max(pauses) <= longest
        assert len(set(pauses)) == len(pauses)


def test_a_failing_repository_is_not_asked_again() -> None:
    """Only after a conflict is a command tried again; any other error is raised at once."""
    office = Office((ADD,))
    spy = Spy(office)
    spy.conflicts = [ca.CorruptRecord("x")]
    with pytest.raises(ca.CorruptRecord):
        spy.access.handle(rename("Bolt"))
    assert spy.loads == 1


def test_the_clock_is_read_once_for_each_attempt() -> None:
    """All commands of one unit of work happen at one moment."""
    office = Office()
    times = iter([world.T0, world.SOON])
    access = ca.ClientAccess(office.repository, catalogue=CATALOGUE, clock=lambda: next(times))
    changes = access.handle_all([ADD, OTHER])
    assert {change.event.at for change in changes if change.event} == {world.T0}


# ── All or none ──────────────────────────────────────────────────────────────────────────────────


def test_commands_together_each_see_what_the_ones_before_leave() -> None:
    """§8: in order, including addresses that are freed and taken; saved together."""
    office = Office((ADD, OTHER))
    spy = Spy(office)
    commands: list[ca.Command] = [
        move(FREE),  # frees the first address,
        move(FIRST, OTHER_ID),  # which the other takes, freeing its own,
        ca.AddClient(NEW_ID, NORTH, business_name="Cord", email=TAKEN.upper()),  # for a third.
        ca.DeleteClient(CLIENT_ID, NORTH),  # This frees the new one,
        move(FREE, NEW_ID),  # which the third moves to.
    ]
    changes = spy.access.handle_all(commands)
    assert [change.command for change in changes] == commands
    assert len(spy.saved) == 1
    assert changes[3].before == changes[0].after
    assert office.client(OTHER_ID).email.address == FIRST
    assert office.client(NEW_ID).email.address == FREE
    assert office.repository.find_by_email(TAKEN) is None


def test_the_first_refusal_refuses_all_commands_and_names_its_own() -> None:
    """S5, §8: none of the other commands is saved, neither those before it nor those after it."""
    office = Office((ADD, OTHER))
    before = office.snapshot(CLIENT_ID, OTHER_ID, NEW_ID)
    wrong = ca.AddClient(NEW_ID, NORTH, business_name="Cord", email=FREE)
    batches: tuple[list[ca.Command], ...] = (
        [rename("X"), move(FREE), wrong, rename("Y")],
        [move(FREE), move(FREE, OTHER_ID)],
        [evolve(wrong, email=None), evolve(wrong, email=None)],
        [ca.DeleteClient(CLIENT_ID, NORTH), rename("X")],
    )
    for commands in batches:
        with pytest.raises(ca.CommandRefused) as refused:
            office.access.handle_all(commands)
        assert refused.value.command in commands[1:]
        assert office.snapshot(CLIENT_ID, OTHER_ID, NEW_ID) == before
    with pytest.raises(ca.InvalidValue, match="must be a command"):
        office.access.handle_all([rename("X"), "rename"])  # type: ignore[list-item]
    assert office.snapshot(CLIENT_ID, OTHER_ID, NEW_ID) == before


def test_many_imported_clients_are_subscribed_together_or_not_at_all() -> None:
    """S5: one of eighty that is refused stops all; without it all are subscribed."""
    office = Office()
    ids = [UUID(int=n) for n in range(1, 81)]
    office.access.handle_all(ca.ImportClient(i, NORTH, business_name=f"{i.int}") for i in ids)

    def subscribe(client_id: UUID) -> ca.Subscribe:
        return ca.Subscribe(
            client_id,
            NORTH,
            payer=ca.Payer.PRACTICE,
            sign_in=ca.SignIn.PRACTICE_ONLY,
            services={"payroll": None},
        )

    office.do(subscribe(ids[40]))
    with pytest.raises(ca.CommandRefused, match="not_in_this_status") as refused:
        office.access.handle_all(map(subscribe, ids))
    assert refused.value.command is not None
    assert refused.value.command.client_id == ids[40]
    assert len(office.access.clients("north", ca.ClientList.IMPORTED, limit=100).rows) == 79
    office.access.handle_all(subscribe(i) for i in ids if i != ids[40])
    assert len(office.access.clients("north", ca.ClientList.ACTIVE, limit=100).rows) == 80


def test_no_commands_make_no_changes() -> None:
    office = Office()
    spy = Spy(office)
    assert spy.access.handle_all([]) == ()
    assert spy.access.handle_each([]) == ()
    assert spy.saved == []


def test_handle_each_leaves_out_what_is_refused() -> None:
    """A refusal stops only its own command; those after it see what the others leave."""
    office = Office((ADD, OTHER))
    first = ca.AddClient(NEW_ID, NORTH, business_name="Cord", email=FREE)
    outcomes = office.access.handle_each(
        [move(TAKEN), first, move(FREE), rename("Acme"), first, move(THIRD)]
    )
    answers = [
        o.refusal.code.value if isinstance(o, ca.CommandRefused) else o.event and type(o.event)
        for o in outcomes
    ]
    assert answers == [
        "email_taken",
        ca.ClientAdded,
        "email_taken",
        None,
        "client_exists",
        ca.EmailChanged,
    ]
    assert office.client().email.address == THIRD
    assert office.client().version == 2


def test_handle_each_stops_at_malformed_input() -> None:
    office = Office((ADD,))
    before = office.snapshot(CLIENT_ID)
    needless = ca.RegisterCustomer(
        NEW_ID, PLATFORM, business_name="A", email=FREE, services={"extra": world.SETUP}
    )
    with pytest.raises(ca.InvalidValue):
        office.access.handle_each([rename("X"), needless])
    assert office.snapshot(CLIENT_ID) == before


# ── Preview ──────────────────────────────────────────────────────────────────────────────────────


def test_a_preview_gives_the_answer_of_handle_and_saves_nothing() -> None:
    """S2: for every command, actor and status, the change or refusal is the same, and the
    repository is unchanged.
    """
    for there in world.walk().histories[::8]:
        office = Office(catalogue=world.CATALOGUE_THEN)
        office.do(OTHER)
        try:
            office.do(*there.commands)
        except ca.CommandRefused:
            continue  # another history took the address
        spy = Spy(office)
        before = office.snapshot(CLIENT_ID, OTHER_ID)
        for by in world.ACTORS:
            for command in world.commands(by):
                previewed = _answer(spy.access.preview, command)
                if not isinstance(previewed, ca.Change):
                    assert previewed == _answer(spy.access.handle, command)
        assert spy.saved == []
        assert office.snapshot(CLIENT_ID, OTHER_ID) == before


def _answer(ask: Callable[[ca.Command], ca.Change], command: ca.Command) -> object:
    try:
        return ask(command)
    except ca.CommandRefused as refused:
        return refused.refusal
    except ca.InvalidValue as problem:
        return str(problem)


def test_a_previewed_change_is_the_change_that_handle_makes() -> None:
    """S2: at the same moment, event, client and notices are the same."""
    office = Office((ADD,))
    subscribe = ca.Subscribe(
        CLIENT_ID,
        NORTH,
        payer=ca.Payer.PRACTICE,
        sign_in=ca.SignIn.PRACTICE_AND_CLIENT,
        services={"payroll": None},
    )
    seen = office.access.preview(subscribe)
    assert office.client().status is ca.Status.INACTIVE
    assert office.access.handle(subscribe) == seen
    assert len(seen.notices) == 2


def test_commands_previewed_together_are_those_that_handle_all_would_make() -> None:
    """S8: each sees what the ones before it would leave, in one list or one iterator. Nothing is
    saved.
    """
    office = Office((ADD, OTHER))
    spy = Spy(office)
    before = office.snapshot(CLIENT_ID, OTHER_ID, NEW_ID)
    commands: list[ca.Command] = [
        move(FREE),  # frees the first address,
        ca.AddClient(NEW_ID, NORTH, business_name="Cord", email=FIRST),  # which a new client takes.
        ca.DeleteClient(OTHER_ID, NORTH),
        rename("Acme"),
    ]
    previewed = spy.access.preview_all(iter(commands))
    assert [change.command for change in previewed] == commands
    assert previewed[3].before == previewed[0].after
    assert previewed[3].event is None
    assert spy.saved == []
    assert office.snapshot(CLIENT_ID, OTHER_ID, NEW_ID) == before
    assert office.access.handle_all(commands) == previewed
    assert office.access.preview_all([]) == ()


def test_commands_previewed_together_are_refused_like_those_of_handle_all() -> None:
    """S8: by the first refusal, which names its command; or as malformed."""
    office = Office((ADD, OTHER))
    batches: tuple[list[ca.Command], ...] = (
        [rename("X"), move(FREE), move(FREE, OTHER_ID), rename("Y")],
        [ca.DeleteClient(CLIENT_ID, NORTH), rename("X")],
        [evolve(ADD, client_id=NEW_ID, email=None), evolve(ADD, client_id=NEW_ID, email=None)],
    )
    for commands in batches:
        with pytest.raises(ca.CommandRefused) as previewed:
            office.access.preview_all(commands)
        with pytest.raises(ca.CommandRefused) as refused:
            office.access.handle_all(commands)
        assert previewed.value.command == refused.value.command
        assert previewed.value.refusal == refused.value.refusal
    for wrong in (5, None, rename("X"), [rename("X"), "rename"]):
        with pytest.raises(ca.InvalidValue):
            office.access.preview_all(wrong)  # type: ignore[arg-type]  # that is what is tested


# ── Deadlines ────────────────────────────────────────────────────────────────────────────────────


def _invited(number: int, practice: ca.PracticeUser = NORTH) -> tuple[ca.Command, ...]:
    """Return the commands that add a client and send it an activation."""
    client_id = UUID(int=number)
    return (
        ca.AddClient(client_id, practice, business_name="A", email=f"c{number}@example.com"),
        ca.Subscribe(
            client_id,
            practice,
            payer=ca.Payer.PRACTICE,
            sign_in=ca.SignIn.PRACTICE_AND_CLIENT,
            services={"payroll": None},
            activation_id=UUID(int=number + 1000),
        ),
    )


def _owing(number: int) -> tuple[ca.Command, ...]:
    """Return the commands after which a client of no practice owes direct debit details."""
    client_id = UUID(int=number)
    activation_id = UUID(int=number + 1000)
    return (
        *_invited(number),
        ca.Activate(client_id, ca.ClientUser(client_id), activation_id=activation_id),
        ca.StopManaging(client_id, NORTH),
    )


def _both_services(office: Office) -> list[Callable[..., tuple[ca.Deadline, ...]]]:
    """Return `deadlines` of both services on the repository of an office."""
    other = AwaitedMemory()
    other.memory = office.repository
    access = ca.AsyncClientAccess(other, catalogue=CATALOGUE)
    return [office.access.deadlines, lambda *a, **more: asyncio.run(access.deadlines(*a, **more))]


def test_deadlines_are_found_between_two_moments() -> None:
    """N1: from the first moment to before the last one, ordered by moment and then by client id,
    of one practice or of all. A client that no practice manages is in none of theirs.
    """
    office = Office((*_invited(3), *_invited(1), *_invited(2, EAST)))
    office.later(days=1)
    office.do(*_owing(5), *_invited(4), ADD)
    first, second = world.T0 + timedelta(days=30), world.T0 + timedelta(days=31)
    tick = timedelta(microseconds=1)

    for ask in _both_services(office):

        def found(since: datetime, until: datetime, practice_id: str | None = None) -> list[int]:
            deadlines = ask(since, until, practice_id=practice_id)  # noqa: B023  # used at once
            for each in deadlines:
                assert ca.deadlines_of(each.client) == (each,)
            return [each.client.id.int for each in deadlines]

        ever = world.T0, world.LATE
        assert found(*ever) == [1, 2, 3, 4, 5]
        assert found(first, second) == [1, 2, 3]
        assert found(first, second + tick) == [1, 2, 3, 4, 5]
        assert found(first + tick, second) == []
        assert found(second, first) == []
        assert found(*ever, "north") == [1, 3, 4]
        assert found(*ever, "east") == [2]
        assert found(*ever, "nowhere") == []
        kinds = [each.kind.value for each in ask(*ever)]
        assert kinds == [*["activation_ends"] * 4, "direct_debit_due"]


def test_a_deadline_follows_its_client() -> None:
    """N1: it moves when the activation is sent again, goes with a transfer, and ends when access is
    withdrawn.
    """
    office = Office(_invited(1))
    client_id, ever = UUID(int=1), (world.T0, world.LATE)
    office.later(days=2)
    office.do(ca.ResendActivation(client_id, NORTH))
    (deadline,) = office.access.deadlines(*ever)
    assert deadline.at == office.now + timedelta(days=30)
    office.do(ca.TransferClient(client_id, PLATFORM, practice_id="east"))
    assert office.access.deadlines(*ever, practice_id="north") == ()
    assert len(office.access.deadlines(*ever, practice_id="east")) == 1
    office.do(ca.WithdrawAccess(client_id, EAST))
    assert office.access.deadlines(*ever) == ()


@pytest.mark.parametrize("batch", [1, 2, 3, 5, 6])
def test_deadlines_are_read_in_batches(monkeypatch: pytest.MonkeyPatch, batch: int) -> None:
    """N1: no client is left out or comes twice, also if several have the same moment."""
    monkeypatch.setattr("client_access.service.BATCH", batch)
    monkeypatch.setattr("client_access.service.awaited.BATCH", batch)
    office = Office((*_invited(2), *_invited(1), *_owing(4)))
    office.later(days=1)
    office.do(*_invited(3), *_owing(5))
    for ask in _both_services(office):
        found = [each.client.id.int for each in ask(world.T0, world.LATE)]
        assert found == [1, 2, 4, 3, 5]


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        ({"since": world.T0.replace(tzinfo=None)}, "since"),
        ({"since": None}, "since"),
        ({"until": "2026"}, "until"),
        ({"until": world.LATE.replace(tzinfo=None)}, "until"),
        ({"practice_id": ""}, "practice_id"),
        ({"practice_id": 5}, "practice_id"),
        ({"practice_id": NORTH}, "practice_id"),
    ],
)
def test_a_malformed_argument_of_deadlines_is_named(arguments: dict[str, Any], field: str) -> None:
    office = Office(_invited(1))
    asked: dict[str, Any] = {"since": world.T0, "until": world.LATE, **arguments}
    for ask in _both_services(office):
        with pytest.raises(ca.InvalidValue) as malformed:
            ask(**asked)
        assert malformed.value.field == field


def test_a_repository_that_cannot_find_deadlines_is_malformed() -> None:
    """N1: finding clients by their deadlines is a protocol that a repository need not have."""
    office = Office(_invited(1))
    needed = dict.fromkeys(("get", "find_by_email", "save", "page"), print)
    without: Any = type("Without", (), needed)()
    access = ca.AsyncClientAccess(without, catalogue=CATALOGUE)
    asks: tuple[Callable[..., Any], ...] = (
        Spy(office).access.deadlines,
        lambda *moments: asyncio.run(access.deadlines(*moments)),
    )
    for ask in asks:
        with pytest.raises(ca.InvalidValue, match="add the protocol Deadlines") as bad:
            ask(world.T0, world.LATE)
        assert bad.value.field == "repository"


# ── Races for one address ────────────────────────────────────────────────────────────────────────


def test_only_an_address_that_the_client_does_not_have_is_looked_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """E1: the client that a command names is loaded anyway, with its address."""
    office, looked_up = Office((ADD, OTHER)), list[str]()
    find = office.repository.find_by_email

    def find_by_email(email_key: str) -> ca.Client | None:
        looked_up.append(email_key)
        return find(email_key)

    monkeypatch.setattr(office.repository, "find_by_email", find_by_email)
    other = AwaitedMemory()
    other.memory = office.repository
    waiting = ca.AsyncClientAccess(other, catalogue=CATALOGUE, clock=lambda: world.T0)
    previews: tuple[Callable[[ca.Command], ca.Change], ...] = (
        office.access.preview,
        lambda command: asyncio.run(waiting.preview(command)),
    )
    for preview in previews:
        for email, expected in ((FIRST, []), (FREE, [FREE])):
            assert preview(move(email)).after.email.address == email
            assert looked_up == expected
            looked_up.clear()
        with pytest.raises(ca.CommandRefused, match="email_taken"):
            preview(move(TAKEN))
        looked_up.clear()


@pytest.mark.parametrize("method", ["get", "find_by_email"])
def test_a_repository_that_returns_something_else_than_a_client_is_named(
    monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    """A record that the repository forgot to load is InvalidValue."""
    office = Office((ADD,))
    monkeypatch.setattr(office.repository, method, lambda _: {"name": "Acme"})
    with pytest.raises(ca.InvalidValue, match="client must be a Client, not a dict"):
        office.access.handle(move(FREE))


def test_exactly_one_of_two_writers_gets_an_address() -> None:
    """E1: the other is refused `email_taken`, and nothing of it is saved."""
    office = Office((ADD, OTHER))
    spy = Spy(office)
    spy.meanwhile = [lambda: office.do(move(FREE, OTHER_ID))]
    with pytest.raises(ca.CommandRefused, match="email_taken"):
        spy.access.handle_all([rename("X"), move(FREE.upper())])
    assert office.client(OTHER_ID).email.address == FREE
    assert facts(office.client()) == facts(Office((ADD,)).client())


def test_threads_racing_for_one_address_and_one_client() -> None:
    """E1: of twenty threads on the repository in memory one gets it; each version has one event."""
    from concurrent.futures import ThreadPoolExecutor

    office = Office((ADD,))
    ids = [UUID(int=100 + n) for n in range(20)]

    def race(client_id: UUID) -> str:
        office.code_of(rename(f"{client_id.int}"))
        return office.code_of(ca.AddClient(client_id, NORTH, business_name="Racer", email=FREE))

    with ThreadPoolExecutor(8) as threads:
        answers = Counter(threads.map(race, ids))
    assert answers == {"": 1, "email_taken": 19}
    history = office.repository.history(CLIENT_ID)
    assert ca.replay(history) == office.client()
    assert office.client().version == 21


def test_an_address_kept_by_a_practice_only_client_stays_taken() -> None:
    """E2: the address is kept although unused, and is free when the client is deleted (L5)."""
    office = Office((ADD,))
    office.do(
        ca.Subscribe(
            CLIENT_ID,
            NORTH,
            payer=ca.Payer.PRACTICE,
            sign_in=ca.SignIn.PRACTICE_ONLY,
            services={"payroll": None},
        )
    )
    again = ca.AddClient(NEW_ID, EAST, business_name="Cord", email=FIRST.upper())
    assert office.code_of(again) == "email_taken"
    office = Office((ADD, ca.DeleteClient(CLIENT_ID, NORTH)))
    assert office.code_of(again) == ""
    assert office.code_of(ADD) == "client_exists"


# ── A long walk with many clients ────────────────────────────────────────────────────────────────

IDS = tuple(UUID(int=n) for n in range(1, 6))
EMAILS = tuple(f"{name}@example.com" for name in ("a", "B", "c", "d", "e", "f"))


def _any_command(rng: random.Random, client: ca.Client | None, client_id: UUID) -> ca.Command:
    """Return a command about a client: usually one that could be accepted, sometimes any."""
    own = ca.ClientUser(client_id)
    practices = [NORTH, world.SOUTH]
    if client and client.practice_id and rng.random() < 0.8:
        practices = [ca.PracticeUser(client.practice_id)]
    by = rng.choice([*practices, own, PLATFORM])
    kind = rng.choice(_LIVELY[client.status if client else None])
    if rng.random() < 0.15:
        kind = rng.choice(list(rules_table.ROW_OF))
    sort = {"practice": practices[0], "client": own, "platform": PLATFORM}
    if rng.random() < 0.9:
        by = sort[rng.choice(list(rules_table.ROW_OF[kind].by))]
    email = rng.choice(EMAILS)
    services: dict[str, ca.ServiceSetup | None] = rng.choice(
        [{"payroll": None}, {"start": world.SETUP, "extra": None}, {"start": None}]
    )
    pending = client.activation.id if client and client.activation else OTHER_ID
    fields: dict[str, Any] = {
        "business_name": rng.choice(["Acme", "Bolt", "Ärzte"]),
        "email": email,
        "confirm_email": email.upper() if rng.random() < 0.9 else EMAILS[0],
        "payer": rng.choice(list(ca.Payer)),
        "sign_in": rng.choice(list(ca.SignIn)),
        "services": services,
        "service": rng.choice(["payroll", "start", "extra", "teapot"]),
        "setup": rng.choice([None, None, world.SETUP]),
        "activation_id": pending if kind is ca.Activate else UUID(int=rng.getrandbits(64)),
        "practice_id": rng.choice(["north", "south"]),
        "contact": ca.ContactDetails(rng.choice(["", "Ann"])),
    }
    named = {f.name for f in attrs.fields(kind)} & set(fields)
    if kind in {ca.AddClient, ca.ImportClient}:
        named -= {name for name in ("email", "payer") if rng.random() < 0.5}
    made: ca.Command = kind(client_id, by, **{name: fields[name] for name in named})
    return made


_LIVELY: dict[ca.Status | None, list[type]] = {
    None: [ca.AddClient, ca.ImportClient, ca.RegisterCustomer],
    ca.Status.INACTIVE: [ca.Subscribe, ca.Subscribe, ca.ChoosePayer, ca.ChangeEmail],
    ca.Status.PRACTICE_ONLY: [
        ca.GiveAccess,
        ca.GiveAccess,
        ca.CloseClient,
        ca.AddService,
        ca.RemoveService,
    ],
    ca.Status.AWAITING_ACTIVATION: [
        ca.Activate,
        ca.Activate,
        ca.ResendActivation,
        ca.ChangeEmail,
        ca.DeleteClient,
        ca.WithdrawAccess,
    ],
    ca.Status.BOTH_ACCESS: [
        ca.DisableAccess,
        ca.DisableAccess,
        ca.StopManaging,
        ca.TransferClient,
        ca.AddService,
        ca.ChangeEmail,
    ],
    ca.Status.DISABLED: [
        ca.EnableAccess,
        ca.StopManaging,
        ca.RemoveService,
        ca.WithdrawAccess,
    ],
    ca.Status.UNMANAGED: [
        ca.InvitePractice,
        ca.AcceptPracticeInvitation,
        ca.DeclinePracticeInvitation,
        ca.ProvideDirectDebit,
    ],
    ca.Status.CLOSED: [ca.ReopenClient, ca.DeleteClient],
    ca.Status.DELETED: [ca.AddClient],
}


def test_a_long_walk_with_many_clients_follows_the_rules() -> None:
    """Five clients at a time get thousands of commands by all actors, while time passes.

    Every answer is the oracle's. Every client is its history replayed, and no two share an address.
    Lists and invoices have the right clients.
    Visits are counted, so every status and event is reached.
    """
    rng = random.Random(20260105)
    visits: Counter[Any] = Counter()
    for _ in range(100):
        office = Office()
        addresses: dict[UUID, str] = {}
        for _ in range(80):
            office.later(hours=rng.choice([1] * 20 + [24, 24 * 31]))
            client_id = rng.choice(IDS)
            client = office.repository.get(client_id)
            command = _any_command(rng, client, client_id)
            email = getattr(command, "email", None)
            key = email and rules_table.key(email.address)
            owner = next((i for i, taken in addresses.items() if taken == key), None)
            asked = Asked(facts(client), command, office.now, SHOP, owner)
            wanted = answer(asked)
            got = _answer(office.access.handle, command)
            if isinstance(got, ca.Change):
                after = got.after
                assert wanted == (UNCHANGED if got.event is None else type(got.event))
                if got.event is not None:
                    assert facts(after) == facts_after(asked)
                    assert got.event.version == after.version
                addresses[client_id] = rules_table.key(after.email.address)
                visits[client and client.status, after.status] += 1
                visits[after.payer_state] += 1
            else:
                assert isinstance(got, str | ca.Refusal)
                assert wanted == ("malformed" if isinstance(got, str) else got.code.value)
                assert office.repository.get(client_id) == client
            visits[wanted] += 1
        _check_all(office)
    moved = {edge: n for edge, n in visits.items() if isinstance(edge, tuple)}
    for source, dest in LIFECYCLE:
        assert moved.get((source, dest), 0) >= 5, (source, dest)
    for state in ca.PayerState:
        assert visits[state] >= 20, state
    for row in rules_table.ROWS:
        assert visits[row.event] >= 5, row.event


LIFECYCLE = (
    (None, ca.Status.INACTIVE),
    (None, ca.Status.UNMANAGED),
    (ca.Status.INACTIVE, ca.Status.PRACTICE_ONLY),
    (ca.Status.INACTIVE, ca.Status.AWAITING_ACTIVATION),
    (ca.Status.PRACTICE_ONLY, ca.Status.AWAITING_ACTIVATION),
    (ca.Status.AWAITING_ACTIVATION, ca.Status.BOTH_ACCESS),
    (ca.Status.BOTH_ACCESS, ca.Status.DISABLED),
    (ca.Status.DISABLED, ca.Status.BOTH_ACCESS),
    (ca.Status.BOTH_ACCESS, ca.Status.UNMANAGED),
    (ca.Status.DISABLED, ca.Status.UNMANAGED),
    (ca.Status.UNMANAGED, ca.Status.BOTH_ACCESS),
    (ca.Status.AWAITING_ACTIVATION, ca.Status.PRACTICE_ONLY),
    (ca.Status.DISABLED, ca.Status.PRACTICE_ONLY),
    (ca.Status.PRACTICE_ONLY, ca.Status.CLOSED),
    (ca.Status.CLOSED, ca.Status.PRACTICE_ONLY),
    (ca.Status.INACTIVE, ca.Status.DELETED),
    (ca.Status.AWAITING_ACTIVATION, ca.Status.DELETED),
    (ca.Status.CLOSED, ca.Status.DELETED),
)


def _check_all(office: Office) -> None:
    """Compare the whole repository with its histories."""
    repository = office.repository
    clients = [client for i in IDS if (client := repository.get(i)) is not None]
    for client in clients:
        assert ca.replay(repository.history(client.id)) == client
        assert repository.find_by_email(client.email_key) == client
    assert len({client.email_key for client in clients}) == len(clients)
    for practice in ("north", "south"):
        for which in ca.ClientList:
            rows = office.access.clients(practice, which).rows
            assert {row.client_id for row in rows} == {
                client.id
                for client in clients
                if client.listing
                and (client.listing.practice_id, client.listing.client_list) == (practice, which)
            }
        invoice = office.access.next_invoice(practice)
        assert invoice.total == office.access.next_invoice_total(practice)


# ── Small things ─────────────────────────────────────────────────────────────────────────────────


def test_settings_are_checked_when_the_service_is_made() -> None:
    repository = ca.MemoryRepository()
    wrong: list[tuple[str, dict[str, Any]]] = [
        ("catalogue", {"catalogue": None}),
        ("policy", {"catalogue": CATALOGUE, "policy": None}),
        ("remember_for", {"catalogue": CATALOGUE, "remember_for": 7}),
    ]
    for field, settings in wrong:
        with pytest.raises(ca.InvalidValue) as malformed:
            ca.ClientAccess(repository, **settings)
        assert malformed.value.field == field


@pytest.mark.parametrize("service", [ca.ClientAccess, ca.AsyncClientAccess])
def test_the_repository_and_the_clock_are_checked_when_the_service_is_made(service: Any) -> None:
    """The repository has the methods of the protocol, the clock can be called, and `remember_for`
    is within its limits.
    """
    whole = dict.fromkeys(("get", "find_by_email", "save", "page"), print)
    service(type("Whole", (), whole)(), catalogue=CATALOGUE)
    for missing in whole:
        with pytest.raises(ca.InvalidValue, match=f"has no method {missing}"):
            service(type("Without", (), {**whole, missing: None})(), catalogue=CATALOGUE)
    repository = ca.MemoryRepository()
    with pytest.raises(ca.InvalidValue, match="clock must be callable, not a datetime"):
        service(repository, catalogue=CATALOGUE, clock=world.T0)
    for wrong in (timedelta(0), -timedelta(1), timedelta(days=10_000, microseconds=1)):
        with pytest.raises(ca.InvalidValue, match="must be positive, and at most 10,000 days"):
            service(repository, catalogue=CATALOGUE, remember_for=wrong)
    for right in (timedelta(microseconds=1), timedelta(days=10_000)):
        service(repository, catalogue=CATALOGUE, remember_for=right)


def _reading_the_clock(access: Any) -> list[Callable[[], Any]]:
    """Return every call of a service that reads the clock."""
    return [
        lambda: access.handle(rename("Other")),
        lambda: access.handle(rename("Other"), command_id="once"),
        lambda: access.handle_all([rename("Other")]),
        lambda: access.handle_each([rename("Other")]),
        lambda: access.preview(rename("Other")),
        lambda: access.actions(CLIENT_ID, NORTH),
        lambda: access.preview_all([rename("Other")]),
        lambda: access.opening(CLIENT_ID, NORTH),
        lambda: access.sign_in(FIRST),
    ]


@pytest.mark.parametrize(
    "returned",
    [datetime(2026, 1, 1), "2026-01-01", None],  # noqa: DTZ001  # without a zone, as is refused
)
def test_a_clock_that_does_not_return_a_moment_is_malformed_everywhere(returned: Any) -> None:
    """Every call of both services raises InvalidValue for the clock, and nothing changes."""
    office = Office((ADD,))
    settings: dict[str, Any] = {"catalogue": CATALOGUE, "clock": lambda: returned}
    sync = ca.ClientAccess(office.repository, **settings)
    memory = AwaitedMemory()
    memory.memory = office.repository
    other = ca.AsyncClientAccess(memory, **settings)

    async def awaited(ask: Callable[[], Any]) -> None:
        await ask()

    for ask in _reading_the_clock(sync):
        with pytest.raises(ca.InvalidValue) as malformed:
            ask()
        assert malformed.value.field == "clock"
    for ask in _reading_the_clock(other):
        with pytest.raises(ca.InvalidValue) as malformed:
            asyncio.run(awaited(ask))
        assert malformed.value.field == "clock"
    assert office.client().version == 1


def test_an_outcome_cannot_be_remembered_beyond_the_calendar() -> None:
    """It raises InvalidValue and not OverflowError, and nothing is saved."""
    last = datetime.max.replace(tzinfo=UTC)
    office = Office(remember_for=timedelta(days=10_000))
    office.now = last
    with pytest.raises(ca.InvalidValue, match="too close to the year 9999"):
        office.access.handle(ADD, command_id="once")
    assert office.repository.get(CLIENT_ID) is None


def test_the_clock_is_in_utc_unless_another_is_given() -> None:
    assert ca.utc_now().utcoffset() == timedelta(0)
    access = ca.ClientAccess(ca.MemoryRepository(), catalogue=CATALOGUE)
    change = access.handle(ADD)
    assert change.event is not None
    assert abs(change.event.at - ca.utc_now()) < timedelta(minutes=1)


def test_decide_is_given_the_client_that_the_command_names() -> None:
    """Another client raises InvalidValue."""
    office = Office((ADD,))
    with pytest.raises(ca.InvalidValue) as malformed:
        ca.decide(office.client(), OTHER, at=world.SOON, catalogue=CATALOGUE)
    assert malformed.value.field == "client"
    with pytest.raises(ca.InvalidValue) as malformed:
        ca.decide(None, ADD, at=world.SOON, catalogue=CATALOGUE, email_owner="x")  # type: ignore[arg-type]
    assert malformed.value.field == "email_owner"


def test_a_history_with_a_missing_or_foreign_event_is_corrupt() -> None:
    """No events, no first event, a gap, an event twice, or events of two clients."""
    office = Office((ADD, rename("A"), rename("B")))
    one, two, three = office.repository.history(CLIENT_ID)
    (other,) = Office((OTHER,)).repository.history(OTHER_ID)
    for events in (
        [],
        [two, three],
        [one, three],
        [one, one],
        [one, two, two],
        [one, evolve(two, client_id=OTHER_ID)],
        [one, evolve(other, version=2)],
        [evolve(one, version=2)],
    ):
        with pytest.raises(ca.CorruptRecord):
            ca.replay(events)
    assert ca.replay([one, two, three]) == office.client()


def test_the_service_returns_the_actions_of_the_stored_client_now() -> None:
    office = Office((ADD,))
    for by in (NORTH, EAST, CLIENT, PLATFORM):
        assert office.access.actions(CLIENT_ID, by) == ca.actions_of(
            office.client(), by, at=office.now, catalogue=CATALOGUE
        )
        assert office.access.actions(OTHER_ID, by) == ca.actions_of(
            None, by, at=office.now, catalogue=CATALOGUE
        )
