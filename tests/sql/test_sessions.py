"""Sessions: a command is read and saved on one connection, unless it waits to write."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from threading import Thread
from typing import Any
from uuid import UUID, uuid4

import pytest
from sql.shop import CATALOGUE, PRACTICE, added, renamed
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import InvalidRequestError
from sqlalchemy.ext.asyncio import AsyncEngine

import client_access as ca
from client_access.sql import AsyncSqlRepository, SqlRepository, in_transaction
from client_access.sql.connections import begin, give_back
from client_access.sql.lines import _LINES, task_to_write


def engine_of(repository: SqlRepository | AsyncSqlRepository) -> Engine:
    bind = repository._bind
    assert isinstance(bind, Engine | AsyncEngine)
    return bind if isinstance(bind, Engine) else bind.sync_engine


@contextmanager
def lent(engine: Engine) -> Iterator[list[str]]:
    """Yield a list of what the pool does: it lends a connection, or gets it back."""
    seen: list[str] = []
    event.listen(engine, "checkout", lambda *_: seen.append("lent"))
    event.listen(engine, "checkin", lambda *_: seen.append("back"))
    yield seen


def rename(client_id: UUID, name: str = "Elm") -> ca.Command:
    return ca.ChangeBusinessName(client_id, PRACTICE, business_name=name)


def test_a_command_takes_one_connection(database: str) -> None:
    """One that is accepted, one with an id, and one that is refused."""
    change = added()
    with SqlRepository.open(database) as repository, lent(engine_of(repository)) as seen:
        access = ca.ClientAccess(repository, catalogue=CATALOGUE)
        repository.save([change])
        del seen[:]
        access.handle(rename(change.after.id))
        assert seen == ["lent", "back"]
        access.handle(rename(change.after.id, "Ash"), command_id="one")
        assert seen == ["lent", "back"] * 2
        with pytest.raises(ca.CommandRefused):
            access.handle(rename(uuid4()))
        assert seen == ["lent", "back"] * 3


def test_an_awaited_command_takes_one_connection(database: str) -> None:
    async def live() -> None:
        change = added()
        async with await AsyncSqlRepository.open(database) as repository:
            access = ca.AsyncClientAccess(repository, catalogue=CATALOGUE)
            await repository.save([change])
            with lent(engine_of(repository)) as seen:
                await access.handle(rename(change.after.id))
                assert seen == ["lent", "back"]
                await access.handle(rename(change.after.id, "Ash"), command_id="one")
                assert seen == ["lent", "back"] * 2
                with pytest.raises(ca.CommandRefused):
                    await access.handle(rename(uuid4()))
                assert seen == ["lent", "back"] * 3

    asyncio.run(live())


def test_a_command_that_waits_to_write_on_sqlite_keeps_nobody_from_reading(sqlite: str) -> None:
    """It returns its connection, although it is the only one for those that read."""
    change = added()
    with SqlRepository.open(sqlite, pool_size=2, pool_timeout=10) as repository:
        access = ca.ClientAccess(repository, catalogue=CATALOGUE)
        repository.save([change])
        line = _LINES[engine_of(repository)]
        thread = Thread(target=access.handle, args=[rename(change.after.id)])
        with line.turn(), lent(engine_of(repository)) as seen:
            thread.start()
            while not line._waiting:
                assert thread.is_alive()
                time.sleep(0.001)
            assert seen == ["lent", "back"]
            assert repository.get(change.after.id) == change.after
        thread.join()
        assert repository.get(change.after.id) == renamed(change.after).after


def test_an_awaited_command_that_waits_to_write_keeps_nobody_from_reading(sqlite: str) -> None:
    async def live() -> None:
        change = added()
        async with await AsyncSqlRepository.open(sqlite, pool_size=1) as repository:
            access = ca.AsyncClientAccess(repository, catalogue=CATALOGUE)
            await repository.save([change])
            engine = engine_of(repository)
            async with task_to_write(engine):
                with lent(engine) as seen:
                    task = asyncio.create_task(access.handle(rename(change.after.id)))
                    while seen != ["lent", "back"]:
                        assert not task.done()
                        await asyncio.sleep(0.001)
                    assert await repository.get(change.after.id) == change.after
            await task
            assert await repository.get(change.after.id) == renamed(change.after).after

    asyncio.run(live())


def test_a_session_goes_on_after_an_error(database: str) -> None:
    """It takes another connection, and returns that too."""
    change = added()

    def work(session: ca.Repository) -> None:
        with pytest.raises(ca.RepositoryError):
            session.find_by_email("\ud800")
        assert session.find_by_email(change.after.email_key) == change.after

    with SqlRepository.open(database, pool_size=1, pool_timeout=1) as repository:
        repository.save([change])
        with lent(engine_of(repository)) as seen:
            repository.in_session(work)
        assert seen == ["lent", "back"] * 2
        assert repository.get(change.after.id) == change.after


def test_an_awaited_session_goes_on_after_an_error(database: str) -> None:
    """It takes another connection, and returns that too."""
    change = added()

    async def work(session: ca.AsyncRepository) -> None:
        with pytest.raises(ca.RepositoryError):
            await session.find_by_email("\ud800")
        assert await session.find_by_email(change.after.email_key) == change.after

    async def live() -> None:
        async with await AsyncSqlRepository.open(database, pool_size=1, pool_timeout=1) as opened:
            await opened.save([change])
            with lent(engine_of(opened)) as seen:
                await opened.in_session(work)
            assert seen == ["lent", "back"] * 2
            assert await opened.get(change.after.id) == change.after

    asyncio.run(live())


def test_who_keeps_a_session_keeps_no_connection(database: str) -> None:
    """Each later call takes one of its own."""
    with SqlRepository.open(database, pool_size=1, pool_timeout=1) as repository:
        session = repository.in_session(lambda session: session)
        assert session is not repository
        assert session.get(uuid4()) is None
        assert repository.get(uuid4()) is None


def test_who_keeps_an_awaited_session_keeps_no_connection(database: str) -> None:
    async def itself(session: ca.AsyncRepository) -> ca.AsyncRepository:
        return session

    async def live() -> None:
        async with await AsyncSqlRepository.open(database, pool_size=1, pool_timeout=1) as opened:
            session = await opened.in_session(itself)
            assert session is not opened
            assert await session.get(uuid4()) is None
            assert await opened.get(uuid4()) is None

    asyncio.run(live())


@pytest.mark.parametrize("size", [1, 2])
def test_a_session_can_lock_and_compact(sqlite: str, size: int) -> None:
    """Each takes a connection of its own. The session returns its own one first."""
    change = added()

    def work(session: ca.Repository) -> None:
        assert isinstance(session, SqlRepository)
        assert session.get(change.after.id) == change.after
        session.locked([change.after.id], lambda held: held.save([renamed(change.after)]))
        assert session.get(change.after.id) == renamed(change.after).after
        session.compact()
        assert session.in_session(lambda inner: inner) is session

    with SqlRepository.open(sqlite, pool_size=size, pool_timeout=1) as repository:
        repository.save([change])
        repository.in_session(work)


def test_an_awaited_session_can_lock_and_compact(sqlite: str) -> None:
    change = added()

    async def work(session: ca.AsyncRepository) -> None:
        assert isinstance(session, AsyncSqlRepository)
        assert await session.get(change.after.id) == change.after
        await session.locked([change.after.id], lambda held: held.save([renamed(change.after)]))
        assert await session.get(change.after.id) == renamed(change.after).after
        await session.compact()
        await session.prepare()

        async def inner(repository: ca.AsyncRepository) -> None:
            assert repository is session

        await session.in_session(inner)

    async def live() -> None:
        async with await AsyncSqlRepository.open(sqlite, pool_size=1, pool_timeout=1) as repository:
            await repository.save([change])
            await repository.in_session(work)

    asyncio.run(live())


def fail(_: Connection) -> None:
    raise OSError("rollback")


def test_a_connection_that_cannot_be_returned_hides_no_outcome(database: str) -> None:
    """It is closed. The refusal is raised, and others go on."""
    with SqlRepository.open(database, pool_size=1, pool_timeout=1) as repository:
        access = ca.ClientAccess(repository, catalogue=CATALOGUE)
        event.listen(engine_of(repository), "rollback", fail)
        with pytest.raises(ca.CommandRefused):
            access.handle(rename(uuid4()))
        event.remove(engine_of(repository), "rollback", fail)
        assert repository.get(uuid4()) is None


def test_an_awaited_connection_that_cannot_be_returned_hides_no_outcome(database: str) -> None:
    async def live() -> None:
        async with await AsyncSqlRepository.open(database, pool_size=1, pool_timeout=1) as opened:
            access = ca.AsyncClientAccess(opened, catalogue=CATALOGUE)
            event.listen(engine_of(opened), "rollback", fail)
            with pytest.raises(ca.CommandRefused):
                await access.handle(rename(uuid4()))
            event.remove(engine_of(opened), "rollback", fail)
            assert await opened.get(uuid4()) is None

    asyncio.run(live())


@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt])
def test_a_connection_whose_transaction_cannot_be_undone_is_not_lent_again(
    database: str, error: type[BaseException]
) -> None:
    """SQLAlchemy 2.1 would return it to its pool, with the transaction."""

    def undo(_: Connection) -> None:
        raise error

    with SqlRepository.open(database, pool_size=1, pool_timeout=1) as repository:
        engine = engine_of(repository)
        connection = engine.connect()
        begin(connection)
        lent = connection.connection.driver_connection
        event.listen(engine, "rollback", undo)
        interrupts = not issubclass(error, Exception)
        with pytest.raises(error) if interrupts else nullcontext():
            give_back(connection)
        event.remove(engine, "rollback", undo)
        with engine.connect() as other:
            assert other.connection.driver_connection is not lent


def test_an_awaited_command_on_sqlite_takes_two_tasks(sqlite: str) -> None:
    """One reads; the other saves and returns the connection. A task costs as much as a call."""
    made = []

    def make(loop: asyncio.AbstractEventLoop, work: Any, **more: Any) -> asyncio.Task[Any]:
        made.append(work)
        return asyncio.Task(work, loop=loop, **more)

    async def live() -> None:
        async with await AsyncSqlRepository.open(sqlite) as opened:
            change = added()
            await opened.save([change])
            access = ca.AsyncClientAccess(opened, catalogue=CATALOGUE)
            asyncio.get_running_loop().set_task_factory(make)
            await access.handle(rename(change.after.id))
            asyncio.get_running_loop().set_task_factory(None)

    asyncio.run(live())
    assert len(made) == 2


def test_a_save_by_one_statement_ends_in_a_commit(database: str) -> None:
    """For hosts that listen to it, and also if a listener to all engines begins a transaction."""
    ends: list[str] = []

    @event.listens_for(Engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN")

    try:
        with SqlRepository.open(database) as repository:
            for end in ("commit", "rollback"):
                event.listen(engine_of(repository), end, lambda _, end=end: ends.append(end))
            repository.save([change := added()])
            assert ends == ["commit"]
            assert repository.get(change.after.id) == change.after
            access = ca.ClientAccess(repository, catalogue=CATALOGUE)
            del ends[:]
            after = access.handle(rename(change.after.id)).after
            assert ends[-1] == "commit"
            assert repository.get(change.after.id) == after
    finally:
        event.remove(Engine, "begin", begin)


def test_an_engine_of_a_host_is_used_as_the_host_has_set_it_up(postgresql: str) -> None:
    """An engine that is set to read only writes nothing, even in AUTOCOMMIT."""
    repository = SqlRepository(create_engine(postgresql))
    engine = create_engine(
        postgresql,
        isolation_level="AUTOCOMMIT",
        execution_options={"postgresql_readonly": True},
    )
    with pytest.raises(ca.RepositoryError, match="25006"):
        SqlRepository(engine).save([added()])
    engine.dispose()
    engine_of(repository).dispose()


def test_what_a_host_s_listener_has_begun_is_not_undone_in_silence(database: str) -> None:
    """It may have set who may see which rows."""
    engine = create_engine(database)

    @event.listens_for(engine, "engine_connect")
    def ask(connection: Connection) -> None:
        connection.exec_driver_sql("SELECT 1")

    with pytest.raises(InvalidRequestError, match="already"):
        in_transaction(engine, lambda connection: connection.exec_driver_sql("SELECT 1"))
    engine.dispose()


def test_a_place_in_line_is_left_if_there_is_no_connection(sqlite: str) -> None:
    """Otherwise nobody could read from then on."""
    with SqlRepository.open(sqlite, pool_size=2, pool_timeout=0.1) as repository:
        engine = engine_of(repository)
        with (
            engine.connect(),
            engine.connect(),
            pytest.raises(ca.RepositoryError, match="ran out: QueuePool limit"),
        ):
            repository.in_session(lambda session: session.get(uuid4()))
        assert repository.in_session(lambda session: session.get(uuid4())) is None
