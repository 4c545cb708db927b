"""Every adapter of this project passes the whole kit."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from sqlalchemy import create_engine

import client_access as ca
from client_access.sql import AsyncSqlRepository, SqlRepository
from client_access.testing import (
    OPTIONAL_PROTOCOLS,
    AsyncRepositoryConformance,
    RepositoryConformance,
)
from client_access.testing.awaiting import OpenAsyncRepository


class TestMemoryRepository(RepositoryConformance):
    offers = tuple(set(OPTIONAL_PROTOCOLS) - {ca.HostTransaction})

    @pytest.fixture
    def repository(self) -> ca.Repository:
        return ca.MemoryRepository()


@pytest.fixture(scope="module")
def shared_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ca.Repository]:
    path = tmp_path_factory.mktemp("sqlite") / "clients.db"
    with SqlRepository.open(f"sqlite:///{path}") as repository:
        yield repository


class TestSqlite(RepositoryConformance):
    offers = OPTIONAL_PROTOCOLS

    @pytest.fixture
    def repository(self, shared_sqlite: ca.Repository) -> ca.Repository:
        return shared_sqlite


class TestSqliteInTheHostsTransaction(RepositoryConformance):
    offers = OPTIONAL_PROTOCOLS
    thread_safe = False
    examples = 5

    @pytest.fixture
    def repository(self, tmp_path: Path) -> Iterator[ca.Repository]:
        url = f"sqlite:///{tmp_path / 'clients.db'}"
        SqlRepository.open(url).close()
        engine = create_engine(url)
        with engine.connect() as connection:
            yield SqlRepository(connection)
        engine.dispose()


class TestAsyncSqlite(AsyncRepositoryConformance):
    offers = OPTIONAL_PROTOCOLS
    examples = 5

    @pytest.fixture
    def open_repository(self, tmp_path: Path) -> OpenAsyncRepository:
        @asynccontextmanager
        async def opened() -> AsyncIterator[ca.AsyncRepository]:
            url = f"sqlite:///{tmp_path / 'clients.db'}"
            async with await AsyncSqlRepository.open(url) as repository:
                yield repository

        return opened
