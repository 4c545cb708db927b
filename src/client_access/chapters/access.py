"""Access: locking out a client that the practice pays for, and withdrawing access (L8, L10)."""

from __future__ import annotations

from client_access.chapters.rules import Case, CommandRules, StateGuard, as_asked
from client_access.chapters.telling import access_withdrawn_email, done_for_practice
from client_access.chapters.ways_out import resending
from client_access.client import Client, with_changes
from client_access.commands import (
    ChangeEmail,
    DeclinePracticeInvitation,
    DeleteClient,
    DisableAccess,
    EnableAccess,
    GiveAccess,
    ReopenClient,
    StopManaging,
    Subscribe,
    WithdrawAccess,
)
from client_access.events import AccessDisabled, AccessEnabled, AccessWithdrawn
from client_access.machines import activation, lifecycle
from client_access.machines.lifecycle import Status
from client_access.machines.payer import Payer
from client_access.refusals import NOTHING_TO_DO, Refusal, RefusalCode, WayOut, refuse, way
from client_access.values import PlatformUser, PracticeUser, Source
from client_access.values.email_address import EmailAddress

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
    if case.client.payer is Payer.PRACTICE:
        return (way(WithdrawAccess, PracticeUser),)
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
        Status.CLOSED: (NOTHING_TO_DO,),
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
        Status.CLOSED: (way(ReopenClient, PracticeUser), way(GiveAccess, PracticeUser)),
    },
)


# ── Withdraw access (L10) ────────────────────────────────────────────────────────────────────────


@StateGuard
def practice_pays_for_access(case: Case) -> Refusal | None:
    """Access is withdrawn only if the practice pays (L10)."""
    if case.client.payer is Payer.PRACTICE:
        return None
    kind = type(case.by)
    return refuse(
        RefusalCode.CLIENT_PAYS, way(DeleteClient, kind), way(ChangeEmail, kind), rule="L10"
    )


def _access_withdrawn(client: Client, event: AccessWithdrawn) -> Client:
    return with_changes(
        client,
        version=event.version,
        status=lifecycle.move("withdraw_access", client.status),
        email=EmailAddress.placeholder(client.id),
        activation=activation.ended("withdraw", client.status),
        established=True,
    )


def _to_withdraw(case: Case) -> tuple[WayOut, ...]:
    """Return how access is withdrawn from a client that can sign in: it is disabled first."""
    client, kind = case.client, type(case.by)
    if client.payer is Payer.CLIENT:
        return (way(StopManaging, kind),)
    return (way(DisableAccess, PracticeUser), way(WithdrawAccess, kind))


WITHDRAW = CommandRules(
    WithdrawAccess,
    AccessWithdrawn,
    by=dict.fromkeys(
        (PracticeUser, PlatformUser), frozenset({Status.AWAITING_ACTIVATION, Status.DISABLED})
    ),
    guards=(practice_pays_for_access,),
    decide=as_asked(AccessWithdrawn),
    evolve=_access_withdrawn,
    tells=(access_withdrawn_email, done_for_practice),
    elsewhere={
        **dict.fromkeys((Status.INACTIVE, Status.PRACTICE_ONLY), (NOTHING_TO_DO,)),
        Status.BOTH_ACCESS: _to_withdraw,
        **dict.fromkeys((Status.UNMANAGED, Status.CLOSED), (NOTHING_TO_DO,)),
    },
)
