"""The command line: `python -m client_access`, which needs the extra `cli`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.util import find_spec

from client_access.cli.failure import FAILED
from client_access.cli.output import complain, finish

__all__ = ["main"]

_NEEDED = ("rich", "sqlalchemy", "cattrs", "msgspec", "itsdangerous", "jinja2")

BROKEN_OFF = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters:
        arguments: what to do; what stands on the command line, if None.

    Returns:
        The exit status: 0; 1 where a row was left out, a notice is not parked or a client differs;
        2 for what could not be done at all; 130 where it was broken off from the keyboard; 141
        where whoever reads the output has enough, as of any program that is stopped by that.
    """
    if sys.stdout is None:
        complain("There is no standard output to print to.")
        return FAILED
    missing = [package for package in _NEEDED if find_spec(package) is None]
    if missing:
        complain(f"The command line needs {', '.join(missing)}: pip install 'client-access[cli]'")
        return FAILED
    try:
        # What it needs may be missing, and takes a while to be loaded.
        from client_access.cli.program import run  # noqa: PLC0415 - see above

        return run(sys.argv[1:] if arguments is None else arguments)
    except KeyboardInterrupt:
        finish()
        complain("Broken off.")
        return BROKEN_OFF
