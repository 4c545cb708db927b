"""`template` and `import`: clients from a CSV file."""

from __future__ import annotations

import argparse
import os
import secrets
import sys
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import BinaryIO, Literal, final

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from client_access import ClientAccess, PracticeUser
from client_access.batch import (
    CsvRow,
    ImportOutcome,
    ImportResult,
    Problem,
    ProblemCode,
    import_clients,
    read_clients_csv,
    unknown_columns,
    write_clients_csv,
)
from client_access.cli import arguments, keys, words
from client_access.cli.arguments import Commands
from client_access.cli.ending import Failure, harmless
from client_access.cli.screen import Screen, print_json
from client_access.cli.stores import file_of, on_server, opened

PROBLEMS_SHOWN = 20
PROBLEMS_COLUMN = "problems"

_IN_DOUBT = (
    "The row was left out before, and a client with its reference, address or name exists now. If"
    " that is a different client, give the row its own reference or address; if it is the same"
    " client, remove the row."
)

_BESIDE_A_DATABASE = ("-wal", "-shm", "-journal")
"""The endings of SQLite's own files beside a database, which may hold rows too."""

_COLUMNS = (
    "The columns may be in any order, and only business_name is required. kind is business or"
    " individual; payer is practice or client. A client that is imported again is recognised by"
    " your reference, or else by its address, or else by its name."
)


def add_to(commands: Commands) -> None:
    """Add the two commands."""
    parser = arguments.add(
        commands, "template", template, "write an empty CSV file with the columns to fill in"
    )
    parser.epilog = _COLUMNS
    parser.add_argument(
        "file", metavar="FILE", nargs="?", type=Path, help="the new file; default: standard output"
    )

    parser = arguments.add(commands, "import", import_file, "import clients from a CSV file")
    parser.epilog = _COLUMNS
    parser.add_argument("file", metavar="FILE", type=Path, help="the CSV file")
    arguments.add_database(parser)
    arguments.add_practice(parser)
    parser.add_argument(
        "--key-file",
        metavar="FILE",
        type=Path,
        help="the secret key that makes the ids of clients; made if it does not exist; default: the"
        f" database's file with {keys.ENDING} added",
    )
    parser.add_argument(
        "--encoding",
        metavar="NAME",
        default="utf-8",
        help="how the file encodes text, such as cp1252 or utf-16; default: utf-8",
    )
    parser.add_argument(
        "--left-out",
        metavar="FILE",
        type=Path,
        help="write the rows that are left out to this file, with the reasons",
    )
    arguments.add_json(parser)


# ── template ─────────────────────────────────────────────────────────────────────────────────────


def template(options: argparse.Namespace) -> int:
    """Write an empty CSV file with every column."""
    if options.file is None:
        write_clients_csv(sys.stdout.buffer, [])
        return 0
    with _writing(options.file, "xb") as file:
        write_clients_csv(file, [])
    return 0


# ── import ───────────────────────────────────────────────────────────────────────────────────────


def import_file(options: argparse.Namespace) -> int:
    """Import a file; the exit status is 1 if a row was left out."""
    by = arguments.practice_of(options)
    if options.key_file is None and on_server(options.database):
        raise Failure("Name a file for the secret key with --key-file: the database has none.")
    _check_left_out(options.left_out, options.file, "the file to import")
    report = _Report(keep=None if options.json else PROBLEMS_SHOWN)
    try:
        _import(options, by, report)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(words.interrupted(report.last_row, report.counts)) from None
    if options.json:
        print_json(report.as_json())
    else:
        report.show(Screen(), options.left_out)
    return 1 if report.counts[ImportResult.LEFT_OUT] else 0


def _import(options: argparse.Namespace, by: PracticeUser, report: _Report) -> None:
    with (
        _reading(options.file) as file,
        opened(options.database, make=True) as repository,
        _progress() as progress,
    ):
        # Not before: opening the database may have created its file.
        secret_key = _secret_key(options, file_of(options.database))
        size = os.fstat(file.fileno()).st_size
        counted = progress.wrap_file(file, size, description=harmless(options.file.name))
        access = ClientAccess(repository, catalogue=arguments.EXAMPLE)  # no price is needed
        rows = read_clients_csv(counted, by=by, secret_key=secret_key, encoding=options.encoding)
        outcomes = _in_doubt_left_out(import_clients(access, _rows(options.file, rows)))
        _write_left_out(options.left_out, report.of(outcomes))


def _secret_key(options: argparse.Namespace, database: Path | None) -> bytes:
    """Return the secret key, once it is certain that --left-out does not overwrite anything."""
    if database is not None:
        _check_left_out(options.left_out, database, "the database")
        for ending in _BESIDE_A_DATABASE:
            file = database.with_name(database.name + ending)
            _check_left_out(options.left_out, file, "a file of the database")
    key_file = options.key_file or (database and keys.beside(database))
    if key_file is None:  # a database in memory, which nothing is imported into again
        return secrets.token_bytes(32)
    _check_left_out(options.left_out, key_file, "the secret key")
    return keys.key_in(key_file)


@final
class _Report:
    """Counts the rows, and keeps their problems.

    Parameters:
        keep: how many problems to keep; all, if None.
    """

    def __init__(self, keep: int | None) -> None:
        self._keep = keep
        self.counts: Counter[ImportResult] = Counter()
        self._kept: list[Problem] = []
        self._problems = 0
        self.last_row = 0
        self._ignored: list[str] = []
        self._has_rows = True

    def of(self, outcomes: Iterator[ImportOutcome]) -> Iterator[ImportOutcome]:
        """Yield the outcomes unchanged, and remember what the report needs."""
        for outcome in outcomes:
            if not self.counts:
                columns = outcome.row.columns
                self._ignored = unknown_columns(columns[_places_of_problems(columns) :])
                self._has_rows = bool(columns)
            counts = self.counts.copy()
            counts[outcome.result] += 1
            # At once, because a signal may come at any call.
            self.last_row, self.counts = outcome.row.number, counts
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
            names = words.listed(" ".join(column.split()) for column in self._ignored)
            screen.paragraph(f"Columns not read: {names}.", indent=6)
        if not self._problems:
            return
        screen.gap()
        for problem in self._kept:
            screen.problem(words.problem(problem))
        if self._problems > len(self._kept):
            screen.paragraph(f"… and {self._problems - len(self._kept):,} more.", indent=6)
        screen.gap()
        screen.paragraph(self._what_next(left_out), indent=6)

    def _what_next(self, left_out: Path | None) -> str:
        if not self._has_rows:
            return "Correct the file and import it again."
        if left_out is None:
            return "Correct the rows and import the file again: no client is added twice."
        return (
            f"The rows that were left out are in {left_out}, with the reasons. Correct them and"
            " import that file, with a different one for --left-out."
        )


def _check_left_out(left_out: Path | None, file: Path, what: str) -> None:
    """Check that the rows that are left out do not overwrite a file, under any of its names.

    Raises:
        Failure: they would.
    """
    if left_out is None:
        return
    # By name too: a file that does not exist yet may be created by the import.
    by_name = os.path.realpath(left_out) == os.path.realpath(file)
    if by_name or (left_out.exists() and file.exists() and left_out.samefile(file)):
        raise Failure(f"--left-out must be a different file: {left_out} is {what}.")


def _rows(path: Path, rows: Iterator[CsvRow]) -> Iterator[CsvRow]:
    """Yield the rows of a file; name the file if it cannot be read to its end."""
    try:
        yield from rows
    except OSError as problem:
        raise _cannot("read", path, problem) from None


def _in_doubt_left_out(outcomes: Iterator[ImportOutcome]) -> Iterator[ImportOutcome]:
    """Yield the outcomes, but leave out again a row that was left out and now seems imported.

    The client that exists may belong to an earlier row, with the same name or address, that was
    imported the first time.
    """
    for outcome in outcomes:
        row = outcome.row
        was_left_out = any(row.cells[: _places_of_problems(row.columns)])
        if was_left_out and outcome.result is ImportResult.ALREADY_THERE:
            problem = Problem(row.number, None, ProblemCode.SAME_CLIENT, _IN_DOUBT)
            yield ImportOutcome(row, ImportResult.LEFT_OUT, (problem,))
        else:
            yield outcome


def _places_of_problems(columns: tuple[str, ...]) -> int:
    """Return how many cells at the start of a row say why it was left out before: 1 or 0."""
    return 1 if columns[:1] == (PROBLEMS_COLUMN,) else 0


def _write_left_out(path: Path | None, outcomes: Iterator[ImportOutcome]) -> None:
    """Go through all outcomes, and write the rows that were left out to a file.

    The problems are in the first column, so that the cells follow as they are, however many.
    """
    left_out = (outcome for outcome in outcomes if outcome.result is ImportResult.LEFT_OUT)
    first = next(left_out, None)
    if first is None:
        return
    rest = chain([first], left_out)
    columns = first.row.columns
    if path is None or not columns:
        deque(rest, maxlen=0)
        return
    # Problems from an earlier import are dropped: they may have been corrected.
    start = _places_of_problems(columns)
    with _writing(path, "wb") as file:
        cells = ((_why(outcome), *outcome.row.cells[start:]) for outcome in rest)
        write_clients_csv(file, cells, columns=(PROBLEMS_COLUMN, *columns[start:]))


def _why(outcome: ImportOutcome) -> str:
    return " ".join(words.problem(problem) for problem in outcome.problems)


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


@contextmanager
def _writing(path: Path, mode: Literal["wb", "xb"]) -> Iterator[BinaryIO]:
    try:
        with path.open(mode) as file:
            yield file
    except OSError as problem:
        raise _cannot("written", path, problem) from None


def _reading(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except OSError as problem:
        raise _cannot("read", path, problem) from None


def _cannot(what: str, path: Path, problem: OSError) -> Failure:
    return Failure(f"The file {path} cannot be {what}: {problem.strerror}.")
