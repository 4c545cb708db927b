"""Example clients: at least one in every status, with everything that a repository must store.

Each has its whole life, from the command that created it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, timedelta
from decimal import Decimal
from typing import final
from uuid import UUID, uuid5

from attrs import frozen

from client_access.change import Change
from client_access.client import Client
from client_access.events import Event
from client_access.machines.payer import Payer
from client_access.testing.clock import FixedClock
from client_access.testing.life import Life, Services
from client_access.values import (
    ClientKind,
    ContactDetails,
    PlatformUser,
    Policy,
    PracticeUser,
    ServiceSetup,
    SignIn,
    VatScheme,
)
from client_access.values.catalogue import Catalogue, Service

CATALOGUE = Catalogue(
    [
        Service("accounting", "Accounting", Decimal("26.00"), needs_setup=True),
        Service("bookkeeping", "Bookkeeping", Decimal("12.50")),
        Service("cashbook", "Cashbook", Decimal("4.00"), offered=False),
        Service("payroll", "Payroll", Decimal("8.2525")),
        Service("start", "Start", Decimal("14.00"), needs_setup=True),
        Service("storage", "Storage", Decimal(0)),
    ]
)
"""Services with and without setup; one is free, one is no longer offered."""

NORTH = PracticeUser("north", "nora")
"""The practice that adds the example clients."""
SOUTH = PracticeUser("south", "samir")
"""Another practice."""

SETUP = ServiceSetup(VatScheme.FLAT_RATE_CASH, "GB 123 4567 89", date(2025, 4, 6))
CONTACT = ContactDetails(
    "Zoë Þórsdóttir", "+44 (0)20 7946 0000 ext. 9", "Flat ½\n12 Rue de l’Été\n東京"
)


NAMESPACE = UUID("c11e0000-0000-4000-8000-000000000000")
"""The default namespace of the ids of the example clients."""


@final
@frozen
class Example:
    """An example client.

    Parameters:
        name: what is special about it.
        changes: its life, from the first command on.
    """

    name: str
    changes: tuple[Change, ...]

    @property
    def client(self) -> Client:
        """The client as it is at the end."""
        return self.changes[-1].after

    @property
    def events(self) -> tuple[Event, ...]:
        """Its history."""
        return tuple(change.event for change in self.changes if change.event is not None)


def examples(
    *,
    namespace: UUID = NAMESPACE,
    practice: PracticeUser = NORTH,
    other_practice: PracticeUser = SOUTH,
    domain: str = "example.com",
) -> Mapping[str, Example]:
    """Return the examples by name, the same ones for the same arguments.

    Parameters:
        namespace: the namespace of their ids, for :func:`uuid.uuid5`.
        practice: the practice that adds them.
        other_practice: the practice that some of them invite.
        domain: the domain of their addresses.
    """
    made = {}
    for name, live in _LIVES.items():
        life = Life(
            uuid5(namespace, name),
            practice,
            clock=FixedClock(step=timedelta(days=1, microseconds=1001)),
            catalogue=CATALOGUE,
            policy=_NO_LIMIT if name == "owes_without_limit" else Policy(),
        )
        live(life, other_practice, f"{name}@{domain}")
        made[name] = Example(name, tuple(life.changes))
    return made


def example_clients() -> Mapping[str, Client]:
    """Return the example clients at the end of their lives, by name."""
    return {name: example.client for name, example in examples().items()}


_NO_LIMIT = Policy(unpaid_access=None)
_SERVICES: Services = {"payroll": None, "start": SETUP}
_ONE: Services = {"bookkeeping": None}
_ALONE = SignIn.PRACTICE_ONLY
_LONG = "🧾Ω" * 100


def _both(life: Life, email: str, *, payer: Payer = Payer.PRACTICE) -> Life:
    return life.add("Both Ltd", email, contact=CONTACT).subscribe(_SERVICES, payer=payer).activate()


def _closed(life: Life, email: str) -> Life:
    life.add("Retired", email, contact=CONTACT).subscribe(_SERVICES, sign_in=_ALONE)
    return life.close()


def _unmanaged(life: Life, _: PracticeUser, email: str) -> Life:
    return _both(life, email).stop_managing()


def _owes_at_another(life: Life, other: PracticeUser, email: str) -> Life:
    return _unmanaged(life, other, email).invite(other).accept(other)


def _restless(life: Life, other: PracticeUser, email: str) -> None:
    """Let almost everything happen to one client."""
    life.add("Restless", None, contact=CONTACT, imported=True, payer=Payer.CLIENT)
    life.choose_payer(Payer.PRACTICE).rename("Restless & Söhne").change_email(email)
    life.subscribe(_ONE, sign_in=_ALONE).change_contact(ContactDetails("A", "1", "B\nC"))
    life.close().reopen().add_service("payroll").add_service("start", SETUP)
    life.give_access(f"lost.{email}").withdraw_access()
    life.give_access(f"new.{email}").resend().add_service("accounting", SETUP)
    life.change_email(f"corrected.{email}").remove_service("accounting").activate()
    life.disable().enable().stop_managing(life.itself).provide_direct_debit()
    life.invite(other).withdraw().invite(other).decline(other).invite(other).accept(other)
    life.add_service("bookkeeping").change_email(f"own.{email}").transfer(life.by)


_LIVES: dict[str, Callable[[Life, PracticeUser, str], object]] = {
    "inactive": lambda life, _, email: life.add("Inactive Ltd", email, contact=CONTACT),
    "without_address": lambda life, *_: life.add("No Address"),
    "imported": lambda life, _, email: life.add(
        "Imported", email, imported=True, kind=ClientKind.INDIVIDUAL, payer=Payer.CLIENT
    ),
    "payer_chosen": lambda life, *_: life.add("Chosen").choose_payer(Payer.PRACTICE),
    "practice_only": lambda life, *_: life.add("Alone").subscribe(_SERVICES, sign_in=_ALONE),
    "practice_only_with_address": lambda life, _, email: life.add(
        "Alone, reachable", email
    ).subscribe(_ONE, sign_in=_ALONE),
    "awaiting_activation": lambda life, _, email: (
        life.add("Awaiting", email).subscribe(_SERVICES).resend()
    ),
    "awaiting_and_paying": lambda life, _, email: life.add("Awaiting", email).subscribe(
        _ONE, payer=Payer.CLIENT
    ),
    "awaiting_established": lambda life, _, email: (
        life.add("Given access").subscribe(_ONE, sign_in=_ALONE).give_access(email)
    ),
    "both_access": lambda life, _, email: _both(life, email),
    "paying_itself": lambda life, _, email: _both(life, email, payer=Payer.CLIENT),
    "direct_debit_given": lambda life, _, email: _both(
        life, email, payer=Payer.CLIENT
    ).provide_direct_debit(),
    "without_services": lambda life, _, email: (
        _both(life, email).remove_service("start").remove_service("payroll")
    ),
    "disabled": lambda life, _, email: _both(life, email).disable(),
    "access_withdrawn": lambda life, _, email: _both(life, email).disable().withdraw_access(),
    "unmanaged": lambda *life: _unmanaged(*life).provide_direct_debit(),
    "owes_direct_debit": _unmanaged,
    "owes_without_limit": _unmanaged,
    "owes_at_another_practice": _owes_at_another,
    "registered": lambda life, _, email: life.register("Alone since 1998", email, _SERVICES),
    "inviting": lambda life, other, email: life.register(
        "Inviting", email, {"start": SETUP}
    ).invite(other),
    "customer_of_a_practice": lambda life, other, email: (
        life.register("Came by itself", email, _ONE).invite(other).accept(other)
    ),
    "transferred": lambda life, other, email: _both(life, email).transfer(other),
    "closed": lambda life, _, email: _closed(life, email),
    "reopened": lambda life, _, email: _closed(life, email).reopen(),
    "deleted": lambda life, _, email: life.add("Gone", email, contact=CONTACT).delete(),
    "deleted_while_awaiting": lambda life, _, email: (
        life.add("Gone", email, contact=CONTACT).subscribe(_SERVICES).delete(PlatformUser("cs"))
    ),
    "deleted_after_closing": lambda life, _, email: _closed(life, email).delete(),
    "longest": lambda life, _, email: life.add(
        _LONG, email, contact=ContactDetails(_LONG, "☎" * 50, "🏠\n" * 500)
    ),
    "restless": _restless,
}
