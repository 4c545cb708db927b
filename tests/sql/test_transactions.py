"""A host's own transaction: its rows and the changes of clients are kept together or not at all."""

from __future__ import annotations

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
from sql.shop import CATALOGUE, PLATFORM, PRACTICE, added, execute
from sqlalchemy import Connection, Engine, create_engine, text
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from client_access import (
    AddClient,
    AsyncClientAccess,
    ChangeBusinessName,
    ClientAccess,
    CommandRefused,
    InvalidValue,
    RepositoryError,
    StaleClient,
)
from client_access.sql import (
    AsyncSqlRepository,
    SqlRepository,
    in_transaction,
    in_transaction_async,
    lines,
)

WRITERS, EACH = 5, 4


@pytest.fixture
def host(engine: Engine) -> Engine:
    """A host's engine, with a table of its own and one client."""
    SqlRepository(engine).save([BUSY])
    execute(engine, "CREATE TABLE audit (name TEXT NOT NULL UNIQUE)")
    return engine


@pytest.fixture
def async_host(host: Engine, database: str) -> AsyncEngine:
    return create_async_engine(database.replace("sqlite:", "sqlite+aiosqlite:"))


BUSY = added(name="Elm")
INSERT = text("INSERT INTO audit VALUES (:name)")


def rename(name: str) -> ChangeBusinessName:
    return ChangeBusinessName(BUSY.after.id, PLATFORM, business_name=name)


def record(connection: Connection, name: str) -> None:
    """Write a row of the host's own, and change the busy client."""
    connection.execute(INSERT, {"name": name})
    ClientAccess(SqlRepository(connection), catalogue=CATALOGUE).handle(rename(name))


async def record_async(connection: AsyncConnection, name: str) -> None:
    await connection.execute(INSERT, {"name": name})
    access = AsyncClientAccess(AsyncSqlRepository(connection), catalogue=CATALOGUE)
    await access.handle(rename(name))


def rows(engine: Engine) -> list[str]:
    with engine.connect() as connection:
        return sorted(connection.execute(text("SELECT name FROM audit")).scalars())


def names(engine: Engine) -> list[str]:
    """Return the names that the busy client was given."""
    history = SqlRepository(engine).history(BUSY.after.id)
    return sorted(event.business_name for event in history[1:])  # type: ignore[union-attr]  # renamings


WRITTEN = sorted(f"{writer}.{number}" for writer in range(WRITERS) for number in range(EACH))


def test_rows_of_the_host_and_changes_are_committed_together(host: Engine) -> None:
    """Threads write to one client at once: each row has its change, and none is lost."""
    start = threading.Barrier(WRITERS)

    def write(writer: int) -> None:
        start.wait()
        for number in range(EACH):
            in_transaction(host, partial(record, name=f"{writer}.{number}"))

    with ThreadPoolExecutor(WRITERS) as pool:
        list(pool.map(write, range(WRITERS)))
    assert rows(host) == names(host) == WRITTEN


def test_rows_and_changes_of_tasks_are_committed_together(
    host: Engine, async_host: AsyncEngine
) -> None:
    """Tasks do as threads do."""

    async def write(writer: int) -> None:
        for number in range(EACH):
            name = f"{writer}.{number}"
            await in_transaction_async(async_host, partial(record_async, name=name))

    async def write_all() -> None:
        await asyncio.gather(*map(write, range(WRITERS)))
        await async_host.dispose()

    asyncio.run(write_all())
    assert rows(host) == names(host) == WRITTEN


class OwnError(Exception):
    """An error of the host's own."""


@pytest.mark.parametrize("error", [OwnError(), UnicodeError(), KeyboardInterrupt()])
def test_an_error_of_the_host_rolls_back_and_is_raised_as_it_is(
    host: Engine, async_host: AsyncEngine, error: BaseException
) -> None:
    """The work is not done again, and nothing of it is kept."""
    tries = []

    def fail(connection: Connection) -> None:
        tries.append(1)
        record(connection, "Oak")
        raise error

    async def fail_async(connection: AsyncConnection) -> None:
        tries.append(1)
        await record_async(connection, "Oak")
        raise error

    async def try_it() -> None:
        with pytest.raises(type(error)) as raised:
            await in_transaction_async(async_host, fail_async)
        assert raised.value is error
        await async_host.dispose()

    with pytest.raises(type(error)) as raised:
        in_transaction(host, fail)
    assert raised.value is error
    asyncio.run(try_it())
    assert (len(tries), rows(host), names(host)) == (2, [], [])


def test_an_error_of_the_host_s_own_statement_is_raised_as_it_is(host: Engine) -> None:
    """A refused command and an error of the host's table roll back too."""
    in_transaction(host, lambda it: record(it, "Oak"))
    with pytest.raises(IntegrityError):
        in_transaction(host, lambda it: record(it, "Oak"))

    def add_again(connection: Connection) -> None:
        connection.execute(INSERT, {"name": "Ash"})
        access = ClientAccess(SqlRepository(connection), catalogue=CATALOGUE)
        access.handle(AddClient(BUSY.after.id, PRACTICE, business_name="Ash"))

    with pytest.raises(CommandRefused):
        in_transaction(host, add_again)
    assert rows(host) == names(host) == ["Oak"]


@pytest.mark.usefixtures("no_pauses")
def test_it_gives_up_with_the_last_error(host: Engine, async_host: AsyncEngine) -> None:
    """After 20 attempts, the conflict is raised with a note."""
    tries = []

    def conflict(_: object) -> None:
        tries.append(1)
        raise StaleClient(BUSY.after.id)

    async def conflict_async(_: object) -> None:
        conflict(_)

    with pytest.raises(StaleClient) as raised:
        in_transaction(host, conflict)
    assert raised.value.__notes__ == ["Tried 20 times."]

    async def try_it() -> None:
        with pytest.raises(StaleClient):
            await in_transaction_async(async_host, conflict_async)
        await async_host.dispose()

    asyncio.run(try_it())
    assert len(tries) == 40


@pytest.mark.parametrize("by", ["host", "repository"])
def test_it_begins_again_after_a_collision(postgresql: str, by: str) -> None:
    """40001 is raised to a host as it is, and by the repository as the cause of its error."""
    engine = create_engine(postgresql)
    repository = SqlRepository(engine)
    execute(engine, "CREATE SEQUENCE failures")
    table = "client_access_client" if by == "repository" else "audit"
    execute(engine, "CREATE TABLE audit (name TEXT)")
    execute(
        engine,
        "CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        " IF nextval('failures') <= 2 THEN"
        " RAISE EXCEPTION USING ERRCODE = '40001'; END IF; RETURN NEW; END $$",
    )
    execute(
        engine,
        f"CREATE TRIGGER fail BEFORE INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION fail()",
    )
    seen: list[type] = []

    def add(connection: Connection) -> None:
        try:
            SqlRepository(connection).save([BUSY])
            connection.execute(INSERT, {"name": "Elm"})
        except (RepositoryError, OperationalError) as error:
            seen.append(type(error))
            raise

    in_transaction(engine, add)
    assert len(seen) == 2
    assert repository.get(BUSY.after.id) == BUSY.after
    engine.dispose()


def test_a_cancelled_task_leaves_nothing_behind(host: Engine, async_host: AsyncEngine) -> None:
    """Its transaction is rolled back, and the next one works."""

    async def cancel() -> None:
        begun = asyncio.Event()

        async def wait(connection: AsyncConnection) -> None:
            await record_async(connection, "Oak")
            begun.set()
            await asyncio.sleep(60)

        task = asyncio.ensure_future(in_transaction_async(async_host, wait))
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await in_transaction_async(async_host, lambda it: record_async(it, "Ash"))
        await async_host.dispose()

    asyncio.run(cancel())
    assert rows(host) == names(host) == ["Ash"]


# SQLite's own waiting has no order, so that under load some would wait until they give up.


def test_tasks_take_turns_to_write_on_sqlite(sqlite: str) -> None:
    """Those of an async repository and of a host write in the order in which they came."""
    order: list[int] = []

    async def write(engine: AsyncEngine, number: int) -> None:
        async def work(_: AsyncConnection) -> None:
            await asyncio.sleep(0.02)

        if number % 2:
            await in_transaction_async(engine, work)
        else:
            await AsyncSqlRepository(engine).save([added()])
        order.append(number)

    async def write_all() -> None:
        engine = create_async_engine(sqlite.replace("sqlite:", "sqlite+aiosqlite:"))
        await AsyncSqlRepository(engine).prepare()
        await asyncio.gather(*(write(engine, number) for number in range(20)))
        await engine.dispose()

    asyncio.run(write_all())
    assert order == list(range(20))


def test_threads_take_turns_to_write_on_sqlite(sqlite: str) -> None:
    """Those of a repository on a host's engine and of the host, in the order in which they came."""
    order: list[int] = []
    engine = create_engine(sqlite)
    repository = SqlRepository(engine)

    def write(number: int) -> None:
        def work(_: Connection) -> None:
            time.sleep(0.2)
            order.append(number)

        if number % 2:
            in_transaction(engine, work)
        else:
            repository.save([added()])
            order.append(number)

    with ThreadPoolExecutor(10) as threads:
        for number in range(10):
            threads.submit(write, number)
            time.sleep(0.05)
    assert order == list(range(10))
    engine.dispose()


def test_who_waits_too_long_to_write_on_sqlite_is_told_why(
    sqlite: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lines, "_TIMEOUT", 0.05)
    engine = create_engine(sqlite)
    async_engine = create_async_engine(sqlite.replace("sqlite:", "sqlite+aiosqlite:"))

    async def nothing(_: AsyncConnection) -> None:
        pass

    async def inside(_: AsyncConnection) -> None:
        await in_transaction_async(async_engine, nothing)

    async def wait() -> None:
        with pytest.raises(RepositoryError, match="others kept writing"):
            await in_transaction_async(async_engine, inside)
        await in_transaction_async(async_engine, nothing)
        await async_engine.dispose()

    asyncio.run(wait())
    with pytest.raises(RepositoryError, match="others kept writing"):
        in_transaction(engine, lambda _: in_transaction(engine, lambda _: None))
    in_transaction(engine, lambda _: None)
    engine.dispose()


def test_a_connection_that_the_work_has_closed_hides_no_error(host: Engine) -> None:
    """The host's error is raised, not one about the connection."""

    def close(connection: Connection) -> None:
        connection.close()
        raise OwnError

    with pytest.raises(OwnError):
        in_transaction(host, close)


def test_malformed_arguments_raise_at_once(host: Engine, async_host: AsyncEngine) -> None:
    with pytest.raises(InvalidValue, match="engine"):
        in_transaction("x", lambda _: None)  # type: ignore[arg-type]  # the test
    with pytest.raises(InvalidValue, match="work"):
        in_transaction(host, 1)  # type: ignore[arg-type]  # the test
    with pytest.raises(InvalidValue, match="work is async"):
        in_transaction(host, record_async)  # type: ignore[arg-type, unused-coroutine]  # the test

    async def not_awaited() -> None:
        with pytest.raises(InvalidValue, match="work is not async"):
            await in_transaction_async(async_host, lambda _: None)  # type: ignore[arg-type, return-value]  # the test
        await async_host.dispose()

    asyncio.run(not_awaited())
    with pytest.raises(InvalidValue, match="engine"):
        asyncio.run(in_transaction_async(host, record_async))  # type: ignore[arg-type]  # the test
    with pytest.raises(InvalidValue, match="work"):
        asyncio.run(in_transaction_async(async_host, 1))  # type: ignore[arg-type]  # the test
