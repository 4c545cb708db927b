"""Paging ends whatever a repository returns, and no client is left out in silence (C2, S6, N1)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
import world

import client_access as ca

IDS = (UUID(int=1), UUID(int=2))
YEAR = (world.T0, world.T0 + timedelta(days=365))


def waiting() -> ca.MemoryRepository:
    """Return a repository with two clients that the practice pays for and that have deadlines."""
    repository = ca.MemoryRepository()
    access = ca.ClientAccess(repository, catalogue=world.CATALOGUE, clock=lambda: world.T0)
    for client_id in IDS:
        email = f"c{client_id.int}@example.com"
        access.handle(ca.AddClient(client_id, world.NORTH, business_name="Same", email=email))
        access.handle(
            ca.Subscribe(
                client_id,
                world.NORTH,
                payer=ca.Payer.PRACTICE,
                sign_in=ca.SignIn.PRACTICE_AND_CLIENT,
                services={"payroll": None},
            )
        )
    return repository


class Odd:
    """A repository that changes what its pages return."""

    def __init__(self, answer: Callable[..., Sequence[Any]]) -> None:
        good = waiting()
        self.get, self.save, self.find_by_email = good.get, good.save, good.find_by_email
        self._good, self._answer = good, answer

    def page(self, *args: Any, after: Any, **named: Any) -> Sequence[Any]:
        return self._answer(lambda at: self._good.page(*args, after=at, **named), after)

    def with_deadlines(self, *args: Any, after: Any, **named: Any) -> Sequence[Any]:
        return self._answer(lambda at: self._good.with_deadlines(*args, after=at, **named), after)


class AwaitedOdd:
    """The same, awaited."""

    def __init__(self, inner: Odd) -> None:
        self._inner = inner

    async def get(self, client_id: UUID) -> Any:
        return self._inner.get(client_id)

    save = find_by_email = get  # not called

    async def page(self, *args: Any, **named: Any) -> Sequence[Any]:
        return self._inner.page(*args, **named)

    async def with_deadlines(self, *args: Any, **named: Any) -> Sequence[Any]:
        return self._inner.with_deadlines(*args, **named)


def ask(odd: Odd, awaited: bool, question: str, *args: Any, **named: Any) -> Any:
    """Ask one of the two services."""
    if awaited:
        store: Any = AwaitedOdd(odd)
        access = ca.AsyncClientAccess(store, catalogue=world.CATALOGUE)
        return asyncio.run(getattr(access, question)(*args, **named))
    return getattr(ca.ClientAccess(odd, catalogue=world.CATALOGUE), question)(*args, **named)


both = pytest.mark.parametrize("awaited", [False, True])


@both
def test_a_page_that_does_not_lead_on_is_corrupt_and_names_the_client(awaited: bool) -> None:
    """A cursor that does not grow would go round without end."""
    odd = Odd(lambda page, after: page(None))
    for question, args, named in (
        ("next_invoice", ("north",), {}),
        ("deadlines", YEAR, {}),
        (
            "clients",
            ("north", ca.ClientList.INACTIVE),
            {"limit": 1, "after": ("same", IDS[0])},
        ),
    ):
        with pytest.raises(ca.CorruptRecord) as caught:
            ask(odd, awaited, question, *args, **named)
        assert caught.value.client_id in IDS


@both
def test_a_stored_row_is_served_from_the_place_where_it_is_stored(awaited: bool) -> None:
    """The next page begins after the stored place, not after the one that the client gives."""

    def by_another_folding(page: Callable[[Any], Sequence[ca.Client]], after: Any) -> Sequence[Any]:
        rows = [
            ca.StoredRow((f"place {client.id.int}", client.id), client) for client in page(None)
        ]
        return [row for row in rows if after is None or row.place > after]

    odd = Odd(by_another_folding)
    page = ask(odd, awaited, "clients", "north", ca.ClientList.INACTIVE, limit=1)
    assert page.next == ("place 1", IDS[0])
    rest = ask(odd, awaited, "clients", "north", ca.ClientList.INACTIVE, limit=1, after=page.next)
    assert [row.client_id for row in (*page.rows, *rest.rows)] == [*IDS]
    assert rest.next is None
    assert len(ask(odd, awaited, "next_invoice", "north").lines) == 2


@both
def test_an_invoice_never_leaves_a_client_out_in_silence(awaited: bool) -> None:
    """S6: it raises once, with the id of the client that cannot be read, in either list."""
    for which in (ca.ClientList.INACTIVE, ca.ClientList.ACTIVE):
        odd = Odd(lambda page, after: page(after))

        def page(practice_id: str, client_list: ca.ClientList, **named: Any) -> Sequence[Any]:
            unreadable = ca.StoredRow(("x", IDS[1]), None)
            lost = client_list is which and named["after"] is None  # noqa: B023 - called here
            return [unreadable] if lost else []

        odd.page = page  # type: ignore[assignment,method-assign]  # the oddity of this test
        with pytest.raises(ca.CorruptRecord) as caught:
            ask(odd, awaited, "next_invoice", "north")
        assert caught.value.client_id == IDS[1]


@both
def test_a_deadline_is_that_of_the_client_and_not_that_of_its_row(awaited: bool) -> None:
    """N1: what is stored beside a client decides where it is found, and not what is returned."""

    first, second = (waiting().get(client_id) for client_id in IDS)
    stored = [ca.StoredRow((YEAR[0], IDS[1]), second), ca.StoredRow((YEAR[1], IDS[0]), first)]

    def everywhere(page: object, after: Any) -> Sequence[Any]:
        return [row for row in stored if after is None or row.place > after]

    found = ask(Odd(everywhere), awaited, "deadlines", *YEAR)
    assert [deadline.client.id for deadline in found] == [*IDS]
    assert ask(Odd(everywhere), awaited, "deadlines", *_day(YEAR[0])) == ()


def _day(at: datetime) -> tuple[datetime, datetime]:
    return at, at + timedelta(days=1)


@both
def test_a_client_without_a_deadline_that_was_found_by_one_is_corrupt(awaited: bool) -> None:
    """The cursor of the next page could not be made of it."""
    client = world.decide(
        None, ca.AddClient(IDS[0], world.NORTH, business_name="A"), world.T0
    ).after
    with pytest.raises(ca.CorruptRecord) as caught:
        ask(Odd(lambda page, after: [client]), awaited, "deadlines", *YEAR)
    assert caught.value.client_id == IDS[0]
