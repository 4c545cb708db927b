"""Printing: the screen of the command line, with the lines that only the tour prints."""

from __future__ import annotations

from collections.abc import Iterable
from typing import final

from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from client_access import Refusal, WayOut
from client_access.cli.screen import HELPS, NO, YES, Screen, to_text

SENT = "✉"

MARGIN = 10
"""The width of the column that names who asks."""


@final
class TourScreen(Screen):
    """Prints who asks for what, and what comes of it."""

    def asked(self, who: str, request: str, call: str) -> None:
        """Print who asks for what, and the call that does it."""
        grid = Table.grid(padding=0)
        grid.add_column(width=MARGIN, no_wrap=True)
        grid.add_column(overflow="fold")
        grid.add_row(to_text(who, "cyan"), to_text(request))
        grid.add_row("", to_text(call, "dim"))
        self.gap()
        self.print(grid)

    def accepted(self, text: str | Text) -> None:
        """Print what a command led to."""
        self.line(text, mark=YES, mark_style="green", indent=MARGIN)

    def sent(self, to: str, text: str) -> None:
        """Print a notice and its recipient."""
        self.line(f"To {to}: {text}", mark=SENT, mark_style="yellow", style="dim", indent=MARGIN)

    def refused(self, refusal: Refusal, asked: str = "") -> None:
        """Print a refusal: its code, its rule, its reason and its ways out.

        Parameters:
            refusal: the refusal.
            asked: what is refused, if that was not printed before.
        """
        what = f"{asked}: " if asked else ""
        code = Text.assemble(what, (refusal.code.value, "red"), (f", rule {refusal.rule}", "dim"))
        self.line(code, mark=NO, mark_style="red", indent=MARGIN)
        self.line(refusal.message, indent=MARGIN + 2)
        self.helps(refusal.ways_out)

    def helps(self, steps: Iterable[WayOut]) -> None:
        """Print the steps that help."""
        for step in steps:
            self.line(step.sentence, mark=HELPS, mark_style="dim", style="dim", indent=MARGIN + 2)

    def excerpt(self, title: str, call: str, rows: Iterable[tuple[str, str]]) -> None:
        """Print some rows of a list below its title and call, with a line at their left."""
        grid = Table.grid(padding=(0, 2, 0, 0))
        grid.add_column(style="dim", no_wrap=True)
        grid.add_column(min_width=31, overflow="fold")
        grid.add_column(style="dim", overflow="fold")
        for name, label in rows:
            grid.add_row(Text("│"), to_text(name), to_text(label))
        self.gap()
        self.paragraph(title, indent=3)
        self.paragraph(call, style="dim", indent=3)
        self.print(Padding(grid, (0, 0, 0, 3)))
