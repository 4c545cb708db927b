"""`show`: a client, what somebody can do with it, and why not the rest."""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Iterator, Mapping

from rich.text import Text

from client_access import (
    Actions,
    Actor,
    Client,
    ClientAccess,
    ClientUser,
    Command,
    PlatformUser,
    PracticeUser,
    Refusal,
    RefusalCode,
    WayOut,
)
from client_access.cli import arguments, words
from client_access.cli.arguments import Commands
from client_access.cli.failure import Failure
from client_access.cli.reading import access_to, client_in, note_prices
from client_access.cli.screen import HELPS, NO, Screen
from client_access.commands import COMMAND_NAMES
from client_access.wire import dump


def add_to(commands: Commands) -> None:
    """Add the command."""
    parser = arguments.add(
        commands, "show", show, "show a client, what can be done with it, and why not the rest"
    )
    arguments.add_client(parser)
    arguments.add_database(parser)
    actors = ("practice", "client", "platform")
    parser.add_argument(
        "--as", dest="actor", choices=actors, help="by whom; the practice that has it otherwise"
    )
    arguments.add_catalogue(parser)
    arguments.add_json(parser)


def show(options: argparse.Namespace) -> int:
    """Show a client, what somebody can do with it, and why not the rest."""
    with access_to(options) as access:
        client = client_in(access, options)
        by = _actor(client, options.actor)
        actions = access.actions(client.id, by)
    if options.json:
        arguments.print_json(
            {
                "client": dump(client),
                "actor": words.actor(by).lower(),
                "allowed": sorted(COMMAND_NAMES[command] for command in actions.allowed),
                "refused": {
                    COMMAND_NAMES[command]: _refusal_as_json(refusal)
                    for command, refusal in actions.refused.items()
                },
            }
        )
        return 0
    screen = Screen()
    screen.heading(client.business_name)
    screen.facts(_facts(client, access), indent=2)
    _show_actions(screen, by, actions)
    note_prices(screen, options)
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
    yield "came", words.SOURCES[client.source]
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
    """Show the commands that are refused for one reason, and what would help with each."""
    reason = next(iter(refusals.values()))
    screen.gap()
    screen.line(
        Text.assemble((reason.message, ""), (f"  {reason.code.value}, rule {reason.rule}", "dim")),
        mark=NO,
        mark_style="red",
        gutter=0,
    )
    by_ways: defaultdict[tuple[WayOut, ...], list[str]] = defaultdict(list)
    for command, refusal in refusals.items():
        by_ways[refusal.ways_out].append(words.asked(command))
    for ways, asked in by_ways.items():
        screen.paragraph(words.listed(asked), indent=2)
        for way in ways:
            screen.line(way.sentence, mark=HELPS, mark_style="dim", style="dim", gutter=4)


def _refusal_as_json(refusal: Refusal) -> dict[str, object]:
    return {
        "code": refusal.code.value,
        "rule": refusal.rule,
        "message": refusal.message,
        "ways_out": [step.sentence for step in refusal.ways_out],
    }
