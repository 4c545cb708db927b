"""Who can sign in, and what an actor can read and open (rules §8, P6)."""

from __future__ import annotations

from datetime import datetime
from typing import assert_never, final
from uuid import UUID

from attrs import frozen

from client_access.chapters.rules import UNKNOWN_CLIENT, is_invited, is_known
from client_access.chapters.ways_out import ways_to_activate
from client_access.client import Client
from client_access.commands import (
    AcceptPracticeInvitation,
    AddService,
    EnableAccess,
    ProvideDirectDebit,
    ReopenClient,
    Subscribe,
)
from client_access.machines.lifecycle import SUBSCRIBED, Status
from client_access.machines.payer import Payer
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
from client_access.values.catalogue import Catalogue
from client_access.values.validation import check_type


@final
@frozen
class SignInDecision:
    """Whether a client can sign in, and what it finds.

    Parameters:
        allowed: whether it can sign in.
        client_id: the client that has the address; None if no client has it.
        refusal: why not; None if it can.
        services: what it can open; empty if it cannot sign in.
        prompts: what to show it at sign-in, whether it can sign in or not.
    """

    allowed: bool
    client_id: UUID | None
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
        return _refused(None, RefusalCode.UNKNOWN_ADDRESS, CHECK_ADDRESS, CONTACT_SUPPORT)
    check_type("client", client, Client)
    here = AtSignIn(client.id)
    match client.status:
        case Status.INACTIVE | Status.PRACTICE_ONLY | Status.CLOSED | Status.DELETED:
            return _refused(client, RefusalCode.UNKNOWN_ADDRESS, CHECK_ADDRESS, CONTACT_SUPPORT)
        case Status.AWAITING_ACTIVATION:
            ways = ways_to_activate(client, ClientUser, at)
            return _refused(client, RefusalCode.NOT_ACTIVATED, *ways, JUNK_FOLDER, CONTACT_SUPPORT)
        case Status.DISABLED:
            removed = AccessRemoved(
                client.id,
                client.version,
                here,
                client.business_name,
                practice_id=client.practice_id,
            )
            enable = way(EnableAccess, PracticeUser)
            return _refused(client, RefusalCode.DISABLED_BY_PRACTICE, enable, prompts=(removed,))
        case Status.BOTH_ACCESS | Status.UNMANAGED:
            owed = client.direct_debit
            if owed is None:
                return SignInDecision(True, client.id, None, client.services, ())
            prompt = DirectDebitNeeded(
                client.id, client.version, here, client.business_name, due=owed.due
            )
            if owed.is_due(at):
                provide = way(ProvideDirectDebit, ClientUser)
                return _refused(
                    client, RefusalCode.DIRECT_DEBIT_MISSING, provide, prompts=(prompt,)
                )
            return SignInDecision(True, client.id, None, client.services, (prompt,))
        case _:
            assert_never(client.status)


@final
@frozen
class OpenService:
    """A service that an actor can open.

    Parameters:
        code: its code.
        name: its name for people.
        capabilities: what can be done inside it, as in the catalogue (S7).
    """

    code: str
    name: str
    capabilities: tuple[str, ...]


@final
@frozen
class Opening:
    """What an actor can open of a client, or why it can open nothing (rules §8).

    Parameters:
        services: the services that it can open, each with its capabilities.
        refusal: why nothing can be opened, and what helps; None if something can be opened.
    """

    services: tuple[OpenService, ...]
    refusal: Refusal | None


def opening_of(client: Client, by: Actor, *, at: datetime, catalogue: Catalogue) -> Opening:
    """Return what an actor can open of a client now (rules §8, S7).

    Parameters:
        client: the client.
        by: the actor.
        at: now, with a time zone.
        catalogue: the services that are on offer or still held.

    Raises:
        CatalogueIncomplete: the catalogue lacks a service that the client holds (S4).
        InvalidValue: an argument is malformed.
    """
    at = to_utc("at", at)
    check_type("client", client, Client)
    check_type("catalogue", catalogue, Catalogue)
    check_actor(by)
    if refusal := _not_open(client, by, at):
        return Opening((), refusal)
    services = [catalogue.held(held.code) for held in client.services]
    return Opening(
        tuple([OpenService(each.code, each.name, each.capabilities) for each in services]), None
    )


def _not_open(client: Client, by: Actor, at: datetime) -> Refusal | None:
    """Return why an actor can open nothing, or None."""
    if not is_known(client, by):
        return UNKNOWN_CLIENT
    if isinstance(by, ClientUser):
        refusal = sign_in_of(client, at=at).refusal
    elif isinstance(by, PracticeUser):
        refusal = None if client.status in SUBSCRIBED else _not_in_this_status(client)
    else:
        refusal = None if client.status is not Status.INACTIVE else _not_in_this_status(client)
    if refusal is None and not client.services:
        return refuse(RefusalCode.NO_SERVICES, *_adding(client))
    return refusal


def _not_in_this_status(client: Client) -> Refusal:
    match client.status:
        case Status.INACTIVE:
            helps: tuple[WayOut, ...] = (way(Subscribe, PracticeUser),)
        case Status.CLOSED:
            helps = _adding(client)
        case _:  # a practice that is only invited
            helps = (way(AcceptPracticeInvitation, PracticeUser),)
    return refuse(RefusalCode.NOT_IN_THIS_STATUS, *helps)


def _adding(client: Client) -> tuple[WayOut, ...]:
    """Return how a client without services gets one."""
    if client.status is Status.CLOSED:
        return (way(ReopenClient, PracticeUser), way(AddService, PracticeUser))
    return (way(AddService, PlatformUser if client.payer is Payer.CLIENT else PracticeUser),)


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
    client: Client | None,
    code: RefusalCode,
    *ways: WayOut,
    prompts: tuple[AccessRemoved | DirectDebitNeeded, ...] = (),
) -> SignInDecision:
    return SignInDecision(
        False, None if client is None else client.id, refuse(code, *ways), (), prompts
    )
