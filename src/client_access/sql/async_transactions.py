"""A host's own transaction for asyncio, begun again after a conflict with another writer."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from client_access.service.retries import Retries
from client_access.sql.connections import begin, commit, undo
from client_access.sql.engines import check_bind, watch
from client_access.sql.faults import is_conflict
from client_access.sql.lines import task_to_write
from client_access.values.validation import check_awaitable, check_callable, wrong_type

T = TypeVar("T")


async def in_transaction_async(
    engine: AsyncEngine, work: Callable[[AsyncConnection], Awaitable[T]]
) -> T:
    """Do as :func:`in_transaction`, with an async engine and work that is awaited.

    A cancelled task leaves nothing behind: its transaction is rolled back.
    """
    if not isinstance(engine, AsyncEngine):
        raise wrong_type(
            "engine", "an async engine of SQLAlchemy", engine, "use create_async_engine(url)"
        )
    check_bind(engine.dialect, engine.pool)
    check_callable("work", work)
    watch(engine.sync_engine)
    retries = Retries()
    while True:
        try:
            async with task_to_write(engine.sync_engine), engine.connect() as connection:
                transaction = await connection.run_sync(begin)
                try:
                    result = await check_awaitable("work", work(connection), "in_transaction")
                except BaseException as error:
                    await connection.run_sync(undo, transaction, error)
                    raise
                await connection.run_sync(commit, transaction)
                return result
        except Exception as error:
            if not is_conflict(error):
                raise
            pause = retries.pause_after(error)
        await asyncio.sleep(pause)
