"""Fixtures for databases, and settings that give the same examples on every machine."""

from databases import database, postgresql, postgresql_server, sqlite
from hypothesis import settings

__all__ = ["database", "postgresql", "postgresql_server", "sqlite"]

settings.register_profile("default", deadline=None, max_examples=100, derandomize=True)
settings.register_profile("thorough", deadline=None, max_examples=5000)
settings.load_profile("default")
