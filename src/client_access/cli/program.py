"""The parser of the command line."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, final

from client_access.cli import importing, listing, outbox, showing, upkeep

if TYPE_CHECKING:
    from _typeshed import SupportsWrite


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Return the options; `run` is the command's function. Without arguments, print the help."""
    parser = _Parser(
        prog="python -m client_access",
        description="Import clients into a database, see what is in it, and look after it.",
        epilog="Exit status: 0; 1 if a row was left out or a notice is not parked; 2 if the"
        " command failed; 130 if it was interrupted; 141 if the reader of its output closed the"
        " pipe.",
    )
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    for module in (importing, listing, showing, outbox, upkeep):
        module.add_to(commands)
    return parser.parse_args(arguments or ["--help"])


@final
class _Parser(argparse.ArgumentParser):
    """A parser that raises if its help cannot be printed; argparse ignores that."""

    def print_help(self, file: SupportsWrite[str] | None = None) -> None:
        """Print the help."""
        (sys.stdout if file is None else file).write(self.format_help())
