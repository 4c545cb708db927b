"""`list`: a practice's clients."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from itertools import islice

from client_access import ClientAccess, ClientList, Cursor, Row
from client_access.cli import arguments, words
from client_access.cli.arguments import Commands
from client_access.cli.catalogues import EXAMPLE
from client_access.cli.screen import Screen
from client_access.cli.stores import opened

_PAGE = 1000


def add_to(commands: Commands) -> None:
    """Add the command."""
    parser = arguments.add(commands, "list", list_clients, "list a practice's clients")
    arguments.add_database(parser)
    arguments.add_practice(parser)
    lists = [which.value for which in ClientList]
    parser.add_argument("--list", choices=lists, help="one of the lists; all of them otherwise")
    parser.add_argument("--search", metavar="TEXT", default="", help="what the name contains")
    arguments.add_limit(parser, "rows of each list")
    arguments.add_json(parser)


def list_clients(options: argparse.Namespace) -> int:
    """List a practice's clients."""
    practice_id = arguments.practice_of(options).practice_id
    lists = [which for which in ClientList if options.list in (None, which.value)]
    with opened(options.database) as repository:
        access = ClientAccess(repository, catalogue=EXAMPLE)  # a list shows no price
        found = {
            which: list(
                islice(_rows(access, practice_id, which, options.search), options.limit + 1)
            )
            for which in lists
        }
    if options.json:
        rows = ((which, row) for which, some in found.items() for row in some[: options.limit])
        arguments.print_json([_row_as_json(which, row) for which, row in rows])
        return 0
    screen = Screen()
    for which, some in found.items():
        screen.heading(words.LISTS[which])
        if not some:
            screen.paragraph("nobody", style="dim")
            continue
        for row in some[: options.limit]:
            screen.named(row.business_name, row.label, str(row.client_id))
        if len(some) > options.limit:
            screen.paragraph("… and more; --limit shows them.", style="dim")
    return 0


def _rows(access: ClientAccess, practice_id: str, which: ClientList, search: str) -> Iterator[Row]:
    after: Cursor | None = None
    while True:
        page = access.clients(practice_id, which, search=search, limit=_PAGE, after=after)
        yield from page.rows
        after = page.next
        if after is None:
            return


def _row_as_json(which: ClientList, row: Row) -> dict[str, object]:
    email = row.client.email if row.client else None
    return {
        "client_id": str(row.client_id),
        "list": which.value,
        "kind": row.kind.value,
        "business_name": row.business_name,
        "label": row.label,
        "email": str(email) if email and email.is_mailable else None,
    }
