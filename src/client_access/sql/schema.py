"""Making the tables, and bringing older ones up to date."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, TypeVar, TypeVarTuple

from sqlalchemy import DDL, Connection, delete, insert, inspect, select, update
from sqlalchemy.exc import SQLAlchemyError

from client_access.errors import CorruptRecord, RepositoryError
from client_access.sql import statements
from client_access.sql.faults import OTHER_VERSION, as_repository_error
from client_access.sql.tables import SCHEMA_NAME, VERSION, clients, events, metadata, schema

T = TypeVar("T")
Ts = TypeVarTuple("Ts")
Step = Callable[[Connection], None]

STEPS: Final[Sequence[Step]] = (metadata.create_all,)
"""The steps from each version of the tables to the next. The first step makes the tables.

Whoever changes the tables freezes the statements of the first step and adds a step.
"""
assert len(STEPS) == VERSION
_NAME: Final = SCHEMA_NAME
_KEEP_WRITERS_OUT: Final = DDL(  # type: ignore[no-untyped-call]  # SQLAlchemy gives it no types
    "LOCK TABLE %(fullname)s IN SHARE ROW EXCLUSIVE MODE"
)


def bring_up_to_date(connection: Connection, steps: Sequence[Step] = STEPS) -> None:
    """Make the tables, or upgrade older ones. Do nothing if they are up to date.

    Several processes may do so at once. The others wait for the first, or fail and find the tables
    when they try again. Nothing is committed here.

    Raises:
        RepositoryError: the database failed, a table is missing, or the tables have a later version
            than this package knows.
    """
    try:
        take_steps(connection, steps)
    except SQLAlchemyError as error:
        raise as_repository_error(error) from error


def take_steps(connection: Connection, steps: Sequence[Step] = STEPS) -> None:
    """Do the same as :func:`bring_up_to_date`, with the errors of SQLAlchemy."""
    if version_of(connection) is None:
        schema.create(connection, checkfirst=True)
        connection.execute(insert(schema).values(name=_NAME, version=0))
    # The lock on the row makes other processes wait until the transaction ends.
    row = connection.execute(
        select(schema.c.version).where(schema.c.name == _NAME).with_for_update()
    )
    version = _sound(row.scalar_one())
    if version > len(steps):
        raise RepositoryError(
            f"the tables are of version {version}, which is later: upgrade client-access"
        )
    if 0 < version < len(steps) and connection.dialect.name == "postgresql":
        # A statement that waited for a row would still see the old version, and write.
        for table in (clients, events):
            connection.execute(_KEEP_WRITERS_OUT.against(table))
    for step in steps[version:]:
        step(connection)
    if version == len(steps):
        _check_tables(connection)
    else:
        connection.execute(update(schema).where(schema.c.name == _NAME).values(version=len(steps)))


def stamp(connection: Connection) -> None:
    """Record that the tables have the version of this package, made by Alembic for example.

    Nothing is committed here.

    Raises:
        RepositoryError: a table is missing, or the database failed.
    """
    try:
        _check_tables(connection)
        connection.execute(delete(schema).where(schema.c.name == _NAME))
        connection.execute(insert(schema).values(name=_NAME, version=VERSION))
    except SQLAlchemyError as error:
        raise as_repository_error(error) from error


def is_up_to_date(connection: Connection) -> bool:
    """Return whether the tables are up to date, without waiting for a lock.

    Raises:
        RepositoryError: they are, by their version, but a table is missing.
    """
    if version_of(connection) != VERSION:
        return False
    _check_tables(connection)
    return True


def in_this_version(
    connection: Connection, work: Callable[[Connection, *Ts], T], *arguments: *Ts
) -> T:
    """Do work that writes, unless another process has upgraded the tables meanwhile.

    What adds events checks that by itself, without a statement more.

    Raises:
        RepositoryError: the tables have another version.
    """
    found = statements.TABLES_VERSION.rows(connection, {})
    if [version for (version,) in found] != [VERSION]:
        raise RepositoryError(OTHER_VERSION)
    return work(connection, *arguments)


def check(connection: Connection) -> None:
    """Check that the tables are up to date, for a host that makes them itself.

    Raises:
        RepositoryError: they are missing, or have another version.
    """
    version = version_of(connection)
    if version is None:
        raise RepositoryError("the tables are missing, or have no version: make and stamp them")
    if version != VERSION:
        raise RepositoryError(f"the tables are of version {version}, and must be of {VERSION}")
    _check_tables(connection)


def _check_tables(connection: Connection) -> None:
    found = inspect(connection)
    for name, table in metadata.tables.items():
        if not found.has_table(name, connection.schema_for_object(table)):
            raise RepositoryError(f"the table {name} is missing: restore it from a backup")


def version_of(connection: Connection) -> int | None:
    """Return the version of the tables, or None if there are no tables."""
    if not inspect(connection).has_table(schema.name, connection.schema_for_object(schema)):
        return None
    found = connection.execute(select(schema.c.version).where(schema.c.name == _NAME))
    version = found.scalar_one_or_none()
    return None if version is None else _sound(version)


def _sound(version: object) -> int:
    if not isinstance(version, int):
        raise CorruptRecord("the version of the tables is not a number")
    return version
