"""Who pays for a client's services, and when that is locked (rules §3).

The payer can be chosen until the first service is added. The first service locks the payer, even if
the client has not activated yet (P2). Removing every service does not unlock it. A locked payer
changes only when the practice's access ends: then the client pays, never the other way round (P3).

A customer that signs up alone pays for itself: it starts ``client_locked``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, get_args

from client_access.machines.table import Edge, compile_moves, make_machine
from client_access.values import IdentityEnum

# ── States ───────────────────────────────────────────────────────────────────────────────────────


class Payer(IdentityEnum):
    """Who pays (§1)."""

    PRACTICE = "practice"
    CLIENT = "client"


class PayerState(IdentityEnum):
    """Who pays, and whether that is locked (§3)."""

    UNDECIDED = "undecided"
    PRACTICE_CHOSEN = "practice_chosen"
    CLIENT_CHOSEN = "client_chosen"
    PRACTICE_LOCKED = "practice_locked"
    CLIENT_LOCKED = "client_locked"

    @property
    def payer(self) -> Payer | None:
        """Who pays, or None while undecided."""
        return _PAYERS[self]

    @property
    def locked(self) -> bool:
        """Whether the first service has locked it."""
        return self in LOCKED


_PAYERS = {
    PayerState.UNDECIDED: None,
    PayerState.PRACTICE_CHOSEN: Payer.PRACTICE,
    PayerState.CLIENT_CHOSEN: Payer.CLIENT,
    PayerState.PRACTICE_LOCKED: Payer.PRACTICE,
    PayerState.CLIENT_LOCKED: Payer.CLIENT,
}
LOCKED = frozenset({PayerState.PRACTICE_LOCKED, PayerState.CLIENT_LOCKED})
OPEN = frozenset(PayerState) - LOCKED

# ── Table ────────────────────────────────────────────────────────────────────────────────────────

Trigger = Literal["choose_practice", "choose_client", "lock", "transfer_to_client"]

TRANSITIONS: tuple[Edge, ...] = (
    {"trigger": "choose_practice", "source": "undecided", "dest": "practice_chosen"},
    {"trigger": "choose_practice", "source": "practice_chosen", "dest": "practice_chosen"},
    {"trigger": "choose_practice", "source": "client_chosen", "dest": "practice_chosen"},
    {"trigger": "choose_client", "source": "undecided", "dest": "client_chosen"},
    {"trigger": "choose_client", "source": "practice_chosen", "dest": "client_chosen"},
    {"trigger": "choose_client", "source": "client_chosen", "dest": "client_chosen"},
    {"trigger": "lock", "source": "practice_chosen", "dest": "practice_locked"},
    {"trigger": "lock", "source": "client_chosen", "dest": "client_locked"},
    {"trigger": "transfer_to_client", "source": "practice_locked", "dest": "client_locked"},
    {"trigger": "transfer_to_client", "source": "client_locked", "dest": "client_locked"},
)
"""The edges of the machine, as `transitions` takes them."""

# ── Code ─────────────────────────────────────────────────────────────────────────────────────────

MACHINE = make_machine(
    "payer machine",
    [state.value for state in PayerState],
    get_args(Trigger),
    PayerState.UNDECIDED.value,
    TRANSITIONS,
)
"""The machine of `transitions`, made of the table."""

move: Callable[[Trigger, PayerState], PayerState] = compile_moves(MACHINE, PayerState, PayerState)
"""Return the state to which a trigger leads."""


def choose(payer: Payer, state: PayerState) -> PayerState:
    """Return the state in which this payer is chosen and not locked (P1)."""
    return move("choose_practice" if payer is Payer.PRACTICE else "choose_client", state)


def lock(payer: Payer, state: PayerState) -> PayerState:
    """Return the state in which this payer is locked, whatever was chosen before (P1, P2)."""
    return move("lock", choose(payer, state))
