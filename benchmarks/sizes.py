"""Measure what a client takes on PostgreSQL: statements of a command, and bytes of a client.

    python benchmarks/sizes.py PostgreSQL-URL [clients]

Makes a schema of its own and drops it. A statement that is sent is a round trip to the server, as
are BEGIN and COMMIT.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID, uuid4

from sqlalchemy import Connection, create_engine, event, make_url, text

from client_access import (
    AddClient,
    Catalogue,
    Change,
    ChangeBusinessName,
    ClientAccess,
    Command,
    Payer,
    PracticeUser,
    Service,
    SignIn,
    Subscribe,
    decide,
)
from client_access.sql import SqlRepository, metadata

AT = datetime(2026, 1, 1, tzinfo=UTC)
CATALOGUE = Catalogue([Service("books", "Books", Decimal("12.00"))])
CLIENTS_OF_A_PRACTICE = 1000


def commands(number: int, client: UUID) -> list[Command]:
    """Return what is done with a client until it has access and services."""
    practice = PracticeUser(f"practice-{number // CLIENTS_OF_A_PRACTICE}")
    email = f"office{number}@business-{number}.example.com"
    return [
        AddClient(client, practice, business_name=f"Business {number} Ltd", email=email),
        Subscribe(
            client,
            practice,
            payer=Payer.PRACTICE,
            sign_in=SignIn.PRACTICE_AND_CLIENT,
            services={"books": None},
        ),
        ChangeBusinessName(client, practice, business_name=f"Company {number} Ltd"),
    ]


def changes(number: int) -> Iterator[Change]:
    """Yield the changes of one client."""
    client = None
    for command in commands(number, uuid4()):
        change = decide(client, command, at=AT, catalogue=CATALOGUE)
        client = change.after
        yield change


@contextmanager
def sent(connection: Connection) -> Iterator[list[str]]:
    """Yield the statements that are sent meanwhile."""
    statements: list[str] = []

    def note(*call: object) -> None:
        statements.append(str(call[2]))

    event.listen(connection.engine, "before_cursor_execute", note)
    event.listen(connection.engine, "commit", lambda _: statements.extend(["BEGIN", "COMMIT"]))
    yield statements
    event.remove(connection.engine, "before_cursor_execute", note)


def main(url: str, count: int = 4_000) -> None:
    """Print statements of commands, and bytes of a client by table."""
    schema = f"sizes_{uuid4().hex}"
    server = create_engine(make_url(url).set(drivername="postgresql+psycopg"))
    with server.begin() as connection:
        connection.execute(text(f"CREATE SCHEMA {schema}"))
    try:
        engine = create_engine(
            server.url, connect_args={"options": f"-csearch_path={schema}", "application_name": ""}
        )
        repository = SqlRepository(engine)
        access = ClientAccess(repository, catalogue=CATALOGUE)
        with engine.connect() as connection, sent(connection) as statements:
            for command in commands(0, uuid4()):
                for command_id in (None, uuid4()):
                    if command_id is not None and isinstance(command, AddClient | Subscribe):
                        continue
                    statements.clear()
                    access.handle(command, command_id=command_id)
                    once = "" if command_id is None else ", with a command id"
                    sys.stdout.write(f"{type(command).__name__}{once}: {len(statements)}\n")
        for start in range(1, count, 500):
            numbers = range(start, min(start + 500, count))
            repository.save([change for number in numbers for change in changes(number)])
        with server.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            for table in metadata.sorted_tables:
                connection.execute(text(f"VACUUM FULL {schema}.{table.name}"))
                rows, heap, indexes = connection.execute(
                    text(
                        f"SELECT count(*), pg_table_size('{schema}.{table.name}'),"
                        f" pg_indexes_size('{schema}.{table.name}') FROM {schema}.{table.name}"
                    )
                ).one()
                if rows >= count:
                    sys.stdout.write(
                        f"{table.name}: {rows / count:.1f} rows a client,"
                        f" {heap / rows:.0f} + {indexes / rows:.0f} bytes a row\n"
                    )
    finally:
        with server.begin() as connection:
            connection.execute(text(f"DROP SCHEMA {schema} CASCADE"))


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    main(sys.argv[1], *map(int, sys.argv[2:]))
