"""Managing: how a practice's hold on a client ends and begins (rules L4–L7, P3, P5, P6)."""

from __future__ import annotations

from attrs import evolve

from client_access.chapters.guards import activating, resending_or_correcting
from client_access.chapters.rules import Case, Procedure, StateGuard
from client_access.client import Client
from client_access.commands import (
    AcceptPracticeInvitation,
    Activate,
    ChangeEmail,
    DeclinePracticeInvitation,
    DeleteClient,
    GiveAccess,
    InvitePractice,
    ProvideDirectDebit,
    StopManaging,
    Subscribe,
    WithdrawPracticeInvitation,
)
from client_access.events import (
    ClientDeleted,
    DirectDebitProvided,
    ManagementStopped,
    PracticeInvitationAccepted,
    PracticeInvitationDeclined,
    PracticeInvitationWithdrawn,
    PracticeInvited,
)
from client_access.machines import activation, lifecycle, payer
from client_access.machines.lifecycle import MANAGED, Status
from client_access.machines.payer import PayerState
from client_access.refusals import (
    KEEP_RECORD,
    NOTHING_TO_DO,
    Refusal,
    RefusalCode,
    WayOut,
    refuse,
    way,
)
from client_access.values import (
    ClientUser,
    ContactDetails,
    PlatformUser,
    PracticeInvitation,
    PracticeUser,
    Source,
)
from client_access.values.email_address import EmailAddress

# ── Guards ───────────────────────────────────────────────────────────────────────────────────────


@StateGuard
def client_can_sign_in(case: Case) -> Refusal | None:
    """A client that cannot sign in cannot be left alone (L4)."""
    client, activate = case.client, way(Activate, ClientUser)
    match client.status:
        case Status.PRACTICE_ONLY:
            steps: tuple[WayOut, ...] = (_give(case), activate)
        case Status.AWAITING_ACTIVATION:
            steps = (*resending_or_correcting(case, _correct(case)), activate)
            if not client.established:
                steps = (*steps, way(DeleteClient, type(case.by)))
        case _:
            return None
    return refuse(RefusalCode.NO_CLIENT_SIGN_IN, *steps)


@StateGuard
def never_established(case: Case) -> Refusal | None:
    """What was ever established is kept (L5)."""
    if not case.client.established:
        return None
    return refuse(
        RefusalCode.HAS_BEEN_ACTIVE,
        *resending_or_correcting(case, _correct(case)),
        way(Activate, ClientUser),
        way(StopManaging, type(case.by)),
    )


@StateGuard
def no_invitation_is_pending(case: Case) -> Refusal | None:
    """One practice is invited at a time."""
    if case.client.practice_invitation is None:
        return None
    return refuse(RefusalCode.INVITATION_PENDING, way(WithdrawPracticeInvitation, ClientUser))


@StateGuard
def invitation_is_pending(case: Case) -> Refusal | None:
    """Only what is pending can be answered or withdrawn."""
    if case.client.practice_invitation is not None:
        return None
    return refuse(RefusalCode.NO_PENDING_INVITATION, way(InvitePractice, ClientUser))


def _give(case: Case) -> WayOut:
    return way(GiveAccess, type(case.by), PracticeUser)


def _correct(case: Case) -> WayOut:
    return way(ChangeEmail, type(case.by))


def _leaving(case: Case) -> WayOut:
    """Return how the practice's access ends where the client can sign in."""
    return way(StopManaging, type(case.by))


def _deleting(case: Case) -> tuple[WayOut, ...]:
    return (way(DeleteClient, type(case.by), PracticeUser),)


def _from_practice_only(case: Case) -> tuple[WayOut, ...]:
    return (_give(case), way(Activate, ClientUser), _leaving(case))


def _from_inactive(case: Case) -> tuple[WayOut, ...]:
    """Return the client's way from the practice that added it: in first, and then away."""
    address = () if case.client.email.is_mailable else (way(ChangeEmail, PracticeUser),)
    return (
        *address,
        way(Subscribe, PracticeUser),
        way(Activate, ClientUser),
        way(StopManaging, ClientUser),
    )


def _from_awaiting(case: Case) -> tuple[WayOut, ...]:
    return (*activating(case), way(StopManaging, ClientUser))


def _by_leaving(case: Case) -> tuple[WayOut, ...]:
    return (_leaving(case),)


def _not_managed(case: Case) -> tuple[WayOut, ...]:
    """Return what ends a mere invitation, where one is pending."""
    if case.client.practice_invitation is None:
        return (NOTHING_TO_DO,)
    if isinstance(case.by, PracticeUser):
        return (way(DeclinePracticeInvitation, PracticeUser),)
    return (way(WithdrawPracticeInvitation, ClientUser),)


def _not_deletable(case: Case) -> tuple[WayOut, ...]:
    return (*_not_managed(case), KEEP_RECORD) if case.client.practice_invitation else (KEEP_RECORD,)


# ── Decide ───────────────────────────────────────────────────────────────────────────────────────


def _stop_managing(case: Case, command: StopManaging) -> ManagementStopped:
    practice_paid = case.client.payer_state is PayerState.PRACTICE_LOCKED
    return ManagementStopped(
        command.client_id,
        case.version,
        case.at,
        command.by,
        direct_debit=case.policy.direct_debit(case.at) if practice_paid else None,
    )


def _provide_direct_debit(case: Case, command: ProvideDirectDebit) -> DirectDebitProvided | None:
    if case.client.direct_debit is None:
        return None
    return DirectDebitProvided(command.client_id, case.version, case.at, command.by)


def _delete(case: Case, command: DeleteClient) -> ClientDeleted:
    return ClientDeleted(command.client_id, case.version, case.at, command.by)


def _invite(case: Case, command: InvitePractice) -> PracticeInvited:
    return PracticeInvited(
        command.client_id, case.version, case.at, command.by, practice_id=command.practice_id
    )


def _withdraw(case: Case, command: WithdrawPracticeInvitation) -> PracticeInvitationWithdrawn:
    return PracticeInvitationWithdrawn(command.client_id, case.version, case.at, command.by)


def _accept(case: Case, command: AcceptPracticeInvitation) -> PracticeInvitationAccepted:
    return PracticeInvitationAccepted(command.client_id, case.version, case.at, command.by)


def _decline(case: Case, command: DeclinePracticeInvitation) -> PracticeInvitationDeclined:
    return PracticeInvitationDeclined(command.client_id, case.version, case.at, command.by)


# ── Evolve ───────────────────────────────────────────────────────────────────────────────────────


def _management_stopped(client: Client, event: ManagementStopped) -> Client:
    return evolve(
        client,
        version=event.version,
        status=lifecycle.move("stop_managing", client.status),
        payer_state=payer.move("transfer_to_client", client.payer_state),
        practice_id=None,
        # What it owes already it goes on owing, with the date that it has (P6).
        direct_debit=event.direct_debit or client.direct_debit,
    )


def _direct_debit_provided(client: Client, event: DirectDebitProvided) -> Client:
    return evolve(client, version=event.version, direct_debit=None)


def _deleted(client: Client, event: ClientDeleted) -> Client:
    return Client(
        id=client.id,
        version=event.version,
        kind=client.kind,
        business_name="",
        contact=ContactDetails(),
        email=EmailAddress.placeholder(client.id),
        source=client.source,
        status=lifecycle.move("delete", client.status),
        payer_state=client.payer_state,
        activation=activation.ended("withdraw", client.status),
        erasures=client.erasures,
    )


def _invited(client: Client, event: PracticeInvited) -> Client:
    invitation = PracticeInvitation(event.practice_id, event.at)
    return evolve(client, version=event.version, practice_invitation=invitation)


def _not_invited_any_more(
    client: Client, event: PracticeInvitationWithdrawn | PracticeInvitationDeclined
) -> Client:
    return evolve(client, version=event.version, practice_invitation=None)


def _accepted(client: Client, event: PracticeInvitationAccepted) -> Client:
    invitation = client.practice_invitation
    return evolve(
        client,
        version=event.version,
        status=lifecycle.move("accept_practice_invitation", client.status),
        source=Source.CUSTOMER,
        # None, where a history accepts what it never offered, is no practice: the client says so.
        practice_id=invitation and invitation.practice_id,
        practice_invitation=None,
        established=True,
    )


# ── Procedures ───────────────────────────────────────────────────────────────────────────────────

_UNMANAGED = frozenset({Status.UNMANAGED})
_BOTH = frozenset({Status.BOTH_ACCESS})
_SUBSCRIBED = MANAGED - {Status.INACTIVE}
_NOT_FOR_CLIENT = MANAGED - _BOTH
_NOT_YET_IN = frozenset({Status.INACTIVE, Status.AWAITING_ACTIVATION})

STOP = Procedure(
    StopManaging,
    ManagementStopped,
    by={PracticeUser: _SUBSCRIBED, PlatformUser: _SUBSCRIBED, ClientUser: _BOTH},
    guards=(client_can_sign_in,),
    decide=_stop_managing,
    evolve=_management_stopped,
    elsewhere={
        Status.INACTIVE: _deleting,
        # Only the client itself is refused in these three.
        Status.PRACTICE_ONLY: (way(GiveAccess, PracticeUser), way(Activate, ClientUser)),
        Status.AWAITING_ACTIVATION: activating,
        Status.DISABLED: (way(StopManaging, PlatformUser),),
        Status.UNMANAGED: _not_managed,
    },
)

DIRECT_DEBIT = Procedure(
    ProvideDirectDebit,
    DirectDebitProvided,
    by=dict.fromkeys((ClientUser, PlatformUser), _BOTH | _UNMANAGED),
    decide=_provide_direct_debit,
    evolve=_direct_debit_provided,
    elsewhere=dict.fromkeys(_NOT_FOR_CLIENT, (NOTHING_TO_DO,)),
)

DELETE = Procedure(
    DeleteClient,
    ClientDeleted,
    by=dict.fromkeys((PracticeUser, PlatformUser), _NOT_YET_IN),
    guards=(never_established,),
    decide=_delete,
    evolve=_deleted,
    elsewhere={
        Status.PRACTICE_ONLY: _from_practice_only,
        Status.BOTH_ACCESS: _by_leaving,
        Status.DISABLED: _by_leaving,
        Status.UNMANAGED: _not_deletable,
    },
)

INVITE = Procedure(
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
    },
)

WITHDRAW = Procedure(
    WithdrawPracticeInvitation,
    PracticeInvitationWithdrawn,
    by={ClientUser: _UNMANAGED},
    guards=(invitation_is_pending,),
    decide=_withdraw,
    evolve=_not_invited_any_more,
    elsewhere=dict.fromkeys(MANAGED, (NOTHING_TO_DO,)),
)

ACCEPT = Procedure(
    AcceptPracticeInvitation,
    PracticeInvitationAccepted,
    by={PracticeUser: _UNMANAGED},
    guards=(invitation_is_pending,),
    decide=_accept,
    evolve=_accepted,
    elsewhere=dict.fromkeys(MANAGED, (NOTHING_TO_DO,)),
)

DECLINE = Procedure(
    DeclinePracticeInvitation,
    PracticeInvitationDeclined,
    by={PracticeUser: _UNMANAGED},
    guards=(invitation_is_pending,),
    decide=_decline,
    evolve=_not_invited_any_more,
    elsewhere=dict.fromkeys(MANAGED, (NOTHING_TO_DO,)),
)
