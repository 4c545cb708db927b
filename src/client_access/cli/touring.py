"""The tour, as the command line starts it."""

from __future__ import annotations

import argparse
from importlib.resources import as_file, files
from pathlib import Path
from tempfile import TemporaryDirectory

from client_access.cli.failure import Failure
from client_access.cli.output import complain
from client_access.cli.screen import Screen
from client_access.cli.stores import opened, shown
from client_access.cli.tour.play import play
from client_access.cli.tour.stage import TourBroken

DIFFERENT = 1


def add_to(parser: argparse.ArgumentParser) -> None:
    """Take the tour's arguments."""
    parser.add_argument(
        "--database", metavar="URL", help="keep the tour's database; a temporary one otherwise"
    )
    parser.add_argument(
        "--clients", metavar="FILE.csv", type=Path, help="clients of your own for the tour"
    )
    parser.set_defaults(part=tour)


def tour(options: argparse.Namespace) -> int:
    """Walk through every procedure; the exit status is 1 where a client differs."""
    try:
        if options.database is not None:
            return _play(options.database, shown(options.database), options.clients)
        with TemporaryDirectory(prefix="client-access-") as directory:
            url = f"sqlite:///{Path(directory, 'tour.db')}"
            where = "temporary; keep one with --database sqlite:///tour.db"
            return _play(url, where, options.clients)
    except TourBroken as broken:
        complain(f"The tour broke off: {broken}.")
        return DIFFERENT


def _play(url: str, where: str, clients: Path | None) -> int:
    example = files("client_access") / "examples" / "clients.csv"
    with as_file(example) as shipped, opened(url, make=True) as repository:
        file = shipped if clients is None else clients
        if not file.is_file():
            raise Failure(f"There is no file {file}.")
        name = "clients.csv, shipped as an example" if clients is None else str(file)
        equal = play(
            repository,
            file=file,
            screen=Screen(),
            about=(("database", where), ("clients", name)),
            every_client=repository.client_ids,
        )
    return 0 if equal else DIFFERENT
