"""Access: locking out a client that the practice pays for, and letting it in again (rule L8)."""

from __future__ import annotations

from client_access.chapters.rules import Case, CommandRules, StateGuard, as_asked
from client_access.chapters.ways_out import activating, resending
from client_access.client import Client, with_changes
from client_access.commands import (
    DeclinePracticeInvitation,
    DeleteClient,
    DisableAccess,
    EnableAccess,
    GiveAccess,
    StopManaging,
    Subscribe,
)
from client_access.events import AccessDisabled, AccessEnabled
from client_access.machines import lifecycle
from client_access.machines.lifecycle import Status
from client_access.machines.payer import Payer
from client_access.refusals import NOTHING_TO_DO, Refusal, RefusalCode, WayOut, refuse, way
from client_access.values import PracticeUser, Source

# ── Disable access (L8) ──────────────────────────────────────────────────────────────────────────


@StateGuard
def invited_by_practice(case: Case) -> Refusal | None:
    """A practice locks out only clients that it invited itself (§2)."""
    if case.client.source is not Source.CUSTOMER:
        return None
    return refuse(RefusalCode.NOT_INVITED_BY_PRACTICE, way(StopManaging, PracticeUser))


@StateGuard
def practice_pays(case: Case) -> Refusal | None:
    """A client that pays for its own services is not locked out of them (L8)."""
    if case.client.payer is Payer.PRACTICE:
        return None
    return refuse(RefusalCode.CLIENT_PAYS, way(StopManaging, PracticeUser), rule="L8")


def _never_in(case: Case) -> tuple[WayOut, ...]:
    """Return what helps against a client that has not signed in yet."""
    if case.client.established:
        return activating(case)
    return (way(DeleteClient, PracticeUser),)


def _disabled(client: Client, event: AccessDisabled) -> Client:
    return with_changes(
        client, version=event.version, status=lifecycle.move("disable", client.status)
    )


DISABLE = CommandRules(
    DisableAccess,
    AccessDisabled,
    by={PracticeUser: frozenset({Status.BOTH_ACCESS})},
    guards=(invited_by_practice, practice_pays),
    decide=as_asked(AccessDisabled),
    evolve=_disabled,
    elsewhere={
        Status.INACTIVE: (NOTHING_TO_DO,),
        Status.PRACTICE_ONLY: (NOTHING_TO_DO,),
        Status.AWAITING_ACTIVATION: _never_in,
        Status.DISABLED: (NOTHING_TO_DO,),
        Status.UNMANAGED: (way(DeclinePracticeInvitation, PracticeUser),),
    },
)


# ── Enable access ────────────────────────────────────────────────────────────────────────────────


def _enabled(client: Client, event: AccessEnabled) -> Client:
    return with_changes(
        client, version=event.version, status=lifecycle.move("enable", client.status)
    )


ENABLE = CommandRules(
    EnableAccess,
    AccessEnabled,
    by={PracticeUser: frozenset({Status.DISABLED})},
    decide=as_asked(AccessEnabled),
    evolve=_enabled,
    elsewhere={
        Status.INACTIVE: (way(Subscribe, PracticeUser),),
        Status.PRACTICE_ONLY: (way(GiveAccess, PracticeUser),),
        Status.AWAITING_ACTIVATION: resending,
        Status.BOTH_ACCESS: (NOTHING_TO_DO,),
        Status.UNMANAGED: (NOTHING_TO_DO,),
    },
)
