"""Subscriptions: who pays, the first services, and those added or removed later (rules §3, §6)."""

from __future__ import annotations

from collections.abc import Iterator

from client_access.chapters.guards import (
    check_setups,
    services_are_chosen,
    services_are_offered,
    services_are_set_up,
)
from client_access.chapters.rules import Case, CommandGuard, CommandRules, StateGuard
from client_access.chapters.telling import (
    activation_email,
    invoice_changed,
    service_added_email,
    service_removed_email,
)
from client_access.chapters.ways_out import giving_access, leaving, reopening, resending
from client_access.client import Client, with_changes
from client_access.commands import (
    Activate,
    AddService,
    ChangeEmail,
    ChoosePayer,
    GiveAccess,
    RemoveService,
    ReopenClient,
    StopManaging,
    Subscribe,
)
from client_access.events import PayerChosen, ServiceAdded, ServiceRemoved, Subscribed
from client_access.machines import activation, direct_debit, lifecycle, payer
from client_access.machines.lifecycle import MANAGED, SUBSCRIBED, Status
from client_access.machines.payer import Payer
from client_access.notices import Notice
from client_access.refusals import (
    CHOOSE_HELD,
    CHOOSE_NOT_HELD,
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
from client_access.values import ClientUser, PlatformUser, PracticeUser, SignIn

_HOLDS_SERVICES = SUBSCRIBED | {Status.UNMANAGED}


def _is_for_the_client(case: Case) -> bool:
    """Return whether services are the client's own business: it pays, and a practice asks (P4)."""
    return isinstance(case.by, PracticeUser) and case.client.payer is Payer.CLIENT


def _can_add(case: Case) -> bool:
    """Return whether a service on offer is not held yet (S4)."""
    for service in case.catalogue.services:
        if service.offered and not case.client.holds(service.code):
            return True
    return False


def _adding_instead(case: Case) -> tuple[WayOut, ...]:
    """Return what helps after the first subscription: adding a service, by who decides (P4)."""
    if not _can_add(case):
        return (NOTHING_TO_DO,)
    by = PlatformUser if case.client.payer is Payer.CLIENT else PracticeUser
    return (way(AddService, by),)


def _reopening_to_add(case: Case) -> tuple[WayOut, ...]:
    """Return how a closed client, which its practice pays for, gets a service."""
    return (*reopening(case), way(AddService, type(case.by), PracticeUser))


# ── Choose who pays (P1) ─────────────────────────────────────────────────────────────────────────


@StateGuard
def payer_is_open(case: Case) -> Refusal | None:
    """The first service locks the payer (P2), until the practice's access ends (P3)."""
    client = case.client
    if not client.payer_locked:
        return None
    if client.payer is Payer.CLIENT:
        return refuse(RefusalCode.PAYER_LOCKED, SETTLED)
    match client.status:
        case Status.PRACTICE_ONLY:
            first = (*giving_access(case), way(Activate, ClientUser))
        case Status.AWAITING_ACTIVATION:
            first = (*resending(case), way(Activate, ClientUser))
        case _:
            first = ()
    return refuse(RefusalCode.PAYER_LOCKED, *first, *leaving(case))


def _choose_payer(case: Case, command: ChoosePayer) -> PayerChosen | None:
    client = case.client
    if client.payer is command.payer:
        return None
    return case.event(PayerChosen, command, payer=command.payer)


def _payer_chosen(client: Client, event: PayerChosen) -> Client:
    return with_changes(
        client,
        version=event.version,
        payer_state=payer.choose(event.payer, client.payer_state),
    )


CHOOSE_PAYER = CommandRules(
    ChoosePayer,
    PayerChosen,
    by={PracticeUser: MANAGED - {Status.CLOSED}},
    guards=(payer_is_open,),
    decide=_choose_payer,
    evolve=_payer_chosen,
    elsewhere={
        Status.UNMANAGED: (SETTLED,),
        Status.CLOSED: (
            way(ReopenClient, PracticeUser),
            way(GiveAccess, PracticeUser),
            way(Activate, ClientUser),
            way(StopManaging, PracticeUser),
        ),
    },
)


# ── Subscribe (P1, P2) ───────────────────────────────────────────────────────────────────────────


@CommandGuard
def email_is_given(case: Case, command: Subscribe) -> Refusal | None:
    """A client that is to sign in needs an address (E2); an erased client has none either."""
    if command.sign_in is SignIn.PRACTICE_ONLY or case.client.email.is_mailable:
        return None
    return refuse(RefusalCode.EMAIL_MISSING, way(ChangeEmail, PracticeUser), PRACTICE_ALONE)


@CommandGuard
def payer_can_sign_in(_: Case, command: Subscribe) -> Refusal | None:
    """A client that cannot sign in cannot pay (P1)."""
    if command.sign_in is SignIn.PRACTICE_ONLY and command.payer is Payer.CLIENT:
        return refuse(RefusalCode.CLIENT_CANNOT_PAY, LET_PRACTICE_PAY, LET_CLIENT_SIGN_IN)
    return None


def _subscribe(case: Case, command: Subscribe) -> Subscribed:
    sent = None
    if command.sign_in is SignIn.PRACTICE_AND_CLIENT:
        sent = activation.send(command.activation_id, case.at, case.policy)
    return case.event(
        Subscribed,
        command,
        payer=command.payer,
        sign_in=command.sign_in,
        services=check_setups(case, command),
        activation=sent,
    )


def _subscribed(client: Client, event: Subscribed) -> Client:
    alone = event.sign_in is SignIn.PRACTICE_ONLY
    trigger: lifecycle.Trigger = "subscribe_practice_only" if alone else "subscribe_with_client"
    return with_changes(
        client,
        version=event.version,
        status=lifecycle.move(trigger, client.status),
        payer_state=payer.lock(event.payer, client.payer_state),
        services=event.services,
        activation=activation.first(client.status, event.activation),
        established=alone,
    )


SUBSCRIBE = CommandRules(
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
    tells=(activation_email, invoice_changed),
    elsewhere={
        **dict.fromkeys(_HOLDS_SERVICES, _adding_instead),
        Status.CLOSED: _reopening_to_add,
    },
)


# ── Add a service (P4, S1, S4) ───────────────────────────────────────────────────────────────────


@StateGuard
def practice_pays_to_add(case: Case) -> Refusal | None:
    """The practice adds services only if it pays; the platform always can (P4)."""
    if not _is_for_the_client(case):
        return None
    return refuse(RefusalCode.CLIENT_PAYS, *_adding_instead(case))


@StateGuard
def any_service_can_be_added(case: Case) -> Refusal | None:
    """If the client holds every service on offer, there is nothing to add (S4)."""
    return None if _can_add(case) else refuse(RefusalCode.NOTHING_TO_ADD, NOTHING_TO_DO)


@CommandGuard
def service_is_not_held(case: Case, command: AddService) -> Refusal | None:
    """A service is held once."""
    if not case.client.holds(command.service):
        return None
    return refuse(RefusalCode.SERVICE_ALREADY_ADDED, CHOOSE_NOT_HELD, services=(command.service,))


def _add_service(case: Case, command: AddService) -> ServiceAdded:
    (service,) = check_setups(case, command)
    pending = case.client.activation
    # Nothing is sent again if there is no address to send it to (E2).
    if pending is not None and case.client.email.is_mailable:
        sent = activation.send_again(pending, case.at, case.policy)
    else:
        sent = None
    client, asked = case.client, None
    if client.activated and client.payer is Payer.CLIENT:
        asked = direct_debit.ask(
            client.direct_debit, given=client.direct_debit_given, at=case.at, policy=case.policy
        )
    return case.event(
        ServiceAdded,
        command,
        service=service,
        activation=sent,
        direct_debit=asked,
    )


def _service_added(client: Client, event: ServiceAdded) -> Client:
    pending = client.activation
    # An event without an activation is right only for a client without an address; but its address
    # may have been erased after the activation was sent again.
    if event.activation is not None or client.email.is_mailable:
        pending = activation.again(client.status, pending, event.activation)
    services = sorted((*client.services, event.service), key=lambda service: service.code)
    return with_changes(
        client,
        version=event.version,
        services=tuple(services),
        activation=pending,
        direct_debit=direct_debit.asked(
            client.direct_debit, event.direct_debit, given=client.direct_debit_given
        ),
    )


ADD_SERVICE = CommandRules(
    AddService,
    ServiceAdded,
    by={PracticeUser: SUBSCRIBED, PlatformUser: _HOLDS_SERVICES},
    guards=(
        practice_pays_to_add,
        any_service_can_be_added,
        services_are_offered,
        service_is_not_held,
        services_are_set_up,
    ),
    decide=_add_service,
    evolve=_service_added,
    tells=(activation_email, service_added_email, invoice_changed),
    elsewhere={
        Status.INACTIVE: (way(Subscribe, PracticeUser),),
        Status.UNMANAGED: _adding_instead,
        Status.CLOSED: _reopening_to_add,
    },
)


# ── Remove a service (P4) ────────────────────────────────────────────────────────────────────────


def _removed_by_the_client(case: Case) -> tuple[WayOut, ...]:
    """Return the way out if the client pays: it removes a service itself, if it holds any."""
    return (way(RemoveService, PlatformUser),) if case.client.services else (NOTHING_TO_DO,)


@CommandGuard
def practice_pays_to_remove_what_is_held(case: Case, command: RemoveService) -> Refusal | None:
    """If the client pays and lacks the service, it cannot remove that service either (P4)."""
    client = case.client
    if not _is_for_the_client(case) or not client.services or client.holds(command.service):
        return None
    return refuse(RefusalCode.CLIENT_PAYS, CHOOSE_HELD, way(RemoveService, PlatformUser))


@StateGuard
def practice_pays_to_remove(case: Case) -> Refusal | None:
    """The practice removes services only if it pays; the platform always can (P4)."""
    if not _is_for_the_client(case):
        return None
    return refuse(RefusalCode.CLIENT_PAYS, *_removed_by_the_client(case))


@StateGuard
def any_service_is_held(case: Case) -> Refusal | None:
    """A client without services has nothing to remove, whichever service the command names."""
    if case.client.services:
        return None
    return refuse(RefusalCode.SERVICE_NOT_HELD, NOTHING_TO_DO)


@CommandGuard
def service_is_held(case: Case, command: RemoveService) -> Refusal | None:
    """Only a service that is held can be removed."""
    if case.client.holds(command.service):
        return None
    return refuse(RefusalCode.SERVICE_NOT_HELD, CHOOSE_HELD, services=(command.service,))


def _remove_service(case: Case, command: RemoveService) -> ServiceRemoved:
    return case.event(ServiceRemoved, command, service=command.service)


def _service_removed(client: Client, event: ServiceRemoved) -> Client:
    services = tuple(held for held in client.services if held.code != event.service)
    owed = client.direct_debit
    if not services:
        owed = direct_debit.released(owed, given=client.direct_debit_given)
    return with_changes(client, version=event.version, services=services, direct_debit=owed)


def invoice_changed_if_priced(case: Case, event: ServiceRemoved, after: Client) -> Iterator[Notice]:
    """Tell the payer, unless the catalogue lacks the service: removing it still works (S4)."""
    if case.catalogue.get(event.service) is not None:
        yield from invoice_changed(case, event, after)


REMOVE_SERVICE = CommandRules(
    RemoveService,
    ServiceRemoved,
    by={PracticeUser: SUBSCRIBED, PlatformUser: _HOLDS_SERVICES},
    guards=(
        practice_pays_to_remove_what_is_held,
        practice_pays_to_remove,
        any_service_is_held,
        service_is_held,
    ),
    decide=_remove_service,
    evolve=_service_removed,
    tells=(service_removed_email, invoice_changed_if_priced),
    elsewhere={
        Status.INACTIVE: (NOTHING_TO_DO,),
        Status.UNMANAGED: _removed_by_the_client,
        Status.CLOSED: (NOTHING_TO_DO,),
    },
)
