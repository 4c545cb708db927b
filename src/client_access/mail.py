"""Starting an email to a client (rule D3)."""

from __future__ import annotations

from urllib.parse import quote

from client_access._validation import check_type
from client_access.client import Client


def mailto(client: Client) -> str | None:
    """Return a `mailto:` link to a client's address (RFC 6068), or None where it has none.

    Whatever could end the address, add a recipient or begin a header field is percent-encoded.
    """
    check_type("client", client, Client)
    if not client.email.is_mailable:
        return None
    local, _, domain = client.email.address.rpartition("@")
    return f"mailto:{quote(local, safe='')}@{quote(domain, safe='')}"
