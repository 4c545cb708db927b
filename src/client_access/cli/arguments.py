"""The arguments that more than one command takes."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from decimal import Decimal
from pathlib import Path
from typing import TypeAlias
from uuid import UUID

from client_access import (
    Catalogue,
    Client,
    ClientAccess,
    CommandRefused,
    InvalidValue,
    PlatformUser,
    PracticeUser,
    Service,
)
from client_access.cli.ending import Failure
from client_access.cli.stores import opened

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"
"""The commands that a parser knows."""

EXAMPLE = Catalogue(
    [
        Service("start", "Start", Decimal("6.00"), needs_setup=True),
        Service("accounting", "Accounting", Decimal("12.00"), needs_setup=True),
        Service("payroll", "Payroll", Decimal("7.50")),
        Service("expenses", "Expenses", Decimal("3.25")),
    ]
)
"""The catalogue that is used if none is given; its prices are made up."""

_LARGEST = 1_000_000


def add(
    commands: Commands, name: str, run: Callable[[argparse.Namespace], int], about: str
) -> argparse.ArgumentParser:
    """Add a command and return its parser."""
    parser = commands.add_parser(name, help=about, description=f"{about[0].upper()}{about[1:]}.")
    parser.set_defaults(run=run)
    return parser


def add_database(parser: argparse.ArgumentParser) -> None:
    """Add `--database`."""
    parser.add_argument(
        "--database",
        metavar="URL",
        required=True,
        help="such as sqlite:///clients.db or postgresql://user@host/name",
    )


def add_practice(parser: argparse.ArgumentParser) -> None:
    """Add `--practice`."""
    parser.add_argument("--practice", metavar="ID", required=True, help="the practice's id")


def add_client(parser: argparse.ArgumentParser) -> None:
    """Add the client."""
    parser.add_argument("client", metavar="CLIENT", help="the client's id")


def add_catalogue(parser: argparse.ArgumentParser) -> None:
    """Add `--catalogue`."""
    parser.add_argument(
        "--catalogue",
        metavar="FILE.json",
        type=Path,
        help="your services and prices; default: an example",
    )


SHOWN = 50


def add_limit(
    parser: argparse.ArgumentParser, of_what: str, *, default: int | None = SHOWN
) -> None:
    """Add `--limit`."""
    parser.add_argument(
        "--limit",
        metavar="N",
        type=_count,
        default=default,
        help=f"how many {of_what} to show at most; default: {SHOWN}"
        + ("" if default else ", and all with --json"),
    )


def add_after(parser: argparse.ArgumentParser) -> None:
    """Add `--after`."""
    parser.add_argument(
        "--after",
        metavar="VERSION",
        type=_count,
        default=0,
        help="show only what happened after this version of the client",
    )


def _count(text: str) -> int:
    with suppress(ValueError):
        if 1 <= (number := int(text)) <= _LARGEST:
            return number
    raise argparse.ArgumentTypeError(f"must be a whole number from 1 to {_LARGEST:,}")


def add_json(parser: argparse.ArgumentParser) -> None:
    """Add `--json`."""
    parser.add_argument("--json", action="store_true", help="print JSON, for programs")


def to_id(text: str, of_what: str) -> UUID:
    """Return the id that a text holds.

    Raises:
        Failure: it is not a UUID.
    """
    try:
        return UUID(text)
    except ValueError:
        raise Failure(f"{text} is not a {of_what}'s id, which is a UUID.") from None


def practice_of(options: argparse.Namespace) -> PracticeUser:
    """Return a user of the practice.

    Raises:
        InvalidValue: the practice's id is malformed.
    """
    return PracticeUser(options.practice, "command line")


@contextmanager
def access_to(options: argparse.Namespace) -> Iterator[ClientAccess]:
    """Open the database, with the catalogue.

    Raises:
        Failure: either cannot be opened.
    """
    catalogue = catalogue_of(options)
    with opened(options.database) as repository:
        yield ClientAccess(repository, catalogue=catalogue)


def client_in(access: ClientAccess, options: argparse.Namespace) -> Client:
    """Return the client.

    Raises:
        Failure: there is no such client.
    """
    client_id = to_id(options.client, "client")
    try:
        return access.client(client_id, PlatformUser())
    except CommandRefused:
        raise Failure(f"There is no client {client_id}, or it has been deleted.") from None


def catalogue_of(options: argparse.Namespace) -> Catalogue:
    """Return the catalogue, or the example if none is given.

    Raises:
        Failure: the file cannot be read, or is not a catalogue.
    """
    return EXAMPLE if options.catalogue is None else _read_catalogue(options.catalogue)


def _read_catalogue(path: Path) -> Catalogue:
    """Return the catalogue in a JSON file.

    The file holds an object with a `currency` and `services`, a list of objects with `code`,
    `name`, `monthly_price` (text or number) and, optionally, `needs_setup`, `offered` and
    `capabilities`.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"), parse_float=Decimal)
        return Catalogue(
            [_service(item) for item in content["services"]], content.get("currency", "GBP")
        )
    except OSError as problem:
        raise Failure(f"The catalogue {path} cannot be read: {problem.strerror}.") from None
    except InvalidValue as problem:
        raise Failure(f"The catalogue {path} is not valid: {problem}.") from None
    except (ValueError, TypeError, KeyError, AttributeError, ArithmeticError, RecursionError):
        raise Failure(
            f"The catalogue {path} is not a JSON object with a list of services, each with a code,"
            " a name and a monthly_price."
        ) from None


def _service(item: dict[str, object]) -> Service:
    given = ("needs_setup", "offered", "capabilities")
    options = {name: item[name] for name in given if name in item}
    return Service(
        item["code"],  # type: ignore[arg-type]  # Service checks the types of what a file holds
        item["name"],  # type: ignore[arg-type]  # likewise
        Decimal(str(item["monthly_price"])),
        **options,  # type: ignore[arg-type]  # likewise
    )
