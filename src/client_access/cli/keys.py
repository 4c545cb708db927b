"""The secret key of imports, in a file: it makes the ids of imported clients."""

from __future__ import annotations

import os
import re
import secrets
from pathlib import Path

from client_access.cli.ending import Failure, complain

ENDING = ".key"
"""What is added to the name of a database's file, for the key beside it."""

_KEY = re.compile(rb"([!-~]{16,1000})\s*")
_ENOUGH = 1100  # bytes: more than any key


def beside(database: Path) -> Path:
    """Return the file of the key of a database in a file."""
    return database.with_name(database.name + ENDING)


def key_in(path: Path) -> bytes:
    """Return the key in a file. A file that does not exist is made, for its owner alone.

    Raises:
        Failure: the file cannot be read or made, or has no key.
    """
    try:
        if not path.exists():
            _make(path)
        with path.open("rb") as file:
            found = _KEY.fullmatch(file.read(_ENOUGH))
    except OSError as problem:
        raise Failure(f"The key file {path} cannot be used: {problem.strerror}.") from None
    if found is None:
        raise Failure(f"The file {path} is not a key, which is one line of 16 or more characters.")
    return found[1]


def _make(path: Path) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(secrets.token_urlsafe(32) + "\n")
        file.flush()
        os.fsync(descriptor)  # clients with ids from this key are saved next
    complain(
        f"The secret key {path} was made. Keep it: without it, clients that are imported again are"
        " not recognised."
    )
