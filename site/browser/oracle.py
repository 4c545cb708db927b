"""What the page must show, worked out with the library in CPython, and not by the page's bridge.

It reads a question a line, and answers each with a line, both JSON. Only the link of the page is
read by the bridge.
"""

from __future__ import annotations

import json
import sys
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from playground.naming import practice_name
from playground.state import State, Step, beginning, state_of, steps_before

import client_access as ca
from client_access.cli import words
from client_access.commands import COMMAND_NAMES
from client_access.rendering import render
from client_access.wire import read_command


class World:
    """The library, after the steps of a link."""

    def __init__(self, link: str | None) -> None:
        state = state_of(link) if link else State()
        self.now: datetime
        self.repository = ca.MemoryRepository()
        self.catalogue = beginning().catalogue
        self.access = ca.ClientAccess(
            self.repository, catalogue=self.catalogue, clock=lambda: self.now
        )
        self.done: list[tuple[datetime, ca.Change]] = []
        for step in (*steps_before(state.begin), *state.steps):
            self._take(step)

    def _take(self, step: Step) -> None:
        self.now = step.at
        if step.command is not None:
            self.done.append((step.at, self.access.handle(step.command)))

    def actors(self, client_id: UUID, practice: str) -> dict[str, ca.Actor]:
        """Return who can act, by the page's words."""
        return {
            "practice": ca.PracticeUser(practice),
            "client": ca.ClientUser(client_id),
            "platform": ca.PlatformUser(),
        }

    # ── What is shown ────────────────────────────────────────────────────────────────────────────

    def shown(self, practice: str, search: str, client_id: UUID | None) -> dict[str, Any]:
        """Return what the page shows of a practice and a client."""
        money = self.catalogue.currency
        return {
            "now": self.now.strftime("%Y-%m-%dT%H:%M"),
            "lists": {each.value: self._list(practice, each, search) for each in ca.ClientList},
            "invoice": words.money(self.access.next_invoice(practice).total, money),
            "client": None if client_id is None else self._client(client_id, practice),
        }

    def _list(self, practice: str, which: ca.ClientList, search: str) -> list[list[str]]:
        rows, after = [], None
        while True:
            page = self.access.clients(practice, which, search=search, after=after)
            rows += [[str(row.client_id), row.business_name, row.label] for row in page.rows]
            if (after := page.next) is None:
                return rows

    def _client(self, client_id: UUID, practice: str) -> dict[str, Any]:
        client = self.repository.get(client_id)
        assert client is not None
        actors = self.actors(client_id, practice)
        money = self.catalogue.currency
        sign_in = ca.sign_in_of(client, at=self.now)
        deleted = client.status is ca.Status.DELETED
        invoice = None if deleted else self.access.next_invoice_of_client(client_id)
        return {
            "name": client.business_name or "Deleted client",
            "label": client.label,
            "payer": words.payer_name(client.payer).capitalize(),
            "settled": client.payer_locked if client.payer else None,
            "services": [held.code for held in client.services],
            "actions": {name: self._actions(client_id, by) for name, by in actors.items()},
            "history": [
                type(change.event).__name__
                for _, change in self.done
                if change.after.id == client_id and change.event is not None
            ],
            "notices": sorted(self._notices(client_id)),
            "sign_in": sign_in.refusal.code.value if sign_in.refusal else "allowed",
            "opens": {name: self._opening(client, by) for name, by in actors.items()},
            "invoice": None if invoice is None else words.money(invoice.total, money),
        }

    def _actions(self, client_id: UUID, by: ca.Actor) -> dict[str, Any]:
        found = self.access.actions(client_id, by)
        return {
            "offered": sorted(COMMAND_NAMES[each] for each in found.allowed),
            "refused": {
                COMMAND_NAMES[each]: [
                    why.code.value,
                    why.message,
                    [step.sentence for step in why.ways_out],
                ]
                for each, why in found.refused.items()
            },
        }

    def _opening(self, client: ca.Client, by: ca.Actor) -> str:
        opening = ca.opening_of(client, by, at=self.now, catalogue=self.catalogue)
        if opening.refusal is not None:
            return opening.refusal.message
        return ", ".join(each.name for each in opening.services)

    def _notices(self, client_id: UUID) -> list[list[str]]:
        own = [(at, change) for at, change in self.done if change.after.id == client_id]
        sent = [notice for _, change in own for notice in change.notices]
        ends = [at for at, _ in own[1:]] + [self.now]
        for (at, change), until in zip(own, ends, strict=True):
            sent += ca.reminders(change.after, at, until)
        return [
            [str(notice.id), _subject(notice), f"To {words.recipient(notice.recipient)}"]
            for notice in sent
        ]

    # ── What is asked ────────────────────────────────────────────────────────────────────────────

    def asked(self, ask: dict[str, Any]) -> dict[str, Any]:
        """Return what comes of a form."""
        client_id = UUID(ask["client"]) if ask["client"] else uuid4()
        by = self.actors(client_id, ask["practice"])[ask["by"]]
        try:
            command = read_command(ask["command"], ask["body"], client_id=client_id, by=by)
            change = self.access.preview(command)
        except ca.CommandRefused as refused:
            return {"outcome": "refused", "code": refused.refusal.code.value}
        except ca.InvalidValue:
            return {"outcome": "invalid"}
        final = ca.consequences_of(change, at=self.now, catalogue=self.catalogue)
        return {
            "outcome": "accepted",
            "told": len(change.notices),
            "for_good": [each.sentence for each in final.cannot_be_undone],
        }


def _subject(notice: ca.Notice) -> str:
    return render(
        notice,
        activation_url=lambda *_: "https://portal.example.com/",
        practice_name=practice_name,
    ).subject


def main() -> None:
    """Answer questions until there are no more."""
    for line in sys.stdin:
        asked = json.loads(line)
        world = World(asked["link"])
        if "ask" in asked:
            answer = world.asked(asked["ask"])
        else:
            client_id = UUID(asked["client"]) if asked["client"] else None
            answer = world.shown(asked["practice"], asked["search"], client_id)
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
