"""The life of a client at a practice (rules §2).

A client that a practice adds or imports starts ``inactive``. A customer that signs up alone starts
``unmanaged``. The first subscription decides who works on the data: the practice alone
(``practice_only``), or the client too, which then has to follow its activation
(``awaiting_activation``) before both have access (``both_access``). The practice can lock the
client out and let it in again (``disabled``). When the practice's access ends, the client is
``unmanaged`` until it invites a practice that accepts.

A practice that pays can withdraw access that it has given: the client is ``practice_only`` again. A
practice that no longer wants to work for such a client closes it (``closed``), and can reopen it.
Only a client that was never established, or is closed, can be ``deleted``.

A client that cannot sign in is never left alone: no edge leads from ``practice_only`` or
``awaiting_activation`` to ``unmanaged`` (L4).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Literal, get_args

from client_access.machines.table import Edge, compile_moves, make_machine
from client_access.values import IdentityEnum

# ── States ───────────────────────────────────────────────────────────────────────────────────────


class Status(IdentityEnum):
    """The status of a client (§2)."""

    INACTIVE = "inactive"
    PRACTICE_ONLY = "practice_only"
    AWAITING_ACTIVATION = "awaiting_activation"
    BOTH_ACCESS = "both_access"
    DISABLED = "disabled"
    UNMANAGED = "unmanaged"
    CLOSED = "closed"
    DELETED = "deleted"

    @property
    def label(self) -> str:
        """The words that the product shows."""
        return LABELS[self]

    @property
    def label_key(self) -> str:
        """The key of the label, by which :mod:`client_access.questions.texts` has it."""
        return f"status.{self.value}"


LABELS = {
    Status.INACTIVE: "Inactive",
    Status.PRACTICE_ONLY: "My company has access",
    Status.AWAITING_ACTIVATION: "Awaiting Client Activation",
    Status.BOTH_ACCESS: "My company and client both have access",
    Status.DISABLED: "Disabled",
    Status.UNMANAGED: "Unmanaged",
    Status.CLOSED: "Closed",
    Status.DELETED: "Deleted",
}
NEW_CLIENT_INVITATION = "New Client Invitation"
"""The label of a client that has invited the practice, in its inactive list (C1)."""
NEW_CLIENT_INVITATION_KEY = "status.new_client_invitation"
"""The key of that label."""

MANAGED = frozenset(
    {
        Status.INACTIVE,
        Status.PRACTICE_ONLY,
        Status.AWAITING_ACTIVATION,
        Status.BOTH_ACCESS,
        Status.DISABLED,
        Status.CLOSED,
    }
)
"""The statuses in which a practice manages the client (§8)."""

SUBSCRIBED = MANAGED - {Status.INACTIVE, Status.CLOSED}
"""The managed statuses in which a client can hold services."""

SIGNS_IN = frozenset({Status.BOTH_ACCESS, Status.UNMANAGED})
"""The statuses in which the client itself can sign in (§2)."""

ACTIVATED = SIGNS_IN | {Status.DISABLED}
"""The statuses of a client that has used its activation, or signed up by itself (L2)."""

NEW: Final = "new"
"""The source of an edge that makes a client."""

# ── Table ────────────────────────────────────────────────────────────────────────────────────────

Trigger = Literal[
    "add",
    "import",
    "register",
    "subscribe_practice_only",
    "subscribe_with_client",
    "give_access",
    "withdraw_access",
    "activate",
    "disable",
    "enable",
    "stop_managing",
    "accept_practice_invitation",
    "close",
    "reopen",
    "delete",
]

TRANSITIONS: tuple[Edge, ...] = (
    {"trigger": "add", "source": "new", "dest": "inactive"},
    {"trigger": "import", "source": "new", "dest": "inactive"},
    {"trigger": "register", "source": "new", "dest": "unmanaged"},
    {"trigger": "subscribe_practice_only", "source": "inactive", "dest": "practice_only"},
    {"trigger": "subscribe_with_client", "source": "inactive", "dest": "awaiting_activation"},
    {"trigger": "give_access", "source": "practice_only", "dest": "awaiting_activation"},
    {
        "trigger": "withdraw_access",
        "source": "awaiting_activation",
        "dest": "practice_only",
        "conditions": ["practice_pays_for_access"],
    },
    {
        "trigger": "withdraw_access",
        "source": "disabled",
        "dest": "practice_only",
        "conditions": ["practice_pays_for_access"],
    },
    {
        "trigger": "activate",
        "source": "awaiting_activation",
        "dest": "both_access",
        "conditions": ["activation_is_pending", "activation_has_not_expired"],
    },
    {
        "trigger": "disable",
        "source": "both_access",
        "dest": "disabled",
        "conditions": ["invited_by_practice", "practice_pays"],
    },
    {"trigger": "enable", "source": "disabled", "dest": "both_access"},
    {"trigger": "stop_managing", "source": "both_access", "dest": "unmanaged"},
    {"trigger": "stop_managing", "source": "disabled", "dest": "unmanaged"},
    {
        "trigger": "accept_practice_invitation",
        "source": "unmanaged",
        "dest": "both_access",
        "conditions": ["invitation_is_pending"],
    },
    {"trigger": "close", "source": "practice_only", "dest": "closed"},
    {"trigger": "reopen", "source": "closed", "dest": "practice_only"},
    {
        "trigger": "delete",
        "source": "inactive",
        "dest": "deleted",
        "conditions": ["closed_or_never_established"],
    },
    {
        "trigger": "delete",
        "source": "awaiting_activation",
        "dest": "deleted",
        "conditions": ["closed_or_never_established"],
    },
    {
        "trigger": "delete",
        "source": "closed",
        "dest": "deleted",
        "conditions": ["closed_or_never_established"],
    },
)
"""The edges of the machine, as `transitions` takes them."""

# ── Code ─────────────────────────────────────────────────────────────────────────────────────────

MACHINE = make_machine(
    "lifecycle", [NEW, *(status.value for status in Status)], get_args(Trigger), NEW, TRANSITIONS
)
"""The machine of `transitions`, made of the table."""

move: Callable[[Trigger, Status | None], Status] = compile_moves(
    MACHINE, lambda name: None if name == NEW else Status(name), Status
)
"""Return the status to which a trigger leads; None is before there is a client."""
