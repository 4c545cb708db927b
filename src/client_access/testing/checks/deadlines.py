"""`Deadlines`: which clients have a deadline between two moments (N1)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta, timezone
from uuid import UUID

from client_access.client import Client
from client_access.questions.deadlines import deadlines_of
from client_access.questions.lists import client_of
from client_access.repository import Deadlines, Erasure
from client_access.testing.checks.frame import FullRepository, check, expect, expect_equal
from client_access.testing.checks.scene import Scene
from client_access.testing.clock import START, FixedClock
from client_access.testing.life import Life
from client_access.values import DEFAULT_POLICY, PracticeUser

_MOMENT = timedelta(microseconds=1)
_DAY = timedelta(days=1)
_LAST = START + timedelta(days=4000)
"""Later than any deadline of a check."""
_ENDS = START + DEFAULT_POLICY.activation_lifetime
"""The end of an activation that is sent at the start."""
_STORE = (
    "store the moment of deadlines_of(change.after), or NULL, and the practice_id of "
    "the client with every change"
)


def _awaiting(scene: Scene, sent: datetime, *, by: PracticeUser | None = None) -> Life:
    """Save a client that awaits the activation that was sent at a moment, and return its life."""
    scene.clock = FixedClock(sent)
    life = scene.life(by=by)
    life.add("Awaiting", scene.email(f"a{life.client_id.int:x}")).subscribe({"bookkeeping": None})
    scene.save(life)
    return life


def _owing(scene: Scene, *, by: PracticeUser | None = None) -> Life:
    """Save a client that its practice has left, and that owes direct debit details."""
    life = _awaiting(scene, START, by=by).activate().stop_managing()
    scene.save(life)
    return life


def _found(
    repository: FullRepository,
    practice: PracticeUser | None,
    since: datetime = START,
    until: datetime = _LAST,
    *,
    limit: int = 100_000,
    after: tuple[datetime, UUID] | None = None,
) -> Sequence[Client]:
    """Return the clients of a practice, or of all practices, that have a deadline."""
    practice_id = practice and practice.practice_id
    rows = repository.with_deadlines(
        since, until, practice_id=practice_id, limit=limit, after=after
    )
    return [client_of(row) for row in rows]


def _found_anywhere(repository: FullRepository, client_id: UUID, at: datetime) -> bool:
    """Return whether a client is found by its deadline, whoever manages it."""
    return client_id in _ids(_found(repository, None, at, at + _MOMENT))


def _ids(clients: Sequence[Client]) -> list[UUID]:
    return [client.id for client in clients]


def _place(client: Client) -> tuple[datetime, UUID]:
    (deadline,) = deadlines_of(client)
    return deadline.at, client.id


def _several(scene: Scene) -> list[Life]:
    """Save clients, some with the same deadline, and return them in order."""
    days = (3, 0, 2, 0, 1, 3, 0)
    lives = [_awaiting(scene, START + day * _DAY) for day in days]
    return sorted(lives, key=lambda life: _place(life.client))


@check(Deadlines)
def with_deadlines_orders_by_moment_then_by_id(repository: FullRepository) -> None:
    """Deadlines.with_deadlines: "ordered by it, then by id"."""
    scene = Scene(repository)
    lives = _several(scene)
    expect_equal(
        list(_found(repository, scene.practice)),
        [life.client for life in lives],
        "with_deadlines() must return whole clients, ordered by their deadlines and, if these are "
        "equal, by id: store the deadline in a column, and order by it and the id.",
    )


@check(Deadlines)
def with_deadlines_begins_at_the_first_moment_and_ends_before_the_last(
    repository: FullRepository,
) -> None:
    """Deadlines.with_deadlines: "since: the first moment", "until: the moment after the last"."""
    scene = Scene(repository)
    life = _awaiting(scene, START)
    for since, until, there in (
        (_ENDS, _ENDS + _MOMENT, True),
        (_ENDS - _MOMENT, _ENDS, False),
        (_ENDS + _MOMENT, _LAST, False),
        (_ENDS, _ENDS, False),
    ):
        expect_equal(
            _ids(_found(repository, scene.practice, since, until)),
            [life.client_id] if there else [],
            f"with_deadlines() must return the clients with since <= deadline < until, to the "
            f"microsecond. The deadline was {_ENDS}, since {since}, until {until}.",
        )


@check(Deadlines)
def with_deadlines_compares_moments(repository: FullRepository) -> None:
    """Deadlines.with_deadlines: "Times are compared as moments, whatever their time zones"."""
    scene = Scene(repository)
    life = _awaiting(scene, START)
    for hours in (-11, 5, 13):
        since = _ENDS.astimezone(timezone(timedelta(hours=hours)))
        advice = (
            "with_deadlines() must compare moments, not the digits of local time: convert them to "
            "UTC first."
        )
        expect_equal(
            _ids(_found(repository, scene.practice, since, since + _MOMENT)),
            [life.client_id],
            advice,
        )
        expect_equal(_ids(_found(repository, scene.practice, since - _MOMENT, since)), [], advice)


@check(Deadlines)
def with_deadlines_returns_no_more_than_the_limit(repository: FullRepository) -> None:
    """Deadlines.with_deadlines: "limit: the largest number of clients"."""
    scene = Scene(repository)
    wanted = [life.client_id for life in _several(scene)]
    for limit in (1, len(wanted) - 1, len(wanted)):
        expect_equal(
            _ids(_found(repository, scene.practice, limit=limit)),
            wanted[:limit],
            f"with_deadlines() must return the first {limit} of {len(wanted)} clients if limit is "
            f"{limit}: pass the limit to the database.",
        )


@check(Deadlines)
def with_deadlines_goes_on_after_a_place(repository: FullRepository) -> None:
    """Deadlines.with_deadlines: "after: the deadline and id after which the page begins"."""
    scene = Scene(repository)
    wanted = [_place(life.client) for life in _several(scene)]
    lowest, highest = UUID(int=0), UUID(int=(1 << 128) - 1)
    places = [*wanted, (START, lowest), (_LAST, highest)]
    places += [(at, other) for at, _ in wanted for other in (lowest, highest)]
    for since in (START, _ENDS + _DAY):
        for place in places:
            expect_equal(
                [
                    _place(client)
                    for client in _found(repository, scene.practice, since, after=place)
                ],
                [each for each in wanted if each > place and each[0] >= since],
                "with_deadlines() must return what comes after the pair of deadline and id, even "
                "if no client has that pair: select (deadline, id) > (:deadline, :id), compared "
                "as a pair.",
            )


@check(Deadlines)
def with_deadlines_keeps_practices_apart(repository: FullRepository) -> None:
    """Deadlines.with_deadlines: "practice_id: the practice that manages the clients" (C3)."""
    scene = Scene(repository)
    ours, theirs = _awaiting(scene, START), _awaiting(scene, START, by=scene.other)
    for practice, wanted in (
        (scene.practice, [ours.client_id]),
        (scene.other, [theirs.client_id]),
        (PracticeUser(scene.practice.practice_id.upper()), []),
    ):
        expect_equal(
            _ids(_found(repository, practice)),
            wanted,
            "with_deadlines() must return the clients that a practice manages and no others: "
            "compare practice ids by code point.",
        )
    scene.save(ours.transfer(scene.other))
    expect_equal(
        [_ids(_found(repository, practice)) for practice in (scene.practice, scene.other)],
        [[], [ours.client_id, theirs.client_id]],
        f"with_deadlines() must follow a client that is transferred (L11): {_STORE}.",
    )
    for life in (ours, theirs):
        expect(
            _found_anywhere(repository, life.client_id, _ENDS),
            "with_deadlines() must return the clients of all practices if practice_id is None.",
        )


@check(Deadlines)
def with_deadlines_shows_no_practice_a_client_that_only_invites_it(
    repository: FullRepository,
) -> None:
    """Deadlines.with_deadlines: "the practice that manages the clients"; no other (C3)."""
    scene = Scene(repository)
    life = _owing(scene, by=scene.other)
    (due,) = deadlines_of(life.client)
    advice = (
        "with_deadlines() must not show a client to a practice that it has only invited: select by "
        "the client's own practice_id, not by that of its listing."
    )
    steps: tuple[tuple[Callable[[PracticeUser], object], list[UUID]], ...] = (
        (life.invite, []),
        (life.accept, [life.client_id]),
    )
    for step, wanted in steps:
        step(scene.practice)
        scene.save(life)
        expect_equal(_ids(_found(repository, scene.practice)), wanted, advice)
        expect(
            _found_anywhere(repository, life.client_id, due.at),
            "with_deadlines() must return a client that no practice manages if practice_id is "
            f"None: {_STORE}.",
        )


@check(Deadlines)
def with_deadlines_has_the_deadline_of_every_client(repository: FullRepository) -> None:
    """Deadlines.with_deadlines: "A client has at most one deadline"."""
    scene = Scene(repository)
    for name, example in scene.examples().items():
        seen: set[datetime] = set()
        for change in example.changes:
            repository.save([change])
            present = {deadline.at for deadline in deadlines_of(change.after)}
            seen |= present
            expect_equal(
                {at for at in seen if _found_anywhere(repository, change.after.id, at)},
                present,
                f"with_deadlines() must find the example {name!r} by its present deadline and by "
                f"no earlier one, after {type(change.event).__name__}: {_STORE}.",
            )


@check(Deadlines, Erasure)
def erased_clients_keep_their_deadlines(repository: FullRepository) -> None:
    """Erasure.erase: "Erase name, contact details and address", and no deadline."""
    scene = Scene(repository)
    life = _awaiting(scene, START)
    repository.erase(life.client_id)
    expect_equal(
        list(_found(repository, scene.practice, _ENDS, _ENDS + _MOMENT)),
        [repository.get(life.client_id)],
        "with_deadlines() must still find an erased client by its deadline, and return it as get() "
        f"does: {_STORE}, also in erase().",
    )
