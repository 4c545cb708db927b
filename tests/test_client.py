"""The client's invariants: what can be built is what can be reached, and nothing else."""

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
    """Return what of a client its invariants are about."""
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


def test_what_can_be_built_is_just_what_can_be_reached() -> None:
    """§2, §3, L2, L5, P5, P6: of all combinations of fields, the constructor lets pass exactly
    those that some history of commands leads to: none that the rules do not know, and each that
    they do.
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
    # Who pays is open before the first service and locked after it; a practice that locks out or
    # works alone pays (P1, P2, L8), and an unmanaged client does itself (P3).
    ("payer_state", INACTIVE, {"payer_state": P.PRACTICE_LOCKED}),
    ("payer_state", INACTIVE, {"payer_state": P.CLIENT_LOCKED}),
    ("payer_state", PRACTICE_ONLY, {"payer_state": P.CLIENT_LOCKED}),
    ("payer_state", PRACTICE_ONLY, {"payer_state": P.PRACTICE_CHOSEN}),
    ("payer_state", AWAITING, {"payer_state": P.UNDECIDED}),
    ("payer_state", AWAITING, {"payer_state": P.CLIENT_CHOSEN}),
    ("payer_state", BOTH, {"payer_state": P.PRACTICE_CHOSEN}),
    ("payer_state", DISABLED, {"payer_state": P.CLIENT_LOCKED}),
    ("payer_state", UNMANAGED, {"payer_state": P.PRACTICE_LOCKED}),
    # A customer that invited its practice pays itself (P5).
    ("payer_state", BOTH, {"source": ca.Source.CUSTOMER}),
    # Access is given later only where the practice worked alone, and pays (L5, P1).
    ("payer_state", AWAITING, {"established": True, "payer_state": P.CLIENT_LOCKED}),
    # A customer is there activated from the start (L2), and is not locked out (§2).
    ("source", INACTIVE, {"source": ca.Source.CUSTOMER}),
    ("source", PRACTICE_ONLY, {"source": ca.Source.CUSTOMER}),
    ("source", AWAITING, {"source": ca.Source.CUSTOMER}),
    ("source", DISABLED, {"source": ca.Source.CUSTOMER}),
    ("source", DELETED, {"source": ca.Source.CUSTOMER}),
    ("source", UNMANAGED, {"established": False}),
    # Established is who was once worked with, and only that one is kept (L5).
    ("established", INACTIVE, {"established": True}),
    ("established", PRACTICE_ONLY, {"established": False}),
    ("established", BOTH, {"established": False}),
    ("established", DISABLED, {"established": False}),
    ("established", DELETED, {"established": True}),
    # A practice has whom it manages (§8).
    *(
        ("practice_id", sound, {"practice_id": None})
        for sound in (INACTIVE, PRACTICE_ONLY, AWAITING, BOTH, DISABLED)
    ),
    *(("practice_id", sound, {"practice_id": "north"}) for sound in (UNMANAGED, CUSTOMER, DELETED)),
    # An activation is pending just while it is awaited (E6).
    ("activation", AWAITING, {"activation": None}),
    *(
        ("activation", sound, {"activation": ACTIVATION})
        for sound in (INACTIVE, PRACTICE_ONLY, BOTH, DISABLED, UNMANAGED, CUSTOMER, DELETED)
    ),
    # A practice is invited only by whom none manages (§8).
    *(
        ("practice_invitation", sound, {"practice_invitation": INVITATION})
        for sound in (INACTIVE, PRACTICE_ONLY, AWAITING, BOTH, DISABLED, DELETED)
    ),
    # Services lock who pays (P2), and go when the client is deleted (L5).
    ("services", INACTIVE, {"services": (PAYROLL,)}),
    ("services", DELETED, {"services": (PAYROLL,)}),
    ("services", DELETED, {"services": (PAYROLL,), "payer_state": P.PRACTICE_LOCKED}),
    ("services", BOTH, {"services": (PAYROLL, PAYROLL)}),
    ("services", BOTH, {"services": (PAYROLL, ca.HeldService("extra"))}),
    ("services", BOTH, {"services": [PAYROLL]}),
    # Who is to sign in has an address (E2), a placeholder is one's own, and an erased one too.
    *(("email", sound, {"email": PLACEHOLDER}) for sound in (AWAITING, BOTH, DISABLED)),
    ("email", UNMANAGED, {"email": PLACEHOLDER}),
    *(
        ("email", sound, {"email": ca.EmailAddress.placeholder(OTHER_ID)})
        for sound in (INACTIVE, PRACTICE_ONLY, DELETED)
    ),
    ("email", BOTH, {"email": ca.EmailAddress.erased(OTHER_ID)}),
    # What is deleted is forgotten (L5).
    ("email", DELETED, {"email": ADDRESS}),
    ("email", DELETED, {"email": ca.EmailAddress.erased(CLIENT_ID)}),
    # Direct debit details are owed by whom a practice paid for and left (P6).
    *(
        ("direct_debit", sound, {"direct_debit": OWED})
        for sound in (INACTIVE, PRACTICE_ONLY, AWAITING, BOTH, DISABLED, CUSTOMER, DELETED)
    ),
)


def test_the_sound_ones_are_sound() -> None:
    for sound in SOUND:
        assert forge(**sound).status is sound["status"]


@pytest.mark.parametrize(("field", "sound", "change"), FORGED)
def test_each_invariant_bites(field: str, sound: dict[str, Any], change: dict[str, Any]) -> None:
    """One field forged makes the client none, and the one that does not go along is named."""
    forge(**sound)
    with pytest.raises(ca.InvalidValue) as told:
        forge(**{**sound, **change})
    assert told.value.field == field


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("business_name", "Acme"),
        ("business_name", " "),
        ("contact", ca.ContactDetails("Ann")),
    ],
)
def test_a_deleted_client_has_no_personal_data(field: str, value: Any) -> None:
    """L5: its name is empty, its contact details are, its address is the placeholder."""
    deleted = forge(**DELETED)
    with pytest.raises(ca.InvalidValue) as told:
        evolve(deleted, **{field: value})
    assert told.value.field == field


def test_only_a_deleted_client_has_no_name() -> None:
    for sound in SOUND:
        client = forge(**sound)
        if client.status is not S.DELETED:
            with pytest.raises(ca.InvalidValue, match="business_name does not go with the status"):
                evolve(client, business_name="")


# ── What a client says of itself ─────────────────────────────────────────────────────────────────

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


def test_what_a_client_says_of_itself_follows_from_its_fields() -> None:
    """§2: label, managed, activated; §3: payer and lock; E1: the key of its address."""
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
    """Stored words are those of the rules, so that they outlive every rename in the code."""
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
    """C1: whose list, and which, as the rules say it."""
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
    """C1, for every client that there can be."""
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


# ── How it is shown ──────────────────────────────────────────────────────────────────────────────


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


def test_a_repr_of_a_command_and_of_an_event_can_be_pasted() -> None:
    """A failing example is whole: every field stands in it."""
    command = ca.ChangeBusinessName(world.CLIENT_ID, ca.PlatformUser(), business_name="Oak")
    assert "business_name='Oak'" in repr(command)
