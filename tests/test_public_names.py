"""The public names are those that the page lists, and the calls are those below."""

from __future__ import annotations

import inspect
import re
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import get_args

import attrs
import pytest

import client_access

PAGE = (Path(__file__).parents[1] / "docs" / "reference" / "public_names.md").read_text(
    encoding="utf-8"
)


def _names(text: str) -> list[str]:
    return re.findall(r"`(\w+)`", text)


def _listed() -> dict[str, list[str]]:
    """Return the names that the page lists under the heading of each module, in its order."""
    found = {}
    for section in PAGE.split("\n## ")[1:]:
        heading, *lines = section.splitlines()
        rows = [line.split("|") for line in lines if line.startswith("| ")]
        if heading.startswith("`"):
            found[heading.strip("`")] = [name for row in rows for name in _names(row[2])]
    return found


LISTED = _listed()
"""The public names of the modules that have a section of their own."""

OTHERS = dict(re.findall(r"^\| `(client_access\.[\w.]+)` \| (.+?) \|", PAGE, re.MULTILINE))
"""The public names of the modules that are otherwise internal."""

CALLS = {
    "decide": "(client, command, *, at, catalogue, policy=, email_owner=)",
    "evolve": "(client, event)",
    "replay": "(events)",
    "actions_of": "(client, by, *, at, catalogue, policy=)",
    "mailto": "(client)",
    "sign_in_of": "(client, *, at)",
    "opening_of": "(client, by, *, at, catalogue)",
    "undelivered_activation": "(client, by)",
    "deadlines_of": "(client)",
    "reminders": "(client, since, until, *, before=)",
    "monthly_lines": "(client, catalogue)",
    "ClientAccess": "(repository, *, catalogue, policy=, clock=, remember_for=, observe=)",
    "ClientAccess.handle": "(self, command, *, command_id=)",
    "ClientAccess.handle_all": "(self, commands)",
    "ClientAccess.preview": "(self, command)",
    "ClientAccess.preview_all": "(self, commands)",
    "ClientAccess.actions": "(self, client_id, by)",
    "ClientAccess.client": "(self, client_id, by)",
    "ClientAccess.opening": "(self, client_id, by)",
    "ClientAccess.clients": "(self, practice_id, client_list, *, search=, limit=, after=)",
    "ClientAccess.sign_in": "(self, email)",
    "ClientAccess.deadlines": "(self, since, until, *, practice_id=)",
    "ClientAccess.next_invoice": "(self, practice_id)",
    "ClientAccess.next_invoice_of_client": "(self, client_id)",
    "AddClient": "(client_id, by, *, business_name, kind=, email=, contact=, payer=)",
    "ImportClient": "(client_id, by, *, business_name, kind=, email=, contact=, payer=)",
    "RegisterCustomer": "(client_id, by, *, business_name, email, services, kind=, contact=)",
    "ChoosePayer": "(client_id, by, *, payer)",
    "Subscribe": "(client_id, by, *, payer, sign_in, services, activation_id=)",
    "AddService": "(client_id, by, *, service, setup=)",
    "RemoveService": "(client_id, by, *, service)",
    "GiveAccess": "(client_id, by, *, email, confirm_email, activation_id=)",
    "ResendActivation": "(client_id, by)",
    "ChangeEmail": "(client_id, by, *, email, activation_id=)",
    "WithdrawAccess": "(client_id, by)",
    "Activate": "(client_id, by, *, activation_id)",
    "DisableAccess": "(client_id, by)",
    "EnableAccess": "(client_id, by)",
    "StopManaging": "(client_id, by)",
    "ProvideDirectDebit": "(client_id, by)",
    "CloseClient": "(client_id, by)",
    "ReopenClient": "(client_id, by)",
    "TransferClient": "(client_id, by, *, practice_id)",
    "DeleteClient": "(client_id, by)",
    "InvitePractice": "(client_id, by, *, practice_id)",
    "WithdrawPracticeInvitation": "(client_id, by)",
    "AcceptPracticeInvitation": "(client_id, by)",
    "DeclinePracticeInvitation": "(client_id, by)",
    "ChangeContactDetails": "(client_id, by, *, contact)",
    "ChangeBusinessName": "(client_id, by, *, business_name)",
    "Service": "(code, name, monthly_price, needs_setup=, offered=, capabilities=)",
    "Catalogue": "(services, currency=)",
    "relay": "(store, deliver, *, clock=, policy=, limit=, until=, stop=)",
    "relay_async": "(store, deliver, *, clock=, policy=, limit=, until=, stop=)",
    "repeat_on_conflict": "(work)",
    "repeat_on_conflict_async": "(work)",
    "consequences_of": "(change, *, at, catalogue)",
    "Policy": "(activation_lifetime=, unpaid_access=)",
    "PracticeUser": "(practice_id, user=)",
    "ClientUser": "(client_id, user=)",
    "PlatformUser": "(user=)",
}
"""Their calls: arguments after * are given by keyword, and = marks a default."""


def test_the_page_lists_the_public_modules() -> None:
    """A new public module is added here too."""
    assert list(LISTED) == [
        "client_access",
        *(
            f"client_access.{name}"
            for name in ("sql", "wire", "links", "batch", "rendering", "testing")
        ),
    ]
    assert len(OTHERS) == 12


@pytest.mark.parametrize("module", LISTED)
def test_what_a_module_exports_is_what_the_page_lists(module: str) -> None:
    """Each name is there once, and can be imported from that module."""
    exported = import_module(module).__all__
    assert sorted(exported) == sorted(LISTED[module])
    assert len(set(exported)) == len(exported)
    for name in exported:
        assert hasattr(import_module(module), name)


@pytest.mark.parametrize(("module", "names"), OTHERS.items())
def test_the_public_names_of_other_modules_exist(module: str, names: str) -> None:
    assert _names(names)
    for name in _names(names):
        assert hasattr(import_module(module), name)


def test_names_are_exported_in_the_order_of_the_page() -> None:
    """They are grouped by meaning in both places."""
    assert client_access.__all__ == LISTED["client_access"]


def test_the_package_has_no_other_name() -> None:
    """Every other attribute of the package is a module, or begins with an underscore."""
    seen = {
        name
        for name, value in vars(client_access).items()
        if not name.startswith("_") and not isinstance(value, ModuleType)
    }
    assert seen == set(client_access.__all__)


def _call(function: object) -> str:
    parts, by_keyword = [], False
    for parameter in inspect.signature(function).parameters.values():  # type: ignore[arg-type]
        if parameter.kind is parameter.KEYWORD_ONLY and not by_keyword:
            by_keyword = True
            parts.append("*")
        parts.append(parameter.name + ("=" if parameter.default is not parameter.empty else ""))
    return f"({', '.join(parts)})"


@pytest.mark.parametrize(("name", "call"), CALLS.items())
def test_a_public_name_is_called_as_is_pinned_here(name: str, call: str) -> None:
    target: object = client_access
    for part in name.split("."):
        target = getattr(target, part)
    assert _call(target) == call


def test_both_services_have_the_same_calls() -> None:
    sync, awaited = client_access.ClientAccess, client_access.AsyncClientAccess
    names = {name for name in vars(sync) if not name.startswith("_")}
    assert names == {name for name in vars(awaited) if not name.startswith("_")}
    for name in names:
        assert _call(getattr(sync, name)) == _call(getattr(awaited, name))


def test_every_public_class_and_function_has_a_docstring() -> None:
    for name in client_access.__all__:
        thing = getattr(client_access, name)
        if inspect.isclass(thing) or inspect.isfunction(thing):
            assert inspect.getdoc(thing), name


def test_commands_and_events_begin_with_their_identity() -> None:
    """Events begin with client, version, moment and actor; commands with client and actor."""
    for event in get_args(client_access.Event):
        assert _call(event).startswith("(client_id, version, at, by")
    for command in get_args(client_access.Command):
        assert [field.name for field in attrs.fields(command)][:2] == ["client_id", "by"]
