"""What the repositories read and write, on a connection. The caller handles the transaction.

Both repositories, sync and async, do all their work here. The functions have the names of the
methods of :mod:`client_access.repository` that they implement.
"""

from __future__ import annotations

import logging
import sys
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
from client_access.errors import CorruptRecord, EmailTaken, RepositoryError, StaleClient
from client_access.events import Event
from client_access.machines.lifecycle import Status
from client_access.notices import Notice
from client_access.questions.lists import StoredRow
from client_access.repository import Claim, OutboxState
from client_access.repository.erasing import (
    count_erasure,
    erase_change,
    erase_client,
    erase_event,
    erase_notice,
)
from client_access.sql import statements
from client_access.sql.faults import is_email_conflict
from client_access.sql.prepared import Prepared
from client_access.sql.rows import (
    Row,
    by_deadline,
    encode_change,
    in_list,
    naming,
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
from client_access.values import ClientList, later
from client_access.wire import encode

T = TypeVar("T")

_log = logging.getLogger("client_access.sql")

_AT_ONCE: Final = 500
"""How many keys one statement looks up. Old builds of SQLite allow 999 parameters."""
_NO_LEASE: Final = UUID(int=0)

# ── Reading ──────────────────────────────────────────────────────────────────────────────────────


def get(connection: Connection, client_id: UUID) -> Client | None:
    """Return the client with this id."""
    for row in _rows(connection, statements.GET_CLIENT, key=client_id):
        _check_answer(row[0], client_id)
        return to_client(row)
    return None


def find_by_email(connection: Connection, email_key: str) -> Client | None:
    """Return the client with this address."""
    for *row, found in _rows(connection, statements.FIND_CLIENT, key=email_key):
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


def lock(connection: Connection, client_ids: Sequence[UUID]) -> None:
    """Keep other writers away from clients until the transaction ends.

    All writers lock clients in the order of their ids, so that none waits for another in a circle.
    """
    for keys in _chunks(sorted(client_ids)):
        _rows(connection, statements.LOCK_CLIENTS, keys=keys)


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
    return [in_list(row) for row in _rows(connection, statement, **values)]


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
    return [by_deadline(row) for row in _rows(connection, statement, **values)]


def client_ids(connection: Connection, after: UUID | None) -> list[UUID]:
    """Return some ids in order, those after a given one; none at the end."""
    if after is None:
        rows = _rows(connection, statements.FIRST_IDS, count=_AT_ONCE)
    else:
        rows = _rows(connection, statements.NEXT_IDS, after=after, count=_AT_ONCE)
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
    batches = _in_batches(
        connection, statements.HISTORY, {"after": after}, key=client_id, limit=limit
    )
    return tuple(to_event(client_id, *row) for rows in batches for row in rows)


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
    if not changes:
        return
    for _, group in groupby(changes, key=lambda change: change.before is None):
        _save_clients(connection, list(group))
    statements.ADD_EVENT.execute(connection, [of_event(change) for change in changes])
    if told := [row for change in changes for row in of_notices(change)]:
        statements.ADD_NOTICE.execute(connection, told)
        _each(
            connection,
            statements.STEP_FORWARD,
            [{"key": key} for key in {change.after.id for change in changes if change.notices}],
        )
    for change in changes:
        if change.after.status is Status.DELETED:
            with naming(change.after.id):
                _erase_events(connection, change.after)
                _erase_other_records(connection, change.after)


def _save_clients(connection: Connection, changes: Sequence[Change]) -> None:
    """Write the clients of some changes. Either all are new, or none is."""
    statement = statements.UPDATE_CLIENT
    if changes[0].before is None:
        statement = statements.ADD_CLIENT[connection.dialect.name]
    rows = [_saved(change) for change in changes]
    if len(rows) > 1:
        # All at once. If that fails, one by one, to find the client at fault.
        with suppress(IntegrityError), connection.begin_nested() as savepoint:
            if statement.execute(connection, rows).rowcount == len(rows):
                return
            savepoint.rollback()
    for row, change in zip(rows, changes, strict=True):
        try:
            written = _changed(connection, statement, **row)
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
    client = to_client(rows[0])
    with naming(client_id):
        if _erase_events(connection, client):
            first = count_erasure(*history(connection, client_id, 0, 1))
            _each(connection, statements.OVERWRITE_EVENT, [_overwritten(first)])
            client = erase_client(client, erasures=client.erasures + 1)
            _changed(connection, statements.OVERWRITE_CLIENT, key=client_id, **of_client(client))
        _erase_other_records(connection, client)


def _erase_events(connection: Connection, client: Client) -> bool:
    """Erase a person from the events of a client; return whether there was anything to erase."""
    seen, last, changed = 0, 0, False
    for rows in _in_batches(connection, statements.HISTORY, {"after": 0}, key=client.id):
        events = [to_event(client.id, *row) for row in rows]
        erased = [(event, erase_event(event)) for event in events]
        changes = [_overwritten(now) for was, now in erased if now is not was]
        _each(connection, statements.OVERWRITE_EVENT, changes)
        seen, changed = seen + len(events), changed or bool(changes)
        last = events[-1].version if events else last
    if not seen == last == client.version:
        raise CorruptRecord("a client and its history do not belong together")
    return changed


def _overwritten(event: Event) -> Row:
    return {"key": event.client_id, "event_version": event.version, "event_data": encode(event)}


def _erase_other_records(connection: Connection, client: Client) -> None:
    """Erase the person from the notices and the outcomes of a client that is erased."""
    start: Row = {"after_version": 0, "after_position": 0}
    for rows in _in_batches(connection, statements.NOTICES_OF, start, key=client.id):
        kept: list[Row] = []
        dropped: list[Row] = []
        for _, _, notice_id, data in rows:
            # A notice that cannot be read may name the person too.
            waiting = _notice_or_none(notice_id, data)
            notice = None if waiting is None else erase_notice(waiting)
            if notice is None:
                dropped.append({"key": notice_id})
            else:
                kept.append({"key": notice_id, "data": encode(notice)})
        _each(connection, statements.UPDATE_NOTICE, kept)
        _each(connection, statements.DROP_NOTICE, dropped)
    _changed(connection, statements.STEP_FORWARD, key=client.id)
    for rows in _in_batches(connection, statements.OUTCOMES_OF, {"after": ""}, key=client.id):
        changes = [(command_id, to_change(client.id, data)) for command_id, data in rows]
        _each(
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


# ── Outcomes ─────────────────────────────────────────────────────────────────────────────────────


def recall(connection: Connection, command_id: str, at: datetime) -> Change | None:
    """Return the change remembered under an id, unless it is forgotten."""
    rows = _rows(connection, statements.RECALL, key=command_id, at=to_microseconds(at))
    return to_change(*rows[0]) if rows else None


def save_once(
    connection: Connection, command_id: str, change: Change, at: datetime, until: datetime
) -> None:
    """Store a change and remember it."""
    remember = statements.REMEMBER[connection.dialect.name]
    row = of_outcome(command_id, change, until)
    if _changed(connection, remember, at=to_microseconds(at), **row) != 1:
        raise StaleClient(change.after.id)
    if change.event is not None:
        save(connection, (change,))
    elif not _is_as_decided(connection, change.after):
        raise StaleClient(change.after.id)


def purge(connection: Connection, at: datetime, limit: int) -> int:
    """Delete changes that are forgotten."""
    rows = _rows(connection, statements.FORGOTTEN, at=to_microseconds(at), count=limit)
    for keys in _chunks(command_id for (command_id,) in rows):
        _changed(connection, statements.FORGET, keys=keys)
    return len(rows)


def _is_as_decided(connection: Connection, client: Client) -> bool:
    """Return whether the stored client is this one, and lock it until the transaction ends."""
    rows = _rows(connection, statements.GET_CLIENT_LOCKED, key=client.id)
    return bool(rows) and to_client(rows[0]) == client


# ── Outbox ───────────────────────────────────────────────────────────────────────────────────────


def claim(connection: Connection, at: datetime, lease: timedelta, limit: int) -> list[Claim]:
    """Lease notices that are due, only the first undelivered one of each client."""
    claimed, until = uuid4(), later(at, lease)
    while rows := _rows(connection, statements.DUE, at=to_microseconds(at), count=limit):
        found = [
            (key, attempts, former, _notice_or_none(key, data))
            for key, attempts, former, data in rows
        ]
        # A notice that cannot be read is withheld too, so that it does not hold up the others.
        # Nobody has it, so no answer is due.
        _each(
            connection,
            statements.UPDATE_NOTICE,
            [
                {
                    "key": key,
                    "lease": None if notice is None else claimed,
                    "due": to_microseconds(until),
                }
                for key, _, _, notice in found
            ],
        )
        claims = [
            Claim(notice, attempts, claimed, until, unanswered=former is not None)
            for _, attempts, former, notice in found
            if notice is not None
        ]
        if claims:
            return claims
    return []


def is_due(connection: Connection, at: datetime) -> bool:
    """Return whether a claim would find a notice. This takes no lock."""
    return bool(_rows(connection, statements.IS_DUE, at=to_microseconds(at)))


def delivered(connection: Connection, claim: Claim) -> bool:
    """Forget a notice that was delivered."""
    return _leave(connection, statements.DELIVERED, claim)


def failed(connection: Connection, claim: Claim, retry_at: datetime | None) -> bool:
    """Give a notice back, or park it."""
    if retry_at is None:
        return _leave(connection, statements.PARK, claim)
    due = to_microseconds(retry_at)
    return _changed(connection, statements.FAILED, **_lease_of(claim), due=due) == 1


def released(connection: Connection, claim: Claim) -> bool:
    """Give a notice back that was not tried."""
    return _changed(connection, statements.RELEASED, **_lease_of(claim)) == 1


def _leave(connection: Connection, statement: Executable, claim: Claim) -> bool:
    """Take a notice out of its client's line; the next one becomes the first."""
    line: Row = {"key": claim.notice.client_id}
    _rows(connection, statements.LOCK_LINE, **line)
    done = _changed(connection, statement, **_lease_of(claim)) == 1
    if done:
        _changed(connection, statements.STEP_FORWARD, **line)
    return done


def waiting(connection: Connection, parked: bool, limit: int) -> list[Claim]:
    """Return notices that wait, or those that are parked."""
    rows = _rows(connection, statements.WAITING, is_parked=parked, count=limit)
    return [
        Claim(notice, attempts, _NO_LEASE, None if parked else to_moment(due))
        for key, data, attempts, due in rows
        if (notice := _notice_or_none(key, data)) is not None
    ]


def retry(connection: Connection, notice_id: UUID, at: datetime) -> bool:
    """Make a parked notice due again, at its old place in its client's line."""
    for (client_id,) in _rows(connection, statements.CLIENT_OF, key=notice_id):
        _rows(connection, statements.LOCK_LINE, key=client_id)
        if _changed(connection, statements.RETRY, key=notice_id, due=to_microseconds(at)):
            _changed(connection, statements.STEP_BACK, key=client_id)
            _changed(connection, statements.STEP_FORWARD, key=client_id)
            return True
    return False


def discard(connection: Connection, notice_id: UUID) -> bool:
    """Forget a parked notice, which is in no line."""
    return _changed(connection, statements.DISCARD, key=notice_id) == 1


def outbox_state(connection: Connection) -> OutboxState:
    """Return how much waits, and since when."""
    found = {
        parked: (count, made_at)
        for parked, count, made_at in _rows(connection, statements.OUTBOX_STATE)
    }
    (waiting, oldest), (parked, _) = found.get(False, (0, None)), found.get(True, (0, None))
    return OutboxState(waiting, parked, None if oldest is None else to_moment(oldest))


def _lease_of(claim: Claim) -> Row:
    return {"key": claim.notice.id, "claimed": claim.lease}


def _notice_or_none(notice_id: UUID, data: str) -> Notice | None:
    try:
        return to_notice(notice_id, data)
    except CorruptRecord as problem:
        _log.error("The notice %s is waiting and cannot be read: %s", notice_id, problem)
        return None


# ── Statements ───────────────────────────────────────────────────────────────────────────────────


def _rows(
    connection: Connection, statement: Executable | Prepared, **values: object
) -> Sequence[Any]:
    """Execute a query and return its rows."""
    try:
        if isinstance(statement, Prepared):
            return statement.rows(connection, values)
        return connection.execute(statement, values).all()
    except (ValueError, TypeError):
        # SQLite stores any text as an id, and any bytes.
        raise CorruptRecord("an id is not a UUID") from None


def _in_batches(
    connection: Connection,
    statement: Executable,
    after: Row,
    *,
    limit: int | None = None,
    **values: object,
) -> Iterator[Sequence[Any]]:
    """Execute a query for one batch of rows after another, so that memory holds one of them.

    While an async connection waits for a batch, other tasks go on.

    Parameters:
        connection: the connection.
        statement: the query. Its first columns are those by which it is ordered.
        after: the values of these columns after which the first batch begins, by parameter.
        limit: the largest number of rows; None for all.
        values: the other parameters.
    """
    left = sys.maxsize if limit is None else limit
    while left > 0:
        count = min(left, _AT_ONCE)
        rows = _rows(connection, statement, **values, **after, count=count)
        yield rows
        if len(rows) < count:
            return
        after = dict(zip(after, rows[-1], strict=False))
        left -= count


def _changed(connection: Connection, statement: Executable | Prepared, **values: object) -> int:
    """Execute a statement and return how many rows it changed."""
    if isinstance(statement, Prepared):
        return statement.execute(connection, [values]).rowcount
    return connection.execute(statement, values).rowcount


def _each(connection: Connection, statement: Executable, rows: Sequence[Row]) -> None:
    """Execute a statement once for each row of values."""
    if rows:
        connection.execute(statement, rows)


def _chunks(values: Iterable[T]) -> Iterator[list[T]]:
    iterator = iter(values)
    while chunk := list(islice(iterator, _AT_ONCE)):
        yield chunk
