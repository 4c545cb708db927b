"""`list` and `invoice`: a practice's clients, and what they cost."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from decimal import Decimal
from itertools import islice
from uuid import UUID

from client_access import ClientAccess, ClientList, Cursor, Row
from client_access.cli import arguments, words
from client_access.cli.arguments import Commands
from client_access.cli.ending import Failure
from client_access.cli.screen import Screen, print_json
from client_access.cli.stores import opened
from client_access.questions.billing import total_of, total_of_counts
from client_access.repository import ServiceCounts
from client_access.values.catalogue import InvoiceLine, exact

_PAGE = 1000


def add_to(commands: Commands) -> None:
    """Add the two commands."""
    parser = arguments.add(commands, "list", list_clients, "list a practice's clients")
    arguments.add_database(parser)
    arguments.add_practice(parser)
    lists = [which.value for which in ClientList]
    parser.add_argument("--list", choices=lists, help="one of the lists; default: all of them")
    parser.add_argument(
        "--search", metavar="TEXT", default="", help="what the name or the address contains"
    )
    arguments.add_limit(parser, "rows of each list")
    arguments.add_json(parser)

    parser = arguments.add(
        commands, "invoice", invoice, "show the next invoice of a practice or a client"
    )
    arguments.add_database(parser)
    payer = parser.add_mutually_exclusive_group(required=True)
    payer.add_argument("--practice", metavar="ID", help="the practice's id")
    payer.add_argument("--client", metavar="ID", help="the client's id")
    arguments.add_catalogue(parser)
    arguments.add_limit(parser, "lines", default=None)
    arguments.add_json(parser)


def list_clients(options: argparse.Namespace) -> int:
    """List a practice's clients."""
    practice_id = arguments.practice_of(options).practice_id
    lists = [which for which in ClientList if options.list in (None, which.value)]
    with opened(options.database) as repository:
        access = ClientAccess(repository, catalogue=arguments.EXAMPLE)  # a list shows no price
        unreadable: list[UUID] = []
        found = {
            which: list(
                islice(
                    _rows(access, practice_id, which, options.search, unreadable),
                    options.limit + 1,
                )
            )
            for which in lists
        }
    if options.json:
        rows = ((which, row) for which, some in found.items() for row in some[: options.limit])
        print_json([_row_as_json(which, row) for which, row in rows])
        return _readable(unreadable)
    screen = Screen()
    for which, some in found.items():
        screen.heading(words.LISTS[which])
        if not some:
            screen.paragraph("nobody", style="dim")
            continue
        for row in some[: options.limit]:
            screen.named(row.business_name, row.label, str(row.client_id))
        if len(some) > options.limit:
            screen.paragraph(words.MORE, style="dim")
    return _readable(unreadable)


def _readable(unreadable: Sequence[UUID]) -> int:
    """Return 0, unless some clients are missing from the list."""
    if unreadable:
        raise Failure(f"A stored record cannot be read: {', '.join(map(str, unreadable))}.")
    return 0


def _rows(
    access: ClientAccess,
    practice_id: str,
    which: ClientList,
    search: str,
    unreadable: list[UUID],
) -> Iterator[Row]:
    after: Cursor | None = None
    while True:
        page = access.clients(practice_id, which, search=search, limit=_PAGE, after=after)
        unreadable += page.unreadable
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


def _of_practice(
    access: ClientAccess, options: argparse.Namespace, limit: int | None
) -> tuple[Sequence[InvoiceLine], int, Decimal]:
    """Return the first lines of a practice's next invoice, the number of all lines, and the total.

    If there may be more, the number and the total come from counts: no client is loaded for them.
    """
    practice_id = arguments.practice_of(options).practice_id
    lines = tuple(access.invoice_lines(practice_id, limit=limit))
    if limit is None or len(lines) < limit:
        return lines, len(lines), total_of(lines)
    assert isinstance(access.repository, ServiceCounts)  # as every repository in a database
    counts = access.repository.service_counts(practice_id)
    return lines, sum(counts.values()), total_of_counts(counts, access.catalogue)


def invoice(options: argparse.Namespace) -> int:
    """Show the next invoice of a practice, or of a client that pays for itself."""
    limit = options.limit or (None if options.json else arguments.SHOWN)
    with arguments.access_to(options) as access:
        currency = access.catalogue.currency
        if options.client is None:
            lines, count, total = _of_practice(access, options, limit)
        else:
            invoice = access.next_invoice_of_client(arguments.client_in(access, options).id)
            lines, count, total = invoice.lines[:limit], len(invoice.lines), invoice.total
    if options.json:
        shown = [
            {
                "client_id": str(line.client_id),
                "business_name": line.business_name,
                "service": line.service,
                "monthly_price": str(line.monthly_price),
            }
            for line in lines
        ]
        print_json({"currency": currency, "total": str(total), "lines": shown})
        return 0
    rows = [
        (line.business_name, line.service_name, words.money(line.monthly_price, currency))
        for line in lines
    ]
    if count > len(lines):
        rest = exact().subtract(total, total_of(lines))
        rows.append((f"… {count - len(lines):,} more lines", "", words.money(rest, currency)))
    rows.append(("Total a month", "", words.money(total, currency)))
    screen = Screen()
    screen.table(("client", "service", "price"), rows, right=(2,))
    if options.catalogue is None:
        screen.gap()
        screen.paragraph(words.EXAMPLE_PRICES, style="dim")
    return 0
