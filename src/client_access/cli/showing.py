"""`show` and `history`: a client, what can be done with it, and what happened to it."""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from uuid import UUID

from rich.text import Text

from client_access import (
    Actions,
    Actor,
    Catalogue,
    Client,
    ClientAccess,
    ClientUser,
    Command,
    Event,
    PlatformUser,
    PracticeUser,
    Refusal,
    RefusalCode,
    WayOut,
    undelivered_activation,
)
from client_access.cli import arguments, words
from client_access.cli.arguments import Commands
from client_access.cli.ending import Failure
from client_access.cli.screen import HELPS, NO, Screen, print_json, print_json_list
from client_access.cli.stores import opened
from client_access.commands import COMMAND_NAMES
from client_access.sql import SqlRepository
from client_access.wire import dump

_PAGE = 1000
"""How many events are read and shown at once."""


def add_to(commands: Commands) -> None:
    """Add the two commands."""
    parser = arguments.add(
        commands, "show", show, "show a client, what can be done with it, and why not the rest"
    )
    arguments.add_client(parser)
    arguments.add_database(parser)
    actors = ("practice", "client", "platform")
    parser.add_argument("--as", dest="actor", choices=actors, help="by whom; default: its practice")
    arguments.add_catalogue(parser)
    arguments.add_json(parser)

    parser = arguments.add(commands, "history", history, "show what happened to a client")
    arguments.add_client(parser)
    arguments.add_database(parser)
    arguments.add_catalogue(parser)
    arguments.add_after(parser)
    arguments.add_limit(parser, "events", default=None)
    arguments.add_json(parser)


def show(options: argparse.Namespace) -> int:
    """Show a client, what can be done with it, and why not the rest."""
    with arguments.access_to(options) as access:
        client = arguments.client_in(access, options)
        by = _actor(client, options.actor)
        actions = access.actions(client.id, by)
    if_undelivered = undelivered_activation(client, by)
    if options.json:
        print_json(
            {
                "client": dump(client),
                "actor": words.actor(by).lower(),
                "allowed": sorted(COMMAND_NAMES[command] for command in actions.allowed),
                "refused": {
                    COMMAND_NAMES[command]: _refusal_as_json(refusal)
                    for command, refusal in actions.refused.items()
                },
                "undelivered_activation": [step.sentence for step in if_undelivered],
            }
        )
        return 0
    screen = Screen()
    screen.heading(client.business_name)
    screen.facts(_facts(client, access), indent=2)
    if if_undelivered:
        screen.heading("If the activation email never arrives")
        _show_ways(screen, if_undelivered, indent=2)
    _show_actions(screen, by, actions)
    if options.catalogue is None:
        screen.gap()
        screen.paragraph(words.EXAMPLE_PRICES, style="dim")
    return 0


def _actor(client: Client, kind: str | None) -> Actor:
    invitation = client.practice_invitation
    practice_id = invitation.practice_id if invitation else client.practice_id
    match kind:
        case "client":
            return ClientUser(client.id)
        case "practice" if practice_id is None:
            raise Failure("No practice has this client: --as client or --as platform.")
        case None | "practice" if practice_id is not None:
            return PracticeUser(practice_id)
        case _:
            return PlatformUser()


def _facts(client: Client, access: ClientAccess) -> Iterator[tuple[str, str]]:
    contact = client.contact
    yield "id", str(client.id)
    yield "kind", client.kind.value
    yield "status", client.label
    yield "practice", client.practice_id or "none"
    yield "email", str(client.email) if client.email.is_mailable else "none"
    for name, text in (
        ("contact", contact.name),
        ("phone", contact.phone),
        ("address", contact.address),
    ):
        if text:
            yield name, text
    yield "source", words.SOURCES[client.source]
    yield "who pays", words.payer(client)
    yield "services", words.services_with_prices(client.services, access.catalogue)
    if client.activation:
        sent = client.activation
        yield "activation", f"sent {words.day(sent.sent_at)}, until {words.day(sent.expires_at)}"
    if client.practice_invitation:
        yield "invited", client.practice_invitation.practice_id
    if client.direct_debit:
        due = client.direct_debit.due
        yield "owes", f"direct debit details{f' by {words.day(due)}' if due else ''}"
    yield "version", str(client.version)


def _show_actions(screen: Screen, by: Actor, actions: Actions) -> None:
    who = words.actor(by).lower()
    screen.heading(f"What the {who} can do now")
    allowed = sorted(words.asked(command) for command in actions.allowed)
    screen.paragraph(f"{words.listed(allowed)}." if allowed else "Nothing.", indent=2)
    screen.heading("Why not the rest, and what would help")
    by_code: defaultdict[RefusalCode, dict[type[Command], Refusal]] = defaultdict(dict)
    for command, refusal in actions.refused.items():
        by_code[refusal.code][command] = refusal
    for refusals in by_code.values():
        _show_refusals(screen, refusals)


def _show_refusals(screen: Screen, refusals: Mapping[type[Command], Refusal]) -> None:
    """Show the commands that are refused for the same reason, and what would help."""
    reason = next(iter(refusals.values()))
    screen.gap()
    screen.line(
        Text.assemble((reason.message, ""), (f"  {reason.code.value}, rule {reason.rule}", "dim")),
        mark=NO,
        mark_style="red",
    )
    by_ways: defaultdict[tuple[WayOut, ...], list[str]] = defaultdict(list)
    for command, refusal in refusals.items():
        by_ways[refusal.ways_out].append(words.asked(command))
    for ways, asked in by_ways.items():
        screen.paragraph(words.listed(asked), indent=2)
        _show_ways(screen, ways, indent=4)


def _show_ways(screen: Screen, ways: Iterable[WayOut], *, indent: int) -> None:
    for way in ways:
        screen.line(way.sentence, mark=HELPS, mark_style="dim", style="dim", indent=indent)


def _refusal_as_json(refusal: Refusal) -> dict[str, object]:
    return {
        "code": refusal.code.value,
        "rule": refusal.rule,
        "message": refusal.message,
        "services": refusal.services,
        "ways_out": [step.sentence for step in refusal.ways_out],
    }


def history(options: argparse.Namespace) -> int:
    """Show what happened to a client, even if it has been deleted."""
    client_id = arguments.to_id(options.client, "client")
    catalogue = arguments.catalogue_of(options)
    with opened(options.database) as repository:
        if not repository.history(client_id, limit=1):
            raise Failure(f"There is no client {client_id}.")
        pages = _pages(repository, client_id, options.after, options.limit)
        if options.json:
            print_json_list(dump(event) for page in pages for event in page)
            return 0
        screen = Screen()
        for number, page in enumerate(pages):
            columns = ("", "", "", "") if number else ("", "when (UTC)", "by", "what")
            screen.table(columns, [_told(event, catalogue) for event in page], right=(0,))
    return 0


def _pages(
    repository: SqlRepository, client_id: UUID, after: int, limit: int | None
) -> Iterator[Sequence[Event]]:
    """Yield events in pages, so that memory holds one of them."""
    left = sys.maxsize if limit is None else limit
    while page := repository.history(client_id, after=after, limit=min(left, _PAGE)):
        yield page
        after, left = page[-1].version, left - len(page)


def _told(event: Event, catalogue: Catalogue) -> tuple[str, ...]:
    return (
        str(event.version),
        f"{event.at:%Y-%m-%d %H:%M}",
        f"{words.actor(event.by).lower()} {event.by.user}".strip(),
        words.happened(event, catalogue),
    )
