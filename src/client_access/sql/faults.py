"""What the errors of a database mean, by their codes and the names of constraints."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from sqlalchemy.exc import DBAPIError, IntegrityError, SQLAlchemyError, StatementError

from client_access.errors import EmailTaken, RepositoryError, StaleClient
from client_access.service.retries import Retries
from client_access.sql.tables import EMAIL_KEY_CONSTRAINT, clients

_SERIALIZATION_FAILURES: Final = frozenset({"40001", "40P01"})
_MADE_MEANWHILE: Final = frozenset({"23505", "42P07", "42710"})


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

    Neither shows parameters: they hold personal data.
    """
    if isinstance(error, StatementError):
        error.hide_parameters = True
    state = _state(error) if isinstance(error, DBAPIError) else None
    what = type(error).__name__ if state is None else f"{type(error).__name__}, SQLSTATE {state}"
    return RepositoryError(f"the database failed ({what})")


def _state(error: DBAPIError) -> str | None:
    state = getattr(error.orig, "sqlstate", None)
    return state if isinstance(state, str) else None
