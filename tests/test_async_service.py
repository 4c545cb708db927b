"""The async service gives the same answers as the sync one."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import pytest
import world

import client_access as ca
from client_access import ClientList


class Clock:
    """Gives both services the same times."""

    def __init__(self) -> None:
        self.now = world.T0

    def __call__(self) -> datetime:
        return self.now


class AwaitedMemory:
    """An awaited repository in memory that yields to other tasks at each call."""

    in_host_transaction = False

    def __init__(self) -> None:
        self.memory = ca.MemoryRepository()
        self.conflicts: list[ca.StaleClient] = []

    async def get(self, client_id: UUID) -> ca.Client | None:
        await asyncio.sleep(0)
        return self.memory.get(client_id)

    async def get_many(self, client_ids: Iterable[UUID]) -> Mapping[UUID, ca.Client]:
        await asyncio.sleep(0)
        return self.memory.get_many(client_ids)

    async def find_by_email(self, email_key: str) -> ca.Client | None:
        await asyncio.sleep(0)
        return self.memory.find_by_email(email_key)

    async def find_many_by_email(self, email_keys: Iterable[str]) -> Mapping[str, UUID]:
        await asyncio.sleep(0)
        return self.memory.find_many_by_email(email_keys)

    async def save(self, changes: Sequence[ca.Change]) -> None:
        await asyncio.sleep(0)
        if self.conflicts:
            raise self.conflicts.pop()
        self.memory.save(changes)

    async def page(
        self,
        practice_id: str,
        client_list: ClientList,
        *,
        search: str,
        limit: int,
        after: tuple[str, UUID] | None,
    ) -> Sequence[ca.Client]:
        await asyncio.sleep(0)
        return self.memory.page(practice_id, client_list, search=search, limit=limit, after=after)

    async def history(self, client_id: UUID) -> Sequence[ca.Event]:
        await asyncio.sleep(0)
        return self.memory.history(client_id)

    async def with_deadlines(
        self,
        since: datetime,
        until: datetime,
        *,
        practice_id: str | None,
        limit: int,
        after: tuple[datetime, UUID] | None,
    ) -> Sequence[ca.Client]:
        await asyncio.sleep(0)
        return self.memory.with_deadlines(
            since, until, practice_id=practice_id, limit=limit, after=after
        )

    async def recall(self, command_id: str, *, at: datetime) -> ca.Change | None:
        await asyncio.sleep(0)
        return self.memory.recall(command_id, at=at)

    async def save_once(
        self, command_id: str, change: ca.Change, *, at: datetime, until: datetime
    ) -> None:
        await asyncio.sleep(0)
        if self.conflicts:
            raise self.conflicts.pop()
        self.memory.save_once(command_id, change, at=at, until=until)

    async def purge(self, *, at: datetime, limit: int = 1000) -> int:
        await asyncio.sleep(0)
        return self.memory.purge(at=at, limit=limit)


class CountingMemory(AwaitedMemory):
    """A repository that counts services itself."""

    async def service_counts(self, practice_id: str) -> Mapping[str, int]:
        await asyncio.sleep(0)
        return self.memory.service_counts(practice_id)


def answer(ask: Callable[..., object], *args: object, **more: object) -> object:
    """Return the answer, or the error as a value."""
    try:
        return ask(*args, **more)
    except ca.ClientAccessError as error:
        return type(error), str(error)


async def awaited(ask: Awaitable[object]) -> object:
    """Return the awaited answer, or the error as a value."""
    try:
        return await ask
    except ca.ClientAccessError as error:
        return type(error), str(error)


def services(**more: Any) -> tuple[ca.ClientAccess, ca.AsyncClientAccess, Clock]:
    clock = Clock()
    settings: dict[str, Any] = {"catalogue": world.CATALOGUE_THEN, "clock": clock, **more}
    return (
        ca.ClientAccess(ca.MemoryRepository(), **settings),
        ca.AsyncClientAccess(AwaitedMemory(), **settings),
        clock,
    )


def test_both_services_give_the_same_answers_on_the_same_histories() -> None:
    """Commands, reads and refusals, compared answer by answer."""
    chance, client_id = random.Random(4), world.CLIENT_ID

    async def compare(there: world.Reached) -> None:
        sync, other, clock = services()
        for number, command in enumerate(there.commands):
            clock.now += world.STEP
            change = answer(sync.handle, command, command_id=str(number))
            assert isinstance(change, ca.Change)
            assert change == await other.handle(command, command_id=str(number))
            again = await other.handle(command, command_id=str(number))
            if change.after.status is ca.Status.DELETED:  # its history is erased too (L5)
                assert (again.event, again.after) == (change.event, change.after)
            else:
                assert again == change
        for by in world.ACTORS:
            assert sync.actions(client_id, by) == await other.actions(client_id, by)
            for name in ("client", "opening"):
                assert answer(getattr(sync, name), client_id, by) == await awaited(
                    getattr(other, name)(client_id, by)
                )
        assert answer(sync.next_invoice_of_client, client_id) == await awaited(
            other.next_invoice_of_client(client_id)
        )
        assert sync.sign_in(world.FIRST) == await other.sign_in(world.FIRST)
        ever = world.T0, world.LATE
        assert sync.deadlines(*ever) == await other.deadlines(*ever)
        for command in chance.sample(world.commands(chance.choice(world.ACTORS)), 10):
            assert answer(sync.preview, command) == await awaited(other.preview(command))
            together = command, ca.ChangeBusinessName(client_id, world.PLATFORM, business_name="B")
            assert answer(sync.preview_all, together) == await awaited(other.preview_all(together))
            assert answer(sync.handle, command) == await awaited(other.handle(command))

    histories = world.walk().histories
    for there in histories:
        asyncio.run(compare(there))
    assert len(histories) > 50


def _many() -> list[ca.Command]:
    """Return commands that give a practice clients in each of its lists."""
    commands: list[ca.Command] = []
    for number in range(40):
        client_id, by = UUID(int=number), world.NORTH
        make = ca.AddClient if number % 3 else ca.ImportClient
        name = f"{'zyx'[number % 3]} Firm {number % 7}"
        email = f"c{number}@example.com"
        commands.append(make(client_id, by, business_name=name, email=email))
        if number % 2:
            commands.append(
                ca.Subscribe(
                    client_id,
                    by,
                    payer=ca.Payer.PRACTICE,
                    sign_in=list(ca.SignIn)[number % 4 == 1],
                    services={"payroll": None, "extra": None},
                )
            )
    return commands


@pytest.mark.parametrize("repository", [AwaitedMemory, CountingMemory])
def test_lists_and_invoices_of_both_services_are_the_same(
    repository: type[AwaitedMemory],
) -> None:
    """C2, S6: pages, and the lines of invoices in order, streamed or counted."""
    sync, other, _ = services()
    other = ca.AsyncClientAccess(repository(), catalogue=world.CATALOGUE_THEN)
    sync.handle_all(_many())

    async def compare() -> None:
        await other.handle_all(_many())
        for client_list in ClientList:
            after = None
            while True:
                page = sync.clients("north", client_list, limit=3, after=after)
                there = await other.clients("north", client_list, limit=3, after=after)
                assert [row.client_id for row in page.rows] == [row.client_id for row in there.rows]
                assert page.next == there.next
                after = page.next
                if after is None:
                    break
        invoice = sync.next_invoice("north")
        assert invoice == await other.next_invoice("north")
        assert len(invoice.lines) == 40
        assert await other.next_invoice_total("north") == invoice.total
        assert sync.next_invoice_total("north") == invoice.total

    asyncio.run(compare())


def test_the_async_service_refuses_a_batch_whole_or_command_by_command() -> None:
    """S5: `handle_all` is all or none; `handle_each` leaves out what is refused."""
    _, access, _ = services()
    batch = [
        ca.AddClient(world.CLIENT_ID, world.NORTH, business_name="A", email=world.FIRST),
        ca.AddClient(world.OTHER_ID, world.NORTH, business_name="B", email=world.FIRST),
    ]

    async def try_both() -> None:
        with pytest.raises(ca.CommandRefused) as refused:
            await access.handle_all(batch)
        assert refused.value.command == batch[1]
        assert await access.repository.get(world.CLIENT_ID) is None
        added, left_out = await access.handle_each(batch)
        assert isinstance(added, ca.Change)
        assert isinstance(left_out, ca.CommandRefused)
        assert await access.repository.get(world.CLIENT_ID) == added.after

    asyncio.run(try_both())


@pytest.mark.usefixtures("no_pauses")
@pytest.mark.parametrize("command_id", [None, "once", world.OTHER_ID])
@pytest.mark.parametrize(("conflicts", "saved"), [(19, True), (20, False)])
def test_the_async_service_decides_again_at_most_20_times(
    conflicts: int, saved: bool, command_id: str | UUID | None
) -> None:
    """After 20 attempts the conflict is raised."""
    repository = AwaitedMemory()
    repository.conflicts = [ca.StaleClient(world.CLIENT_ID) for _ in range(conflicts)]
    access = ca.AsyncClientAccess(repository, catalogue=world.CATALOGUE)
    command = ca.AddClient(world.CLIENT_ID, world.NORTH, business_name="A")
    if saved:
        asyncio.run(access.handle(command, command_id=command_id))
    else:
        with pytest.raises(ca.StaleClient) as raised:
            asyncio.run(access.handle(command, command_id=command_id))
        assert raised.value.__notes__ == ["Tried 20 times."]
    assert (repository.memory.get(world.CLIENT_ID) is not None) is saved


class WithoutMemory:
    """An awaited repository that has what the protocol asks for, and nothing else."""

    def __init__(self, repository: AwaitedMemory) -> None:
        self.get = repository.get
        self.find_by_email = repository.find_by_email
        self.save = repository.save
        self.page = repository.page


def test_a_command_id_needs_a_repository_that_remembers_commands() -> None:
    """It raises InvalidValue before anything is decided, as the sync service does."""
    access = ca.AsyncClientAccess(WithoutMemory(AwaitedMemory()), catalogue=world.CATALOGUE)
    command = ca.AddClient(world.CLIENT_ID, world.NORTH, business_name="Oak")
    with pytest.raises(ca.InvalidValue, match="command_id"):
        asyncio.run(access.handle(command, command_id="first"))
