"""The feed of all events: its pages, and the positions that readers give to events.

An event is written without a position, so that writers do not wait for each other. A position that
is drawn while an event is written may be committed after a greater one, and a reader that has seen
the greater one misses it. Here the reader gives the positions: it takes events that are committed
and have none, in a short transaction of its own that holds the one row of the table `feed`. So the
transactions that number follow one another, and a position that is seen has all smaller ones
before it.

An event is there only if the version before it is, so the visible events of a client have no gap.
Numbering them by version keeps their order. Events that another transaction is erasing are locked.
They and the later ones of their client are left for the next time, so nobody who numbers waits for
anything but that one row.

Numbering goes around all clients: each time it begins after the last event of the time before, so
that no client waits long because of others.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Connection, bindparam, select, tuple_, type_coerce, update

from client_access.errors import CorruptRecord
from client_access.events import Event
from client_access.sql import executing, statements
from client_access.sql.executing import changed, each, rows_of
from client_access.sql.rows import Row, to_event
from client_access.sql.tables import SCHEMA_NAME, RawId, events, feed

_id = type_coerce(events.c.client_id, RawId)
_key = bindparam("key", type_=RawId)
_previous = events.alias("previous")
_place = tuple_(_id, events.c.version)
_after = tuple_(_key, bindparam("after_version", type_=events.c.version.type))

_PAGE: Final = (
    select(events.c.position, _id, events.c.version, events.c.data)
    .where(events.c.position > bindparam("after"))
    .order_by(events.c.position)
    .limit(bindparam("count"))
)
_UNNUMBERED: Final = (
    select(
        _id,
        events.c.version,
        select(_previous.c.version)
        .where(
            _previous.c.client_id == events.c.client_id,
            _previous.c.version == events.c.version - 1,
            _previous.c.position.is_(None),
        )
        .exists()
        .label("waits_for_another"),
    )
    .where(events.c.position.is_(None))
    .order_by(events.c.client_id, events.c.version)
    .limit(bindparam("count"))
    .with_for_update(of=events, skip_locked=True)
)
_UNNUMBERED_AFTER: Final = _UNNUMBERED.where(_place > _after)
_UNNUMBERED_BEFORE: Final = _UNNUMBERED.where(_place <= _after)
_IS_UNNUMBERED: Final = (
    select(events.c.version)
    .where(events.c.position.is_(None))
    .order_by(events.c.client_id, events.c.version)
    .limit(1)
)
_NUMBER: Final = (
    update(events)
    .where(_id == _key, events.c.version == bindparam("event_version"))
    .values(position=bindparam("new_position"))
)
_LOCK: Final = select(feed.c.position, feed.c.after_client, feed.c.after_version).with_for_update()
_MOVE: Final = update(feed)


def page(connection: Connection, position: int, limit: int) -> Sequence[Any]:
    """Return the rows of events that have a position after this one."""
    return rows_of(connection, _PAGE, after=position, count=limit)


def is_unnumbered(connection: Connection) -> bool:
    """Return whether an event has no position. This takes no lock."""
    return bool(rows_of(connection, _IS_UNNUMBERED))


def number(connection: Connection) -> int:
    """Give positions to some committed events, and return to how many."""
    while not (found := rows_of(connection, _LOCK)):
        start: Row = {"position": 0, "after_client": None, "after_version": None}
        changed(
            connection, statements.BEGIN_FEED[connection.dialect.name], name=SCHEMA_NAME, **start
        )
    last, *place = found[0]
    rows = _unnumbered(connection, place)
    numbered: dict[tuple[object, int], Row] = {}
    for client_id, version, waits_for_another in rows:
        if not waits_for_another or (client_id, version - 1) in numbered:
            last += 1
            numbered[client_id, version] = {
                "key": client_id,
                "event_version": version,
                "new_position": last,
            }
    each(connection, _NUMBER, list(numbered.values()))
    if rows:
        client_id, version, _ = rows[-1]
        moved = {"position": last, "after_client": client_id, "after_version": version}
        connection.execute(_MOVE, moved)
    return len(numbered)


def _unnumbered(connection: Connection, place: Sequence[Any]) -> Sequence[Any]:
    """Return events without a position, those after a place first."""
    client_id, version = place
    if client_id is None:
        return rows_of(connection, _UNNUMBERED, count=executing.AT_ONCE)
    values = {"key": client_id, "after_version": version}
    rows = rows_of(connection, _UNNUMBERED_AFTER, count=executing.AT_ONCE, **values)
    left = executing.AT_ONCE - len(rows)
    return [*rows, *rows_of(connection, _UNNUMBERED_BEFORE, count=left, **values)]


def to_events(rows: Sequence[Any]) -> tuple[tuple[int, Event], ...]:
    """Return the events of a page, up to one that cannot be read.

    Raises:
        CorruptRecord: the first event cannot be read.
    """
    found: list[tuple[int, Event]] = []
    for position, stored_id, version, data in rows:
        try:
            found.append((position, to_event(_to_id(stored_id), version, data)))
        except CorruptRecord as problem:
            if found:
                break
            raise CorruptRecord(problem.reason, problem.client_id, position) from None
    return tuple(found)


def _to_id(stored: object) -> UUID:
    try:
        return UUID(str(stored))
    except ValueError:
        raise CorruptRecord("an id is not a UUID") from None
