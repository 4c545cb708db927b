"""How a program ends: with an exit status and, if something fails, one sentence that says what."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Final, TextIO, final

from client_access import (
    CatalogueIncomplete,
    CommandRefused,
    CorruptRecord,
    InvalidValue,
    RepositoryError,
)
from client_access.values.validation import is_control

FAILED: Final = 2
INTERRUPTED: Final = 130
PIPE_CLOSED: Final = 141
"""What a shell reports for a program that SIGPIPE stops."""


@final
class Failure(Exception):
    """A problem that the user can fix, described in one sentence."""


def ended(program: Callable[[], int]) -> int:
    """Run a program and return its exit status.

    A problem that the user can fix is reported in one sentence, without a traceback.
    """
    if sys.stdout is None:
        complain("There is no standard output to print to.")
        return FAILED
    status = FAILED
    try:
        return _flushed(program)
    except BrokenPipeError:
        finish()
        return PIPE_CLOSED
    except KeyboardInterrupt as interrupt:
        message, status = str(interrupt) or "Interrupted.", INTERRUPTED
    except Failure as failure:
        message = str(failure)
    except CommandRefused as refused:
        message = refused.refusal.message
    except CatalogueIncomplete as incomplete:
        message = f"The catalogue lacks the service {incomplete.service}, which a client holds."
    except CorruptRecord as corrupt:
        message = f"A stored record cannot be read: {corrupt}."
    except InvalidValue as problem:
        message = f"The {problem.field.replace('_', ' ')} {problem.reason}."
    except RepositoryError as problem:
        message = f"The database failed: {problem}."
    except OSError as problem:
        file = "" if problem.filename is None else f" {problem.filename}"
        message = f"Reading or writing{file} failed: {problem.strerror}."
    finish()
    complain(message)
    return status


def _flushed(program: Callable[[], int]) -> int:
    """Run a program, and raise here what its last output raises when it is flushed."""
    try:
        status = program()
    except SystemExit:  # argparse has printed the help, or what is wrong
        sys.stdout.flush()
        raise
    sys.stdout.flush()
    return status


def harmless(text: str) -> str:
    """Return text that cannot control a terminal.

    Each control character becomes U+FFFD, except line feeds and tabs.
    """
    if text.isprintable():
        return text
    return "".join("\ufffd" if is_control(c) and c not in "\n\t" else c for c in text)


def complain(sentence: str) -> None:
    """Print a line on standard error, if there is one."""
    if sys.stderr is None:
        return
    try:
        sys.stderr.write(harmless(sentence).replace("\n", " ") + "\n")
        sys.stderr.flush()
    except OSError:
        _discard(sys.stderr)


def finish() -> None:
    """Flush standard output; discard what cannot be written."""
    try:
        sys.stdout.flush()
    except OSError:
        _discard(sys.stdout)


def _discard(stream: TextIO) -> None:
    """Send the rest of a stream nowhere: otherwise Python fails on it again when it exits."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)
