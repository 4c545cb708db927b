"""What was erased is in no byte of a database's files, once they were compacted (L5, E7)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import pytest
from sql.shop import CATALOGUE, PRACTICE, T0, added, execute, renamed
from sqlalchemy import create_engine, event, make_url
from sqlalchemy.ext.asyncio import create_async_engine

from client_access import (
    AddClient,
    ClientAccess,
    DeleteClient,
    InvalidValue,
    RepositoryError,
)
from client_access.sql import AsyncSqlRepository, SqlRepository, connections
from client_access.sql.connections import LOG_LIMIT

SECRET = b"Zyxwvut"
ENDS = {
    "erase": lambda access, client_id: access.repository.erase(client_id),
    "delete": lambda access, client_id: access.handle(DeleteClient(client_id, PRACTICE)),
}
END = Callable[[ClientAccess, object], object]


def leave_traces(repository: SqlRepository, end: END) -> None:
    """Save a client among others, remember how it was added, and erase or delete it."""
    access = ClientAccess(repository, catalogue=CATALOGUE, clock=lambda: T0)
    client_id = uuid4()
    secret = SECRET.decode()
    command = AddClient(client_id, PRACTICE, business_name=secret, email=f"{secret}@example.com")
    repository.save([added() for _ in range(50)])
    change = access.handle(command, command_id="add")
    repository.save([renamed(change.after, f"{secret} & Sons")])
    repository.save([added() for _ in range(50)])
    end(access, client_id)


def bytes_of_files(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.iterdir()).lower()


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
def test_compacting_sqlite_leaves_nothing_in_any_file(tmp_path: Path, end: END) -> None:
    """The write-ahead log has the former pages until then, although the rows are erased."""
    with SqlRepository.open(f"sqlite:///{tmp_path / 'clients.db'}") as repository:
        leave_traces(repository, end)
        assert SECRET.lower() in bytes_of_files(tmp_path)
        repository.compact()
        names = {path.name for path in tmp_path.iterdir()}
        assert names == {"clients.db", "clients.db-wal", "clients.db-shm"}
        assert SECRET.lower() not in bytes_of_files(tmp_path)
        assert (tmp_path / "clients.db-wal").stat().st_size == 0
        assert len(list(repository.client_ids())) == 101


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
def test_compacting_postgresql_leaves_nothing_in_the_files_of_the_tables(
    postgresql: str, end: END
) -> None:
    """The bytes of dead rows and of index entries are in the former files, which are deleted."""
    engine = create_engine(postgresql, isolation_level="AUTOCOMMIT")
    files = (
        "SELECT string_agg(pg_read_binary_file(pg_relation_filepath(oid)), '') FROM pg_class"
        " WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'i')"
    )

    def content() -> bytes:
        with engine.connect() as connection:
            connection.exec_driver_sql("CHECKPOINT")  # writes every page to its file
            return bytes(connection.exec_driver_sql(files).scalar_one()).lower()

    with SqlRepository.open(postgresql) as repository:
        leave_traces(repository, end)
        assert SECRET.lower() in content()
        repository.compact()
        assert SECRET.lower() not in content()
        assert len(list(repository.client_ids())) == 101
    engine.dispose()


def test_the_tables_of_a_schema_are_compacted(postgresql: str) -> None:
    """An engine's `schema_translate_map` applies, also with a name that must be quoted."""
    engine = create_engine(postgresql)
    schema = f"Schema {uuid4().hex}"
    execute(engine, f'CREATE SCHEMA "{schema}"')
    translated = engine.execution_options(schema_translate_map={None: schema})
    SqlRepository(translated).compact()
    execute(engine, f'DROP SCHEMA "{schema}" CASCADE')
    engine.dispose()


def test_only_the_owner_of_the_tables_can_compact_them(postgresql: str) -> None:
    """PostgreSQL only warns other users, and does nothing."""
    engine = create_engine(postgresql)
    SqlRepository(engine)
    role, schema = (
        f"role_{uuid4().hex}",
        make_url(postgresql).query["options"][len("-csearch_path=") :],
    )
    execute(engine, f"CREATE ROLE {role}")
    execute(engine, f"GRANT USAGE ON SCHEMA {schema} TO {role}")
    execute(engine, f"GRANT SELECT, UPDATE ON ALL TABLES IN SCHEMA {schema} TO {role}")
    other = make_url(postgresql).update_query_dict(
        {"options": f"-csearch_path={schema} -crole={role}"}
    )
    with (
        SqlRepository.open(other) as repository,
        pytest.raises(RepositoryError, match="may not compact"),
    ):
        repository.compact()
    execute(engine, f"DROP OWNED BY {role}")
    execute(engine, f"DROP ROLE {role}")
    engine.dispose()


def test_a_log_that_is_being_read_is_not_emptied_in_silence(
    sqlite: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The caller is told, and can call it again."""
    monkeypatch.setattr(connections, "_PRAGMAS", ("PRAGMA busy_timeout = 1",))
    reader = create_engine(sqlite)
    with SqlRepository.open(sqlite) as repository:
        repository.save([added()])
        with reader.connect() as connection:
            connection.exec_driver_sql("BEGIN")
            connection.exec_driver_sql("SELECT * FROM client_access_client").fetchall()
            with pytest.raises(RepositoryError, match="compact again when none does"):
                repository.compact()
            connection.rollback()
        repository.compact()
    reader.dispose()


def test_a_transaction_that_an_event_has_begun_is_ended(sqlite: str) -> None:
    """A host may begin each transaction by an event; VACUUM cannot be inside one."""

    engine = create_engine(sqlite)
    repository = SqlRepository(engine)
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN"))
    repository.save([added()])
    repository.compact()
    assert Path(f"{engine.url.database}-wal").stat().st_size == 0
    engine.dispose()


def test_the_log_gives_back_the_space_of_a_large_save(tmp_path: Path) -> None:
    """SQLite would keep the largest size that the log ever had."""
    log = tmp_path / "clients.db-wal"
    with SqlRepository.open(f"sqlite:///{tmp_path / 'clients.db'}") as repository:
        repository.save([added() for _ in range(10_000)])
        large = log.stat().st_size
        repository.save([added()])
        assert large > LOG_LIMIT
        assert log.stat().st_size <= LOG_LIMIT


def test_a_host_s_connection_cannot_be_compacted(database: str) -> None:
    """It is inside a transaction; `VACUUM` is not possible there."""
    engine = create_engine(database)
    with engine.connect() as connection, pytest.raises(InvalidValue, match="engine"):
        SqlRepository(connection).compact()
    engine.dispose()


def test_a_database_that_fails_while_it_is_compacted_raises_a_repository_error(
    postgresql: str,
) -> None:
    """As every other method does."""
    with SqlRepository.open(postgresql) as repository:
        engine = create_engine(postgresql)
        execute(engine, "DROP TABLE client_access_client")
        engine.dispose()
        with pytest.raises(RepositoryError):
            repository.compact()


def test_the_async_repository_compacts_too(database: str) -> None:
    """Sync and async repositories do the same."""

    async def compacted() -> None:
        url = database.replace("sqlite:", "sqlite+aiosqlite:")
        engine = create_async_engine(url)
        repository = AsyncSqlRepository(engine)
        await repository.prepare()
        await repository.save([added()])
        await repository.compact()
        async with engine.connect() as connection:
            with pytest.raises(InvalidValue, match="engine"):
                await AsyncSqlRepository(connection).compact()
            await connection.exec_driver_sql("DROP TABLE client_access_client")
            await connection.commit()
        if "postgresql" in database:  # SQLite compacts whatever there is
            with pytest.raises(RepositoryError):
                await repository.compact()
        await repository.close()

    asyncio.run(compacted())
