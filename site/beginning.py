"""The history with which the playground begins: the commands of the tour, recorded while it runs.

The tour draws ids and reads the clock. Here every id is replaced by one made from its place, and
every moment by one of a calendar, so that each recording is the same.

`python site/beginning.py` writes it beside the bridge. A test compares the two.
"""

from __future__ import annotations

import io
import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid5

from client_access import Change, Observation
from client_access.sql import SqlRepository
from client_access.wire import answer_of, dump
from examples.tour.__main__ import CLIENTS, SCENES
from examples.tour.screen import TourScreen
from examples.tour.stage import CATALOGUE, Cast, Stage

KEPT = Path(__file__).parent / "playground" / "py" / "playground" / "beginning.json"
BEGINS = datetime(2026, 1, 5, 9, tzinfo=UTC)
_A_SCENE, _A_STEP = timedelta(days=1), timedelta(minutes=1)
_IDS = UUID("c11e0000-0000-4000-8000-000000000007")
_ID = re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b")


def record() -> str:
    """Return the tour's catalogue and steps as JSON; a step is a moment and a command.

    Each step is a line.
    """
    steps: list[tuple[str, object]] = []
    at = BEGINS

    def observe(seen: Observation) -> None:
        nonlocal at
        if isinstance(seen.outcome, Change) and seen.outcome.event is not None:
            steps.append((at.isoformat(), dump(seen.command)))
            at += _A_STEP

    with SqlRepository.open("sqlite://") as repository:
        stage = Stage(repository, screen=TourScreen(io.StringIO()), file=CLIENTS, run=1)
        stage.access.observe = observe
        cast = Cast()
        for number, scene in enumerate(SCENES):
            at = BEGINS + number * _A_SCENE
            scene(stage, cast)
    steps.append(((BEGINS + len(SCENES) * _A_SCENE).isoformat(), None))
    lines = ",\n".join(_json(step) for step in steps)
    catalogue = _json(answer_of(CATALOGUE))
    return _with_own_ids(f'{{"catalogue":{catalogue},\n"steps":[\n{lines}\n]}}\n')


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _with_own_ids(text: str) -> str:
    own: dict[str, str] = {}
    return _ID.sub(lambda found: own.setdefault(found[0], str(uuid5(_IDS, str(len(own))))), text)


if __name__ == "__main__":
    KEPT.write_text(record(), "utf-8")
