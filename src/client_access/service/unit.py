"""One unit of work: everything is loaded first, then decided, then saved at once.

What lies between loading and saving is here and does no I/O, so that the sync and the async service
are straight lines without a rule of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TypeVar, final
from uuid import UUID

from attrs import evolve, frozen

from client_access.change import Change
from client_access.chapters.rules import UNKNOWN_CLIENT, is_invited, is_known
from client_access.client import Client
from client_access.commands import (
    COMMAND_NAMES,
    ChangeEmail,
    Command,
    GiveAccess,
    Subscribe,
    email_of,
)
from client_access.deciding import decide
from client_access.errors import EmailTaken, InvalidValue, StaleClient
from client_access.refusals import CommandRefused
from client_access.repository import HostTransaction
from client_access.repository.erasing import erase_command
from client_access.values import Actor, Policy, check_actor
from client_access.values.catalogue import Catalogue
from client_access.values.validation import check_callable, check_type, to_text

ATTEMPTS = 10
"""How often a unit of work is decided on before a conflict with other writers is told."""

BATCH = 500
"""How many clients are asked for at once where all of them are gone through."""

REMEMBER_FOR = timedelta(days=7)
"""How long an outcome is remembered by its command's id, unless the caller says otherwise."""

LONGEST_MEMORY = timedelta(days=10_000)

COMMAND_ID_LENGTH = 200

_DRAWS_AN_ID = (Subscribe, GiveAccess, ChangeEmail)

Outcomes = TypeVar("Outcomes", bound="Sequence[Change | CommandRefused]")


def utc_now() -> datetime:
    """Return the present time in UTC."""
    return datetime.now(UTC)


@final
@frozen
class Needs:
    """What must be loaded to decide on commands: clients by id, and who has which address."""

    client_ids: tuple[UUID, ...]
    email_keys: tuple[str, ...]

    @classmethod
    def of(cls, commands: Sequence[Command]) -> Needs:
        """Return what commands need.

        Raises:
            InvalidValue: something among them is no command.
        """
        for command in commands:
            check_command(command)
        emails = (email_of(command) for command in commands)
        return cls(
            tuple(dict.fromkeys(command.client_id for command in commands)),
            tuple(dict.fromkeys(email.key for email in emails if email is not None)),
        )


@final
class Unit:
    """Clients as loaded and as decided on since, so that each command sees those before it.

    Parameters:
        clients: the stored clients among those needed, by id.
        owners: who has which of the needed addresses, by `email_key`.
        at: now, for the whole unit.
        catalogue, policy: as for :func:`~client_access.decide`.
    """

    def __init__(
        self,
        clients: Mapping[UUID, Client],
        owners: Mapping[str, UUID],
        *,
        at: datetime,
        catalogue: Catalogue,
        policy: Policy,
    ) -> None:
        self._clients = dict(clients)
        self._owners = dict(owners)
        self._at = at
        self._catalogue = catalogue
        self._policy = policy

    def decide(self, command: Command) -> Change:
        """Decide on a command after those before it.

        Raises:
            CommandRefused, InvalidValue: as :func:`~client_access.decide`; the unit is unchanged.
        """
        email = email_of(command)
        change = decide(
            self._clients.get(command.client_id),
            command,
            at=self._at,
            catalogue=self._catalogue,
            policy=self._policy,
            email_owner=None if email is None else self._owners.get(email.key),
        )
        if change.before is not None and change.before.email_key != change.after.email_key:
            self._owners.pop(change.before.email_key, None)
        self._owners[change.after.email_key] = change.after.id
        self._clients[change.after.id] = change.after
        return change

    def decide_all(self, commands: Sequence[Command]) -> tuple[Change, ...]:
        """Decide on commands in order, up to the first refusal, which is raised."""
        return tuple(self.decide(command) for command in commands)

    def decide_each(self, commands: Sequence[Command]) -> tuple[Change | CommandRefused, ...]:
        """Decide on commands in order; a refused one is left out, and the next decided on."""
        outcomes: list[Change | CommandRefused] = []
        for command in commands:
            try:
                outcomes.append(self.decide(command))
            except CommandRefused as refused:
                outcomes.append(refused)
        return tuple(outcomes)


def to_save(outcomes: Sequence[Change | CommandRefused]) -> list[Change]:
    """Return what a repository is given: the changes that have an event."""
    return [
        outcome for outcome in outcomes if isinstance(outcome, Change) and outcome.event is not None
    ]


@final
class Attempts:
    """How often one unit of work may still be decided on anew, after a conflict."""

    def __init__(self, repository: object) -> None:
        within = isinstance(repository, HostTransaction) and repository.in_host_transaction
        self._allowed = 1 if within else ATTEMPTS
        self._made = 0

    def failed(self, conflict: StaleClient | EmailTaken) -> None:
        """Count an attempt that another writer spoilt.

        Raises:
            StaleClient, EmailTaken: it was the last; only a host repeats its own transaction.
        """
        self._made += 1
        if self._made >= self._allowed:
            conflict.add_note(f"Decided {self._made} times; another writer was first each time.")
            raise conflict


def check_command(command: object) -> None:
    """Raise :class:`InvalidValue` for what is no command."""
    if type(command) not in COMMAND_NAMES:
        raise InvalidValue("command", f"must be a command, not a {type(command).__name__}")


def recalled(change: Change, command: Command) -> Change:
    """Return what a command was answered with when its id was first given.

    It is the same command where everything in it is the same, but for the id of an activation, for
    which a new one may have been drawn.

    Raises:
        InvalidValue: it is no command, or the id was given to another one.
    """
    check_command(command)
    asked, again = change.command, command
    if isinstance(asked, _DRAWS_AN_ID) and isinstance(again, _DRAWS_AN_ID):
        again = evolve(again, activation_id=asked.activation_id)
    # Of a person erased since, what was asked is erased too.
    if asked not in (again, erase_command(again)):
        raise InvalidValue("command_id", "was given to another command")
    return change


def to_command_id(command_id: str | UUID, *, remembers: bool) -> str:
    """Return a command's own id as a repository is given it.

    Raises:
        InvalidValue: it is malformed, or the repository remembers none.
    """
    given = str(command_id) if isinstance(command_id, UUID) else command_id
    text = to_text("command_id", given, COMMAND_ID_LENGTH)
    if not remembers:
        raise InvalidValue("command_id", "is given, but the repository remembers no commands")
    return text


def readable(client: Client | None, by: Actor) -> Client:
    """Return a client if the actor may read it.

    Raises:
        CommandRefused: `unknown_client`: it is not the actor's, or a practice is merely invited.
        InvalidValue: `by` is no actor.
    """
    check_actor(by)
    if client is None or not is_known(client, by) or is_invited(client, by):
        raise CommandRefused(None, UNKNOWN_CLIENT)
    return client


def check_settings(catalogue: Catalogue, policy: Policy, clock: Callable[[], datetime]) -> None:
    """Raise :class:`InvalidValue` where a service is given settings of the wrong kind."""
    check_type("catalogue", catalogue, Catalogue)
    check_type("policy", policy, Policy)
    check_callable("clock", clock)
