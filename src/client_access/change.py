"""What an accepted command does: the one thing that a repository saves."""

from __future__ import annotations

from typing import final

from attrs import field, frozen

from client_access.client import Client
from client_access.commands import Command
from client_access.events import Event
from client_access.notices import Notice


def _kind(value: Command | Event | None) -> str:
    """Return what a command or an event is, without the personal details that it may hold."""
    return "None" if value is None else type(value).__name__


@final
@frozen
class Change:
    """What an accepted command does to a client.

    Parameters:
        command: what was asked.
        before: the client as it was; None where the command creates it.
        event: what happened; None where nothing changes.
        after: the client as it is then, always what the event makes of `before`.
        notices: what to tell whom (rules §9); the caller delivers them.
    """

    command: Command = field(repr=_kind)
    before: Client | None = field(repr=False)
    event: Event | None = field(repr=_kind)
    after: Client = field(repr=False)
    notices: tuple[Notice, ...] = field(default=(), repr=False)
