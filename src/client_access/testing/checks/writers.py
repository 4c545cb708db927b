"""Concurrent writers: of those that conflict, exactly one wins."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from uuid import UUID

from client_access.change import Change
from client_access.deciding import replay
from client_access.errors import EmailTaken, StaleClient
from client_access.notices import Notice
from client_access.repository import CommandMemory, Erasure, History, OutboxStore, Repository
from client_access.testing.checks.frame import (
    ConformanceError,
    FullRepository,
    check,
    expect,
    expect_equal,
    shown,
)
from client_access.testing.checks.scene import Scene, empty_outbox
from client_access.testing.clock import START
from client_access.values import ContactDetails

WRITERS = 6
ROUNDS = 5
PATIENCE = 60


def at_once(*tasks: Callable[[], object]) -> list[Exception | None]:
    """Run tasks concurrently, and return what each raised.

    Raises:
        ConformanceError: a task raised an error that no repository may raise, or did not end.
    """
    barrier = Barrier(len(tasks))

    def run(task: Callable[[], object]) -> Exception | None:
        barrier.wait()
        try:
            task()
        except Exception as error:  # checked in the thread that waits
            return error
        return None

    pool = ThreadPoolExecutor(len(tasks))
    futures = [pool.submit(run, task) for task in tasks]
    try:
        raised = [future.result(PATIENCE) for future in futures]
    except TimeoutError:
        raise ConformanceError(
            f"Concurrent writers had not finished after {PATIENCE} seconds: lock rows in a fixed "
            "order, and let the database's own timeout end a deadlock."
        ) from None
    finally:
        pool.shutdown(wait=False)
    for error in raised:
        if error is not None and not isinstance(error, StaleClient | EmailTaken):
            raise ConformanceError(
                f"A concurrent writer got {type(error).__name__}: {error}. It must get StaleClient "
                "or EmailTaken: retry within save() if the database asks for it (busy, deadlock, "
                "serialisation failure), and translate its other conflicts."
            ) from error
    return raised


def to_saves(repository: Repository, changes: Sequence[Change]) -> list[Callable[[], object]]:
    """Return tasks that save one change each."""

    def save(change: Change) -> Callable[[], object]:
        return lambda: repository.save([change])

    return [save(change) for change in changes]


def _expect_one_winner(
    raised: Sequence[Exception | None], error: type[StaleClient | EmailTaken], what: str
) -> None:
    winners = raised.count(None)
    expect_equal(
        winners,
        1,
        f"{len(raised)} concurrent writers {what}, and save() must accept exactly one: compare the "
        "version in the statement that writes, and rely on unique constraints for the rest. "
        "Reading first and writing later lets two of them through.",
    )
    losers = {type(each) for each in raised if each is not None}
    expect_equal(losers, {error}, f"Writers that {what} and lost must get {error.__name__}.")


@check(threads=True)
def of_writers_that_change_one_client_one_wins(repository: Repository) -> None:
    """Repository.save: "StaleClient: another writer was first"."""
    scene = Scene(repository)
    life = scene.added()
    for number in range(ROUNDS):
        changes = [
            life.decide(life.new_contact(ContactDetails(f"Writer {writer} of round {number}")))
            for writer in range(WRITERS)
        ]
        raised = at_once(*to_saves(repository, changes))
        _expect_one_winner(raised, StaleClient, "changed one version of a client")
        winner = changes[raised.index(None)]
        expect_equal(
            repository.get(life.client_id),
            winner.after,
            "get() must return what the accepted writer saved.",
        )
        life.changes.append(winner)


@check(threads=True)
def of_writers_that_take_one_address_one_wins(repository: Repository) -> None:
    """Repository.save: "two clients would have the same `email_key`"."""
    scene = Scene(repository)
    for number in range(ROUNDS):
        lives = [scene.life().add("Racer", scene.email(f"r{number}")) for _ in range(WRITERS)]
        raised = at_once(*to_saves(repository, [life.changes[0] for life in lives]))
        _expect_one_winner(raised, EmailTaken, "took one address")
        stored = [life.client_id for life in lives if repository.get(life.client_id)]
        owner = repository.find_by_email(scene.email(f"r{number}"))
        expect_equal(
            stored, [owner and owner.id], "save() must store nothing of the writers that lost."
        )


@check(threads=True)
def of_writers_that_use_one_id_one_wins(repository: Repository) -> None:
    """Repository.save: "StaleClient: another writer was first, or the id exists"."""
    scene = Scene(repository)
    for number in range(ROUNDS):
        client_id = scene.new_id()
        lives = [
            scene.life(client_id).add("Racer", scene.email(f"w{writer}.{number}"))
            for writer in range(WRITERS)
        ]
        raised = at_once(*to_saves(repository, [life.changes[0] for life in lives]))
        _expect_one_winner(raised, StaleClient, "used one new id")


@check(threads=True)
def writers_in_opposite_order_do_not_block_each_other(repository: Repository) -> None:
    """Repository.save: "all or nothing", of batches that write the same clients in any order."""
    scene = Scene(repository)
    first, second = scene.added("First"), scene.added("Second")
    for number in range(ROUNDS):
        changes = [
            [life.decide(life.new_contact(ContactDetails(f"{name} {number}"))) for life in order]
            for name, order in (("One", (first, second)), ("Two", (second, first)))
        ]
        raised = at_once(*(_batch(repository, batch) for batch in changes))
        _expect_one_winner(raised, StaleClient, "changed the same two clients")
        for winner in changes[raised.index(None)]:
            life = first if winner.after.id == first.client_id else second
            expect_equal(
                repository.get(life.client_id),
                winner.after,
                "save() must store a batch whole, but mixed those of two writers: use one "
                "transaction.",
            )
            life.changes.append(winner)


def _batch(repository: Repository, batch: Sequence[Change]) -> Callable[[], object]:
    return lambda: repository.save(batch)


@check(History, threads=True)
def writers_leave_a_history_without_gaps(repository: FullRepository) -> None:
    """History.history: "Return a client's events in order", from concurrent writers too."""
    scene = Scene(repository)
    life = scene.added()
    for number in range(ROUNDS):
        changes = [
            life.decide(life.new_contact(ContactDetails(f"Writer {writer} of round {number}")))
            for writer in range(WRITERS)
        ]
        raised = at_once(*to_saves(repository, changes))
        _expect_one_winner(raised, StaleClient, "changed one version of a client")
        life.changes.append(changes[raised.index(None)])
    events = repository.history(life.client_id)
    advice = "history() must return every event of the accepted changes, each once, and no other."
    expect_equal(list(events), list(life.events), advice)
    expect_equal(replay(events), repository.get(life.client_id), advice)


def _erasing(repository: FullRepository, client_id: UUID) -> Callable[[], object]:
    return lambda: repository.erase(client_id)


@check(Erasure, threads=True)
def erasing_beside_a_writer_loses_nothing(repository: FullRepository) -> None:
    """Erasure: "erase a person and keep the history", beside another writer."""
    scene = Scene(repository)
    for number in range(2 * ROUNDS):
        life = scene.added("Secret", local=f"secret{number}")
        change = life.decide(life.new_contact(ContactDetails("Secret Person")))
        refused, failed = at_once(
            *to_saves(repository, [change]), _erasing(repository, life.client_id)
        )
        expect(
            failed is None,
            f"erase() raised {type(failed).__name__} beside a concurrent save(): retry within it.",
        )
        stored = repository.get(life.client_id)
        expect_equal(
            stored and stored.version,
            (life.client if refused else change.after).version,
            "save() accepted a change, and a concurrent erase() overwrote it: lock the client "
            "before erase() reads it, or write only if it has not changed since.",
        )
        expect(
            "Secret" not in shown(stored),
            "erase() ended, but a concurrent save() brought the person back: lock the client "
            "before erase() reads it, and refuse changes decided before the erasure.",
        )


@check(CommandMemory, threads=True)
def of_writers_with_one_command_id_one_wins(repository: FullRepository) -> None:
    """CommandMemory.save_once: "another process has remembered this id meanwhile"."""
    scene = Scene(repository)
    for number in range(ROUNDS):
        command_id = f"{scene.domain} {number}"
        lives = [scene.life().add("Racer") for _ in range(WRITERS)]
        tasks = [_once(repository, command_id, life.changes[0]) for life in lives]
        raised = at_once(*tasks)
        _expect_one_winner(raised, StaleClient, "used one command id")
        winner = lives[raised.index(None)]
        stored = [life.client_id for life in lives if repository.get(life.client_id)]
        expect_equal(
            stored, [winner.client_id], "save_once() must store nothing of the writers that lost."
        )


def _once(repository: FullRepository, command_id: str, change: Change) -> Callable[[], object]:
    until = START + timedelta(days=1)
    return lambda: repository.save_once(command_id, change, at=START, until=until)


@check(OutboxStore, threads=True)
def relays_side_by_side_are_given_different_notices(repository: FullRepository) -> None:
    """OutboxStore: "it is not claimed again until its lease ends"."""
    empty_outbox(repository)
    scene = Scene(repository)
    lives = [
        scene.life().add("Awaiting", scene.email(f"a{number}")).subscribe({"bookkeeping": None})
        for number in range(4 * WRITERS)
    ]
    scene.save(*lives)
    wanted = {notice.id for life in lives for change in life.changes for notice in change.notices}
    given: list[UUID] = []

    def relay() -> None:
        at, lease = START + timedelta(days=200), timedelta(minutes=5)
        for _ in lives:  # ends even if a notice is returned again and again
            for claim in repository.claim(at=at, lease=lease, limit=3):
                given.append(claim.notice.id)
                repository.delivered(claim)

    at_once(*(relay for _ in range(WRITERS)))
    ours = [notice_id for notice_id in given if notice_id in wanted]
    expect_equal(
        len(ours),
        len(set(ours)),
        "claim() returned one notice to two concurrent relays: select and lease it in one "
        "statement, or lock what you select (FOR UPDATE SKIP LOCKED).",
    )
    expect(set(ours) == wanted, "Concurrent claims must return every notice that is due.")


@check(OutboxStore, threads=True)
def a_notice_saved_beside_a_delivery_is_delivered(repository: FullRepository) -> None:
    """OutboxStore: "Notices are saved in the transaction of their change", whoever delivers."""
    empty_outbox(repository)
    scene = Scene(repository)
    lives = [
        scene.life().add("Awaiting", scene.email(f"a{number}")).subscribe({"bookkeeping": None})
        for number in range(2)
    ]
    scene.save(*lives)
    at, lease = START + timedelta(days=200), timedelta(minutes=5)
    given: list[Notice] = []

    def write() -> None:
        for life in lives * ROUNDS:
            scene.save(life.resend())

    def relay() -> None:
        for _ in range(4 * ROUNDS):
            for claim in repository.claim(at=at, lease=lease, limit=1):
                given.append(claim.notice)
                repository.delivered(claim)

    raised = at_once(write, relay, relay)
    expect_equal(raised, [None] * 3, "save() failed beside a concurrent claim() or delivered().")
    while claims := repository.claim(at=at, lease=lease, limit=9):
        for claim in claims:  # pragma: no cover  # only what the relays have left
            given.append(claim.notice)
            repository.delivered(claim)
    for life in lives:
        expect_equal(
            [notice for notice in given if notice.client_id == life.client_id],
            [notice for change in life.changes for notice in change.notices],
            "Every notice must be claimed once, and those of a client in order, also if some are "
            "saved while the one before them is delivered: let both lock the client's row, if you "
            "keep which notice is the first.",
        )
