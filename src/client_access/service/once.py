"""Commands with an id of their own, which are handled once.

The repository remembers the outcome under the id. Given again, the id returns that outcome.
"""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import attrs

from client_access.change import Change
from client_access.commands import ChangeEmail, Command, GiveAccess, Subscribe
from client_access.errors import InvalidValue
from client_access.repository.erasing import erase_command
from client_access.service.unit import check_command
from client_access.values.validation import to_text

REMEMBER_FOR = timedelta(days=7)
"""How long an outcome is remembered by default."""

LONGEST_MEMORY = timedelta(days=10_000)

NO_MEMORY = "is given, but the repository does not remember commands"

_COMMAND_ID_LENGTH = 200
_DRAWS_AN_ID = (Subscribe, GiveAccess, ChangeEmail)


def to_command_id(command_id: str | UUID) -> str:
    """Return a command's own id as text.

    Raises:
        InvalidValue: it is malformed.
    """
    given = str(command_id) if isinstance(command_id, UUID) else command_id
    return to_text("command_id", given, _COMMAND_ID_LENGTH)


def recalled(change: Change, command: Command) -> Change:
    """Return the outcome that was remembered, if it is the outcome of the same command.

    Two commands are the same if all their fields are equal. The id of an activation may differ,
    because each command draws a new one.

    Raises:
        InvalidValue: the command is malformed, or the id was given to another command.
    """
    check_command(command)
    first, again = change.command, command
    if isinstance(first, _DRAWS_AN_ID) and isinstance(again, _DRAWS_AN_ID):
        again = attrs.evolve(again, activation_id=first.activation_id)
    # If the person was erased since, the remembered command was erased too.
    if first not in (again, erase_command(again)):
        raise InvalidValue("command_id", "was given to another command")
    return change
