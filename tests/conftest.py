"""Hypothesis, the same on every machine: no deadline, few examples, found in the same order."""

from databases import database, postgresql, postgresql_server, sqlite
from hypothesis import settings

__all__ = ["database", "postgresql", "postgresql_server", "sqlite"]

settings.register_profile("default", deadline=None, max_examples=100, derandomize=True)
settings.register_profile("thorough", deadline=None, max_examples=5000)
settings.load_profile("default")
