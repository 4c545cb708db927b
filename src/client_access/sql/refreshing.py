"""Finding the columns of clients that no longer follow from their records, and writing them again.

Names and addresses are folded with the Unicode of Python and by email-validator. Another version of
either may fold them in another way than the one that wrote a row.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import cast
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


def outdated(connection: Connection, after: UUID | None) -> tuple[list[Row], UUID | None]:
    """Return which rows of some clients are not what `save` would write now, as it would write.

    Parameters:
        connection: the connection.
        after: the id after which the clients come; None for the first ones.

    Returns:
        The rows for :func:`rewrite`, and the last id that was read, None at the end.
    """
    if after is None:
        found = rows_of(connection, statements.FIRST_ROWS, count=executing.AT_ONCE)
    else:
        found = rows_of(connection, statements.NEXT_ROWS, after=after, count=executing.AT_ONCE)
    check_order([row.id for row in found], after)
    rows = []
    for stored in found:
        try:
            client = to_client((stored.id, stored.version, stored.data))
        except CorruptRecord as problem:
            _log.error("A record cannot be read: %s", problem)
            continue
        row = of_client(_with_present_key(client))
        if any(getattr(stored, name) != value for name, value in row.items() if name != "data"):
            row |= {"version_before": stored.version, "erasures_before": stored.erasures}
            rows.append({"key": stored.id, **row})
    return rows, found[-1].id if found else None


def _with_present_key(client: Client) -> Client:
    """Return the client with the key that its address has now, if the address is still valid."""
    try:
        email = EmailAddress(client.email.address)
    except InvalidValue:
        return client
    return client if email.key == client.email_key else attrs.evolve(client, email=email)


def rewrite(connection: Connection, rows: Sequence[Row]) -> list[UUID]:
    """Write rows again, except those that another writer has changed, and return the ids."""
    written = []
    for row in rows:
        client_id = cast("UUID", row["key"])
        try:
            if nested(connection, _rewrite, row):
                written.append(client_id)
        except IntegrityError as error:
            if not is_email_conflict(error):
                raise
            _log.error(
                "Client %s has the address of another client, as it is folded now", client_id
            )
    return written


def _rewrite(connection: Connection, row: Row) -> int:
    return changed(connection, statements.update_client(frozenset(row)), **row)
