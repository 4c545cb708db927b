"""`get` and `find_by_email`: one client, by its exact id or address."""

from __future__ import annotations

from uuid import UUID

from client_access.repository import Repository
from client_access.testing.checks.frame import check, expect, expect_equal, expect_saved
from client_access.testing.checks.scene import Scene
from client_access.values.email_address import EmailAddress

ADDRESS_LENGTH = 254


@check()
def get_finds_a_client_by_exactly_its_id(repository: Repository) -> None:
    """Repository.get: "Return the client with this id"."""
    scene = Scene(repository)
    first, second = scene.added("First"), scene.added("Second")
    for life in (first, second):
        expect_equal(
            repository.get(life.client_id),
            life.client,
            "get() must return the client with exactly this id: store all 128 bits, and compare "
            "for equality.",
        )


@check()
def get_returns_none_where_an_id_was_never_used(repository: Repository) -> None:
    """Repository.get: "None if the id was never used"."""
    scene = Scene(repository)
    life = scene.added()
    near = [UUID(int=life.client_id.int ^ (1 << bit)) for bit in (0, 7, 31, 64, 127)]
    for client_id in near:
        expect(
            repository.get(client_id) is None,
            "get() must return None for an unknown id, but returned a client with an id that "
            "differs in one bit: compare all 128 bits.",
        )


@check()
def get_returns_deleted_clients_too(repository: Repository) -> None:
    """Repository.get: "also if it was deleted"."""
    scene = Scene(repository)
    life = scene.added(local="gone").delete()
    scene.save(life)
    expect_equal(
        repository.get(life.client_id),
        life.client,
        "get() must return a deleted client: keep its row, because its id is never used again "
        "(L5), and do not filter it out.",
    )


@check()
def find_by_email_finds_a_client_by_exactly_its_key(repository: Repository) -> None:
    """Repository.find_by_email: "Return the client whose `email_key` is exactly this, or None"."""
    scene = Scene(repository)
    locals_ = ("a_b", "a%b", "axb", "ab", "a.b", "jose", "jos\u00e9", "i", "\u0131", "'or'1'='1")
    lives = [scene.life().add(f"Named {local}", scene.email(local)) for local in locals_]
    with expect_saved("these addresses have different keys: compare keys by code point."):
        scene.save(*lives)
    for life in lives:
        expect_equal(
            repository.find_by_email(life.client.email_key),
            life.client,
            "find_by_email() must return the client with exactly this key: compare by code point, "
            "with a binary collation and without pattern matching.",
        )
    for local in ("%", "a", "a?b", "JOSE", "a_", "_b", "nobody", ""):
        expect(
            repository.find_by_email(scene.email(local)) is None,
            f"find_by_email() must return None for a key that nobody has, but found a client for "
            f"{local!r} before the @: compare for equality, with a binary collation.",
        )


@check()
def find_by_email_finds_an_address_however_it_was_spelt(repository: Repository) -> None:
    """Repository.find_by_email: "Return the client whose `email_key` is exactly this"."""
    scene = Scene(repository)
    spelt = scene.email("Ann.O’Hara-Straße".replace("’", "'")).replace("example", "EXAMPLE")
    life = scene.life().add("Ann", spelt)
    scene.save(life)
    expect_equal(
        repository.find_by_email(EmailAddress(spelt.upper()).key),
        life.client,
        "find_by_email() must find a client by its email_key, however its address is spelt: store "
        "client.email_key beside client.email.address, and search by the key.",
    )


@check()
def find_by_email_follows_a_changed_address(repository: Repository) -> None:
    """Repository.find_by_email: "Return the client whose `email_key` is exactly this, or None"."""
    scene = Scene(repository)
    life = scene.added(local="old")
    old = life.client.email_key
    scene.save(life.change_email(scene.email("new")))
    expect(
        repository.find_by_email(old) is None,
        "find_by_email() still finds a client by its former address: replace the key in the "
        "statement that stores the change.",
    )
    expect_equal(
        repository.find_by_email(life.client.email_key),
        life.client,
        "find_by_email() must find a client by its new address: store change.after.email_key.",
    )


@check()
def find_by_email_finds_placeholders(repository: Repository) -> None:
    """Repository.find_by_email: "Return the client whose `email_key` is exactly this"."""
    scene = Scene(repository)
    life = scene.added()
    expect_equal(
        repository.find_by_email(life.client.email_key),
        life.client,
        "find_by_email() must find a client by the key of its placeholder (E2): store it like any "
        "other key, not as NULL.",
    )


@check()
def find_by_email_forgets_the_address_of_a_deleted_client(repository: Repository) -> None:
    """Repository.find_by_email: "or None"; deleting frees the address (L5)."""
    scene = Scene(repository)
    life = scene.added(local="freed")
    key = life.client.email_key
    scene.save(life.delete())
    expect(
        repository.find_by_email(key) is None,
        "find_by_email() still finds a deleted client by its address, which is free (L5): store "
        "change.after.email_key, the key of a placeholder.",
    )


@check()
def find_by_email_distinguishes_the_longest_addresses(repository: Repository) -> None:
    """Repository.find_by_email: "Return the client whose `email_key` is exactly this"."""
    scene = Scene(repository)
    start, end = f"{'l' * 64}@{'d' * 63}.", f"z.{scene.domain}"
    fill = f"{'e' * 63}.{'f' * 63}"[: ADDRESS_LENGTH - len(start) - len(end) - 1]
    lives = [scene.life().add("Long", f"{start}{fill}{last}{end}") for last in "ab"]
    advice = (
        f"An address has up to {ADDRESS_LENGTH} characters, and all of them count: make the column "
        "of email_key long enough, or unlimited."
    )
    for life in lives:
        with expect_saved(advice):
            scene.save(life)
    for life in lives:
        expect_equal(repository.find_by_email(life.client.email_key), life.client, advice)
