"""One unit of work: everything is loaded first, then decided, then saved at once.

This module holds what happens between loading and saving. It does no I/O, so the sync and the async
service share it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TypeVar, final
from uuid import UUID

from attrs import frozen

from client_access.change import Change
from client_access.client import Client
from client_access.commands import COMMAND_NAMES, Command, email_of
from client_access.deciding import decide
from client_access.refusals import CommandRefused
from client_access.values import Policy
from client_access.values.catalogue import Catalogue
from client_access.values.validation import check_type, wrong_type

Outcomes = TypeVar("Outcomes", bound="Sequence[Change | CommandRefused]")


@final
@frozen
class Needs:
    """What must be loaded to decide on commands.

    Parameters:
        client_ids: the clients that the commands name.
        email_keys: the addresses that the commands give to clients.
        many: whether there are several commands.
    """

    client_ids: tuple[UUID, ...]
    email_keys: tuple[str, ...]
    many: bool

    @classmethod
    def of(cls, commands: Sequence[Command]) -> Needs:
        """Return what the commands need.

        Raises:
            InvalidValue: one of them is not a command.
        """
        for command in commands:
            check_command(command)
        emails = [email_of(command) for command in commands]
        return cls(
            tuple(dict.fromkeys([command.client_id for command in commands])),
            tuple(dict.fromkeys([email.key for email in emails if email is not None])),
            len(commands) > 1,
        )


@final
class Unit:
    """The loaded clients, and what decisions have made of them since.

    Each command sees what the commands before it leave.

    Parameters:
        clients: the needed clients that are stored, by id.
        owners: the ids of the clients that have the needed addresses, by `email_key`.
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
        """Decide on the next command.

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
        return tuple([self.decide(command) for command in commands])

    def decide_each(self, commands: Sequence[Command]) -> tuple[Change | CommandRefused, ...]:
        """Decide on commands in order; a refused command does not stop those after it."""
        outcomes: list[Change | CommandRefused] = []
        for command in commands:
            try:
                outcomes.append(self.decide(command))
            except CommandRefused as refused:
                outcomes.append(refused)
        return tuple(outcomes)


def loaded(client: Client) -> Client:
    """Return a client that a repository has returned.

    Raises:
        InvalidValue: the repository has returned something else.
    """
    check_type("client", client, Client)
    return client


def to_save(outcomes: Sequence[Change | CommandRefused]) -> list[Change]:
    """Return the changes to save: those that have an event."""
    return [
        outcome for outcome in outcomes if isinstance(outcome, Change) and outcome.event is not None
    ]


def check_command(command: object) -> None:
    """Raise :class:`InvalidValue` unless `command` is a command."""
    if type(command) not in COMMAND_NAMES:
        raise wrong_type("command", "a command", command, "write AddClient(…), for example")
