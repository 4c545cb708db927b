"""`page`: a search is looked for in the name and in the address (C2)."""

from __future__ import annotations

from uuid import UUID

from client_access.questions.lists import place_of
from client_access.repository import Repository
from client_access.testing.checks.frame import check, expect_equal
from client_access.testing.checks.scene import Scene
from client_access.values import ClientList, fold

MANY = 1100

_IN_SEARCHED = (
    "store change.after.listing.searched with every change, and look for the search there and "
    "nowhere else"
)


def _expect_found(scene: Scene, search: str, wanted: list[UUID], advice: str) -> None:
    expect_equal(scene.listed(search=search), wanted, f"page() searched for {search!r}. {advice}.")


@check()
def page_finds_a_client_by_part_of_its_address(repository: Repository) -> None:
    """Repository.page: "search: folded text that `listing.searched` must contain"."""
    scene = Scene(repository)
    acme = scene.added("Acme", local="Zo\u00eb.Stra\u00dfe+Books")
    other = scene.added("Other", local="nobody")
    both = [acme.client_id, other.client_id]
    advice = f"It must find a client by any part of its address: {_IN_SEARCHED}"
    for search in ("zo\u00eb", "\u00eb.strasse+b", "books@", scene.email("books").lower()):
        _expect_found(scene, fold(search), both[:1], advice)
    _expect_found(scene, scene.domain, both, advice)
    _expect_found(scene, "cm", both[:1], f"It must find a client by its name too: {_IN_SEARCHED}")
    for search in ("acme zo\u00eb", "acmezo\u00eb", "zoe", "somebody"):
        _expect_found(scene, search, [], f"Neither name nor address contains that: {_IN_SEARCHED}")


@check()
def page_finds_a_client_by_its_present_address(repository: Repository) -> None:
    """Repository.page: "search: folded text that `listing.searched` must contain": as it is now."""
    scene = Scene(repository)
    life = scene.added(local="first")
    scene.save(life.change_email(scene.email("second")))
    advice = f"It must find a client by its present address only: {_IN_SEARCHED}"
    _expect_found(scene, "first@", [], advice)
    _expect_found(scene, "second@", [life.client_id], advice)


@check()
def page_does_not_search_placeholders(repository: Repository) -> None:
    """Repository.page: "`listing.searched`", which has no placeholder (C2)."""
    scene = Scene(repository)
    life = scene.added("Acme")
    for search in (".invalid", "@", life.client.email_key):
        _expect_found(
            scene,
            search,
            [],
            f"A client without an address must be found only by its name: {_IN_SEARCHED}",
        )
    _expect_found(scene, "acme", [life.client_id], "It must find a client without an address")


@check()
def page_does_not_search_the_address_of_a_client_that_only_invites(repository: Repository) -> None:
    """Repository.page: "`listing.searched`", by which no practice learns an address (C2, C3)."""
    scene = Scene(repository)
    life = scene.life().register("Customer", scene.email("secret"), {"bookkeeping": None})
    scene.save(life.invite(scene.practice))
    advice = (
        "Until it accepts, an invited practice must find the client by its name, and not by its "
        f"address: {_IN_SEARCHED}"
    )
    _expect_found(scene, "customer", [life.client_id], advice)
    _expect_found(scene, "secret", [], advice)
    scene.save(life.accept(scene.practice))
    expect_equal(
        scene.listed(ClientList.ACTIVE, search="secret"),
        [life.client_id],
        "page() must find a client by its address once the practice has accepted it: "
        f"{_IN_SEARCHED}.",
    )


@check()
def page_finds_the_only_match_late_in_a_long_list(repository: Repository) -> None:
    """Repository.page: "search: folded text that `listing.searched` must contain", to the end."""
    scene = Scene(repository)
    lives = [scene.life().add(f"Hay {number:04}") for number in range(MANY)]
    late = scene.life().add("Needle")
    scene.save(*lives, late)
    for after in (None, place_of(lives[0].client)):
        found = [client.id for client in scene.page(search="needle", limit=1, after=after)]
        expect_equal(
            found,
            [late.client_id],
            f"page() must find the only match although {MANY:,} clients come before it: if you "
            "read the list in chunks, go on after a chunk without a match, until the list ends.",
        )
