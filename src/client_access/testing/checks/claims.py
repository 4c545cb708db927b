"""What the checks of the outbox share."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from client_access.machines.payer import Payer
from client_access.notices import Notice
from client_access.repository import Claim
from client_access.testing.checks.frame import FullRepository, expect, expect_equal
from client_access.testing.checks.scene import Scene, empty_outbox
from client_access.testing.clock import START
from client_access.testing.life import Life

ALL = 100_000
LEASE = timedelta(minutes=5)
HOUR = timedelta(hours=1)
MOMENT = timedelta(microseconds=1)
LONG = timedelta(days=400)
NOW = START + timedelta(days=200)
"""After everything that a check saves: a claim at this time finds all of it due."""


def outbox_scene(repository: FullRepository) -> Scene:
    """Empty the outbox, and begin a scene."""
    empty_outbox(repository)
    return Scene(repository)


def awaiting(scene: Scene, resent: int = 0) -> Life:
    """Save a client to which an activation was sent, and sent again so many times."""
    life = scene.life()
    life.add("Awaiting", scene.email(f"awaiting{life.client_id.int}"))
    # The client pays, so its practice gets no notice of a changed invoice.
    life.subscribe({"bookkeeping": None}, payer=Payer.CLIENT)
    for _ in range(resent):
        life.resend()
    scene.save(life)
    return life


def notices_of(*lives: Life) -> list[Notice]:
    """Return the notices of every change of some lives."""
    return [notice for life in lives for change in life.changes for notice in change.notices]


def claimed(
    repository: FullRepository, after: timedelta = timedelta(0), limit: int = ALL
) -> list[Claim]:
    """Claim what is due some time after `NOW`."""
    return list(repository.claim(at=NOW + after, lease=LEASE, limit=limit))


def only_claim(repository: FullRepository, after: timedelta = timedelta(0)) -> Claim:
    """Claim the one notice that is due some time after `NOW`."""
    claims = claimed(repository, after)
    expect_equal(len(claims), 1, "claim() must return the one notice that is due.")
    return claims[0]


def deliver(repository: FullRepository, claim: Claim, why: str = "") -> None:
    """Mark a claimed notice as delivered; expect that the lease holds."""
    expect(
        repository.delivered(claim),
        f"delivered() must return True while the lease holds, but returned False. {why}",
    )


def fail(
    repository: FullRepository, claim: Claim, *, retry_at: datetime | None, why: str = ""
) -> None:
    """Give a claimed notice back as failed; expect that the lease holds."""
    expect(
        repository.failed(claim, retry_at=retry_at),
        f"failed() must return True while the lease holds, but returned False. {why}",
    )


def ids_of(claims: Sequence[Claim]) -> list[UUID]:
    """Return the ids of the notices of some claims."""
    return [claim.notice.id for claim in claims]
