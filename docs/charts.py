"""Charts of the machines as SVG, made from the tables that the code runs on.

Where a state stands and which way an arrow goes is written in `layouts.py`, by hand. What is drawn
comes from the table: an edge without a way is an error, and so is a way without an edge.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from html import escape
from math import copysign
from textwrap import wrap

from client_access.machines import activation, direct_debit, lifecycle, payer, practice_invitation
from client_access.machines.lifecycle import NEW
from client_access.machines.table import Edge
from docs.layouts import (
    ACTIVATION,
    DIRECT_DEBIT,
    LIFECYCLE,
    LIFECYCLE_NARROW,
    PAYER,
    PAYER_NARROW,
    PRACTICE_INVITATION,
    START,
    Layout,
    Point,
    Way,
)

STYLE = """
.chart { --ink: #1f2328; --quiet: #59636e; --line: #818b98; --box: #f6f8fa; --edge: #d1d9e0;
  --lit: #e6e9ff; --lit-edge: #4f46e5; --lit-ink: #312e81; color: var(--ink);
  font: 13px ui-sans-serif, system-ui, -apple-system, "Segoe UI", sans-serif; }
@media (prefers-color-scheme: dark) { .chart { --ink: #e6edf3; --quiet: #9aa5b1; --line: #7d8894;
  --box: #1b2129; --edge: #3d444d; --lit: #2a2a5c; --lit-edge: #8b8cf8; --lit-ink: #dfe1ff; } }
.chart text { fill: var(--ink); }
.chart .state text, .chart .trigger, .chart .code {
  font: 600 12px ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; }
.chart .trigger { font-weight: 400; }
.chart .guard, .chart .quiet { fill: var(--quiet); font-size: 11.5px; }
.chart rect { fill: var(--box); stroke: var(--edge); }
.chart .lit rect, .chart rect.lit { fill: var(--lit); stroke: var(--lit-edge); }
.chart .lit text, .chart text.lit { fill: var(--lit-ink); }
.chart .way { fill: none; stroke: var(--line); stroke-width: 1.5; }
.chart .tip, .chart .start { fill: var(--line); }
.chart .lit .way { stroke: var(--lit-edge); stroke-width: 2; }
.chart .lit .tip { fill: var(--lit-edge); }
.chart .edge:hover .way { stroke: var(--lit-edge); stroke-width: 2.5; }
.chart .edge:hover .tip { fill: var(--lit-edge); }
"""
"""For light and dark. The site sets the same variables when a reader chooses one of them."""

_HEIGHT = 34
"""The height of a state."""
_CHARACTER = 7.4
"""The width of a character in a state."""
_LINE = 15
"""The height of a line of a label."""
_WORDS = 26
"""How many characters a line of a guard has at most."""
_BEND = 9
"""The radius of a bend."""


# ── Drawing ──────────────────────────────────────────────────────────────────────────────────────


def draw(title: str, layout: Layout, table: Sequence[Edge]) -> str:
    """Return the chart of a table: edges between the same two states share an arrow."""
    edges: defaultdict[tuple[str, str], list[Edge]] = defaultdict(list)
    for edge in table:
        edges[START if edge["source"] == NEW else edge["source"], edge["dest"]].append(edge)
    if not any(source == START for source, _ in edges):
        edges[START, table[0]["source"]] = []
    if layout.ways.keys() != edges.keys():
        raise ValueError(f"{title}: no way, or no edge: {layout.ways.keys() ^ edges.keys()}")
    lit = {state for states in layout.lit.values() for state in states}
    parts: list[str] = []
    for (source, dest), way in layout.ways.items():
        points = _between(layout.states, source, dest, way.points)
        parts += _edge((source, dest), edges[source, dest], replace(way, points=points))
    for state, (x, y) in layout.states.items():
        parts.append(
            f'<circle class="start" cx="{x}" cy="{y}" r="6"/>'
            if state == START
            else _state(state, x, y, lit=state in lit)
        )
    for meaning in layout.lit:
        y = layout.size[1]
        parts.append(f'<rect class="lit" x="2" y="{y - 15}" width="12" height="12" rx="3"/>')
        parts.append(f'<text class="quiet" x="20" y="{y - 5}">{meaning}</text>')
    return picture(title, layout.size, parts)


def _between(states: Mapping[str, Point], source: str, dest: str, points: str) -> str:
    """Return the points with the first and the last one on the rims of their states."""
    places = [_point(point) for point in points.split()]
    first = _rim(source, states[source], places[0], places[1])
    last = _rim(dest, states[dest], places[-1], places[-2])
    return " ".join(f"{x:g},{y:g}" for x, y in [first, *places[1:-1], last])


def _rim(state: str, middle: Point, inside: Point, outside: Point) -> Point:
    level = inside[1] == outside[1]
    half = 6 if state == START else _width(state) / 2 if level else _HEIGHT / 2
    if level:
        return (middle[0] + copysign(half, outside[0] - inside[0]), inside[1])
    return (inside[0], middle[1] + copysign(half, outside[1] - inside[1]))


def _point(point: str) -> Point:
    x, y = map(float, point.split(","))
    return x, y


def _width(state: str) -> float:
    return round(len(state) * _CHARACTER) + 22


def picture(title: str, size: tuple[int, int], parts: Sequence[str]) -> str:
    """Return an SVG of these parts."""
    width, height = size
    view = f'viewBox="-10 -4 {width + 20} {height + 8}" width="{width + 20}" height="{height + 8}"'
    name = f'role="img" aria-label="{escape(title)}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" class="chart" {name} {view}>'
    return "\n".join([head, f"<style>{STYLE}</style>", *parts, "</svg>\n"])


def _state(name: str, x: float, y: float, *, lit: bool) -> str:
    width = _width(name)
    return (
        f'<g class="state{" lit" if lit else ""}" data-state="{name}">'
        f'<rect x="{x - width / 2:.0f}" y="{y - _HEIGHT / 2:.0f}" width="{width:.0f}"'
        f' height="{_HEIGHT}" rx="8"/>'
        f'<text x="{x}" y="{y + 4}" text-anchor="middle">{name}</text></g>'
    )


def _edge(ends: tuple[str, str], edges: Sequence[Edge], way: Way) -> Iterator[str]:
    source, dest = ends
    yield f'<g class="edge" data-from="{source}" data-to="{dest}">'
    if edges:
        said = "; ".join(" ".join([edge["trigger"], *_guards(edge)]) for edge in edges)
        yield f"<title>{source} → {dest}: {said}</title>"
    yield arrow(way.points)
    lines = []
    for edge in edges:
        lines.append(("trigger", edge["trigger"]))
        lines += [("guard", part) for guard in _guards(edge) for part in _lines(guard)]
    x, y = way.label
    up = way.side == "middle" and y < float(way.points.split()[0].split(",")[1])
    for number, (kind, words) in enumerate(lines):
        at = y + _LINE * (number - (len(lines) - 1 if up else 0))
        yield f'<text class="{kind}" x="{x}" y="{at:g}" text-anchor="{way.side}">{words}</text>'
    yield "</g>"


def _guards(edge: Edge) -> list[str]:
    """Return what an edge asks for, in words that are the names of the guards."""
    names = [name.replace("_", " ") for name in edge.get("conditions", [])]
    return [f"{'and' if number else 'if'} {name}" for number, name in enumerate(names)]


def _lines(words: str) -> list[str]:
    """Return lines of about the same length."""
    lines = wrap(words, _WORDS)
    return min(
        (wrap(words, width) for width in range(12, _WORDS + 1)),
        key=lambda other: (len(other) != len(lines), max(map(len, other))),
    )


def arrow(points: str) -> str:
    """Return an arrow over these points, with round corners and a tip."""
    places = [_point(point) for point in points.split()]
    (x0, y0), (x, y) = places[-2], places[-1]
    length = abs(x - x0) + abs(y - y0)  # the last part is level or upright
    dx, dy = (x - x0) / length, (y - y0) / length
    path = f"M{places[0][0]:g},{places[0][1]:g}"
    for before, corner, after in zip(places, places[1:], places[2:], strict=False):
        near, far = _towards(corner, before), _towards(corner, after)
        path += f"L{near}Q{corner[0]:g},{corner[1]:g} {far}"
    path += f"L{x - dx * 6:g},{y - dy * 6:g}"
    tip = f"M{x:g},{y:g}L{x - dx * 9 + dy * 5:g},{y - dy * 9 + dx * 5:g}"
    tip += f"L{x - dx * 9 - dy * 5:g},{y - dy * 9 - dx * 5:g}Z"
    return f'<path class="way" d="{path}"/><path class="tip" d="{tip}"/>'


def _towards(corner: Point, other: Point) -> str:
    """Return where a bend around a corner begins or ends."""
    dx, dy = other[0] - corner[0], other[1] - corner[1]
    part = min(_BEND, (abs(dx) + abs(dy)) / 2) / (abs(dx) + abs(dy))
    return f"{corner[0] + dx * part:g},{corner[1] + dy * part:g}"


# ── The picture of the front page ────────────────────────────────────────────────────────────────


_DECISION = (
    "A command and a client go into decide, a pure function. It returns a change, which is saved"
    " whole, or a refusal: nothing changes."
)
_MAIN_LIFE = ("inactive", "awaiting_activation", "both_access", "unmanaged")
"""The statuses that the picture of a decision shows."""


def _decision() -> str:
    """Return the picture of a decision: a command and a client, and what comes of them."""
    return picture(
        f"{_DECISION} Below, the client's way through its life: {', '.join(_MAIN_LIFE)}.",
        (740, 252),
        [
            *_cards((0, 8), (0, 100), (272, 54), (500, 8), (500, 100), 190, 240),
            arrow("190,44 231,44 231,80 272,80"),
            arrow("190,136 231,136 231,100 272,100"),
            arrow("418,80 459,80 459,44 500,44"),
            arrow("418,100 459,100 459,136 500,136"),
            *_life(_MAIN_LIFE, 740, 232),
        ],
    )


def _narrow_decision() -> str:
    """Return the same picture for a phone."""
    return picture(
        _DECISION,
        (410, 360),
        [
            *_cards((0, 4), (214, 4), (132, 112), (0, 220), (214, 220), 196, 196),
            arrow("98,76 98,94 180,94 180,112"),
            arrow("312,76 312,94 230,94 230,112"),
            arrow("180,184 180,202 98,202 98,220"),
            arrow("230,184 230,202 312,202 312,220"),
            *_life(_MAIN_LIFE[1:3], 410, 336),
        ],
    )


def _cards(
    command: Point,
    client: Point,
    decide: Point,
    change: Point,
    refusal: Point,
    left: int,
    right: int,
) -> Iterator[str]:
    yield from _card(*command, left, "a command", "Activate", "given by the client")
    yield from _card(*client, left, "a client", "awaiting_activation", "since Monday")
    yield from _card(*decide, 146, "a pure function", "decide", "no clock, no I/O", lit=True)
    yield from _card(
        *change, right, "a change, saved whole", "both_access", "an event, and notices"
    )
    yield from _card(
        *refusal, right, "or a refusal: no change", "activation_expired", "rule E6, and what helps"
    )


def _card(
    x: float, y: float, width: float, head: str, name: str, more: str, *, lit: bool = False
) -> Iterator[str]:
    """Yield a box with a heading, a name from the code, and a line."""
    of = " lit" if lit else ""
    yield f'<rect class="card{of}" x="{x}" y="{y}" width="{width}" height="72" rx="10"/>'
    for kind, words, down in (("quiet", head, 23), ("code", name, 42), ("more", more, 61)):
        yield f'<text class="{kind}{of}" x="{x + 14}" y="{y + down}">{words}</text>'


def _life(states: Sequence[str], width: float, y: float) -> Iterator[str]:
    """Yield states side by side, with what leads from one to the next; activation is lit."""
    space = (width - sum(map(_width, states))) / (len(states) - 1)
    x = 0.0
    for state, after in zip(states, (*states[1:], None), strict=True):
        yield _state(state, x + _width(state) / 2, y, lit=state == "both_access")
        x += _width(state)
        if after is not None:
            [trigger] = (
                edge["trigger"]
                for edge in lifecycle.TRANSITIONS
                if (edge["source"], edge["dest"]) == (state, after)
            )
            yield '<g class="lit">' if after == "both_access" else "<g>"
            yield arrow(f"{x + 4:g},{y} {x + space - 4:g},{y}")
            words = trigger.removesuffix("_with_client")
            yield f'<text class="trigger" x="{x + space / 2:g}" y="{y - 10}"'
            yield f' text-anchor="middle">{words}</text></g>'
            x += space


TITLES = {
    "lifecycle": "The life of a client",
    "payer": "Who pays",
    "activation": "The activation",
    "practice_invitation": "The practice invitation",
    "direct_debit": "Direct debit details",
}
"""The machines: the lifecycle (§2), who pays (§3), the activation (E4 to E6), the practice
invitation (§8), and direct debit details (P6)."""

TABLES: dict[str, Sequence[Edge]] = {
    "lifecycle": lifecycle.TRANSITIONS,
    "payer": payer.TRANSITIONS,
    "activation": activation.TRANSITIONS,
    "practice_invitation": practice_invitation.TRANSITIONS,
    "direct_debit": direct_debit.TRANSITIONS,
}

_LAYOUTS = {
    "lifecycle": LIFECYCLE,
    "lifecycle_narrow": LIFECYCLE_NARROW,
    "payer": PAYER,
    "payer_narrow": PAYER_NARROW,
    "activation": ACTIVATION,
    "practice_invitation": PRACTICE_INVITATION,
    "direct_debit": DIRECT_DEBIT,
}

CHARTS = {
    name: draw(TITLES[machine], layout, TABLES[machine])
    for name, layout in _LAYOUTS.items()
    for machine in [name.removesuffix("_narrow")]
}
"""The charts by the names of their machines, and for a phone those that are wide."""

PICTURES = {**CHARTS, "decision": _decision(), "decision_narrow": _narrow_decision()}
"""All pictures by the names of their files."""
