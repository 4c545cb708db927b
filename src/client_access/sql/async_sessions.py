"""As :mod:`client_access.sql.sessions`, for asyncio."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack, suppress
from typing import TypeVar, final

from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from client_access.sql.connections import give_back
from client_access.sql.engines import is_ours
from client_access.sql.lines import is_turn_to_write, task_to_write

T = TypeVar("T")


@final
class AsyncConnections:
    """A connection for each call.

    Parameters:
        engine: makes them.
    """

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def reading(self, work: Callable[[Connection], T]) -> T:
        """Do work that only reads."""
        async with self._engine.connect() as connection:
            return await whole(connection, work)

    async def writing(self, work: Callable[[Connection], T]) -> T:
        """Do work that writes."""
        async with task_to_write(self._engine.sync_engine):
            return await self.reading(work)

    def kept(self) -> AsyncKeptConnection | None:
        """Return one for a session, or None if a host may use the engine too."""
        return AsyncKeptConnection(self._engine) if is_ours(self._engine.sync_engine) else None


@final
class AsyncKeptConnection:
    """One connection for a session, from its first question until it has saved."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._taken: AsyncConnection | None = None

    async def reading(self, work: Callable[[Connection], T]) -> T:
        """Do work that only reads."""
        try:
            return await whole(await self._connection(), work)
        except BaseException:
            await self.end()
            raise

    async def writing(self, work: Callable[[Connection], T]) -> T:
        """Do work that writes, and return the connection."""
        if not is_turn_to_write(self._engine.sync_engine):
            await self.end()
        async with task_to_write(self._engine.sync_engine):
            try:
                return await whole(await self._connection(), lambda sync: _do_last(sync, work))
            finally:
                await self.end()

    async def end(self) -> None:
        """Return the connection, if there is one and it is not returned yet."""
        connection, self._taken = self._taken, None
        if connection is not None and not connection.closed:
            async with AsyncExitStack() as stack:
                stack.push_async_exit(connection)  # closes it even if this task is cancelled
                await whole(connection, give_back)

    async def _connection(self) -> AsyncConnection:
        if self._taken is None:
            self._taken = await self._engine.connect()
        return self._taken


def _do_last(connection: Connection, work: Callable[[Connection], T]) -> T:
    """Do work and return the connection. On SQLite, a second step would be another task."""
    try:
        return work(connection)
    finally:
        give_back(connection)


async def whole(connection: AsyncConnection, work: Callable[[Connection], T]) -> T:
    """Do work on a connection. On SQLite, do it to the end even if the task is cancelled.

    A thread executes the statements of SQLite, and nothing interrupts it. A connection that is
    closed meanwhile keeps its lock, and its driver fails in ways of its own.
    """
    if connection.dialect.name != "sqlite":
        return await connection.run_sync(work)
    task = asyncio.ensure_future(connection.run_sync(work))
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        while not task.done():
            with suppress(asyncio.CancelledError):
                await asyncio.wait([task])
        if not task.cancelled():
            task.exception()  # else asyncio would log that nobody asked for it
        raise
