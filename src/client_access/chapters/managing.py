"""Managing: how a practice's hold on a client ends or passes on (rules L4, L6, L7, L11, P3, P6)."""

from __future__ import annotations

from client_access.chapters.rules import Case, CommandRules, StateGuard
from client_access.chapters.telling import (
    access_ended,
    invoice_changed,
    practice_left,
    practice_replaced,
)
from client_access.chapters.ways_out import (
    activating,
    deleting,
    ending_invitation,
    giving_access,
    resending_or_correcting,
    withdrawing_to_close,
)
from client_access.client import Client, with_changes
from client_access.commands import (
    AcceptPracticeInvitation,
    Activate,
    CloseClient,
    DeleteClient,
    GiveAccess,
    InvitePractice,
    ProvideDirectDebit,
    StopManaging,
    TransferClient,
    WithdrawPracticeInvitation,
)
from client_access.events import ClientTransferred, DirectDebitProvided, ManagementStopped
from client_access.machines import direct_debit, lifecycle, payer
from client_access.machines.lifecycle import MANAGED, SIGNS_IN, SUBSCRIBED, Status
from client_access.machines.payer import PayerState
from client_access.refusals import NOTHING_TO_DO, Refusal, RefusalCode, WayOut, refuse, way
from client_access.values import ClientUser, PlatformUser, PracticeUser

# ── Stop managing (L4, L6, P3) ───────────────────────────────────────────────────────────────────


_ACTIVATE = way(Activate, ClientUser)


@StateGuard
def client_can_sign_in(case: Case) -> Refusal | None:
    """A client that cannot sign in cannot be left alone (L4)."""
    client, kind = case.client, type(case.by)
    match client.status:
        case Status.PRACTICE_ONLY:
            steps: tuple[WayOut, ...] = (*giving_access(case), _ACTIVATE, way(CloseClient, kind))
        case Status.AWAITING_ACTIVATION if client.established:
            steps = (
                *resending_or_correcting(client, kind),
                _ACTIVATE,
                *withdrawing_to_close(case),
            )
        case Status.AWAITING_ACTIVATION:
            steps = (*resending_or_correcting(client, kind), _ACTIVATE, way(DeleteClient, kind))
        case _:
            return None
    return refuse(RefusalCode.NO_CLIENT_SIGN_IN, *steps)


def _stop_managing(case: Case, command: StopManaging) -> ManagementStopped:
    client, asked = case.client, None
    if client.payer_state is PayerState.PRACTICE_LOCKED and client.services:
        asked = direct_debit.ask(
            client.direct_debit, given=client.direct_debit_given, at=case.at, policy=case.policy
        )
    return case.event(ManagementStopped, command, direct_debit=asked)


def _management_stopped(client: Client, event: ManagementStopped) -> Client:
    return with_changes(
        client,
        version=event.version,
        status=lifecycle.move("stop_managing", client.status),
        payer_state=payer.move("transfer_to_client", client.payer_state),
        practice_id=None,
        # Details that it owes already are still due at the same moment (P6).
        direct_debit=direct_debit.asked(
            client.direct_debit, event.direct_debit, given=client.direct_debit_given
        ),
    )


def _deleting_closed(case: Case) -> tuple[WayOut, ...]:
    return (NOTHING_TO_DO,) if isinstance(case.by, ClientUser) else deleting(case)


def _not_managed(case: Case) -> tuple[WayOut, ...]:
    """Return how a pending invitation ends, if there is one."""
    return ending_invitation(case) or (NOTHING_TO_DO,)


STOP = CommandRules(
    StopManaging,
    ManagementStopped,
    by={
        PracticeUser: SUBSCRIBED,
        PlatformUser: SUBSCRIBED,
        ClientUser: frozenset({Status.BOTH_ACCESS}),
    },
    guards=(client_can_sign_in,),
    decide=_stop_managing,
    evolve=_management_stopped,
    tells=(practice_left, access_ended, invoice_changed),
    elsewhere={
        Status.INACTIVE: deleting,
        # Only the client itself is refused in these three.
        Status.PRACTICE_ONLY: (way(GiveAccess, PracticeUser), way(Activate, ClientUser)),
        Status.AWAITING_ACTIVATION: activating,
        Status.DISABLED: (way(StopManaging, PlatformUser),),
        Status.UNMANAGED: _not_managed,
        Status.CLOSED: _deleting_closed,
    },
)


# ── Provide direct debit details (P6) ────────────────────────────────────────────────────────────


def _provide_direct_debit(case: Case, command: ProvideDirectDebit) -> DirectDebitProvided | None:
    if case.client.direct_debit is None:
        return None
    return case.event(DirectDebitProvided, command)


def _direct_debit_provided(client: Client, event: DirectDebitProvided) -> Client:
    state = direct_debit.state_of(client.direct_debit, given=client.direct_debit_given)
    given = direct_debit.move("provide", state) is direct_debit.DirectDebitState.GIVEN
    return with_changes(client, version=event.version, direct_debit=None, direct_debit_given=given)


DIRECT_DEBIT = CommandRules(
    ProvideDirectDebit,
    DirectDebitProvided,
    by=dict.fromkeys((ClientUser, PlatformUser), SIGNS_IN),
    decide=_provide_direct_debit,
    evolve=_direct_debit_provided,
    elsewhere=dict.fromkeys(MANAGED - SIGNS_IN, (NOTHING_TO_DO,)),
)


# ── Transfer to another practice (L11) ───────────────────────────────────────────────────────────


def _transfer(case: Case, command: TransferClient) -> ClientTransferred | None:
    if case.client.practice_id == command.practice_id:
        return None
    return case.event(ClientTransferred, command, practice_id=command.practice_id)


def _transferred(client: Client, event: ClientTransferred) -> Client:
    return with_changes(client, version=event.version, practice_id=event.practice_id)


def _inviting(case: Case) -> tuple[WayOut, ...]:
    """Return how an unmanaged client gets a practice: it invites one at a time."""
    invite = way(InvitePractice, ClientUser)
    if case.client.practice_invitation is None:
        return (invite,)
    accept = way(AcceptPracticeInvitation, PracticeUser)
    return (accept, way(WithdrawPracticeInvitation, ClientUser), invite)


TRANSFER = CommandRules(
    TransferClient,
    ClientTransferred,
    by={PlatformUser: MANAGED},
    decide=_transfer,
    evolve=_transferred,
    tells=(practice_replaced, invoice_changed),
    elsewhere={Status.UNMANAGED: _inviting},
)
