"""Every statement, built once. SQLAlchemy compiles each for a database and keeps the result.

An update sets the columns that its parameters name. A parameter of a condition therefore never has
the name of a column.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    Insert,
    Table,
    Text,
    bindparam,
    cast,
    delete,
    exists,
    func,
    insert,
    not_,
    select,
    tuple_,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from client_access.sql.tables import (
    SCHEMA_NAME,
    VERSION,
    clients,
    events,
    notices,
    outcomes,
    schema,
)


def _insert_if_new(table: Table) -> dict[str, Insert]:
    """Return, by dialect, an insert that does nothing if the primary key exists."""
    return {
        name: dialect.insert(table)
        .on_conflict_do_nothing(index_elements=list(table.primary_key))
        .execution_options(preserve_rowcount=True)
        for name, dialect in {"sqlite": sqlite, "postgresql": postgresql}.items()
    }


# ── Clients ──────────────────────────────────────────────────────────────────────────────────────

_whole = select(clients.c.id, clients.c.version, clients.c.data)
_one_client = clients.c.id == bindparam("key")

GET_CLIENT: Final = _whole.where(_one_client)
GET_CLIENT_LOCKED: Final = GET_CLIENT.with_for_update()
GET_CLIENTS: Final = _whole.where(clients.c.id.in_(bindparam("keys", expanding=True)))
FIND_CLIENT: Final = _whole.where(clients.c.email_key == bindparam("key"))
FIND_CLIENTS: Final = select(clients.c.email_key, clients.c.id).where(
    clients.c.email_key.in_(bindparam("keys", expanding=True))
)
FIRST_IDS: Final = select(clients.c.id).order_by(clients.c.id).limit(bindparam("count"))
NEXT_IDS: Final = FIRST_IDS.where(clients.c.id > bindparam("after"))

PAGE: Final = (
    _whole.where(
        clients.c.practice_id == bindparam("practice_id"),
        clients.c.client_list == bindparam("client_list"),
    )
    .order_by(clients.c.folded_name, clients.c.id)
    .limit(bindparam("count"))
)
AFTER: Final = tuple_(clients.c.folded_name, clients.c.id) > tuple_(
    bindparam("after_name", type_=clients.c.folded_name.type),
    bindparam("after_key", type_=clients.c.id.type),
)
# Not LIKE, which on SQLite ignores the case of ASCII letters.
CONTAINS: Final = {
    "sqlite": func.instr(clients.c.searched, bindparam("search")) > 0,
    "postgresql": func.strpos(clients.c.searched, bindparam("search")) > 0,
}

WITH_DEADLINES: Final = (
    _whole.where(clients.c.deadline >= bindparam("since"), clients.c.deadline < bindparam("until"))
    .order_by(clients.c.deadline, clients.c.id)
    .limit(bindparam("count"))
)
MANAGED_BY: Final = clients.c.managed_by == bindparam("practice_id")
AFTER_DEADLINE: Final = tuple_(clients.c.deadline, clients.c.id) > tuple_(
    bindparam("since", type_=clients.c.deadline.type),
    bindparam("after_key", type_=clients.c.id.type),
)

COUNT_SERVICES: Final = (
    select(clients.c.services, func.count())
    .where(clients.c.invoiced_to == bindparam("key"))
    .group_by(clients.c.services)
)
ADD_CLIENT: Final = _insert_if_new(clients)
OVERWRITE_CLIENT: Final = update(clients).where(_one_client)
UPDATE_CLIENT: Final = OVERWRITE_CLIENT.where(
    clients.c.version == bindparam("version_before"),
    clients.c.erasures == bindparam("erasures_before"),
)

# ── History ──────────────────────────────────────────────────────────────────────────────────────

_of_client = events.c.client_id == bindparam("key")

HISTORY: Final = (
    select(events.c.version, events.c.data).where(_of_client).order_by(events.c.version)
)
# Null if the tables have another version, and then refused: a process of an older version must not
# write beside a newer one. This costs no statement of its own.
_data_of_version = (
    select(cast(bindparam("event_data"), Text))
    .where(schema.c.name == SCHEMA_NAME, schema.c.version == VERSION)
    .scalar_subquery()
)
ADD_EVENT: Final = insert(events).values(data=_data_of_version)
OVERWRITE_EVENT: Final = (
    update(events)
    .where(_of_client, events.c.version == bindparam("event_version"))
    .values(data=_data_of_version)
)

# ── Notices ──────────────────────────────────────────────────────────────────────────────────────

_one_notice = notices.c.id == bindparam("key")
_leased = _one_notice & (notices.c.lease == bindparam("claimed"))
_earlier = notices.alias("earlier")

ADD_NOTICE: Final = insert(notices)
DUE: Final = (
    select(notices.c.id, notices.c.attempts, notices.c.data)
    .where(
        not_(notices.c.parked),
        notices.c.due <= bindparam("at"),
        ~exists().where(
            _earlier.c.client_id == notices.c.client_id,
            not_(_earlier.c.parked),
            tuple_(_earlier.c.version, _earlier.c.position)
            < tuple_(notices.c.version, notices.c.position),
        ),
    )
    .order_by(notices.c.due, notices.c.client_id)
    .limit(bindparam("count"))
    .with_for_update(skip_locked=True, of=notices)
)
UPDATE_NOTICE: Final = update(notices).where(_one_notice)
DROP_NOTICE: Final = delete(notices).where(_one_notice)
DELIVERED: Final = delete(notices).where(_leased)
FAILED: Final = update(notices).where(_leased).values(lease=None, attempts=notices.c.attempts + 1)
RETRY: Final = UPDATE_NOTICE.where(notices.c.parked).values(parked=False, attempts=0)
WAITING: Final = (
    select(notices.c.id, notices.c.data, notices.c.attempts, notices.c.due)
    .where(notices.c.parked == bindparam("is_parked"))
    .order_by(notices.c.made_at, notices.c.client_id, notices.c.version, notices.c.position)
    .limit(bindparam("count"))
)
NOTICES_OF: Final = select(notices.c.id, notices.c.data).where(
    notices.c.client_id == bindparam("key")
)

# ── Outcomes ─────────────────────────────────────────────────────────────────────────────────────

_one_outcome = outcomes.c.command_id == bindparam("key")

RECALL: Final = (
    select(
        outcomes.c.command,
        outcomes.c.version,
        outcomes.c.changed,
        outcomes.c.notices,
        events.c.data,
    )
    .join_from(
        outcomes,
        events,
        (events.c.client_id == outcomes.c.client_id) & (events.c.version <= outcomes.c.version),
    )
    .where(_one_outcome, outcomes.c.until > bindparam("at"))
    .order_by(events.c.version)
)
REMEMBER: Final = _insert_if_new(outcomes)
FORGET: Final = delete(outcomes).where(outcomes.c.until <= bindparam("at"))
OUTCOMES_OF: Final = select(outcomes.c.command_id, outcomes.c.command, outcomes.c.notices).where(
    outcomes.c.client_id == bindparam("key")
)
OVERWRITE_OUTCOME: Final = update(outcomes).where(_one_outcome)
