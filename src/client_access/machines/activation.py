"""The invitation from the practice to the client, from its first sending to its use (rules E4–E6).

An activation is sent when a client that is to sign in gets its first service, or when access is
given later. Resending keeps the activation and starts its lifetime again (E5). Correcting the
address replaces the activation, so that a link sent to the wrong address is refused (E4). A used
activation is not kept, and no other is sent: the client signs in with its password (E6).
Withdrawing access ends the activation, pending or used (L10). So does deleting the client.

The state is not stored: it follows from the client's status.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Literal, get_args
from uuid import UUID

from client_access.errors import CorruptRecord
from client_access.machines.lifecycle import Status
from client_access.machines.table import Edge, compile_moves, make_machine
from client_access.values import Activation, IdentityEnum, Policy

# ── States ───────────────────────────────────────────────────────────────────────────────────────


class ActivationState(IdentityEnum):
    """The state of the activation."""

    NOT_SENT = "not_sent"
    PENDING = "pending"
    USED = "used"


STATE_OF = {
    Status.INACTIVE: ActivationState.NOT_SENT,
    Status.PRACTICE_ONLY: ActivationState.NOT_SENT,
    Status.AWAITING_ACTIVATION: ActivationState.PENDING,
    Status.BOTH_ACCESS: ActivationState.USED,
    Status.DISABLED: ActivationState.USED,
    Status.UNMANAGED: ActivationState.USED,
    Status.CLOSED: ActivationState.NOT_SENT,
    Status.DELETED: ActivationState.NOT_SENT,
}

# ── Table ────────────────────────────────────────────────────────────────────────────────────────

Trigger = Literal["send", "send_again", "replace", "use", "withdraw"]

TRANSITIONS: tuple[Edge, ...] = (
    {"trigger": "send", "source": "not_sent", "dest": "pending"},
    {"trigger": "send_again", "source": "pending", "dest": "pending"},
    {"trigger": "replace", "source": "pending", "dest": "pending"},
    {
        "trigger": "use",
        "source": "pending",
        "dest": "used",
        "conditions": ["activation_is_pending", "activation_has_not_expired"],
    },
    {"trigger": "withdraw", "source": "pending", "dest": "not_sent"},
    {"trigger": "withdraw", "source": "used", "dest": "not_sent"},
)
"""The edges of the machine, as `transitions` takes them."""

# ── Code ─────────────────────────────────────────────────────────────────────────────────────────

MACHINE = make_machine(
    "activation machine",
    [state.value for state in ActivationState],
    get_args(Trigger),
    ActivationState.NOT_SENT.value,
    TRANSITIONS,
)
"""The machine of `transitions`, made of the table."""

move: Callable[[Trigger, ActivationState], ActivationState] = compile_moves(
    MACHINE, ActivationState, ActivationState
)
"""Return the state to which a trigger leads."""


def send(activation_id: UUID, at: datetime, policy: Policy) -> Activation:
    """Return a new activation, sent for the first time."""
    return Activation(activation_id, at, policy.activation_expires(at))


def send_again(activation: Activation, at: datetime, policy: Policy) -> Activation:
    """Return the same activation with a new lifetime (E5)."""
    return Activation(activation.id, at, policy.activation_expires(at), activation.times_sent + 1)


# These functions walk the table for an event and return the activation that the client then has.


def first(status: Status, sent: Activation | None) -> Activation | None:
    """Return the activation that an event sends for the first time, or None."""
    if sent is not None:
        move("send", STATE_OF[status])
    return sent


def again(status: Status, pending: Activation | None, sent: Activation | None) -> Activation | None:
    """Return the activation that an event sends again, if one is pending (E5)."""
    return _next("send_again", status, pending, sent)


def replaced(
    status: Status, pending: Activation | None, sent: Activation | None
) -> Activation | None:
    """Return the activation that replaces the pending one, if one is pending (E4)."""
    return _next("replace", status, pending, sent)


def ended(trigger: Literal["use", "withdraw"], status: Status) -> Activation | None:
    """Return what is left of an activation once it is used or withdrawn: nothing (E6)."""
    move(trigger, STATE_OF[status])
    return None


def _next(
    trigger: Literal["send_again", "replace"],
    status: Status,
    pending: Activation | None,
    sent: Activation | None,
) -> Activation | None:
    if pending is None and sent is None:
        return None
    move(trigger, STATE_OF[status])
    if pending is None or sent is None or (pending.id == sent.id) is (trigger == "replace"):
        raise CorruptRecord(f"the event has no activation to {trigger.replace('_', ' ')}")
    return sent
