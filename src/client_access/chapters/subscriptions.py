"""Subscriptions: who pays, the first services, and those added or removed later (rules §3, §6)."""

from __future__ import annotations

from attrs import evolve

from client_access.chapters.guards import (
    check_setups,
    resending,
    sent_again,
    services_are_chosen,
    services_are_offered,
    services_are_set_up,
)
from client_access.chapters.rules import Case, CommandGuard, Procedure, StateGuard
from client_access.client import Client
from client_access.commands import (
    Activate,
    AddService,
    ChangeEmail,
    ChoosePayer,
    GiveAccess,
    RemoveService,
    StopManaging,
    Subscribe,
)
from client_access.events import PayerChosen, ServiceAdded, ServiceRemoved, Subscribed
from client_access.machines import activation, lifecycle, payer
from client_access.machines.lifecycle import MANAGED, Status
from client_access.machines.payer import Payer
from client_access.refusals import (
    CHOOSE_HELD,
    LET_CLIENT_SIGN_IN,
    LET_PRACTICE_PAY,
    NOTHING_TO_DO,
    PRACTICE_ALONE,
    SETTLED,
    Refusal,
    RefusalCode,
    WayOut,
    refuse,
    way,
)
from client_access.values import ClientUser, HeldService, PlatformUser, PracticeUser, SignIn

# ── Guards ───────────────────────────────────────────────────────────────────────────────────────


@StateGuard
def payer_is_open(case: Case) -> Refusal | None:
    """The first service locks who pays (P2); only the end of access leads out (P3)."""
    client = case.client
    if not client.payer_locked:
        return None
    if client.payer is Payer.CLIENT:
        return refuse(RefusalCode.PAYER_LOCKED, SETTLED)
    stop = way(StopManaging, PracticeUser)
    match client.status:
        case Status.PRACTICE_ONLY:
            first: tuple[WayOut, ...] = (
                way(GiveAccess, PracticeUser),
                way(Activate, ClientUser),
            )
        case Status.AWAITING_ACTIVATION:
            first = (resending(case), way(Activate, ClientUser))
        case _:
            first = ()
    return refuse(RefusalCode.PAYER_LOCKED, *first, stop)


@CommandGuard
def email_is_given(case: Case, command: Subscribe) -> Refusal | None:
    """Who is to sign in needs an address (E2); an erased client has none either."""
    if command.sign_in is SignIn.PRACTICE_ONLY or case.client.email.is_mailable:
        return None
    return refuse(RefusalCode.EMAIL_MISSING, way(ChangeEmail, PracticeUser), PRACTICE_ALONE)


@CommandGuard
def payer_can_sign_in(_: Case, command: Subscribe) -> Refusal | None:
    """Who cannot sign in cannot pay (P1)."""
    if command.sign_in is SignIn.PRACTICE_ONLY and command.payer is Payer.CLIENT:
        return refuse(RefusalCode.CLIENT_CANNOT_PAY, LET_PRACTICE_PAY, LET_CLIENT_SIGN_IN)
    return None


@StateGuard
def practice_pays_to_add(case: Case) -> Refusal | None:
    """The practice adds services only where it pays; the platform wherever (P4)."""
    if not _is_for_the_client(case):
        return None
    return refuse(RefusalCode.CLIENT_PAYS, way(AddService, PlatformUser))


@CommandGuard
def practice_pays_to_remove_what_is_held(case: Case, command: RemoveService) -> Refusal | None:
    """What the client does not have, it cannot remove in its own settings either (P4)."""
    client = case.client
    if not _is_for_the_client(case) or not client.services or client.holds(command.service):
        return None
    return refuse(RefusalCode.CLIENT_PAYS, CHOOSE_HELD, way(RemoveService, PlatformUser))


@StateGuard
def practice_pays_to_remove(case: Case) -> Refusal | None:
    """The practice removes services only where it pays; the platform wherever (P4)."""
    if not _is_for_the_client(case):
        return None
    return refuse(RefusalCode.CLIENT_PAYS, *_removed_by_the_client(case))


def _is_for_the_client(case: Case) -> bool:
    return isinstance(case.by, PracticeUser) and case.client.payer is Payer.CLIENT


def _removed_by_the_client(case: Case) -> tuple[WayOut, ...]:
    """Return how a client that pays has a service removed: not at all, where it has none."""
    return (way(RemoveService, PlatformUser),) if case.client.services else (NOTHING_TO_DO,)


@CommandGuard
def service_is_not_held(case: Case, command: AddService) -> Refusal | None:
    """A service is held once; to change its setup it is removed and added again (S1)."""
    if not case.client.holds(command.service):
        return None
    kind = type(case.by)
    return refuse(
        RefusalCode.SERVICE_ALREADY_ADDED, way(RemoveService, kind), way(AddService, kind)
    )


@StateGuard
def any_service_is_held(case: Case) -> Refusal | None:
    """Where nothing is held, there is nothing to remove: asked before a service is named."""
    if case.client.services:
        return None
    return refuse(RefusalCode.SERVICE_NOT_HELD, NOTHING_TO_DO)


@CommandGuard
def service_is_held(case: Case, command: RemoveService) -> Refusal | None:
    """Only what is held can be removed."""
    if case.client.holds(command.service):
        return None
    return refuse(RefusalCode.SERVICE_NOT_HELD, CHOOSE_HELD)


def _adding_instead(case: Case) -> tuple[WayOut, ...]:
    """Return what helps after the first subscription: adding a service, by who decides (P4)."""
    by = PlatformUser if case.client.payer is Payer.CLIENT else PracticeUser
    return (way(AddService, by),)


# ── Decide ───────────────────────────────────────────────────────────────────────────────────────


def _choose_payer(case: Case, command: ChoosePayer) -> PayerChosen | None:
    client = case.client
    if client.payer is command.payer:
        return None
    return PayerChosen(client.id, case.version, case.at, command.by, payer=command.payer)


def _subscribe(case: Case, command: Subscribe) -> Subscribed:
    sent = None
    if command.sign_in is SignIn.PRACTICE_AND_CLIENT:
        sent = activation.send(command.activation_id, case.at, case.policy)
    return Subscribed(
        command.client_id,
        case.version,
        case.at,
        command.by,
        payer=command.payer,
        sign_in=command.sign_in,
        services=check_setups(case, command),
        activation=sent,
    )


def _add_service(case: Case, command: AddService) -> ServiceAdded:
    (service,) = check_setups(case, command)
    return ServiceAdded(
        command.client_id,
        case.version,
        case.at,
        command.by,
        service=service,
        activation=sent_again(case),
    )


def _remove_service(case: Case, command: RemoveService) -> ServiceRemoved:
    return ServiceRemoved(
        command.client_id, case.version, case.at, command.by, service=command.service
    )


# ── Evolve ───────────────────────────────────────────────────────────────────────────────────────


def _payer_chosen(client: Client, event: PayerChosen) -> Client:
    return evolve(
        client,
        version=event.version,
        payer_state=payer.choose(event.payer, client.payer_state),
    )


def _subscribed(client: Client, event: Subscribed) -> Client:
    alone = event.sign_in is SignIn.PRACTICE_ONLY
    trigger: lifecycle.Trigger = "subscribe_practice_only" if alone else "subscribe_with_client"
    return evolve(
        client,
        version=event.version,
        status=lifecycle.move(trigger, client.status),
        payer_state=payer.lock(event.payer, client.payer_state),
        services=event.services,
        activation=activation.first(client.status, event.activation),
        established=alone,
    )


def _service_added(client: Client, event: ServiceAdded) -> Client:
    pending = client.activation
    # Where there is no address it may not have been sent again (E2); but it was, where the address
    # was erased from the history only later.
    if event.activation is not None or client.email.is_mailable:
        pending = activation.again(client.status, pending, event.activation)
    return evolve(
        client,
        version=event.version,
        services=_by_code(*client.services, event.service),
        activation=pending,
    )


def _service_removed(client: Client, event: ServiceRemoved) -> Client:
    return evolve(
        client,
        version=event.version,
        services=tuple(held for held in client.services if held.code != event.service),
    )


def _by_code(*services: HeldService) -> tuple[HeldService, ...]:
    return tuple(sorted(services, key=lambda service: service.code))


# ── Procedures ───────────────────────────────────────────────────────────────────────────────────

_SUBSCRIBED = MANAGED - {Status.INACTIVE}
_NOT_INACTIVE = _SUBSCRIBED | {Status.UNMANAGED}

CHOOSE_PAYER = Procedure(
    ChoosePayer,
    PayerChosen,
    by={PracticeUser: MANAGED},
    guards=(payer_is_open,),
    decide=_choose_payer,
    evolve=_payer_chosen,
    elsewhere={Status.UNMANAGED: (SETTLED,)},
)

SUBSCRIBE = Procedure(
    Subscribe,
    Subscribed,
    by={PracticeUser: frozenset({Status.INACTIVE})},
    guards=(
        services_are_chosen,
        services_are_offered,
        services_are_set_up,
        email_is_given,
        payer_can_sign_in,
    ),
    decide=_subscribe,
    evolve=_subscribed,
    elsewhere=dict.fromkeys(_NOT_INACTIVE, _adding_instead),
)

ADD_SERVICE = Procedure(
    AddService,
    ServiceAdded,
    by={PracticeUser: _SUBSCRIBED, PlatformUser: _NOT_INACTIVE},
    guards=(
        practice_pays_to_add,
        services_are_offered,
        service_is_not_held,
        services_are_set_up,
    ),
    decide=_add_service,
    evolve=_service_added,
    elsewhere={
        Status.INACTIVE: (way(Subscribe, PracticeUser),),
        Status.UNMANAGED: _adding_instead,
    },
)

REMOVE_SERVICE = Procedure(
    RemoveService,
    ServiceRemoved,
    by={PracticeUser: _SUBSCRIBED, PlatformUser: _NOT_INACTIVE},
    guards=(
        practice_pays_to_remove_what_is_held,
        practice_pays_to_remove,
        any_service_is_held,
        service_is_held,
    ),
    decide=_remove_service,
    evolve=_service_removed,
    elsewhere={
        Status.INACTIVE: (NOTHING_TO_DO,),
        Status.UNMANAGED: _removed_by_the_client,
    },
)
