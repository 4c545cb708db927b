"""Scenes 7 to 14: services and activations, payers and deletions, an email, and access."""

from __future__ import annotations

from uuid import uuid4

from client_access import (
    AddClient,
    AddService,
    ChangeEmail,
    ChoosePayer,
    ClientKind,
    ClientList,
    DeleteClient,
    GiveAccess,
    Payer,
    RefusalCode,
    RemoveService,
    ResendActivation,
    SignIn,
    Subscribe,
    monthly_total,
)
from client_access.cli import words
from examples.tour.stage import CATALOGUE, VAT, Cast, Stage


def add_services(stage: Stage, cast: Cast) -> None:
    """Add services to an active client."""
    stage.scene(
        "Add services to an active client",
        "Only if the practice pays. Some services need a VAT scheme and account details first. A"
        " preview shows what will happen.",
    )
    client, customer = stage.activated("payroll"), stage.now(cast.other_customer)
    cast.active = client.id
    stage.refuse(
        f"adds Payroll to {customer.business_name}, which pays for itself.",
        AddService(customer.id, stage.practice, service="payroll"),
        RefusalCode.CLIENT_PAYS,
    )
    stage.refuse(
        f"adds Accounting to {client.business_name}, and nothing else.",
        AddService(client.id, stage.practice, service="accounting"),
        RefusalCode.SETUP_REQUIRED,
    )
    with_setup = AddService(client.id, stage.practice, service="accounting", setup=VAT)
    stage.check("Accounting, with its VAT scheme and account details", with_setup)
    stage.ask("adds Accounting, with its VAT scheme and account details.", with_setup)
    stage.refuse("adds Accounting once more.", with_setup, RefusalCode.SERVICE_ALREADY_ADDED)
    stage.signs_in(client)


def resend_activation(stage: Stage, cast: Cast) -> None:
    """Resend the activation; correct the address, and resend."""
    stage.scene(
        "Resend the activation, correct the address",
        "If the email does not arrive: send it again, check and correct the address, look in the"
        " junk folder, contact Support.",
    )
    client = stage.now(cast.added)
    stage.quietly(
        Subscribe(
            client.id,
            stage.practice,
            payer=Payer.PRACTICE,
            sign_in=SignIn.PRACTICE_AND_CLIENT,
            services={"accounting": VAT, "payroll": None},
        )
    )
    stage.aside(
        f"{client.business_name} has got Accounting and Payroll, and was sent an activation email"
        " that never came."
    )
    stage.advice(client.id)
    stage.ask(
        f"sends the activation of {client.business_name} again.",
        ResendActivation(client.id, stage.practice),
    )
    stage.aside("Still nothing. The address has a mistake: prnt instead of print.")
    old = stage.newest_email(client.id)
    right = stage.address("press@pomegranate-print.example.com")
    stage.ask(
        f"corrects the address to {right}.", ChangeEmail(client.id, stage.practice, email=right)
    )
    stage.follows_old_link(old)
    stage.follows_link(client.id)
    stage.refuse(
        "sends the activation once more.",
        ResendActivation(client.id, stage.practice),
        RefusalCode.NOT_IN_THIS_STATUS,
    )


def first_subscription(stage: Stage, cast: Cast) -> None:
    """Add a first subscription to inactive and imported clients, with its total cost."""
    stage.scene(
        "Add a first subscription to an inactive or imported client",
        "Choose who pays, who signs in, and which services; the total cost is shown. After the"
        " first service, who pays can no longer be chosen.",
    )
    client, without = stage.pick(with_address=True), stage.pick(with_address=False)
    stage.refuse(
        f"lets {without.business_name} sign in, without an address.",
        Subscribe(
            without.id,
            stage.practice,
            payer=Payer.PRACTICE,
            sign_in=SignIn.PRACTICE_AND_CLIENT,
            services={"payroll": None},
        ),
        RefusalCode.EMAIL_MISSING,
    )
    stage.refuse(
        "is to sign in alone, and lets the client pay.",
        Subscribe(
            without.id,
            stage.practice,
            payer=Payer.CLIENT,
            sign_in=SignIn.PRACTICE_ONLY,
            services={"payroll": None},
        ),
        RefusalCode.CLIENT_CANNOT_PAY,
    )
    selection = {"accounting": VAT, "payroll": None}
    total = monthly_total(selection, CATALOGUE)
    cost = words.money(total, CATALOGUE.currency)
    subscribe = Subscribe(
        client.id,
        stage.practice,
        payer=Payer.PRACTICE,
        sign_in=SignIn.PRACTICE_AND_CLIENT,
        services=selection,
    )
    stage.check(
        f"Accounting and Payroll for {client.business_name}: {cost} a month in total", subscribe
    )
    stage.ask(f"subscribes {client.business_name}; both sign in.", subscribe)
    _same_for_many(stage, cast)
    stage.show(ClientList.INACTIVE, limit=8)


def _same_for_many(stage: Stage, cast: Cast) -> None:
    clients = [stage.pick(with_address=True) for _ in range(5)]
    cast.waiting = clients[0].id
    stage.ask_all(
        f"gives Payroll to five imported clients, {clients[0].business_name} among them.",
        [
            Subscribe(
                client.id,
                stage.practice,
                payer=Payer.PRACTICE,
                sign_in=SignIn.PRACTICE_AND_CLIENT,
                services={"payroll": None},
            )
            for client in clients
        ],
    )


def remove_service(stage: Stage, cast: Cast) -> None:
    """Remove a service."""
    stage.scene(
        "Remove a service",
        "At its next sign-in the client no longer finds it, and the next invoice is smaller.",
    )
    client = stage.now(cast.active)
    remove = RemoveService(client.id, stage.practice, service="payroll")
    stage.check(f"Payroll of {client.business_name}", remove)
    stage.ask("removes it.", remove)
    stage.refuse("removes it once more.", remove, RefusalCode.SERVICE_NOT_HELD)
    stage.signs_in(client)


def change_payer(stage: Stage, cast: Cast) -> None:
    """Change who pays: only before the first service."""
    stage.scene(
        "Change who is paying",
        "It cannot be changed once a service has been added, even if the client has not activated"
        " its account yet.",
    )
    free = stage.pick(with_address=True)
    other = Payer.CLIENT if free.payer is Payer.PRACTICE else Payer.PRACTICE
    stage.ask(
        f"lets {words.payer_name(other)} pay for {free.business_name}, which has no service yet.",
        ChoosePayer(free.id, stage.practice, payer=other),
    )
    waiting, client = stage.now(cast.waiting), stage.now(cast.active)
    stage.refuse(
        f"lets {waiting.business_name} pay, which has a service but has not activated yet.",
        ChoosePayer(waiting.id, stage.practice, payer=Payer.CLIENT),
        RefusalCode.PAYER_LOCKED,
    )
    stage.refuse(
        f"lets {client.business_name} pay for its services from now on.",
        ChoosePayer(client.id, stage.practice, payer=Payer.CLIENT),
        RefusalCode.PAYER_LOCKED,
    )
    for service in client.services:
        stage.ask(
            f"removes its last service, {words.service_name(service.code, CATALOGUE)}.",
            RemoveService(client.id, stage.practice, service=service.code),
        )
    stage.refuse(
        "tries again, now that it has none.",
        ChoosePayer(client.id, stage.practice, payer=Payer.CLIENT),
        RefusalCode.PAYER_LOCKED,
    )


def delete_client(stage: Stage, cast: Cast) -> None:
    """Delete an inactive client, and invite it again at the right address."""
    stage.scene(
        "Delete an inactive client, and invite it again",
        "An inactive client can be deleted, and so can one that was invited at the wrong address."
        " This frees the address and deletes every personal detail.",
    )
    client, active = stage.now(cast.mistaken), stage.now(cast.active)
    stage.refuse(
        f"deletes {active.business_name}.",
        DeleteClient(active.id, stage.practice),
        RefusalCode.NOT_IN_THIS_STATUS,
    )
    delete = DeleteClient(client.id, stage.practice)
    stage.check(f"{client.business_name}, added with an address that is not its own", delete)
    stage.ask(f"deletes {client.business_name}.", delete)
    again, right = uuid4(), stage.address("tamarind-and-rye@example.org")
    stage.ask(
        f"adds it again, with {right}.",
        AddClient(
            again,
            stage.practice,
            business_name=client.business_name,
            kind=ClientKind.INDIVIDUAL,
            email=right,
        ),
    )
    stage.ask(
        "subscribes it to Start, which it pays for itself.",
        Subscribe(
            again,
            stage.practice,
            payer=Payer.CLIENT,
            sign_in=SignIn.PRACTICE_AND_CLIENT,
            services={"start": VAT},
        ),
    )
    stage.show(ClientList.INACTIVE, client.business_name)


def start_email(stage: Stage, cast: Cast) -> None:
    """Start an email to a client."""
    stage.scene("Send a message to your client", "The envelope beside its name starts an email.")
    stage.emails(cast.active)
    stage.emails(cast.alone)


def give_access(stage: Stage, cast: Cast) -> None:
    """Give access to a client that only the practice works for, until both have access."""
    stage.scene(
        "Grant your client access, so that it can sign in itself",
        "A client without an address has an invalid one, so it is found by its name. The new"
        " address is entered twice.",
    )
    client = stage.now(cast.alone)
    part = client.business_name[:6].strip()
    stage.aside(f"The address of {client.business_name} is {client.email}.")
    stage.show(ClientList.ACTIVE, "invalid")
    stage.show(ClientList.ACTIVE, part.lower())
    right = stage.address("society@fernleigh.example.org")
    mistyped = right.replace("society", "soceity")
    stage.refuse(
        f"gives it access at {right}, and at {mistyped} the second time.",
        GiveAccess(client.id, stage.practice, email=right, confirm_email=mistyped),
        RefusalCode.EMAILS_DIFFER,
    )
    give = GiveAccess(client.id, stage.practice, email=right, confirm_email=right)
    stage.check(f"access for {client.business_name}", give)
    stage.ask("gives it access, with the same address twice.", give)
    stage.opens(client.id, stage.practice)
    stage.reads_email(client.id)
    stage.follows_link(client.id)
    stage.signs_in(stage.now(client.id))
    stage.show(ClientList.ACTIVE, client.business_name)
