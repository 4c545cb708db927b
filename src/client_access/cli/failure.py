"""What ends the command line in one sentence."""

from __future__ import annotations

from typing import final


@final
class Failure(Exception):
    """Something that a person can put right, told in one sentence; the exit status is 2."""
