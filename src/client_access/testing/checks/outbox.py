"""`OutboxStore`: every notice waits, in order for each client, until it is delivered."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, timedelta, timezone

from client_access.change import Change
from client_access.errors import RepositoryError
from client_access.notices import Notice
from client_access.repository import Claim, CommandMemory, OutboxStore
from client_access.testing.checks.claims import (
    ALL,
    HOUR,
    LEASE,
    LONG,
    MOMENT,
    NOW,
    awaiting,
    claimed,
    deliver,
    fail,
    ids_of,
    notices_of,
    outbox_scene,
)
from client_access.testing.checks.frame import FullRepository, check, expect, expect_equal
from client_access.testing.checks.scene import Scene
from client_access.testing.clock import START


def _expect_every_notice(
    repository: FullRepository, scene: Scene, save: Callable[[Change], object]
) -> None:
    wanted: list[Notice] = []
    for change in scene.examples()["restless"].changes:
        save(change)
        wanted += change.notices
        found = repository.waiting(parked=False, limit=ALL)
        expect_equal(
            [claim.notice for claim in found],
            wanted,
            "waiting() must return every notice of every saved change, unchanged, oldest first: "
            "save change.notices in the transaction of the change.",
        )
        expect_equal(
            [claim.attempts for claim in found],
            [0] * len(wanted),
            "A new notice must have 0 attempts: it has not failed yet.",
        )


@check(OutboxStore)
def every_notice_of_a_saved_change_waits(repository: FullRepository) -> None:
    """OutboxStore: "Notices are saved in the transaction of their change"."""
    scene = outbox_scene(repository)
    _expect_every_notice(repository, scene, lambda change: repository.save([change]))


@check(CommandMemory, OutboxStore)
def every_notice_of_a_change_saved_once_waits(repository: FullRepository) -> None:
    """OutboxStore: "Notices are saved in the transaction of their change", by save_once too."""
    scene = outbox_scene(repository)

    def save_once(change: Change) -> None:
        command_id = f"{scene.domain} {change.after.version}"
        repository.save_once(command_id, change, at=START, until=NOW)

    _expect_every_notice(repository, scene, save_once)


@check(OutboxStore)
def no_notice_of_a_failed_save_waits(repository: FullRepository) -> None:
    """OutboxStore: "Notices are saved in the transaction of their change"."""
    scene = outbox_scene(repository)
    scene.added(local="taken")
    life = scene.life().add("Awaiting", scene.email("awaiting")).subscribe({"bookkeeping": None})
    late = scene.life().add("Late", scene.email("taken"))
    try:
        scene.save(life, late)
    except RepositoryError:
        expect_equal(
            list(repository.waiting(parked=False, limit=ALL)),
            [],
            "save() failed but left a notice behind: save notices in the same transaction.",
        )


@check(OutboxStore)
def claim_gives_the_first_notice_of_each_client(repository: FullRepository) -> None:
    """OutboxStore.claim: "only the first undelivered one of each client"."""
    scene = outbox_scene(repository)
    lives = [awaiting(scene, resent=2) for _ in range(3)]
    for turn in range(len(notices_of(lives[0]))):
        claims = claimed(repository)
        expect_equal(
            {claim.notice.client_id: claim.notice for claim in claims},
            {life.client_id: notices_of(life)[turn] for life in lives},
            "claim() must return the first undelivered notice of each client, so that notices are "
            "delivered in order: order them by the sequence in which they were saved.",
        )
        expect_equal(len(claims), len(lives), "claim() must return one notice of each client.")
        for claim in claims:
            deliver(repository, claim)
    expect_equal(
        claimed(repository, LONG),
        [],
        "claim() must not return a delivered notice: delete it, or mark it, in delivered().",
    )


@check(OutboxStore)
def a_claimed_notice_is_given_to_nobody_else(repository: FullRepository) -> None:
    """OutboxStore: "A claimed notice is leased: it is not claimed again until its lease ends"."""
    scene = outbox_scene(repository)
    awaiting(scene, resent=1)
    expect_equal(len(claimed(repository)), 1, "claim() must return a notice that is due.")
    for after in (timedelta(0), LEASE - MOMENT):
        expect_equal(
            claimed(repository, after),
            [],
            "claim() returned a notice before its lease had ended, or a later one of the same "
            "client: write the lease in the transaction that selects the notice, and skip the "
            "client until it ends.",
        )


@check(OutboxStore)
def claim_has_leased_what_it_returns(repository: FullRepository) -> None:
    """OutboxStore.claim: "They have been leased when this returns"."""
    scene = outbox_scene(repository)
    life = awaiting(scene)
    claims = repository.claim(at=NOW, lease=LEASE, limit=ALL)
    advice = (
        "claim() must return a list or a tuple of notices that are leased already. A generator "
        "leases them only when somebody reads it."
    )
    expect(isinstance(claims, Sequence), advice)
    expect_equal(claimed(repository), [], advice)
    expect_equal(ids_of(claims), [notice.id for notice in notices_of(life)], advice)
    waiting = repository.waiting(parked=False, limit=ALL)
    expect(isinstance(waiting, Sequence), "waiting() must return a list or a tuple.")


@check(OutboxStore)
def what_is_not_due_takes_no_place_in_a_claim(repository: FullRepository) -> None:
    """OutboxStore.claim: "only the first undelivered one of each client", "up to `limit`"."""
    scene = outbox_scene(repository)
    failing = awaiting(scene, resent=3)
    (claim,) = claimed(repository)
    fail(repository, claim, retry_at=NOW + LONG)
    others = [awaiting(scene, resent=3) for _ in range(3)]
    found = [claim.notice.client_id for _ in range(4) for claim in claimed(repository, limit=1)]
    expect_equal(
        sorted(found),
        sorted(life.client_id for life in others),
        "Three clients have a notice that is due, and four claims with limit=1 must return one of "
        f"each; the client {failing.client_id} must wait until it is retried. Select the first "
        "notice of each client before you apply the limit, so that later ones take no place in it.",
    )


@check(OutboxStore)
def each_notice_of_a_claim_is_settled_alone(repository: FullRepository) -> None:
    """OutboxStore.failed: "Give a notice back"; OutboxStore.delivered, each one notice only."""
    scene = outbox_scene(repository)
    for _ in range(4):
        awaiting(scene)
    delivered, parked, failed, held = claimed(repository)
    advice = (
        "delivered() and failed() must write one notice, not every notice with the same lease: "
        "select by both notice and lease."
    )
    deliver(repository, delivered)
    fail(repository, parked, retry_at=None, why=advice)
    fail(repository, failed, retry_at=NOW, why=advice)
    expect_equal(ids_of(repository.waiting(parked=True, limit=ALL)), [parked.notice.id], advice)
    expect_equal(ids_of(claimed(repository)), [failed.notice.id], advice)
    deliver(repository, held, advice)


@check(OutboxStore)
def a_claimed_notice_is_given_again_after_its_lease(repository: FullRepository) -> None:
    """OutboxStore: "until its lease ends, so a relay that dies loses nothing"."""
    scene = outbox_scene(repository)
    life = awaiting(scene, resent=1)
    (first,) = claimed(repository)
    again = claimed(repository, 2 * LEASE)
    expect_equal(
        ids_of(again),
        ids_of([first]),
        "claim() must return a notice again after its lease has ended: a lease ends by time alone.",
    )
    expect(
        again[0].lease != first.lease,
        "claim() returned a notice again with the same lease: make a new lease for each claim.",
    )
    advice = (
        "delivered() and failed() must return False, and change nothing, if the notice was claimed "
        "again meanwhile: compare the claim's lease in the statement that writes."
    )
    expect(not repository.delivered(first), advice)
    expect(not repository.failed(first, retry_at=None), advice)
    deliver(repository, again[0])
    expect(
        not repository.delivered(again[0]),
        "delivered() must return False for a notice that was delivered already.",
    )
    expect_equal(
        ids_of(claimed(repository, 4 * LEASE)),
        [notices_of(life)[1].id],
        "claim() must return the next notice of a client after the first was delivered.",
    )


@check(OutboxStore)
def a_failed_notice_waits_for_its_time(repository: FullRepository) -> None:
    """OutboxStore.failed: "retry_at: when it is due again"."""
    scene = outbox_scene(repository)
    awaiting(scene, resent=1)
    other = awaiting(scene)
    first = next(
        claim for claim in claimed(repository) if claim.notice.client_id != other.client_id
    )
    fail(repository, first, retry_at=NOW + HOUR)
    later = claimed(repository, HOUR - MOMENT)
    expect(
        first.notice.client_id not in {claim.notice.client_id for claim in later},
        "claim() returned a failed notice, or a later one of the same client, before retry_at: "
        "store retry_at as its due time, and keep it first of its client.",
    )
    again = claimed(repository, HOUR)
    expect_equal(
        [claim.notice for claim in again],
        [first.notice],
        "claim() must return a failed notice from retry_at on, before the later ones of its "
        "client.",
    )
    expect_equal(
        [claim.attempts for claim in (*later, *again)],
        [0, 1],
        "attempts must be the number of failed deliveries, not of claims: count in failed(), not "
        "in claim().",
    )


@check(OutboxStore)
def a_parked_notice_blocks_nobody(repository: FullRepository) -> None:
    """OutboxStore.claim: "A parked notice does not hold up those after it"."""
    scene = outbox_scene(repository)
    life = awaiting(scene, resent=1)
    first, second = notices_of(life)
    (claim,) = claimed(repository)
    fail(repository, claim, retry_at=None)
    expect_equal(
        [
            (entry.notice, entry.attempts, entry.due)
            for entry in repository.waiting(parked=True, limit=ALL)
        ],
        [(first, 1, None)],
        "waiting(parked=True) must return a parked notice, with its failure counted in attempts, "
        "and with due=None.",
    )
    expect_equal(
        [entry.notice for entry in repository.waiting(parked=False, limit=ALL)],
        [second],
        "waiting(parked=False) must leave out parked notices.",
    )
    expect_equal(
        [claim.notice for claim in claimed(repository, 2 * LEASE)],
        [second],
        "claim() must skip a parked notice and return the one after it: select the first notice of "
        "each client among those that are not parked.",
    )
    repository.retry(first.id, at=NOW)


@check(OutboxStore)
def retry_makes_a_parked_notice_due(repository: FullRepository) -> None:
    """OutboxStore.retry: "Make a parked notice due at a time, as if it had never failed"."""
    scene = outbox_scene(repository)
    (notice,) = notices_of(awaiting(scene))
    for notice_id in (notice.id, scene.new_id()):
        expect(
            not repository.retry(notice_id, at=NOW),
            "retry() must return False, and change nothing, for a notice that is not parked and "
            "for an unknown id.",
        )
    (claim,) = claimed(repository)
    repository.failed(claim, retry_at=None)
    expect_equal(claimed(repository, LONG), [], "claim() must not return a parked notice.")
    expect(
        repository.retry(notice.id, at=NOW + HOUR),
        "retry() must return True for a parked notice.",
    )
    expect_equal(
        claimed(repository), [], "claim() must not return a retried notice before its time."
    )
    (again,) = repository.waiting(parked=False, limit=ALL)
    expect_equal(again.attempts, 0, "retry() must set attempts to 0.")
    expect_equal(
        [claim.notice for claim in claimed(repository, HOUR)],
        [notice],
        "claim() must return a retried notice from its time on.",
    )


@check(OutboxStore)
def claims_and_lists_keep_their_limits(repository: FullRepository) -> None:
    """OutboxStore.waiting: "Return notices that wait"; "lease none"; up to a limit, as `claim`."""
    scene = outbox_scene(repository)
    lives = [awaiting(scene) for _ in range(5)]
    wanted = [notice.id for notice in notices_of(*lives)]
    for limit in (2, 5, 9):
        found = ids_of(repository.waiting(parked=False, limit=limit))
        expect_equal(
            found, wanted[:limit], f"waiting() must return the oldest {limit} notices at most."
        )
    found = []
    for number in (2, 2, 1, 0):
        claims = claimed(repository, limit=2)
        expect_equal(
            len(claims),
            number,
            "claim() must return as many notices as are due, up to the limit; waiting() must not "
            "lease any.",
        )
        found += ids_of(claims)
    expect_equal(set(found), set(wanted), "Claims one after another must return each notice once.")


@check(OutboxStore)
def parked_notices_are_listed_oldest_first(repository: FullRepository) -> None:
    """OutboxStore.waiting: "those that are parked, oldest first"; up to a limit."""
    scene = outbox_scene(repository)
    lives = [awaiting(scene) for _ in range(4)]
    claims = {claim.notice.client_id: claim for claim in claimed(repository)}
    for life in (lives[2], lives[0], lives[3], lives[1]):
        repository.failed(claims[life.client_id], retry_at=None)
    wanted = [notice.id for notice in notices_of(*lives)]
    for limit in (2, 9):
        expect_equal(
            ids_of(repository.waiting(parked=True, limit=limit)),
            wanted[:limit],
            f"waiting(parked=True) must return the oldest {limit} parked notices at most: order by "
            "the sequence in which notices were saved, not by when they were parked.",
        )


@check(OutboxStore)
def notices_are_due_at_moments_in_any_time_zone(repository: FullRepository) -> None:
    """OutboxStore: "Times are compared as moments, whatever their time zones"."""
    scene = outbox_scene(repository)
    (notice,) = notices_of(awaiting(scene))
    zones = [timezone(timedelta(hours=hours)) for hours in (-8, 9)]
    advice = (
        "A time may come in any time zone, such as 01:00-08:00 for 09:00 UTC: convert it to UTC "
        "before you store or compare it, or use a column with a time zone."
    )

    def claim(after: timedelta, within: timezone) -> list[Claim]:
        at = (NOW + after).astimezone(within)
        return list(repository.claim(at=at, lease=LEASE, limit=ALL))

    start = timedelta(0)
    for zone in zones:
        for other in (*zones, UTC):
            # Given back until an hour later, then leased, then parked until another hour later.
            found = claim(start, other)
            expect_equal([held.notice for held in found], [notice], advice)
            due = (NOW + start + HOUR).astimezone(zone)
            expect(repository.failed(found[0], retry_at=due), advice)
            expect_equal(claim(start + HOUR - MOMENT, other), [], advice)
            found = claim(start + HOUR, other)
            expect_equal([held.notice for held in found], [notice], advice)
            expect_equal(claim(start + HOUR + LEASE - MOMENT, zone), [], advice)
            expect(repository.failed(found[0], retry_at=None), advice)
            due = (NOW + start + 2 * HOUR).astimezone(zone)
            expect(repository.retry(notice.id, at=due), advice)
            expect_equal(claim(start + 2 * HOUR - MOMENT, other), [], advice)
            start += 2 * HOUR
