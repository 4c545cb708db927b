"""A state machine for Hypothesis: any repository beside the one in memory, command by command."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from datetime import datetime, timedelta
from typing import Any, ClassVar
from uuid import UUID, uuid4

from hypothesis import HealthCheck, Phase, settings
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
from client_access.refusals import CommandRefused
from client_access.repository import (
    Claim,
    CommandMemory,
    Erasure,
    History,
    OutboxStore,
    Repository,
)
from client_access.repository.memory import MemoryRepository
from client_access.service import ClientAccess
from client_access.testing.checks.frame import expect_equal
from client_access.testing.checks.scene import empty_outbox
from client_access.testing.clock import FixedClock
from client_access.testing.conformance import OpenRepository
from client_access.testing.examples import CATALOGUE
from client_access.testing.strategies import accepted_commands, commands, walks
from client_access.testing.strategies.commanding import creating_commands
from client_access.values import ClientList
from client_access.values.email_address import EmailAddress

Step = tuple[Status | None, type[Event], Status]
"""From which status, by what event, to which; None before a client's first."""

_LOCALS = ("ann", "Ann", "ANN", "bob", "jos\u00e9", "jose", "a_b", "axb")
_UPTO_A_WHILE = st.timedeltas(timedelta(microseconds=1), timedelta(days=4))
_SOON = st.timedeltas(timedelta(0), timedelta(minutes=10))
_REMEMBER_FOR = timedelta(days=4)
_LEASE = timedelta(minutes=5)
_ALL = 100_000
_COMMAND_IDS = st.sampled_from("abcdef")
_PERHAPS_ONCE = st.none() | _COMMAND_IDS
"""The id with which a change is saved by save_once(); None where it is by save()."""
_ENDS = st.sampled_from(("delivered", "failed", "parked", None))
"""What becomes of a claim; None where whoever holds it dies."""


def _offers(protocol: type) -> Callable[[Any], bool]:
    """Return what a rule asks for that needs a repository to offer a protocol."""
    return lambda machine: isinstance(machine.repository, protocol)


class RepositoryMachine(RuleBasedStateMachine):
    """Drives a repository and the one in memory alike, and compares every answer.

    Each course has practices, clients and addresses of its own, few enough that they get into each
    other's way. :func:`machine_for` makes a machine for a repository.
    """

    open_repository: ClassVar[Callable[[], OpenRepository]]
    visits: ClassVar[Counter[Step]]
    """How often each step was taken, over all courses."""
    done: ClassVar[Counter[str]]
    """How often something else was done that only some repositories offer, over all courses."""

    def __init__(self) -> None:
        super().__init__()
        tag = uuid4().hex[:12]
        self._closing = ExitStack()
        repository = self._closing.enter_context(type(self).open_repository()())
        self.clock: FixedClock = FixedClock()
        self.model: MemoryRepository = MemoryRepository()
        self.repository: Repository = repository
        self._sides = [
            ClientAccess(side, catalogue=CATALOGUE, clock=self.clock, remember_for=_REMEMBER_FOR)
            for side in (self.model, repository)
        ]
        if isinstance(repository, OutboxStore):
            empty_outbox(repository)
        self._ids = [UUID(f"{tag}{number:020x}") for number in range(1, 6)]
        self._practices = (f"north-{tag}", f"south-{tag}")
        self._emails = st.sampled_from(
            [EmailAddress(f"{local}@x{tag}.example.com") for local in _LOCALS]
        )
        self._changes: list[Change] = []
        self._previews: list[Change] = []
        self._touched: set[UUID] = set()
        self._tag = tag
        self._asked: list[tuple[str, Command]] = []
        self._claims: list[tuple[Claim, Claim]] = []

    # ── Rules ────────────────────────────────────────────────────────────────────────────────────

    @rule(data=st.data())
    def create(self, data: st.DataObject) -> None:
        """Create a client, if its id and its address are free."""
        client_id = data.draw(st.sampled_from(self._ids))
        command = creating_commands(
            client_id=client_id, emails=self._emails, practices=self._practices
        )
        self._handle([data.draw(command)])

    @rule(data=st.data())
    def live(self, data: st.DataObject) -> None:
        """Let a new client go a long way, command by command."""
        unused = [client_id for client_id in self._ids if self.model.get(client_id) is None]
        if unused:
            walk = walks(
                client_ids=st.just(unused[0]),
                emails=self._emails,
                practices=self._practices,
                since=self.clock.now,
            )
            for change in data.draw(walk):
                assert change.event is not None  # walks say so
                self.clock.now = change.event.at
                self._handle([change.command])

    @rule(data=st.data())
    def go_on(self, data: st.DataObject) -> None:
        """Give a command that the client's state accepts."""
        self._handle([self._accepted(data)])

    @rule(data=st.data())
    def ask_for_anything(self, data: st.DataObject) -> None:
        """Give any command, which is refused more often than not."""
        self._handle([self._anything(data)])

    @rule(data=st.data(), number=st.integers(2, 4))
    def handle_a_batch(self, data: st.DataObject, number: int) -> None:
        """Give several commands together, all or none."""
        self._handle([self._accepted(data) for _ in range(number)])

    @rule(data=st.data(), number=st.integers(2, 4))
    def handle_each(self, data: st.DataObject, number: int) -> None:
        """Give several commands together, and leave out those that are refused."""
        batch = [data.draw(st.booleans()) for _ in range(number)]
        batch_of = [self._accepted(data) if good else self._anything(data) for good in batch]
        self._both(lambda access: access.handle_each(batch_of))

    @precondition(_offers(CommandMemory))
    @rule(data=st.data(), command_id=_COMMAND_IDS, again=st.booleans())
    def handle_once(self, data: st.DataObject, command_id: str, again: bool) -> None:
        """Give a command with an id of its own; now and then one that was given before."""
        if again and self._asked:
            command_id, command = data.draw(st.sampled_from(self._asked))
        else:
            command = self._accepted(data)
            self._asked.append((command_id, command))
        own_id = self._own(command_id)
        remembered = self.model.recall(own_id, at=self.clock.now)
        type(self).done["asked again" if remembered else "asked once"] += 1
        self._both(
            lambda access: [access.handle(command, command_id=own_id)],
            is_new=remembered is None,
        )

    @rule(data=st.data(), command_id=_PERHAPS_ONCE)
    def save_what_was_decided_before(self, data: st.DataObject, command_id: str | None) -> None:
        """Save a change that may be no longer true, by either way of saving, and decide on another.

        What is decided on here is saved when this comes next, if at all.
        """
        if changes := [*self._previews[-2:], *self._changes[-2:]]:
            change = data.draw(st.sampled_from(changes))
            self._save(change, command_id)
        if preview := self._preview(self._accepted(data)):
            self._previews.append(preview)

    @precondition(_offers(Erasure))
    @rule(data=st.data(), command_id=_PERHAPS_ONCE)
    def erase(self, data: st.DataObject, command_id: str | None) -> None:
        """Erase a person, if there is one, and save what was decided on before."""
        known = [client_id for client_id in self._ids if self.model.get(client_id) is not None]
        client_id = data.draw(st.sampled_from(known or self._ids))
        command = self._accepted(data, client_id)
        decided_before = self._preview(command)
        assert isinstance(self.repository, Erasure)  # as the rule asks for
        self.model.erase(client_id)
        self.repository.erase(client_id)
        self._touched.add(client_id)
        type(self).done["erased"] += self.model.get(client_id) is not None
        if decided_before is not None:
            self._save(decided_before, command_id)

    @precondition(_offers(OutboxStore))
    @rule(data=st.data(), rounds=st.integers(1, 4), delay=_SOON)
    def relay(self, data: st.DataObject, rounds: int, delay: timedelta) -> None:
        """Claim what is due, and settle it, or some of it too late; take up what was parked."""
        for _ in range(rounds):
            self._claim()
            unsettled = []
            for claims in self._claims:
                end = data.draw(_ENDS)
                if end is None:
                    unsettled.append(claims)
                else:
                    self._settle(claims, end, self.clock.now + delay)
            self._claims = unsettled
            if data.draw(st.booleans()):
                self._retry(data)
            self.clock.advance(delay)

    @rule(by=_UPTO_A_WHILE)
    def wait(self, by: timedelta) -> None:
        """Let time pass: activations expire."""
        self.clock.advance(by)

    @rule(
        data=st.data(),
        client_list=st.sampled_from(ClientList),
        search=st.sampled_from(("", "a", "%", "_", "strasse", "\u00e9")),
        limit=st.integers(1, 4),
    )
    def page_through_a_list(
        self, data: st.DataObject, client_list: ClientList, search: str, limit: int
    ) -> None:
        """Page through a list of a practice."""
        practice_id = data.draw(st.sampled_from(self._practices))
        after = None
        while True:
            pages = [
                side.clients(practice_id, client_list, search=search, limit=limit, after=after)
                for side in self._sides
            ]
            expect_equal(pages[1], pages[0], "page() and the repository in memory differ.")
            after = pages[0].next
            if after is None:
                break

    # ── What must be so ──────────────────────────────────────────────────────────────────────────

    @invariant()
    def stored_clients_are_the_same(self) -> None:
        """Whoever was touched is stored as in memory, and is what its history makes of it."""
        for client_id in sorted(self._touched):
            stored = self.repository.get(client_id)
            expect_equal(
                stored, self.model.get(client_id), "get() and the repository in memory differ."
            )
            if stored is not None and isinstance(self.repository, History):
                events = self.repository.history(client_id)
                expect_equal(
                    list(events), list(self.model.history(client_id)), "The histories differ."
                )
                expect_equal(replay(events), stored, "A history does not make the stored client.")
        self._touched.clear()

    @invariant()
    def the_same_notices_wait(self) -> None:
        """The same notices wait or are parked, in the same order for each client."""
        if isinstance(self.repository, OutboxStore):
            wanted, found = (_waiting(store) for store in self._outboxes())
            expect_equal(
                found, wanted, "What waits, or is parked, differs from the repository in memory."
            )

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
        if client_id is None:
            client_id = data.draw(st.sampled_from(self._ids))
        client = self.model.get(client_id)
        if client is None:
            strategy = creating_commands(
                client_id=client_id, emails=self._emails, practices=self._practices
            )
        elif client.status is Status.DELETED:
            return self._anything(data)
        else:
            strategy = accepted_commands(
                client, at=self.clock.now, emails=self._emails, practices=self._practices
            )
        return data.draw(strategy)

    def _handle(self, batch: Sequence[Command]) -> None:
        self._both(lambda access: access.handle_all(batch))

    def _outboxes(self) -> tuple[OutboxStore, OutboxStore]:
        """Return the outbox in memory and that of the repository, which must have one."""
        assert isinstance(self.repository, OutboxStore)  # its callers see to it
        return self.model, self.repository

    def _own(self, command_id: str) -> str:
        """Return a command's id as no other course has it."""
        return f"{self._tag} {command_id}"

    def _preview(self, command: Command) -> Change | None:
        """Return what a command would change, or None where it is refused or changes nothing."""
        try:
            change = self._sides[0].preview(command)
        except (CommandRefused, InvalidValue):
            return None
        return None if change.event is None else change

    def _save(self, change: Change, command_id: str | None) -> None:
        self._touched.add(change.after.id)
        if command_id is not None and isinstance(self.repository, CommandMemory):
            at, own_id = self.clock.now, self._own(command_id)
            self._asked.append((command_id, change.command))
            wanted, found = (
                _refused(store.save_once, own_id, change, at=at, until=at + _REMEMBER_FOR)
                for store in (self.model, self.repository)
            )
        else:
            wanted, found = (
                _refused(store.save, [change]) for store in (self.model, self.repository)
            )
        expect_equal(
            found,
            wanted,
            "save() or save_once() was given a change that had been decided on a while ago, or "
            "saved before, and said another thing than the repository in memory.",
        )
        type(self).done["refused later" if wanted else "saved later"] += 1

    def _claim(self) -> None:
        wanted, found = (
            sorted(
                store.claim(at=self.clock.now, lease=_LEASE, limit=_ALL),
                key=lambda claim: claim.notice.client_id,
            )
            for store in self._outboxes()
        )
        expect_equal(
            [_told(claim) for claim in found],
            [_told(claim) for claim in wanted],
            "claim() and the repository in memory differ.",
        )
        self._claims += zip(wanted, found, strict=True)

    def _retry(self, data: st.DataObject) -> None:
        """Make a parked notice due again, if there is one; else one that is not parked stays."""
        parked = self.model.waiting(parked=True, limit=_ALL)
        shown = parked or self.model.waiting(parked=False, limit=1)
        if shown:
            notice_id = data.draw(st.sampled_from(shown)).notice.id
            wanted, found = (
                store.retry(notice_id, at=self.clock.now) for store in self._outboxes()
            )
            expect_equal(found, wanted, "retry() and the repository in memory differ.")
            type(self).done["retried"] += wanted

    def _settle(self, claims: tuple[Claim, Claim], end: str, later: datetime) -> None:
        retry_at = later if end == "failed" else None
        wanted, found = (
            store.delivered(claim) if end == "delivered" else store.failed(claim, retry_at=retry_at)
            for store, claim in zip(self._outboxes(), claims, strict=True)
        )
        expect_equal(
            found, wanted, f"A notice was {end}, and not answered as by the repository in memory."
        )
        type(self).done[end if wanted else "too late"] += 1

    def _both(
        self,
        ask: Callable[[ClientAccess], Sequence[Change | CommandRefused]],
        *,
        is_new: bool = True,
    ) -> None:
        wanted, found = (_answers(ask, side) for side in self._sides)
        expect_equal(found, wanted, "A command was answered otherwise than on the one in memory.")
        for change in wanted:
            if is_new and isinstance(change, Change) and change.event is not None:
                self._changes.append(change)
                self._touched.add(change.after.id)
                before = change.before and change.before.status
                type(self).visits[before, type(change.event), change.after.status] += 1
        self.clock.advance(timedelta(minutes=1))


def _answers(
    ask: Callable[[ClientAccess], Sequence[Change | CommandRefused]], access: ClientAccess
) -> list[object]:
    """Return the answers, and refusals in a form in which they can be compared."""
    try:
        answers = ask(access)
    except (CommandRefused, InvalidValue) as refused:
        return [refused.args]
    return [answer.args if isinstance(answer, CommandRefused) else answer for answer in answers]


def _refused(save: Callable[..., object], *arguments: Any, **options: Any) -> UUID | None:
    """Save a change, and return the client that an error names, or None where there was none.

    A change that is both stale and after a taken address may be told as either.
    """
    try:
        save(*arguments, **options)
    except (StaleClient, EmailTaken) as error:
        return error.client_id
    return None


Told = tuple[Notice, int, datetime | None]


def _told(claim: Claim) -> Told:
    """Return what of a claim must be the same whoever leases it."""
    return claim.notice, claim.attempts, claim.due


def _waiting(store: OutboxStore) -> dict[tuple[UUID, bool], list[Told]]:
    """Return what waits for each client, and what is parked; between clients no order matters."""
    found: dict[tuple[UUID, bool], list[Told]] = {}
    for parked in (False, True):
        for claim in store.waiting(parked=parked, limit=_ALL):
            found.setdefault((claim.notice.client_id, parked), []).append(_told(claim))
    return found


def machine_for(open_repository: OpenRepository) -> type[RepositoryMachine]:
    """Return a machine that drives a repository; its `TestCase` is for unittest and pytest.

    Parameters:
        open_repository: returns a context manager that yields a repository for one course.
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
    """Run random courses on a repository, and return how often each step was taken.

    Parameters:
        open_repository: returns a context manager that yields a repository for one course.
        examples: how many courses.
        steps: how long each is at the most.

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
