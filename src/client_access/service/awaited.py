"""The service for a repository that is awaited.

Every method does what the method of that name in :class:`~client_access.ClientAccess` does, and
raises the same errors.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TypeGuard, TypeVar, final
from uuid import UUID

from client_access.change import Change
from client_access.client import Client
from client_access.commands import Command
from client_access.deciding import Actions, actions_of
from client_access.errors import EmailTaken, InvalidValue, StaleClient
from client_access.questions.billing import (
    BATCH,
    Invoice,
    InvoiceReading,
    invoice_of_client,
    total_of,
    total_of_counts,
)
from client_access.questions.deadlines import Deadline, DeadlineReading
from client_access.questions.lists import (
    Cursor,
    Page,
    PageQuery,
    StoredRow,
    next_after,
    place_of,
)
from client_access.questions.sign_in import (
    Opening,
    SignInDecision,
    opening_of,
    readable,
    sign_in_of,
)
from client_access.refusals import CommandRefused
from client_access.repository.awaited import (
    AsyncCommandMemory,
    AsyncDeadlines,
    AsyncLocks,
    AsyncLookup,
    AsyncRepository,
    AsyncServiceCounts,
    AsyncSessions,
)
from client_access.service.clock import utc_now
from client_access.service.observing import Observer, Watch
from client_access.service.once import (
    LONGEST_MEMORY,
    NO_MEMORY,
    REMEMBER_FOR,
    recalled,
    to_command_id,
)
from client_access.service.retries import Retries
from client_access.service.unit import Needs, Outcomes, Unit, loaded, to_save
from client_access.values import (
    DEFAULT_POLICY,
    Actor,
    ClientList,
    PlatformUser,
    Policy,
    later,
    to_practice_id,
    to_utc,
)
from client_access.values.catalogue import Catalogue, InvoiceLine
from client_access.values.email_address import EmailAddress, parse_email
from client_access.values.validation import (
    check_awaitable,
    check_callable,
    check_methods,
    check_type,
    to_id,
    to_span,
    to_tuple,
)

T = TypeVar("T")


def _to_await(answer: Awaitable[T]) -> Awaitable[T]:
    """Check the answer of a repository: what it returns says whether it is async."""
    return check_awaitable("repository", answer, "ClientAccess")


@final
class AsyncClientAccess:
    """Commands and questions of practices, clients and the platform, on an awaited repository.

    Parameters:
        repository: where clients are stored.
        catalogue: the services on offer, and those that clients still hold.
        policy: the platform's choices.
        clock: returns the present time, with a time zone.
        remember_for: how long the outcome of a command with a `command_id` is remembered; at most
            10,000 days.
        observe: is called with an :class:`~client_access.Observation` for each command that was
            handled, changed nothing, was refused or failed; not for previews. If it raises an
            error, that is logged by `client_access.service`, and the call goes on. It runs
            in the event loop, so it must not wait.

    Raises:
        InvalidValue: an argument is malformed.
    """

    def __init__(
        self,
        repository: AsyncRepository,
        *,
        catalogue: Catalogue,
        policy: Policy = DEFAULT_POLICY,
        clock: Callable[[], datetime] = utc_now,
        remember_for: timedelta = REMEMBER_FOR,
        observe: Observer | None = None,
    ) -> None:
        check_methods("repository", repository, AsyncRepository)
        check_type("catalogue", catalogue, Catalogue)
        check_type("policy", policy, Policy)
        check_callable("clock", clock)
        if observe is not None:
            check_callable("observe", observe)
        self.repository = repository
        self.catalogue = catalogue
        self.policy = policy
        self.clock = clock
        self.observe = observe
        self.remember_for: timedelta = to_span("remember_for", remember_for, LONGEST_MEMORY)

    # ── Commands ─────────────────────────────────────────────────────────────────────────────────

    async def handle(self, command: Command, *, command_id: str | UUID | None = None) -> Change:
        """Decide on a command and save what it changes; only once for each `command_id`."""
        if command_id is not None:
            return await self._handle_once(command, command_id)
        return (await self.handle_all((command,)))[0]

    async def handle_all(self, commands: Iterable[Command]) -> tuple[Change, ...]:
        """Decide on commands in order, and save all of their changes or none (S5)."""
        return await self._save(to_tuple("commands", commands), Unit.decide_all)

    async def handle_each(self, commands: Iterable[Command]) -> tuple[Change | CommandRefused, ...]:
        """Decide on commands in order, and save the changes of those that are accepted."""
        return await self._save(to_tuple("commands", commands), Unit.decide_each)

    async def preview(self, command: Command) -> Change:
        """Return what :meth:`handle` would return now, and save nothing (S2)."""
        return (await self._load(self.repository, Needs.of((command,)), self._now())).decide(
            command
        )

    async def preview_all(self, commands: Iterable[Command]) -> tuple[Change, ...]:
        """As :meth:`ClientAccess.preview_all`."""
        given = to_tuple("commands", commands)
        return (await self._load(self.repository, Needs.of(given), self._now())).decide_all(given)

    # ── Questions ────────────────────────────────────────────────────────────────────────────────

    async def actions(self, client_id: UUID, by: Actor) -> Actions:
        """Return the commands that an actor could give for a client now, and why not the others."""
        return actions_of(
            await self._get(client_id),
            by,
            at=self._now(),
            catalogue=self.catalogue,
            policy=self.policy,
        )

    async def client(self, client_id: UUID, by: Actor) -> Client:
        """Return a client that the actor has."""
        return readable(await self._get(client_id), by)

    async def opening(self, client_id: UUID, by: Actor) -> Opening:
        """As :meth:`ClientAccess.opening`."""
        client = await self.client(client_id, by)
        return opening_of(client, by, at=self._now(), catalogue=self.catalogue)

    async def clients(
        self,
        practice_id: str,
        client_list: ClientList,
        *,
        search: str = "",
        limit: int = 50,
        after: Cursor | None = None,
    ) -> Page:
        """Return a page of one of a practice's lists (C1, C2)."""
        query = PageQuery.of(practice_id, client_list, search, limit, after)
        return query.page(
            await _to_await(
                self.repository.page(
                    query.practice_id,
                    query.client_list,
                    search=query.search,
                    limit=query.limit + 1,
                    after=query.after,
                )
            )
        )

    async def sign_in(self, email: str | EmailAddress) -> SignInDecision:
        """Decide whether the client with an address can sign in."""
        key = parse_email("email", email).key
        return sign_in_of(await _to_await(self.repository.find_by_email(key)), at=self._now())

    async def deadlines(
        self, since: datetime, until: datetime, *, practice_id: str | None = None
    ) -> tuple[Deadline, ...]:
        """As :meth:`ClientAccess.deadlines`."""
        repository = self.repository
        if not isinstance(repository, AsyncDeadlines):
            raise InvalidValue("repository", "has no with_deadlines: add the protocol Deadlines")
        since, until = to_utc("since", since), to_utc("until", until)
        practice_id = None if practice_id is None else to_practice_id(practice_id)
        reading = DeadlineReading(since, until)
        while rows := await repository.with_deadlines(
            since, until, practice_id=practice_id, limit=BATCH, after=reading.after
        ):
            reading.take(rows)
        return reading.deadlines()

    # ── Invoices ─────────────────────────────────────────────────────────────────────────────────

    async def next_invoice(self, practice_id: str) -> Invoice:
        """Return a practice's next monthly invoice (S6)."""
        lines = [line async for line in self.invoice_lines(practice_id)]
        return Invoice(tuple(lines), self.catalogue.currency)

    async def invoice_lines(
        self, practice_id: str, *, limit: int | None = None
    ) -> AsyncIterator[InvoiceLine]:
        """Yield the lines of a practice's next invoice, a batch of clients at a time."""
        practice_id = to_practice_id(practice_id)
        reading = InvoiceReading(practice_id, self.catalogue, limit)
        async for row in self._listed(practice_id, ClientList.INACTIVE, reading.batch):
            if not reading.hold(row):
                break
        async for row in self._listed(practice_id, ClientList.ACTIVE, reading.batch):
            for line in reading.up_to(row):
                yield line
            if not reading.left:
                return
        for line in reading.rest():
            yield line

    async def next_invoice_total(self, practice_id: str) -> Decimal:
        """Return the total of a practice's next invoice."""
        practice_id = to_practice_id(practice_id)
        if not isinstance(self.repository, AsyncServiceCounts):
            return total_of([line async for line in self.invoice_lines(practice_id)])
        return total_of_counts(await self.repository.service_counts(practice_id), self.catalogue)

    async def next_invoice_of_client(self, client_id: UUID) -> Invoice:
        """Return a client's own next monthly invoice; without lines if it does not pay (S6)."""
        client = readable(await self._get(client_id), PlatformUser())
        return invoice_of_client(client, self.catalogue)

    # ── Loading and saving ───────────────────────────────────────────────────────────────────────

    def _now(self) -> datetime:
        return to_utc("clock", self.clock())

    async def _get(self, client_id: UUID) -> Client | None:
        return await _to_await(self.repository.get(to_id("client_id", client_id)))

    async def _listed(
        self, practice_id: str, client_list: ClientList, batch: int
    ) -> AsyncIterator[Client | StoredRow[str]]:
        after = None
        while rows := await _to_await(
            self.repository.page(practice_id, client_list, search="", limit=batch, after=after)
        ):
            for row in rows:
                yield row
            after = next_after(after, place_of(rows[-1]))

    async def _load(self, repository: AsyncRepository, needs: Needs, at: datetime) -> Unit:
        if needs.many and isinstance(repository, AsyncLookup):
            clients = await repository.get_many(needs.client_ids)
            owners = await repository.find_many_by_email(needs.email_keys)
        else:
            found = [(key, await _to_await(repository.get(key))) for key in needs.client_ids]
            clients = {client_id: client for client_id, client in found if client is not None}
            owners = {client.email_key: client.id for client in map(loaded, clients.values())}
            others = [key for key in needs.email_keys if key not in owners]
            holders = [(key, await repository.find_by_email(key)) for key in others]
            owners |= {key: loaded(client).id for key, client in holders if client is not None}
        return Unit(clients, owners, at=at, catalogue=self.catalogue, policy=self.policy)

    async def _save(
        self, commands: Sequence[Command], decide: Callable[[Unit, Sequence[Command]], Outcomes]
    ) -> Outcomes:
        needs = Needs.of(commands)

        async def attempt(repository: AsyncRepository) -> Outcomes:
            outcomes = decide(await self._load(repository, needs, self._now()), commands)
            if changes := to_save(outcomes):
                await repository.save(changes)
            return outcomes

        with Watch(self.observe, commands) as watch:
            return await self._repeat(needs, attempt, watch)

    async def _handle_once(self, command: Command, given_id: str | UUID) -> Change:
        command_id = to_command_id(given_id, command)
        needs = Needs.of((command,))

        async def attempt(memory: AsyncRepository) -> tuple[Change]:
            if not isinstance(memory, AsyncCommandMemory):
                raise InvalidValue("command_id", NO_MEMORY)
            at = self._now()
            outcome = await memory.recall(command_id, at=at)
            watch.remembered = outcome is not None
            if outcome is not None:
                return (recalled(outcome, command),)
            change = (await self._load(memory, needs, at)).decide(command)
            until = later(at, self.remember_for)
            await memory.save_once(command_id, change, at=at, until=until)
            return (change,)

        with Watch(self.observe, (command,)) as watch:
            return (await self._repeat(needs, attempt, watch))[0]

    async def _repeat(
        self, needs: Needs, attempt: Callable[[AsyncRepository], Awaitable[Outcomes]], watch: Watch
    ) -> Outcomes:
        """Make an attempt, and again after a conflict with another writer."""
        repository = self.repository
        retries = Retries(repository)
        while True:
            watch.attempts = retries.attempts
            try:
                if retries.attempts > 1 and isinstance(repository, AsyncLocks):
                    outcomes = await repository.locked(needs.client_ids, attempt)
                elif _has_sessions(repository):
                    outcomes = await repository.in_session(attempt)
                else:
                    outcomes = await attempt(repository)
            except (StaleClient, EmailTaken) as conflict:
                pause = retries.pause_after(conflict)
            else:
                watch.outcomes = outcomes
                return outcomes
            from asyncio import sleep  # noqa: PLC0415  # a sync host need not import it

            await sleep(pause)


def _has_sessions(repository: AsyncRepository) -> TypeGuard[AsyncSessions]:
    """Return whether the class of a repository has sessions.

    A `__getattr__` that passed on `in_session` would leave its class out, and isinstance is slow on
    Python 3.11.
    """
    return issubclass(type(repository), AsyncSessions)


async def repeat_on_conflict_async(work: Callable[[], Awaitable[T]]) -> T:
    """Do as :func:`repeat_on_conflict`, with work that is awaited."""
    check_callable("work", work)
    retries = Retries()
    while True:
        try:
            return await check_awaitable("work", work(), "repeat_on_conflict")
        except (StaleClient, EmailTaken) as conflict:
            pause = retries.pause_after(conflict)
        from asyncio import sleep  # noqa: PLC0415  # a sync host need not import it

        await sleep(pause)
