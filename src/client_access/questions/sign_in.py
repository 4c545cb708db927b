"""Who can sign in, and what an actor can read and open (rules §8, P6)."""

from __future__ import annotations

from datetime import datetime
from typing import assert_never, final

from attrs import frozen

from client_access.chapters.rules import UNKNOWN_CLIENT, is_invited, is_known
from client_access.chapters.ways_out import ways_to_activate
from client_access.client import Client
from client_access.commands import EnableAccess, ProvideDirectDebit
from client_access.machines.lifecycle import Status
from client_access.notices import AccessRemoved, AtSignIn, DirectDebitNeeded
from client_access.refusals import (
    CHECK_ADDRESS,
    CONTACT_SUPPORT,
    JUNK_FOLDER,
    CommandRefused,
    Refusal,
    RefusalCode,
    WayOut,
    refuse,
    way,
)
from client_access.values import (
    Actor,
    ClientUser,
    HeldService,
    PlatformUser,
    PracticeUser,
    check_actor,
    to_utc,
)
from client_access.values.validation import check_type


@final
@frozen
class SignInDecision:
    """Whether a client can sign in, and what it finds.

    Parameters:
        allowed: whether it can sign in.
        refusal: why not; None if it can.
        services: what it can open; empty if it cannot sign in.
        prompts: what to show it at sign-in, whether it can sign in or not.
    """

    allowed: bool
    refusal: Refusal | None
    services: tuple[HeldService, ...]
    prompts: tuple[AccessRemoved | DirectDebitNeeded, ...]


def sign_in_of(client: Client | None, *, at: datetime) -> SignInDecision:
    """Decide whether the client with an address can sign in.

    The host has checked the password before.

    Parameters:
        client: the client that has the address; None if no client has it.
        at: now, with a time zone.

    Raises:
        InvalidValue: an argument is malformed.
    """
    at = to_utc("at", at)
    if client is None:
        return _refused(RefusalCode.UNKNOWN_ADDRESS, CHECK_ADDRESS, CONTACT_SUPPORT)
    check_type("client", client, Client)
    here = AtSignIn(client.id)
    match client.status:
        case Status.INACTIVE | Status.PRACTICE_ONLY | Status.DELETED:
            return _refused(RefusalCode.UNKNOWN_ADDRESS, CHECK_ADDRESS, CONTACT_SUPPORT)
        case Status.AWAITING_ACTIVATION:
            ways = ways_to_activate(client, ClientUser, at)
            return _refused(RefusalCode.NOT_ACTIVATED, *ways, JUNK_FOLDER, CONTACT_SUPPORT)
        case Status.DISABLED:
            removed = AccessRemoved(
                client.id,
                client.version,
                here,
                client.business_name,
                practice_id=client.practice_id,
            )
            enable = way(EnableAccess, PracticeUser)
            return _refused(RefusalCode.DISABLED_BY_PRACTICE, enable, prompts=(removed,))
        case Status.BOTH_ACCESS | Status.UNMANAGED:
            owed = client.direct_debit
            if owed is None:
                return SignInDecision(True, None, client.services, ())
            prompt = DirectDebitNeeded(
                client.id, client.version, here, client.business_name, due=owed.due
            )
            if owed.is_due(at):
                provide = way(ProvideDirectDebit, ClientUser)
                return _refused(RefusalCode.DIRECT_DEBIT_MISSING, provide, prompts=(prompt,))
            return SignInDecision(True, None, client.services, (prompt,))
        case _:
            assert_never(client.status)


def services_open_to(client: Client, by: Actor, *, at: datetime) -> tuple[HeldService, ...]:
    """Return the services of a client that an actor can open now (rules §8); empty if none.

    Parameters:
        client: the client.
        by: the actor.
        at: now, with a time zone.

    Raises:
        InvalidValue: an argument is malformed.
    """
    at = to_utc("at", at)
    check_type("client", client, Client)
    check_actor(by)
    if not is_known(client, by) or client.status is Status.INACTIVE:
        return ()
    match by:
        case PracticeUser():
            return client.services if client.managed else ()
        case ClientUser():
            return sign_in_of(client, at=at).services
        case PlatformUser():
            return client.services
        case _:
            assert_never(by)


def readable(client: Client | None, by: Actor) -> Client:
    """Return a client if the actor may read it.

    Raises:
        CommandRefused: `unknown_client`: the actor does not have it, or is a practice that it has
            only invited (C3).
        InvalidValue: `by` is not an actor.
    """
    check_actor(by)
    if client is None or not is_known(client, by) or is_invited(client, by):
        raise CommandRefused(None, UNKNOWN_CLIENT)
    return client


def _refused(
    code: RefusalCode, *ways: WayOut, prompts: tuple[AccessRemoved | DirectDebitNeeded, ...] = ()
) -> SignInDecision:
    return SignInDecision(False, refuse(code, *ways), (), prompts)
