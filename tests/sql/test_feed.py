"""The feed of all events on databases: late commits, erasures under way, broken rows."""

from __future__ import annotations

import asyncio
import pickle
from collections.abc import Iterator, Sequence
from uuid import UUID

import pytest
from sql.shop import PRACTICE, T0, added, execute, renamed
from sqlalchemy import Engine, NullPool, create_engine, event, select, text

import client_access as ca
from client_access.sql import AsyncSqlRepository, SqlRepository, executing, feeding
from client_access.sql.tables import events

FIRST, SECOND = UUID(int=1), UUID(int=2)


@pytest.fixture
def engine(database: str) -> Iterator[Engine]:
    engine = create_engine(database)
    yield engine
    engine.dispose()


@pytest.fixture
def repository(database: str) -> Iterator[SqlRepository]:
    with SqlRepository.open(database) as repository:
        yield repository


def read(repository: SqlRepository, position: int = 0) -> list[tuple[int, UUID, int]]:
    """Return the positions after a position, each with the client and its version."""
    page = repository.events_after(position, limit=10_000)
    return [(place, event.client_id, event.version) for place, event in page]


def test_an_event_that_is_committed_late_comes_after_those_that_were_read(
    repository: SqlRepository, engine: Engine
) -> None:
    """The reader is not kept waiting by an open transaction, and misses nothing of it."""
    with engine.connect() as connection:
        SqlRepository(connection).save([added(FIRST)])
        if engine.dialect.name == "postgresql":  # SQLite has one writer
            repository.save([added(SECOND)])
            assert read(repository) == [(1, SECOND, 1)]
        else:
            assert read(repository) == []
        connection.commit()
    repository.save([added(UUID(int=3))])
    seen = 1 if engine.dialect.name == "postgresql" else 0
    late = read(repository, seen)
    assert [place for place, *_ in late] == [seen + 1, seen + 2]
    assert {client_id for _, client_id, _ in late} == {FIRST, UUID(int=3)}


def test_an_event_that_is_undone_leaves_nothing(repository: SqlRepository, engine: Engine) -> None:
    """A host that reads in its own transaction sees its events; a rollback takes them back."""
    with engine.connect() as connection:
        host = SqlRepository(connection)
        host.save([added(FIRST)])
        assert read(host) == [(1, FIRST, 1)]
        connection.rollback()
    assert read(repository) == []
    repository.save([added(SECOND)])
    assert read(repository) == [(1, SECOND, 1)]


def test_an_erasure_under_way_holds_up_its_own_client_only(postgresql: str) -> None:
    """Events that are being erased are numbered later, and so are those that follow them."""
    engine = create_engine(postgresql)
    with SqlRepository.open(postgresql) as repository:
        first = added(FIRST)
        chosen = ca.decide(
            first.after,
            ca.ChoosePayer(FIRST, PRACTICE, payer=ca.Payer.PRACTICE),
            at=T0,
            catalogue=ca.Catalogue([]),
        )
        repository.save([first, chosen, added(SECOND)])
        with engine.connect() as connection:
            SqlRepository(connection).erase(FIRST)  # it rewrites the first event only
            assert read(repository) == [(1, SECOND, 1)]
            connection.commit()
        assert read(repository, 1) == [(2, FIRST, 1), (3, FIRST, 2)]
        _, erased = repository.events_after(1, limit=1)[0]
        assert erased == repository.history(FIRST)[0]
    engine.dispose()


def test_every_client_gets_its_turn_however_many_events_wait(
    repository: SqlRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Numbering goes around the clients, and begins after the one where it has stopped."""
    monkeypatch.setattr(executing, "AT_ONCE", 2)
    first, second, third = added(FIRST), added(SECOND), added(UUID(int=3))
    repository.save([first, second])
    assert read_once(repository) == [(1, FIRST, 1), (2, SECOND, 1)]
    once = renamed(first.after, "A")
    repository.save([once, renamed(once.after, "B"), third])
    assert read_once(repository) == [(3, UUID(int=3), 1), (4, FIRST, 2)]
    assert read_once(repository) == [(5, FIRST, 3)]


def read_once(repository: SqlRepository) -> list[tuple[int, UUID, int]]:
    """Return the next two events after those that have been numbered."""
    engine = repository._bind.engine
    with engine.connect() as connection:
        last = connection.execute(text("SELECT max(position) FROM client_access_event")).scalar()
    return [
        (place, event.client_id, event.version)
        for place, event in repository.events_after(last or 0, limit=2)
    ]


@pytest.mark.parametrize(
    ("broken", "named"),
    [
        ("UPDATE client_access_event SET data = '[]' WHERE version = 2", FIRST),
        ("UPDATE client_access_event SET version = 7 WHERE version = 2", FIRST),
    ],
)
def test_an_event_that_cannot_be_read_is_named_and_does_not_stop_the_feed(
    repository: SqlRepository, engine: Engine, broken: str, named: UUID
) -> None:
    """The events before it are returned first; the error has the position to go on from."""
    first = added(FIRST)
    repository.save([first, renamed(first.after), added(SECOND)])
    execute(engine, broken)
    assert read(repository) == [(1, FIRST, 1)]
    with pytest.raises(ca.CorruptRecord) as raised:
        read(repository, 1)
    assert (raised.value.client_id, raised.value.position) == (named, 2)
    again = pickle.loads(pickle.dumps(raised.value))
    assert (str(again), again.position) == (str(raised.value), 2)
    assert read(repository, 2) == [(3, SECOND, 1)]


def test_an_id_that_is_not_a_uuid_does_not_stop_the_feed(sqlite: str) -> None:
    """SQLite stores any text as an id."""
    engine = create_engine(sqlite)
    with SqlRepository.open(sqlite) as repository:
        repository.save([added(FIRST), added(SECOND)])
        execute(engine, "UPDATE client_access_event SET client_id = 'x' WHERE rowid = 1")
        assert read(repository) == [(1, SECOND, 1)]
        with pytest.raises(ca.CorruptRecord, match="not a UUID") as raised:
            read(repository, 1)
        assert raised.value.position == 2
        assert read(repository, 2) == []
    engine.dispose()


def test_the_second_of_two_readers_finds_nothing_to_number(
    repository: SqlRepository, engine: Engine
) -> None:
    """Both saw an event without a position, and the first has numbered it."""
    repository.save([added(FIRST)])
    assert read(repository) == [(1, FIRST, 1)]
    with engine.begin() as connection:
        assert feeding.number(connection) == 0
    assert read(repository) == [(1, FIRST, 1)]


@pytest.mark.parametrize("awaited", [False, True])
def test_events_that_another_transaction_holds_are_left_for_the_next_time(
    postgresql: str, *, awaited: bool
) -> None:
    """A reader that can number nothing returns what there is."""
    with SqlRepository.open(postgresql) as repository:
        repository.save([added(FIRST)])
        engine = create_engine(postgresql, poolclass=NullPool)
        with engine.begin() as connection:
            connection.execute(select(events.c.version).with_for_update())
            assert len(ask(repository, postgresql, awaited=awaited)) == 0
        assert len(ask(repository, postgresql, awaited=awaited)) == 1


def ask(repository: SqlRepository, database: str, *, awaited: bool) -> Sequence[object]:
    """Return the feed's first page."""
    if not awaited:
        return repository.events_after(0, limit=9)

    async def read_async() -> Sequence[object]:
        async with await AsyncSqlRepository.open(database) as opened:
            return await opened.events_after(0, limit=9)

    return asyncio.run(read_async())


def test_a_reader_that_finds_nothing_new_locks_and_writes_nothing(
    repository: SqlRepository,
) -> None:
    """A poll that finds nothing is two queries, and a full page is one."""
    repository.save([added(FIRST), added(SECOND)])
    assert len(read(repository)) == 2
    engine, statements = repository._bind.engine, []

    def note(*arguments: object) -> None:
        statements.append(str(arguments[2]).split()[0])

    event.listen(engine, "before_cursor_execute", note)
    assert read(repository, 2) == []
    assert statements == ["SELECT", "SELECT"]
    assert len(repository.events_after(0, limit=2)) == 2
    assert statements == ["SELECT"] * 3
    event.remove(engine, "before_cursor_execute", note)


def test_the_indexes_answer_what_the_feed_asks(sqlite: str) -> None:
    """No query of the feed sorts, or reads the table from its beginning."""
    SqlRepository.open(sqlite).close()
    engine = create_engine(sqlite)
    asked = (feeding._PAGE, feeding._IS_UNNUMBERED, feeding._UNNUMBERED_AFTER)
    with engine.connect() as connection:
        for statement in asked:
            compiled = statement.compile(dialect=engine.dialect)
            values = tuple("1" for _ in compiled.positiontup or ())
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {compiled}", values).all()
            assert "USING INDEX client_access_event_" in plan[0][3]
            assert not any("TEMP B-TREE" in step[3] for step in plan)
    engine.dispose()
