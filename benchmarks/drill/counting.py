"""Compares what writers and relays saw with what the database has."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

from client_access.sql import SqlRepository


class Answer(NamedTuple):
    """A command that a writer was told is accepted."""

    begun: float
    answered: float
    attempts: int
    client: str
    version: int
    event: str
    notices: tuple[str, ...]


class Counted(NamedTuple):
    """What was lost and what was doubled."""

    accepted: int
    repeated: int
    lost: int
    doubled: int
    made: int
    delivered: int
    undelivered: int
    redelivered: int
    longest: float
    """The longest time that one command took, in seconds."""


def answers(journals: Iterable[Path]) -> list[Answer]:
    """Return what the writers were told, in the order of the answers."""
    read = [
        Answer(**json.loads(line) | {"notices": tuple(json.loads(line)["notices"])})
        for journal in journals
        for line in journal.read_text(encoding="utf-8").splitlines()
    ]
    return sorted(read, key=lambda answer: answer.answered)


def errors(logs: Iterable[Path]) -> Counter[str]:
    """Return how often writers and relays met each error."""
    return Counter(
        line.partition(" ")[2]
        for log in logs
        for line in log.read_text(encoding="utf-8").splitlines()
    )


def stored(repository: SqlRepository) -> Iterator[tuple[str, int, str]]:
    """Yield every event of the feed: its client, its version and its type."""
    position = 0
    while page := repository.events_after(position, limit=1000):
        for _, event in page:
            yield str(event.client_id), event.version, type(event).__name__
        position = page[-1][0]


def count(answered: Sequence[Answer], repository: SqlRepository, deliveries: Path) -> Counted:
    """Compare the answers with the events, and the notices with the deliveries."""
    told = Counter((each.client, each.version, each.event) for each in answered)
    kept = Counter(stored(repository))
    # The feed could be wrong as well, so that the histories of some clients are asked too.
    for client in list(dict.fromkeys(each.client for each in answered))[::50]:
        history = repository.history(UUID(client))
        assert [event.version for event in history] == list(range(1, len(history) + 1))
        assert all(kept[client, each.version, type(each).__name__] for each in history)
    made = Counter(notice for each in answered for notice in each.notices)
    delivered = Counter(deliveries.read_text(encoding="ascii").split())
    return Counted(
        accepted=len(answered),
        repeated=sum(each.attempts > 1 for each in answered),
        lost=(told - kept).total(),
        doubled=(kept - told).total(),
        made=len(made),
        delivered=len(delivered),
        undelivered=len(made.keys() - delivered.keys()),
        redelivered=delivered.total() - len(delivered),
        longest=max(each.answered - each.begun for each in answered),
    )


def silence(answered: Sequence[Answer], since: float, until: float) -> float:
    """Return the longest time between two moments in which no command was answered, in seconds."""
    moments = [since, *(each.answered for each in answered if since < each.answered < until), until]
    return max(later - earlier for earlier, later in pairwise(moments))
