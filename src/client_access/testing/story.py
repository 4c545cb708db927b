"""Commands and what came of them, one line each, as failing tests print them.

The values of this library hide personal data. What a test makes up may be shown.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from enum import Enum
from typing import cast
from uuid import UUID

from attrs import AttrsInstance, fields

from client_access.change import Change
from client_access.commands import Command
from client_access.values import Actor, ClientUser, HeldService, PracticeUser
from client_access.values.email_address import EmailAddress


def command_line(command: Command) -> str:
    """Return a command as one line: its kind, its actor, and its fields, but not those left out."""
    said = [
        f"{each.name}={short(value)}"
        for each in fields(type(command))
        if each.name not in ("client_id", "by")
        and (value := getattr(command, each.name)) not in (None, each.default)
    ]
    return ", ".join([f"{type(command).__name__} by {_actor(command.by)}", *said])


def outcome(change: Change) -> str:
    """Return what came of a command: the status, and the notices."""
    if change.event is None:
        return "nothing changes"
    return ", ".join(
        [change.after.status.value, *(type(notice).__name__ for notice in change.notices)]
    )


def life_lines(changes: Iterable[Change]) -> Iterator[str]:
    """Yield the changes of a client, one line each."""
    for number, change in enumerate(changes, 1):
        at = "" if change.event is None else f"{_time(change.event.at)} "
        yield f"{number}. {at}{command_line(change.command)} -> {outcome(change)}"


def short(value: object) -> str:
    """Return a value as text, without the names of its classes and the end of its ids."""
    match value:
        case Enum():
            return str(value.value)
        case UUID():
            return f"{value.hex[:8]}..." if value.int >> 96 else str(value.int)
        case EmailAddress():
            return repr(value.address)
        case HeldService():
            return value.code if value.setup is None else f"{value.code}: {short(value.setup)}"
        case tuple() | list():
            return f"[{', '.join(short(each) for each in value)}]"
        case _ if hasattr(type(value), "__attrs_attrs__"):
            kind = cast("type[AttrsInstance]", type(value))
            held = ((each.name, getattr(value, each.name)) for each in fields(kind))
            said = ", ".join(f"{name}={short(part)}" for name, part in held if part)
            return f"{kind.__name__}({said})"
        case _:
            return repr(value)


def _actor(by: Actor) -> str:
    match by:
        case PracticeUser():
            return f"practice {by.practice_id}"
        case ClientUser():
            return "the client"
        case _:
            return "the platform"


def _time(at: datetime) -> str:
    return at.replace(tzinfo=None).isoformat(" ")
