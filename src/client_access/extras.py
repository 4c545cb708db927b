"""What is said where a package of an extra is missing (internal)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def needs(extra: str) -> Iterator[None]:
    """Name the extra to install if an import fails.

    Where these are nested, the outermost extra is named: it is what the caller imports.

    Raises:
        ModuleNotFoundError: a module is missing; the message ends in the command that installs it.
    """
    try:
        yield
    except ModuleNotFoundError as missing:
        raise ModuleNotFoundError(
            f"No module named {missing.name!r}: pip install 'client-access[{extra}]'",
            name=missing.name,
        ) from None
