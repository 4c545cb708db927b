"""Statements that are compiled once for a database, and executed by SQLAlchemy as text.

These are the statements of every command. To execute one of Core takes some 20 µs more than to
execute its text. Events, logs and tracing see both alike.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeAlias, final
from weakref import WeakKeyDictionary

from sqlalchemy import Connection, CursorResult, Dialect, Insert, Select, Update

Values: TypeAlias = Mapping[str, object]
"""Values by the names of a statement's parameters."""


@final
class Prepared:
    """A statement, and its text for each dialect.

    Parameters:
        statement: the statement.
        columns: the columns that are set to the given values; by default, all of an insert.
    """

    def __init__(
        self, statement: Select[Any] | Insert | Update, columns: Sequence[str] | None = None
    ) -> None:
        self.statement: Final = statement
        self._columns = columns
        self._texts = WeakKeyDictionary[Dialect, _Text]()

    def rows(self, connection: Connection, values: Values) -> Sequence[Any]:
        """Execute a query and return its rows."""
        text = self._text_for(connection)
        if text is None:
            return connection.execute(self.statement, values).all()
        found = connection.exec_driver_sql(text.sql, text.given(values)).all()
        return [text.found(row) for row in found]

    def execute(self, connection: Connection, rows: Sequence[Values]) -> CursorResult[Any]:
        """Execute an insert or update once for each row of values; there is at least one."""
        text = self._text_for(connection)
        if text is None:
            return connection.execute(self.statement, rows)
        return connection.exec_driver_sql(text.sql, [text.given(row) for row in rows])

    def _text_for(self, connection: Connection) -> _Text | None:
        """Return the text for a connection; None if SQLAlchemy has to put schemas into it."""
        if connection.get_execution_options().get("schema_translate_map"):
            return None
        dialect = connection.dialect
        text = self._texts.get(dialect)
        if text is None:
            text = self._texts[dialect] = _Text(self.statement, self._columns, dialect)
        return text


@final
class _Text:
    """A statement as a driver takes it, and how values are converted for it and back."""

    def __init__(
        self,
        statement: Select[Any] | Insert | Update,
        columns: Sequence[str] | None,
        dialect: Dialect,
    ) -> None:
        compiled = statement.compile(dialect=dialect, column_keys=columns)
        self.sql = compiled.string
        self._positions = compiled.positiontup
        self._constants = {
            name: bound.value for name, bound in compiled.binds.items() if not bound.required
        }
        self._to_driver = [
            (name, process)
            for name, bound in compiled.binds.items()
            if (process := bound.type.dialect_impl(dialect).bind_processor(dialect))
        ]
        selected = statement.selected_columns if isinstance(statement, Select) else ()
        self._from_driver = [
            (place, process)
            for place, column in enumerate(selected)
            if (process := column.type.dialect_impl(dialect).result_processor(dialect, None))
        ]

    def given(self, values: Values) -> dict[str, object] | tuple[object, ...]:
        """Return parameters as the driver takes them."""
        given = {**self._constants, **values}
        for name, process in self._to_driver:
            given[name] = process(given[name])
        if self._positions is None:
            return given
        return tuple(map(given.__getitem__, self._positions))

    def found(self, row: Sequence[object]) -> Sequence[object]:
        """Return a row with the values that Core would give it."""
        if not self._from_driver:
            return row
        found = list(row)
        for place, process in self._from_driver:
            found[place] = process(found[place])
        return found
