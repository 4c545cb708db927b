"""`CommandMemory`: a command that is handled again is answered as it was the first time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

from client_access.change import Change
from client_access.errors import EmailTaken, StaleClient
from client_access.machines.lifecycle import Status
from client_access.repository import CommandMemory, History
from client_access.testing.checks.frame import (
    WithCommandMemory,
    WithMemoryAndHistory,
    check,
    expect,
    expect_equal,
    expect_error,
)
from client_access.testing.checks.scene import Scene
from client_access.testing.clock import START
from client_access.values import ContactDetails

_WEEK = timedelta(days=7)
_MOMENT = timedelta(microseconds=1)
_UNTIL = START + _WEEK


def _save_once(repository: WithCommandMemory, command_id: str, change: Change) -> None:
    repository.save_once(command_id, change, at=START, until=_UNTIL)


def _expect_remembered(
    repository: WithCommandMemory, command_id: str, change: Change, advice: str
) -> None:
    found = repository.recall(command_id, at=START)
    expect_equal(found, change, advice)


@check(CommandMemory)
def recall_of_an_unknown_id_is_none(repository: WithCommandMemory) -> None:
    """CommandMemory.recall: "Return the change that is remembered under an id, or None"."""
    scene = Scene(repository)
    change = scene.life().add("Acme").changes[0]
    _save_once(repository, f"{scene.domain} a", change)
    for command_id in (f"{scene.domain} A", f"{scene.domain} a ", f"{scene.domain} _", "%"):
        expect(
            repository.recall(command_id, at=START) is None,
            f"recall() found something under {command_id!r}, which was never given: compare ids by "
            "code point; upper case and spaces count.",
        )


@check(CommandMemory)
def save_once_stores_the_change_and_its_outcome(repository: WithCommandMemory) -> None:
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
                f"save_once() must store the change, as save() does (the example {name!r}).",
            )
            _expect_remembered(
                repository,
                command_id,
                change,
                f"recall() must return the change as it was: command, before, event, after and "
                f"notices (the example {name!r}).",
            )


@check(CommandMemory, History)
def history_has_every_event_that_was_saved_once(repository: WithMemoryAndHistory) -> None:
    """History: "A repository that keeps every event", of save_once as of save."""
    scene = Scene(repository)
    example = scene.examples()["restless"]
    for saved, change in enumerate(example.changes, 1):
        _save_once(repository, f"{scene.domain} {saved}", change)
        expect_equal(
            list(repository.history(change.after.id)),
            list(example.events[:saved]),
            "save_once() must append the event of its change, in the same transaction: let it "
            "store the change by the very code of save().",
        )


@check(CommandMemory)
def save_once_remembers_what_changes_nothing(repository: WithCommandMemory) -> None:
    """CommandMemory.save_once: "If it has no event, it is only remembered"."""
    scene = Scene(repository)
    life = scene.added()
    change = life.decide(life.new_contact(life.client.contact))
    command_id = f"{scene.domain} nothing"
    _save_once(repository, command_id, change)
    expect_equal(repository.get(life.client_id), life.client, "No event, no change.")
    _expect_remembered(
        repository,
        command_id,
        change,
        "save_once() must remember a change without an event too: its outcome is the client as it "
        "was, before and after.",
    )


@check(CommandMemory)
def save_once_refuses_nothing_that_is_stale(repository: WithCommandMemory) -> None:
    """CommandMemory.save_once: "also for a change without an event"."""
    scene = Scene(repository)
    life = scene.added()
    stale = life.decide(life.new_contact(life.client.contact))
    scene.save(life.rename("Renamed meanwhile"))
    command_id = f"{scene.domain} stale"
    advice = (
        "save_once() remembered a change without an event that was decided on an earlier client: "
        "compare version and erasures for it as well, with the row locked until the end."
    )
    with expect_error(StaleClient, life.client_id, advice):
        _save_once(repository, command_id, stale)
    expect(repository.recall(command_id, at=START) is None, advice)


@check(CommandMemory)
def recall_returns_the_first_outcome_whatever_came_after(repository: WithCommandMemory) -> None:
    """CommandMemory.recall: "Return the change that is remembered", not what has become of it."""
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
        "recall() must return the outcome as it was then, not the client as it is now: keep the "
        "version that it led to, or the whole outcome.",
    )


@check(CommandMemory)
def save_once_refuses_an_id_that_is_remembered(repository: WithCommandMemory) -> None:
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
            "save_once() took an id a second time that was remembered already: make the id a "
            "primary key, insert it in the transaction of the change, and tell its violation as "
            "StaleClient.",
        ):
            _save_once(repository, command_id, change)
    expect_equal(repository.get(life.client_id), first.after, "A refused change leaves no trace.")
    expect_equal(repository.get(other.after.id), None, "A refused change leaves no client.")
    _expect_remembered(repository, command_id, first, "The first outcome must be kept.")


@check(CommandMemory)
def save_once_remembers_nothing_where_it_fails(repository: WithCommandMemory) -> None:
    """CommandMemory.save_once: "and remember it, in one transaction"."""
    scene = Scene(repository)
    life = scene.added(local="taken")
    stale = life.decide(life.new_contact(ContactDetails("Stale")))
    scene.save(life.rename("Renamed meanwhile"))
    late = scene.life().add("Late", scene.email("taken")).changes[0]
    advice = (
        "save_once() must refuse what save() refuses, and then remember nothing: store the change "
        "and its outcome in one transaction."
    )
    for change, error in ((stale, StaleClient), (late, EmailTaken)):
        command_id = f"{scene.domain} {change.after.id}"
        with expect_error(error, change.after.id, advice):
            _save_once(repository, command_id, change)
        expect(repository.recall(command_id, at=START) is None, advice)
    expect_equal(repository.get(life.client_id), life.client, advice)


@check(CommandMemory)
def outcomes_are_forgotten_when_their_time_is_up(repository: WithCommandMemory) -> None:
    """CommandMemory.save_once: "when this change is forgotten"; until then it is remembered."""
    scene = Scene(repository)
    life = scene.added().rename("First")
    (change,) = life.unsaved()
    command_id = f"{scene.domain} passing"
    _save_once(repository, command_id, change)
    expect(
        repository.recall(command_id, at=_UNTIL - _MOMENT) is not None,
        "recall() forgot an outcome before its time: it is remembered while at < until.",
    )
    expect(
        repository.recall(command_id, at=_UNTIL) is None,
        "recall() still knew an outcome when its time was up: compare at with until, whether or "
        "not anything has been cleared away.",
    )
    (next_change,) = life.rename("Second").unsaved()
    try:
        repository.save_once(command_id, next_change, at=_UNTIL, until=_UNTIL + _WEEK)
    except StaleClient:
        expect(False, "save_once() refused an id whose time was up: forget it first.")
    found = repository.recall(command_id, at=_UNTIL)
    expect_equal(found, next_change, "An id may be used again once it is forgotten.")


@check(CommandMemory)
def command_ids_are_kept_to_the_last_character(repository: WithCommandMemory) -> None:
    """CommandMemory.save_once: "the command's own id, at most 200 characters"."""
    scene = Scene(repository)
    long = (scene.domain + "\U0001f9fe\u00e9" * 100)[:199]
    advice = (
        "A command's id has up to 200 characters of any script, and ids that differ in the last "
        "of them are two: keep all of it in a column for Unicode, compared by code point."
    )
    changes = {}
    for command_id in (f"{long}a", f"{long}b", f"{long}\u00e9", f"{long[:-1]}e\u0301"):
        change = changes[command_id] = scene.life().add("Acme").changes[0]
        expect(repository.recall(command_id, at=START) is None, advice)
        try:
            _save_once(repository, command_id, change)
        except StaleClient:
            expect(False, advice)
    for command_id, change in changes.items():
        _expect_remembered(repository, command_id, change, advice)


@check(CommandMemory)
def outcomes_are_forgotten_at_moments_in_any_time_zone(repository: WithCommandMemory) -> None:
    """CommandMemory: "Times are compared as moments, whatever their time zones"."""
    scene = Scene(repository)
    advice = (
        "A time may be given in any time zone, such as 01:00-08:00 for 09:00 in UTC: convert it "
        "to UTC before it is stored or compared, or keep it in a column that knows zones."
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
        try:
            repository.save_once(command_id, other, at=until, until=_UNTIL + _WEEK)
        except StaleClient:
            expect(False, advice)
