"""A relay ends: when asked to, by what a delivery raises, or with its process."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from threading import Event
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
import world
from test_outbox import HOUR, AwaitedStore, Clock, filled, of_client, waiting

import client_access as ca
from client_access.service.outbox import DEFAULT_RELAY_POLICY

END = ca.RelayEnd


class Relays:
    """Runs relays of one kind, sync or awaited, on a repository in memory."""

    def __init__(self, *, awaited: bool) -> None:
        self.awaited = awaited
        self.clock = Clock()
        self.repository = filled()
        self.taken: list[UUID] = []

    def run(
        self,
        deliver: Callable[[ca.Notice], object] = lambda _: None,
        *,
        policy: ca.RelayPolicy = DEFAULT_RELAY_POLICY,
        limit: int | None = None,
        until: datetime | None = None,
        stop: Callable[[], bool] | None = None,
    ) -> ca.RelayReport:
        def take(notice: ca.Notice) -> None:
            deliver(notice)
            self.taken.append(notice.id)

        async def take_awaited(notice: ca.Notice) -> None:
            await asyncio.sleep(0)
            take(notice)

        clock = self.clock
        if not self.awaited:
            return ca.relay(
                self.repository,
                take,
                clock=clock,
                policy=policy,
                limit=limit,
                until=until,
                stop=stop,
            )
        return asyncio.run(
            ca.relay_async(
                AwaitedStore(self.repository),
                take_awaited,
                clock=clock,
                policy=policy,
                limit=limit,
                until=until,
                stop=stop,
            )
        )

    def leased(self) -> list[UUID]:
        """Return the notices that nobody could claim now."""
        claims = self.repository.claim(at=self.clock.now, lease=HOUR, limit=100)
        for claim in claims:
            self.repository.released(claim)
        free = {claim.notice.client_id for claim in claims}
        return [one.id for one in waiting(self.repository) if one.client_id not in free]


@pytest.fixture(params=[False, True], ids=["sync", "async"])
def relays(request: pytest.FixtureRequest) -> Relays:
    return Relays(awaited=bool(request.param))


@pytest.mark.parametrize("batch", [1, 10])
def test_a_relay_ends_after_a_number_of_notices(relays: Relays, batch: int) -> None:
    """Failed and dropped ones count. None stays leased. The report says that there may be more."""
    policy = ca.RelayPolicy(batch=batch)
    every = len(waiting(relays.repository))
    report = relays.run(policy=policy, limit=3)
    assert report.end is END.LIMIT
    assert report.delivered + report.dropped == 3
    assert len(waiting(relays.repository)) == every - 3
    assert relays.leased() == []
    report = relays.run(policy=policy, limit=every)
    assert report.end is END.NOTHING_DUE
    assert waiting(relays.repository) == []


@pytest.mark.parametrize("batch", [1, 10])
def test_a_relay_ends_at_a_moment_and_gives_back_what_it_has_not_begun(
    relays: Relays, batch: int
) -> None:
    """A delivery that has begun is finished. What is given back has not failed."""

    def slow(_: ca.Notice) -> None:
        relays.clock.now += timedelta(seconds=40)

    until = (world.T0 + timedelta(minutes=1)).astimezone(ZoneInfo("Europe/London"))
    relays.repository = filled(resent=0)
    report = relays.run(slow, policy=ca.RelayPolicy(batch=batch), until=until)
    assert (report.delivered, report.end) == (2, END.UNTIL)
    assert relays.leased() == []
    assert {one.attempts for one in relays.repository.waiting(parked=False, limit=9)} == {0}


@pytest.mark.parametrize("batch", [1, 10])
def test_a_relay_ends_when_it_is_asked_to(relays: Relays, batch: int) -> None:
    """It gives back what it has claimed and not begun, and another relay delivers that at once."""
    asked = Event()
    relays.repository = filled(resent=0)
    policy = ca.RelayPolicy(batch=batch)
    report = relays.run(lambda _: asked.set(), policy=policy, stop=asked.is_set)
    assert report == ca.RelayReport(1, (), released=batch // 10, end=END.STOPPED)
    assert relays.leased() == []
    assert relays.run(policy=policy, stop=asked.is_set) == ca.RelayReport(0, (), end=END.STOPPED)
    assert relays.run(policy=policy).delivered == 3


@pytest.mark.parametrize(
    ("name", "value"),
    [("limit", 0), ("limit", True), ("until", datetime(2026, 1, 5)), ("stop", Event())],  # noqa: DTZ001  # the mistake
)
def test_an_end_that_cannot_be_is_malformed(relays: Relays, name: str, value: object) -> None:
    with pytest.raises(ca.InvalidValue) as malformed:
        relays.run(**{name: value})  # type: ignore[arg-type]  # on purpose
    assert malformed.value.field == name


@pytest.mark.parametrize("batch", [1, 10])
@pytest.mark.parametrize("error", [asyncio.CancelledError, KeyboardInterrupt, SystemExit])
def test_a_delivery_that_ends_the_relay_is_counted_and_parked_and_starves_nobody(
    relays: Relays, batch: int, error: type[BaseException]
) -> None:
    """What it raised is raised. What was claimed with it is free, and has not failed."""
    poison, *others = of_client(waiting(relays.repository), world.CLIENT_ID)

    def deliver(notice: ca.Notice) -> None:
        if notice.id == poison:
            raise error

    policy = ca.RelayPolicy(batch=batch, attempts=3, first_delay=HOUR, longest_delay=HOUR)
    for attempt in range(1, 4):
        with pytest.raises(error):
            relays.run(deliver, policy=policy)
        held = [*relays.repository.waiting(parked=False, limit=100)]
        held += relays.repository.waiting(parked=True, limit=1)
        attempts = {claim.notice.id: claim.attempts for claim in held if claim.attempts}
        assert attempts == {poison: attempt}
        if attempt < 3:
            assert relays.run(deliver, policy=policy).end is END.NOTHING_DUE
            assert not set(relays.taken) & set(others)
            # Those of the other client are delivered meanwhile.
            assert of_client(waiting(relays.repository), world.OTHER_ID) == []
            relays.clock.now += HOUR
    assert [notice.id for notice in waiting(relays.repository, parked=True)] == [poison]
    relays.run(deliver, policy=policy)
    assert waiting(relays.repository) == []


def test_what_ends_a_relay_is_raised_also_if_the_repository_fails(relays: Relays) -> None:
    """The failure cannot be counted then, and what was claimed not be given back."""
    relays.repository = filled(resent=0)

    def broken(*_: object, **__: object) -> bool:
        raise ca.RepositoryError("the database failed")

    relays.repository.failed = broken  # type: ignore[method-assign]  # broken on purpose
    relays.repository.released = broken  # type: ignore[method-assign]

    def deliver(_: ca.Notice) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        relays.run(deliver, policy=ca.RelayPolicy(batch=10))


def test_a_lease_that_ends_without_an_answer_is_a_failed_delivery(relays: Relays) -> None:
    """It is counted, reported, delayed and parked as one that raised; the lease is in the delay."""
    policy = ca.RelayPolicy(lease=HOUR, first_delay=2 * HOUR, longest_delay=3 * HOUR, attempts=3)
    first, *_ = of_client(waiting(relays.repository), world.CLIENT_ID)
    for delay in (2 * HOUR, 3 * HOUR, None):
        began = relays.clock.now
        dead = relays.repository.claim(at=began, lease=HOUR, limit=9)
        assert first in {claim.notice.id for claim in dead}
        relays.clock.now += HOUR
        report = relays.run(policy=policy)
        (failure,) = (one for one in report.failures if one.notice.id == first)
        assert isinstance(failure.error, TimeoutError)
        assert failure.retry_at == (None if delay is None else began + delay)
        relays.clock.now = failure.retry_at or relays.clock.now
    assert first in {one.id for one in waiting(relays.repository, parked=True)}


def test_an_activation_email_that_died_and_is_of_no_use_is_dropped(relays: Relays) -> None:
    """§9: it is not tried again first."""
    relays.repository = filled(resent=0)
    relays.repository.claim(at=world.T0, lease=HOUR, limit=9)
    access = ca.ClientAccess(relays.repository, catalogue=world.CATALOGUE, clock=relays.clock)
    access.handle(ca.WithdrawAccess(world.CLIENT_ID, world.NORTH))
    relays.clock.now += HOUR
    report = relays.run()
    assert report.dropped == 1
    assert [one.notice.client_id for one in report.failures] == [world.OTHER_ID]


def test_an_activation_email_is_dropped_if_the_person_was_erased_after_the_claim(
    relays: Relays,
) -> None:
    """L5: nothing is sent to an address that was erased."""
    relays.repository = filled(resent=0)

    def deliver(notice: ca.Notice) -> None:
        other = {world.CLIENT_ID, world.OTHER_ID} - {notice.client_id}
        relays.repository.erase(other.pop())

    report = relays.run(deliver, policy=ca.RelayPolicy(batch=10), limit=2)
    assert (report.delivered, report.dropped) == (1, 1)


LONDON = ZoneInfo("Europe/London")
CHANGES = [
    datetime(2026, 3, 29, 0, 59, 50, tzinfo=UTC),
    datetime(2026, 10, 25, 0, 59, 50, tzinfo=UTC),
]


@pytest.mark.parametrize("before", CHANGES, ids=["spring", "autumn"])
def test_leases_and_delays_last_as_long_when_the_clocks_of_the_host_change(
    relays: Relays, before: datetime
) -> None:
    """Every moment is in UTC before anything is added to it: 20 seconds are 20 seconds."""
    relays.clock.now = before.astimezone(LONDON)
    policy = ca.RelayPolicy(
        first_delay=timedelta(seconds=20),
        longest_delay=timedelta(seconds=20),
        lease=timedelta(minutes=5),
    )
    relays.repository = filled(resent=0)

    def fail(_: ca.Notice) -> None:
        raise ConnectionError

    report = relays.run(fail, policy=policy)
    assert {one.retry_at for one in report.failures} == {before + timedelta(seconds=20)}
    assert {
        claim.due for claim in relays.repository.waiting(parked=False, limit=9) if claim.attempts
    } == {before + timedelta(seconds=20)}
    relays.clock.now = (before + timedelta(seconds=20)).astimezone(LONDON)
    claims = relays.repository.claim(at=relays.clock.now, lease=policy.lease, limit=9)
    assert {claim.due for claim in claims} == {before + timedelta(seconds=20, minutes=5)}


@pytest.mark.parametrize("before", CHANGES, ids=["spring", "autumn"])
def test_deadlines_and_memories_last_as_long_when_the_clocks_of_the_host_change(
    before: datetime,
) -> None:
    """E6, P6: 30 days are 30 times 24 hours, in whichever zone the host's clock is."""
    at, span = before.astimezone(LONDON), timedelta(days=30)
    policy = ca.Policy(activation_lifetime=span, unpaid_access=span)
    assert policy.activation_expires(at) == before + span
    assert policy.direct_debit(at).due == before + span
    assert ca.RelayPolicy(first_delay=HOUR).retry_at(1, at) == before + HOUR
    due = (before + HOUR).astimezone(LONDON)
    debit = ca.DirectDebit(before, due)
    assert not debit.is_due((before + HOUR - timedelta(seconds=1)).astimezone(LONDON))
    assert debit.is_due(due)
