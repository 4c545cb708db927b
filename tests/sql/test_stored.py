"""What was accepted once stays readable, and paging ends whatever is stored (C2, E1)."""

from __future__ import annotations

import asyncio
import logging
import re
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any, Never
from uuid import UUID

import email_validator
import pytest
from sql.shop import CATALOGUE, T0, added, execute, renamed, subscribed
from sqlalchemy import Engine, create_engine, select, update

from client_access import (
    AsyncClientAccess,
    Change,
    Client,
    ClientAccess,
    ClientList,
    CorruptRecord,
    EmailAddress,
    RepositoryError,
    SignIn,
    StoredRow,
    deadlines_of,
)
from client_access.sql import AsyncSqlRepository, SqlRepository, executing, refreshing
from client_access.sql.rows import of_client
from client_access.sql.tables import clients, outcomes
from client_access.values import email_address, fold
from client_access.wire import decode, encode, load_client

NAMES = ("Ärger", "Bäcker", "Cäsar", "Däne", "Egon", "Fön")
LISTS = (ClientList.ACTIVE, ClientList.INACTIVE)


def client_id(number: int) -> UUID:
    return UUID(int=number + 1)


def filled(repository: SqlRepository) -> list[Change]:
    """Save clients that the practice pays for, every second one with a deadline.

    Return their changes in the order of their names.
    """
    changes = []
    for number, name in enumerate(NAMES):
        first = added(client_id(number), name=name, email=f"{name}.{number}@example.com")
        invites = SignIn.PRACTICE_AND_CLIENT if number % 2 else SignIn.PRACTICE_ONLY
        changes += [first, subscribed(first.after, sign_in=invites)]
    repository.save(changes)
    return sorted(changes[1::2], key=lambda change: fold(change.after.business_name))


def fold_otherwise(text: str) -> str:
    """Fold as another version might: some places move up, and some down."""
    return fold(text).translate({ord("ä"): "zz", ord("f"): "a", ord("ö"): "o"})


def upgrade(monkeypatch: pytest.MonkeyPatch) -> None:
    """Plant a Python that folds otherwise, and an email-validator that accepts nothing."""

    def refuse(*_: object, **__: object) -> Never:
        raise email_validator.EmailSyntaxError("is not valid any more")

    monkeypatch.setattr(email_validator, "validate_email", refuse)
    monkeypatch.setattr(email_address, "_PLAIN", re.compile("nothing"))
    fold_from_now_on(monkeypatch)


def fold_from_now_on(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, module in list(sys.modules.items()):
        if name.startswith("client_access") and getattr(module, "fold", None) is fold:
            monkeypatch.setattr(module, "fold", fold_otherwise)


def every_page(access: Any, client_list: ClientList, limit: int) -> Iterator[Any]:
    after = None
    for _ in range(2 * len(NAMES)):
        page = access.clients("north", client_list, limit=limit, after=after)
        yield page
        after = page.next
        if after is None:
            return
    raise AssertionError("paging does not end")


@pytest.fixture(params=["sync", "async"])
def access(request: pytest.FixtureRequest, database: str) -> Iterator[Any]:
    """Each of both services on each of both repositories."""
    if request.param == "sync":
        with SqlRepository.open(database) as repository:
            yield ClientAccess(repository, catalogue=CATALOGUE, clock=lambda: T0)
        return
    loop = asyncio.new_event_loop()
    opened = loop.run_until_complete(AsyncSqlRepository.open(database))
    service = AsyncClientAccess(opened, catalogue=CATALOGUE, clock=lambda: T0)
    yield Waiting(service, loop)
    loop.run_until_complete(opened.close())
    loop.close()


class Waiting:
    """An awaited service or repository that can be called without `await`."""

    def __init__(self, inner: Any, loop: asyncio.AbstractEventLoop) -> None:
        self._inner, self._loop = inner, loop

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        if name == "repository":
            return Waiting(found, self._loop)
        return lambda *args, **named: self._loop.run_until_complete(gather(found(*args, **named)))


async def gather(answer: Any) -> Any:
    return [one async for one in answer] if hasattr(answer, "__aiter__") else await answer


# ── A stricter email-validator, and another folding ──────────────────────────────────────────────


@pytest.mark.parametrize("limit", [1, 2, 5])
def test_what_was_accepted_once_is_read_listed_invoiced_and_erased(
    access: Any, repository: SqlRepository, monkeypatch: pytest.MonkeyPatch, limit: int
) -> None:
    """Reading checks form, not what today's version would accept; paging ends."""
    monkeypatch.setattr("client_access.service.BATCH", limit)
    monkeypatch.setattr("client_access.service.awaited.BATCH", limit)
    monkeypatch.setattr(executing, "AT_ONCE", limit)
    saved = [change.after for change in filled(repository)]
    keys = [client.email_key for client in saved]
    lines = access.next_invoice("north").lines
    dated = {d.client.id for client in saved for d in deadlines_of(client)}
    upgrade(monkeypatch)
    with pytest.raises(ValueError, match="not valid any more"):
        EmailAddress(saved[0].email.address)
    for client, key in zip(saved, keys, strict=True):
        stored = access.repository.get(client.id)
        assert stored == client
        assert stored.email_key == key
        assert access.repository.find_by_email(key) == client
    for which in LISTS:
        shown = [row.client_id for page in every_page(access, which, limit) for row in page.rows]
        in_list = [c for c in saved if c.listing and c.listing.client_list is which]
        assert shown == [c.id for c in in_list]  # in the order that is stored
    assert set(access.next_invoice("north").lines) == set(lines)
    assert {d.client.id for d in access.deadlines(T0, T0.replace(year=2027))} == dated
    assert list(access.repository.client_ids()) == sorted(client.id for client in saved)
    for client in saved:
        assert len(access.repository.history(client.id)) == 2
        access.repository.erase(client.id)
        assert access.repository.get(client.id).business_name == "(erased)"


def test_a_record_has_the_key_of_an_address_that_is_not_plain() -> None:
    """A plain address is written as a text; the key of another is written beside it."""
    for address, written in (
        ("Ann@Example.com", "Ann@Example.com"),
        ("Zoë@Exämple.com", {"address": "Zoë@Exämple.com", "key": "zoë@xn--exmple-cua.com"}),
    ):
        client = added(email=address).after
        record: Any = decode(encode(client))
        assert record["data"]["email"] == written
        assert load_client(record).email_key == client.email_key


@pytest.mark.parametrize(
    "email",
    [
        "ä@example.com",
        "no address",
        "a@b@c",
        "@b",
        "a@",
        "a b@c",
        "a@b\nc",
        "x" * 255 + "@b",
        "a@X.INVALID",
        {"address": "a@b", "key": "a@b"},
        {"address": "ä@b", "key": "ä"},
        {"address": "ä", "key": "ä@b"},
        {"address": "ä@b", "key": "0@placeholder.invalid"},
        {"address": "ä@b", "key": 5},
        {"address": "ä@b"},
        {"address": "ä@b", "key": "ä@b", "more": ""},
    ],
)
def test_an_address_without_the_form_of_one_is_corrupt(email: object) -> None:
    """The form is checked on reading, so that no header and no link can be made of it."""
    record: Any = decode(encode(added(email="a@example.com").after))
    record["data"]["email"] = email
    with pytest.raises(CorruptRecord):
        load_client(record)


# ── A client that cannot be read ─────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("limit", [1, 2, 100])
def test_an_unreadable_client_is_named_and_the_rest_is_served(
    access: Any,
    repository: SqlRepository,
    engine: Engine,
    caplog: pytest.LogCaptureFixture,
    limit: int,
) -> None:
    """A page names it, deadlines log it, and an invoice never leaves it out in silence."""
    saved = [change.after for change in filled(repository)]
    lost, dated = client_id(2), client_id(1)
    (address,) = (client.email_key for client in saved if client.id == lost)
    for one in (lost, dated):
        spelt = one.hex if engine.dialect.name == "sqlite" else str(one)
        execute(engine, f"UPDATE client_access_client SET data = '{{}}' WHERE id = '{spelt}'")
    for which, missing in zip(LISTS, (lost, dated), strict=True):
        pages = list(every_page(access, which, limit))
        in_list = [c.id for c in saved if c.listing and c.listing.client_list is which]
        shown = [row.client_id for page in pages for row in page.rows]
        assert shown == [one for one in in_list if one != missing]
        assert [one for page in pages for one in page.unreadable] == [missing]
        assert all(len(page.rows) + len(page.unreadable) <= limit for page in pages)
    caplog.clear()
    found = [one.client.id for one in access.deadlines(T0, T0.replace(year=2027))]
    assert found == [client_id(3), client_id(5)]
    assert f"The deadline of client {dated} cannot be read" in caplog.messages
    questions: tuple[tuple[Callable[[], object], UUID], ...] = (
        (lambda: access.next_invoice("north"), dated),  # the inactive list is read first
        (lambda: access.repository.get(lost), lost),
        (lambda: access.repository.find_by_email(address), lost),
        (lambda: access.repository.erase(lost), lost),
    )
    for question, named in questions:
        with pytest.raises(CorruptRecord) as caught:
            question()
        assert caught.value.client_id == named
        assert str(named) in str(caught.value)


@pytest.mark.parametrize("name", ["NULL", "x'00'"])
def test_a_folded_name_that_is_not_a_text_is_corrupt(sqlite: str, name: str) -> None:
    """SQLite stores any value in any column. The error names the client."""
    with SqlRepository.open(sqlite) as repository:
        filled(repository)
        change = f"folded_name = {name} WHERE id = '{client_id(0).hex}'"
        engine = create_engine(sqlite)
        execute(engine, f"UPDATE client_access_client SET {change}")
        engine.dispose()
        with pytest.raises(CorruptRecord) as caught:
            ClientAccess(repository, catalogue=CATALOGUE).clients("north", ClientList.ACTIVE)
        assert caught.value.client_id == client_id(0)


def test_ids_in_another_spelling_do_not_go_round_without_end(
    sqlite: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite stores any text as an id, and orders it as text."""
    monkeypatch.setattr(executing, "AT_ONCE", 1)
    monkeypatch.setattr(executing, "AT_ONCE", 1)
    with SqlRepository.open(sqlite) as repository:
        repository.save([added(client_id(0))])
        odd = f"{{{client_id(0)}}}"
        engine = create_engine(sqlite)
        execute(engine, f"UPDATE client_access_client SET id = '{odd}'")
        engine.dispose()
        for paging in (repository.client_ids, repository.refresh):
            with pytest.raises(CorruptRecord) as caught:
                list(paging())
            assert caught.value.client_id == client_id(0)


# ── Columns that no longer follow from the record ────────────────────────────────────────────────


def columns(engine: Engine) -> dict[UUID, Any]:
    with engine.connect() as connection:
        return {row.id: row._asdict() for row in connection.execute(select(clients))}


def test_refreshing_writes_what_saving_would_write_now(
    access: Any, repository: SqlRepository, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After it, lists are in the new order, and an address is found by its new key."""
    monkeypatch.setattr(executing, "AT_ONCE", 2)
    saved = [change.after for change in filled(repository)]
    assert access.repository.refresh() == ()
    fold_from_now_on(monkeypatch)
    moved = [c for c in saved if c.business_name != "Egon"]
    assert any(
        isinstance(row, StoredRow)
        for row in access.repository.page("north", LISTS[0], search="", limit=9, after=None)
    )
    written = access.repository.refresh()
    assert set(written) == {client.id for client in moved}
    assert access.repository.refresh() == ()
    stored = columns(engine)
    for client in saved:
        fresh = repository.get(client.id)
        assert fresh == client
        assert of_client(fresh).items() <= stored[client.id].items()
        again = repository.find_by_email(EmailAddress(client.email.address).key)
        assert again == client
    for which in LISTS:
        names = [fold_otherwise(row.business_name) for row in access.clients("north", which).rows]
        assert names == sorted(names)
        page = access.repository.page("north", which, search="", limit=9, after=None)
        assert not any(isinstance(row, StoredRow) for row in page)


@pytest.mark.parametrize(
    "change",
    [
        "folded_name = 'x'",
        "searched = ''",
        "email_key = 'x'",
        "practice_id = 'south'",
        "client_list = 'closed'",
        "managed_by = NULL",
        "deadline = 5",
        "deadline = NULL",
        "invoiced_to = NULL",
        "services = '[]'",
    ],
)
def test_every_column_is_refreshed(repository: SqlRepository, engine: Engine, change: str) -> None:
    """Whatever a column held, it follows from the record again."""
    first = added(name="Oak", email="a@example.com")
    repository.save([first, subscribed(first.after, sign_in=SignIn.PRACTICE_AND_CLIENT)])
    before = columns(engine)
    execute(engine, f"UPDATE client_access_client SET {change}")
    assert columns(engine) != before
    assert repository.refresh() == (first.after.id,)
    assert columns(engine) == before


@pytest.mark.parametrize("change", [renamed, subscribed])
def test_refreshing_looks_again_at_what_another_writer_changed(
    repository: SqlRepository, engine: Engine, change: Callable[[Client], Change]
) -> None:
    """A client that is saved between reading and writing is not overwritten, and is refreshed if
    the writer has left a key as it was.
    """
    first = added(name="Oak")
    repository.save([first])
    execute(engine, "UPDATE client_access_client SET folded_name = 'x'")
    with engine.connect() as connection:
        found, last = refreshing.outdated(connection, None)
    assert (found, last) == ([first.after.id], first.after.id)
    later = change(first.after)
    repository.save([later])
    leaves_it = change is subscribed and engine.dialect.name == "sqlite"
    with engine.begin() as connection:
        assert refreshing.rewrite(connection, found) == (found if leaves_it else [])
    assert repository.get(first.after.id) == later.after
    stored = columns(engine)[first.after.id]
    assert of_client(later.after).items() <= stored.items()
    assert repository.refresh() == ()


def test_a_client_that_was_loaded_before_refreshing_is_found_by_refreshing_again(
    repository: SqlRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its record has the old key of its address again; the next run gives it the new one."""
    first = added(email="jörg@example.com")
    repository.save([first])
    before = renamed(first.after)
    fold_from_now_on(monkeypatch)
    assert repository.refresh() == (first.after.id,)
    repository.save([before])
    assert repository.refresh() == (first.after.id,)
    key = EmailAddress("jörg@example.com").key
    assert before.after.email_key != key
    stored = repository.find_by_email(key)
    assert stored is not None
    assert stored.email_key == key
    assert repository.refresh() == ()


def test_refreshing_inside_a_host_s_transaction_is_undone_with_it(
    repository: SqlRepository, engine: Engine
) -> None:
    """Given a connection, it commits nothing."""
    repository.save([added(client_id(0), name="Oak")])
    execute(engine, "UPDATE client_access_client SET folded_name = 'x'")
    with engine.connect() as connection:
        assert SqlRepository(connection).refresh() == (client_id(0),)
        connection.rollback()
    assert repository.refresh() == (client_id(0),)


def test_refreshing_passes_over_what_it_cannot_write(
    repository: SqlRepository,
    engine: Engine,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """An unreadable record, and an address that is now another client's, are logged."""
    changes = [
        added(client_id(n), name=f"Client {n}", email=email)
        for n, email in enumerate(("jörg@example.com", "jorg@exämple.com", "x@example.com"))
    ]
    repository.save([*changes, added(client_id(3), name="Cöln", email="jörg@exämple.com")])
    spelt = client_id(2).hex if engine.dialect.name == "sqlite" else str(client_id(2))
    execute(engine, f"UPDATE client_access_client SET data = '' WHERE id = '{spelt}'")
    fold_from_now_on(monkeypatch)
    with caplog.at_level(logging.ERROR):
        assert repository.refresh() == (client_id(0), client_id(1))
    logged = "\n".join(caplog.messages)
    assert str(client_id(2)) in logged
    assert str(client_id(3)) in logged
    assert "@" not in logged
    assert "folded" in logged


def test_a_constraint_of_the_host_s_stops_refreshing(
    repository: SqlRepository, engine: Engine
) -> None:
    """Only a taken address is passed over."""
    repository.save([added(client_id(0), name="Oak"), added(client_id(1), name="Oak")])
    spelt = client_id(1).hex if engine.dialect.name == "sqlite" else str(client_id(1))
    execute(engine, f"UPDATE client_access_client SET folded_name = 'x' WHERE id = '{spelt}'")
    execute(engine, "CREATE UNIQUE INDEX only_once ON client_access_client (folded_name)")
    with pytest.raises(RepositoryError):
        repository.refresh()


@pytest.mark.parametrize("spoilt", ["{", "{}"])
def test_what_is_wrong_with_a_remembered_change_names_its_client(
    repository: SqlRepository, engine: Engine, spoilt: str
) -> None:
    """So that its history, or whatever else is known of it, can be looked at."""
    repository.save_once("key", added(client_id(0)), at=T0, until=T0 + timedelta(1))
    with engine.begin() as connection:
        connection.execute(update(outcomes).values(data=spoilt))
    with pytest.raises(CorruptRecord) as caught:
        repository.recall("key", at=T0)
    assert caught.value.client_id == client_id(0)


def test_an_id_that_is_bytes_is_corrupt(sqlite: str) -> None:
    """SQLite stores any value as an id, and its driver returns bytes for bytes."""
    with SqlRepository.open(sqlite) as repository:
        repository.save([added(client_id(0))])
        engine = create_engine(sqlite)
        execute(engine, "UPDATE client_access_client SET id = x'00'")
        engine.dispose()
        with pytest.raises(CorruptRecord):
            list(repository.client_ids())
