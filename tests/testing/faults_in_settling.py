"""Faults planted into claims that are given back or never answered, and into parked notices."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

from attrs import evolve
from testing.delegating import ALL, Delegating, caught_by

import client_access as ca
from client_access.testing.clock import START


@caught_by("a_lease_lasts_as_long_when_the_clocks_change")
class AddsToTheHandsOfAClock(Delegating):
    def claim(self, *, at: datetime, lease: timedelta, limit: int) -> Sequence[ca.Claim]:
        ends = (at + lease).astimezone(UTC)
        return super().claim(at=at, lease=ends - at.astimezone(UTC), limit=limit)


@caught_by("a_claim_says_that_the_one_before_was_not_answered")
class HidesTheDead(Delegating):
    def claim(self, *, at: datetime, lease: timedelta, limit: int) -> Sequence[ca.Claim]:
        claims = super().claim(at=at, lease=lease, limit=limit)
        return [evolve(claim, unanswered=False) for claim in claims]


@caught_by("a_claim_says_that_the_one_before_was_not_answered")
class TakesEveryRelayForDead(Delegating):
    """Tells a claim from the first one, and not whether that was answered."""

    def __init__(self) -> None:
        super().__init__()
        self.claimed: set[UUID] = set()

    def claim(self, *, at: datetime, lease: timedelta, limit: int) -> Sequence[ca.Claim]:
        claims = [
            evolve(claim, unanswered=claim.notice.id in self.claimed)
            for claim in super().claim(at=at, lease=lease, limit=limit)
        ]
        self.claimed.update(claim.notice.id for claim in claims)
        return claims


@caught_by("a_released_notice_is_due_and_has_not_failed")
class CountsWhatIsReleased(Delegating):
    def released(self, claim: ca.Claim) -> bool:
        return super().failed(claim, retry_at=START)


@caught_by("a_released_notice_is_due_and_has_not_failed")
class KeepsWhatIsReleased(Delegating):
    def released(self, claim: ca.Claim) -> bool:
        return True


@caught_by("a_released_notice_is_due_and_has_not_failed")
class ReleasesWhateverLease(Delegating):
    last: Sequence[ca.Claim] = ()

    def claim(self, *, at: datetime, lease: timedelta, limit: int) -> Sequence[ca.Claim]:
        self.last = super().claim(at=at, lease=lease, limit=limit)
        return self.last

    def released(self, claim: ca.Claim) -> bool:
        super().released(self.last[0])
        return True


@caught_by("a_retried_notice_goes_back_to_its_place")
class RetriesAtTheEnd(Delegating):
    """Remembers the order in which notices become due, and not the one in which they were saved."""

    def __init__(self) -> None:
        super().__init__()
        self.retried: dict[UUID, datetime] = {}

    def retry(self, notice_id: UUID, *, at: datetime) -> bool:
        parked = {claim.notice.id for claim in self.good.waiting(parked=True, limit=ALL)}
        if notice_id in parked:
            self.retried[notice_id] = at
        return notice_id in parked

    def claim(self, *, at: datetime, lease: timedelta, limit: int) -> Sequence[ca.Claim]:
        if claims := super().claim(at=at, lease=lease, limit=limit):
            return claims
        for notice_id in [key for key, due in self.retried.items() if due <= at]:
            self.good.retry(notice_id, at=self.retried.pop(notice_id))
        return super().claim(at=at, lease=lease, limit=limit)


@caught_by("a_retried_notice_goes_back_to_its_place")
class RetryEndsTheLease(Delegating):
    """Makes the retried notice the first of its client, and forgets the one that was."""

    def __init__(self) -> None:
        super().__init__()
        self.retried = False

    def retry(self, notice_id: UUID, *, at: datetime) -> bool:
        self.retried = super().retry(notice_id, at=at)
        return self.retried

    def delivered(self, claim: ca.Claim) -> bool:
        return not self.retried and super().delivered(claim)


@caught_by("a_parked_notice_can_be_discarded")
class DiscardsAnything(Delegating):
    def discard(self, notice_id: UUID) -> bool:
        super().discard(notice_id)
        return True


@caught_by("a_parked_notice_can_be_discarded")
class OnlyHidesWhatIsDiscarded(Delegating):
    def discard(self, notice_id: UUID) -> bool:
        parked = self.good.waiting(parked=True, limit=ALL)
        return notice_id in {claim.notice.id for claim in parked}


@caught_by("the_state_counts_what_waits")
class CountsParkedNoticesAsWaiting(Delegating):
    def outbox_state(self) -> ca.OutboxState:
        state = super().outbox_state()
        return evolve(state, waiting=state.waiting + state.parked)


@caught_by("the_state_counts_what_waits")
class TakesTheDueTimeForTheAge(Delegating):
    def outbox_state(self) -> ca.OutboxState:
        due = [claim.due for claim in self.good.waiting(parked=False, limit=ALL) if claim.due]
        return evolve(super().outbox_state(), oldest=min(due, default=None))


@caught_by("a_notice_saved_beside_a_delivery_is_delivered")
class DeliversWhatIsSavedMeanwhile(Delegating):
    """Looks for the next notice, and forgets every notice that was saved since."""

    def delivered(self, claim: ca.Claim) -> bool:
        before = len(self.good.waiting(parked=False, limit=ALL))
        time.sleep(0.01)
        done = super().delivered(claim)
        for late in self.good.waiting(parked=False, limit=ALL)[before - 1 :]:
            lost = self.good.claim(at=START + timedelta(days=900), lease=timedelta(1), limit=ALL)
            for one in lost:
                if one.notice.client_id == late.notice.client_id:
                    self.good.delivered(one)
        return done
