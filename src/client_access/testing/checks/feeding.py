"""`EventFeed`: the events of all clients, each once, and none missed by a reader that goes on."""

from __future__ import annotations

from collections.abc import Sequence
from threading import Event as Signal
from threading import Thread

from client_access.errors import EmailTaken, InvalidValue
from client_access.events import Event
from client_access.repository import CommandMemory, Erasure, EventFeed
from client_access.testing.checks.frame import (
    ConformanceError,
    FullRepository,
    check,
    expect,
    expect_equal,
    expect_error,
    shown,
)
from client_access.testing.checks.scene import Scene
from client_access.testing.checks.writers import ROUNDS, WRITERS, at_once, to_saves
from client_access.testing.clock import START
from client_access.testing.life import Life
from client_access.values import ContactDetails

_CONTACT = ContactDetails("Secret Person", "secret phone", "Secret Road 1")
_PAGE = 3
_LAST = 2**40
"""Greater than the position of any event of a check."""

Page = Sequence[tuple[int, Event]]


def end_of(repository: FullRepository) -> int:
    """Return a position after which there is no event now, without reading the whole feed."""
    low, high = 0, 1
    while page := repository.events_after(high, limit=1):
        low = page[0][0]
        high = 2 * low
        expect(
            high < _LAST,
            "events_after() returns an event after every position: return only those whose "
            "position is greater, and none after the last one.",
        )
    while low < high:
        middle = (low + high) // 2
        page = repository.events_after(middle, limit=1)
        low, high = (page[0][0], high) if page else (low, middle)
    return low


def read_after(repository: FullRepository, position: int, limit: int = _PAGE) -> Page:
    """Return all events after a position, read in pages."""
    found: list[tuple[int, Event]] = []
    while page := repository.events_after(position, limit=limit):
        expect(
            len(page) <= limit,
            f"events_after(limit={limit}) returned {len(page)} events: return at most `limit`.",
        )
        for place, event in page:
            expect(
                place > position,
                f"events_after() returned position {place} after position {position}: return "
                "events by growing position, each greater than the one that is given.",
            )
            position = place
            found.append((place, event))
    return found


def _expect_events(page: Page, lives: Sequence[Life], advice: str) -> None:
    """Expect a feed to have the events of some lives, each once, by version for each client."""
    for life in lives:
        found = [event for _, event in page if event.client_id == life.client_id]
        expect_equal(found, list(life.events), advice)
    expect_equal(len(page), sum(len(life.events) for life in lives), advice)


_EACH_ONCE = (
    "events_after() must return every committed event once, those of one client in the order of "
    "their versions: append change.event in the transaction of its change, and give each event one "
    "position."
)


@check(EventFeed)
def feed_has_every_event_once(repository: FullRepository) -> None:
    """EventFeed.events_after: "Every event has one position"; "in the order of their versions"."""
    scene = Scene(repository)
    start = end_of(repository)
    first, second = scene.life().add("First"), scene.life().add("Second")
    for number in range(2 * _PAGE):
        first.rename(f"First {number}")
        second.rename(f"Second {number}")
    mixed = zip(first.unsaved(), second.unsaved(), strict=True)
    repository.save([change for pair in mixed for change in pair])
    _expect_events(read_after(repository, start), [first, second], _EACH_ONCE)
    third = scene.added("Third")
    scene.save(first.rename("First, late"))
    lives = [first, second, third]
    _expect_events(read_after(repository, start), lives, _EACH_ONCE)
    _expect_events(read_after(repository, start, limit=1), lives, _EACH_ONCE)
    _expect_events(read_after(repository, start, limit=10_000), lives, _EACH_ONCE)


@check(EventFeed)
def feed_has_every_field_of_an_event(repository: FullRepository) -> None:
    """EventFeed.events_after: "Return committed events", with every field."""
    scene = Scene(repository)
    start = end_of(repository)
    for example in scene.examples().values():
        for change in example.changes:
            repository.save([change])
            page = repository.events_after(start, limit=_PAGE)
            expect_equal(len(page), 1, _EACH_ONCE)
            start, event = page[0]
            expect_equal(
                event,
                change.event,
                "events_after() must return each event as it was saved: store every field of it.",
            )


@check(EventFeed)
def feed_goes_on_after_a_position(repository: FullRepository) -> None:
    """EventFeed.events_after: "the position after which the page begins"."""
    scene = Scene(repository)
    start = end_of(repository)
    life = scene.added("First")
    for number in range(2 * _PAGE):
        life.rename(f"Renamed {number}")
    scene.save(life)
    whole = list(read_after(repository, start))
    _expect_events(whole, [life], _EACH_ONCE)
    positions = [start, *(position for position, _ in whole)]
    for index, position in enumerate(positions):
        for limit in (1, 2, len(whole), len(whole) + 1):
            expect_equal(
                list(repository.events_after(position, limit=limit)),
                whole[index:][:limit],
                f"events_after(position, limit={limit}) is wrong: return the events with a greater "
                "position, by position, not more than `limit` of them, and each at the position "
                "that it had before.",
            )
    expect(
        len(repository.events_after(0, limit=1)) == 1,
        "events_after(0) must begin with the first event: 0 stands before it.",
    )


@check(EventFeed)
def feed_refuses_malformed_places(repository: FullRepository) -> None:
    """EventFeed.events_after: "the position is negative, or the limit is out of range"."""
    Scene(repository).added()
    for position, limit in ((-1, 1), (0, 0), (0, -1), (0, 10_001)):
        try:
            repository.events_after(position, limit=limit)
        except InvalidValue:
            continue
        raise ConformanceError(
            f"events_after({position}, limit={limit}) must raise InvalidValue: check both "
            "arguments first."
        )


@check(EventFeed)
def feed_keeps_nothing_of_a_failed_save(repository: FullRepository) -> None:
    """EventFeed.events_after: "Return committed events", and no others."""
    scene = Scene(repository)
    start = end_of(repository)
    life = scene.added("First", local="first")
    new, late = scene.life().add("New"), scene.life().add("Late", scene.email("first"))
    advice = "save() failed but left an event in the feed: append in the same transaction."
    with expect_error(EmailTaken, late.client_id, advice):
        scene.save(new, late)
    after = scene.added("After")
    _expect_events(read_after(repository, start), [life, after], advice)


@check(EventFeed, CommandMemory)
def feed_has_what_save_once_stores(repository: FullRepository) -> None:
    """EventFeed.events_after: "Every event has one position", also of `save_once`."""
    scene = Scene(repository)
    start = end_of(repository)
    life = scene.life().add("First")
    (change,) = life.unsaved()
    repository.save_once(f"{scene.domain} 1", change, at=START, until=scene.clock())
    same = life.decide(life.new_contact(life.client.contact))
    repository.save_once(f"{scene.domain} 2", same, at=START, until=scene.clock())
    _expect_events(read_after(repository, start), [life], _EACH_ONCE)


@check(EventFeed, Erasure)
def feed_keeps_no_person_who_was_erased(repository: FullRepository) -> None:
    """EventFeed.events_after: "keep their positions and name no person" (E7)."""
    scene = Scene(repository)
    for end in ("erase", "delete"):
        start = end_of(repository)
        life = scene.life().add("Secret Ltd", scene.email(f"secret.{end}"), contact=_CONTACT)
        scene.save(life.rename("Secret & Sons"))
        before = [position for position, _ in read_after(repository, start)]
        life.change_contact(ContactDetails("Secret Successor"))
        scene.save(life)  # read only after the erasure
        if end == "erase":
            repository.erase(life.client_id)
        else:
            scene.save(life.delete())
        after = read_after(repository, start)
        expect(
            "secret" not in shown([event for _, event in after]).lower(),
            "A person was erased, but is still in the feed: let events_after() return what "
            "history() returns, and replace each stored event of the client by "
            "client_access.repository.erasing.erase_event(event).",
        )
        expect_equal(
            ([position for position, _ in after][: len(before)], [e.version for _, e in after]),
            (before, list(range(1, life.client.version + 1))),
            "events_after() must keep every event of a person who was erased, at the position that "
            "it had before.",
        )


@check(EventFeed, threads=True)
def feed_misses_nothing_that_is_committed_late(repository: FullRepository) -> None:
    """EventFeed.events_after: "a reader that goes on from the last position misses none"."""
    scene = Scene(repository)
    start = end_of(repository)
    lives = [scene.life() for _ in range(WRITERS)]
    read: list[tuple[int, Event]] = []
    done = Signal()

    def go_on_reading() -> None:
        while True:
            ended = done.is_set()
            read.extend(read_after(repository, read[-1][0] if read else start))
            if ended:
                return

    reader = Thread(target=go_on_reading, daemon=True)
    reader.start()
    for number in range(2 * ROUNDS):
        for life in lives:
            if number:
                life.rename(f"Renamed {number}")
            else:
                life.add("Writer")
        at_once(*to_saves(repository, [life.unsaved()[0] for life in lives]))
    done.set()
    reader.join()
    _expect_events(
        read,
        lives,
        "A reader that went on from the last position while others wrote has missed an event, or "
        "had it twice or out of order. A position that is drawn before the commit may become "
        "visible after a greater one: give positions to committed events only, in a transaction "
        "that holds one lock.",
    )
