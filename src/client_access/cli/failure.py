"""What ends the command line in one sentence."""

from __future__ import annotations

from typing import Final, final

FAILED: Final = 2
"""The exit status where something could not be done at all."""


@final
class Failure(Exception):
    """Something that a person can put right, told in one sentence."""
