"""Every statement goes through SQLAlchemy: its events, its log and its schemas apply."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from sql.shop import LEASE, T0, added, renamed, subscribed
from sqlalchemy import Engine, create_engine, event, inspect, text
from sqlalchemy.ext.asyncio import create_async_engine

from client_access import Change, ClientList, SignIn
from client_access.sql import AsyncSqlRepository, SqlRepository, metadata
from client_access.testing import awaited


def deliver(repository: Any, _: Change) -> None:
    """Park a notice, make it due again, and deliver it."""
    (claim,) = repository.claim(at=T0, lease=LEASE, limit=1)
    assert repository.failed(claim, retry_at=None)
    assert repository.retry(claim.notice.id, at=T0)
    (claim,) = repository.claim(at=T0, lease=LEASE, limit=1)
    assert repository.failed(claim, retry_at=T0)
    (claim,) = repository.claim(at=T0 + timedelta(days=1), lease=LEASE, limit=1)
    assert repository.delivered(claim)


OPERATIONS: dict[str, tuple[Callable[[Any, Change], object], list[str]]] = {
    "get": (lambda it, c: it.get(c.after.id), ["SELECT client"]),
    "find_by_email": (lambda it, c: it.find_by_email(c.after.email_key), ["SELECT client"]),
    "page": (
        lambda it, c: it.page(
            "north", ClientList.ACTIVE, search="oak", limit=9, after=("a", c.after.id)
        ),
        ["SELECT client"],
    ),
    "get_many": (lambda it, c: it.get_many([c.after.id]), ["SELECT client"]),
    "find_many_by_email": (
        lambda it, c: it.find_many_by_email([c.after.email_key]),
        ["SELECT client"],
    ),
    "history": (lambda it, c: it.history(c.after.id), ["SELECT event"]),
    "service_counts": (lambda it, _: it.service_counts("north"), ["SELECT client"]),
    "with_deadlines": (
        lambda it, c: it.with_deadlines(
            T0, T0 + LEASE, practice_id="north", limit=9, after=(T0, c.after.id)
        ),
        ["SELECT client"],
    ),
    "waiting": (lambda it, _: it.waiting(parked=False, limit=9), ["SELECT notice"]),
    "claim, failed, retry, delivered": (
        deliver,
        [
            *("SELECT notice", "SELECT notice", "UPDATE notice"),
            *("SELECT client", "UPDATE notice", "UPDATE notice"),
            *("SELECT notice", "SELECT client", "UPDATE notice", "UPDATE notice", "UPDATE notice"),
            *("SELECT notice", "SELECT notice", "UPDATE notice"),
            *("UPDATE notice", "SELECT notice"),
            *("SELECT notice", "UPDATE notice"),
            *("SELECT client", "DELETE notice", "UPDATE notice"),
        ],
    ),
    "save": (
        lambda it, c: it.save([renamed(c.after), added(), added()]),
        [
            *("UPDATE client", "SAVEPOINT", "INSERT client", "RELEASE"),
            *("INSERT event", "INSERT notice"),
        ],
    ),
    "save, of one": (lambda it, _: it.save([added()]), ["INSERT client", "INSERT event"]),
    "save_once": (
        lambda it, _: it.save_once("command", added(), at=T0, until=T0 + LEASE),
        ["INSERT outcome", "INSERT client", "INSERT event"],
    ),
    "recall": (lambda it, _: it.recall("command", at=T0), ["SELECT outcome"]),
    "save_once, purge": (
        lambda it, _: (
            it.save_once("old", added(), at=T0, until=T0 + LEASE),
            it.purge(at=T0 + LEASE),
        ),
        [
            *("INSERT outcome", "INSERT client", "INSERT event"),
            *("SELECT outcome", "DELETE outcome"),
        ],
    ),
    "erase": (
        lambda it, c: it.erase(c.after.id),
        [
            *("SELECT client", "SELECT event", "UPDATE event"),
            *("SELECT event", "UPDATE event", "UPDATE client"),
            *("SELECT notice", "UPDATE notice", "UPDATE notice", "SELECT outcome"),
        ],
    ),
}
"""What a repository does with a client and its last change, and the statements of that."""

ON_POSTGRESQL = {
    "save": [
        *("UPDATE client", "SAVEPOINT", "INSERT client", "RELEASE"),
        *("INSERT event", "INSERT notice", "UPDATE notice"),
    ],
    "save, of one": ["WITH client"],
    "save_once": ["INSERT outcome", "WITH client"],
    "save_once, purge": [
        *("INSERT outcome", "WITH client"),
        *("SELECT outcome", "DELETE outcome"),
    ],
}
"""The statements there, if they are others: one writes a client and its event, and one more makes
the first notice of a client's line the first.
"""


def prepared(repository: Any) -> Change:
    """Save a client that is invited; return its last change, which has notices."""
    first = added(email=f"{uuid4().hex}@example.com")
    second = subscribed(first.after, sign_in=SignIn.PRACTICE_AND_CLIENT)
    repository.save([first, second])
    return second


@contextmanager
def sync_repository(url: str, **options: Any) -> Iterator[tuple[Engine, Any]]:
    """Yield an engine as a host makes it, and a repository on it."""
    engine = create_engine(url).execution_options(**options)
    yield engine, SqlRepository(engine)
    engine.dispose()


@contextmanager
def async_repository(url: str, **options: Any) -> Iterator[tuple[Engine, Any]]:
    """Yield the sync engine of a host's async one, and a repository on it, called as a sync one."""
    engine = create_async_engine(url.replace("sqlite:", "sqlite+aiosqlite:")).execution_options(
        **options
    )

    @asynccontextmanager
    async def opened() -> AsyncIterator[AsyncSqlRepository]:
        repository = AsyncSqlRepository(engine)
        await repository.prepare()
        yield repository
        await engine.dispose()

    with awaited(opened) as repository:
        yield engine.sync_engine, repository


both = pytest.mark.parametrize("on", [sync_repository, async_repository])


@contextmanager
def heard(engine: Engine) -> Iterator[list[str]]:
    """Yield a list of what `before_cursor_execute` is given: each statement's verb and table."""
    statements: list[str] = []

    def listen(*arguments: Any) -> None:
        statement = arguments[2]
        table = re.search("client_access_([a-z]+)", statement)
        verb = statement.split()[0]
        statements.append(f"{verb} {table[1]}" if table else verb)

    event.listen(engine, "before_cursor_execute", listen)
    yield statements
    event.remove(engine, "before_cursor_execute", listen)


@both
def test_engine_events_see_every_statement_of_every_operation(
    database: str, on: Callable[..., Any]
) -> None:
    """A host's tracing listens to `before_cursor_execute`."""
    with on(database) as (engine, repository):
        change = prepared(repository)
        for name, (operation, statements) in OPERATIONS.items():
            with heard(engine) as seen:
                operation(repository, change)
            others = [each for each in seen if each not in ("BEGIN", "PRAGMA", "SELECT schema")]
            is_postgresql = engine.dialect.name == "postgresql"
            assert others == ((is_postgresql and ON_POSTGRESQL.get(name)) or statements), name


def test_engine_events_see_the_statements_that_read_all_ids(database: str) -> None:
    """An async iterator reads the ids in the same way."""

    async def read() -> None:
        engine = create_async_engine(database.replace("sqlite:", "sqlite+aiosqlite:"))
        with heard(engine.sync_engine) as seen:
            assert len([i async for i in AsyncSqlRepository(engine).client_ids()]) == 1
        assert seen == ["SELECT client", "SELECT client"]
        await engine.dispose()

    with sync_repository(database) as (engine, repository):
        repository.save([added()])
        with heard(engine) as seen:
            assert len(list(repository.client_ids())) == 1
        assert seen == ["SELECT client", "SELECT client"]
    asyncio.run(read())


def test_sqlite_takes_the_lock_before_a_transaction_that_writes(sqlite: str) -> None:
    """One that reads first and then writes would fail if another wrote in between."""
    with sync_repository(sqlite) as (engine, repository):
        with heard(engine) as seen:
            repository.erase(uuid4())
        assert [each for each in seen if each != "PRAGMA"] == [
            *("BEGIN", "SELECT schema", "SELECT client")
        ]


def test_the_log_shows_statements_and_no_personal_data(
    database: str, caplog: pytest.LogCaptureFixture
) -> None:
    """`echo` and logging work as on any engine; parameters are hidden on one of our own."""
    caplog.set_level(logging.INFO, "sqlalchemy.engine")
    with SqlRepository.open(database) as repository:
        repository.save([added(name="Secret Name")])
    for statement in ("BEGIN", "INSERT INTO client_access_client", "COMMIT"):
        assert statement in caplog.text
    assert "ecret" not in caplog.text


@both
def test_tables_are_where_a_host_s_schema_translate_map_says(
    database: str, on: Callable[..., Any]
) -> None:
    """For each operation, and for making the tables: on SQLite, in an attached database."""
    schema = f"elsewhere_{uuid4().hex}"
    host = create_engine(database)
    if host.dialect.name == "postgresql":
        with host.begin() as connection:
            connection.execute(text(f"CREATE SCHEMA {schema}"))

    @event.listens_for(Engine, "engine_connect")
    def attach(connection: Any) -> None:
        if connection.dialect.name == "sqlite" and schema not in connection.info:
            connection.exec_driver_sql(
                f"ATTACH '{connection.engine.url.database}.other' AS {schema}"
            )
            connection.info[schema] = True
            connection.rollback()

    try:
        for _ in ("the first makes the tables", "the second finds them"):
            with on(database, schema_translate_map={None: schema}) as (_, repository):
                change = prepared(repository)
        with on(database, schema_translate_map={None: schema}) as (_, repository):
            for operation, _ in OPERATIONS.values():
                operation(repository, change)
        with host.connect() as connection:
            tables = inspect(connection)
            assert tables.get_table_names() == []
            assert set(tables.get_table_names(schema)) == set(metadata.tables)
    finally:
        event.remove(Engine, "engine_connect", attach)
        with host.begin() as connection:
            if host.dialect.name == "postgresql":
                connection.execute(text(f"DROP SCHEMA {schema} CASCADE"))
        host.dispose()
