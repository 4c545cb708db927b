"""The invitation from a customer to a practice (rules §8, L2, P5).

A client that no practice manages can invite one, and only one at a time. The client can withdraw
the invitation; the practice accepts or declines it. Whatever the answer, nothing is pending
afterwards, and an invitation that was declined or withdrawn can be followed by another.

The state is not stored: a client has a pending invitation or has none.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, get_args

from client_access.machines.table import Edge, compile_moves, make_machine
from client_access.values import IdentityEnum, PracticeInvitation

# ── States ───────────────────────────────────────────────────────────────────────────────────────


class InvitationState(IdentityEnum):
    """Whether an invitation to a practice waits for an answer."""

    NONE = "none"
    PENDING = "pending"


def state_of(invitation: PracticeInvitation | None) -> InvitationState:
    """Return the state in which a client with this invitation is."""
    return InvitationState.NONE if invitation is None else InvitationState.PENDING


# ── Table ────────────────────────────────────────────────────────────────────────────────────────

Trigger = Literal["invite", "withdraw", "accept", "decline"]

TRANSITIONS: tuple[Edge, ...] = (
    {"trigger": "invite", "source": "none", "dest": "pending"},
    {"trigger": "withdraw", "source": "pending", "dest": "none"},
    {"trigger": "accept", "source": "pending", "dest": "none"},
    {"trigger": "decline", "source": "pending", "dest": "none"},
)
"""The edges of the machine, as `transitions` takes them."""

# ── Code ─────────────────────────────────────────────────────────────────────────────────────────

MACHINE = make_machine(
    "practice invitation",
    [state.value for state in InvitationState],
    get_args(Trigger),
    InvitationState.NONE.value,
    TRANSITIONS,
)
"""The machine of `transitions`, made of the table."""

move: Callable[[Trigger, InvitationState], InvitationState] = compile_moves(
    MACHINE, InvitationState, InvitationState
)
"""Return the state to which a trigger leads."""


def first(pending: PracticeInvitation | None, sent: PracticeInvitation) -> PracticeInvitation:
    """Return the invitation that a client sends."""
    move("invite", state_of(pending))
    return sent


def ended(
    trigger: Literal["withdraw", "accept", "decline"], pending: PracticeInvitation | None
) -> PracticeInvitation | None:
    """Return what is left of an invitation that is withdrawn or answered: nothing."""
    move(trigger, state_of(pending))
    return None
