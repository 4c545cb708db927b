"""The practices, clients and addresses of one check."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from itertools import count
from typing import final
from uuid import UUID, uuid4

from client_access.client import Client
from client_access.questions.lists import client_of, place_of
from client_access.repository import OutboxStore, Repository
from client_access.testing.checks.frame import expect_equal
from client_access.testing.clock import START, FixedClock
from client_access.testing.examples import CATALOGUE, Example, examples
from client_access.testing.life import Life
from client_access.values import ClientList, PracticeUser

STEP = timedelta(hours=1, microseconds=1)
_FAR = START + timedelta(days=4000)
"""Later than the due time of any notice of a check."""


@final
class Scene:
    """Practices, clients and addresses that no other check uses, so that all share a repository.

    Ids ascend. Everything but a random tag in ids and addresses is the same in every run.

    Parameters:
        repository: stores the clients.
    """

    def __init__(self, repository: Repository) -> None:
        tag = uuid4().hex[:12]
        self.repository = repository
        self.clock: FixedClock = FixedClock(step=STEP)
        self.practice: PracticeUser = PracticeUser(f"north-{tag}", "nora")
        self.other: PracticeUser = PracticeUser(f"south-{tag}", "samir")
        self.domain: str = f"x{tag}.example.com"
        self._ids = (UUID(f"{tag}{number:020x}") for number in count(1))
        self._namespace = uuid4()

    def new_id(self) -> UUID:
        """Return an unused id, greater than those before."""
        return next(self._ids)

    def email(self, local: str) -> str:
        """Return an address that no other check uses."""
        return f"{local}@{self.domain}"

    def life(self, client_id: UUID | None = None, *, by: PracticeUser | None = None) -> Life:
        """Begin the life of a client of `practice`, or of the practice in `by`."""
        return Life(
            client_id or self.new_id(), by or self.practice, clock=self.clock, catalogue=CATALOGUE
        )

    def added(
        self,
        name: str = "Acme",
        *,
        local: str | None = None,
        client_id: UUID | None = None,
        by: PracticeUser | None = None,
    ) -> Life:
        """Save a new, inactive client, and return its life."""
        life = self.life(client_id, by=by).add(name, local and self.email(local))
        self.save(life)
        return life

    def save(self, *lives: Life) -> None:
        """Save the changes of lives that are not saved yet."""
        self.repository.save([change for life in lives for change in life.unsaved()])

    def examples(self) -> dict[str, Example]:
        """Return the example clients, with ids and addresses of this scene."""
        return dict(
            examples(
                namespace=self._namespace,
                practice=self.practice,
                other_practice=self.other,
                domain=self.domain,
            )
        )

    def page(
        self,
        client_list: ClientList = ClientList.INACTIVE,
        *,
        practice: PracticeUser | None = None,
        search: str = "",
        limit: int = 1000,
        after: tuple[str, UUID] | None = None,
    ) -> Sequence[Client]:
        """Return a page of a list of a practice, by default `self.practice`."""
        rows = self.repository.page(
            (practice or self.practice).practice_id,
            client_list,
            search=search,
            limit=limit,
            after=after,
        )
        for row in rows:
            expect_equal(
                place_of(row),
                place_of(client_of(row)),
                "page() must return what was saved at the place that it was saved with: a "
                "StoredRow has the stored folded name and id.",
            )
        return [client_of(row) for row in rows]

    def listed(
        self,
        client_list: ClientList = ClientList.INACTIVE,
        *,
        practice: PracticeUser | None = None,
        search: str = "",
    ) -> list[UUID]:
        """Return the ids of the clients in a list."""
        page = self.page(client_list, practice=practice, search=search)
        return [client.id for client in page]


def empty_outbox(repository: OutboxStore) -> None:
    """Mark every notice as delivered, parked ones too, so that a check knows what is there."""
    lease = timedelta(minutes=5)
    for parked in repository.waiting(parked=True, limit=100_000):
        repository.retry(parked.notice.id, at=START)
    for number in range(1000):  # ends even if a notice is returned again and again
        claims = repository.claim(at=_FAR + number * lease, lease=lease, limit=1000)
        if not claims:
            return
        for claim in claims:
            repository.delivered(claim)
