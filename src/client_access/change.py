"""The change that an accepted command makes: what a repository saves."""

from __future__ import annotations

from typing import final

from attrs import frozen

from client_access.client import Client
from client_access.commands import Command
from client_access.events import Event
from client_access.notices import Notice


@final
@frozen
class Change:
    """The change that an accepted command makes to a client.

    Parameters:
        command: the command.
        before: the client before it; None if the command creates the client.
        event: what happened; None if nothing changes.
        after: the client after it, which is always `evolve(before, event)`.
        notices: what to tell whom (rules §9); the caller delivers them.
    """

    command: Command
    before: Client | None
    event: Event | None
    after: Client
    notices: tuple[Notice, ...] = ()
