"""Runs the tests in the runtime of the playground, except what cannot run there.

A browser has one process and one thread. It has no sockets, and no compiled package that nobody
built for Pyodide. Each test that needs one of those is named in `CANNOT`, with the reason.
"""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

CANNOT: dict[str, str] = {}
"""What is left out: folders, files, and tests (without their parameters)."""


class Leaving:
    """A plugin of pytest that leaves out what cannot run, and counts it."""

    def __init__(self) -> None:
        self.tests: Counter[str] = Counter()
        self.parts: list[str] = []
        self.unused = set(CANNOT)

    def pytest_ignore_collect(self, collection_path: Path) -> bool | None:
        """Leave out folders and files."""
        path = collection_path.relative_to(ROOT).as_posix()
        if path not in CANNOT:
            return None
        self.unused.discard(path)
        self.parts.append(path)
        return True

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Leave out single tests."""
        left = [item for item in items if item.nodeid.partition("[")[0] in CANNOT]
        for item in left:
            name = item.nodeid.partition("[")[0]
            self.unused.discard(name)
            self.tests[CANNOT[name]] += 1
        items[:] = [item for item in items if item not in left]

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say what was left out."""
        for path in self.parts:
            terminalreporter.write_line(f"Left out: {path} ({CANNOT[path]})")
        for reason, number in self.tests.items():
            terminalreporter.write_line(f"Left out: {number} tests ({reason})")


def run(chosen: list[str]) -> int:
    """Run the tests, or those that are chosen, and return the exit status of pytest."""
    sys.dont_write_bytecode = True
    leaving = Leaving()
    options = ["-q", "--no-header", "--tb=short", "-p", "no:cacheprovider", "-p", "no:faulthandler"]
    status = int(pytest.main([*options, f"--rootdir={ROOT}", *chosen], plugins=[leaving]))
    if not chosen and leaving.unused:
        sys.stdout.write(f"There is no such test any more: {', '.join(sorted(leaving.unused))}\n")
        return 1
    return status
