"""Random requests from many clients at once: no 5xx, no lost command, the same answer for a repeat.

The short form sends 400 requests to each database. CLIENT_ACCESS_REQUESTS=2000 sends that many.
"""

from __future__ import annotations

import asyncio
import os
import random
import sys
from collections import Counter
from typing import Any
from uuid import uuid4

import httpx

import client_access as ca
from client_access.events import EVENTS
from client_access.links import ActivationLinks
from client_access.sql import SqlRepository
from client_access.wire import INPUTS
from examples.fastapi_host.tests.conftest import KEY, bearer

REQUESTS, TASKS = int(os.environ.get("CLIENT_ACCESS_REQUESTS", "400")), 20

SELDOM = {
    "delete_client",
    "close_client",
    "withdraw_access",
    "transfer_client",
    "change_contact_details",
    "change_business_name",
    "change_email",
}
SETUP = {"vat_scheme": "standard", "vat_number": "GB123456789"}


def body_of(kind: str, chance: random.Random) -> dict[str, Any]:
    """Return some input of a command, valid or not."""
    address = f"{chance.choice('abcdefghij')}{chance.randrange(20)}@example.com"
    service = chance.choice(["start", "payroll", "payroll", "expenses", "nothing"])
    services = {service: SETUP if service == "start" else None}
    contact = {"name": chance.choice(["Ann", "Bob"]), "phone": "020 7946 0000"}
    practice = {"practice_id": chance.choice(["north", "south"])}
    name = {"business_name": chance.choice(["Acme", "Bolt", "Çöp & Söhne"])}
    bodies: dict[str, dict[str, Any]] = {
        "add_client": {**name, "email": chance.choice([None, address]), "contact": contact},
        "import_client": {**name, "email": address},
        "register_customer": {**name, "email": address, "services": services},
        "choose_payer": {"payer": chance.choice(["practice", "client"])},
        "subscribe": {
            "payer": chance.choice(["practice", "practice", "client"]),
            "sign_in": chance.choice(["practice_only", "practice_and_client"]),
            "services": services,
        },
        "add_service": {"service": service, "setup": services[service]},
        "remove_service": {"service": service},
        "give_access": {"email": address, "confirm_email": address},
        "change_email": {"email": address},
        "invite_practice": practice,
        "transfer_client": practice,
        "change_contact_details": {"contact": contact},
        "change_business_name": name,
    }
    body = bodies.get(kind, {})
    return {**body, "by": "platform"} if chance.random() < 0.05 else body


class Crowd:
    """Some clients of the host, and what they were answered."""

    def __init__(self, url: str, repository: SqlRepository) -> None:
        self.url = url
        self.repository = repository
        self.about = [uuid4() for _ in range(8)]
        self.statuses: Counter[int] = Counter()
        self.accepted: dict[str, dict[str, Any]] = {}
        """The first answer to each accepted command, by its key."""
        self.repeated: list[tuple[str, dict[str, Any]]] = []

    async def send(self, http: httpx.AsyncClient, request: dict[str, Any]) -> httpx.Response:
        try:
            answer = await http.request(**request)
        except httpx.TransportError:  # the host has just closed a connection that was idle
            answer = await http.request(**request)
        self.statuses[answer.status_code] += 1
        assert answer.status_code < 500, answer.text
        if answer.status_code >= 400:
            assert answer.headers["content-type"] == "application/problem+json"
        elif key := request["headers"].get("Idempotency-Key"):
            if key in self.accepted:
                self.repeated.append((key, answer.json()))
            else:
                self.accepted[key] = answer.json()
        return answer

    def question(self, chance: random.Random) -> str:
        about = f"clients/{chance.choice(self.about)}"
        which = chance.choice(["active", "inactive", "imported", "closed"])
        listed = f"clients?list={which}&limit=3&search={chance.choice(['', 'a', '@'])}"
        return chance.choice([about, f"{about}/opening", listed, "invoice", "own-invoice"])

    def activation(self, client: ca.Client) -> dict[str, Any]:
        """Return the request of somebody who follows the link in the email."""
        assert client.activation is not None
        token = ActivationLinks([KEY]).token(client.id, client.activation.id)
        headers = {"Idempotency-Key": str(uuid4())}  # by which the test knows its answer
        url = f"{self.url}/activate"
        return {"method": "POST", "url": url, "headers": headers, "json": {"token": token}}

    def who(self, stored: ca.Client | None, chance: random.Random) -> str:
        practices = ["practice/north/nora", "practice/south/sam"]
        if stored is None or chance.random() < 0.1:
            return chance.choice([*practices, "platform/cs"])
        invited = stored.practice_invitation and stored.practice_invitation.practice_id
        practice = f"practice/{invited or stored.practice_id or 'north'}/nora"
        return chance.choice([practice, practice, f"client/{stored.id}", "platform/cs"])

    async def one(self, number: int) -> None:
        """Send a share of the requests.

        Most are commands that the actor could give, as a page with buttons would send them. Of
        these, one in five is sent twice, at once or later.
        """
        chance = random.Random(number)
        left = REQUESTS // TASKS
        mine: list[dict[str, Any]] = []
        async with httpx.AsyncClient(timeout=120) as http:
            while left:
                about = chance.choice(self.about)
                stored = self.repository.get(about)
                headers = bearer(self.who(stored, chance))
                ask = {"method": "GET", "headers": headers}
                left -= 1
                if stored and stored.activation and chance.random() < 0.5:
                    await self.send(http, self.activation(stored))
                    continue
                if not left or chance.random() < 0.1:
                    await self.send(http, ask | {"url": f"{self.url}/{self.question(chance)}"})
                    continue
                actions = f"{self.url}/clients/{about}/actions"
                offered = (await self.send(http, ask | {"url": actions})).json()
                kinds = [
                    kind
                    for kind in offered["allowed"]
                    if kind in INPUTS and (kind not in SELDOM or chance.random() < 0.1)
                ]
                if chance.random() < 0.1:
                    kinds = [*INPUTS]
                elif not kinds and len(self.about) < REQUESTS // 25:
                    self.about.append(about := uuid4())
                    platform = "platform" in headers["Authorization"]
                    kinds = ["register_customer"] if platform else ["add_client", "import_client"]
                if not (kinds and left):
                    continue
                kind = chance.choice(kinds)
                request = {
                    "method": "POST",
                    "url": f"{self.url}/clients/{about}/{kind}",
                    "headers": headers | {"Idempotency-Key": str(uuid4())},
                    "json": body_of(kind, chance),
                }
                left -= 1
                if left and chance.random() < 0.1:
                    left -= 1
                    await asyncio.gather(*(self.send(http, request) for _ in range(2)))
                elif (await self.send(http, request)).status_code == 200:
                    mine.append(request)
                if left and mine and chance.random() < 0.1:
                    left -= 1
                    await self.send(http, chance.choice(mine))

    async def all(self) -> None:
        await asyncio.gather(*(self.one(number) for number in range(TASKS)))


def facts(answer: dict[str, Any], deleted: set[str]) -> object:
    """Return an answer, without the person if the client was deleted (E7)."""
    if answer["client_id"] in deleted:
        return answer["client_id"], answer["version"], answer["event"]
    return answer


def test_many_at_once(host: Any) -> None:
    """No 5xx. Each accepted command is in the history, once, and so is the host's own row of it."""
    with SqlRepository.open(host.database) as repository:
        crowd = Crowd(host.url, repository)
        asyncio.run(crowd.all())
    history = host.happened(*crowd.about)
    accepted = [
        (answer["client_id"], answer["version"], EVENTS[answer["event"]].__name__)
        for answer in crowd.accepted.values()
        if answer["event"] is not None
    ]
    assert len(set(accepted)) == len(accepted)
    assert set(accepted) == history
    assert host.rows_of(*crowd.about) == history
    deleted = {client_id for client_id, _, what in history if what == "ClientDeleted"}
    for key, again in crowd.repeated:
        assert facts(again, deleted) == facts(crowd.accepted[key], deleted)
    assert sum(crowd.statuses.values()) == REQUESTS
    assert len(crowd.repeated) >= REQUESTS // 100
    kinds = {what for _, _, what in history}
    assert len(kinds) >= min(REQUESTS // 50, 15)
    counts = dict(crowd.statuses), len(crowd.about), len(accepted), len(kinds), len(crowd.repeated)
    sys.stdout.write(f"{REQUESTS} {counts}\n")
