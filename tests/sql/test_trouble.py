"""Failures around a database: each raises the right error, and nothing is half done."""

from __future__ import annotations

import asyncio
import signal
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import sleep
from typing import Any, NoReturn
from uuid import UUID, uuid4

import pytest
from sql.shop import CATALOGUE, LEASE, PRACTICE, T0, added, execute, renamed, subscribed
from sqlalchemy import Engine, StaticPool, create_engine, event, make_url, select, text, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import create_async_engine

from client_access import (
    AddClient,
    Change,
    ClientAccess,
    ClientList,
    CorruptRecord,
    EmailTaken,
    InvalidValue,
    RepositoryError,
    SignIn,
)
from client_access.service.outbox import DEFAULT_RELAY_POLICY, relay
from client_access.sql import AsyncSqlRepository, SqlRepository, bring_up_to_date
from client_access.sql.engines import parse_url
from client_access.sql.tables import notices


def invited(repository: SqlRepository) -> Change:
    """Save a client with an invitation, so that notices wait; return its last change."""
    first = added(email=f"{uuid4().hex}@example.com")
    second = subscribed(first.after, sign_in=SignIn.PRACTICE_AND_CLIENT)
    repository.save([first, second])
    return second


# ── Given ────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "url",
    [
        "sqlite+nosuch:///clients.db",
        "sqlite+aiosqlite:///clients.db",
        "sqlite://user:word@host/clients.db",
        "sqlite:///clients.db?timeout=abc",
        "sqlite:///clients\0.db",
        "sqlite:///clients\ud800.db",
        "postgresql://host:abc/name",
        "postgresql+psycopg2://host/name",
        "postgresql+asyncpg://host/name",
    ],
)
def test_a_url_that_cannot_be_used_is_an_invalid_value(url: str) -> None:
    """The URL has a malformed part or an unknown driver. The error shows no password."""
    with pytest.raises(InvalidValue) as raised:
        SqlRepository.open(url)
    assert raised.value.field == "url"
    assert "word" not in str(raised.value)


async def _opened(url: str) -> None:
    await AsyncSqlRepository.open(url)


def test_a_url_for_asyncio_names_an_async_driver_or_no_driver() -> None:
    """`AsyncSqlRepository` works with aiosqlite and psycopg."""
    for url in ("sqlite+pysqlite://", "postgresql://host:abc/name"):
        with pytest.raises(InvalidValue):
            asyncio.run(_opened(url))
    assert parse_url("sqlite://", "aiosqlite", "psycopg").drivername == "sqlite+aiosqlite"


def test_an_engine_with_one_connection_for_all_is_refused() -> None:
    """On a shared connection, a call would not be a transaction of its own."""
    for shared in (create_engine("sqlite://", poolclass=StaticPool), create_engine("sqlite://")):
        with pytest.raises(InvalidValue, match="one at a time"):
            SqlRepository(shared)
        shared.dispose()
    with pytest.raises(InvalidValue, match="one at a time"):
        AsyncSqlRepository(create_async_engine("sqlite+aiosqlite://"))  # its default


@pytest.mark.parametrize("mode", [True, False])
def test_a_driver_that_ends_transactions_by_itself_is_refused(sqlite: str, mode: bool) -> None:
    """Python 3.12 has such modes for SQLite, in which `BEGIN` does not work."""

    class Connection(sqlite3.Connection):
        autocommit = mode

    SqlRepository.open(sqlite).close()
    file = sqlite.removeprefix("sqlite:///")
    engine = create_engine(sqlite, creator=lambda: sqlite3.connect(file, factory=Connection))
    with pytest.raises(InvalidValue, match="autocommit"):
        SqlRepository(engine).save([added()])
    with engine.connect() as connection, pytest.raises(InvalidValue, match="autocommit"):
        SqlRepository(connection).save([added()])
    engine.dispose()


def test_an_engine_that_begins_transactions_by_an_event_can_be_used(sqlite: str) -> None:
    """SQLAlchemy's documentation recommends this on SQLite, to make savepoints work."""
    engine = create_engine(sqlite, isolation_level=None)

    @event.listens_for(engine, "begin")
    def begin(connection: object) -> None:
        connection.exec_driver_sql("BEGIN")  # type: ignore[attr-defined]  # an event has no type

    repository = SqlRepository(engine)
    change = invited(repository)
    with engine.begin() as connection:
        SqlRepository(connection).save([renamed(change.after)])
    assert len(repository.history(change.after.id)) == 3
    engine.dispose()


def test_a_value_that_no_database_can_store_is_a_repository_error(
    repository: SqlRepository,
) -> None:
    """Examples are half a character and a number out of range."""
    with pytest.raises(RepositoryError):
        repository.find_by_email("\ud800")
    with pytest.raises(RepositoryError):
        repository.page("north", ClientList.ACTIVE, search="", limit=10**30, after=None)


def test_text_that_the_server_s_encoding_lacks_is_a_repository_error(
    postgresql_server: str,
) -> None:
    """Nothing is saved then. Text that the encoding has is stored unchanged."""
    server = create_engine(postgresql_server, isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        connection.execute(
            text("CREATE DATABASE latin1 ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")
        )
    with SqlRepository.open(make_url(postgresql_server).set(database="latin1")) as repository:
        kept = added(name="École & Söhne")
        repository.save([kept])
        assert repository.get(kept.after.id) == kept.after
        with pytest.raises(RepositoryError):
            repository.save([added(name="会计")])
        assert list(repository.client_ids()) == [kept.after.id]
    with server.connect() as connection:
        connection.execute(text("DROP DATABASE latin1"))
    server.dispose()


# ── Found ────────────────────────────────────────────────────────────────────────────────────────


def test_a_row_with_a_malformed_id_is_corrupt(sqlite: str) -> None:
    """SQLite stores any value in any column, so ids and versions are checked."""
    engine = create_engine(sqlite)
    with SqlRepository.open(sqlite) as repository:
        repository.save([added(email="books@example.com")])
        execute(engine, "UPDATE client_access_client SET id = 'nobody'")
        with pytest.raises(CorruptRecord):
            list(repository.client_ids())
        with pytest.raises(CorruptRecord):
            repository.find_many_by_email(["books@example.com"])
    execute(engine, "UPDATE client_access_schema SET version = 'first'")
    with pytest.raises(CorruptRecord):
        SqlRepository.open(sqlite)
    engine.dispose()


def test_a_notice_that_cannot_be_read_holds_up_its_own_client_only(
    repository: SqlRepository, engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    """It is logged with its id, and tried again when its lease has ended: a later version may have
    written it, while machines are upgraded one by one."""
    changes = [invited(repository) for _ in range(3)]
    every = [notice.id for change in changes for notice in change.notices]
    broken = changes[0].notices[0]
    mine = notices.c.id == broken.id
    with engine.begin() as connection:
        kept = connection.execute(select(notices.c.data).where(mine)).scalar_one()
        connection.execute(update(notices).where(mine).values(data="x"))

    taken: list[UUID] = []
    now = T0
    relay(repository, lambda notice: taken.append(notice.id), clock=lambda: now)
    of_others = {notice.id for change in changes[1:] for notice in change.notices}
    assert sorted(taken) == sorted(of_others)
    assert str(broken.id).replace("-", "") in caplog.text.replace("-", "")
    shown = [claim.notice.id for claim in repository.waiting(parked=False, limit=99)]
    assert shown == [notice.id for notice in changes[0].notices[1:]]

    with engine.begin() as connection:
        connection.execute(update(notices).where(mine).values(data=kept))
    now = T0 + DEFAULT_RELAY_POLICY.lease
    relay(repository, lambda notice: taken.append(notice.id), clock=lambda: now)
    assert sorted(taken) == sorted(every)


def test_a_notice_that_cannot_be_read_is_erased_with_the_person(
    repository: SqlRepository, engine: Engine
) -> None:
    """Nothing holds up erasing (L5). The notice may name the person, so it is dropped."""
    change, other = invited(repository), invited(repository)
    with engine.begin() as connection:
        mine = notices.c.client_id == change.after.id
        connection.execute(update(notices).where(mine).values(data="x"))
    repository.erase(change.after.id)
    with engine.connect() as connection:
        left = connection.execute(select(notices.c.client_id)).scalars().all()
    assert set(left) == {other.after.id}


def test_notices_that_cannot_be_read_do_not_hide_others(
    repository: SqlRepository, engine: Engine
) -> None:
    """A notice that can be read is found behind any number of them."""
    for _ in range(5):
        invited(repository)
    with engine.begin() as connection:
        of_another, one = uuid4(), select(notices.c.id).limit(1).scalar_subquery()
        connection.execute(update(notices).where(notices.c.id == one).values(id=of_another))
        connection.execute(update(notices).where(notices.c.id != of_another).values(data="x"))
    sound = invited(repository)
    claims = repository.claim(at=T0, lease=LEASE, limit=2)
    assert [claim.notice for claim in claims] == [sound.notices[0]]
    assert repository.claim(at=T0, lease=LEASE, limit=2) == []


# ── Failing ──────────────────────────────────────────────────────────────────────────────────────


def test_a_connection_whose_rollback_failed_is_not_used_again(sqlite: str) -> None:
    """The refused change stays undone, and its error is the one that is raised."""
    made: list[sqlite3.Connection] = []

    class Failing(sqlite3.Connection):
        def rollback(self) -> None:
            if self.in_transaction:
                raise sqlite3.OperationalError("disk I/O error")

    def connect() -> sqlite3.Connection:
        kind = sqlite3.Connection if made else Failing
        made.append(sqlite3.connect(sqlite.removeprefix("sqlite:///"), factory=kind))
        return made[-1]

    SqlRepository.open(sqlite).close()
    engine = create_engine(sqlite, creator=connect, pool_reset_on_return=None)
    repository = SqlRepository(engine)
    first, taken = added(email="books@example.com"), added(email="books@example.com")
    repository.save([first])
    with pytest.raises(EmailTaken):
        repository.save([added(), taken])
    assert list(repository.client_ids()) == [first.after.id]
    assert len(made) == 2
    engine.dispose()


def test_a_commit_that_failed_leaves_nothing_behind(sqlite: str) -> None:
    """No later call sees the changes that were not saved, and no other writer waits for them."""

    class Failing(sqlite3.Connection):
        def commit(self) -> None:
            if made[0] is self and self.in_transaction:
                raise sqlite3.OperationalError("disk I/O error")
            super().commit()

    made: list[sqlite3.Connection] = []

    def connect() -> sqlite3.Connection:
        made.append(
            sqlite3.connect(sqlite.removeprefix("sqlite:///"), timeout=0.1, factory=Failing)
        )
        return made[-1]

    SqlRepository.open(sqlite).close()
    engine = create_engine(sqlite, creator=connect, pool_reset_on_return=None)
    repository = SqlRepository(engine)
    change = added()
    with pytest.raises(RepositoryError):
        repository.save([change])
    with SqlRepository.open(sqlite) as other:
        other.save([added()])
    assert repository.get(change.after.id) is None
    assert len(made) == 2
    engine.dispose()


def test_a_mistake_in_a_call_leaves_the_host_s_transaction_usable(database: str) -> None:
    """Only a statement that was interrupted makes a connection unusable."""
    SqlRepository.open(database).close()
    engine = create_engine(database)
    change, mistake = added(), T0.replace(tzinfo=None)
    with engine.begin() as connection:
        repository = SqlRepository(connection)
        repository.save([change])
        with pytest.raises(TypeError):
            repository.recall("command", at=mistake)
        with pytest.raises(TypeError):
            repository.claim(at=mistake, lease=LEASE, limit=1)
    with SqlRepository.open(database) as repository:
        assert repository.get(change.after.id) == change.after
    engine.dispose()


class TimeIsUpError(Exception):
    """Raised by a host's time limit, at any moment."""


def _time_is_up(*_: object) -> NoReturn:
    raise TimeIsUpError


def test_an_interrupted_connection_is_not_used_again(postgresql: str) -> None:
    """A time limit that interrupts one call does not break the next."""
    engine = create_engine(postgresql)
    before = signal.signal(signal.SIGALRM, _time_is_up)
    with SqlRepository.open(postgresql) as repository, engine.connect() as other:
        change = added()
        repository.save([change])
        calls: tuple[Callable[[], object], ...] = (
            lambda: repository.get(change.after.id),
            lambda: repository.save([renamed(change.after)]),
            lambda: repository.save([added(), added()]),
        )
        for call in calls:
            other.execute(text("LOCK TABLE client_access_client IN ACCESS EXCLUSIVE MODE"))
            signal.setitimer(signal.ITIMER_REAL, 0.2)
            # psycopg raises an error of its own if it was writing many rows.
            with pytest.raises((TimeIsUpError, RepositoryError)):
                call()
            other.rollback()
            assert repository.get(change.after.id) == change.after
    signal.signal(signal.SIGALRM, before)
    engine.dispose()


def test_a_connection_whose_commit_was_interrupted_is_not_used_again(postgresql: str) -> None:
    """The host's own error is raised, and the pool does not wait for the connection."""
    engine = create_engine(postgresql)
    before = signal.signal(signal.SIGALRM, _time_is_up)
    with SqlRepository.open(postgresql) as repository:
        with engine.begin() as connection:
            connection.execute(
                text(
                    "CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql"
                    " AS $$ BEGIN PERFORM pg_sleep(2); END $$"
                )
            )
            connection.execute(
                text(
                    "CREATE CONSTRAINT TRIGGER wait AFTER INSERT ON client_access_client"
                    " DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION wait()"
                )
            )
        change = added()
        signal.setitimer(signal.ITIMER_REAL, 0.2)
        with pytest.raises(TimeIsUpError):
            repository.save([change])
        assert repository.get(change.after.id) is None
    signal.signal(signal.SIGALRM, before)
    engine.dispose()


def test_a_host_s_connection_that_is_closed_is_a_repository_error(postgresql: str) -> None:
    """Something else closed it, such as a proxy."""
    SqlRepository.open(postgresql).close()
    engine = create_engine(postgresql)
    with engine.connect() as connection:
        repository = SqlRepository(connection)
        driver: Any = connection.connection.driver_connection
        driver.close()
        with pytest.raises(RepositoryError):
            repository.get(uuid4())
        connection.rollback()
        assert repository.get(uuid4()) is None
    engine.dispose()


def test_an_error_on_a_host_s_engine_shows_no_parameters(engine: Engine) -> None:
    """Parameters are personal data. SQLAlchemy shows them by default."""
    repository = SqlRepository(engine)
    execute(engine, "DROP TABLE client_access_event")
    with pytest.raises(RepositoryError) as raised:
        repository.save([added(name="Secret Name")])
    assert "INSERT" in str(raised.value.__cause__)
    assert "ecret" not in str(raised.value.__cause__)


@pytest.mark.parametrize("host", [False, True], ids=["own", "host"])
def test_an_error_shows_nothing_of_the_row_at_fault(postgresql: str, host: bool) -> None:
    """PostgreSQL's details show the whole row, and a log shows the cause of an error."""
    engine = create_engine(postgresql)
    SqlRepository(engine)
    execute(engine, "ALTER TABLE client_access_client ADD CHECK (data NOT LIKE '%Secret%')")
    with engine.connect() as connection:
        repository = SqlRepository(connection if host else engine)
        with pytest.raises(RepositoryError, match="23514") as raised:
            repository.save([added(name="Secret Name", email="secret.name@example.com")])
    error: BaseException | None = raised.value
    while error is not None:
        assert "ecret" not in str(error)
        error = error.__cause__ or error.__context__
    assert "violates check constraint" in str(raised.value.__cause__)
    engine.dispose()


def test_a_host_s_connection_that_was_returned_is_a_repository_error(engine: Engine) -> None:
    """A repository is of no use after its host has closed the connection."""
    SqlRepository(engine)
    with engine.connect() as connection:
        repository = SqlRepository(connection)
    with pytest.raises(RepositoryError):
        repository.get(uuid4())


def test_a_task_that_was_cancelled_leaves_no_connection_that_fails(postgresql: str) -> None:
    """A task may be cancelled several times, while reading or writing."""
    waiting = text(
        "SELECT pid FROM pg_locks WHERE NOT granted AND relation = 'client_access_client'::regclass"
    )

    async def cancel() -> None:
        engine = create_engine(postgresql)
        async with await AsyncSqlRepository.open(postgresql) as repository:
            change = added()
            await repository.save([change])
            with engine.connect() as other:
                other.execute(text("LOCK TABLE client_access_client IN ACCESS EXCLUSIVE MODE"))
                for times in (1, 2, 3):
                    for call in (
                        repository.get(change.after.id),
                        repository.save([renamed(change.after)]),
                    ):
                        earlier = set(other.scalars(waiting))
                        task: asyncio.Future[object] = asyncio.ensure_future(call)
                        while not task.done() and earlier.issuperset(other.scalars(waiting)):
                            await asyncio.wait([task], timeout=0.01)
                        for _ in range(times):
                            task.cancel()
                            await asyncio.sleep(0)
                        with pytest.raises(asyncio.CancelledError):
                            await task
            for _ in range(10):
                assert await repository.get(change.after.id) == change.after
        engine.dispose()

    asyncio.run(cancel())


def test_a_restarted_server_causes_one_error(postgresql: str) -> None:
    """After one connection is lost, those in the pool are replaced."""
    name = f"away_{uuid4().hex}"
    url = make_url(postgresql).update_query_dict({"application_name": name})
    server = create_engine(postgresql, isolation_level="AUTOCOMMIT")
    blocking = create_engine(postgresql)
    of_repository = f"FROM pg_stat_activity WHERE application_name = '{name}'"
    with SqlRepository.open(url) as repository, server.connect() as connection:
        change = added()
        repository.save([change])
        with ThreadPoolExecutor(4) as pool, blocking.connect() as other:
            other.execute(text("LOCK TABLE client_access_client IN ACCESS EXCLUSIVE MODE"))
            asked = [pool.submit(repository.get, change.after.id) for _ in range(4)]
            while connection.execute(text(f"SELECT count(*) {of_repository}")).scalar_one() < 4:
                sleep(0.01)
            other.rollback()
            assert [each.result() for each in asked] == [change.after] * 4
        connection.execute(text(f"SELECT pg_terminate_backend(pid, 5000) {of_repository}"))
        with pytest.raises(RepositoryError):
            repository.get(change.after.id)
        for _ in range(6):
            assert repository.get(change.after.id) == change.after
    blocking.dispose()
    server.dispose()


def test_tables_that_cannot_be_made_are_a_repository_error(tmp_path: Path) -> None:
    """`bring_up_to_date` raises the same error as the repository."""
    file = tmp_path / "clients.db"
    sqlite3.connect(file).close()
    engine = create_engine(f"sqlite:///file:{file}?mode=ro&uri=true")
    with engine.connect() as connection, pytest.raises(RepositoryError):
        bring_up_to_date(connection)
    engine.dispose()


def test_after_a_full_disk_the_host_cannot_commit_the_rest(sqlite: str) -> None:
    """SQLite then has undone the whole transaction, including the host's statements."""
    SqlRepository.open(sqlite).close()
    engine = create_engine(sqlite)
    with engine.connect() as connection:
        connection.execute(text("CREATE TABLE audit (entry TEXT)"))
        connection.commit()
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages + 4}")
        connection.commit()
        access = ClientAccess(SqlRepository(connection), catalogue=CATALOGUE)
        connection.execute(text("INSERT INTO audit VALUES ('before')"))
        with pytest.raises(RepositoryError):
            access.handle_all(
                [AddClient(uuid4(), PRACTICE, business_name="Oak" * 60) for _ in range(100)]
            )
        with pytest.raises(SQLAlchemyError):
            connection.execute(text("INSERT INTO audit VALUES ('after')"))
        connection.rollback()
    with engine.connect() as connection:
        assert connection.execute(text("SELECT * FROM audit")).fetchall() == []
    engine.dispose()
