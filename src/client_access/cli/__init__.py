"""The command line: `python -m client_access`. It needs the extra `cli`."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from client_access.cli.ending import Failure, ended
from client_access.errors import needs

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters:
        arguments: the arguments; those of this process, if None.

    Returns:
        The exit status: 0; 1 if a row was left out or a notice is not parked; 2 if the command
        failed; 130 if it was interrupted; 141 if the reader of its output closed the pipe.
    """
    return ended(lambda: _run(sys.argv[1:] if arguments is None else arguments))


def _run(arguments: Sequence[str]) -> int:
    # What it needs may be missing, and takes a while to load.
    try:
        with needs("cli"):
            from client_access.cli.program import parse  # noqa: PLC0415 - see above
    except ModuleNotFoundError as missing:
        raise Failure(str(missing)) from None

    options = parse(arguments)
    status: int = options.run(options)
    return status
