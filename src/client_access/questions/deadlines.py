"""The moments that are fixed for a client, and the reminders that fall before them (rule N1)."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import assert_never, final
from uuid import UUID

from attrs import frozen

from client_access.client import Client
from client_access.errors import CorruptRecord, InvalidValue
from client_access.notices import (
    ActivationEnding,
    DirectDebitDue,
    ToAddress,
    ToPractice,
)
from client_access.questions.lists import StoredRow, next_after
from client_access.values import IdentityEnum, later, to_utc
from client_access.values.validation import check_type, to_plain, to_tuple

_log = logging.getLogger(__name__)

BEFORE = (timedelta(days=7), timedelta(days=1))
"""How long before a deadline its reminders are, unless the caller says otherwise."""


class DeadlineKind(IdentityEnum):
    """What ends at a deadline."""

    ACTIVATION_ENDS = "activation_ends"
    DIRECT_DEBIT_DUE = "direct_debit_due"


@final
@frozen
class Deadline:
    """A moment that is fixed for a client.

    Parameters:
        client: the client.
        kind: what ends.
        at: the moment: the activation is no longer valid, or sign-in is closed until direct debit
            details are given.
    """

    client: Client
    kind: DeadlineKind
    at: datetime


def deadlines_of(client: Client) -> tuple[Deadline, ...]:
    """Return the deadlines of a client: at most one, because only an activated client pays (N1).

    Raises:
        InvalidValue: it is not a client.
    """
    check_type("client", client, Client)
    if client.activation is not None:
        ends = client.activation.expires_at
        return (Deadline(client, DeadlineKind.ACTIVATION_ENDS, ends),)
    owed = client.direct_debit
    if owed is not None and owed.due is not None:
        return (Deadline(client, DeadlineKind.DIRECT_DEBIT_DUE, owed.due),)
    return ()


@final
class DeadlineReading:
    """The deadlines between two moments, while a repository is read page by page.

    Parameters:
        since: the first moment.
        until: the moment after the last one.
    """

    def __init__(self, since: datetime, until: datetime) -> None:
        self._since = since
        self._until = until
        self._found: list[Deadline] = []
        self.after: tuple[datetime, UUID] | None = None
        """Where the next page begins."""

    def take(self, rows: Sequence[Client | StoredRow[datetime]]) -> None:
        """Take the next page, which is not empty.

        Raises:
            CorruptRecord: it does not lead on.
        """
        for row in rows:
            client = row.client if isinstance(row, StoredRow) else row
            if client is None:
                _log.error("The deadline of client %s cannot be read", place_by_deadline(row)[1])
            else:
                self._found += deadlines_of(client)
        self.after = next_after(self.after, place_by_deadline(rows[-1]))

    def deadlines(self) -> tuple[Deadline, ...]:
        """Return what was found, in order. A stored place may not be that of its client."""
        found = (one for one in self._found if self._since <= one.at < self._until)
        return tuple(sorted(found, key=lambda one: (one.at, one.client.id)))


def place_by_deadline(row: Client | StoredRow[datetime]) -> tuple[datetime, UUID]:
    """Return the place of a client in the order of deadlines.

    Raises:
        CorruptRecord: it has no deadline.
    """
    if isinstance(row, StoredRow):
        return row.place
    for deadline in deadlines_of(row):
        return deadline.at, row.id
    raise CorruptRecord("it was found by a deadline and has none", row.id)


def reminders(
    client: Client, since: datetime, until: datetime, *, before: Iterable[timedelta] = BEFORE
) -> tuple[ActivationEnding | DirectDebitDue, ...]:
    """Return the reminders about a client that fall between two moments (N1).

    Asked for twice, they have the same ids, also if the client has changed meanwhile.

    Parameters:
        client: the client.
        since: the first moment, with a time zone.
        until: the moment after the last one, with a time zone.
        before: how long before a deadline its reminders are, each positive.

    Raises:
        InvalidValue: an argument is malformed.
    """
    since, until = to_utc("since", since), to_utc("until", until)
    spans = [to_plain("before", span, timedelta) for span in to_tuple("before", before)]
    if any(span <= timedelta(0) for span in spans):
        raise InvalidValue("before", "must be positive")
    found: list[ActivationEnding | DirectDebitDue] = []
    for deadline in deadlines_of(client):
        for span in sorted(set(spans), reverse=True):
            # Nobody is reminded before the deadline is fixed, nor at that very moment.
            if span < deadline.at - _fixed_at(client):
                remind_at = later(deadline.at, -span)
                if since <= remind_at < until:
                    found += _reminders(deadline, remind_at)
    return tuple(found)


def _fixed_at(client: Client) -> datetime:
    """Return when the deadline of a client was fixed."""
    if client.activation is not None:
        return client.activation.sent_at
    assert client.direct_debit is not None  # it has a deadline
    return client.direct_debit.asked_at


def _reminders(
    deadline: Deadline, remind_at: datetime
) -> Iterator[ActivationEnding | DirectDebitDue]:
    client = deadline.client
    recipients = [ToAddress(client.email)] if client.email.is_mailable else []
    match deadline.kind:
        case DeadlineKind.ACTIVATION_ENDS:
            assert client.activation is not None  # the deadline is its end
            assert client.practice_id is not None  # the client is managed
            told: list[ToAddress | ToPractice] = [*recipients, ToPractice(client.practice_id)]
            for recipient in told:
                yield ActivationEnding(
                    client.id,
                    client.version,
                    recipient,
                    client.business_name,
                    ends_at=deadline.at,
                    remind_at=remind_at,
                    practice_id=client.practice_id,
                    activation_id=client.activation.id,
                )
        case DeadlineKind.DIRECT_DEBIT_DUE:
            for recipient in recipients:
                yield DirectDebitDue(
                    client.id,
                    client.version,
                    recipient,
                    client.business_name,
                    ends_at=deadline.at,
                    remind_at=remind_at,
                )
        case _:
            assert_never(deadline.kind)
