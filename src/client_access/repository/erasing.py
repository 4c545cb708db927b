"""Erasing a person: what is known about the person goes, what happened stays (rules L5, E7).

Erased events replay to the erased client. An adapter may therefore erase a long history in batches,
and the client without its history.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, TypeVar
from uuid import UUID

import attrs
from attrs import fields_dict

from client_access.change import Change
from client_access.client import ERASED_NAME, Client
from client_access.commands import Command
from client_access.errors import CorruptRecord
from client_access.events import ClientAdded, ClientImported, CustomerRegistered, Event
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

    Raises:
        CorruptRecord: the first event is missing.
    """
    erased = [erase_event(event) for event in events]
    if erased == list(events):
        return tuple(events)
    return (count_erasure(erased[0]), *erased[1:])


def count_erasure(first: Event) -> Event:
    """Return the first event of a history with one more erasure.

    Raises:
        CorruptRecord: it is not a first event.
    """
    if not isinstance(first, ClientAdded | ClientImported | CustomerRegistered):
        raise CorruptRecord("the first event of a client's history is missing")
    return attrs.evolve(first, erasures=first.erasures + 1)


def erase_event(event: Said) -> Said:
    """Return an event without its name, contact details, address and VAT number."""
    return _without_person(event)


def erase_command(command: Said) -> Said:
    """Return a command without its name, contact details, address and VAT number."""
    return _without_person(command)


def erase_client(client: Client, *, erasures: int | None = None) -> Client:
    """Return the client to which its erased history replays.

    Parameters:
        client: the client, as it is or as it was.
        erasures: how often its history was erased, with this time. An adapter that keeps no events
            leaves it out: it is one more then, if anything in the client is about a person.
    """
    email = client.email
    erased = attrs.evolve(
        client,
        business_name=client.business_name and ERASED_NAME,  # a deleted client has no name
        contact=ContactDetails(),
        email=email if email.is_placeholder else EmailAddress.erased(client.id),
        services=_erase_services(client.services),
    )
    if erasures is None:
        erasures = client.erasures + (erased != client)
    return attrs.evolve(erased, erasures=erasures)


def erase_change(change: Change, *, erasures: int) -> Change:
    """Return a remembered change without the person.

    Parameters:
        change: the change.
        erasures: how often the history of its client was erased, with this time.
    """
    before, event = change.before, change.event
    if event is not None:
        event = erase_event(event)
        if isinstance(event, ClientAdded | ClientImported | CustomerRegistered):
            event = attrs.evolve(event, erasures=erasures)
    notices = (erase_notice(notice) for notice in change.notices)
    return Change(
        erase_command(change.command),
        before and erase_client(before, erasures=erasures),
        event,
        erase_client(change.after, erasures=erasures),
        tuple(notice for notice in notices if notice is not None),
    )


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
            return _erase_services(value)
        case _:
            return value


def _erase_services(services: Iterable[HeldService]) -> tuple[HeldService, ...]:
    return tuple(HeldService(held.code, _erase_setup(held.setup)) for held in services)


def _erase_setup(setup: ServiceSetup | None) -> ServiceSetup | None:
    return None if setup is None else ServiceSetup(setup.vat_scheme)
