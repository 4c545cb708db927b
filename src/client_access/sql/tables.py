"""The tables. A value that is searched or compared has a column of its own.

All other values are in `data`, as :mod:`client_access.wire` writes them. Moments are whole
microseconds since 1970: exact, and in the same order on every database.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)

from client_access.errors import CorruptRecord

metadata: Final = MetaData()
"""All tables of this package, for hosts that use Alembic."""

EMAIL_KEY_CONSTRAINT: Final = "client_access_client_email_key"

# Code point order (C2). It is the default of SQLite, and the collation C of PostgreSQL.
_Text = Text().with_variant(Text(collation="C"), "postgresql")

clients: Final = Table(
    "client_access_client",
    metadata,
    Column("id", Uuid, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("erasures", BigInteger, nullable=False),
    Column("email_key", _Text, nullable=False),
    # The listing. All four are null for a client that is in no list (C1).
    Column("practice_id", _Text),
    Column("client_list", _Text),
    Column("folded_name", _Text),
    Column("searched", _Text),
    # The practice that manages the client, which a merely invited practice does not, and the
    # client's deadline (N1). Most clients have no deadline.
    Column("managed_by", _Text),
    Column("deadline", BigInteger),
    # The practice that is invoiced for the services (S6), and their codes as a JSON array.
    Column("invoiced_to", _Text),
    Column("services", _Text, nullable=False),
    Column("data", Text, nullable=False),
    PrimaryKeyConstraint("id", name="client_access_client_pkey"),
    UniqueConstraint("email_key", name=EMAIL_KEY_CONSTRAINT),
)
Index(
    "client_access_client_listing",
    clients.c.practice_id,
    clients.c.client_list,
    clients.c.folded_name,
    clients.c.id,
)
_dated = clients.c.deadline.is_not(None)
Index(
    "client_access_client_deadline",
    clients.c.deadline,
    clients.c.id,
    sqlite_where=_dated,
    postgresql_where=_dated,
)
Index(
    "client_access_client_managed_deadline",
    clients.c.managed_by,
    clients.c.deadline,
    clients.c.id,
    sqlite_where=_dated,
    postgresql_where=_dated,
)
Index("client_access_client_invoiced_to", clients.c.invoiced_to)

events: Final = Table(
    "client_access_event",
    metadata,
    Column("client_id", Uuid, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("data", Text, nullable=False),
    # The place in the feed of all events. A reader of the feed gives it, after the commit.
    Column("position", BigInteger),
    PrimaryKeyConstraint("client_id", "version", name="client_access_event_pkey"),
)
_unnumbered = events.c.position.is_(None)
Index(
    "client_access_event_unnumbered",
    events.c.client_id,
    events.c.version,
    sqlite_where=_unnumbered,
    postgresql_where=_unnumbered,
)
_numbered = events.c.position.is_not(None)
Index(
    "client_access_event_position",
    events.c.position,
    unique=True,
    sqlite_where=_numbered,
    postgresql_where=_numbered,
)

# SQLite stores any text as an id. Read as text, a malformed one does not stop the feed.
RawId: Final = Text().with_variant(Uuid(), "postgresql")

feed: Final = Table(
    "client_access_feed",
    metadata,
    Column("name", _Text, nullable=False),
    Column("position", BigInteger, nullable=False),
    Column("after_client", RawId),
    Column("after_version", BigInteger),
    PrimaryKeyConstraint("name", name="client_access_feed_pkey"),
)
"""One row, which whoever numbers events locks: the last position, and the event numbered last."""

notices: Final = Table(
    "client_access_notice",
    metadata,
    Column("id", Uuid, nullable=False),
    Column("client_id", Uuid, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("position", Integer, nullable=False),
    Column("made_at", BigInteger, nullable=False),
    Column("due", BigInteger, nullable=False),
    Column("parked", Boolean, nullable=False),
    # Whether no earlier notice of the client waits. Only such a notice is claimed.
    Column("first", Boolean, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("lease", Uuid),
    Column("data", Text, nullable=False),
    PrimaryKeyConstraint("id", name="client_access_notice_pkey"),
    UniqueConstraint(
        "client_id", "parked", "version", "position", name="client_access_notice_order"
    ),
)
# SQLite uses a partial index only for a condition in these very words.
_first = text("first = 1")
Index(
    "client_access_notice_due",
    notices.c.due,
    notices.c.client_id,
    sqlite_where=_first,
    postgresql_where=notices.c.first,
)
Index(
    "client_access_notice_first",
    notices.c.client_id,
    unique=True,
    sqlite_where=_first,
    postgresql_where=notices.c.first,
)
Index(
    "client_access_notice_age",
    notices.c.parked,
    notices.c.made_at,
    notices.c.client_id,
    notices.c.version,
    notices.c.position,
)

outcomes: Final = Table(
    "client_access_outcome",
    metadata,
    Column("command_id", _Text, nullable=False),
    Column("client_id", Uuid, nullable=False),
    Column("until", BigInteger, nullable=False),
    Column("data", Text, nullable=False),
    PrimaryKeyConstraint("command_id", name="client_access_outcome_pkey"),
)
Index("client_access_outcome_client", outcomes.c.client_id, outcomes.c.command_id)
Index("client_access_outcome_until", outcomes.c.until)

schema: Final = Table(
    "client_access_schema",
    metadata,
    Column("name", _Text, nullable=False),
    Column("version", Integer, nullable=False),
    PrimaryKeyConstraint("name", name="client_access_schema_pkey"),
)
"""One row: the version of the other tables."""

SCHEMA_NAME: Final = "client_access"
"""The name of that row."""

VERSION: Final = 1
"""The version of the tables that this package reads and writes."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def to_microseconds(moment: datetime) -> int:
    """Return a moment as a column stores it."""
    return (moment - _EPOCH) // _MICROSECOND


def to_moment(microseconds: int) -> datetime:
    """Return the moment that a column stores.

    Raises:
        CorruptRecord: it is not a valid moment.
    """
    try:
        return _EPOCH + timedelta(microseconds=microseconds)
    except (TypeError, OverflowError):
        raise CorruptRecord("a time is out of range") from None
