"""`OutboxStore`: claims that are given back or never answered, parked notices, and the order."""

from __future__ import annotations

from datetime import datetime, timedelta, tzinfo

from client_access.repository import OutboxState, OutboxStore
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
    only_claim,
    outbox_scene,
)
from client_access.testing.checks.frame import FullRepository, check, expect, expect_equal


class _ClocksGoForward(tzinfo):
    """A zone whose clocks go forward from `NOW` by an hour."""

    def utcoffset(self, at: datetime | None) -> timedelta:
        summer = at is not None and at.replace(tzinfo=None) >= NOW.replace(tzinfo=None)
        return HOUR if summer else timedelta(0)

    dst = utcoffset

    def tzname(self, _at: datetime | None, /) -> None:
        return None  # pragma: no cover  # the base class demands it, and nothing asks for it


@check(OutboxStore)
def a_lease_lasts_as_long_when_the_clocks_change(repository: FullRepository) -> None:
    """OutboxStore: "`at` and `lease` add up to a moment, also when the clocks change"."""
    scene = outbox_scene(repository)
    awaiting(scene)
    at = (NOW - MOMENT).replace(tzinfo=_ClocksGoForward())
    expect_equal(len(repository.claim(at=at, lease=LEASE, limit=ALL)), 1, "One notice is due.")
    expect_equal(
        claimed(repository, LEASE - 2 * MOMENT),
        [],
        "claim() returned a notice before its lease had ended: convert `at` to UTC before you add "
        "`lease`. Python adds to the hands of a clock, which do not count the hour that is left "
        "out when summer time begins.",
    )
    expect_equal(len(claimed(repository, LEASE)), 1, "claim() must return it after its lease.")


@check(OutboxStore)
def a_claim_says_that_the_one_before_was_not_answered(repository: FullRepository) -> None:
    """OutboxStore.claim: "A claim is `unanswered` if the lease before it ended without"."""
    scene = outbox_scene(repository)
    awaiting(scene)
    advice = (
        "unanswered must be True if the lease before ended without delivered(), failed() or "
        "released(), and False otherwise: keep the lease until one of them is called, and remove "
        "it there."
    )
    first = only_claim(repository)
    second = only_claim(repository, LEASE)
    third = only_claim(repository, 2 * LEASE)
    expect_equal(
        [claim.unanswered for claim in (first, second, third)], [False, True, True], advice
    )
    fail(repository, third, retry_at=NOW)
    fourth = only_claim(repository)
    expect(repository.released(fourth), "released() must return True while the lease holds.")
    fifth = only_claim(repository)
    fail(repository, fifth, retry_at=None)
    repository.retry(fifth.notice.id, at=NOW)
    sixth = only_claim(repository)
    expect_equal([claim.unanswered for claim in (fourth, fifth, sixth)], [False] * 3, advice)


@check(OutboxStore)
def a_released_notice_is_due_and_has_not_failed(repository: FullRepository) -> None:
    """OutboxStore.released: "it is due, and no failure is counted"."""
    scene = outbox_scene(repository)
    awaiting(scene, resent=1)
    failed = only_claim(repository)
    fail(repository, failed, retry_at=NOW)
    claim = only_claim(repository)
    expect(repository.released(claim), "released() must return True while the lease holds.")
    advice = (
        "released() must end the lease, keep the notice first of its client, and leave attempts as "
        "they are."
    )
    again = only_claim(repository)
    expect_equal((again.notice, again.attempts), (claim.notice, 1), advice)
    expect(
        not repository.released(claim),
        "released() must return False, and change nothing, if the notice was claimed again "
        "meanwhile: compare the claim's lease in the statement that writes.",
    )
    expect_equal(claimed(repository), [], "released() ended the lease of another claim.")
    deliver(repository, again)
    expect(
        not repository.released(again),
        "released() must return False for a notice that was delivered.",
    )


@check(OutboxStore)
def a_retried_notice_goes_back_to_its_place(repository: FullRepository) -> None:
    """OutboxStore.claim: "only the first undelivered one of each client", after `retry` too."""
    scene = outbox_scene(repository)
    first, second, third = notices_of(awaiting(scene, resent=2))
    claim = only_claim(repository)
    fail(repository, claim, retry_at=None)
    held = only_claim(repository)
    expect_equal(held.notice, second, "claim() must return the one after a parked notice.")
    repository.retry(first.id, at=NOW + HOUR)
    deliver(
        repository,
        held,
        "A notice that is being delivered keeps its lease when another is retried.",
    )
    advice = (
        "A retried notice is again the first of its client, before those that were saved after it, "
        "although it is due later: work out anew which one is the first."
    )
    expect_equal(claimed(repository), [], advice)
    for wanted in (first, third):
        claim = only_claim(repository, HOUR)
        expect_equal(claim.notice, wanted, advice)
        deliver(repository, claim)
    expect_equal(claimed(repository, LONG), [], "Nothing is left to claim.")


@check(OutboxStore)
def a_parked_notice_can_be_discarded(repository: FullRepository) -> None:
    """OutboxStore.discard: "Forget a parked notice, which is never delivered then"."""
    scene = outbox_scene(repository)
    first, second = notices_of(awaiting(scene, resent=1))
    (other,) = notices_of(awaiting(scene))
    found = {claim.notice.id: claim for claim in claimed(repository)}
    expect_equal(set(found), {first.id, other.id}, "Two clients have a notice that is due.")
    parked, held = found[first.id], found[other.id]
    fail(repository, parked, retry_at=None)
    for notice_id in (second.id, other.id, scene.new_id()):
        expect(
            not repository.discard(notice_id),
            "discard() must return False, and change nothing, for a notice that is not parked and "
            "for an unknown id.",
        )
    expect(repository.discard(first.id), "discard() must return True for a parked notice.")
    advice = "discard() must forget the notice, and no other one."
    expect(not repository.discard(first.id), advice)
    expect(not repository.retry(first.id, at=NOW), advice)
    expect_equal(ids_of(repository.waiting(parked=True, limit=ALL)), [], advice)
    deliver(repository, held, advice)
    expect_equal(ids_of(claimed(repository)), [second.id], advice)


@check(OutboxStore)
def the_state_counts_what_waits(repository: FullRepository) -> None:
    """OutboxStore.outbox_state: "how much waits, including what cannot be read, and since when"."""
    scene = outbox_scene(repository)
    advice = (
        "outbox_state() must count waiting and parked notices apart, whether they are due, leased "
        "or behind another one; `oldest` is when the oldest waiting one was made, and not when it "
        "is due; None if none waits."
    )
    expect_equal(repository.outbox_state(), OutboxState(0, 0, None), advice)
    old = awaiting(scene, resent=1)
    made = [change.event.at for change in old.changes for _ in change.notices if change.event]
    expect_equal(repository.outbox_state(), OutboxState(2, 0, made[0]), advice)
    claim = only_claim(repository)
    expect_equal(repository.outbox_state(), OutboxState(2, 0, made[0]), advice)
    fail(repository, claim, retry_at=NOW + HOUR)
    expect_equal(repository.outbox_state(), OutboxState(2, 0, made[0]), advice)
    claim = only_claim(repository, HOUR)
    fail(repository, claim, retry_at=None)
    expect_equal(repository.outbox_state(), OutboxState(1, 1, made[1]), advice)
    claim = only_claim(repository, HOUR)
    deliver(repository, claim)
    expect_equal(repository.outbox_state(), OutboxState(0, 1, None), advice)
