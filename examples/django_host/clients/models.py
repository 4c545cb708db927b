"""The tables. Migrations own them, and only commands of client_access change clients."""

from __future__ import annotations

from typing import Any, Self

from django.conf import settings
from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper

import client_access as ca
from client_access.wire import dump, load_client, load_event

ONE_CLIENT_PER_ADDRESS = "clients_one_client_per_address"


class Practice(models.Model):
    """A practice, and who works there: rows of the host's own."""

    id = models.SlugField(primary_key=True)
    members = models.ManyToManyField(settings.AUTH_USER_MODEL, related_name="practices")


class CodePointField(models.TextField):
    """Text that is compared by code point (C2), as SQLite does anyway."""

    def db_parameters(self, connection: BaseDatabaseWrapper) -> dict[str, Any]:
        """Return the type of the column, and its collation on PostgreSQL."""
        collation = "C" if connection.vendor == "postgresql" else None
        return {**super().db_parameters(connection), "collation": collation}


class StoredClient(models.Model):
    """A client: its record, and the columns by which it is found."""

    id = models.UUIDField(primary_key=True)
    email_key = CodePointField()
    # Its place in a practice's lists. All four are null for a client that is in no list (C1).
    practice_id = CodePointField(null=True)
    client_list = CodePointField(null=True)
    folded_name = CodePointField(null=True)
    searched = CodePointField(null=True)
    # Who manages it, which a merely invited practice does not, and its deadline (N1).
    managed_by = CodePointField(null=True)
    deadline = models.DateTimeField(null=True)
    record = models.JSONField()

    class Meta:
        verbose_name = "client"
        constraints = [models.UniqueConstraint(fields=["email_key"], name=ONE_CLIENT_PER_ADDRESS)]
        indexes = [
            models.Index(
                fields=["practice_id", "client_list", "folded_name", "id"], name="clients_listing"
            ),
            models.Index(
                fields=["deadline", "id"],
                name="clients_deadline",
                condition=models.Q(deadline__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return str(self.pk)  # the admin's log keeps it, which must outlive an erasure (E7)

    @property
    def client(self) -> ca.Client:
        """The client of the record."""
        return load_client(self.record)

    @client.setter
    def client(self, client: ca.Client) -> None:
        place = client.listing
        self.id, self.email_key = client.id, client.email_key
        self.practice_id = place and place.practice_id
        self.client_list = place and place.client_list.value
        self.folded_name = place and place.folded_name
        self.searched = place and place.searched
        self.managed_by = client.practice_id
        self.deadline = next((deadline.at for deadline in ca.deadlines_of(client)), None)
        self.record = dump(client)

    @property
    def readable(self) -> ca.Client | None:
        """The client; None if its record cannot be read, so that the rest of its list is shown."""
        try:
            return self.client
        except ca.CorruptRecord:
            return None


class StoredEvent(models.Model):
    """What happened to a client."""

    client_id = models.UUIDField()
    version = models.PositiveBigIntegerField()
    record = models.JSONField()

    class Meta:
        verbose_name = "event"
        constraints = [
            models.UniqueConstraint(fields=["client_id", "version"], name="clients_event_once")
        ]

    @classmethod
    def of(cls, event: ca.Event) -> Self:
        """Return the row of an event."""
        return cls(client_id=event.client_id, version=event.version, record=dump(event))

    @property
    def event(self) -> ca.Event:
        """The event of the record."""
        return load_event(self.record)
