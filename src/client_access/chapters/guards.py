"""The checks and steps that more than one chapter needs."""

from __future__ import annotations

from datetime import datetime

from client_access.chapters.rules import Case, CommandGuard, StateGuard
from client_access.client import Client
from client_access.commands import (
    Activate,
    AddClient,
    AddService,
    ChangeEmail,
    GiveAccess,
    ImportClient,
    RegisterCustomer,
    ResendActivation,
    Subscribe,
)
from client_access.errors import InvalidValue
from client_access.machines import activation as activation_machine
from client_access.refusals import (
    ANOTHER_ADDRESS,
    CHOOSE_OFFERED,
    CHOOSE_SERVICES,
    CUSTOMER_SERVICES,
    ENTER_SETUP,
    INVITE_YOU,
    NEW_ID,
    Refusal,
    RefusalCode,
    WayOut,
    refuse,
    way,
)
from client_access.values import (
    Activation,
    Actor,
    ClientUser,
    HeldService,
    PlatformUser,
    PracticeUser,
)

# ── Ids and addresses ────────────────────────────────────────────────────────────────────────────


@StateGuard
def id_is_new(case: Case) -> Refusal | None:
    """An id is used once, even after its client is deleted (L5)."""
    return None if case.existing is None else refuse(RefusalCode.CLIENT_EXISTS, NEW_ID)


@CommandGuard
def email_is_free(
    case: Case, command: AddClient | ImportClient | RegisterCustomer | GiveAccess | ChangeEmail
) -> Refusal | None:
    """No two clients have the same address (E1)."""
    if case.email_owner in (None, command.client_id):
        return None
    return refuse(RefusalCode.EMAIL_TAKEN, ANOTHER_ADDRESS, INVITE_YOU, CUSTOMER_SERVICES)


# ── Services ─────────────────────────────────────────────────────────────────────────────────────

Selecting = Subscribe | RegisterCustomer | AddService


def selection(command: Selecting) -> tuple[HeldService, ...]:
    """Return the services that a command would add."""
    if isinstance(command, AddService):
        return (HeldService(command.service, command.setup),)
    return command.services


@CommandGuard
def services_are_chosen(_: Case, command: Subscribe | RegisterCustomer) -> Refusal | None:
    """A first subscription has at least one service (P2)."""
    return None if command.services else refuse(RefusalCode.NO_SERVICES, CHOOSE_SERVICES)


@CommandGuard
def services_are_offered(case: Case, command: Selecting) -> Refusal | None:
    """Only what is on offer is added (S4)."""
    if all(case.catalogue.offers(service.code) for service in selection(command)):
        return None
    return refuse(RefusalCode.UNKNOWN_SERVICE, CHOOSE_OFFERED)


@CommandGuard
def services_are_set_up(case: Case, command: Selecting) -> Refusal | None:
    """Some services need additional information first (S1)."""
    for service in selection(command):
        if service.setup is None and case.catalogue.held(service.code).needs_setup:
            return refuse(RefusalCode.SETUP_REQUIRED, ENTER_SETUP)
    return None


def check_setups(case: Case, command: Selecting) -> tuple[HeldService, ...]:
    """Return the services that a command adds, well-formed.

    Raises:
        InvalidValue: information is given for a service that needs none (S1).
    """
    services = selection(command)
    for service in services:
        if service.setup is not None and not case.catalogue.held(service.code).needs_setup:
            name = "setup" if isinstance(command, AddService) else "services"
            raise InvalidValue(name, "has information for a service that needs none")
    return services


# ── Activation ───────────────────────────────────────────────────────────────────────────────────


def sent_again(case: Case) -> Activation | None:
    """Return the pending activation as sent again, or None where nothing is sent (E5).

    That is where none is pending, and where there is no address to send it to (E2).
    """
    activation = case.client.activation
    if activation is None or not case.client.email.is_mailable:
        return None
    return activation_machine.send_again(activation, case.at, case.policy)


def ways_to_activate(client: Client, kind: type[Actor], at: datetime) -> tuple[WayOut, ...]:
    """Return how a client gets in that has an activation: sent anew first, where it is too late."""
    activate = way(Activate, ClientUser)
    if client.activation is not None and at >= client.activation.expires_at:
        return (_resent_by(client, kind), activate)
    return (activate,)


def _resent_by(client: Client, kind: type[Actor]) -> WayOut:
    """Return who can send the activation again: the practice needs a service for it (E5).

    Where the address was erased, a new one is entered instead, to which an activation is sent (E4).
    """
    if not client.email.is_mailable:
        return way(ChangeEmail, PlatformUser if kind is PlatformUser else PracticeUser)
    if client.services:
        return way(ResendActivation, kind, PracticeUser)
    return way(ResendActivation, PlatformUser)


def activating(case: Case) -> tuple[WayOut, ...]:
    """Return how the client of a case gets in."""
    return ways_to_activate(case.client, type(case.by), case.at)


def resending(case: Case) -> WayOut:
    """Return who can send the activation of a case again."""
    return _resent_by(case.client, type(case.by))


def resending_or_correcting(case: Case, correct: WayOut) -> tuple[WayOut, ...]:
    """Return the first steps of the advice of E5, which are one where the address was erased."""
    again = resending(case)
    return (again,) if again == correct else (again, correct)


def by_resending(case: Case) -> tuple[WayOut, ...]:
    """Return what helps a client that has not activated yet."""
    return (resending(case),)


def by_giving_access(case: Case) -> tuple[WayOut, ...]:
    """Return what helps a client for which only the practice works."""
    return (way(GiveAccess, type(case.by), PracticeUser),)
