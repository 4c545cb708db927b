"""Clients, events, notices and outcomes as rows of the tables, and back."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, final
from uuid import UUID

from sqlalchemy import Dialect

from client_access.change import Change
from client_access.client import Client, invoice_payer
from client_access.deciding import replay
from client_access.errors import CorruptRecord
from client_access.events import Event
from client_access.machines.payer import Payer
from client_access.notices import Notice
from client_access.sql.statements import Row
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


@final
class Rows:
    """Rows as a database is given them, and what those that it returns stand for.

    Whatever reads one raises :class:`~client_access.CorruptRecord` where it is none of this
    library's.
    """

    def __init__(self, dialect: Dialect) -> None:
        self._sqlite = dialect.name == "sqlite"

    # ── Written ──────────────────────────────────────────────────────────────────────────────────

    def key(self, value: UUID) -> object:
        """Return an id."""
        return value.hex if self._sqlite else value

    def keys(self, values: Sequence[object]) -> object:
        """Return many keys as one value."""
        return json.dumps(values) if self._sqlite else values

    def of_client(self, before: Client | None, after: Client) -> Row:
        """Return the row of a client, and what its row must be now."""
        listing = after.listing
        key = self.key(after.id)
        return {
            "key": key,
            "version_before": before and before.version,
            "erasures_before": before and before.erasures,
            "id": key,
            "version": after.version,
            "erasures": after.erasures,
            "email_key": after.email_key,
            "practice_id": listing and listing.practice_id,
            "client_list": listing and listing.client_list.value,
            "folded_name": listing and listing.folded_name,
            "invoiced_to": after.practice_id if invoice_payer(after) is Payer.PRACTICE else None,
            "services": json.dumps([s.code for s in after.services]) if after.services else "[]",
            "data": encode(after),
        }

    def of_event(self, change: Change) -> Row:
        """Return the row of a change's event."""
        assert change.event is not None  # the protocol says so
        return {
            "client_id": self.key(change.after.id),
            "version": change.event.version,
            "data": encode(change.event),
        }

    def of_notices(self, change: Change) -> Iterator[Row]:
        """Yield the rows of a change's notices."""
        assert change.event is not None  # the protocol says so
        made_at = to_microseconds(change.event.at)
        for position, notice in enumerate(change.notices):
            yield {
                "id": self.key(notice.id),
                "client_id": self.key(change.after.id),
                "version": change.event.version,
                "position": position,
                "made_at": made_at,
                "due": made_at,
                "parked": False,
                "attempts": 0,
                "lease": None,
                "data": encode(notice),
            }

    def of_outcome(self, command_id: str, change: Change, until: datetime) -> Row:
        """Return the row of what is remembered of a change; the rest is in its history."""
        return {
            "command_id": command_id,
            "command": encode(change.command),
            "client_id": self.key(change.after.id),
            "version": change.after.version,
            "changed": change.event is not None,
            "notices": encode_notices(change.notices),
            "until": to_microseconds(until),
        }

    # ── Read ─────────────────────────────────────────────────────────────────────────────────────

    def to_client(self, row: Any) -> Client:
        """Return the client of a row."""
        key, version, data = row
        client = load_client(decode(data))
        if client.version != version or self.key(client.id) != key:
            raise CorruptRecord("a client is not the one that its row is of")
        return client

    def to_notice(self, key: object, data: str) -> Notice:
        """Return the notice of a row."""
        notice = load_notice(decode(data))
        if self.key(notice.id) != key:
            raise CorruptRecord("a notice is not the one that its row is of")
        return notice


def to_event(client_id: UUID, version: int, data: str) -> Event:
    """Return the event of a row of a client's history."""
    event = load_event(decode(data))
    if (event.client_id, event.version) != (client_id, version):
        raise CorruptRecord("an event is not the one that its row is of")
    return event


def to_change(rows: Sequence[Any]) -> Change:
    """Return the change of an outcome: its row beside each of its client's events up to it."""
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
        raise CorruptRecord("the notices of a remembered change are no list")
    return tuple(load_notice(record) for record in records)


def to_codes(data: str) -> list[str]:
    """Return the codes of a client's services."""
    codes = decode(data)
    if not isinstance(codes, list) or not all(isinstance(code, str) for code in codes):
        raise CorruptRecord("the services of a client are no list of codes")
    return codes


def to_uuid(key: object) -> UUID:
    """Return the id that a key stands for."""
    try:
        return key if isinstance(key, UUID) else UUID(hex=str(key))
    except ValueError:
        raise CorruptRecord("the id of a client is none") from None
