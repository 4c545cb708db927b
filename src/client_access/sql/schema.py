"""Making the tables, and bringing older ones up to date."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from sqlalchemy import Connection, insert, inspect, select, update
from sqlalchemy.exc import SQLAlchemyError

from client_access.errors import CorruptRecord, RepositoryError
from client_access.sql.faults import as_repository_error
from client_access.sql.tables import metadata, schema

Step = Callable[[Connection], None]

STEPS: Final[Sequence[Step]] = (metadata.create_all,)
"""What leads from each version of the tables to the next: the first makes them.

A change of the tables freezes the statements of the first step as they are and adds one.
"""
_NAME = "client_access"


def bring_up_to_date(connection: Connection, steps: Sequence[Step] = STEPS) -> None:
    """Make the tables, or what a later version adds to them; nothing where they are up to date.

    Safe where several processes do so at once: whoever is not first waits for the first, or fails
    and finds it done when it tries again. Nothing is committed here.

    Raises:
        RepositoryError: the database failed, or the tables are of a later version than this package
            knows.
    """
    try:
        take_steps(connection, steps)
    except SQLAlchemyError as error:
        raise as_repository_error(error) from error


def take_steps(connection: Connection, steps: Sequence[Step] = STEPS) -> None:
    """As :func:`bring_up_to_date`, with the errors of SQLAlchemy."""
    if version_of(connection) is None:
        schema.create(connection, checkfirst=True)
        connection.execute(insert(schema).values(name=_NAME, version=0))
    # The row is locked until the end of the transaction, and with it whoever comes second.
    row = connection.execute(
        select(schema.c.version).where(schema.c.name == _NAME).with_for_update()
    )
    version = _sound(row.scalar_one())
    if version > len(steps):
        raise RepositoryError(f"the tables are of version {version}, which is later than this one")
    for step in steps[version:]:
        step(connection)
    if version < len(steps):
        connection.execute(update(schema).where(schema.c.name == _NAME).values(version=len(steps)))


def is_up_to_date(connection: Connection) -> bool:
    """Tell whether there is nothing to bring up to date, without waiting for anybody."""
    return version_of(connection) == len(STEPS)


def version_of(connection: Connection) -> int | None:
    """Return at which version the tables are, or None where there are none."""
    if not inspect(connection).has_table(schema.name, connection.schema_for_object(schema)):
        return None
    found = connection.execute(select(schema.c.version).where(schema.c.name == _NAME))
    version = found.scalar_one_or_none()
    return None if version is None else _sound(version)


def _sound(version: object) -> int:
    if not isinstance(version, int):
        raise CorruptRecord("the version of the tables is no number")
    return version
