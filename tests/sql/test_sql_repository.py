"""What the databases guarantee beyond the conformance checks."""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import attrs
import pytest
import world
from sql.shop import CATALOGUE, LEASE, PRACTICE, T0, added, execute, renamed, subscribed
from sqlalchemy import Engine, create_engine, event, make_url, select, text, update

from client_access import (
    AddClient,
    Change,
    ClientAccess,
    ClientList,
    CorruptRecord,
    DeleteClient,
    EmailTaken,
    PracticeUser,
    RepositoryError,
    SignIn,
    StaleClient,
    decide,
    evolve,
    replay,
)
from client_access.questions.lists import place_of
from client_access.repository.erasing import erase_change, erase_notice
from client_access.sql import AsyncSqlRepository, SqlRepository, connections, executing
from client_access.sql.rows import of_client
from client_access.sql.tables import clients, notices, outcomes
from client_access.testing.checks.frame import shown
from client_access.wire import encode

FIRST, OTHER = UUID(int=1), UUID(int=2)


def saved(repository: SqlRepository, *, sign_in: SignIn = SignIn.PRACTICE_ONLY) -> Change:
    """Save a client with a service, and return its last change."""
    first = added(email=f"{uuid4().hex}@example.com")
    second = subscribed(first.after, sign_in=sign_in)
    repository.save([first, second])
    return second


# ── Saving ───────────────────────────────────────────────────────────────────────────────────────


def test_the_error_names_the_one_new_client_at_fault(repository: SqlRepository) -> None:
    """`EmailTaken` and `StaleClient` name the client whose change could not be saved."""
    there = added(email="there@example.com")
    repository.save([there])
    many = [added(email=f"{n}@example.com") for n in range(5)]
    twice, again = added(email="0@example.com"), added(there.after.id)
    taken = added(email="there@example.com")
    with pytest.raises(EmailTaken) as email:
        repository.save([*many, twice])
    assert email.value.client_id == twice.after.id
    with pytest.raises(EmailTaken) as email:
        repository.save([*many, taken, twice])
    assert email.value.client_id == taken.after.id
    with pytest.raises(StaleClient) as stale:
        repository.save([*many, again])
    assert stale.value.client_id == there.after.id
    assert list(repository.client_ids()) == [there.after.id]


def test_the_error_names_the_one_change_at_fault(repository: SqlRepository) -> None:
    """The stored version must be `before.version`; otherwise `StaleClient`, and nothing is kept."""
    clients = [added().after for _ in range(5)]
    repository.save([added(client.id, name=client.business_name) for client in clients])
    repository.save([renamed(clients[3])])
    with pytest.raises(StaleClient) as stale:
        repository.save([renamed(client, "Ash") for client in clients])
    assert stale.value.client_id == clients[3].id
    names = [client.business_name for client in repository.get_many(c.id for c in clients).values()]
    assert sorted(names) == ["Elm", "Oak & Sons", "Oak & Sons", "Oak & Sons", "Oak & Sons"]


def test_steps_of_one_client_are_saved_in_order_at_once(repository: SqlRepository) -> None:
    """Changes are saved as if one by one: each finds the one before it."""
    first = added()
    steps = [first]
    for number in range(4):
        steps.append(renamed(steps[-1].after, f"Elm {number}"))
    other = added(email="one@example.com")
    repository.save([*steps, other])
    assert repository.get(first.after.id) == steps[-1].after
    assert [event.version for event in repository.history(first.after.id)] == [1, 2, 3, 4, 5]


def test_after_every_step_the_row_is_that_of_the_client(engine: Engine, database: str) -> None:
    """An update on SQLite sets only what changes. Every kind of step is saved, from its first
    event on.
    """
    SqlRepository.open(database).close()
    for there in world.walk().histories:
        before, steps = None, []
        for command, happened in zip(there.commands, there.events, strict=True):
            after = evolve(before, happened)
            steps.append(Change(command, before, happened, after))
            before = after
        with engine.connect() as connection:
            repository = SqlRepository(connection)
            repository.save(steps[:-1])
            repository.save(steps[-1:])
            (row,) = connection.execute(select(clients))
            assert row._asdict() == {"id": there.client.id, **of_client(there.client)}


def test_an_update_on_sqlite_names_no_key_that_stays(sqlite: str) -> None:
    """SQLite writes every index whose columns an update names, even if the values are the same."""
    engine, seen = create_engine(sqlite), []
    repository = SqlRepository(engine)
    change = saved(repository)

    @event.listens_for(engine, "before_cursor_execute")
    def listen(*arguments: Any) -> None:
        if columns := re.match(r"UPDATE client_access_client SET (.*) WHERE", arguments[2]):
            seen.append(set(re.findall(r"(\w+)=\?", columns[1])))

    repository.save([renamed(change.after)])
    engine.dispose()
    assert seen == [{"version", "erasures", "services", "data", "folded_name", "searched"}]


def test_a_change_is_refused_if_the_client_was_erased_since(repository: SqlRepository) -> None:
    """The change still holds the erased data, which must not be stored again."""
    change = saved(repository)
    repository.erase(change.after.id)
    with pytest.raises(StaleClient):
        repository.save([renamed(change.after)])
    erased = repository.get(change.after.id)
    assert erased is not None
    assert erased.erasures == 1
    assert replay(repository.history(erased.id)) == erased
    repository.save([renamed(erased)])


def test_erasing_leaves_no_trace_in_the_tables(repository: SqlRepository, engine: Engine) -> None:
    """Erasing removes a person from the client, its history, the outbox and the outcomes."""
    change = saved(repository, sign_in=SignIn.PRACTICE_AND_CLIENT)
    access = ClientAccess(repository, catalogue=CATALOGUE)
    access.handle(renamed(change.after, "Secret Name").command, command_id="rename")
    repository.save([subscribed(added_to(repository, "Secret Name").after)])
    repository.erase(change.after.id)
    repository.erase(change.after.id)
    with engine.connect() as connection:
        for table in ("client", "event", "notice", "outcome"):
            rows = connection.execute(text(f"SELECT * FROM client_access_{table}")).fetchall()
            mine = [row for row in rows if change.after.id.hex in str(row).replace("-", "")]
            assert mine or table == "outcome"
            assert "Secret" not in str(mine)
            assert "example.com" not in str(mine)
    repository.erase(uuid4())


def added_to(repository: SqlRepository, name: str) -> Change:
    change = added(name=name)
    repository.save([change])
    return change


def test_a_deleted_client_is_in_no_byte_of_the_file(tmp_path: Path) -> None:
    """Deleting forgets every personal detail (L5): on SQLite, deleted content is overwritten."""
    file = tmp_path / "clients.db"
    with SqlRepository.open(f"sqlite:///{file}") as repository:
        access = ClientAccess(repository, catalogue=CATALOGUE)
        client_id = uuid4()
        access.handle(
            AddClient(client_id, PRACTICE, business_name="Secret Name", email="secret@example.com")
        )
        deletion = DeleteClient(client_id, PRACTICE)
        deleted = access.handle(deletion, command_id="delete")
        assert access.handle(deletion, command_id="delete").after == deleted.after
    content = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert client_id.hex.encode() in content
    assert b"ecret" not in content


def test_a_command_id_that_another_process_has_remembered_is_stale(
    repository: SqlRepository,
) -> None:
    """`save_once` raises `StaleClient` if another process has remembered this id meanwhile."""
    first, second = added(), added()
    repository.save_once("command", first, at=T0, until=T0 + LEASE)
    with pytest.raises(StaleClient):
        repository.save_once("command", second, at=T0, until=T0 + LEASE)
    assert repository.get(second.after.id) is None
    assert repository.recall("command", at=T0 + LEASE) is None
    repository.save_once("command", second, at=T0 + LEASE, until=T0 + 2 * LEASE)
    assert repository.get(second.after.id) == second.after


@pytest.mark.parametrize("size", [1, 2, 3, 500])
def test_a_long_history_is_read_and_erased_in_batches(
    repository: SqlRepository, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    """Whatever the size of a batch is, nothing is left out, and the history replays."""
    monkeypatch.setattr(executing, "AT_ONCE", size)
    changes = [added(email="secret@example.com")]
    changes.append(subscribed(changes[0].after, sign_in=SignIn.PRACTICE_AND_CLIENT))
    changes += [renamed(changes[-1].after, "Secret 1")]
    changes += [renamed(changes[-1].after, "Secret 2")]
    for number, change in enumerate(changes):
        repository.save_once(f"{number}", change, at=T0, until=T0 + LEASE)
    client_id, events = changes[0].after.id, [change.event for change in changes]
    for after in range(6):
        for limit in (None, 0, 1, 3, 9):
            found = repository.history(client_id, after=after, limit=limit)
            assert list(found) == events[after : None if limit is None else after + limit]
    repository.erase(client_id)
    erased = repository.get(client_id)
    assert replay(repository.history(client_id)) == erased
    kept = [claim.notice for claim in repository.waiting(parked=False, limit=99)]
    wanted = [erase_notice(notice) for change in changes for notice in change.notices]
    assert kept == [notice for notice in wanted if notice is not None]
    recalled = [repository.recall(f"{number}", at=T0) for number in range(4)]
    assert recalled == [erase_change(change, erasures=1) for change in changes]
    everything = shown([erased, repository.history(client_id), kept, recalled])
    assert "ecret" not in everything


@pytest.mark.parametrize("missing", [1, 2])
def test_an_event_of_a_later_version_does_not_replace_a_missing_one(
    repository: SqlRepository, engine: Engine, missing: int
) -> None:
    """Erasing wants every event of the client, not only as many."""
    change = saved(repository)
    assert change.event is not None
    later = encode(attrs.evolve(change.event, version=3))
    with engine.begin() as connection:
        statement = "UPDATE client_access_event SET version = 3, data = :data WHERE version = :key"
        connection.execute(text(statement), {"data": later, "key": missing})
    with pytest.raises(CorruptRecord):
        repository.erase(change.after.id)


def test_a_command_does_not_wait_for_one_of_another_client(postgresql: str) -> None:
    """`save_once` deletes no rows of others, and `purge` leaves those that are locked."""
    engine = create_engine(postgresql)
    repository, later = SqlRepository(engine), T0 + LEASE
    for command_id in "ab":
        repository.save_once(command_id, added(), at=T0, until=later)
    with engine.begin() as one, engine.begin() as two:
        two.exec_driver_sql("SET lock_timeout = '2s'")
        SqlRepository(one).save_once("a", added(), at=later, until=later + LEASE)
        SqlRepository(two).save_once("c", added(), at=later, until=later + LEASE)
        assert SqlRepository(two).purge(at=later) == 1
    assert repository.purge(at=later) == 0
    assert repository.purge(at=later + LEASE, limit=1) == 1
    assert repository.purge(at=later + LEASE) == 1
    engine.dispose()


def test_recalling_reads_nothing_of_the_history(repository: SqlRepository, engine: Engine) -> None:
    """It costs what it returns, however long the history is."""
    change = added()
    repository.save_once("command", change, at=T0, until=T0 + LEASE)
    execute(engine, "DROP TABLE client_access_event")
    assert repository.recall("command", at=T0) == change


# ── Order ────────────────────────────────────────────────────────────────────────────────────────

NAMES = ["zoë", "zoe", "Zorro", "z", "Ähren", "\uff5a", "\U00010400x", "\ue000", "a b", "a-b", "ab"]


def test_pages_and_ids_are_in_the_order_of_python(
    repository: SqlRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The order is by folded name, then id, by code point, in any collation (C2)."""
    monkeypatch.setattr(executing, "AT_ONCE", 3)
    ids = [UUID(int=n << 120 | 5) for n in (0x7F, 0x80, 0xFF, 0x00, 0xA0, 0x0A)]
    ids += [uuid4() for _ in range(2 * len(NAMES) - len(ids))]
    changes = [added(i, name=name) for i, name in zip(ids, NAMES * 2, strict=True)]
    repository.save(changes)
    places = sorted((c.after.listing.folded_name, c.after.id) for c in changes if c.after.listing)
    found = []
    after = None
    while page := repository.page("north", ClientList.INACTIVE, search="", limit=4, after=after):
        found += [place_of(row) for row in page]
        after = found[-1]
    assert found == places
    assert list(repository.client_ids()) == sorted(ids)
    assert repository.get_many([*ids, uuid4()]).keys() == set(ids)
    keys = [c.after.email_key for c in changes]
    assert repository.find_many_by_email([*keys, "x"]) == dict(zip(keys, ids, strict=True))
    search = repository.page(
        "north", ClientList.INACTIVE, search="z", limit=3, after=("z", UUID(int=0))
    )
    assert [place_of(row)[1] for row in search] == [i for name, i in places if "z" in name][:3]


# ── A host's transaction ─────────────────────────────────────────────────────────────────────────


def test_a_host_s_rollback_undoes_everything(engine: Engine) -> None:
    """With a `Connection`, `save` works inside the host's transaction and never commits."""
    SqlRepository(engine)
    first, second = added(), added()
    with engine.connect() as connection:
        repository = SqlRepository(connection)
        assert repository.in_host_transaction
        repository.save([first, second])
        repository.save([renamed(first.after)])
        assert repository.get(second.after.id) == second.after
        connection.rollback()
        assert list(repository.client_ids()) == []
        repository.save([second])
        connection.commit()
        repository.close()
        assert repository.get(second.after.id) == second.after
    assert not SqlRepository(engine).in_host_transaction


def test_a_conflict_leaves_the_host_s_transaction_usable(engine: Engine) -> None:
    """A savepoint is undone. What the host did before it is kept."""
    SqlRepository(engine)
    there, twice = added(email="a@example.com"), added(email="a@example.com")
    with engine.begin() as connection:
        repository = SqlRepository(connection)
        connection.execute(text("CREATE TABLE host (id INTEGER)"))
        repository.save([there])
        with pytest.raises(EmailTaken):
            repository.save([added(), twice])
        with pytest.raises(StaleClient):
            repository.save([added(there.after.id)])
        connection.execute(text("INSERT INTO host VALUES (1)"))
    assert list(SqlRepository(engine).client_ids()) == [there.after.id]


def test_a_conflict_in_a_host_s_transaction_is_not_decided_on_again(engine: Engine) -> None:
    """Only the host can retry its own transaction."""
    repository = SqlRepository(engine)
    change = saved(repository)
    with engine.begin() as connection:
        access = ClientAccess(SqlRepository(connection), catalogue=CATALOGUE)
        assert access.handle(renamed(change.after).command).after.version == 3


def test_an_engine_that_commits_each_statement_saves_all_or_nothing(database: str) -> None:
    """A change and its event are saved together on any engine of a host."""
    engine = create_engine(database, isolation_level="AUTOCOMMIT")
    repository = SqlRepository(engine)
    with pytest.raises(EmailTaken):
        repository.save([added(email="a@example.com"), added(email="a@example.com")])
    assert list(repository.client_ids()) == []
    change = saved(repository)
    assert repository.get(change.after.id) == change.after
    engine.dispose()


# ── Faults ───────────────────────────────────────────────────────────────────────────────────────


def test_an_error_of_the_database_is_a_repository_error_without_data(
    repository: SqlRepository, engine: Engine
) -> None:
    """A database error is a `RepositoryError`, with the error of SQLAlchemy as its cause."""
    change = saved(repository)
    execute(engine, "DROP TABLE client_access_event")
    with pytest.raises(RepositoryError) as raised:
        repository.save([renamed(change.after, "Secret Name")])
    assert "Secret" not in str(raised.value) + str(raised.value.__cause__)
    assert raised.value.__cause__ is not None
    with pytest.raises(RepositoryError):
        repository.history(change.after.id)
    with engine.connect() as connection, pytest.raises(RepositoryError):
        SqlRepository(connection).save([renamed(change.after)])
    with engine.connect() as connection, pytest.raises(RepositoryError):
        SqlRepository(connection).history(change.after.id)
    assert repository.get(change.after.id) == change.after


def test_a_violation_of_another_constraint_is_not_email_taken(
    repository: SqlRepository, engine: Engine
) -> None:
    """A unique violation is recognised by its constraint."""
    execute(engine, "CREATE UNIQUE INDEX one_name ON client_access_client (folded_name)")
    repository.save([added(name="Oak")])
    with pytest.raises(RepositoryError) as raised:
        repository.save([added(name="Ash"), added(name="oak")])
    assert type(raised.value) is RepositoryError


@pytest.mark.parametrize(
    ("statement", "question"),
    [
        ("UPDATE client_access_client SET data = 'x'", "get"),
        ("UPDATE client_access_client SET data = '{}'", "get"),
        ("UPDATE client_access_client SET version = 7", "get"),
        ("UPDATE client_access_client SET services = '{}'", "service_counts"),
        ("UPDATE client_access_client SET services = '[1]'", "service_counts"),
        ("UPDATE client_access_event SET data = '[]'", "history"),
        ("UPDATE client_access_event SET version = version + 5", "history"),
        ("DELETE FROM client_access_event WHERE version = 1", "erase"),
        ("DELETE FROM client_access_event WHERE version = 2", "erase"),
        ("DELETE FROM client_access_event", "erase"),
        ("UPDATE client_access_outcome SET data = '[]'", "recall"),
        ("UPDATE client_access_outcome SET data = replace(data, 'notices', 'letters')", "recall"),
        ("UPDATE client_access_outcome SET data = replace(data, '\"kind\"', '\"k\"')", "recall"),
        ("UPDATE client_access_notice SET due = 9223372036854775807", "waiting"),
    ],
)
def test_a_row_that_this_library_cannot_have_written_is_corrupt(
    repository: SqlRepository, engine: Engine, statement: str, question: str
) -> None:
    """A corrupt row raises `CorruptRecord`."""
    first = added(FIRST)
    second = subscribed(first.after)
    repository.save([first])
    repository.save_once("command", second, at=T0, until=T0 + LEASE)
    execute(engine, statement)
    questions: dict[str, Callable[[], object]] = {
        "get": lambda: repository.get(first.after.id),
        "service_counts": lambda: repository.service_counts("north"),
        "history": lambda: repository.history(first.after.id),
        "erase": lambda: repository.erase(first.after.id),
        "recall": lambda: repository.recall("command", at=T0),
        "waiting": lambda: repository.waiting(parked=False, limit=9),
    }
    with pytest.raises(CorruptRecord):
        questions[question]()


def test_what_belongs_to_another_row_is_corrupt(repository: SqlRepository, engine: Engine) -> None:
    """A change of another client raises `CorruptRecord`, and such a notice is not claimed."""
    repository.save([first := added(FIRST)])
    repository.save_once("command", subscribed(first.after), at=T0, until=T0 + LEASE)
    with engine.begin() as connection:
        connection.execute(update(outcomes).values(client_id=OTHER))
        connection.execute(update(notices).values(id=OTHER))
    with pytest.raises(CorruptRecord, match="do not belong together"):
        repository.recall("command", at=T0)
    assert repository.claim(at=T0 + LEASE, lease=LEASE, limit=9) == []


@pytest.fixture
def contended(postgresql: str) -> Iterator[Engine]:
    """A PostgreSQL on which adding a client fails as if there were contention."""
    SqlRepository.open(postgresql).close()
    engine = create_engine(postgresql)
    execute(engine, "CREATE SEQUENCE failures")
    fail_first(engine, 1)
    execute(
        engine,
        "CREATE TRIGGER fail BEFORE INSERT ON client_access_client"
        " FOR EACH ROW EXECUTE FUNCTION fail()",
    )
    yield engine
    engine.dispose()


def fail_first(engine: Engine, count: int, state: str = "40001") -> None:
    execute(
        engine,
        "CREATE OR REPLACE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        # A rollback does not reset a sequence.
        f" IF nextval('failures') <= {count} THEN"
        f" RAISE EXCEPTION USING ERRCODE = '{state}'; END IF; RETURN NEW; END $$",
    )


@pytest.mark.parametrize("state", ["40001", "40P01"])
def test_a_transaction_is_tried_again_after_a_collision(
    contended: Engine, postgresql: str, state: str
) -> None:
    """The whole transaction is tried again after SQLSTATE 40001 and 40P01."""
    fail_first(contended, 2, state)
    with SqlRepository.open(postgresql) as repository:
        change = added()
        repository.save([change])
        assert repository.history(change.after.id) == (change.event,)


@pytest.mark.usefixtures("no_pauses")
def test_a_transaction_is_tried_again_20_times(contended: Engine, postgresql: str) -> None:
    """Then the error shows the SQLSTATE."""
    fail_first(contended, 1000)
    with SqlRepository.open(postgresql) as repository:
        with pytest.raises(RepositoryError, match="40001"):
            repository.save([added()])
        with contended.connect() as connection:
            tried = connection.execute(text("SELECT last_value FROM failures")).scalar_one()
    assert tried == 20


def test_a_question_is_asked_again_after_a_collision(contended: Engine, postgresql: str) -> None:
    """A read can fail with 40001 too, such as on a standby."""
    with SqlRepository.open(postgresql) as repository:
        change = saved(repository)
        execute(contended, "ALTER TABLE client_access_client RENAME TO held")
        execute(
            contended,
            "CREATE FUNCTION collide() RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN"
            " IF nextval('failures') % 3 > 0 THEN"
            " RAISE EXCEPTION USING ERRCODE = '40001'; END IF; RETURN true; END $$",
        )
        execute(contended, "CREATE VIEW client_access_client AS SELECT * FROM held WHERE collide()")
        assert repository.get(change.after.id) == change.after

        async def ask() -> None:
            async with await AsyncSqlRepository.open(postgresql) as other:
                assert await other.get(change.after.id) == change.after

        asyncio.run(ask())
        with contended.connect() as connection, pytest.raises(RepositoryError, match="40001"):
            SqlRepository(connection).get(change.after.id)


def test_a_transaction_of_the_host_is_never_tried_again(contended: Engine) -> None:
    """Nothing is retried on a host's connection."""
    with contended.connect() as connection, pytest.raises(RepositoryError, match="40001"):
        SqlRepository(connection).save([added()])


def test_a_connection_that_was_lost_is_not_used_again(postgresql: str) -> None:
    """A repository goes on after the server has dropped its connection."""
    engine = create_engine(postgresql, isolation_level="AUTOCOMMIT")
    name = f"lost_{uuid4().hex}"
    url = make_url(postgresql).update_query_dict({"application_name": name})
    with SqlRepository.open(url) as repository:
        change = saved(repository)
        again = renamed(change.after)

        def lose() -> None:
            with engine.connect() as connection:
                connection.execute(
                    text(
                        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
                        f" WHERE application_name = '{name}'"
                    )
                )

        lose()
        with pytest.raises(RepositoryError):
            repository.get(change.after.id)
        assert repository.get(change.after.id) == change.after
        lose()
        with pytest.raises(RepositoryError):
            repository.save([again])
        repository.save([again])
        assert repository.get(change.after.id) == again.after
    engine.dispose()


def test_a_question_begins_the_host_s_transaction_as_any_statement_does(engine: Engine) -> None:
    """The host's commit or rollback ends that transaction."""
    SqlRepository(engine)
    with engine.connect() as connection:
        repository = SqlRepository(connection)
        assert list(repository.client_ids()) == []
        assert connection.in_transaction()
        connection.rollback()
        assert not connection.in_transaction()


# ── SQLite ───────────────────────────────────────────────────────────────────────────────────────


def test_a_repository_in_memory_is_one_for_all_threads() -> None:
    """One thread at a time uses the database of `sqlite://`."""
    with SqlRepository.open("sqlite://") as repository:
        threads = [threading.Thread(target=repository.save, args=([added()],)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(list(repository.client_ids())) == 8


def test_what_was_committed_is_durable(sqlite: str) -> None:
    """With WAL and synchronous FULL, a power failure loses no commit."""
    engine = create_engine(sqlite)
    repository = SqlRepository(engine)
    repository.save([added()])
    with engine.connect() as connection:
        settings = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()
            for name in (
                *("journal_mode", "synchronous", "secure_delete", "busy_timeout"),
                "journal_size_limit",
            )
        }
    engine.dispose()
    assert settings == {
        "journal_mode": "wal",
        "synchronous": 2,
        "secure_delete": 1,
        "busy_timeout": 30_000,
        "journal_size_limit": connections.LOG_LIMIT,
    }


def test_a_file_that_is_in_use_while_it_is_opened_is_waited_for(
    sqlite: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two processes may start at once. One that waits too long raises an error."""
    monkeypatch.setattr(connections, "_WAL_ATTEMPTS", 3)
    monkeypatch.setattr(connections, "_PRAGMAS", ("PRAGMA busy_timeout = 1",))
    holder = create_engine(sqlite)
    with holder.connect() as connection:
        connection.exec_driver_sql("CREATE TABLE host (id INTEGER)")
        connection.exec_driver_sql("BEGIN")
        connection.exec_driver_sql("SELECT * FROM host").fetchall()
        with pytest.raises(RepositoryError) as raised:
            SqlRepository.open(sqlite)
        assert "locked" in str(raised.value.__cause__)
        connection.rollback()
    SqlRepository.open(sqlite).close()
    holder.dispose()


def test_service_counts_are_for_the_clients_that_the_practice_pays_for(
    repository: SqlRepository,
) -> None:
    """Each service is counted for the clients whose payer is the practice (S6)."""
    for codes in (("payroll",), ("payroll", "payslips"), ("payslips",)):
        first = added()
        repository.save([first, subscribed(first.after, *codes)])
    other = decide(
        None,
        AddClient(uuid4(), PracticeUser("south"), business_name="Ash"),
        at=T0,
        catalogue=CATALOGUE,
    )
    repository.save([other, added()])
    assert repository.service_counts("north") == {"payroll": 2, "payslips": 2}
    assert repository.service_counts("south") == {}


# ── Deadlines ────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def planned(repository: SqlRepository, engine: Engine) -> Engine:
    """A database with so many clients, and such statistics, that a plan shows what it uses."""
    changes = []
    for number in range(600):
        first = added(email=f"{number}@example.com")
        changes += [first, subscribed(first.after, sign_in=SignIn.PRACTICE_AND_CLIENT)]
    repository.save(changes)
    others = "SET managed_by = 'south' WHERE email_key NOT LIKE '%7@example.com'"
    execute(engine, f"UPDATE client_access_client {others}")
    execute(engine, "ANALYZE")
    return engine


@pytest.mark.parametrize(
    ("practice_id", "index"),
    [
        (None, "client_access_client_deadline"),
        ("north", "client_access_client_managed_deadline"),
    ],
)
@pytest.mark.parametrize("after", [None, (T0 + timedelta(days=20), FIRST)])
def test_deadlines_are_read_from_an_index_in_order(
    planned: Engine, practice_id: str | None, index: str, after: tuple[datetime, UUID] | None
) -> None:
    """A range of an index gives the clients (N1): no table is searched, and nothing is sorted."""
    asked: list[tuple[str, Any]] = []

    def listen(*arguments: Any) -> None:
        asked.append(arguments[2:4])

    with planned.connect() as connection:
        event.listen(connection, "before_cursor_execute", listen)
        since, until = T0, T0 + timedelta(days=60)
        found = SqlRepository(connection).with_deadlines(
            since, until, practice_id=practice_id, limit=10, after=after
        )
        event.remove(connection, "before_cursor_execute", listen)
        assert len(found) == 10
        sqlite = connection.dialect.name == "sqlite"
        explain = "EXPLAIN QUERY PLAN" if sqlite else "EXPLAIN"
        statement, parameters = asked[-1]
        rows = connection.exec_driver_sql(f"{explain} {statement}", parameters).all()
    plan = "\n".join(str(row) for row in rows)
    assert re.search(rf"{index}\b", plan), plan
    for step in ("SCAN", "TEMP B-TREE") if sqlite else ("Seq Scan", "Sort", "Bitmap", "Filter"):
        assert step not in plan, plan
