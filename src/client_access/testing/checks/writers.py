"""Several writers at once: of those that cannot all be right, one wins."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from uuid import UUID

from client_access.change import Change
from client_access.deciding import replay
from client_access.errors import EmailTaken, StaleClient
from client_access.repository import CommandMemory, Erasure, History, OutboxStore, Repository
from client_access.testing.checks.frame import (
    ConformanceError,
    WithCommandMemory,
    WithErasure,
    WithHistory,
    WithOutbox,
    check,
    expect,
    expect_equal,
)
from client_access.testing.checks.scene import Scene, empty_outbox
from client_access.testing.clock import START
from client_access.values import ContactDetails

WRITERS = 6
ROUNDS = 5
PATIENCE = 60


def _at_once(*tasks: Callable[[], object]) -> list[Exception | None]:
    """Do tasks at the same time, and return what each raised.

    Raises:
        ConformanceError: one raised what no repository may raise, or took far too long.
    """
    barrier = Barrier(len(tasks))

    def run(task: Callable[[], object]) -> Exception | None:
        barrier.wait(PATIENCE)
        try:
            task()
        except Exception as error:  # told below, in the thread that waits
            return error
        return None

    pool = ThreadPoolExecutor(len(tasks))
    futures = [pool.submit(run, task) for task in tasks]
    try:
        raised = [future.result(PATIENCE) for future in futures]
    except TimeoutError:
        raise ConformanceError(
            f"Writers were still waiting for each other after {PATIENCE} seconds: lock in one "
            "order, and let the database's own timeout end a deadlock."
        ) from None
    finally:
        pool.shutdown(wait=False)
    for error in raised:
        if error is not None and not isinstance(error, StaleClient | EmailTaken):
            raise ConformanceError(
                f"A writer that met another was told {type(error).__name__}: {error}. Try again "
                "within save() where the database asks for it (busy, deadlock, serialisation), "
                "and tell the rest as StaleClient or EmailTaken."
            ) from error
    return raised


def _saves(repository: Repository, changes: Sequence[Change]) -> list[Callable[[], object]]:
    def save(change: Change) -> Callable[[], object]:
        return lambda: repository.save([change])

    return [save(change) for change in changes]


def _expect_one_winner(
    raised: Sequence[Exception | None], error: type[StaleClient | EmailTaken], what: str
) -> None:
    winners = [number for number, told in enumerate(raised) if told is None]
    expect_equal(
        len(winners),
        1,
        f"{len(raised)} writers at once {what}, and not exactly one was accepted: compare the "
        "version in the statement that writes, and let unique constraints decide the rest; never "
        "read first and write after.",
    )
    losers = {type(told) for told in raised if told is not None}
    expect_equal(losers, {error}, f"Writers that {what} and lost must be told {error.__name__}.")


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
        raised = _at_once(*_saves(repository, changes))
        _expect_one_winner(raised, StaleClient, "changed one version of a client")
        winner = changes[raised.index(None)]
        expect_equal(
            repository.get(life.client_id),
            winner.after,
            "What is stored must be what the one accepted writer left.",
        )
        life.changes.append(winner)


@check(threads=True)
def of_writers_that_take_one_address_one_wins(repository: Repository) -> None:
    """Repository.save: "two clients would have the same `email_key`"."""
    scene = Scene(repository)
    for number in range(ROUNDS):
        lives = [scene.life().add("Racer", scene.email(f"r{number}")) for _ in range(WRITERS)]
        raised = _at_once(*_saves(repository, [life.changes[0] for life in lives]))
        _expect_one_winner(raised, EmailTaken, "took one address")
        stored = [life.client_id for life in lives if repository.get(life.client_id)]
        owner = repository.find_by_email(scene.email(f"r{number}"))
        expect_equal(stored, [owner and owner.id], "Nothing must be left of the writers that lost.")


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
        raised = _at_once(*_saves(repository, [life.changes[0] for life in lives]))
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
        raised = _at_once(*(_batch(repository, batch) for batch in changes))
        _expect_one_winner(raised, StaleClient, "changed the same two clients")
        for winner in changes[raised.index(None)]:
            life = first if winner.after.id == first.client_id else second
            expect_equal(
                repository.get(life.client_id),
                winner.after,
                "A batch must be stored whole: half of it came from another writer.",
            )
            life.changes.append(winner)


def _batch(repository: Repository, batch: Sequence[Change]) -> Callable[[], object]:
    return lambda: repository.save(batch)


@check(History, threads=True)
def writers_leave_a_history_without_gaps(repository: WithHistory) -> None:
    """History.history: "Return a client's events in order", whoever wrote them."""
    scene = Scene(repository)
    life = scene.added()
    for number in range(ROUNDS):
        changes = [
            life.decide(life.new_contact(ContactDetails(f"Writer {writer} of round {number}")))
            for writer in range(WRITERS)
        ]
        raised = _at_once(*_saves(repository, changes))
        _expect_one_winner(raised, StaleClient, "changed one version of a client")
        life.changes.append(changes[raised.index(None)])
    events = repository.history(life.client_id)
    advice = "Whoever wrote it, a history must have every event of the accepted changes, once."
    expect_equal(list(events), list(life.events), advice)
    expect_equal(replay(events), repository.get(life.client_id), advice)


def _erasing(repository: WithErasure, client_id: UUID) -> Callable[[], object]:
    return lambda: repository.erase(client_id)


@check(Erasure, threads=True)
def erasing_beside_a_writer_loses_nothing(repository: WithErasure) -> None:
    """Erasure: "erase a person and keep the history", beside somebody who saves."""
    scene = Scene(repository)
    for number in range(2 * ROUNDS):
        life = scene.added("Secret", local=f"secret{number}")
        change = life.decide(life.new_contact(ContactDetails("Secret Person")))
        refused, failed = _at_once(
            *_saves(repository, [change]), _erasing(repository, life.client_id)
        )
        expect(failed is None, f"erase() raised {type(failed).__name__} because somebody saved.")
        stored = repository.get(life.client_id)
        expect_equal(
            stored and stored.version,
            (life.client if refused else change.after).version,
            "A change that was accepted was lost because the client was erased at the same time: "
            "lock the client before erase() reads it, or write only if it is still as it was read.",
        )
        expect(
            "Secret" not in repr(stored),
            "A person was erased and is still named, because somebody saved at the same time: lock "
            "the client before erase() reads it, and refuse what was decided before.",
        )


@check(CommandMemory, threads=True)
def of_writers_with_one_command_id_one_wins(repository: WithCommandMemory) -> None:
    """CommandMemory.save_once: "another process has remembered this id meanwhile"."""
    scene = Scene(repository)
    for number in range(ROUNDS):
        command_id = f"{scene.domain} {number}"
        lives = [scene.life().add("Racer") for _ in range(WRITERS)]
        tasks = [_once(repository, command_id, life.changes[0]) for life in lives]
        raised = _at_once(*tasks)
        _expect_one_winner(raised, StaleClient, "used one command id")
        winner = lives[raised.index(None)]
        stored = [life.client_id for life in lives if repository.get(life.client_id)]
        expect_equal(stored, [winner.client_id], "Nothing must be left of those that lost.")


def _once(repository: WithCommandMemory, command_id: str, change: Change) -> Callable[[], object]:
    until = START + timedelta(days=1)
    return lambda: repository.save_once(command_id, change, at=START, until=until)


@check(OutboxStore, threads=True)
def relays_side_by_side_are_given_different_notices(repository: WithOutbox) -> None:
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
        for _ in lives:  # an end, where a notice is given again and again
            for claim in repository.claim(at=at, lease=lease, limit=3):
                given.append(claim.notice.id)
                repository.delivered(claim)

    _at_once(*(relay for _ in range(WRITERS)))
    ours = [notice_id for notice_id in given if notice_id in wanted]
    expect_equal(
        len(ours),
        len(set(ours)),
        "claim() gave one notice to two relays at once: choose and lease in one statement, or lock "
        "what was chosen (FOR UPDATE SKIP LOCKED).",
    )
    expect(set(ours) == wanted, "Relays side by side must be given every notice that is due.")
