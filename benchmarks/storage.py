"""Compare the repository with its bare driver: python benchmarks/storage.py [PostgreSQL URL].

The driver uses the same tables, statements written by hand, the same settings and one connection
that stays open. It loads the same entities. Rounds alternate. The output shows the median of each
and the share of the bare driver's speed that the repository reaches. Compare only the shares
between machines. On PostgreSQL, the benchmark makes a schema of its own and drops it.
"""

from __future__ import annotations

import sqlite3
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import cycle
from pathlib import Path
from time import perf_counter
from typing import Any
from uuid import UUID, uuid4

import psycopg
from sqlalchemy import create_engine, make_url, text

from client_access import (
    AddClient,
    Catalogue,
    Change,
    ChangeBusinessName,
    Client,
    PlatformUser,
    PracticeUser,
    decide,
)
from client_access.sql import SqlRepository
from client_access.wire import decode, encode, load_client

CLIENTS, ROUNDS, READS, SAVES, ADDED = 10_000, 9, 1000, 200, 2000
AT = datetime(2026, 1, 1, tzinfo=UTC)
CATALOGUE = Catalogue([])
PRACTICE, PLATFORM = PracticeUser("practice"), PlatformUser()

READ = "SELECT data FROM client_access_client WHERE id = {}"
COLUMNS = (
    "version, erasures, email_key, practice_id, client_list, folded_name, invoiced_to, services,"
    " data"
)
UPDATE = f"UPDATE client_access_client SET ({COLUMNS}) = ({{}}) WHERE id = {{}} AND version = {{}}"
INSERT = f"INSERT INTO client_access_client (id, {COLUMNS}) VALUES ({{}})"
APPEND = "INSERT INTO client_access_event (client_id, version, data) VALUES ({}, {}, {})"


def new_client(number: int) -> Change:
    """Return the change that adds a client."""
    name = f"Oak & Sons {number}"
    email = f"books{uuid4().hex}@example.com"
    command = AddClient(uuid4(), PRACTICE, business_name=name, email=email)
    return decide(None, command, at=AT, catalogue=CATALOGUE)


def renaming(client: Client, number: int) -> Change:
    """Return a change of one row of a client, with an event and no notice."""
    command = ChangeBusinessName(client.id, PLATFORM, business_name=f"Elm {number}")
    return decide(client, command, at=AT, catalogue=CATALOGUE)


class Bare:
    """A driver's connection and statements for it."""

    def __init__(self, connection: Any, mark: str, key: Callable[[UUID], object]) -> None:
        self.connection, self.key = connection, key
        self.read_one = READ.format(mark)
        self.update_one = UPDATE.format(", ".join([mark] * 9), mark, mark)
        self.insert_one = INSERT.format(", ".join([mark] * 10))
        self.append_one = APPEND.format(mark, mark, mark)
        self.begin = "BEGIN IMMEDIATE" if mark == "?" else "BEGIN"

    def get(self, client_id: UUID) -> Client:
        """Read a client."""
        row = self.connection.execute(self.read_one, (self.key(client_id),)).fetchone()
        return load_client(decode(row[0]))

    def save(self, change: Change) -> None:
        """Write a change if the stored version is the one before it, in a transaction."""
        assert change.before is not None
        execute, key = self.connection.execute, self.key(change.after.id)
        execute(self.begin)
        values = (*_values(change.after), key, change.before.version)
        assert execute(self.update_one, values).rowcount == 1
        execute(self.append_one, self._event(change))
        execute("COMMIT")

    def add(self, changes: Sequence[Change]) -> None:
        """Write new clients, in a transaction."""
        cursor = self.connection.cursor()
        cursor.execute(self.begin)
        cursor.executemany(
            self.insert_one,
            [(self.key(change.after.id), *_values(change.after)) for change in changes],
        )
        cursor.executemany(self.append_one, [self._event(change) for change in changes])
        cursor.execute("COMMIT")

    def _event(self, change: Change) -> tuple[object, ...]:
        assert change.event is not None
        return self.key(change.after.id), change.event.version, encode(change.event)


def _values(client: Client) -> tuple[object, ...]:
    listing = client.listing
    assert listing is not None
    place = (listing.practice_id, listing.client_list.value, listing.folded_name)
    return client.version, client.erasures, client.email_key, *place, None, "[]", encode(client)


def measure(title: str, repository: SqlRepository, bare: Bare) -> None:
    """Measure both in turn and print a line for each operation."""
    changes = [new_client(number) for number in range(CLIENTS)]
    repository.save(changes)
    clients = [change.after for change in changes]
    places = cycle(range(CLIENTS))
    numbers = iter(range(10**9))

    def read(get: Callable[[UUID], object]) -> float:
        ids = [clients[next(places)].id for _ in range(READS)]
        start = perf_counter()
        for client_id in ids:
            get(client_id)
        return (perf_counter() - start) / READS

    def save(write: Callable[[Change], None]) -> float:
        chosen = [next(places) for _ in range(SAVES)]
        renamed = [renaming(clients[place], next(numbers)) for place in chosen]
        start = perf_counter()
        for change in renamed:
            write(change)
        taken = (perf_counter() - start) / SAVES
        for place, change in zip(chosen, renamed, strict=True):
            clients[place] = change.after
        return taken

    def add(write: Callable[[Sequence[Change]], None]) -> float:
        new = [new_client(number) for number in range(ADDED)]
        start = perf_counter()
        write(new)
        return (perf_counter() - start) / ADDED

    operations: dict[str, tuple[Callable[[], float], Callable[[], float]]] = {
        "read by id": (lambda: read(bare.get), lambda: read(repository.get)),
        "versioned save": (lambda: save(bare.save), lambda: save(lambda c: repository.save((c,)))),
        "add in bulk": (lambda: add(bare.add), lambda: add(repository.save)),
    }
    for name, (by_driver, by_repository) in operations.items():
        pairs = [(by_driver(), by_repository()) for _ in range(ROUNDS)]
        driver, ours = (statistics.median(taken) for taken in zip(*pairs, strict=True))
        share = statistics.median(bare_one / our_one for bare_one, our_one in pairs)
        sys.stdout.write(
            f"{title:10} {name:15} driver {driver * 1e6:7.1f} µs   "
            f"repository {ours * 1e6:7.1f} µs   {share:4.0%}\n"
        )


@contextmanager
def empty_schema(url: str) -> Iterator[str]:
    """Make a schema, and drop it."""
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    name = f"benchmark_{uuid4().hex}"
    with engine.connect() as connection:
        connection.execute(text(f"CREATE SCHEMA {name}"))
        made = make_url(url).update_query_dict({"options": f"-csearch_path={name}"})
        yield made.render_as_string(hide_password=False)
        connection.execute(text(f"DROP SCHEMA {name} CASCADE"))
    engine.dispose()


def main() -> None:
    """Measure on SQLite, and on PostgreSQL if a URL is given."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "clients.db"
        with SqlRepository.open(f"sqlite:///{file}") as repository:
            connection = sqlite3.connect(file, isolation_level=None)
            for pragma in ("synchronous = FULL", "secure_delete = ON"):
                connection.execute(f"PRAGMA {pragma}")
            measure("SQLite", repository, Bare(connection, "?", lambda client_id: client_id.hex))
            connection.close()
    for url in sys.argv[1:]:
        with empty_schema(url) as made, SqlRepository.open(made) as repository:
            plain = make_url(made).set(drivername="postgresql").render_as_string(False)
            with psycopg.connect(plain, autocommit=True) as psycopg_connection:
                measure("PostgreSQL", repository, Bare(psycopg_connection, "%s", lambda key: key))


if __name__ == "__main__":
    main()
