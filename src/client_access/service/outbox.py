"""Delivering the notices that changes have left behind: at least once, in order for each client.

A relay claims what is due, delivers it, and says so. One that dies in between holds a lease that
ends by itself; another then delivers the same notice again, with the same id, by which it can be
told. Several relays side by side share the work.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import final

from attrs import field, frozen

from client_access.errors import InvalidValue
from client_access.notices import Notice
from client_access.repository import Claim, OutboxStore
from client_access.repository.awaited import AsyncOutboxStore
from client_access.service.unit import utc_now
from client_access.values.validation import check_type, is_a, is_count, to_aware

_NOTHING = timedelta(0)
_LONGEST = timedelta(days=365)
_LARGEST_BATCH = 10_000


@final
@frozen(kw_only=True)
class RelayPolicy:
    """How a relay goes about failing deliveries.

    Parameters:
        lease: how long a claimed notice is withheld from other relays; at most a year.
        first_delay: how long after a first failure it is tried again; doubled with each further.
        longest_delay: the longest delay between two tries.
        attempts: after how many failures a notice is parked.
        batch: how many notices are claimed at once; at most 10,000.
    """

    lease: timedelta = field(default=timedelta(minutes=5), validator=is_a(timedelta))
    first_delay: timedelta = field(default=timedelta(seconds=10), validator=is_a(timedelta))
    longest_delay: timedelta = field(default=timedelta(hours=1), validator=is_a(timedelta))
    attempts: int = field(default=10, validator=is_count)
    batch: int = field(default=100, validator=is_count)

    def __attrs_post_init__(self) -> None:
        for name in ("lease", "first_delay", "longest_delay"):
            if not _NOTHING < getattr(self, name) <= _LONGEST:
                raise InvalidValue(name, "must be longer than nothing, and a year at the most")
        if self.longest_delay < self.first_delay:
            raise InvalidValue("longest_delay", "must not be shorter than first_delay")
        if self.batch > _LARGEST_BATCH:
            raise InvalidValue("batch", f"must be {_LARGEST_BATCH} at the most")

    def retry_at(self, failures: int, at: datetime) -> datetime | None:
        """Return when to try again after so many failures, or None where it is parked.

        Raises:
            InvalidValue: there are no failures.
        """
        if failures < 1:
            raise InvalidValue("failures", "must be at least 1")
        if failures >= self.attempts:
            return None
        doublings = min(failures - 1, 20)  # a year times that is within a timedelta
        return at + min(self.first_delay * (1 << doublings), self.longest_delay)


DEFAULT_RELAY_POLICY = RelayPolicy()


@final
@frozen
class Failure:
    """A delivery that failed.

    Parameters:
        notice: what could not be delivered.
        error: what `deliver` raised.
        retry_at: when it is tried again; None where it is parked.
    """

    notice: Notice
    error: Exception
    retry_at: datetime | None


@final
@frozen
class RelayReport:
    """What one run of a relay did.

    Parameters:
        delivered: how many notices `deliver` took.
        failures: every delivery that failed.
    """

    delivered: int
    failures: tuple[Failure, ...]


class _Run:
    """One run of a relay, apart from what it awaits."""

    def __init__(self, policy: RelayPolicy, clock: Callable[[], datetime]) -> None:
        check_type("policy", policy, RelayPolicy)
        self.policy = policy
        self.clock = clock
        self.delivered = 0
        self.failures: list[Failure] = []
        self.claimed_at = self.now()
        self.handled = False

    def now(self) -> datetime:
        return to_aware("clock", self.clock())

    def begin(self) -> datetime:
        """Return the time of the next claim."""
        self.handled = False
        self.claimed_at = self.now()
        return self.claimed_at

    def held(self, claims: Sequence[Claim]) -> Iterator[Claim]:
        """Yield claims while their lease lasts; those after it are anybody's again."""
        for claim in claims:
            if self.now() >= self.claimed_at + self.policy.lease:
                return
            self.handled = True
            yield claim

    def failed(self, claim: Claim, error: Exception) -> datetime | None:
        """Note a failure, and return when to try again."""
        retry_at = self.policy.retry_at(claim.attempts + 1, self.now())
        self.failures.append(Failure(claim.notice, error, retry_at))
        return retry_at

    def report(self) -> RelayReport:
        return RelayReport(self.delivered, tuple(self.failures))


@final
class Outbox:
    """The notices that wait in a repository, and how they are delivered.

    Parameters:
        store: the repository.
        clock: returns the present time, with a time zone.
        policy: how failing deliveries are gone about.
    """

    def __init__(
        self,
        store: OutboxStore,
        *,
        clock: Callable[[], datetime] = utc_now,
        policy: RelayPolicy = DEFAULT_RELAY_POLICY,
    ) -> None:
        self.store = store
        self.clock = clock
        self.policy = policy

    def relay(self, deliver: Callable[[Notice], None]) -> RelayReport:
        """Deliver what is due, until nothing is.

        Each notice is delivered at least once, a client's in the order of its changes; the same
        notice has the same id each time. One that keeps failing is parked, and those after it go
        on.

        Parameters:
            deliver: takes a notice; any `Exception` that it raises is a failed delivery.

        Returns:
            What was delivered, and what failed and why.

        Raises:
            RepositoryError: the repository failed; what was claimed is due again after the lease.
        """
        run = _Run(self.policy, self.clock)
        while claims := self.store.claim(
            at=run.begin(), lease=self.policy.lease, limit=self.policy.batch
        ):
            for claim in run.held(claims):
                try:
                    deliver(claim.notice)
                except Exception as error:  # the host's own; it is in the report
                    self.store.failed(claim, retry_at=run.failed(claim, error))
                else:
                    self.store.delivered(claim)
                    run.delivered += 1
            if not run.handled:  # claiming takes longer than the lease: it would go on for ever
                break
        return run.report()


@final
class AsyncOutbox:
    """As :class:`Outbox`, for a repository that is awaited.

    Parameters:
        store: the repository.
        clock: returns the present time, with a time zone.
        policy: how failing deliveries are gone about.
    """

    def __init__(
        self,
        store: AsyncOutboxStore,
        *,
        clock: Callable[[], datetime] = utc_now,
        policy: RelayPolicy = DEFAULT_RELAY_POLICY,
    ) -> None:
        self.store = store
        self.clock = clock
        self.policy = policy

    async def relay(self, deliver: Callable[[Notice], Awaitable[None]]) -> RelayReport:
        """Deliver what is due, until nothing is; as :meth:`Outbox.relay`."""
        run = _Run(self.policy, self.clock)
        while claims := await self.store.claim(
            at=run.begin(), lease=self.policy.lease, limit=self.policy.batch
        ):
            for claim in run.held(claims):
                try:
                    await deliver(claim.notice)
                except Exception as error:  # the host's own; it is in the report
                    await self.store.failed(claim, retry_at=run.failed(claim, error))
                else:
                    await self.store.delivered(claim)
                    run.delivered += 1
            if not run.handled:
                break
        return run.report()
