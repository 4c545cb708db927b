"""The charts of the documentation show exactly the edges and guards of the tables."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from client_access.deciding import RULES
from client_access.machines import activation, direct_debit, lifecycle, payer, practice_invitation
from docs.charts import CHARTS, with_charts

ROOT = Path(__file__).parents[1]
TABLES = {
    "lifecycle": lifecycle.TRANSITIONS,
    "payer": payer.TRANSITIONS,
    "activation": activation.TRANSITIONS,
    "practice invitation": practice_invitation.TRANSITIONS,
    "direct debit": direct_debit.TRANSITIONS,
}

Edges = set[tuple[str, str, str, tuple[str, ...]]]


def read_back(chart: str) -> Edges:
    """Return the edges of a chart, read from its labelled arrows."""
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
    """§2, §3, E4 to E6, §8, P6: read back, a chart gives its table."""
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
    """Mermaid draws long labels over each other."""
    first, *lines = CHARTS[name].splitlines()
    assert first == "stateDiagram-v2"
    for line in lines:
        assert re.fullmatch(r"    (\w+|\[\*\]) --> (\w+|\[\*\])( : [\w,\[\]<>]+)?", line), line
        label = line.partition(" : ")[2]
        assert max(map(len, label.split("<br>"))) <= 30
    assert sum(line.startswith("    [*] --> ") for line in lines) >= 1


def test_guards_have_the_names_that_the_chapters_know() -> None:
    """A guard in a chart can be looked up in the code."""
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
    """The rest of a page stays as it is, and a second pass changes nothing."""
    written = with_charts(TEXT)
    before, first, between, second, after = re.split(r"```mermaid\n|```\n", written)
    assert before == "Before\n<!-- chart: payer -->\n"
    assert first == CHARTS["payer"]
    assert between == "<!-- end of chart -->\nbetween\n<!-- chart: activation -->\n"
    assert second == CHARTS["activation"]
    assert after == "<!-- end of chart -->\nafter\n"
    assert with_charts(written) == written
    assert with_charts("nothing to do") == "nothing to do"


def test_an_unknown_chart_is_an_error() -> None:
    """A misspelt marker is noticed."""
    with pytest.raises(KeyError, match="teapot"):
        with_charts("<!-- chart: teapot -->\n<!-- end of chart -->")


@pytest.mark.parametrize(
    ("path", "names"),
    [
        ("README.md", ["lifecycle", "payer"]),
        ("docs/explanation/lifecycle.md", ["lifecycle", "activation", "practice invitation"]),
        ("docs/explanation/payer.md", ["payer", "direct debit"]),
    ],
)
def test_the_charts_in_the_documents_are_those_of_the_tables(path: str, names: list[str]) -> None:
    """The committed pages are up to date."""
    text = (ROOT / path).read_text(encoding="utf-8")
    assert re.findall(r"<!-- chart: (.*) -->", text) == names
    assert with_charts(text) == text, "run: python docs/generate.py"
    for name in names:
        assert f"```mermaid\n{CHARTS[name]}```" in text
