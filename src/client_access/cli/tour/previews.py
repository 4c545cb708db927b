"""The "check your information" step: what a change would do, in a few facts (S2)."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from client_access import Catalogue, Change, Client, Status, monthly_lines
from client_access.cli import words


def differences(change: Change, catalogue: Catalogue) -> Iterator[tuple[str, str]]:
    """Yield what differs after a change, what cannot be undone, and who would be told."""
    before, after = change.before, change.after
    if before is not None:
        for name, text in _shown(catalogue):
            if text(before) != text(after):
                yield name, f"{text(before)} → {text(after)}"
        if after.status is Status.DELETED:
            yield "for good", "nothing of a deleted client comes back"
        elif after.payer_locked and not before.payer_locked:
            yield "for good", "who pays can no longer be changed"
        elif before.payer is not after.payer:
            yield "for good", "the client pays, and there is no way back"
    if change.notices:
        told = dict.fromkeys(words.recipient(notice.recipient) for notice in change.notices)
        yield "will be told", "; ".join(told)


def _shown(catalogue: Catalogue) -> tuple[tuple[str, Callable[[Client], str]], ...]:
    def cost(client: Client) -> str:
        return words.invoice_lines(monthly_lines(client, catalogue), catalogue.currency)

    return (
        ("status", lambda client: client.label),
        ("who pays", lambda client: words.payer_name(client.payer)),
        ("services", lambda client: words.services(client.services, catalogue)),
        ("address", lambda client: str(client.email) if client.email.is_mailable else "none"),
        ("a month", cost),
    )
