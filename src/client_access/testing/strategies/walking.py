"""Strategies for clients and their histories, which accepted commands lead to."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from functools import cache
from itertools import groupby
from random import Random
from typing import Any, TypeAlias, final
from uuid import UUID

import attrs
from attrs import Factory, define, frozen
from hypothesis import strategies as st

from client_access import commands as cmd
from client_access.change import Change
from client_access.client import Client
from client_access.commands import Command
from client_access.deciding import decide
from client_access.events import Event
from client_access.machines.lifecycle import Status
from client_access.machines.payer import Payer
from client_access.testing.examples import CATALOGUE
from client_access.testing.story import life_lines
from client_access.testing.strategies.commanding import (
    EVERY_COMMAND,
    IDS,
    PRACTICES,
    Emails,
    Ways,
    accepted_command,
    accepted_kinds,
    creating_kinds,
)
from client_access.testing.strategies.values import Draw, choose, email_addresses, moments, spans
from client_access.values import DEFAULT_POLICY, Policy, SignIn
from client_access.values.catalogue import Catalogue
from client_access.values.email_address import EmailAddress


@final
@frozen
class _Turn:
    """A command that changes a client's status, with the fields that decide where it leads."""

    kind: type[Command]
    payer: Payer = Payer.PRACTICE
    sign_in: SignIn = SignIn.PRACTICE_ONLY


_ADD, _IMPORT, _REGISTER = (
    _Turn(kind) for kind in (cmd.AddClient, cmd.ImportClient, cmd.RegisterCustomer)
)
_ALONE = _Turn(cmd.Subscribe, Payer.PRACTICE, SignIn.PRACTICE_ONLY)
_TOGETHER = _Turn(cmd.Subscribe, Payer.PRACTICE, SignIn.PRACTICE_AND_CLIENT)
_TOGETHER_CLIENT_PAYS = _Turn(cmd.Subscribe, Payer.CLIENT, SignIn.PRACTICE_AND_CLIENT)
_GIVE, _WITHDRAW, _ACTIVATE, _DISABLE, _ENABLE, _STOP, _ACCEPT, _CLOSE, _REOPEN, _DELETE = (
    _Turn(kind)
    for kind in (
        cmd.GiveAccess,
        cmd.WithdrawAccess,
        cmd.Activate,
        cmd.DisableAccess,
        cmd.EnableAccess,
        cmd.StopManaging,
        cmd.AcceptPracticeInvitation,
        cmd.CloseClient,
        cmd.ReopenClient,
        cmd.DeleteClient,
    )
)
_TURNS = frozenset(
    turn.kind
    for turn in (
        *(_ADD, _IMPORT, _REGISTER, _ALONE, _GIVE, _WITHDRAW, _ACTIVATE),
        *(_DISABLE, _ENABLE, _STOP, _ACCEPT, _CLOSE, _REOPEN, _DELETE),
    )
)
_DETAILS = tuple(kind for kind in EVERY_COMMAND if kind not in _TURNS)
"""The commands that do not change the status: any number of them fits between two turns."""

_INSTEAD = {
    kind: (kind, *Random(number).sample(_DETAILS, len(_DETAILS)))
    for number, kind in enumerate(_DETAILS)
}
"""What is tried where a client accepts no such command, in any order, so that none is favoured."""

_ROUNDS = 2
Route: TypeAlias = tuple[_Turn, ...]


@cache
def _routes(status: Status, *, invited: bool = False, rounds: int = _ROUNDS) -> tuple[Route, ...]:
    """Return the turns that lead to a status, from the lifecycle's table (rules §2) read backwards.

    The shortest come first, so that a failing example shrinks to one of them.

    Parameters:
        status: the status to reach.
        invited: whether the practice must have invited the client and pay, as for `disabled`.
        rounds: for how many more turns the route may lead back to an earlier status.
    """
    found: list[Route] = []

    def via(before: Status, *turns: _Turn, invited: bool = invited) -> None:
        found.extend(
            (*route, *turns) for route in _routes(before, invited=invited, rounds=rounds - 1)
        )

    match status:
        case Status.INACTIVE:
            found += [(_ADD,), (_IMPORT,)]
        case Status.PRACTICE_ONLY:
            via(Status.INACTIVE, _ALONE)
            if rounds > 0:
                via(Status.AWAITING_ACTIVATION, _WITHDRAW, invited=True)
                via(Status.DISABLED, _WITHDRAW)
                via(Status.CLOSED, _REOPEN)
        case Status.AWAITING_ACTIVATION:
            via(Status.INACTIVE, _TOGETHER)
            via(Status.PRACTICE_ONLY, _GIVE)
            if not invited:
                via(Status.INACTIVE, _TOGETHER_CLIENT_PAYS)
        case Status.BOTH_ACCESS:
            via(Status.AWAITING_ACTIVATION, _ACTIVATE)
            if rounds > 0:
                via(Status.DISABLED, _ENABLE)
            if rounds > 0 and not invited:
                via(Status.UNMANAGED, _ACCEPT)
        case Status.DISABLED:
            via(Status.BOTH_ACCESS, _DISABLE, invited=True)
        case Status.UNMANAGED:
            found.append((_REGISTER,))
            via(Status.BOTH_ACCESS, _STOP, invited=False)
            via(Status.DISABLED, _STOP)
        case Status.CLOSED:
            via(Status.PRACTICE_ONLY, _CLOSE)
        case _:
            via(Status.INACTIVE, _DELETE)
            via(Status.CLOSED, _DELETE)
            via(Status.INACTIVE, _TOGETHER, _DELETE)
            via(Status.INACTIVE, _TOGETHER_CLIENT_PAYS, _DELETE)
    return tuple(sorted(found, key=len))


@cache
def _by_length(status: Status) -> tuple[tuple[Route, ...], ...]:
    """Return the routes to a status by their length; most are long."""
    return tuple(tuple(routes) for _, routes in groupby(_routes(status), len))


_STATUSES = tuple(Status)
_LONGEST = max(len(route) for status in Status for route in _routes(status))
_GAPS = st.integers(0, _LONGEST - 1)
_ENDS = 2
"""Of the numbers that a detail is drawn from, how many end the details: a tenth to a fifth."""
_NUMBERS = st.integers(0, _ENDS + len(_DETAILS) - 1)


def _plan(draw: Draw, route: Route, max_details: int) -> list[tuple[type[Command], ...]]:
    """Draw the commands that keep the status, after each turn of a route.

    What is drawn depends neither on the route nor on the client. So when Hypothesis shrinks, it can
    shorten the route and leave out one command, and the others stay as they are.
    """
    drawn: list[tuple[int, type[Command]]] = []
    while len(drawn) < 3 * max_details and (number := draw(_NUMBERS)) >= _ENDS:
        drawn.append((draw(_GAPS), _DETAILS[number - _ENDS]))
    drawn.sort(key=lambda detail: detail[0])
    last = len(route) - (2 if route[-1] is _DELETE else 1)
    gaps: list[list[type[Command]]] = [[] for _ in route]
    for gap, kind in drawn:
        gaps[min(gap, last)].append(kind)
    return [tuple(gap[:max_details]) for gap in gaps]


@final
@define
class _Walker:
    """Draws the commands of one client, and handles each."""

    draw: Draw
    client_id: UUID
    catalogue: Catalogue
    policy: Policy
    emails: Emails
    practices: tuple[str, ...]
    at: datetime
    pace: timedelta
    changes: list[Change] = Factory(list)

    @property
    def client(self) -> Client:
        return self.changes[-1].after

    def ways(self) -> Ways:
        client = self.client if self.changes else None
        return Ways(self.catalogue, self.emails, self.practices, client)

    def handle(self, command: Command) -> None:
        before = self.client if self.changes else None
        change = decide(before, command, at=self.at, catalogue=self.catalogue, policy=self.policy)
        if change.event is not None:
            self.changes.append(change)
        self.at += self.pace

    def begin(self, turn: _Turn) -> None:
        """Create the client."""
        ways = self.ways()
        kinds = creating_kinds(ways, (turn.kind,))
        self.handle(accepted_command(self.draw, ways, self.client_id, kinds))

    def accepted(self, *kinds: type[Command]) -> Command:
        """Draw a command of the first of these kinds that the client accepts."""
        ways = self.ways()
        found = (
            accepted_kinds(ways, at=self.at, policy=self.policy, kinds=(kind,)) for kind in kinds
        )
        return accepted_command(self.draw, ways, self.client_id, next(filter(None, found)))

    def detail(self, kind: type[Command]) -> None:
        """Handle a command that keeps the status; of another kind if it must be."""
        self.handle(self.accepted(*_INSTEAD[kind]))

    def prepare(self, turn: _Turn) -> None:
        """Provide what a turn needs: an address to sign in with, an invitation to accept."""
        if turn.sign_in is SignIn.PRACTICE_AND_CLIENT and not self.client.email.is_mailable:
            self.handle(self.accepted(cmd.ChangeEmail))
        if turn is _ACCEPT and self.client.practice_invitation is None:
            self.handle(self.accepted(cmd.InvitePractice))

    def take(self, turn: _Turn) -> None:
        self.prepare(turn)
        command = self.accepted(turn.kind)
        if isinstance(command, cmd.Subscribe):
            command = attrs.evolve(command, payer=turn.payer, sign_in=turn.sign_in)
        self.handle(command)


@st.composite
def _walks(
    draw: st.DrawFn,
    status: Status | None,
    client_ids: st.SearchStrategy[UUID],
    catalogue: Catalogue,
    policy: Policy,
    emails: Emails,
    practices: tuple[str, ...],
    begins: st.SearchStrategy[datetime],
    max_details: int,
) -> Walk:
    route = choose(draw, choose(draw, _by_length(status or choose(draw, _STATUSES))))
    plan = _plan(draw, route, max_details)
    # Short enough that no activation expires before it is used.
    longest = min(policy.activation_lifetime / (2 * max_details + 4), timedelta(days=1))
    walker = _Walker(
        draw,
        draw(client_ids),
        catalogue,
        policy,
        emails,
        practices,
        draw(begins),
        draw(spans(longest)),
    )
    for turn, details in zip(route, plan, strict=True):
        if walker.changes:
            walker.take(turn)
        else:
            walker.begin(turn)
        for kind in details:
            walker.detail(kind)
    return Walk(walker.changes)


def _print_lines(changes: Iterable[Change], printer: Any) -> None:
    for number, line in enumerate(life_lines(changes)):
        if number:
            printer.break_()
        printer.text(line)


@final
class Walk(tuple[Change, ...]):
    """The changes of a client, which a failing test prints one line each."""

    __slots__ = ()

    def _repr_pretty_(self, printer: Any, _: bool) -> None:
        """Print the lines, as Hypothesis asks for them."""
        _print_lines(self, printer)


@final
class _History(tuple[Event, ...]):
    """The events of a walk, which a failing test prints as the walk."""

    walk: Walk

    def _repr_pretty_(self, printer: Any, _: bool) -> None:
        printer.text("events_of(")
        with printer.indent(4):
            printer.break_()
            _print_lines(self.walk, printer)
        printer.break_()
        printer.text(")")


def client_after(walk: Walk) -> Client:
    """Return the client at the end of a walk; Hypothesis prints this call, with the walk."""
    return walk[-1].after


def events_of(walk: Walk) -> tuple[Event, ...]:
    """Return the events of a walk."""
    history = _History(change.event for change in walk if change.event is not None)
    history.walk = walk
    return history


def walks(
    *,
    status: Status | None = None,
    client_ids: st.SearchStrategy[UUID] | None = None,
    catalogue: Catalogue = CATALOGUE,
    policy: Policy = DEFAULT_POLICY,
    emails: st.SearchStrategy[EmailAddress] | None = None,
    practices: Collection[str] = PRACTICES,
    since: datetime | None = None,
    max_details: int = 2,
) -> st.SearchStrategy[Walk]:
    """Return lives: the changes of a client from its first command on, each with an event.

    Parameters:
        status: the status at the end; any status by default.
        client_ids: the clients' ids.
        catalogue: the services on offer; at least one.
        policy: the platform's policy.
        emails: the clients' addresses, which no other client may have.
        practices: the practices that add clients, are invited, or get transferred clients.
        since: when they begin; any time within ten years by default.
        max_details: how many commands that keep the status come between two that change it, at
            most.
    """
    return _walks(
        status,
        IDS if client_ids is None else client_ids,
        catalogue,
        policy,
        email_addresses() if emails is None else emails,
        tuple(practices),
        moments() if since is None else st.just(since),
        max_details,
    )


def clients(
    *,
    status: Status | None = None,
    client_ids: st.SearchStrategy[UUID] | None = None,
    catalogue: Catalogue = CATALOGUE,
    policy: Policy = DEFAULT_POLICY,
    emails: st.SearchStrategy[EmailAddress] | None = None,
    practices: Collection[str] = PRACTICES,
) -> st.SearchStrategy[Client]:
    """Return clients in every state that commands lead to; see `walks` for the parameters."""
    return walks(
        status=status,
        client_ids=client_ids,
        catalogue=catalogue,
        policy=policy,
        emails=emails,
        practices=practices,
    ).map(client_after)


def histories(
    *,
    status: Status | None = None,
    client_ids: st.SearchStrategy[UUID] | None = None,
    catalogue: Catalogue = CATALOGUE,
    policy: Policy = DEFAULT_POLICY,
    emails: st.SearchStrategy[EmailAddress] | None = None,
    practices: Collection[str] = PRACTICES,
) -> st.SearchStrategy[tuple[Event, ...]]:
    """Return histories, from the first event on; see `walks` for the parameters."""
    return walks(
        status=status,
        client_ids=client_ids,
        catalogue=catalogue,
        policy=policy,
        emails=emails,
        practices=practices,
    ).map(events_of)
