"""The form of a command, made from its JSON Schema, with what the client has now filled in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from client_access import Catalogue, Client, Payer, SignIn
from client_access.cli import words
from client_access.wire import schema
from playground.naming import in_words, label_of, practice_name
from playground.session import Session

_LABELS = {
    "business_name": "Business name",
    "kind": "Kind",
    "email": "Email address",
    "confirm_email": "The same address again",
    "contact": "Contact details",
    "contact.name": "Contact person",
    "payer": "Who pays",
    "sign_in": "Who signs in",
    "practice_id": "Practice",
    "vat_scheme": "VAT scheme",
    "vat_number": "VAT number",
    "accounts_start": "First day of the accounts",
}
_CHOICES = {
    ("payer", Payer.PRACTICE.value): "The practice",
    ("payer", Payer.CLIENT.value): "The client",
    ("sign_in", SignIn.PRACTICE_ONLY.value): "Only the practice",
    ("sign_in", SignIn.PRACTICE_AND_CLIENT.value): "The practice and the client",
}


def form(session: Session, command: str, client_id: UUID | None) -> dict[str, object]:
    """Return the form of a command: its fields, in the order of the schema."""
    client = None if client_id is None else session.client(client_id)
    described = schema(command)
    fields = _fields(described, described.get("$defs", {}), _Present(session, client), "")
    return {
        "command": command,
        "label": label_of(command),
        "description": str(described["description"]).partition(" (")[0].removesuffix(".") + ".",
        "fields": fields,
    }


class _Present:
    """What there is now, with which a form is filled in."""

    def __init__(self, session: Session, client: Client | None) -> None:
        self.catalogue: Catalogue = session.catalogue
        self.practices = list(session.practices)
        self.client = client

    def value(self, path: str) -> str | None:
        """Return what a field holds now, as text."""
        client = self.client
        if client is None:
            return None
        match path:
            case "business_name":
                return client.business_name
            case "email":
                return client.email.address if client.email.is_mailable else None
            case "payer":
                return None if client.payer is None else client.payer.value
            case "contact.name" | "contact.phone" | "contact.address":
                return str(getattr(client.contact, path.partition(".")[2]))
            case _:
                return None

    def services(self) -> list[dict[str, object]]:
        """Return the services of the catalogue, for a choice."""
        return [
            {
                "value": service.code,
                "label": service.name,
                "price": words.money(service.monthly_price, self.catalogue.currency),
                "needs_setup": service.needs_setup,
                "held": self.client is not None and self.client.holds(service.code),
            }
            for service in self.catalogue.services
            if service.offered
        ]


def _fields(
    described: Mapping[str, Any], parts: Any, present: _Present, path: str
) -> list[dict[str, object]]:
    return [
        _field(name, part, parts, present, f"{path}{name}", name in described["required"])
        for name, part in described["properties"].items()
    ]


def _field(
    name: str, part: Any, parts: Any, present: _Present, path: str, required: bool
) -> dict[str, object]:
    if "anyOf" in part:  # what may be null
        part = part["anyOf"][0]
    label = _LABELS.get(path) or _LABELS.get(name) or in_words(name)
    made: dict[str, object] = {
        "name": name,
        "path": path,
        "label": label,
        "required": required,
        "value": present.value(path) or part.get("default"),
    }
    if "$ref" in part:
        inner = parts[part["$ref"].rpartition("/")[2]]
        return {**made, "kind": "group", "fields": _fields(inner, parts, present, f"{path}.")}
    if "additionalProperties" in part:
        setup = parts["service_setup"]
        return {
            **made,
            "kind": "services",
            "services": present.services(),
            "fields": _fields(setup, parts, present, ""),
        }
    if "enum" in part:
        options = [
            {"value": value, "label": _CHOICES.get((name, value)) or in_words(value)}
            for value in part["enum"]
        ]
        return {**made, "kind": "choice", "options": options}
    if name == "service":
        return {**made, "kind": "service", "services": present.services()}
    if name == "practice_id":
        options = [{"value": each, "label": practice_name(each)} for each in present.practices]
        return {**made, "kind": "suggested", "options": options, "longest": part["maxLength"]}
    kinds = {"idn-email": "email", "date": "date"}
    kind = kinds.get(part.get("format", "")) or ("lines" if name == "address" else "text")
    return {**made, "kind": kind, "longest": part.get("maxLength")}
