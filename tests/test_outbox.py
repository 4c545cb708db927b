"""Delivery of notices: at least once, in order for each client, with a limit of attempts."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

import pytest
import world

import client_access as ca

HOUR = timedelta(hours=1)


class Clock:
    def __init__(self) -> None:
        self.now = world.T0

    def __call__(self) -> datetime:
        return self.now


def filled(resent: int = 2) -> ca.MemoryRepository:
    """Return a repository in which two clients have notices that wait."""
    repository = ca.MemoryRepository()
    access = ca.ClientAccess(repository, catalogue=world.CATALOGUE, clock=Clock())
    for client_id, email in ((world.CLIENT_ID, world.FIRST), (world.OTHER_ID, world.THIRD)):
        access.handle(ca.AddClient(client_id, world.NORTH, business_name="A", email=email))
        access.handle(
            ca.Subscribe(
                client_id,
                world.NORTH,
                payer=ca.Payer.PRACTICE,
                sign_in=ca.SignIn.PRACTICE_AND_CLIENT,
                services={"payroll": None},
            )
        )
        for _ in range(resent):
            access.handle(ca.ResendActivation(client_id, world.NORTH))
    return repository


def waiting(repository: ca.MemoryRepository, *, parked: bool = False) -> Sequence[ca.Notice]:
    return [claim.notice for claim in repository.waiting(parked=parked, limit=100)]


def of_client(notices: Sequence[ca.Notice], client_id: UUID) -> list[UUID]:
    return [notice.id for notice in notices if notice.client_id == client_id]


class AwaitedStore:
    """An awaited store."""

    def __init__(self, memory: ca.MemoryRepository) -> None:
        self.memory = memory

    async def get(self, client_id: UUID) -> ca.Client | None:
        return self.memory.get(client_id)

    async def claim(self, *, at: datetime, lease: timedelta, limit: int) -> Sequence[ca.Claim]:
        return self.memory.claim(at=at, lease=lease, limit=limit)

    async def delivered(self, claim: ca.Claim) -> bool:
        return self.memory.delivered(claim)

    async def failed(self, claim: ca.Claim, *, retry_at: datetime | None) -> bool:
        return self.memory.failed(claim, retry_at=retry_at)

    async def released(self, claim: ca.Claim) -> bool:
        return self.memory.released(claim)

    async def waiting(self, *, parked: bool, limit: int) -> Sequence[ca.Claim]:
        return self.memory.waiting(parked=parked, limit=limit)

    async def retry(self, notice_id: UUID, *, at: datetime) -> bool:
        return self.memory.retry(notice_id, at=at)

    async def discard(self, notice_id: UUID) -> bool:
        return self.memory.discard(notice_id)

    async def outbox_state(self) -> ca.OutboxState:
        return self.memory.outbox_state()


class Relay:
    """A relay, sync or awaited, that keeps what it delivers, and fails for chosen notices."""

    def __init__(
        self, memory: ca.MemoryRepository, policy: ca.RelayPolicy, *, awaited: bool
    ) -> None:
        self.clock = Clock()
        self.taken: list[ca.Notice] = []
        self.failing: set[UUID] = set()
        self._memory = memory
        self._policy = policy
        self._awaited = awaited

    def run(self) -> ca.RelayReport:
        clock, policy = self.clock, self._policy
        if not self._awaited:
            return ca.relay(self._memory, self._deliver, clock=clock, policy=policy)
        store = AwaitedStore(self._memory)
        return asyncio.run(ca.relay_async(store, self._deliver_awaited, clock=clock, policy=policy))

    def _deliver(self, notice: ca.Notice) -> None:
        if notice.id in self.failing:
            raise ConnectionError("no mail today")
        self.taken.append(notice)

    async def _deliver_awaited(self, notice: ca.Notice) -> None:
        self._deliver(notice)


@pytest.fixture(params=[False, True], ids=["sync", "async"])
def awaited(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


def test_a_relay_delivers_every_waiting_notice_in_the_order_of_each_clients_changes(
    awaited: bool,
) -> None:
    """§9: every notice is delivered, and none waits afterwards."""
    repository = filled()
    expected = waiting(repository)
    relay = Relay(repository, ca.RelayPolicy(batch=1), awaited=awaited)
    assert relay.run() == ca.RelayReport(len(expected), ())
    for client_id in (world.CLIENT_ID, world.OTHER_ID):
        assert of_client(relay.taken, client_id) == of_client(expected, client_id)
    assert waiting(repository) == []
    assert relay.run() == ca.RelayReport(0, ())


def test_a_failing_notice_holds_up_its_own_client_only_until_it_is_parked(
    awaited: bool,
) -> None:
    """The delay doubles up to a limit. A parked notice does not hold up those after it."""
    repository = filled()
    first, *rest = of_client(waiting(repository), world.CLIENT_ID)
    policy = ca.RelayPolicy(first_delay=HOUR, longest_delay=1.5 * HOUR, attempts=4)
    relay = Relay(repository, policy, awaited=awaited)
    relay.failing = {first}
    delays = []
    for _ in range(3):
        (failure,) = relay.run().failures
        assert failure.notice.id == first
        assert isinstance(failure.error, ConnectionError)
        assert of_client(relay.taken, world.CLIENT_ID) == []
        assert failure.retry_at is not None
        delays.append(failure.retry_at - relay.clock.now)
        relay.clock.now = failure.retry_at - timedelta(microseconds=1)
        assert relay.run() == ca.RelayReport(0, ())
        relay.clock.now = failure.retry_at
    assert delays == [HOUR, 1.5 * HOUR, 1.5 * HOUR]
    (failure,) = relay.run().failures
    assert failure.retry_at is None
    assert of_client(relay.taken, world.CLIENT_ID) == rest
    assert [notice.id for notice in waiting(repository, parked=True)] == [first]
    assert waiting(repository) == []

    relay.failing = set()
    assert relay.run() == ca.RelayReport(0, ())
    assert not repository.retry(UUID(int=0), at=relay.clock.now)
    assert repository.retry(first, at=relay.clock.now)
    assert not repository.retry(first, at=relay.clock.now)
    assert relay.run() == ca.RelayReport(1, ())
    assert waiting(repository, parked=True) == []


@pytest.mark.parametrize("what", ["replaced", "withdrawn", "used", "expired", "deleted"])
def test_an_activation_email_that_is_of_no_use_any_more_is_dropped(
    awaited: bool, what: str
) -> None:
    """§9: its activation was replaced, withdrawn or used, or has expired, or its client deleted."""
    repository, relay_at = filled(resent=0), world.T0
    access = ca.ClientAccess(repository, catalogue=world.CATALOGUE, clock=Clock())
    client = repository.get(world.CLIENT_ID)
    assert client is not None
    assert client.activation is not None
    waited = client.activation.id
    match what:
        case "replaced":
            access.handle(ca.ChangeEmail(client.id, world.NORTH, email=world.FREE))
        case "withdrawn":
            access.handle(ca.WithdrawAccess(client.id, world.NORTH))
        case "used":
            access.handle(ca.Activate(client.id, world.CLIENT, activation_id=waited))
        case "expired":
            relay_at = client.activation.expires_at
        case _:
            access.handle(ca.DeleteClient(client.id, world.NORTH))
    relay = Relay(repository, ca.RelayPolicy(), awaited=awaited)
    relay.clock.now = relay_at
    report = relay.run()
    emailed = [
        notice.activation_id
        for notice in relay.taken
        if isinstance(notice, ca.ActivationEmail) and notice.client_id == client.id
    ]
    assert waited not in emailed
    assert len(emailed) == (1 if what == "replaced" else 0)
    # Both clients' activations have expired. What a deleted client was to be told is erased (L5).
    assert report.dropped == {"expired": 2, "deleted": 0}.get(what, 1)
    assert report.delivered == len(relay.taken)
    assert waiting(repository) == []


def test_the_claims_of_a_dead_relay_are_free_when_their_lease_ends(awaited: bool) -> None:
    """A leased notice is not claimed before the lease ends, and is claimed after it."""
    repository = filled(resent=0)
    policy = ca.RelayPolicy(lease=HOUR)
    dead = repository.claim(at=world.T0, lease=HOUR, limit=100)
    assert len(dead) == 2
    relay = Relay(repository, policy, awaited=awaited)
    relay.clock.now = world.T0 + HOUR - timedelta(microseconds=1)
    assert relay.run() == ca.RelayReport(0, ())
    relay.clock.now = world.T0 + HOUR
    assert relay.run().delivered == 4
    assert not repository.delivered(dead[0])
    assert not repository.failed(dead[0], retry_at=None)


def test_a_relay_that_is_slower_than_its_lease_leaves_the_rest_to_be_claimed_again(
    awaited: bool,
) -> None:
    """A relay does not deliver a notice when its lease has ended."""
    repository = filled(resent=0)
    relay = Relay(repository, ca.RelayPolicy(lease=HOUR, batch=10), awaited=awaited)
    taken, tick = relay.taken, relay.clock

    class Slow(list[ca.Notice]):
        def append(self, notice: ca.Notice) -> None:
            taken.append(notice)
            tick.now += HOUR

    relay.taken = Slow()
    assert relay.run().delivered == 4
    assert len({notice.id for notice in taken}) == len(taken) == 4


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("lease", {"lease": timedelta(0)}),
        ("first_delay", {"first_delay": timedelta(seconds=-1)}),
        ("longest_delay", {"first_delay": 2 * HOUR, "longest_delay": HOUR}),
        ("longest_delay", {"longest_delay": timedelta(days=366)}),
        ("attempts", {"attempts": 0}),
        ("batch", {"batch": True}),
        ("batch", {"batch": 10_001}),
        ("lease", {"lease": timedelta.max}),
        ("lease", {"lease": 5}),
    ],
)
def test_a_relay_policy_that_cannot_work_is_malformed(
    name: str, settings: dict[str, timedelta | int]
) -> None:
    with pytest.raises(ca.InvalidValue) as malformed:
        ca.RelayPolicy(**settings)  # type: ignore[arg-type]  # on purpose
    assert malformed.value.field == name


def test_a_relay_that_cannot_keep_a_lease_stops(awaited: bool) -> None:
    """If claiming takes longer than the lease, nothing can be delivered."""
    repository = filled()
    relay = Relay(repository, ca.RelayPolicy(lease=HOUR), awaited=awaited)
    claim, claimed = repository.claim, []

    def slow(*, at: datetime, lease: timedelta, limit: int) -> Sequence[ca.Claim]:
        claimed.append(at)
        relay.clock.now += HOUR
        return claim(at=at, lease=lease, limit=limit)

    repository.claim = slow  # type: ignore[method-assign]  # slow on purpose
    assert relay.run() == ca.RelayReport(0, (), released=1, end=ca.RelayEnd.LEASE_TOO_SHORT)
    assert len(claimed) == 1


def test_a_clock_without_a_zone_is_malformed(awaited: bool) -> None:
    relay = Relay(filled(), ca.RelayPolicy(), awaited=awaited)
    relay.clock.now = datetime(2026, 1, 5, 9, 0)  # noqa: DTZ001  # the mistake under test
    with pytest.raises(ca.InvalidValue) as malformed:
        relay.run()
    assert malformed.value.field == "clock"


def test_retry_at_without_a_failure_is_malformed() -> None:
    with pytest.raises(ca.InvalidValue) as malformed:
        ca.RelayPolicy().retry_at(0, world.T0)
    assert malformed.value.field == "failures"


def test_the_delay_stays_within_the_limit_after_any_number_of_failures() -> None:
    policy = ca.RelayPolicy(
        first_delay=timedelta(days=365), longest_delay=timedelta(days=365), attempts=10**9
    )
    assert policy.retry_at(10**6, world.T0) == world.T0 + timedelta(days=365)
