"""The driver's own cursor of a connection, and the transaction that it begins and ends."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from types import TracebackType
from typing import Any, Self, final

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError, StatementError


@final
class Cursor:
    """A driver's cursor, for one question or one transaction.

    What SQLAlchemy does around a statement and a transaction costs about as much as they do
    themselves. So its pool, its dialects and its errors are used, but its events and its log see
    neither.

    Parameters:
        connection: whose driver it is.

    Every method raises :class:`~sqlalchemy.exc.StatementError`: what SQLAlchemy makes of the errors
    of a driver.
    """

    __slots__ = ("_cursor", "_errors", "_pooled", "connection", "driver")

    def __init__(self, connection: Connection) -> None:
        pooled = connection.connection
        self.connection = connection
        self.driver: Any = pooled.driver_connection
        self._pooled = pooled
        self._errors: tuple[type[Exception], ...] = (
            connection.dialect.loaded_dbapi.Error,
            # What a driver raises for a value that its database cannot hold.
            UnicodeError,
            OverflowError,
        )
        self._cursor: Any = None
        try:
            self._cursor = pooled.cursor()
        except self._errors as error:
            raise self._translated(error) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        # Not left to the garbage collector: where drivers work in threads, as that of SQLite does
        # for asyncio, it would wait in the event loop for what that thread waits for.
        with suppress(*self._errors):
            self._cursor.close()

    def ask(self, sql: str, arguments: Any = ()) -> Sequence[Any]:
        """Execute a question; return its rows."""
        cursor = self._cursor
        try:
            cursor.execute(sql, arguments)
            rows: Sequence[Any] = cursor.fetchall()
        except self._errors as error:
            raise self._translated(error) from error
        except BaseException as error:
            self._broken_off(error)
            raise
        return rows

    def do(self, sql: str, arguments: Any = (), *, many: bool = False) -> int:
        """Execute a statement, or once for each of many arguments; return how many rows it met."""
        cursor = self._cursor
        try:
            (cursor.executemany if many else cursor.execute)(sql, arguments)
        except self._errors as error:
            raise self._translated(error) from error
        except BaseException as error:
            self._broken_off(error)
            raise
        count: int = cursor.rowcount
        return count

    def savepoint(self) -> None:
        """Begin what can be undone without what was done before it."""
        self.do("SAVEPOINT client_access")

    def release_savepoint(self) -> None:
        """Keep what was done since the last savepoint, which ends here."""
        self.do("RELEASE SAVEPOINT client_access")

    def rollback_to_savepoint(self) -> None:
        """Undo what was done since the last savepoint, which ends here."""
        self.do("ROLLBACK TO SAVEPOINT client_access")
        self.release_savepoint()

    def rollback(self) -> None:
        """Undo the transaction; a connection where that fails is not used again."""
        if self._pooled.is_valid:
            try:
                self._pooled.rollback()
            except self._errors as error:
                self.connection.invalidate(error)

    def _broken_off(self, error: BaseException) -> None:
        # By a time limit, a cancelled task, a signal: the driver may still wait for an answer, so
        # the connection is not used again.
        self.connection.invalidate(error)

    def _translated(self, error: Any) -> BaseException:
        dialect = self.connection.dialect
        if not isinstance(error, dialect.loaded_dbapi.Error):
            return StatementError("a value cannot be given", None, None, error, True)
        if dialect.is_disconnect(error, self._pooled, self._cursor):
            self.connection.invalidate(error)
            # Those that lie in the pool are most likely lost as well.
            self.connection.engine.dispose()
        translated: BaseException = DBAPIError.instance(
            None, None, error, dialect.loaded_dbapi.Error, hide_parameters=True, dialect=dialect
        )
        return translated
