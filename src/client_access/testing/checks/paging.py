"""`page`: in order, from a place on, without skipping or repeating clients (C2)."""

from __future__ import annotations

from uuid import UUID

from client_access.questions.lists import place_of
from client_access.repository import Repository
from client_access.testing.checks.frame import check, expect_equal
from client_access.testing.checks.scene import Scene
from client_access.testing.life import Life
from client_access.values import fold

# Some collation, or another order than by code point, puts each of these elsewhere.
NAMES = (
    "apple",
    "Apple Two",
    "Zebra",
    "zebra crossing",
    "\u00c4pfel",  # after z by code point, next to a in every language
    "\u00e9clair",
    "eclair",
    "Stra\u00dfe",  # folds to ss
    "Strasse Two",
    "co-op",
    "coop",
    "co op",  # punctuation that collations ignore
    "Ann",
    "Ann & Co",
    "Anna",
    "Ann ",  # equal to Ann if trailing spaces are ignored
    "9 Lives",
    "10 Lives",
    "_under",
    "{brace",
    "\u0130stanbul",
    "\uff21 Fullwidth",
    "\U0001f9fe Receipts",  # after fullwidth letters by code point, before them in UTF-16
    "\u4f1a\u8ba1",
)

_IN_ORDER = (
    "page() must order by folded name, then by id, both by code point (C2): store "
    'listing.folded_name in a column with a binary collation (COLLATE "C", utf8mb4_bin; SQLite has '
    "one by default), and order by it and the id"
)


def _listed(scene: Scene, names: tuple[str, ...] = NAMES) -> list[Life]:
    """Save clients in one list, and return them in the order of C2."""
    lives = [scene.life().add(name) for name in names]
    scene.save(*lives)
    return sorted(lives, key=lambda life: place_of(life.client))


@check()
def page_orders_names_by_code_point(repository: Repository) -> None:
    """Repository.page: "ordered by folded name, then id, by code point (C2)"."""
    scene = Scene(repository)
    wanted = [life.client.business_name for life in _listed(scene)]
    found = [client.business_name for client in scene.page()]
    expect_equal(found, wanted, f"{_IN_ORDER}.")


@check()
def page_orders_equal_names_by_id(repository: Repository) -> None:
    """Repository.page: "ordered by folded name, then id, by code point (C2)"."""
    scene = Scene(repository)
    own = scene.new_id().int
    # Ids that differ in each part: some databases compare parts, or signed numbers.
    bits = (127, 126, 96, 80, 64, 63, 48, 31, 8, 7)
    ids = [UUID(int=own ^ (1 << bit)) for bit in bits]
    for number, client_id in enumerate(ids):
        name = "Same name" if number % 2 else "SAME NAME"
        scene.save(scene.life(client_id).add(name))
    expect_equal(
        scene.listed(),
        sorted(ids),
        f"{_IN_ORDER}: as 16 bytes or as 32 hexadecimal digits, not as a signed number.",
    )


@check()
def page_compares_the_longest_names_whole(repository: Repository) -> None:
    """Repository.page: "ordered by folded name, then id, by code point (C2)"."""
    scene = Scene(repository)
    for letter in ("\u00df", "\ufb03"):  # one letter that folds to two, and one to three
        lives = [scene.life().add(f"{letter * 199}{last}") for last in "cba"]
        scene.save(*lives)
        wanted = [life.client_id for life in reversed(lives)]
        advice = (
            "A name of 200 characters may fold to 600, and all of them count: make the column of "
            "folded_name long enough, or unlimited."
        )
        search = fold(letter)
        expect_equal(scene.listed(search=search), wanted, advice)
        expect_equal(scene.listed(search=f"{search}b"), [lives[1].client_id], advice)
        after = place_of(lives[1].client)
        found = [client.id for client in scene.page(search=search, after=after)]
        expect_equal(found, [lives[0].client_id], advice)


@check()
def page_gives_whole_clients(repository: Repository) -> None:
    """Repository.page: "Return clients by their `listing`"."""
    scene = Scene(repository)
    _listed(scene)
    expect_equal(
        {client.id: client for client in scene.page()},
        {client.id: repository.get(client.id) for client in scene.page()},
        "page() must return the same clients as get(), with every field.",
    )


@check()
def page_gives_no_more_than_the_limit(repository: Repository) -> None:
    """Repository.page: "limit: the largest number of clients"."""
    scene = Scene(repository)
    wanted = [life.client_id for life in _listed(scene)]
    for limit in (1, 2, len(wanted) - 1, len(wanted), len(wanted) + 1):
        found = [client.id for client in scene.page(limit=limit)]
        expect_equal(
            found,
            wanted[:limit],
            f"page() must return the first {limit} of {len(wanted)} clients if limit is {limit}: "
            "pass the limit to the database.",
        )


@check()
def page_goes_on_after_a_row(repository: Repository) -> None:
    """Repository.page: "after: the folded name and id after which the page begins"."""
    scene = Scene(repository)
    lives = _listed(scene)
    wanted = [life.client_id for life in lives]
    for index, life in enumerate(lives):
        found = [client.id for client in scene.page(after=place_of(life.client))]
        expect_equal(
            found,
            wanted[index + 1 :],
            "page() must continue right after the row that a cursor names, without that row: "
            "select (folded_name, id) > (:name, :id), compared as a pair.",
        )


@check()
def page_goes_on_after_a_place_without_a_row(repository: Repository) -> None:
    """Repository.page: "after: the folded name and id after which the page begins"."""
    scene = Scene(repository)
    lives = _listed(scene)
    wanted = [place_of(life.client) for life in lives]
    lowest, highest = UUID(int=0), UUID(int=(1 << 128) - 1)
    places = [("", lowest), ("\U0010ffff", highest)]
    for name, _ in wanted:
        places += [(name, lowest), (name, highest), (f"{name}\U0010fffd", lowest)]
    for place in places:
        found = [place_of(client) for client in scene.page(after=place)]
        expect_equal(
            found,
            [row for row in wanted if row > place],
            "page() must return what comes after the pair of folded name and id, even if no client "
            "has that pair: compare with the pair, and do not look up a row.",
        )


@check()
def page_neither_skips_nor_repeats(repository: Repository) -> None:
    """Repository.page: "the folded name and id after which the page begins"; rule C2."""
    scene = Scene(repository)
    same = tuple("Same" for _ in range(5))
    wanted = [life.client_id for life in _listed(scene, (*NAMES, *same))]
    for limit in range(1, 6):
        found: list[UUID] = []
        after = None
        while len(found) <= len(wanted) and (page := scene.page(limit=limit, after=after)):
            found += [client.id for client in page]
            after = place_of(page[-1])
        expect_equal(
            found,
            wanted,
            f"Pages of {limit}, each after the last row of the one before, must return every "
            "client once: compare name and id as a pair, in the order by which you sort.",
        )


@check()
def page_is_not_moved_by_what_comes_and_goes(repository: Repository) -> None:
    """Repository.page: "after which the page begins"; new clients move no cursor (C2)."""
    scene = Scene(repository)
    lives = _listed(scene, tuple(f"Name {number:02}" for number in range(0, 40, 2)))
    stayed = [life for number, life in enumerate(lives) if number % 5]
    found: list[UUID] = []
    after = None
    for _ in lives:  # more than enough, and ends even if the pages do not
        page = scene.page(limit=4, after=after)
        if not page:
            break
        found += [client.id for client in page]
        after = place_of(page[-1])
        number = len(found)
        scene.added("Name 00, added before every cursor")
        scene.added(f"Name {number % 40 + 1:02}")
        gone = lives[number % 20]
        if gone not in stayed and gone.changes[-1].after.listing is not None:
            scene.save(gone.delete())
    seen = [client_id for client_id in found if client_id in {life.client_id for life in stayed}]
    expect_equal(
        seen,
        [life.client_id for life in stayed],
        "Paging must return each client that stays exactly once, while others come and go: "
        "continue from the cursor, not by an offset.",
    )
    expect_equal(
        len(found),
        len(set(found)),
        "Paging must not return a client twice: continue from the cursor.",
    )


@check()
def page_finds_what_the_name_contains(repository: Repository) -> None:
    """Repository.page: "search: folded text that `listing.searched` must contain"."""
    scene = Scene(repository)
    lives = _listed(scene)
    searches = ("a", "apple", "STRASSE", "nn", " ", "co", "\u00e9", "e", "\u4f1a", "\U0001f9fe")
    for search in (fold(text) for text in (*searches, "nowhere", "i\u0307", "i", "Ann ")):
        wanted = [life.client_id for life in lives if search in fold(life.client.business_name)]
        expect_equal(
            scene.listed(search=search),
            wanted,
            f"page() must find the clients with {search!r} anywhere in listing.searched: "
            "compare by code point, so that accents count, and do not fold the search again.",
        )


@check()
def page_takes_search_literally(repository: Repository) -> None:
    """Repository.page: "folded text that `listing.searched` must contain"; no wildcards (C2)."""
    scene = Scene(repository)
    names = ("100% wool", "100 wool", "a_b", "axb", "back\\slash", "star*", "what?", "[set]", "'q'")
    lives = _listed(scene, names)
    for search in ("%", "_", "\\", "*", "?", "[", "0%", "a_b", "%%", "\\%", "'", "k\\s", "[a-z]"):
        wanted = [life.client_id for life in lives if search in life.client.business_name]
        expect_equal(
            scene.listed(search=search),
            wanted,
            f"page() treated {search!r} as a pattern, but a search has no wildcards: use strpos or "
            "instr, or escape the wildcards of LIKE.",
        )


@check()
def page_counts_only_what_it_finds(repository: Repository) -> None:
    """Repository.page: "limit: the largest number of clients", of those that the search finds."""
    scene = Scene(repository)
    names = tuple(f"{'Wanted' if number % 3 == 0 else 'Other'} {number:02}" for number in range(12))
    wanted = [life.client_id for life in _listed(scene, names) if "W" in life.client.business_name]
    found: list[UUID] = []
    after = None
    for _ in wanted:
        page = scene.page(search="wanted", limit=1, after=after)
        expect_equal(
            len(page),
            1,
            "page() returned fewer clients than the limit although more match: search first, then "
            "apply the limit.",
        )
        found += [client.id for client in page]
        after = place_of(page[-1])
    expect_equal(found, wanted, "Pages of a search must return every matching client, once.")
