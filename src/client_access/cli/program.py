"""The command line's parts, and what is said when one fails."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, final

from client_access import CommandRefused, CorruptRecord, InvalidValue, RepositoryError
from client_access.cli import history, importing, invoicing, listing, outbox, showing, touring
from client_access.cli.arguments import Part
from client_access.cli.failure import FAILED, Failure
from client_access.cli.output import complain, finish

if TYPE_CHECKING:
    from _typeshed import SupportsWrite

ENOUGH = 141
"""What a shell says of a program that wrote to somebody who had gone."""


def run(arguments: Sequence[str]) -> int:
    """Do what the command line says, and return the exit status.

    What a person can put right is told in one sentence.
    """
    try:
        return _done(arguments)
    except BrokenPipeError:
        finish()
        return ENOUGH
    except Failure as failure:
        message = str(failure)
    except CommandRefused as refused:
        message = refused.refusal.message
    except CorruptRecord as corrupt:
        message = f"A stored record cannot be read: {corrupt.reason}."
    except InvalidValue as problem:
        message = f"The {problem.field.replace('_', ' ')} {problem.reason}."
    except RepositoryError as problem:
        message = f"The database does not answer as it should: {problem}."
    except OSError as problem:
        what = "" if problem.filename is None else f" {problem.filename}"
        message = f"Reading or writing{what} failed: {problem.strerror}."
    finish()
    complain(message)
    return FAILED


def _done(arguments: Sequence[str]) -> int:
    try:
        options = _parser().parse_args(arguments)
    except SystemExit:  # it has printed its help, or what is wrong
        sys.stdout.flush()
        raise
    part: Part = options.part
    status = part(options)
    sys.stdout.flush()
    return status


@final
class _Parser(argparse.ArgumentParser):
    """A parser that says so where its help cannot be printed; those of the commands are alike."""

    def print_help(self, file: SupportsWrite[str] | None = None) -> None:
        """Print the help, and raise what the stream raises, which argparse would drop."""
        (sys.stdout if file is None else file).write(self.format_help())


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="python -m client_access",
        description="Without a command: the tour, through every procedure of the guide.",
        epilog="Exit status: 0; 1 where a row was left out, a notice is not parked or a client"
        " differs; 2 for what could not be done at all; 130 where it was broken off; 141 where"
        " whoever reads the output has enough.",
    )
    touring.add_to(parser)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    for part in (importing, listing, showing, history, invoicing, outbox):
        part.add_to(commands)
    return parser
