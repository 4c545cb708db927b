"""Erasing a person: what is known about the person goes, what happened stays (rule L5).

Erased events replay to an erased client, so only the events need be erased.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar
from uuid import UUID

import attrs
from attrs import fields_dict

from client_access.client import ERASED_NAME
from client_access.commands import Command
from client_access.events import Event
from client_access.notices import Notice, ToAddress
from client_access.values import ClientUser, ContactDetails, HeldService, ServiceSetup
from client_access.values.email_address import EmailAddress

Said = TypeVar("Said", bound=Event | Command)


def erase_history(events: Sequence[Event]) -> tuple[Event, ...]:
    """Return a client's events without the person; the first event counts the erasures.

    The count lets `save` refuse a change that was decided before the erasure. If nothing in the
    events is about a person, they are returned unchanged.

    Parameters:
        events: the whole history, in order.
    """
    erased = [erase_event(event) for event in events]
    if erased == list(events):
        return tuple(events)
    first: Any = erased[0]
    return (attrs.evolve(first, erasures=first.erasures + 1), *erased[1:])


def erase_event(event: Said) -> Said:
    """Return an event without its name, contact details, address and VAT number."""
    return _without_person(event)


def erase_command(command: Said) -> Said:
    """Return a command without its name, contact details, address and VAT number."""
    return _without_person(command)


def erase_notice(notice: Notice) -> Notice | None:
    """Return a notice without the client's name; None if it goes to the person's address."""
    if isinstance(notice.recipient, ToAddress):
        return None
    changes: dict[str, Any] = {"business_name": ERASED_NAME}
    for name in ("before", "after"):
        if lines := getattr(notice, name, ()):
            changes[name] = tuple(attrs.evolve(line, business_name=ERASED_NAME) for line in lines)
    return attrs.evolve(notice, **changes)


def _without_person(said: Said) -> Said:
    changes: dict[str, Any] = {}
    for name in fields_dict(type(said)):
        value = getattr(said, name)
        erased = _erase(said.client_id, name, value)
        if erased != value:
            changes[name] = erased
    return attrs.evolve(said, **changes) if changes else said


def _erase(client_id: UUID, name: str, value: object) -> object:
    match value:
        case str() if name == "business_name":
            return ERASED_NAME
        case ClientUser():
            return ClientUser(value.client_id)
        case ContactDetails():
            return ContactDetails()
        case EmailAddress():
            return EmailAddress.erased(client_id)
        case HeldService():
            return HeldService(value.code, _erase_setup(value.setup))
        case ServiceSetup():
            return _erase_setup(value)
        case tuple() if name == "services":
            return tuple(HeldService(held.code, _erase_setup(held.setup)) for held in value)
        case _:
            return value


def _erase_setup(setup: ServiceSetup | None) -> ServiceSetup | None:
    return None if setup is None else ServiceSetup(setup.vat_scheme)
