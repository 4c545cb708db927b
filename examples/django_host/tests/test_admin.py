"""The admin, as a browser sees it: what is offered, what is refused and why, and who may."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from html import unescape
from http.cookiejar import CookieJar
from itertools import takewhile
from pathlib import Path
from socket import socket
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, build_opener
from uuid import UUID, uuid4

import pytest
from clients.access import client_access
from clients.models import Practice, StoredClient
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.db import connections
from django.test import Client as Browser

import client_access as ca

LIST = "/admin/clients/storedclient/"


@pytest.fixture(autouse=True)
def _tables(sqlite: str) -> None:
    """The admin uses Django's default database."""


@pytest.fixture
def practice() -> Practice:
    return Practice.objects.create(pk=f"p{uuid4().hex[:8]}")


@pytest.fixture
def ann(practice: Practice) -> User:
    """A user of the practice, with the permissions to see, add, change and delete clients."""
    user = User.objects.create(username=uuid4().hex, is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__endswith="_storedclient"))
    practice.members.add(user)
    return user


@pytest.fixture
def browser(ann: User) -> Browser:
    return signed_in(ann)


def signed_in(user: User) -> Browser:
    browser = Browser(SERVER_NAME="localhost")
    browser.force_login(user)
    return browser


def shown(browser: Browser, path: str) -> str:
    """Return the text of a page that a browser gets."""
    answer = browser.get(path)
    assert answer.status_code == 200, answer
    return text_of(answer.content)


def text_of(page: bytes) -> str:
    return re.sub(r"\s+", " ", unescape(re.sub("<[^>]*>", " ", page.decode())))


def pressed(browser: Browser, client_id: UUID, command: str) -> str:
    """Return the page after a button of a client was pressed."""
    answer = browser.post(f"{LIST}{client_id}/change/", {"command": command}, follow=True)
    assert answer.status_code == 200, answer
    return text_of(answer.content)


def active(practice: Practice, name: str, payer: ca.Payer) -> UUID:
    """Add a client that has been activated, and return its id."""
    client_id, us, access = uuid4(), ca.PracticeUser(practice.pk), client_access()
    email = f"{name.split(maxsplit=1)[0]}.{client_id.hex[:8]}@example.com"
    access.handle(ca.AddClient(client_id, us, business_name=name, email=email))
    sent = access.handle(
        ca.Subscribe(
            client_id,
            us,
            payer=payer,
            sign_in=ca.SignIn.PRACTICE_AND_CLIENT,
            services={"payroll": None},
        )
    )
    assert sent.after.activation is not None
    activation_id = sent.after.activation.id
    access.handle(ca.Activate(client_id, ca.ClientUser(client_id), activation_id=activation_id))
    return client_id


def test_the_list_has_the_clients_of_the_users_practice_only(
    browser: Browser, practice: Practice
) -> None:
    """C1, C3."""
    active(practice, "Acorn Bakery", ca.Payer.PRACTICE)
    active(Practice.objects.create(pk=uuid4().hex), "Foreign Ltd", ca.Payer.CLIENT)
    page = shown(browser, LIST)
    assert "Acorn Bakery My company and client both have access practice payroll active" in page
    assert "Foreign" not in page
    assert "Acorn" in shown(browser, f"{LIST}?q=%20ACORN%20")
    assert "Acorn" not in shown(browser, f"{LIST}?q=birch")


def test_a_client_shows_what_can_be_done_and_why_the_rest_is_refused(
    browser: Browser, practice: Practice
) -> None:
    client_id = active(practice, "Acorn Bakery", ca.Payer.CLIENT)
    page = shown(browser, f"{LIST}{client_id}/change/")
    offered, refused = page.split("What cannot be done now")
    assert "Stop managing" in offered
    assert "Disable access" not in offered
    assert (
        "Disable access The client pays for its services itself, and this can be done only if the"
        " practice pays. (rule L8)" in refused
    )
    assert "Choose payer" in refused
    assert "Add client" not in refused
    assert "Save" not in page


def test_a_button_gives_its_command_and_the_admins_log_has_it(
    browser: Browser, practice: Practice
) -> None:
    """The log names the client by its id, so that it keeps no name after an erasure (E7)."""
    client_id = active(practice, "Acorn Bakery", ca.Payer.PRACTICE)
    page = pressed(browser, client_id, "disable_access")
    assert "Acorn Bakery: Disable access: done." in page
    assert StoredClient.objects.get(pk=client_id).client.status is ca.Status.DISABLED
    entry = LogEntry.objects.get(object_id=client_id)
    assert (entry.object_repr, entry.change_message) == (str(client_id), "Disable access")
    assert "Enable access" in page.split("What cannot be done now")[0]


def test_a_refused_button_says_why_and_what_helps_and_leaves_no_log(
    browser: Browser, practice: Practice
) -> None:
    """As with a page that was opened before somebody else changed the client."""
    client_id = active(practice, "Acorn Bakery", ca.Payer.PRACTICE)
    page = pressed(browser, client_id, "close_client")
    assert "Acorn Bakery: Close client: This cannot be done in the client's present status" in page
    assert not LogEntry.objects.filter(object_id=client_id).exists()


def test_an_action_on_the_list_is_done_or_refused_for_each_client(
    browser: Browser, practice: Practice
) -> None:
    ours = active(practice, "Acorn Bakery", ca.Payer.PRACTICE)
    theirs = active(practice, "Birch Dental", ca.Payer.CLIENT)
    answer = browser.post(
        LIST, {"action": "disable_access", "_selected_action": [ours, theirs]}, follow=True
    )
    page = text_of(answer.content)
    assert "Acorn Bakery: Disable access: done." in page
    assert "Birch Dental: Disable access: The client pays for its services itself" in page
    assert StoredClient.objects.get(pk=ours).client.status is ca.Status.DISABLED
    assert StoredClient.objects.get(pk=theirs).client.status is ca.Status.BOTH_ACCESS


def test_permissions_are_those_of_the_admin(
    ann: User, browser: Browser, practice: Practice
) -> None:
    """Who may only view has no action and no button; deleting needs its own permission."""
    client_id = active(practice, "Acorn Bakery", ca.Payer.PRACTICE)
    assert "Delete client" in shown(browser, LIST)
    assert "Delete selected" not in shown(browser, LIST)
    ann.user_permissions.remove(Permission.objects.get(codename="delete_storedclient"))
    assert "Delete client" not in shown(browser, LIST)
    assert "Disable access" in shown(browser, LIST)
    ann.user_permissions.remove(Permission.objects.get(codename="change_storedclient"))
    assert "Disable access" not in shown(browser, LIST)
    page = shown(browser, f"{LIST}{client_id}/change/")
    assert "There is nothing that you can do here with one click." in page
    path = f"{LIST}{client_id}/change/"
    assert browser.post(path, {"command": "disable_access"}).status_code == 403
    assert browser.post(path, {"command": "erase_everything"}).status_code == 403
    assert browser.post(f"{LIST}{client_id}/delete/").status_code == 403
    assert StoredClient.objects.get(pk=client_id).client.status is ca.Status.BOTH_ACCESS


def test_a_user_of_no_practice_sees_nothing_and_customer_services_see_all(
    practice: Practice,
) -> None:
    client_id = active(practice, "Acorn Bakery", ca.Payer.PRACTICE)
    nobody = User.objects.create(username=uuid4().hex, is_staff=True)
    nobody.user_permissions.set(Permission.objects.filter(codename__endswith="_storedclient"))
    assert signed_in(nobody).get(LIST).status_code == 403
    browser = signed_in(User.objects.create_superuser(username=uuid4().hex))
    assert "Acorn Bakery" in shown(browser, f"{LIST}?q={client_id.hex[:8]}")
    assert "Stop managing: done." in pressed(browser, client_id, "stop_managing")
    assert "Add client" not in shown(browser, LIST)


def test_of_a_client_that_invites_the_practice_only_the_name_is_seen(
    browser: Browser, practice: Practice
) -> None:
    """C3: until the practice accepts."""
    client_id = active(practice, "Acorn Bakery", ca.Payer.PRACTICE)
    him, access = ca.ClientUser(client_id), client_access()
    access.handle(ca.StopManaging(client_id, him))
    assert browser.get(f"{LIST}{client_id}/change/").status_code == 302
    access.handle(ca.InvitePractice(client_id, him, practice_id=practice.pk))
    assert "Acorn Bakery New Client Invitation - - inactive" in shown(browser, LIST)
    page = shown(browser, f"{LIST}{client_id}/change/")
    assert "example.com" not in page
    assert "payroll" not in page
    assert browser.get(f"{LIST}?email_key__startswith=acorn").status_code == 400
    assert browser.get(f"{LIST}{client_id}/history/").status_code == 403
    assert "Accept practice invitation: done." in pressed(
        browser, client_id, "accept_practice_invitation"
    )
    assert "example.com" in shown(browser, f"{LIST}{client_id}/change/")


def test_a_client_is_added_by_a_command_and_a_refusal_is_an_error_of_the_form(
    browser: Browser, practice: Practice
) -> None:
    email = f"{uuid4().hex}@example.com"
    typed = {"business_name": "Cedar Cycles", "email": email}
    answer = browser.post(f"{LIST}add/", typed, follow=True)
    assert "was added successfully" in text_of(answer.content)
    assert "Cedar Cycles Inactive" in shown(browser, LIST)
    again = text_of(browser.post(f"{LIST}add/", typed).content)
    assert "This email address is in use already, and each client needs its own. (rule E1)" in again
    wrong = text_of(browser.post(f"{LIST}add/", {"business_name": "x" * 300, "email": "x"}).content)
    assert "is longer than 200 characters Business name:" in wrong
    assert "is not a valid address: An email address must have an @-sign. Email:" in wrong
    rows = StoredClient.objects.filter(practice_id=practice.pk)
    assert [row.client.business_name for row in rows] == ["Cedar Cycles"]


def test_a_client_whose_record_cannot_be_read_does_not_take_its_list_with_it(
    browser: Browser, practice: Practice
) -> None:
    active(practice, "Acorn Bakery", ca.Payer.PRACTICE)
    client_id = active(practice, "Birch Dental", ca.Payer.PRACTICE)
    StoredClient.objects.filter(pk=client_id).update(record={})
    page = shown(browser, LIST)
    assert "Acorn Bakery My company" in page
    assert "(cannot be read)" in page


def test_a_request_is_one_transaction_under_atomic_requests(
    browser: Browser, practice: Practice
) -> None:
    """A command in it works, and is decided again in a savepoint after a conflict."""
    client_id = active(practice, "Acorn Bakery", ca.Payer.PRACTICE)
    connections["default"].settings_dict["ATOMIC_REQUESTS"] = True
    try:
        assert "Disable access: done." in pressed(browser, client_id, "disable_access")
        assert "This cannot be done" in pressed(browser, client_id, "disable_access")
    finally:
        connections["default"].settings_dict["ATOMIC_REQUESTS"] = False
    assert StoredClient.objects.get(pk=client_id).client.status is ca.Status.DISABLED


@pytest.fixture
def server(tmp_path: Path) -> Iterator[list[str]]:
    """What the README's command prints, up to the address, while its server runs."""
    with socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "manage.py", "demo", f"--port={port}"],
        cwd=Path(__file__).parents[1],
        env={**os.environ, "DJANGO_HOST_SQLITE": str(tmp_path / "office.sqlite")},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    try:
        yield list(takewhile(lambda line: not line.startswith("Quit"), process.stdout))
    finally:
        process.terminate()
        process.communicate()


def test_the_command_of_the_readme_starts_a_server_that_a_user_signs_in_to(
    server: list[str],
) -> None:
    """Sign in, press a button that is offered, then one that is refused, over HTTP."""
    password = re.search("ann, password (.*): works for the practice north", server[0])
    address = next(line.strip() for line in server if line.startswith("http"))
    assert password is not None
    assert server[1].endswith("Customer Services\n")
    jar = CookieJar()
    web = build_opener(HTTPCookieProcessor(jar))

    def get(url: str, **fields: str) -> str:
        token = next((cookie.value for cookie in jar if cookie.name == "csrftoken"), "")
        body = urlencode({**fields, "csrfmiddlewaretoken": token or ""}).encode()
        with web.open(url, body if fields else None, timeout=60) as answer:
            return text_of(answer.read())

    assert "Log in" in get(address)
    page = get(web_login(address), username="ann", password=password[1])
    assert "Acorn Bakery Inactive - - inactive" in page
    assert "Dogwood Garden My company and client both have access practice payroll" in page
    dogwood = f"{address}{UUID(int=4)}/change/"
    assert "Disable access" in get(dogwood).split("What cannot be done now")[0]
    assert "Dogwood Garden: Disable access: done." in get(dogwood, command="disable_access")
    again = get(dogwood, command="disable_access")
    assert "Dogwood Garden: Disable access: This cannot be done" in again
    assert "(rule §8) The practice enables the client's access." in again


def web_login(address: str) -> str:
    """Return where the admin's form of a user who signs in goes, to come back to an address."""
    return address.replace(LIST, f"/admin/login/?next={LIST}")
