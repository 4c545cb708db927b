"""One relay: delivers the outbox into a file, a line for each delivery.

    python -m drill.relayer FILE

`DRILL_URL` is the URL of the database. SIGTERM ends it after the delivery that has begun. Several
relays share the file.
"""

from __future__ import annotations

import os
import signal
import sys
from datetime import timedelta
from pathlib import Path
from threading import Event

from client_access import Notice, RelayPolicy, RepositoryError, relay
from client_access.sql import SqlRepository
from drill.writer import insist, log

POLICY = RelayPolicy(lease=timedelta(seconds=10), first_delay=timedelta(seconds=1), attempts=50)


def main(path: str) -> None:
    """Deliver until SIGTERM."""
    stopping = Event()
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    repository, _ = insist(lambda: SqlRepository.open(os.environ["DRILL_URL"], pool_size=1))
    with Path(path).open("ab", buffering=0) as file:

        def deliver(notice: Notice) -> None:
            file.write(f"{notice.id}\n".encode())  # one write, so lines stay whole

        while not stopping.is_set():
            try:
                relay(repository, deliver, policy=POLICY, stop=stopping.is_set)
            except RepositoryError as error:
                log(error)
            stopping.wait(0.2)


if __name__ == "__main__":
    main(*sys.argv[1:])
