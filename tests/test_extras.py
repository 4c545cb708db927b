"""Where a package of an extra is missing, the error ends in the command that installs it."""

from __future__ import annotations

import subprocess
import sys

import pytest

OPEN = "import asyncio; from client_access.sql import *; "

MISSING = [
    ("sqlalchemy", "import client_access.sql", "sql"),
    ("cattrs", "import client_access.sql", "sql"),
    ("psycopg", OPEN + "SqlRepository.open('postgresql://h/d')", "postgresql"),
    ("psycopg", OPEN + "asyncio.run(AsyncSqlRepository.open('postgresql://h/d'))", "postgresql"),
    ("aiosqlite", OPEN + "asyncio.run(AsyncSqlRepository.open('sqlite://'))", "async"),
    ("greenlet", "from client_access.sql import AsyncSqlRepository", "async"),
    ("cattrs", "import client_access.wire", "wire"),
    ("msgspec", "import client_access.wire", "wire"),
    ("itsdangerous", "import client_access.links", "links"),
    ("jinja2", "import client_access.rendering", "templates"),
    ("markupsafe", "import client_access.rendering", "templates"),
    ("hypothesis", "from client_access.testing import run_machine", "testing"),
    ("hypothesis", "import client_access.testing.strategies", "testing"),
    ("pytest", "from client_access.testing import RepositoryConformance", "testing"),
    ("rich", "from client_access.cli import main; raise SystemExit(main([]))", "cli"),
    ("sqlalchemy", "from client_access.cli import main; raise SystemExit(main([]))", "cli"),
]


@pytest.mark.parametrize(("package", "program", "extra"), MISSING)
def test_an_error_ends_in_the_command_that_installs_what_is_missing(
    package: str, program: str, extra: str
) -> None:
    """It names the package, and the extra of what was imported, not of a part of it."""
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.modules[{package!r}] = None; {program}"],
        capture_output=True,
        check=False,
        text=True,
    )
    assert done.returncode
    *_, last = done.stderr.splitlines()
    assert package in last
    assert last.endswith(f": pip install 'client-access[{extra}]'")
