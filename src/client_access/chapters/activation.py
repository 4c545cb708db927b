"""Activation: inviting the client to sign in, again, and its answer (rules E3, E5, E6)."""

from __future__ import annotations

from client_access.chapters.guards import email_is_free
from client_access.chapters.rules import Case, CommandGuard, CommandRules, StateGuard
from client_access.chapters.telling import activation_email, done_for_practice, invoice_changed
from client_access.chapters.ways_out import (
    giving_access,
    if_it_never_arrives,
    reopening,
    reopening_to_give_access,
    resending,
)
from client_access.client import Client, with_changes
from client_access.commands import (
    Activate,
    AddService,
    ChangeEmail,
    EnableAccess,
    GiveAccess,
    ResendActivation,
    Subscribe,
)
from client_access.events import AccessGiven, Activated, ActivationResent
from client_access.machines import activation, direct_debit, lifecycle
from client_access.machines.lifecycle import ACTIVATED, Status
from client_access.machines.payer import Payer
from client_access.refusals import (
    NEWEST_EMAIL,
    NOTHING_TO_DO,
    SAME_ADDRESS_TWICE,
    SIGN_IN,
    Refusal,
    RefusalCode,
    refuse,
    way,
)
from client_access.values import ClientUser, PlatformUser, PracticeUser

_AWAITING = frozenset({Status.AWAITING_ACTIVATION})

# ── Give access (E3) ─────────────────────────────────────────────────────────────────────────────


@CommandGuard
def emails_agree(_: Case, command: GiveAccess) -> Refusal | None:
    """The address is asked for twice (E3)."""
    if command.email.key == command.confirm_email.key:
        return None
    return refuse(RefusalCode.EMAILS_DIFFER, SAME_ADDRESS_TWICE)


def _give_access(case: Case, command: GiveAccess) -> AccessGiven:
    return case.event(
        AccessGiven,
        command,
        email=command.email,
        activation=activation.send(command.activation_id, case.at, case.policy),
    )


def _access_given(client: Client, event: AccessGiven) -> Client:
    return with_changes(
        client,
        version=event.version,
        status=lifecycle.move("give_access", client.status),
        email=event.email,
        activation=activation.first(client.status, event.activation),
    )


GIVE_ACCESS = CommandRules(
    GiveAccess,
    AccessGiven,
    by=dict.fromkeys((PracticeUser, PlatformUser), frozenset({Status.PRACTICE_ONLY})),
    guards=(emails_agree, email_is_free),
    decide=_give_access,
    evolve=_access_given,
    tells=(activation_email, done_for_practice),
    elsewhere={
        Status.INACTIVE: (way(Subscribe, PracticeUser),),
        Status.AWAITING_ACTIVATION: resending,
        Status.BOTH_ACCESS: (NOTHING_TO_DO,),
        Status.DISABLED: (way(EnableAccess, PracticeUser),),
        Status.UNMANAGED: (NOTHING_TO_DO,),
        Status.CLOSED: reopening,
    },
)


# ── Resend the activation (E5) ───────────────────────────────────────────────────────────────────


@StateGuard
def address_is_there(case: Case) -> Refusal | None:
    """An activation is sent to an address; an erased client has none (E2)."""
    if case.client.email.is_mailable:
        return None
    return refuse(RefusalCode.EMAIL_MISSING, way(ChangeEmail, type(case.by)))


@StateGuard
def service_is_there(case: Case) -> Refusal | None:
    """The practice resends only what leads to a service; the platform always may (E5)."""
    if case.client.services or not isinstance(case.by, PracticeUser):
        return None
    resend = way(ResendActivation, PlatformUser)
    if case.client.payer is Payer.CLIENT:
        return refuse(RefusalCode.NO_SERVICES, resend, rule="E5")
    return refuse(RefusalCode.NO_SERVICES, way(AddService, PracticeUser), resend, rule="E5")


def _resend(case: Case, command: ResendActivation) -> ActivationResent:
    pending = case.client.activation
    assert pending is not None  # the client awaits activation
    again = activation.send_again(pending, case.at, case.policy)
    return case.event(ActivationResent, command, activation=again)


def _resent(client: Client, event: ActivationResent) -> Client:
    return with_changes(
        client,
        version=event.version,
        activation=activation.again(client.status, client.activation, event.activation),
    )


RESEND = CommandRules(
    ResendActivation,
    ActivationResent,
    by=dict.fromkeys((PracticeUser, PlatformUser), _AWAITING),
    guards=(address_is_there, service_is_there),
    decide=_resend,
    evolve=_resent,
    tells=(activation_email,),
    elsewhere={
        Status.INACTIVE: (way(Subscribe, PracticeUser),),
        Status.PRACTICE_ONLY: giving_access,
        Status.BOTH_ACCESS: (SIGN_IN,),
        Status.DISABLED: (way(EnableAccess, PracticeUser), SIGN_IN),
        Status.UNMANAGED: (SIGN_IN,),
        Status.CLOSED: reopening_to_give_access,
    },
)


# ── Activate (E6) ────────────────────────────────────────────────────────────────────────────────


@StateGuard
def activation_is_unused(case: Case) -> Refusal | None:
    """An activation is used once (E6)."""
    client = case.client
    if client.status not in ACTIVATED:
        return None
    if client.status is Status.DISABLED:
        return refuse(RefusalCode.ALREADY_ACTIVATED, way(EnableAccess, PracticeUser), SIGN_IN)
    return refuse(RefusalCode.ALREADY_ACTIVATED, SIGN_IN)


@CommandGuard
def activation_is_pending(case: Case, command: Activate) -> Refusal | None:
    """Only the newest activation is pending: a corrected address replaces it (E4, E6)."""
    pending = case.client.activation
    if pending is not None and pending.id == command.activation_id:
        return None
    return refuse(
        RefusalCode.ACTIVATION_UNKNOWN,
        NEWEST_EMAIL,
        *if_it_never_arrives(case.client, PracticeUser),
    )


@StateGuard
def activation_has_not_expired(case: Case) -> Refusal | None:
    """An activation is valid before, not at, the end of its lifetime (E6)."""
    pending = case.client.activation
    if pending is not None and case.at < pending.expires_at:
        return None
    return refuse(RefusalCode.ACTIVATION_EXPIRED, *if_it_never_arrives(case.client, PracticeUser))


def _activate(case: Case, command: Activate) -> Activated:
    client, asked = case.client, None
    if client.payer is Payer.CLIENT and client.services:
        asked = direct_debit.ask(
            client.direct_debit, given=client.direct_debit_given, at=case.at, policy=case.policy
        )
    return case.event(Activated, command, direct_debit=asked)


def _activated(client: Client, event: Activated) -> Client:
    return with_changes(
        client,
        version=event.version,
        status=lifecycle.move("activate", client.status),
        activation=activation.ended("use", client.status),
        established=True,
        direct_debit=direct_debit.asked(
            client.direct_debit, event.direct_debit, given=client.direct_debit_given
        ),
    )


ACTIVATE = CommandRules(
    Activate,
    Activated,
    by={ClientUser: _AWAITING | ACTIVATED},
    guards=(activation_is_unused, activation_is_pending, activation_has_not_expired),
    decide=_activate,
    evolve=_activated,
    tells=(invoice_changed,),
    elsewhere={
        Status.INACTIVE: (way(Subscribe, PracticeUser),),
        Status.PRACTICE_ONLY: giving_access,
        Status.CLOSED: reopening_to_give_access,
    },
)
