"""Each call takes a connection of its own; the calls of a session share one."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from typing import TypeVar, final

from sqlalchemy import Connection, Engine

from client_access.sql.connections import give_back
from client_access.sql.lines import Line, Turn, turn_to_write

T = TypeVar("T")


@final
class Connections:
    """A connection for each call.

    Parameters:
        engine: makes them.
        lines: where those that read wait for one, and those that write; None if a host uses the
            engine too.
    """

    def __init__(self, engine: Engine, lines: tuple[Line, Line] | None = None) -> None:
        self._engine = engine
        self._lines = lines

    def reading(self, work: Callable[[Connection], T]) -> T:
        """Do work that only reads."""
        turn = nullcontext() if self._lines is None else self._lines[0].turn()
        with turn, self._engine.connect() as connection:
            return work(connection)

    def writing(self, work: Callable[[Connection], T]) -> T:
        """Do work that writes."""
        with turn_to_write(self._engine), self._engine.connect() as connection:
            return work(connection)

    def kept(self) -> KeptConnection | None:
        """Return one for a session, or None if a host uses the engine too."""
        return None if self._lines is None else KeptConnection(self._engine, *self._lines)


@final
class KeptConnection:
    """One connection for a session, from its first question until it has saved.

    On SQLite, a session that must wait to write returns its connection first, so that others can
    read.

    Parameters:
        engine: an engine that no host uses.
        to_read, to_write: where those that read wait for a connection, and those that write.
    """

    def __init__(self, engine: Engine, to_read: Line, to_write: Line) -> None:
        self._engine = engine
        self._to_read = to_read
        self._to_write = to_write
        self._taken: tuple[Connection, Turn] | None = None

    def reading(self, work: Callable[[Connection], T]) -> T:
        """Do work that only reads."""
        connection, _ = self._taken or self._take(self._to_read)
        try:
            return work(connection)
        except BaseException:
            self.end()
            raise

    def writing(self, work: Callable[[Connection], T]) -> T:
        """Do work that writes, and return the connection."""
        if self._taken is not None and self._to_write is not self._to_read:
            self._change_lines(*self._taken)
        connection, _ = self._taken or self._take(self._to_write)
        try:
            return work(connection)
        finally:
            self.end()

    def end(self) -> None:
        """Return the connection, if there is one."""
        if self._taken is not None:
            connection, turn = self._taken
            self._taken = None
            try:
                give_back(connection)
            finally:
                turn.leave()

    def _take(self, line: Line) -> tuple[Connection, Turn]:
        turn = line.turn()
        turn.enter()
        try:
            self._taken = self._engine.connect(), turn
        except BaseException:
            turn.leave()
            raise
        return self._taken

    def _change_lines(self, connection: Connection, reading: Turn) -> None:
        writing = self._to_write.turn()
        if writing.enter(wait=False):
            self._taken = connection, writing
            reading.leave()
        else:
            self.end()
