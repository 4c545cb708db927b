"""The arguments of a feed of events, checked alike by every repository of this package."""

from __future__ import annotations

from typing import Final

from client_access.errors import InvalidValue
from client_access.values.validation import to_plain

_LAST_POSITION: Final = 2**63 - 1
_HIGHEST_LIMIT: Final = 10_000


def check_page(position: int, limit: int) -> None:
    """Check the arguments of :meth:`~client_access.EventFeed.events_after`.

    Raises:
        InvalidValue: one of them is malformed.
    """
    if not 0 <= to_plain("position", position, int) <= _LAST_POSITION:
        raise InvalidValue("position", f"must be from 0 to {_LAST_POSITION}")
    if not 1 <= to_plain("limit", limit, int) <= _HIGHEST_LIMIT:
        raise InvalidValue("limit", f"must be from 1 to {_HIGHEST_LIMIT}")
