"""What has happened to a client: one event for each command, named in the past tense.

An event holds its own facts, and none of them is a price (S6). Replaying a client's events gives
the client: :func:`~client_access.replay`. The pair of `client_id` and `version` identifies an
event.
"""

from __future__ import annotations

from datetime import datetime
from typing import final
from uuid import UUID

from attrs import field, frozen

from client_access.machines.payer import Payer
from client_access.values import (
    ACTORS,
    PRACTICE_ID_LENGTH,
    SERVICE_CODE_LENGTH,
    Activation,
    Actor,
    ClientKind,
    ContactDetails,
    DirectDebit,
    HeldService,
    SignIn,
    pasted,
)
from client_access.values.email_address import EmailAddress
from client_access.values.validation import (
    is_a,
    is_a_or_none,
    is_aware,
    is_count,
    is_one_of,
    is_tally,
    is_text,
    is_tuple_of,
)


@frozen(repr=False)
class _Event:
    """What every event has.

    Parameters:
        client_id: the client that it happened to.
        version: the client's version after it.
        at: when.
        by: who gave the command.
    """

    client_id: UUID = field(validator=is_a(UUID))
    version: int = field(validator=is_count)
    at: datetime = field(validator=is_aware)
    by: Actor = field(validator=is_one_of(*ACTORS))

    __repr__ = pasted


# An event without fields of its own has no decorator: attrs would compile the methods that it
# inherits, and importing the package would take some 8 % more instructions.

# ── Adding ───────────────────────────────────────────────────────────────────────────────────────


@frozen(repr=False)
class _Created(_Event):
    """What every first event has.

    Parameters:
        erasures: how often personal details were erased from the history.
    """

    erasures: int = field(default=0, kw_only=True, validator=is_tally)


@frozen(repr=False)
class _ClientCreated(_Created):
    practice_id: str = field(kw_only=True, validator=is_text(PRACTICE_ID_LENGTH))
    kind: ClientKind = field(kw_only=True, validator=is_a(ClientKind))
    business_name: str = field(kw_only=True, validator=is_text())
    contact: ContactDetails = field(kw_only=True, validator=is_a(ContactDetails))
    email: EmailAddress | None = field(kw_only=True, validator=is_a_or_none(EmailAddress))
    payer: Payer | None = field(kw_only=True, validator=is_a_or_none(Payer))


@final
class ClientAdded(_ClientCreated):
    """A practice added the client (L1)."""

    __slots__ = ()


@final
class ClientImported(_ClientCreated):
    """A practice imported the client (L1)."""

    __slots__ = ()


@final
@frozen(repr=False)
class CustomerRegistered(_Created):
    """The platform registered a customer that signed up without a practice (L2)."""

    kind: ClientKind = field(kw_only=True, validator=is_a(ClientKind))
    business_name: str = field(kw_only=True, validator=is_text())
    contact: ContactDetails = field(kw_only=True, validator=is_a(ContactDetails))
    email: EmailAddress = field(kw_only=True, validator=is_a(EmailAddress))
    services: tuple[HeldService, ...] = field(kw_only=True, validator=is_tuple_of(HeldService))


# ── Subscriptions ────────────────────────────────────────────────────────────────────────────────


@final
@frozen(repr=False)
class PayerChosen(_Event):
    """The practice chose who will pay (P1)."""

    payer: Payer = field(kw_only=True, validator=is_a(Payer))


@final
@frozen(repr=False)
class Subscribed(_Event):
    """The client got its first services, which locked who pays (P2)."""

    payer: Payer = field(kw_only=True, validator=is_a(Payer))
    sign_in: SignIn = field(kw_only=True, validator=is_a(SignIn))
    services: tuple[HeldService, ...] = field(kw_only=True, validator=is_tuple_of(HeldService))
    activation: Activation | None = field(kw_only=True, validator=is_a_or_none(Activation))


@final
@frozen(repr=False)
class ServiceAdded(_Event):
    """A service was added.

    A pending activation was sent again, if there is an address (E5). Direct debit details were
    asked for, if it is the first service of an activated client that pays (P6).
    """

    service: HeldService = field(kw_only=True, validator=is_a(HeldService))
    activation: Activation | None = field(kw_only=True, validator=is_a_or_none(Activation))
    direct_debit: DirectDebit | None = field(kw_only=True, validator=is_a_or_none(DirectDebit))


@final
@frozen(repr=False)
class ServiceRemoved(_Event):
    """A service was removed."""

    service: str = field(kw_only=True, validator=is_text(SERVICE_CODE_LENGTH))


# ── Activation ───────────────────────────────────────────────────────────────────────────────────


@final
@frozen(repr=False)
class AccessGiven(_Event):
    """The client was invited to sign in (E3)."""

    email: EmailAddress = field(kw_only=True, validator=is_a(EmailAddress))
    activation: Activation = field(kw_only=True, validator=is_a(Activation))


@final
class AccessWithdrawn(_Event):
    """Access was withdrawn: only the practice works for the client again (L10)."""

    __slots__ = ()


@final
@frozen(repr=False)
class ActivationResent(_Event):
    """The activation was sent again (E5)."""

    activation: Activation = field(kw_only=True, validator=is_a(Activation))


@final
@frozen(repr=False)
class Activated(_Event):
    """The client used its activation (E6); direct debit details may be asked for (P6)."""

    direct_debit: DirectDebit | None = field(kw_only=True, validator=is_a_or_none(DirectDebit))


# ── Access ───────────────────────────────────────────────────────────────────────────────────────


@final
class AccessDisabled(_Event):
    """The practice locked the client out (L8)."""

    __slots__ = ()


@final
class AccessEnabled(_Event):
    """The practice let the client in again."""

    __slots__ = ()


# ── Managing ─────────────────────────────────────────────────────────────────────────────────────


@final
@frozen(repr=False)
class ManagementStopped(_Event):
    """The practice's access ended (L4); if it paid, direct debit details are asked for (P6)."""

    direct_debit: DirectDebit | None = field(kw_only=True, validator=is_a_or_none(DirectDebit))


@final
class DirectDebitProvided(_Event):
    """The client gave the direct debit details that it was asked for (P6)."""

    __slots__ = ()


@final
class ClientClosed(_Event):
    """The client was closed (L9)."""

    __slots__ = ()


@final
class ClientReopened(_Event):
    """The client was reopened (L9)."""

    __slots__ = ()


@final
@frozen(repr=False)
class ClientTransferred(_Event):
    """The client was transferred to another practice (L11)."""

    practice_id: str = field(kw_only=True, validator=is_text(PRACTICE_ID_LENGTH))


@final
class ClientDeleted(_Event):
    """The client was deleted, with its personal details (L5)."""

    __slots__ = ()


@final
@frozen(repr=False)
class PracticeInvited(_Event):
    """The client invited a practice."""

    practice_id: str = field(kw_only=True, validator=is_text(PRACTICE_ID_LENGTH))


@final
class PracticeInvitationWithdrawn(_Event):
    """The client withdrew its practice invitation."""

    __slots__ = ()


@final
class PracticeInvitationAccepted(_Event):
    """The invited practice accepted; the client keeps paying for itself (P5)."""

    __slots__ = ()


@final
class PracticeInvitationDeclined(_Event):
    """The invited practice declined."""

    __slots__ = ()


# ── Details ──────────────────────────────────────────────────────────────────────────────────────


@final
@frozen(repr=False)
class EmailChanged(_Event):
    """The address was changed; while awaiting activation, a new one was sent to it (E4)."""

    email: EmailAddress = field(kw_only=True, validator=is_a(EmailAddress))
    activation: Activation | None = field(kw_only=True, validator=is_a_or_none(Activation))


@final
@frozen(repr=False)
class ContactDetailsChanged(_Event):
    """The contact details were changed (D1)."""

    contact: ContactDetails = field(kw_only=True, validator=is_a(ContactDetails))


@final
@frozen(repr=False)
class BusinessNameChanged(_Event):
    """The business name was changed (D2)."""

    business_name: str = field(kw_only=True, validator=is_text())


Event = (
    ClientAdded
    | ClientImported
    | CustomerRegistered
    | PayerChosen
    | Subscribed
    | ServiceAdded
    | ServiceRemoved
    | AccessGiven
    | ActivationResent
    | EmailChanged
    | AccessWithdrawn
    | Activated
    | AccessDisabled
    | AccessEnabled
    | ManagementStopped
    | DirectDebitProvided
    | ClientClosed
    | ClientReopened
    | ClientTransferred
    | ClientDeleted
    | PracticeInvited
    | PracticeInvitationWithdrawn
    | PracticeInvitationAccepted
    | PracticeInvitationDeclined
    | ContactDetailsChanged
    | BusinessNameChanged
)
"""Any of the events: a union of final classes."""

EVENTS: dict[str, type[Event]] = {
    "client_added": ClientAdded,
    "client_imported": ClientImported,
    "customer_registered": CustomerRegistered,
    "payer_chosen": PayerChosen,
    "subscribed": Subscribed,
    "service_added": ServiceAdded,
    "service_removed": ServiceRemoved,
    "access_given": AccessGiven,
    "activation_resent": ActivationResent,
    "email_changed": EmailChanged,
    "access_withdrawn": AccessWithdrawn,
    "activated": Activated,
    "access_disabled": AccessDisabled,
    "access_enabled": AccessEnabled,
    "management_stopped": ManagementStopped,
    "direct_debit_provided": DirectDebitProvided,
    "client_closed": ClientClosed,
    "client_reopened": ClientReopened,
    "client_transferred": ClientTransferred,
    "client_deleted": ClientDeleted,
    "practice_invited": PracticeInvited,
    "practice_invitation_withdrawn": PracticeInvitationWithdrawn,
    "practice_invitation_accepted": PracticeInvitationAccepted,
    "practice_invitation_declined": PracticeInvitationDeclined,
    "contact_details_changed": ContactDetailsChanged,
    "business_name_changed": BusinessNameChanged,
}
"""Every event by its stable name, in the order of the commands of rules §8."""

EVENT_NAMES: dict[type[Event], str] = {event: name for name, event in EVENTS.items()}
"""The stable name of each event."""
