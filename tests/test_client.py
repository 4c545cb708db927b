"""The client's invariants: a client can be built exactly if commands can lead to it."""

from __future__ import annotations

import datetime
from collections import Counter
from io import StringIO
from itertools import product
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest
import world
from attrs import evolve
from world import CLIENT_ID, FIRST_ACTIVATION, FREE, LATE, OTHER_ID, T0

import client_access as ca
from client_access.testing import examples

S, P = ca.Status, ca.PayerState

PAYROLL = ca.HeldService("payroll")
ACTIVATION = ca.Activation(FIRST_ACTIVATION, T0, LATE)
INVITATION = ca.PracticeInvitation("south", T0)
OWED = ca.DirectDebit(T0, LATE)
ADDRESS = ca.EmailAddress(FREE)
PLACEHOLDER = ca.EmailAddress.placeholder(CLIENT_ID)


def shape(client: ca.Client) -> tuple[object, ...]:
    """Return what the invariants of a client look at."""
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
        client.direct_debit_given,
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


FIELDS = (
    "status",
    "payer_state",
    "source",
    "services",
    "email",
    "practice_id",
    "activation",
    "practice_invitation",
    "established",
    "direct_debit",
    "direct_debit_given",
)


def test_what_can_be_built_is_what_can_be_reached() -> None:
    """§2, §3, L2, L5, L9, L10, P5, P6: of all combinations of fields, the constructor accepts
    exactly those to which some history of commands leads.
    """
    reached = {shape(client) for client in world.clients()}
    built = set()
    forged = Counter[bool]()
    for values in product(
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
        (False, True),
    ):
        try:
            client = forge(**dict(zip(FIELDS, values, strict=True)))
        except ca.InvalidValue:
            forged[False] += 1
        else:
            forged[True] += 1
            built.add(shape(client))
    assert built == reached
    assert forged[True] == len(reached) >= 80
    assert forged.total() == 8 * 5 * 3 * 2**8


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
CUSTOMER = {
    **UNMANAGED,
    "source": ca.Source.CUSTOMER,
    "established": False,
    "direct_debit_given": True,
}
CLOSED = {**PRACTICE_ONLY, "status": S.CLOSED, "email": PLACEHOLDER}
DELETED = {**INACTIVE, "status": S.DELETED, "email": PLACEHOLDER, "practice_id": None}

VALID = (INACTIVE, PRACTICE_ONLY, AWAITING, BOTH, DISABLED, UNMANAGED, CUSTOMER, CLOSED, DELETED)

FORGED: tuple[tuple[str, dict[str, Any], dict[str, Any]], ...] = (
    # Who pays is open before the first service and locked after it (P1, P2). A practice pays if it
    # locks out, works alone or has closed (P1, L8, L9), and an unmanaged client itself (P3).
    ("payer_state", INACTIVE, {"payer_state": P.PRACTICE_LOCKED}),
    ("payer_state", INACTIVE, {"payer_state": P.CLIENT_LOCKED}),
    ("payer_state", PRACTICE_ONLY, {"payer_state": P.CLIENT_LOCKED}),
    ("payer_state", PRACTICE_ONLY, {"payer_state": P.PRACTICE_CHOSEN}),
    ("payer_state", AWAITING, {"payer_state": P.UNDECIDED}),
    ("payer_state", AWAITING, {"payer_state": P.CLIENT_CHOSEN}),
    ("payer_state", BOTH, {"payer_state": P.PRACTICE_CHOSEN}),
    ("payer_state", DISABLED, {"payer_state": P.CLIENT_LOCKED}),
    ("payer_state", CLOSED, {"payer_state": P.CLIENT_LOCKED}),
    ("payer_state", UNMANAGED, {"payer_state": P.PRACTICE_LOCKED}),
    # A customer that invited its practice pays for itself (P5).
    ("payer_state", BOTH, {"source": ca.Source.CUSTOMER}),
    # Access is given later only if the practice worked alone, and so pays (L5, P1).
    ("payer_state", AWAITING, {"established": True, "payer_state": P.CLIENT_LOCKED}),
    # An established client is deleted only once it is closed, and so its practice paid (L5, L9).
    ("payer_state", DELETED, {"established": True}),
    ("payer_state", DELETED, {"established": True, "payer_state": P.CLIENT_LOCKED}),
    # A customer is activated from the start (L2), and is not locked out (§2).
    ("source", INACTIVE, {"source": ca.Source.CUSTOMER}),
    ("source", PRACTICE_ONLY, {"source": ca.Source.CUSTOMER}),
    ("source", AWAITING, {"source": ca.Source.CUSTOMER}),
    ("source", DISABLED, {"source": ca.Source.CUSTOMER}),
    ("source", CLOSED, {"source": ca.Source.CUSTOMER}),
    ("source", DELETED, {"source": ca.Source.CUSTOMER}),
    ("source", UNMANAGED, {"established": False}),
    # A client becomes established when it is first worked for (L5).
    ("established", INACTIVE, {"established": True}),
    ("established", PRACTICE_ONLY, {"established": False}),
    ("established", BOTH, {"established": False}),
    ("established", DISABLED, {"established": False}),
    ("established", CLOSED, {"established": False}),
    # A client has a practice exactly while one manages it (§8).
    *(
        ("practice_id", valid, {"practice_id": None})
        for valid in (INACTIVE, PRACTICE_ONLY, AWAITING, BOTH, DISABLED, CLOSED)
    ),
    *(("practice_id", valid, {"practice_id": "north"}) for valid in (UNMANAGED, CUSTOMER, DELETED)),
    # An activation is pending exactly while it is awaited (E6).
    ("activation", AWAITING, {"activation": None}),
    *(
        ("activation", valid, {"activation": ACTIVATION})
        for valid in (INACTIVE, PRACTICE_ONLY, BOTH, DISABLED, UNMANAGED, CUSTOMER, CLOSED, DELETED)
    ),
    # Only an unmanaged client invites a practice (§8).
    *(
        ("practice_invitation", valid, {"practice_invitation": INVITATION})
        for valid in (INACTIVE, PRACTICE_ONLY, AWAITING, BOTH, DISABLED, CLOSED, DELETED)
    ),
    # Services lock who pays (P2), and end when the client is closed or deleted (L5, L9).
    ("services", INACTIVE, {"services": (PAYROLL,)}),
    ("services", CLOSED, {"services": (PAYROLL,)}),
    ("services", DELETED, {"services": (PAYROLL,)}),
    ("services", DELETED, {"services": (PAYROLL,), "payer_state": P.PRACTICE_LOCKED}),
    ("services", BOTH, {"services": (PAYROLL, PAYROLL)}),
    ("services", BOTH, {"services": (PAYROLL, ca.HeldService("extra"))}),
    ("services", BOTH, {"services": [PAYROLL]}),
    # A client that is to sign in has an address (E2). A placeholder or an erased address is made
    # from the client's own id.
    *(("email", valid, {"email": PLACEHOLDER}) for valid in (AWAITING, BOTH, DISABLED)),
    ("email", UNMANAGED, {"email": PLACEHOLDER}),
    *(
        ("email", valid, {"email": ca.EmailAddress.placeholder(OTHER_ID)})
        for valid in (INACTIVE, PRACTICE_ONLY, CLOSED, DELETED)
    ),
    ("email", BOTH, {"email": ca.EmailAddress.erased(OTHER_ID)}),
    # The address of a closed client is freed, and a deleted one is forgotten (L5, L9).
    ("email", CLOSED, {"email": ADDRESS}),
    ("email", CLOSED, {"email": ca.EmailAddress.erased(CLIENT_ID)}),
    ("email", DELETED, {"email": ADDRESS}),
    ("email", DELETED, {"email": ca.EmailAddress.erased(CLIENT_ID)}),
    # Direct debit details are owed by an activated client that pays for services, until it gives
    # them (P6).
    *(
        ("direct_debit", valid, {"direct_debit": OWED})
        for valid in (
            INACTIVE,
            PRACTICE_ONLY,
            AWAITING,
            BOTH,
            DISABLED,
            UNMANAGED,
            CUSTOMER,
            CLOSED,
            DELETED,
        )
    ),
    ("direct_debit", UNMANAGED, {"services": (PAYROLL,)}),
    ("direct_debit", BOTH, {"services": (PAYROLL,), "payer_state": P.CLIENT_LOCKED}),
    # Only such a client has given them, and a registered customer always has (P6).
    *(
        ("direct_debit_given", valid, {"direct_debit_given": True})
        for valid in (INACTIVE, PRACTICE_ONLY, AWAITING, BOTH, DISABLED, CLOSED, DELETED)
    ),
    ("direct_debit_given", CUSTOMER, {"direct_debit_given": False}),
)


def test_the_valid_clients_are_valid() -> None:
    """Each case below changes one of these."""
    for valid in VALID:
        assert forge(**valid).status is valid["status"]


@pytest.mark.parametrize(("field", "valid", "change"), FORGED)
def test_each_invariant_is_checked(
    field: str, valid: dict[str, Any], change: dict[str, Any]
) -> None:
    """A change that does not go with the rest raises InvalidValue, which names the field."""
    forge(**valid)
    with pytest.raises(ca.InvalidValue) as raised:
        forge(**{**valid, **change})
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
    for valid in VALID:
        client = forge(**valid)
        if client.status is not S.DELETED:
            with pytest.raises(ca.InvalidValue, match="business_name does not go with the status"):
                evolve(client, business_name="")


def test_the_empty_name_of_a_deleted_client_is_plain() -> None:
    """L5: a host's own kind of text is not kept in its place."""

    class Markup(str):
        pass

    deleted = forge(**DELETED)
    assert type(evolve(deleted, business_name=Markup("")).business_name) is str


# ── Properties ───────────────────────────────────────────────────────────────────────────────────

LABELS = {
    "inactive": "Inactive",
    "practice_only": "My company has access",
    "awaiting_activation": "Awaiting Client Activation",
    "both_access": "My company and client both have access",
    "disabled": "Disabled",
    "unmanaged": "Unmanaged",
    "closed": "Closed",
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
    """Stored words are those of the rules, so a rename in the code does not change them."""
    words = {
        ca.Status: list(LABELS),
        ca.PayerState: list(PAYERS),
        ca.Payer: ["practice", "client"],
        ca.SignIn: ["practice_only", "practice_and_client"],
        ca.Source: ["added", "imported", "customer"],
        ca.ClientKind: ["business", "individual"],
        ca.ClientList: ["active", "inactive", "imported", "closed"],
    }
    for kind, values in words.items():
        assert [member.value for member in kind] == values


def where(client: ca.Client) -> tuple[str, str] | None:
    """C1: the practice and the list that the rules name."""
    practice = client.practice_id or ""
    match client.status.value:
        case "practice_only" | "both_access" | "disabled":
            return practice, "active"
        case "awaiting_activation":
            return practice, "active" if client.established else "inactive"
        case "inactive":
            return practice, "imported" if client.source.value == "imported" else "inactive"
        case "closed":
            return practice, "closed"
        case "unmanaged" if client.practice_invitation:
            return client.practice_invitation.practice_id, "inactive"
        case _:
            return None


def searched(client: ca.Client) -> str:
    """C2: the name, and the address unless it is a placeholder or only invited the practice."""
    name, address = client.business_name.lower(), client.email.address.lower()
    shown = client.managed and not client.email.is_placeholder
    return f"{name}\n{address}" if shown else name


def test_a_client_is_in_at_most_one_list_of_one_practice() -> None:
    """C1, C2: for every reachable client."""
    seen = Counter[Any]()
    for client in world.clients():
        listing = client.listing
        place = listing and (listing.practice_id, listing.client_list.value)
        assert place == where(client)
        seen[place and place[1], client.status.value] += 1
        if listing is not None:
            assert listing.folded_name == client.business_name.lower()
            assert listing.searched == searched(client)
    assert set(seen) == {
        ("active", "practice_only"),
        ("active", "both_access"),
        ("active", "disabled"),
        ("active", "awaiting_activation"),
        ("inactive", "awaiting_activation"),
        ("inactive", "inactive"),
        ("inactive", "unmanaged"),
        ("imported", "inactive"),
        ("closed", "closed"),
        (None, "unmanaged"),
        (None, "deleted"),
    }


# ── repr() ───────────────────────────────────────────────────────────────────────────────────────


def test_a_repr_shows_where_a_client_is_and_nothing_about_the_person() -> None:
    """A log or a traceback shows no name, address or contact details (E7)."""
    client = next(each for each in world.clients() if each.status is S.BOTH_ACCESS)
    assert repr(client) == f"<Client {client.id} version={client.version} status=both_access>"
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
    """The repr of every command and event is the Python that makes it."""
    said: dict[type, ca.Command | ca.Event] = {
        type(one): one
        for example in examples().values()
        for change in example.changes
        for one in (change.command, change.event)
        if one is not None
    }
    assert len(said) == 52
    for one in said.values():
        assert _pasted(repr(one)) == one


def test_a_command_is_printed_on_one_line_without_its_defaults() -> None:
    """As Hypothesis and IPython print it; it can be pasted too."""
    for example in examples().values():
        for change in example.changes:
            printed = StringIO()
            change.command._repr_pretty_(SimpleNamespace(text=printed.write), False)
            assert _pasted(printed.getvalue()) == change.command
            assert "\n" not in printed.getvalue()


def _pasted(text: str) -> object:
    names = {**vars(ca), "UUID": UUID, "datetime": datetime}
    return eval(text, names)
