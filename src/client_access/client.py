"""The client: a value whose fields always go together as the rules say."""

from __future__ import annotations

from itertools import product
from typing import Required, TypedDict, Unpack, final
from uuid import UUID

from attrs import Attribute, field, frozen

from client_access.errors import InvalidValue
from client_access.machines.lifecycle import ACTIVATED, MANAGED, Status
from client_access.machines.payer import LOCKED, OPEN, Payer, PayerState
from client_access.values import (
    PRACTICE_ID_LENGTH,
    Activation,
    ClientKind,
    ClientList,
    ContactDetails,
    DirectDebit,
    HeldService,
    PracticeInvitation,
    Source,
    fold,
)
from client_access.values.catalogue import Catalogue, InvoiceLine
from client_access.values.email_address import EmailAddress
from client_access.values.validation import (
    NAME_LENGTH,
    check_type,
    is_a,
    is_a_or_none,
    is_count,
    is_tally,
    is_text,
    is_text_or_none,
    is_tuple_of,
    keep,
    trusted,
    writable,
)

ERASED_NAME = "(erased)"
"""Replaces a name that was erased."""


@final
@frozen
class Listing:
    """A client's place in a practice's lists: what an adapter stores to answer `page` (C1).

    Parameters:
        practice_id: the practice that has the list: it manages the client, or is invited by it.
        client_list: which of the four lists.
        folded_name: the business name in the form by which clients are ordered (C2).
        searched: the text in which a search is looked for: the name and the address, folded; not
            the address of a client that has only invited the practice (C2).
    """

    practice_id: str
    client_list: ClientList
    folded_name: str
    searched: str


@frozen
class _Limits:
    """What every client in one status has, whatever happened before."""

    payers: frozenset[PayerState]
    sources: frozenset[Source]
    established: frozenset[bool]
    placeholders: frozenset[bool]  # whether its address is a placeholder


_BY_PRACTICE = frozenset({Source.ADDED, Source.IMPORTED})
_ANY_SOURCE = frozenset(Source)
_PRACTICE_LOCKED = frozenset({PayerState.PRACTICE_LOCKED})
_CLIENT_LOCKED = frozenset({PayerState.CLIENT_LOCKED})
_NO, _YES, _EITHER = frozenset({False}), frozenset({True}), frozenset({False, True})

_LIMITS = {
    Status.INACTIVE: _Limits(OPEN, _BY_PRACTICE, _NO, _EITHER),
    Status.PRACTICE_ONLY: _Limits(_PRACTICE_LOCKED, _BY_PRACTICE, _YES, _EITHER),
    Status.AWAITING_ACTIVATION: _Limits(LOCKED, _BY_PRACTICE, _EITHER, _NO),
    Status.BOTH_ACCESS: _Limits(LOCKED, _ANY_SOURCE, _YES, _NO),
    Status.DISABLED: _Limits(_PRACTICE_LOCKED, _BY_PRACTICE, _YES, _NO),
    Status.UNMANAGED: _Limits(_CLIENT_LOCKED, _ANY_SOURCE, _EITHER, _NO),
    Status.CLOSED: _Limits(_PRACTICE_LOCKED, _BY_PRACTICE, _YES, _YES),
    Status.DELETED: _Limits(frozenset(PayerState), _BY_PRACTICE, _EITHER, _YES),
}


def _is_name(instance: object, attribute: Attribute[str], value: str) -> None:
    """Accept a name; an empty one too, which only a deleted client has."""
    if keep(instance, attribute, value, str) != "":
        _NAME(instance, attribute, value)


def _are_services(
    instance: object, attribute: Attribute[tuple[HeldService, ...]], value: tuple[HeldService, ...]
) -> None:
    """Accept services in the order of their codes, each code once."""
    _SERVICES(instance, attribute, value)
    _check_services(getattr(instance, attribute.name))  # made plain


def _check_services(services: tuple[HeldService, ...]) -> None:
    codes = [service.code for service in services]
    if codes != sorted(set(codes)):
        raise InvalidValue("services", "must be ordered by code, each code once")


_NAME = is_text(NAME_LENGTH)
_SERVICES = is_tuple_of(HeldService)


@final
@frozen(kw_only=True)
class Client:
    """A business or an individual whose books are kept on the platform.

    Clients come from :func:`~client_access.decide`, :func:`~client_access.evolve` and storage. The
    constructor checks each field, and that the fields go together.

    Parameters:
        id: the client's id, never used again after the client is deleted (L5).
        version: the number of its events.
        kind: business or individual.
        business_name: at most 200 characters; empty once deleted.
        contact: the contact details.
        email: its address, or the placeholder made from its id (E2).
        source: how the client came to its present practice.
        status: its status in the lifecycle (§2).
        payer_state: who pays, and whether that is locked (§3).
        services: the services that it holds, by code.
        practice_id: the practice that manages it; None while unmanaged and once deleted.
        activation: the pending activation while awaiting activation (E6).
        practice_invitation: the pending invitation to a practice, only while unmanaged.
        established: whether it has ever been `practice_only` or `both_access` (L5).
        direct_debit: direct debit details that were asked for and not given yet (P6).
        direct_debit_given: whether it has given direct debit details (P6).
        erasures: how often personal details were erased from it (L5).

    Raises:
        InvalidValue: a field is malformed, or does not go with the others.
    """

    id: UUID = field(validator=is_a(UUID))
    version: int = field(validator=is_count)
    kind: ClientKind = field(validator=is_a(ClientKind))
    business_name: str = field(validator=_is_name)
    contact: ContactDetails = field(validator=is_a(ContactDetails))
    email: EmailAddress = field(validator=is_a(EmailAddress))
    source: Source = field(validator=is_a(Source))
    status: Status = field(validator=is_a(Status))
    payer_state: PayerState = field(validator=is_a(PayerState))
    services: tuple[HeldService, ...] = field(default=(), validator=_are_services)
    practice_id: str | None = field(default=None, validator=is_text_or_none(PRACTICE_ID_LENGTH))
    activation: Activation | None = field(default=None, validator=is_a_or_none(Activation))
    practice_invitation: PracticeInvitation | None = field(
        default=None, validator=is_a_or_none(PracticeInvitation)
    )
    established: bool = field(default=False, validator=is_a(bool))
    direct_debit: DirectDebit | None = field(default=None, validator=is_a_or_none(DirectDebit))
    direct_debit_given: bool = field(default=False, validator=is_a(bool))
    erasures: int = field(default=0, validator=is_tally)

    def __attrs_post_init__(self) -> None:
        _check_shape(self)

    def __repr__(self) -> str:
        """Return where the client is, and nothing about the person."""
        return f"<Client {self.id} version={self.version} status={self.status.value}>"

    @property
    def email_key(self) -> str:
        """The form of the address that is unique among clients (E1)."""
        return self.email.key

    @property
    def label(self) -> str:
        """The words that the product shows for the status (§2)."""
        return self.status.label

    @property
    def payer(self) -> Payer | None:
        """Who pays, or None while undecided."""
        return self.payer_state.payer

    @property
    def payer_locked(self) -> bool:
        """Whether who pays can no longer be chosen (P2)."""
        return self.payer_state.locked

    @property
    def activated(self) -> bool:
        """Whether the client has used its activation, or signed up by itself (L2)."""
        return self.status in ACTIVATED

    @property
    def managed(self) -> bool:
        """Whether a practice manages the client (§8)."""
        return self.status in MANAGED

    @property
    def listing(self) -> Listing | None:
        """The client's place in the lists of its practice, or None (C1)."""
        client_list = _list_of(self)
        if client_list is None:
            return None
        invitation = self.practice_invitation
        practice_id = invitation.practice_id if invitation else self.practice_id
        assert practice_id is not None  # _check_shape: listed clients are managed or invite
        name = fold(self.business_name)
        searched = name
        if self.managed and self.email.is_mailable:
            searched = f"{name}\n{fold(self.email.address)}"  # no search contains a line feed
        return Listing(practice_id, client_list, name, searched)

    def holds(self, code: str) -> bool:
        """Return whether the client holds the service with this code."""
        return code in [service.code for service in self.services]


def _list_of(client: Client) -> ClientList | None:
    match client.status:
        case Status.PRACTICE_ONLY | Status.BOTH_ACCESS | Status.DISABLED:
            return ClientList.ACTIVE
        case Status.AWAITING_ACTIVATION:
            return ClientList.ACTIVE if client.established else ClientList.INACTIVE
        case Status.INACTIVE:
            imported = client.source is Source.IMPORTED
            return ClientList.IMPORTED if imported else ClientList.INACTIVE
        case Status.UNMANAGED if client.practice_invitation is not None:
            return ClientList.INACTIVE
        case Status.CLOSED:
            return ClientList.CLOSED
        case _:
            return None


def _check_shape(client: Client) -> None:
    """Raise :class:`InvalidValue` if the fields do not go together."""
    if field_name := _misfit(client):
        raise InvalidValue(field_name, f"does not go with the status {client.status.value}")


def _misfit(client: Client) -> str | None:
    """Return the first field that does not go with the others, or None."""
    shape = _SHAPES[client.status, client.payer_state, client.source, client.established]
    if isinstance(shape, str):
        return shape
    if (client.practice_id is None) is shape.managed:
        return "practice_id"
    if (client.activation is None) is shape.awaiting:
        return "activation"
    if client.practice_invitation is not None and not shape.unmanaged:
        return "practice_invitation"
    if client.services and not shape.subscribed:
        return "services"
    if (client.business_name == "") is not shape.deleted:
        return "business_name"
    if shape.deleted and client.contact != ContactDetails():
        return "contact"
    if client.email.is_mailable:
        if not shape.mailable:
            return "email"
    elif client.email == EmailAddress.placeholder(client.id):
        if not shape.placeholder:
            return "email"
    elif client.email != EmailAddress.erased(client.id) or not shape.mailable:
        return "email"
    # Direct debit details are owed by an activated client that pays for a service, until it gives
    # them. A registered customer has given them (P6).
    given = client.direct_debit_given
    if (given and not shape.pays_itself) or (shape.registered and not given):
        return "direct_debit_given"
    owes = shape.pays_itself and bool(client.services) and not given
    if (client.direct_debit is not None) is not owes:
        return "direct_debit"
    return None


@frozen
class _Shape:
    """What goes with a status, a payer, a source, and whether the client was established."""

    managed: bool
    awaiting: bool  # has a pending activation
    unmanaged: bool  # may invite a practice
    subscribed: bool  # may hold services
    deleted: bool
    mailable: bool  # may have an address, or one that was erased
    placeholder: bool  # may have no address
    pays_itself: bool  # may owe direct debit details, or have given them
    registered: bool  # signed up alone, and so has given them


def _shape_of(
    status: Status, payer_state: PayerState, source: Source, established: bool
) -> _Shape | str:
    """Return the shape of a client, or the first of these four that does not go with the others."""
    limits = _LIMITS[status]
    if payer_state not in limits.payers:
        return "payer_state"
    if source not in limits.sources:
        return "source"
    if established not in limits.established:
        return "established"
    # A customer that invited its practice keeps paying for itself (P5).
    if source is Source.CUSTOMER and payer_state is not PayerState.CLIENT_LOCKED:
        return "payer_state"
    # Only a registered customer is unmanaged without having been established (L2). An established
    # client awaits its activation only because access was given later, and is deleted only once it
    # is closed (L5). In both cases its practice pays.
    unmanaged = status is Status.UNMANAGED
    if unmanaged and not established and source is not Source.CUSTOMER:
        return "source"
    practice_pays = payer_state is PayerState.PRACTICE_LOCKED
    if established and status in (Status.AWAITING_ACTIVATION, Status.DELETED) and not practice_pays:
        return "payer_state"
    return _Shape(
        managed=status in MANAGED,
        awaiting=status is Status.AWAITING_ACTIVATION,
        unmanaged=unmanaged,
        subscribed=payer_state in LOCKED and status not in (Status.CLOSED, Status.DELETED),
        deleted=status is Status.DELETED,
        mailable=False in limits.placeholders,
        placeholder=True in limits.placeholders,
        pays_itself=payer_state is PayerState.CLIENT_LOCKED and status in ACTIVATED,
        registered=unmanaged and not established,
    )


_SHAPES = {
    combination: _shape_of(*combination)
    for combination in product(Status, PayerState, Source, (False, True))
}


# ── What changes ─────────────────────────────────────────────────────────────────────────────────


class _Changes(TypedDict, total=False):
    version: Required[int]
    business_name: str
    contact: ContactDetails
    email: EmailAddress
    source: Source
    status: Status
    payer_state: PayerState
    services: tuple[HeldService, ...]
    practice_id: str | None
    activation: Activation | None
    practice_invitation: PracticeInvitation | None
    established: bool
    direct_debit: DirectDebit | None
    direct_debit_given: bool


_Draft = writable(Client)


def with_changes(client: Client, **changes: Unpack[_Changes]) -> Client:
    """Return the client with the given fields changed, which come from a validated event.

    Only how the fields go together is checked. `attrs.evolve` would validate each of them again,
    which would take half the time of a decision.

    Raises:
        InvalidValue: the fields do not go together.
    """
    draft = object.__new__(_Draft)
    # A loop over the fields takes twice as long.
    draft.id = client.id
    draft.version = client.version
    draft.kind = client.kind
    draft.business_name = client.business_name
    draft.contact = client.contact
    draft.email = client.email
    draft.source = client.source
    draft.status = client.status
    draft.payer_state = client.payer_state
    draft.services = client.services
    draft.practice_id = client.practice_id
    draft.activation = client.activation
    draft.practice_invitation = client.practice_invitation
    draft.established = client.established
    draft.direct_debit = client.direct_debit
    draft.direct_debit_given = client.direct_debit_given
    draft.erasures = client.erasures
    for name, value in changes.items():
        setattr(draft, name, value)
    draft.__class__ = Client
    changed: Client = draft
    if "services" in changes:
        _check_services(changed.services)
    _check_shape(changed)
    return changed


# ── What follows from a client alone ─────────────────────────────────────────────────────────────


def invoice_payer(client: Client) -> Payer | None:
    """Return who is invoiced for a client's services now, or None if nobody is (S6)."""
    if client.status is Status.DELETED:
        return None
    if client.payer_state is PayerState.PRACTICE_LOCKED:
        return Payer.PRACTICE
    if client.payer_state is PayerState.CLIENT_LOCKED and client.status in ACTIVATED:
        return Payer.CLIENT
    return None


def monthly_lines(client: Client, catalogue: Catalogue) -> tuple[InvoiceLine, ...]:
    """Return a client's lines on the next monthly invoice of its payer (S6).

    There are none before the payer is locked, and none before activation if the client pays.

    Raises:
        CatalogueIncomplete: the catalogue lacks a service that the client holds (S4).
    """
    check_type("client", client, Client)
    check_type("catalogue", catalogue, Catalogue)
    return () if invoice_payer(client) is None else lines_of(client, catalogue)


def lines_of(client: Client, catalogue: Catalogue) -> tuple[InvoiceLine, ...]:
    """Return a client's lines. The caller has checked that there is a payer.

    Raises:
        CatalogueIncomplete: the catalogue lacks a service that the client holds (S4).
    """
    services = [catalogue.held(held.code) for held in client.services]
    return tuple(
        [
            trusted(
                InvoiceLine,
                client.id,
                client.business_name,
                service.code,
                service.name,
                service.monthly_price,
            )
            for service in services
        ]
    )


def mailto(client: Client) -> str | None:
    """Return a `mailto:` link to a client's address (RFC 6068), or None if it has no address.

    A character that could end the address, add a recipient or start a header is percent-encoded.
    """
    check_type("client", client, Client)
    if not client.email.is_mailable:
        return None
    from urllib.parse import quote  # noqa: PLC0415  # few need it, and it loads ipaddress

    local, _, domain = client.email.address.rpartition("@")
    return f"mailto:{quote(local, safe='')}@{quote(domain, safe='')}"
