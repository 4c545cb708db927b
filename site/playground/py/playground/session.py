"""A practice in memory to which the steps of a state have happened."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime
from typing import final
from uuid import UUID

from client_access import (
    ActivationEnding,
    Change,
    Client,
    ClientAccess,
    ClientAccessError,
    DirectDebitDue,
    MemoryRepository,
    Notice,
    reminders,
)
from client_access.links import ActivationLinks
from playground.state import Begin, State, Step, UnreadableState, beginning, steps_before

LINKS = ActivationLinks(["the playground signs with a key that everybody knows"])
PORTAL = "https://portal.example.com/activate?"


@final
class Session:
    """The library, at work on a repository in memory, with a clock that the steps move.

    Attributes:
        now: the moment of the last step.
        access: the service.
        changes: the changes of each client, in order, each with its moment.
        practices: the ids of the practices that any step named.
    """

    def __init__(self, begin: Begin) -> None:
        self.catalogue = beginning().catalogue
        self.repository = MemoryRepository()
        self.access = ClientAccess(
            self.repository, catalogue=self.catalogue, clock=lambda: self.now
        )
        self.changes: defaultdict[UUID, list[tuple[datetime, Change]]] = defaultdict(list)
        self.practices: dict[str, None] = {}
        for step in steps_before(begin):
            self.take(step)

    def take(self, step: Step) -> None:
        """Let a step happen.

        Raises:
            ClientAccessError: the library refuses it.
        """
        self.now = step.at
        command = step.command
        if command is not None:
            change = self.access.handle(command)
            self.changes[command.client_id].append((step.at, change))
            for named in (command.by, command):
                if practice_id := getattr(named, "practice_id", None):
                    self.practices.setdefault(practice_id)

    def client(self, client_id: UUID) -> Client | None:
        """Return a client, also a deleted one; None if there has never been one."""
        return self.repository.get(client_id)

    def notices(self, client_id: UUID) -> Iterator[tuple[datetime, Notice]]:
        """Yield what was sent about a client, in order: also the reminders that fell due (N1)."""
        changes = self.changes.get(client_id, [])
        for index, (at, change) in enumerate(changes):
            for notice in change.notices:
                yield at, notice
            until = changes[index + 1][0] if index + 1 < len(changes) else self.now
            for reminder in reminders(change.after, at, until):
                assert isinstance(reminder, ActivationEnding | DirectDebitDue)
                yield reminder.remind_at, reminder


_latest: tuple[State, Session] | None = None


def session_of(state: State) -> Session:
    """Return the session in which the steps of a state have happened.

    The latest one goes on if the state continues it: a page mostly adds a step.

    Raises:
        UnreadableState: the library refuses a step.
    """
    global _latest  # noqa: PLW0603 - the page has one session, and asks about it again and again
    known, session = _latest or (State(), None)
    taken = len(known.steps)
    if session is None or known.begin is not state.begin or known.steps != state.steps[:taken]:
        session, taken = Session(state.begin), 0
    _latest = None
    try:
        for step in state.steps[taken:]:
            session.take(step)
    except ClientAccessError as problem:
        raise UnreadableState from problem
    _latest = state, session
    return session
