"""The pure core: a command and a client go in, and a change or a refusal comes out.

It has no clock, no randomness and no storage: everything that a decision looks at is an argument.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any, final
from uuid import UUID

from attrs import frozen

from client_access.change import Change
from client_access.chapters import (
    access,
    activation,
    adding,
    closing,
    details,
    invitations,
    managing,
    subscriptions,
)
from client_access.chapters.rules import UNKNOWN_CLIENT, Case, CommandRules, is_known
from client_access.client import Client
from client_access.commands import Command, email_of
from client_access.errors import CorruptRecord, InvalidValue
from client_access.events import Event
from client_access.refusals import CommandRefused, Refusal
from client_access.values import DEFAULT_POLICY, Actor, Policy, check_actor, to_utc
from client_access.values.catalogue import Catalogue
from client_access.values.validation import (
    check_id,
    not_a,
    to_tuple,
    trusted,
    wrong_type,
)

# A row fits only its own command and event; the look-up below ensures that.
RULES: tuple[CommandRules[Any, Any], ...] = (
    adding.ADD,
    adding.IMPORT,
    adding.REGISTER,
    subscriptions.CHOOSE_PAYER,
    subscriptions.SUBSCRIBE,
    subscriptions.ADD_SERVICE,
    subscriptions.REMOVE_SERVICE,
    activation.GIVE_ACCESS,
    activation.RESEND,
    details.CHANGE_EMAIL,
    access.WITHDRAW,
    activation.ACTIVATE,
    access.DISABLE,
    access.ENABLE,
    managing.STOP,
    managing.DIRECT_DEBIT,
    closing.CLOSE,
    closing.REOPEN,
    managing.TRANSFER,
    closing.DELETE,
    invitations.INVITE,
    invitations.WITHDRAW,
    invitations.ACCEPT,
    invitations.DECLINE,
    details.CHANGE_CONTACT,
    details.CHANGE_NAME,
)
"""The rows of rules §8, in their order."""

_BY_COMMAND = {rules.command: rules for rules in RULES}
_BY_EVENT = {rules.event: rules for rules in RULES}


def decide(
    client: Client | None,
    command: Command,
    *,
    at: datetime,
    catalogue: Catalogue,
    policy: Policy = DEFAULT_POLICY,
    email_owner: UUID | None = None,
) -> Change:
    """Decide on a command: return the change, or raise the refusal (rules §8).

    Parameters:
        client: the client that the command names; None if its id was never used.
        command: what is asked.
        at: now, with a time zone.
        catalogue: the services that are on offer or still held.
        policy: what the platform has chosen.
        email_owner: the client that has the command's address, or None (E1).

    Raises:
        CommandRefused: a rule refuses the command; nothing has changed.
        InvalidValue: an argument is malformed, or does not fit the catalogue or the client
            (S1, S4, E6).
    """
    rules = _BY_COMMAND.get(type(command))
    if rules is None:
        raise wrong_type("command", "a command", command, "write AddClient(…), for example")
    if client is not None:
        if not isinstance(client, Client):
            raise not_a("client", Client, client)
        if not client.id == command.client_id:
            raise InvalidValue("client", "is not the client that the command names")
    if email_owner is not None:
        check_id("email_owner", email_owner)
    email = email_of(command)
    if email is not None and email.is_erased:
        raise InvalidValue("email", "was erased, so the command cannot be decided again")
    case = _case(client, command.by, at, catalogue, policy, email_owner)

    if refusal := rules.refusal(case, command):
        raise CommandRefused(command, refusal)
    event = rules.decide(case, command)
    if event is None:
        return Change(command, client, None, case.client)
    after = evolve(client, event)
    return trusted(Change, command, client, event, after, rules.notices(case, event, after))


def evolve(client: Client | None, event: Event) -> Client:
    """Return the client after an event.

    No guard is asked, because the event has happened. The machines still walk their tables, and the
    client still checks its fields.

    Parameters:
        client: the client before the event; None before its first.
        event: what happened.

    Raises:
        CorruptRecord: the event cannot follow in a history that this library wrote.
        InvalidValue: an argument is of the wrong type.
    """
    rules = _BY_EVENT.get(type(event))
    if rules is None:
        raise wrong_type("event", "an event", event, "pass change.event")
    if client is None:
        follows = rules.creates and event.version == 1
    elif not isinstance(client, Client):
        raise not_a("client", Client, client)
    else:
        follows = (
            client.status in rules.statuses
            and event.client_id == client.id
            and event.version == client.version + 1
        )
    if not follows:
        raise CorruptRecord(f"{type(event).__name__} cannot follow in this client's history")
    try:
        return rules.evolve(client, event)  # type: ignore[arg-type]  # it takes None if it creates
    except InvalidValue as problem:
        raise CorruptRecord(f"{type(event).__name__} leaves an invalid client: {problem}") from None


def replay(events: Iterable[Event]) -> Client:
    """Return the client that results from its events.

    Raises:
        CorruptRecord: there are none, or they are not a history that this library wrote.
        InvalidValue: one of them is not an event.
    """
    client = None
    for event in to_tuple("events", events):
        client = evolve(client, event)
    if client is None:
        raise CorruptRecord("a history is empty: look first whether the client exists")
    return client


def as_of(events: Iterable[Event], at: datetime) -> Client | None:
    """Return the client as it was at a moment, or None if it did not exist yet.

    Parameters:
        events: its whole history, in order.
        at: the moment, with a time zone; events of that very moment are included.

    Raises:
        CorruptRecord: they are not a history that this library wrote.
        InvalidValue: the moment has no time zone, or one of the events is not an event.
    """
    at = to_utc("at", at)
    client = None
    for event in to_tuple("events", events):
        after = evolve(client, event)
        if event.at > at:
            break
        client = after
    return client


@final
@frozen
class Actions:
    """What an actor can do with a client now, and why it cannot do the rest.

    Parameters:
        allowed: the commands that no check refuses before their own fields are read.
        refused: every other command, with the reason and the ways out.
    """

    allowed: frozenset[type[Command]]
    _refused: tuple[tuple[type[Command], Refusal], ...]

    @property
    def refused(self) -> Mapping[type[Command], Refusal]:
        """Every other command, with the reason and the ways out."""
        return MappingProxyType(dict(self._refused))


def actions_of(
    client: Client | None,
    by: Actor,
    *,
    at: datetime,
    catalogue: Catalogue,
    policy: Policy = DEFAULT_POLICY,
) -> Actions:
    """Return which commands an actor could give for a client now: the buttons to show.

    The checks are those of :func:`decide`, except those that read a command's own fields. If the
    client is not the actor's, every command is refused as if it did not exist (C3).

    Parameters:
        client: the client, or None.
        by: who would give the commands.
        at: now, with a time zone.
        catalogue: the services on offer.
        policy: what the platform has chosen.

    Raises:
        InvalidValue: an argument is malformed.
    """
    if client is not None and not isinstance(client, Client):
        raise not_a("client", Client, client)
    check_actor(by)
    case = _case(client, by, at, catalogue, policy)
    if not is_known(client, by):
        return Actions(frozenset(), tuple([(rules.command, UNKNOWN_CLIENT) for rules in RULES]))
    allowed, refused = [], []
    for rules in RULES:
        if (refusal := rules.refusal_of_state(case)) is None:
            allowed.append(rules.command)
        else:
            refused.append((rules.command, refusal))
    return Actions(frozenset(allowed), tuple(refused))


def _case(
    client: Client | None,
    by: Actor,
    at: datetime,
    catalogue: Catalogue,
    policy: Policy,
    email_owner: UUID | None = None,
) -> Case:
    if not isinstance(catalogue, Catalogue):
        raise not_a("catalogue", Catalogue, catalogue)
    if not isinstance(policy, Policy):
        raise not_a("policy", Policy, policy)
    return Case(client, by, to_utc("at", at), catalogue, policy, email_owner)
