"""One writer: gives commands with ids of their own, each until it is answered.

    python -m drill.writer NAME JOURNAL

`DRILL_URL` is the URL of the database. SIGTERM ends it after the command that it is giving. Each
line of the journal is a command that was accepted, as JSON.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from itertools import count
from pathlib import Path
from threading import Event
from typing import TypeVar
from uuid import uuid4

from client_access import (
    AddClient,
    AddService,
    Catalogue,
    ChangeBusinessName,
    ClientAccess,
    Command,
    Payer,
    PracticeUser,
    RemoveService,
    RepositoryError,
    Service,
    SignIn,
    Subscribe,
)
from client_access.sql import SqlRepository

T = TypeVar("T")

CATALOGUE = Catalogue(
    [
        Service("books", "Books", Decimal("12.00")),
        Service("payroll", "Payroll", Decimal("7.50")),
    ]
)
PAUSE = 0.1  # seconds between two attempts
GIVING_UP = 120.0  # seconds after which a command is not given once more


def lives(name: str) -> Iterator[tuple[Command, ...]]:
    """Yield the commands of one client after another."""
    practice = PracticeUser(f"practice-{name}")
    for number in count():
        client = uuid4()
        address = f"{client}@example.com"
        yield (
            AddClient(client, practice, business_name=f"Client {number}", email=address),
            Subscribe(
                client,
                practice,
                payer=Payer.PRACTICE,
                sign_in=SignIn.PRACTICE_AND_CLIENT,
                services={"books": None},
            ),
            AddService(client, practice, service="payroll"),
            ChangeBusinessName(client, practice, business_name=f"Client {number}, renamed"),
            RemoveService(client, practice, service="payroll"),
            ChangeBusinessName(client, practice, business_name=f"Client {number}"),
        )


def log(error: Exception) -> None:
    """Write when a call failed, and why."""
    sys.stderr.write(f"{time.time():.2f} {error}\n")


def insist(work: Callable[[], T]) -> tuple[T, int]:
    """Return what work returns, and how often it was tried, whatever the database is doing."""
    end = time.monotonic() + GIVING_UP
    for attempt in count(1):
        try:
            return work(), attempt
        except RepositoryError as error:
            log(error)
            if time.monotonic() > end:
                raise
            time.sleep(PAUSE)
    raise AssertionError("count ends never")


def main(name: str, journal: str) -> None:
    """Give commands until SIGTERM."""
    stopping = Event()
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    repository, _ = insist(lambda: SqlRepository.open(os.environ["DRILL_URL"], pool_size=1))
    access = ClientAccess(repository, catalogue=CATALOGUE)
    with Path(journal).open("w", encoding="utf-8") as file:
        for life in lives(name):
            for command in life:
                if stopping.is_set():
                    return
                command_id = uuid4()
                begun = time.time()
                change, attempts = insist(
                    lambda command=command, command_id=command_id: access.handle(  # type: ignore[misc]  # defaults bind them
                        command, command_id=command_id
                    )
                )
                line = {
                    "begun": begun,
                    "answered": time.time(),
                    "attempts": attempts,
                    "client": str(change.after.id),
                    "version": change.after.version,
                    "event": type(change.event).__name__,
                    "notices": [str(notice.id) for notice in change.notices],
                }
                file.write(json.dumps(line) + "\n")
                file.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
