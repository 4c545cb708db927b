"""Build the package twice, compare, and try it in clean environments: the core and each extra.

The page on writing a repository is followed there, too.

Run it with `make package`. It ends with a line that counts what passed.
"""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
import tempfile
from doctest import ELLIPSIS, OutputChecker
from pathlib import Path

ROOT = Path(__file__).parents[1]

# What must work with the core (the empty name) or with one extra, and nothing else installed.
TRIES = {
    "": "import client_access.batch; from client_access.testing import run_checks, examples",
    "wire": "import client_access.wire",
    "sql": "from client_access.sql import SqlRepository; SqlRepository.open('sqlite://')",
    "postgresql": "import psycopg.pq",
    "async": "import asyncio; from client_access.sql import AsyncSqlRepository;"
    " asyncio.run(AsyncSqlRepository.open('sqlite://'))",
    "links": "from client_access.links import ActivationLinks; ActivationLinks(['k' * 16])",
    "templates": "import client_access.rendering",
    "cli": "from client_access.cli.program import parse",
    "testing": "from client_access.testing import RepositoryConformance, run_machine, strategies",
}
NEEDS_AN_EXTRA = {
    "client_access.sql": "sql",
    "client_access.wire": "wire",
    "client_access.links": "links",
    "client_access.rendering": "templates",
    "client_access.testing.strategies": "testing",
}
# The plain psycopg needs the machine's own libpq.
WITH = {"postgresql": ["psycopg[binary]"]}


def build(folder: Path) -> dict[str, str]:
    """Build sdist and wheel, and return their hashes."""
    environment = os.environ | {"SOURCE_DATE_EPOCH": "1767225600"}
    command = [sys.executable, "-m", "hatchling", "build", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True)
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


def try_it(wheel: Path, extra: str, folder: Path) -> None:
    """Install the wheel with one extra into a new environment, and use it there."""
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    python = str(folder / "bin" / "python")
    wanted = f"{wheel}[{extra}]" if extra else str(wheel)
    install = [python, "-m", "pip", "install", "-qq", wanted, *WITH.get(extra, [])]
    subprocess.run(install, check=True)
    subprocess.run([python, "-c", TRIES[extra]], cwd=folder, check=True)
    version = "import client_access as c, importlib.metadata as m"
    same = f"{version}; assert c.__version__ == m.version('client-access')"
    subprocess.run([python, "-c", same], cwd=folder, check=True)
    if not extra:
        for module, needed in NEEDS_AN_EXTRA.items():
            done = subprocess.run(
                [python, "-c", f"import {module}"],
                cwd=folder,
                check=False,
                capture_output=True,
                text=True,
            )
            assert done.stderr.rstrip().endswith(f"pip install 'client-access[{needed}]'"), module


def follow_the_page(wheel: Path, folder: Path) -> None:
    """Do what docs/how-to/write_a_repository.md says, word by word, in an empty folder."""
    page = (ROOT / "docs" / "how-to" / "write_a_repository.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```(sh|python|text)\n(.*?)```", page, re.DOTALL)
    of = {kind: "".join(text for which, text in blocks if which == kind) for kind, _ in blocks}
    folder.mkdir()
    commands = of["sh"].replace("client-access[", f"{wheel}[")
    subprocess.run(["sh", "-e", "-c", commands], cwd=folder, check=True, capture_output=True)
    (folder / "json_store.py").write_text(of["python"], encoding="utf-8")
    command = ["venv/bin/python", "json_store.py"]
    done = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True)
    printed = re.sub(r"\n\n+", "\n", done.stdout)
    wanted = re.sub(r"\n\n+", "\n", of["text"])
    assert OutputChecker().check_output(wanted, printed, ELLIPSIS), printed


def main() -> None:
    """Do everything, and stop at the first failure."""
    with tempfile.TemporaryDirectory(prefix="client-access-") as name:
        folder = Path(name)
        first, second = build(folder / "first"), build(folder / "second")
        assert first == second, "two builds of one tree differ"
        (wheel,) = (folder / "first").glob("*.whl")
        for extra in TRIES:
            sys.stdout.write(f"{extra or 'the core alone'}\n")
            sys.stdout.flush()
            try_it(wheel, extra, folder / f"with-{extra}")
        sys.stdout.write("the page on repositories\n")
        sys.stdout.flush()
        follow_the_page(wheel, folder / "page")
    sys.stdout.write(f"package: {len(TRIES) + 2} passed, 0 failed\n")


if __name__ == "__main__":
    main()
