"""Who is invoiced for what (rules S6, P4). Lines are calculated on demand and never stored."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from enum import Enum
from typing import final
from uuid import UUID

from attrs import field, frozen

from client_access.client import Client, invoice_payer, monthly_lines
from client_access.errors import InvalidValue
from client_access.machines.payer import Payer
from client_access.questions.lists import Cursor, StoredRow, client_of, place_of
from client_access.values.catalogue import Catalogue, InvoiceLine, exact, exact_sum, is_currency
from client_access.values.validation import (
    check_type,
    is_a,
    is_a_or_none,
    is_tuple_of,
    to_plain,
    to_tuple,
)

BATCH = 500
"""How many clients are loaded at once when the lines of an invoice are read."""


@final
@frozen
class Invoice:
    """A monthly invoice (S6).

    Parameters:
        lines: one for each client and service, ordered by folded business name, client id and
            service code.
        currency: the ISO 4217 code of every price.

    Raises:
        InvalidValue: a part is malformed.
    """

    lines: tuple[InvoiceLine, ...] = field(validator=is_tuple_of(InvoiceLine))
    currency: str = field(validator=is_currency)
    total: Decimal = field(init=False)

    def __attrs_post_init__(self) -> None:
        object.__setattr__(self, "total", total_of(self.lines))


class Cause(Enum):
    """Why a line differs between two invoices."""

    CLIENT_CAME = "client_came"
    CLIENT_LEFT = "client_left"
    SERVICE_ADDED = "service_added"
    SERVICE_REMOVED = "service_removed"
    PRICE_CHANGED = "price_changed"


@final
@frozen
class InvoiceDifference:
    """One line that differs between two invoices, and why.

    Parameters:
        before: the line on the earlier invoice, or None.
        after: the line on the later invoice, or None.
        cause: why. A client that has no line in the other invoice came or left.
    """

    before: InvoiceLine | None = field(validator=is_a_or_none(InvoiceLine))
    after: InvoiceLine | None = field(validator=is_a_or_none(InvoiceLine))
    cause: Cause = field(validator=is_a(Cause))


def total_of(lines: Iterable[InvoiceLine]) -> Decimal:
    """Return the monthly total of lines."""
    return exact_sum(line.monthly_price for line in lines)


def monthly_total(services: Iterable[str] | Mapping[str, object], catalogue: Catalogue) -> Decimal:
    """Return the monthly cost of a selection, to be shown before it is saved (S2).

    Parameters:
        services: the codes of the services, or the mapping that a command takes.
        catalogue: the services on offer.

    Raises:
        InvalidValue: a service is not on offer.
    """
    check_type("catalogue", catalogue, Catalogue)
    prices = []
    for code in to_tuple("services", services):
        service = catalogue.get(to_plain("services", code, str))
        if service is None or not service.offered:
            raise InvalidValue("services", "has a service that is not on offer")
        prices.append(service.monthly_price)
    return exact_sum(prices)


def lines_for_practice(
    client: Client, practice_id: str, catalogue: Catalogue
) -> tuple[InvoiceLine, ...]:
    """Return a client's lines on a practice's next invoice; empty if it does not pay (S6)."""
    theirs = client.practice_id == practice_id and invoice_payer(client) is Payer.PRACTICE
    return monthly_lines(client, catalogue) if theirs else ()


@final
class InvoiceReading:
    """The lines of a practice's next invoice, in order, while its two lists are read (S6).

    A client that a practice pays for is in its active or its inactive list: clients in the imported
    and closed lists have no services (C1). A client may activate during the reading, or its access
    be withdrawn, which moves it from the inactive to the active list. No client that the practice
    pays for moves back. So the inactive list is read first, and no client is missed. A client that
    appears in both has its lines once.

    Parameters:
        practice_id: the practice.
        catalogue: the services and their prices.
        limit: how many lines are wanted, from 1; None for all.

    Attributes:
        batch: how many clients to load at once.
        left: how many more lines are wanted. At 0, no more clients need to be read.

    Raises:
        InvalidValue: the limit is malformed.
    """

    def __init__(self, practice_id: str, catalogue: Catalogue, limit: int | None = None) -> None:
        self.left: int = sys.maxsize if limit is None else to_plain("limit", limit, int)
        if self.left < 1:
            raise InvalidValue("limit", "must be at least 1")
        self.batch: int = min(BATCH, self.left)
        self._practice_id = practice_id
        self._catalogue = catalogue
        self._held: deque[tuple[Cursor, tuple[InvoiceLine, ...]]] = deque()
        self._held_lines = 0
        self._seen: set[UUID] = set()

    def hold(self, row: Client | StoredRow[str]) -> bool:
        """Take the next client of the inactive list; return whether to read on in it.

        Raises:
            CorruptRecord: it cannot be read.
        """
        if lines := self._lines_of(client_of(row)):
            self._held.append((place_of(row), lines))
            self._held_lines += len(lines)
        return self._held_lines < self.left

    def up_to(self, row: Client | StoredRow[str]) -> Iterator[InvoiceLine]:
        """Take the next client of the active list; yield the lines up to and including its own.

        Raises:
            CorruptRecord: it cannot be read.
        """
        place = place_of(row)
        while self._held and self._held[0][0] < place:
            yield from self._wanted(self._held.popleft()[1])
        yield from self._wanted(self._lines_of(client_of(row)))

    def rest(self) -> Iterator[InvoiceLine]:
        """Yield the lines that come after those of the active list."""
        for _, lines in self._held:
            yield from self._wanted(lines)

    def _wanted(self, lines: tuple[InvoiceLine, ...]) -> Iterator[InvoiceLine]:
        for line in lines[: self.left]:
            self.left -= 1
            yield line

    def _lines_of(self, client: Client) -> tuple[InvoiceLine, ...]:
        """Return a client's lines the first time that it has any, and none after that."""
        if client.id in self._seen:
            return ()
        lines = lines_for_practice(client, self._practice_id, self._catalogue)
        if lines:
            self._seen.add(client.id)
        return lines


def invoice_of_client(client: Client, catalogue: Catalogue) -> Invoice:
    """Return a client's own next invoice; it has no lines if the client does not pay (S6)."""
    own = invoice_payer(client) is Payer.CLIENT
    return Invoice(monthly_lines(client, catalogue) if own else (), catalogue.currency)


def total_of_counts(counts: Mapping[str, int], catalogue: Catalogue) -> Decimal:
    """Return the monthly total of services, given how many clients hold each.

    Raises:
        CatalogueIncomplete: the catalogue lacks one of them (S4).
    """
    context = exact()
    return exact_sum(
        context.multiply(catalogue.held(code).monthly_price, Decimal(count))
        for code, count in counts.items()
    )


def differences(earlier: Invoice, later: Invoice) -> tuple[InvoiceDifference, ...]:
    """Return what changed between two invoices, and why (S3).

    The lines of the later invoice come first, in its order, then those that only the earlier has.

    Raises:
        InvalidValue: an argument is not an invoice.
    """
    check_type("earlier", earlier, Invoice)
    check_type("later", later, Invoice)
    old = {(line.client_id, line.service): line for line in earlier.lines}
    new = {(line.client_id, line.service): line for line in later.lines}
    were, are = ({client_id for client_id, _ in lines} for lines in (old, new))
    found = []
    for key, line in new.items():
        before = old.get(key)
        if before is None:
            cause = Cause.SERVICE_ADDED if line.client_id in were else Cause.CLIENT_CAME
            found.append(InvoiceDifference(None, line, cause))
        elif before.monthly_price != line.monthly_price:
            found.append(InvoiceDifference(before, line, Cause.PRICE_CHANGED))
    for key, line in old.items():
        if key not in new:
            cause = Cause.SERVICE_REMOVED if line.client_id in are else Cause.CLIENT_LEFT
            found.append(InvoiceDifference(line, None, cause))
    return tuple(found)
