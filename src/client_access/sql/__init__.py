"""Clients in a database, by SQLAlchemy: SQLite for a start, PostgreSQL for many writers.

`SqlRepository.open(url)`, or `SqlRepository(engine or connection)`; it also answers every protocol
of :mod:`client_access.repository`, and `client_ids()` yields all ids in order.
"""

from client_access.sql.repository import SqlRepository
from client_access.sql.schema import bring_up_to_date
from client_access.sql.tables import metadata

__all__ = ["SqlRepository", "bring_up_to_date", "metadata"]
