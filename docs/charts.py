"""Mermaid charts of the machines, made from the tables that the code runs on."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence

from client_access.machines import activation, direct_debit, lifecycle, payer, practice_invitation
from client_access.machines.activation import ActivationState
from client_access.machines.direct_debit import DirectDebitState
from client_access.machines.lifecycle import NEW, Status
from client_access.machines.payer import PayerState
from client_access.machines.practice_invitation import InvitationState
from client_access.machines.table import Edge

_START_AND_END = "[*]"
_NEW_LINE = "<br>"


def _chart(table: Sequence[Edge], *, start: str | None = None, end: str | None = None) -> str:
    """Return the chart of a table, with the guards of each edge in brackets.

    Parameters:
        table: the edges, in order; those between the same two states are drawn as one.
        start: the first state, if no edge leads from nothing to it.
        end: the last state, if there is one.
    """
    labels: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for edge in table:
        source = _START_AND_END if edge["source"] == NEW else edge["source"]
        guards = f",{_NEW_LINE}".join(edge.get("conditions", []))
        label = edge["trigger"] + (f"{_NEW_LINE}[{guards}]" if guards else "")
        labels[source, edge["dest"]].append(label)
    lines = ["stateDiagram-v2"]
    if start is not None:
        lines.append(f"    {_START_AND_END} --> {start}")
    lines += (
        f"    {source} --> {dest} : {f'{_NEW_LINE}'.join(names)}"
        for (source, dest), names in labels.items()
    )
    if end is not None:
        lines.append(f"    {end} --> {_START_AND_END}")
    return "\n".join(lines) + "\n"


CHARTS = {
    "lifecycle": _chart(lifecycle.TRANSITIONS, end=Status.DELETED.value),
    "payer": _chart(payer.TRANSITIONS, start=PayerState.UNDECIDED.value),
    "activation": _chart(activation.TRANSITIONS, start=ActivationState.NOT_SENT.value),
    "practice invitation": _chart(
        practice_invitation.TRANSITIONS, start=InvitationState.NONE.value
    ),
    "direct debit": _chart(direct_debit.TRANSITIONS, start=DirectDebitState.NOT_ASKED.value),
}
"""The charts by name: the lifecycle (§2), who pays (§3), the activation (E4 to E6), the practice
invitation (§8), and direct debit details (P6)."""

_BETWEEN_MARKERS = re.compile(
    r"^(<!-- chart: (?P<name>[^\n]*?) -->\n).*?^(<!-- end of chart -->)$", re.DOTALL | re.MULTILINE
)


def with_charts(markdown: str) -> str:
    """Return Markdown with its charts brought up to date.

    A chart is between a line `<!-- chart: NAME -->`, with a name from :data:`CHARTS`, and the next
    line `<!-- end of chart -->`.

    Raises:
        KeyError: there is no chart with this name.
    """
    return _BETWEEN_MARKERS.sub(
        lambda place: f"{place[1]}```mermaid\n{CHARTS[place['name']]}```\n{place[3]}", markdown
    )
