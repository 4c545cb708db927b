"""The change that an accepted command makes: what a repository saves."""

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
    """The change that an accepted command makes to a client.

    Parameters:
        command: the command.
        before: the client before it; None if the command creates the client.
        event: what happened; None if nothing changes.
        after: the client after it, which is always `evolve(before, event)`.
        notices: who is told what (rules §9); the caller delivers them.
    """

    command: Command = field(repr=_kind)
    before: Client | None = field(repr=False)
    event: Event | None = field(repr=_kind)
    after: Client = field(repr=False)
    notices: tuple[Notice, ...] = field(default=(), repr=False)

    def follows(self, stored: Client | None) -> bool:
        """Return whether the stored client is the one that the change was decided on.

        If not, a repository raises :class:`~client_access.StaleClient`. The version
        shows whether another change was first, and the number of erasures whether the person was
        erased since.

        Parameters:
            stored: the client that is stored under the id of `after`, or None.
        """
        before = self.before
        if stored is None or before is None:
            return stored is before
        return (stored.version, stored.erasures) == (before.version, before.erasures)
