"""A practice's four lists: rules C1 to C3."""

from __future__ import annotations

from functools import partial
from typing import Any
from uuid import UUID

import pytest
import world
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st
from office import Office
from rules_table import facts
from test_notices import clients
from world import CATALOGUE, CLIENT, CLIENT_ID, EAST, NORTH, PLATFORM, SOUTH

import client_access as ca
from client_access.values import fold

LISTS = tuple(ca.ClientList)
INACTIVE = ca.ClientList.INACTIVE


def add(client_id: UUID, name: str, by: ca.PracticeUser = NORTH) -> ca.AddClient:
    return ca.AddClient(client_id, by, business_name=name)


def filled(*names: str) -> Office:
    """Return an office with one client for each name."""
    office = Office()
    office.access.handle_all(add(UUID(int=n), name) for n, name in enumerate(names, 1))
    return office


def names_of(page: ca.Page) -> list[str]:
    return [row.business_name for row in page.rows]


def all_rows(office: Office, limit: int, search: str = "") -> list[ca.Row]:
    rows: list[ca.Row] = []
    cursor = None
    for _ in range(100):
        page = office.access.clients("north", INACTIVE, search=search, limit=limit, after=cursor)
        rows += page.rows
        assert len(page.rows) <= limit
        if page.next is None:
            return rows
        assert len(page.rows) == limit
        cursor = page.next
    raise AssertionError("the list never ends")


# ── Which list, and what it shows ────────────────────────────────────────────────────────────────


def test_every_client_is_in_the_list_that_the_rules_say_and_in_no_other() -> None:
    """C1: every possible client has its list and label. A client that has only invited the practice
    is shown by id, kind and name (C3).
    """
    labels = set()
    for client in clients():
        office = Office()
        created = world.decide(None, add(CLIENT_ID, "Acme"), world.T0)
        office.repository = ca.MemoryRepository()
        office.repository.save([evolve(created, after=client)])
        access = ca.ClientAccess(office.repository, catalogue=CATALOGUE)
        shown = {
            (practice, which.value): access.clients(practice, which).rows
            for practice in ("north", "south", "east")
            for which in LISTS
        }
        place = list_of(facts(client))
        assert {key for key, rows in shown.items() if rows} == ({place} if place else set())
        for (practice, which), rows in shown.items():
            for row in rows:
                invited = facts(client)["status"] == "unmanaged"
                assert row.label == ("New Client Invitation" if invited else client.label)
                assert row.client == (None if invited else client)
                assert (row.client_id, row.kind, row.business_name) == (
                    client.id,
                    client.kind,
                    client.business_name,
                )
                labels.add((which, row.label))
                if invited:
                    # The practice does not have it, so it reads nothing more of it (C3).
                    with pytest.raises(ca.CommandRefused, match="unknown_client"):
                        access.client(client.id, ca.PracticeUser(practice))
                else:
                    assert access.client(client.id, ca.PracticeUser(practice)) == client
    assert labels == {
        ("active", "My company has access"),
        ("active", "My company and client both have access"),
        ("active", "Disabled"),
        ("active", "Awaiting Client Activation"),
        ("inactive", "Inactive"),
        ("inactive", "Awaiting Client Activation"),
        ("inactive", "New Client Invitation"),
        ("imported", "Inactive"),
        ("closed", "Closed"),
    }


def list_of(client: dict[str, Any]) -> tuple[str, str] | None:
    """C1: return the practice and the list in which a client is, or None."""
    practice, invitation = client["practice_id"], client["invitation"]
    match client["status"]:
        case "practice_only" | "both_access" | "disabled":
            return practice, "active"
        case "awaiting_activation":
            return practice, "active" if client["established"] else "inactive"
        case "inactive":
            return practice, "imported" if client["source"] == "imported" else "inactive"
        case "closed":
            return practice, "closed"
        case "unmanaged" if invitation:
            return invitation[0], "inactive"
        case _:
            return None


def subscribe(sign_in: ca.SignIn) -> ca.Subscribe:
    return ca.Subscribe(
        CLIENT_ID,
        NORTH,
        payer=ca.Payer.PRACTICE,
        sign_in=sign_in,
        services={"extra": None},
        activation_id=world.FIRST_ACTIVATION,
    )


def shown_in(office: Office) -> set[tuple[str, str]]:
    """Return the lists that show any client."""
    return {
        (practice, which.value)
        for practice in ("north", "south")
        for which in LISTS
        if office.access.clients(practice, which).rows
    }


def test_a_client_moves_from_list_to_list() -> None:
    """C1, L9 to L11: closing, reopening, withdrawing access and a transfer each move it."""
    office = Office()
    for command, place in (
        (evolve(add(CLIENT_ID, "Acme"), email=world.FIRST), ("north", "inactive")),
        (subscribe(ca.SignIn.PRACTICE_AND_CLIENT), ("north", "inactive")),
        (ca.WithdrawAccess(CLIENT_ID, NORTH), ("north", "active")),
        (ca.CloseClient(CLIENT_ID, NORTH), ("north", "closed")),
        (ca.TransferClient(CLIENT_ID, PLATFORM, practice_id="south"), ("south", "closed")),
        (ca.ReopenClient(CLIENT_ID, SOUTH), ("south", "active")),
        (ca.CloseClient(CLIENT_ID, SOUTH), ("south", "closed")),
    ):
        office.do(command)
        assert shown_in(office) == {place}
    office.do(ca.DeleteClient(CLIENT_ID, SOUTH))
    assert shown_in(office) == set()


def test_an_invitation_moves_from_list_to_list_when_it_is_answered() -> None:
    """C1: it is in the list of the invited practice, then among its active clients or nowhere."""
    register = ca.RegisterCustomer(
        CLIENT_ID, PLATFORM, business_name="Acme", email=world.FIRST, services={"extra": None}
    )
    office = Office((register, ca.InvitePractice(CLIENT_ID, CLIENT, practice_id="south")))
    shown = partial(shown_in, office)
    assert shown() == {("south", "inactive")}
    office.do(ca.DeclinePracticeInvitation(CLIENT_ID, SOUTH))
    assert shown() == set()
    office.do(ca.InvitePractice(CLIENT_ID, CLIENT, practice_id="north"))
    assert shown() == {("north", "inactive")}
    office.do(ca.AcceptPracticeInvitation(CLIENT_ID, NORTH))
    assert shown() == {("north", "active")}
    office.do(ca.StopManaging(CLIENT_ID, NORTH))
    assert shown() == set()


# ── Search ───────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("", ["100% Wool", "a_b", "Ärzte", "Straße 5", "STRASSE 7", "Zoë & Söhne"]),
        ("str", ["Straße 5", "STRASSE 7"]),
        ("STRASSE", ["Straße 5", "STRASSE 7"]),
        ("straße", ["Straße 5", "STRASSE 7"]),
        ("söhne", ["Zoë & Söhne"]),
        ("so\u0308hne", ["Zoë & Söhne"]),
        ("ÄRZTE", ["Ärzte"]),
        ("%", ["100% Wool"]),
        ("_", ["a_b"]),
        ("a%b", []),
        ("*", []),
        ("?", []),
        ("\\", []),
        ("[a-z]", []),
        (" ", ["100% Wool", "a_b", "Ärzte", "Straße 5", "STRASSE 7", "Zoë & Söhne"]),
        ("  str\t", ["Straße 5", "STRASSE 7"]),
        ("\u00a0Wool\r\n", ["100% Wool"]),
        ("& s", ["Zoë & Söhne"]),
        ("&  s", []),
        ("rzte", ["Ärzte"]),
        ("x", []),
        ("' OR 1=1 --", []),
    ],
)
def test_search_finds_text_in_the_name_without_wildcards(search: str, found: list[str]) -> None:
    """C2: the folded name contains the folded text. White space around the text is ignored."""
    office = filled("Zoë & Söhne", "Straße 5", "STRASSE 7", "100% Wool", "a_b", "Ärzte")
    page = office.access.clients("north", INACTIVE, search=search)
    assert sorted(names_of(page), key=fold) == sorted(found, key=fold)


name_texts = st.text("aAbB Ääß\u017fİIiμµ\u0301%_*", min_size=1, max_size=6).filter(
    lambda name: name.strip(" \u0301")
)


@settings(max_examples=60)
@given(st.lists(name_texts, max_size=8), st.text("aAbÄßsS%_ \u0301", max_size=3))
def test_search_is_containment_of_folded_text_in_order_of_code_points(
    names: list[str], search: str
) -> None:
    """C2: the rows are ordered by folded name, by code point, then by id."""
    office = filled(*names)
    everything = [(fold(name), UUID(int=n)) for n, name in enumerate(names, 1)]
    found = sorted(place for place in everything if fold(search.strip()) in place[0])
    page = office.access.clients("north", INACTIVE, search=search, limit=100)
    assert [(fold(row.business_name), row.client_id) for row in page.rows] == found
    assert page.next is None


def found_by(search: str, office: Office, practice: str = "north") -> list[str]:
    """Return the names that a search finds in the lists of a practice."""
    return [
        name
        for which in LISTS
        for name in names_of(office.access.clients(practice, which, search=search))
    ]


def addressed(client_id: UUID, name: str, email: str) -> ca.AddClient:
    return ca.AddClient(client_id, NORTH, business_name=name, email=email)


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("ann@", ["Acme"]),
        ("Ann@Büro.Example.COM", ["Acme"]),
        ("ANN@BU\u0308RO", ["Acme"]),
        ("  ann@  ", ["Acme"]),
        ("bolt", ["Bolt", "Cord"]),
        ("@", ["Acme", "Bolt", "Cord"]),
        ("example.com", ["Acme", "Bolt", "Cord"]),
        ("xn--", []),
        # No text is found that begins in the name and ends in the address.
        ("acmeann", []),
        ("acme ann", []),
        # A placeholder is made from the client's id.
        ("placeholder", []),
        ("invalid", []),
        (UUID(int=4).hex, []),
    ],
)
def test_search_finds_text_in_the_address_too(search: str, found: list[str]) -> None:
    """C2: folded like the name. Placeholders are not searched."""
    office = Office(
        (
            addressed(UUID(int=1), "Acme", "Ann@Büro.example.com"),
            addressed(UUID(int=2), "Bolt", "b@example.com"),
            addressed(UUID(int=3), "Cord", "BOLT@example.com"),
            add(UUID(int=4), "Placeless"),
        )
    )
    assert found_by(search, office) == found
    assert found_by("placeless", office) == ["Placeless"]


def test_a_search_finds_the_present_address() -> None:
    """C2, L9, L10, E7: not one that was changed, withdrawn, freed by closing or erased."""
    office = Office(
        (
            addressed(CLIENT_ID, "Acme", "first@example.com"),
            ca.ChangeEmail(CLIENT_ID, NORTH, email="second@example.com"),
        )
    )
    assert (found_by("first@", office), found_by("second@", office)) == ([], ["Acme"])
    office.do(subscribe(ca.SignIn.PRACTICE_AND_CLIENT), ca.WithdrawAccess(CLIENT_ID, NORTH))
    assert (found_by("second@", office), found_by("acme", office)) == ([], ["Acme"])
    office.do(ca.ChangeEmail(CLIENT_ID, NORTH, email="third@example.com"))
    assert found_by("third@", office) == ["Acme"]
    office.do(ca.CloseClient(CLIENT_ID, NORTH))
    assert (found_by("third@", office), found_by("acme", office)) == ([], ["Acme"])

    office = Office((addressed(CLIENT_ID, "Acme", "first@example.com"),))
    office.repository.erase(CLIENT_ID)
    assert (found_by("first@", office), found_by("invalid", office)) == ([], [])
    assert found_by("(erased)", office) == ["(erased)"]


def test_the_address_of_a_client_that_only_invites_is_not_searched() -> None:
    """C2, C3: a practice learns it when it has accepted."""
    register = ca.RegisterCustomer(
        CLIENT_ID, PLATFORM, business_name="Acme", email="ann@example.com", services={"extra": None}
    )
    office = Office((register, ca.InvitePractice(CLIENT_ID, CLIENT, practice_id="south")))
    for search in ("ann@", "@", "example.com"):
        assert found_by(search, office, "south") == []
    assert found_by("acm", office, "south") == ["Acme"]
    office.do(ca.AcceptPracticeInvitation(CLIENT_ID, SOUTH))
    assert found_by("ann@", office, "south") == ["Acme"]


def test_nobody_searches_the_clients_of_another_practice() -> None:
    """C3: after a transfer, only the practice that took over finds the client."""
    office = Office((addressed(CLIENT_ID, "Acme", "ann@example.com"),))
    assert (found_by("ann@", office), found_by("ann@", office, "south")) == (["Acme"], [])
    office.do(ca.TransferClient(CLIENT_ID, PLATFORM, practice_id="south"))
    assert (found_by("ann@", office), found_by("ann@", office, "south")) == ([], ["Acme"])


def test_what_is_searched_of_every_client() -> None:
    """C2: the name, and the address of a client that the practice manages, if mail reaches it."""
    with_address = set()
    for client in (*clients(), *world.erased()):
        listing = client.listing
        if listing is None:
            continue
        assert listing.folded_name == fold(client.business_name)
        managed = client.status is not ca.Status.UNMANAGED
        if managed and not client.email.address.endswith(".invalid"):
            assert listing.searched == f"{listing.folded_name}\n{fold(client.email.address)}"
            with_address.add(client.status.value)
        else:
            assert listing.searched == listing.folded_name
    assert with_address == {
        "inactive",
        "practice_only",
        "awaiting_activation",
        "both_access",
        "disabled",
    }


# ── Pages ────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("limit", [1, 2, 3, 5, 7, 8, 1000])
def test_the_pages_together_are_the_list(limit: int) -> None:
    """C2: no row is skipped or repeated, whatever the page length, also with equal names."""
    names = ["b", "a", "B", "ä", "a", "c", "A"]
    office = filled(*names)
    rows = all_rows(office, limit)
    assert [(row.business_name, row.client_id.int) for row in rows] == [
        ("a", 2),
        ("a", 5),
        ("A", 7),
        ("b", 1),
        ("B", 3),
        ("c", 6),
        ("ä", 4),
    ]


@settings(max_examples=60)
@given(
    st.lists(name_texts, min_size=1, max_size=10),
    st.integers(1, 4),
    st.lists(st.tuples(name_texts, st.booleans()), max_size=6),
)
def test_paging_neither_skips_nor_repeats_while_clients_come_and_go(
    names: list[str], limit: int, meanwhile: list[tuple[str, bool]]
) -> None:
    """C2: clients are added and deleted between two pages; those that stay come exactly once."""
    office = filled(*names)
    stay = {UUID(int=n) for n in range(1, len(names) + 1)}
    changes = iter(enumerate(meanwhile, 1000))
    seen: list[UUID] = []
    cursor = None
    for _ in range(100):
        page = office.access.clients("north", INACTIVE, limit=limit, after=cursor)
        seen += [row.client_id for row in page.rows]
        if page.next is None:
            break
        cursor = page.next
        for number, (name, deletes) in [*changes][:2]:
            office.do(add(UUID(int=number), name))
            if deletes and len(stay) > 1:
                gone = min(stay)
                stay.discard(gone)
                office.do(ca.DeleteClient(gone, NORTH))
    assert page.next is None
    assert len(seen) == len(set(seen))
    assert stay <= set(seen)
    assert [*seen] == sorted(seen, key=lambda i: (_folded(office, i, names, meanwhile), i))


def _folded(
    office: Office, client_id: UUID, names: list[str], meanwhile: list[tuple[str, bool]]
) -> str:
    number = client_id.int
    return fold(names[number - 1] if number < 1000 else meanwhile[number - 1000][0])


def test_a_cursor_marks_a_place_even_if_no_client_is_there() -> None:
    """C2: the client there was deleted or renamed, or there was none; the page begins after it."""
    office = filled("a", "b", "c", "d")
    page = office.access.clients("north", INACTIVE, limit=2)
    assert page.next == ("b", UUID(int=2))
    office.do(ca.DeleteClient(UUID(int=2), NORTH))
    assert names_of(office.access.clients("north", INACTIVE, after=page.next)) == ["c", "d"]
    assert names_of(office.access.clients("north", INACTIVE, after=("bb", UUID(int=0)))) == [
        "c",
        "d",
    ]
    assert names_of(office.access.clients("north", INACTIVE, after=("", UUID(int=0)))) == [
        "a",
        "c",
        "d",
    ]
    assert names_of(office.access.clients("north", INACTIVE, after=("z", UUID(int=0)))) == []


def test_a_cursor_grants_no_access() -> None:
    """C2, C3: with another practice's cursor, a practice reads only its own list."""
    office = filled("a", "b", "c")
    office.do(add(UUID(int=50), "bb", EAST))
    cursor = office.access.clients("north", INACTIVE, limit=1).next
    assert names_of(office.access.clients("east", INACTIVE, after=cursor)) == ["bb"]
    assert names_of(office.access.clients("south", INACTIVE, after=cursor)) == []


def test_a_cursor_may_be_a_pair_that_went_through_json() -> None:
    """A list of name and id marks the same place."""
    office = filled("a", "b")
    cursor: Any = list(office.access.clients("north", INACTIVE, limit=1).next or ())
    assert names_of(office.access.clients("north", INACTIVE, after=cursor)) == ["b"]


def test_a_full_last_page_has_no_next() -> None:
    """No empty page follows it."""
    office = filled("a", "b", "c", "d")
    page = office.access.clients("north", INACTIVE, limit=2)
    page = office.access.clients("north", INACTIVE, limit=2, after=page.next)
    assert names_of(page) == ["c", "d"]
    assert page.next is None


def test_the_list_of_an_unknown_practice_is_empty() -> None:
    """C3: as that of a practice without clients."""
    office = filled("a")
    for which in LISTS:
        assert office.access.clients("nowhere", which) == ca.Page((), None)


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        ({"practice_id": ""}, "practice_id"),
        ({"practice_id": 5}, "practice_id"),
        ({"client_list": "active"}, "client_list"),
        ({"search": "a\x00"}, "search"),
        ({"search": "x" * 1001}, "search"),
        ({"search": "a\nb"}, "search"),
        ({"search": b"a"}, "search"),
        ({"search": None}, "search"),
        ({"limit": 0}, "limit"),
        ({"limit": 1001}, "limit"),
        ({"limit": True}, "limit"),
        ({"limit": 5.0}, "limit"),
        ({"after": "b"}, "after"),
        ({"after": ("b",)}, "after"),
        ({"after": ("b", "c")}, "after"),
        ({"after": (UUID(int=1), "b")}, "after"),
        ({"after": ("\ud800", UUID(int=1))}, "after"),
        ({"after": ("b", UUID(int=1), "c")}, "after"),
    ],
)
def test_a_malformed_argument_is_named(arguments: dict[str, Any], field: str) -> None:
    office = filled("a", "b", "c")
    asked = {"practice_id": "north", "client_list": INACTIVE, **arguments}
    with pytest.raises(ca.InvalidValue) as malformed:
        office.access.clients(asked.pop("practice_id"), asked.pop("client_list"), **asked)
    assert malformed.value.field == field


def test_renaming_moves_a_client_in_its_list() -> None:
    """C2: rows are ordered by the present names."""
    office = filled("a", "b", "c")
    office.do(ca.ChangeBusinessName(UUID(int=1), NORTH, business_name="Bz"))
    assert names_of(office.access.clients("north", INACTIVE)) == ["b", "Bz", "c"]
