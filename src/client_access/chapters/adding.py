"""Adding clients: one, a batch, or a customer that signed up alone (rules L1, L2, P1, E1, E2)."""

from __future__ import annotations

from typing import TypeVar

from client_access.chapters.guards import (
    check_setups,
    email_is_free,
    id_is_new,
    services_are_chosen,
    services_are_offered,
    services_are_set_up,
)
from client_access.chapters.rules import Case, CommandRules
from client_access.client import Client
from client_access.commands import AddClient, ImportClient, RegisterCustomer
from client_access.events import ClientAdded, ClientImported, CustomerRegistered
from client_access.machines import direct_debit, lifecycle, payer
from client_access.machines.lifecycle import NEW
from client_access.machines.payer import Payer, PayerState
from client_access.values import PlatformUser, PracticeUser, Source
from client_access.values.email_address import EmailAddress

# ── What a practice adds, alone or in a batch ────────────────────────────────────────────────────

Created = TypeVar("Created", ClientAdded, ClientImported)


def _created(event: type[Created], case: Case, command: AddClient | ImportClient) -> Created:
    return case.event(
        event,
        command,
        practice_id=case.practice_id,
        kind=command.kind,
        business_name=command.business_name,
        contact=command.contact,
        email=command.email,
        payer=command.payer,
        erasures=0,
    )


def _inactive(
    event: ClientAdded | ClientImported, trigger: lifecycle.Trigger, source: Source
) -> Client:
    undecided = PayerState.UNDECIDED
    return Client(
        id=event.client_id,
        version=event.version,
        kind=event.kind,
        business_name=event.business_name,
        contact=event.contact,
        email=event.email or EmailAddress.placeholder(event.client_id),
        source=source,
        status=lifecycle.move(trigger, None),
        payer_state=undecided if event.payer is None else payer.choose(event.payer, undecided),
        practice_id=event.practice_id,
        erasures=event.erasures,
    )


# ── Add a client (L1) ────────────────────────────────────────────────────────────────────────────


def _add(case: Case, command: AddClient) -> ClientAdded:
    return _created(ClientAdded, case, command)


def _added(_: None, event: ClientAdded) -> Client:
    return _inactive(event, "add", Source.ADDED)


ADD = CommandRules(
    AddClient,
    ClientAdded,
    by={PracticeUser: NEW},
    guards=(id_is_new, email_is_free),
    decide=_add,
    evolve=_added,
)


# ── Import a client (L1) ─────────────────────────────────────────────────────────────────────────


def _import(case: Case, command: ImportClient) -> ClientImported:
    return _created(ClientImported, case, command)


def _imported(_: None, event: ClientImported) -> Client:
    return _inactive(event, "import", Source.IMPORTED)


IMPORT = CommandRules(
    ImportClient,
    ClientImported,
    by={PracticeUser: NEW},
    guards=(id_is_new, email_is_free),
    decide=_import,
    evolve=_imported,
)


# ── Register a customer (L2) ─────────────────────────────────────────────────────────────────────


def _register(case: Case, command: RegisterCustomer) -> CustomerRegistered:
    return case.event(
        CustomerRegistered,
        command,
        kind=command.kind,
        business_name=command.business_name,
        contact=command.contact,
        email=command.email,
        services=check_setups(case, command),
        erasures=0,
    )


def _registered(_: None, event: CustomerRegistered) -> Client:
    return Client(
        id=event.client_id,
        version=event.version,
        kind=event.kind,
        business_name=event.business_name,
        contact=event.contact,
        email=event.email,
        source=Source.CUSTOMER,
        status=lifecycle.move("register", None),
        payer_state=payer.lock(Payer.CLIENT, PayerState.UNDECIDED),
        services=event.services,
        direct_debit_given=direct_debit.move("register", direct_debit.DirectDebitState.NOT_ASKED)
        is direct_debit.DirectDebitState.GIVEN,
        erasures=event.erasures,
    )


REGISTER = CommandRules(
    RegisterCustomer,
    CustomerRegistered,
    by={PlatformUser: NEW},
    guards=(
        id_is_new,
        services_are_chosen,
        services_are_offered,
        services_are_set_up,
        email_is_free,
    ),
    decide=_register,
    evolve=_registered,
)
