"""Commands with an id of their own, which are handled once.

The repository remembers the outcome under the id. Given again, the id returns that outcome.
"""

from __future__ import annotations

from datetime import timedelta
from typing import assert_never
from uuid import UUID

import attrs

from client_access.change import Change
from client_access.commands import ChangeEmail, Command, GiveAccess, Subscribe
from client_access.errors import InvalidValue
from client_access.repository.erasing import erase_command
from client_access.service.unit import check_command
from client_access.values import Actor, ClientUser, PlatformUser, PracticeUser
from client_access.values.validation import to_text

REMEMBER_FOR = timedelta(days=7)
"""How long an outcome is remembered by default."""

LONGEST_MEMORY = timedelta(days=10_000)

NO_MEMORY = "needs a repository with the methods of CommandMemory"

_COMMAND_ID_LENGTH = 200
_DRAWS_AN_ID = (Subscribe, GiveAccess, ChangeEmail)


def to_command_id(command_id: str | UUID, command: Command) -> str:
    """Return the id under which a repository remembers a command.

    Each practice, each client and the platform have ids of their own, so that one can neither meet
    nor discover those of another. The id is a digest, which is short whatever it is made of.

    Parameters:
        command_id: the id that the caller gave.
        command: the command; who gives it is a part of the id.

    Raises:
        InvalidValue: the id is malformed, or it is not a command.
    """
    given = str(command_id) if isinstance(command_id, UUID) else command_id
    own_id = to_text("command_id", given, _COMMAND_ID_LENGTH)
    check_command(command)
    from hashlib import sha256  # noqa: PLC0415  # it loads OpenSSL, which takes long

    # None of the parts contains a line break.
    return sha256("\n".join((*_asker(command.by), own_id)).encode()).hexdigest()


def _asker(by: Actor) -> tuple[str, str]:
    match by:
        case PracticeUser():
            return "practice", by.practice_id
        case ClientUser():
            return "client", str(by.client_id)
        case PlatformUser():
            return "platform", ""
        case _:
            assert_never(by)


def recalled(change: Change, command: Command) -> Change:
    """Return the outcome that was remembered, if it is the outcome of the same command.

    Two commands are the same if all their fields are equal. The id of an activation may differ,
    because each command draws a new one.

    Raises:
        InvalidValue: the id was given to another command.
    """
    first, again = change.command, command
    if isinstance(first, _DRAWS_AN_ID) and isinstance(again, _DRAWS_AN_ID):
        again = attrs.evolve(again, activation_id=first.activation_id)
    # If the person was erased since, the remembered command was erased too.
    if first not in (again, erase_command(again)):
        raise InvalidValue("command_id", "was given to another command: each needs one of its own")
    return change
