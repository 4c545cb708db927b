"""What the errors of a database mean, by their codes and the names of constraints."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from sqlalchemy import exc
from sqlalchemy.exc import (
    DBAPIError,
    IntegrityError,
    ProgrammingError,
    SQLAlchemyError,
    StatementError,
)

from client_access.errors import EmailTaken, RepositoryError, StaleClient
from client_access.service.retries import Retries
from client_access.sql.tables import EMAIL_KEY_CONSTRAINT, clients, events, metadata

_SERIALIZATION_FAILURES: Final = frozenset({"40001", "40P01"})
_MADE_MEANWHILE: Final = frozenset({"23505", "42P07", "42710"})
OTHER_VERSION: Final = "the tables are of another version than this package, or of none"
_MISSING: Final = "the tables are missing: call bring_up_to_date(connection)"
_UNPREPARED: Final = (
    "prepared statements do not work on this connection, as behind PgBouncer:"
    " pass connect_args={'prepare_threshold': None}"
)
_UNREACHABLE: Final = "the server cannot be reached, or does not admit this user to this database"


def is_email_conflict(error: IntegrityError) -> bool:
    """Return whether an error means that two clients would share an address (E1)."""
    diagnostics = getattr(error.orig, "diag", None)
    if diagnostics is not None:  # PostgreSQL names the constraint
        return bool(diagnostics.constraint_name == EMAIL_KEY_CONSTRAINT)
    # SQLite has no code for it. It has named the columns after the colon since version 3.8.
    columns = str(error.orig).partition(": ")[2]
    return columns == f"{clients.name}.{clients.c.email_key.name}"


def is_collision(error: DBAPIError) -> bool:
    """Return whether the whole transaction may succeed if it is tried again."""
    return _state(error) in _SERIALIZATION_FAILURES


def is_made_meanwhile(error: DBAPIError) -> bool:
    """Return whether another process may have made the tables first."""
    return _state(error) in _MADE_MEANWHILE or is_collision(error)


def is_conflict(error: Exception) -> bool:
    """Return whether a host's transaction that failed may succeed if it is begun again."""
    if isinstance(error, StaleClient | EmailTaken):
        return True
    cause = error.__cause__ if isinstance(error, RepositoryError) else error
    return isinstance(cause, DBAPIError) and is_collision(cause)


def pause_after(
    error: SQLAlchemyError, retries: Retries, passes: Callable[[DBAPIError], bool]
) -> float:
    """Return how many seconds to wait after an error, before the transaction is tried again.

    Raises:
        RepositoryError: it is not tried again.
    """
    failure = as_repository_error(error)
    failure.__cause__ = error
    if not (isinstance(error, DBAPIError) and passes(error)):
        raise failure
    return retries.pause_after(failure)


def as_repository_error(error: SQLAlchemyError) -> RepositoryError:
    """Return the error for the caller. The cause is the error of SQLAlchemy.

    Neither shows values: they are personal data.
    """
    if isinstance(error, exc.TimeoutError):
        return RepositoryError(f"the pool of connections ran out: {error.args[0]}")
    if isinstance(error, StatementError):
        error.hide_parameters = True
    if not isinstance(error, DBAPIError):
        return RepositoryError(f"the database failed ({type(error).__name__})")
    _hide_details(error)
    name = _name(error.orig)
    what = type(error).__name__ if name is None else f"{type(error).__name__}, {name}"
    reason = _reason(error)
    return RepositoryError(f"{reason or 'the database failed'} ({what})")


def _hide_details(error: DBAPIError) -> None:
    """Leave only the first sentence of PostgreSQL's text. The details show the row at fault."""
    primary = getattr(getattr(error.orig, "diag", None), "message_primary", None)
    if primary is not None and error.orig is not None:
        error.orig.args = (primary,)
        error.args = (f"({type(error.orig).__name__}) {primary}",)


def is_rejected_argument(error: RepositoryError) -> bool:
    """Return whether a driver refused to connect because of an argument."""
    cause = error.__cause__
    return isinstance(cause, ProgrammingError) and cause.statement is None


def is_read_only(error: BaseException | None) -> bool:
    """Return whether a server refused to write, as one does that became a standby."""
    return getattr(error, "sqlstate", None) == "25006"


_REASONS: Final = {
    "25006": "the server accepts no changes: it may have become a standby",
    "26000": _UNPREPARED,
    "3F000": "the schema does not exist: create it first",
    "42P01": _MISSING,
    "42P05": _UNPREPARED,
    "42501": "this role lacks a right on the tables or their schema",
    "SQLITE_BUSY": "another process kept the database locked for too long",
    "SQLITE_FULL": "the disk is full",
    "SQLITE_READONLY": "the file cannot be written",
    "SQLITE_CANTOPEN": "the file cannot be opened",
    "SQLITE_NOTADB": "the file is not a database",
}


def _reason(error: DBAPIError) -> str | None:
    """Return what an error means in words, or None."""
    text = str(error.orig)
    if text.startswith("no such table: ") and text.partition(": ")[2] in metadata.tables:
        return _MISSING
    if isinstance(error, IntegrityError) and _is_other_version(error, text):
        return OTHER_VERSION
    name = _name(error.orig)
    if name is None and error.statement is None:
        return _UNREACHABLE
    reason = _REASONS.get((name or "").removeprefix("SQLSTATE "))
    if reason is None and error.connection_invalidated:
        return "the connection was lost"
    return reason


def _is_other_version(error: IntegrityError, text: str) -> bool:
    """Return whether an event was not written because the version of the tables is not ours."""
    diagnostics = getattr(error.orig, "diag", None)
    if diagnostics is not None:
        found = diagnostics.table_name, diagnostics.column_name
        return _state(error) == "23502" and found == (events.name, events.c.data.name)
    return text == f"NOT NULL constraint failed: {events.name}.{events.c.data.name}"


def _name(error: object) -> str | None:
    """Return the code of an error: an SQLSTATE, or the name that SQLite has for it."""
    state = getattr(error, "sqlstate", None)
    if isinstance(state, str):
        return f"SQLSTATE {state}"
    name = getattr(error, "sqlite_errorname", None)
    return name if isinstance(name, str) else None


def _state(error: DBAPIError) -> str | None:
    state = getattr(error.orig, "sqlstate", None)
    return state if isinstance(state, str) else None
