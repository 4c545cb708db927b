"""The notices that wait: leasing, delivering, parking and counting them."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID, uuid4

from sqlalchemy import Connection, Executable

from client_access.errors import CorruptRecord
from client_access.notices import Notice
from client_access.repository import Claim, OutboxState
from client_access.sql import statements
from client_access.sql.executing import changed, each, rows_of
from client_access.sql.rows import Row, to_notice
from client_access.sql.tables import to_microseconds, to_moment
from client_access.values import later

_log = logging.getLogger("client_access.sql")

_NO_LEASE: Final = UUID(int=0)


def claim(connection: Connection, at: datetime, lease: timedelta, limit: int) -> list[Claim]:
    """Lease notices that are due, only the first undelivered one of each client."""
    claimed, until = uuid4(), later(at, lease)
    while rows := rows_of(connection, statements.DUE, at=to_microseconds(at), count=limit):
        found = [
            (key, attempts, former, notice_or_none(key, data))
            for key, attempts, former, data in rows
        ]
        # A notice that cannot be read is withheld too, so that it does not hold up the others.
        # Nobody has it, so no answer is due.
        each(
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
    return bool(rows_of(connection, statements.IS_DUE, at=to_microseconds(at)))


def delivered(connection: Connection, claim: Claim) -> bool:
    """Forget a notice that was delivered."""
    return _leave(connection, statements.DELIVERED, claim)


def failed(connection: Connection, claim: Claim, retry_at: datetime | None) -> bool:
    """Give a notice back, or park it."""
    if retry_at is None:
        return _leave(connection, statements.PARK, claim)
    due = to_microseconds(retry_at)
    return changed(connection, statements.FAILED, **_lease_of(claim), due=due) == 1


def released(connection: Connection, claim: Claim) -> bool:
    """Give a notice back that was not tried."""
    return changed(connection, statements.RELEASED, **_lease_of(claim)) == 1


def _leave(connection: Connection, statement: Executable, claim: Claim) -> bool:
    """Take a notice out of its client's line; the next one becomes the first."""
    line: Row = {"key": claim.notice.client_id}
    rows_of(connection, statements.LOCK_LINE, **line)
    done = changed(connection, statement, **_lease_of(claim)) == 1
    if done:
        changed(connection, statements.STEP_FORWARD, **line)
    return done


def waiting(connection: Connection, parked: bool, limit: int) -> list[Claim]:
    """Return notices that wait, or those that are parked."""
    rows = rows_of(connection, statements.WAITING, is_parked=parked, count=limit)
    return [
        Claim(notice, attempts, _NO_LEASE, None if parked else to_moment(due))
        for key, data, attempts, due in rows
        if (notice := notice_or_none(key, data)) is not None
    ]


def retry(connection: Connection, notice_id: UUID, at: datetime) -> bool:
    """Make a parked notice due again, at its old place in its client's line."""
    for (client_id,) in rows_of(connection, statements.CLIENT_OF, key=notice_id):
        rows_of(connection, statements.LOCK_LINE, key=client_id)
        if changed(connection, statements.RETRY, key=notice_id, due=to_microseconds(at)):
            changed(connection, statements.STEP_BACK, key=client_id)
            changed(connection, statements.STEP_FORWARD, key=client_id)
            return True
    return False


def discard(connection: Connection, notice_id: UUID) -> bool:
    """Forget a parked notice, which is in no line."""
    return changed(connection, statements.DISCARD, key=notice_id) == 1


def outbox_state(connection: Connection) -> OutboxState:
    """Return how much waits, and since when."""
    found = {
        parked: (count, made_at)
        for parked, count, made_at in rows_of(connection, statements.OUTBOX_STATE)
    }
    (waiting, oldest), (parked, _) = found.get(False, (0, None)), found.get(True, (0, None))
    return OutboxState(waiting, parked, None if oldest is None else to_moment(oldest))


def _lease_of(claim: Claim) -> Row:
    return {"key": claim.notice.id, "claimed": claim.lease}


def notice_or_none(notice_id: UUID, data: str) -> Notice | None:
    """Return a notice, or None if it cannot be read."""
    try:
        return to_notice(notice_id, data)
    except CorruptRecord as problem:
        _log.error("The notice %s is waiting and cannot be read: %s", notice_id, problem)
        return None
