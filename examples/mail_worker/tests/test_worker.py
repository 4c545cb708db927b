"""Processes of the worker, a mail server in a process of its own, and SIGKILL."""

from __future__ import annotations

import json
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import create_engine, text

import client_access as ca
from client_access.links import ActivationLinks
from client_access.sql import SqlRepository
from examples.shop import CATALOGUE

KEY = "the key of the tests: 16 or more bytes"
NORTH = ca.PracticeUser("north")
PATIENCE, LEASE = 180.0, 3.0
WORKERS, KILLS = 3, 4

# The reminders a week before the end of these activations are an hour old.
NEARLY_OVER = timedelta(days=23, hours=1)


class Post:
    """A database, a mail server, and any number of workers.

    Parameters:
        start: starts a process.
        database: the URL of the database.
        mails: the file of the mail server.
    """

    def __init__(self, start: Callable[..., Any], database: str, mails: Path) -> None:
        self.start = start
        self.database = database
        self.mails = mails
        self.repository = SqlRepository.open(database)
        self.engine = create_engine(database)
        self.port = 0

    def serve(self, pause: float = 0.02) -> None:
        """Start the mail server, at the same port as before."""
        module = "examples.mail_worker.tests.mailbox"
        environment = {"MAILBOX": str(self.mails), "PAUSE": str(pause), "PORT": str(self.port)}
        self.server = self.start(module, **environment)
        self.port = int(self.server.wait_for(r"listening on (\d+)")[1])

    def worker(self) -> Any:
        return self.start(
            "examples.mail_worker",
            DATABASE_URL=self.database,
            LINKS_KEY=KEY,
            SMTP_SERVER=f"127.0.0.1:{self.port}",
            LEASE_SECONDS=str(LEASE),
        )

    def invite(self, count: int, ago: timedelta = timedelta(0)) -> list[ca.Change]:
        """Add clients that await their activation, which was sent some time ago."""
        sent_at = ca.utc_now() - ago
        access = ca.ClientAccess(self.repository, catalogue=CATALOGUE, clock=lambda: sent_at)
        changes = []
        for number in range(count):
            acme = uuid4()
            address = f"{number}-{acme}@example.com"
            access.handle(ca.AddClient(acme, NORTH, business_name="Acme", email=address))
            subscribe = ca.Subscribe(
                acme,
                NORTH,
                payer=ca.Payer.PRACTICE,
                sign_in=ca.SignIn.PRACTICE_AND_CLIENT,
                services={"payroll": None},
            )
            changes.append(access.handle(subscribe))
        return changes

    def mailed(self) -> list[dict[str, Any]]:
        """Return every mail that has arrived, a second copy too."""
        if not self.mails.exists():
            return []
        lines = map(json.loads, self.mails.read_text(encoding="utf-8").splitlines())
        return [line for line in lines if "id" in line]

    def copies(self) -> Counter[str]:
        """Return how often each notice was mailed."""
        return Counter(mail["id"].removeprefix("<").partition("@")[0] for mail in self.mailed())

    def ask(self, question: str) -> Sequence[Any]:
        """Ask a table of the host's own."""
        with self.engine.connect() as connection:
            return connection.execute(text(question)).scalars().all()

    def is_done(self) -> bool:
        return not self.repository.outbox_state().waiting and not self.ask(
            "SELECT id FROM reminder"
        )


def wait(condition: Callable[[], Any]) -> None:
    ends = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < ends, "it takes too long"
        time.sleep(0.05)


@pytest.fixture
def post(start: Callable[..., Any], database: str, tmp_path: Path) -> Iterator[Post]:
    post = Post(start, database, tmp_path / "mails")
    post.serve()
    yield post
    post.repository.close()
    post.engine.dispose()


def ids(notices: Sequence[ca.Notice], kind: type[ca.Recipient]) -> set[str]:
    return {str(notice.id) for notice in notices if isinstance(notice.recipient, kind)}


def kill_some(post: Post) -> list[Any]:
    """Start workers, kill one after another while they mail, and return those that go on."""
    chance = random.Random(1)
    workers = [post.worker() for _ in range(WORKERS)]
    for worker in workers:
        worker.wait_for("mailing by")
    for _ in range(KILLS):
        seen = len(post.mailed())
        wait(lambda seen=seen: len(post.mailed()) > seen or post.is_done())  # type: ignore[misc]  # a lambda with a default
        time.sleep(chance.uniform(0, 0.1))
        workers.pop(0).kill()
        workers.append(post.worker())
    return workers


def test_killed_workers_lose_nothing(post: Post) -> None:
    """Each notice arrives once, or twice where a worker was killed between mailing and noting it.

    A second copy has the Message-ID of the first.
    """
    changes = [*post.invite(30), *post.invite(10, ago=NEARLY_OVER)]
    now = ca.utc_now()
    notices: list[ca.Notice] = [notice for change in changes for notice in change.notices]
    for change in changes:
        notices += ca.reminders(change.after, now - timedelta(days=1), now)
    assert len(notices) == 40 * 2 + 10 * 2
    workers = kill_some(post)
    wait(post.is_done)
    copies = post.copies()
    assert set(copies) == ids(notices, ca.ToAddress)
    assert set(post.ask("SELECT id FROM message")) == ids(notices, ca.ToPractice)
    doubles = sum(copies.values()) - len(copies)
    assert doubles <= KILLS
    assert post.repository.outbox_state().parked == 0
    print(f"{len(notices)} notices, {KILLS} kills, {doubles} doubles")  # noqa: T201  # for -s

    # Reminders are sent once a day: more workers, started again, send none of them again.
    assert all(worker.stop().endswith("stopped\n") for worker in workers)
    assert [worker.process.returncode for worker in workers] == [0] * WORKERS
    again = post.worker()
    again.wait_for("mailing by")
    post.invite(1)
    wait(lambda: len(post.copies()) > len(copies) and post.is_done())
    assert again.stop().endswith("stopped\n")
    assert len(post.copies()) == len(copies) + 1


def test_a_mail_leads_to_an_activated_client(post: Post) -> None:
    """The link is made when the mail is sent. SIGTERM lets the delivery that has begun end."""
    post.server.kill()
    post.serve(pause=1.5)
    post.invite(3)
    worker = post.worker()
    wait(lambda: post.mails.exists() and "begun" in post.mails.read_text(encoding="utf-8"))
    assert worker.stop().endswith("stopped\n")
    assert worker.process.returncode == 0
    (mail,) = post.mailed()
    left = post.repository.waiting(parked=False, limit=10)
    assert not {str(claim.notice.id) for claim in left} & set(post.copies())
    assert all(claim.attempts == 0 for claim in left)

    token = mail["text"].partition("activate#")[2].split()[0]
    access = ca.ClientAccess(post.repository, catalogue=CATALOGUE)
    activated = access.handle(ActivationLinks([KEY]).redeem(token)).after
    assert [activated.email.address] == mail["to"]
    assert activated.status is ca.Status.BOTH_ACCESS


def test_what_no_longer_holds_is_not_mailed(post: Post) -> None:
    """A client activates while the mail server is down. Its email and its reminder are not sent."""
    post.server.kill()
    left, activated = post.invite(2, ago=NEARLY_OVER)
    worker = post.worker()
    wait(lambda: "reminder" in worker.printed())
    assert activated.after.activation is not None
    client_id = activated.after.id
    access = ca.ClientAccess(post.repository, catalogue=CATALOGUE)
    command = ca.Activate(
        client_id, ca.ClientUser(client_id), activation_id=activated.after.activation.id
    )
    access.handle(command)
    post.serve()
    wait(post.is_done)
    worker.stop()
    assert {to for mail in post.mailed() for to in mail["to"]} == {left.after.email.address}
    assert len(post.mailed()) == 2
    assert post.ask("SELECT id FROM message")
