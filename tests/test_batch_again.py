"""Importing again: a row is already there only if the client has its address or its name (L1)."""

from __future__ import annotations

import io
from decimal import Decimal
from uuid import UUID

import pytest

from client_access import (
    Catalogue,
    ChangeBusinessName,
    ChangeEmail,
    ClientAccess,
    CloseClient,
    DeleteClient,
    MemoryRepository,
    Payer,
    PlatformUser,
    PracticeUser,
    Service,
    SignIn,
    Subscribe,
    TransferClient,
)
from client_access.batch import ImportOutcome, ImportResult, import_clients, read_clients_csv

NORTH, PLATFORM = PracticeUser("north"), PlatformUser()
KEY = b"the secret key of the tests"
HEADER = "reference,business_name,email\n"
ADDED, THERE, OUT = ImportResult.ADDED, ImportResult.ALREADY_THERE, ImportResult.LEFT_OUT


class Office:
    """A service, and what is done with the client that is imported first."""

    def __init__(self, first: str) -> None:
        self.repository = MemoryRepository()
        catalogue = Catalogue([Service("payroll", "Payroll", Decimal(7))])
        self.access = ClientAccess(self.repository, catalogue=catalogue)
        outcome = self.imports(first)
        assert outcome.result is ADDED
        assert outcome.row.command is not None
        self.client_id: UUID = outcome.row.command.client_id

    def imports(self, row: str) -> ImportOutcome:
        file = io.BytesIO(f"{HEADER}{row}\n".encode())
        rows = read_clients_csv(file, by=NORTH, secret_key=KEY)
        (outcome,) = import_clients(self.access, rows)
        return outcome

    def renames(self, name: str) -> None:
        self.access.handle(ChangeBusinessName(self.client_id, PLATFORM, business_name=name))

    def changes_email(self, email: str) -> None:
        self.access.handle(ChangeEmail(self.client_id, NORTH, email=email))

    def erases(self) -> None:
        self.repository.erase(self.client_id)

    def closes(self) -> None:
        services = {"payroll": None}
        self.access.handle(
            Subscribe(
                self.client_id,
                NORTH,
                payer=Payer.PRACTICE,
                sign_in=SignIn.PRACTICE_ONLY,
                services=services,
            )
        )
        self.access.handle(CloseClient(self.client_id, NORTH))


def codes(outcome: ImportOutcome) -> list[str]:
    return [problem.code.value for problem in outcome.problems]


@pytest.mark.parametrize(
    "row", [",Acme,a@example.com", "7,Acme,a@example.com", ",Acme,", "7,Acme,"]
)
def test_the_same_row_again_is_already_there(row: str) -> None:
    assert Office(row).imports(row).result is THERE


@pytest.mark.parametrize("reference", ["", "7"])
def test_a_client_that_changed_its_name_or_its_address_is_already_there(reference: str) -> None:
    """Its row still has the other one, however it is written."""
    office = Office(f"{reference},Straße,a@example.com")
    office.changes_email("new@example.com")
    assert office.imports(f"{reference},STRASSE,A@example.com").result is THERE
    office.changes_email("a@EXAMPLE.com")
    office.renames("Renamed")
    assert office.imports(f"{reference},Straße,a@example.com").result is THERE


@pytest.mark.parametrize("reference", ["", "7"])
def test_a_business_that_has_the_address_of_another_client_now_is_left_out(reference: str) -> None:
    """Its address was the other client's when that was imported; nobody is added in silence."""
    office = Office(f"{reference},Acme,a@example.com")
    office.changes_email("new@example.com")
    outcome = office.imports(f"{reference},Other,a@example.com")
    assert (outcome.result, codes(outcome)) == (OUT, ["different_client"])
    # With a reference, as the report advises, it is added.
    assert office.imports("new,Other,a@example.com").result is ADDED


@pytest.mark.parametrize("row", ["7,Acme,", ",Acme,"])
def test_a_renamed_client_without_an_address_is_not_the_row_of_its_old_name(row: str) -> None:
    """Neither has an address, and that is nothing that they share (E2)."""
    office = Office(row)
    office.renames("Renamed")
    outcome = office.imports(row)
    assert (outcome.result, codes(outcome)) == (OUT, ["different_client"])


@pytest.mark.parametrize("row", [",Acme,a@example.com", "7,Acme,a@example.com", ",Acme,"])
def test_an_erased_person_is_not_taken_for_the_row(row: str) -> None:
    office = Office(row)
    office.erases()
    outcome = office.imports(row)
    assert (outcome.result, codes(outcome)) == (OUT, ["different_client"])


def test_a_closed_client_keeps_its_name_and_not_its_address() -> None:
    """L9: another business that has the address now is not it."""
    office = Office(",Acme,a@example.com")
    office.closes()
    assert office.imports(",Acme,a@example.com").result is THERE
    assert codes(office.imports(",Other,a@example.com")) == ["different_client"]


@pytest.mark.parametrize("row", [",Acme,a@example.com", ",Other,a@example.com"])
def test_a_deleted_or_transferred_client_is_gone(row: str) -> None:
    office = Office(",Acme,a@example.com")
    office.access.handle(TransferClient(office.client_id, PLATFORM, practice_id="south"))
    assert codes(office.imports(row)) == ["client_gone"]
    office = Office(",Acme,a@example.com")
    office.access.handle(DeleteClient(office.client_id, NORTH))
    assert codes(office.imports(row)) == ["client_gone"]
