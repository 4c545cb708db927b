"""Every adapter of this project passes the whole kit."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest
from databases import empty_schema
from sqlalchemy import create_engine

import client_access as ca
from client_access.sql import AsyncSqlRepository, SqlRepository
from client_access.sql.sessions import Connections
from client_access.testing import (
    OPTIONAL_PROTOCOLS,
    AsyncRepositoryConformance,
    RepositoryConformance,
    examples,
)
from client_access.testing.awaiting import OpenAsyncRepository


class TestMemoryRepository(RepositoryConformance):
    offers = tuple(set(OPTIONAL_PROTOCOLS) - {ca.HostTransaction, ca.Locks, ca.Sessions})
    examples = 2  # test_machine.py drives it through many more

    @pytest.fixture
    def repository(self) -> ca.Repository:
        return ca.MemoryRepository()


# The tests of a database share one schema: creating it takes longer than most checks.


@pytest.fixture(scope="module")
def sqlite_url(tmp_path_factory: pytest.TempPathFactory) -> str:
    return f"sqlite:///{tmp_path_factory.mktemp('sqlite') / 'clients.db'}"


@pytest.fixture(scope="module")
def shared_sqlite(sqlite_url: str) -> Iterator[SqlRepository]:
    with SqlRepository.open(sqlite_url) as repository:
        yield repository


def session_of(repository: SqlRepository) -> Iterator[ca.Repository]:
    """Yield the repository that the work of a session gets."""
    session = repository.in_session(lambda session: session)
    assert isinstance(session, SqlRepository)
    assert isinstance(repository._connections, Connections)
    kept = repository._connections.kept()
    assert kept is not None
    session._connections = kept
    yield session
    kept.end()


class TestSqlite(RepositoryConformance):
    offers = OPTIONAL_PROTOCOLS
    examples = 10

    @pytest.fixture
    def repository(self, shared_sqlite: ca.Repository) -> ca.Repository:
        return shared_sqlite


class TestSqliteInASession(RepositoryConformance):
    offers = OPTIONAL_PROTOCOLS
    thread_safe = False
    examples = 5

    @pytest.fixture
    def repository(self, shared_sqlite: SqlRepository) -> Iterator[ca.Repository]:
        yield from session_of(shared_sqlite)


class TestSqliteInTheHostsTransaction(RepositoryConformance):
    offers = OPTIONAL_PROTOCOLS
    thread_safe = False
    examples = 5

    @pytest.fixture
    def repository(self, sqlite_url: str, shared_sqlite: ca.Repository) -> Iterator[ca.Repository]:
        engine = create_engine(sqlite_url)
        with engine.connect() as connection:
            yield SqlRepository(connection)
        engine.dispose()


@pytest.fixture(scope="module")
def shared_schema(postgresql_server: str) -> Iterator[str]:
    with empty_schema(postgresql_server) as url:
        yield url


@pytest.fixture(scope="module")
def shared_postgresql(shared_schema: str) -> Iterator[SqlRepository]:
    with SqlRepository.open(shared_schema) as repository:
        yield repository


class TestPostgresql(RepositoryConformance):
    offers = OPTIONAL_PROTOCOLS
    examples = 5

    @pytest.fixture
    def repository(self, shared_postgresql: ca.Repository) -> ca.Repository:
        return shared_postgresql


class TestPostgresqlInASession(RepositoryConformance):
    offers = OPTIONAL_PROTOCOLS
    thread_safe = False
    examples = 2

    @pytest.fixture
    def repository(self, shared_postgresql: SqlRepository) -> Iterator[ca.Repository]:
        yield from session_of(shared_postgresql)


class TestPostgresqlInTheHostsTransaction(RepositoryConformance):
    offers = OPTIONAL_PROTOCOLS
    thread_safe = False
    examples = 2

    @pytest.fixture
    def repository(
        self, shared_schema: str, shared_postgresql: ca.Repository
    ) -> Iterator[ca.Repository]:
        engine = create_engine(shared_schema)
        with engine.connect() as connection:
            yield SqlRepository(connection)
        engine.dispose()


class TestAsyncPostgresql(AsyncRepositoryConformance):
    offers = OPTIONAL_PROTOCOLS
    examples = 2

    @pytest.fixture
    def open_repository(self, shared_schema: str) -> OpenAsyncRepository:
        @asynccontextmanager
        async def opened() -> AsyncIterator[ca.AsyncRepository]:
            async with await AsyncSqlRepository.open(shared_schema) as repository:
                yield repository

        return opened


class TestAsyncSqlite(AsyncRepositoryConformance):
    offers = OPTIONAL_PROTOCOLS
    examples = 5

    @pytest.fixture
    def open_repository(self, sqlite_url: str) -> OpenAsyncRepository:
        @asynccontextmanager
        async def opened() -> AsyncIterator[ca.AsyncRepository]:
            async with await AsyncSqlRepository.open(sqlite_url) as repository:
                yield repository

        return opened


def test_a_second_repository_reads_what_the_first_has_written(
    database: str,
) -> None:
    """A repository caches nothing of what is stored."""
    with SqlRepository.open(database) as first, SqlRepository.open(database) as second:
        for example in examples().values():
            for change in example.changes:
                first.save([change])
                assert second.get(change.after.id) == change.after
            assert ca.replay(second.history(example.client.id)) == first.get(example.client.id)
        assert second.waiting(parked=False, limit=1000) == first.waiting(parked=False, limit=1000)
