"""The steps of a state as Python that runs: "show the Python"."""

from __future__ import annotations

import keyword
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from uuid import UUID

from attrs import NOTHING, fields, has

from client_access import Catalogue, Command, EmailAddress, HeldService
from playground.state import State, Step, beginning, steps_before

_HEAD = '''\
"""What was done in the playground: the same calls, in the same order."""

from datetime import UTC, date, datetime
from decimal import Decimal
from uuid import UUID

import client_access as ca

'''
_ACCESS = """
now = datetime(2026, 1, 1, tzinfo=UTC)
access = ca.ClientAccess(ca.MemoryRepository(), catalogue=catalogue, clock=lambda: now)
"""


def python_of(state: State) -> str:
    """Return a program that does what happened, the beginning first."""
    names: dict[UUID, str] = {}
    lines = [_HEAD, _catalogue(beginning().catalogue), _ACCESS]
    before = steps_before(state.begin)
    lines += _steps(before, names)
    if state.steps:
        lines.append("\n# From here on, what was done in the page.\n")
        lines += _steps(state.steps, names)
    return "".join(lines)


def _catalogue(catalogue: Catalogue) -> str:
    services = _in_brackets("[", [_written(each, {}, 8) for each in catalogue.services], "]", 4)
    currency = f"currency={_quoted(catalogue.currency)}"
    return f"catalogue = {_in_brackets('ca.Catalogue(', [services, currency], ')', 0)}\n"


def _steps(steps: tuple[Step, ...], names: dict[UUID, str]) -> Iterator[str]:
    at = None
    for step in steps:
        if step.at != at:
            at = step.at
            yield f"\nnow = {_written(at, names, 0)}\n"
        command = step.command
        if command is not None:
            if command.client_id not in names:
                names[command.client_id] = name = _name(command, set(names.values()))
                yield f'{name} = UUID("{command.client_id}")\n'
            call = _in_brackets("access.handle(", [_written(command, names, 4)], ")", 0)
            yield f"{call}\n"


def _name(command: Command, taken: set[str]) -> str:
    """Return a name for the client that a command makes: its business name, as an identifier."""
    plain = unicodedata.normalize("NFKD", getattr(command, "business_name", ""))
    words = re.findall("[a-z0-9]+", plain.encode("ascii", "ignore").decode().lower())
    name = "_".join(words)[:40].strip("_")
    if not name or name[0].isdigit() or keyword.iskeyword(name) or name in _USED:
        name = f"client_{name}".strip("_")
    chosen, number = name, 2
    while chosen in taken:
        chosen, number = f"{name}_{number}", number + 1
    return chosen


_USED = {"ca", "date", "datetime", "now", "access", "catalogue"}


_WIDTH = 100


def _written(value: object, names: Mapping[UUID, str], indent: int) -> str:
    """Return a value as Python, with this indent where it needs several lines."""
    match value:
        case UUID():
            return names.get(value) or f'UUID("{value}")'
        case datetime():
            parts = [value.year, value.month, value.day, value.hour, value.minute]
            parts += [value.second, value.microsecond] if value.second or value.microsecond else []
            return f"datetime({', '.join(map(str, parts))}, tzinfo=UTC)"
        case date():
            return repr(value).removeprefix("datetime.")
        case Decimal():
            return f'Decimal("{value}")'
        case Enum():
            return f"ca.{type(value).__name__}.{value.name}"
        case EmailAddress():
            return _quoted(value.address)
        case str():
            return _quoted(value)
        case tuple() if value and isinstance(value[0], HeldService):
            held = [
                f"{_quoted(each.code)}: {_written(each.setup, names, indent + 4)}" for each in value
            ]
            return _in_brackets("{", held, "}", indent)
        case tuple():
            return _in_brackets(
                "[", [_written(each, names, indent + 4) for each in value], "]", indent
            )
        case _ if has(type(value)):
            arguments = list(_arguments(value, names, indent + 4))
            return _in_brackets(f"ca.{type(value).__name__}(", arguments, ")", indent)
        case _:
            return repr(value)


def _arguments(value: object, names: Mapping[UUID, str], indent: int) -> Iterator[str]:
    """Yield the arguments that make a value; what has its default is left out."""
    by_name, cls = False, type(value)
    assert has(cls)  # the caller asked
    for each in fields(cls):
        given = getattr(value, each.name)
        if not each.init or (each.default is not NOTHING and each.default == given):
            by_name = True
            continue
        by_name = by_name or each.kw_only
        written = _written(given, names, indent)
        yield f"{each.name}={written}" if by_name else written


def _in_brackets(opening: str, parts: Sequence[str], closing: str, indent: int) -> str:
    """Return parts in brackets: on one line, or each on its own where that is too long."""
    line = f"{opening}{', '.join(parts)}{closing}"
    if indent + len(line) <= _WIDTH - 12 and "\n" not in line:
        return line
    inner = "".join(f"{' ' * (indent + 4)}{part},\n" for part in parts)
    return f"{opening}\n{inner}{' ' * indent}{closing}"


def _quoted(text: str) -> str:
    """Return a str in double quotes, as people write it."""
    written = repr(text)
    if written.startswith("'") and '"' not in text:
        return f'"{written[1:-1]}"'
    return written
