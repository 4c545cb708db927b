"""The wheel and the sdist, built from this tree."""

from __future__ import annotations

import re
import subprocess
import sys
import tarfile
import tomllib
from pathlib import Path
from zipfile import ZipFile

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("dist")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-d", str(target)],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    return target


@pytest.fixture
def wheel(dist: Path) -> Path:
    (built,) = dist.glob("*.whl")
    return built


def test_the_wheel_has_every_file_of_the_package_and_nothing_else(wheel: Path) -> None:
    """No test, no example and no documentation is installed."""
    package = ROOT / "src" / "client_access"
    ours = {
        str(path.relative_to(package.parent))
        for path in package.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    with ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert names == ours
    assert "client_access/py.typed" in names


def test_the_sdist_has_what_the_makefile_needs(dist: Path) -> None:
    """`make tour`, `make test` and `make check` work in an unpacked sdist."""
    (sdist,) = dist.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = {name.split("/")[1] for name in archive.getnames()}
    assert names >= {
        "src",
        "examples",
        "tests",
        "docs",
        "benchmarks",
        "Makefile",
        "constraints.txt",
        "constraints-lowest.txt",
    }


def test_the_lowest_versions_are_those_of_the_project() -> None:
    """`make lowest` installs exactly the floors of what users install."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    users = [name for name in extras if name not in ("dev", "docs", "benchmarks", "hosts")]
    wanted = project["dependencies"] + [part for name in users for part in extras[name]]
    floors = dict(re.sub(r"\[.*?\]", "", part).split(">=") for part in wanted if ">=" in part)
    pinned = dict(
        line.split("==")
        for line in (ROOT / "constraints-lowest.txt").read_text(encoding="utf-8").splitlines()
    )
    for name, version in floors.items():
        assert f"{pinned[name]}.".startswith(f"{version}."), name


def test_importing_the_installed_package_imports_no_package_of_an_extra(wheel: Path) -> None:
    """The core needs attrs, transitions and email-validator only."""
    program = (
        "import client_access, sys;"
        "print(client_access.__file__);"
        "print(sorted({'sqlalchemy', 'cattrs', 'itsdangerous', 'jinja2', 'hypothesis', 'pytest',"
        " 'rich', 'psycopg', 'aiosqlite', 'asyncio'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={"PYTHONPATH": str(wheel), "PATH": ""},
        check=True,
        capture_output=True,
        text=True,
    )
    where, extras = done.stdout.splitlines()
    assert where.startswith(str(wheel))
    assert extras == "[]"


def test_hypothesis_finds_the_types_of_the_installed_package(wheel: Path) -> None:
    """`from_type(Client)` works without an import of the test kit."""
    program = (
        "from hypothesis import given, settings, strategies as st; import client_access, sys;"
        "assert 'client_access.testing.strategies' not in sys.modules;"
        "check = given(st.from_type(client_access.Client))(lambda client: print(type(client)));"
        "settings(max_examples=1)(check)()"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={"PYTHONPATH": str(wheel), "PATH": ""},
        check=True,
        capture_output=True,
        text=True,
    )
    assert done.stdout == "<class 'client_access.client.Client'>\n"
