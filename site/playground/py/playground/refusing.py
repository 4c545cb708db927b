"""Refusals and ways out as the page shows them."""

from __future__ import annotations

from client_access import Refusal, WayOut
from client_access.commands import COMMAND_NAMES
from client_access.refusals import ACTOR_NAMES


def refusal(why: Refusal) -> dict[str, object]:
    """Return a refusal with its ways out."""
    return {
        "code": why.code.value,
        "rule": why.rule,
        "message": why.message,
        "services": list(why.services),
        "ways_out": [way_out(step) for step in why.ways_out],
    }


def way_out(step: WayOut) -> dict[str, object]:
    """Return a step that helps; `command` and `by` are null for one outside the library."""
    return {
        "sentence": step.sentence,
        "command": None if step.command is None else COMMAND_NAMES[step.command],
        "by": None if step.by is None else ACTOR_NAMES[step.by],
    }
