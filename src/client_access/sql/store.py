"""What is read and written, with a cursor whose transaction somebody else looks after.

Both repositories, the sync and the async one, do all their work here.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import groupby, islice
from typing import Final, TypeVar, final
from uuid import UUID, uuid4
from weakref import WeakKeyDictionary

from sqlalchemy import Dialect
from sqlalchemy.exc import IntegrityError

from client_access.change import Change
from client_access.client import Client
from client_access.deciding import replay
from client_access.errors import CorruptRecord, EmailTaken, StaleClient
from client_access.events import Event
from client_access.machines.lifecycle import Status
from client_access.notices import Notice
from client_access.repository import Claim
from client_access.repository.erasing import erase_command, erase_event, erase_history, erase_notice
from client_access.sql.cursor import Cursor
from client_access.sql.faults import is_email_conflict
from client_access.sql.rows import (
    Rows,
    decode_notices,
    encode_notices,
    to_change,
    to_codes,
    to_event,
    to_uuid,
)
from client_access.sql.statements import Row, Statements
from client_access.sql.tables import to_microseconds, to_moment
from client_access.values import ClientList
from client_access.wire import (
    decode,
    encode,
    load_command,
)

T = TypeVar("T")

_log = logging.getLogger(__name__)

_AT_ONCE: Final = 1000
"""How many keys go into one question."""
_NO_LEASE: Final = UUID(int=0)


@final
class Store:
    """The methods of the protocols of :mod:`client_access.repository`, with a given cursor."""

    def __init__(self, dialect: Dialect) -> None:
        self._rows = Rows(dialect)
        self._statements = Statements(dialect)

    @classmethod
    def of(cls, dialect: Dialect) -> Store:
        """Return the one store of a dialect: a host may make a repository for each transaction."""
        store = _STORES.get(dialect)
        if store is None:
            store = _STORES[dialect] = cls(dialect)
        return store

    # ── Reading ──────────────────────────────────────────────────────────────────────────────────

    def get(self, cursor: Cursor, client_id: UUID) -> Client | None:
        """Return the client with this id."""
        rows = self._statements.get.ask(cursor, key=self._rows.key(client_id))
        return self._rows.to_client(rows[0]) if rows else None

    def find_by_email(self, cursor: Cursor, email_key: str) -> Client | None:
        """Return the client that has this address."""
        rows = self._statements.find.ask(cursor, email_key=email_key)
        return self._rows.to_client(rows[0]) if rows else None

    def get_many(self, cursor: Cursor, client_ids: Sequence[UUID]) -> dict[UUID, Client]:
        """Return those of the clients that exist."""
        found: dict[UUID, Client] = {}
        for some in _chunks([self._rows.key(client_id) for client_id in client_ids]):
            for row in self._statements.get_many.ask(cursor, keys=self._rows.keys(some)):
                client = self._rows.to_client(row)
                found[client.id] = client
        return found

    def find_many_by_email(self, cursor: Cursor, email_keys: Sequence[str]) -> dict[str, UUID]:
        """Return who has these addresses."""
        found: dict[str, UUID] = {}
        for some in _chunks(email_keys):
            for key, client_id in self._statements.find_many.ask(
                cursor, keys=self._rows.keys(some)
            ):
                found[key] = to_uuid(client_id)
        return found

    def page(
        self,
        cursor: Cursor,
        practice_id: str,
        client_list: ClientList,
        search: str,
        limit: int,
        after: tuple[str, UUID] | None,
    ) -> list[Client]:
        """Return clients of one list in order, from a place on."""
        values: Row = {
            "practice_id": practice_id,
            "client_list": client_list.value,
            "count": limit,
            "search": search,
        }
        if after is not None:
            values |= {"after_name": after[0], "after_key": self._rows.key(after[1])}
        page = self._statements.page[search != "", after is not None]
        return [self._rows.to_client(row) for row in page.ask(cursor, **values)]

    def client_ids(self, cursor: Cursor, after: UUID | None) -> list[UUID]:
        """Return some ids in order, those after a given one; none at the end."""
        if after is None:
            rows = self._statements.ids.ask(cursor, count=_AT_ONCE)
        else:
            rows = self._statements.ids_after.ask(
                cursor, after=self._rows.key(after), count=_AT_ONCE
            )
        return [to_uuid(client_id) for (client_id,) in rows]

    def history(self, cursor: Cursor, client_id: UUID) -> tuple[Event, ...]:
        """Return a client's events in order."""
        rows = self._statements.history.ask(cursor, key=self._rows.key(client_id))
        return tuple(to_event(client_id, version, data) for version, data in rows)

    def service_counts(self, cursor: Cursor, practice_id: str) -> Mapping[str, int]:
        """Return how many clients hold each service that the practice pays for."""
        counts: Counter[str] = Counter()
        for services, count in self._statements.service_counts.ask(cursor, practice_id=practice_id):
            for code in to_codes(services):
                counts[code] += count
        return counts

    # ── Saving ───────────────────────────────────────────────────────────────────────────────────

    def save(self, cursor: Cursor, changes: Sequence[Change]) -> None:
        """Store what changes leave, in order."""
        for new, group in groupby(changes, key=lambda change: change.before is None):
            self._save_clients(cursor, list(group), new=new)
        statements = self._statements
        statements.append_event.do_many(cursor, [self._rows.of_event(change) for change in changes])
        statements.append_notice.do_many(
            cursor, [row for change in changes for row in self._rows.of_notices(change)]
        )
        for change in changes:
            if change.after.status is Status.DELETED:
                events = self.history(cursor, change.after.id)
                erased = [erase_event(event) for event in events]
                self._overwrite_records(cursor, change.after.id, events, erased)

    def _save_clients(self, cursor: Cursor, changes: list[Change], *, new: bool) -> None:
        """Write what changes leave, all of them of new clients or none."""
        statement = self._statements.insert if new else self._statements.update
        rows = [self._rows.of_client(change.before, change.after) for change in changes]
        if len(rows) > 1:
            # All at once, and one by one only to find which of them is at fault.
            cursor.savepoint()
            try:
                written = statement.do_many(cursor, rows)
            except IntegrityError:
                written = 0
            if written == len(rows):
                cursor.release_savepoint()
                return
            cursor.rollback_to_savepoint()
        for row, change in zip(rows, changes, strict=True):
            client_id = change.after.id
            try:
                written = statement.do_one(cursor, row)
            except IntegrityError as error:
                if is_email_conflict(error):
                    raise EmailTaken(client_id) from None
                raise
            if written != 1:
                raise StaleClient(client_id)

    # ── Erasing ──────────────────────────────────────────────────────────────────────────────────

    def erase(self, cursor: Cursor, client_id: UUID) -> None:
        """Erase a person from the client, its history, its notices and its outcomes."""
        key = self._rows.key(client_id)
        rows = self._statements.get_locked.ask(cursor, key=key)
        if not rows:
            return
        before = self._rows.to_client(rows[0])
        events = self.history(cursor, client_id)
        erased = erase_history(events)
        self._overwrite_records(cursor, client_id, events, erased)
        after = replay(erased)
        if after.version != before.version:
            raise CorruptRecord("a client is not what its history makes of it")
        self._statements.overwrite.do(cursor, **self._rows.of_client(before, after))

    def _overwrite_records(
        self, cursor: Cursor, client_id: UUID, events: Sequence[Event], erased: Sequence[Event]
    ) -> None:
        """Put erased events in the place of events; erase notices and remembered changes."""
        key = self._rows.key(client_id)
        statements = self._statements
        statements.overwrite_event.do_many(
            cursor,
            [
                {"key": key, "event_version": event.version, "data": encode(event)}
                for event, was in zip(erased, events, strict=True)
                if event is not was
            ],
        )
        kept: list[Row] = []
        dropped: list[Row] = []
        for notice_key, data in statements.notices_of.ask(cursor, key=key):
            # One that cannot be read may name the person too.
            waiting = self._notice_or_none(notice_key, data)
            notice = None if waiting is None else erase_notice(waiting)
            if notice is None:
                dropped.append({"key": notice_key})
            else:
                kept.append({"key": notice_key, "data": encode(notice)})
        statements.overwrite_notice.do_many(cursor, kept)
        statements.drop_notice.do_many(cursor, dropped)
        remembered: list[Row] = [
            {
                "key": command_id,
                "command": encode(erase_command(load_command(decode(asked)))),
                "notices": encode_notices(_erased(decode_notices(told))),
            }
            for command_id, asked, told in statements.outcomes_of.ask(cursor, key=key)
        ]
        statements.overwrite_outcome.do_many(cursor, remembered)

    # ── Outcomes ─────────────────────────────────────────────────────────────────────────────────

    def recall(self, cursor: Cursor, command_id: str, at: datetime) -> Change | None:
        """Return the change that was remembered under an id and is not forgotten yet."""
        rows = self._statements.recall.ask(cursor, key=command_id, at=to_microseconds(at))
        return to_change(rows) if rows else None

    def save_once(
        self,
        cursor: Cursor,
        command_id: str,
        change: Change,
        at: datetime,
        until: datetime,
    ) -> None:
        """Store a change and remember it."""
        statements, after = self._statements, change.after
        statements.forget.do(cursor, at=to_microseconds(at))
        row = self._rows.of_outcome(command_id, change, until)
        if statements.remember.do_one(cursor, row) != 1:
            raise StaleClient(after.id)
        if change.event is not None:
            self.save(cursor, (change,))
        elif not self._is_as_decided(cursor, after):
            raise StaleClient(after.id)

    def _is_as_decided(self, cursor: Cursor, client: Client) -> bool:
        """Tell whether a client is stored as it was decided on, and keep it so till the end."""
        rows = self._statements.get_locked.ask(cursor, key=self._rows.key(client.id))
        return bool(rows) and self._rows.to_client(rows[0]) == client

    # ── Outbox ───────────────────────────────────────────────────────────────────────────────────

    def claim(self, cursor: Cursor, at: datetime, lease: timedelta, limit: int) -> list[Claim]:
        """Lease notices that are due, the first undelivered one of each client only."""
        claimed, until = uuid4(), at + lease
        values: Row = {"lease": self._rows.key(claimed), "due": to_microseconds(until)}
        due, lease_one = self._statements.due, self._statements.lease
        while rows := due.ask(cursor, at=to_microseconds(at), count=limit):
            # One that cannot be read is leased as well, so that it is out of the way of the others.
            lease_one.do_many(cursor, [{"key": key, **values} for key, _, _ in rows])
            claims = [
                Claim(notice, attempts, claimed, until)
                for key, attempts, data in rows
                if (notice := self._notice_or_none(key, data)) is not None
            ]
            if claims:
                return claims
        return []

    def delivered(self, cursor: Cursor, claim: Claim) -> bool:
        """Forget a notice that was delivered."""
        return self._statements.delivered.do(cursor, **self._leased(claim)) == 1

    def failed(self, cursor: Cursor, claim: Claim, retry_at: datetime | None) -> bool:
        """Give a notice back, or park it."""
        leased = self._leased(claim)
        if retry_at is None:
            return self._statements.park.do(cursor, **leased) == 1
        again = self._statements.try_again.do(cursor, **leased, due=to_microseconds(retry_at))
        return again == 1

    def waiting(self, cursor: Cursor, parked: bool, limit: int) -> list[Claim]:
        """Return notices that wait, or those that are parked."""
        rows = self._statements.waiting.ask(cursor, parked=parked, count=limit)
        return [
            Claim(notice, attempts, _NO_LEASE, None if parked else to_moment(due))
            for key, data, attempts, due in rows
            if (notice := self._notice_or_none(key, data)) is not None
        ]

    def retry(self, cursor: Cursor, notice_id: UUID, at: datetime) -> bool:
        """Make a parked notice due again."""
        again = self._statements.retry.do(
            cursor, key=self._rows.key(notice_id), due=to_microseconds(at)
        )
        return again == 1

    def _leased(self, claim: Claim) -> Row:
        return {"key": self._rows.key(claim.notice.id), "claimed": self._rows.key(claim.lease)}

    def _notice_or_none(self, key: object, data: str) -> Notice | None:
        try:
            return self._rows.to_notice(key, data)
        except CorruptRecord as problem:
            _log.error("The notice %s waits and cannot be read: %s", key, problem)
            return None


_STORES: WeakKeyDictionary[Dialect, Store] = WeakKeyDictionary()


def _erased(notices: Iterable[Notice]) -> Iterator[Notice]:
    for notice in notices:
        if (erased := erase_notice(notice)) is not None:
            yield erased


def _chunks(values: Iterable[T]) -> Iterator[list[T]]:
    iterator = iter(values)
    while chunk := list(islice(iterator, _AT_ONCE)):
        yield chunk
