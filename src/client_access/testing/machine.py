"""A state machine for Hypothesis: any repository beside the one in memory, command by command."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from datetime import timedelta
from typing import ClassVar
from uuid import UUID, uuid4

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from client_access.change import Change
from client_access.commands import Command
from client_access.deciding import replay
from client_access.errors import EmailTaken, InvalidValue, StaleClient
from client_access.events import Event
from client_access.machines.lifecycle import Status
from client_access.memory import MemoryRepository
from client_access.refusals import CommandRefused
from client_access.repository import History, Repository
from client_access.service import ClientAccess
from client_access.testing.checks.frame import expect_equal
from client_access.testing.clock import FixedClock
from client_access.testing.conformance import OpenRepository
from client_access.testing.examples import CATALOGUE
from client_access.testing.strategies import accepted_commands, commands, walks
from client_access.testing.strategies.commanding import creating_commands
from client_access.values import ClientList, EmailAddress

Step = tuple[Status | None, type[Event], Status]
"""From which status, by what event, to which; None before a client's first."""

_LOCALS = ("ann", "Ann", "ANN", "bob", "jos\u00e9", "jose", "a_b", "axb")
_UPTO_A_WHILE = st.timedeltas(timedelta(microseconds=1), timedelta(days=4))


class RepositoryMachine(RuleBasedStateMachine):
    """Drives a repository and the one in memory alike, and compares every answer.

    Each course has practices, clients and addresses of its own, few enough that they get into each
    other's way. :func:`machine_for` makes a machine for a repository.
    """

    open_repository: ClassVar[Callable[[], OpenRepository]]
    visits: ClassVar[Counter[Step]]
    """How often each step was taken, over all courses."""

    def __init__(self) -> None:
        super().__init__()
        tag = uuid4().hex[:12]
        self._closing = ExitStack()
        repository = self._closing.enter_context(type(self).open_repository()())
        self.clock = FixedClock()
        self.model = MemoryRepository()
        self.repository: Repository = repository
        self._sides = [
            ClientAccess(side, catalogue=CATALOGUE, clock=self.clock)
            for side in (self.model, repository)
        ]
        self._ids = [UUID(f"{tag}{number:020x}") for number in range(1, 6)]
        self._practices = (f"north-{tag}", f"south-{tag}")
        self._emails = st.sampled_from(
            [EmailAddress(f"{local}@x{tag}.example.com") for local in _LOCALS]
        )
        self._changes: list[Change] = []
        self._touched: set[UUID] = set()

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

    @rule(data=st.data())
    def save_what_was_decided_before(self, data: st.DataObject) -> None:
        """Save a change that is no longer true, alone or after one that is."""
        if self._changes:
            change = data.draw(st.sampled_from(self._changes))
            self._touched.add(change.after.id)
            refused = [_refused(side.repository, change) for side in self._sides]
            expect_equal(
                refused[1],
                refused[0],
                "save() was given a change again that had been saved before, and said another "
                "thing than the repository in memory.",
            )

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

    def _accepted(self, data: st.DataObject) -> Command:
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

    def _both(self, ask: Callable[[ClientAccess], Sequence[Change | CommandRefused]]) -> None:
        wanted, found = (_answers(ask, side) for side in self._sides)
        expect_equal(found, wanted, "A command was answered otherwise than on the one in memory.")
        for change in wanted:
            if isinstance(change, Change) and change.event is not None:
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


def _refused(repository: Repository, change: Change) -> UUID | None:
    """Save a change, and return the client that an error names, or None where there was none.

    A change that is both stale and after a taken address may be told as either.
    """
    try:
        repository.save([change])
    except (StaleClient, EmailTaken) as error:
        return error.client_id
    return None


def machine_for(open_repository: OpenRepository) -> type[RepositoryMachine]:
    """Return a machine that drives a repository; its `TestCase` is for unittest and pytest.

    Parameters:
        open_repository: returns a context manager that yields a repository for one course.
    """
    return type(
        "RepositoryMachine",
        (RepositoryMachine,),
        {"open_repository": staticmethod(lambda: open_repository), "visits": Counter()},
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
