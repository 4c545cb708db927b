"""Charts are what the tables say: read back, they have just those edges and guards."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import client_access as ca
from client_access.charts import CHARTS, with_charts
from client_access.deciding import RULES
from client_access.machines import activation, lifecycle, payer

ROOT = Path(__file__).parents[1]
TABLES = {
    "lifecycle": lifecycle.TRANSITIONS,
    "payer": payer.TRANSITIONS,
    "activation": activation.TRANSITIONS,
}

Edges = set[tuple[str, str, str, tuple[str, ...]]]


def read_back(chart: str) -> Edges:
    """Read a chart as a person does: its labelled arrows, each trigger with its guards."""
    edges: Edges = set()
    for source, dest, label in re.findall(r"^    (\S+) --> (\S+) : (.*)$", chart, re.MULTILINE):
        for trigger, guards in re.findall(
            r"(\w+)(?:<br>\[([^\]]*)\])?", label.replace(",<br>", ",")
        ):
            if trigger != "br":
                edges.add((trigger, source, dest, tuple(guards.split(",")) if guards else ()))
    return edges


@pytest.mark.parametrize("name", CHARTS)
def test_a_chart_has_every_edge_of_its_table_and_no_other(name: str) -> None:
    assert read_back(CHARTS[name]) == {
        (
            edge["trigger"],
            "[*]" if edge["source"] == "new" else edge["source"],
            edge["dest"],
            tuple(edge.get("conditions", ())),
        )
        for edge in TABLES[name]
    }


@pytest.mark.parametrize("name", CHARTS)
def test_a_chart_is_well_formed_and_its_labels_are_short(name: str) -> None:
    first, *lines = CHARTS[name].splitlines()
    assert first == "stateDiagram-v2"
    for line in lines:
        assert re.fullmatch(r"    (\w+|\[\*\]) --> (\w+|\[\*\])( : [\w,\[\]<>]+)?", line), line
        label = line.partition(" : ")[2]
        assert max(map(len, label.split("<br>"))) <= 28
    assert sum(line.startswith("    [*] --> ") for line in lines) >= 1


def test_guards_have_the_names_that_the_chapters_know() -> None:
    known = {guard.name for rules in RULES for guard in rules.guards}
    drawn = {
        guard for chart in CHARTS.values() for *_, guards in read_back(chart) for guard in guards
    }
    assert drawn
    assert drawn <= known


TEXT = """Before
<!-- chart: payer -->
old
<!-- end of chart -->
between
<!-- chart: activation -->
<!-- end of chart -->
after
"""


def test_charts_are_written_between_their_markers_and_nowhere_else() -> None:
    written = with_charts(TEXT)
    before, first, between, second, after = re.split(r"```mermaid\n|```\n", written)
    assert before == "Before\n<!-- chart: payer -->\n"
    assert first == CHARTS["payer"]
    assert between == "<!-- end of chart -->\nbetween\n<!-- chart: activation -->\n"
    assert second == CHARTS["activation"]
    assert after == "<!-- end of chart -->\nafter\n"
    assert with_charts(written) == written
    assert with_charts("nothing to do") == "nothing to do"


@pytest.mark.parametrize(
    ("text", "reason"),
    [("<!-- chart: teapot -->\n<!-- end of chart -->", "there is not"), (b"", "str")],
)
def test_a_place_for_no_chart_is_invalid(text: str, reason: str) -> None:
    with pytest.raises(ca.InvalidValue, match=reason):
        with_charts(text)


@pytest.mark.parametrize(
    ("path", "names"),
    [
        ("README.md", ["lifecycle", "payer"]),
        ("docs/lifecycle.md", ["lifecycle", "activation"]),
        ("docs/payer.md", ["payer"]),
    ],
)
def test_the_charts_in_the_documents_are_those_of_the_tables(path: str, names: list[str]) -> None:
    text = (ROOT / path).read_text(encoding="utf-8")
    assert re.findall(r"<!-- chart: (.*) -->", text) == names
    assert with_charts(text) == text, "run: python docs/generate.py"
    for name in names:
        assert f"```mermaid\n{CHARTS[name]}```" in text
