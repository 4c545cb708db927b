"""`CommandMemory`: a command that is handled again gets the answer of the first time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

from client_access.change import Change
from client_access.errors import EmailTaken, StaleClient
from client_access.machines.lifecycle import Status
from client_access.repository import CommandMemory, History
from client_access.testing.checks.frame import (
    FullRepository,
    check,
    expect,
    expect_equal,
    expect_error,
    expect_saved,
)
from client_access.testing.checks.scene import Scene
from client_access.testing.clock import START
from client_access.values import ContactDetails

_WEEK = timedelta(days=7)
_MOMENT = timedelta(microseconds=1)
_UNTIL = START + _WEEK


def _save_once(repository: FullRepository, command_id: str, change: Change) -> None:
    repository.save_once(command_id, change, at=START, until=_UNTIL)


def _expect_remembered(
    repository: FullRepository, command_id: str, change: Change, advice: str
) -> None:
    found = repository.recall(command_id, at=START)
    expect_equal(found, change, advice)


@check(CommandMemory)
def recall_of_an_unknown_id_is_none(repository: FullRepository) -> None:
    """CommandMemory.recall: "Return the change that is remembered under an id, or None"."""
    scene = Scene(repository)
    change = scene.life().add("Acme").changes[0]
    _save_once(repository, f"{scene.domain} a", change)
    for command_id in (f"{scene.domain} A", f"{scene.domain} a ", f"{scene.domain} _", "%"):
        expect(
            repository.recall(command_id, at=START) is None,
            f"recall() must return None for the unused id {command_id!r}: compare ids by code "
            "point; case and spaces count.",
        )


@check(CommandMemory)
def save_once_stores_the_change_and_its_outcome(repository: FullRepository) -> None:
    """CommandMemory.save_once: "Store a change as :meth:`Repository.save` does and remember it"."""
    scene = Scene(repository)
    for name, example in scene.examples().items():
        if example.client.status is Status.DELETED:
            continue  # deleting erases what is remembered
        for change in example.changes:
            command_id = f"{change.after.id} {change.after.version} \u00e9\U0001f9fe"
            _save_once(repository, command_id, change)
            expect_equal(
                repository.get(change.after.id),
                change.after,
                f"save_once() must store the change as save() does (example {name!r}).",
            )
            _expect_remembered(
                repository,
                command_id,
                change,
                "recall() must return the change unchanged: command, before, event, after and "
                f"notices (example {name!r}).",
            )


@check(CommandMemory, History)
def history_has_every_event_that_was_saved_once(repository: FullRepository) -> None:
    """History: "A repository that keeps every event", of save_once as of save."""
    scene = Scene(repository)
    example = scene.examples()["restless"]
    for saved, change in enumerate(example.changes, 1):
        _save_once(repository, f"{scene.domain} {saved}", change)
        expect_equal(
            list(repository.history(change.after.id)),
            list(example.events[:saved]),
            "save_once() must append the event of its change, in the same transaction: store the "
            "change with the code of save().",
        )


@check(CommandMemory)
def save_once_remembers_what_changes_nothing(repository: FullRepository) -> None:
    """CommandMemory.save_once: "If it has no event, it is only remembered"."""
    scene = Scene(repository)
    life = scene.added()
    change = life.decide(life.new_contact(life.client.contact))
    command_id = f"{scene.domain} nothing"
    _save_once(repository, command_id, change)
    expect_equal(
        repository.get(life.client_id),
        life.client,
        "save_once() changed the client, although the change has no event.",
    )
    _expect_remembered(
        repository,
        command_id,
        change,
        "save_once() must remember a change without an event too, with the client as it was, "
        "before and after.",
    )


@check(CommandMemory)
def save_once_refuses_a_stale_change_without_an_event(repository: FullRepository) -> None:
    """CommandMemory.save_once: "also for a change without an event"."""
    scene = Scene(repository)
    life = scene.added()
    stale = life.decide(life.new_contact(life.client.contact))
    scene.save(life.rename("Renamed meanwhile"))
    command_id = f"{scene.domain} stale"
    advice = (
        "save_once() remembered a stale change, because it has no event: compare version and "
        "erasures for such a change as well, and keep the row locked until the end."
    )
    with expect_error(StaleClient, life.client_id, advice):
        _save_once(repository, command_id, stale)
    expect(repository.recall(command_id, at=START) is None, advice)


@check(CommandMemory)
def recall_returns_the_first_outcome_whatever_came_after(repository: FullRepository) -> None:
    """CommandMemory.recall: "Return the change that is remembered", not the current client."""
    scene = Scene(repository)
    life = scene.added().rename("First outcome")
    (change,) = life.unsaved()
    command_id = f"{scene.domain} first"
    _save_once(repository, command_id, change)
    scene.save(life.rename("Second").rename("Third"))
    _expect_remembered(
        repository,
        command_id,
        change,
        "recall() must return the change as it was saved, not the client as it is now: store its "
        "version, or the whole change.",
    )


@check(CommandMemory)
def save_once_refuses_an_id_that_is_remembered(repository: FullRepository) -> None:
    """CommandMemory.save_once: "another process has remembered this id meanwhile"."""
    scene = Scene(repository)
    life = scene.added()
    first = life.decide(life.new_contact(ContactDetails("First")))
    command_id = f"{scene.domain} once"
    _save_once(repository, command_id, first)
    life.handle(first.command)
    life.unsaved()
    other = scene.life().add("Other").changes[0]
    again = life.decide(life.new_contact(ContactDetails("Second")))
    for change in (again, other):
        with expect_error(
            StaleClient,
            change.after.id,
            "save_once() accepted an id that is remembered already: make the id a primary key, "
            "insert it in the transaction of the change, and raise StaleClient if it is violated.",
        ):
            _save_once(repository, command_id, change)
    expect_equal(
        repository.get(life.client_id), first.after, "save_once() refused a change, but stored it."
    )
    expect_equal(
        repository.get(other.after.id), None, "save_once() refused a new client, but stored it."
    )
    _expect_remembered(
        repository, command_id, first, "recall() must still return the first change."
    )


@check(CommandMemory)
def save_once_remembers_nothing_where_it_fails(repository: FullRepository) -> None:
    """CommandMemory.save_once: "and remember it, in one transaction"."""
    scene = Scene(repository)
    life = scene.added(local="taken")
    stale = life.decide(life.new_contact(ContactDetails("Stale")))
    scene.save(life.rename("Renamed meanwhile"))
    late = scene.life().add("Late", scene.email("taken")).changes[0]
    advice = (
        "save_once() must refuse what save() refuses, and then store and remember nothing: use one "
        "transaction."
    )
    for change, error in ((stale, StaleClient), (late, EmailTaken)):
        command_id = f"{scene.domain} {change.after.id}"
        with expect_error(error, change.after.id, advice):
            _save_once(repository, command_id, change)
        expect(repository.recall(command_id, at=START) is None, advice)
    expect_equal(repository.get(life.client_id), life.client, advice)


@check(CommandMemory)
def outcomes_are_forgotten_when_their_time_is_up(repository: FullRepository) -> None:
    """CommandMemory.save_once: "until: when this change is forgotten"; before, it is remembered."""
    scene = Scene(repository)
    life = scene.added().rename("First")
    (change,) = life.unsaved()
    command_id = f"{scene.domain} passing"
    _save_once(repository, command_id, change)
    expect(
        repository.recall(command_id, at=_UNTIL - _MOMENT) is not None,
        "recall() must return a change while at < until, but returned None a microsecond before.",
    )
    expect(
        repository.recall(command_id, at=_UNTIL) is None,
        "recall() must return None from `until` on: compare at with until, whether or not old rows "
        "were deleted.",
    )
    (next_change,) = life.rename("Second").unsaved()
    with expect_saved("save_once() must accept an id that is forgotten: replace its old row."):
        repository.save_once(command_id, next_change, at=_UNTIL, until=_UNTIL + _WEEK)
    found = repository.recall(command_id, at=_UNTIL)
    expect_equal(
        found, next_change, "recall() must return the change that was saved last with an id."
    )


@check(CommandMemory)
def save_once_leaves_the_forgotten_to_purge(repository: FullRepository) -> None:
    """CommandMemory.save_once: "All others are left to :meth:`purge`"."""
    scene = Scene(repository)
    old, new = f"{scene.domain} old", f"{scene.domain} new"
    _save_once(repository, old, scene.life().add("Old").changes[0])
    change = scene.life().add("New").changes[0]
    repository.save_once(new, change, at=_UNTIL, until=_UNTIL + _WEEK)
    expect(
        repository.recall(old, at=START) is not None,
        "save_once() deleted what was remembered under another id: leave that to purge(), because "
        "commands that delete the same rows wait for each other.",
    )


@check(CommandMemory)
def purge_deletes_what_is_forgotten_and_nothing_else(repository: FullRepository) -> None:
    """CommandMemory.purge: "Delete changes that are forgotten, and return how many"."""
    scene = Scene(repository)
    long_ago = START - timedelta(days=400)  # nothing else is forgotten so early
    west = timezone(timedelta(hours=-8))
    for _ in range(1000):  # ends even if purge() always returns something
        if not repository.purge(at=long_ago + _WEEK):
            break
    for number, until in enumerate((*[long_ago] * 3, *[long_ago + _MOMENT] * 2)):
        change = scene.life().add("Acme").changes[0]
        at = long_ago - _WEEK
        repository.save_once(f"{scene.domain} {number}", change, at=at, until=until)
    expect_equal(
        [repository.purge(at=long_ago.astimezone(west), limit=2) for _ in range(3)],
        [2, 1, 0],
        "purge() must delete changes whose `until` is not later than `at`, at most `limit` of "
        "them, and return how many it has deleted. Times are compared as moments.",
    )
    left = [
        number
        for number in range(5)
        if repository.recall(f"{scene.domain} {number}", at=long_ago - _MOMENT) is not None
    ]
    expect_equal(
        left, [3, 4], "purge() must delete what is forgotten, and keep what is still remembered."
    )


@check(CommandMemory)
def command_ids_are_kept_to_the_last_character(repository: FullRepository) -> None:
    """CommandMemory.save_once: "the command's own id, at most 200 characters"."""
    scene = Scene(repository)
    long = (scene.domain + "\U0001f9fe\u00e9" * 100)[:199]
    advice = (
        "A command id has up to 200 characters of any script, and all of them count: store it "
        "whole in a Unicode column, and compare by code point."
    )
    changes = {}
    for command_id in (f"{long}a", f"{long}b", f"{long}\u00e9", f"{long[:-1]}e\u0301"):
        change = changes[command_id] = scene.life().add("Acme").changes[0]
        expect(repository.recall(command_id, at=START) is None, advice)
        with expect_saved(advice):
            _save_once(repository, command_id, change)
    for command_id, change in changes.items():
        _expect_remembered(repository, command_id, change, advice)


@check(CommandMemory)
def outcomes_are_forgotten_at_moments_in_any_time_zone(repository: FullRepository) -> None:
    """CommandMemory: "Times are compared as moments, whatever their time zones"."""
    scene = Scene(repository)
    advice = (
        "A time may come in any time zone, such as 01:00-08:00 for 09:00 UTC: convert it to UTC "
        "before you store or compare it, or use a column with a time zone."
    )
    west, east = (timezone(timedelta(hours=hours)) for hours in (-8, 9))

    def is_remembered(command_id: str, at: datetime) -> bool:
        found = {
            repository.recall(command_id, at=at.astimezone(zone)) for zone in (UTC, west, east)
        }
        expect_equal(len(found), 1, advice)
        return found != {None}

    for zone in (west, east):
        change = scene.life().add("Acme").changes[0]
        command_id = f"{scene.domain} {change.after.id}"
        at, until = START.astimezone(zone), _UNTIL.astimezone(zone)
        repository.save_once(command_id, change, at=at, until=until)
        expect(is_remembered(command_id, _UNTIL - _MOMENT), advice)
        expect(not is_remembered(command_id, _UNTIL), advice)
        other = scene.life().add("Other").changes[0]
        before = (_UNTIL - _MOMENT).astimezone(zone)
        with expect_error(StaleClient, other.after.id, advice):
            repository.save_once(command_id, other, at=before, until=_UNTIL + _WEEK)
        with expect_saved(advice):
            repository.save_once(command_id, other, at=until, until=_UNTIL + _WEEK)
