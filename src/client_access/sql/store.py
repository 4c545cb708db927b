"""What the repositories read and write, on a connection. The caller handles the transaction.

Both repositories, sync and async, do all their work here. The functions have the names of the
methods of :mod:`client_access.repository` that they implement.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import groupby
from typing import TypeVar
from uuid import UUID

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from client_access.change import Change
from client_access.client import Client
from client_access.errors import CorruptRecord, EmailTaken, RepositoryError, StaleClient
from client_access.events import Event
from client_access.machines.lifecycle import Status
from client_access.questions.lists import StoredRow
from client_access.sql import executing, statements
from client_access.sql.connections import nested
from client_access.sql.erasing import erase_events, erase_other_records
from client_access.sql.executing import changed, chunks, in_batches, rows_of
from client_access.sql.faults import is_email_conflict
from client_access.sql.prepared import Prepared
from client_access.sql.rows import (
    Row,
    by_deadline,
    in_list,
    keys_of,
    naming,
    of_client,
    of_event,
    of_notices,
    of_outcome,
    to_change,
    to_client,
    to_codes,
    to_event,
)
from client_access.sql.tables import to_microseconds
from client_access.values import ClientList

T = TypeVar("T")

_log = logging.getLogger("client_access.sql")


# ── Reading ──────────────────────────────────────────────────────────────────────────────────────


def get(connection: Connection, client_id: UUID) -> Client | None:
    """Return the client with this id."""
    for row in rows_of(connection, statements.GET_CLIENT, key=client_id):
        _check_answer(row[0], client_id)
        return to_client(row)
    return None


def find_by_email(connection: Connection, email_key: str) -> Client | None:
    """Return the client with this address."""
    for *row, found in rows_of(connection, statements.FIND_CLIENT, key=email_key):
        _check_answer(found, email_key)
        return to_client(row)
    return None


def _check_answer(found: object, asked: object) -> None:
    """Raise if an answer is about another client, who must not be let in."""
    if found != asked:
        raise RepositoryError(
            "the answer is to another question: another thread, or a process before it was forked,"
            " uses this connection too"
        )


def get_many(connection: Connection, client_ids: Sequence[UUID]) -> dict[UUID, Client]:
    """Return those of the clients that exist, by id."""
    clients = (
        to_client(row)
        for keys in chunks(client_ids)
        for row in rows_of(connection, statements.GET_CLIENTS, keys=keys)
    )
    return {client.id: client for client in clients}


def find_many_by_email(connection: Connection, email_keys: Sequence[str]) -> dict[str, UUID]:
    """Return the ids of the clients with these addresses, by `email_key`."""
    return {
        email_key: client_id
        for keys in chunks(email_keys)
        for email_key, client_id in rows_of(connection, statements.FIND_CLIENTS, keys=keys)
    }


def lock(connection: Connection, client_ids: Sequence[UUID]) -> None:
    """Keep other writers away from clients until the transaction ends.

    All writers lock clients in the order of their ids, so that none waits for another in a circle.
    """
    for keys in chunks(sorted(client_ids)):
        rows_of(connection, statements.LOCK_CLIENTS, keys=keys)


def page(
    connection: Connection,
    practice_id: str,
    client_list: ClientList,
    search: str,
    limit: int,
    after: tuple[str, UUID] | None,
) -> list[Client | StoredRow[str]]:
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
    return [in_list(row) for row in rows_of(connection, statement, **values)]


def with_deadlines(
    connection: Connection,
    since: datetime,
    until: datetime,
    practice_id: str | None,
    limit: int,
    after: tuple[datetime, UUID] | None,
) -> list[Client | StoredRow[datetime]]:
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
    return [by_deadline(row) for row in rows_of(connection, statement, **values)]


def client_ids(connection: Connection, after: UUID | None) -> list[UUID]:
    """Return some ids in order, those after a given one; none at the end."""
    if after is None:
        rows = rows_of(connection, statements.FIRST_IDS, count=executing.AT_ONCE)
    else:
        rows = rows_of(connection, statements.NEXT_IDS, after=after, count=executing.AT_ONCE)
    ids = [client_id for (client_id,) in rows]
    check_order(ids, after)
    return ids


def check_order(ids: Sequence[UUID], after: UUID | None) -> None:
    """Raise if paging by id would never end. SQLite stores any spelling of an id."""
    if ids and after is not None and ids[-1] <= after:
        raise CorruptRecord("its stored id is not in its only spelling", ids[-1])


def history(
    connection: Connection, client_id: UUID, after: int, limit: int | None
) -> tuple[Event, ...]:
    """Return a client's events in order, after a version."""
    batches = in_batches(
        connection, statements.HISTORY, {"after": after}, key=client_id, limit=limit
    )
    return tuple(to_event(client_id, *row) for rows in batches for row in rows)


def service_counts(connection: Connection, practice_id: str) -> Mapping[str, int]:
    """Return how many clients hold each service that the practice pays for."""
    counts: Counter[str] = Counter()
    for services, count in rows_of(connection, statements.COUNT_SERVICES, key=practice_id):
        for code in to_codes(services):
            counts[code] += count
    return counts


# ── Saving ───────────────────────────────────────────────────────────────────────────────────────


def is_plain(changes: Sequence[Change]) -> bool:
    """Return whether there is one change, which tells nobody and deletes nothing."""
    if len(changes) != 1:
        return False
    (change,) = changes
    return not change.notices and change.after.status is not Status.DELETED


def save(connection: Connection, changes: Sequence[Change]) -> None:
    """Store the changed clients, the events and the notices, in order."""
    if is_plain(changes):
        save_plain(connection, *changes)
        return
    if not changes:
        return
    for _, group in groupby(changes, key=lambda change: change.before is None):
        _save_clients(connection, list(group))
    statements.ADD_EVENT.execute(connection, [of_event(change) for change in changes])
    if told := [row for change in changes for row in of_notices(change)]:
        dialect = connection.dialect.name
        statements.ADD_NOTICE[dialect].execute(connection, told)
        if dialect == "postgresql":
            lines = {change.after.id for change in changes if change.notices}
            statements.STEP_FORWARD.execute(connection, [{"key": key} for key in lines])
    for change in changes:
        if change.after.status is Status.DELETED:
            with naming(change.after.id):
                erase_events(connection, change.after)
                erase_other_records(connection, change.after)


def _save_clients(connection: Connection, changes: Sequence[Change]) -> None:
    """Write the clients of some changes. Either all are new, or none is."""
    rows = [_saved(change) for change in changes]
    statement = _statement_for(connection, changes, rows)
    if len(rows) > 1:
        # All at once. If that fails, one by one, to find the client at fault.
        try:
            nested(connection, _write_at_once, statement, rows, changes)
        except (IntegrityError, StaleClient):
            if connection.invalidated:  # it could not be undone
                raise RepositoryError("the connection was lost") from None
        else:
            return
    for row, change in zip(rows, changes, strict=True):
        _write_one(connection, statement, row, change)


def save_plain(connection: Connection, change: Change) -> None:
    """Store a changed client and the event: with one statement on PostgreSQL."""
    row, event = _saved(change), of_event(change)
    if connection.dialect.name == "postgresql":
        together = statements.UPDATE_CLIENT_WITH_EVENT
        if change.before is None:
            together = statements.ADD_CLIENT_WITH_EVENT
        _write_one(connection, together, row | event, change)
    else:
        _write_one(connection, _statement_for(connection, [change], [row]), row, change)
        statements.ADD_EVENT.execute(connection, [event])


def _statement_for(
    connection: Connection, changes: Sequence[Change], rows: Sequence[Row]
) -> Prepared:
    dialect = connection.dialect.name
    if changes[0].before is None:
        return statements.ADD_CLIENT[dialect]
    names = set(rows[0])
    if dialect == "sqlite":
        # SQLite writes every index whose columns an update names. PostgreSQL compares the values.
        names -= set[str].intersection(*map(_unchanged_keys, changes, rows))
    return statements.update_client(frozenset(names))


def _unchanged_keys(change: Change, row: Row) -> set[str]:
    assert change.before is not None  # only updates are asked about
    return {name for name, value in keys_of(change.before).items() if row[name] == value}


def _write_one(connection: Connection, statement: Prepared, row: Row, change: Change) -> None:
    try:
        written = changed(connection, statement, **row)
    except IntegrityError as error:
        if is_email_conflict(error):
            raise EmailTaken(change.after.id) from None
        raise
    if written != 1:
        raise StaleClient(change.after.id)


def _write_at_once(
    connection: Connection, statement: Prepared, rows: Sequence[Row], changes: Sequence[Change]
) -> None:
    if statement.execute(connection, rows).rowcount != len(rows):
        raise StaleClient(changes[0].after.id)  # undoes it; the caller finds the client at fault


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


# ── Outcomes ─────────────────────────────────────────────────────────────────────────────────────


def recall(connection: Connection, command_id: str, at: datetime) -> Change | None:
    """Return the change remembered under an id, unless it is forgotten."""
    rows = rows_of(connection, statements.RECALL, key=command_id, at=to_microseconds(at))
    return to_change(*rows[0]) if rows else None


def save_once(
    connection: Connection, command_id: str, change: Change, at: datetime, until: datetime
) -> None:
    """Store a change and remember it."""
    remember = statements.REMEMBER[connection.dialect.name]
    row = of_outcome(command_id, change, until)
    if changed(connection, remember, at=to_microseconds(at), **row) != 1:
        raise StaleClient(change.after.id)
    if change.event is not None:
        save(connection, (change,))
    elif not _is_as_decided(connection, change.after):
        raise StaleClient(change.after.id)


def purge(connection: Connection, at: datetime, limit: int) -> int:
    """Delete changes that are forgotten."""
    rows = rows_of(connection, statements.FORGOTTEN, at=to_microseconds(at), count=limit)
    for keys in chunks(command_id for (command_id,) in rows):
        changed(connection, statements.FORGET, keys=keys)
    return len(rows)


def _is_as_decided(connection: Connection, client: Client) -> bool:
    """Return whether the stored client is this one, and lock it until the transaction ends."""
    rows = rows_of(connection, statements.GET_CLIENT_LOCKED, key=client.id)
    return bool(rows) and to_client(rows[0]) == client
