"""Invitations: a customer invites a practice, which accepts or declines (rules L2, P5)."""

from __future__ import annotations

from client_access.chapters.rules import Case, CommandRules, StateGuard, as_asked
from client_access.chapters.telling import invitation_answered
from client_access.chapters.ways_out import activating
from client_access.client import Client, with_changes
from client_access.commands import (
    AcceptPracticeInvitation,
    Activate,
    ChangeEmail,
    DeclinePracticeInvitation,
    GiveAccess,
    InvitePractice,
    ReopenClient,
    StopManaging,
    Subscribe,
    WithdrawPracticeInvitation,
)
from client_access.events import (
    PracticeInvitationAccepted,
    PracticeInvitationDeclined,
    PracticeInvitationWithdrawn,
    PracticeInvited,
)
from client_access.machines import lifecycle, practice_invitation
from client_access.machines.lifecycle import MANAGED, Status
from client_access.refusals import NOTHING_TO_DO, Refusal, RefusalCode, WayOut, refuse, way
from client_access.values import (
    ClientUser,
    PlatformUser,
    PracticeInvitation,
    PracticeUser,
    Source,
)

_UNMANAGED = frozenset({Status.UNMANAGED})
_NOTHING_TO_ANSWER = dict.fromkeys(MANAGED, (NOTHING_TO_DO,))


@StateGuard
def invitation_is_pending(case: Case) -> Refusal | None:
    """Only a pending invitation can be answered or withdrawn."""
    if case.client.practice_invitation is not None:
        return None
    return refuse(RefusalCode.NO_PENDING_INVITATION, way(InvitePractice, ClientUser))


# ── Invite a practice (L2) ───────────────────────────────────────────────────────────────────────


@StateGuard
def no_invitation_is_pending(case: Case) -> Refusal | None:
    """One practice is invited at a time."""
    if case.client.practice_invitation is None:
        return None
    return refuse(RefusalCode.INVITATION_PENDING, way(WithdrawPracticeInvitation, ClientUser))


def _invite(case: Case, command: InvitePractice) -> PracticeInvited:
    return case.event(PracticeInvited, command, practice_id=command.practice_id)


def _invited(client: Client, event: PracticeInvited) -> Client:
    sent = PracticeInvitation(event.practice_id, event.at)
    return with_changes(
        client,
        version=event.version,
        practice_invitation=practice_invitation.first(client.practice_invitation, sent),
    )


def _from_inactive(case: Case) -> tuple[WayOut, ...]:
    """Return how a client leaves the practice that added it: it signs in first."""
    address = () if case.client.email.is_mailable else (way(ChangeEmail, PracticeUser),)
    return (
        *address,
        way(Subscribe, PracticeUser),
        way(Activate, ClientUser),
        way(StopManaging, ClientUser),
    )


def _from_awaiting(case: Case) -> tuple[WayOut, ...]:
    return (*activating(case), way(StopManaging, ClientUser))


INVITE = CommandRules(
    InvitePractice,
    PracticeInvited,
    by={ClientUser: _UNMANAGED},
    guards=(no_invitation_is_pending,),
    decide=_invite,
    evolve=_invited,
    elsewhere={
        Status.INACTIVE: _from_inactive,
        Status.PRACTICE_ONLY: (
            way(GiveAccess, PracticeUser),
            way(Activate, ClientUser),
            way(StopManaging, ClientUser),
        ),
        Status.AWAITING_ACTIVATION: _from_awaiting,
        Status.BOTH_ACCESS: (way(StopManaging, ClientUser),),
        Status.DISABLED: (way(StopManaging, PlatformUser),),
        Status.CLOSED: (
            way(ReopenClient, PracticeUser),
            way(GiveAccess, PracticeUser),
            way(Activate, ClientUser),
            way(StopManaging, ClientUser),
        ),
    },
)


# ── Withdraw the invitation ──────────────────────────────────────────────────────────────────────


def _withdrawn(client: Client, event: PracticeInvitationWithdrawn) -> Client:
    return with_changes(
        client,
        version=event.version,
        practice_invitation=practice_invitation.ended("withdraw", client.practice_invitation),
    )


WITHDRAW = CommandRules(
    WithdrawPracticeInvitation,
    PracticeInvitationWithdrawn,
    by={ClientUser: _UNMANAGED},
    guards=(invitation_is_pending,),
    decide=as_asked(PracticeInvitationWithdrawn),
    evolve=_withdrawn,
    elsewhere=_NOTHING_TO_ANSWER,
)


# ── Accept the invitation (P5) ───────────────────────────────────────────────────────────────────


def _accepted(client: Client, event: PracticeInvitationAccepted) -> Client:
    invitation = client.practice_invitation
    return with_changes(
        client,
        version=event.version,
        status=lifecycle.move("accept_practice_invitation", client.status),
        source=Source.CUSTOMER,
        practice_id=invitation and invitation.practice_id,
        practice_invitation=practice_invitation.ended("accept", invitation),
        established=True,
    )


ACCEPT = CommandRules(
    AcceptPracticeInvitation,
    PracticeInvitationAccepted,
    by={PracticeUser: _UNMANAGED},
    guards=(invitation_is_pending,),
    decide=as_asked(PracticeInvitationAccepted),
    evolve=_accepted,
    tells=(invitation_answered,),
    elsewhere=_NOTHING_TO_ANSWER,
)


# ── Decline the invitation ───────────────────────────────────────────────────────────────────────


def _declined(client: Client, event: PracticeInvitationDeclined) -> Client:
    return with_changes(
        client,
        version=event.version,
        practice_invitation=practice_invitation.ended("decline", client.practice_invitation),
    )


DECLINE = CommandRules(
    DeclinePracticeInvitation,
    PracticeInvitationDeclined,
    by={PracticeUser: _UNMANAGED},
    guards=(invitation_is_pending,),
    decide=as_asked(PracticeInvitationDeclined),
    evolve=_declined,
    tells=(invitation_answered,),
    elsewhere=_NOTHING_TO_ANSWER,
)
