"""Tests of the documentation: run its Python, and compare the output with its text blocks.

The last lines of every run count its tests.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import redirect_stdout
from doctest import ELLIPSIS, OutputChecker
from io import StringIO
from os import environ

import pytest
from sybil import Example, Sybil
from sybil.evaluators.python import PythonEvaluator
from sybil.parsers.markdown import CodeBlockParser

_run_python = PythonEvaluator()
_PRINTED = "_printed"


def _run(example: Example) -> None:
    with redirect_stdout(StringIO()) as printed:
        _run_python(example)
    if example.namespace.get(_PRINTED):
        raise AssertionError("The output of the Python before this block is in no text block.")
    example.namespace[_PRINTED] = printed.getvalue()


def _compare(example: Example) -> None:
    """Compare a text block with the output of the Python before it; `...` stands for anything."""
    printed = example.namespace.pop(_PRINTED, "")
    wanted = f"{str(example.parsed).rstrip()}\n"
    if not OutputChecker().check_output(wanted, f"{printed.rstrip()}\n", ELLIPSIS):
        raise AssertionError(f"The Python before this block printed:\n{printed}")


pytest_collect_file = Sybil(
    parsers=[CodeBlockParser("python", _run), CodeBlockParser("text", _compare)],
    patterns=["README.md", "docs/*.md", "docs/*/*.md"],
).pytest()


@pytest.hookimpl(wrapper=True, optionalhook=True)
def pytest_xdist_auto_num_workers() -> Generator[None, int, int]:
    """Start one more worker than there are processors: many tests wait for another process."""
    number = yield
    return number if "PYTEST_XDIST_AUTO_NUM_WORKERS" in environ else number + 1


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Count the tests, whatever the options: `-qq` leaves out pytest's own line."""
    ends = ("passed", "failed", "error", "skipped", "xfailed")
    counted = {end: len(terminalreporter.stats.get(end, ())) for end in ends}
    said = ", ".join(f"{number} {end}" for end, number in counted.items() if number)
    terminalreporter.write_line(f"Tests: {said or 'none'}")
