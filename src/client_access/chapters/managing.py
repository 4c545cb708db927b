"""Managing: how a practice's hold on a client ends (rules L4–L7, P3, P6)."""

from __future__ import annotations

from client_access.chapters.rules import Case, CommandRules, StateGuard, as_asked
from client_access.chapters.telling import (
    access_ended,
    client_deleted_for_practice,
    invoice_changed,
    practice_left,
)
from client_access.chapters.ways_out import (
    activating,
    giving_access,
    leaving,
    resending_or_correcting,
)
from client_access.client import Client, with_changes
from client_access.commands import (
    Activate,
    ChangeEmail,
    DeclinePracticeInvitation,
    DeleteClient,
    GiveAccess,
    ProvideDirectDebit,
    StopManaging,
    WithdrawPracticeInvitation,
)
from client_access.events import ClientDeleted, DirectDebitProvided, ManagementStopped
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
from client_access.values import ClientUser, ContactDetails, PlatformUser, PracticeUser
from client_access.values.email_address import EmailAddress

_BOTH = frozenset({Status.BOTH_ACCESS})


def _not_managed(case: Case) -> tuple[WayOut, ...]:
    """Return how a pending invitation ends, if there is one."""
    if case.client.practice_invitation is None:
        return (NOTHING_TO_DO,)
    if isinstance(case.by, PracticeUser):
        return (way(DeclinePracticeInvitation, PracticeUser),)
    return (way(WithdrawPracticeInvitation, ClientUser),)


# ── Stop managing (L4, L6, P3) ───────────────────────────────────────────────────────────────────


@StateGuard
def client_can_sign_in(case: Case) -> Refusal | None:
    """A client that cannot sign in cannot be left alone (L4)."""
    client, activate = case.client, way(Activate, ClientUser)
    match client.status:
        case Status.PRACTICE_ONLY:
            steps: tuple[WayOut, ...] = (*giving_access(case), activate)
        case Status.AWAITING_ACTIVATION:
            correct = way(ChangeEmail, type(case.by))
            steps = (*resending_or_correcting(case, correct), activate)
            if not client.established:
                steps = (*steps, way(DeleteClient, type(case.by)))
        case _:
            return None
    return refuse(RefusalCode.NO_CLIENT_SIGN_IN, *steps)


def _stop_managing(case: Case, command: StopManaging) -> ManagementStopped:
    practice_paid = case.client.payer_state is PayerState.PRACTICE_LOCKED
    return ManagementStopped(
        command.client_id,
        case.version,
        case.at,
        command.by,
        direct_debit=case.policy.direct_debit(case.at) if practice_paid else None,
    )


def _management_stopped(client: Client, event: ManagementStopped) -> Client:
    return with_changes(
        client,
        version=event.version,
        status=lifecycle.move("stop_managing", client.status),
        payer_state=payer.move("transfer_to_client", client.payer_state),
        practice_id=None,
        # Details that it owes already are still due at the same moment (P6).
        direct_debit=event.direct_debit or client.direct_debit,
    )


def _deleting(case: Case) -> tuple[WayOut, ...]:
    return (way(DeleteClient, type(case.by), PracticeUser),)


_SUBSCRIBED = MANAGED - {Status.INACTIVE}

STOP = CommandRules(
    StopManaging,
    ManagementStopped,
    by={PracticeUser: _SUBSCRIBED, PlatformUser: _SUBSCRIBED, ClientUser: _BOTH},
    guards=(client_can_sign_in,),
    decide=_stop_managing,
    evolve=_management_stopped,
    tells=(practice_left, access_ended, invoice_changed),
    elsewhere={
        Status.INACTIVE: _deleting,
        # Only the client itself is refused in these three.
        Status.PRACTICE_ONLY: (way(GiveAccess, PracticeUser), way(Activate, ClientUser)),
        Status.AWAITING_ACTIVATION: activating,
        Status.DISABLED: (way(StopManaging, PlatformUser),),
        Status.UNMANAGED: _not_managed,
    },
)


# ── Provide direct debit details (P6) ────────────────────────────────────────────────────────────


def _provide_direct_debit(case: Case, command: ProvideDirectDebit) -> DirectDebitProvided | None:
    if case.client.direct_debit is None:
        return None
    return DirectDebitProvided(command.client_id, case.version, case.at, command.by)


def _direct_debit_provided(client: Client, event: DirectDebitProvided) -> Client:
    return with_changes(client, version=event.version, direct_debit=None)


DIRECT_DEBIT = CommandRules(
    ProvideDirectDebit,
    DirectDebitProvided,
    by=dict.fromkeys((ClientUser, PlatformUser), _BOTH | {Status.UNMANAGED}),
    decide=_provide_direct_debit,
    evolve=_direct_debit_provided,
    elsewhere=dict.fromkeys(MANAGED - _BOTH, (NOTHING_TO_DO,)),
)


# ── Delete the client (L5) ───────────────────────────────────────────────────────────────────────


@StateGuard
def never_established(case: Case) -> Refusal | None:
    """A client that was ever established is kept (L5)."""
    if not case.client.established:
        return None
    return refuse(
        RefusalCode.HAS_BEEN_ACTIVE,
        *resending_or_correcting(case, way(ChangeEmail, type(case.by))),
        way(Activate, ClientUser),
        *leaving(case),
    )


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


def _from_practice_only(case: Case) -> tuple[WayOut, ...]:
    return (*giving_access(case), way(Activate, ClientUser), *leaving(case))


def _not_deletable(case: Case) -> tuple[WayOut, ...]:
    return (*_not_managed(case), KEEP_RECORD) if case.client.practice_invitation else (KEEP_RECORD,)


DELETE = CommandRules(
    DeleteClient,
    ClientDeleted,
    by=dict.fromkeys(
        (PracticeUser, PlatformUser), frozenset({Status.INACTIVE, Status.AWAITING_ACTIVATION})
    ),
    guards=(never_established,),
    decide=as_asked(ClientDeleted),
    evolve=_deleted,
    tells=(client_deleted_for_practice, invoice_changed),
    elsewhere={
        Status.PRACTICE_ONLY: _from_practice_only,
        Status.BOTH_ACCESS: leaving,
        Status.DISABLED: leaving,
        Status.UNMANAGED: _not_deletable,
    },
)
