"""Every statement, compiled once for a dialect and given to its driver as it is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Any, Final, cast, final

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Dialect,
    Table,
    any_,
    bindparam,
    delete,
    exists,
    false,
    func,
    insert,
    literal_column,
    not_,
    null,
    select,
    true,
    tuple_,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.expression import ClauseElement

from client_access.sql.cursor import Cursor
from client_access.sql.tables import clients, events, notices, outcomes

Row = dict[str, object]
"""Values by the names that a statement gives them."""

_WHOLE: Final = (clients.c.id, clients.c.version, clients.c.data)
"""What is read of a client."""


def _getter(names: Sequence[str]) -> Callable[[Row], tuple[object, ...]]:
    """Return what gets values in the order of their places in a statement."""
    if len(names) < 2:
        return lambda values: tuple([values[name] for name in names])
    return itemgetter(*names)


@final
class Statement:
    """A statement as its driver takes it."""

    __slots__ = ("_fixed", "_in_order", "_names", "_sql")

    def __init__(self, clause: ClauseElement, dialect: Dialect) -> None:
        compiled = cast("SQLCompiler", clause.compile(dialect=dialect))
        self._sql = compiled.string
        self._names = compiled.positiontup
        self._in_order = _getter(compiled.positiontup or ())
        # What SQLAlchemy adds by itself, such as an offset of nothing.
        self._fixed = {name: value for name, value in compiled.params.items() if value is not None}

    def ask(self, cursor: Cursor, **values: object) -> Sequence[Any]:
        """Execute a question; return the rows."""
        return cursor.ask(self._sql, self._arguments(values))

    def do(self, cursor: Cursor, **values: object) -> int:
        """Execute a change; return how many rows it concerned."""
        return cursor.do(self._sql, self._arguments(values))

    def do_one(self, cursor: Cursor, values: Row) -> int:
        """Execute a change with the values of a row; return how many rows it concerned."""
        return cursor.do(self._sql, self._arguments(values))

    def do_many(self, cursor: Cursor, rows: Sequence[Row]) -> int:
        """Execute a change once for each of these; return how many rows it concerned."""
        if not rows:
            return 0
        if len(rows) == 1:
            return self.do_one(cursor, rows[0])
        return cursor.do(self._sql, [self._arguments(values) for values in rows], many=True)

    def _arguments(self, values: Row) -> Any:
        if self._fixed:
            values = self._fixed | values
        names = self._names
        return values if names is None else self._in_order(values)


@final
class Statements:
    """All statements, for one dialect."""

    def __init__(self, dialect: Dialect) -> None:
        def compiled(clause: ClauseElement) -> Statement:
            return Statement(clause, dialect)

        upsert = sqlite.insert if dialect.name == "sqlite" else postgresql.insert

        def among(column: ColumnElement[Any], name: str) -> ColumnElement[bool]:
            """Compare with many values that are given as one."""
            if dialect.name == "sqlite":
                each = func.json_each(bindparam(name)).table_valued("value")
                return column.in_(select(each.c.value))
            return column == any_(bindparam(name, type_=ARRAY(column.type)))

        # ── Clients ──────────────────────────────────────────────────────────────────────────────

        self.get = compiled(select(*_WHOLE).where(clients.c.id == bindparam("key")))
        self.get_locked = compiled(
            select(*_WHOLE).where(clients.c.id == bindparam("key")).with_for_update()
        )
        self.get_many = compiled(select(*_WHOLE).where(among(clients.c.id, "keys")))
        self.find = compiled(select(*_WHOLE).where(clients.c.email_key == bindparam("email_key")))
        self.find_many = compiled(
            select(clients.c.email_key, clients.c.id).where(among(clients.c.email_key, "keys"))
        )
        self.ids = compiled(select(clients.c.id).order_by(clients.c.id).limit(bindparam("count")))
        self.ids_after = compiled(
            select(clients.c.id)
            .where(clients.c.id > bindparam("after"))
            .order_by(clients.c.id)
            .limit(bindparam("count"))
        )
        self.insert = compiled(
            upsert(clients).on_conflict_do_nothing(index_elements=[clients.c.id])
        )
        changed = update(clients).where(clients.c.id == bindparam("key"))
        changed = changed.values(_all_but(clients, "id"))
        self.update = compiled(
            changed.where(
                clients.c.version == bindparam("version_before"),
                clients.c.erasures == bindparam("erasures_before"),
            )
        )
        self.overwrite = compiled(changed)

        place = tuple_(clients.c.folded_name, clients.c.id)
        contains = func.instr if dialect.name == "sqlite" else func.strpos
        listed = (
            select(*_WHOLE)
            .where(
                clients.c.practice_id == bindparam("practice_id"),
                clients.c.client_list == bindparam("client_list"),
            )
            .order_by(clients.c.folded_name, clients.c.id)
            .limit(bindparam("count"))
        )
        after = place > tuple_(
            bindparam("after_name", type_=clients.c.folded_name.type),
            bindparam("after_key", type_=clients.c.id.type),
        )
        found = contains(clients.c.folded_name, bindparam("search")) > literal_column("0")
        self.page = {
            (False, False): compiled(listed),
            (False, True): compiled(listed.where(after)),
            (True, False): compiled(listed.where(found)),
            (True, True): compiled(listed.where(after, found)),
        }
        """By whether there is a search, and whether it goes on after a place."""
        self.service_counts = compiled(
            select(clients.c.services, func.count())
            .where(clients.c.invoiced_to == bindparam("practice_id"))
            .group_by(clients.c.services)
        )

        # ── History ──────────────────────────────────────────────────────────────────────────────

        of_client = events.c.client_id == bindparam("key")
        self.history = compiled(
            select(events.c.version, events.c.data).where(of_client).order_by(events.c.version)
        )
        self.append_event = compiled(insert(events))
        self.overwrite_event = compiled(
            update(events)
            .where(of_client, events.c.version == bindparam("event_version"))
            .values(data=bindparam("data"))
        )

        # ── Notices ──────────────────────────────────────────────────────────────────────────────

        one_notice = notices.c.id == bindparam("key")
        leased = (one_notice, notices.c.lease == bindparam("claimed"))
        earlier = notices.alias("earlier")
        in_order = (notices.c.made_at, notices.c.client_id, notices.c.version, notices.c.position)
        self.append_notice = compiled(insert(notices))
        self.due = compiled(
            select(notices.c.id, notices.c.attempts, notices.c.data)
            .where(
                not_(notices.c.parked),
                notices.c.due <= bindparam("at"),
                not_(
                    exists(literal_column("1"))
                    .select_from(earlier)
                    .where(
                        earlier.c.client_id == notices.c.client_id,
                        not_(earlier.c.parked),
                        tuple_(earlier.c.version, earlier.c.position)
                        < tuple_(notices.c.version, notices.c.position),
                    )
                ),
            )
            .order_by(notices.c.due, notices.c.client_id)
            .limit(bindparam("count"))
            .with_for_update(skip_locked=True, of=notices)
        )
        self.lease = compiled(
            update(notices).where(one_notice).values(lease=bindparam("lease"), due=bindparam("due"))
        )
        self.delivered = compiled(delete(notices).where(*leased))
        given_back = (
            update(notices)
            .where(*leased)
            .values(lease=null(), attempts=notices.c.attempts + literal_column("1"))
        )
        self.try_again = compiled(given_back.values(due=bindparam("due")))
        self.park = compiled(given_back.values(parked=true()))
        self.retry = compiled(
            update(notices)
            .where(one_notice, notices.c.parked)
            .values(parked=false(), due=bindparam("due"), attempts=literal_column("0"))
        )
        self.waiting = compiled(
            select(notices.c.id, notices.c.data, notices.c.attempts, notices.c.due)
            .where(notices.c.parked == bindparam("parked"))
            .order_by(*in_order)
            .limit(bindparam("count"))
        )
        self.notices_of = compiled(
            select(notices.c.id, notices.c.data).where(notices.c.client_id == bindparam("key"))
        )
        self.overwrite_notice = compiled(
            update(notices).where(one_notice).values(data=bindparam("data"))
        )
        self.drop_notice = compiled(delete(notices).where(one_notice))

        # ── Outcomes ─────────────────────────────────────────────────────────────────────────────

        one_outcome = outcomes.c.command_id == bindparam("key")
        self.recall = compiled(
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
                (events.c.client_id == outcomes.c.client_id)
                & (events.c.version <= outcomes.c.version),
            )
            .where(one_outcome, outcomes.c.until > bindparam("at"))
            .order_by(events.c.version)
        )
        self.remember = compiled(
            upsert(outcomes).on_conflict_do_nothing(index_elements=[outcomes.c.command_id])
        )
        self.forget = compiled(delete(outcomes).where(outcomes.c.until <= bindparam("at")))
        self.outcomes_of = compiled(
            select(outcomes.c.command_id, outcomes.c.command, outcomes.c.notices).where(
                outcomes.c.client_id == bindparam("key")
            )
        )
        self.overwrite_outcome = compiled(
            update(outcomes)
            .where(one_outcome)
            .values(command=bindparam("command"), notices=bindparam("notices"))
        )


def _all_but(table: Table, key: str) -> dict[str, Any]:
    return {column.name: bindparam(column.name) for column in table.c if column.name != key}
