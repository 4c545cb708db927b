"""`page`: which client is in which list of which practice, and when it moves (C1, C3)."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from client_access.client import Client, Listing
from client_access.repository import Repository
from client_access.testing.checks.frame import check, expect_equal
from client_access.testing.checks.scene import Scene
from client_access.testing.life import Life
from client_access.values import ClientList, PracticeUser, SignIn

_BY_LISTING = (
    "store change.after.listing (practice_id, client_list, folded_name, searched; NULL if it is "
    "None) with every change, and let page() select by nothing else"
)


def _places_of(scene: Scene, client_id: UUID) -> list[tuple[str, ClientList]]:
    return [
        (practice.practice_id, client_list)
        for practice in (scene.practice, scene.other)
        for client_list in ClientList
        if client_id in scene.listed(client_list, practice=practice)
    ]


def _place_in(listing: Listing | None) -> list[tuple[str, ClientList]]:
    return [(listing.practice_id, listing.client_list)] if listing else []


def _expect_place(scene: Scene, client: Client, name: str) -> None:
    expect_equal(
        _places_of(scene, client.id),
        _place_in(client.listing),
        f"page() must show the example {name!r} where its listing says: {_BY_LISTING}.",
    )


@check()
def page_follows_a_client_from_list_to_list(repository: Repository) -> None:
    """Repository.page: "Return clients by their `listing`"; one list at most (C1)."""
    scene = Scene(repository)
    for name, example in scene.examples().items():
        for change in example.changes:
            repository.save([change])
            _expect_place(scene, change.after, name)
    for name, example in scene.examples().items():
        _expect_place(scene, example.client, name)


@check()
def page_keeps_practices_apart(repository: Repository) -> None:
    """Repository.page: "the practice, and which of its lists"; no client of another (C3)."""
    scene = Scene(repository)
    base = scene.practice.practice_id
    ids = (base, base.upper(), f"{base} ", f"{base}%", f"{base}2", base[:-1], f"{base}\u00e9")
    practices = [PracticeUser(practice_id) for practice_id in ids]
    lives = [scene.added("Same name", by=practice) for practice in practices]
    for practice, life in zip(practices, lives, strict=True):
        expect_equal(
            scene.listed(practice=practice),
            [life.client_id],
            "page() must return the practice's own clients and no others (C3): compare practice "
            "ids by code point; case, accents and trailing spaces count.",
        )
    expect_equal(
        scene.listed(practice=PracticeUser(f"{base}-nobody")),
        [],
        "page() must be empty for a practice without clients.",
    )


@check()
def page_keeps_lists_apart(repository: Repository) -> None:
    """Repository.page: "the practice, and which of its lists"."""
    scene = Scene(repository)
    lives = {
        ClientList.INACTIVE: scene.life().add("Same name"),
        ClientList.IMPORTED: scene.life().add("Same name", imported=True),
        ClientList.ACTIVE: scene.life().add("Same name", scene.email("active")),
    }
    scene.save(*lives.values())
    scene.save(lives[ClientList.ACTIVE].subscribe({"bookkeeping": None}).activate())
    for client_list, life in lives.items():
        expect_equal(
            scene.listed(client_list),
            [life.client_id],
            f"page() must return the clients of the {client_list.value} list only: {_BY_LISTING}.",
        )


@check()
def page_shows_an_invitation_to_the_invited_practice(repository: Repository) -> None:
    """Repository.page: "Return clients by their `listing`": the invited practice's, here (C1)."""
    scene = Scene(repository)
    life = scene.life().register("Customer", scene.email("customer"), {"bookkeeping": None})
    scene.save(life)
    steps: tuple[tuple[Callable[[PracticeUser], Life], list[UUID]], ...] = (
        (life.invite, [life.client_id]),
        (lambda _: life.withdraw(), []),
        (life.invite, [life.client_id]),
        (life.decline, []),
        (life.invite, [life.client_id]),
        (life.accept, []),
    )
    for step, wanted in steps:
        step(scene.other)
        scene.save(life)
        expect_equal(
            scene.listed(practice=scene.other),
            wanted,
            "page() must show an unmanaged client in the inactive list of the practice that it "
            f"invites, while the invitation is pending: {_BY_LISTING}.",
        )
    expect_equal(
        scene.listed(ClientList.ACTIVE, practice=scene.other),
        [life.client_id],
        f"page() must show a client in the active list of a practice that accepted: {_BY_LISTING}.",
    )


@check()
def page_shows_closed_clients_in_a_list_of_their_own(repository: Repository) -> None:
    """Repository.page: "Return clients by their `listing`": the closed list's (C1, L9)."""
    scene = Scene(repository)
    life = scene.life().add("Retired", scene.email("retired"))
    life.subscribe({"bookkeeping": None}, sign_in=SignIn.PRACTICE_ONLY)
    steps: tuple[tuple[Callable[[], Life], ClientList | None], ...] = (
        (life.close, ClientList.CLOSED),
        (life.reopen, ClientList.ACTIVE),
        (life.close, ClientList.CLOSED),
        (life.delete, None),
    )
    for step, wanted in steps:
        step()
        scene.save(life)
        expect_equal(
            _places_of(scene, life.client_id),
            [(scene.practice.practice_id, wanted)] if wanted else [],
            "page() must show a closed client in the closed list and in no other, and take it out "
            f"when it is reopened or deleted: {_BY_LISTING}.",
        )


@check()
def page_moves_a_transferred_client_to_the_other_practice(repository: Repository) -> None:
    """Repository.page: "Return clients by their `listing`": the new practice's (L11)."""
    scene = Scene(repository)
    lives = {
        ClientList.INACTIVE: scene.added("Same name"),
        ClientList.ACTIVE: scene.added("Same name", local="active"),
    }
    lives[ClientList.ACTIVE].subscribe({"bookkeeping": None}).activate()
    for client_list, life in lives.items():
        scene.save(life.transfer(scene.other))
        expect_equal(
            _places_of(scene, life.client_id),
            [(scene.other.practice_id, client_list)],
            "page() must show a transferred client in the same list of the other practice, and no "
            f"longer in that of the first: {_BY_LISTING}.",
        )


@check()
def page_shows_a_renamed_client_in_its_new_place(repository: Repository) -> None:
    """Repository.page: "ordered by folded name": the current one."""
    scene = Scene(repository)
    renamed, other = scene.added("Aardvark"), scene.added("Middle")
    scene.save(renamed.rename("Zebra"))
    advice = f"page() must order and find a renamed client by its new name only: {_BY_LISTING}."
    expect_equal(scene.listed(), [other.client_id, renamed.client_id], advice)
    expect_equal(scene.listed(search="aardvark"), [], advice)
    expect_equal(scene.listed(search="zebra"), [renamed.client_id], advice)


@check()
def page_leaves_deleted_and_unmanaged_clients_out(repository: Repository) -> None:
    """Repository.page: "Return clients by their `listing`"; without one, in no list."""
    scene = Scene(repository)
    deleted = scene.added("Deleted").delete()
    left = scene.life().add("Left", scene.email("left")).subscribe({"bookkeeping": None})
    left.activate().stop_managing()
    scene.save(deleted, left)
    for life in (deleted, left):
        expect_equal(
            _places_of(scene, life.client_id),
            [],
            f"page() must not show a client without a listing: {_BY_LISTING}.",
        )
