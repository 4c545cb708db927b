"""`outbox`, `retry` and `discard`: the notices that wait for delivery, and those parked."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from uuid import UUID

from client_access import Claim, utc_now
from client_access.cli import arguments, words
from client_access.cli.arguments import Commands
from client_access.cli.ending import Failure
from client_access.cli.screen import Screen, print_json
from client_access.cli.stores import opened
from client_access.notices import NOTICE_NAMES

_EVERY = 1_000_000


def add_to(commands: Commands) -> None:
    """Add the three commands."""
    parser = arguments.add(commands, "outbox", outbox, "show the notices that wait for delivery")
    arguments.add_database(parser)
    parser.add_argument("--parked", action="store_true", help="those that failed too often instead")
    parser.add_argument("--count", action="store_true", help="only how many, and since when")
    arguments.add_limit(parser, "notices")
    arguments.add_json(parser)
    parser = arguments.add(commands, "retry", retry, "make parked notices due again")
    parser.add_argument("notice", metavar="NOTICE", nargs="*", help="a notice's id")
    parser.add_argument("--all", action="store_true", help="every parked notice")
    arguments.add_database(parser)
    parser = arguments.add(commands, "discard", discard, "forget parked notices undelivered")
    parser.add_argument("notice", metavar="NOTICE", nargs="+", help="a notice's id")
    arguments.add_database(parser)


def outbox(options: argparse.Namespace) -> int:
    """Show the notices that wait, or those that are parked, or how many they are."""
    if options.count:
        return _count(options)
    with opened(options.database) as repository:
        found = repository.waiting(parked=options.parked, limit=options.limit + 1)
    shown = found[: options.limit]
    if options.json:
        print_json([_as_json(claim) for claim in shown])
        return 0
    screen = Screen()
    if not shown:
        screen.paragraph("nothing", style="dim")
    for claim in shown:
        tries = "not tried yet" if not claim.attempts else f"tried {claim.attempts} ×"
        when = "parked" if claim.due is None else f"due {claim.due:%Y-%m-%d %H:%M} UTC"
        notice = claim.notice
        screen.line(f"To {words.recipient(notice.recipient)}: {words.told(notice)}")
        screen.facts(
            [
                ("", f"{when}, {tries}"),
                ("notice", str(notice.id)),
                ("client", str(notice.client_id)),
            ],
            indent=3,
        )
    if len(found) > options.limit:
        screen.paragraph(words.MORE, style="dim")
    return 0


def retry(options: argparse.Namespace) -> int:
    """Make parked notices due again."""
    if bool(options.notice) is options.all:
        raise Failure("Name the notices to retry, or say --all.")
    with opened(options.database) as repository:
        if options.all:
            parked = repository.waiting(parked=True, limit=_EVERY)
            notice_ids = [claim.notice.id for claim in parked]
        else:
            notice_ids = [arguments.to_id(text, "notice") for text in options.notice]
        now = utc_now()
        retried = [(each, repository.retry(each, at=now)) for each in notice_ids]
    return _report(retried, "is due again")


def discard(options: argparse.Namespace) -> int:
    """Forget parked notices, which are never delivered then."""
    notice_ids = [arguments.to_id(text, "notice") for text in options.notice]
    with opened(options.database) as repository:
        discarded = [(each, repository.discard(each)) for each in notice_ids]
    return _report(discarded, "is discarded")


def _report(outcomes: Sequence[tuple[UUID, bool]], success: str) -> int:
    screen = Screen()
    if not outcomes:
        screen.paragraph("nothing", style="dim")
    for notice_id, done in outcomes:
        screen.verdict(f"{notice_id} {success if done else 'is not parked'}", good=done)
    return 0 if all(done for _, done in outcomes) else 1


def _count(options: argparse.Namespace) -> int:
    with opened(options.database) as repository:
        state = repository.outbox_state()
    oldest = state.oldest
    if options.json:
        print_json(
            {
                "waiting": state.waiting,
                "parked": state.parked,
                "oldest": oldest and oldest.isoformat(),
            }
        )
    else:
        since = "" if oldest is None else f", the oldest since {oldest:%Y-%m-%d %H:%M} UTC"
        Screen().line(f"{state.waiting:,} waiting{since}; {state.parked:,} parked")
    return 0


def _as_json(claim: Claim) -> dict[str, object]:
    notice = claim.notice
    return {
        "id": str(notice.id),
        "kind": NOTICE_NAMES[type(notice)],
        "client": str(notice.client_id),
        "to": words.recipient(notice.recipient),
        "attempts": claim.attempts,
        "due": claim.due and claim.due.isoformat(),
    }
