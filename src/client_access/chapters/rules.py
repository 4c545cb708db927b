"""What a chapter is made of: a case, the guards that look at it, and the rules of each command.

`CommandRules` is one row of rules §8: who may give the command in which statuses, the guards in
their order, the event, the client after it, and who is told.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import (
    Concatenate,
    Generic,
    Literal,
    ParamSpec,
    TypeAlias,
    TypeVar,
    assert_never,
    cast,
    final,
)
from uuid import UUID

from attrs import define, field, frozen

from client_access.client import Client
from client_access.commands import Command
from client_access.events import (
    AccessDisabled,
    AccessEnabled,
    AccessWithdrawn,
    ClientClosed,
    ClientDeleted,
    ClientReopened,
    DirectDebitProvided,
    Event,
    PracticeInvitationAccepted,
    PracticeInvitationDeclined,
    PracticeInvitationWithdrawn,
)
from client_access.machines.lifecycle import NEW, Status
from client_access.machines.table import TableError
from client_access.notices import Notice
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
from client_access.values.validation import trusted

C = TypeVar("C", bound=Command)
E = TypeVar("E", bound=Event)
Facts = ParamSpec("Facts")
C_contra = TypeVar("C_contra", bound=Command, contravariant=True)
Plain = TypeVar(
    "Plain",
    AccessDisabled,
    AccessEnabled,
    AccessWithdrawn,
    ClientClosed,
    ClientDeleted,
    ClientReopened,
    DirectDebitProvided,
    PracticeInvitationAccepted,
    PracticeInvitationDeclined,
    PracticeInvitationWithdrawn,
)
"""An event without facts of its own."""


# ── The case ─────────────────────────────────────────────────────────────────────────────────────


_PLATFORM_USER = PlatformUser()


@final
@define
class Case:
    """Everything that a decision may look at, except the command.

    Parameters:
        existing: the client; None if the id has never been used.
        by: who asks.
        at: now.
        catalogue: the services on offer.
        policy: what the platform has chosen.
        email_owner: the client that has the address in the command, if there is one.
    """

    existing: Client | None
    by: Actor
    at: datetime
    catalogue: Catalogue
    policy: Policy
    email_owner: UUID | None = None
    _by_each_actor: tuple[Case, ...] | None = field(default=None, init=False, eq=False, repr=False)

    @property
    def client(self) -> Client:
        """The client, in a case that has one."""
        assert self.existing is not None  # the rules for new clients do not ask
        return self.existing

    @property
    def practice_id(self) -> str:
        """The practice that asks, in a case where only a practice may."""
        assert isinstance(self.by, PracticeUser)  # the row says so
        return self.by.practice_id

    @property
    def version(self) -> int:
        """The client's version after an event in this case."""
        return 1 if self.existing is None else self.existing.version + 1

    def event(
        self,
        kind: Callable[Concatenate[UUID, int, datetime, Actor, Facts], E],
        command: Command,
        /,
        *facts: Facts.args,
        **named: Facts.kwargs,
    ) -> E:
        """Return the event of a command in this case, without validating its facts again.

        Parameters:
            kind: the class of the event.
            command: the command.
            facts, named: the event's own facts, those with a default too.
        """
        return trusted(kind, command.client_id, self.version, self.at, command.by, *facts, **named)

    def by_each_actor(self) -> tuple[Case, ...]:
        """Return the case as it is for each actor that has the client, one of each kind.

        It is made once, because many rows ask for it to answer `actions`.
        """
        if self._by_each_actor is None:
            client = self.client
            invitation = client.practice_invitation
            practices = client.practice_id, invitation and invitation.practice_id
            actors: tuple[Actor, ...] = (
                *[PracticeUser(practice_id) for practice_id in practices if practice_id],
                ClientUser(client.id),
                _PLATFORM_USER,
            )
            self._by_each_actor = tuple(
                [Case(client, by, self.at, self.catalogue, self.policy) for by in actors]
            )
        return self._by_each_actor


def is_known(client: Client | None, by: Actor) -> bool:
    """Return whether an actor has a client (§8); to anybody else it is unknown (C3)."""
    if client is None or client.status is Status.DELETED:
        return False
    match by:
        case PracticeUser():
            return client.practice_id == by.practice_id or is_invited(client, by)
        case ClientUser():
            return client.id == by.client_id
        case PlatformUser():
            return True
        case _:
            assert_never(by)


def is_invited(client: Client, by: Actor) -> bool:
    """Return whether an actor works for the practice that the client has invited."""
    return (
        isinstance(by, PracticeUser)
        and client.practice_invitation is not None
        and client.practice_invitation.practice_id == by.practice_id
    )


# ── Guards ───────────────────────────────────────────────────────────────────────────────────────


@final
@frozen
class StateGuard:
    """A check that does not read the command's own fields, so that `actions` makes it too."""

    check: Callable[[Case], Refusal | None]
    """Returns why the command is refused, or None."""

    @property
    def name(self) -> str:
        """The name by which a machine's table refers to it."""
        return self.check.__name__


@final
@frozen
class CommandGuard(Generic[C_contra]):
    """A check that reads the command's own fields."""

    check: Callable[[Case, C_contra], Refusal | None]
    """Returns why the command is refused, or None."""

    @property
    def name(self) -> str:
        """The name by which a machine's table refers to it."""
        return self.check.__name__


# ── Rows ─────────────────────────────────────────────────────────────────────────────────────────

WaysOut: TypeAlias = tuple[WayOut, ...] | Callable[[Case], tuple[WayOut, ...]]
"""The ways out, or a function that returns them for a case."""

Statuses: TypeAlias = frozenset[Status] | Literal["new"]
"""The statuses in which a command may be given, or `NEW`: there is no client yet."""

_Answer: TypeAlias = Refusal | Callable[[Case], tuple[WayOut, ...]] | None
"""A refusal, a function that returns its ways out, or None if the command is allowed."""


@final
@frozen(eq=False)
class CommandRules(Generic[C, E]):
    """One row of rules §8.

    Parameters:
        command, event: the command, and the event if it is accepted.
        by: which kinds of actor may ask, and in which statuses.
        guards: the command's own refusals, in order.
        decide: returns the event, or None if nothing would change. It is called after every check,
            and raises InvalidValue if a field does not fit the catalogue or the client.
        evolve: returns the client after the event. Its first argument is the client before it, or
            None if the command creates the client.
        tells: each yields notices of the event (rules §9), in order.
        elsewhere: the ways out in each status in which the command is not allowed.

    Raises:
        TableError: nothing helps in one of these statuses; a bug, raised at import only.
    """

    command: type[C]
    event: type[E]
    by: Mapping[type[Actor], Statuses]
    decide: Callable[[Case, C], E | None]
    evolve: Callable[[Client, E], Client] | Callable[[None, E], Client]
    guards: tuple[StateGuard | CommandGuard[C], ...] = ()
    tells: tuple[Callable[[Case, E, Client], Iterator[Notice]], ...] = ()
    elsewhere: Mapping[Status, WaysOut] = field(factory=dict)
    creates: bool = field(init=False)
    """Whether the command makes a new client."""
    statuses: frozenset[Status] = field(init=False)
    """The statuses in which anybody may give the command."""
    _state_checks: tuple[Callable[[Case], Refusal | None], ...] = field(init=False)
    _answers: dict[type[Actor], dict[Status, _Answer]] = field(init=False)
    _for_others: Refusal = field(init=False)

    def __attrs_post_init__(self) -> None:
        for statuses in self.by.values():
            if isinstance(statuses, frozenset) and (
                silent := set(Status) - {Status.DELETED} - statuses - set(self.elsewhere)
            ):
                names = sorted(status.value for status in silent)
                raise TableError(f"{self.command.__name__} has no advice for {', '.join(names)}")

    @creates.default
    def _creates(self) -> bool:
        return NEW in self.by.values()

    @statuses.default
    def _statuses(self) -> frozenset[Status]:
        found = (statuses for statuses in self.by.values() if isinstance(statuses, frozenset))
        return frozenset[Status]().union(*found)

    @_state_checks.default
    def _select_state_checks(self) -> tuple[Callable[[Case], Refusal | None], ...]:
        return tuple(guard.check for guard in self.guards if isinstance(guard, StateGuard))

    @_answers.default
    def _make_answers(self) -> dict[type[Actor], dict[Status, _Answer]]:
        """Return the answer to each kind of actor in each status.

        The refusals that are always the same are made once, not with each question.
        """
        elsewhere: dict[Status, _Answer] = {
            status: helps if callable(helps) else refuse(RefusalCode.NOT_IN_THIS_STATUS, *helps)
            for status, helps in self.elsewhere.items()
        }
        return {
            kind: elsewhere | dict.fromkeys(Status if statuses == NEW else statuses)
            for kind, statuses in self.by.items()
        }

    @_for_others.default
    def _make_refusal_for_others(self) -> Refusal:
        return refuse(RefusalCode.ACTOR_NOT_ALLOWED, *(_WHOSE_BUSINESS[kind] for kind in self.by))

    def refusal_of_actor(self, case: Case) -> Refusal | None:
        """Check kind of actor and status: the checks 2 and 3 of rules §8."""
        answers = self._answers.get(type(case.by))
        if answers is None:
            return self._not_allowed(case)
        client = case.existing
        if client is None:
            return None
        answer = answers[client.status]
        if answer is None or isinstance(answer, Refusal):
            return answer
        return refuse(RefusalCode.NOT_IN_THIS_STATUS, *answer(case))

    def refusal_of_state(self, case: Case) -> Refusal | None:
        """Make every check that does not read the command, for an actor that has the client."""
        if refusal := self.refusal_of_actor(case):
            return refusal
        for check in self._state_checks:
            if refusal := check(case):
                return refusal
        return None

    def refusal(self, case: Case, command: C) -> Refusal | None:
        """Make every check, in the order of rules §8; return the first that fails."""
        if not self.creates and not is_known(case.existing, case.by):
            return UNKNOWN_CLIENT
        if refusal := self.refusal_of_actor(case):
            return refusal
        for guard in self.guards:
            if isinstance(guard, StateGuard):
                refusal = guard.check(case)
            else:
                refusal = guard.check(case, command)
            if refusal:
                return refusal
        return None

    def notices(self, case: Case, event: E, after: Client) -> tuple[Notice, ...]:
        """Return the notices of an event (rules §9).

        Raises:
            CatalogueIncomplete: the catalogue lacks a service that the client holds (S4).
        """
        if not self.tells:
            return ()
        return tuple([notice for tell in self.tells for notice in tell(case, event, after)])

    def _not_allowed(self, case: Case) -> Refusal:
        """Refuse an actor, and name each kind of actor that could give the command now.

        If none could, or if the command creates a client, name the kinds that it is for. Who could
        create a client now would show whether the id is in use (C3).
        """
        if self.creates:
            return self._for_others
        # To mypy, a type variable bound by a union is not a member of the union.
        command = cast("type[Command]", self.command)
        now = [
            way(command, kind)
            for other in case.by_each_actor()
            if (kind := type(other.by)) in self.by and self.refusal_of_state(other) is None
        ]
        return refuse(RefusalCode.ACTOR_NOT_ALLOWED, *now) if now else self._for_others


UNKNOWN_CLIENT = refuse(RefusalCode.UNKNOWN_CLIENT, FROM_THE_LIST)

_WHOSE_BUSINESS: dict[type[Actor], WayOut] = {
    PracticeUser: FOR_PRACTICE,
    ClientUser: FOR_CLIENT,
    PlatformUser: FOR_PLATFORM,
}


def as_asked(event: type[Plain]) -> Callable[[Case, Command], Plain]:
    """Return the `decide` of a command whose event has no facts of its own."""

    def decide(case: Case, command: Command) -> Plain:
        return case.event(event, command)

    return decide
