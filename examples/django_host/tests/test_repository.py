"""The adapter passes the library's own checks on both databases."""

from __future__ import annotations

import pytest
from clients.repository import DjangoRepository

import client_access as ca
from client_access.testing import RepositoryConformance

OFFERS = (ca.Lookup, ca.History, ca.Deadlines, ca.HostTransaction, ca.Erasure)


class TestAdapter(RepositoryConformance):
    """Each call is a transaction of its own."""

    offers = OFFERS

    @pytest.fixture
    def repository(self, using: str) -> DjangoRepository:
        return DjangoRepository(using)
