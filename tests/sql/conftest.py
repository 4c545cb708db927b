"""Every database in turn, with a repository on it and an engine as a host makes it."""

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
    """An engine as a host makes it."""
    engine = create_engine(database)
    yield engine
    engine.dispose()
