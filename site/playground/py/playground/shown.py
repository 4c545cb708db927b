"""What the page shows of a session, as JSON: the lists, the invoices, and the chosen client."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from client_access import Client, ClientList, InvalidValue, Invoice, Row, Status
from client_access.cli import words
from client_access.machines.lifecycle import TRANSITIONS
from playground import asking, card
from playground.naming import practice_name
from playground.session import Session
from playground.state import State, link_of

_ROWS = 40


def fixed() -> dict[str, object]:
    """Return what never changes: the statuses and what leads from one to another (rules §2)."""
    statuses: list[object] = [{"id": each.value, "label": each.label} for each in Status]
    edges: list[object] = [
        {
            "trigger": edge["trigger"],
            "source": edge["source"],
            "dest": edge["dest"],
            "conditions": [name.replace("_", " ") for name in edge.get("conditions", [])],
        }
        for edge in TRANSITIONS
    ]
    return {"statuses": statuses, "edges": edges}


def show(session: Session, state: State, look: dict[str, Any]) -> dict[str, object]:
    """Return everything that the page shows.

    Parameters:
        session: the session in which the state has happened.
        state: the state.
        look: where the page looks: `practice`, `list`, `search`, `rows`, `client`, as strings.
    """
    practice_id = look.get("practice") or next(iter(session.practices), "your-practice")
    client_id = UUID(look["client"]) if look.get("client") else None
    client = None if client_id is None else session.client(client_id)
    return {
        "now": session.now.isoformat(),
        "steps": len(state.steps),
        "link": link_of(state),
        "practices": [{"id": each, "name": practice_name(each)} for each in session.practices],
        "lists": _lists(session, practice_id, look),
        "invoice": _invoice(session.access.next_invoice(practice_id)),
        "new": asking.new_clients(),
        "client": None if client is None else card.shown(session, client, practice_id),
    }


# ── Lists ────────────────────────────────────────────────────────────────────────────────────────


def _lists(session: Session, practice_id: str, look: dict[str, Any]) -> dict[str, object]:
    search = str(look.get("search") or "")
    limit = int(look.get("rows") or _ROWS)
    chosen = str(look.get("list") or ClientList.ACTIVE.value)
    found: dict[str, list[object]] = {}
    problem: str | None = None
    for each in ClientList:
        try:
            page = session.access.clients(practice_id, each, search=search, limit=1000)
            found[each.value] = [_row(row) for row in page.rows]
        except InvalidValue as malformed:
            found[each.value], problem = [], malformed.reason
    names = {each.value: words.LISTS[each].removesuffix(" Clients") for each in ClientList}
    rows = found[chosen]
    tabs: list[object] = [
        {"id": each, "name": names[each], "count": len(rows)} for each, rows in found.items()
    ]
    return {
        "practice": practice_id,
        "list": chosen,
        "tabs": tabs,
        "rows": rows[:limit],
        "more": max(0, len(rows) - limit),
        "problem": problem,
        "elsewhere": _elsewhere(session, search),
    }


def _row(row: Row) -> dict[str, object]:
    return {
        "id": str(row.client_id),
        "name": row.business_name,
        "label": row.label,
        "status": row.client.status.value if row.client else Status.UNMANAGED.value,
        "email": _address(row.client) if row.client else None,
    }


def _elsewhere(session: Session, search: str) -> list[object]:
    """Return the clients on no practice's list, which only the platform sees."""
    found = (
        client
        for client in map(session.client, session.changes)
        if client is not None and client.listing is None
    )
    needle = search.strip().casefold()
    return [
        {
            "id": str(client.id),
            "name": client.business_name or "(deleted)",
            "label": client.label,
            "status": client.status.value,
            "email": _address(client),
        }
        for client in sorted(found, key=lambda each: each.business_name.casefold())
        if needle in client.business_name.casefold()
    ]


def _address(client: Client) -> str | None:
    return client.email.address if client.email.is_mailable else None


# ── Invoices ─────────────────────────────────────────────────────────────────────────────────────


def _invoice(invoice: Invoice) -> dict[str, object]:
    lines: list[object] = [
        {
            "client": str(line.client_id),
            "name": line.business_name,
            "service": line.service_name,
            "price": words.money(line.monthly_price, invoice.currency),
        }
        for line in invoice.lines
    ]
    return {"lines": lines, "total": words.money(invoice.total, invoice.currency)}
