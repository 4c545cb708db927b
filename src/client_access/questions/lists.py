"""A practice's client list, a page at a time (rules C1 to C3)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Generic, TypeVar, final
from uuid import UUID

from attrs import frozen

from client_access.client import Client
from client_access.errors import CorruptRecord, InvalidValue
from client_access.machines.lifecycle import NEW_CLIENT_INVITATION, NEW_CLIENT_INVITATION_KEY
from client_access.values import ClientKind, ClientList, fold, to_practice_id
from client_access.values.validation import check_type, to_id, to_plain, to_text, wrong_type

Cursor = tuple[str, UUID]
"""A place in a list: the folded name and the id of the row that it comes after."""


Key = TypeVar("Key", str, datetime)


@final
@frozen
class StoredRow(Generic[Key]):
    """What a repository may return in place of a client that does not show its own stored place.

    Its name was folded by another version, for example, or its record cannot be read.

    Parameters:
        place: what the row is ordered by: the stored key and the client's id.
        client: the client; None if its record cannot be read.
    """

    place: tuple[Key, UUID]
    client: Client | None


def place_of(row: Client | StoredRow[str]) -> Cursor:
    """Return the place of a client in the order of a list (C2)."""
    if isinstance(row, StoredRow):
        return row.place
    return fold(row.business_name), row.id


def client_of(row: Client | StoredRow[Any]) -> Client:
    """Return the client of a row.

    Raises:
        CorruptRecord: it cannot be read.
    """
    if isinstance(row, Client):
        return row
    if row.client is None:
        raise CorruptRecord("its record cannot be read", row.place[1])
    return row.client


def next_after(after: tuple[Key, UUID] | None, place: tuple[Key, UUID]) -> tuple[Key, UUID]:
    """Return where to continue after a page, given where it began and the place of its last row.

    Raises:
        CorruptRecord: that place does not come later, so paging would never end.
    """
    if after is not None and place <= after:
        raise CorruptRecord("its stored place does not come after the cursor", place[1])
    return place


_HIGHEST_LIMIT = 1000
_SEARCH_LENGTH = 1000


@final
@frozen
class Row:
    """One line of a client list.

    Parameters:
        client_id, kind, business_name: all that a practice sees of a client that has only invited
            it (C3).
        label: the words for the status.
        client: the client; None if the client has only invited the practice.
    """

    client_id: UUID
    kind: ClientKind
    business_name: str
    label: str
    client: Client | None

    @property
    def label_key(self) -> str:
        """The key of the label, by which :mod:`client_access.questions.texts` has it."""
        return self.client.status.label_key if self.client else NEW_CLIENT_INVITATION_KEY


@final
@frozen
class Page:
    """Some rows of a client list.

    Parameters:
        rows: in order of folded name, then id (C2).
        next: what to pass as `after` for the next page; None on the last page. A page before the
            last one may have no rows.
        unreadable: the ids of clients that belong among the rows and whose records cannot be read.
    """

    rows: tuple[Row, ...]
    next: Cursor | None
    unreadable: tuple[UUID, ...] = ()


@final
@frozen
class PageQuery:
    """The checked and folded arguments of a page, and the page that they lead to."""

    practice_id: str
    client_list: ClientList
    search: str
    limit: int
    after: Cursor | None

    @classmethod
    def of(
        cls,
        practice_id: str,
        client_list: ClientList,
        search: str,
        limit: int,
        after: Cursor | None,
    ) -> PageQuery:
        """Check the arguments of a page.

        Raises:
            InvalidValue: an argument is malformed.
        """
        practice = to_practice_id(practice_id)
        check_type("client_list", client_list, ClientList)
        typed = to_plain("search", search, str).strip()
        text = to_text("search", typed, _SEARCH_LENGTH, blank=True)
        rows = to_plain("limit", limit, int)
        if not 1 <= rows <= _HIGHEST_LIMIT:
            raise InvalidValue("limit", f"must be from 1 to {_HIGHEST_LIMIT}")
        match after:
            case None:
                place = None
            case (str() as name, UUID() as client_id):
                place = (
                    to_text("after", name, _SEARCH_LENGTH, blank=True),
                    to_id("after", client_id),
                )
            case _:
                raise wrong_type("after", "the next of a page", after, "pass page.next")
        return cls(practice, client_list, fold(text), rows, place)

    def page(self, found: Sequence[Client | StoredRow[str]]) -> Page:
        """Return the page that shows these rows, which may be one more than its limit.

        Raises:
            CorruptRecord: the next page would not lead on.
        """
        rows: list[Row] = []
        unreadable: list[UUID] = []
        shown = found[: self.limit]
        for one in shown:
            client = one.client if isinstance(one, StoredRow) else one
            if client is None:
                unreadable.append(place_of(one)[1])
            else:
                rows.append(_row(client, self.practice_id))
        more = len(found) > self.limit
        cursor = next_after(self.after, place_of(shown[-1])) if more else None
        return Page(tuple(rows), cursor, tuple(unreadable))


def _row(client: Client, practice_id: str) -> Row:
    ours = client.practice_id == practice_id
    return Row(
        client.id,
        client.kind,
        client.business_name,
        client.label if ours else NEW_CLIENT_INVITATION,
        client if ours else None,
    )
