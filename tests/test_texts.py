"""Every text that a person sees has a key, by which another language replaces it."""

from __future__ import annotations

import world
from office import Office
from world import CLIENT, CLIENT_ID, NORTH, OTHER_ID, PLATFORM

import client_access as ca
from client_access import refusals
from client_access.questions import texts


def test_every_label_and_every_sentence_has_a_key() -> None:
    """§2, C1, S8, §8: labels, what cannot be undone, refusals and ways out; no two share a key."""
    english = texts.english()
    for status in ca.Status:
        assert english[status.label_key] == status.label
    for what in ca.Irreversible:
        assert english[what.key] == what.sentence
    assert english.items() >= refusals.english().items()
    assert len(english) == len(refusals.english()) + len(ca.Status) + 1 + len(ca.Irreversible)
    assert len(set(english.values())) == len(english)


def test_a_row_of_a_list_names_the_key_of_its_label() -> None:
    """C1: the label of a status, and that of a client that has only invited the practice."""
    customer = ca.RegisterCustomer(
        CLIENT_ID, PLATFORM, business_name="Acme", email=world.FIRST, services={"payroll": None}
    )
    office = Office(
        (
            customer,
            ca.InvitePractice(CLIENT_ID, CLIENT, practice_id=NORTH.practice_id),
            ca.AddClient(OTHER_ID, NORTH, business_name="Bolt"),
        )
    )
    invitation, added = office.access.clients(NORTH.practice_id, ca.ClientList.INACTIVE).rows
    assert invitation.label_key == "status.new_client_invitation"
    assert added.label_key == ca.Status.INACTIVE.label_key
    for row in (invitation, added):
        assert texts.english()[row.label_key] == row.label
