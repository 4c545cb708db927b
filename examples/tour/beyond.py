"""Scenes 15 to 23: what the guide leaves open, the invoice and the notices."""

from __future__ import annotations

from uuid import uuid4

from client_access import (
    AcceptPracticeInvitation,
    AddClient,
    AddService,
    ChangeEmail,
    ClientList,
    ClientUser,
    CloseClient,
    DeclinePracticeInvitation,
    DeleteClient,
    DisableAccess,
    GiveAccess,
    InvitePractice,
    Payer,
    ProvideDirectDebit,
    RefusalCode,
    ReopenClient,
    StopManaging,
    Subscribe,
    TransferClient,
    WithdrawAccess,
)
from client_access.cli import words
from examples.tour.screen import MARGIN
from examples.tour.stage import ALONE, BOTH, VAT, Cast, Stage, practice_of


def change_accountant(stage: Stage, _: Cast) -> None:
    """The client ends the practice's access, and invites others until one accepts (L6, P5)."""
    stage.scene(
        "The client changes its accountant",
        "A client that can sign in ends the practice's access itself. It pays from then on, and"
        " can invite one practice at a time.",
    )
    client = stage.activated("payroll")
    itself = ClientUser(client.id)
    second, third = (practice_of(stage.run, name) for name in ("second-firm", "third-firm"))
    stage.ask(
        f"{client.business_name} ends the practice's access.", StopManaging(client.id, itself)
    )
    stage.signs_in(client)
    stage.ask(
        f"invites {second.practice_id}.",
        InvitePractice(client.id, itself, practice_id=second.practice_id),
    )
    to_third = InvitePractice(client.id, itself, practice_id=third.practice_id)
    stage.refuse(f"invites {third.practice_id} as well.", to_third, RefusalCode.INVITATION_PENDING)
    stage.ask("declines.", DeclinePracticeInvitation(client.id, second))
    stage.ask(f"invites {third.practice_id}.", to_third)
    stage.ask("accepts.", AcceptPracticeInvitation(client.id, third))
    stage.show(ClientList.ACTIVE, of=third)
    stage.show(ClientList.ACTIVE, client.business_name)


def client_pays(stage: Stage, cast: Cast) -> None:
    """An invited client pays: it is not locked out, and adds services itself (L8, P4, P6)."""
    stage.scene(
        "An invited client pays for itself",
        "Its email says what it is to pay. It is asked for direct debit details when it"
        " activates. The practice can neither lock it out nor add services.",
    )
    client = stage.pick(with_address=True)
    cast.pays = client.id
    stage.ask(
        f"subscribes {client.business_name} to Accounting; the client pays.",
        Subscribe(
            client.id,
            stage.practice,
            payer=Payer.CLIENT,
            sign_in=BOTH,
            services={"accounting": VAT},
        ),
    )
    stage.reads_email(client.id)
    stage.follows_link(client.id)
    stage.refuse(
        f"disables {client.business_name}.",
        DisableAccess(client.id, stage.practice),
        RefusalCode.CLIENT_PAYS,
    )
    stage.refuse(
        "adds Payroll.",
        AddService(client.id, stage.practice, service="payroll"),
        RefusalCode.CLIENT_PAYS,
    )
    stage.ask(
        "records Payroll, which the client has added in its own settings.",
        AddService(client.id, stage.platform, service="payroll"),
    )
    stage.ask(
        "enters its direct debit details.", ProvideDirectDebit(client.id, ClientUser(client.id))
    )


def change_address(stage: Stage, cast: Cast) -> None:
    """An activated client changes its address, and the old address is told (E4)."""
    stage.scene(
        "A client changes its address",
        "Once a client has activated, its address is its own. The old address is told, in case it"
        " was somebody else. The practice finds the client by the new one.",
    )
    client, itself = stage.now(cast.pays), ClientUser(cast.pays)
    new = stage.address("accounts@new-address.example.com")
    stage.refuse(
        f"changes the address of {client.business_name} to {new}.",
        ChangeEmail(client.id, stage.practice, email=new),
        RefusalCode.NOT_IN_THIS_STATUS,
    )
    stage.ask(f"changes its address to {new}.", ChangeEmail(client.id, itself, email=new))
    stage.signs_in(client)
    stage.signs_in(stage.now(client.id))
    stage.show(ClientList.ACTIVE, new)


def withdraw_access(stage: Stage, _: Cast) -> None:
    """Access is withdrawn from a client: it is disabled first (L10)."""
    stage.scene(
        "Withdraw access",
        "The person who signed in has left, or a stranger followed the link. If the practice pays,"
        " it disables the client and takes the access back. The address is free again.",
    )
    client = stage.activated("accounting")
    withdraw = WithdrawAccess(client.id, stage.practice)
    stage.refuse(
        f"withdraws the access of {client.business_name}.",
        withdraw,
        RefusalCode.NOT_IN_THIS_STATUS,
    )
    stage.ask("disables its access first.", DisableAccess(client.id, stage.practice))
    stage.check(f"withdrawing the access of {client.business_name}", withdraw)
    stage.ask("withdraws it.", withdraw)
    stage.signs_in(client)
    stage.opens(client.id, stage.practice)


def close_client(stage: Stage, _: Cast) -> None:
    """A retired client is closed, reopened, closed and deleted (L5, L9)."""
    stage.scene(
        "Close a client that has retired",
        "A client for which only the practice works can be closed: its services end, and its"
        " details stay for the record. A closed client can be reopened, or deleted.",
    )
    client = stage.subscribed("payroll", sign_in=ALONE)
    close, delete = CloseClient(client.id, stage.practice), DeleteClient(client.id, stage.practice)
    stage.refuse(f"deletes {client.business_name}.", delete, RefusalCode.NOT_IN_THIS_STATUS)
    stage.check(f"closing {client.business_name}", close)
    stage.ask("closes it.", close)
    stage.show(ClientList.CLOSED)
    stage.opens(client.id, stage.practice)
    stage.aside("The client comes back for one more year, and then retires for good.")
    stage.ask("reopens it.", ReopenClient(client.id, stage.practice))
    stage.ask("adds Payroll again.", AddService(client.id, stage.practice, service="payroll"))
    stage.ask("closes it.", close)
    stage.check(f"deleting {client.business_name}", delete)
    stage.ask("deletes it.", delete)
    stage.show(ClientList.CLOSED)


def silent_practice(stage: Stage, _: Cast) -> None:
    """Customer Services act for a practice that does not answer (L7)."""
    stage.scene(
        "Customer Services act for a practice that is silent",
        "The practice has not answered for weeks, and two of its clients cannot get in. Customer"
        " Services let them in. The practice is told.",
    )
    alone, locked_out = stage.subscribed("payroll", sign_in=ALONE), stage.activated("payroll")
    stage.quietly(DisableAccess(locked_out.id, stage.practice))
    address = stage.address("let-me-in@silent.example.com")
    stage.ask(
        f"gives {alone.business_name} access, at {address}.",
        GiveAccess(alone.id, stage.platform, email=address, confirm_email=address),
    )
    stage.follows_link(alone.id)
    stage.signs_in(locked_out)
    stage.refuse(
        f"{locked_out.business_name} ends the practice's access.",
        StopManaging(locked_out.id, ClientUser(locked_out.id)),
        RefusalCode.NOT_IN_THIS_STATUS,
    )
    stage.ask(
        f"ends the practice's access to {locked_out.business_name}.",
        StopManaging(locked_out.id, stage.platform),
    )
    stage.signs_in(locked_out)


def transfer_clients(stage: Stage, _: Cast) -> None:
    """A practice closes down, and its clients are transferred (L11)."""
    stage.scene(
        "A practice closes down, and you take its clients over",
        "Both practices have agreed. Customer Services transfer the clients: status, payer,"
        " services and access stay as they are.",
    )
    closing = practice_of(stage.run, "closing-firm")
    names = ("Osier Basket Works", "Quayside Chandlers", "Wren Street Pharmacy")
    ids = [uuid4() for _ in names]
    for client_id, name in zip(ids, names, strict=True):
        stage.quietly(AddClient(client_id, closing, business_name=name))
        stage.quietly(
            Subscribe(
                client_id,
                closing,
                payer=Payer.PRACTICE,
                sign_in=ALONE,
                services={"expenses": None},
            )
        )
    stage.show(ClientList.ACTIVE, of=closing)
    stage.refuse(
        f"transfers {names[0]} to you.",
        TransferClient(ids[0], closing, practice_id=stage.practice.practice_id),
        RefusalCode.ACTOR_NOT_ALLOWED,
    )
    stage.ask_all(
        f"transfers the three clients of {closing.practice_id} to you.",
        [
            TransferClient(client_id, stage.platform, practice_id=stage.practice.practice_id)
            for client_id in ids
        ],
    )
    stage.show(ClientList.ACTIVE, of=closing)
    stage.show(ClientList.ACTIVE, names[0])


def next_invoice(stage: Stage, _: Cast) -> None:
    """Show the next invoice."""
    stage.scene(
        "The next monthly invoice",
        "Calculated from what the clients hold today, at today's prices; never stored.",
    )
    stage.asks("looks up its next invoice.", "access.next_invoice(practice_id)")
    invoice = stage.access.next_invoice(stage.practice.practice_id)
    rows = [
        (line.business_name, line.service_name, words.money(line.monthly_price, invoice.currency))
        for line in invoice.lines
    ]
    total = words.money(invoice.total, invoice.currency)
    stage.screen.table(
        ("", "", ""),
        [*rows, ("", "", "─" * 7), ("", "Total", total)],
        indent=MARGIN + 2,
        right=(2,),
    )


def deliver_notices(stage: Stage, _: Cast) -> None:
    """Deliver the notices in the outbox."""
    stage.scene(
        "The notices",
        "Each was saved together with its change, and is delivered at least once. Each client's"
        " notices are delivered in the order of its changes.",
    )
    stage.relays()
