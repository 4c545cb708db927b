"""A real PgBouncer that lends a server connection for one transaction at a time.

Without the program (Debian: `apt-get install pgbouncer`), these tests are skipped.
"""

from __future__ import annotations

import asyncio
import os
import pwd
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import uuid4

import pytest
from sql.shop import CATALOGUE, PRACTICE, added, execute
from sqlalchemy import create_engine, make_url

from client_access import AddClient, AsyncClientAccess, ChangeBusinessName, ClientAccess
from client_access.sql import AsyncSqlRepository, SqlRepository

PROGRAM = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
UNPREPARED: dict[str, Any] = {"connect_args": {"prepare_threshold": None}}

pytestmark = pytest.mark.skipif(PROGRAM is None, reason="the program pgbouncer is not installed")


@pytest.fixture(scope="module")
def pooled(postgresql_server: str) -> Iterator[str]:
    """The URL of the server behind a PgBouncer that has three connections to it."""
    assert PROGRAM is not None
    behind = make_url(postgresql_server)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with TemporaryDirectory() as folder:
        path = Path(folder)
        target = {
            "host": behind.query.get("host", behind.host),
            "port": behind.port or 5432,
            "user": behind.username,
            "password": behind.password,
        }
        settings = {
            "listen_addr": "127.0.0.1",
            "listen_port": port,
            "unix_socket_dir": "",
            "auth_type": "any",
            "pool_mode": "transaction",
            "default_pool_size": 3,
            "max_client_conn": 200,
        }
        if os.geteuid() == 0:  # PgBouncer does not run as root, and must reach the server's socket
            sockets = Path(str(target["host"]))
            settings["user"] = sockets.owner() if sockets.is_dir() else "nobody"
            os.chown(path, pwd.getpwnam(settings["user"]).pw_uid, -1)
        line = " ".join(f"{name}={value}" for name, value in target.items() if value)
        (path / "pgbouncer.ini").write_text(
            f"[databases]\n* = {line}\n[pgbouncer]\n"
            + "".join(f"{name} = {value}\n" for name, value in settings.items())
        )
        with (path / "log").open("wb") as log:
            server = subprocess.Popen([PROGRAM, "pgbouncer.ini"], cwd=path, stderr=log, stdout=log)
        try:
            until = time.monotonic() + 20
            while time.monotonic() < until and server.poll() is None:
                try:
                    socket.create_connection(("127.0.0.1", port), 1).close()
                    break
                except OSError:
                    time.sleep(0.05)
            else:
                pytest.fail((path / "log").read_text())
            yield (
                make_url(f"postgresql+psycopg://127.0.0.1:{port}/{behind.database}")
                .set(username=behind.username)
                .render_as_string()
            )
        finally:
            server.terminate()
            server.wait(20)


@pytest.fixture
def schema(postgresql_server: str) -> Iterator[str]:
    """A schema. PgBouncer refuses the option `search_path` of a connection."""
    name = f"pooled_{uuid4().hex}"
    engine = create_engine(postgresql_server)
    execute(engine, f"CREATE SCHEMA {name}")
    yield name
    execute(engine, f"DROP SCHEMA {name} CASCADE")
    engine.dispose()


def test_many_threads_share_few_server_connections(pooled: str, schema: str) -> None:
    """Ten calls of each thread, so that psycopg would have prepared its statements."""
    with SqlRepository.open(pooled, schema=schema, **UNPREPARED) as repository:
        access = ClientAccess(repository, catalogue=CATALOGUE)

        def live(number: int) -> int:
            client = uuid4()
            access.handle(AddClient(client, PRACTICE, business_name="Oak"))
            for turn in range(10):
                name = f"Oak {number} {turn}"
                access.handle(ChangeBusinessName(client, PRACTICE, business_name=name))
            return len(repository.history(client))

        with ThreadPoolExecutor(12) as threads:
            assert list(threads.map(live, range(12))) == [11] * 12


def test_many_tasks_share_few_server_connections(pooled: str, schema: str) -> None:
    async def live() -> None:
        async with await AsyncSqlRepository.open(pooled, schema=schema, **UNPREPARED) as repository:
            access = AsyncClientAccess(repository, catalogue=CATALOGUE)

            async def one() -> int:
                client = uuid4()
                await access.handle(AddClient(client, PRACTICE, business_name="Oak"))
                for turn in range(10):
                    await access.handle(
                        ChangeBusinessName(client, PRACTICE, business_name=f"Oak {turn}")
                    )
                return len(await repository.history(client))

            assert await asyncio.gather(*(one() for _ in range(12))) == [11] * 12

    asyncio.run(live())


def test_a_host_s_transaction_keeps_its_server_connection(pooled: str, schema: str) -> None:
    with SqlRepository.open(pooled, schema=schema, **UNPREPARED):
        engine = create_engine(
            pooled, execution_options={"schema_translate_map": {None: schema}}, **UNPREPARED
        )
        for _ in range(10):
            change = added()
            with engine.begin() as connection:
                repository = SqlRepository(connection)
                repository.save([change])
                assert repository.get(change.after.id) == change.after
        engine.dispose()
