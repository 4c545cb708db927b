"""A relay whose process ends when it delivers to one client: poisoned_relay.py URL CLIENT BATCH."""

from __future__ import annotations

import json
import os
import sys
from datetime import timedelta

from client_access import Notice, RelayPolicy, relay
from client_access.sql import SqlRepository


def deliver(notice: Notice) -> None:
    """Print the client, unless it is the one that ends the process."""
    if str(notice.client_id) == sys.argv[2]:
        os._exit(1)
    sys.stdout.write(json.dumps(str(notice.client_id)) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    pause = timedelta(seconds=1)
    policy = RelayPolicy(
        lease=pause, first_delay=pause, longest_delay=pause, attempts=3, batch=int(sys.argv[3])
    )
    with SqlRepository.open(sys.argv[1]) as repository:
        relay(repository, deliver, policy=policy)
