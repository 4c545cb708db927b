"""The adapter passes the library's own checks on both databases."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from threading import current_thread, main_thread
from uuid import UUID

import pytest
from clients.repository import DjangoRepository
from django.db import close_old_connections, connections, transaction

import client_access as ca
from client_access.testing import RepositoryConformance

OFFERS = (ca.Lookup, ca.History, ca.Deadlines, ca.HostTransaction, ca.Erasure)


@contextmanager
def closing_in_a_thread() -> Iterator[None]:
    try:
        yield
    finally:
        if current_thread() is not main_thread():
            close_old_connections()


class InThreads(DjangoRepository):
    """Closes the connection of a thread after its work, as Django does after each request."""

    def save(self, changes: Sequence[ca.Change]) -> None:
        with closing_in_a_thread():
            super().save(changes)

    def erase(self, client_id: UUID) -> None:
        with closing_in_a_thread():
            super().erase(client_id)


class TestAdapter(RepositoryConformance):
    """Each call is a transaction of its own."""

    offers = OFFERS
    examples = 10

    @pytest.fixture
    def repository(self, using: str) -> DjangoRepository:
        return InThreads(using)


class TestAdapterInTheHostsTransaction(RepositoryConformance):
    """Each call is a savepoint in `atomic()` of the host, which leaves nothing if it is undone."""

    offers = OFFERS
    thread_safe = False
    examples = 5

    @pytest.fixture
    def repository(self, using: str) -> Iterator[DjangoRepository]:
        with transaction.atomic(using=using):
            yield DjangoRepository(using)
            transaction.set_rollback(True, using=using)


def test_names_are_ordered_by_code_point_whatever_the_locale_of_postgresql(postgresql: str) -> None:
    """C2."""
    with connections[postgresql].cursor() as cursor:
        cursor.execute(
            "SELECT collation_name FROM information_schema.columns"
            " WHERE table_name = 'clients_storedclient' AND column_name = 'folded_name'"
        )
        assert cursor.fetchall() == [("C",)]
