"""Finding the columns of clients that no longer follow from their records, and writing them again.

Names and addresses are folded with the Unicode of Python and by email-validator. Another version of
either may fold them in another way than the one that wrote a row.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import attrs
from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from client_access.client import Client
from client_access.errors import CorruptRecord, InvalidValue
from client_access.sql import executing, statements
from client_access.sql.connections import nested
from client_access.sql.executing import changed, rows_of
from client_access.sql.faults import is_email_conflict
from client_access.sql.rows import Row, of_client, to_client
from client_access.sql.store import check_order
from client_access.values.email_address import EmailAddress

_log = logging.getLogger(__name__)


def outdated(connection: Connection, after: UUID | None) -> tuple[list[UUID], UUID | None]:
    """Return the ids of those of some clients whose rows are not as `save` would write them anew.

    Parameters:
        connection: the connection.
        after: the id after which the clients come; None for the first ones.

    Returns:
        The ids, and the last id that was read, None at the end.
    """
    if after is None:
        found = rows_of(connection, statements.FIRST_ROWS, count=executing.AT_ONCE)
    else:
        found = rows_of(connection, statements.NEXT_ROWS, after=after, count=executing.AT_ONCE)
    check_order([stored.id for stored in found], after)
    ids = [stored.id for stored in found if _written_anew(stored) is not None]
    return ids, found[-1].id if found else None


def _written_anew(stored: Any) -> Row | None:
    """Return the row as it should be, or None if it is so already or cannot be read."""
    try:
        client = to_client((stored.id, stored.version, stored.data))
    except CorruptRecord as problem:
        _log.error("A record cannot be read: %s", problem)
        return None
    present = _with_present_key(client)
    row = of_client(present)
    is_so = all(getattr(stored, name) == value for name, value in row.items() if name != "data")
    return None if is_so and present is client else row


def _with_present_key(client: Client) -> Client:
    """Return the client with the key that its address has now, if the address is still valid."""
    try:
        email = EmailAddress(client.email.address)
    except InvalidValue:
        return client
    return client if email.key == client.email_key else attrs.evolve(client, email=email)


def rewrite(connection: Connection, client_ids: Sequence[UUID]) -> list[UUID]:
    """Write those rows of clients again that are outdated, and return the ids of those written."""
    written = []
    for stored in rows_of(connection, statements.GET_ROWS_LOCKED, keys=client_ids):
        row = _written_anew(stored)
        if row is None:
            continue
        try:
            nested(connection, _rewrite, stored.id, row)
        except IntegrityError as error:
            if not is_email_conflict(error):
                raise
            _log.error(
                "Client %s has the address of another client, as it is folded now", stored.id
            )
        else:
            written.append(stored.id)
    return written


def _rewrite(connection: Connection, client_id: UUID, row: Row) -> None:
    changed(connection, statements.OVERWRITE_CLIENT, key=client_id, **row)
