"""A host's own transaction, begun again after a conflict with another writer."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from sqlalchemy import Connection, Engine

from client_access.service.retries import Retries
from client_access.sql.connections import begin, commit, undo
from client_access.sql.engines import check_bind, watch
from client_access.sql.faults import is_conflict
from client_access.sql.lines import turn_to_write
from client_access.values.validation import check_callable, check_sync, wrong_type

T = TypeVar("T")


def in_transaction(engine: Engine, work: Callable[[Connection], T]) -> T:
    """Do work in a transaction, commit it, and return what the work returned.

    If another writer was first, nothing of the transaction is kept, and the work is done again in
    a new one: after :class:`~client_access.StaleClient`, :class:`~client_access.EmailTaken`, and
    SQLSTATE 40001 and 40P01 of PostgreSQL. There are at most 20 attempts, with random pauses
    between them that grow to a second. Any other error is raised as it is, after a rollback.

    On SQLite, the transaction has the lock from its beginning. Callers with one engine wait for it
    in the order in which they came.

    Parameters:
        engine: an engine of SQLAlchemy.
        work: takes a connection, for a :class:`SqlRepository` and for statements of the host's own.
            It neither commits nor rolls back. It may be called several times, so it must do nothing
            that a rollback does not undo.

    Raises:
        InvalidValue: an argument is malformed.
        StaleClient, EmailTaken, RepositoryError: the last attempt failed with it. A note says how
            often it was tried. On SQLite also `RepositoryError` after waiting for 30 seconds.
        Exception: whatever else the work or the database raised.
    """
    if not isinstance(engine, Engine):
        raise wrong_type("engine", "an engine of SQLAlchemy", engine, "use create_engine(url)")
    check_bind(engine.dialect, engine.pool)
    check_callable("work", work)
    check_sync("work", work, "in_transaction_async")
    watch(engine)
    retries = Retries()
    while True:
        try:
            with turn_to_write(engine), engine.connect() as connection:
                transaction = begin(connection)
                try:
                    result = work(connection)
                except BaseException as error:
                    undo(connection, transaction, error)
                    raise
                commit(connection, transaction)
                return result
        except Exception as error:
            if not is_conflict(error):
                raise
            pause = retries.pause_after(error)
        time.sleep(pause)
