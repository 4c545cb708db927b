"""`purge`, `compact` and `refresh`: the upkeep of a database."""

from __future__ import annotations

import argparse

from client_access import utc_now
from client_access.cli import arguments
from client_access.cli.arguments import Commands
from client_access.cli.screen import Screen
from client_access.cli.stores import opened


def add_to(commands: Commands) -> None:
    """Add the three commands."""
    for name, run, about in (
        ("purge", purge, "delete the outcomes of commands that are forgotten; run it every night"),
        ("compact", compact, "rewrite the files, so that nothing erased or deleted is in them"),
        ("refresh", refresh, "write again what a new Python or email-validator folds differently"),
    ):
        arguments.add_database(arguments.add(commands, name, run, about))


def purge(options: argparse.Namespace) -> int:
    """Delete every outcome that is forgotten by now."""
    now, purged = utc_now(), 0
    with opened(options.database) as repository:
        while some := repository.purge(at=now):
            purged += some
    return _done(f"forgotten outcomes deleted: {purged:,}")


def compact(options: argparse.Namespace) -> int:
    """Rewrite the files of the database."""
    with opened(options.database) as repository:
        repository.compact()
    return _done("compacted")


def refresh(options: argparse.Namespace) -> int:
    """Write the columns again that no longer follow from their clients' records."""
    with opened(options.database) as repository:
        written = repository.refresh()
    return _done(f"clients written again: {len(written):,}")


def _done(what: str) -> int:
    Screen().verdict(what, good=True)
    return 0
