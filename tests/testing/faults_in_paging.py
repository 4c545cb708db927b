"""Faults planted into `page`."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from uuid import UUID

from attrs import evolve, frozen
from testing.delegating import ALL, Delegating, Place, caught_by

import client_access as ca
from client_access import ClientList
from client_access.questions.lists import place_of


def listing_of(client: ca.Client) -> ca.Listing:
    """Return the listing of a client that is in a list."""
    assert client.listing is not None  # it is in a list
    return client.listing


@frozen
class Asked:
    """The arguments of `page`."""

    practice_id: str
    client_list: ClientList
    search: str
    limit: int
    after: Place | None


class Paging(Delegating):
    """Reads a whole list and makes a page of it, in steps that faults override."""

    def order(self, client: ca.Client) -> tuple[object, ...]:
        return place_of(client)

    def comes_after(self, client: ca.Client, after: Place) -> bool:
        return place_of(client) > after

    def finds(self, search: str, text: str) -> bool:
        return search in text

    def searched(self, client: ca.Client) -> str:
        return listing_of(client).searched

    def lists(self, practice_id: str, client_list: ClientList) -> list[ca.Client]:
        return self.whole_list(practice_id, client_list)

    def page(
        self,
        practice_id: str,
        client_list: ClientList,
        *,
        search: str,
        limit: int,
        after: Place | None,
    ) -> Sequence[ca.Client]:
        return self.answer(Asked(practice_id, client_list, search, limit, after))

    def answer(self, asked: Asked) -> Sequence[ca.Client]:
        clients = sorted(self.lists(asked.practice_id, asked.client_list), key=self.order)
        return [
            client
            for client in clients
            if asked.after is None or self.comes_after(client, asked.after)
            if self.finds(asked.search, self.searched(client))
        ][: asked.limit]


@caught_by("page_orders_names_by_code_point")
class OrdersByCollation(Paging):
    def order(self, client: ca.Client) -> tuple[object, ...]:
        name = unicodedata.normalize("NFD", place_of(client)[0])
        return ("".join(letter for letter in name if letter.isalnum()), *place_of(client))


@caught_by("page_orders_names_by_code_point")
class OrdersByUtf16(Paging):
    def order(self, client: ca.Client) -> tuple[object, ...]:
        return place_of(client)[0].encode("utf-16-be"), client.id


@caught_by("page_orders_names_by_code_point")
class OrdersUnfolded(Paging):
    def order(self, client: ca.Client) -> tuple[object, ...]:
        return client.business_name, client.id


@caught_by("page_compares_the_longest_names_whole")
class OrdersByNamesCutOff(Paging):
    def order(self, client: ca.Client) -> tuple[object, ...]:
        return place_of(client)[0][:200], client.id


@caught_by("page_compares_the_longest_names_whole")
class SearchesNamesCutOff(Paging):
    def finds(self, search: str, text: str) -> bool:
        return search in text[:255]


@caught_by("page_orders_equal_names_by_id")
class OrdersIdsAsSignedNumbers(Paging):
    def order(self, client: ca.Client) -> tuple[object, ...]:
        number = client.id.int
        return place_of(client)[0], number - (1 << 128) if number >> 127 else number


@caught_by("page_gives_no_more_than_the_limit")
class IgnoresTheLimit(Paging):
    def answer(self, asked: Asked) -> Sequence[ca.Client]:
        return super().answer(evolve(asked, limit=ALL))


@caught_by("page_goes_on_after_a_row")
class BeginsWithTheCursorsRow(Paging):
    def comes_after(self, client: ca.Client, after: Place) -> bool:
        return place_of(client) >= after


@caught_by("page_neither_skips_nor_repeats")
class SkipsEqualNames(Paging):
    def comes_after(self, client: ca.Client, after: Place) -> bool:
        return place_of(client)[0] > after[0]


@caught_by("page_neither_skips_nor_repeats")
class ComparesNameAndIdApart(Paging):
    def comes_after(self, client: ca.Client, after: Place) -> bool:
        name, client_id = place_of(client)
        return name >= after[0] and client_id > after[1]


@caught_by("page_goes_on_after_a_place_without_a_row")
class LooksForTheCursorsRow(Paging):
    def comes_after(self, client: ca.Client, after: Place) -> bool:
        row = self.good.get(after[1])
        return row is not None and place_of(client) > place_of(row)


@caught_by("page_is_not_moved_by_what_comes_and_goes")
class PagesByOffset(Paging):
    def __init__(self) -> None:
        super().__init__()
        self.offsets: dict[UUID, int] = {}

    def answer(self, asked: Asked) -> Sequence[ca.Client]:
        found = self.whole_list(asked.practice_id, asked.client_list, asked.search)
        start = 0 if asked.after is None else self.offsets.get(asked.after[1], 0)
        page = found[start : start + asked.limit]
        for number, client in enumerate(page, start + 1):
            self.offsets[client.id] = number
        return page


@caught_by("page_takes_search_literally")
class TreatsSearchAsAPattern(Paging):
    def finds(self, search: str, text: str) -> bool:
        pattern = re.escape(search).replace("%", ".*").replace("_", ".")
        return re.search(pattern, text, re.DOTALL) is not None


@caught_by("page_finds_what_the_name_contains")
class SearchesBeginnings(Paging):
    def finds(self, search: str, text: str) -> bool:
        return text.startswith(search)


@caught_by("page_finds_what_the_name_contains")
class SearchesWithoutAccents(Paging):
    def finds(self, search: str, text: str) -> bool:
        def plain(text: str) -> str:
            marks = unicodedata.normalize("NFD", text)
            return "".join(mark for mark in marks if not unicodedata.combining(mark))

        return plain(search) in plain(text)


@caught_by("page_finds_what_the_name_contains")
class TrimsTheSearch(Paging):
    """White space around a search is the service's business (C2)."""

    def finds(self, search: str, text: str) -> bool:
        return search.strip() in text


@caught_by(
    "page_finds_a_client_by_part_of_its_address",
    "page_finds_a_client_by_its_present_address",
    "page_does_not_search_the_address_of_a_client_that_only_invites",
)
class SearchesNamesOnly(Paging):
    def searched(self, client: ca.Client) -> str:
        return place_of(client)[0]


@caught_by("page_finds_a_client_by_part_of_its_address")
class SearchesAddressesOnly(Paging):
    def searched(self, client: ca.Client) -> str:
        return client.email_key


@caught_by("page_finds_a_client_by_part_of_its_address")
class SearchesAcrossNameAndAddress(Paging):
    def searched(self, client: ca.Client) -> str:
        return super().searched(client).replace("\n", " ")


@caught_by(
    "page_does_not_search_placeholders",
    "page_does_not_search_the_address_of_a_client_that_only_invites",
)
class SearchesEveryAddress(Paging):
    def searched(self, client: ca.Client) -> str:
        return f"{place_of(client)[0]}\n{client.email_key}"


@caught_by("page_counts_only_what_it_finds")
class LimitsBeforeItSearches(Paging):
    def answer(self, asked: Asked) -> Sequence[ca.Client]:
        page = super().answer(evolve(asked, search=""))
        return [client for client in page if asked.search in self.searched(client)]


@caught_by("page_gives_whole_clients")
class PlacesClientsElsewhere(Paging):
    def page(  # type: ignore[override]  # the protocol allows a StoredRow
        self,
        practice_id: str,
        client_list: ClientList,
        *,
        search: str,
        limit: int,
        after: Place | None,
    ) -> Sequence[ca.Client | ca.StoredRow[str]]:
        clients = super().page(practice_id, client_list, search=search, limit=limit, after=after)
        return [ca.StoredRow((client.business_name, client.id), client) for client in clients]


@caught_by("page_gives_whole_clients")
class GivesThinClients(Paging):
    def lists(self, practice_id: str, client_list: ClientList) -> list[ca.Client]:
        found = super().lists(practice_id, client_list)
        return [evolve(client, version=client.version + 1) for client in found]


@caught_by("page_keeps_practices_apart")
class MixesPractices(Paging):
    def __init__(self) -> None:
        super().__init__()
        self.practices: set[str] = set()

    def save(self, changes: Sequence[ca.Change]) -> None:
        super().save(changes)
        listings = (change.after.listing for change in changes)
        self.practices.update(listing.practice_id for listing in listings if listing)

    def lists(self, practice_id: str, client_list: ClientList) -> list[ca.Client]:
        same = [one for one in self.practices if one.casefold() == practice_id.casefold()]
        return [client for one in same for client in self.whole_list(one, client_list)]


@caught_by("page_keeps_lists_apart", "page_follows_a_client_from_list_to_list")
class MixesLists(Paging):
    def lists(self, practice_id: str, client_list: ClientList) -> list[ca.Client]:
        return [c for one in ClientList for c in self.whole_list(practice_id, one)]


@caught_by("page_shows_closed_clients_in_a_list_of_their_own")
class HidesClosedClients(Paging):
    def lists(self, practice_id: str, client_list: ClientList) -> list[ca.Client]:
        return [] if client_list is ClientList.CLOSED else super().lists(practice_id, client_list)


@caught_by("page_shows_closed_clients_in_a_list_of_their_own")
class ShowsClosedClientsAsActive(Paging):
    def lists(self, practice_id: str, client_list: ClientList) -> list[ca.Client]:
        closed = ClientList.CLOSED
        also = super().lists(practice_id, closed) if client_list is ClientList.ACTIVE else []
        return [*super().lists(practice_id, client_list), *also]


@caught_by("page_shows_an_invitation_to_the_invited_practice")
class HidesInvitations(Paging):
    def lists(self, practice_id: str, client_list: ClientList) -> list[ca.Client]:
        return [c for c in super().lists(practice_id, client_list) if c.practice_id]


class _FirstListings(Paging):
    """Keeps the first listing of each client."""

    def __init__(self) -> None:
        super().__init__()
        self.first: dict[UUID, ca.Listing] = {}

    def save(self, changes: Sequence[ca.Change]) -> None:
        super().save(changes)
        for change in changes:
            if listing := change.after.listing:
                self.first.setdefault(change.after.id, listing)


@caught_by("page_finds_a_client_by_its_present_address")
class SearchesFormerAddresses(_FirstListings):
    def searched(self, client: ca.Client) -> str:
        return f"{super().searched(client)}\n{self.first[client.id].searched}"


@caught_by("page_moves_a_transferred_client_to_the_other_practice")
class KeepsTransferredClients(_FirstListings):
    def lists(self, practice_id: str, client_list: ClientList) -> list[ca.Client]:
        mine = {i for i, listing in self.first.items() if listing.practice_id == practice_id}
        everybody = [c for one in self.practices() for c in self.whole_list(one, client_list)]
        return [client for client in everybody if client.id in mine]

    def practices(self) -> set[str]:
        clients = (self.good.get(client_id) for client_id in self.first)
        return {c.listing.practice_id for c in clients if c and c.listing}


@caught_by("page_shows_a_renamed_client_in_its_new_place")
class OrdersByFormerNames(_FirstListings):
    def order(self, client: ca.Client) -> tuple[object, ...]:
        return self.first[client.id].folded_name, client.id


@caught_by("page_leaves_deleted_and_unmanaged_clients_out")
class KeepsFormerListings(_FirstListings):
    def searched(self, client: ca.Client) -> str:
        return self.first[client.id].searched

    def lists(self, practice_id: str, client_list: ClientList) -> list[ca.Client]:
        found = {client.id: client for client in super().lists(practice_id, client_list)}
        for client_id, listing in self.first.items():
            client = self.good.get(client_id)
            if client and listing.practice_id == practice_id and client.listing is None:
                found[client_id] = client
        return list(found.values())
