"""Every statement, built once. SQLAlchemy compiles each for a database and keeps the result.

An update sets the columns that its parameters name, or those for which it was prepared. A parameter
of its condition therefore never has the name of a column.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any, Final

from sqlalchemy import (
    Column,
    ColumnElement,
    Insert,
    Table,
    Text,
    Update,
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

from client_access.sql.prepared import Prepared
from client_access.sql.tables import (
    SCHEMA_NAME,
    VERSION,
    clients,
    events,
    feed,
    notices,
    outcomes,
    schema,
)


def _insert_if_new(
    table: Table, *, or_if: ColumnElement[bool] | None = None
) -> dict[str, Prepared]:
    """Return, by dialect, an insert that does nothing if the primary key exists.

    Parameters:
        table: the table.
        or_if: when to replace the row that has the key.
    """
    inserts = {}
    for name, dialect in {"sqlite": sqlite, "postgresql": postgresql}.items():
        new, key = dialect.insert(table), list(table.primary_key)
        if or_if is None:
            new = new.on_conflict_do_nothing(index_elements=key)
        else:
            values = dict(new.excluded.items())
            new = new.on_conflict_do_update(index_elements=key, set_=values, where=or_if)
        inserts[name] = Prepared(new.execution_options(preserve_rowcount=True))
    return inserts


TABLES_VERSION: Final = Prepared(select(schema.c.version).where(schema.c.name == SCHEMA_NAME))

# ── Clients ──────────────────────────────────────────────────────────────────────────────────────

_whole = select(clients.c.id, clients.c.version, clients.c.data)
_one_client = clients.c.id == bindparam("key")

GET_CLIENT: Final = Prepared(_whole.where(_one_client))
GET_CLIENT_LOCKED: Final = _whole.where(_one_client).with_for_update()
LOCK_CLIENTS: Final = (
    select(clients.c.id)
    .where(clients.c.id.in_(bindparam("keys", expanding=True)))
    .order_by(clients.c.id)
    .with_for_update()
)
GET_CLIENTS: Final = _whole.where(clients.c.id.in_(bindparam("keys", expanding=True)))
FIND_CLIENT: Final = Prepared(
    _whole.add_columns(clients.c.email_key).where(clients.c.email_key == bindparam("key"))
)
FIND_CLIENTS: Final = select(clients.c.email_key, clients.c.id).where(
    clients.c.email_key.in_(bindparam("keys", expanding=True))
)
FIRST_IDS: Final = select(clients.c.id).order_by(clients.c.id).limit(bindparam("count"))
NEXT_IDS: Final = FIRST_IDS.where(clients.c.id > bindparam("after"))

FIRST_ROWS: Final = select(clients).order_by(clients.c.id).limit(bindparam("count"))
NEXT_ROWS: Final = FIRST_ROWS.where(clients.c.id > bindparam("after"))
GET_ROWS_LOCKED: Final = (
    select(clients)
    .where(clients.c.id.in_(bindparam("keys", expanding=True)))
    .order_by(clients.c.id)
    .with_for_update()
)

PAGE: Final = (
    _whole.add_columns(clients.c.folded_name)
    .where(
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
    _whole.add_columns(clients.c.deadline)
    .where(clients.c.deadline >= bindparam("since"), clients.c.deadline < bindparam("until"))
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
_update_client = OVERWRITE_CLIENT.where(
    clients.c.version == bindparam("version_before"),
    clients.c.erasures == bindparam("erasures_before"),
)


@cache
def update_client(names: frozenset[str]) -> Prepared:
    """Return the update of a client that sets the columns with these names; others are ignored."""
    return Prepared(_update_client, [column.name for column in clients.c if column.name in names])


# ── History ──────────────────────────────────────────────────────────────────────────────────────

_of_client = events.c.client_id == bindparam("key")

HISTORY: Final = (
    select(events.c.version, events.c.data)
    .where(_of_client, events.c.version > bindparam("after"))
    .order_by(events.c.version)
    .limit(bindparam("count"))
)
# Null if the tables have another version, and then refused: a process of an older version must not
# write beside a newer one. This costs no statement of its own.
_data_of_version = (
    select(cast(bindparam("event_data"), Text))
    .where(schema.c.name == SCHEMA_NAME, schema.c.version == VERSION)
    .scalar_subquery()
)
ADD_EVENT: Final = Prepared(
    insert(events).values(data=_data_of_version), [events.c.client_id.name, events.c.version.name]
)


def _with_event(write: Insert | Update, columns: Sequence[Column[Any]]) -> Prepared:
    """Return a statement that writes columns of a client and adds its event, for PostgreSQL."""
    given = {column.name: bindparam(column.name, type_=column.type) for column in columns}
    saved = write.values(given).returning(clients.c.id, clients.c.version).cte("saved")
    row = select(saved.c.id, saved.c.version, _data_of_version)
    add = insert(events).from_select(["client_id", "version", "data"], row)
    return Prepared(add.execution_options(preserve_rowcount=True), [])


ADD_CLIENT_WITH_EVENT: Final = _with_event(
    postgresql.insert(clients).on_conflict_do_nothing(index_elements=list(clients.primary_key)),
    list(clients.c),
)
UPDATE_CLIENT_WITH_EVENT: Final = _with_event(
    _update_client, [column for column in clients.c if not column.primary_key]
)
OVERWRITE_EVENT: Final = (
    update(events)
    .where(_of_client, events.c.version == bindparam("event_version"))
    .values(data=_data_of_version)
)

BEGIN_FEED: Final = _insert_if_new(feed)

# ── Notices ──────────────────────────────────────────────────────────────────────────────────────

_one_notice = notices.c.id == bindparam("key")
_leased = _one_notice & (notices.c.lease == bindparam("claimed"))
_one_parked = _one_notice & notices.c.parked
_due = notices.c.first & (notices.c.due <= bindparam("at"))
_line = notices.alias("line")
_head = (
    select(_line.c.id)
    .where(_line.c.client_id == bindparam("key"), not_(_line.c.parked))
    .order_by(_line.c.version, _line.c.position)
    .limit(1)
    .scalar_subquery()
)

# A new notice is the last of its client's line, and the first if no other waits. A transaction on
# PostgreSQL may see others that wait no longer: there, STEP_FORWARD follows.
_others_wait = exists().where(_line.c.client_id == bindparam("client_id"), not_(_line.c.parked))
_sent = [column for column in notices.c if column is not notices.c.first]
_names = [column.name for column in _sent]
_placed = select(*[bindparam(column.name, type_=column.type) for column in _sent], ~_others_wait)
ADD_NOTICE: Final = {
    "sqlite": Prepared(insert(notices).from_select([*_names, "first"], _placed), columns=[]),
    "postgresql": Prepared(insert(notices).values(first=False), columns=_names),
}
IS_DUE: Final = select(notices.c.id).where(_due).limit(1)
DUE: Final = (
    select(notices.c.id, notices.c.attempts, notices.c.lease, notices.c.data)
    .where(_due)
    .order_by(notices.c.due, notices.c.client_id)
    .limit(bindparam("count"))
    .with_for_update(skip_locked=True)
)
UPDATE_NOTICE: Final = update(notices).where(_one_notice)
DROP_NOTICE: Final = delete(notices).where(_one_notice)
DELIVERED: Final = delete(notices).where(_leased)
FAILED: Final = update(notices).where(_leased).values(lease=None, attempts=notices.c.attempts + 1)
PARK: Final = FAILED.values(parked=True, first=False)
RELEASED: Final = update(notices).where(_leased).values(lease=None, due=notices.c.made_at)
RETRY: Final = update(notices).where(_one_parked).values(parked=False, attempts=0)
DISCARD: Final = delete(notices).where(_one_parked)
# The order of a client's notices changes only while its row is locked, by these two statements. The
# second writes the first notice even if it was the first before: a transaction whose snapshot is
# older than that fails, instead of leaving the client without a first notice.
LOCK_LINE: Final = select(clients.c.id).where(_one_client).with_for_update(key_share=True)
STEP_BACK: Final = (
    update(notices)
    .where(notices.c.client_id == bindparam("key"), notices.c.first)
    .values(first=False)
)
STEP_FORWARD: Final = Prepared(
    update(notices).where(notices.c.id == _head).values(first=True), columns=[]
)
CLIENT_OF: Final = select(notices.c.client_id).where(_one_notice)
OUTBOX_STATE: Final = select(notices.c.parked, func.count(), func.min(notices.c.made_at)).group_by(
    notices.c.parked
)
WAITING: Final = (
    select(notices.c.id, notices.c.data, notices.c.attempts, notices.c.due)
    .where(notices.c.parked == bindparam("is_parked"))
    .order_by(notices.c.made_at, notices.c.client_id, notices.c.version, notices.c.position)
    .limit(bindparam("count"))
)
NOTICES_OF: Final = (
    select(notices.c.version, notices.c.position, notices.c.id, notices.c.data)
    .where(
        notices.c.client_id == bindparam("key"),
        tuple_(notices.c.version, notices.c.position)
        > tuple_(
            bindparam("after_version", type_=notices.c.version.type),
            bindparam("after_position", type_=notices.c.position.type),
        ),
    )
    .order_by(notices.c.version, notices.c.position)
    .limit(bindparam("count"))
)

# ── Outcomes ─────────────────────────────────────────────────────────────────────────────────────

_one_outcome = outcomes.c.command_id == bindparam("key")

RECALL: Final = select(outcomes.c.client_id, outcomes.c.data).where(
    _one_outcome, outcomes.c.until > bindparam("at")
)
REMEMBER: Final = _insert_if_new(outcomes, or_if=outcomes.c.until <= bindparam("at"))
FORGOTTEN: Final = (
    select(outcomes.c.command_id)
    .where(outcomes.c.until <= bindparam("at"))
    .limit(bindparam("count"))
    .with_for_update(skip_locked=True)
)
FORGET: Final = delete(outcomes).where(outcomes.c.command_id.in_(bindparam("keys", expanding=True)))
OUTCOMES_OF: Final = (
    select(outcomes.c.command_id, outcomes.c.data)
    .where(outcomes.c.client_id == bindparam("key"), outcomes.c.command_id > bindparam("after"))
    .order_by(outcomes.c.command_id)
    .limit(bindparam("count"))
)
OVERWRITE_OUTCOME: Final = update(outcomes).where(_one_outcome)
