"""`save`: no two clients have one address, at any step (E1)."""

from __future__ import annotations

from collections.abc import Sequence

from client_access.change import Change
from client_access.errors import EmailTaken, RepositoryError
from client_access.refusals import CommandRefused
from client_access.repository import Repository
from client_access.testing.checks.frame import (
    ConformanceError,
    check,
    expect_equal,
    expect_error,
    expect_saved,
)
from client_access.testing.checks.scene import Scene
from client_access.values import SignIn

_UNIQUE = "put a unique constraint on email_key, and raise EmailTaken if it is violated"


def _expect_owner(scene: Scene, local: str, owner: object) -> None:
    found = scene.repository.find_by_email(scene.email(local))
    expect_equal(
        found and found.id, owner, f"find_by_email() must return the client that has {local!r} now."
    )


def _save(scene: Scene, changes: Sequence[Change], advice: str) -> None:
    with expect_saved(advice):
        scene.repository.save(changes)


@check()
def save_refuses_a_new_client_with_a_taken_address(repository: Repository) -> None:
    """Repository.save: "two clients would have the same `email_key`"."""
    scene = Scene(repository)
    owner = scene.added("Owner", local="taken")
    late = scene.life(by=scene.other).add("Late", scene.email("taken"))
    with expect_error(
        EmailTaken, late.client_id, f"save() gave a taken address to a new client: {_UNIQUE}."
    ):
        scene.save(late)
    expect_equal(
        repository.get(late.client_id), None, "save() refused a new client, but get() returns it."
    )
    _expect_owner(scene, "taken", owner.client_id)


@check()
def save_refuses_to_change_to_a_taken_address(repository: Repository) -> None:
    """Repository.save: "two clients would have the same `email_key`"."""
    scene = Scene(repository)
    owner, late = scene.added("Owner", local="taken"), scene.added("Late", local="own")
    stored = late.client
    with expect_error(
        EmailTaken, late.client_id, f"save() changed an address to a taken one: {_UNIQUE}."
    ):
        scene.save(late.change_email(scene.email("taken")))
    expect_equal(
        repository.get(late.client_id),
        stored,
        "save() refused a change, but stored something of it.",
    )
    _expect_owner(scene, "taken", owner.client_id)


@check()
def save_refuses_a_taken_address_in_another_spelling(repository: Repository) -> None:
    """Repository.save: "two clients would have the same `email_key`", however it is spelt."""
    scene = Scene(repository)
    scene.added("Owner", local="Stra\u00dfe.Jos\u00e9")
    late = scene.life().add("Late", scene.email("STRASSE.JOSE\u0301").replace(".com", ".COM"))
    with expect_error(
        EmailTaken,
        late.client_id,
        "save() gave one address to two clients, in two spellings: make email_key unique, not the "
        "address as typed, and do not fold it yourself (lower() of a database gives other keys).",
    ):
        scene.save(late)


@check()
def save_keeps_addresses_with_different_keys_apart(repository: Repository) -> None:
    """Repository.save: "two clients would have the same `email_key`", and only then."""
    scene = Scene(repository)
    locals_ = ("jose", "jos\u00e9", "i", "\u0131", "a.b", "ab", "a-b", "a_b", "o", "\u00f8", "a+b")
    lives = [scene.life().add(local, scene.email(local)) for local in locals_]
    for life in lives:
        _save(
            scene,
            life.unsaved(),
            "addresses with different keys are different, even if a collation ignores accents or "
            "punctuation: compare keys by code point.",
        )


@check()
def save_refuses_two_new_clients_with_one_address(repository: Repository) -> None:
    """Repository.save: "after one of the changes, two clients would have the same `email_key`"."""
    scene = Scene(repository)
    first = scene.life().add("First", scene.email("one"))
    second = scene.life().add("Second", scene.email("ONE"))
    with expect_error(
        EmailTaken, second.client_id, f"save() stored one address twice in one batch: {_UNIQUE}."
    ):
        scene.save(first, second)
    _expect_owner(scene, "one", None)


@check()
def save_frees_an_address_for_the_changes_after_it(repository: Repository) -> None:
    """Repository.save: "in order, as if one by one"; a changed address is free from then on."""
    scene = Scene(repository)
    first, second = scene.added("First", local="first"), scene.added("Second", local="second")
    third = scene.life().add("Third", scene.email("first"))
    changes = [
        *first.change_email(scene.email("moved")).unsaved(),
        *third.unsaved(),
        *second.delete().unsaved(),
        *scene.life().add("Fourth", scene.email("second")).unsaved(),
    ]
    _save(
        scene,
        changes,
        "a change may take an address that an earlier change of the batch frees: write changes in "
        "order, and check each as you write it.",
    )
    _expect_owner(scene, "first", third.client_id)
    _expect_owner(scene, "moved", first.client_id)


@check()
def save_frees_an_address_for_later(repository: Repository) -> None:
    """Repository.save: "two clients would have the same `email_key`", only that long (E1)."""
    scene = Scene(repository)
    first, second = scene.added("First", local="first"), scene.added("Second", local="second")
    scene.save(first.change_email(scene.email("moved")), second.delete())
    for local in ("first", "second"):
        _save(
            scene,
            scene.life().add("Next", scene.email(local)).unsaved(),
            "an address is free again once its client changes it or is deleted: replace the old "
            "key in the statement that stores the new one.",
        )


@check()
def save_frees_the_address_of_a_closed_client(repository: Repository) -> None:
    """Repository.save: "two clients would have the same `email_key`", not a closed one (L9)."""
    scene = Scene(repository)
    retired = scene.added("Retired", local="retired")
    retired.subscribe({"bookkeeping": None}, sign_in=SignIn.PRACTICE_ONLY)
    scene.save(retired.close())
    _expect_owner(scene, "retired", None)
    heir = scene.life().add("Next", scene.email("retired"))
    _save(
        scene,
        heir.unsaved(),
        "the address of a closed client is free: store the email_key of change.after, which is a "
        "placeholder's then.",
    )
    _save(scene, retired.reopen().unsaved(), "a closed client can be reopened without an address.")
    _expect_owner(scene, "retired", heir.client_id)


@check()
def save_refuses_an_address_that_is_freed_only_later(repository: Repository) -> None:
    """Repository.save: "after one of the changes, two clients would have the same `email_key`"."""
    scene = Scene(repository)
    first, second = scene.added("First", local="first"), scene.added("Second", local="second")
    stored = first.client, second.client
    second.change_email(scene.email("first"))
    first.change_email(scene.email("moved"))
    with expect_error(
        EmailTaken,
        second.client_id,
        "save() accepted a batch in which two clients had one address between two changes: check "
        "addresses after each change, not at the end, as a deferred constraint does.",
    ):
        scene.save(second, first)
    for client in stored:
        expect_equal(
            repository.get(client.id), client, "save() refused a batch, but stored something of it."
        )


@check()
def save_swaps_addresses_by_way_of_a_third(repository: Repository) -> None:
    """Repository.save: "in order, as if one by one"."""
    scene = Scene(repository)
    first, second = scene.added("First", local="first"), scene.added("Second", local="second")
    changes = [
        *first.change_email(scene.email("between")).unsaved(),
        *second.change_email(scene.email("first")).unsaved(),
        *first.change_email(scene.email("second")).unsaved(),
    ]
    _save(
        scene,
        changes,
        "two clients may swap addresses in one batch through a third address: check each change "
        "against the result of the changes before it.",
    )
    _expect_owner(scene, "first", second.client_id)
    _expect_owner(scene, "second", first.client_id)
    _expect_owner(scene, "between", None)


@check()
def save_lets_a_client_keep_its_own_address(repository: Repository) -> None:
    """Repository.save: "two clients would have the same `email_key`"; one may keep its own."""
    scene = Scene(repository)
    life = scene.added("Own", local="own")
    life.subscribe({"bookkeeping": None}, sign_in=SignIn.PRACTICE_ONLY)
    changes = life.give_access(scene.email("Own")).unsaved()
    _save(
        scene,
        changes,
        "a client may keep its own address, even in another spelling: leave the client itself out "
        "when you look for the owner of a key.",
    )
    back = life.change_email(scene.email("other")).change_email(scene.email("own")).unsaved()
    _save(scene, back, "a client may return to an address that it had before.")
    expect_equal(
        repository.get(life.client_id),
        life.client,
        "get() must return the address as it was last spelt.",
    )


@check()
def save_never_refuses_a_command(repository: Repository) -> None:
    """Repository.save: "Raises: StaleClient", "EmailTaken"; only the service refuses commands."""
    scene = Scene(repository)
    scene.added("Owner", local="taken")
    late = scene.life().add("Late", scene.email("taken"))
    try:
        scene.save(late)
    except CommandRefused as refused:
        raise ConformanceError(
            "save() raised CommandRefused: raise EmailTaken or StaleClient, so that the service "
            "decides the command again."
        ) from refused
    except RepositoryError:
        return
    raise ConformanceError(f"save() gave one address to two clients: {_UNIQUE}.")
