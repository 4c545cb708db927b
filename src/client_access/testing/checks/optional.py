"""The smaller optional protocols: `Lookup`, `History`, `ServiceCounts`, `HostTransaction`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from uuid import UUID

from client_access.client import Client, invoice_payer
from client_access.deciding import replay
from client_access.errors import ClientAccessError, EmailTaken, RepositoryError, StaleClient
from client_access.machines.lifecycle import Status
from client_access.machines.payer import Payer
from client_access.repository import (
    History,
    HostTransaction,
    Lookup,
    ServiceCounts,
)
from client_access.testing.checks.frame import (
    ConformanceError,
    FullRepository,
    check,
    expect,
    expect_equal,
    expect_error,
    expect_saved,
    shown,
)
from client_access.testing.checks.scene import Scene
from client_access.testing.examples import SETUP
from client_access.values import ContactDetails, PracticeUser

MANY = 1500
_SECRET = ContactDetails("Secret Person", "secret phone", "Secret Road 1")

# ── Lookup ───────────────────────────────────────────────────────────────────────────────────────


@check(Lookup)
def get_many_returns_those_that_exist(repository: FullRepository) -> None:
    """Lookup.get_many: "Return the clients that exist, by id"."""
    scene = Scene(repository)
    lives = [scene.added("First"), scene.added("Second"), scene.added("Gone").delete()]
    scene.save(*lives)
    wanted = {life.client_id: life.client for life in lives}
    ids = [scene.new_id(), *wanted, *wanted, scene.new_id()]
    advice = (
        "get_many() must return each client that exists by its id, deleted ones too, and leave out "
        "unknown ids."
    )
    expect_equal(dict(repository.get_many(ids)), wanted, advice)
    expect_equal(dict(repository.get_many(client_id for client_id in ids)), wanted, advice)
    expect_equal(dict(repository.get_many([])), {}, advice)


@check(Lookup)
def get_many_takes_many_ids(repository: FullRepository) -> None:
    """Lookup.get_many: "Return the clients that exist", however many there are."""
    scene = Scene(repository)
    lives = [scene.life().add(f"Batch {number}") for number in range(MANY)]
    scene.save(*lives)
    expect_equal(
        dict(repository.get_many([life.client_id for life in lives])),
        {life.client_id: life.client for life in lives},
        f"get_many() must accept {MANY:,} ids: split a statement that has more parameters than the "
        "database accepts.",
    )


@check(Lookup)
def find_many_by_email_returns_owners_by_exact_key(repository: FullRepository) -> None:
    """Lookup.find_many_by_email: "Return the ids of the clients that have these addresses"."""
    scene = Scene(repository)
    locals_ = ("a_b", "axb", "jose", "jos\u00e9")
    lives = [scene.life().add(local, scene.email(local)) for local in locals_]
    freed = scene.added(local="freed")
    freed_key = freed.client.email_key
    scene.save(*lives, freed.delete())
    wanted = {life.client.email_key: life.client_id for life in lives}
    nobody = [scene.email(local) for local in ("a%b", "JOSE", "nobody")]
    keys = [*nobody, freed_key, *wanted, *wanted]
    advice = (
        "find_many_by_email() must return the current owner of each key by that key, and leave out "
        "keys that nobody has: compare by code point."
    )
    expect_equal(dict(repository.find_many_by_email(keys)), wanted, advice)
    expect_equal(dict(repository.find_many_by_email(key for key in keys)), wanted, advice)
    expect_equal(dict(repository.find_many_by_email([])), {}, advice)


# ── History ──────────────────────────────────────────────────────────────────────────────────────


@check(History)
def history_has_every_event_in_order(repository: FullRepository) -> None:
    """History.history: "Return a client's events in order"; none is missing."""
    scene = Scene(repository)
    for name, example in scene.examples().items():
        for saved, change in enumerate(example.changes, 1):
            repository.save([change])
            events = repository.history(change.after.id)
            expect_equal(
                [event.version for event in events],
                list(range(1, saved + 1)),
                f"history() must return every event of the example {name!r} once, by version: "
                "append change.event in the transaction of its change, and order by version.",
            )
        if example.client.status is not Status.DELETED:  # deleting erases
            expect_equal(
                list(repository.history(example.client.id)),
                list(example.events),
                f"history() must return the events of the example {name!r} with every field.",
            )


@check(History)
def history_comes_in_pages(repository: FullRepository) -> None:
    """History.history: "the version after which the page begins", "the largest number"."""
    scene = Scene(repository)
    life = scene.added("First")
    for number in range(4):
        life.rename(f"Renamed {number}")
    scene.save(life)
    events = list(life.events)
    for after in range(len(events) + 2):
        for limit in (None, 0, 1, 2, len(events), len(events) + 1):
            wanted = events[after:]
            expect_equal(
                list(repository.history(life.client_id, after=after, limit=limit)),
                wanted if limit is None else wanted[:limit],
                f"history(after={after}, limit={limit}) is wrong: return the events with a version "
                "greater than `after`, by version, and not more than `limit` of them.",
            )


@check(History)
def history_replays_to_the_stored_client(repository: FullRepository) -> None:
    """History.history: "Return a client's events in order": they replay to the stored client."""
    scene = Scene(repository)
    for name, example in scene.examples().items():
        repository.save(example.changes)
        client_id = example.client.id
        try:
            replayed = replay(repository.history(client_id))
        except ClientAccessError as error:
            raise ConformanceError(
                f"The history of the example {name!r} does not replay ({error}): history() must "
                "return every event that was saved, in order."
            ) from error
        expect_equal(
            replayed,
            repository.get(client_id),
            f"The history of the example {name!r} must replay to the client that get() returns.",
        )


@check(History)
def history_of_an_unknown_client_is_empty(repository: FullRepository) -> None:
    """History.history: "empty if there is no such client"."""
    scene = Scene(repository)
    scene.added()
    events = repository.history(scene.new_id())
    expect_equal(list(events), [], "history() must be empty for an unknown id.")


@check(History)
def history_keeps_clients_apart(repository: FullRepository) -> None:
    """History.history: "Return a client's events", and no other's, from a mixed batch too."""
    scene = Scene(repository)
    first, second = scene.life().add("First"), scene.life().add("Second")
    first.rename("First, renamed")
    second.rename("Second, renamed")
    repository.save([first.changes[0], second.changes[0], first.changes[1], second.changes[1]])
    for life in (first, second):
        expect_equal(
            list(repository.history(life.client_id)),
            list(life.events),
            "history() must return the events of one client only: select by client id.",
        )


@check(History)
def history_keeps_nothing_of_a_failed_save(repository: FullRepository) -> None:
    """Repository.save: "all or nothing": the events too."""
    scene = Scene(repository)
    life = scene.added("First", local="first")
    wanted = list(life.events)
    new, late = scene.life().add("New"), scene.life().add("Late", scene.email("first"))
    stale = life.decide(life.new_contact(ContactDetails("Stale")))
    advice = "save() failed but left an event behind: append events in the same transaction."
    with expect_error(EmailTaken, late.client_id, advice):
        scene.save(life.rename("Renamed"), new, late)
    other = scene.life().add("Never saved").rename("Changed all the same")
    with expect_error(StaleClient, other.client_id, advice):
        repository.save([stale, other.changes[1]])
    expect_equal(list(repository.history(life.client_id)), wanted, advice)
    for client_id in (new.client_id, late.client_id, other.client_id):
        expect_equal(list(repository.history(client_id)), [], advice)


@check(History)
def history_of_a_deleted_client_keeps_no_person(repository: FullRepository) -> None:
    """History.history: "names no person" once the client is deleted (L5), with `Erasure` or not."""
    scene = Scene(repository)
    life = scene.life().add("Secret Ltd", scene.email("secret"), contact=_SECRET)
    life.rename("Secret & Sons").change_email(scene.email("secret.too")).change_contact(_SECRET)
    life.subscribe({"start": SETUP})
    scene.save(life)
    scene.save(life.delete())
    events = repository.history(life.client_id)
    text = shown(list(events))
    for secret in ("Secret", "secret", SETUP.vat_number):
        expect(
            secret not in text,
            f"history() still shows {secret!r} of a client that was deleted: in the transaction "
            "that saves a deletion, replace each stored event of the client by "
            "client_access.repository.erasing.erase_event(event).",
        )
    expect_equal(
        [event.version for event in events],
        list(range(1, life.client.version + 1)),
        "history() must keep what happened to a deleted client: erase the person from the events, "
        "and keep every event.",
    )
    expect_equal(
        replay(events),
        repository.get(life.client_id),
        "The erased events of a deleted client must replay to the client that get() returns.",
    )


# ── Service counts ───────────────────────────────────────────────────────────────────────────────


def _counted(counts: Mapping[str, int]) -> dict[str, int]:
    return {code: number for code, number in counts.items() if number}


@check(ServiceCounts)
def service_counts_are_those_of_the_clients_it_pays_for(repository: FullRepository) -> None:
    """ServiceCounts.service_counts: "how many clients hold it for which the practice pays (S6)"."""
    scene = Scene(repository)
    stored: dict[UUID, Client] = {}
    for name, example in scene.examples().items():
        for change in example.changes:
            repository.save([change])
            stored[change.after.id] = change.after
        for practice in (scene.practice, scene.other, PracticeUser(f"{scene.domain}-nobody")):
            wanted = Counter(
                service.code
                for client in stored.values()
                if client.practice_id == practice.practice_id
                and invoice_payer(client) is Payer.PRACTICE
                for service in client.services
            )
            expect_equal(
                _counted(repository.service_counts(practice.practice_id)),
                dict(wanted),
                f"service_counts() is wrong after the example {name!r}: count each service of each "
                "client with this practice_id for which invoice_payer(client) is Payer.PRACTICE; "
                "leave out clients that pay themselves, left or were deleted.",
            )


# ── Host transaction ─────────────────────────────────────────────────────────────────────────────


@check(HostTransaction)
def in_host_transaction_is_a_boolean(repository: FullRepository) -> None:
    """HostTransaction.in_host_transaction: "Whether the host begins, commits and repeats"."""
    expect(
        isinstance(repository.in_host_transaction, bool),
        "in_host_transaction must be a property that returns True or False.",
    )


@check(HostTransaction)
def the_hosts_transaction_outlives_a_failed_save(repository: FullRepository) -> None:
    """HostTransaction: "only the host can repeat its transaction"."""
    scene = Scene(repository)
    life = scene.added("Kept", local="kept")
    late = scene.life().add("Late", scene.email("kept"))
    try:
        scene.save(late)
    except RepositoryError:
        with expect_saved("the host's transaction must go on after a refused save()."):
            scene.save(life.rename("Kept, renamed"))
    expect_equal(
        repository.get(life.client_id),
        life.client,
        "A failed save() must leave the host's transaction usable and as it was: save in a "
        "savepoint, and roll back to it.",
    )
