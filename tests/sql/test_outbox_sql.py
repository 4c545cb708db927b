"""The outbox on a database: what a claim costs, and what it locks."""

from __future__ import annotations

import sqlite3
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import world
from sqlalchemy import Engine, create_engine, event, insert, make_url, select, text

import client_access as ca
from client_access.sql import SqlRepository
from client_access.sql.tables import notices

LEASE = timedelta(minutes=5)
BEHIND = 20_000


def invited(repository: SqlRepository, number: int) -> UUID:
    """Save a client with one notice."""
    access = ca.ClientAccess(repository, catalogue=world.CATALOGUE, clock=lambda: world.T0)
    client_id = UUID(int=number)
    access.handle(
        ca.AddClient(client_id, world.NORTH, business_name="A", email=f"a{number}@example.com")
    )
    access.handle(
        ca.Subscribe(
            client_id,
            world.NORTH,
            payer=ca.Payer.CLIENT,
            sign_in=ca.SignIn.PRACTICE_AND_CLIENT,
            services={"payroll": None},
        )
    )
    return client_id


def test_a_relay_that_finds_nothing_does_not_wait_for_a_writer(sqlite: str) -> None:
    """A claim of nothing only reads, so it takes no lock. SQLite has one for all."""
    with SqlRepository.open(sqlite) as repository:
        invited(repository, 1)
        (claim,) = repository.claim(at=world.T0, lease=LEASE, limit=9)
        path = make_url(sqlite).database
        assert path is not None
        writer = sqlite3.connect(path, isolation_level=None)
        writer.execute("BEGIN IMMEDIATE")
        assert repository.claim(at=world.T0, lease=LEASE, limit=9) == []
        writer.execute("ROLLBACK")
        writer.close()
        assert repository.released(claim)


def test_a_claim_does_not_look_at_what_waits_behind_a_first_notice(database: str) -> None:
    """Only the first notice of each client is in the index that a claim reads, and it reads it."""
    engine = create_engine(database)
    repository = SqlRepository(engine)
    invited(repository, 1)
    (first,) = repository.claim(at=world.T0, lease=LEASE, limit=9)
    _pile_up(engine)
    invited(repository, 2)
    asked: list[tuple[str, Any]] = []
    event.listen(
        engine, "before_cursor_execute", lambda *call: asked.append((call[2], call[3])), named=False
    )
    (other,) = repository.claim(at=world.T0, lease=LEASE, limit=9)
    assert other.notice.client_id == UUID(int=2)
    explain = "EXPLAIN QUERY PLAN" if engine.dialect.name == "sqlite" else "EXPLAIN"
    with engine.connect() as connection:
        questions = [each for each in asked if each[0].startswith("SELECT client_access_notice")]
        assert len(questions) == 2
        for statement, parameters in questions:
            plan = connection.exec_driver_sql(f"{explain} {statement}", parameters).all()
            assert "client_access_notice_due" in " ".join(map(str, plan))
    assert repository.delivered(first)
    assert repository.outbox_state().waiting == BEHIND + 1
    engine.dispose()


def _pile_up(engine: Engine) -> None:
    """Save many notices behind the one that is there."""
    with engine.begin() as connection:
        row = dict(connection.execute(select(notices)).mappings().one())
        row |= {"first": False, "lease": None}
        connection.execute(
            insert(notices),
            [row | {"id": uuid4(), "version": 100 + number} for number in range(BEHIND)],
        )
        if engine.dialect.name == "postgresql":
            connection.execute(text("ANALYZE client_access_notice"))
