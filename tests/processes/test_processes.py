"""Many writers at once, and writers and relays killed at any moment, on both databases.

Set CLIENT_ACCESS_ROUNDS and CLIENT_ACCESS_KILLS to repeat them more often than `make test` does.
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
from threading import Timer
from uuid import UUID

from office import notices_of
from processes.worker import (
    CATALOGUE,
    PRACTICE,
    contended_address,
    contended_client,
    some_command,
)

from client_access import (
    ActivationEmail,
    AddClient,
    Client,
    ClientAccess,
    CommandRefused,
    DeleteClient,
    replay,
)
from client_access.deciding import evolve
from client_access.sql import SqlRepository

ROUNDS = int(os.environ.get("CLIENT_ACCESS_ROUNDS", "1"))
KILLS = int(os.environ.get("CLIENT_ACCESS_KILLS", "3"))
PROCESSES = 16
PATIENCE = 120 * ROUNDS  # seconds after which a process counts as hanging
WORKER = Path(__file__).with_name("worker.py")


Fact = dict[str, object]


class Worker:
    """A process that does tasks."""

    def __init__(self, url: str, seed: int) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(WORKER), url, str(seed)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def start(self, task: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(task + "\n")
        self.process.stdin.flush()

    def facts(self) -> list[Fact]:
        """Return what it prints until it is done."""
        assert self.process.stdout is not None
        said: list[Fact] = []
        for line in self.process.stdout:
            said.append(json.loads(line))
            if "done" in said[-1]:
                return said[:-1]
        raise AssertionError("the process ended before it was done")

    def kill(self) -> list[Fact]:
        """Kill it; return what it has printed, without a line that the kill cut off."""
        self.process.send_signal(signal.SIGKILL)
        said, _ = self.process.communicate(timeout=PATIENCE)
        return [json.loads(line) for line in said.splitlines() if line.endswith("}")]


@contextmanager
def workers(url: str, seeds: Sequence[int]) -> Iterator[list[Worker]]:
    """Start processes, wait until they are ready, and kill them in the end."""
    started = [Worker(url, seed) for seed in seeds]
    watch = Timer(PATIENCE, _kill, [started])
    watch.start()
    try:
        for worker in started:
            worker.facts()
        yield started
    finally:
        watch.cancel()
        _kill(started)
        for worker in started:
            worker.process.communicate()


def _kill(processes: Sequence[Worker]) -> None:
    for worker in processes:
        worker.process.kill()


def together(processes: Sequence[Worker], task: str) -> list[Fact]:
    """Have all of them do a task at once; return what they print."""
    for worker in processes:
        worker.start(task)
    return [fact for worker in processes for fact in worker.facts()]


def test_16_processes_at_once_share_no_address_and_lose_no_change(database: str) -> None:
    """E1: exactly one process gets an address that all claim. Nothing is kept of the others.

    Each accepted change of one client was decided on the version before it. The history has no gap
    and replays to the stored client.
    """
    with (
        SqlRepository.open(database) as repository,
        workers(database, range(PROCESSES)) as processes,
    ):
        access = ClientAccess(repository, catalogue=CATALOGUE)
        for number in range(1, ROUNDS + 1):
            _check_claims(repository, number, together(processes, f"claim {number}"))
            contended = AddClient(contended_client(number), PRACTICE, business_name="One")
            access.handle(contended)
            _check_changes(repository, contended.client_id, together(processes, f"hammer {number}"))


def _check_claims(repository: SqlRepository, number: int, facts: list[Fact]) -> None:
    (winner,) = [fact["won"] for fact in facts if "won" in fact]
    assert [fact["refused"] for fact in facts if "refused" in fact] == ["email_taken"] * 15
    owner = repository.find_by_email(contended_address(number))
    assert owner is not None
    assert str(owner.id) == winner
    claimants = [UUID(int=number * 1000 + seed) for seed in range(PROCESSES)]
    assert list(repository.get_many(claimants)) == [owner.id]


def _check_changes(repository: SqlRepository, client_id: UUID, accepted: list[Fact]) -> None:
    assert all(fact["after"] == int(str(fact["before"])) + 1 for fact in accepted)
    events = repository.history(client_id)
    assert sorted(int(str(fact["after"])) for fact in accepted) == list(range(2, len(events) + 1))
    assert [event.version for event in events] == list(range(1, len(events) + 1))
    assert len(events) > PROCESSES
    assert replay(events) == repository.get(client_id)


def test_a_writer_killed_at_any_moment_leaves_every_client_equal_to_its_history(
    database: str,
) -> None:
    """A change, its event and its notices are saved together or not at all."""
    chance = random.Random(0)
    for kill in range(KILLS):
        with workers(database, [kill]) as (writer,):
            writer.start("write")
            if kill == 0:
                _wait_for_notices(database, KILLS)
            time.sleep(chance.uniform(0.02, 0.4))
            writer.kill()
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


def _wait_for_notices(database: str, count: int) -> None:
    """Wait until a writer has left more notices than this; a busy machine takes its time."""
    with SqlRepository.open(database) as repository:
        for _ in range(600):
            if len(repository.waiting(parked=False, limit=count + 1)) > count:
                return
            time.sleep(0.1)
    raise AssertionError("the writer has written nothing for a minute")


def _notices_of(repository: SqlRepository, client_id: UUID) -> set[UUID]:
    """Return the ids of all notices that a client's history makes."""
    client: Client | None = None
    notices: set[UUID] = set()
    for event in repository.history(client_id):
        after = evolve(client, event)
        notices |= {notice.id for notice in notices_of(client, event, after, CATALOGUE)}
        client = after
    return notices


def test_a_relay_killed_at_any_moment_delivers_every_notice_and_in_order(database: str) -> None:
    """Notices are delivered at least once, in order per client. Another relay gets the lease."""
    chance = random.Random(1)
    with SqlRepository.open(database) as repository:
        access = ClientAccess(repository, catalogue=CATALOGUE)
        expected = _fill(access, chance)
        delivered: list[Fact] = []
        for kill in range(KILLS):
            with workers(database, [kill, kill + 1000]) as relays:
                for relay in relays:
                    relay.start("relay")
                for relay in relays:
                    time.sleep(chance.uniform(0.0, 0.1))
                    delivered += relay.kill()
            expected |= _fill(access, chance)
        with workers(database, [0]) as last:
            delivered += together(last, "relay")
        assert {str(fact["notice"]) for fact in delivered if "notice" in fact} >= expected
        assert not repository.waiting(parked=True, limit=1)
        assert not repository.waiting(parked=False, limit=1)
    _check_order(delivered)


def _fill(access: ClientAccess, chance: random.Random) -> set[str]:
    """Change some clients at random; return the ids of the notices that must be delivered.

    An activation email is dropped if its activation is replaced or used first (rules §9).
    """
    made: set[str] = set()
    for _ in range(4):
        client_id = UUID(int=chance.getrandbits(128))
        change = access.handle(AddClient(client_id, PRACTICE, business_name="Firm"))
        for _ in range(12):
            command = some_command(client_id, change.after, chance)
            if isinstance(command, DeleteClient):  # it would drop the client's notices
                continue
            try:
                change = access.handle(command)
            except CommandRefused:
                continue
            made |= {str(n.id) for n in change.notices if not isinstance(n, ActivationEmail)}
    return made


def _check_order(delivered: list[Fact]) -> None:
    """Check that each client's notices were first delivered in the order of its versions."""
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
