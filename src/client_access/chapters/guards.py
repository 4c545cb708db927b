"""The checks that more than one chapter makes."""

from __future__ import annotations

from client_access.chapters.rules import Case, CommandGuard, StateGuard
from client_access.commands import (
    AddClient,
    AddService,
    ChangeEmail,
    GiveAccess,
    ImportClient,
    RegisterCustomer,
    Subscribe,
)
from client_access.errors import InvalidValue
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
    refuse,
)
from client_access.values import HeldService

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
    offers = case.catalogue.offers
    unknown = tuple([held.code for held in selection(command) if not offers(held.code)])
    return (
        refuse(RefusalCode.UNKNOWN_SERVICE, CHOOSE_OFFERED, services=unknown) if unknown else None
    )


@CommandGuard
def services_are_set_up(case: Case, command: Selecting) -> Refusal | None:
    """Some services need additional information first (S1)."""
    missing = tuple(
        [
            service.code
            for service in selection(command)
            if service.setup is None and case.catalogue.held(service.code).needs_setup
        ]
    )
    return refuse(RefusalCode.SETUP_REQUIRED, ENTER_SETUP, services=missing) if missing else None


def check_setups(case: Case, command: Selecting) -> tuple[HeldService, ...]:
    """Return the services that a command adds, well-formed.

    Raises:
        InvalidValue: information is given for a service that needs none (S1).
    """
    services = selection(command)
    for service in services:
        if service.setup is not None and not case.catalogue.held(service.code).needs_setup:
            name = "setup" if isinstance(command, AddService) else "services"
            raise InvalidValue(name, "has information for a service that needs none: leave it out")
    return services
