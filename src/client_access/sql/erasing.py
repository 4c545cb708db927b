"""Erasing a person from what is stored about a client (L5)."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import Connection

from client_access.client import Client
from client_access.errors import CorruptRecord
from client_access.events import Event
from client_access.repository.erasing import (
    count_erasure,
    erase_change,
    erase_client,
    erase_event,
    erase_notice,
)
from client_access.sql import statements
from client_access.sql.executing import changed, each, in_batches, rows_of
from client_access.sql.outbox import notice_or_none
from client_access.sql.rows import (
    Row,
    encode_change,
    naming,
    of_client,
    to_change,
    to_client,
    to_event,
)
from client_access.wire import encode


def erase(connection: Connection, client_id: UUID) -> None:
    """Erase a person from the client, its history, its notices and its outcomes."""
    rows = rows_of(connection, statements.GET_CLIENT_LOCKED, key=client_id)
    if not rows:
        return
    client = to_client(rows[0])
    with naming(client_id):
        if erase_events(connection, client):
            rows = rows_of(connection, statements.HISTORY, key=client_id, after=0, count=1)
            first = count_erasure(to_event(client_id, *rows[0]))
            each(connection, statements.OVERWRITE_EVENT, [_overwritten(first)])
            client = erase_client(client, erasures=client.erasures + 1)
            changed(connection, statements.OVERWRITE_CLIENT, key=client_id, **of_client(client))
        erase_other_records(connection, client)


def erase_events(connection: Connection, client: Client) -> bool:
    """Erase a person from the events of a client; return whether there was anything to erase."""
    seen, last, changed = 0, 0, False
    for rows in in_batches(connection, statements.HISTORY, {"after": 0}, key=client.id):
        events = [to_event(client.id, *row) for row in rows]
        erased = [(event, erase_event(event)) for event in events]
        changes = [_overwritten(now) for was, now in erased if now is not was]
        each(connection, statements.OVERWRITE_EVENT, changes)
        seen, changed = seen + len(events), changed or bool(changes)
        last = events[-1].version if events else last
    if not seen == last == client.version:
        raise CorruptRecord("a client and its history do not belong together")
    return changed


def _overwritten(event: Event) -> Row:
    return {"key": event.client_id, "event_version": event.version, "event_data": encode(event)}


def erase_other_records(connection: Connection, client: Client) -> None:
    """Erase the person from the notices and the outcomes of a client that is erased."""
    start: Row = {"after_version": 0, "after_position": 0}
    for rows in in_batches(connection, statements.NOTICES_OF, start, key=client.id):
        kept: list[Row] = []
        dropped: list[Row] = []
        for _, _, notice_id, data in rows:
            # A notice that cannot be read may name the person too.
            waiting = notice_or_none(notice_id, data)
            notice = None if waiting is None else erase_notice(waiting)
            if notice is None:
                dropped.append({"key": notice_id})
            else:
                kept.append({"key": notice_id, "data": encode(notice)})
        each(connection, statements.UPDATE_NOTICE, kept)
        each(connection, statements.DROP_NOTICE, dropped)
    changed(connection, statements.STEP_FORWARD, key=client.id)
    for rows in in_batches(connection, statements.OUTCOMES_OF, {"after": ""}, key=client.id):
        changes = [(command_id, to_change(client.id, data)) for command_id, data in rows]
        each(
            connection,
            statements.OVERWRITE_OUTCOME,
            [
                {
                    "key": command_id,
                    "data": encode_change(erase_change(change, erasures=client.erasures)),
                }
                for command_id, change in changes
            ],
        )
