"""What the commands share that only look into a database."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager

from client_access import Client, ClientAccess, CommandRefused, PlatformUser
from client_access.cli import arguments
from client_access.cli.catalogues import EXAMPLE_NOTE
from client_access.cli.failure import Failure
from client_access.cli.screen import Screen
from client_access.cli.stores import opened


@contextmanager
def access_to(options: argparse.Namespace) -> Iterator[ClientAccess]:
    """Open the database that is named, with the catalogue that is named.

    Raises:
        Failure: either cannot be opened.
    """
    catalogue = arguments.catalogue_of(options)
    with opened(options.database) as repository:
        yield ClientAccess(repository, catalogue=catalogue)


def client_in(access: ClientAccess, options: argparse.Namespace) -> Client:
    """Return the client that is named.

    Raises:
        Failure: there is none.
    """
    client_id = arguments.client_of(options)
    try:
        return access.client(client_id, PlatformUser())
    except CommandRefused:
        raise Failure(f"There is no client {client_id}, or it has been deleted.") from None


def note_prices(screen: Screen, options: argparse.Namespace) -> None:
    """Say so where prices are an example's."""
    if options.catalogue is None:
        screen.gap()
        screen.paragraph(EXAMPLE_NOTE, style="dim")
