"""`save`: it keeps every field, compares versions, and stores all or nothing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from attrs import evolve

from client_access.change import Change
from client_access.client import Client
from client_access.errors import EmailTaken, RepositoryError, StaleClient
from client_access.repository import Repository
from client_access.testing.checks.frame import (
    check,
    expect,
    expect_equal,
    expect_error,
    expect_saved,
)
from client_access.testing.checks.scene import Scene
from client_access.testing.examples import SETUP
from client_access.values import ContactDetails

MANY = 1500


def _expect_kept(repository: Repository, client: Client, advice: str) -> None:
    found = repository.get(client.id)
    expect_equal(found, client, advice)
    expect(type(found) is Client, "get() must return a Client, not a subclass and not a row.")


@check()
def save_keeps_every_field_in_every_status(repository: Repository) -> None:
    """Repository.save: "Store changes", with every detail of a client."""
    scene = Scene(repository)
    for name, example in scene.examples().items():
        for change in example.changes:
            repository.save([change])
            _expect_kept(
                repository,
                change.after,
                f"get() must return exactly the client that was saved, but the example {name!r} "
                f"differs after {type(change.event).__name__}: store every field of change.after "
                "(client_access.wire writes and reads all of them).",
            )


@check()
def save_keeps_text_to_the_last_character(repository: Repository) -> None:
    """Repository.save: "Store changes", with every detail of a client."""
    scene = Scene(repository)
    texts = (
        "\u00c5ngstr\u00f6m",
        "A\u030angstro\u0308m",  # looks the same, decomposed
        "\U0001f9fe" * 200,
        "  spaces around  ",
        'O\'Brien "&" <Sons>; -- \\ 100% _ ? :name $1 {x} %s',
        "zero\u200bwidth",
        "\u05d0\u05d1\u05d2 \u4f1a\u8ba1 \u0639",
        "\ufffd\ufeffx",
    )
    for text in texts:
        contact = ContactDetails(text, text[:50], f"\n{text}\n\n{text}\n")
        life = scene.life().add(text, contact=contact)
        scene.save(life)
        _expect_kept(
            repository,
            life.client,
            "get() must return text character for character: use a Unicode column of at least 200 "
            "code points, pass text as a parameter, and do not normalise or trim it.",
        )


@check()
def save_keeps_moments_to_the_microsecond(repository: Repository) -> None:
    """Repository.save: "Store changes", with every detail of a client."""
    scene = Scene(repository)
    life = scene.life().add("Awaiting", scene.email("awaiting"))
    scene.save(life.subscribe({"bookkeeping": None}))
    found = repository.get(life.client_id)
    advice = (
        "get() must return times to the microsecond and with a time zone: store them as ISO 8601 "
        "text, or in a column that keeps both."
    )
    expect(found is not None and found.activation is not None, advice)
    assert found is not None  # just expected
    expect_equal(found.activation, life.client.activation, advice)


@check()
def save_keeps_setups_with_their_services(repository: Repository) -> None:
    """Repository.save: "Store changes"; a setup belongs to its service (S1)."""
    scene = Scene(repository)
    life = scene.life().add("Set up", scene.email("setup"))
    other = evolve(SETUP, vat_number="", accounts_start=None)
    scene.save(life.subscribe({"accounting": SETUP, "payroll": None, "start": other}))
    found = repository.get(life.client_id)
    expect_equal(
        found and found.services,
        life.client.services,
        "get() must return each service with its own setup (VAT scheme, number and date) or None: "
        "store the setup with the code.",
    )


@check()
def save_keeps_clients_apart(repository: Repository) -> None:
    """Repository.save: "Store changes", and nothing else."""
    scene = Scene(repository)
    first, second = scene.added("First", local="first"), scene.added("Second", local="second")
    scene.save(first.rename("First, renamed"))
    _expect_kept(repository, first.client, "save() must store a change to one of two clients.")
    _expect_kept(
        repository,
        second.client,
        "save() changed another client than that of the change: write where id = change.after.id.",
    )


@check()
def save_stores_changes_in_the_order_given(repository: Repository) -> None:
    """Repository.save: "Store changes in order, as if one by one"."""
    scene = Scene(repository)
    first, second = scene.life().add("First"), scene.life().add("Second")
    second.rename("Second, renamed")
    first.rename("First, renamed").rename("First, renamed again")
    ordered = [
        first.changes[0],
        second.changes[0],
        first.changes[1],
        second.changes[1],
        first.changes[2],
    ]
    with expect_saved(
        "save() must accept several changes to one client in a batch: compare each version with "
        "the result of the changes before it."
    ):
        repository.save(ordered)
    for life in (first, second):
        _expect_kept(
            repository,
            life.client,
            "get() must return the result of the last change to a client in a batch.",
        )


@check()
def save_of_nothing_changes_nothing(repository: Repository) -> None:
    """Repository.save: "Store changes"; without any, nothing changes."""
    scene = Scene(repository)
    life = scene.added()
    repository.save([])
    _expect_kept(repository, life.client, "save([]) must change nothing.")


def _expect_stale(
    repository: Repository, changes: Sequence[Change], kept: Client | None, advice: str
) -> None:
    """Expect save() to refuse changes to one client as stale, and to leave it as it was."""
    client_id = changes[-1].after.id
    with expect_error(StaleClient, client_id, advice):
        repository.save(changes)
    expect_equal(
        repository.get(client_id),
        kept,
        "save() refused a change, but stored something of it, or of those before it: write all "
        "changes in one transaction, and roll it back on any error.",
    )


@check()
def save_refuses_a_change_decided_on_an_older_version(repository: Repository) -> None:
    """Repository.save: "the stored client must have the `version`" of `before`."""
    scene = Scene(repository)
    life = scene.added()
    stale = life.decide(life.new_contact(ContactDetails("Stale")))
    scene.save(life.rename("Renamed meanwhile"))
    _expect_stale(
        repository,
        [stale],
        life.client,
        "save() accepted a change decided on version 1 although version 2 is stored: compare "
        "before.version in the statement that writes, and check its row count; or read the client "
        "under a lock, and ask change.follows(stored).",
    )


@check()
def save_refuses_a_change_decided_on_a_later_version(repository: Repository) -> None:
    """Repository.save: "the stored client must have the `version`" of `before`."""
    scene = Scene(repository)
    life = scene.added()
    stored = life.client
    life.rename("Never saved").rename("Decided on what was never saved")
    _expect_stale(
        repository,
        [life.changes[2]],
        stored,
        "save() accepted a change decided on version 2 although version 1 is stored: compare "
        "versions for equality, not for order.",
    )


@check()
def save_refuses_two_changes_decided_on_one_version(repository: Repository) -> None:
    """Repository.save: "as if one by one"; "the stored client must have the `version`"."""
    scene = Scene(repository)
    life = scene.added()
    _expect_stale(
        repository,
        [life.decide(life.new_contact(ContactDetails(name))) for name in ("One", "Two")],
        life.client,
        "save() accepted two changes decided on one version in a batch: compare each version with "
        "the result of the changes before it.",
    )


@check()
def save_refuses_a_new_client_whose_id_exists(repository: Repository) -> None:
    """Repository.save: "If `before` is None, the id must never have existed"."""
    scene = Scene(repository)
    life = scene.added("First", local="first")
    again = scene.life(life.client_id).add("Second", scene.email("second"))
    _expect_stale(
        repository,
        again.changes,
        life.client,
        "save() accepted a new client with an id that exists: insert it, do not upsert, and raise "
        "StaleClient if the primary key is violated.",
    )


@check()
def save_refuses_a_new_client_with_the_id_of_a_deleted_one(repository: Repository) -> None:
    """Repository.save: "If `before` is None, the id must never have existed"."""
    scene = Scene(repository)
    life = scene.added().delete()
    scene.save(life)
    again = scene.life(life.client_id).add("Reborn", scene.email("reborn"))
    _expect_stale(
        repository,
        again.changes,
        life.client,
        "save() accepted a new client with the id of a deleted one, which is never used again "
        "(L5): keep the row of a deleted client.",
    )


@check()
def save_refuses_two_new_clients_with_one_id(repository: Repository) -> None:
    """Repository.save: "as if one by one"; "the id must never have existed"."""
    scene = Scene(repository)
    client_id = scene.new_id()
    lives = [scene.life(client_id).add(name, scene.email(name)) for name in ("one", "two")]
    _expect_stale(
        repository,
        [life.changes[0] for life in lives],
        None,
        "save() accepted two new clients with one id in a batch: insert each, do not upsert.",
    )


@check()
def save_refuses_a_change_to_a_client_that_is_not_there(repository: Repository) -> None:
    """Repository.save: "the stored client must have the `version`" of `before`."""
    scene = Scene(repository)
    life = scene.life().add("Never saved").rename("Changed all the same")
    _expect_stale(
        repository,
        [life.changes[1]],
        None,
        "save() accepted a change to a client that does not exist: raise StaleClient if an update "
        "writes no row, and do not insert instead.",
    )


def _expect_untouched(
    scene: Scene, failing: Sequence[Change], error: type[StaleClient | EmailTaken]
) -> None:
    """Save a batch that fails at its last change, and expect nothing of it to be stored."""
    repository = scene.repository
    kept, new = scene.added("Kept", local="kept"), scene.life()
    before, kept_key = kept.client, kept.client.email_key
    kept.rename("Kept, renamed").change_email(scene.email("moved"))
    new.add("New", scene.email("new"))
    last = failing[-1].after.id
    with expect_error(error, last, "save() accepted a batch with a last change that conflicts."):
        repository.save([*kept.unsaved(), *new.unsaved(), *failing])
    advice = (
        "save() refused the last change of a batch, but stored some of those before it: write the "
        "whole batch in one transaction, and roll it back on any error. Stored: "
    )
    _expect_kept(repository, before, advice + "a change to a client.")
    expect(repository.get(new.client_id) is None, advice + "a new client.")
    holder = repository.find_by_email(kept_key)
    expect_equal(holder and holder.id, before.id, advice + "a freed address.")
    for local in ("moved", "new"):
        expect(
            repository.find_by_email(scene.email(local)) is None, advice + "an address was taken."
        )
    for search, there in (("new", False), ("kept, renamed", False), ("kept", True)):
        found = scene.listed(search=search)
        expect_equal(found, [before.id] if there else [], advice + "a place in a list.")


@check()
def save_leaves_nothing_of_a_batch_whose_last_change_is_stale(repository: Repository) -> None:
    """Repository.save: "all or nothing"."""
    scene = Scene(repository)
    life = scene.life().add("Never saved").rename("Changed all the same")
    _expect_untouched(scene, life.changes[1:], StaleClient)


@check()
def save_leaves_nothing_of_a_batch_whose_last_address_is_taken(repository: Repository) -> None:
    """Repository.save: "all or nothing"."""
    scene = Scene(repository)
    owner = scene.added("Owner", local="taken", by=scene.other)
    life = scene.life(by=scene.other).add("Late", scene.email("taken"))
    _expect_untouched(scene, life.changes, EmailTaken)
    _expect_kept(repository, owner.client, "save() refused a taken address, but changed its owner.")


@check()
def save_works_on_after_it_has_failed(repository: Repository) -> None:
    """Repository.save: "all or nothing": what was saved before a failure stays."""
    scene = Scene(repository)
    first = scene.added("First", local="first")
    stale = first.decide(first.new_contact(ContactDetails("Stale")))
    scene.save(first.rename("First, renamed"))
    for change in (stale, *scene.life().add("Second", scene.email("first")).changes):
        try:
            repository.save([change])
        except RepositoryError:
            with expect_saved("save() must work again after it has refused a change."):
                scene.save(first.rename(f"First, renamed after {change.after.id}"))
    _expect_kept(
        repository,
        first.client,
        "After a refused save(), what was saved earlier must still be there, and the next save() "
        "must work: roll back to a savepoint, or the whole transaction if it is your own.",
    )


@check()
def save_stores_many_clients_at_once(repository: Repository) -> None:
    """Repository.save: "Store changes in order", however many."""
    scene = Scene(repository)
    scene.clock.step = timedelta(microseconds=1)
    lives = [scene.life().add(f"Batch {n:04}", scene.email(f"c{n}")) for n in range(MANY)]
    scene.save(*lives)
    for life in lives[:: MANY // 10]:
        _expect_kept(
            repository,
            life.client,
            f"save() must store each of {MANY:,} clients in one batch: split statements that have "
            "more parameters than the database accepts, within one transaction.",
        )
    expect_equal(
        len(scene.page(limit=MANY + 1)),
        MANY,
        f"page() must list each of {MANY:,} clients saved in one batch.",
    )
    for life in lives:
        life.rename(f"{life.client.business_name}, renamed", by=scene.practice)
    scene.save(*lives)
    expect_equal(
        len(scene.page(search="renamed", limit=MANY + 1)),
        MANY,
        f"save() must store each of {MANY:,} changes in one batch.",
    )
