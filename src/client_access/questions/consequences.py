"""The consequences of a change, for the check-your-information step (rule S2).

They follow from the :class:`~client_access.Change` that
:meth:`~client_access.ClientAccess.preview` returns. No repository is asked.
"""

from __future__ import annotations

from datetime import datetime
from enum import Enum
from typing import final

from attrs import frozen

from client_access.change import Change
from client_access.client import Client, invoice_payer, monthly_lines
from client_access.machines.lifecycle import SUBSCRIBED, Status
from client_access.machines.payer import Payer, PayerState
from client_access.questions.billing import Invoice
from client_access.questions.sign_in import sign_in_of
from client_access.values import to_utc
from client_access.values.catalogue import Catalogue
from client_access.values.validation import check_type


class Irreversible(Enum):
    """A consequence that no command can undo."""

    PAYER_LOCK = "payer_lock"
    PAYER_PASSES_TO_CLIENT = "payer_passes_to_client"
    DELETION = "deletion"
    SERVICES_LOST = "services_lost"

    @property
    def sentence(self) -> str:
        """What it means, for people."""
        return SENTENCES[self]

    @property
    def key(self) -> str:
        """The key of the sentence, by which :mod:`client_access.questions.texts` has it."""
        return f"irreversible.{self.value}"


SENTENCES = {
    Irreversible.PAYER_LOCK: "Who pays is settled by this, and cannot be chosen again.",
    Irreversible.PAYER_PASSES_TO_CLIENT: "From now on the client pays, and never the practice"
    " again.",
    Irreversible.SERVICES_LOST: "Services that are no longer on offer end, and cannot be added"
    " again, nor the information that was entered for them.",
    Irreversible.DELETION: "Everything known about the client is forgotten, and its id is not used"
    " again.",
}


@final
@frozen
class Standing:
    """The state of a client before or after a change, in the terms of a screen.

    Parameters:
        status: its status; None if it does not exist yet.
        client_signs_in: whether the client can sign in.
        practice_opens: whether the practice that manages it can open its data.
        practice_id: that practice; None if no practice manages it.
        payer: who pays; None while that is undecided.
        payer_locked: whether the payer can no longer be chosen.
        invoiced_to: who is invoiced for its services; None for nobody. Nobody is before the payer
            is locked, nor a client that pays before it has activated (S6).
        invoice: the client's lines on that invoice, without lines if nobody is invoiced. None if
            the catalogue lacks a service in `unpriced`: the invoice would be too small (S4).
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
    """The consequences of a change, to be shown before it is made.

    The change's own notices say who is told of it.

    Parameters:
        before: the state of the client now.
        after: its state after the change.
        cannot_be_undone: the consequences that no command can undo.
        lost_services: the codes of the services that end and cannot be added again (S8).
    """

    before: Standing
    after: Standing
    cannot_be_undone: tuple[Irreversible, ...]
    lost_services: tuple[str, ...]


def consequences_of(change: Change, *, at: datetime, catalogue: Catalogue) -> Consequences:
    """Return the consequences of a change.

    Parameters:
        change: the change, previewed or saved.
        at: now, with a time zone.
        catalogue: the services on offer, and those that clients still hold.

    Raises:
        InvalidValue: an argument is malformed.
    """
    check_type("change", change, Change)
    check_type("change", change.after, Client)
    if change.before is not None:
        check_type("change", change.before, Client)
    check_type("catalogue", catalogue, Catalogue)
    at = to_utc("at", at)
    before, after = change.before, change.after
    lost = tuple(
        held.code
        for held in (before.services if before is not None else ())
        if not after.holds(held.code) and not catalogue.offers(held.code)
    )
    final = [what for what, applies in _CHECKS.items() if applies(before, after)]
    if lost:
        final.append(Irreversible.SERVICES_LOST)
    return Consequences(
        _standing(before, at, catalogue), _standing(after, at, catalogue), tuple(final), lost
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
        # An inactive or closed client has nothing to open (§2).
        client.status in SUBSCRIBED,
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
