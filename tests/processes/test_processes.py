"""Many writers at once, and writers and relays killed at any moment, on both databases.

In `make test` each runs a few times; CLIENT_ACCESS_ROUNDS and CLIENT_ACCESS_KILLS ask for more.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

import pytest
from client_access.sql import SqlRepository
from processes.worker import CATALOGUE, ONE_ADDRESS, ONE_CLIENT, PRACTICE, some_command

from client_access import (
    AddClient,
    Client,
    ClientAccess,
    CommandRefused,
    DeleteClient,
    replay,
)
from client_access.deciding import evolve
from client_access.notifying import notices_of

ROUNDS = int(os.environ.get("CLIENT_ACCESS_ROUNDS", "1"))
KILLS = int(os.environ.get("CLIENT_ACCESS_KILLS", "3"))
PROCESSES = 16
PATIENCE = 120  # seconds: whatever takes longer hangs
WORKER = Path(__file__).with_name("worker.py")


class Worker:
    """A process that has said it is ready."""

    def __init__(self, mode: str, url: str, seed: int) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(WORKER), mode, url, str(seed)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def wait_until_ready(self) -> None:
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "ready\n"

    def go(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write("go\n")
        self.process.stdin.flush()

    def said(self) -> list[dict[str, object]]:
        """Return what it said, once it has ended; a line that a kill cut off is left out."""
        out, _ = self.process.communicate(timeout=PATIENCE)
        return [json.loads(line) for line in out.splitlines() if line.endswith("}")]


@contextmanager
def workers(mode: str, url: str, seeds: Sequence[int]) -> Iterator[list[Worker]]:
    """Start processes, let them go together, and leave none behind."""
    started = [Worker(mode, url, seed) for seed in seeds]
    try:
        for worker in started:
            worker.wait_until_ready()
        for worker in started:
            worker.go()
        yield started
    finally:
        for worker in started:
            worker.process.kill()
            worker.process.communicate()


def run(mode: str, url: str, seeds: Sequence[int]) -> list[list[dict[str, object]]]:
    with workers(mode, url, seeds) as started:
        said = [worker.said() for worker in started]
        assert [worker.process.returncode for worker in started] == [0] * len(seeds)
    return said


@pytest.mark.parametrize("number", range(ROUNDS))
def test_of_16_processes_that_claim_one_address_one_wins_and_15_are_refused(
    database: str, number: int
) -> None:
    """E1: exactly one wins; the others are refused `email_taken`, and nothing of them is kept."""
    with SqlRepository.open(database) as repository:
        said = run("claim", database, range(PROCESSES))
        facts = [fact for lines in said for fact in lines]
        (winner,) = [str(fact["won"]) for fact in facts if "won" in fact]
        assert [fact["refused"] for fact in facts if "refused" in fact] == ["email_taken"] * 15
        owner = repository.find_by_email(ONE_ADDRESS)
        assert owner is not None
        assert str(owner.id) == winner
        assert list(repository.client_ids()) == [owner.id]


@pytest.mark.parametrize("number", range(ROUNDS))
def test_every_change_by_16_processes_is_decided_on_the_version_before_it(
    database: str, number: int
) -> None:
    """One client, 16 processes: no update is lost, and the history is whole and replays."""
    with SqlRepository.open(database) as repository:
        access = ClientAccess(repository, catalogue=CATALOGUE)
        access.handle(AddClient(ONE_CLIENT, PRACTICE, business_name="One", email=ONE_ADDRESS))
        said = run("hammer", database, range(number * 100, number * 100 + PROCESSES))
        accepted = [fact for lines in said for fact in lines if "after" in fact]
        assert all(fact["after"] == int(str(fact["before"])) + 1 for fact in accepted)
        events = repository.history(ONE_CLIENT)
        assert sorted(int(str(fact["after"])) for fact in accepted) == list(
            range(2, len(events) + 1)
        )
        assert [event.version for event in events] == list(range(1, len(events) + 1))
        assert replay(events) == repository.get(ONE_CLIENT)


def test_a_writer_killed_at_any_moment_leaves_every_client_equal_to_its_history(
    database: str,
) -> None:
    """The change, its event and its notices are saved together or not at all."""
    chance = random.Random(0)
    for kill in range(KILLS):
        with workers("write", database, [kill]) as (writer,):
            time.sleep(chance.uniform(0.02, 0.4))
            writer.process.send_signal(signal.SIGKILL)
            writer.said()
            assert writer.process.returncode == -signal.SIGKILL
        with SqlRepository.open(database) as repository:
            written = 0
            expected: set[UUID] = set()
            for client_id in repository.client_ids():
                events = repository.history(client_id)
                written += len(events)
                assert replay(events) == repository.get(client_id)
                expected |= _notices_of(repository, client_id)
            waiting = repository.waiting(parked=False, limit=1_000_000)
            assert {claim.notice.id for claim in waiting} == expected
    assert written > KILLS
    assert expected


def _notices_of(repository: SqlRepository, client_id: UUID) -> set[UUID]:
    """Return the ids of all notices that a client's history has made, none delivered yet."""
    client: Client | None = None
    notices: set[UUID] = set()
    for event in repository.history(client_id):
        after = evolve(client, event)
        notices |= {notice.id for notice in notices_of(client, event, after, CATALOGUE)}
        client = after
    return notices


def test_a_relay_killed_at_any_moment_delivers_every_notice_and_in_order(database: str) -> None:
    """At least once, in order per client: a lease that its relay did not survive passes on."""
    chance = random.Random(1)
    with SqlRepository.open(database) as repository:
        access = ClientAccess(repository, catalogue=CATALOGUE)
        expected = _fill(access, chance)
        delivered: list[dict[str, object]] = []
        for kill in range(KILLS):
            with workers("relay", database, [kill, kill + 1000]) as relays:
                time.sleep(chance.uniform(0.0, 0.15))
                relays[0].process.send_signal(signal.SIGKILL)
                time.sleep(chance.uniform(0.0, 0.05))
                relays[1].process.send_signal(signal.SIGKILL)
                for relay in relays:
                    delivered += relay.said()
            expected |= _fill(access, chance)
        (said,) = run("relay", database, [9999])
        delivered += said
        assert {str(fact["notice"]) for fact in delivered if "notice" in fact} == expected
        assert repository.waiting(parked=True, limit=1) == []
    _check_order(delivered)


def _fill(access: ClientAccess, chance: random.Random) -> set[str]:
    """Change some clients at random; return the ids of the notices that came of it."""
    made: set[str] = set()
    for _ in range(4):
        client_id = UUID(int=chance.getrandbits(128))
        change = access.handle(AddClient(client_id, PRACTICE, business_name="Firm"))
        for _ in range(12):
            command = some_command(client_id, change.after, chance)
            if isinstance(command, DeleteClient):  # it would take the client's notices along
                continue
            try:
                change = access.handle(command)
            except CommandRefused:
                continue
            made |= {str(notice.id) for notice in change.notices}
    return made


def _check_order(delivered: list[dict[str, object]]) -> None:
    """Assert that each client's notices were first delivered in the order of its versions."""
    versions: defaultdict[str, list[int]] = defaultdict(list)
    seen: set[str] = set()
    for fact in sorted(
        (fact for fact in delivered if "notice" in fact), key=lambda fact: int(str(fact["at"]))
    ):
        if str(fact["notice"]) not in seen:
            seen.add(str(fact["notice"]))
            versions[str(fact["client"])].append(int(str(fact["version"])))
    assert versions
    assert all(order == sorted(order) for order in versions.values())
