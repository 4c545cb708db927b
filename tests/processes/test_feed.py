"""8 processes write, some of them late, and one reads the feed without end, on both databases."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from uuid import UUID

from processes.worker import CATALOGUE, PRACTICE

from client_access import AddClient, ClientAccess
from client_access.sql import SqlRepository

FEEDER = Path(__file__).with_name("feeder.py")
WRITERS, EACH = 8, 15
LAST = UUID(int=1)


def start(*arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, str(FEEDER), *arguments]
    paths = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.Popen(command, env=paths, stdout=subprocess.PIPE, text=True)


def ended(process: subprocess.Popen[str]) -> list[list[object]]:
    """Return what a process has printed, and expect that it has not failed."""
    printed, _ = process.communicate(timeout=120)
    assert process.returncode == 0
    return [json.loads(line) for line in printed.splitlines()]


def test_a_reader_that_never_stops_gets_each_event_once_and_in_order(database: str) -> None:
    """None is missed that is committed late, none comes twice, each client's in order."""
    with SqlRepository.open(database) as repository:
        reader = start(database, "read", str(LAST))
        writers = [start(database, "write", str(seed), str(EACH)) for seed in range(WRITERS)]
        try:
            written = [tuple(fact) for writer in writers for fact in ended(writer)]
            access = ClientAccess(repository, catalogue=CATALOGUE)
            access.handle(AddClient(LAST, PRACTICE, business_name="Last"))
            read = ended(reader)
        finally:
            for process in (reader, *writers):
                process.kill()
    assert len(written) == WRITERS * EACH * 2
    positions = [position for position, *_ in read]
    assert positions == list(range(1, len(written) + 2))
    seen: dict[object, list[object]] = {}
    for _, client, version in read:
        seen.setdefault(client, []).append(version)
    assert seen.pop(str(LAST)) == [1]
    assert set(seen) == {client for client, _ in written}
    assert all(versions == [1, 2] for versions in seen.values())
