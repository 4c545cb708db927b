"""A missing package of an extra is named with the command that installs it; lowest versions."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from collections import Counter
from itertools import chain
from pathlib import Path

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

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
BOUND = re.compile(r"([\w-]+)(?:\[\w+\])?>=([\d.]+)")
EXTRAS = sorted({extra for _, _, extra in MISSING})


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


def test_the_lowest_versions_that_are_tested_are_those_that_are_allowed() -> None:
    """`constraints-lowest.txt` pins what the package names in `pyproject.toml`."""
    extras = PROJECT["optional-dependencies"]
    named = [*PROJECT["dependencies"], *(one for extra in EXTRAS for one in extras[extra])]
    lowest = {found[1]: found[2] for one in named if (found := BOUND.match(one))}
    pins = (ROOT / "constraints-lowest.txt").read_text("utf-8").split()
    pinned = dict(pin.split("==") for pin in pins)
    assert len(lowest) > 10
    assert {name: re.sub(r"\.0$", "", pinned[name]) for name in lowest} == lowest


def test_each_package_has_the_same_lowest_version_in_every_extra() -> None:
    named = [*PROJECT["dependencies"], *chain(*PROJECT["optional-dependencies"].values())]
    bounds = {(found[1], found[2]) for one in named if (found := BOUND.match(one))}
    assert [name for name, times in Counter(name for name, _ in bounds).items() if times > 1] == []
