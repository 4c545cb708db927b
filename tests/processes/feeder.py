"""A writer or a reader of the feed: feeder.py URL write SEED COUNT, or feeder.py URL read LAST.

A writer adds clients and renames them; every third time in a transaction that it holds open for a
while. The reader goes on until it has seen the client LAST. Both print one JSON array a line.
"""

from __future__ import annotations

import json
import random
import sys
import time
from uuid import UUID

from processes.worker import CATALOGUE, PRACTICE
from sqlalchemy import Connection, create_engine

from client_access import AddClient, ChangeBusinessName, ClientAccess
from client_access.sql import SqlRepository, in_transaction


def say(*facts: object) -> None:
    """Print one line that the test reads."""
    sys.stdout.write(json.dumps(facts) + "\n")
    sys.stdout.flush()


def write(url: str, seed: int, number: int) -> None:
    """Add a client and rename it, so many times, and print each event that is committed."""
    chance = random.Random(seed)
    engine = create_engine(url)
    with SqlRepository.open(url) as repository:
        access = ClientAccess(repository, catalogue=CATALOGUE)
        for each in range(number):
            client_id = UUID(int=chance.getrandbits(128))
            access.handle(AddClient(client_id, PRACTICE, business_name="A"))
            command = ChangeBusinessName(client_id, PRACTICE, business_name="B")

            def late(connection: Connection, command: ChangeBusinessName = command) -> None:
                host = ClientAccess(SqlRepository(connection), catalogue=CATALOGUE)
                host.handle(command)
                time.sleep(chance.uniform(0.0, 0.1))

            if each % 3:
                access.handle(command)
            else:
                in_transaction(engine, late)
            say(str(client_id), 1)
            say(str(client_id), 2)
    engine.dispose()


def read(url: str, last: str) -> None:
    """Read without a pause, and print each event."""
    seen, ended = 0, False
    with SqlRepository.open(url) as repository:
        while not ended:
            for position, event in repository.events_after(seen, limit=20):
                say(position, str(event.client_id), event.version)
                seen, ended = position, ended or str(event.client_id) == last
        for position, event in repository.events_after(seen, limit=10_000):
            say(position, str(event.client_id), event.version)


if __name__ == "__main__":
    if sys.argv[2] == "write":
        write(sys.argv[1], int(sys.argv[3]), int(sys.argv[4]))
    else:
        read(sys.argv[1], sys.argv[3])
