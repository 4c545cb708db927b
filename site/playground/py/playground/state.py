"""The state of the playground: all that has happened in it, and the link that carries it."""

from __future__ import annotations

import json
import re
import zlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from functools import cache
from itertools import accumulate
from pathlib import Path
from typing import Any, final

from attrs import frozen

from client_access import Catalogue, ClientAccessError, Command, Service
from client_access.wire import Json, dump, load_command

_LONGEST_STATE = 4_000_000
_DEEPEST_STATE = 50


class Begin(Enum):
    """With what the playground begins."""

    TOUR = "tour"
    NOTHING = "nothing"


class UnreadableState(Exception):
    """A link, or a state, is not one that the playground wrote."""


@final
@frozen
class Step:
    """A command and when it was given, or a move of the clock.

    Parameters:
        at: the moment, in UTC.
        command: the command; None if only the clock was moved.
    """

    at: datetime
    command: Command | None


@final
@frozen
class State:
    """What has happened: the steps that were taken after the beginning.

    The present moment is that of the last step.
    """

    begin: Begin = Begin.TOUR
    steps: tuple[Step, ...] = ()


@final
@frozen
class Beginning:
    """What was there before the first step: a catalogue and steps, as `beginning.py` wrote them."""

    catalogue: Catalogue
    steps: tuple[Step, ...]
    mark: int


@cache
def beginning() -> Beginning:
    """Return the practice of the tour, which lies beside this module once the page is built."""
    text = Path(__file__).with_name("beginning.json").read_text("utf-8")
    content = json.loads(text)
    services = [
        Service(**{**each, "monthly_price": Decimal(each["monthly_price"])})
        for each in content["catalogue"]["services"]
    ]
    return Beginning(
        Catalogue(services, content["catalogue"]["currency"]),
        load_steps(content["steps"]),
        zlib.crc32(text.encode()),
    )


def steps_before(begin: Begin) -> tuple[Step, ...]:
    """Return the steps of a beginning: without the tour, only the clock is set."""
    steps = beginning().steps
    return steps if begin is Begin.TOUR else (Step(steps[0].at, None),)


# ── JSON ─────────────────────────────────────────────────────────────────────────────────────────


def load_state(data: Any) -> State:
    """Return the state that JSON has.

    Raises:
        UnreadableState: it is not the JSON of a state.
    """
    try:
        return State(Begin(data["begin"]), load_steps(data["steps"]))
    except (ClientAccessError, ValueError, TypeError, KeyError, OverflowError) as problem:
        raise UnreadableState from problem


def load_steps(data: Sequence[Any]) -> tuple[Step, ...]:
    """Return the steps that JSON has: pairs of a moment and the record of a command, or null."""
    return tuple(
        Step(_moment(at), None if record is None else load_command(record)) for at, record in data
    )


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("a moment has no time zone")
    return moment.astimezone(UTC)


def dump_state(state: State) -> dict[str, Json]:
    """Return the JSON of a state."""
    steps: list[Json] = [
        [step.at.isoformat(), None if step.command is None else dump(step.command)]
        for step in state.steps
    ]
    return {"begin": state.begin.value, "steps": steps}


# ── Links ────────────────────────────────────────────────────────────────────────────────────────


def link_of(state: State) -> str:
    """Return the fragment of the page's address that reproduces a state."""
    content = {**dump_state(state), "mark": beginning().mark}
    packed = zlib.compress(json.dumps(content, separators=(",", ":")).encode(), 9)
    return urlsafe_b64encode(packed).decode().rstrip("=")


def state_of(link: str) -> State:
    """Return the state that a fragment reproduces.

    Raises:
        UnreadableState: :func:`link_of` did not make it, or made it for another beginning.
    """
    try:
        padded = link.encode("ascii") + b"=" * (-len(link) % 4)
        reader = zlib.decompressobj()
        text = reader.decompress(urlsafe_b64decode(padded), _LONGEST_STATE)
        if _depth(text) > _DEEPEST_STATE:
            raise UnreadableState
        content = json.loads(text)
        whole = reader.eof and not reader.unused_data
        known = content["mark"] == beginning().mark
    except (zlib.error, ValueError, TypeError, KeyError) as problem:
        raise UnreadableState from problem
    if not (whole and known):
        raise UnreadableState
    return load_state(content)


def _depth(text: bytes) -> int:
    """Return how deep the lists and objects of a JSON text are nested.

    In a browser, Python does not notice in time that the stack is used up: it ends.
    """
    marks = re.findall(rb"[][{}]", re.sub(rb'"(?:[^"\\]|\\.)*"', b"", text))
    return max(accumulate(1 if mark in b"[{" else -1 for mark in marks), default=0)
