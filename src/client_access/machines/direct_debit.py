"""Direct debit details: asked for once, until they are given (rule P6).

A client is asked for them whenever it comes to pay for services itself: when the practice that paid
is left, when a client that pays activates with services, and when such a client, activated, gets
its first service. It is asked until it gives them or holds no service. A client that has given them
is never asked again. A customer that signs up alone has given them.

The state is not stored: it follows from the client's fields.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Literal, get_args

from client_access.machines.table import Edge, compile_moves, make_machine
from client_access.values import DirectDebit, IdentityEnum, Policy

# ── States ───────────────────────────────────────────────────────────────────────────────────────


class DirectDebitState(IdentityEnum):
    """Whether direct debit details were asked for, and given."""

    NOT_ASKED = "not_asked"
    ASKED = "asked"
    GIVEN = "given"


def state_of(asked: DirectDebit | None, *, given: bool) -> DirectDebitState:
    """Return the state of a client with these fields."""
    if given:
        return DirectDebitState.GIVEN
    return DirectDebitState.NOT_ASKED if asked is None else DirectDebitState.ASKED


# ── Table ────────────────────────────────────────────────────────────────────────────────────────

Trigger = Literal["register", "ask", "provide", "release"]

TRANSITIONS: tuple[Edge, ...] = (
    {"trigger": "register", "source": "not_asked", "dest": "given"},
    {"trigger": "ask", "source": "not_asked", "dest": "asked"},
    {"trigger": "provide", "source": "asked", "dest": "given"},
    {"trigger": "release", "source": "asked", "dest": "not_asked"},
)
"""The edges of the machine, as `transitions` takes them."""

# ── Code ─────────────────────────────────────────────────────────────────────────────────────────

MACHINE = make_machine(
    "direct debit",
    [state.value for state in DirectDebitState],
    get_args(Trigger),
    DirectDebitState.NOT_ASKED.value,
    TRANSITIONS,
)
"""The machine of `transitions`, made of the table."""

move: Callable[[Trigger, DirectDebitState], DirectDebitState] = compile_moves(
    MACHINE, DirectDebitState, DirectDebitState
)
"""Return the state to which a trigger leads."""


def ask(
    asked: DirectDebit | None, *, given: bool, at: datetime, policy: Policy
) -> DirectDebit | None:
    """Return a new request for the details, or None if they were asked for or given already."""
    return policy.direct_debit(at) if asked is None and not given else None


# These functions walk the table for an event and return the request that the client then has.


def asked(
    pending: DirectDebit | None, new: DirectDebit | None, *, given: bool
) -> DirectDebit | None:
    """Return the request that an event makes, or the one that is pending."""
    if new is None:
        return pending
    move("ask", state_of(pending, given=given))
    return new


def released(pending: DirectDebit | None, *, given: bool) -> DirectDebit | None:
    """Return what is left of a request once no service is held: nothing."""
    if pending is not None:
        move("release", state_of(pending, given=given))
    return None
