"""Erasing a person: what was said about somebody goes, what happened stays (rule L5).

Erased events replay to an erased client, so nothing but the events need be erased.
"""

from __future__ import annotations

from typing import Any, TypeVar
from uuid import UUID

from attrs import evolve, fields_dict

from client_access.client import ERASED_NAME
from client_access.events import Event
from client_access.notices import Notice, ToAddress
from client_access.values import (
    ClientUser,
    ContactDetails,
    EmailAddress,
    HeldService,
    ServiceSetup,
)

E = TypeVar("E", bound=Event)


def erase_event(event: E) -> E:
    """Return an event without the name, contact details, address and VAT number that it holds."""
    changes: dict[str, Any] = {}
    if isinstance(event.by, ClientUser):
        changes["by"] = ClientUser(event.by.client_id)
    for name in fields_dict(type(event)):
        value = getattr(event, name)
        erased = _erase(event.client_id, name, value)
        if erased is not value:
            changes[name] = erased
    return evolve(event, **changes) if changes else event


def erase_notice(notice: Notice) -> Notice | None:
    """Return a notice without the client's name, or None where only the person could have it."""
    if isinstance(notice.recipient, ToAddress):
        return None
    changes: dict[str, Any] = {"business_name": ERASED_NAME}
    for name in ("before", "after"):
        if lines := getattr(notice, name, ()):
            changes[name] = tuple(evolve(line, business_name=ERASED_NAME) for line in lines)
    return evolve(notice, **changes)


def _erase(client_id: UUID, name: str, value: object) -> object:
    match value:
        case str() if name == "business_name":
            return ERASED_NAME
        case ContactDetails():
            return ContactDetails()
        case EmailAddress():
            return EmailAddress.erased(client_id)
        case HeldService():
            return _erase_setup(value)
        case tuple() if name == "services":
            return tuple(_erase_setup(held) for held in value)
        case _:
            return value


def _erase_setup(held: HeldService) -> HeldService:
    if held.setup is None:
        return held
    return HeldService(held.code, ServiceSetup(held.setup.vat_scheme))
