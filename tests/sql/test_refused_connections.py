"""Connections on which a call would do something else than asked are refused, in words."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from attrs import evolve
from sql.shop import LEASE, T0, added, execute, renamed, subscribed
from sqlalchemy import Engine, create_engine, event, text

from client_access import InvalidValue, RepositoryError, SignIn
from client_access.sql import SqlRepository, bring_up_to_date
from client_access.sql.engines import watch


@pytest.mark.parametrize("mine", [False, True], ids=["open", "engine"])
def test_a_connection_of_another_process_is_refused(database: str, mine: bool) -> None:
    """After a fork, two processes on one connection would read each other's answers."""
    engine = create_engine(database)
    repository = SqlRepository(engine) if mine else SqlRepository.open(database)
    change = added()
    repository.save([change])
    calls: tuple[Any, ...] = (
        lambda: repository.get(change.after.id),
        lambda: repository.save([renamed(change.after)]),
    )
    child = os.fork()
    if not child:  # pragma: no cover  # nothing is measured in a process that ends like this
        refused = 0
        for call in calls:
            try:
                call()
            except RepositoryError as error:
                refused += "after forking" in str(error)
        os._exit(refused)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == len(calls)
    assert repository.get(change.after.id) == change.after
    repository.close()


def test_a_forked_process_that_closes_leaves_its_parent_connected(postgresql: str) -> None:
    """PostgreSQL would end the session that both processes share."""
    with SqlRepository.open(postgresql) as repository:
        change = added()
        repository.save([change])
        child = os.fork()
        if not child:  # pragma: no cover  # nothing is measured in a process that ends like this
            repository.close()
            os._exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert repository.get(change.after.id) == change.after


def test_the_answer_to_another_question_is_refused(
    repository: SqlRepository, engine: Engine
) -> None:
    """One client would be taken for another, and be let in.

    A host may have connected before a fork, so that two processes share its connection unseen.
    """
    change = added(email="books@example.com")
    repository.save([change])

    def mix_up(_: object, __: object, statement: str, parameters: object, *___: object) -> object:
        """Find any client, by a statement with as many parameters."""
        return statement.replace(
            "WHERE client_access_client", "WHERE version = 1 OR client_access_client"
        ), parameters

    event.listen(engine, "before_cursor_execute", mix_up, retval=True)
    with engine.connect() as connection:
        mixed_up = SqlRepository(connection)
        with pytest.raises(RepositoryError, match="another question"):
            mixed_up.get(uuid4())
        with pytest.raises(RepositoryError, match="another question"):
            mixed_up.find_by_email("other@example.com")
        assert mixed_up.get(change.after.id) == change.after
        assert mixed_up.find_by_email("books@example.com") == change.after


@pytest.mark.parametrize("statement", ["read", "write"])
def test_a_connection_in_pipeline_mode_is_refused(postgresql: str, statement: str) -> None:
    """The row counts come later there, and a false `StaleClient` would be raised."""
    SqlRepository.open(postgresql).close()
    engine = create_engine(postgresql)
    with engine.connect() as connection:
        driver: Any = connection.connection.driver_connection
        repository = SqlRepository(connection)
        call: Callable[[], object] = {
            "read": lambda: repository.get(uuid4()),
            "write": lambda: repository.save([added()]),
        }[statement]
        with driver.pipeline(), pytest.raises(InvalidValue, match="pipeline"):
            call()
    engine.dispose()


def test_a_host_s_connection_that_commits_each_statement_is_refused(database: str) -> None:
    """A savepoint needs a transaction, and what the host did before would be committed alone."""
    SqlRepository.open(database).close()
    engine = create_engine(database, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        repository = SqlRepository(connection)
        with pytest.raises(InvalidValue, match="AUTOCOMMIT"):
            repository.save([added()])
        assert repository.get(uuid4()) is None
    engine.dispose()


# ── Versions ─────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("statement", ["SET version = 2", None])
def test_a_process_of_an_older_version_writes_nothing_beside_a_newer_one(
    repository: SqlRepository, engine: Engine, statement: str | None
) -> None:
    """Another process may upgrade the tables while this one runs, or no one has stamped them."""
    change = added(email="books@example.com")
    repository.save([change, subscribed(change.after, sign_in=SignIn.PRACTICE_AND_CLIENT)])
    stored = repository.get(change.after.id)
    assert stored is not None
    (claim,) = repository.claim(at=T0, lease=LEASE, limit=1)
    execute(engine, "UPDATE client_access_client SET searched = 'of an older Unicode'")
    table = "client_access_schema"
    execute(engine, f"UPDATE {table} {statement}" if statement else f"DELETE FROM {table}")
    calls: tuple[Callable[[SqlRepository], object], ...] = (
        lambda one: one.save([added(), added()]),
        lambda one: one.save([renamed(stored)]),
        lambda one: one.erase(change.after.id),
        lambda one: one.save_once("7", added(), at=T0, until=T0 + LEASE),
        # What adds no event.
        lambda one: one.save_once("8", evolve(change, event=None), at=T0, until=T0 + LEASE),
        lambda one: one.purge(at=T0 + 9 * LEASE),
        lambda one: one.claim(at=T0 + 9 * LEASE, lease=LEASE, limit=1),
        lambda one: one.released(claim),
        lambda one: one.failed(claim, retry_at=None),
        lambda one: one.delivered(claim),
        lambda one: one.retry(claim.notice.id, at=T0),
        lambda one: one.discard(claim.notice.id),
        lambda one: one.refresh(),
    )
    with engine.connect() as connection:
        for one in (repository, SqlRepository(connection)):
            for call in calls:
                with pytest.raises(RepositoryError, match="another version"):
                    call(one)
    assert list(repository.client_ids()) == [change.after.id]
    assert repository.get(change.after.id) == stored
    assert repository.recall("8", at=T0) is None


@pytest.mark.parametrize("migrate", [True, False])
def test_a_dropped_table_is_noticed_at_opening(
    database: str, engine: Engine, migrate: bool
) -> None:
    """The version alone says nothing of a table that is gone."""
    SqlRepository.open(database).close()
    execute(engine, "DROP TABLE client_access_outcome")
    with pytest.raises(RepositoryError, match="client_access_outcome is missing"):
        SqlRepository.open(database, migrate=migrate)
    missing = pytest.raises(RepositoryError, match="client_access_outcome is missing")
    with engine.connect() as connection, missing:
        bring_up_to_date(connection)


# ── A server that became a standby ───────────────────────────────────────────────────────────────


@pytest.mark.parametrize("host", [False, True], ids=["engine", "connection"])
def test_a_connection_to_a_demoted_server_is_put_away(postgresql: str, host: bool) -> None:
    """Reads would look healthy, and every write would fail (SQLSTATE 25006)."""
    engine = create_engine(postgresql)
    change = added()
    with SqlRepository.open(postgresql) as repository:
        repository.save([change])
    with engine.connect() as one, engine.connect() as two:
        for connection in (one, two):
            connection.execute(text("SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY"))
            connection.commit()
    if host:
        with engine.connect() as connection:
            with pytest.raises(RepositoryError, match="25006"):
                SqlRepository(connection).save([renamed(change.after)])
            assert connection.invalidated
    else:
        with pytest.raises(RepositoryError, match="standby"):
            SqlRepository(engine).save([renamed(change.after)])
    SqlRepository(engine).save([renamed(change.after)])  # both connections were put away
    engine.dispose()


def test_an_engine_with_the_id_of_one_that_is_gone_is_watched_too() -> None:
    """SQLAlchemy knows by the `id` of an engine who listens to it. Each is listened to once."""
    url = "postgresql+psycopg://host/name"
    engine, other = create_engine(url), create_engine(url)
    watch(engine)
    engine.dialect = other.dialect  # as if the engine were gone, and another one had its id
    for same in (engine, engine.execution_options()):
        watch(same)
        assert len(list(other.dialect.dispatch.handle_error)) == 1
