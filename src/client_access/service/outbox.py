"""Delivery of the notices that wait in a repository: at least once, in order for each client.

A relay claims the notices that are due, delivers them, and marks them as delivered. If it dies in
between, its lease ends, and another relay delivers the same notice again, with the same id. Several
relays side by side share the work.

An activation email is dropped if its activation is pending no longer (rules §9).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import final

from attrs import field, frozen

from client_access.client import Client
from client_access.errors import InvalidValue
from client_access.notices import ActivationEmail, Notice
from client_access.repository import Claim, OutboxStore
from client_access.repository.awaited import AsyncOutboxStore
from client_access.service.clock import utc_now
from client_access.values.validation import (
    check_awaitable,
    check_callable,
    check_methods,
    check_sync,
    check_type,
    is_a,
    is_count,
    to_aware,
    to_span,
)

_LONGEST = timedelta(days=365)
_LARGEST_BATCH = 10_000


@final
@frozen(kw_only=True)
class RelayPolicy:
    """The retry policy of a relay.

    Parameters:
        lease: how long a claimed notice is withheld from other relays; at most a year.
        first_delay: how long after the first failure a notice is tried again; at most a year. Each
            further failure doubles the delay.
        longest_delay: the longest delay between two attempts; at most a year.
        attempts: the number of failures after which a notice is parked.
        batch: how many notices are claimed at once; at most 10,000.

    Raises:
        InvalidValue: a setting is malformed.
    """

    lease: timedelta = field(default=timedelta(minutes=5), validator=is_a(timedelta))
    first_delay: timedelta = field(default=timedelta(seconds=10), validator=is_a(timedelta))
    longest_delay: timedelta = field(default=timedelta(hours=1), validator=is_a(timedelta))
    attempts: int = field(default=10, validator=is_count)
    batch: int = field(default=100, validator=is_count)

    def __attrs_post_init__(self) -> None:
        for name in ("lease", "first_delay", "longest_delay"):
            to_span(name, getattr(self, name), _LONGEST)
        if self.longest_delay < self.first_delay:
            raise InvalidValue("longest_delay", "must not be shorter than first_delay")
        if self.batch > _LARGEST_BATCH:
            raise InvalidValue("batch", f"must be at most {_LARGEST_BATCH:,}")

    def retry_at(self, failures: int, at: datetime) -> datetime | None:
        """Return when to try a notice again, or None if it is parked.

        Parameters:
            failures: how often it has failed, from 1.
            at: when it failed last.

        Raises:
            InvalidValue: `failures` is less than 1.
        """
        if failures < 1:
            raise InvalidValue("failures", "must be at least 1")
        if failures >= self.attempts:
            return None
        doublings = min(failures - 1, 20)  # a timedelta can hold a year times 2**20
        return at + min(self.first_delay * (1 << doublings), self.longest_delay)


DEFAULT_RELAY_POLICY = RelayPolicy()


@final
@frozen
class FailedDelivery:
    """A delivery that failed.

    Parameters:
        notice: what could not be delivered.
        error: what `deliver` raised.
        retry_at: when it is tried again; None if it is parked.
    """

    notice: Notice
    error: Exception
    retry_at: datetime | None


@final
@frozen
class RelayReport:
    """What one run of a relay did.

    Parameters:
        delivered: how many notices were delivered.
        failures: every delivery that failed.
        dropped: how many activation emails were dropped, because their activation was replaced,
            withdrawn or used, or has expired.
    """

    delivered: int
    failures: tuple[FailedDelivery, ...]
    dropped: int = 0


class _Run:
    """What a run of either relay does without I/O."""

    def __init__(self, policy: RelayPolicy, clock: Callable[[], datetime]) -> None:
        check_type("policy", policy, RelayPolicy)
        self.policy = policy
        self.clock = clock
        self.delivered = 0
        self.dropped = 0
        self.failures: list[FailedDelivery] = []
        self.claimed_at = self.now()
        self.handled = False

    def now(self) -> datetime:
        return to_aware("clock", self.clock())

    def begin(self) -> datetime:
        """Begin a claim, and return its time."""
        self.handled = False
        self.claimed_at = self.now()
        return self.claimed_at

    def held(self, claims: Sequence[Claim]) -> Iterator[Claim]:
        """Yield claims until their lease ends; the others may be claimed again by then."""
        for claim in claims:
            if self.now() >= self.claimed_at + self.policy.lease:
                return
            self.handled = True
            yield claim

    def is_pending(self, notice: ActivationEmail, client: Client | None) -> bool:
        """Return whether the link of an activation email would still be accepted (E6)."""
        pending = client and client.activation
        return (
            pending is not None
            and pending.id == notice.activation_id
            and self.now() < pending.expires_at
        )

    def done(self, *, wanted: bool) -> None:
        """Count a notice that was delivered, or dropped because it was not wanted any more."""
        self.delivered += wanted
        self.dropped += not wanted

    def failed(self, claim: Claim, error: Exception) -> datetime | None:
        """Record a failure, and return when to try again."""
        retry_at = self.policy.retry_at(claim.attempts + 1, self.now())
        self.failures.append(FailedDelivery(claim.notice, error, retry_at))
        return retry_at

    def report(self) -> RelayReport:
        return RelayReport(self.delivered, tuple(self.failures), self.dropped)


def relay(
    store: OutboxStore,
    deliver: Callable[[Notice], None],
    *,
    clock: Callable[[], datetime] = utc_now,
    policy: RelayPolicy = DEFAULT_RELAY_POLICY,
) -> RelayReport:
    """Deliver the notices that are due, until none is.

    Each notice is delivered at least once, and those of one client in the order of its changes. A
    notice has the same id each time. One that keeps failing is parked, and does not hold up those
    after it. An activation email is dropped if its activation was replaced, withdrawn or used, or
    has expired.

    Parameters:
        store: the repository.
        deliver: takes a notice. Any `Exception` that it raises is a failed delivery.
        clock: returns the present time, with a time zone.
        policy: when a failed delivery is tried again.

    Returns:
        What was delivered, and what failed and why.

    Raises:
        InvalidValue: an argument or the time is malformed, or `store` or `deliver` is async.
        RepositoryError: the repository failed. What was claimed is due again after its lease.
    """
    check_methods("store", store, OutboxStore)
    check_callable("deliver", deliver)
    check_sync("deliver", deliver, "relay_async")
    check_sync("store", store.claim, "relay_async")
    run = _Run(policy, clock)
    while claims := store.claim(at=run.begin(), lease=policy.lease, limit=policy.batch):
        for claim in run.held(claims):
            notice, wanted = claim.notice, True
            try:
                if isinstance(notice, ActivationEmail):
                    wanted = run.is_pending(notice, store.get(notice.client_id))
                if wanted:
                    deliver(notice)
            except Exception as error:  # it is in the report
                store.failed(claim, retry_at=run.failed(claim, error))
            else:
                store.delivered(claim)
                run.done(wanted=wanted)
        if not run.handled:  # claiming takes longer than the lease, so this would never end
            break
    return run.report()


async def relay_async(
    store: AsyncOutboxStore,
    deliver: Callable[[Notice], Awaitable[None]],
    *,
    clock: Callable[[], datetime] = utc_now,
    policy: RelayPolicy = DEFAULT_RELAY_POLICY,
) -> RelayReport:
    """Do as :func:`relay`, with a repository and a `deliver` that are awaited."""
    check_methods("store", store, AsyncOutboxStore)
    check_callable("deliver", deliver)
    run = _Run(policy, clock)
    while claims := await check_awaitable(
        "store",
        store.claim(at=run.begin(), lease=policy.lease, limit=policy.batch),
        "relay",
    ):
        for claim in run.held(claims):
            notice, wanted = claim.notice, True
            try:
                if isinstance(notice, ActivationEmail):
                    wanted = run.is_pending(notice, await store.get(notice.client_id))
                if wanted:
                    await deliver(notice)
            except Exception as error:  # it is in the report
                await store.failed(claim, retry_at=run.failed(claim, error))
            else:
                await store.delivered(claim)
                run.done(wanted=wanted)
        if not run.handled:
            break
    return run.report()
