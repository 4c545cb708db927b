"""What helps against a refusal, where several rows of rules §8 give the same advice."""

from __future__ import annotations

from datetime import datetime

from client_access.chapters.rules import Case
from client_access.client import Client
from client_access.commands import Activate, ChangeEmail, GiveAccess, ResendActivation, StopManaging
from client_access.refusals import WayOut, way
from client_access.values import Actor, ClientUser, PlatformUser, PracticeUser

# ── The activation ───────────────────────────────────────────────────────────────────────────────


def activating(case: Case) -> tuple[WayOut, ...]:
    """Return how a client that has a pending activation gets in."""
    return ways_to_activate(case.client, type(case.by), case.at)


def ways_to_activate(client: Client, kind: type[Actor], at: datetime) -> tuple[WayOut, ...]:
    """Return how a client with a pending activation gets in; an expired one is sent again first."""
    activate = way(Activate, ClientUser)
    if client.activation is not None and at >= client.activation.expires_at:
        return (_resent_by(client, kind), activate)
    return (activate,)


def resending(case: Case) -> tuple[WayOut, ...]:
    """Return who can send the activation again."""
    return (_resent_by(case.client, type(case.by)),)


def resending_or_correcting(case: Case, correct: WayOut) -> tuple[WayOut, ...]:
    """Return the first two steps of the advice of E5.

    They are one step if the address was erased.
    """
    (again,) = resending(case)
    return (again,) if again == correct else (again, correct)


def _resent_by(client: Client, kind: type[Actor]) -> WayOut:
    """Return who can send the activation again; the practice can if there is a service (E5).

    If the address was erased, a new one must be entered, and an activation is sent to it (E4).
    """
    if not client.email.is_mailable:
        return way(ChangeEmail, PlatformUser if kind is PlatformUser else PracticeUser)
    if client.services:
        return way(ResendActivation, kind, PracticeUser)
    return way(ResendActivation, PlatformUser)


# ── Access ───────────────────────────────────────────────────────────────────────────────────────


def giving_access(case: Case) -> tuple[WayOut, ...]:
    """Return who can give access to a client for which only the practice works."""
    return (way(GiveAccess, type(case.by), PracticeUser),)


def leaving(case: Case) -> tuple[WayOut, ...]:
    """Return how the practice's access ends, for a client that can sign in."""
    return (way(StopManaging, type(case.by)),)
