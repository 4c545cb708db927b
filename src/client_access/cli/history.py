"""`history`: what happened to a client."""

from __future__ import annotations

import argparse

from client_access.cli import arguments, words
from client_access.cli.arguments import Commands
from client_access.cli.failure import Failure
from client_access.cli.screen import Screen
from client_access.cli.stores import opened
from client_access.wire import dump


def add_to(commands: Commands) -> None:
    """Add the command."""
    parser = arguments.add(commands, "history", history, "show what happened to a client")
    arguments.add_client(parser)
    arguments.add_database(parser)
    arguments.add_catalogue(parser)
    arguments.add_json(parser)


def history(options: argparse.Namespace) -> int:
    """Show what happened to a client, a deleted one too."""
    client_id, catalogue = arguments.client_of(options), arguments.catalogue_of(options)
    with opened(options.database) as repository:
        events = repository.history(client_id)
    if not events:
        raise Failure(f"There is no client {client_id}.")
    if options.json:
        arguments.print_json([dump(event) for event in events])
        return 0
    Screen().table(
        ("", "when (UTC)", "by", "what"),
        [
            (
                str(event.version),
                f"{event.at:%Y-%m-%d %H:%M}",
                f"{words.actor(event.by).lower()} {event.by.user}".strip(),
                words.happened(event, catalogue),
            )
            for event in events
        ],
        right=(0,),
    )
    return 0
