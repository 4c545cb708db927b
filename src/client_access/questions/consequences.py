"""What a change would come to, in the terms of the check-your-information step (rule S2).

Everything is worked out from a :class:`~client_access.Change`, as
:meth:`~client_access.ClientAccess.preview` returns it: no repository is asked.
"""

from __future__ import annotations

from datetime import datetime
from enum import Enum
from typing import final

from attrs import frozen

from client_access.change import Change
from client_access.client import Client, invoice_payer, monthly_lines
from client_access.machines.lifecycle import Status
from client_access.machines.payer import Payer, PayerState
from client_access.questions.billing import Invoice
from client_access.questions.sign_in import sign_in_of
from client_access.values import to_utc
from client_access.values.catalogue import Catalogue
from client_access.values.validation import check_type


class Irreversible(Enum):
    """What a change does that no command undoes."""

    PAYER_LOCK = "payer_lock"
    PAYER_PASSES_TO_CLIENT = "payer_passes_to_client"
    DELETION = "deletion"

    @property
    def sentence(self) -> str:
        """What it means, for people."""
        return SENTENCES[self]


SENTENCES = {
    Irreversible.PAYER_LOCK: "Who pays is settled by this, and cannot be chosen again.",
    Irreversible.PAYER_PASSES_TO_CLIENT: "From now on the client pays, and never the practice"
    " again.",
    Irreversible.DELETION: "Everything known about the client is forgotten, and its id is not used"
    " again.",
}


@final
@frozen
class Standing:
    """How a client stands, before or after a change.

    Parameters:
        status: where it stands in the lifecycle; None where it does not exist yet.
        client_signs_in: whether the client itself gets in.
        practice_opens: whether the practice that manages it can open its data.
        practice_id: that practice; None for a client that none manages.
        payer: who pays; None while that is undecided.
        payer_locked: whether that can no longer be chosen.
        invoiced_to: on whose next invoice the services stand; None for nobody's: there are none
            before who pays is locked, and where the client pays, before it has activated (S6).
        invoice: the client's lines on that invoice, without lines where there is none; None where
            the catalogue lacks a service in `unpriced`, for it would be too small (S4).
        unpriced: the codes of the services to be invoiced that the catalogue lacks.
    """

    status: Status | None
    client_signs_in: bool
    practice_opens: bool
    practice_id: str | None
    payer: Payer | None
    payer_locked: bool
    invoiced_to: Payer | None
    invoice: Invoice | None
    unpriced: tuple[str, ...]


@final
@frozen
class Consequences:
    """What a change would come to, to be shown before it is made.

    Who is told of it stands in the change's own notices.

    Parameters:
        before: how the client stands now.
        after: how it would stand.
        cannot_be_undone: what no command would undo afterwards.
    """

    before: Standing
    after: Standing
    cannot_be_undone: tuple[Irreversible, ...]


def consequences_of(change: Change, *, at: datetime, catalogue: Catalogue) -> Consequences:
    """Return what a change would come to.

    Parameters:
        change: what was previewed, or done.
        at: now, with a time zone.
        catalogue: the services on offer, and those still held.

    Raises:
        InvalidValue: an argument is malformed.
    """
    check_type("change", change, Change)
    check_type("change", change.after, Client)
    if change.before is not None:
        check_type("change", change.before, Client)
    check_type("catalogue", catalogue, Catalogue)
    at = to_utc("at", at)
    return Consequences(
        _standing(change.before, at, catalogue),
        _standing(change.after, at, catalogue),
        tuple(what for what, applies in _CHECKS.items() if applies(change.before, change.after)),
    )


def _standing(client: Client | None, at: datetime, catalogue: Catalogue) -> Standing:
    if client is None:
        none = Invoice((), catalogue.currency)
        return Standing(None, False, False, None, None, False, None, none, ())
    invoiced_to = invoice_payer(client)
    unpriced = tuple(
        held.code
        for held in client.services
        if invoiced_to is not None and catalogue.get(held.code) is None
    )
    return Standing(
        client.status,
        sign_in_of(client, at=at).allowed,
        # Of an inactive client there is nothing to open yet (§2).
        client.managed and client.status is not Status.INACTIVE,
        client.practice_id,
        client.payer,
        client.payer_locked,
        invoiced_to,
        None if unpriced else Invoice(monthly_lines(client, catalogue), catalogue.currency),
        unpriced,
    )


def _locks(before: Client | None, after: Client) -> bool:
    return after.payer_locked and not (before is not None and before.payer_locked)


def _passes(before: Client | None, after: Client) -> bool:
    return (
        before is not None
        and before.payer_state is PayerState.PRACTICE_LOCKED
        and after.payer_state is PayerState.CLIENT_LOCKED
    )


def _deletes(before: Client | None, after: Client) -> bool:
    return after.status is Status.DELETED and before is not after


_CHECKS = {
    Irreversible.PAYER_LOCK: _locks,
    Irreversible.PAYER_PASSES_TO_CLIENT: _passes,
    Irreversible.DELETION: _deletes,
}
