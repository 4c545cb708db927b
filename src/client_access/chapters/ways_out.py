"""What helps against a refusal, where several rows of rules §8 give the same advice."""

from __future__ import annotations

from datetime import datetime

from client_access.chapters.rules import Case, is_known
from client_access.client import Client
from client_access.commands import (
    Activate,
    ChangeEmail,
    CloseClient,
    DeclinePracticeInvitation,
    DeleteClient,
    GiveAccess,
    ReopenClient,
    ResendActivation,
    StopManaging,
    WithdrawAccess,
    WithdrawPracticeInvitation,
)
from client_access.refusals import CONTACT_SUPPORT, JUNK_FOLDER, WayOut, way
from client_access.values import Actor, ClientUser, PlatformUser, PracticeUser, check_actor
from client_access.values.validation import check_type

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


def resending_or_correcting(client: Client, kind: type[Actor]) -> tuple[WayOut, ...]:
    """Return the first two steps of the advice of E5.

    They are one step if the address was erased.
    """
    again, correct = _resent_by(client, kind), way(ChangeEmail, kind, PracticeUser)
    return (again,) if again == correct else (again, correct)


def if_it_never_arrives(client: Client, kind: type[Actor]) -> tuple[WayOut, ...]:
    """Return the advice of E5, in its order."""
    return (*resending_or_correcting(client, kind), JUNK_FOLDER, CONTACT_SUPPORT)


def undelivered_activation(client: Client, by: Actor) -> tuple[WayOut, ...]:
    """Return what helps if the activation email never arrives, in the guide's order (E5).

    A host can show it beside the client, before anybody has followed a link.

    Parameters:
        client: the client.
        by: the practice's user, or the platform.

    Returns:
        The steps; none if the client does not await its activation, or is not the actor's, or the
        actor is the client.

    Raises:
        InvalidValue: an argument is malformed.
    """
    check_type("client", client, Client)
    check_actor(by)
    if client.activation is None or isinstance(by, ClientUser) or not is_known(client, by):
        return ()
    return if_it_never_arrives(client, type(by))


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


def reopening(case: Case) -> tuple[WayOut, ...]:
    """Return who can reopen a closed client."""
    return (way(ReopenClient, type(case.by), PracticeUser),)


def reopening_to_give_access(case: Case) -> tuple[WayOut, ...]:
    """Return how a closed client gets in."""
    return (*reopening(case), *giving_access(case))


def withdrawing_to_close(case: Case) -> tuple[WayOut, ...]:
    """Return how a practice lets go of a client that is not to sign in (L4, L9)."""
    kind = type(case.by)
    return (way(WithdrawAccess, kind), way(CloseClient, kind))


def leaving(case: Case) -> tuple[WayOut, ...]:
    """Return how the practice's access ends, for a client that can sign in."""
    return (way(StopManaging, type(case.by)),)


def deleting(case: Case) -> tuple[WayOut, ...]:
    """Return who can delete a client that may be deleted now, or after other steps (L5)."""
    return (way(DeleteClient, type(case.by), PracticeUser),)


def ending_invitation(case: Case) -> tuple[WayOut, ...]:
    """Return how the pending invitation to a practice ends; nothing if none is pending."""
    if case.client.practice_invitation is None:
        return ()
    if isinstance(case.by, PracticeUser):
        return (way(DeclinePracticeInvitation, PracticeUser),)
    return (way(WithdrawPracticeInvitation, ClientUser),)
