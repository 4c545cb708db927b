"""The databases of the package's own tests, and processes of the hosts."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import count
from pathlib import Path

import pytest
from databases import database, postgresql, postgresql_server, sqlite

__all__ = ["database", "postgresql", "postgresql_server", "sqlite"]

ROOT = Path(__file__).parents[1]
PATIENCE = 120
"""How many seconds a host on a busy machine may take to start or to stop."""


class Host:
    """A process of a host, and what it printed.

    Parameters:
        process: the process.
        output: the file that it prints to.
    """

    def __init__(self, process: subprocess.Popen[bytes], output: Path) -> None:
        self.process = process
        self.output = output

    def printed(self) -> str:
        return self.output.read_text(encoding="utf-8")

    def wait_for(self, pattern: str) -> re.Match[str]:
        """Wait until it has printed something, and return that."""
        for _ in range(PATIENCE * 20):
            if found := re.search(pattern, self.printed()):
                return found
            assert self.process.poll() is None, self.printed()
            time.sleep(0.05)
        raise AssertionError(f"it has not printed {pattern}:\n{self.printed()}")

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def stop(self) -> str:
        """Ask it to end, wait until it has, and return what it printed."""
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(PATIENCE)
        return self.printed()


Start = Callable[..., Host]


@contextmanager
def _host(module: str, output: Path, environment: dict[str, str]) -> Iterator[Host]:
    with output.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-u", "-m", module],
            cwd=ROOT,
            env=os.environ | environment,
            stdout=file,
            stderr=subprocess.STDOUT,
        )
    host = Host(process, output)
    try:
        yield host
    finally:
        host.kill()


@pytest.fixture(scope="session")
def start(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Start]:
    """Starts a module as a process, with more environment variables; all are ended at the end."""
    folder = tmp_path_factory.mktemp("hosts")
    with ExitStack() as stack:
        numbers = count()

        def begin(module: str, **environment: str) -> Host:
            output = folder / f"{next(numbers)}.log"
            return stack.enter_context(_host(module, output, environment))

        yield begin
