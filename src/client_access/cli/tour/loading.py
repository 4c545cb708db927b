"""The batch of the tour: a CSV file is imported, twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import IO

from attrs import evolve

from client_access.batch import (
    CsvRow,
    ImportResult,
    Problem,
    import_clients,
    read_clients_csv,
)
from client_access.cli import words
from client_access.cli.screen import GUTTER
from client_access.cli.tour.stage import Stage

PROBLEMS_SHOWN = 5


def import_twice(stage: Stage) -> None:
    """Import the file, and show that doing so again adds nobody twice."""
    stage.asks(f"imports {stage.file.name}.")
    problems = _import(stage)
    for problem in problems[:PROBLEMS_SHOWN]:
        stage.screen.line(words.problem(problem), gutter=GUTTER + 2)
    if len(problems) > PROBLEMS_SHOWN:
        more = len(problems) - PROBLEMS_SHOWN
        stage.screen.line(f"… and {more} more.", gutter=GUTTER + 2, style="dim")
    stage.asks("imports the same file again, by mistake.")
    _import(stage)


def _import(stage: Stage) -> list[Problem]:
    counts: Counter[ImportResult] = Counter()
    problems: list[Problem] = []
    with stage.file.open("rb") as file:
        for outcome in import_clients(stage.access, _rows(stage, file)):
            counts[outcome.result] += 1
            problems.extend(outcome.problems)
            command = outcome.row.command
            if command is not None and outcome.result is ImportResult.ADDED:
                stage.imported(command)
    stage.answer(words.imported(counts))
    return problems


def _rows(stage: Stage, file: IO[bytes]) -> Iterator[CsvRow]:
    for row in read_clients_csv(file, by=stage.practice):
        command = row.command
        yield row if command is None else evolve(row, command=stage.of_this_walk(command))
