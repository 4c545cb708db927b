"""The repository: the protocols of client_access on Django's own models."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from django.db import DEFAULT_DB_ALIAS, IntegrityError, OperationalError, connections, transaction
from django.db.models import Q, QuerySet

import client_access as ca
from client_access.repository.erasing import erase_event, erase_history
from client_access.wire import dump

from .models import ONE_CLIENT_PER_ADDRESS, StoredClient, StoredEvent

TRY_AGAIN = ("40001", "40P01")
"""SQLSTATE of PostgreSQL: the transaction lost against another one."""


class DjangoRepository:
    """Clients and their histories, in the database that Django calls `using`.

    Outside of `atomic()`, each call is a transaction, and the service decides again after a
    conflict. Inside, each call is a savepoint, and repeating is the host's affair.
    """

    def __init__(self, using: str = DEFAULT_DB_ALIAS) -> None:
        self.using = using
        self.clients: QuerySet[StoredClient] = StoredClient.objects.using(using)
        self.events: QuerySet[StoredEvent] = StoredEvent.objects.using(using)

    @property
    def in_host_transaction(self) -> bool:
        """Whether the caller is in `atomic()`."""
        return connections[self.using].in_atomic_block

    def get(self, client_id: UUID) -> ca.Client | None:
        """Return the client with this id."""
        row = self.clients.filter(pk=client_id).first()
        return row.client if row else None

    def find_by_email(self, email_key: str) -> ca.Client | None:
        """Return the client with this address."""
        row = self.clients.filter(email_key=email_key).first()
        return row.client if row else None

    def get_many(self, client_ids: Iterable[UUID]) -> Mapping[UUID, ca.Client]:
        """Return the clients that exist, by id."""
        rows = self.clients.in_bulk(list(client_ids))
        return {client_id: row.client for client_id, row in rows.items()}

    def find_many_by_email(self, email_keys: Iterable[str]) -> Mapping[str, UUID]:
        """Return the ids of the clients that have these addresses."""
        found = self.clients.in_bulk(list(email_keys), field_name="email_key")
        return {email_key: row.pk for email_key, row in found.items()}

    def page(
        self,
        practice_id: str,
        client_list: ca.ClientList,
        *,
        search: str,
        limit: int,
        after: tuple[str, UUID] | None,
    ) -> Sequence[ca.StoredRow[str]]:
        """Return clients of one list in order, from a place on."""
        rows = self.clients.filter(practice_id=practice_id, client_list=client_list.value)
        if search:
            rows = rows.filter(searched__contains=search)
        if after is not None:
            name, client_id = after
            rows = rows.filter(Q(folded_name__gt=name) | Q(folded_name=name, pk__gt=client_id))
        rows = rows.order_by("folded_name", "pk")[:limit]
        return [ca.StoredRow((row.folded_name, row.pk), row.readable) for row in rows]

    def with_deadlines(
        self,
        since: datetime,
        until: datetime,
        *,
        practice_id: str | None,
        limit: int,
        after: tuple[datetime, UUID] | None,
    ) -> Sequence[ca.StoredRow[datetime]]:
        """Return clients with a deadline between two moments, in order."""
        rows = self.clients.filter(deadline__gte=since, deadline__lt=until)
        if practice_id is not None:
            rows = rows.filter(managed_by=practice_id)
        if after is not None:
            at, client_id = after
            rows = rows.filter(Q(deadline__gt=at) | Q(deadline=at, pk__gt=client_id))
        rows = rows.order_by("deadline", "pk")[:limit]
        return [ca.StoredRow((row.deadline, row.pk), row.readable) for row in rows if row.deadline]

    def history(
        self, client_id: UUID, *, after: int = 0, limit: int | None = None
    ) -> Sequence[ca.Event]:
        """Return a client's events in order, after a version."""
        rows = self.events.filter(client_id=client_id, version__gt=after).order_by("version")
        return [row.event for row in rows[:limit]]

    def save(self, changes: Sequence[ca.Change]) -> None:
        """Store changes in order, all or nothing."""
        if not changes:
            return
        client_ids = [change.after.id for change in changes]
        at_fault = client_ids[0]
        try:
            with transaction.atomic(using=self.using):
                # Every writer locks clients in the order of their ids, so none waits in a circle.
                rows = self.clients.select_for_update().order_by("pk").in_bulk(client_ids)
                for change, at_fault in zip(changes, client_ids, strict=True):
                    row = rows.get(at_fault)
                    if not change.follows(row.client if row else None):
                        raise ca.StaleClient(at_fault)
                    row = rows[at_fault] = row or StoredClient()
                    row.client = change.after
                    row.save(using=self.using, force_insert=change.before is None)
                self.events.bulk_create(
                    StoredEvent.of(change.event) for change in changes if change.event
                )
                for change in changes:
                    if change.after.status is ca.Status.DELETED:
                        self._overwrite(map(erase_event, self.history(change.after.id)))
        except IntegrityError as error:
            taken = _constraint_of(error) == ONE_CLIENT_PER_ADDRESS
            raise (ca.EmailTaken if taken else ca.StaleClient)(at_fault) from error
        except OperationalError as error:
            if getattr(error.__cause__, "sqlstate", None) not in TRY_AGAIN:
                raise
            raise ca.StaleClient(at_fault) from error

    def erase(self, client_id: UUID) -> None:
        """Erase the person from the client and its history."""
        with transaction.atomic(using=self.using):
            if row := self.clients.select_for_update().filter(pk=client_id).first():
                events = erase_history(self.history(client_id))
                self._overwrite(events)
                row.client = ca.replay(events)
                row.save(using=self.using)

    def _overwrite(self, events: Iterable[ca.Event]) -> None:
        for event in events:
            row = self.events.filter(client_id=event.client_id, version=event.version)
            row.update(record=dump(event))


def _constraint_of(error: IntegrityError) -> str:
    """Return the name of the violated constraint. SQLite names its columns instead."""
    diagnostics = getattr(error.__cause__, "diag", None)
    if diagnostics is not None:
        return str(diagnostics.constraint_name)
    return ONE_CLIENT_PER_ADDRESS if str(error).endswith(".email_key") else ""
