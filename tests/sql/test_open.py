"""What `open` takes: the driver's arguments, the pool, the schema, and who makes the tables."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Thread, current_thread
from typing import Any, NoReturn
from uuid import uuid4

import pytest
from sql.shop import added, execute
from sqlalchemy import Engine, create_engine, event, inspect, make_url

from client_access import InvalidValue, RepositoryError
from client_access.sql import AsyncSqlRepository, SqlRepository, metadata, stamp
from client_access.sql.engines import usable_url
from client_access.sql.lines import _LINES, Line


async def _open_and_close(url: str, **arguments: Any) -> None:
    try:
        async with await AsyncSqlRepository.open(url, **arguments) as repository:
            await repository.save([added()])
    except (InvalidValue, RepositoryError):
        await asyncio.sleep(0.1)  # aiosqlite's thread ends a moment after its connection
        raise


def opened_both_ways(url: str, **arguments: Any) -> None:
    """Open a database, awaited and not, and save something."""
    with SqlRepository.open(url, **arguments) as repository:
        repository.save([added()])
    asyncio.run(_open_and_close(url, **arguments))


# ── The driver's arguments ───────────────────────────────────────────────────────────────────────


def test_a_url_of_several_hosts_finds_the_one_that_can_be_written(postgresql: str) -> None:
    """A server that is down is passed over, as after the loss of a primary."""
    behind = make_url(postgresql)
    host = behind.query.get("host", behind.host or "")
    query = {
        **behind.query,
        "host": ["127.0.0.1:1", f"{host}:{behind.port or 5432}"],
        "target_session_attrs": "read-write",
        "connect_timeout": "3",
    }
    url = behind.set(host=None, port=None, query=query)
    opened_both_ways(url.render_as_string(hide_password=False))


def test_a_server_that_takes_no_changes_answers_questions(postgresql: str) -> None:
    """As a standby does: lists are read there, and commands are refused in words."""
    change = added()
    with SqlRepository.open(postgresql) as primary:
        primary.save([change])
        behind = make_url(postgresql)
        options = f"{behind.query.get('options', '')} -c default_transaction_read_only=on".strip()
        url = behind.update_query_dict({"options": options})
        for migrate in (True, False):
            with SqlRepository.open(url, migrate=migrate) as standby:
                assert standby.get(change.after.id) == change.after
                assert standby.history(change.after.id) == (change.event,)
                with pytest.raises(RepositoryError, match="accepts no changes"):
                    standby.save([added()])
                with pytest.raises(RepositoryError, match="accepts no changes"):
                    standby.events_after(0, limit=1)


@pytest.mark.parametrize("argument", ["prepare_threshold", "autocommit", "row_factory"])
def test_an_argument_that_is_not_text_cannot_be_in_the_url(argument: str) -> None:
    """The error says where it goes. 0 in a URL would be text, which the driver compares."""
    with pytest.raises(InvalidValue, match=rf"connect_args=\{{'{argument}'"):
        SqlRepository.open(f"postgresql://host/name?{argument}=0")


def test_arguments_of_the_driver_reach_it(postgresql: str) -> None:
    with SqlRepository.open(postgresql, connect_args={"prepare_threshold": None}) as repository:
        engine = repository._bind
        assert isinstance(engine, Engine)
        driver: Any = engine.connect().connection.driver_connection
        assert driver.prepare_threshold is None
        assert driver.info.encoding == "utf-8"
    opened_both_ways(postgresql, connect_args={"prepare_threshold": None})


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        ({"connect_args": {"nonsense": 1}}, "connect_args"),
        ({"connect_args": ["timeout"]}, "connect_args"),
        ({"pool_size": "5"}, "pool_size"),
        ({"pool_size": 0}, "pool_size"),
        ({"pool_timeout": None}, "pool_timeout"),
        ({"pool_timeout": -1}, "pool_timeout"),
        ({"pool_timeout": float("nan")}, "pool_timeout"),
        ({"schema": "billing"}, "schema"),
        ({"schema": ""}, "schema"),
    ],
)
def test_a_malformed_argument_is_an_invalid_value(
    sqlite: str, arguments: dict[str, Any], field: str
) -> None:
    for open_ in (SqlRepository.open, lambda *a, **k: asyncio.run(_open_and_close(*a, **k))):
        with pytest.raises(InvalidValue) as raised:
            open_(sqlite, **arguments)
        assert raised.value.field == field


def test_an_invalid_value_that_opening_finds_is_not_called_a_malformed_url() -> None:
    """`InvalidValue` is a `ValueError`, as drivers raise for a URL."""
    with pytest.raises(InvalidValue, match="its own reason"), usable_url():
        raise InvalidValue("bind", "its own reason")


# ── The pool ─────────────────────────────────────────────────────────────────────────────────────


def test_a_pool_that_runs_out_says_so(database: str) -> None:
    """With its size, and how long the caller waited."""
    with SqlRepository.open(database, pool_size=1, pool_timeout=0.1) as repository:
        held = threading.Event()
        enough = threading.Event()

        def hold(*_: object) -> None:
            held.set()
            enough.wait(10)

        event.listen(repository._bind, "before_cursor_execute", hold)
        thread = Thread(target=repository.get, args=(uuid4(),))
        thread.start()
        held.wait(10)
        with pytest.raises(
            RepositoryError, match=r"the pool of 1 connections ran out after 0\.1 s"
        ):
            repository.get(uuid4())
        enough.set()
        thread.join()
        repository.get(uuid4())


def test_a_host_s_pool_that_runs_out_says_so(database: str) -> None:
    engine = create_engine(database, pool_size=1, max_overflow=0, pool_timeout=0.1)
    repository = SqlRepository(engine)
    with engine.connect(), pytest.raises(RepositoryError, match="the pool of connections ran out"):
        repository.get(uuid4())
    engine.dispose()


def test_an_awaited_pool_that_runs_out_says_so(database: str) -> None:
    async def live() -> None:
        async with (
            await AsyncSqlRepository.open(database, pool_size=1, pool_timeout=0.1) as repository,
            repository._bind.connect(),  # type: ignore[union-attr]  # it is an engine
        ):
            with pytest.raises(RepositoryError, match="ran out: QueuePool limit of size 1"):
                await repository.get(uuid4())

    asyncio.run(live())


def test_threads_are_served_in_the_order_in_which_they_come(database: str) -> None:
    """They wait for the lock of SQLite, or for a connection of the pool."""
    with SqlRepository.open(database, pool_size=1) as repository:
        repository.save([added()])
        engine = repository._bind
        assert isinstance(engine, Engine)
        line, served = _LINES[engine], list[str]()

        def note(*arguments: Any) -> None:
            if "INSERT INTO client_access_client" in arguments[2]:
                served.append(current_thread().name)

        event.listen(engine, "before_cursor_execute", note)
        threads = [Thread(target=repository.save, args=([added()],)) for _ in range(20)]
        with line.turn():
            for number, thread in enumerate(threads):
                thread.start()
                while len(line._waiting) <= number:
                    assert thread.is_alive()
                    time.sleep(0.001)
        for thread in threads:
            thread.join()
    assert served == [thread.name for thread in threads]


def test_a_place_that_is_not_free_in_time_is_an_error() -> None:
    """Also if the one before gives up, or a signal ends the waiting."""
    line = Line(1, 0.05, "too late")
    with line.turn(), pytest.raises(RepositoryError, match="too late"), line.turn():
        pytest.fail("there is one place")
    with line.turn(), line_interrupted(), pytest.raises(KeyboardInterrupt), line.turn():
        pytest.fail("there is one place")
    with line.turn():
        pass


def test_a_place_whose_block_a_signal_leaves_out_is_free_again() -> None:
    """Otherwise nobody could write from then on. The signal comes just before or after it."""
    line = Line(1, 0.05, "too late")
    turn = line.turn()
    turn.__enter__()
    del turn  # as the interpreter does, without leaving the block
    with line.turn():
        pass


class _Late:
    """A place that is given just after its caller has given up."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.release = self._lock.release

    def acquire(self, timeout: float | None = None) -> bool:
        return self._lock.acquire(timeout=10) and timeout is None


def test_a_place_that_comes_too_late_goes_to_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    line = Line(1, 0.05, "too late")
    monkeypatch.setattr("client_access.sql.lines.Lock", _Late)
    entered = threading.Event()
    errors: list[BaseException] = []

    def wait() -> None:
        entered.set()
        try:
            with line.turn():
                pytest.fail("it came too late")
        except RepositoryError as error:
            errors.append(error)

    with line.turn():
        thread = Thread(target=wait)
        thread.start()
        entered.wait(10)
        time.sleep(0.05)
    thread.join()
    assert len(errors) == 1
    with line.turn():
        pass


def line_interrupted() -> Any:
    import signal
    from contextlib import contextmanager

    def interrupt(*_: object) -> NoReturn:
        raise KeyboardInterrupt

    @contextmanager
    def soon() -> Iterator[None]:
        before = signal.signal(signal.SIGALRM, interrupt)
        signal.setitimer(signal.ITIMER_REAL, 0.01)
        yield
        signal.signal(signal.SIGALRM, before)

    return soon()


# ── Reasons ──────────────────────────────────────────────────────────────────────────────────────


def test_missing_tables_are_named_and_what_makes_them(database: str) -> None:
    engine = create_engine(database)
    with engine.connect() as connection:
        code = "SQLITE_ERROR" if engine.dialect.name == "sqlite" else "SQLSTATE 42P01"
        with pytest.raises(RepositoryError, match=rf"bring_up_to_date.*{code}"):
            SqlRepository(connection).get(uuid4())
    engine.dispose()


async def _read(url: str) -> None:
    from sqlalchemy.ext.asyncio import create_async_engine

    engine = create_async_engine(url.replace("sqlite:", "sqlite+aiosqlite:"))
    try:
        async with engine.connect() as connection:
            await AsyncSqlRepository(connection).get(uuid4())
    finally:
        await engine.dispose()


def test_an_awaited_repository_names_them_too(database: str) -> None:
    with pytest.raises(RepositoryError, match=r"bring_up_to_date.*(SQLITE_ERROR|42P01)"):
        asyncio.run(_read(database))


def test_a_locked_file_is_named(sqlite: str) -> None:
    SqlRepository.open(sqlite).close()
    holder = sqlite3.connect(sqlite.removeprefix("sqlite:///"))
    holder.execute("BEGIN IMMEDIATE")
    engine = create_engine(sqlite)
    repository = SqlRepository(engine)
    event.listen(engine, "connect", lambda one, _: None)
    with engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA busy_timeout = 1")
        with pytest.raises(RepositoryError, match=r"locked for too long .*SQLITE_BUSY"):
            SqlRepository(connection).save([added()])
    holder.close()
    repository.close()


@pytest.mark.parametrize("opened", [SqlRepository.open, opened_both_ways])
@pytest.mark.parametrize("part", [{"database": "nowhere"}, {"username": "nobody_else"}])
def test_a_server_that_does_not_let_one_in_is_named(
    postgresql: str, opened: Any, part: dict[str, Any]
) -> None:
    """Nor one that is not there. The driver has no code for it."""
    for url in (make_url(postgresql).set(**part), "postgresql://user:word@127.0.0.1:1/name"):
        with pytest.raises(RepositoryError, match="cannot be reached, or does not admit") as raised:
            opened(str(url) if isinstance(url, str) else url.render_as_string())
        assert "word" not in str(raised.value)


def test_an_argument_of_a_url_that_the_server_s_driver_rejects_is_an_invalid_value() -> None:
    with pytest.raises(InvalidValue, match="has an argument that the driver rejects"):
        SqlRepository.open("postgresql://127.0.0.1:1/name?nonsense=1")


def test_a_lost_connection_is_named(postgresql: str) -> None:
    """The server has ended it, and says so in a code, or it was closed, and there is none."""
    end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'lost'"
    engine = create_engine(postgresql)
    url = make_url(postgresql).update_query_dict({"application_name": "lost"})
    with SqlRepository.open(url) as repository:
        execute(engine, end)
        with pytest.raises(RepositoryError, match="the connection was lost"):
            repository.get(uuid4())
    engine.dispose()


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    (tmp_path / "clients.db").write_bytes(b"no database" * 100)
    with pytest.raises(RepositoryError, match=r"not a database .*SQLITE_NOTADB"):
        SqlRepository.open(f"sqlite:///{tmp_path / 'clients.db'}")


# ── Schemas, and hosts that make the tables ──────────────────────────────────────────────────────


@pytest.fixture
def schema(postgresql: str) -> Iterator[str]:
    """A schema that is not on the search path."""
    name = f"billing_{uuid4().hex}"
    engine = create_engine(postgresql)
    execute(engine, f"CREATE SCHEMA {name}")
    yield name
    execute(engine, f"DROP SCHEMA {name} CASCADE")
    engine.dispose()


def test_tables_are_made_and_used_in_the_schema_that_is_given(postgresql: str, schema: str) -> None:
    """No statement goes elsewhere: there is no table to go to."""
    opened_both_ways(postgresql, schema=schema)
    engine = create_engine(postgresql)
    with engine.connect() as connection:
        found = inspect(connection)
        assert set(found.get_table_names(schema)) == set(metadata.tables)
        assert found.get_table_names() == []
    engine.dispose()


def test_a_schema_that_does_not_exist_is_named(postgresql: str) -> None:
    with pytest.raises(RepositoryError, match=r"schema does not exist.*3F000"):
        SqlRepository.open(postgresql, schema="nowhere")


def test_a_host_that_makes_the_tables_itself_stamps_them(database: str) -> None:
    """With `migrate=False`, tables are checked and never made."""
    for problem in ("missing", "missing"):
        with pytest.raises(RepositoryError, match=problem):
            SqlRepository.open(database, migrate=False)
        with pytest.raises(RepositoryError, match=problem):
            asyncio.run(_open_and_close(database, migrate=False))
    engine = create_engine(database)
    with engine.begin() as connection:
        assert inspect(connection).get_table_names() == []
        with pytest.raises(RepositoryError, match="client_access_client is missing"):
            stamp(connection)
        metadata.create_all(connection)
        stamp(connection)
        stamp(connection)
    opened_both_ways(database, migrate=False)
    execute(engine, "UPDATE client_access_schema SET version = 7")
    with pytest.raises(RepositoryError, match="version 7, and must be of 1"):
        SqlRepository(engine, migrate=False)
    engine.dispose()


def test_stamping_reports_errors_of_the_database(sqlite: str) -> None:
    SqlRepository.open(sqlite).close()
    engine = create_engine(f"sqlite:///file:{sqlite.removeprefix('sqlite:///')}?mode=ro&uri=true")
    with engine.connect() as connection, pytest.raises(RepositoryError, match="SQLITE_READONLY"):
        stamp(connection)
    engine.dispose()


def test_a_role_that_may_not_make_tables_uses_those_that_exist(
    postgresql: str, schema: str
) -> None:
    """It needs only the right to use the schema, and to read and write the tables."""
    role = f"role_{uuid4().hex}"
    engine = create_engine(postgresql)
    execute(engine, f"CREATE ROLE {role} LOGIN")
    execute(engine, f"GRANT USAGE ON SCHEMA {schema} TO {role}")
    url = make_url(postgresql).set(username=role)
    with pytest.raises(RepositoryError, match=r"lacks a right.*42501"):
        SqlRepository.open(url, schema=schema)
    SqlRepository.open(postgresql, schema=schema).close()
    execute(
        engine, f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {schema} TO {role}"
    )
    for migrate in (True, False):
        opened_both_ways(url.render_as_string(), schema=schema, migrate=migrate)
    execute(engine, f"DROP OWNED BY {role}")
    execute(engine, f"DROP ROLE {role}")
    engine.dispose()
