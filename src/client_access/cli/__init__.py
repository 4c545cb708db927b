"""The command line: `python -m client_access`, which needs the extra `cli`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.util import find_spec

__all__ = ["main"]

_NEEDED = ("rich", "sqlalchemy", "cattrs", "itsdangerous", "jinja2")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters:
        arguments: what to do; what stands on the command line, if None.

    Returns:
        The exit status: 0; 1 where a row was left out or a client differs; 2 for what could not be
        done at all.
    """
    missing = [package for package in _NEEDED if find_spec(package) is None]
    if missing:
        sys.stderr.write(
            f"The command line needs {', '.join(missing)}: pip install 'client-access[cli]'\n"
        )
        return 2
    from client_access.cli.program import run  # noqa: PLC0415 - what it needs may be missing

    return run(sys.argv[1:] if arguments is None else arguments)
