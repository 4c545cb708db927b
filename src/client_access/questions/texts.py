"""Every text of this library that a person sees, by its key, for another language to replace.

The texts of notices are templates instead, which :mod:`client_access.rendering` replaces.
"""

from __future__ import annotations

from client_access import refusals
from client_access.machines.lifecycle import (
    NEW_CLIENT_INVITATION,
    NEW_CLIENT_INVITATION_KEY,
    Status,
)
from client_access.questions.consequences import Irreversible

__all__ = ["english"]


def english() -> dict[str, str]:
    """Return the English texts by their keys.

    They are the sentences of refusals by :class:`RefusalCode` and of ways out by
    `WayOut.key`, which :meth:`Refusal.translated` replaces; the labels of statuses by
    :attr:`Status.label_key` or :attr:`Row.label_key`; and what cannot be undone by
    `Irreversible.key`.
    """
    return {
        **refusals.english(),
        **{status.label_key: status.label for status in Status},
        NEW_CLIENT_INVITATION_KEY: NEW_CLIENT_INVITATION,
        **{what.key: what.sentence for what in Irreversible},
    }
