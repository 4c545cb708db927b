"""The arguments that more than one command takes."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeAlias
from uuid import UUID

from client_access import Catalogue, PracticeUser
from client_access.cli.catalogues import EXAMPLE, read_catalogue
from client_access.cli.failure import Failure

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"
"""Where a command is added."""

Part: TypeAlias = Callable[[argparse.Namespace], int]
"""Does what a command says, and returns the exit status."""

_MOST = 1_000_000


def add(commands: Commands, name: str, part: Part, about: str) -> argparse.ArgumentParser:
    """Add a command, and return its parser."""
    parser = commands.add_parser(name, help=about, description=f"{about[0].upper()}{about[1:]}.")
    parser.set_defaults(part=part)
    return parser


def add_database(parser: argparse.ArgumentParser) -> None:
    """Take the database."""
    parser.add_argument(
        "--database",
        metavar="URL",
        required=True,
        help="such as sqlite:///clients.db or postgresql://user@host/name",
    )


def add_practice(parser: argparse.ArgumentParser, *, required: bool = True) -> None:
    """Take a practice."""
    parser.add_argument("--practice", metavar="ID", required=required, help="the practice's id")


def add_client(parser: argparse.ArgumentParser) -> None:
    """Take a client."""
    parser.add_argument("client", metavar="CLIENT", help="the client's id")


def add_catalogue(parser: argparse.ArgumentParser) -> None:
    """Take a catalogue."""
    parser.add_argument(
        "--catalogue",
        metavar="FILE.json",
        type=Path,
        help="your services and prices; an example's otherwise",
    )


def add_limit(parser: argparse.ArgumentParser, of_what: str) -> None:
    """Take how much is shown."""
    parser.add_argument(
        "--limit",
        metavar="N",
        type=_count,
        default=50,
        help=f"how many {of_what} to show at the most; 50 otherwise",
    )


def _count(text: str) -> int:
    with suppress(ValueError):
        if 1 <= (number := int(text)) <= _MOST:
            return number
    raise argparse.ArgumentTypeError(f"must be a whole number from 1 to {_MOST:,}")


def add_json(parser: argparse.ArgumentParser) -> None:
    """Take whether programs are to read the output."""
    parser.add_argument("--json", action="store_true", help="print JSON, for programs")


def client_of(options: argparse.Namespace) -> UUID:
    """Return the client that is named.

    Raises:
        Failure: it is no id.
    """
    try:
        return UUID(options.client)
    except ValueError:
        raise Failure(f"{options.client} is no client's id, which is a UUID.") from None


def practice_of(options: argparse.Namespace) -> PracticeUser:
    """Return a user of the practice that is named.

    Raises:
        InvalidValue: it cannot be a practice's id.
    """
    return PracticeUser(options.practice, "command line")


def catalogue_of(options: argparse.Namespace) -> Catalogue:
    """Return the catalogue that is named, or the example's.

    Raises:
        Failure: it cannot be read.
    """
    return EXAMPLE if options.catalogue is None else read_catalogue(options.catalogue)


def print_json(value: object) -> None:
    """Print a value for programs, in ASCII, which every stream can write."""
    # Line by line: of a long text that goes out unbuffered, a full disk may take a part, and Python
    # says so with the next one only.
    sys.stdout.writelines(json.dumps(value, indent=2).splitlines(keepends=True))
    sys.stdout.write("\n")
