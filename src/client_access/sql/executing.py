"""Executing statements on a connection."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, Final, TypeVar

from sqlalchemy import Connection, Executable

from client_access.errors import CorruptRecord
from client_access.sql.prepared import Prepared
from client_access.sql.rows import Row

T = TypeVar("T")

AT_ONCE: Final = 500
"""How many keys one statement looks up. Old builds of SQLite allow 999 parameters."""


def rows_of(
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


def in_batches(
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
        count = min(left, AT_ONCE)
        rows = rows_of(connection, statement, **values, **after, count=count)
        yield rows
        if len(rows) < count:
            return
        after = dict(zip(after, rows[-1], strict=False))
        left -= count


def changed(connection: Connection, statement: Executable | Prepared, **values: object) -> int:
    """Execute a statement and return how many rows it changed."""
    if isinstance(statement, Prepared):
        return statement.execute(connection, [values]).rowcount
    return connection.execute(statement, values).rowcount


def each(connection: Connection, statement: Executable, rows: Sequence[Row]) -> None:
    """Execute a statement once for each row of values."""
    if rows:
        connection.execute(statement, rows)


def chunks(values: Iterable[T]) -> Iterator[list[T]]:
    """Yield values in lists that one statement can look up."""
    iterator = iter(values)
    while chunk := list(islice(iterator, AT_ONCE)):
        yield chunk
