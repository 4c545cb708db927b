"""Fixtures for databases, and settings that give the same examples on every machine."""

import pytest
from databases import database, postgresql, postgresql_server, sqlite
from hypothesis import settings

from client_access.service import retries

__all__ = ["database", "no_pauses", "postgresql", "postgresql_server", "sqlite"]

settings.register_profile("default", deadline=None, max_examples=100, derandomize=True)
settings.register_profile("brief", deadline=None, max_examples=20, derandomize=True)
settings.register_profile("thorough", deadline=None, max_examples=5000)
settings.load_profile("default")


@pytest.fixture
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Try again without pauses."""
    monkeypatch.setattr(retries, "LONGEST_PAUSE", 0.0)
