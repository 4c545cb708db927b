"""The async repository: the same answers as the sync one; opening and closing."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from attrs import evolve
from processes.worker import CATALOGUE as SHOP
from processes.worker import PRACTICE, some_command
from sql.shop import LEASE, T0, added, renamed
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from client_access import (
    AddClient,
    ChangeEmail,
    ClientAccess,
    ClientList,
    CommandRefused,
    EmailTaken,
    GiveAccess,
    InvalidValue,
    RepositoryError,
    StaleClient,
    Subscribe,
    sql,
)
from client_access.sql import AsyncSqlRepository, SqlRepository, executing
from client_access.testing import awaited


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[AsyncSqlRepository]:
    async with await AsyncSqlRepository.open(url) as repository:
        yield repository


def answers(repository: Any) -> list[object]:
    """Give the same random commands at each call, and return every answer."""
    access = ClientAccess(repository, catalogue=SHOP, clock=lambda: T0)
    chance = random.Random(5)
    given: list[object] = []
    ids = [UUID(int=chance.getrandbits(128)) for _ in range(6)]
    for number, client_id in enumerate(ids):
        access.handle(AddClient(client_id, PRACTICE, business_name=f"Firm {number}"))
    for number in range(120):
        client_id = chance.choice(ids)
        command = some_command(client_id, repository.get(client_id), chance)
        if isinstance(command, Subscribe | GiveAccess | ChangeEmail):
            new = UUID(int=chance.getrandbits(128))
            command = evolve(command, activation_id=new)
        try:
            change = access.handle(command, command_id=str(number) if number % 3 == 0 else None)
        except CommandRefused as refused:
            given.append(refused.refusal)
        else:
            given.append(change)
            assert repository.find_by_email(change.after.email_key) == change.after
    repository.erase(ids[0])
    given += [repository.history(client_id) for client_id in ids]
    given += [repository.recall(str(number), at=T0) for number in range(0, 120, 3)]
    for client_list in ClientList:
        page = repository.page(
            "practice", client_list, search="i", limit=9, after=("firm 1", ids[0])
        )
        given.append(page)
    given.append(repository.service_counts("practice"))
    for practice_id in ("practice", None):
        for after in (None, (T0 + timedelta(days=30), ids[3])):
            page = repository.with_deadlines(
                T0, T0 + timedelta(days=60), practice_id=practice_id, limit=9, after=after
            )
            given.append(page)
    clients = repository.get_many(ids)
    given.append(clients)
    given.append(repository.find_many_by_email([client.email_key for client in clients.values()]))
    while claims := repository.claim(at=T0 + timedelta(days=3650), lease=LEASE, limit=5):
        for claim in claims:
            given.append((claim.notice, claim.attempts, claim.due))
            failed = chance.random() < 0.3
            given.append(
                repository.failed(claim, retry_at=chance.choice([T0, None]))
                if failed
                else repository.delivered(claim)
            )
            given.append(repository.delivered(claim))
    parked = repository.waiting(parked=True, limit=100)
    given.append([repository.retry(claim.notice.id, at=T0) for claim in parked])
    given.append(repository.waiting(parked=False, limit=100))
    return given


def test_sync_and_async_give_the_same_answers_to_the_same_histories(database: str) -> None:
    """Both use the same core, so every answer is the same."""
    with SqlRepository.open("sqlite://") as repository:
        expected = answers(repository)
    with awaited(lambda: opened(database)) as face:
        assert answers(face) == expected


def test_one_repository_reads_what_another_saved(database: str) -> None:
    """A repository keeps nothing between calls, because others may write in between."""

    async def write_and_read() -> None:
        change = added()
        async with opened(database) as one, opened(database) as other:
            with SqlRepository.open(database) as third:
                assert await other.get(change.after.id) is None
                await one.save([change])
                assert await other.get(change.after.id) == change.after
                again = renamed(change.after)
                third.save([again])
                assert await one.get(change.after.id) == again.after
                with pytest.raises(StaleClient):
                    await other.save([renamed(change.after, "Ash")])
                assert await other.history(change.after.id) == (change.event, again.event)

    asyncio.run(write_and_read())


def test_the_tables_are_made_and_conflicts_are_raised(database: str) -> None:
    """The statements are the same, so the errors are too."""

    async def live() -> None:
        async with opened(database) as repository:
            first, twice = added(email="a@example.com"), added(email="a@example.com")
            await repository.save([first])
            with pytest.raises(EmailTaken):
                await repository.save([twice])
            with pytest.raises(StaleClient):
                await repository.save([first])
            assert [i async for i in repository.client_ids()] == [first.after.id]
            assert not repository.in_host_transaction
        async with opened(database) as repository:
            assert await repository.get(first.after.id) == first.after

    asyncio.run(live())


def test_a_host_s_rollback_undoes_everything(database: str) -> None:
    """With a connection, it works inside the host's transaction and never commits."""

    async def live() -> None:
        first = added()
        async with opened(database):
            pass
        engine = create_async_engine(database.replace("sqlite:", "sqlite+aiosqlite:"))
        async with engine.connect() as connection:
            repository = AsyncSqlRepository(connection)
            assert repository.in_host_transaction
            await repository.prepare()
            await repository.save([first])
            with pytest.raises(StaleClient):
                await repository.save([first])
            assert await repository.get(first.after.id) == first.after
            await connection.rollback()
            assert await repository.get(first.after.id) is None
            await repository.close()
        over = AsyncSqlRepository(engine)
        await over.prepare()
        await over.save([first])
        await over.save([renamed(first.after)])
        async with engine.begin() as connection:
            await connection.execute(text("DROP TABLE client_access_event"))
        for bind in (engine, None):
            async with engine.connect() as connection:
                broken = AsyncSqlRepository(bind or connection)
                with pytest.raises(RepositoryError):
                    await broken.history(first.after.id)
            async with engine.connect() as connection:
                broken = AsyncSqlRepository(bind or connection)
                with pytest.raises(RepositoryError):
                    await broken.save([added()])
        await engine.dispose()

    asyncio.run(live())


def test_another_kind_of_bind_is_an_invalid_value(tmp_path: object) -> None:
    """It must be an async engine or connection of SQLite or PostgreSQL."""
    with pytest.raises(InvalidValue):
        AsyncSqlRepository("sqlite://")  # type: ignore[arg-type]  # the mistake that is tried
    with pytest.raises(InvalidValue):
        asyncio.run(AsyncSqlRepository.open("mysql://host/name"))

    async def fail() -> None:
        with pytest.raises(RepositoryError):
            await AsyncSqlRepository.open(f"sqlite:///{tmp_path}/no/such/folder/x.db")
        await asyncio.sleep(0.1)  # aiosqlite's thread ends a moment after its connection

    asyncio.run(fail())


def test_the_package_has_no_other_names() -> None:
    """`AsyncSqlRepository` is imported on first use. Any other name is an error."""
    with pytest.raises(AttributeError):
        getattr(sql, "Nothing")  # noqa: B009  # the name that is tried


def test_other_tasks_go_on_while_a_long_history_is_read_or_erased(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between two batches the event loop is free."""
    monkeypatch.setattr(executing, "AT_ONCE", 1)
    change = added()
    changes = [change, *(change := renamed(change.after, f"Elm {n}") for n in range(30))]

    async def turns_during(work: Coroutine[object, object, object]) -> int:
        task, turns = asyncio.create_task(work), 0
        while not task.done():
            await asyncio.sleep(0)
            turns += 1
        await task
        return turns

    async def read_and_erased() -> None:
        async with await AsyncSqlRepository.open(database) as repository:
            await repository.save(changes)
            client_id = change.after.id
            assert await turns_during(repository.history(client_id)) > len(changes)
            assert await turns_during(repository.erase(client_id)) > len(changes)

    asyncio.run(read_and_erased())
