"""The command line's parts, and what is said when one fails."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from client_access import CommandRefused, CorruptRecord, InvalidValue, RepositoryError
from client_access.cli import history, importing, invoicing, listing, outbox, showing, touring
from client_access.cli.arguments import Part
from client_access.cli.failure import Failure

FAILED = 2
BROKEN_OFF = 130


def run(arguments: Sequence[str]) -> int:
    """Do what the command line says, and return the exit status.

    What a person can put right is told in one sentence.
    """
    options = _parser().parse_args(arguments)
    part: Part = options.part
    try:
        status = part(options)
        sys.stdout.flush()
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
    except BrokenPipeError:
        # Whoever read the output has enough. What is still to be flushed goes nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_OFF
    except KeyboardInterrupt:
        message = "Broken off."
        sys.stderr.write(f"{message}\n")
        return BROKEN_OFF
    else:
        return status
    sys.stderr.write(f"{message}\n")
    return FAILED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m client_access",
        description="Without a command: the tour, through every procedure of the guide.",
    )
    touring.add_to(parser)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    for part in (importing, listing, showing, history, invoicing, outbox):
        part.add_to(commands)
    return parser
