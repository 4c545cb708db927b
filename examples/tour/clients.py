"""Scenes 1 to 6: clients are added, accepted, opened, left, locked out and let in again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from secrets import token_bytes
from typing import IO
from uuid import uuid4

import attrs

from client_access import (
    AcceptPracticeInvitation,
    AddClient,
    ChangeBusinessName,
    ChangeContactDetails,
    ChoosePayer,
    ClientKind,
    ClientList,
    ClientUser,
    ContactDetails,
    DisableAccess,
    EnableAccess,
    InvitePractice,
    Payer,
    PracticeUser,
    ProvideDirectDebit,
    RefusalCode,
    RegisterCustomer,
    StopManaging,
    WithdrawAccess,
)
from client_access.batch import CsvRow, ImportResult, Problem, import_clients, read_clients_csv
from client_access.cli import words
from examples.tour.screen import MARGIN
from examples.tour.stage import ALONE, VAT, Cast, Stage

PROBLEMS_SHOWN = 5
_KEY = token_bytes(32)  # each run of the tour has a practice of its own


def add_clients(stage: Stage, cast: Cast) -> None:
    """Add clients: two of them singly, then many from a file."""
    stage.scene(
        "Add clients",
        "One at a time, or many from a file. A new client is inactive. Who pays can be chosen now,"
        " or at any time up to the first service.",
    )
    mistake = stage.address("press@pomegranate-prnt.example.com")
    stage.ask(
        f"adds Pomegranate Print Shop, {mistake}.",
        AddClient(
            cast.added, stage.practice, business_name="Pomegranate Print Shop", email=mistake
        ),
    )
    stage.refuse(
        "adds another client with the same address, in capitals.",
        AddClient(uuid4(), stage.practice, business_name="Pomelo Prints", email=mistake.upper()),
        RefusalCode.EMAIL_TAKEN,
    )
    wrong = stage.address("tamarind@example.org")
    stage.ask(
        f"adds Tamarind & Rye, a baker, {wrong}; the practice will pay.",
        AddClient(
            cast.mistaken,
            stage.practice,
            business_name="Tamarind & Rye",
            kind=ClientKind.INDIVIDUAL,
            email=wrong,
            payer=Payer.PRACTICE,
        ),
    )
    stage.show(ClientList.INACTIVE)
    _import_twice(stage)
    stage.show(ClientList.IMPORTED)


def _import_twice(stage: Stage) -> None:
    """Import the file, and show that a second import adds nobody."""
    call = "import_clients(access, read_clients_csv(file, by=…, secret_key=…))"
    stage.asks(f"imports {stage.file.name}.", call)
    problems = _import(stage)
    for problem in problems[:PROBLEMS_SHOWN]:
        stage.screen.line(words.problem(problem), indent=MARGIN + 2)
    if len(problems) > PROBLEMS_SHOWN:
        more = len(problems) - PROBLEMS_SHOWN
        stage.screen.line(f"… and {more} more.", indent=MARGIN + 2, style="dim")
    stage.asks("imports the same file again, by mistake.", call)
    _import(stage)


def _import(stage: Stage) -> list[Problem]:
    counts: Counter[ImportResult] = Counter()
    problems: list[Problem] = []
    with stage.file.open("rb") as file:
        for outcome in import_clients(stage.access, _rows(stage, file)):
            counts[outcome.result] += 1
            problems.extend(outcome.problems)
            command = outcome.row.command
            if command is not None and outcome.result is ImportResult.ADDED:
                stage.imported(command)
    stage.screen.accepted(words.imported(counts))
    return problems


def _rows(stage: Stage, file: IO[bytes]) -> Iterator[CsvRow]:
    for row in read_clients_csv(file, by=stage.practice, secret_key=_KEY):
        command = row.command
        yield row if command is None else attrs.evolve(row, command=stage.of_this_run(command))


def accept_invitation(stage: Stage, cast: Cast) -> None:
    """Accept an invitation from an existing customer."""
    stage.scene(
        "Accept an invitation from an existing customer",
        "A customer that signed up by itself can invite a practice to work on its data. It still"
        " pays for its own services.",
    )
    customer = cast.customer
    email = stage.address("hello@rowan-letterpress.example.com")
    stage.ask(
        f"registers Rowan Letterpress, {email}, which signed up for Accounting.",
        RegisterCustomer(
            customer,
            stage.platform,
            business_name="Rowan Letterpress",
            email=email,
            services={"accounting": VAT},
        ),
    )
    stage.ask(
        "invites the practice to work on its data.",
        InvitePractice(customer, ClientUser(customer), practice_id=stage.practice.practice_id),
    )
    stage.show(ClientList.INACTIVE, "rowan letterpress")
    stage.refuse(
        "changes the contact details before it has accepted.",
        ChangeContactDetails(customer, stage.practice, contact=ContactDetails("Rowan Ash")),
        RefusalCode.NOT_IN_THIS_STATUS,
    )
    stage.ask("accepts the invitation.", AcceptPracticeInvitation(customer, stage.practice))
    stage.show(ClientList.ACTIVE, "rowan letterpress")


def open_client(stage: Stage, cast: Cast) -> None:
    """Open a client and one of its services."""
    stage.scene(
        "Open a client and one of its services",
        "A click on a name in the client list opens the client: its details, its services, and"
        " what can be done with it.",
    )
    client = stage.activated("accounting", "payroll")
    cast.paid_for = client.id
    stage.aside(
        f"Some weeks pass. {client.business_name} gets Accounting and Payroll, which the practice"
        " pays for, and activates. Scenes 8 and 9 show how."
    )
    stage.card(client.id, ChoosePayer, WithdrawAccess)
    stage.opens(client.id, stage.practice)
    stage.opens(client.id, ClientUser(client.id))
    stage.opens(client.id, PracticeUser("another-practice"))


def change_contact_details(stage: Stage, cast: Cast) -> None:
    """Change contact details, and a business name."""
    stage.scene(
        "Change contact details",
        "The practice changes the contact details. Once a client has a sign-in of its own, only"
        " Customer Services change its business name.",
    )
    client = stage.now(cast.paid_for)
    contact = ContactDetails("Jasper Ellingham", "020 7946 0155", client.contact.address)
    stage.ask(
        f"changes the contact of {client.business_name} to {contact.name}, {contact.phone}.",
        ChangeContactDetails(client.id, stage.practice, contact=contact),
    )
    name = f"{client.business_name} Ltd"
    stage.refuse(
        f"changes the business name to {name}.",
        ChangeBusinessName(client.id, stage.practice, business_name=name),
        RefusalCode.CONTACT_CUSTOMER_SERVICES,
    )
    stage.ask(
        "changes it, as Customer Services.",
        ChangeBusinessName(client.id, stage.platform, business_name=name),
    )


def stop_managing(stage: Stage, cast: Cast) -> None:
    """Stop managing a client that invited the practice, and one that it invited and pays for."""
    stage.scene(
        "Stop managing a client",
        "The practice's access ends, and the client keeps its data. If the practice paid, the"
        " client pays from now on, and is asked for direct debit details.",
    )
    customer, paid = stage.now(cast.customer), stage.now(cast.paid_for)
    alone = stage.subscribed("payroll", sign_in=ALONE)
    cast.alone = alone.id
    stage.ask(
        f"stops managing {customer.business_name}, which had invited it.",
        StopManaging(customer.id, stage.practice),
    )
    stage.refuse(
        f"stops managing {alone.business_name}, which cannot sign in.",
        StopManaging(alone.id, stage.practice),
        RefusalCode.NO_CLIENT_SIGN_IN,
    )
    stop = StopManaging(paid.id, stage.practice)
    stage.check(f"{paid.business_name}, which it invited and pays for", stop)
    stage.ask(f"stops managing {paid.business_name}.", stop)
    stage.show(ClientList.ACTIVE, paid.business_name)
    stage.signs_in(paid)
    stage.signs_in(paid, later=timedelta(days=31))
    stage.ask("enters its direct debit details.", ProvideDirectDebit(paid.id, ClientUser(paid.id)))


def remove_access(stage: Stage, cast: Cast) -> None:
    """Remove a client's access, and reinstate it."""
    stage.scene(
        "Remove your client's access, and reinstate it",
        "A client that the practice invited and pays for can be locked out. The practice still"
        " works on the data, and still pays.",
    )
    client, other = stage.activated("accounting"), cast.other_customer
    customer = "Juniper Loft Yoga"
    for command in (
        RegisterCustomer(
            other,
            stage.platform,
            business_name=customer,
            email=stage.address("studio@juniper-loft.example.net"),
            services={"start": VAT},
        ),
        InvitePractice(other, ClientUser(other), practice_id=stage.practice.practice_id),
        AcceptPracticeInvitation(other, stage.practice),
    ):
        stage.quietly(command)
    stage.refuse(
        f"disables {customer}, a customer that had invited it.",
        DisableAccess(other, stage.practice),
        RefusalCode.NOT_INVITED_BY_PRACTICE,
    )
    stage.ask(f"disables {client.business_name}.", DisableAccess(client.id, stage.practice))
    stage.show(ClientList.ACTIVE, client.business_name)
    stage.signs_in(client)
    stage.opens(client.id, stage.practice)
    stage.ask("enables its access again.", EnableAccess(client.id, stage.practice))
    stage.signs_in(client)
