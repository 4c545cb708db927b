"""Writes the parts of the documentation that come from the code.

    python docs/generate.py

They are the pictures, and the pages on refusals, commands, events, notices and machines. To find
every possible refusal, every actor gives every command to a client in every reachable state, as in
the tests (`tests/world.py`).
"""

from __future__ import annotations

import re
import sys
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from inspect import cleandoc
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

import attrs  # noqa: E402
import world  # noqa: E402 - found by the line above

import client_access as ca  # noqa: E402
from client_access.chapters.rules import UNKNOWN_CLIENT, Case, StateGuard, is_known  # noqa: E402
from client_access.commands import COMMAND_NAMES  # noqa: E402
from client_access.deciding import RULES  # noqa: E402
from client_access.events import EVENT_NAMES  # noqa: E402
from client_access.notices import NOTICES  # noqa: E402
from client_access.values import DEFAULT_POLICY  # noqa: E402
from docs.charts import PICTURES, TABLES, TITLES  # noqa: E402

STATUSES = tuple(status for status in ca.Status if status is not ca.Status.DELETED)
ACTORS: dict[type[ca.Actor], str] = {
    ca.PracticeUser: "practice",
    ca.ClientUser: "client",
    ca.PlatformUser: "platform",
}
BY_COMMAND = {rules.command: rules for rules in RULES}
SAME_FOR_ALL = -1
"""Instead of the number of a guard: the checks that are the same for every command."""
NOTE = "<!-- Written by `python docs/generate.py`; do not edit. -->\n"


# ── Every refusal ──────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Met:
    """A refusal, and when it is met: a command by an actor in a status."""

    refusal: ca.Refusal
    asked: str
    by: str
    status: str
    guard: int

    @property
    def ways(self) -> str:
        return "<br>".join(way.sentence for way in self.refusal.ways_out)


SIGN_IN, OPENING = QUESTIONS = ("sign-in", "opening")
ASKED = [*(rules.command.__name__ for rules in RULES), *QUESTIONS]


@cache
def all_refusals() -> tuple[Met, ...]:
    """Return every possible refusal once, in the order of the commands."""
    found = dict.fromkeys(_all_refusals())
    return tuple(sorted(found, key=lambda met: (ASKED.index(met.asked), met.guard)))


def _all_refusals() -> Iterator[Met]:
    for client in (None, *world.clients(), *world.erased()):
        status = client.status.value if client else "no client"
        timeless = client is None or (client.activation is None and client.direct_debit is None)
        for at in (world.SOON,) if timeless else (world.SOON, world.LATE):
            for by in world.ACTORS:
                for command in world.commands(by):
                    if first := _first_refusal(client, command, at):
                        guard, refusal = first
                        who = ACTORS[type(by)]
                        yield Met(refusal, type(command).__name__, who, status, guard)
            if at_sign_in := ca.sign_in_of(client, at=at).refusal:
                yield Met(at_sign_in, SIGN_IN, "client", status, SAME_FOR_ALL)
            if client is not None:
                for by in world.ACTORS:
                    opening = ca.opening_of(client, by, at=at, catalogue=world.CATALOGUE)
                    # What sign-in refuses is listed already; an unknown client is no Opening.
                    if opening.refusal not in (None, at_sign_in, UNKNOWN_CLIENT):
                        who = ACTORS[type(by)]
                        yield Met(opening.refusal, OPENING, who, status, SAME_FOR_ALL)


def _first_refusal(
    client: ca.Client | None, command: ca.Command, at: datetime
) -> tuple[int, ca.Refusal] | None:
    """Return why a command is refused, and the number of the guard that refuses it."""
    rules = BY_COMMAND[type(command)]
    owner = world.owner_of_email(client.email.address if client else "", command)
    case = Case(client, command.by, at, world.CATALOGUE, DEFAULT_POLICY, owner)
    if not rules.creates and not is_known(client, command.by):
        return SAME_FOR_ALL, UNKNOWN_CLIENT
    if refusal := rules.refusal_of_actor(case):
        return SAME_FOR_ALL, refusal
    for number, guard in enumerate(rules.guards):
        refusal = guard.check(case) if isinstance(guard, StateGuard) else guard.check(case, command)
        if refusal:
            return number, refusal
    return None


def own_refusals(command: type[ca.Command]) -> dict[str, set[str]]:
    """Return a command's own refusals in order, each with the actors that can get it."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    for met in all_refusals():
        if met.asked == command.__name__ and met.guard != SAME_FOR_ALL:
            found[met.refusal.code.value].add(met.by)
    return found


# ── Pages ────────────────────────────────────────────────────────────────────────────────────────


_REFUSALS_1 = (
    "A refusal means that a rule does not allow a command, and that nothing has changed. It has"
    " a code for programs, the number of the rule, one sentence for people, and ways out: the"
    " steps that help, the best one first. A step inside the library names a command and who"
    " gives it; the command is allowed now, or after the steps before it."
)
_REFUSALS_2 = (
    "No sentence contains a name, an address, or anything about another practice's clients."
    " `Refusal.translated` replaces the sentences by your own;"
    " `client_access.questions.texts.english` returns all of them by their keys."
)
_COMMANDS_1 = (
    "Every command names the client and the actor who gives it. These checks run in order, and"
    " the first one that fails gives the refusal:"
)
_COMMANDS_2 = (
    "The three commands for a new id skip the first and the third check. A practice's clients"
    " are those that it manages, and those that have invited it and wait for its answer. A"
    " client's user has one client; the platform has all of them."
)
_COMMANDS_3 = (
    "In `unmanaged`, the practice is the one that the client has invited. No command is allowed"
    " for a deleted client."
)
_EVENTS = (
    "Each accepted command that changes something has one event, and replaying a client's events"
    " gives the client. Every event also has `client_id`, `version`, `at` and `by`; the first two"
    " identify it. The name is what a record says; it never changes its meaning."
)
_NOTICES = (
    "Every notice also has an `id`, the client's `client_id`, `version` and `business_name`, and"
    " its `recipient`. The name is also the name of its templates. [Notices](../how-to/notices.md)"
    " says on what occasion each is made, and how to send it."
)
_MACHINES = (
    "What has states has a machine. The pictures and the tables on this page are made from the"
    " tables that the code walks. A name after *if* is a check; if it fails, the command is"
    " refused. A dot is where a machine begins, or where a client is made."
)
_OF_EVERY_EVENT = frozenset({"client_id", "version", "at", "by", "erasures"})
_OF_EVERY_NOTICE = frozenset({"client_id", "version", "recipient", "business_name"})


def refusals_page() -> str:
    """Return refusals.md."""
    by_code: defaultdict[ca.RefusalCode, list[Met]] = defaultdict(list)
    for each in all_refusals():
        by_code[each.refusal.code].append(each)
    lines = [
        "# Refusals",
        "",
        NOTE,
        _REFUSALS_1,
        "",
        _REFUSALS_2,
        "",
        "| code | rule | message |",
        "|---|---|---|",
    ]
    for code in ca.RefusalCode:
        refusal = by_code[code][0].refusal
        lines.append(
            f"| [`{code.value}`](#{code.value}) | {_rules(by_code[code])} | {refusal.message} |"
        )
    for code in ca.RefusalCode:
        met = by_code[code]
        asked = dict.fromkeys(m.asked for m in met)
        names = ", ".join(map(_name, asked))
        if list(asked) == [rules.command.__name__ for rules in RULES if not rules.creates]:
            names = "every command except those for a new id"
        lines += [
            "",
            f"## `{code.value}`",
            "",
            met[0].refusal.message,
            "",
            f"Rule {_rules(met)}. Refuses {names}.",
            "",
        ]
        if len({m.ways for m in met}) == 1:
            ways = met[0].refusal.ways_out
            lines += ["Ways out:", "", *(f"{n}. {way.sentence}" for n, way in enumerate(ways, 1))]
        else:
            lines += [
                "| refused | given by | in | ways out |",
                "|---|---|---|---|",
                *_rows(met),
            ]
    return "\n".join([*lines, *_steps(by_code)]) + "\n"


def _rules(met: list[Met]) -> str:
    places = places_of_rules()
    cited = sorted({m.refusal.rule for m in met}, key=[*places].index)
    return ", ".join(f"[{rule}](rules.md#{places[rule]})" for rule in cited)


@cache
def places_of_rules() -> dict[str, str]:
    """Return the anchor of the section of rules.md that has each rule."""
    places: dict[str, str] = {}
    anchor = ""
    for line in (ROOT / "docs" / "reference" / "rules.md").read_text(encoding="utf-8").splitlines():
        if section := re.fullmatch(r"## (\d+)\. (.*)", line):
            number, title = section.groups()
            anchor = f"{number}-{anchor_of(title)}"
            places[f"§{number}"] = anchor
        elif rule := re.match(r"- \*\*([A-Z]\d+)\*\* ", line):
            places[rule[1]] = anchor
    return places


def anchor_of(heading: str) -> str:
    """Return what a heading can be linked by."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def _name(asked: str) -> str:
    return asked if asked in QUESTIONS else f"`{asked}`"


def _rows(met: list[Met]) -> Iterator[str]:
    """Yield the rows of a table: actors and statuses with the same ways out share one."""
    statuses: defaultdict[tuple[str, str, str], set[str]] = defaultdict(set)
    for m in met:
        statuses[m.asked, m.by, m.ways].add(m.status)
    actors: defaultdict[tuple[str, tuple[str, ...], str], list[str]] = defaultdict(list)
    order = ["no client", *(status.value for status in ca.Status)]
    for (asked, by, ways), where in statuses.items():
        actors[asked, tuple(sorted(where, key=order.index)), ways].append(by)
    for (asked, where_, ways), by_ in actors.items():
        who = ", ".join(name for name in ACTORS.values() if name in by_)
        yield f"| {_name(asked)} | {who} | {', '.join(where_)} | {ways} |"


def _steps(by_code: dict[ca.RefusalCode, list[Met]]) -> Iterator[str]:
    """Yield the table of all ways out."""
    steps = {way.key: way for met in by_code.values() for m in met for way in m.refusal.ways_out}
    yield from ("", "## All ways out", "", "| key | sentence | command | by |", "|---|---|---|---|")
    for way in sorted(steps.values(), key=lambda way: (way.command is None, way.key)):
        inside = (f"`{way.command.__name__}`", ACTORS[way.by]) if way.command and way.by else None
        command, by = inside or ("a step outside the library", "")
        yield f"| `{way.key}` | {way.sentence} | {command} | {by} |"


def commands_page() -> str:
    """Return commands.md."""
    lines = [
        "# Commands",
        "",
        NOTE,
        _COMMANDS_1,
        "",
        "1. `unknown_client`: the client does not exist, was deleted, or is not the actor's.",
        "2. `actor_not_allowed`: this kind of actor never gives this command.",
        "3. `not_in_this_status`: the command is not allowed in the client's present status.",
        "4. The command's own checks, in the order of the second table below.",
        "",
        _COMMANDS_2,
        "",
        "## Who may give which command in which status",
        "",
        f"| command | new id | {' | '.join(f'`{status.value}`' for status in STATUSES)} |",
        f"|---|---|{'---|' * len(STATUSES)}",
    ]
    for rules in RULES:
        if rules.creates:
            cells = [ACTORS[kind] for kind in rules.by] + [""] * len(STATUSES)
        else:
            cells = [""] + [
                ", ".join(name for kind, name in ACTORS.items() if status in rules.by.get(kind, ()))
                for status in STATUSES
            ]
        lines.append(f"| `{rules.command.__name__}` | {' | '.join(cells)} |")
    lines += [
        "",
        _COMMANDS_3,
        "",
        "## Each command's own refusals, and its event",
        "",
        "If only some of the actors who may give a command can get a refusal, they are named.",
        "",
        "| command | name | own refusals, in order | event |",
        "|---|---|---|---|",
    ]
    for rules in RULES:
        may = {ACTORS[kind] for kind in rules.by}
        codes = [
            f"[`{code}`](refusals.md#{code})"
            + (f" ({', '.join(n for n in ACTORS.values() if n in met)})" if met != may else "")
            for code, met in own_refusals(rules.command).items()
        ]
        command, event = rules.command, rules.event
        lines.append(
            f"| `{command.__name__}` | `{COMMAND_NAMES[command]}` | {', '.join(codes) or 'none'} |"
            f" `{event.__name__}`, `{EVENT_NAMES[event]}` |"
        )
    return "\n".join(lines) + "\n"


def events_page() -> str:
    """Return events.md."""
    lines = [
        "# Events",
        "",
        NOTE,
        _EVENTS,
        "",
        "| event | name | command | what has happened | its own facts |",
        "|---|---|---|---|---|",
    ]
    for rules in RULES:
        event = rules.event
        lines.append(
            f"| `{event.__name__}` | `{EVENT_NAMES[event]}` | `{rules.command.__name__}` |"
            f" {_first_line(event)} | {_facts(event, _OF_EVERY_EVENT)} |"
        )
    return "\n".join(lines) + "\n"


def notices_page() -> str:
    """Return notices.md."""
    lines = ["# Notices and what they hold", "", NOTE, _NOTICES, ""]
    lines += ["| notice | name | what it says | its own facts |", "|---|---|---|---|"]
    for name, notice in NOTICES.items():
        facts = _facts(notice, _OF_EVERY_NOTICE)
        lines.append(f"| `{notice.__name__}` | `{name}` | {_first_line(notice)} | {facts} |")
    return "\n".join(lines) + "\n"


def _first_line(documented: type) -> str:
    return cleandoc(documented.__doc__ or "").splitlines()[0]


def _facts(record: type, of_every: frozenset[str]) -> str:
    names = [f"`{each.name}`" for each in attrs.fields(record) if each.name not in of_every]
    return " ".join(names) or "none"


def machines_page() -> str:
    """Return machines.md."""
    lines = ["# Machines", "", NOTE, _MACHINES]
    for name, table in TABLES.items():
        lines += [
            "",
            f"## {TITLES[name]}",
            "",
            f"![{TITLES[name]}](../pictures/{name}.svg)",
            "",
            f"The table is `client_access.machines.{name}.TRANSITIONS`.",
            "",
            "| trigger | from | to | only if |",
            "|---|---|---|---|",
            *(
                f"| `{edge['trigger']}` | `{edge['source']}` | `{edge['dest']}` |"
                f" {'<br>'.join(f'`{guard}`' for guard in edge.get('conditions', []))} |"
                for edge in table
            ),
        ]
    return "\n".join(lines) + "\n"


def pages() -> dict[str, str]:
    """Return the text of every file to write, by its path from the root."""
    return {
        **{f"docs/pictures/{name}.svg": picture for name, picture in PICTURES.items()},
        "docs/reference/refusals.md": refusals_page(),
        "docs/reference/commands.md": commands_page(),
        "docs/reference/events.md": events_page(),
        "docs/reference/notices.md": notices_page(),
        "docs/reference/machines.md": machines_page(),
    }


if __name__ == "__main__":
    for path, text in pages().items():
        (ROOT / path).write_text(text, encoding="utf-8")
