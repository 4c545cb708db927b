"""Delivery of the notices that wait in a repository: at least once, in order for each client.

A relay claims the notices that are due, delivers them, and marks them as delivered. If it dies in
between, its lease ends, and another relay delivers the same notice again, with the same id. Several
relays side by side share the work.

A lease that ended without an answer is a failed delivery: perhaps the delivery ended the process of
the relay. It is counted and delayed as one that raised, and parked in the end.

An activation email is dropped if its activation is pending no longer (rules §9).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import final

from attrs import field, frozen

from client_access.client import Client
from client_access.errors import InvalidValue
from client_access.notices import ActivationEmail, Notice, ToAddress
from client_access.repository import Claim, OutboxStore
from client_access.repository.awaited import AsyncOutboxStore
from client_access.service.clock import utc_now
from client_access.values import IdentityEnum, later, to_utc
from client_access.values.validation import (
    check_awaitable,
    check_callable,
    check_methods,
    check_sync,
    check_type,
    is_a,
    is_count,
    to_plain,
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
        batch: how many notices are claimed at once; at most 10,000. If the process of a relay is
            killed, a failure of each notice that it held is counted, and each is then claimed
            alone. One at a time, the default, costs a transaction more for each notice.

    Raises:
        InvalidValue: a setting is malformed.
    """

    lease: timedelta = field(default=timedelta(minutes=5), validator=is_a(timedelta))
    first_delay: timedelta = field(default=timedelta(seconds=10), validator=is_a(timedelta))
    longest_delay: timedelta = field(default=timedelta(hours=1), validator=is_a(timedelta))
    attempts: int = field(default=10, validator=is_count)
    batch: int = field(default=1, validator=is_count)

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
            InvalidValue: `failures` is less than 1, or the time is malformed.
        """
        if failures < 1:
            raise InvalidValue("failures", "must be at least 1")
        if failures >= self.attempts:
            return None
        doublings = min(failures - 1, 20)  # a timedelta can hold a year times 2**20
        return later(at, min(self.first_delay * (1 << doublings), self.longest_delay))


DEFAULT_RELAY_POLICY = RelayPolicy()


@final
@frozen
class FailedDelivery:
    """A delivery that failed.

    Parameters:
        notice: what could not be delivered.
        error: what `deliver` raised; `TimeoutError` if a relay claimed the notice and died.
        retry_at: when it is tried again; None if it is parked.
    """

    notice: Notice
    error: Exception
    retry_at: datetime | None


@final
class RelayEnd(IdentityEnum):
    """Why a run of a relay ended."""

    NOTHING_DUE = "nothing_due"
    LIMIT = "limit"
    UNTIL = "until"
    STOPPED = "stopped"
    LEASE_TOO_SHORT = "lease_too_short"


@final
@frozen
class RelayReport:
    """What one run of a relay did.

    Parameters:
        delivered: how many notices were delivered.
        failures: every delivery that failed.
        dropped: how many activation emails were dropped, because their activation was replaced,
            withdrawn or used, or has expired, or because the address was erased.
        released: how many notices were given back without trying them, because the run ended.
        end: why the run ended. If nothing was due, there is nothing left to do for now.
    """

    delivered: int
    failures: tuple[FailedDelivery, ...]
    dropped: int = 0
    released: int = 0
    end: RelayEnd = RelayEnd.NOTHING_DUE


class _Run:
    """What a run of either relay does without I/O."""

    def __init__(
        self,
        policy: RelayPolicy,
        clock: Callable[[], datetime],
        limit: int | None,
        until: datetime | None,
        stop: Callable[[], bool] | None,
    ) -> None:
        check_type("policy", policy, RelayPolicy)
        if limit is not None and to_plain("limit", limit, int) < 1:
            raise InvalidValue("limit", "must be at least 1")
        if stop is not None:
            check_callable("stop", stop)
        self.policy = policy
        self.clock = clock
        self.left = limit
        self.until = None if until is None else to_utc("until", until)
        self.stop = stop
        self.batch = policy.batch
        self.unbegun: list[Claim] = []
        self.lease_ends = self.now()
        self.delivered = self.dropped = self.released = 0
        self.failures: list[FailedDelivery] = []
        self.end = RelayEnd.NOTHING_DUE

    def now(self) -> datetime:
        return to_utc("clock", self.clock())

    def goes_on(self) -> bool:
        """Return whether another delivery may begin; if not, remember why."""
        if self.end is RelayEnd.NOTHING_DUE:
            if self.stop is not None and self.stop():
                self.end = RelayEnd.STOPPED
            elif self.left == 0:
                self.end = RelayEnd.LIMIT
            elif self.until is not None and self.now() >= self.until:
                self.end = RelayEnd.UNTIL
        return self.end is RelayEnd.NOTHING_DUE

    def begin(self) -> datetime:
        """Begin a claim, and return its time."""
        at = self.now()
        self.lease_ends = later(at, self.policy.lease)
        return at

    def room(self) -> int:
        """Return how many notices to claim."""
        return self.batch if self.left is None else min(self.batch, self.left)

    def begun(self, claims: Sequence[Claim]) -> Iterator[Claim]:
        """Yield claims until their lease or the run ends; `unbegun` are those not yielded yet.

        Those without an answer come first. They are not delivered now, so nothing can happen before
        they are counted. A notice that has failed is claimed alone: if it ends the process, it
        takes no others along.
        """
        self.unbegun = sorted(claims, key=lambda claim: not claim.unanswered)
        begins = list(self.unbegun)
        if self.batch > 1 and any(claim.unanswered or claim.attempts for claim in claims):
            begins = [claim for claim in begins if claim.unanswered or not claim.attempts]
            self.batch = 1
        for number, claim in enumerate(begins):
            if not (claim.unanswered or self.goes_on()):
                return
            if self.now() >= self.lease_ends:
                if number == 0:  # claiming takes longer than the lease, so this would never end
                    self.end = RelayEnd.LEASE_TOO_SHORT
                return
            if self.left is not None and not claim.unanswered:
                self.left -= 1
            self.unbegun.remove(claim)
            yield claim

    def is_wanted(self, notice: ActivationEmail, client: Client | None) -> bool:
        """Return whether the link of an activation email would still be accepted (E6).

        The client may have been erased since the notice was claimed. Its address is another then.
        """
        pending = client and client.activation
        return (
            client is not None
            and pending is not None
            and pending.id == notice.activation_id
            and notice.recipient == ToAddress(client.email)
            and self.now() < pending.expires_at
        )

    def done(self, *, wanted: bool) -> None:
        """Count a notice that was delivered, or dropped because it was not wanted any more."""
        self.delivered += wanted
        self.dropped += not wanted

    def retry_at(self, claim: Claim) -> datetime | None:
        """Return when to try a notice again that has failed.

        If its lease has ended without an answer, the lease is part of the delay.
        """
        lease = self.policy.lease if claim.unanswered else timedelta(0)
        return self.policy.retry_at(claim.attempts + 1, later(self.now(), -lease))

    def failed(self, claim: Claim, error: Exception) -> datetime | None:
        """Record a failure, and return when to try again."""
        retry_at = self.retry_at(claim)
        self.failures.append(FailedDelivery(claim.notice, error, retry_at))
        return retry_at

    def report(self) -> RelayReport:
        return RelayReport(
            self.delivered, tuple(self.failures), self.dropped, self.released, self.end
        )


def _expect_answer(claim: Claim) -> None:
    """Raise an error if the relay that had a notice before has died, perhaps of it."""
    if claim.unanswered:
        raise TimeoutError("the lease of a relay ended without an answer")


def relay(
    store: OutboxStore,
    deliver: Callable[[Notice], None],
    *,
    clock: Callable[[], datetime] = utc_now,
    policy: RelayPolicy = DEFAULT_RELAY_POLICY,
    limit: int | None = None,
    until: datetime | None = None,
    stop: Callable[[], bool] | None = None,
) -> RelayReport:
    """Deliver the notices that are due, until none is, or until the run is to end.

    Each notice is delivered at least once, and those of one client in the order of its changes. A
    notice has the same id each time. One that keeps failing is parked, and does not hold up those
    after it. An activation email is dropped if its activation was replaced, withdrawn or used, or
    has expired (rules §9).

    A delivery that ends the process, or raises `KeyboardInterrupt` or `CancelledError`, has failed
    too. Whatever ends the run, a delivery that has begun is finished, and what was claimed and not
    begun is given back at once.

    Parameters:
        store: the repository.
        deliver: takes a notice. Anything that it raises is a failed delivery.
        clock: returns the present time, with a time zone.
        policy: when a failed delivery is tried again.
        limit: how many notices to try, at least 1; None for all.
        until: the moment from which no delivery begins, with a time zone; None for no end.
        stop: returns whether to end, such as the `is_set` of an event. It is called before each
            delivery.

    Returns:
        What was delivered, what failed and why, and why the run ended.

    Raises:
        InvalidValue: an argument or the time is malformed, or `store` or `deliver` is async.
        RepositoryError: the repository failed. What was claimed is due again after its lease.
    """
    check_methods("store", store, OutboxStore)
    check_callable("deliver", deliver)
    check_sync("deliver", deliver, "relay_async")
    check_sync("store", store.claim, "relay_async")
    run = _Run(policy, clock, limit, until, stop)
    while run.goes_on():
        claims = store.claim(at=run.begin(), lease=policy.lease, limit=run.room())
        if not claims:
            break
        try:
            for claim in run.begun(claims):
                _deliver(store, deliver, run, claim)
        except BaseException:
            with suppress(Exception):  # what ended the run is raised
                _give_back(store, run)
            raise
        _give_back(store, run)
    return run.report()


def _deliver(
    store: OutboxStore, deliver: Callable[[Notice], None], run: _Run, claim: Claim
) -> None:
    notice, wanted = claim.notice, True
    try:
        if isinstance(notice, ActivationEmail):
            wanted = run.is_wanted(notice, store.get(notice.client_id))
        if wanted:
            _expect_answer(claim)
            deliver(notice)
    except Exception as error:  # it is in the report
        store.failed(claim, retry_at=run.failed(claim, error))
    except BaseException:
        with suppress(Exception):  # what ends the process is raised; the end of the lease counts
            store.failed(claim, retry_at=run.retry_at(claim))
        raise
    else:
        store.delivered(claim)
        run.done(wanted=wanted)


def _give_back(store: OutboxStore, run: _Run) -> None:
    for claim in run.unbegun:
        run.released += store.released(claim)


async def relay_async(
    store: AsyncOutboxStore,
    deliver: Callable[[Notice], Awaitable[None]],
    *,
    clock: Callable[[], datetime] = utc_now,
    policy: RelayPolicy = DEFAULT_RELAY_POLICY,
    limit: int | None = None,
    until: datetime | None = None,
    stop: Callable[[], bool] | None = None,
) -> RelayReport:
    """Do as :func:`relay`, with a repository and a `deliver` that are awaited."""
    check_methods("store", store, AsyncOutboxStore)
    check_callable("deliver", deliver)
    run = _Run(policy, clock, limit, until, stop)
    while run.goes_on():
        claims = await check_awaitable(
            "store",
            store.claim(at=run.begin(), lease=policy.lease, limit=run.room()),
            "relay",
        )
        if not claims:
            break
        try:
            for claim in run.begun(claims):
                await _deliver_async(store, deliver, run, claim)
        except BaseException:
            with suppress(Exception):
                await _give_back_async(store, run)
            raise
        await _give_back_async(store, run)
    return run.report()


async def _deliver_async(
    store: AsyncOutboxStore, deliver: Callable[[Notice], Awaitable[None]], run: _Run, claim: Claim
) -> None:
    notice, wanted = claim.notice, True
    try:
        if isinstance(notice, ActivationEmail):
            wanted = run.is_wanted(notice, await store.get(notice.client_id))
        if wanted:
            _expect_answer(claim)
            await deliver(notice)
    except Exception as error:
        await store.failed(claim, retry_at=run.failed(claim, error))
    except BaseException:
        with suppress(Exception):
            await store.failed(claim, retry_at=run.retry_at(claim))
        raise
    else:
        await store.delivered(claim)
        run.done(wanted=wanted)


async def _give_back_async(store: AsyncOutboxStore, run: _Run) -> None:
    for claim in run.unbegun:
        run.released += await store.released(claim)
