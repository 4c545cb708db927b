"""The 26 commands of rules §8: what an actor wants to do with a client.

The client and the actor (`by`) are positional; everything else is given by keyword. A command is a
value: making one checks that it is well-formed, and changes nothing. :func:`~client_access.decide`
decides whether it is accepted.

Every command raises :class:`~client_access.InvalidValue` if a field is malformed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol, TypeAlias, final
from uuid import UUID, uuid4

from attrs import field, fields, frozen

from client_access.errors import InvalidValue
from client_access.machines.payer import Payer
from client_access.values import (
    ACTORS,
    PRACTICE_ID_LENGTH,
    SERVICE_CODE_LENGTH,
    Actor,
    ClientKind,
    ContactDetails,
    HeldService,
    ServiceSetup,
    SignIn,
    pasted,
)
from client_access.values.email_address import EmailAddress, parse_kept_email
from client_access.values.validation import (
    is_a,
    is_a_or_none,
    is_one_of,
    is_text,
)

ServiceSelection: TypeAlias = Mapping[str, ServiceSetup | None] | Iterable[HeldService]
"""How services are given: a mapping of code to setup, or held services."""
_HOW_TO_SELECT = "must map service codes to ServiceSetup or None: write {'payroll': None}"


def _to_email(value: str | EmailAddress) -> EmailAddress:
    return parse_kept_email("email", value)


def _to_confirm_email(value: str | EmailAddress) -> EmailAddress:
    return parse_kept_email("confirm_email", value)


def _to_email_or_none(value: str | EmailAddress | None) -> EmailAddress | None:
    return None if value is None else parse_kept_email("email", value)


def _to_services(selection: ServiceSelection) -> tuple[HeldService, ...]:
    """Return the selection ordered by code."""
    try:
        if isinstance(selection, Mapping):
            services = [HeldService(code, setup) for code, setup in selection.items()]
        else:
            services = list(selection)
    except TypeError:
        raise InvalidValue("services", _HOW_TO_SELECT) from None
    except InvalidValue as problem:
        raise InvalidValue("services", f"{problem.field} {problem.reason}") from None
    if not all(type(service) is HeldService for service in services):
        raise InvalidValue("services", _HOW_TO_SELECT)
    services.sort(key=lambda service: service.code)
    if len({service.code for service in services}) < len(services):
        raise InvalidValue("services", "names a service twice")
    return tuple(services)


class _Printer(Protocol):
    def text(self, obj: str) -> None: ...


@frozen(repr=False)
class _Command:
    """What every command has.

    Parameters:
        client_id: the client.
        by: who gives the command.
    """

    client_id: UUID = field(validator=is_a(UUID))
    by: Actor = field(validator=is_one_of(*ACTORS))

    __repr__ = pasted

    def _repr_pretty_(self, printer: _Printer, _: bool) -> None:
        """Print the command on one line, as Hypothesis and IPython ask for it.

        It can be pasted, as `repr` can; what has its default is left out.
        """
        said = (
            f"{each.name}={value!r}"
            for each in fields(type(self))
            if (value := getattr(self, each.name)) != each.default
        )
        printer.text(f"{type(self).__name__}({', '.join(said)})")


# ── Adding ───────────────────────────────────────────────────────────────────────────────────────


@frozen(repr=False)
class _NewClient(_Command):
    business_name: str = field(kw_only=True, validator=is_text())
    kind: ClientKind = field(kw_only=True, default=ClientKind.BUSINESS, validator=is_a(ClientKind))
    email: EmailAddress | None = field(kw_only=True, default=None, converter=_to_email_or_none)
    contact: ContactDetails = field(
        kw_only=True, default=ContactDetails(), validator=is_a(ContactDetails)
    )
    payer: Payer | None = field(kw_only=True, default=None, validator=is_a_or_none(Payer))


@final
@frozen(repr=False)
class AddClient(_NewClient):
    """A practice adds a client. The client starts inactive (L1).

    Parameters:
        client_id: a new id, never used before.
        by: the practice's user.
        business_name: at most 200 characters.
        kind: business or individual.
        email: its address; without one, it gets a placeholder (E2).
        contact: the contact details.
        payer: who is to pay, if that has been chosen (P1).
    """


@final
@frozen(repr=False)
class ImportClient(_NewClient):
    """A practice adds a client in a batch: as `AddClient`, with another source (L1)."""


@final
@frozen(repr=False)
class RegisterCustomer(_Command):
    """The platform registers a customer that signed up without a practice (L2).

    Parameters:
        client_id: a new id, never used before.
        by: the platform.
        business_name: at most 200 characters.
        email: the address that it signed up with.
        services: the services, by code, each with its setup if it needs one.
        kind: business or individual.
        contact: the contact details.
    """

    business_name: str = field(kw_only=True, validator=is_text())
    email: EmailAddress = field(kw_only=True, converter=_to_email)
    services: tuple[HeldService, ...] = field(kw_only=True, converter=_to_services)
    kind: ClientKind = field(kw_only=True, default=ClientKind.BUSINESS, validator=is_a(ClientKind))
    contact: ContactDetails = field(
        kw_only=True, default=ContactDetails(), validator=is_a(ContactDetails)
    )


# ── Subscriptions ────────────────────────────────────────────────────────────────────────────────


@final
@frozen(repr=False)
class ChoosePayer(_Command):
    """The practice chooses who will pay, before the first service locks it (P1)."""

    payer: Payer = field(kw_only=True, validator=is_a(Payer))


@final
@frozen(repr=False)
class Subscribe(_Command):
    """The practice gives an inactive client its first services, which locks who pays (P2).

    Parameters:
        client_id: the client.
        by: the practice's user.
        payer: who pays; replaces an earlier choice (P1).
        sign_in: whether the client is to sign in itself.
        services: the services, by code, each with its setup if it needs one (S1).
        activation_id: the new activation's id, if the client is to sign in.
    """

    payer: Payer = field(kw_only=True, validator=is_a(Payer))
    sign_in: SignIn = field(kw_only=True, validator=is_a(SignIn))
    services: tuple[HeldService, ...] = field(kw_only=True, converter=_to_services)
    activation_id: UUID = field(kw_only=True, factory=uuid4, validator=is_a(UUID))


@final
@frozen(repr=False)
class AddService(_Command):
    """A service is added to a client that has been subscribed (P4).

    Parameters:
        client_id: the client.
        by: a user of the practice that pays, or the platform.
        service: the service's code in the catalogue.
        setup: the additional information, for a service that needs it (S1).
    """

    service: str = field(kw_only=True, validator=is_text(SERVICE_CODE_LENGTH))
    setup: ServiceSetup | None = field(
        kw_only=True, default=None, validator=is_a_or_none(ServiceSetup)
    )


@final
@frozen(repr=False)
class RemoveService(_Command):
    """A service is taken from a client, along with its setup (P4, S1)."""

    service: str = field(kw_only=True, validator=is_text(SERVICE_CODE_LENGTH))


# ── Activation ───────────────────────────────────────────────────────────────────────────────────


@final
@frozen(repr=False)
class GiveAccess(_Command):
    """A client that only the practice worked for is invited to sign in (E3).

    Parameters:
        client_id: the client.
        by: the practice's user or the platform.
        email: the address, which is stored as spelt here.
        confirm_email: the same address, typed again.
        activation_id: the new activation's id.
    """

    email: EmailAddress = field(kw_only=True, converter=_to_email)
    confirm_email: EmailAddress = field(kw_only=True, converter=_to_confirm_email)
    activation_id: UUID = field(kw_only=True, factory=uuid4, validator=is_a(UUID))


@final
@frozen(repr=False)
class WithdrawAccess(_Command):
    """Access that was given is withdrawn: only the practice works for the client again (L10)."""


@final
@frozen(repr=False)
class ResendActivation(_Command):
    """The pending activation is sent again, and its lifetime starts again (E5)."""


@final
@frozen(repr=False)
class Activate(_Command):
    """The client uses its activation; made by redeeming a signed link (E6)."""

    activation_id: UUID = field(kw_only=True, validator=is_a(UUID))


# ── Access ───────────────────────────────────────────────────────────────────────────────────────


@final
@frozen(repr=False)
class DisableAccess(_Command):
    """The practice locks out a client that it pays for (L8)."""


@final
@frozen(repr=False)
class EnableAccess(_Command):
    """The practice lets a disabled client in again."""


# ── Managing ─────────────────────────────────────────────────────────────────────────────────────


@final
@frozen(repr=False)
class StopManaging(_Command):
    """The practice's access ends, and the client pays from then on (L4, L6, P3)."""


@final
@frozen(repr=False)
class ProvideDirectDebit(_Command):
    """The client has given the direct debit details that it was asked for (P6)."""


@final
@frozen(repr=False)
class CloseClient(_Command):
    """A client that only the practice works for is closed; its services end (L9)."""


@final
@frozen(repr=False)
class ReopenClient(_Command):
    """A closed client is reopened, without services (L9)."""


@final
@frozen(repr=False)
class TransferClient(_Command):
    """The platform transfers a client to another practice; the rest stays as it is (L11).

    Parameters:
        client_id: the client.
        by: the platform.
        practice_id: the practice that manages the client from then on.
    """

    practice_id: str = field(kw_only=True, validator=is_text(PRACTICE_ID_LENGTH))


@final
@frozen(repr=False)
class DeleteClient(_Command):
    """A client that was never established, or is closed, is deleted and forgotten (L5)."""


@final
@frozen(repr=False)
class InvitePractice(_Command):
    """An unmanaged client invites a practice to work on its data (L2)."""

    practice_id: str = field(kw_only=True, validator=is_text(PRACTICE_ID_LENGTH))


@final
@frozen(repr=False)
class WithdrawPracticeInvitation(_Command):
    """The client withdraws its pending practice invitation."""


@final
@frozen(repr=False)
class AcceptPracticeInvitation(_Command):
    """The invited practice accepts; the client keeps paying for itself (P5)."""


@final
@frozen(repr=False)
class DeclinePracticeInvitation(_Command):
    """The invited practice declines."""


# ── Details ──────────────────────────────────────────────────────────────────────────────────────


@final
@frozen(repr=False)
class ChangeEmail(_Command):
    """The client's address is changed, or corrected while it awaits activation (E4).

    Parameters:
        client_id: the client.
        by: the practice's user before activation, the client after it, the platform.
        email: the new address.
        activation_id: the id of the new activation that a correction sends.
    """

    email: EmailAddress = field(kw_only=True, converter=_to_email)
    activation_id: UUID = field(kw_only=True, factory=uuid4, validator=is_a(UUID))


@final
@frozen(repr=False)
class ChangeContactDetails(_Command):
    """The contact details are changed (D1)."""

    contact: ContactDetails = field(kw_only=True, validator=is_a(ContactDetails))


@final
@frozen(repr=False)
class ChangeBusinessName(_Command):
    """The business name is changed; once the client can sign in, by Customer Services only (D2)."""

    business_name: str = field(kw_only=True, validator=is_text())


Command = (
    AddClient
    | ImportClient
    | RegisterCustomer
    | ChoosePayer
    | Subscribe
    | AddService
    | RemoveService
    | GiveAccess
    | ResendActivation
    | ChangeEmail
    | WithdrawAccess
    | Activate
    | DisableAccess
    | EnableAccess
    | StopManaging
    | ProvideDirectDebit
    | CloseClient
    | ReopenClient
    | TransferClient
    | DeleteClient
    | InvitePractice
    | WithdrawPracticeInvitation
    | AcceptPracticeInvitation
    | DeclinePracticeInvitation
    | ChangeContactDetails
    | ChangeBusinessName
)
"""Any of the 26 commands: a union of final classes."""

COMMANDS: dict[str, type[Command]] = {
    "add_client": AddClient,
    "import_client": ImportClient,
    "register_customer": RegisterCustomer,
    "choose_payer": ChoosePayer,
    "subscribe": Subscribe,
    "add_service": AddService,
    "remove_service": RemoveService,
    "give_access": GiveAccess,
    "resend_activation": ResendActivation,
    "change_email": ChangeEmail,
    "withdraw_access": WithdrawAccess,
    "activate": Activate,
    "disable_access": DisableAccess,
    "enable_access": EnableAccess,
    "stop_managing": StopManaging,
    "provide_direct_debit": ProvideDirectDebit,
    "close_client": CloseClient,
    "reopen_client": ReopenClient,
    "transfer_client": TransferClient,
    "delete_client": DeleteClient,
    "invite_practice": InvitePractice,
    "withdraw_practice_invitation": WithdrawPracticeInvitation,
    "accept_practice_invitation": AcceptPracticeInvitation,
    "decline_practice_invitation": DeclinePracticeInvitation,
    "change_contact_details": ChangeContactDetails,
    "change_business_name": ChangeBusinessName,
}
"""Every command by its stable name, in the order of rules §8."""

COMMAND_NAMES: dict[type[Command], str] = {command: name for name, command in COMMANDS.items()}
"""The stable name of each command."""


def email_of(command: Command) -> EmailAddress | None:
    """Return the address that a command would give to its client, or None."""
    email: EmailAddress | None = getattr(command, "email", None)
    return email
