"""Make a plain lookup of a table, with a machine of `transitions` in between.

`transitions` validates, draws and runs a table. It gets each table once, when the module of the
table is imported. It silently accepts a duplicate edge, an unreachable state and an undeclared
name; `make_machine` refuses them. A lookup then moves clients, because `transitions` moves only
models that it can mutate, at a hundred times the cost.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypedDict, TypeVar

from transitions import Machine

from client_access.errors import CorruptRecord

S = TypeVar("S")
D = TypeVar("D")


class _Required(TypedDict):
    trigger: str
    source: str
    dest: str


class Edge(_Required, total=False):
    """A row of a table, in the format of `transitions`; `conditions` names guards."""

    conditions: list[str]


class TableError(Exception):
    """A table does not make a valid machine: a bug in this package, raised at import only."""


def make_machine(
    name: str, states: Sequence[str], triggers: Sequence[str], initial: str, table: Sequence[Edge]
) -> Machine:
    """Check a table and return the machine of `transitions` made of it.

    Raises:
        TableError: an edge is there twice, or a state or a trigger is undeclared or unused.
    """
    seen = set[tuple[str, str]]()
    reached = {initial}
    if used := {edge["trigger"] for edge in table} ^ set(triggers):
        raise TableError(f"declared or used, but not both: {sorted(used)}")
    for edge in table:
        for state in (edge["source"], edge["dest"]):
            if state not in states:
                raise TableError(f"the state {state!r} is not declared")
        if (edge["trigger"], edge["source"]) in seen:
            raise TableError(f"{edge['trigger']!r} leaves {edge['source']!r} twice")
        seen.add((edge["trigger"], edge["source"]))
    while more := {e["dest"] for e in table if e["source"] in reached} - reached:
        reached |= more
    if unreachable := set(states) - reached:
        raise TableError(f"nothing leads to {sorted(unreachable)}")
    return Machine(
        model=None,
        name=name,
        states=list(states),
        initial=initial,
        transitions=[dict(edge) for edge in table],
        auto_transitions=False,
    )


def compile_moves(
    machine: Machine, source: Callable[[str], S], dest: Callable[[str], D]
) -> Callable[[str, S], D]:
    """Return a function that moves a state by a trigger, compiled from a machine.

    Parameters:
        machine: the machine.
        source, dest: return the state with a name in the table.

    The function raises :class:`CorruptRecord` if the table has no such edge: no history that this
    library wrote contains it.
    """
    moves = {
        trigger: {
            source(name): dest(str(edges[0].dest)) for name, edges in event.transitions.items()
        }
        for trigger, event in machine.events.items()
    }

    def move(trigger: str, state: S) -> D:
        try:
            return moves[trigger][state]
        except KeyError:
            raise CorruptRecord(
                f"no {trigger!r} leads from {state} in the {machine.name}"
            ) from None

    return move
