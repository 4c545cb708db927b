"""Writers that meet at one client take turns from their second attempt on."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest
from sql.shop import CATALOGUE, PLATFORM, added
from sqlalchemy import Engine
from sqlalchemy.ext.asyncio import create_async_engine

from client_access import (
    AsyncClientAccess,
    AsyncRepository,
    ChangeBusinessName,
    ClientAccess,
    InvalidValue,
    Observation,
    Repository,
    RepositoryError,
)
from client_access.sql import AsyncSqlRepository, SqlRepository

WRITERS, EACH = 6, 5
BUSY = added(name="Elm")
NAMES = {f"{writer}.{number}" for writer in range(WRITERS) for number in range(EACH)}


def rename(name: str) -> ChangeBusinessName:
    return ChangeBusinessName(BUSY.after.id, PLATFORM, business_name=name)


def check(observed: Sequence[Observation], engine: Engine) -> None:
    """Check that every command was accepted, by its second attempt at the latest."""
    assert {each.attempts for each in observed} <= {1, 2}
    history = SqlRepository(engine).history(BUSY.after.id)
    assert {getattr(event, "business_name", None) for event in history[1:]} == NAMES
    assert len(history) == 1 + len(NAMES) == 1 + len(observed)


@pytest.mark.parametrize("remembered", [False, True])
def test_no_thread_decides_a_third_time(engine: Engine, *, remembered: bool) -> None:
    repository = SqlRepository(engine)
    repository.save([BUSY])
    observed: list[Observation] = []
    access = ClientAccess(repository, catalogue=CATALOGUE, observe=observed.append)

    def write(writer: int) -> None:
        for number in range(EACH):
            name = f"{writer}.{number}"
            access.handle(rename(name), command_id=name if remembered else None)

    with ThreadPoolExecutor(WRITERS) as pool:
        list(pool.map(write, range(WRITERS)))
    check(observed, engine)


@pytest.mark.parametrize("remembered", [False, True])
def test_no_task_decides_a_third_time(engine: Engine, database: str, *, remembered: bool) -> None:
    SqlRepository(engine).save([BUSY])
    observed: list[Observation] = []

    async def live() -> None:
        url = database.replace("sqlite:", "sqlite+aiosqlite:")
        bind = create_async_engine(url, pool_size=WRITERS)
        access = AsyncClientAccess(
            AsyncSqlRepository(bind), catalogue=CATALOGUE, observe=observed.append
        )

        async def write(writer: int) -> None:
            for number in range(EACH):
                name = f"{writer}.{number}"
                await access.handle(rename(name), command_id=name if remembered else None)

        await asyncio.gather(*map(write, range(WRITERS)))
        await bind.dispose()

    asyncio.run(live())
    check(observed, engine)


class Unlucky(Exception):
    pass


def test_a_lock_waits_in_the_line_of_writers(sqlite: str) -> None:
    """Like every other write of a repository that `open` returns."""
    with SqlRepository.open(sqlite) as repository:
        repository.locked([BUSY.after.id], lambda held: held.save([BUSY]))
        assert repository.get(BUSY.after.id) == BUSY.after


def test_an_error_undoes_what_was_saved_under_a_lock(engine: Engine, database: str) -> None:
    change = added()
    repository = SqlRepository(engine)

    def work(held: Repository) -> None:
        held.save([change])
        assert held.get(change.after.id) == change.after
        raise Unlucky

    with pytest.raises(Unlucky):
        repository.locked([uuid4()], work)
    assert repository.get(change.after.id) is None

    async def work_async(held: AsyncRepository) -> None:
        await held.save([change])
        raise Unlucky

    async def live() -> None:
        bind = create_async_engine(database.replace("sqlite:", "sqlite+aiosqlite:"))
        with pytest.raises(Unlucky):
            await AsyncSqlRepository(bind).locked([uuid4()], work_async)
        assert await AsyncSqlRepository(bind).get(change.after.id) is None
        await bind.dispose()

    asyncio.run(live())


def test_a_lock_needs_an_engine(engine: Engine, database: str) -> None:
    """Inside a host's transaction, the host begins again after a conflict."""
    with engine.connect() as connection, pytest.raises(InvalidValue, match="bind"):
        SqlRepository(connection).locked([uuid4()], lambda held: held)

    async def work(held: AsyncRepository) -> AsyncRepository:
        return held

    async def live() -> None:
        bind = create_async_engine(database.replace("sqlite:", "sqlite+aiosqlite:"))
        async with bind.connect() as connection:
            with pytest.raises(InvalidValue, match="bind"):
                await AsyncSqlRepository(connection).locked([uuid4()], work)
        await bind.dispose()

    asyncio.run(live())


def test_a_database_that_is_gone_is_a_repository_error(engine: Engine, database: str) -> None:
    repository = SqlRepository(engine)
    with engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE client_access_client")
    with pytest.raises(RepositoryError, match="the tables are missing"):
        repository.locked([uuid4()], lambda held: held)

    async def work(held: AsyncRepository) -> AsyncRepository:
        return held

    async def live() -> None:
        bind = create_async_engine(database.replace("sqlite:", "sqlite+aiosqlite:"))
        with pytest.raises(RepositoryError, match="the tables are missing"):
            await AsyncSqlRepository(bind).locked([uuid4()], work)
        await bind.dispose()

    asyncio.run(live())
