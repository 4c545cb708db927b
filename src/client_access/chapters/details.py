"""Details: the client's address, contact details and name (rules E4, D1, D2)."""

from __future__ import annotations

from client_access.chapters.guards import email_is_free
from client_access.chapters.rules import Case, CommandRules, StateGuard
from client_access.chapters.telling import (
    activation_email,
    business_name_replaced,
    done_for_practice,
    email_replaced,
)
from client_access.chapters.ways_out import reopening
from client_access.client import Client, with_changes
from client_access.commands import ChangeBusinessName, ChangeContactDetails, ChangeEmail
from client_access.errors import InvalidValue
from client_access.events import BusinessNameChanged, ContactDetailsChanged, EmailChanged
from client_access.machines import activation
from client_access.machines.lifecycle import ACTIVATED, MANAGED, SIGNS_IN, Status
from client_access.refusals import Refusal, RefusalCode, WayOut, refuse, way
from client_access.values import ClientUser, PlatformUser, PracticeUser

_ANY = frozenset(Status) - {Status.DELETED}
_OWN_ACCOUNT = SIGNS_IN
_WITHOUT_SIGN_IN = MANAGED - ACTIVATED

# ── Change the address (E4) ──────────────────────────────────────────────────────────────────────


def _change_email(case: Case, command: ChangeEmail) -> EmailChanged | None:
    client = case.client
    if client.email_key == command.email.key:
        return None
    sent = None
    if client.activation is not None:
        if client.activation.id == command.activation_id:
            raise InvalidValue("activation_id", "is the id of the activation that it replaces")
        sent = activation.send(command.activation_id, case.at, case.policy)
    return case.event(EmailChanged, command, email=command.email, activation=sent)


def _email_changed(client: Client, event: EmailChanged) -> Client:
    return with_changes(
        client,
        version=event.version,
        email=event.email,
        activation=activation.replaced(client.status, client.activation, event.activation),
    )


def _address_of_the_client(case: Case) -> tuple[WayOut, ...]:
    """Return who changes the address of an activated client: itself, if it can sign in (E4)."""
    disabled = case.client.status is Status.DISABLED
    return (way(ChangeEmail, PlatformUser if disabled else ClientUser),)


def _reopening_to_enter(case: Case) -> tuple[WayOut, ...]:
    by = PlatformUser if isinstance(case.by, PlatformUser) else PracticeUser
    return (*reopening(case), way(ChangeEmail, by))


CHANGE_EMAIL = CommandRules(
    ChangeEmail,
    EmailChanged,
    by={
        PracticeUser: _WITHOUT_SIGN_IN - {Status.CLOSED},
        ClientUser: _OWN_ACCOUNT,
        PlatformUser: _ANY - {Status.CLOSED},
    },
    guards=(email_is_free,),
    decide=_change_email,
    evolve=_email_changed,
    tells=(activation_email, email_replaced),
    elsewhere={
        **dict.fromkeys(_WITHOUT_SIGN_IN - {Status.CLOSED}, (way(ChangeEmail, PracticeUser),)),
        Status.BOTH_ACCESS: _address_of_the_client,
        Status.DISABLED: _address_of_the_client,
        Status.UNMANAGED: _address_of_the_client,
        Status.CLOSED: _reopening_to_enter,
    },
)


# ── Change the contact details (D1) ──────────────────────────────────────────────────────────────


def _change_contact(case: Case, command: ChangeContactDetails) -> ContactDetailsChanged | None:
    if case.client.contact == command.contact:
        return None
    return case.event(ContactDetailsChanged, command, contact=command.contact)


def _contact_changed(client: Client, event: ContactDetailsChanged) -> Client:
    return with_changes(client, version=event.version, contact=event.contact)


CHANGE_CONTACT = CommandRules(
    ChangeContactDetails,
    ContactDetailsChanged,
    by={PracticeUser: MANAGED, ClientUser: _OWN_ACCOUNT, PlatformUser: _ANY},
    decide=_change_contact,
    evolve=_contact_changed,
    elsewhere={
        **dict.fromkeys(MANAGED - _OWN_ACCOUNT, (way(ChangeContactDetails, PracticeUser),)),
        Status.UNMANAGED: (way(ChangeContactDetails, ClientUser),),
    },
)


# ── Change the business name (D2) ────────────────────────────────────────────────────────────────


@StateGuard
def name_is_free(case: Case) -> Refusal | None:
    """Once a client has a sign-in of its own, only Customer Services change its name (D2)."""
    match case.by:
        case PlatformUser():
            return None
        case PracticeUser() if case.client.status in _WITHOUT_SIGN_IN:
            return None
        case _:
            by_platform = way(ChangeBusinessName, PlatformUser)
            return refuse(RefusalCode.CONTACT_CUSTOMER_SERVICES, by_platform)


def _change_name(case: Case, command: ChangeBusinessName) -> BusinessNameChanged | None:
    if case.client.business_name == command.business_name:
        return None
    return case.event(BusinessNameChanged, command, business_name=command.business_name)


def _name_changed(client: Client, event: BusinessNameChanged) -> Client:
    return with_changes(client, version=event.version, business_name=event.business_name)


CHANGE_NAME = CommandRules(
    ChangeBusinessName,
    BusinessNameChanged,
    by=dict.fromkeys((PracticeUser, ClientUser, PlatformUser), _ANY),
    guards=(name_is_free,),
    decide=_change_name,
    evolve=_name_changed,
    tells=(done_for_practice, business_name_replaced),
)
