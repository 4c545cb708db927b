"""`invoice`: the next monthly invoice of a practice, or of a client that pays itself."""

from __future__ import annotations

import argparse

from client_access.cli import arguments, words
from client_access.cli.arguments import Commands
from client_access.cli.reading import access_to, client_in, note_prices
from client_access.cli.screen import Screen
from client_access.questions.billing import total_of


def add_to(commands: Commands) -> None:
    """Add the command."""
    parser = arguments.add(
        commands, "invoice", invoice, "show the next invoice of a practice or of a client"
    )
    arguments.add_database(parser)
    payer = parser.add_mutually_exclusive_group(required=True)
    payer.add_argument("--practice", metavar="ID", help="the practice's id")
    payer.add_argument("--client", metavar="ID", help="the client's id")
    arguments.add_catalogue(parser)
    arguments.add_limit(parser, "lines")
    arguments.add_json(parser)


def invoice(options: argparse.Namespace) -> int:
    """Show the next invoice of a practice, or of a client that pays itself."""
    with access_to(options) as access:
        if options.client is None:
            of = access.next_invoice(arguments.practice_of(options).practice_id)
        else:
            of = access.next_invoice_of_client(client_in(access, options).id)
    if options.json:
        lines = [
            {
                "client_id": str(line.client_id),
                "business_name": line.business_name,
                "service": line.service,
                "monthly_price": str(line.monthly_price),
            }
            for line in of.lines
        ]
        arguments.print_json({"currency": of.currency, "total": str(of.total), "lines": lines})
        return 0
    screen = Screen()
    shown = of.lines[: options.limit]
    rows = [
        (line.business_name, line.service_name, words.money(line.monthly_price, of.currency))
        for line in shown
    ]
    if len(shown) < len(of.lines):
        rest = of.lines[options.limit :]
        rows.append((f"… {len(rest):,} more lines", "", words.money(total_of(rest), of.currency)))
    rows.append(("Total a month", "", words.money(of.total, of.currency)))
    screen.table(("client", "service", "price"), rows, right=(2,))
    note_prices(screen, options)
    return 0
