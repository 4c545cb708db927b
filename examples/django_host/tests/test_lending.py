"""The library's SQL adapter works on Django's own connection, in Django's transactions."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import uuid4

import pytest
from clients.access import CATALOGUE
from clients.lending import sqlalchemy_connection
from clients.models import Practice
from django.db import connections, transaction

import client_access as ca
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


def _add(using: str, name: str) -> tuple[ca.Change, str]:
    """Add a client and a practice of the host's own, in one `atomic()`."""
    practice = f"{name}-{uuid4().hex[:8]}"
    with sqlalchemy_connection(using) as connection:
        access = ca.ClientAccess(SqlRepository(connection), catalogue=CATALOGUE)
        Practice.objects.using(using).create(pk=practice)
        command = ca.AddClient(uuid4(), ca.PracticeUser(practice), business_name=name)
        return access.handle(command), practice


def _stored(using: str, change: ca.Change, practice: str) -> tuple[bool, bool]:
    with sqlalchemy_connection(using) as connection:
        client = SqlRepository(connection).get(change.after.id)
    return client is not None, Practice.objects.using(using).filter(pk=practice).exists()


def test_a_client_and_a_row_of_the_host_are_committed_together(using: str) -> None:
    assert _stored(using, *_add(using, "acorn")) == (True, True)


def test_an_outer_atomic_that_is_undone_leaves_neither(using: str) -> None:
    done: list[tuple[ca.Change, str]] = []
    with pytest.raises(RuntimeError), transaction.atomic(using=using):
        done.append(_add(using, "birch"))
        raise RuntimeError
    assert _stored(using, *done[0]) == (False, False)


def test_a_refused_command_leaves_the_hosts_transaction_usable(using: str) -> None:
    """A failed `save` undoes only its own savepoint."""
    change, practice = _add(using, "cedar")
    other = f"{practice}-other"
    with sqlalchemy_connection(using) as connection:
        repository = SqlRepository(connection)
        Practice.objects.using(using).create(pk=other)
        with pytest.raises(ca.StaleClient):
            repository.save([change])
    assert Practice.objects.using(using).filter(pk=other).exists()


def test_a_connection_that_must_not_be_used_again_is_not_committed(using: str) -> None:
    """After a full disk, for example, SQLite has undone the transaction, and the rest must go."""
    practice = f"dogwood-{uuid4().hex[:8]}"
    with sqlalchemy_connection(using) as connection:
        Practice.objects.using(using).create(pk=practice)
        connection.invalidate()
    assert not Practice.objects.using(using).filter(pk=practice).exists()
    assert connections[using].is_usable()


def test_outside_of_atomic_nothing_can_be_saved(using: str) -> None:
    """The adapter refuses a connection that would commit each statement."""
    with sqlalchemy_connection(using) as connection:
        engine = connection.engine
    command = ca.AddClient(uuid4(), ca.PracticeUser("north"), business_name="Elm")
    with engine.connect() as connection, pytest.raises(ca.InvalidValue, match="AUTOCOMMIT"):
        ca.ClientAccess(SqlRepository(connection), catalogue=CATALOGUE).handle(command)
