"""A client's life: commands decided one after another, for the caller to save.

Every client of the kit is made by :func:`~client_access.decide`, so the rules allow each of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import final
from uuid import UUID, uuid5

from client_access import commands as cmd
from client_access.change import Change
from client_access.client import Client
from client_access.deciding import decide
from client_access.events import Event
from client_access.machines.payer import Payer
from client_access.values import (
    DEFAULT_POLICY,
    Actor,
    ClientKind,
    ClientUser,
    ContactDetails,
    PlatformUser,
    Policy,
    PracticeUser,
    ServiceSetup,
    SignIn,
)
from client_access.values.catalogue import Catalogue

Services = Mapping[str, ServiceSetup | None]


@final
class Life:
    """What happens to one client, in order. Nothing is saved.

    Each method gives a command, by the actor that usually gives it, and returns the life, so that
    calls can be chained.

    Parameters:
        client_id: the client.
        by: the practice that adds the client and works on it, until it is transferred.
        clock: returns the time of each command.
        catalogue: the services on offer.
        policy: the platform's policy.

    Raises:
        CommandRefused: (each method) a rule refuses the command.
    """

    def __init__(
        self,
        client_id: UUID,
        by: PracticeUser,
        *,
        clock: Callable[[], datetime],
        catalogue: Catalogue,
        policy: Policy = DEFAULT_POLICY,
    ) -> None:
        self.client_id = client_id
        self.by: PracticeUser = by
        self.clock = clock
        self.catalogue = catalogue
        self.policy = policy
        self.changes: list[Change] = []
        self.saved: int = 0
        """How many of the changes `unsaved` has returned."""

    @property
    def client(self) -> Client:
        """The client as it is now; there must be one."""
        return self.changes[-1].after

    @property
    def events(self) -> tuple[Event, ...]:
        """The history so far."""
        return tuple(change.event for change in self.changes if change.event is not None)

    @property
    def itself(self) -> ClientUser:
        """The client's own user."""
        return ClientUser(self.client_id, "itself")

    def decide(self, command: cmd.Command) -> Change:
        """Return what a command would change now, without adding it to the life."""
        before = self.changes[-1].after if self.changes else None
        return decide(
            before, command, at=self.clock(), catalogue=self.catalogue, policy=self.policy
        )

    def handle(self, command: cmd.Command) -> Life:
        """Decide a command, and add its change unless it changes nothing."""
        change = self.decide(command)
        if change.event is not None:
            self.changes.append(change)
        return self

    def unsaved(self) -> Sequence[Change]:
        """Return the changes since the last call."""
        changes, self.saved = self.changes[self.saved :], len(self.changes)
        return changes

    # ── What usually happens ─────────────────────────────────────────────────────────────────────

    def add(
        self,
        name: str,
        email: str | None = None,
        *,
        kind: ClientKind = ClientKind.BUSINESS,
        contact: ContactDetails = ContactDetails(),  # noqa: B008  # frozen
        payer: Payer | None = None,
        imported: bool = False,
    ) -> Life:
        """The practice adds or imports the client."""
        make = cmd.ImportClient if imported else cmd.AddClient
        return self.handle(
            make(
                self.client_id,
                self.by,
                business_name=name,
                email=email,
                kind=kind,
                contact=contact,
                payer=payer,
            )
        )

    def register(self, name: str, email: str, services: Services) -> Life:
        """The client signs up alone."""
        by = PlatformUser("sign-up")
        return self.handle(
            cmd.RegisterCustomer(
                self.client_id, by, business_name=name, email=email, services=services
            )
        )

    def subscribe(
        self,
        services: Services,
        *,
        payer: Payer = Payer.PRACTICE,
        sign_in: SignIn = SignIn.PRACTICE_AND_CLIENT,
    ) -> Life:
        """The practice adds the first services."""
        return self.handle(
            cmd.Subscribe(
                self.client_id,
                self.by,
                payer=payer,
                sign_in=sign_in,
                services=services,
                activation_id=self._activation_id(),
            )
        )

    def add_service(self, code: str, setup: ServiceSetup | None = None) -> Life:
        """The platform adds a service; the practice may not always."""
        by = PlatformUser("shop")
        return self.handle(cmd.AddService(self.client_id, by, service=code, setup=setup))

    def remove_service(self, code: str) -> Life:
        """The platform removes a service; the practice may not always."""
        return self.handle(cmd.RemoveService(self.client_id, PlatformUser("shop"), service=code))

    def choose_payer(self, payer: Payer) -> Life:
        """The practice chooses who will pay."""
        return self.handle(cmd.ChoosePayer(self.client_id, self.by, payer=payer))

    def give_access(self, email: str) -> Life:
        """The practice gives the client access too."""
        return self.handle(
            cmd.GiveAccess(
                self.client_id,
                self.by,
                email=email,
                confirm_email=email,
                activation_id=self._activation_id(),
            )
        )

    def resend(self) -> Life:
        """The practice sends the activation again."""
        return self.handle(cmd.ResendActivation(self.client_id, self.by))

    def activate(self) -> Life:
        """The client follows its link; one must be pending."""
        pending = self.client.activation
        assert pending is not None  # the caller sees to it
        return self.handle(
            cmd.Activate(self.client_id, self.itself, activation_id=pending.id),
        )

    def disable(self) -> Life:
        """The practice locks the client out."""
        return self.handle(cmd.DisableAccess(self.client_id, self.by))

    def enable(self) -> Life:
        """The practice lets the client in again."""
        return self.handle(cmd.EnableAccess(self.client_id, self.by))

    def stop_managing(self, by: Actor | None = None) -> Life:
        """The practice stops managing the client, or the actor in `by` does it."""
        return self.handle(cmd.StopManaging(self.client_id, by or self.by))

    def provide_direct_debit(self) -> Life:
        """The client provides its direct debit details."""
        return self.handle(cmd.ProvideDirectDebit(self.client_id, self.itself))

    def withdraw_access(self) -> Life:
        """The practice takes back the access that it gave."""
        return self.handle(cmd.WithdrawAccess(self.client_id, self.by))

    def close(self) -> Life:
        """The practice closes the client."""
        return self.handle(cmd.CloseClient(self.client_id, self.by))

    def reopen(self) -> Life:
        """The practice reopens the client."""
        return self.handle(cmd.ReopenClient(self.client_id, self.by))

    def transfer(self, practice: PracticeUser) -> Life:
        """The platform transfers the client to a practice, which works on it from then on."""
        self.by = practice
        command = cmd.TransferClient(
            self.client_id, PlatformUser("support"), practice_id=practice.practice_id
        )
        return self.handle(command)

    def delete(self, by: Actor | None = None) -> Life:
        """The practice deletes the client, or the actor in `by` does it."""
        return self.handle(cmd.DeleteClient(self.client_id, by or self.by))

    def invite(self, practice: PracticeUser) -> Life:
        """The client invites a practice."""
        return self.handle(
            cmd.InvitePractice(self.client_id, self.itself, practice_id=practice.practice_id)
        )

    def withdraw(self) -> Life:
        """The client withdraws its invitation."""
        return self.handle(cmd.WithdrawPracticeInvitation(self.client_id, self.itself))

    def accept(self, by: PracticeUser) -> Life:
        """The invited practice accepts."""
        return self.handle(cmd.AcceptPracticeInvitation(self.client_id, by))

    def decline(self, by: PracticeUser) -> Life:
        """The invited practice declines."""
        return self.handle(cmd.DeclinePracticeInvitation(self.client_id, by))

    def change_email(self, email: str) -> Life:
        """The platform changes the address."""
        return self.handle(self.new_email(email))

    def new_email(self, email: str) -> cmd.ChangeEmail:
        """Return the command by which the platform changes the address."""
        return cmd.ChangeEmail(
            self.client_id,
            PlatformUser("support"),
            email=email,
            activation_id=self._activation_id(),
        )

    def change_contact(self, contact: ContactDetails) -> Life:
        """The platform changes the contact details."""
        return self.handle(self.new_contact(contact))

    def new_contact(self, contact: ContactDetails) -> cmd.ChangeContactDetails:
        """Return the command by which the platform changes the contact details."""
        by = PlatformUser("support")
        return cmd.ChangeContactDetails(self.client_id, by, contact=contact)

    def rename(self, name: str, by: Actor | None = None) -> Life:
        """The platform changes the business name, which is told (D2), or the actor in `by` does."""
        by = by or PlatformUser("support")
        return self.handle(cmd.ChangeBusinessName(self.client_id, by, business_name=name))

    def _activation_id(self) -> UUID:
        """Return an id that no activation of this client has had."""
        return uuid5(self.client_id, f"activation {len(self.changes)}")
