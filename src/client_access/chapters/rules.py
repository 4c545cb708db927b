"""What the chapters are made of: a case, the guards that look at it, and a procedure a command.

A procedure is one row of the table in rules §8: who may give the command in which statuses, the
guards in their order, what happens, and what that makes of a client.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Generic, TypeVar, cast, final
from uuid import UUID

from attrs import evolve, field, frozen

from client_access.client import Client
from client_access.commands import Command
from client_access.events import Event
from client_access.machines.lifecycle import Status
from client_access.refusals import (
    FOR_CLIENT,
    FOR_PLATFORM,
    FOR_PRACTICE,
    FROM_THE_LIST,
    Refusal,
    RefusalCode,
    WayOut,
    refuse,
    way,
)
from client_access.values import Actor, ClientUser, PlatformUser, Policy, PracticeUser
from client_access.values.catalogue import Catalogue

C = TypeVar("C", bound=Command)
E = TypeVar("E", bound=Event)
C_contra = TypeVar("C_contra", bound=Command, contravariant=True)


@final
@frozen
class Case:
    """All that a decision may look at, besides the command.

    Parameters:
        existing: the client; None where the id has never been used.
        by: who asks.
        at: now.
        catalogue: the services on offer.
        policy: what the platform has chosen.
        email_owner: the client that has the address in the command, if one has.
    """

    existing: Client | None
    by: Actor
    at: datetime
    catalogue: Catalogue
    policy: Policy
    email_owner: UUID | None = None

    @property
    def client(self) -> Client:
        """The client, in a case where there is one."""
        assert self.existing is not None  # procedures for new clients do not ask
        return self.existing

    @property
    def practice_id(self) -> str:
        """The practice that asks, in a case where only a practice may."""
        assert isinstance(self.by, PracticeUser)  # the procedure's row says so
        return self.by.practice_id

    @property
    def version(self) -> int:
        """The client's version after an event in this case."""
        return 1 if self.existing is None else self.existing.version + 1


@final
@frozen
class StateGuard:
    """A check that does not read the command: what `actions` asks beforehand, `handle` asks too."""

    check: Callable[[Case], Refusal | None]

    def __call__(self, case: Case, _: Command) -> Refusal | None:
        """Return why the command is refused, or None."""
        return self.check(case)

    @property
    def name(self) -> str:
        """The name by which a machine's table refers to it."""
        return self.check.__name__


@final
@frozen
class CommandGuard(Generic[C_contra]):
    """A check that reads the command's own fields."""

    check: Callable[[Case, C_contra], Refusal | None]

    def __call__(self, case: Case, command: C_contra) -> Refusal | None:
        """Return why the command is refused, or None."""
        return self.check(case, command)

    @property
    def name(self) -> str:
        """The name by which a machine's table refers to it."""
        return self.check.__name__


WaysOut = tuple[WayOut, ...] | Callable[[Case], tuple[WayOut, ...]]
"""What helps, or how to find it out from the case."""


@final
@frozen
class Procedure(Generic[C, E]):
    """One row of rules §8.

    Parameters:
        command, event: what is asked, and what has happened when it is accepted.
        by: which kinds of actor may ask, and in which statuses.
        guards: the command's own refusals, in order.
        decide: returns the event, or None where nothing would change; what only the catalogue or
            the client can show to be malformed is raised here, after every check.
        evolve: returns the client after the event; None instead of a client for a new one.
        elsewhere: what helps in the statuses in which the command is not allowed.
    """

    command: type[C]
    event: type[E]
    by: Mapping[type[Actor], frozenset[Status]]
    decide: Callable[[Case, C], E | None]
    evolve: Callable[[Client, E], Client] | Callable[[None, E], Client]
    guards: tuple[StateGuard | CommandGuard[C], ...] = ()
    elsewhere: Mapping[Status, WaysOut] = field(factory=dict)
    creates: bool = field(init=False)
    """Whether the command makes a new client: one with a new id, in no status yet."""

    @creates.default
    def _creates(self) -> bool:
        return not any(self.by.values())

    @property
    def statuses(self) -> frozenset[Status]:
        """The statuses in which anybody may give the command."""
        return frozenset[Status]().union(*self.by.values())

    def refusal_of_actor(self, case: Case) -> Refusal | None:
        """Make the checks that are the same for every command, in the order of rules §8."""
        if not self.creates and not is_known(case.existing, case.by):
            return UNKNOWN_CLIENT
        statuses = self.by.get(type(case.by))
        if statuses is None:
            return refuse(RefusalCode.ACTOR_NOT_ALLOWED, *self._who_may(case))
        if not self.creates and case.client.status not in statuses:
            helps = self.elsewhere[case.client.status]
            ways = helps(case) if callable(helps) else helps
            return refuse(RefusalCode.NOT_IN_THIS_STATUS, *ways)
        return None

    def refusal_of_state(self, case: Case) -> Refusal | None:
        """Make every check that does not read the command's own fields."""
        if refusal := self.refusal_of_actor(case):
            return refusal
        for guard in self.guards:
            if isinstance(guard, StateGuard) and (refusal := guard.check(case)):
                return refusal
        return None

    def refusal(self, case: Case, command: C) -> Refusal | None:
        """Make every check, in order; return the first that fails."""
        if refusal := self.refusal_of_actor(case):
            return refusal
        for guard in self.guards:
            if refusal := guard(case, command):
                return refusal
        return None

    def _who_may(self, case: Case) -> tuple[WayOut, ...]:
        """Return this command by those who could give it now, else whose business it is.

        Of a command for a new client only the latter: whether the id is in use stays untold (C3).
        """
        business = tuple(_WHOSE_BUSINESS[kind] for kind in self.by)
        if self.creates:
            return business
        # A type variable bound by a union is no type of that union to mypy.
        command = cast("type[Command]", self.command)
        now = [
            way(command, type(by))
            for by in _everybody(case)
            if type(by) in self.by and self.refusal_of_state(evolve(case, by=by)) is None
        ]
        return tuple(now) or business


_WHOSE_BUSINESS: dict[type[Actor], WayOut] = {
    PracticeUser: FOR_PRACTICE,
    ClientUser: FOR_CLIENT,
    PlatformUser: FOR_PLATFORM,
}


def _everybody(case: Case) -> tuple[Actor, ...]:
    """Return one actor of each kind that has the client of a case."""
    client = case.client
    practices = (
        client.practice_id,
        client.practice_invitation and client.practice_invitation.practice_id,
    )
    return (
        *(PracticeUser(practice_id) for practice_id in practices if practice_id),
        ClientUser(client.id),
        PlatformUser(),
    )


def is_known(client: Client | None, by: Actor) -> bool:
    """Tell whether an actor has a client (§8): anything else is unknown to it (C3)."""
    if client is None or client.status is Status.DELETED:
        return False
    match by:
        case PracticeUser():
            return client.practice_id == by.practice_id or is_invited(client, by)
        case ClientUser():
            return client.id == by.client_id
        case _:
            return True


def is_invited(client: Client, by: Actor) -> bool:
    """Tell whether an actor works for the practice that the client has invited."""
    return (
        isinstance(by, PracticeUser)
        and client.practice_invitation is not None
        and client.practice_invitation.practice_id == by.practice_id
    )


UNKNOWN_CLIENT = refuse(RefusalCode.UNKNOWN_CLIENT, FROM_THE_LIST)
