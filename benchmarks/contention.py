"""Count the commands that are given up if everybody writes to one client at once.

    python benchmarks/contention.py [PostgreSQL URL]

Five threads, 16 processes and 200 tasks each rename the same client again and again, as fast as
they can. Each line says how many commands were given, how many were given up with `StaleClient`
after all attempts, how long the longest took, and how many were accepted in a second. On
PostgreSQL, the benchmark makes a schema of its own and drops it.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from time import perf_counter
from uuid import UUID, uuid4

from sqlalchemy import create_engine, make_url, text
from sqlalchemy.ext.asyncio import create_async_engine

from client_access import (
    AddClient,
    AsyncClientAccess,
    Catalogue,
    ChangeBusinessName,
    ClientAccess,
    PlatformUser,
    PracticeUser,
    StaleClient,
)
from client_access.sql import AsyncSqlRepository, SqlRepository

THREADS, PROCESSES, TASKS = 5, 16, 200
COMMANDS = 800
"""How many commands are given in each round, by all writers together."""

CATALOGUE = Catalogue([])
BUSY = UUID(int=1)

Given = list[tuple[bool, float]]
"""Whether each command was accepted, and its seconds."""


def rename() -> ChangeBusinessName:
    """Return a command that changes the busy client."""
    return ChangeBusinessName(BUSY, PlatformUser(), business_name=f"Elm {uuid4()}")


def write(repository: SqlRepository, count: int) -> Given:
    """Give commands, one after another."""
    access = ClientAccess(repository, catalogue=CATALOGUE)
    given = []
    for _ in range(count):
        began = perf_counter()
        try:
            access.handle(rename())
            given.append((True, perf_counter() - began))
        except StaleClient:
            given.append((False, perf_counter() - began))
    return given


def in_threads(url: str) -> Iterable[Given]:
    """Write from threads that share a repository."""
    with SqlRepository.open(url) as repository, ThreadPoolExecutor(THREADS) as pool:
        yield from pool.map(partial(write, repository), [COMMANDS // THREADS] * THREADS)


def in_a_process(url: str, count: int) -> Given:
    """Write from a process with a repository of its own."""
    with SqlRepository.open(url) as repository:
        return write(repository, count)


def in_processes(url: str) -> Iterable[Given]:
    """Write from processes."""
    with ProcessPoolExecutor(PROCESSES, get_context("spawn")) as pool:
        list(pool.map(in_a_process, [url] * PROCESSES, [0] * PROCESSES))  # all have started
        yield from pool.map(in_a_process, [url] * PROCESSES, [COMMANDS // PROCESSES] * PROCESSES)


def in_tasks(url: str) -> Iterable[Given]:
    """Write from tasks that share a repository."""

    async def write_async(access: AsyncClientAccess, count: int) -> Given:
        given = []
        for _ in range(count):
            began = perf_counter()
            try:
                await access.handle(rename())
                given.append((True, perf_counter() - began))
            except StaleClient:
                given.append((False, perf_counter() - began))
        return given

    async def write_all() -> list[Given]:
        # Most tasks wait for a connection, some of them long.
        engine = create_async_engine(url.replace("sqlite:", "sqlite+aiosqlite:"), pool_timeout=3600)
        async with AsyncSqlRepository(engine) as repository:
            access = AsyncClientAccess(repository, catalogue=CATALOGUE)
            return await asyncio.gather(
                *(write_async(access, COMMANDS // TASKS) for _ in range(TASKS))
            )

    return asyncio.run(write_all())


@contextmanager
def databases() -> Iterator[list[tuple[str, str]]]:
    """Yield the name and the URL of an empty database of each kind."""
    with tempfile.TemporaryDirectory() as folder:
        found = [("SQLite", f"sqlite:///{Path(folder) / 'clients.db'}")]
        if len(sys.argv) == 1:
            yield found
            return
        server = create_engine(sys.argv[1], isolation_level="AUTOCOMMIT")
        schema = f"contention_{uuid4().hex}"
        with server.connect() as connection:
            connection.execute(text(f"CREATE SCHEMA {schema}"))
        url = make_url(sys.argv[1]).update_query_dict({"options": f"-csearch_path={schema}"})
        yield [*found, ("PostgreSQL", url.render_as_string(hide_password=False))]
        with server.connect() as connection:
            connection.execute(text(f"DROP SCHEMA {schema} CASCADE"))
        server.dispose()


def main() -> None:
    """Print a line for each kind of writer on each database."""
    rounds = [
        (f"{THREADS} threads", in_threads),
        (f"{PROCESSES} processes", in_processes),
        (f"{TASKS} tasks", in_tasks),
    ]
    with databases() as found:
        for name, url in found:
            with SqlRepository.open(url) as repository:
                access = ClientAccess(repository, catalogue=CATALOGUE)
                access.handle(AddClient(BUSY, PracticeUser("north"), business_name="Elm"))
            for writers, write_from in rounds:
                began = perf_counter()
                given = [command for each in write_from(url) for command in each]
                took = perf_counter() - began
                given_up = sum(not accepted for accepted, _ in given)
                line = (
                    f"{name}, {writers}: {given_up} of {len(given)} given up"
                    f" ({given_up / len(given):.1%}), longest {max(s for _, s in given):.2f} s,"
                    f" {(len(given) - given_up) / took:.0f} accepted a second\n"
                )
                sys.stdout.write(line)


if __name__ == "__main__":
    main()
