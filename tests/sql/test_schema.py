"""The tables are made if missing and upgraded once, even if several processes start at once."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Thread

import pytest
from sql.shop import CATALOGUE, PRACTICE, T0, added
from sqlalchemy import Connection, create_engine, inspect, text, update
from sqlalchemy.schema import CreateSchema

from client_access import ChangeBusinessName, InvalidValue, RepositoryError, decide
from client_access.sql import SqlRepository, bring_up_to_date, metadata
from client_access.sql.schema import STEPS, version_of
from client_access.sql.store import is_plain
from client_access.sql.tables import clients, schema

TABLES = set(metadata.tables)


def test_missing_tables_are_made_and_existing_ones_kept(database: str) -> None:
    """Schema creation is idempotent: opening again changes nothing."""
    change = added()
    with SqlRepository.open(database) as repository:
        repository.save([change])
    with SqlRepository.open(database) as repository:
        assert repository.get(change.after.id) == change.after
    engine = create_engine(database)
    with engine.connect() as connection:
        assert set(inspect(connection).get_table_names()) == TABLES
        assert version_of(connection) == len(STEPS)
    engine.dispose()


def test_processes_that_start_at_once_all_find_the_tables(database: str) -> None:
    """Schema creation is safe when several start at once."""
    together = Barrier(8)

    def start(number: int) -> None:
        together.wait()
        with SqlRepository.open(database) as repository:
            repository.save([added()])

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(start, range(8)))
    with SqlRepository.open(database) as repository:
        assert len(list(repository.client_ids())) == 8


def test_tables_made_by_alembic_are_used(database: str) -> None:
    """Hosts that use Alembic make the tables from the metadata."""
    engine = create_engine(database)
    metadata.create_all(engine)
    repository = SqlRepository(engine)
    change = added()
    repository.save([change])
    assert repository.get(change.after.id) == change.after
    repository.close()


def test_tables_of_a_later_version_are_refused(database: str) -> None:
    """An older package does not touch the tables of a newer one."""
    SqlRepository.open(database).close()
    engine = create_engine(database)
    with engine.begin() as connection:
        connection.execute(update(schema).values(version=99))
    engine.dispose()
    with pytest.raises(RepositoryError, match="99"):
        SqlRepository.open(database)


def test_older_tables_go_through_each_missing_step_once(database: str) -> None:
    """Upgrades go by version number and are idempotent."""
    taken: list[int] = []

    def step(number: int) -> Callable[[Connection], None]:
        def take(connection: Connection) -> None:
            taken.append(number)
            metadata.create_all(connection)
            connection.execute(text(f"CREATE TABLE step_{number} (id INTEGER)"))

        return take

    engine = create_engine(database)
    for steps in ((step(1),), (step(1), step(2), step(3)), (step(1), step(2), step(3))):
        with engine.begin() as connection:
            bring_up_to_date(connection, steps)
            assert version_of(connection) == len(steps)
    engine.dispose()
    assert taken == [1, 2, 3]


@pytest.mark.parametrize("name", [None, "billing"])
def test_who_waits_for_an_upgrade_then_writes_nothing(postgresql: str, name: str | None) -> None:
    """A statement that waits for a row sees the version of the tables as it was before."""
    engine = create_engine(postgresql).execution_options(schema_translate_map={None: name})
    first, errors = added(), list[str]()
    command = ChangeBusinessName(first.after.id, PRACTICE, business_name="Elm")
    change = decide(first.after, command, at=T0, catalogue=CATALOGUE)
    assert is_plain([change])  # saved by one statement
    waiting = text("SELECT count(*) FROM pg_locks WHERE NOT granted")

    def upgrade(connection: Connection) -> None:
        connection.execute(update(clients).values(version=clients.c.version))

    def save() -> None:
        with pytest.raises(RepositoryError) as raised:
            repository.save([change])
        errors.append(str(raised.value))

    if name is not None:
        with engine.begin() as connection:
            connection.execute(CreateSchema(name))
    with SqlRepository.open(postgresql, schema=name) as repository:
        repository.save([first])
        thread = Thread(target=save)
        with engine.begin() as connection:
            bring_up_to_date(connection, [metadata.create_all, upgrade])
            thread.start()
            while not connection.execute(waiting).scalar_one():
                assert thread.is_alive()
                time.sleep(0.01)
        thread.join()
        assert "another version" in errors[0]
        assert repository.get(first.after.id) == first.after
    engine.dispose()


@pytest.mark.parametrize("url", ["", "nonsense", "mysql://host/name", "sqlite+x:y:z"])
def test_a_url_of_an_unknown_database_is_an_invalid_value(url: str) -> None:
    """Only SQLite and PostgreSQL are supported."""
    with pytest.raises(InvalidValue):
        SqlRepository.open(url)


@pytest.mark.parametrize("bind", [None, "sqlite://", 1])
def test_a_bind_that_is_not_an_engine_is_an_invalid_value(bind: object) -> None:
    """A repository takes an engine or a connection."""
    with pytest.raises(InvalidValue):
        SqlRepository(bind)  # type: ignore[arg-type]  # the mistake that is tried


def test_an_engine_of_another_database_is_an_invalid_value() -> None:
    """Only SQLite and PostgreSQL are supported."""
    engine = create_engine("sqlite://")
    engine.dialect.name = "oracle"
    with pytest.raises(InvalidValue):
        SqlRepository(engine)


def test_a_database_that_cannot_be_opened_is_a_repository_error(tmp_path: object) -> None:
    """A database error is a `RepositoryError`."""
    with pytest.raises(RepositoryError) as raised:
        SqlRepository.open(f"sqlite:///{tmp_path}/no/such/folder/clients.db")
    assert raised.value.__cause__ is not None
