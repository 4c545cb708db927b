"""The library's SQL adapter works on Django's own connection, in Django's transactions."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from clients.lending import sqlalchemy_connection
from django.db import transaction

from client_access.sql import SqlRepository
from client_access.testing import OPTIONAL_PROTOCOLS, RepositoryConformance


class TestOnDjangosConnection(RepositoryConformance):
    """Every check of every protocol, in `atomic()`."""

    offers = OPTIONAL_PROTOCOLS
    thread_safe = False
    examples = 5

    @pytest.fixture
    def repository(self, using: str) -> Iterator[SqlRepository]:
        with sqlalchemy_connection(using) as connection:
            yield SqlRepository(connection)
            transaction.set_rollback(True, using=using)
