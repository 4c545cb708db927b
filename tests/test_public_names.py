"""The public surface, pinned: whoever adds a name, or takes one away, says so here."""

from __future__ import annotations

import inspect
from types import ModuleType
from typing import get_args

import attrs
import pytest

import client_access

PUBLIC = """
    AcceptPracticeInvitation AccessDisabled AccessEnabled AccessEnded AccessGiven
    AccessGivenForPractice AccessRemoved Actions Activate Activated Activation ActivationEmail
    ActivationResent Actor AddClient AddService AsyncClientAccess AsyncCommandMemory
    AsyncErasure AsyncHistory AsyncLookup AsyncOutboxStore AsyncRepository AsyncServiceCounts
    AtSignIn BusinessNameChanged Catalogue Cause Change ChangeBusinessName
    ChangeContactDetails ChangeEmail ChoosePayer Claim Client ClientAccess ClientAccessError
    ClientAdded ClientDeleted ClientDeletedForPractice ClientImported ClientInvoiceChanged
    ClientKind ClientList ClientUser Command CommandMemory CommandRefused ContactDetails
    ContactDetailsChanged CorruptRecord Cursor CustomerRegistered DeclinePracticeInvitation
    DeleteClient DirectDebit DirectDebitNeeded DirectDebitProvided DisableAccess EmailAddress
    EmailChanged EmailReplaced EmailTaken EnableAccess Erasure Event GiveAccess HeldService
    History HostTransaction ImportClient InvalidValue InvitationAnswered InvitePractice
    Invoice InvoiceDifference InvoiceLine Listing Lookup ManagementStopped MemoryRepository
    Notice OutboxStore Page Payer PayerChosen PayerState PlatformUser Policy
    PracticeInvitation PracticeInvitationAccepted PracticeInvitationDeclined
    PracticeInvitationWithdrawn PracticeInvited PracticeInvoiceChanged PracticeLeft
    PracticeUser ProvideDirectDebit Recipient Refusal RefusalCode RegisterCustomer
    RemoveService Repository RepositoryError ResendActivation Row Service ServiceAdded
    ServiceCounts ServiceRemoved ServiceSetup SignIn SignInDecision Source StaleClient Status
    StopManaging Subscribe Subscribed ToAddress ToClientService ToPractice VatScheme WayOut
    WithdrawPracticeInvitation actions_of as_of decide differences evolve mailto monthly_lines
    monthly_total replay services_open_to sign_in_of utc_now
"""

OF_THE_DESIGN = """
    decide evolve replay actions_of mailto monthly_lines
    ClientAccess AsyncClientAccess Change Client Listing
    EmailAddress ContactDetails ServiceSetup VatScheme HeldService Activation PracticeInvitation
    DirectDebit Service Catalogue Policy Invoice Page SignInDecision
    Status PayerState Payer SignIn Source ClientKind ClientList RefusalCode
    PracticeUser ClientUser PlatformUser
    AddClient ImportClient RegisterCustomer ChoosePayer Subscribe AddService RemoveService
    GiveAccess ChangeEmail Activate InvitePractice ChangeContactDetails ChangeBusinessName
    ResendActivation DisableAccess EnableAccess StopManaging ProvideDirectDebit DeleteClient
    WithdrawPracticeInvitation AcceptPracticeInvitation DeclinePracticeInvitation
    Command Event Notice Actor
    ClientAccessError CommandRefused InvalidValue RepositoryError StaleClient EmailTaken
    CorruptRecord MemoryRepository
"""
"""What callers were promised by name."""

CALLS = {
    "decide": "(client, command, *, at, catalogue, policy=, email_owner=)",
    "evolve": "(client, event)",
    "replay": "(events)",
    "actions_of": "(client, by, *, at, catalogue, policy=)",
    "mailto": "(client)",
    "monthly_lines": "(client, catalogue)",
    "ClientAccess": "(repository, *, catalogue, policy=, clock=, remember_for=)",
    "ClientAccess.handle": "(self, command, *, command_id=)",
    "ClientAccess.handle_all": "(self, commands)",
    "ClientAccess.preview": "(self, command)",
    "ClientAccess.actions": "(self, client_id, by)",
    "ClientAccess.client": "(self, client_id, by)",
    "ClientAccess.clients": "(self, practice_id, client_list, *, search=, limit=, after=)",
    "ClientAccess.sign_in": "(self, email)",
    "ClientAccess.next_invoice": "(self, practice_id)",
    "ClientAccess.next_invoice_of_client": "(self, client_id)",
    "AddClient": "(client_id, by, *, business_name, kind=, email=, contact=, payer=)",
    "ImportClient": "(client_id, by, *, business_name, kind=, email=, contact=, payer=)",
    "RegisterCustomer": "(client_id, by, *, business_name, email, services, kind=, contact=)",
    "ChoosePayer": "(client_id, by, *, payer)",
    "Subscribe": "(client_id, by, *, payer, sign_in, services, activation_id=)",
    "AddService": "(client_id, by, *, service, setup=)",
    "RemoveService": "(client_id, by, *, service)",
    "GiveAccess": "(client_id, by, *, email, confirm_email, activation_id=)",
    "ResendActivation": "(client_id, by)",
    "ChangeEmail": "(client_id, by, *, email, activation_id=)",
    "Activate": "(client_id, by, *, activation_id)",
    "DisableAccess": "(client_id, by)",
    "EnableAccess": "(client_id, by)",
    "StopManaging": "(client_id, by)",
    "ProvideDirectDebit": "(client_id, by)",
    "DeleteClient": "(client_id, by)",
    "InvitePractice": "(client_id, by, *, practice_id)",
    "WithdrawPracticeInvitation": "(client_id, by)",
    "AcceptPracticeInvitation": "(client_id, by)",
    "DeclinePracticeInvitation": "(client_id, by)",
    "ChangeContactDetails": "(client_id, by, *, contact)",
    "ChangeBusinessName": "(client_id, by, *, business_name)",
    "Service": "(code, name, monthly_price, needs_setup=, offered=)",
    "Catalogue": "(services, currency=)",
    "Policy": "(activation_lifetime=, unpaid_access=)",
    "PracticeUser": "(practice_id, user=)",
    "ClientUser": "(client_id, user=)",
    "PlatformUser": "(user=)",
}
"""How they are called: positional, after * by keyword, with = where there is a default."""


def test_the_public_names_are_these() -> None:
    assert sorted(client_access.__all__) == sorted(PUBLIC.split())
    assert len(set(client_access.__all__)) == len(client_access.__all__)


def test_what_was_promised_is_there() -> None:
    assert set(OF_THE_DESIGN.split()) <= set(client_access.__all__)


def test_nothing_else_is_public_without_saying_so() -> None:
    """What can be seen is a module, is pinned, or begins with an underscore."""
    seen = {
        name
        for name, value in vars(client_access).items()
        if not name.startswith("_") and not isinstance(value, ModuleType)
    }
    assert seen == set(client_access.__all__)


def _call(function: object) -> str:
    parts, by_keyword = [], False
    for parameter in inspect.signature(function).parameters.values():  # type: ignore[arg-type]
        if parameter.kind is parameter.KEYWORD_ONLY and not by_keyword:
            by_keyword = True
            parts.append("*")
        parts.append(parameter.name + ("=" if parameter.default is not parameter.empty else ""))
    return f"({', '.join(parts)})"


@pytest.mark.parametrize(("name", "call"), CALLS.items())
def test_what_was_promised_is_called_so(name: str, call: str) -> None:
    target: object = client_access
    for part in name.split("."):
        target = getattr(target, part)
    assert _call(target) == call


def test_both_services_are_called_alike() -> None:
    sync, awaited = client_access.ClientAccess, client_access.AsyncClientAccess
    names = {name for name in vars(sync) if not name.startswith("_")}
    assert names == {name for name in vars(awaited) if not name.startswith("_")}
    for name in names:
        assert _call(getattr(sync, name)) == _call(getattr(awaited, name))


def test_every_public_thing_is_documented() -> None:
    for name in client_access.__all__:
        thing = getattr(client_access, name)
        if inspect.isclass(thing) or inspect.isfunction(thing):
            assert inspect.getdoc(thing), name


def test_an_event_for_each_command_by_its_identity() -> None:
    """Events begin with client, version, moment and actor; commands with client and actor."""
    for event in get_args(client_access.Event):
        assert _call(event).startswith("(client_id, version, at, by")
    for command in get_args(client_access.Command):
        assert [field.name for field in attrs.fields(command)][:2] == ["client_id", "by"]
