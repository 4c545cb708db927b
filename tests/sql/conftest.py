"""A repository and a host's engine, on each database in turn."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, create_engine

from client_access.sql import SqlRepository


@pytest.fixture
def repository(database: str) -> Iterator[SqlRepository]:
    with SqlRepository.open(database) as repository:
        yield repository


@pytest.fixture
def engine(database: str) -> Iterator[Engine]:
    """An engine that a host has created."""
    engine = create_engine(database)
    yield engine
    engine.dispose()
