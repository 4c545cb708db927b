"""The repository on a database, sync."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from types import TracebackType
from typing import Self, TypeVar, TypeVarTuple, final
from uuid import UUID

from sqlalchemy import URL, Connection, Engine, QueuePool, create_engine
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from client_access.change import Change
from client_access.client import Client
from client_access.errors import needs
from client_access.events import Event
from client_access.questions.lists import StoredRow
from client_access.repository import PURGED_AT_ONCE, Claim, OutboxState, Repository
from client_access.repository.feeding import check_page
from client_access.service.retries import Retries
from client_access.sql import erasing, feeding, outbox, refreshing, store
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
from client_access.sql.lines import Line, form_line
from client_access.sql.schema import check, in_this_version, is_up_to_date, take_steps
from client_access.sql.sessions import Connections, KeptConnection
from client_access.sql.transactions import in_transaction as in_host_transaction
from client_access.values import ClientList
from client_access.values.validation import wrong_type

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

_INSTEAD = "use SqlRepository.open(url), or AsyncSqlRepository for an async engine"


@final
class SqlRepository:
    """Clients, their histories and their notices, on SQLite or PostgreSQL.

    With an engine, each call is a transaction of its own. It is tried again if the database refuses
    to serialize it. The constructor makes the tables or brings them up to date.

    With a connection, each call works inside the host's transaction, in a savepoint. It commits
    nothing and retries nothing. The tables must exist.

    Parameters:
        bind: an engine or a connection of SQLAlchemy.
        migrate: whether to make the tables or bring them up to date, with an engine. If not, the
            constructor only checks them.

    Every method raises :class:`~client_access.RepositoryError` if the database fails, with
    SQLAlchemy's error as the cause, and :class:`~client_access.CorruptRecord` for a row that cannot
    be read.
    """

    def __init__(self, bind: Engine | Connection, *, migrate: bool = True) -> None:
        if not isinstance(bind, Engine | Connection):
            raise wrong_type("bind", "an engine or a connection of SQLAlchemy", bind, _INSTEAD)
        check_bind(bind.dialect, bind.pool if isinstance(bind, Engine) else None)
        self._bind = bind
        self._process = os.getpid()
        self._connections: Connections | KeptConnection = Connections(bind.engine)
        watch(bind.engine)
        if not isinstance(bind, Engine):
            return
        if not migrate:
            self._read(check)
        elif not self._read(is_up_to_date):
            self._repeat(
                self._connections.writing,
                is_made_meanwhile,
                lambda connection: in_transaction(connection, take_steps),
            )

    @classmethod
    def open(
        cls,
        url: str | URL,
        *,
        schema: str | None = None,
        migrate: bool = True,
        pool_size: int = DEFAULT_POOL_SIZE,
        pool_timeout: float = DEFAULT_POOL_TIMEOUT,
        connect_args: Mapping[str, object] | None = None,
    ) -> Self:
        """Open a database. Close it with :meth:`close`, or use it as a context manager.

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
        parsed = parse_url(url, "pysqlite", "psycopg")
        options = engine_options(
            parsed,
            QueuePool,
            schema=schema,
            connect_args=connect_args,
            pool_size=pool_size,
            pool_timeout=pool_timeout,
        )
        with usable_url():
            with needs("postgresql"):
                engine = create_engine(parsed, **options)
            try:
                repository = cls(engine, migrate=migrate)
            except BaseException:
                engine.dispose()
                raise
        repository._wait_in_line(engine, options["pool_size"], pool_timeout)
        return repository

    def _wait_in_line(self, engine: Engine, pool_size: int, timeout: float) -> None:
        """Let threads wait in line for a connection, as no one else uses the engine."""
        message = (
            f"the pool of {pool_size} connections ran out after {timeout:g} seconds:"
            " pass a larger pool_size, or make fewer calls at once"
        )
        to_read = to_write = Line(pool_size, timeout, message)
        if engine.dialect.name == "sqlite" and pool_size > 1:
            to_read = Line(pool_size - 1, timeout, message)
            message = f"other threads kept writing for {timeout:g} seconds: SQLite has one writer"
            to_write = Line(1, timeout, message)
        form_line(engine, to_write)
        self._connections = Connections(engine, (to_read, to_write))

    def close(self) -> None:
        """Close the connections of an engine. Do nothing to a host's connection.

        In a forked process, this leaves those of its parent open.
        """
        if isinstance(self._bind, Engine):
            self._bind.dispose(close=self._process == os.getpid())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def in_host_transaction(self) -> bool:
        """Whether the host begins, commits and retries the transaction."""
        return isinstance(self._bind, Connection)

    # ── Repository ───────────────────────────────────────────────────────────────────────────────

    def get(self, client_id: UUID) -> Client | None:
        """Return the client with this id, even if deleted; None if the id was never used."""
        return self._read(store.get, client_id)

    def find_by_email(self, email_key: str) -> Client | None:
        """Return the client whose `email_key` is exactly this, or None."""
        return self._read(store.find_by_email, email_key)

    def save(self, changes: Sequence[Change]) -> None:
        """Store changes in order, as if one by one, all or nothing.

        Raises:
            StaleClient: another writer was first, or the id exists.
            EmailTaken: two clients would share an `email_key`, at any step.
        """
        if store.is_plain(changes):
            self._change(in_one_statement, store.save_plain, changes[0])
        else:
            self._change(in_deferred_transaction, store.save, changes)

    def page(
        self,
        practice_id: str,
        client_list: ClientList,
        *,
        search: str,
        limit: int,
        after: tuple[str, UUID] | None,
    ) -> Sequence[Client | StoredRow[str]]:
        """Return clients by their `listing`, ordered by folded name, then id."""
        return self._read(store.page, practice_id, client_list, search, limit, after)

    # ── Optional protocols ───────────────────────────────────────────────────────────────────────

    def get_many(self, client_ids: Iterable[UUID]) -> Mapping[UUID, Client]:
        """Return the clients that exist, by id."""
        return self._read(store.get_many, tuple(client_ids))

    def find_many_by_email(self, email_keys: Iterable[str]) -> Mapping[str, UUID]:
        """Return the ids of the clients with these addresses, by `email_key`."""
        return self._read(store.find_many_by_email, tuple(email_keys))

    def client_ids(self) -> Iterator[UUID]:
        """Yield every id that was ever used, in order, in batches."""
        after = None
        while some := self._read(store.client_ids, after):
            yield from some
            after = some[-1]

    def history(
        self, client_id: UUID, *, after: int = 0, limit: int | None = None
    ) -> Sequence[Event]:
        """Return a client's events in order, after a version; none if there is no such client."""
        return self._read(store.history, client_id, after, limit)

    def events_after(self, position: int, *, limit: int) -> Sequence[tuple[int, Event]]:
        """Return committed events after a position, each with its own, by growing position.

        Events that have no position yet are given one, in a short transaction.

        Raises:
            InvalidValue: the position is negative, or the limit is not from 1 to 10,000.
            CorruptRecord: the first event cannot be read; the error has its `position`.
        """
        check_page(position, limit)
        rows = self._read(feeding.page, position, limit)
        # On SQLite, a reader that finds nothing must not keep writers waiting.
        while len(rows) < limit and self._read(feeding.is_unnumbered):
            numbered = self._write(feeding.number)
            rows = self._read(feeding.page, position, limit)
            if not numbered:
                break
        return feeding.to_events(rows)

    def service_counts(self, practice_id: str) -> Mapping[str, int]:
        """Return how many clients hold each service that the practice pays for."""
        return self._read(store.service_counts, practice_id)

    def with_deadlines(
        self,
        since: datetime,
        until: datetime,
        *,
        practice_id: str | None,
        limit: int,
        after: tuple[datetime, UUID] | None,
    ) -> Sequence[Client | StoredRow[datetime]]:
        """Return clients with a deadline between two moments, ordered by it, then by id."""
        return self._read(store.with_deadlines, since, until, practice_id, limit, after)

    def recall(self, command_id: str, *, at: datetime) -> Change | None:
        """Return the change remembered under an id, or None if it is unknown or has expired."""
        return self._read(store.recall, command_id, at)

    def save_once(self, command_id: str, change: Change, *, at: datetime, until: datetime) -> None:
        """Store a change, if it has an event, and remember it, in one transaction.

        Raises:
            StaleClient: another writer was first, or has remembered the id.
            EmailTaken: two clients would share an `email_key`.
        """
        arguments = command_id, change, at, until
        if change.event is None:
            self._write(store.save_once, *arguments)
        else:  # adding an event looks at the version of the tables
            self._change(in_deferred_transaction, store.save_once, *arguments)

    def purge(self, *, at: datetime, limit: int = PURGED_AT_ONCE) -> int:
        """Delete remembered changes that are forgotten, and return how many."""
        return self._write(store.purge, at, limit)

    def locked(self, client_ids: Sequence[UUID], work: Callable[[Repository], T]) -> T:
        """Call `work` while no other writer can change these clients, and return its result.

        `work` gets a repository on a connection in a transaction, which is committed after it.

        Raises:
            InvalidValue: the repository has a host's connection.
            StaleClient, EmailTaken: other writers were first each time.
            Exception: what `work` raised; nothing of what it saved is kept.
        """

        def work_on(connection: Connection) -> T:
            store.lock(connection, client_ids)
            return work(SqlRepository(connection))

        try:
            return in_host_transaction(self._engine_for("lock clients"), work_on)
        except SQLAlchemyError as error:
            raise as_repository_error(error) from error

    def in_session(self, work: Callable[[Repository], T]) -> T:
        """Call `work` with a repository that keeps its connection, and return its result.

        It is kept until a save, an error, or a wait to write. If a host made the engine or the
        connection, `work` gets this repository.
        """
        connections = self._connections
        kept = connections.kept() if isinstance(connections, Connections) else None
        if kept is None:
            return work(self)
        session = object.__new__(SqlRepository)
        vars(session).update(vars(self), _connections=kept)
        try:
            return work(session)
        finally:
            session._connections = connections  # whoever keeps the session keeps no connection
            kept.end()

    def erase(self, client_id: UUID) -> None:
        """Erase name, contact details and address from the client, its history and its notices."""
        self._write(erasing.erase, client_id)

    def compact(self) -> None:
        """Rewrite the database's files, so that nothing of what was erased or deleted is in them.

        It takes as long as copying the tables. Meanwhile nobody else can write, and on PostgreSQL
        nobody can read. Backups and PostgreSQL's write-ahead log keep what they have.

        Raises:
            InvalidValue: the repository has a connection, not an engine.
            RepositoryError: the database failed, another connection to SQLite keeps reading, or the
                user does not own the tables of PostgreSQL.
        """
        try:
            with self._engine_for("compact").connect() as connection:
                outside_transaction(connection, compact)
        except SQLAlchemyError as error:
            raise as_repository_error(error) from error

    def claim(self, *, at: datetime, lease: timedelta, limit: int) -> Sequence[Claim]:
        """Lease notices that are due, only the first undelivered one of each client."""
        # On SQLite, a relay that finds nothing must not keep writers waiting.
        if not self._read(outbox.is_due, at):
            return []
        return self._write(outbox.claim, at, lease, limit)

    def delivered(self, claim: Claim) -> bool:
        """Forget a delivered notice; return False if its lease has passed to another relay."""
        return self._write(outbox.delivered, claim)

    def failed(self, claim: Claim, *, retry_at: datetime | None) -> bool:
        """Give a notice back, to be tried again from a time on; park it if that is None."""
        return self._write(outbox.failed, claim, retry_at)

    def released(self, claim: Claim) -> bool:
        """Give a notice back whose delivery has not begun, without counting a failure."""
        return self._write(outbox.released, claim)

    def waiting(self, *, parked: bool, limit: int) -> Sequence[Claim]:
        """Return waiting or parked notices, oldest first, without leasing them."""
        return self._read(outbox.waiting, parked, limit)

    def retry(self, notice_id: UUID, *, at: datetime) -> bool:
        """Make a parked notice due again from a time on; return False if it is not parked."""
        return self._write(outbox.retry, notice_id, at)

    def refresh(self) -> tuple[UUID, ...]:
        """Write the columns again that no longer follow from their clients' records.

        Names and addresses are folded again. Run this after an upgrade of Python or of
        email-validator: either may fold them in another way. Others may write meanwhile. A client
        whose record cannot be read, or whose address is now that of another client, is left as it
        is, and its id is logged as an error.

        Returns:
            The ids of the clients whose columns were written.
        """
        written: list[UUID] = []
        found, last = self._read(refreshing.outdated, None)
        while last is not None:
            if found:
                written += self._write(refreshing.rewrite, found)
            found, last = self._read(refreshing.outdated, last)
        return tuple(written)

    def discard(self, notice_id: UUID) -> bool:
        """Forget a parked notice; return False if it is not parked."""
        return self._write(outbox.discard, notice_id)

    def outbox_state(self) -> OutboxState:
        """Return how much waits, including what cannot be read, and since when."""
        return self._read(outbox.outbox_state)

    # ── Transactions ─────────────────────────────────────────────────────────────────────────────

    def _read(self, question: Callable[[Connection, *Ts], T], *arguments: *Ts) -> T:
        if isinstance(self._bind, Engine):
            return self._repeat(
                self._connections.reading,
                is_collision,
                lambda connection: read(connection, question, *arguments),
            )
        try:
            return read_in_host(self._bind, question, *arguments)
        except SQLAlchemyError as error:
            raise as_repository_error(error) from error

    def _write(self, work: Callable[[Connection, *Ts], T], *arguments: *Ts) -> T:
        """Do work that writes, if the tables have the version of this package."""
        return self._change(in_transaction, in_this_version, work, *arguments)

    def _change(
        self,
        transaction: Callable[[Connection, Callable[[Connection, *Ts], T], *Ts], T],
        work: Callable[[Connection, *Ts], T],
        *arguments: *Ts,
    ) -> T:
        """Do work in a transaction, or in a savepoint of the host's transaction."""
        if isinstance(self._bind, Engine):
            return self._repeat(
                self._connections.writing,
                is_collision,
                lambda connection: transaction(connection, work, *arguments),
            )
        try:
            return in_savepoint(self._bind, work, *arguments)
        except SQLAlchemyError as error:
            raise as_repository_error(error) from error

    def _repeat(
        self,
        on_connection: Callable[[Callable[[Connection], T]], T],
        passes: Callable[[DBAPIError], bool],
        transaction: Callable[[Connection], T],
    ) -> T:
        """Do a transaction or ask a question, and again after an error that may not occur again."""
        retries = Retries()
        while True:
            try:
                return on_connection(transaction)
            except SQLAlchemyError as error:
                time.sleep(pause_after(error, retries, passes))

    def _engine_for(self, purpose: str) -> Engine:
        """Return the engine for work that takes a connection itself; a session returns its own."""
        engine = self._bind
        if isinstance(engine, Connection):
            raise wrong_type(
                "bind", f"an engine to {purpose}", engine, "write SqlRepository(engine)"
            )
        if isinstance(self._connections, KeptConnection):
            self._connections.end()  # a database in memory has no other
        return engine
