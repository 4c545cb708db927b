"""Clients, events, notices and outcomes as rows of the tables, and back.

Every function that reads a row raises :class:`~client_access.CorruptRecord` if this library cannot
have written it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from client_access.change import Change
from client_access.client import Client, invoice_payer
from client_access.deciding import replay
from client_access.errors import CorruptRecord
from client_access.events import Event
from client_access.machines.payer import Payer
from client_access.notices import Notice
from client_access.questions.deadlines import deadlines_of
from client_access.sql.tables import to_microseconds
from client_access.wire import (
    decode,
    dump,
    encode,
    load_client,
    load_command,
    load_event,
    load_notice,
)

Row = dict[str, object]
"""Values by column, or by the names of a statement's parameters."""

# ── Written ──────────────────────────────────────────────────────────────────────────────────────


def of_client(client: Client) -> Row:
    """Return the row of a client, without its id."""
    listing = client.listing
    return {
        "version": client.version,
        "erasures": client.erasures,
        "email_key": client.email_key,
        "practice_id": listing and listing.practice_id,
        "client_list": listing and listing.client_list.value,
        "folded_name": listing and listing.folded_name,
        "searched": listing and listing.searched,
        "managed_by": client.practice_id,
        "deadline": next((to_microseconds(one.at) for one in deadlines_of(client)), None),
        "invoiced_to": client.practice_id if invoice_payer(client) is Payer.PRACTICE else None,
        "services": json.dumps([s.code for s in client.services]) if client.services else "[]",
        "data": encode(client),
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
    """Return the row of a remembered change. The rest of the change is in its client's history."""
    return {
        "command_id": command_id,
        "command": encode(change.command),
        "client_id": change.after.id,
        "version": change.after.version,
        "changed": change.event is not None,
        "notices": encode_notices(change.notices),
        "until": to_microseconds(until),
    }


# ── Read ─────────────────────────────────────────────────────────────────────────────────────────


def to_client(row: Any) -> Client:
    """Return the client of a row."""
    client_id, version, data = row
    client = load_client(decode(data))
    if (client.id, client.version) != (client_id, version):
        raise CorruptRecord("a client's data and its row do not belong together")
    return client


def to_notice(notice_id: UUID, data: str) -> Notice:
    """Return the notice of a row."""
    notice = load_notice(decode(data))
    if notice.id != notice_id:
        raise CorruptRecord("a notice's data and its row do not belong together")
    return notice


def to_event(client_id: UUID, version: int, data: str) -> Event:
    """Return the event of a row of a client's history."""
    event = load_event(decode(data))
    if (event.client_id, event.version) != (client_id, version):
        raise CorruptRecord("an event's data and its row do not belong together")
    return event


def to_change(rows: Sequence[Any]) -> Change:
    """Return a remembered change.

    Parameters:
        rows: the outcome beside each of its client's events up to it; at least one.
    """
    command, version, changed, notices, _ = rows[0]
    asked = load_command(decode(command))
    events = [load_event(decode(row[-1])) for row in rows]
    after = replay(events)
    if after.version != version or asked.client_id != after.id:
        raise CorruptRecord("a remembered command and its client's history do not belong together")
    if not changed:
        return Change(asked, after, None, after)
    before = replay(events[:-1]) if len(events) > 1 else None
    return Change(asked, before, events[-1], after, decode_notices(notices))


def encode_notices(notices: Iterable[Notice]) -> str:
    """Return notices as one text."""
    return json.dumps([dump(notice) for notice in notices], ensure_ascii=False)


def decode_notices(data: str) -> tuple[Notice, ...]:
    """Return the notices of a text."""
    records = decode(data)
    if not isinstance(records, list):
        raise CorruptRecord("the notices of a remembered change are not a list")
    return tuple(load_notice(record) for record in records)


def to_codes(data: str) -> list[str]:
    """Return the codes of a client's services."""
    codes = decode(data)
    if not isinstance(codes, list) or not all(isinstance(code, str) for code in codes):
        raise CorruptRecord("the services of a client are not a list of codes")
    return codes
