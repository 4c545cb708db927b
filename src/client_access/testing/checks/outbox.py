"""`OutboxStore`: every notice waits, in order for each client, until it is delivered."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, timedelta, timezone
from uuid import UUID

from client_access.change import Change
from client_access.errors import RepositoryError
from client_access.machines.payer import Payer
from client_access.notices import Notice
from client_access.repository import Claim, CommandMemory, OutboxStore
from client_access.testing.checks.frame import (
    WithMemoryAndOutbox,
    WithOutbox,
    check,
    expect,
    expect_equal,
)
from client_access.testing.checks.scene import Scene, empty_outbox
from client_access.testing.clock import START
from client_access.testing.life import Life

_ALL = 100_000
_LEASE = timedelta(minutes=5)
_LONG = timedelta(days=400)
_NOW = START + timedelta(days=200)
"""After everything that a check saves; a claim at this time finds all of it due."""


def _scene(repository: WithOutbox) -> Scene:
    empty_outbox(repository)
    return Scene(repository)


def _awaiting(scene: Scene, resent: int = 0) -> Life:
    """Save a client to which an activation was sent, and so often sent again."""
    life = scene.life()
    life.add("Awaiting", scene.email(f"awaiting{life.client_id.int}"))
    # A client that is to pay itself: its practice is told nothing of an invoice.
    life.subscribe({"bookkeeping": None}, payer=Payer.CLIENT)
    for _ in range(resent):
        life.resend()
    scene.save(life)
    return life


def _notices(*lives: Life) -> list[Notice]:
    return [notice for life in lives for change in life.changes for notice in change.notices]


def _claim(
    repository: WithOutbox, after: timedelta = timedelta(0), limit: int = _ALL
) -> list[Claim]:
    return list(repository.claim(at=_NOW + after, lease=_LEASE, limit=limit))


def _ids(claims: Sequence[Claim]) -> list[UUID]:
    return [claim.notice.id for claim in claims]


def _expect_every_notice(
    scene: Scene, repository: WithOutbox, save: Callable[[Change], object]
) -> None:
    wanted: list[Notice] = []
    for change in scene.examples()["restless"].changes:
        save(change)
        wanted += change.notices
        found = repository.waiting(parked=False, limit=_ALL)
        expect_equal(
            [claim.notice for claim in found],
            wanted,
            "Every notice of a saved change must wait, oldest first, as it was made: save "
            "change.notices in the transaction of the change.",
        )
        expect_equal(
            [claim.attempts for claim in found],
            [0] * len(wanted),
            "A new notice has no failed attempts behind it.",
        )


@check(OutboxStore)
def every_notice_of_a_saved_change_waits(repository: WithOutbox) -> None:
    """OutboxStore: "Notices are saved in the transaction of their change"."""
    scene = _scene(repository)
    _expect_every_notice(scene, repository, lambda change: repository.save([change]))


@check(CommandMemory, OutboxStore)
def every_notice_of_a_change_saved_once_waits(repository: WithMemoryAndOutbox) -> None:
    """OutboxStore: "Notices are saved in the transaction of their change", by save_once too."""
    scene = _scene(repository)

    def save_once(change: Change) -> None:
        command_id = f"{scene.domain} {change.after.version}"
        repository.save_once(command_id, change, at=START, until=_NOW)

    _expect_every_notice(scene, repository, save_once)


@check(OutboxStore)
def no_notice_of_a_failed_save_waits(repository: WithOutbox) -> None:
    """OutboxStore: "Notices are saved in the transaction of their change"."""
    scene = _scene(repository)
    scene.added(local="taken")
    life = scene.life().add("Awaiting", scene.email("awaiting")).subscribe({"bookkeeping": None})
    late = scene.life().add("Late", scene.email("taken"))
    try:
        scene.save(life, late)
    except RepositoryError:
        expect_equal(
            list(repository.waiting(parked=False, limit=_ALL)),
            [],
            "save() failed and left a notice behind: save notices in the same transaction.",
        )


@check(OutboxStore)
def claim_gives_the_first_notice_of_each_client(repository: WithOutbox) -> None:
    """OutboxStore.claim: "only the first undelivered one of each client"."""
    scene = _scene(repository)
    lives = [_awaiting(scene, resent=2) for _ in range(3)]
    for turn in range(len(_notices(lives[0]))):
        claims = _claim(repository)
        expect_equal(
            {claim.notice.client_id: claim.notice for claim in claims},
            {life.client_id: _notices(life)[turn] for life in lives},
            "claim() must give the first undelivered notice of each client, so that nobody hears "
            "of things in the wrong order: order by the sequence in which notices were saved.",
        )
        expect_equal(len(claims), len(lives), "claim() must give one notice of each client.")
        for claim in claims:
            expect(repository.delivered(claim), "delivered() must be True for a lease that holds.")
    expect_equal(_claim(repository, _LONG), [], "A delivered notice must not be given again.")


@check(OutboxStore)
def a_claimed_notice_is_given_to_nobody_else(repository: WithOutbox) -> None:
    """OutboxStore: "it is not claimed again until its lease ends"."""
    scene = _scene(repository)
    _awaiting(scene, resent=1)
    expect_equal(len(_claim(repository)), 1, "claim() must give what is due.")
    for after in (timedelta(0), _LEASE - timedelta(microseconds=1)):
        expect_equal(
            _claim(repository, after),
            [],
            "claim() gave a notice whose lease has not ended, or one behind it: note the lease "
            "in the transaction that chooses the notice, and withhold that client meanwhile.",
        )


@check(OutboxStore)
def claim_has_leased_what_it_returns(repository: WithOutbox) -> None:
    """OutboxStore.claim: "They have been leased when this returns"."""
    scene = _scene(repository)
    life = _awaiting(scene)
    claims = repository.claim(at=_NOW, lease=_LEASE, limit=_ALL)
    advice = (
        "claim() must return a sequence of notices that are leased already, a list or a tuple: a "
        "generator leases when somebody comes to read it, or never."
    )
    expect(isinstance(claims, Sequence), advice)
    expect_equal(_claim(repository), [], advice)
    expect_equal(_ids(claims), [notice.id for notice in _notices(life)], advice)
    waiting = repository.waiting(parked=False, limit=_ALL)
    expect(isinstance(waiting, Sequence), "waiting() must return a sequence, a list or a tuple.")


@check(OutboxStore)
def what_is_not_due_takes_no_place_in_a_claim(repository: WithOutbox) -> None:
    """OutboxStore.claim: "only the first undelivered one of each client", "up to `limit`"."""
    scene = _scene(repository)
    failing = _awaiting(scene, resent=3)
    (claim,) = _claim(repository)
    expect(
        repository.failed(claim, retry_at=_NOW + _LONG),
        "failed() must be True for a lease that holds.",
    )
    others = [_awaiting(scene, resent=3) for _ in range(3)]
    found = [claim.notice.client_id for _ in range(4) for claim in _claim(repository, limit=1)]
    expect_equal(
        sorted(found),
        sorted(life.client_id for life in others),
        f"Three clients have a notice that is due, and claims of one each must give all three; "
        f"{failing.client_id} waits until it is tried again, and those that are leased are given "
        "to nobody. Choose the first notice of each client before the limit is applied: what waits "
        "behind a first one must take no place in it.",
    )


@check(OutboxStore)
def each_notice_of_a_claim_is_settled_alone(repository: WithOutbox) -> None:
    """OutboxStore.failed: "Give a notice back"; OutboxStore.delivered, each one notice only."""
    scene = _scene(repository)
    for _ in range(4):
        _awaiting(scene)
    delivered, parked, failed, held = _claim(repository)
    advice = (
        "what is done with one notice must not touch the others of the same claim, which may have "
        "the same lease: look for both notice and lease in the statement that writes."
    )
    expect(repository.delivered(delivered), "delivered() must be True for a lease that holds.")
    expect(repository.failed(parked, retry_at=None), f"After another was delivered, {advice}")
    expect(repository.failed(failed, retry_at=_NOW), f"After another was parked, {advice}")
    expect_equal(
        _ids(repository.waiting(parked=True, limit=_ALL)),
        [parked.notice.id],
        f"After one was parked, {advice}",
    )
    expect_equal(
        _ids(_claim(repository)), [failed.notice.id], f"After one was given back, {advice}"
    )
    expect(repository.delivered(held), f"After another was given back, {advice}")


@check(OutboxStore)
def a_claimed_notice_is_given_again_after_its_lease(repository: WithOutbox) -> None:
    """OutboxStore: "until its lease ends, so a relay that dies loses nothing"."""
    scene = _scene(repository)
    life = _awaiting(scene, resent=1)
    (first,) = _claim(repository)
    again = _claim(repository, 2 * _LEASE)
    expect_equal(
        _ids(again),
        _ids([first]),
        "A notice whose lease has ended must be given again: a lease ends by the time alone.",
    )
    expect(
        again[0].lease != first.lease,
        "Each claim needs a lease of its own, by which it is told from others.",
    )
    advice = (
        "A lease that has passed to another must be refused with False, and change nothing: "
        "compare the claim's lease in the statement that writes."
    )
    expect(not repository.delivered(first), advice)
    expect(not repository.failed(first, retry_at=None), advice)
    expect(repository.delivered(again[0]), "delivered() must be True for a lease that holds.")
    expect(not repository.delivered(again[0]), "A notice can be delivered once.")
    expect_equal(
        _ids(_claim(repository, 4 * _LEASE)),
        [_notices(life)[1].id],
        "After a notice was delivered, the next of its client must be given.",
    )


@check(OutboxStore)
def a_failed_notice_waits_for_its_time(repository: WithOutbox) -> None:
    """OutboxStore.failed: "retry_at: when it is due again"."""
    scene = _scene(repository)
    _awaiting(scene, resent=1)
    other = _awaiting(scene)
    first = next(claim for claim in _claim(repository) if claim.notice.client_id != other.client_id)
    hour = timedelta(hours=1)
    expect(
        repository.failed(first, retry_at=_NOW + hour),
        "failed() must be True for a lease that holds.",
    )
    later = _claim(repository, hour - timedelta(microseconds=1))
    expect(
        first.notice.client_id not in {claim.notice.client_id for claim in later},
        "A notice that was given back, and those of its client after it, must wait until retry_at: "
        "set when it is due, and keep it first of its client.",
    )
    again = _claim(repository, hour)
    expect_equal(
        [claim.notice for claim in again],
        [first.notice],
        "From retry_at on a notice that was given back must be given again, before its followers.",
    )
    expect_equal(
        [claim.attempts for claim in (*later, *again)],
        [0, 1],
        "attempts must tell how often a delivery has failed, not how often a notice was claimed: "
        "let failed() count, and claim() not, for a relay that died has not failed.",
    )


@check(OutboxStore)
def a_parked_notice_blocks_nobody(repository: WithOutbox) -> None:
    """OutboxStore.claim: "A parked notice does not hold up those after it"."""
    scene = _scene(repository)
    life = _awaiting(scene, resent=1)
    first, second = _notices(life)
    (claim,) = _claim(repository)
    expect(repository.failed(claim, retry_at=None), "failed() must be True for its lease.")
    shown = repository.waiting(parked=True, limit=_ALL)
    parked = [entry for entry in shown if entry.notice == first]
    expect_equal(len(parked), 1, "waiting(parked=True) must show a notice that was parked.")
    expect(parked[0].due is None, "A parked notice is due at no time: due is None.")
    expect_equal(parked[0].attempts, 1, "Parking a notice must count the failure that led to it.")
    expect_equal(
        [entry.notice for entry in repository.waiting(parked=False, limit=_ALL)],
        [second],
        "waiting(parked=False) must leave out what is parked.",
    )
    expect_equal(
        [claim.notice for claim in _claim(repository, 2 * _LEASE)],
        [second],
        "A parked notice must not be given, nor hold up those after it: choose the first of each "
        "client among those that are not parked.",
    )
    repository.retry(first.id, at=_NOW)


@check(OutboxStore)
def retry_makes_a_parked_notice_due(repository: WithOutbox) -> None:
    """OutboxStore.retry: "due at a time, as if it had never failed"."""
    scene = _scene(repository)
    life = _awaiting(scene)
    (notice,) = _notices(life)
    expect(
        not repository.retry(notice.id, at=_NOW),
        "retry() must be False, and change nothing, for a notice that is not parked.",
    )
    expect(
        not repository.retry(scene.new_id(), at=_NOW),
        "retry() must be False for the id of no notice.",
    )
    (claim,) = _claim(repository)
    repository.failed(claim, retry_at=None)
    expect_equal(_claim(repository, _LONG), [], "A parked notice must not be given.")
    hour = timedelta(hours=1)
    expect(repository.retry(notice.id, at=_NOW + hour), "retry() must be True for a parked notice.")
    expect_equal(_claim(repository), [], "retry() makes a notice due at its time, not before it.")
    (again,) = repository.waiting(parked=False, limit=_ALL)
    expect_equal(again.attempts, 0, "retry() must set the attempts back to none.")
    expect_equal(
        [claim.notice for claim in _claim(repository, hour)],
        [notice],
        "retry() must make a parked notice due again from its time on.",
    )


@check(OutboxStore)
def claims_and_lists_keep_their_limits(repository: WithOutbox) -> None:
    """OutboxStore.waiting: "Return notices that wait"; "lease none"; up to a limit, as `claim`."""
    scene = _scene(repository)
    lives = [_awaiting(scene) for _ in range(5)]
    wanted = [notice.id for notice in _notices(*lives)]
    for limit in (2, 5, 9):
        found = _ids(repository.waiting(parked=False, limit=limit))
        expect_equal(
            found, wanted[:limit], "waiting() must return the oldest, no more than the limit."
        )
    found = []
    for number in (2, 2, 1, 0):
        claims = _claim(repository, limit=2)
        expect_equal(
            len(claims),
            number,
            "claim() must give as many as are due, no more than the limit; waiting() leases none.",
        )
        found += _ids(claims)
    expect_equal(set(found), set(wanted), "Claims side by side must give each notice once.")


@check(OutboxStore)
def parked_notices_are_listed_oldest_first(repository: WithOutbox) -> None:
    """OutboxStore.waiting: "those that are parked, oldest first"; up to a limit."""
    scene = _scene(repository)
    lives = [_awaiting(scene) for _ in range(4)]
    claims = {claim.notice.client_id: claim for claim in _claim(repository)}
    for life in (lives[2], lives[0], lives[3], lives[1]):
        repository.failed(claims[life.client_id], retry_at=None)
    wanted = [notice.id for notice in _notices(*lives)]
    for limit in (2, 9):
        expect_equal(
            _ids(repository.waiting(parked=True, limit=limit)),
            wanted[:limit],
            "waiting(parked=True) must return the oldest, no more than the limit: order by the "
            "sequence in which notices were saved, not by when they were parked.",
        )


@check(OutboxStore)
def notices_are_due_at_moments_in_any_time_zone(repository: WithOutbox) -> None:
    """OutboxStore: "Times are compared as moments, whatever their time zones"."""
    scene = _scene(repository)
    life = _awaiting(scene)
    (notice,) = _notices(life)
    moment, hour = timedelta(microseconds=1), timedelta(hours=1)
    zones = [timezone(timedelta(hours=hours)) for hours in (-8, 9)]
    advice = (
        "A time may be given in any time zone, such as 01:00-08:00 for 09:00 in UTC: convert it "
        "to UTC before it is stored or compared, or keep it in a column that knows zones."
    )

    def claim(after: timedelta, within: timezone) -> list[Claim]:
        at = (_NOW + after).astimezone(within)
        return list(repository.claim(at=at, lease=_LEASE, limit=_ALL))

    start = timedelta(0)
    for zone in zones:
        for other in (*zones, UTC):
            # Given back until an hour from now, leased, and parked until an hour later.
            found = claim(start, other)
            expect_equal([held.notice for held in found], [notice], advice)
            due = (_NOW + start + hour).astimezone(zone)
            expect(repository.failed(found[0], retry_at=due), advice)
            expect_equal(claim(start + hour - moment, other), [], advice)
            found = claim(start + hour, other)
            expect_equal([held.notice for held in found], [notice], advice)
            expect_equal(claim(start + hour + _LEASE - moment, zone), [], advice)
            expect(repository.failed(found[0], retry_at=None), advice)
            due = (_NOW + start + 2 * hour).astimezone(zone)
            expect(repository.retry(notice.id, at=due), advice)
            expect_equal(claim(start + 2 * hour - moment, other), [], advice)
            start += 2 * hour
