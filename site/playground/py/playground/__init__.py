"""The bridge between the playground's page and the library: JSON in, JSON out.

It runs in the page, in Pyodide, and in CPython, where the tests compare the two. It keeps nothing
that a state does not say: the page sends the state with every question.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

from client_access import Catalogue, monthly_total
from client_access.cli import words
from playground.asking import ask, follow
from playground.forms import form
from playground.python_code import python_of
from playground.running import run
from playground.session import session_of
from playground.shown import fixed, show
from playground.state import Begin, State, UnreadableState, dump_state, load_state, state_of

__all__ = ["answer", "run"]


def answer(question: str) -> str:
    """Return the answer to a question of the page, both as JSON.

    A question is a pair: a name from the list below, and an object. The answer has `unreadable`
    where the state, or the link, is not one that the playground wrote.
    """
    name, given = json.loads(question)
    try:
        return json.dumps(_QUESTIONS[name](given), ensure_ascii=False)
    except UnreadableState:
        return json.dumps({"unreadable": True})


def _open(given: Mapping[str, Any]) -> dict[str, object]:
    link = given.get("link")
    state = state_of(link) if link else State(Begin(given.get("begin", Begin.TOUR.value)))
    session_of(state)
    return {"state": dump_state(state), **fixed()}


def _show(given: Mapping[str, Any]) -> dict[str, object]:
    state = load_state(given["state"])
    return show(session_of(state), state, given["look"])


def _form(given: Mapping[str, Any]) -> dict[str, object]:
    session = session_of(load_state(given["state"]))
    client_id = UUID(given["client"]) if given.get("client") else None
    return form(session, given["command"], client_id)


def _ask(given: Mapping[str, Any]) -> dict[str, object]:
    return ask(session_of(load_state(given["state"])), given["ask"])


def _follow(given: Mapping[str, Any]) -> dict[str, object]:
    return follow(session_of(load_state(given["state"])), given["url"])


def _total(given: Mapping[str, Any]) -> dict[str, object]:
    catalogue: Catalogue = session_of(load_state(given["state"])).catalogue
    return {"total": words.money(monthly_total(given["services"], catalogue), catalogue.currency)}


def _python(given: Mapping[str, Any]) -> dict[str, object]:
    return {"python": python_of(load_state(given["state"]))}


_QUESTIONS: Mapping[str, Callable[[Mapping[str, Any]], dict[str, object]]] = {
    "open": _open,
    "show": _show,
    "form": _form,
    "ask": _ask,
    "follow": _follow,
    "total": _total,
    "python": _python,
}
