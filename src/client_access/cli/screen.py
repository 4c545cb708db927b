"""Printing for people and for programs."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Iterable, Sequence
from typing import TextIO, final

from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from client_access.cli.ending import harmless

WIDEST = 100
"""The widest line: longer ones are hard to read, however wide the terminal is."""

YES, NO, HELPS = "✓", "✗", "→"


def print_json(value: object) -> None:
    """Print a value for programs, in ASCII, which every stream can write."""
    # Line by line: if a full disk takes only a part of a text, Python reports it at the next one.
    sys.stdout.writelines(json.dumps(value, indent=2).splitlines(keepends=True))
    sys.stdout.write("\n")


def print_json_list(values: Iterable[object]) -> None:
    """Print a list for programs, each value as it comes."""
    start = "["
    for value in values:
        sys.stdout.write(f"{start}\n")
        sys.stdout.writelines(
            f"  {line}" for line in json.dumps(value, indent=2).splitlines(keepends=True)
        )
        start = ","
    sys.stdout.write("[]\n" if start == "[" else "\n]\n")


@final
class _Console(Console):
    """A console that raises when nobody reads its output; rich would exit, with status 1."""

    def on_broken_pipe(self) -> None:
        """Raise the error."""
        raise BrokenPipeError


class Screen:
    """Prints text as it is: no markup, no emoji, and nothing that controls the terminal.

    Parameters:
        stream: where to print; standard output if None.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        stream = sys.stdout if stream is None else stream
        # A terminal that lacks a character shows "?" for it, which is better than a traceback.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
        self._console = _Console(file=stream, highlight=False, markup=False, emoji=False)
        self._console.width = min(self._console.width, WIDEST)
        self._after_gap = False

    def gap(self) -> None:
        """Print an empty line, unless the last line is empty."""
        if not self._after_gap:
            self._console.print()
        self._after_gap = True

    def heading(self, text: str) -> None:
        """Print a heading, with a thin line to the right of it."""
        self.gap()
        self.print(Rule(to_text(text, "bold"), align="left", characters="─", style="dim"))

    def paragraph(self, text: str | Text, *, style: str = "", indent: int = 0) -> None:
        """Print a paragraph."""
        self.print(Padding(to_text(text, style), (0, 0, 0, indent)))

    def line(
        self,
        text: str | Text,
        *,
        mark: str = "",
        mark_style: str = "",
        style: str = "",
        indent: int = 0,
    ) -> None:
        """Print text, with a mark in front of it; lines after the first begin below the text."""
        grid = Table.grid(padding=0)
        cells: list[RenderableType] = []
        if mark:
            grid.add_column(width=2, no_wrap=True)
            cells.append(to_text(mark, mark_style))
        grid.add_column(overflow="fold")
        grid.add_row(*cells, to_text(text, style))
        self.print(Padding(grid, (0, 0, 0, indent)))

    def problem(self, text: str) -> None:
        """Print a problem."""
        self.line(text, mark=NO, mark_style="red", indent=4)

    def verdict(self, text: str, *, good: bool) -> None:
        """Print a result."""
        mark, style = (YES, "bold green") if good else (NO, "bold red")
        self.line(text, mark=mark, mark_style=style, style="bold", indent=4)

    def facts(self, rows: Iterable[tuple[str, str]], *, indent: int) -> None:
        """Print names with values beside them."""
        grid = Table.grid(padding=(0, 2, 0, 0))
        grid.add_column(style="dim", no_wrap=True)
        grid.add_column(overflow="fold")
        for name, value in rows:
            grid.add_row(to_text(name), to_text(value))
        self.print(Padding(grid, (0, 0, 0, indent)))

    def table(
        self,
        columns: Sequence[str],
        rows: Iterable[Sequence[str]],
        *,
        indent: int = 0,
        right: Sequence[int] = (),
    ) -> None:
        """Print rows without boxes.

        Parameters:
            columns: the names of the columns; no header if all are empty.
            rows: the cells of each row.
            indent: the width of the left margin.
            right: the columns that are aligned right.
        """
        table = Table(
            box=None,
            padding=(0, 2, 0, 0),
            pad_edge=False,
            show_header=any(columns),
            header_style="dim",
        )
        for place, name in enumerate(columns):
            table.add_column(name, justify="right" if place in right else "left", overflow="fold")
        for row in rows:
            table.add_row(*map(to_text, row))
        self.print(Padding(table, (0, 0, 0, indent)))

    def named(self, name: str, about: str, under: str) -> None:
        """Print a name, with some text beside it and some below it."""
        grid = Table.grid(padding=(0, 2, 0, 0))
        grid.add_column(width=38, overflow="fold")
        grid.add_column(overflow="fold")
        grid.add_row(to_text(Text.assemble(name, "\n", (under, "dim"))), to_text(about))
        self.print(grid)

    def print(self, renderable: RenderableType) -> None:
        """Print what rich can render; its text must have gone through :func:`to_text`."""
        self._after_gap = False
        if self._console.is_terminal:
            self._console.print(renderable)
            return
        with self._console.capture() as captured:
            self._console.print(renderable)
        # Rich pads its lines with blanks, which a file does not need.
        for line in captured.get().splitlines():
            self._console.out(line.rstrip(), highlight=False)


def to_text(text: str | Text, style: str = "") -> Text:
    """Return text for rich, without anything that controls the terminal."""
    if isinstance(text, str):
        return Text(harmless(text), style=style)
    shown = text.copy()
    # Each character is replaced by one, so every style stays in its place.
    shown.plain = harmless(text.plain)
    return shown
