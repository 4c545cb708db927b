"""Strategies for commands: any valid ones, and those that a client's state accepts."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import datetime
from typing import Any, TypeAlias, final
from uuid import UUID, uuid5

from attrs import frozen
from hypothesis import strategies as st

from client_access import commands as cmd
from client_access.chapters.rules import Case
from client_access.client import Client
from client_access.commands import COMMANDS, Command
from client_access.deciding import RULES
from client_access.machines.lifecycle import Status
from client_access.machines.payer import Payer
from client_access.testing.examples import CATALOGUE, NORTH, SOUTH
from client_access.testing.strategies.values import (
    Draw,
    actors,
    choose,
    choose_services,
    contact_pool,
    email_addresses,
    name_pool,
    setup_pool,
)
from client_access.values import (
    DEFAULT_POLICY,
    Actor,
    ClientKind,
    ClientUser,
    PlatformUser,
    Policy,
    PracticeUser,
    ServiceSetup,
    SignIn,
)
from client_access.values.catalogue import Catalogue, Service
from client_access.values.email_address import EmailAddress

PRACTICES = (NORTH.practice_id, SOUTH.practice_id)
EVERY_COMMAND: tuple[type[Command], ...] = tuple(COMMANDS.values())
CREATING: tuple[type[Command], ...] = (cmd.AddClient, cmd.ImportClient, cmd.RegisterCustomer)

_ROWS = {rules.command: rules for rules in RULES}

Emails: TypeAlias = st.SearchStrategy[EmailAddress]

Given: TypeAlias = tuple[type[Command], Actor]
"""A kind of command, and who gives it."""


def commands(
    *,
    client: Client | None = None,
    client_id: UUID | None = None,
    kinds: Collection[type[Command]] = EVERY_COMMAND,
    by: st.SearchStrategy[Actor] | None = None,
    catalogue: Catalogue = CATALOGUE,
    emails: Emails | None = None,
    practices: Collection[str] = PRACTICES,
) -> st.SearchStrategy[Command]:
    """Return valid commands, whether or not they are accepted.

    Parameters:
        client: the client that they are about; they often name what it has.
        client_id: the client that they are about, if it does not exist yet; any id by default.
        kinds: the kinds of command.
        by: the actors; a practice, the client or the platform by default.
        catalogue: the services that they often name.
        emails: the addresses in them.
        practices: the practices that give commands, are invited, or get a transferred client.
    """
    ways = Ways(catalogue, _or_any(emails), tuple(practices), client)
    wanted = [kind for kind in EVERY_COMMAND if kind in kinds]
    return _commands(ways, client.id if client else client_id, wanted, by)


@st.composite
def _commands(
    draw: st.DrawFn,
    ways: Ways,
    client_id: UUID | None,
    kinds: list[type[Command]],
    by: st.SearchStrategy[Actor] | None,
) -> Command:
    return any_command(draw, ways, client_id, kinds, by)


def any_command(
    draw: Draw,
    ways: Ways,
    client_id: UUID | None,
    kinds: Sequence[type[Command]] = EVERY_COMMAND,
    by: st.SearchStrategy[Actor] | None = None,
) -> Command:
    """Draw a valid command, whether or not it is accepted."""
    kind = choose(draw, kinds)
    about: UUID = draw(IDS) if client_id is None else client_id
    own = ways.client and ways.client.practice_id
    practices = ways.practices if own is None else (*ways.practices, own)
    who: Actor = draw(actors(about, practices=practices) if by is None else by)
    return kind(about, who, **_ANY_FIELDS[kind](draw, ways))


def accepted_commands(
    client: Client,
    *,
    at: datetime,
    kinds: Collection[type[Command]] = EVERY_COMMAND,
    catalogue: Catalogue = CATALOGUE,
    policy: Policy = DEFAULT_POLICY,
    emails: Emails | None = None,
    practices: Collection[str] = PRACTICES,
) -> st.SearchStrategy[Command]:
    """Return commands that a client accepts, if the addresses in them are free.

    The strategy is empty for a deleted client, and if the client accepts none of `kinds`.

    Parameters:
        client: the client that they are about.
        at: when they are handled.
        kinds: the kinds of command.
        catalogue: the services on offer; at least one.
        policy: the platform's policy.
        emails: the addresses in them.
        practices: the practices that are invited, or get a transferred client.
    """
    ways = Ways(catalogue, _or_any(emails), tuple(practices), client)
    found = accepted_kinds(ways, at=at, policy=policy, kinds=kinds)
    return _accepted(ways, client.id, found) if found else st.nothing()


def creating_commands(
    *,
    client_id: UUID,
    kinds: Collection[type[Command]] = CREATING,
    catalogue: Catalogue = CATALOGUE,
    emails: Emails | None = None,
    practices: Collection[str] = PRACTICES,
) -> st.SearchStrategy[Command]:
    """Return commands that create a client, accepted if its id and its address are free."""
    ways = Ways(catalogue, _or_any(emails), tuple(practices), None)
    return _accepted(ways, client_id, creating_kinds(ways, kinds))


@st.composite
def _accepted(draw: st.DrawFn, ways: Ways, client_id: UUID, found: Sequence[Given]) -> Command:
    return accepted_command(draw, ways, client_id, found)


def accepted_command(draw: Draw, ways: Ways, client_id: UUID, found: Sequence[Given]) -> Command:
    """Draw a command of one of the kinds found, with fields that are accepted."""
    kind, by = choose(draw, found)
    fields = _ACCEPTED_FIELDS.get(kind) or _ANY_FIELDS[kind]
    return kind(client_id, by, **fields(draw, ways))


def accepted_kinds(
    ways: Ways, *, at: datetime, policy: Policy, kinds: Collection[type[Command]] = EVERY_COMMAND
) -> list[Given]:
    """Return the kinds of command that the client accepts, each with an actor that may give it.

    They are those of `actions_of`, but no refusal is made for the others: that takes longer than
    everything else that is drawn.
    """
    client = ways.about
    return [
        (kind, by)
        for by in _everybody(client)
        for kind in EVERY_COMMAND
        if kind in kinds
        if client.status in _statuses(kind, by) and ways.lead_to(kind)
        if _ROWS[kind].refusal_of_state(Case(client, by, at, ways.catalogue, policy, None)) is None
    ]


def _statuses(kind: type[Command], by: Actor) -> frozenset[Status]:
    statuses = _ROWS[kind].by.get(type(by))
    return statuses if isinstance(statuses, frozenset) else frozenset()


def creating_kinds(ways: Ways, kinds: Collection[type[Command]] = CREATING) -> list[Given]:
    """Return the kinds of command that create a client, each with an actor that may give it."""
    return [
        (kind, by) for kind in CREATING if kind in kinds for by in _creators(kind, ways.practices)
    ]


def _creators(kind: type[Command], practices: tuple[str, ...]) -> tuple[Actor, ...]:
    if kind is cmd.RegisterCustomer:
        return (PlatformUser(),)
    return tuple(PracticeUser(practice_id) for practice_id in practices)


def _or_any(emails: Emails | None) -> Emails:
    # A strategy is always true, so `or` does not work.
    return email_addresses() if emails is None else emails


def _everybody(client: Client) -> Iterator[Actor]:
    """Yield an actor of each kind that may act on a client."""
    invitation = client.practice_invitation
    for practice_id in (client.practice_id, invitation and invitation.practice_id):
        if practice_id is not None:
            yield PracticeUser(practice_id)
    yield ClientUser(client.id)
    yield PlatformUser()


# ── Fields ───────────────────────────────────────────────────────────────────────────────────────


@final
@frozen
class Ways:
    """What the fields of a command are drawn from."""

    catalogue: Catalogue
    emails: st.SearchStrategy[EmailAddress]
    practices: tuple[str, ...]
    client: Client | None

    @property
    def about(self) -> Client:
        """The client of a command that does not create one."""
        assert self.client is not None  # its callers see to it
        return self.client

    @property
    def codes(self) -> list[str]:
        """Codes of services that the client holds or could hold, and one that it cannot."""
        held = [service.code for service in self.client.services] if self.client else []
        return [*held, *(service.code for service in self.catalogue.services), "teapot"]

    @property
    def offered(self) -> list[Service]:
        """The services on offer."""
        return [service for service in self.catalogue.services if service.offered]

    @property
    def addable(self) -> list[Service]:
        """The services that can be added to the client."""
        return [service for service in self.offered if not self.about.holds(service.code)]

    def lead_to(self, kind: type[Command]) -> bool:
        """Return whether a command that the client's state allows has any valid fields."""
        return kind is not cmd.RemoveService or bool(self.about.services)

    def new_activation_id(self) -> UUID:
        """Return an unused activation id; a version of the client sends one activation at most."""
        return uuid5(self.about.id, f"activation {self.about.version}")


Fields: TypeAlias = Callable[[Draw, Ways], dict[str, Any]]
"""Draws the fields of a command, besides the client and the actor."""

_PAYERS = tuple(Payer)
_SIGN_INS = tuple(SignIn)
_KINDS = tuple(ClientKind)
_CHANCE = st.booleans()
IDS = st.integers(0, 2**128 - 1).map(lambda number: UUID(int=number))
_FEW = st.integers(0, 3)


def _maybe_setup(draw: Draw) -> ServiceSetup | None:
    return setup_pool().draw(draw) if draw(_CHANCE) else None


def _selection(draw: Draw, ways: Ways) -> dict[str, Any]:
    codes = dict.fromkeys(choose(draw, ways.codes) for _ in range(draw(_FEW)))
    return {code: _maybe_setup(draw) for code in codes}


def _code(draw: Draw, ways: Ways) -> dict[str, Any]:
    return {"service": choose(draw, ways.codes)}


def _activation_id(draw: Draw, ways: Ways) -> dict[str, Any]:
    pending = ways.client and ways.client.activation
    known = pending is not None and draw(_CHANCE)
    return {"activation_id": pending.id if pending and known else draw(IDS)}


def _details(draw: Draw) -> dict[str, Any]:
    return {
        "business_name": name_pool().draw(draw),
        "kind": choose(draw, _KINDS),
        "contact": contact_pool().draw(draw),
    }


def _new_client(draw: Draw, ways: Ways) -> dict[str, Any]:
    email = draw(ways.emails) if draw(_CHANCE) else None
    return {**_details(draw), "email": email, "payer": choose(draw, (None, *_PAYERS))}


def _registered(draw: Draw, ways: Ways) -> dict[str, Any]:
    return {**_details(draw), "email": draw(ways.emails), "services": _selection(draw, ways)}


def _any_subscription(draw: Draw, ways: Ways) -> dict[str, Any]:
    return {
        "payer": choose(draw, _PAYERS),
        "sign_in": choose(draw, _SIGN_INS),
        "services": _selection(draw, ways),
        **_activation_id(draw, ways),
    }


def _any_access(draw: Draw, ways: Ways) -> dict[str, Any]:
    email = draw(ways.emails)
    again = email if draw(_CHANCE) else draw(ways.emails)
    return {"email": email, "confirm_email": again, **_activation_id(draw, ways)}


def _practice(draw: Draw, ways: Ways) -> dict[str, Any]:
    return {"practice_id": choose(draw, ways.practices)}


_ANY_FIELDS: dict[type[Command], Fields] = {
    **dict.fromkeys(EVERY_COMMAND, lambda *_: {}),
    cmd.AddClient: _new_client,
    cmd.ImportClient: _new_client,
    cmd.RegisterCustomer: _registered,
    cmd.ChoosePayer: lambda draw, _: {"payer": choose(draw, _PAYERS)},
    cmd.Subscribe: _any_subscription,
    cmd.AddService: lambda draw, ways: {**_code(draw, ways), "setup": _maybe_setup(draw)},
    cmd.RemoveService: _code,
    cmd.GiveAccess: _any_access,
    cmd.ChangeEmail: lambda draw, ways: {
        "email": draw(ways.emails),
        **_activation_id(draw, ways),
    },
    cmd.Activate: _activation_id,
    cmd.InvitePractice: _practice,
    cmd.TransferClient: _practice,
    cmd.ChangeContactDetails: lambda draw, _: {"contact": contact_pool().draw(draw)},
    cmd.ChangeBusinessName: lambda draw, _: {"business_name": name_pool().draw(draw)},
}


def _subscribed(draw: Draw, ways: Ways) -> dict[str, Any]:
    """A client that cannot sign in cannot pay (P1); without an address it cannot sign in."""
    together = ways.about.email.is_mailable and draw(_CHANCE)
    return {
        "payer": choose(draw, _PAYERS) if together else Payer.PRACTICE,
        "sign_in": SignIn.PRACTICE_AND_CLIENT if together else SignIn.PRACTICE_ONLY,
        "services": choose_services(draw, ways.offered),
        "activation_id": ways.new_activation_id(),
    }


def _added_service(draw: Draw, ways: Ways) -> dict[str, Any]:
    service = choose(draw, ways.addable)
    setup = setup_pool().draw(draw) if service.needs_setup else None
    return {"service": service.code, "setup": setup}


def _removed_service(draw: Draw, ways: Ways) -> dict[str, Any]:
    return {"service": choose(draw, ways.about.services).code}


def _access(draw: Draw, ways: Ways) -> dict[str, Any]:
    email = draw(ways.emails)
    return {
        "email": email,
        "confirm_email": email,
        "activation_id": ways.new_activation_id(),
    }


_ACCEPTED_FIELDS: dict[type[Command], Fields] = {
    cmd.RegisterCustomer: lambda draw, ways: {
        **_details(draw),
        "email": draw(ways.emails),
        "services": choose_services(draw, ways.offered),
    },
    cmd.Subscribe: _subscribed,
    cmd.AddService: _added_service,
    cmd.RemoveService: _removed_service,
    cmd.GiveAccess: _access,
    cmd.ChangeEmail: lambda draw, ways: {
        "email": draw(ways.emails),
        "activation_id": ways.new_activation_id(),
    },
    cmd.Activate: lambda _, ways: {
        "activation_id": ways.about.activation and ways.about.activation.id
    },
}
