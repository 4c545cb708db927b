"""A service on a repository in memory, with a clock that the test moves."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
import world
from rules_table import facts

import client_access as ca
from client_access import deciding
from client_access.chapters.rules import Case


def notices_of(
    before: ca.Client | None, event: ca.Event, after: ca.Client, catalogue: ca.Catalogue
) -> tuple[ca.Notice, ...]:
    """Return the notices of an event (rules §9), without its command."""
    (rules,) = (rules for rules in deciding.RULES if rules.event is type(event))
    case = Case(before, event.by, event.at, catalogue, ca.Policy())
    return rules.notices(case, event, after)


class Office:
    """The service, its repository, and its present time."""

    def __init__(
        self,
        given: Sequence[ca.Command] = (),
        *,
        repository: Any = None,
        catalogue: ca.Catalogue = world.CATALOGUE,
        **settings: Any,
    ) -> None:
        self.now = world.T0
        self.repository = ca.MemoryRepository() if repository is None else repository
        self.access = ca.ClientAccess(
            self.repository, catalogue=catalogue, clock=lambda: self.now, **settings
        )
        self.do(*given)

    def do(self, *commands: ca.Command) -> list[ca.Change]:
        """Handle commands, one after another."""
        return [self.access.handle(command) for command in commands]

    def later(self, **span: float) -> None:
        """Let time pass."""
        self.now += timedelta(**span)

    def client(self, client_id: UUID = world.CLIENT_ID) -> ca.Client:
        found = self.repository.get(client_id)
        assert isinstance(found, ca.Client)
        return found

    def code_of(self, command: ca.Command) -> str:
        """Return the code of a command's refusal, `malformed`, or an empty string."""
        try:
            self.access.handle(command)
        except ca.CommandRefused as refused:
            return refused.refusal.code.value
        except ca.InvalidValue:
            return "malformed"
        return ""

    def refusal_of(self, command: ca.Command) -> ca.Refusal:
        """Handle a command that is refused, and return its refusal."""
        with pytest.raises(ca.CommandRefused) as raised:
            self.access.handle(command)
        assert raised.value.command == command
        return raised.value.refusal

    def snapshot(self, *client_ids: UUID) -> object:
        """Return everything that the repository answers, to compare it later."""
        repository = self.repository
        clients = [repository.get(client_id) for client_id in client_ids]
        return (
            [facts(client) for client in clients],
            [repository.history(client_id) for client_id in client_ids],
            [repository.find_by_email(c.email_key) for c in clients if c is not None],
            [
                list(repository.page(practice, which, search="", limit=999, after=None))
                for practice in ("north", "south", "east")
                for which in ca.ClientList
            ],
            [dict(repository.service_counts(practice)) for practice in ("north", "south")],
            list(repository.waiting(parked=False, limit=999)),
        )
