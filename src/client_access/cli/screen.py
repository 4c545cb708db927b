"""Printing for people: quiet headings, hanging indents, no colour where nobody would see it."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterable, Sequence
from typing import TextIO, final

from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from client_access import Refusal
from client_access.cli.output import harmless

WIDEST = 100
"""Longer lines are hard to read, however wide the terminal."""

GUTTER = 10
"""Where text begins that stands beside who asks."""

YES, NO, SENT, HELPS = "✓", "✗", "✉", "→"


@final
class _Console(Console):
    """A console that leaves it to the command line what to do when nobody reads its output."""

    def on_broken_pipe(self) -> None:
        """Tell it as Python does; rich would end the program here, and with another status."""
        raise BrokenPipeError


@final
class Screen:
    """Where the command line prints what it is given: no markup, no emoji, no guesses.

    What comes from a file or a database commands no terminal: all text is made harmless here.

    Parameters:
        stream: where to; standard output if None.
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
        """Leave a line empty, if none is yet."""
        if not self._after_gap:
            self._console.print()
        self._after_gap = True

    def heading(self, text: str) -> None:
        """Print a heading, with a thin line to the right of it."""
        self.gap()
        self._print(Rule(_text(text, "bold"), align="left", characters="─", style="dim"))

    def paragraph(self, text: str | Text, *, style: str = "", indent: int = 0) -> None:
        """Print a paragraph."""
        self._print(Padding(_text(text, style), (0, 0, 0, indent)))

    def line(
        self,
        text: str | Text,
        *,
        label: str = "",
        mark: str = "",
        style: str = "",
        mark_style: str = "",
        label_style: str = "dim",
        gutter: int = GUTTER,
    ) -> None:
        """Print text beside a label, or a mark, or both, wrapped where it begins."""
        grid = Table.grid(padding=0)
        cells: list[RenderableType] = []
        if gutter:
            grid.add_column(width=gutter, no_wrap=True)
            cells.append(_text(label, label_style))
        if mark:
            grid.add_column(width=2, no_wrap=True)
            cells.append(_text(mark, mark_style))
        grid.add_column(overflow="fold")
        grid.add_row(*cells, _text(text, style))
        self._print(grid)

    def accepted(self, text: str | Text) -> None:
        """Print what a command has led to."""
        self.line(text, mark=YES, mark_style="green")

    def sent(self, to: str, text: str) -> None:
        """Print whom a notice tells what."""
        self.line(f"To {to}: {text}", mark=SENT, mark_style="yellow", style="dim")

    def refused(self, refusal: Refusal, *, gutter: int = GUTTER) -> None:
        """Print a refusal: its reason, its rule, its ways out."""
        code = Text.assemble((refusal.code.value, "red"), (f", rule {refusal.rule}", "dim"))
        self.line(code, mark=NO, mark_style="red", gutter=gutter)
        self.line(refusal.message, gutter=gutter + 2)
        for step in refusal.ways_out:
            self.line(step.sentence, mark=HELPS, mark_style="dim", style="dim", gutter=gutter + 2)

    def problem(self, text: str) -> None:
        """Print something that is wrong."""
        self.line(text, mark=NO, mark_style="red", gutter=4)

    def verdict(self, text: str, *, good: bool) -> None:
        """Print what it all comes to."""
        mark, style = (YES, "bold green") if good else (NO, "bold red")
        self.line(text, mark=mark, mark_style=style, style="bold", gutter=4)

    def facts(self, rows: Iterable[tuple[str, str]], *, indent: int = GUTTER + 2) -> None:
        """Print names with values beside them."""
        grid = Table.grid(padding=(0, 2, 0, 0))
        grid.add_column(style="dim", no_wrap=True)
        grid.add_column(overflow="fold")
        for name, value in rows:
            grid.add_row(_text(name), _text(value))
        self._print(Padding(grid, (0, 0, 0, indent)))

    def table(
        self,
        columns: Sequence[str],
        rows: Iterable[Sequence[str]],
        *,
        indent: int = 0,
        right: Sequence[int] = (),
    ) -> None:
        """Print rows under quiet column names; no boxes.

        Parameters:
            columns: the names; all empty for none.
            rows: the cells of each row.
            indent: how far from the left.
            right: the columns that are set flush right.
        """
        named = any(columns)
        table = Table(
            box=None, padding=(0, 2, 0, 0), pad_edge=False, show_header=named, header_style="dim"
        )
        for place, name in enumerate(columns):
            table.add_column(name, justify="right" if place in right else "left", overflow="fold")
        for row in rows:
            table.add_row(*map(_text, row))
        self._print(Padding(table, (0, 0, 0, indent)))

    def named(self, name: str, about: str, under: str) -> None:
        """Print a name with something about it beside it, and something beneath it."""
        grid = Table.grid(padding=(0, 2, 0, 0))
        grid.add_column(width=38, overflow="fold")
        grid.add_column(overflow="fold")
        grid.add_row(_text(Text.assemble(name, "\n", (under, "dim"))), _text(about))
        self._print(grid)

    def excerpt(self, title: str, rows: Iterable[tuple[str, str]]) -> None:
        """Print some rows of a list under its title, set off by a line at the left."""
        grid = Table.grid(padding=(0, 2, 0, 0))
        grid.add_column(style="dim", no_wrap=True)
        grid.add_column(min_width=31, overflow="fold")
        grid.add_column(style="dim", overflow="fold")
        for name, label in rows:
            grid.add_row(Text("│"), _text(name), _text(label))
        self.gap()
        self.paragraph(title, style="dim", indent=3)
        self._print(Padding(grid, (0, 0, 0, 3)))

    def _print(self, renderable: RenderableType) -> None:
        self._after_gap = False
        if self._console.is_terminal:
            self._console.print(renderable)
            return
        with self._console.capture() as captured:
            self._console.print(renderable)
        # Rich fills its lines up with blanks, which have no place in a file.
        for line in captured.get().splitlines():
            self._console.out(line.rstrip(), highlight=False)


def _text(text: str | Text, style: str = "") -> Text:
    if isinstance(text, str):
        return Text(harmless(text), style=style)
    shown = text.copy()
    # Each character is replaced by one, so that what is styled stays in its place.
    shown.plain = harmless(text.plain)
    return shown
