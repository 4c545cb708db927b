"""What the repositories read and write, on a connection. The caller handles the transaction.

Both repositories, sync and async, do all their work here. The functions have the names of the
methods of :mod:`client_access.repository` that they implement.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from itertools import groupby, islice
from typing import Any, Final, TypeVar
from uuid import UUID, uuid4

from sqlalchemy import Connection, Executable
from sqlalchemy.exc import IntegrityError

from client_access.change import Change
from client_access.client import Client
from client_access.deciding import replay
from client_access.errors import CorruptRecord, EmailTaken, StaleClient
from client_access.events import Event
from client_access.machines.lifecycle import Status
from client_access.notices import Notice
from client_access.repository import Claim
from client_access.repository.erasing import erase_command, erase_event, erase_history, erase_notice
from client_access.sql import statements
from client_access.sql.faults import is_email_conflict
from client_access.sql.rows import (
    Row,
    decode_notices,
    encode_notices,
    of_client,
    of_event,
    of_notices,
    of_outcome,
    to_change,
    to_client,
    to_codes,
    to_event,
    to_notice,
)
from client_access.sql.tables import to_microseconds, to_moment
from client_access.values import ClientList
from client_access.wire import decode, encode, load_command

T = TypeVar("T")

_log = logging.getLogger(__name__)

_AT_ONCE: Final = 500
"""How many keys one statement looks up. Old builds of SQLite allow 999 parameters."""
_NO_LEASE: Final = UUID(int=0)

# ── Reading ──────────────────────────────────────────────────────────────────────────────────────


def get(connection: Connection, client_id: UUID) -> Client | None:
    """Return the client with this id."""
    rows = _rows(connection, statements.GET_CLIENT, key=client_id)
    return to_client(rows[0]) if rows else None


def find_by_email(connection: Connection, email_key: str) -> Client | None:
    """Return the client with this address."""
    rows = _rows(connection, statements.FIND_CLIENT, key=email_key)
    return to_client(rows[0]) if rows else None


def get_many(connection: Connection, client_ids: Sequence[UUID]) -> dict[UUID, Client]:
    """Return those of the clients that exist, by id."""
    clients = (
        to_client(row)
        for keys in _chunks(client_ids)
        for row in _rows(connection, statements.GET_CLIENTS, keys=keys)
    )
    return {client.id: client for client in clients}


def find_many_by_email(connection: Connection, email_keys: Sequence[str]) -> dict[str, UUID]:
    """Return the ids of the clients with these addresses, by `email_key`."""
    return {
        email_key: client_id
        for keys in _chunks(email_keys)
        for email_key, client_id in _rows(connection, statements.FIND_CLIENTS, keys=keys)
    }


def page(
    connection: Connection,
    practice_id: str,
    client_list: ClientList,
    search: str,
    limit: int,
    after: tuple[str, UUID] | None,
) -> list[Client]:
    """Return clients of one list in order, from a place on."""
    statement = statements.PAGE
    values: Row = {
        "practice_id": practice_id,
        "client_list": client_list.value,
        "count": limit,
    }
    if search:
        statement = statement.where(statements.CONTAINS[connection.dialect.name])
        values["search"] = search
    if after is not None:
        statement = statement.where(statements.AFTER)
        values["after_name"], values["after_key"] = after
    return [to_client(row) for row in _rows(connection, statement, **values)]


def with_deadlines(
    connection: Connection,
    since: datetime,
    until: datetime,
    practice_id: str | None,
    limit: int,
    after: tuple[datetime, UUID] | None,
) -> list[Client]:
    """Return clients with a deadline between two moments, ordered by it, then by id."""
    statement = statements.WITH_DEADLINES
    values: Row = {"until": to_microseconds(until), "count": limit}
    if practice_id is not None:
        statement = statement.where(statements.MANAGED_BY)
        values["practice_id"] = practice_id
    if after is not None and after[0] >= since:
        # The range begins at the cursor, so that no row before it is read.
        statement = statement.where(statements.AFTER_DEADLINE)
        since, values["after_key"] = after
    values["since"] = to_microseconds(since)
    return [to_client(row) for row in _rows(connection, statement, **values)]


def client_ids(connection: Connection, after: UUID | None) -> list[UUID]:
    """Return some ids in order, those after a given one; none at the end."""
    if after is None:
        rows = _rows(connection, statements.FIRST_IDS, count=_AT_ONCE)
    else:
        rows = _rows(connection, statements.NEXT_IDS, after=after, count=_AT_ONCE)
    return [client_id for (client_id,) in rows]


def history(connection: Connection, client_id: UUID) -> tuple[Event, ...]:
    """Return a client's events in order."""
    rows = _rows(connection, statements.HISTORY, key=client_id)
    return tuple(to_event(client_id, version, data) for version, data in rows)


def service_counts(connection: Connection, practice_id: str) -> Mapping[str, int]:
    """Return how many clients hold each service that the practice pays for."""
    counts: Counter[str] = Counter()
    for services, count in _rows(connection, statements.COUNT_SERVICES, key=practice_id):
        for code in to_codes(services):
            counts[code] += count
    return counts


# ── Saving ───────────────────────────────────────────────────────────────────────────────────────


def save(connection: Connection, changes: Sequence[Change]) -> None:
    """Store the changed clients, the events and the notices, in order."""
    for _, group in groupby(changes, key=lambda change: change.before is None):
        _save_clients(connection, list(group))
    _each(connection, statements.ADD_EVENT, [of_event(change) for change in changes])
    _each(
        connection,
        statements.ADD_NOTICE,
        [row for change in changes for row in of_notices(change)],
    )
    for change in changes:
        if change.after.status is Status.DELETED:
            events = history(connection, change.after.id)
            erased = [erase_event(event) for event in events]
            _overwrite_records(connection, change.after.id, events, erased)


def _save_clients(connection: Connection, changes: Sequence[Change]) -> None:
    """Write the clients of some changes. Either all are new, or none is."""
    statement: Executable = statements.UPDATE_CLIENT
    if changes[0].before is None:
        statement = statements.ADD_CLIENT[connection.dialect.name]
    rows = [_saved(change) for change in changes]
    if len(rows) > 1:
        # All at once. If that fails, one by one, to find the client at fault.
        with suppress(IntegrityError), connection.begin_nested() as savepoint:
            if connection.execute(statement, rows).rowcount == len(rows):
                return
            savepoint.rollback()
    for row, change in zip(rows, changes, strict=True):
        try:
            written = connection.execute(statement, row).rowcount
        except IntegrityError as error:
            if is_email_conflict(error):
                raise EmailTaken(change.after.id) from None
            raise
        if written != 1:
            raise StaleClient(change.after.id)


def _saved(change: Change) -> Row:
    before, after = change.before, change.after
    row = of_client(after)
    if before is None:
        row["id"] = after.id
    else:
        row["key"] = after.id
        row["version_before"] = before.version
        row["erasures_before"] = before.erasures
    return row


# ── Erasing ──────────────────────────────────────────────────────────────────────────────────────


def erase(connection: Connection, client_id: UUID) -> None:
    """Erase a person from the client, its history, its notices and its outcomes."""
    rows = _rows(connection, statements.GET_CLIENT_LOCKED, key=client_id)
    if not rows:
        return
    before = to_client(rows[0])
    events = history(connection, client_id)
    erased = erase_history(events)
    _overwrite_records(connection, client_id, events, erased)
    after = replay(erased)
    if after.version != before.version:
        raise CorruptRecord("a client and its history do not belong together")
    _changed(connection, statements.OVERWRITE_CLIENT, key=client_id, **of_client(after))


def _overwrite_records(
    connection: Connection, client_id: UUID, events: Sequence[Event], erased: Sequence[Event]
) -> None:
    """Replace events by erased ones; erase notices and remembered changes."""
    _each(
        connection,
        statements.OVERWRITE_EVENT,
        [
            {"key": client_id, "event_version": event.version, "event_data": encode(event)}
            for event, was in zip(erased, events, strict=True)
            if event is not was
        ],
    )
    kept: list[Row] = []
    dropped: list[Row] = []
    for notice_id, data in _rows(connection, statements.NOTICES_OF, key=client_id):
        # A notice that cannot be read may name the person too.
        waiting = _notice_or_none(notice_id, data)
        notice = None if waiting is None else erase_notice(waiting)
        if notice is None:
            dropped.append({"key": notice_id})
        else:
            kept.append({"key": notice_id, "data": encode(notice)})
    _each(connection, statements.UPDATE_NOTICE, kept)
    _each(connection, statements.DROP_NOTICE, dropped)
    _each(
        connection,
        statements.OVERWRITE_OUTCOME,
        [
            {
                "key": command_id,
                "command": encode(erase_command(load_command(decode(command)))),
                "notices": encode_notices(_erased(decode_notices(notices))),
            }
            for command_id, command, notices in _rows(
                connection, statements.OUTCOMES_OF, key=client_id
            )
        ],
    )


def _erased(notices: Iterable[Notice]) -> Iterator[Notice]:
    for notice in notices:
        if (erased := erase_notice(notice)) is not None:
            yield erased


# ── Outcomes ─────────────────────────────────────────────────────────────────────────────────────


def recall(connection: Connection, command_id: str, at: datetime) -> Change | None:
    """Return the change remembered under an id, unless it is forgotten."""
    rows = _rows(connection, statements.RECALL, key=command_id, at=to_microseconds(at))
    return to_change(rows) if rows else None


def save_once(
    connection: Connection, command_id: str, change: Change, at: datetime, until: datetime
) -> None:
    """Store a change and remember it."""
    _changed(connection, statements.FORGET, at=to_microseconds(at))
    remember = statements.REMEMBER[connection.dialect.name]
    if _changed(connection, remember, **of_outcome(command_id, change, until)) != 1:
        raise StaleClient(change.after.id)
    if change.event is not None:
        save(connection, (change,))
    elif not _is_as_decided(connection, change.after):
        raise StaleClient(change.after.id)


def _is_as_decided(connection: Connection, client: Client) -> bool:
    """Return whether the stored client is this one, and lock it until the transaction ends."""
    rows = _rows(connection, statements.GET_CLIENT_LOCKED, key=client.id)
    return bool(rows) and to_client(rows[0]) == client


# ── Outbox ───────────────────────────────────────────────────────────────────────────────────────


def claim(connection: Connection, at: datetime, lease: timedelta, limit: int) -> list[Claim]:
    """Lease notices that are due, only the first undelivered one of each client."""
    claimed, until = uuid4(), at + lease
    leased: Row = {"lease": claimed, "due": to_microseconds(until)}
    while rows := _rows(connection, statements.DUE, at=to_microseconds(at), count=limit):
        # A notice that cannot be read is leased too, so that it does not hold up the others.
        _each(connection, statements.UPDATE_NOTICE, [{"key": key, **leased} for key, _, _ in rows])
        claims = [
            Claim(notice, attempts, claimed, until)
            for key, attempts, data in rows
            if (notice := _notice_or_none(key, data)) is not None
        ]
        if claims:
            return claims
    return []


def delivered(connection: Connection, claim: Claim) -> bool:
    """Forget a notice that was delivered."""
    return _changed(connection, statements.DELIVERED, **_lease_of(claim)) == 1


def failed(connection: Connection, claim: Claim, retry_at: datetime | None) -> bool:
    """Give a notice back, or park it."""
    again: Row = {"parked": True} if retry_at is None else {"due": to_microseconds(retry_at)}
    return _changed(connection, statements.FAILED, **_lease_of(claim), **again) == 1


def waiting(connection: Connection, parked: bool, limit: int) -> list[Claim]:
    """Return notices that wait, or those that are parked."""
    rows = _rows(connection, statements.WAITING, is_parked=parked, count=limit)
    return [
        Claim(notice, attempts, _NO_LEASE, None if parked else to_moment(due))
        for key, data, attempts, due in rows
        if (notice := _notice_or_none(key, data)) is not None
    ]


def retry(connection: Connection, notice_id: UUID, at: datetime) -> bool:
    """Make a parked notice due again."""
    return _changed(connection, statements.RETRY, key=notice_id, due=to_microseconds(at)) == 1


def _lease_of(claim: Claim) -> Row:
    return {"key": claim.notice.id, "claimed": claim.lease}


def _notice_or_none(notice_id: UUID, data: str) -> Notice | None:
    try:
        return to_notice(notice_id, data)
    except CorruptRecord as problem:
        _log.error("The notice %s is waiting and cannot be read: %s", notice_id, problem)
        return None


# ── Statements ───────────────────────────────────────────────────────────────────────────────────


def _rows(connection: Connection, statement: Executable, **values: object) -> Sequence[Any]:
    """Execute a query and return its rows."""
    result = connection.execute(statement, values)
    try:
        return result.all()
    except ValueError:
        # SQLite stores any text as an id.
        raise CorruptRecord("an id is not a UUID") from None


def _changed(connection: Connection, statement: Executable, **values: object) -> int:
    """Execute a statement and return how many rows it changed."""
    return connection.execute(statement, values).rowcount


def _each(connection: Connection, statement: Executable, rows: Sequence[Row]) -> None:
    """Execute a statement once for each row of values."""
    if rows:
        connection.execute(statement, rows)


def _chunks(values: Iterable[T]) -> Iterator[list[T]]:
    iterator = iter(values)
    while chunk := list(islice(iterator, _AT_ONCE)):
        yield chunk
