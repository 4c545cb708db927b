"""The repository on a database, for asyncio."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from types import TracebackType
from typing import Self, TypeVar, TypeVarTuple, final
from uuid import UUID

from sqlalchemy import URL, AsyncAdaptedQueuePool, Connection
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from client_access.change import Change
from client_access.client import Client
from client_access.errors import needs
from client_access.events import Event
from client_access.questions.lists import StoredRow
from client_access.repository import PURGED_AT_ONCE, Claim, OutboxState
from client_access.repository.awaited import AsyncRepository
from client_access.repository.feeding import check_page
from client_access.service.retries import Retries
from client_access.sql import erasing, feeding, outbox, refreshing, store
from client_access.sql.async_sessions import AsyncConnections, AsyncKeptConnection, whole
from client_access.sql.async_transactions import in_transaction_async
from client_access.sql.compacting import compact
from client_access.sql.connections import (
    in_deferred_transaction,
    in_one_statement,
    in_savepoint,
    in_transaction,
    outside_transaction,
    read,
    read_in_host,
)
from client_access.sql.engines import (
    DEFAULT_POOL_SIZE,
    DEFAULT_POOL_TIMEOUT,
    check_bind,
    engine_options,
    parse_url,
    usable_url,
    watch,
)
from client_access.sql.faults import (
    as_repository_error,
    is_collision,
    is_made_meanwhile,
    pause_after,
)
from client_access.sql.schema import check, in_this_version, is_up_to_date, take_steps
from client_access.values import ClientList
from client_access.values.validation import wrong_type

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

_INSTEAD = "use AsyncSqlRepository.open(url), or SqlRepository for an engine that is not async"


@final
class AsyncSqlRepository:
    """Does the same as :class:`~client_access.sql.SqlRepository`, for asyncio.

    Parameters:
        bind: an async engine or an async connection of SQLAlchemy. :meth:`prepare` makes the
            tables.
        migrate: whether :meth:`prepare` makes the tables or brings them up to date, with an engine.
            If not, it only checks them.
    """

    def __init__(self, bind: AsyncEngine | AsyncConnection, *, migrate: bool = True) -> None:
        if not isinstance(bind, AsyncEngine | AsyncConnection):
            raise wrong_type("bind", "an async engine or connection of SQLAlchemy", bind, _INSTEAD)
        check_bind(bind.dialect, bind.pool if isinstance(bind, AsyncEngine) else None)
        self._bind = bind
        self._process = os.getpid()
        self._migrate = migrate
        engine = bind if isinstance(bind, AsyncEngine) else bind.engine
        self._connections: AsyncConnections | AsyncKeptConnection = AsyncConnections(engine)
        watch(engine.sync_engine)

    @classmethod
    async def open(
        cls,
        url: str | URL,
        *,
        schema: str | None = None,
        migrate: bool = True,
        pool_size: int = DEFAULT_POOL_SIZE,
        pool_timeout: float = DEFAULT_POOL_TIMEOUT,
        connect_args: Mapping[str, object] | None = None,
    ) -> Self:
        """Open a database. Close it with :meth:`close`, or use it as an async context manager.

        Parameters:
            url: such as ``sqlite:///clients.db`` or ``postgresql://user@host/name``.
            schema: the schema of PostgreSQL that has the tables; it must exist. By default, the
                first one of the role's search path.
            migrate: whether to make the tables or bring them up to date. If not, they are only
                checked.
            pool_size: how many connections are open at most. More callers wait.
            pool_timeout: how many seconds a caller waits for a connection.
            connect_args: arguments for the driver, such as ``{"prepare_threshold": None}``.

        Raises:
            InvalidValue: it is not a URL of SQLite or PostgreSQL, or an argument is malformed.
            RepositoryError: the database cannot be opened, or has another version.
            ModuleNotFoundError: the driver is not installed.
        """
        parsed = parse_url(url, "aiosqlite", "psycopg")
        options = engine_options(
            parsed,
            AsyncAdaptedQueuePool,
            schema=schema,
            connect_args=connect_args,
            pool_size=pool_size,
            pool_timeout=pool_timeout,
        )
        extra = "async" if parsed.get_backend_name() == "sqlite" else "postgresql"
        with usable_url():
            with needs(extra):
                engine = create_async_engine(parsed, **options)
            repository = cls(engine, migrate=migrate)
            try:
                await repository.prepare()
            except BaseException:
                await repository.close()
                raise
        return repository

    async def prepare(self) -> None:
        """Make the tables or bring them up to date, or check them, if there is an engine.

        Raises:
            RepositoryError: the tables have a later version than this package knows.
        """
        if not isinstance(self._bind, AsyncEngine):
            return
        if not self._migrate:
            await self._read(check)
        elif not await self._read(is_up_to_date):
            await self._repeat(
                self._connections.writing,
                is_made_meanwhile,
                lambda sync: in_transaction(sync, take_steps),
            )

    async def close(self) -> None:
        """Close the connections of an engine. Do nothing to a host's connection."""
        if isinstance(self._bind, AsyncEngine):
            await self._bind.dispose(close=self._process == os.getpid())

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    @property
    def in_host_transaction(self) -> bool:
        """Whether the host begins, commits and retries the transaction."""
        return isinstance(self._bind, AsyncConnection)

    # ── Repository ───────────────────────────────────────────────────────────────────────────────

    async def get(self, client_id: UUID) -> Client | None:
        """Return the client with this id, even if deleted; None if the id was never used."""
        return await self._read(store.get, client_id)

    async def find_by_email(self, email_key: str) -> Client | None:
        """Return the client whose `email_key` is exactly this, or None."""
        return await self._read(store.find_by_email, email_key)

    async def save(self, changes: Sequence[Change]) -> None:
        """Store changes in order, as if one by one, all or nothing.

        Raises:
            StaleClient: another writer was first, or the id exists.
            EmailTaken: two clients would share an `email_key`, at any step.
        """
        if store.is_plain(changes):
            await self._change(in_one_statement, store.save_plain, changes[0])
        else:
            await self._change(in_deferred_transaction, store.save, changes)

    async def page(
        self,
        practice_id: str,
        client_list: ClientList,
        *,
        search: str,
        limit: int,
        after: tuple[str, UUID] | None,
    ) -> Sequence[Client | StoredRow[str]]:
        """Return clients by their `listing`, ordered by folded name, then id."""
        return await self._read(store.page, practice_id, client_list, search, limit, after)

    # ── Optional protocols ───────────────────────────────────────────────────────────────────────

    async def get_many(self, client_ids: Iterable[UUID]) -> Mapping[UUID, Client]:
        """Return the clients that exist, by id."""
        return await self._read(store.get_many, tuple(client_ids))

    async def find_many_by_email(self, email_keys: Iterable[str]) -> Mapping[str, UUID]:
        """Return the ids of the clients with these addresses, by `email_key`."""
        return await self._read(store.find_many_by_email, tuple(email_keys))

    async def client_ids(self) -> AsyncIterator[UUID]:
        """Yield every id that was ever used, in order, in batches."""
        after = None
        while some := await self._read(store.client_ids, after):
            for client_id in some:
                yield client_id
            after = some[-1]

    async def history(
        self, client_id: UUID, *, after: int = 0, limit: int | None = None
    ) -> Sequence[Event]:
        """Return a client's events in order, after a version; none if there is no such client."""
        return await self._read(store.history, client_id, after, limit)

    async def events_after(self, position: int, *, limit: int) -> Sequence[tuple[int, Event]]:
        """Return committed events after a position, each with its own, by growing position.

        Events that have no position yet are given one, in a short transaction.

        Raises:
            InvalidValue: the position is negative, or the limit is not from 1 to 10,000.
            CorruptRecord: the first event cannot be read; the error has its `position`.
        """
        check_page(position, limit)
        rows = await self._read(feeding.page, position, limit)
        # On SQLite, a reader that finds nothing must not keep writers waiting.
        while len(rows) < limit and await self._read(feeding.is_unnumbered):
            numbered = await self._write(feeding.number)
            rows = await self._read(feeding.page, position, limit)
            if not numbered:
                break
        return feeding.to_events(rows)

    async def service_counts(self, practice_id: str) -> Mapping[str, int]:
        """Return how many clients hold each service that the practice pays for."""
        return await self._read(store.service_counts, practice_id)

    async def with_deadlines(
        self,
        since: datetime,
        until: datetime,
        *,
        practice_id: str | None,
        limit: int,
        after: tuple[datetime, UUID] | None,
    ) -> Sequence[Client | StoredRow[datetime]]:
        """Return clients with a deadline between two moments, ordered by it, then by id."""
        return await self._read(store.with_deadlines, since, until, practice_id, limit, after)

    async def recall(self, command_id: str, *, at: datetime) -> Change | None:
        """Return the change remembered under an id, or None if it is unknown or has expired."""
        return await self._read(store.recall, command_id, at)

    async def save_once(
        self, command_id: str, change: Change, *, at: datetime, until: datetime
    ) -> None:
        """Store a change, if it has an event, and remember it, in one transaction.

        Raises:
            StaleClient: another writer was first, or has remembered the id.
            EmailTaken: two clients would share an `email_key`.
        """
        arguments = command_id, change, at, until
        if change.event is None:
            await self._write(store.save_once, *arguments)
        else:  # adding an event looks at the version of the tables
            await self._change(in_deferred_transaction, store.save_once, *arguments)

    async def purge(self, *, at: datetime, limit: int = PURGED_AT_ONCE) -> int:
        """Delete remembered changes that are forgotten, and return how many."""
        return await self._write(store.purge, at, limit)

    async def locked(
        self, client_ids: Sequence[UUID], work: Callable[[AsyncRepository], Awaitable[T]]
    ) -> T:
        """Await `work` while no other writer can change these clients, and return its result.

        As :meth:`SqlRepository.locked`.
        """

        async def work_on(connection: AsyncConnection) -> T:
            await connection.run_sync(store.lock, client_ids)
            return await work(AsyncSqlRepository(connection))

        try:
            return await in_transaction_async(await self._engine_for("lock clients"), work_on)
        except SQLAlchemyError as error:
            raise as_repository_error(error) from error

    async def in_session(self, work: Callable[[AsyncRepository], Awaitable[T]]) -> T:
        """Do as :meth:`client_access.sql.SqlRepository.in_session`."""
        connections = self._connections
        kept = connections.kept() if isinstance(connections, AsyncConnections) else None
        if kept is None:
            return await work(self)
        session = object.__new__(AsyncSqlRepository)
        vars(session).update(vars(self), _connections=kept)
        try:
            return await work(session)
        finally:
            session._connections = connections
            await kept.end()

    async def erase(self, client_id: UUID) -> None:
        """Erase name, contact details and address from the client, its history and its notices."""
        await self._write(erasing.erase, client_id)

    async def compact(self) -> None:
        """Do as :meth:`client_access.sql.SqlRepository.compact`."""
        engine = await self._engine_for("compact")
        try:
            async with engine.connect() as connection:
                await connection.run_sync(outside_transaction, compact)
        except SQLAlchemyError as error:
            raise as_repository_error(error) from error

    async def claim(self, *, at: datetime, lease: timedelta, limit: int) -> Sequence[Claim]:
        """Lease notices that are due, only the first undelivered one of each client."""
        # On SQLite, a relay that finds nothing must not keep writers waiting.
        if not await self._read(outbox.is_due, at):
            return []
        return await self._write(outbox.claim, at, lease, limit)

    async def delivered(self, claim: Claim) -> bool:
        """Forget a delivered notice; return False if its lease has passed to another relay."""
        return await self._write(outbox.delivered, claim)

    async def failed(self, claim: Claim, *, retry_at: datetime | None) -> bool:
        """Give a notice back, to be tried again from a time on; park it if that is None."""
        return await self._write(outbox.failed, claim, retry_at)

    async def released(self, claim: Claim) -> bool:
        """Give a notice back whose delivery has not begun, without counting a failure."""
        return await self._write(outbox.released, claim)

    async def waiting(self, *, parked: bool, limit: int) -> Sequence[Claim]:
        """Return waiting or parked notices, oldest first, without leasing them."""
        return await self._read(outbox.waiting, parked, limit)

    async def retry(self, notice_id: UUID, *, at: datetime) -> bool:
        """Make a parked notice due again from a time on; return False if it is not parked."""
        return await self._write(outbox.retry, notice_id, at)

    async def refresh(self) -> tuple[UUID, ...]:
        """Write the columns again that no longer follow from their clients' records.

        As :meth:`SqlRepository.refresh`.
        """
        written: list[UUID] = []
        found, last = await self._read(refreshing.outdated, None)
        while last is not None:
            if found:
                written += await self._write(refreshing.rewrite, found)
            found, last = await self._read(refreshing.outdated, last)
        return tuple(written)

    async def discard(self, notice_id: UUID) -> bool:
        """Forget a parked notice; return False if it is not parked."""
        return await self._write(outbox.discard, notice_id)

    async def outbox_state(self) -> OutboxState:
        """Return how much waits, including what cannot be read, and since when."""
        return await self._read(outbox.outbox_state)

    # ── Transactions ─────────────────────────────────────────────────────────────────────────────

    async def _read(self, question: Callable[[Connection, *Ts], T], *arguments: *Ts) -> T:
        if isinstance(self._bind, AsyncEngine):
            return await self._repeat(
                self._connections.reading,
                is_collision,
                lambda sync: read(sync, question, *arguments),
            )
        try:
            return await whole(self._bind, lambda sync: read_in_host(sync, question, *arguments))
        except SQLAlchemyError as error:
            raise as_repository_error(error) from error

    async def _write(self, work: Callable[[Connection, *Ts], T], *arguments: *Ts) -> T:
        """Do work that writes, if the tables have the version of this package."""
        return await self._change(in_transaction, in_this_version, work, *arguments)

    async def _change(
        self,
        transaction: Callable[[Connection, Callable[[Connection, *Ts], T], *Ts], T],
        work: Callable[[Connection, *Ts], T],
        *arguments: *Ts,
    ) -> T:
        """Do work in a transaction, or in a savepoint of the host's transaction."""
        if isinstance(self._bind, AsyncEngine):
            return await self._repeat(
                self._connections.writing,
                is_collision,
                lambda sync: transaction(sync, work, *arguments),
            )
        try:
            return await whole(self._bind, lambda sync: in_savepoint(sync, work, *arguments))
        except SQLAlchemyError as error:
            raise as_repository_error(error) from error

    async def _repeat(
        self,
        on_connection: Callable[[Callable[[Connection], T]], Awaitable[T]],
        passes: Callable[[DBAPIError], bool],
        transaction: Callable[[Connection], T],
    ) -> T:
        """Do a transaction or ask a question, and again after an error that may not occur again."""
        retries = Retries()
        while True:
            try:
                return await on_connection(transaction)
            except SQLAlchemyError as error:
                await asyncio.sleep(pause_after(error, retries, passes))

    async def _engine_for(self, purpose: str) -> AsyncEngine:
        """Return the engine for work that takes a connection itself; a session returns its own."""
        engine = self._bind
        if isinstance(engine, AsyncConnection):
            raise wrong_type(
                "bind", f"an engine to {purpose}", engine, "write AsyncSqlRepository(engine)"
            )
        if isinstance(self._connections, AsyncKeptConnection):
            await self._connections.end()  # a database in memory has no other
        return engine
