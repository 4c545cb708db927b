"""Faults planted into the outbox, and into concurrent saves."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from threading import Lock
from typing import cast
from uuid import UUID

from attrs import evolve
from testing.delegating import ALL, Delegating, caught_by
from testing.faults_in_saving_once import as_text

import client_access as ca
from client_access.testing.clock import START

# ── Outbox ───────────────────────────────────────────────────────────────────────────────────────


@caught_by("every_notice_of_a_saved_change_waits")
class SavesTheFirstNotice(Delegating):
    def save(self, changes: Sequence[ca.Change]) -> None:
        super().save([evolve(change, notices=change.notices[:1]) for change in changes])


class _OwnOutbox(Delegating):
    """Keeps notices unerased."""

    def __init__(self) -> None:
        super().__init__()
        self.given: list[ca.Notice] = []

    def waiting(self, *, parked: bool, limit: int) -> Sequence[ca.Claim]:
        return [ca.Claim(notice, 0, UUID(int=0), START) for notice in self.given]


@caught_by("no_notice_of_a_failed_save_waits")
class KeepsNoticesBeforeItSaves(_OwnOutbox):
    def save(self, changes: Sequence[ca.Change]) -> None:
        self.given += [notice for change in changes for notice in change.notices]
        super().save(changes)


@caught_by("erase_takes_the_person_out_of_notices")
class ErasesNoNotice(_OwnOutbox):
    def save(self, changes: Sequence[ca.Change]) -> None:
        super().save(changes)
        self.given += [notice for change in changes for notice in change.notices]


@caught_by("claim_gives_the_first_notice_of_each_client")
class DeliversOutOfOrder(Delegating):
    def claim(self, *, at: datetime, lease: timedelta, limit: int) -> Sequence[ca.Claim]:
        last = {claim.notice.client_id: claim.notice for claim in self.waiting_now()}
        claims = super().claim(at=at, lease=lease, limit=limit)
        return [evolve(claim, notice=last[claim.notice.client_id]) for claim in claims]

    def waiting_now(self) -> Sequence[ca.Claim]:
        return self.good.waiting(parked=False, limit=ALL)


@caught_by(
    "a_claimed_notice_is_given_to_nobody_else",
    "relays_side_by_side_are_given_different_notices",
)
class LeasesTwice(Delegating):
    def claim(self, *, at: datetime, lease: timedelta, limit: int) -> Sequence[ca.Claim]:
        claims = super().claim(at=at, lease=timedelta(0), limit=limit)
        time.sleep(0.002)
        return claims


@caught_by("a_claimed_notice_is_given_again_after_its_lease")
class LeasesTooLong(Delegating):
    def claim(self, *, at: datetime, lease: timedelta, limit: int) -> Sequence[ca.Claim]:
        return super().claim(at=at, lease=timedelta(days=100_000), limit=limit)


@caught_by("a_claimed_notice_is_given_again_after_its_lease")
class AcceptsFormerLeases(Delegating):
    def delivered(self, claim: ca.Claim) -> bool:
        super().delivered(claim)
        return True


@caught_by("a_failed_notice_waits_for_its_time")
class TriesAgainAtOnce(Delegating):
    def failed(self, claim: ca.Claim, *, retry_at: datetime | None) -> bool:
        return super().failed(claim, retry_at=retry_at and START)


@caught_by("a_failed_notice_waits_for_its_time")
class ParksWhatFails(Delegating):
    def failed(self, claim: ca.Claim, *, retry_at: datetime | None) -> bool:
        return super().failed(claim, retry_at=None)


@caught_by("a_parked_notice_blocks_nobody")
class WaitsForParkedNotices(Delegating):
    def claim(self, *, at: datetime, lease: timedelta, limit: int) -> Sequence[ca.Claim]:
        parked = {c.notice.client_id for c in self.good.waiting(parked=True, limit=ALL)}
        claims = super().claim(at=at, lease=lease, limit=limit)
        return [claim for claim in claims if claim.notice.client_id not in parked]


@caught_by("retry_makes_a_parked_notice_due")
class RetriesAnything(Delegating):
    def retry(self, notice_id: UUID, *, at: datetime) -> bool:
        super().retry(notice_id, at=at)
        return True


@caught_by("claims_and_lists_keep_their_limits")
class ClaimsWithoutALimit(Delegating):
    def claim(self, *, at: datetime, lease: timedelta, limit: int) -> Sequence[ca.Claim]:
        return super().claim(at=at, lease=lease, limit=ALL)


@caught_by("claims_and_lists_keep_their_limits")
class LeasesWhatItShows(Delegating):
    def waiting(self, *, parked: bool, limit: int) -> Sequence[ca.Claim]:
        shown = super().waiting(parked=parked, limit=limit)
        self.good.claim(at=START + timedelta(days=200), lease=timedelta(days=1), limit=1)
        return shown


@caught_by("claim_has_leased_what_it_returns")
class ClaimsLazily(Delegating):
    def claim(self, *, at: datetime, lease: timedelta, limit: int) -> Sequence[ca.Claim]:
        return cast("Sequence[ca.Claim]", self.one_by_one(at, lease, limit))

    def one_by_one(self, at: datetime, lease: timedelta, limit: int) -> Iterator[ca.Claim]:
        yield from self.good.claim(at=at, lease=lease, limit=limit)


@caught_by("what_is_not_due_takes_no_place_in_a_claim")
class LimitsBeforeItChooses(Delegating):
    """Applies the limit to all notices that are due, then drops those that are not first."""

    def claim(self, *, at: datetime, lease: timedelta, limit: int) -> Sequence[ca.Claim]:
        waiting = self.good.waiting(parked=False, limit=ALL)
        due = [claim.notice for claim in waiting if claim.due and claim.due <= at]
        firsts = {claim.notice.client_id: claim.notice for claim in reversed(waiting)}
        chosen = [notice for notice in due[:limit] if firsts[notice.client_id] == notice]
        return super().claim(at=at, lease=lease, limit=len(chosen))


class _OneLeaseForAll(Delegating):
    def __init__(self) -> None:
        super().__init__()
        self.claims: list[ca.Claim] = []

    def claim(self, *, at: datetime, lease: timedelta, limit: int) -> Sequence[ca.Claim]:
        self.claims = list(super().claim(at=at, lease=lease, limit=limit))
        return self.claims

    def others(self, claim: ca.Claim) -> list[ca.Claim]:
        return [other for other in self.claims if other != claim]


@caught_by("each_notice_of_a_claim_is_settled_alone")
class ParksAWholeClaim(_OneLeaseForAll):
    def failed(self, claim: ca.Claim, *, retry_at: datetime | None) -> bool:
        for other in self.others(claim):
            super().failed(other, retry_at=retry_at)
        return super().failed(claim, retry_at=retry_at)


@caught_by("each_notice_of_a_claim_is_settled_alone")
class DeliversAWholeClaim(_OneLeaseForAll):
    def delivered(self, claim: ca.Claim) -> bool:
        for other in self.others(claim):
            super().delivered(other)
        return super().delivered(claim)


@caught_by("notices_are_due_at_moments_in_any_time_zone")
class ClaimsByTextOfTimes(Delegating):
    def claim(self, *, at: datetime, lease: timedelta, limit: int) -> Sequence[ca.Claim]:
        return super().claim(at=as_text(at), lease=lease, limit=limit)


@caught_by("notices_are_due_at_moments_in_any_time_zone")
class TriesAgainByTextOfTimes(Delegating):
    def failed(self, claim: ca.Claim, *, retry_at: datetime | None) -> bool:
        return super().failed(claim, retry_at=retry_at and as_text(retry_at))


@caught_by("notices_are_due_at_moments_in_any_time_zone")
class RetriesByTextOfTimes(Delegating):
    def retry(self, notice_id: UUID, *, at: datetime) -> bool:
        return super().retry(notice_id, at=as_text(at))


@caught_by("parked_notices_are_listed_oldest_first")
class ListsParkedWithoutALimit(Delegating):
    def waiting(self, *, parked: bool, limit: int) -> Sequence[ca.Claim]:
        return super().waiting(parked=parked, limit=ALL if parked else limit)


@caught_by("parked_notices_are_listed_oldest_first")
class ListsParkedNewestFirst(Delegating):
    def waiting(self, *, parked: bool, limit: int) -> Sequence[ca.Claim]:
        shown = super().waiting(parked=parked, limit=ALL)
        return (shown[::-1] if parked else shown)[:limit]


class _OwnAttempts(Delegating):
    """Keeps a count of attempts of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.attempts: Counter[UUID] = Counter()

    def claim(self, *, at: datetime, lease: timedelta, limit: int) -> Sequence[ca.Claim]:
        return self.counted(super().claim(at=at, lease=lease, limit=limit))

    def waiting(self, *, parked: bool, limit: int) -> Sequence[ca.Claim]:
        return self.counted(super().waiting(parked=parked, limit=limit))

    def counted(self, claims: Sequence[ca.Claim]) -> list[ca.Claim]:
        return [evolve(claim, attempts=self.attempts[claim.notice.id]) for claim in claims]


@caught_by("a_failed_notice_waits_for_its_time")
class CountsClaims(_OwnAttempts):
    def claim(self, *, at: datetime, lease: timedelta, limit: int) -> Sequence[ca.Claim]:
        claims = super().claim(at=at, lease=lease, limit=limit)
        self.attempts.update(claim.notice.id for claim in claims)
        return claims


@caught_by("a_parked_notice_blocks_nobody")
class ParksWithoutCounting(_OwnAttempts):
    def failed(self, claim: ca.Claim, *, retry_at: datetime | None) -> bool:
        if retry_at is not None:
            self.attempts[claim.notice.id] += 1
        return super().failed(claim, retry_at=retry_at)


@caught_by("retry_makes_a_parked_notice_due")
class RetriesWithItsFailures(_OwnAttempts):
    def failed(self, claim: ca.Claim, *, retry_at: datetime | None) -> bool:
        self.attempts[claim.notice.id] += 1
        return super().failed(claim, retry_at=retry_at)


# ── Several writers ──────────────────────────────────────────────────────────────────────────────


@caught_by("of_writers_that_change_one_client_one_wins")
class ReadsFirstAndWritesAfter(Delegating):
    def save(self, changes: Sequence[ca.Change]) -> None:
        for change in changes:
            stored = self.good.get(change.after.id)
            if (stored and stored.version) != (change.before and change.before.version):
                raise ca.StaleClient(change.after.id)
        time.sleep(0.01)
        self.force(changes, lambda *_: True)


@caught_by("of_writers_that_use_one_id_one_wins")
class RaisesOnlyEmailTaken(Delegating):
    def save(self, changes: Sequence[ca.Change]) -> None:
        try:
            super().save(changes)
        except ca.StaleClient as stale:
            raise ca.EmailTaken(stale.client_id) from None


@caught_by("writers_in_opposite_order_do_not_block_each_other")
class MixesBatches(Delegating):
    def save(self, changes: Sequence[ca.Change]) -> None:
        for change in changes:
            super().save([change])
            time.sleep(0.01)


@caught_by("of_writers_that_change_one_client_one_wins")
class RaisesWhatTheDatabaseRaises(Delegating):
    def __init__(self) -> None:
        super().__init__()
        self.lock = Lock()

    def save(self, changes: Sequence[ca.Change]) -> None:
        if not self.lock.acquire(blocking=False):
            raise OSError("database is locked")
        try:
            time.sleep(0.01)
            super().save(changes)
        finally:
            self.lock.release()


@caught_by("writers_in_opposite_order_do_not_block_each_other")
class Deadlocks(Delegating):
    """Locks clients in the order of the batch, so that two batches wait for each other."""

    def __init__(self) -> None:
        super().__init__()
        self.locks: dict[UUID, Lock] = {}

    def save(self, changes: Sequence[ca.Change]) -> None:
        held: list[Lock] = []
        try:
            for change in changes:
                lock = self.locks.setdefault(change.after.id, Lock())
                if not lock.acquire(timeout=1):
                    return
                held.append(lock)
                time.sleep(0.01)
            super().save(changes)
        finally:
            for lock in held:
                lock.release()
