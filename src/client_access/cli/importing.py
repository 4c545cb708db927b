"""`template` and `import`: clients from a CSV file."""

from __future__ import annotations

import argparse
import sys
from collections import Counter, deque
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import BinaryIO, cast, final

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from client_access import ClientAccess
from client_access.batch import (
    ImportOutcome,
    ImportResult,
    Problem,
    import_clients,
    read_clients_csv,
    unknown_columns,
    write_clients_csv,
)
from client_access.cli import arguments, words
from client_access.cli.arguments import Commands
from client_access.cli.catalogues import EXAMPLE
from client_access.cli.failure import Failure
from client_access.cli.screen import Screen
from client_access.cli.stores import opened

LEFT_OUT = 1
PROBLEMS_SHOWN = 20
PROBLEMS_COLUMN = "problems"

_EXAMPLE_ROW = {
    "reference": "1001",
    "kind": "business",
    "business_name": "Example Bakery",
    "email": "bakery@example.com",
    "payer": "practice",
    "contact_name": "Ann Example",
    "phone": "020 7946 0999",
    "address": "1 Example Street\nLondon",
}


def add_to(commands: Commands) -> None:
    """Add the two commands."""
    parser = arguments.add(
        commands, "template", template, "write a CSV file with the columns and one example row"
    )
    parser.add_argument(
        "file", metavar="FILE", nargs="?", type=Path, help="where to; standard output otherwise"
    )

    parser = arguments.add(commands, "import", import_file, "import clients from a CSV file")
    parser.add_argument("file", metavar="FILE", type=Path, help="the CSV file")
    arguments.add_database(parser)
    arguments.add_practice(parser)
    parser.add_argument(
        "--left-out", metavar="FILE", type=Path, help="write the rows that are left out, with why"
    )
    arguments.add_json(parser)


# ── template ─────────────────────────────────────────────────────────────────────────────────────


def template(options: argparse.Namespace) -> int:
    """Write the template."""
    if options.file is None:
        write_clients_csv(sys.stdout.buffer, [_EXAMPLE_ROW])
        return 0
    with _open(options.file, "xb") as file:
        write_clients_csv(file, [_EXAMPLE_ROW])
    return 0


# ── import ───────────────────────────────────────────────────────────────────────────────────────


def import_file(options: argparse.Namespace) -> int:
    """Import a file; the exit status is 1 where a row was left out."""
    by = arguments.practice_of(options)
    report = _Report(keep=None if options.json else PROBLEMS_SHOWN)
    with (
        _open(options.file, "rb") as file,
        opened(options.database, make=True) as repository,
        _progress() as progress,
    ):
        size = options.file.stat().st_size
        counted = progress.wrap_file(file, size, description=options.file.name)
        access = ClientAccess(repository, catalogue=EXAMPLE)  # importing looks at no price
        outcomes = report.of(import_clients(access, read_clients_csv(counted, by=by)))
        _write_left_out(options.left_out, outcomes)
    if options.json:
        arguments.print_json(report.as_json())
    else:
        report.show(Screen(), options.left_out)
    return LEFT_OUT if report.counts[ImportResult.LEFT_OUT] else 0


@final
class _Report:
    """What became of the rows, as they go by.

    Parameters:
        keep: how many problems are kept; all, if None.
    """

    def __init__(self, keep: int | None) -> None:
        self._keep = keep
        self.counts: Counter[ImportResult] = Counter()
        self._kept: list[Problem] = []
        self._problems = 0
        self._ignored: list[str] = []

    def of(self, outcomes: Iterator[ImportOutcome]) -> Iterator[ImportOutcome]:
        """Yield the outcomes as they come, and remember what the report needs of them."""
        for outcome in outcomes:
            if not self.counts:
                self._ignored = unknown_columns(outcome.row.columns)
            self.counts[outcome.result] += 1
            self._problems += len(outcome.problems)
            room = len(outcome.problems) if self._keep is None else self._keep - len(self._kept)
            self._kept.extend(outcome.problems[:room])
            yield outcome

    def as_json(self) -> dict[str, object]:
        """Return the report for programs."""
        return {
            **{result.value: self.counts[result] for result in ImportResult},
            "ignored_columns": self._ignored,
            "problems": [
                {
                    "row": problem.row,
                    "column": problem.column,
                    "code": problem.code.value,
                    "message": problem.message,
                }
                for problem in self._kept
            ],
        }

    def show(self, screen: Screen, left_out: Path | None) -> None:
        """Print the report for people."""
        screen.verdict(words.imported(self.counts), good=not self._problems)
        if self._ignored:
            screen.paragraph(f"Columns not read: {words.listed(self._ignored)}.", indent=6)
        if not self._problems:
            return
        screen.gap()
        for problem in self._kept:
            screen.problem(words.problem(problem))
        if self._problems > len(self._kept):
            screen.paragraph(f"… and {self._problems - len(self._kept):,} more.", indent=6)
        screen.gap()
        screen.paragraph(
            "Correct the rows and import the file again: whoever is there is not added twice."
            if left_out is None
            else f"The rows that were left out are in {left_out}, each with why: correct them"
            " and import that file.",
            indent=6,
        )


def _write_left_out(path: Path | None, outcomes: Iterator[ImportOutcome]) -> None:
    """Go through the outcomes, and write the rows that were left out to a file, if there is one."""
    left_out = (outcome for outcome in outcomes if outcome.result is ImportResult.LEFT_OUT)
    first = next(left_out, None)
    if first is None:
        return
    rest = chain([first], left_out)
    if path is None:
        deque(rest, maxlen=0)
        return
    columns = [column for column in first.row.columns if column != PROBLEMS_COLUMN]
    with _open(path, "wb") as file:
        write_clients_csv(file, map(_with_problems, rest), columns=[*columns, PROBLEMS_COLUMN])


def _with_problems(outcome: ImportOutcome) -> dict[str, str]:
    why = " ".join(words.problem(problem) for problem in outcome.problems)
    return {**outcome.row.texts, PROBLEMS_COLUMN: why}


def _progress() -> Progress:
    console = Console(stderr=True)
    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TaskProgressColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )


def _open(path: Path, mode: str) -> BinaryIO:
    try:
        return cast("BinaryIO", path.open(mode))
    except OSError as problem:
        what = "read" if mode == "rb" else "written"
        raise Failure(f"The file {path} cannot be {what}: {problem.strerror}.") from None
