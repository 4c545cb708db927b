"""Closing: how a practice lets go of a client that cannot sign in (rules L5, L9)."""

from __future__ import annotations

from client_access.chapters.rules import Case, CommandRules, StateGuard, as_asked
from client_access.chapters.telling import done_for_practice, invoice_changed
from client_access.chapters.ways_out import (
    deleting,
    ending_invitation,
    leaving,
    withdrawing_to_close,
)
from client_access.client import Client, with_changes
from client_access.commands import (
    CloseClient,
    DeleteClient,
    ReopenClient,
)
from client_access.events import ClientClosed, ClientDeleted, ClientReopened
from client_access.machines import activation, lifecycle
from client_access.machines.lifecycle import MANAGED, Status
from client_access.machines.payer import Payer
from client_access.refusals import (
    KEEP_RECORD,
    NOTHING_TO_DO,
    Refusal,
    RefusalCode,
    WayOut,
    refuse,
    way,
)
from client_access.values import ContactDetails, PlatformUser, PracticeUser
from client_access.values.email_address import EmailAddress

# ── Close the client (L9) ────────────────────────────────────────────────────────────────────────


def _closed(client: Client, event: ClientClosed) -> Client:
    return with_changes(
        client,
        version=event.version,
        status=lifecycle.move("close", client.status),
        email=EmailAddress.placeholder(client.id),
        services=(),
    )


def _to_close(case: Case) -> tuple[WayOut, ...]:
    """Return how a practice lets go of a client that was invited to sign in."""
    if case.client.payer is Payer.PRACTICE:
        return withdrawing_to_close(case)
    return deleting(case)


CLOSE = CommandRules(
    CloseClient,
    ClientClosed,
    by=dict.fromkeys((PracticeUser, PlatformUser), frozenset({Status.PRACTICE_ONLY})),
    decide=as_asked(ClientClosed),
    evolve=_closed,
    tells=(done_for_practice, invoice_changed),
    elsewhere={
        Status.INACTIVE: deleting,
        Status.AWAITING_ACTIVATION: _to_close,
        Status.BOTH_ACCESS: leaving,
        Status.DISABLED: withdrawing_to_close,
        Status.UNMANAGED: (NOTHING_TO_DO,),
        Status.CLOSED: (NOTHING_TO_DO,),
    },
)


# ── Reopen the client (L9) ───────────────────────────────────────────────────────────────────────


def _reopened(client: Client, event: ClientReopened) -> Client:
    return with_changes(
        client, version=event.version, status=lifecycle.move("reopen", client.status)
    )


REOPEN = CommandRules(
    ReopenClient,
    ClientReopened,
    by=dict.fromkeys((PracticeUser, PlatformUser), frozenset({Status.CLOSED})),
    decide=as_asked(ClientReopened),
    evolve=_reopened,
    tells=(done_for_practice,),
    elsewhere=dict.fromkeys((MANAGED - {Status.CLOSED}) | {Status.UNMANAGED}, (NOTHING_TO_DO,)),
)


# ── Delete the client (L5) ───────────────────────────────────────────────────────────────────────


@StateGuard
def closed_or_never_established(case: Case) -> Refusal | None:
    """A client that was ever established is closed before it is deleted (L5)."""
    client = case.client
    if not client.established or client.status is Status.CLOSED:
        return None
    return refuse(RefusalCode.HAS_BEEN_ACTIVE, *withdrawing_to_close(case), *deleting(case))


def _deleted(client: Client, event: ClientDeleted) -> Client:
    if client.activation is not None:
        activation.ended("withdraw", client.status)
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
        established=client.established,
        erasures=client.erasures,
    )


def _closing_first(case: Case) -> tuple[WayOut, ...]:
    return (way(CloseClient, type(case.by)), *deleting(case))


def _withdrawing_first(case: Case) -> tuple[WayOut, ...]:
    return (*leaving(case), *withdrawing_to_close(case), *deleting(case))


def _not_deletable(case: Case) -> tuple[WayOut, ...]:
    """Return how a pending invitation ends, if there is one; the record is kept."""
    return (*ending_invitation(case), KEEP_RECORD)


DELETE = CommandRules(
    DeleteClient,
    ClientDeleted,
    by=dict.fromkeys(
        (PracticeUser, PlatformUser),
        frozenset({Status.INACTIVE, Status.AWAITING_ACTIVATION, Status.CLOSED}),
    ),
    guards=(closed_or_never_established,),
    decide=as_asked(ClientDeleted),
    evolve=_deleted,
    tells=(done_for_practice, invoice_changed),
    elsewhere={
        Status.PRACTICE_ONLY: _closing_first,
        Status.BOTH_ACCESS: leaving,
        Status.DISABLED: _withdrawing_first,
        Status.UNMANAGED: _not_deletable,
    },
)
