"""`Locks`: writers that meet at one client take turns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from uuid import UUID

from client_access.change import Change
from client_access.commands import ChangeContactDetails
from client_access.deciding import decide
from client_access.repository import Locks, Repository
from client_access.testing.checks.frame import (
    OPTIONAL_PROTOCOLS,
    ConformanceError,
    FullRepository,
    check,
    expect,
    expect_equal,
)
from client_access.testing.checks.scene import Scene
from client_access.testing.checks.writers import ROUNDS, WRITERS, at_once
from client_access.testing.clock import START
from client_access.testing.examples import CATALOGUE
from client_access.values import ContactDetails, PlatformUser

PAUSE = 0.3
"""How many seconds another writer has to break in."""


@check(Locks)
def locked_commits_what_work_saves(repository: FullRepository) -> None:
    """Locks.locked: "What `work` saves in the repository that it gets is committed after it"."""
    scene = Scene(repository)
    life, new = scene.added("First"), scene.life().add("Second")
    change = life.decide(life.new_contact(ContactDetails("Ann")))

    def work(held: Repository) -> str:
        held.save([change, *new.changes])
        expect_equal(
            held.get(life.client_id),
            change.after,
            "work() must read in its repository what it has saved there: give it a repository on "
            "the connection of the transaction.",
        )
        return "the result"

    result = repository.locked([new.client_id, life.client_id], work)
    expect_equal(result, "the result", "locked() must return what work() returned.")
    for wanted in (change.after, new.client):
        expect_equal(
            repository.get(wanted.id),
            wanted,
            "locked() must commit what work() saved in its repository.",
        )


@check(Locks)
def locked_undoes_what_work_saved_if_it_fails(repository: FullRepository) -> None:
    """Locks.locked: "or is undone if it raises an error"; "what `work` raised" is raised."""
    scene = Scene(repository)
    life, new = scene.added("First"), scene.life().add("Second")
    raised = ArithmeticError("made up")

    def work(held: Repository) -> None:
        held.save([life.decide(life.new_contact(ContactDetails("Ann"))), *new.changes])
        raise raised

    advice = "locked() must raise the very error that work() raised, after a rollback."
    try:
        repository.locked([life.client_id], work)
    except Exception as error:
        if error is not raised:
            raise ConformanceError(f"{type(error).__name__} was raised: {advice}") from error
    else:
        raise ConformanceError(f"Nothing was raised: {advice}")
    found = [repository.get(life.client_id), repository.get(new.client_id)]
    expect_equal(
        found,
        [life.client, None],
        "work() raised an error, and locked() must undo what it had saved: roll the transaction "
        "back.",
    )


@check(Locks)
def locked_gives_work_all_that_the_repository_offers(repository: FullRepository) -> None:
    """Locks.locked: "That repository offers the protocols that this one offers"."""

    def lacking(held: Repository) -> list[str]:
        return [
            protocol.__name__
            for protocol in OPTIONAL_PROTOCOLS
            if isinstance(repository, protocol) and not isinstance(held, protocol)
        ]

    expect_equal(
        repository.locked([Scene(repository).added().client_id], lacking),
        [],
        "work() got a repository without protocols that the repository has: a command with an id "
        "needs CommandMemory there too.",
    )


@check(Locks, threads=True)
def locked_keeps_other_writers_away(repository: FullRepository) -> None:
    """Locks.locked: "Call `work` while no other writer can change these clients"."""
    scene = Scene(repository)
    life = scene.added()
    change = life.decide(life.new_contact(ContactDetails("Another writer")))

    def work(_: Repository) -> bool:
        other = pool.submit(repository.save, [change])
        wait([other], PAUSE)
        return other.done() and other.exception() is None

    with ThreadPoolExecutor(1) as pool:
        slipped_through = repository.locked([life.client_id], work)
    expect(
        not slipped_through,
        "Another writer changed the client while work() ran: lock the rows of the clients before "
        "it (SELECT ... FOR UPDATE), and let save() wait for them.",
    )


@check(Locks, threads=True)
def writers_with_locks_take_turns(repository: FullRepository) -> None:
    """Locks: "so that writers who meet at one client take turns", whatever the order of the ids."""
    scene = Scene(repository)
    ids = [scene.added("First").client_id, scene.added("Second").client_id]

    def task(order: Sequence[UUID]) -> Callable[[], object]:
        def work(held: Repository) -> None:
            held.save([_next_change(held, client_id) for client_id in order])

        return lambda: [repository.locked(order, work) for _ in range(ROUNDS)]

    tasks = [task(order) for order in (ids, ids[::-1]) for _ in range(WRITERS // 2)]
    advice = (
        "locked() must let writers of the same clients take turns: lock the clients in the order "
        "of their ids, and give work() a repository that reads what is stored after that."
    )
    expect_equal(at_once(*tasks), [None] * len(tasks), advice)
    for client_id in ids:
        client = repository.get(client_id)
        expect_equal(client and client.version, 1 + ROUNDS * len(tasks), advice)


def _next_change(held: Repository, client_id: UUID) -> Change:
    client = held.get(client_id)
    contact = ContactDetails(f"Contact {client and client.version}")
    command = ChangeContactDetails(client_id, PlatformUser("support"), contact=contact)
    return decide(client, command, at=START, catalogue=CATALOGUE)
