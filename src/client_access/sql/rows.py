"""Clients, events, notices and outcomes as rows of the tables, and back.

Every function that reads a row raises :class:`~client_access.CorruptRecord` if this library cannot
have written it.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any
from uuid import UUID

from client_access.change import Change
from client_access.client import Client, invoice_payer
from client_access.errors import CorruptRecord
from client_access.events import Event
from client_access.machines.payer import Payer
from client_access.notices import Notice
from client_access.questions.deadlines import deadlines_of
from client_access.questions.lists import Key, StoredRow
from client_access.sql.tables import to_microseconds, to_moment
from client_access.values import fold
from client_access.wire import (
    decode,
    dump,
    encode,
    load_client,
    load_command,
    load_event,
    load_notice,
)

_log = logging.getLogger(__name__)

Row = dict[str, object]
"""Values by column, or by the names of a statement's parameters."""

# ── Written ──────────────────────────────────────────────────────────────────────────────────────


def of_client(client: Client) -> Row:
    """Return the row of a client, without its id."""
    return {
        **keys_of(client),
        "version": client.version,
        "erasures": client.erasures,
        "services": json.dumps([s.code for s in client.services]) if client.services else "[]",
        "data": encode(client),
    }


def keys_of(client: Client) -> Row:
    """Return that part of a client's row by which it is found. Only these columns have indexes."""
    listing, deadline = client.listing, _deadline_of(client)
    return {
        "email_key": client.email_key,
        "practice_id": listing and listing.practice_id,
        "client_list": listing and listing.client_list.value,
        "folded_name": listing and listing.folded_name,
        "searched": listing and listing.searched,
        "managed_by": client.practice_id,
        "deadline": None if deadline is None else to_microseconds(deadline),
        "invoiced_to": client.practice_id if invoice_payer(client) is Payer.PRACTICE else None,
    }


def of_event(change: Change) -> Row:
    """Return the row of a change's event."""
    assert change.event is not None  # the protocol says so
    return {
        "client_id": change.after.id,
        "version": change.event.version,
        "event_data": encode(change.event),
    }


def of_notices(change: Change) -> Iterator[Row]:
    """Yield the rows of a change's notices."""
    assert change.event is not None  # the protocol says so
    made_at = to_microseconds(change.event.at)
    for position, notice in enumerate(change.notices):
        yield {
            "id": notice.id,
            "client_id": change.after.id,
            "version": change.event.version,
            "position": position,
            "made_at": made_at,
            "due": made_at,
            "parked": False,
            "attempts": 0,
            "lease": None,
            "data": encode(notice),
        }


def of_outcome(command_id: str, change: Change, until: datetime) -> Row:
    """Return the row of a remembered change."""
    return {
        "command_id": command_id,
        "client_id": change.after.id,
        "until": to_microseconds(until),
        "data": encode_change(change),
    }


def encode_change(change: Change) -> str:
    """Return a change as one text.

    All of it is kept, so that recalling it costs the same however long the client's history is.
    """
    record = {
        "command": dump(change.command),
        "before": change.before and dump(change.before),
        "event": change.event and dump(change.event),
        "after": dump(change.after),
        "notices": [dump(notice) for notice in change.notices],
    }
    return json.dumps(record, ensure_ascii=False)


# ── Read ─────────────────────────────────────────────────────────────────────────────────────────


@contextmanager
def naming(client_id: UUID) -> Iterator[None]:
    """Add a client's id to a :class:`~client_access.CorruptRecord`."""
    try:
        yield
    except CorruptRecord as problem:
        raise CorruptRecord(problem.reason, client_id) from None


def to_client(row: Any) -> Client:
    """Return the client of a row."""
    client_id, version, data = row
    with naming(client_id):
        client = load_client(decode(data))
        if (client.id, client.version) != (client_id, version):
            raise CorruptRecord("a client's data and its row do not belong together")
    return client


def in_list(row: Any) -> Client | StoredRow[str]:
    """Return what `page` returns for a row of a client with its folded name."""
    *whole, name = row
    if not isinstance(name, str):
        raise CorruptRecord("its folded name is not a text", whole[0])
    return _found_at(name, whole, lambda client: fold(client.business_name))


def by_deadline(row: Any) -> Client | StoredRow[datetime]:
    """Return what `with_deadlines` returns for a row of a client with its deadline."""
    *whole, deadline = row
    return _found_at(to_moment(deadline), whole, _deadline_of)


def _found_at(
    key: Key, whole: Sequence[Any], key_of: Callable[[Client], Key | None]
) -> Client | StoredRow[Key]:
    """Return the client of a row that was found by a key, or both if the client has another key."""
    place = key, whole[0]
    try:
        client = to_client(whole)
    except CorruptRecord as problem:
        _log.error("A record cannot be read: %s", problem)
        return StoredRow(place, None)
    return client if key_of(client) == key else StoredRow(place, client)


def _deadline_of(client: Client) -> datetime | None:
    return next((deadline.at for deadline in deadlines_of(client)), None)


def to_notice(notice_id: UUID, data: str) -> Notice:
    """Return the notice of a row."""
    notice = load_notice(decode(data))
    if notice.id != notice_id:
        raise CorruptRecord("a notice's data and its row do not belong together")
    return notice


def to_event(client_id: UUID, version: int, data: str) -> Event:
    """Return the event of a row of a client's history."""
    with naming(client_id):
        event = load_event(decode(data))
        if (event.client_id, event.version) != (client_id, version):
            raise CorruptRecord("an event's data and its row do not belong together")
    return event


def to_change(client_id: UUID, data: str) -> Change:
    """Return the change of a row of an outcome."""
    with naming(client_id):
        match decode(data):
            case {
                "command": command,
                "before": before,
                "event": event,
                "after": after,
                "notices": list(notices),
            }:
                change = Change(
                    load_command(command),
                    None if before is None else load_client(before),
                    None if event is None else load_event(event),
                    load_client(after),
                    tuple(load_notice(notice) for notice in notices),
                )
            case _:
                raise CorruptRecord("a remembered change lacks one of its parts")
        if change.after.id != client_id:
            raise CorruptRecord("a remembered change and its row do not belong together")
    return change


def to_codes(data: str) -> list[str]:
    """Return the codes of a client's services."""
    codes = decode(data)
    if not isinstance(codes, list) or not all(isinstance(code, str) for code in codes):
        raise CorruptRecord("the services of a client are not a list of codes")
    return codes
