"""Rewriting the files of a database, so that they hold nothing that was deleted or erased."""

from __future__ import annotations

from sqlalchemy import Connection

from client_access.errors import RepositoryError
from client_access.sql.tables import clients, events, notices, outcomes


def compact(connection: Connection) -> None:
    """Rewrite the tables. No transaction may be open.

    Raises:
        RepositoryError: another connection prevents it, or the user may not do it.
    """
    if connection.dialect.name == "sqlite":
        _compact_file(connection)
    else:
        _compact_tables(connection)


def _compact_file(connection: Connection) -> None:
    """Rewrite the file, and empty the write-ahead log, which still has the former pages."""
    connection.exec_driver_sql("VACUUM")
    busy, _, _ = connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").one()
    if busy:
        raise RepositoryError(
            "another connection reads the write-ahead log: compact again when none does"
        )


def _compact_tables(connection: Connection) -> None:
    """Write each table and its indexes into new files, and delete the former ones.

    A plain VACUUM makes the space of dead rows free, but leaves their bytes in it.
    """
    quote = connection.dialect.identifier_preparer.quote
    for table in (clients, events, notices, outcomes):
        schema = connection.schema_for_object(table)
        name = ".".join(quote(part) for part in (schema, table.name) if part)
        file = "SELECT pg_relation_filenode(%s)"
        before = connection.exec_driver_sql(file, (name,)).scalar_one()
        connection.exec_driver_sql(f"VACUUM FULL {name}")
        # The server only warns a user who may not do it.
        if connection.exec_driver_sql(file, (name,)).scalar_one() == before:
            raise RepositoryError("the user may not compact the tables: connect as their owner")
