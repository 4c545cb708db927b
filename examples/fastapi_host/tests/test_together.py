"""The host's own row and the client are written both, or neither."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import httpx

NORTH, FORBIDDEN = "practice/north/nora", "practice/north/nobody"
# As an error in the host's own code would: its row cannot be written.
FAILS = {
    "sqlite": "CREATE TRIGGER fails BEFORE INSERT ON journal WHEN new.who = 'nobody'"
    " BEGIN SELECT RAISE(ABORT, 'no'); END",
    "postgresql": "ALTER TABLE journal ADD CHECK (who <> 'nobody')",
}


def test_a_row_that_fails_takes_the_change_with_it(host: Any) -> None:
    """The client is written first. When the host's row then fails, the client is gone again."""
    host.execute(FAILS[host.database.partition(":")[0].partition("+")[0]])
    acme, body = uuid4(), {"business_name": "Acme"}
    url = f"clients/{acme}"
    assert host.post(FORBIDDEN, f"{url}/add_client", body, 503)["code"] == "unavailable"
    assert host.post(NORTH, f"{url}/disable_access", status=404)["code"] == "unknown_client"
    assert not host.rows_of(acme)
    host.post(NORTH, f"{url}/add_client", body)
    assert host.rows_of(acme) == {(str(acme), 1, "ClientAdded")}


def test_a_refused_command_writes_no_row(host: Any) -> None:
    acme = uuid4()
    host.post(NORTH, f"clients/{acme}/add_client", {"business_name": "Acme"})
    host.post(NORTH, f"clients/{acme}/disable_access", status=409)
    assert host.rows_of(acme) == {(str(acme), 1, "ClientAdded")}


def test_a_host_that_is_killed_leaves_both_or_neither(
    begin: Callable[[str], Any], database: str
) -> None:
    """SIGKILL hits the host while 20 clients write. Every answer that was given is kept."""
    host = begin(database)
    answered: set[UUID] = set()
    sent: list[UUID] = []

    async def write(client: httpx.AsyncClient) -> None:
        while True:
            sent.append(acme := uuid4())
            answer = await client.post(
                f"{host.url}/clients/{acme}/add_client", json={"business_name": "Acme"}
            )
            assert answer.status_code == 200, answer.text
            answered.add(acme)
            if len(answered) == 100:
                host.host.kill()

    async def write_all() -> None:
        headers = {"Authorization": f"Bearer {NORTH}"}
        async with httpx.AsyncClient(headers=headers, timeout=60) as client:
            await asyncio.gather(*(write(client) for _ in range(20)), return_exceptions=True)

    asyncio.run(write_all())
    again = begin(database)
    stored = {acme for acme in sent if again.events(acme)}
    assert stored >= answered
    assert len(answered) >= 100
    assert again.journal() == again.happened(*stored)
