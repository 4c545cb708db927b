"""What the errors of a database mean, by their codes and the names of constraints."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Final, final

from sqlalchemy.exc import DBAPIError, IntegrityError, SQLAlchemyError, StatementError

from client_access.errors import RepositoryError
from client_access.sql.tables import EMAIL_KEY_CONSTRAINT, clients

_RETRIES: Final = 10
"""How often a transaction is tried again after the database refused to serialize it."""

_SERIALIZATION_FAILURES: Final = frozenset({"40001", "40P01"})
_MADE_MEANWHILE: Final = frozenset({"23505", "42P07", "42710"})
_FIRST_PAUSE, _LONGEST_PAUSE = 0.005, 0.5  # seconds


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


@final
class Faults:
    """Counts the faults of one transaction and decides whether to try it again.

    Parameters:
        passes: whether a transaction may be tried again after an error.
    """

    def __init__(self, passes: Callable[[DBAPIError], bool]) -> None:
        self._passes = passes
        self._met = 0

    def pause_after(self, error: SQLAlchemyError) -> float:
        """Count a fault and return a random number of seconds to wait.

        Raises:
            RepositoryError: the transaction must not be tried again.
        """
        self._met += 1
        passes = isinstance(error, DBAPIError) and self._passes(error)
        if self._met > _RETRIES or not passes:
            raise as_repository_error(error) from error
        return random.uniform(0, min(_FIRST_PAUSE * 2**self._met, _LONGEST_PAUSE))


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
