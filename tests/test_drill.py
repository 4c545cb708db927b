"""What `make drill` counts: it finds what is lost and what is doubled."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from drill.counting import Counted, answers, count, errors, silence
from drill.writer import CATALOGUE, lives

import client_access as ca
from client_access.sql import SqlRepository


@pytest.fixture
def repository(tmp_path: Path) -> Iterator[SqlRepository]:
    """Two clients, whose commands stand in a journal and whose notices were delivered."""
    with SqlRepository.open(f"sqlite:///{tmp_path / 'clients.db'}") as repository:
        write_lives(repository, tmp_path)
        yield repository


def write_lives(repository: SqlRepository, folder: Path) -> None:
    access = ca.ClientAccess(repository, catalogue=CATALOGUE)
    journal, delivered = list[str](), list[str]()
    for life, _ in zip(lives("north"), range(2), strict=False):
        for command in life:
            change = access.handle(command)
            notices = [str(notice.id) for notice in change.notices]
            line = {
                "begun": len(journal),
                "answered": len(journal) + 0.5,
                "attempts": 1,
                "client": str(change.after.id),
                "version": change.after.version,
                "event": type(change.event).__name__,
                "notices": notices,
            }
            journal.append(json.dumps(line))
            delivered += notices
    (folder / "journal0").write_text("\n".join(journal), "utf-8")
    (folder / "delivered").write_text("\n".join(delivered), "utf-8")


def counted(repository: SqlRepository, folder: Path) -> Counted:
    return count(answers([folder / "journal0"]), repository, folder / "delivered")


def without_last_line(path: Path) -> None:
    path.write_text("\n".join(path.read_text("utf-8").splitlines()[:-1]), "utf-8")


def test_nothing_is_lost_or_doubled(repository: SqlRepository, tmp_path: Path) -> None:
    result = counted(repository, tmp_path)
    assert result == Counted(
        accepted=12,
        repeated=0,
        lost=0,
        doubled=0,
        made=result.delivered,
        delivered=result.delivered,
        undelivered=0,
        redelivered=0,
        longest=0.5,
    )
    assert result.delivered > 4


def test_what_was_accepted_and_is_not_stored_is_lost(tmp_path: Path) -> None:
    line = {"client": str(uuid4()), "version": 1, "event": "ClientAdded", "notices": ["n"]}
    line |= {"begun": 0.0, "answered": 1.0, "attempts": 2}
    (tmp_path / "journal0").write_text(json.dumps(line), "utf-8")
    (tmp_path / "delivered").write_text("", "utf-8")
    with SqlRepository.open("sqlite://") as empty:
        result = counted(empty, tmp_path)
    assert (result.lost, result.doubled, result.undelivered, result.repeated) == (1, 0, 1, 1)


def test_what_is_stored_and_was_not_answered_is_doubled(
    repository: SqlRepository, tmp_path: Path
) -> None:
    without_last_line(tmp_path / "journal0")
    result = counted(repository, tmp_path)
    assert (result.lost, result.doubled) == (0, 1)


def test_notices_are_missed_and_told_apart(repository: SqlRepository, tmp_path: Path) -> None:
    path = tmp_path / "delivered"
    _, *rest = path.read_text("utf-8").splitlines()
    path.write_text("\n".join([rest[0], *rest]), "utf-8")
    result = counted(repository, tmp_path)
    assert (result.undelivered, result.redelivered) == (1, 1)


def test_silence_is_the_longest_time_without_an_answer(
    repository: SqlRepository, tmp_path: Path
) -> None:
    answered = answers([tmp_path / "journal0"])
    assert silence(answered, 0, 12) == 1
    assert silence([*answered[:3], *answered[7:]], 1, 11) == 5
    assert silence([], 3, 10) == 7


def test_errors_are_counted_by_their_words(tmp_path: Path) -> None:
    (tmp_path / "writer0.log").write_text("1.00 lost\n1.10 lost\n1.20 refused\n", "utf-8")
    assert errors(tmp_path.glob("*.log")) == {"lost": 2, "refused": 1}
