"""A Hypothesis state machine that compares a repository with the one in memory, step by step."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from datetime import datetime, timedelta
from typing import ClassVar, TypeVar, cast
from uuid import UUID, uuid4

from hypothesis import HealthCheck, Phase, note, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from client_access.change import Change
from client_access.commands import Command
from client_access.deciding import replay
from client_access.errors import EmailTaken, InvalidValue, StaleClient
from client_access.events import Event
from client_access.machines.lifecycle import Status
from client_access.notices import Notice
from client_access.questions.lists import client_of
from client_access.refusals import CommandRefused, Refusal
from client_access.repository import (
    Claim,
    CommandMemory,
    Deadlines,
    Erasure,
    EventFeed,
    History,
    OutboxStore,
    Repository,
)
from client_access.repository.memory import MemoryRepository
from client_access.service import ClientAccess
from client_access.service.once import to_command_id
from client_access.testing.checks.feeding import end_of, read_after
from client_access.testing.checks.frame import FullRepository, expect_equal
from client_access.testing.checks.scene import empty_outbox
from client_access.testing.clock import START, FixedClock
from client_access.testing.conformance import OpenRepository
from client_access.testing.examples import CATALOGUE
from client_access.testing.story import outcome
from client_access.testing.strategies import accepted_commands, commands, walks
from client_access.testing.strategies.commanding import creating_commands
from client_access.values import ClientList
from client_access.values.email_address import EmailAddress

T = TypeVar("T")

Step = tuple[Status | None, type[Event], Status]
"""The status before, None for a new client; the event; the status after."""

_LOCALS = ("ann", "Ann", "ANN", "bob", "jos\u00e9", "jose", "a_b", "axb")
_SOON = st.timedeltas(timedelta(0), timedelta(minutes=10))
_REMEMBER_FOR = timedelta(days=4)
_LEASE = timedelta(minutes=5)
_LATER = START + timedelta(days=10_000)
"""Later than any deadline."""
_ALL = 100_000
_COMMAND_IDS = st.sampled_from("abcdef")
_MAYBE_ONCE = st.none() | _COMMAND_IDS
"""The id with which save_once() saves a change; None for save()."""
_ENDS = st.sampled_from(("delivered", "failed", "parked", None))
"""What happens to a claimed notice; None if the relay that claimed it dies."""


def _offers(protocol: type) -> Callable[[RepositoryMachine], bool]:
    return lambda machine: isinstance(machine.repository, protocol)


class RepositoryMachine(RuleBasedStateMachine):
    """Drives a repository and the one in memory through the same steps, and compares the answers.

    Each run has practices, clients and addresses of its own, few enough to conflict often.
    :func:`machine_for` makes the machine of a repository.
    """

    open_repository: ClassVar[Callable[[], OpenRepository]]
    visits: ClassVar[Counter[Step]]
    """How often each step was taken, over all runs."""
    done: ClassVar[Counter[str]]
    """How often each step happened that is not a command, or needs a protocol, over all runs."""

    def __init__(self) -> None:
        super().__init__()
        tag = uuid4().hex[:12]
        self._closing = ExitStack()
        self.clock: FixedClock = FixedClock()
        self.model: MemoryRepository = MemoryRepository()
        self.repository: Repository = self._closing.enter_context(type(self).open_repository()())
        # Every step asks only for what the repository offers.
        self._stores = cast("tuple[FullRepository, FullRepository]", (self.model, self.repository))
        self._services = [
            ClientAccess(store, catalogue=CATALOGUE, clock=self.clock, remember_for=_REMEMBER_FOR)
            for store in (self.model, self.repository)
        ]
        if isinstance(self.repository, OutboxStore):
            empty_outbox(self.repository)
        if isinstance(self.repository, EventFeed):
            self._read_up_to = [end_of(store) for store in self._stores]
        self._fed: tuple[list[Event], list[Event]] = ([], [])
        self._tag = tag
        self._ids = [UUID(f"{tag}{number:020x}") for number in range(1, 6)]
        self._practices = (f"north-{tag}", f"south-{tag}")
        self._emails = st.sampled_from(
            [EmailAddress(f"{local}@x{tag}.example.com") for local in _LOCALS]
        )
        self._changes: list[Change] = []
        self._previews: list[Change] = []
        self._touched: set[UUID] = set()
        self._asked: list[tuple[str, Command]] = []
        self._claims: list[tuple[Claim, Claim]] = []

    # ── Rules ────────────────────────────────────────────────────────────────────────────────────

    @rule(data=st.data())
    def create(self, data: st.DataObject) -> None:
        """Create a client; refused if its id or its address is in use."""
        client_id = data.draw(st.sampled_from(self._ids))
        self._handle([data.draw(self._creating(client_id))])

    @rule(data=st.data())
    def live(self, data: st.DataObject) -> None:
        """Take a new client a long way, command by command."""
        unused = [client_id for client_id in self._ids if self.model.get(client_id) is None]
        if unused:
            walk = walks(
                client_ids=st.just(unused[0]),
                emails=self._emails,
                practices=self._practices,
                since=self.clock.now,
            )
            for change in data.draw(walk):
                assert change.event is not None  # so walks() promises
                self.clock.now = change.event.at
                self._handle([change.command])

    @rule(data=st.data())
    def go_on(self, data: st.DataObject) -> None:
        """Give a command that the client's state accepts."""
        self._handle([self._accepted(data)])

    @rule(data=st.data())
    def ask_for_anything(self, data: st.DataObject) -> None:
        """Give any command; most are refused."""
        self._handle([self._anything(data)])

    @rule(data=st.data(), number=st.integers(2, 4))
    def handle_a_batch(self, data: st.DataObject, number: int) -> None:
        """Give several commands together, all or none."""
        self._handle([self._accepted(data) for _ in range(number)])

    @rule(data=st.data(), number=st.integers(2, 4))
    def handle_each(self, data: st.DataObject, number: int) -> None:
        """Give several commands together, and leave out those that are refused."""
        likely = [data.draw(st.booleans()) for _ in range(number)]
        batch = [self._accepted(data) if each else self._anything(data) for each in likely]
        self._command(lambda access: access.handle_each(batch))

    @precondition(_offers(CommandMemory))
    @rule(data=st.data(), command_id=_COMMAND_IDS, again=st.booleans())
    def handle_once(self, data: st.DataObject, command_id: str, again: bool) -> None:
        """Give a command with an id, sometimes one that was given before."""
        if again and self._asked:
            command_id, command = data.draw(st.sampled_from(self._asked))
        else:
            command = self._accepted(data)
            self._asked.append((command_id, command))
        own_id = self._own(command_id)
        kept_as = to_command_id(own_id, command)
        is_new = self.model.recall(kept_as, at=self.clock.now) is None
        type(self).done["asked once" if is_new else "asked again"] += 1
        self._command(lambda access: [access.handle(command, command_id=own_id)], is_new=is_new)

    @rule(data=st.data(), command_id=_MAYBE_ONCE)
    def save_what_was_decided_before(self, data: st.DataObject, command_id: str | None) -> None:
        """Save an earlier change, which may be stale, and decide another one for later."""
        if changes := [*self._previews[-2:], *self._changes[-2:]]:
            self._save(data.draw(st.sampled_from(changes)), command_id)
        if preview := self._preview(self._accepted(data)):
            self._previews.append(preview)

    @precondition(_offers(Erasure))
    @rule(data=st.data(), command_id=_MAYBE_ONCE)
    def erase(self, data: st.DataObject, command_id: str | None) -> None:
        """Erase a client, and save a change that was decided before."""
        known = [client_id for client_id in self._ids if self.model.get(client_id) is not None]
        client_id = data.draw(st.sampled_from(known or self._ids))
        decided_before = self._preview(self._accepted(data, client_id))
        for store in self._stores:
            store.erase(client_id)
        self._touched.add(client_id)
        type(self).done["erased"] += self.model.get(client_id) is not None
        if decided_before is not None:
            self._save(decided_before, command_id)

    @precondition(_offers(OutboxStore))
    @rule(data=st.data(), rounds=st.integers(1, 4), delay=_SOON)
    def relay(self, data: st.DataObject, rounds: int, delay: timedelta) -> None:
        """Claim notices and settle them, some after their lease has ended; retry parked ones."""
        for _ in range(rounds):
            self._claim()
            ends = [(claims, data.draw(_ENDS)) for claims in self._claims]
            self._claims = [claims for claims, end in ends if end is None]
            for claims, end in ends:
                if end is not None:
                    self._settle(claims, end, self.clock.now + delay)
            if data.draw(st.booleans()):
                self._retry(data)
            self.clock.advance(delay)

    # Nothing is drawn here, so Hypothesis takes this for the simplest step: to delete another one
    # it first replaces it by this one, and the fewer draws that takes the more often it can.
    @rule()
    def wait(self) -> None:
        """Let a day pass, so that activations expire."""
        self.clock.advance(timedelta(days=1))

    @rule(
        data=st.data(),
        client_list=st.sampled_from(ClientList),
        search=st.sampled_from(("", "a", "%", "_", "strasse", "\u00e9", "@", "invalid")),
        limit=st.integers(1, 4),
    )
    def page_through_a_list(
        self, data: st.DataObject, client_list: ClientList, search: str, limit: int
    ) -> None:
        """Read a list of a practice page by page."""
        practice_id = data.draw(st.sampled_from(self._practices))
        after, more = None, True
        while more:
            wanted, found = (
                service.clients(practice_id, client_list, search=search, limit=limit, after=after)
                for service in self._services
            )
            expect_equal(found, wanted, _differs("page()"))
            after = wanted.next
            more = after is not None

    # ── Invariants ───────────────────────────────────────────────────────────────────────────────

    @invariant()
    def stored_clients_are_the_same(self) -> None:
        """Each client touched by the last step is the one in memory, and replays."""
        for client_id in sorted(self._touched):
            self._compare(client_id)
        self._touched.clear()

    @invariant()
    def the_same_clients_have_deadlines(self) -> None:
        """The same clients of each practice have a deadline, in the same order."""
        if isinstance(self.repository, Deadlines):
            self._both(
                lambda store: [
                    [
                        client_of(row)
                        for row in store.with_deadlines(
                            START, _LATER, practice_id=practice_id, limit=_ALL, after=None
                        )
                    ]
                    for practice_id in self._practices
                ],
                "with_deadlines()",
            )

    @invariant()
    def the_same_notices_wait(self) -> None:
        """The same notices wait or are parked, in the same order for each client."""
        if isinstance(self.repository, OutboxStore):
            self._both(_waiting, "waiting()")

    @precondition(_offers(EventFeed))
    @rule(limit=st.integers(1, 4))
    def read_the_feed(self, limit: int) -> None:
        """Go on reading the feed; each client has the same events, in the same order."""
        for number, (store, fed) in enumerate(zip(self._stores, self._fed, strict=True)):
            for position, event in read_after(store, self._read_up_to[number], limit):
                self._read_up_to[number] = position
                fed.append(event)
            fed.sort(key=lambda event: event.client_id)  # between clients there is no order
        wanted, found = self._fed
        expect_equal(found, wanted, _differs("events_after()"))
        type(self).done["fed"] += bool(found)

    def teardown(self) -> None:
        """Close the repository."""
        self._closing.close()

    # ── Steps ────────────────────────────────────────────────────────────────────────────────────

    def _anything(self, data: st.DataObject) -> Command:
        client_id = data.draw(st.sampled_from(self._ids))
        strategy = commands(
            client=self.model.get(client_id),
            client_id=client_id,
            emails=self._emails,
            practices=self._practices,
        )
        return data.draw(strategy)

    def _accepted(self, data: st.DataObject, client_id: UUID | None = None) -> Command:
        client_id = client_id or data.draw(st.sampled_from(self._ids))
        client = self.model.get(client_id)
        if client is None:
            return data.draw(self._creating(client_id))
        if client.status is Status.DELETED:
            return self._anything(data)
        strategy = accepted_commands(
            client, at=self.clock.now, emails=self._emails, practices=self._practices
        )
        return data.draw(strategy)

    def _creating(self, client_id: UUID) -> st.SearchStrategy[Command]:
        return creating_commands(
            client_id=client_id, emails=self._emails, practices=self._practices
        )

    def _own(self, command_id: str) -> str:
        """Return a command id that no other run uses."""
        return f"{self._tag} {command_id}"

    def _preview(self, command: Command) -> Change | None:
        """Return what a command would change, or None if it is refused or changes nothing."""
        try:
            change = self._services[0].preview(command)
        except (CommandRefused, InvalidValue):
            return None
        return None if change.event is None else change

    def _handle(self, batch: Sequence[Command]) -> None:
        self._command(lambda access: access.handle_all(batch))

    def _command(
        self,
        ask: Callable[[ClientAccess], Sequence[Change | CommandRefused]],
        *,
        is_new: bool = True,
    ) -> None:
        wanted, found = (_answers(ask, service) for service in self._services)
        note(f"-> {'; '.join(map(_outcome, wanted))}")
        expect_equal(found, wanted, _differs("a command"))
        for change in wanted:
            if is_new and isinstance(change, Change) and change.event is not None:
                self._changes.append(change)
                self._touched.add(change.after.id)
                before = change.before and change.before.status
                type(self).visits[before, type(change.event), change.after.status] += 1
        self.clock.advance(timedelta(minutes=1))

    def _both(self, ask: Callable[[FullRepository], T], what: str) -> T:
        """Ask both repositories, compare the answers, and return the answer."""
        wanted, found = (ask(store) for store in self._stores)
        expect_equal(found, wanted, _differs(what))
        return wanted

    def _compare(self, client_id: UUID) -> None:
        stored = self._both(lambda store: store.get(client_id), "get()")
        if stored is not None and isinstance(self.repository, History):
            events = self._both(lambda store: list(store.history(client_id)), "history()")
            expect_equal(
                replay(events), stored, "history() must replay to the client that get() returns."
            )

    def _save(self, change: Change, command_id: str | None) -> None:
        self._touched.add(change.after.id)
        if command_id is None or not isinstance(self.repository, CommandMemory):
            refused = self._both(
                lambda store: _refused(lambda: store.save([change])), "save() with an old change"
            )
        else:
            self._asked.append((command_id, change.command))
            own_id, at = to_command_id(self._own(command_id), change.command), self.clock.now
            until = at + _REMEMBER_FOR
            refused = self._both(
                lambda store: _refused(lambda: store.save_once(own_id, change, at=at, until=until)),
                "save_once() with an old change",
            )
        type(self).done["refused later" if refused else "saved later"] += 1

    def _claim(self) -> None:
        wanted, found = (
            sorted(
                store.claim(at=self.clock.now, lease=_LEASE, limit=_ALL),
                key=lambda claim: claim.notice.client_id,
            )
            for store in self._stores
        )
        expect_equal(
            [_shown(claim) for claim in found],
            [_shown(claim) for claim in wanted],
            _differs("claim()"),
        )
        self._claims += zip(wanted, found, strict=True)

    def _settle(self, claims: tuple[Claim, Claim], end: str, later: datetime) -> None:
        retry_at = later if end == "failed" else None
        wanted, found = (
            store.delivered(claim) if end == "delivered" else store.failed(claim, retry_at=retry_at)
            for store, claim in zip(self._stores, claims, strict=True)
        )
        expect_equal(found, wanted, _differs("delivered()" if end == "delivered" else "failed()"))
        type(self).done[end if wanted else "too late"] += 1

    def _retry(self, data: st.DataObject) -> None:
        """Retry a parked notice, or see that one which is not parked is refused."""
        parked = self.model.waiting(parked=True, limit=_ALL)
        shown = parked or self.model.waiting(parked=False, limit=1)
        if shown:
            notice_id = data.draw(st.sampled_from(shown)).notice.id
            retried = self._both(lambda store: store.retry(notice_id, at=self.clock.now), "retry()")
            type(self).done["retried"] += retried


def _differs(what: str) -> str:
    return (
        f"The answer to {what} differs from that of client_access.MemoryRepository after the same "
        "steps. Find the check of client_access.testing.CHECKS that covers it, or replay the steps "
        "that Hypothesis prints."
    )


def _outcome(answer: object) -> str:
    match answer:
        case Change():
            return outcome(answer)
        case (_, Refusal() as refusal):
            return f"refused: {refusal.code.value}"
        case _:
            return f"refused: {answer}"


def _answers(
    ask: Callable[[ClientAccess], Sequence[Change | CommandRefused]], access: ClientAccess
) -> list[object]:
    """Return the answers, with refusals in a form that can be compared."""
    try:
        answers = ask(access)
    except (CommandRefused, InvalidValue) as refused:
        return [refused.args]
    return [answer.args if isinstance(answer, CommandRefused) else answer for answer in answers]


def _refused(save: Callable[[], object]) -> UUID | None:
    """Save a change, and return the client that an error names, or None if it was saved.

    A change that is stale and takes an address may be refused with either error.
    """
    try:
        save()
    except (StaleClient, EmailTaken) as error:
        return error.client_id
    return None


Shown = tuple[Notice, int, datetime | None]


def _shown(claim: Claim) -> Shown:
    """Return what must be the same in both repositories: everything but the lease."""
    return claim.notice, claim.attempts, claim.due


def _waiting(store: OutboxStore) -> dict[tuple[UUID, bool], list[Shown]]:
    """Return the notices of each client in order, waiting and parked."""
    found: dict[tuple[UUID, bool], list[Shown]] = {}
    for parked in (False, True):
        for claim in store.waiting(parked=parked, limit=_ALL):
            found.setdefault((claim.notice.client_id, parked), []).append(_shown(claim))
    return found


def machine_for(open_repository: OpenRepository) -> type[RepositoryMachine]:
    """Return the state machine of a repository; its `TestCase` is for unittest and pytest.

    Parameters:
        open_repository: returns a context manager that yields a repository for one run.
    """
    return type(
        "RepositoryMachine",
        (RepositoryMachine,),
        {
            "open_repository": staticmethod(lambda: open_repository),
            "visits": Counter(),
            "done": Counter(),
        },
    )


def run_machine(
    open_repository: OpenRepository, *, examples: int = 50, steps: int = 30
) -> Counter[Step]:
    """Drive a repository through random runs, and return how often each step was taken.

    Parameters:
        open_repository: returns a context manager that yields a repository for one run.
        examples: how many runs.
        steps: how many steps each run has at most.

    Raises:
        ConformanceError: an answer differs from that of the repository in memory.
    """
    machine = machine_for(open_repository)
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            # Explaining a failure would take longer than finding it.
            phases=(Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink),
            suppress_health_check=list(HealthCheck),
        ),
    )
    return machine.visits
