"""What can be asked: the actions of each actor, and what a command would do (S2)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

from client_access import (
    Actor,
    AddClient,
    Catalogue,
    Change,
    Client,
    ClientUser,
    Command,
    CommandRefused,
    Consequences,
    ImportClient,
    InvalidValue,
    PlatformUser,
    PracticeUser,
    RefusalCode,
    RegisterCustomer,
    Standing,
    consequences_of,
)
from client_access.cli import words
from client_access.commands import COMMAND_NAMES, COMMANDS
from client_access.links import InvalidLink
from client_access.wire import dump, problem_of, read_command
from playground import refusing
from playground.naming import label_of, practice_name
from playground.session import LINKS, PORTAL, Session

_NEW: dict[type[Command], str] = {
    AddClient: "practice",
    ImportClient: "practice",
    RegisterCustomer: "platform",
}
_ELSEWHERE = (RefusalCode.ACTOR_NOT_ALLOWED, RefusalCode.CLIENT_EXISTS)


def actors(client_id: UUID, practice_id: str) -> dict[str, Actor]:
    """Return the three who can act, by what the page calls them."""
    return {
        "practice": PracticeUser(practice_id),
        "client": ClientUser(client_id),
        "platform": PlatformUser(),
    }


def actions(session: Session, client: Client, practice_id: str) -> dict[str, object]:
    """Return, for each actor, every command: offered, or refused with the reason."""
    shown: dict[str, object] = {}
    for name, by in actors(client.id, practice_id).items():
        found = session.access.actions(client.id, by)
        shown[name] = [
            {
                "command": COMMAND_NAMES[cls],
                "label": label_of(COMMAND_NAMES[cls]),
                "refusal": refusing.refusal(found.refused[cls]) if cls in found.refused else None,
                "elsewhere": cls in found.refused and found.refused[cls].code in _ELSEWHERE,
            }
            for cls in COMMANDS.values()
        ]
    return shown


def new_clients() -> list[object]:
    """Return the commands that make a client, and who gives them."""
    return [
        {"command": COMMAND_NAMES[cls], "label": label_of(COMMAND_NAMES[cls]), "by": by}
        for cls, by in _NEW.items()
    ]


# ── Checking ─────────────────────────────────────────────────────────────────────────────────────


def ask(session: Session, asked: dict[str, Any]) -> dict[str, object]:
    """Return what a command would do, or why it would not be done.

    Parameters:
        session: the session.
        asked: `command`, `by` ("practice", "client" or "platform"), `practice`, `client` (null for
            a new one) and `body`, what the form holds.
    """
    client_id = uuid4() if asked.get("client") is None else UUID(asked["client"])
    by = actors(client_id, str(asked["practice"]))[str(asked["by"])]
    try:
        command = read_command(
            str(asked["command"]), asked.get("body") or {}, client_id=client_id, by=by
        )
    except InvalidValue as malformed:
        return _invalid(malformed)
    return check(session, command)


def follow(session: Session, url: str) -> dict[str, object]:
    """Return what following the link of an activation email would do (E6)."""
    try:
        command = LINKS.redeem(url.removeprefix(PORTAL).removeprefix("token="))
    except InvalidLink as problem:
        return {"outcome": "invalid", "errors": [{"field": "", "detail": str(problem)}]}
    return check(session, command)


def check(session: Session, command: Command) -> dict[str, object]:
    """Return the check-your-information step of a command (S2)."""
    name = COMMAND_NAMES[type(command)]
    asked: dict[str, object] = {
        "command": name,
        "label": label_of(name),
        "by": words.actor(command.by),
        "client": str(command.client_id),
    }
    try:
        change = session.access.preview(command)
    except CommandRefused as refused:
        return {**asked, "outcome": "refused", "refusal": refusing.refusal(refused.refusal)}
    except InvalidValue as malformed:
        return {**asked, **_invalid(malformed)}
    expected = consequences_of(change, at=session.now, catalogue=session.catalogue)
    return {
        **asked,
        "outcome": "accepted",
        "record": dump(command),
        "nothing": change.event is None,
        "name": change.after.business_name or (change.before or change.after).business_name,
        "changes": list(_changes(change, expected, session.catalogue)),
        "cost": list(_cost(change, expected, session.catalogue)),
        "told": [
            {"to": words.recipient(notice.recipient), "what": words.told(notice)}
            for notice in change.notices
        ],
        "for_good": [each.sentence for each in expected.cannot_be_undone],
    }


def _invalid(malformed: InvalidValue) -> dict[str, object]:
    return {"outcome": "invalid", "errors": problem_of(malformed)["errors"]}


def _changes(change: Change, expected: Consequences, catalogue: Catalogue) -> Iterator[object]:
    before, after = change.before, change.after
    for name, of_client in _OF_CLIENT:
        was = "" if before is None else of_client(before, catalogue)
        if was != (now := of_client(after, catalogue)):
            yield {"name": name, "before": was, "after": now}
    for name, of_standing in _OF_STANDING:
        was, now = of_standing(expected.before), of_standing(expected.after)
        if was != now:
            yield {"name": name, "before": "" if before is None else was, "after": now}


def _cost(change: Change, expected: Consequences, catalogue: Catalogue) -> Iterator[object]:
    was, now = (_monthly(each, catalogue) for each in (change.before, change.after))
    if was != now:
        yield {"name": "All services, a month", "before": was, "after": now}
    was, now = (_invoiced(each) for each in (expected.before, expected.after))
    if was != now:
        yield {"name": "On the next invoice", "before": was, "after": now}


def _monthly(client: Client | None, catalogue: Catalogue) -> str:
    prices = (catalogue.held(each.code).monthly_price for each in client.services) if client else ()
    return words.money(sum(prices, Decimal(0)), catalogue.currency)


def _invoiced(standing: Standing) -> str:
    invoice = standing.invoice
    assert invoice is not None  # the catalogue has every service that is held
    if standing.invoiced_to is None:
        return "nobody is invoiced"
    payer = words.payer_name(standing.invoiced_to)
    return f"{words.money(invoice.total, invoice.currency)} to {payer}"


def _contact(client: Client, _: Catalogue) -> str:
    contact = client.contact
    return ", ".join(part for part in (contact.name, contact.phone, contact.address) if part)


def _yes(it_is: bool) -> str:
    return "yes" if it_is else "no"


_OF_CLIENT: tuple[tuple[str, Callable[[Client, Catalogue], str]], ...] = (
    ("Name", lambda client, _: client.business_name),
    ("Status", lambda client, _: client.label),
    (
        "Practice",
        lambda client, _: practice_name(client.practice_id) if client.practice_id else "none",
    ),
    ("Services", lambda client, catalogue: words.services(client.services, catalogue)),
    ("Address", lambda client, _: str(client.email) if client.email.is_mailable else "none"),
    ("Contact", _contact),
    ("Who pays", lambda client, _: words.payer(client)),
)
_OF_STANDING: tuple[tuple[str, Callable[[Standing], str]], ...] = (
    ("The client signs in", lambda standing: _yes(standing.client_signs_in)),
    ("The practice opens the data", lambda standing: _yes(standing.practice_opens)),
)
