"""Standard output and standard error: what may go there, and what if nobody takes it."""

from __future__ import annotations

import os
import sys
import unicodedata
from typing import TextIO

_HARMFUL = frozenset({"Cc", "Cs", "Zl", "Zp"})
_REORDERING = frozenset({"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"})
_INSTEAD = "\ufffd"


def harmless(text: str) -> str:
    """Return text that commands no terminal, whoever wrote it.

    A control character becomes U+FFFD, and so does what reorders the line it stands in; line feeds
    and tabs stay.
    """
    if text.isprintable():
        return text
    return "".join(_INSTEAD if _is_harmful(character) else character for character in text)


def _is_harmful(character: str) -> bool:
    if character in "\n\t":
        return False
    category, direction = unicodedata.category(character), unicodedata.bidirectional(character)
    return category in _HARMFUL or direction in _REORDERING


def complain(sentence: str) -> None:
    """Print a line on standard error, if there is one."""
    if sys.stderr is None:
        return
    try:
        sys.stderr.write(harmless(sentence).replace("\n", " ") + "\n")
        sys.stderr.flush()
    except OSError:
        _let_go(sys.stderr)


def finish() -> None:
    """Flush standard output; what nobody takes goes nowhere."""
    try:
        sys.stdout.flush()
    except OSError:
        _let_go(sys.stdout)


def _let_go(stream: TextIO) -> None:
    """Have what is left in a stream go nowhere: else Python fails over it once more at its end."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)
