"""The client's invariants: only clients that commands can reach can be made."""

from __future__ import annotations

from collections import Counter
from itertools import product
from typing import Any

import pytest
import world
from attrs import evolve
from world import CLIENT_ID, FIRST_ACTIVATION, FREE, LATE, OTHER_ID, T0

import client_access as ca

S, P = ca.Status, ca.PayerState

PAYROLL = ca.HeldService("payroll")
ACTIVATION = ca.Activation(FIRST_ACTIVATION, T0, LATE)
INVITATION = ca.PracticeInvitation("south", T0)
OWED = ca.DirectDebit(T0, LATE)
ADDRESS = ca.EmailAddress(FREE)
PLACEHOLDER = ca.EmailAddress.placeholder(CLIENT_ID)


def shape(client: ca.Client) -> tuple[object, ...]:
    """Return the fields that the invariants are about, as far as they matter."""
    return (
        client.status,
        client.payer_state,
        client.source,
        bool(client.services),
        client.email.is_placeholder,
        client.practice_id is not None,
        client.activation is not None,
        client.practice_invitation is not None,
        client.established,
        client.direct_debit is not None,
    )


def forge(**fields: Any) -> ca.Client:
    status = fields["status"]
    return ca.Client(
        id=CLIENT_ID,
        version=7,
        kind=ca.ClientKind.BUSINESS,
        business_name="" if status is S.DELETED else "Acme",
        contact=ca.ContactDetails(),
        **fields,
    )


def test_a_client_can_be_made_exactly_if_commands_can_reach_it() -> None:
    """§2, §3, L2, L5, P5, P6: of all combinations of fields, the constructor accepts exactly those
    to which some commands lead.
    """
    reached = {shape(client) for client in world.clients()}
    built = set()
    forged = Counter[bool]()
    for status, payer, source, services, email, practice, active, invited, old, owed in product(
        S,
        P,
        ca.Source,
        ((), (PAYROLL,)),
        (ADDRESS, PLACEHOLDER),
        (None, "north"),
        (None, ACTIVATION),
        (None, INVITATION),
        (False, True),
        (None, OWED),
    ):
        try:
            client = forge(
                status=status,
                payer_state=payer,
                source=source,
                services=services,
                email=email,
                practice_id=practice,
                activation=active,
                practice_invitation=invited,
                established=old,
                direct_debit=owed,
            )
        except ca.InvalidValue:
            forged[False] += 1
        else:
            forged[True] += 1
            built.add(shape(client))
    assert built == reached
    assert forged[True] == len(reached) >= 80
    assert forged.total() == 7 * 5 * 3 * 2**7


# ── Invariant by invariant ───────────────────────────────────────────────────────────────────────

INACTIVE: dict[str, Any] = {
    "status": S.INACTIVE,
    "payer_state": P.UNDECIDED,
    "source": ca.Source.ADDED,
    "email": ADDRESS,
    "practice_id": "north",
}
PRACTICE_ONLY = {
    **INACTIVE,
    "status": S.PRACTICE_ONLY,
    "payer_state": P.PRACTICE_LOCKED,
    "established": True,
}
AWAITING = {
    **INACTIVE,
    "status": S.AWAITING_ACTIVATION,
    "payer_state": P.PRACTICE_LOCKED,
    "activation": ACTIVATION,
}
BOTH = {**PRACTICE_ONLY, "status": S.BOTH_ACCESS}
DISABLED = {**PRACTICE_ONLY, "status": S.DISABLED}
UNMANAGED = {
    **BOTH,
    "status": S.UNMANAGED,
    "payer_state": P.CLIENT_LOCKED,
    "practice_id": None,
}
CUSTOMER = {**UNMANAGED, "source": ca.Source.CUSTOMER, "established": False}
DELETED = {**INACTIVE, "status": S.DELETED, "email": PLACEHOLDER, "practice_id": None}

SOUND = (INACTIVE, PRACTICE_ONLY, AWAITING, BOTH, DISABLED, UNMANAGED, CUSTOMER, DELETED)

FORGED: tuple[tuple[str, dict[str, Any], dict[str, Any]], ...] = (
    # The payer is open before the first service and locked after it (P2). A practice that works
    # alone or locks the client out pays (P1, L8). An unmanaged client pays for itself (P3).
    ("payer_state", INACTIVE, {"payer_state": P.PRACTICE_LOCKED}),
    ("payer_state", INACTIVE, {"payer_state": P.CLIENT_LOCKED}),
    ("payer_state", PRACTICE_ONLY, {"payer_state": P.CLIENT_LOCKED}),
    ("payer_state", PRACTICE_ONLY, {"payer_state": P.PRACTICE_CHOSEN}),
    ("payer_state", AWAITING, {"payer_state": P.UNDECIDED}),
    ("payer_state", AWAITING, {"payer_state": P.CLIENT_CHOSEN}),
    ("payer_state", BOTH, {"payer_state": P.PRACTICE_CHOSEN}),
    ("payer_state", DISABLED, {"payer_state": P.CLIENT_LOCKED}),
    ("payer_state", UNMANAGED, {"payer_state": P.PRACTICE_LOCKED}),
    # A customer that invited its practice pays for itself (P5).
    ("payer_state", BOTH, {"source": ca.Source.CUSTOMER}),
    # If a client is given access later, the practice worked alone before, and pays (L5, P1).
    ("payer_state", AWAITING, {"established": True, "payer_state": P.CLIENT_LOCKED}),
    # A customer is activated from the start (L2), and is not locked out (§2).
    ("source", INACTIVE, {"source": ca.Source.CUSTOMER}),
    ("source", PRACTICE_ONLY, {"source": ca.Source.CUSTOMER}),
    ("source", AWAITING, {"source": ca.Source.CUSTOMER}),
    ("source", DISABLED, {"source": ca.Source.CUSTOMER}),
    ("source", DELETED, {"source": ca.Source.CUSTOMER}),
    ("source", UNMANAGED, {"established": False}),
    # A client is established once anybody has worked with it, and is then not deleted (L5).
    ("established", INACTIVE, {"established": True}),
    ("established", PRACTICE_ONLY, {"established": False}),
    ("established", BOTH, {"established": False}),
    ("established", DISABLED, {"established": False}),
    ("established", DELETED, {"established": True}),
    # A managed client has a practice, and no other client has one (§8).
    *(
        ("practice_id", sound, {"practice_id": None})
        for sound in (INACTIVE, PRACTICE_ONLY, AWAITING, BOTH, DISABLED)
    ),
    *(("practice_id", sound, {"practice_id": "north"}) for sound in (UNMANAGED, CUSTOMER, DELETED)),
    # An activation is pending exactly while the client awaits it (E6).
    ("activation", AWAITING, {"activation": None}),
    *(
        ("activation", sound, {"activation": ACTIVATION})
        for sound in (INACTIVE, PRACTICE_ONLY, BOTH, DISABLED, UNMANAGED, CUSTOMER, DELETED)
    ),
    # Only an unmanaged client invites a practice (§8).
    *(
        ("practice_invitation", sound, {"practice_invitation": INVITATION})
        for sound in (INACTIVE, PRACTICE_ONLY, AWAITING, BOTH, DISABLED, DELETED)
    ),
    # Services lock the payer (P2), and a deleted client has none (L5).
    ("services", INACTIVE, {"services": (PAYROLL,)}),
    ("services", DELETED, {"services": (PAYROLL,)}),
    ("services", DELETED, {"services": (PAYROLL,), "payer_state": P.PRACTICE_LOCKED}),
    ("services", BOTH, {"services": (PAYROLL, PAYROLL)}),
    ("services", BOTH, {"services": (PAYROLL, ca.HeldService("extra"))}),
    ("services", BOTH, {"services": [PAYROLL]}),
    # A client that is to sign in has an address (E2). A placeholder or erased address is its own.
    *(("email", sound, {"email": PLACEHOLDER}) for sound in (AWAITING, BOTH, DISABLED)),
    ("email", UNMANAGED, {"email": PLACEHOLDER}),
    *(
        ("email", sound, {"email": ca.EmailAddress.placeholder(OTHER_ID)})
        for sound in (INACTIVE, PRACTICE_ONLY, DELETED)
    ),
    ("email", BOTH, {"email": ca.EmailAddress.erased(OTHER_ID)}),
    # A deleted client has no address (L5).
    ("email", DELETED, {"email": ADDRESS}),
    ("email", DELETED, {"email": ca.EmailAddress.erased(CLIENT_ID)}),
    # A client owes direct debit details only if a practice paid for it and left (P6).
    *(
        ("direct_debit", sound, {"direct_debit": OWED})
        for sound in (INACTIVE, PRACTICE_ONLY, AWAITING, BOTH, DISABLED, CUSTOMER, DELETED)
    ),
)


def test_the_unforged_clients_are_valid() -> None:
    for sound in SOUND:
        assert forge(**sound).status is sound["status"]


@pytest.mark.parametrize(("field", "sound", "change"), FORGED)
def test_each_invariant_holds(field: str, sound: dict[str, Any], change: dict[str, Any]) -> None:
    """One changed field makes the client invalid, and the error names the field at fault."""
    forge(**sound)
    with pytest.raises(ca.InvalidValue) as raised:
        forge(**{**sound, **change})
    assert raised.value.field == field


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("business_name", "Acme"),
        ("business_name", " "),
        ("contact", ca.ContactDetails("Ann")),
    ],
)
def test_a_deleted_client_has_no_personal_data(field: str, value: Any) -> None:
    """L5: its name and contact details are empty, and its address is the placeholder."""
    deleted = forge(**DELETED)
    with pytest.raises(ca.InvalidValue) as raised:
        evolve(deleted, **{field: value})
    assert raised.value.field == field


def test_only_a_deleted_client_has_no_name() -> None:
    for sound in SOUND:
        client = forge(**sound)
        if client.status is not S.DELETED:
            with pytest.raises(ca.InvalidValue, match="business_name does not go with the status"):
                evolve(client, business_name="")


def test_the_empty_name_of_a_deleted_client_is_plain() -> None:
    """L5: a host's own kind of text is not kept in its place."""

    class Markup(str):
        pass

    deleted = next(forge(**sound) for sound in SOUND if sound["status"] is S.DELETED)
    assert type(evolve(deleted, business_name=Markup("")).business_name) is str


# ── Properties ───────────────────────────────────────────────────────────────────────────────────

LABELS = {
    "inactive": "Inactive",
    "practice_only": "My company has access",
    "awaiting_activation": "Awaiting Client Activation",
    "both_access": "My company and client both have access",
    "disabled": "Disabled",
    "unmanaged": "Unmanaged",
    "deleted": "Deleted",
}
PAYERS = {
    "undecided": (None, False),
    "practice_chosen": (ca.Payer.PRACTICE, False),
    "client_chosen": (ca.Payer.CLIENT, False),
    "practice_locked": (ca.Payer.PRACTICE, True),
    "client_locked": (ca.Payer.CLIENT, True),
}


def test_properties_follow_from_the_fields() -> None:
    """§2: label, managed and activated; §3: payer and lock; E1: the address's key."""
    for client in world.clients():
        status = client.status.value
        assert client.label == client.status.label == LABELS[status]
        assert (client.payer, client.payer_locked) == PAYERS[client.payer_state.value]
        assert client.activated == (status in {"both_access", "disabled", "unmanaged"})
        assert client.managed == (status not in {"unmanaged", "deleted"})
        assert client.managed == (client.practice_id is not None)
        assert client.email_key == client.email.key
        assert {code for code in ("payroll", "start", "teapot") if client.holds(code)} == {
            held.code for held in client.services
        } & {"payroll", "start"}


def test_the_words_of_the_rules_are_the_values_of_the_enums() -> None:
    """What is stored does not change if a name in the code does."""
    words = {
        ca.Status: list(LABELS),
        ca.PayerState: list(PAYERS),
        ca.Payer: ["practice", "client"],
        ca.SignIn: ["practice_only", "practice_and_client"],
        ca.Source: ["added", "imported", "customer"],
        ca.ClientKind: ["business", "individual"],
        ca.ClientList: ["active", "inactive", "imported"],
    }
    for kind, values in words.items():
        assert [member.value for member in kind] == values


def where(client: ca.Client) -> tuple[str, str] | None:
    """Return the practice and the list that have the client (C1)."""
    practice = client.practice_id or ""
    match client.status.value:
        case "practice_only" | "both_access" | "disabled":
            return practice, "active"
        case "awaiting_activation":
            return practice, "active" if client.established else "inactive"
        case "inactive":
            return practice, "imported" if client.source.value == "imported" else "inactive"
        case "unmanaged" if client.practice_invitation:
            return client.practice_invitation.practice_id, "inactive"
        case _:
            return None


def test_a_client_is_in_at_most_one_list_of_one_practice() -> None:
    """C1, for every reachable client."""
    seen = Counter[Any]()
    for client in world.clients():
        listing = client.listing
        place = listing and (listing.practice_id, listing.client_list.value)
        assert place == where(client)
        seen[place and place[1], client.status.value] += 1
        if listing is not None:
            assert listing.folded_name == client.business_name.lower()
    assert set(seen) == {
        ("active", "practice_only"),
        ("active", "both_access"),
        ("active", "disabled"),
        ("active", "awaiting_activation"),
        ("inactive", "awaiting_activation"),
        ("inactive", "inactive"),
        ("inactive", "unmanaged"),
        ("imported", "inactive"),
        (None, "unmanaged"),
        (None, "deleted"),
    }


# ── repr() ───────────────────────────────────────────────────────────────────────────────────────


def test_a_repr_shows_where_a_client_is_and_nothing_about_the_person() -> None:
    """A log or a traceback shows no name, address or contact details (E7)."""
    client = next(each for each in world.clients() if each.status is S.BOTH_ACCESS)
    assert repr(client) == (
        f"Client(id={client.id!r}, version={client.version}, status={client.status!r})"
    )
    command = ca.ChangeBusinessName(client.id, ca.PlatformUser(), business_name="Secret & Sons")
    change = ca.decide(client, command, at=world.T0, catalogue=world.CATALOGUE)
    assert repr(change) == "Change(command=ChangeBusinessName, event=BusinessNameChanged)"
    with pytest.raises(ca.CommandRefused) as refused:
        ca.decide(
            client,
            ca.Subscribe(
                client.id,
                world.NORTH,
                payer=ca.Payer.CLIENT,
                sign_in=ca.SignIn.PRACTICE_AND_CLIENT,
                services={},
            ),
            at=world.T0,
            catalogue=world.CATALOGUE,
        )
    assert repr(refused.value) == "CommandRefused(Subscribe, not_in_this_status)"
    assert repr(ca.CommandRefused(None, refused.value.refusal)) == (
        "CommandRefused(None, not_in_this_status)"
    )


def test_the_repr_of_a_command_shows_every_field() -> None:
    """A failing example can be pasted into a test."""
    command = ca.ChangeBusinessName(world.CLIENT_ID, ca.PlatformUser(), business_name="Oak")
    assert "business_name='Oak'" in repr(command)
