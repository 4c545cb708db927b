"""Strategies for clients and their histories, which accepted commands lead to."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime, timedelta
from typing import Any, final
from uuid import UUID

import attrs
from attrs import frozen
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
from client_access.testing.strategies.commanding import (
    EVERY_COMMAND,
    PRACTICES,
    accepted_commands,
    creating_commands,
)
from client_access.testing.strategies.values import email_addresses, moments
from client_access.values import DEFAULT_POLICY, Policy, SignIn
from client_access.values.catalogue import Catalogue
from client_access.values.email_address import EmailAddress

Draw = Callable[[st.SearchStrategy[Any]], Any]


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

_ROUNDS = 2


def _route(
    draw: Draw, status: Status, *, invited: bool = False, rounds: int = _ROUNDS
) -> list[_Turn]:
    """Draw the turns that lead to a status, from the lifecycle's table (rules §2) read backwards.

    Parameters:
        draw: draws an example.
        status: the status to reach.
        invited: whether the practice must have invited the client and pay, as for `disabled`.
        rounds: for how many more turns the route may lead back to an earlier status.
    """

    def choose(*ways: Callable[[], list[_Turn]]) -> list[_Turn]:
        turns: list[_Turn] = draw(st.sampled_from(ways))()
        return turns

    def via(before: Status, *turns: _Turn, invited: bool = invited) -> Callable[[], list[_Turn]]:
        return lambda: [*_route(draw, before, invited=invited, rounds=rounds - 1), *turns]

    match status:
        case Status.INACTIVE:
            return choose(lambda: [_ADD], lambda: [_IMPORT])
        case Status.PRACTICE_ONLY:
            ways = [via(Status.INACTIVE, _ALONE)]
            if rounds > 0:
                ways += [
                    via(Status.AWAITING_ACTIVATION, _WITHDRAW, invited=True),
                    via(Status.DISABLED, _WITHDRAW),
                    via(Status.CLOSED, _REOPEN),
                ]
            return choose(*ways)
        case Status.AWAITING_ACTIVATION:
            ways = [via(Status.INACTIVE, _TOGETHER), via(Status.PRACTICE_ONLY, _GIVE)]
            if not invited:
                ways.append(via(Status.INACTIVE, _TOGETHER_CLIENT_PAYS))
            return choose(*ways)
        case Status.BOTH_ACCESS:
            ways = [via(Status.AWAITING_ACTIVATION, _ACTIVATE)]
            if rounds > 0:
                ways.append(via(Status.DISABLED, _ENABLE))
            if rounds > 0 and not invited:
                ways.append(via(Status.UNMANAGED, _ACCEPT))
            return choose(*ways)
        case Status.DISABLED:
            return choose(via(Status.BOTH_ACCESS, _DISABLE, invited=True))
        case Status.UNMANAGED:
            return choose(
                lambda: [_REGISTER],
                via(Status.BOTH_ACCESS, _STOP, invited=False),
                via(Status.DISABLED, _STOP),
            )
        case Status.CLOSED:
            return choose(via(Status.PRACTICE_ONLY, _CLOSE))
        case _:
            return choose(
                via(Status.INACTIVE, _DELETE),
                via(Status.CLOSED, _DELETE),
                via(Status.INACTIVE, _TOGETHER, _DELETE),
                via(Status.INACTIVE, _TOGETHER_CLIENT_PAYS, _DELETE),
            )


@st.composite
def _walks(
    draw: st.DrawFn,
    status: Status | None,
    client_ids: st.SearchStrategy[UUID],
    catalogue: Catalogue,
    policy: Policy,
    emails: st.SearchStrategy[EmailAddress],
    practices: tuple[str, ...],
    since: datetime,
    max_details: int,
) -> tuple[Change, ...]:
    changes: list[Change] = []
    client_id = draw(client_ids)
    at = since
    # Short enough that no activation expires before it is used.
    longest = min(policy.activation_lifetime / (2 * max_details + 4), timedelta(days=1))
    steps = st.timedeltas(timedelta(0), longest)

    def handle(command: Command) -> None:
        nonlocal at
        before = changes[-1].after if changes else None
        change = decide(before, command, at=at, catalogue=catalogue, policy=policy)
        if change.event is not None:
            changes.append(change)
        at += draw(steps)

    def accepted(*kinds: type[Command]) -> st.SearchStrategy[Command]:
        return accepted_commands(
            changes[-1].after,
            at=at,
            kinds=kinds,
            catalogue=catalogue,
            policy=policy,
            emails=emails,
            practices=practices,
        )

    def prepare(turn: _Turn) -> None:
        """Provide what a turn needs: an address to sign in with, an invitation to accept."""
        client = changes[-1].after
        if turn.sign_in is SignIn.PRACTICE_AND_CLIENT and not client.email.is_mailable:
            handle(draw(accepted(cmd.ChangeEmail)))
        if turn is _ACCEPT and client.practice_invitation is None:
            handle(draw(accepted(cmd.InvitePractice)))

    def take(turn: _Turn) -> None:
        prepare(turn)
        command = draw(accepted(turn.kind))
        if isinstance(command, cmd.Subscribe):
            command = attrs.evolve(command, payer=turn.payer, sign_in=turn.sign_in)
        handle(command)

    first, *turns = _route(draw, draw(st.sampled_from(Status)) if status is None else status)
    handle(
        draw(
            creating_commands(
                client_id=client_id,
                kinds=(first.kind,),
                catalogue=catalogue,
                emails=emails,
                practices=practices,
            )
        )
    )
    for turn in (*turns, None):
        for _ in range(draw(st.integers(0, max_details))):
            details = accepted(*_DETAILS)
            if changes[-1].after.status is not Status.DELETED:
                handle(draw(details))
        if turn is not None:
            take(turn)
    return tuple(changes)


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
) -> st.SearchStrategy[tuple[Change, ...]]:
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
    return (moments() if since is None else st.just(since)).flatmap(
        lambda begin: _walks(
            status,
            st.uuids() if client_ids is None else client_ids,
            catalogue,
            policy,
            email_addresses() if emails is None else emails,
            tuple(practices),
            begin,
            max_details,
        )
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
    ).map(lambda changes: changes[-1].after)


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
    ).map(lambda changes: tuple(change.event for change in changes if change.event is not None))
