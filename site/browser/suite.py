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

_CANNOT: dict[str, tuple[str, ...]] = {
    "it needs databases and their drivers": (
        "tests/sql",
        "tests/test_drill.py",
        "docs/how-to/asyncio.md",
        "docs/how-to/beyond_one_machine.md",
        "docs/how-to/databases.md",
        "docs/how-to/feed.md",
        "docs/how-to/repositories.md",
    ),
    "it needs terminals, pipes and signals": ("tests/cli", "tests/test_tour.py"),
    "it starts processes": (
        "tests/processes",
        "tests/test_databases.py",
        "tests/test_extras.py",
        "tests/test_wheel.py",
        "tests/test_docs.py::test_the_repository_of_the_page_is_typed",
        "tests/test_layout.py::test_importing_the_core_imports_no_extra",
        "tests/testing/test_kit.py::test_checks_need_neither_pytest_nor_hypothesis",
        "tests/testing/test_kit.py::test_the_strategies_need_no_import_of_their_own",
        "tests/testing/test_types.py::test_the_strategies_register_the_types_themselves",
    ),
    "it starts threads": (
        "docs/how-to/conformance.md",
        "docs/how-to/write_a_repository.md",
        "tests/testing/test_planted_faults.py",
        "tests/test_rendering.py::test_a_client_is_let_in_by_the_email_that_a_mail_server_delivered",
        "tests/test_service.py::test_threads_racing_for_one_address_and_one_client",
        "tests/testing/test_kit.py::test_a_method_that_is_not_a_coroutine_is_named",
        "tests/testing/test_kit.py::test_a_synchronous_face_offers_what_the_async_repository_offers",
        "tests/testing/test_kit.py::test_what_closing_raises_is_raised",
        "tests/testing/test_kit.py::test_what_opening_raises_is_raised",
    ),
    "it imports greenlet, which PyPI does not have for Pyodide": (
        "tests/test_mistakes.py",
        "tests/testing/test_adapters.py",
        "tests/test_docs.py::test_every_public_name_is_in_the_reference_with_a_docstring",
        "tests/test_public_names.py::test_what_a_module_exports_is_what_the_page_lists[client_access.sql]",
    ),
    "it imports jsonschema, whose rpds-py PyPI does not have for Pyodide": ("tests/test_door.py",),
    "deep recursion uses up the stack of the browser, which ends the runtime": (
        "tests/test_wire.py::test_deep_nesting_anywhere_is_corrupt",
        "tests/test_wire.py::test_text_that_is_nested_deeply_is_corrupt",
    ),
}
CANNOT = {name: reason for reason, names in _CANNOT.items() for name in names}
"""What is left out, and why: folders, files, and tests, with or without their parameters."""


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
        kept = []
        for item in items:
            named = CANNOT.keys() & {item.nodeid, item.nodeid.partition("[")[0]}
            self.unused -= named
            self.tests.update(CANNOT[name] for name in named)
            if not named:
                kept.append(item)
        items[:] = kept

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
