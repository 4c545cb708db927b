"""Access: locking a client out that the practice pays for, and letting it in again (rule L8)."""

from __future__ import annotations

from attrs import evolve

from client_access.chapters.guards import activating, by_resending
from client_access.chapters.rules import Case, Procedure, StateGuard
from client_access.client import Client
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

# ── Guards ───────────────────────────────────────────────────────────────────────────────────────


@StateGuard
def invited_by_practice(case: Case) -> Refusal | None:
    """A practice locks out only whom it invited itself (§2)."""
    if case.client.source is not Source.CUSTOMER:
        return None
    return refuse(RefusalCode.NOT_INVITED_BY_PRACTICE, way(StopManaging, PracticeUser))


@StateGuard
def practice_pays(case: Case) -> Refusal | None:
    """Whoever pays for its own services is not locked out of them (L8)."""
    if case.client.payer is Payer.PRACTICE:
        return None
    return refuse(RefusalCode.CLIENT_PAYS, way(StopManaging, PracticeUser), rule="L8")


def _never_in(case: Case) -> tuple[WayOut, ...]:
    """Return what helps against a client that has not signed in yet."""
    if case.client.established:
        return activating(case)
    return (way(DeleteClient, PracticeUser),)


# ── Decide ───────────────────────────────────────────────────────────────────────────────────────


def _disable(case: Case, command: DisableAccess) -> AccessDisabled:
    return AccessDisabled(command.client_id, case.version, case.at, command.by)


def _enable(case: Case, command: EnableAccess) -> AccessEnabled:
    return AccessEnabled(command.client_id, case.version, case.at, command.by)


# ── Evolve ───────────────────────────────────────────────────────────────────────────────────────


def _disabled(client: Client, event: AccessDisabled) -> Client:
    return evolve(client, version=event.version, status=lifecycle.move("disable", client.status))


def _enabled(client: Client, event: AccessEnabled) -> Client:
    return evolve(client, version=event.version, status=lifecycle.move("enable", client.status))


# ── Procedures ───────────────────────────────────────────────────────────────────────────────────

DISABLE = Procedure(
    DisableAccess,
    AccessDisabled,
    by={PracticeUser: frozenset({Status.BOTH_ACCESS})},
    guards=(invited_by_practice, practice_pays),
    decide=_disable,
    evolve=_disabled,
    elsewhere={
        Status.INACTIVE: (NOTHING_TO_DO,),
        Status.PRACTICE_ONLY: (NOTHING_TO_DO,),
        Status.AWAITING_ACTIVATION: _never_in,
        Status.DISABLED: (NOTHING_TO_DO,),
        Status.UNMANAGED: (way(DeclinePracticeInvitation, PracticeUser),),
    },
)

ENABLE = Procedure(
    EnableAccess,
    AccessEnabled,
    by={PracticeUser: frozenset({Status.DISABLED})},
    decide=_enable,
    evolve=_enabled,
    elsewhere={
        Status.INACTIVE: (way(Subscribe, PracticeUser),),
        Status.PRACTICE_ONLY: (way(GiveAccess, PracticeUser),),
        Status.AWAITING_ACTIVATION: by_resending,
        Status.BOTH_ACCESS: (NOTHING_TO_DO,),
        Status.UNMANAGED: (NOTHING_TO_DO,),
    },
)
