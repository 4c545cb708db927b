"""Opening a database that somebody names on the command line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import URL, NullPool, create_engine, make_url
from sqlalchemy.exc import SQLAlchemyError

from client_access import InvalidValue, RepositoryError
from client_access.cli.failure import Failure
from client_access.sql import SqlRepository
from client_access.sql.engines import parse_url
from client_access.sql.schema import version_of


def shown(url: str) -> str:
    """Return a database's URL as it may be shown: without its password.

    Raises:
        Failure: it is none.
    """
    _parsed(url)
    return make_url(url).render_as_string(hide_password=True)


@contextmanager
def opened(url: str, *, make: bool = False) -> Iterator[SqlRepository]:
    """Open a database, and close it.

    Parameters:
        url: where it is.
        make: whether it is made, and its tables, where they are not there.

    Raises:
        Failure: there is none, or it cannot be opened, or has no clients in it.
    """
    parsed = _parsed(url)
    try:
        if not make:
            _check(parsed, shown(url))
        repository = SqlRepository.open(parsed)
    except ModuleNotFoundError as missing:
        message = f"This database needs {missing.name}: pip install 'client-access[postgresql]'"
        raise Failure(message) from None
    except (RepositoryError, SQLAlchemyError):
        raise Failure(f"The database {shown(url)} cannot be opened.") from None
    with repository:
        yield repository


def _parsed(url: str) -> URL:
    try:
        return parse_url(url, "pysqlite", "psycopg")
    except InvalidValue:
        raise Failure(
            f"{url} is no database that is known here; sqlite:///clients.db is, and"
            " postgresql://user@host/name."
        ) from None


def _check(parsed: URL, name: str) -> None:
    """Look whether clients are there, and make nothing."""
    sqlite = parsed.get_backend_name() == "sqlite"
    if sqlite and not (parsed.database and Path(parsed.database).is_file()):
        raise Failure(f"There is no database {name}.")
    with create_engine(parsed, poolclass=NullPool).connect() as connection:
        if version_of(connection) is None:
            raise Failure(f"The database {name} holds no clients: it has no tables for them.")
