"""Charts of the machines for Mermaid, made of their own tables: what they show is what runs.

Markdown holds each between markers, and :func:`with_charts` writes them there.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence

from client_access.errors import InvalidValue
from client_access.machines import activation, lifecycle, payer
from client_access.machines.activation import ActivationState
from client_access.machines.lifecycle import NEW, Status
from client_access.machines.payer import PayerState
from client_access.machines.table import Edge
from client_access.values.validation import check_type

_START_AND_END = "[*]"
_NEW_LINE = "<br>"


def _chart(table: Sequence[Edge], *, start: str | None = None, end: str | None = None) -> str:
    """Return a table as a Mermaid chart, with the guards of each edge in brackets.

    Parameters:
        table: the edges, in order; those between the same two states are drawn as one.
        start: the state that something begins in, where no edge leads there from nothing.
        end: the state that it ends in, if it does.
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
}
"""Every chart by its name: the lifecycle (§2), who pays (§3), the activation (E4 to E6)."""

_BETWEEN_MARKERS = re.compile(
    r"^(<!-- chart: (?P<name>[^\n]*?) -->\n).*?^(<!-- end of chart -->)$", re.DOTALL | re.MULTILINE
)


def with_charts(markdown: str) -> str:
    """Return Markdown with every chart in its place, whatever stood there before.

    A place is what stands between a line `<!-- chart: lifecycle -->`, with the name of any of
    :data:`CHARTS`, and the next line `<!-- end of chart -->`. Written again, nothing changes.

    Raises:
        InvalidValue: a marker names no chart.
    """
    check_type("markdown", markdown, str)

    def fill(place: re.Match[str]) -> str:
        chart = CHARTS.get(place["name"])
        if chart is None:
            raise InvalidValue("markdown", "has a place for a chart that there is not")
        return f"{place[1]}```mermaid\n{chart}```\n{place[3]}"

    return _BETWEEN_MARKERS.sub(fill, markdown)
