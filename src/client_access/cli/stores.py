"""Opening a database by its URL."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import URL, NullPool, create_engine, make_url
from sqlalchemy.exc import SAWarning, SQLAlchemyError

from client_access import InvalidValue, RepositoryError
from client_access.cli.ending import Failure
from client_access.errors import needs
from client_access.sql import SqlRepository
from client_access.sql.engines import parse_url, usable_url
from client_access.sql.schema import version_of


def shown(url: str) -> str:
    """Return a database's URL without its password.

    Raises:
        Failure: the URL is not valid.
    """
    _parsed(url)
    try:
        return make_url(url).render_as_string(hide_password=True)
    except UnicodeEncodeError:  # a URL cannot hold a lone surrogate
        raise _unknown(url) from None


@contextmanager
def opened(url: str, *, make: bool = False) -> Iterator[SqlRepository]:
    """Open a database, and close it at the end.

    Parameters:
        url: the database's URL.
        make: whether to create the database and its tables if they do not exist.

    Raises:
        Failure: the database does not exist, cannot be opened, or has no tables for clients.
    """
    parsed, name = _parsed(url), shown(url)
    with _opening(name):
        if not make:
            _check(parsed, name)
        repository = SqlRepository.open(parsed)
    with repository:
        yield repository


def on_server(url: str) -> bool:
    """Return whether a database is on a server.

    Raises:
        Failure: the URL is not valid.
    """
    return _parsed(url).get_backend_name() != "sqlite"


def file_of(url: str) -> Path | None:
    """Return the file of an existing database, or None if it is not in a file.

    SQLite knows: the name in the URL may be relative, encoded, or a URI of SQLite's own.

    Raises:
        Failure: the database cannot be opened.
    """
    if on_server(url):
        return None
    question = "SELECT file FROM pragma_database_list WHERE name = 'main'"
    with (
        _opening(shown(url)),
        create_engine(_parsed(url), poolclass=NullPool).connect() as connection,
    ):
        in_file = connection.exec_driver_sql(question).scalar()
    return Path(in_file) if in_file else None


@contextmanager
def _opening(name: str) -> Iterator[None]:
    """Report in a sentence why a database cannot be opened."""
    try:
        with needs("postgresql"), warnings.catch_warnings():
            # SQLAlchemy only warns when it ignores a part of the URL, such as mode=ro.
            warnings.simplefilter("error", SAWarning)
            yield
    except ModuleNotFoundError as missing:
        raise Failure(str(missing)) from None
    except (RepositoryError, SQLAlchemyError, SAWarning, ValueError, TypeError) as problem:
        raise Failure(f"The database {name} cannot be opened{_because(problem)}.") from None


def _because(problem: Exception) -> str:
    """Return the reason, if it is safe to show: a driver's message may contain a password."""
    match problem:
        case RepositoryError():
            return f": {problem}"
        case InvalidValue():
            return f": its URL {problem.reason}"
        case SAWarning():
            return ": its URL has an argument that would be ignored"
        case _:
            return ""


def _parsed(url: str) -> URL:
    try:
        return parse_url(url, "pysqlite", "psycopg")
    except ValueError:
        raise _unknown(url) from None


def _unknown(url: str) -> Failure:
    bare = re.sub("(?<=://).*(?=@)", "***", url)  # without a password
    return Failure(
        f"{bare} is not a valid database URL, such as sqlite:///clients.db or"
        " postgresql://user@host/name."
    )


def _check(parsed: URL, name: str) -> None:
    """Check that a database has tables for clients, without creating anything."""
    sqlite = parsed.get_backend_name() == "sqlite"
    file = (parsed.database or "").removeprefix("file:")  # the prefix of SQLite's own URIs
    if sqlite and not Path(file).is_file():
        raise Failure(f"There is no database {name}.")
    with usable_url(), create_engine(parsed, poolclass=NullPool).connect() as connection:
        if version_of(connection) is None:
            raise Failure(f"The database {name} has no tables for clients.")
