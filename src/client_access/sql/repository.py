"""The repository on a database, sync."""

from __future__ import annotations

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
from client_access.events import Event
from client_access.extras import needs
from client_access.repository import Claim
from client_access.sql import store
from client_access.sql.engines import (
    check_bind,
    engine_options,
    in_savepoint,
    in_transaction,
    parse_url,
    read,
    run,
    usable_url,
)
from client_access.sql.faults import (
    Faults,
    as_repository_error,
    is_collision,
    is_made_meanwhile,
)
from client_access.sql.schema import is_up_to_date, take_steps
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

    Every method raises :class:`~client_access.RepositoryError` if the database fails, with
    SQLAlchemy's error as the cause, and :class:`~client_access.CorruptRecord` for a row that cannot
    be read.
    """

    def __init__(self, bind: Engine | Connection) -> None:
        if not isinstance(bind, Engine | Connection):
            raise wrong_type("bind", "an engine or a connection of SQLAlchemy", bind, _INSTEAD)
        check_bind(bind.dialect, bind.pool if isinstance(bind, Engine) else None)
        self._bind = bind
        if isinstance(bind, Engine) and not self._read(is_up_to_date):
            self._repeat(
                bind,
                is_made_meanwhile,
                lambda connection: in_transaction(connection, take_steps),
            )

    @classmethod
    def open(cls, url: str | URL) -> Self:
        """Open a database. Close it with :meth:`close`, or use it as a context manager.

        Parameters:
            url: such as ``sqlite:///clients.db`` or ``postgresql://user@host/name``.

        Raises:
            InvalidValue: it is not a URL of SQLite or PostgreSQL.
            RepositoryError: the database cannot be opened, or has a later version.
            ModuleNotFoundError: the driver is not installed.
        """
        parsed = parse_url(url, "pysqlite", "psycopg")
        with usable_url():
            with needs("postgresql"):
                engine = create_engine(parsed, **engine_options(parsed, QueuePool))
            try:
                return cls(engine)
            except BaseException:
                engine.dispose()
                raise

    def close(self) -> None:
        """Close the connections of an engine. Do nothing to a host's connection."""
        if isinstance(self._bind, Engine):
            self._bind.dispose()

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
        self._write(store.save, changes)

    def page(
        self,
        practice_id: str,
        client_list: ClientList,
        *,
        search: str,
        limit: int,
        after: tuple[str, UUID] | None,
    ) -> Sequence[Client]:
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

    def history(self, client_id: UUID) -> Sequence[Event]:
        """Return a client's events in order; none if there is no such client."""
        return self._read(store.history, client_id)

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
    ) -> Sequence[Client]:
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
        self._write(store.save_once, command_id, change, at, until)

    def erase(self, client_id: UUID) -> None:
        """Erase name, contact details and address from the client, its history and its notices."""
        self._write(store.erase, client_id)

    def claim(self, *, at: datetime, lease: timedelta, limit: int) -> Sequence[Claim]:
        """Lease notices that are due, only the first undelivered one of each client."""
        return self._write(store.claim, at, lease, limit)

    def delivered(self, claim: Claim) -> bool:
        """Forget a delivered notice; return False if its lease has passed to another relay."""
        return self._write(store.delivered, claim)

    def failed(self, claim: Claim, *, retry_at: datetime | None) -> bool:
        """Give a notice back, to be tried again from a time on; park it if that is None."""
        return self._write(store.failed, claim, retry_at)

    def waiting(self, *, parked: bool, limit: int) -> Sequence[Claim]:
        """Return waiting or parked notices, oldest first, without leasing them."""
        return self._read(store.waiting, parked, limit)

    def retry(self, notice_id: UUID, *, at: datetime) -> bool:
        """Make a parked notice due again from a time on; return False if it is not parked."""
        return self._write(store.retry, notice_id, at)

    # ── Transactions ─────────────────────────────────────────────────────────────────────────────

    def _read(self, question: Callable[[Connection, *Ts], T], *arguments: *Ts) -> T:
        try:
            if isinstance(self._bind, Connection):
                return run(self._bind, question, *arguments)
            with self._bind.connect() as connection:
                return read(connection, question, *arguments)
        except SQLAlchemyError as error:
            raise as_repository_error(error) from error

    def _write(self, work: Callable[[Connection, *Ts], T], *arguments: *Ts) -> T:
        if isinstance(self._bind, Engine):
            return self._repeat(
                self._bind,
                is_collision,
                lambda connection: in_transaction(connection, work, *arguments),
            )
        try:
            return in_savepoint(self._bind, work, *arguments)
        except SQLAlchemyError as error:
            raise as_repository_error(error) from error

    def _repeat(
        self,
        engine: Engine,
        passes: Callable[[DBAPIError], bool],
        transaction: Callable[[Connection], T],
    ) -> T:
        """Do a transaction, and again after an error that may not occur again."""
        faults = Faults(passes)
        while True:
            try:
                with engine.connect() as connection:
                    return transaction(connection)
            except SQLAlchemyError as error:
                time.sleep(faults.pause_after(error))
