"""The main job from beginning to end, over HTTP, with a process of the host."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import client_access as ca
from client_access.links import ActivationLinks
from client_access.sql import SqlRepository

KEY = "the key of the tests: 16 or more bytes"
NORTH, SOUTH, PLATFORM = "practice/north/nora", "practice/south/sam", "platform/cs"


def tokens(database: str) -> list[str]:
    """Deliver what waits in the outbox, and return the tokens of the activation emails."""
    links, found = ActivationLinks([KEY]), []

    def deliver(notice: ca.Notice) -> None:
        if isinstance(notice, ca.ActivationEmail):
            found.append(links.token(notice.client_id, notice.activation_id))

    with SqlRepository.open(database) as repository:
        assert not ca.relay(repository, deliver).failures
    return found


def test_a_client_from_its_first_details_to_another_accountant(host: Any) -> None:
    acme = uuid4()
    client, url = f"client/{acme}", f"clients/{acme}"
    address = {"email": f"{acme}@acme.example.com"}

    # The practice adds a client, is told what it could do, and invites it to sign in.
    host.post(NORTH, f"{url}/add_client", {"business_name": "Acme", **address})
    assert "subscribe" in host.get(NORTH, f"{url}/actions")["allowed"]
    (row,) = host.get(NORTH, "clients", list="inactive", search=f" {str(acme).upper()} ")["rows"]
    assert row["label"] == "Inactive"
    services = {"payroll": None, "start": {"vat_scheme": "not_registered"}}
    choice = {"payer": "practice", "sign_in": "practice_and_client", "services": services}
    assert host.post(NORTH, f"{url}/subscribe", choice)["client"]["label"] == (
        "Awaiting Client Activation"
    )
    assert host.post("", "sign-in", address)["refusal"]["code"] == "not_activated"

    # The link in the email activates it, once.
    (token,) = tokens(host.database)
    host.post("", "activate", {"token": token})
    used = host.post("", "activate", {"token": token}, 409)
    assert (used["code"], used["rule"]) == ("already_activated", "E6")
    assert host.post("", "activate", {"token": "forged"}, 400)["code"] == "invalid_link"
    decision = host.post("", "sign-in", address)
    assert (decision["allowed"], decision["client_id"]) == (True, str(acme))
    opened = host.get(client, f"{url}/opening")["services"]
    assert [each["code"] for each in opened] == ["payroll", "start"]
    assert host.get(NORTH, "invoice")["total"] == "13.50"

    # The practice locks the client out and in again; who pays is fixed.
    host.post(NORTH, f"{url}/disable_access")
    assert host.post("", "sign-in", address)["refusal"]["code"] == "disabled_by_practice"
    host.post(NORTH, f"{url}/enable_access")
    locked = host.post(NORTH, f"{url}/choose_payer", {"payer": "client"}, 409)
    assert (locked["code"], locked["rule"]) == ("payer_locked", "P2")

    # The practice leaves. The client pays, and takes another accountant.
    host.post(NORTH, f"{url}/stop_managing")
    host.post(client, f"{url}/provide_direct_debit")
    assert host.get(client, "own-invoice")["total"] == "13.50"
    host.post(client, f"{url}/invite_practice", {"practice_id": "south"})
    host.post(SOUTH, f"{url}/accept_practice_invitation")
    assert host.get(SOUTH, url)["status"] == "both_access"
    assert host.post(NORTH, f"{url}/disable_access", status=404)["code"] == "unknown_client"

    # Who did what: the history, and the host's own rows.
    events = host.events(acme)
    assert [event["event"] for event in events] == [
        "client_added",
        "subscribed",
        "activated",
        "access_disabled",
        "access_enabled",
        "management_stopped",
        "direct_debit_provided",
        "practice_invited",
        "practice_invitation_accepted",
    ]
    assert events[0]["by"] == {"kind": "practice", "practice_id": "north", "user": "nora"}
    assert host.rows_of(acme) == host.happened(acme)


def test_who_asks_is_never_read_from_the_body(host: Any) -> None:
    """A body that names somebody is malformed, and a request that names nobody is turned away."""
    url = f"clients/{uuid4()}/add_client"
    body = {"business_name": "Acme", "by": {"practice_id": "south"}}
    assert host.post(NORTH, url, body, 422)["errors"][0]["field"] == "by"
    assert host.post("", url, {"business_name": "Acme"}, 401)["code"] == "http"
    assert host.post("practice//nora", url, {"business_name": "Acme"}, 401)["status"] == 401
