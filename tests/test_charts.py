"""The charts show exactly the states, edges and guards of the machines' tables."""

from __future__ import annotations

import re
from itertools import groupby
from pathlib import Path
from types import ModuleType
from xml.etree import ElementTree as ET

import pytest

from client_access.deciding import RULES
from client_access.machines import activation, direct_debit, lifecycle, payer, practice_invitation
from docs.charts import CHARTS, PICTURES, draw
from docs.layouts import LIFECYCLE, Layout, Way

PICTURES_FOLDER = Path(__file__).parents[1] / "docs" / "pictures"
MACHINES = {
    "lifecycle": lifecycle,
    "payer": payer,
    "activation": activation,
    "practice_invitation": practice_invitation,
    "direct_debit": direct_debit,
}
SVG = "{http://www.w3.org/2000/svg}"

Edges = list[tuple[str, str, str, tuple[str, ...]]]


def machine_of(name: str) -> ModuleType:
    """Return the machine of a chart, which may be drawn for a phone, too."""
    return MACHINES[name.removesuffix("_narrow")]


def read_back(chart: str) -> Edges:
    """Return the edges of a chart, read from the labels that a reader sees."""
    edges: Edges = []
    for group in ET.fromstring(chart).iter(f"{SVG}g"):
        source, dest = group.get("data-from"), group.get("data-to")
        if source is None or dest is None:
            continue
        labels = [(text.get("class"), text.text or "") for text in group.iter(f"{SVG}text")]
        for kind, lines in groupby(labels, key=lambda label: label[0]):
            words = [text for _, text in lines]
            if kind == "trigger":
                edges += ((trigger, source, dest, ()) for trigger in words)
            else:
                guards = " ".join(words).removeprefix("if ").replace(" and ", "\n")
                edges[-1] = (*edges[-1][:3], tuple(guards.replace(" ", "_").split("\n")))
    return edges


@pytest.mark.parametrize("name", CHARTS)
def test_a_chart_has_every_edge_of_its_table_and_no_other(name: str) -> None:
    """§2, §3, E4 to E6, §8, P6: read back, a chart gives its table."""
    assert sorted(read_back(CHARTS[name])) == sorted(
        (
            edge["trigger"],
            "start" if edge["source"] == lifecycle.NEW else edge["source"],
            edge["dest"],
            tuple(edge.get("conditions", ())),
        )
        for edge in machine_of(name).TRANSITIONS
    )


@pytest.mark.parametrize("name", CHARTS)
def test_a_chart_has_every_state_once_and_one_beginning(name: str) -> None:
    """§2, §3: the boxes are the states of the machine; the dot is where it begins."""
    groups = list(ET.fromstring(CHARTS[name]).iter(f"{SVG}g"))
    drawn = [state for group in groups if (state := group.get("data-state"))]
    machine = machine_of(name).MACHINE
    assert sorted(drawn) == sorted(set(machine.states) - {lifecycle.NEW})
    first = {group.get("data-to") for group in groups if group.get("data-from") == "start"}
    if machine.initial != lifecycle.NEW:
        assert first == {machine.initial}


@pytest.mark.parametrize("name", CHARTS)
def test_an_arrow_says_what_it_asks_for_when_it_is_pointed_at(name: str) -> None:
    """The title of an arrow has its ends, its triggers and its guards."""
    for group in ET.fromstring(CHARTS[name]).iter(f"{SVG}g"):
        if labels := [text.text or "" for text in group.iter(f"{SVG}text")]:
            title = group.findtext(f"{SVG}title")
            if group.get("class") == "edge":
                assert title is not None
                assert title.startswith(f"{group.get('data-from')} → {group.get('data-to')}: ")
                said = title.partition(": ")[2].replace(";", "")
                assert said == " ".join(labels)


@pytest.mark.parametrize("name", PICTURES)
def test_nothing_in_a_picture_stands_outside_of_it(name: str) -> None:
    """Texts, with a generous width of each character, and boxes are inside."""
    root = ET.fromstring(PICTURES[name])
    left, top, width, height = map(float, root.get("viewBox", "").split())
    for text in root.iter(f"{SVG}text"):
        x, y, long = float(text.get("x", "")), float(text.get("y", "")), len(text.text or "") * 7.3
        start = x - {"middle": long / 2, "end": long}.get(text.get("text-anchor", ""), 0)
        assert left <= start
        assert start + long <= left + width, text.text
        assert top + 8 <= y <= top + height - 2, text.text
    for box in root.iter(f"{SVG}rect"):
        x, wide = float(box.get("x", "")), float(box.get("width", ""))
        y, high = float(box.get("y", "")), float(box.get("height", ""))
        assert left < x < x + wide < left + width
        assert top < y < y + high < top + height


def test_every_picture_fits_on_a_phone_or_has_a_narrow_one_that_does() -> None:
    """A narrow one is shown there instead of a wide one."""
    for name in PICTURES:
        shown = PICTURES.get(f"{name}_narrow", PICTURES[name])
        assert float(ET.fromstring(shown).get("width", "")) <= 440, name


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_needs_nothing_else(name: str) -> None:
    """A picture loads nothing, is light or dark as its reader likes, and has a text."""
    picture = (PICTURES_FOLDER / f"{name}.svg").read_text(encoding="utf-8")
    assert not re.search(r"href|url\(|<script|<image|@import|@font-face", picture)
    assert "prefers-color-scheme: dark" in picture
    assert len(ET.fromstring(picture).get("aria-label", "")) > 5


def test_there_is_no_other_picture() -> None:
    assert {path.stem for path in PICTURES_FOLDER.iterdir()} == PICTURES.keys()


def test_guards_have_the_names_that_the_chapters_know() -> None:
    """A guard in a chart can be looked up in the code."""
    known = {guard.name for rules in RULES for guard in rules.guards}
    drawn = {
        guard for chart in CHARTS.values() for *_, guards in read_back(chart) for guard in guards
    }
    assert drawn
    assert drawn <= known


@pytest.mark.parametrize(
    ("added", "left_out"),
    [({}, ("closed", "deleted")), ({("closed", "inactive"): Way("0,0 0,9", (0, 0))}, None)],
)
def test_an_edge_without_a_way_and_a_way_without_an_edge_are_errors(
    added: dict[tuple[str, str], Way], left_out: tuple[str, str] | None
) -> None:
    """Somebody who changes a table is told that the chart has to change."""
    ways = {ends: way for ends, way in LIFECYCLE.ways.items() if ends != left_out}
    layout = Layout(LIFECYCLE.size, LIFECYCLE.states, {**ways, **added})
    with pytest.raises(ValueError, match="'closed'"):
        draw("a chart", layout, lifecycle.TRANSITIONS)
