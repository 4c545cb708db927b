"""`manage.py demo`: tables, example clients and two users, and a server on this machine."""

from __future__ import annotations

import secrets
from typing import Any
from uuid import UUID

from django.contrib.auth.models import Permission, User
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandParser

import client_access as ca
from clients.access import client_access, handle
from clients.models import Practice

PRACTICE = "north"


class Command(BaseCommand):
    """Start the example."""

    help = "Make the tables, example clients and two users, and start a server on this machine."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the port."""
        parser.add_argument("--port", type=int, default=8000)

    def handle(self, *args: Any, port: int, **options: Any) -> None:
        """Do what the help says."""
        call_command("migrate", verbosity=0)
        practice, _ = Practice.objects.get_or_create(pk=PRACTICE)
        ann, bob = user("ann"), user("bob", is_superuser=True)
        practice.members.add(ann)
        ann.user_permissions.set(
            Permission.objects.filter(
                content_type__app_label="clients", codename__endswith="client"
            )
        )
        add_clients(ca.PracticeUser(PRACTICE, str(ann.pk)))
        for who, what in ((ann, f"works for the practice {PRACTICE}"), (bob, "Customer Services")):
            who.set_password(password := secrets.token_urlsafe(9))
            who.save()
            self.stdout.write(f"{who.username}, password {password}: {what}")
        self.stdout.write(f"http://127.0.0.1:{port}/admin/clients/storedclient/")
        self.stdout.flush()
        call_command("runserver", f"127.0.0.1:{port}", use_reloader=False)


def user(name: str, **fields: bool) -> User:
    """Return a user who may use the admin."""
    found, _ = User.objects.get_or_create(username=name, defaults={"is_staff": True, **fields})
    return found


def add_clients(us: ca.PracticeUser) -> None:
    """Add a client in each of some statuses, unless they are there already."""
    ids = [UUID(int=number) for number in range(1, 6)]
    if client_access().repository.get(ids[0]) is not None:
        return
    _, alone, waiting, active, paying = ids
    names = ("Acorn Bakery", "Birch Dental", "Cedar Cycles", "Dogwood Garden", "Elm Studio")
    commands: list[ca.Command] = [
        ca.AddClient(one, us, business_name=name, email=f"{name.split()[0]}@example.com")
        for one, name in zip(ids, names, strict=True)
    ]
    for client_id, payer, sign_in in (
        (alone, ca.Payer.PRACTICE, ca.SignIn.PRACTICE_ONLY),
        (waiting, ca.Payer.PRACTICE, ca.SignIn.PRACTICE_AND_CLIENT),
        (active, ca.Payer.PRACTICE, ca.SignIn.PRACTICE_AND_CLIENT),
        (paying, ca.Payer.CLIENT, ca.SignIn.PRACTICE_AND_CLIENT),
    ):
        commands.append(
            ca.Subscribe(client_id, us, payer=payer, sign_in=sign_in, services={"payroll": None})
        )
    for command in commands:
        change = handle(command, lambda _: None)
        client, activation = change.after, change.after.activation
        if client.id in (active, paying) and activation:
            handle(
                ca.Activate(client.id, ca.ClientUser(client.id), activation_id=activation.id),
                lambda _: None,
            )
