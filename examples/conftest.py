"""The databases of the package's own tests, for the tests of the hosts."""

from databases import database, postgresql, postgresql_server, sqlite

__all__ = ["database", "postgresql", "postgresql_server", "sqlite"]
