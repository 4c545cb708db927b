"""Mistakes that adopters make, each with the message that it gets."""

# ruff: noqa: E501, F401 - the mistakes are texts on one line, and use what is imported

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import NullPool, create_engine
from sqlalchemy.ext.asyncio import create_async_engine

import client_access as ca
from client_access import wire
from client_access.links import ActivationLinks
from client_access.rendering import render
from client_access.sql import AsyncSqlRepository, SqlRepository, in_transaction
from client_access.testing import FixedClock, run_checks

CAT = ca.Catalogue([ca.Service("payroll", "Payroll", Decimal("7.50"))])
ME = ca.PracticeUser("north")
ID = UUID(int=1)
ADD = ca.AddClient(ID, ME, business_name="A", email="ann@acme.example.com")
opened = ExitStack()
links = ActivationLinks(["a key of more than 32 characters, for tests"])


class AsyncRepo:
    async def get(self, client_id: UUID) -> None: ...
    async def find_by_email(self, email_key: str) -> None: ...
    async def save(self, changes: Sequence[ca.Change]) -> None: ...
    async def page(self, *_: object, **__: object) -> list[ca.Client]:
        return []


def access(**options: object) -> ca.ClientAccess:
    return ca.ClientAccess(ca.MemoryRepository(), catalogue=CAT, **options)  # type: ignore[arg-type]  # wrong on purpose


def added() -> ca.Change:
    return access().handle(ADD)


def sub(**fields: object) -> ca.Subscribe:
    right: dict[str, object] = {
        "payer": ca.Payer.PRACTICE,
        "sign_in": ca.SignIn.PRACTICE_AND_CLIENT,
        "services": {"payroll": None},
    }
    return ca.Subscribe(ID, ME, **right | fields)  # type: ignore[arg-type]  # wrong on purpose


def outbox() -> ca.MemoryRepository:
    repository = ca.MemoryRepository()
    ca.ClientAccess(repository, catalogue=CAT).handle_all([ADD, sub()])
    return repository


def notice() -> ca.Notice:
    return outbox().waiting(parked=False, limit=1)[0].notice


def arun(coroutine: object) -> object:
    return asyncio.run(coroutine)  # type: ignore[arg-type]  # whatever a mistake made


async def deliver_async(_: ca.Notice) -> None: ...


async def async_handle(repository: object) -> ca.Change:
    return await ca.AsyncClientAccess(repository, catalogue=CAT).handle(ADD)  # type: ignore[arg-type]  # wrong on purpose


async def async_page(repository: object) -> ca.Page:
    access = ca.AsyncClientAccess(repository, catalogue=CAT)  # type: ignore[arg-type]  # wrong on purpose
    return await access.clients("north", ca.ClientList.ACTIVE)


MISTAKES = [
    (
        'sub(services=["payroll"])',
        "InvalidValue: services must map service codes to ServiceSetup or None: write {'payroll': None}",
    ),
    (
        'sub(services="payroll")',
        "InvalidValue: services must map service codes to ServiceSetup or None: write {'payroll': None}",
    ),
    (
        'sub(services={"payroll"})',
        "InvalidValue: services must map service codes to ServiceSetup or None: write {'payroll': None}",
    ),
    (
        "sub(services=None)",
        "InvalidValue: services must map service codes to ServiceSetup or None: write {'payroll': None}",
    ),
    (
        'sub(services={"payroll": {}})',
        "InvalidValue: services setup must be a ServiceSetup, not a dict: write ServiceSetup(…)",
    ),
    (
        'sub(services={"payroll": ca.VatScheme.CASH})',
        "InvalidValue: services setup must be a ServiceSetup, not a VatScheme: write ServiceSetup(…)",
    ),
    (
        'sub(payer="practice")',
        "InvalidValue: payer must be a Payer, not a str: write Payer.PRACTICE",
    ),
    (
        "sub(sign_in=True)",
        "InvalidValue: sign_in must be a SignIn, not a bool: write SignIn.PRACTICE_ONLY",
    ),
    (
        'ca.AddClient(str(ID), ME, business_name="A")',
        "InvalidValue: client_id must be a UUID, not a str: write UUID('…')",
    ),
    (
        'ca.AddClient(ID, "north", business_name="A")',
        "InvalidValue: by must be one of PracticeUser, ClientUser, PlatformUser, not a str: write PracticeUser(…), for example",
    ),
    (
        'ca.AddClient(ID, ca.PracticeUser, business_name="A")',
        "InvalidValue: by must be one of PracticeUser, ClientUser, PlatformUser, not the class PracticeUser: write PracticeUser(…), for example",
    ),
    (
        'ca.AddClient(ID, ME, "Acme")',
        "TypeError: AddClient.__init__() takes 3 positional arguments but 4 were given",
    ),
    (
        "ca.AddClient(ID, ME, business_name=None)",
        "InvalidValue: business_name must be a str, not None",
    ),
    (
        'ca.AddClient(ID, ME, business_name="")',
        "InvalidValue: business_name is blank: write at least one visible character",
    ),
    (
        'ca.AddClient(ID, ME, business_name="A", email="")',
        "InvalidValue: email is not a valid address: An email address must have an @-sign.",
    ),
    (
        'ca.AddClient(ID, ME, business_name="A", email="Ann <a@b.co>")',
        "InvalidValue: email is not a valid address: A display name and angle brackets around the email address are not permitted here.",
    ),
    (
        'ca.AddClient(ID, ME, business_name="A", contact={"name":"x"})',
        "InvalidValue: contact must be a ContactDetails, not a dict: write ContactDetails(…)",
    ),
    (
        'ca.AddClient(ID, ME, business_name="A", contact=None)',
        "InvalidValue: contact must be a ContactDetails, not None: write ContactDetails(…)",
    ),
    (
        'ca.AddClient(ID, ME, business_name="A", kind="business")',
        "InvalidValue: kind must be a ClientKind, not a str: write ClientKind.BUSINESS",
    ),
    (
        "ca.decide(added().after, sub(services={'payroll': ca.ServiceSetup(ca.VatScheme.CASH)}), at=datetime.now(UTC), catalogue=CAT)",
        "InvalidValue: services has information for a service that needs none: leave it out",
    ),
    (
        "ca.AddService(ID, ME, service=CAT.services[0])",
        "InvalidValue: service must be a str, not a Service",
    ),
    ("ca.PracticeUser(7)", "InvalidValue: practice_id must be a str, not an int: write str(…)"),
    ("ca.PracticeUser(ID)", "InvalidValue: practice_id must be a str, not a UUID: write str(…)"),
    (
        "ca.ClientUser(str(ID))",
        "InvalidValue: client_id must be a UUID, not a str: write UUID('…')",
    ),
    (
        'ca.Service("p","P",7.5)',
        "InvalidValue: monthly_price must be a Decimal, not a float: write Decimal('7.50')",
    ),
    (
        'ca.Service("p","P","7.50")',
        "InvalidValue: monthly_price must be a Decimal, not a str: write Decimal('7.50')",
    ),
    (
        'ca.Service("p","P",Decimal(1),capabilities="vat")',
        "InvalidValue: capabilities must be an iterable of names, not a str: write a list",
    ),
    (
        "ca.Catalogue(CAT.services[0])",
        "InvalidValue: services must be an iterable, not a Service: write a list of them",
    ),
    (
        'ca.Catalogue({"payroll":CAT.services[0]})',
        "InvalidValue: services must be a Service, not a str: write Service(…)",
    ),
    (
        'ca.Catalogue([],currency="£")',
        "InvalidValue: currency must be an ISO 4217 code such as GBP",
    ),
    (
        "ca.ClientAccess(ca.MemoryRepository, catalogue=CAT)",
        "InvalidValue: repository must be a Repository, not the class MemoryRepository: write MemoryRepository(…)",
    ),
    (
        "ca.ClientAccess(AsyncRepo(), catalogue=CAT)",
        "InvalidValue: repository is async, and nothing would await it: use AsyncClientAccess",
    ),
    (
        "arun(async_handle(ca.MemoryRepository()))",
        "InvalidValue: repository is not async: use ClientAccess",
    ),
    (
        'arun(async_handle(opened.enter_context(SqlRepository.open("sqlite://"))))',
        "InvalidValue: repository is not async: use ClientAccess",
    ),
    (
        "arun(async_page(ca.MemoryRepository()))",
        "InvalidValue: repository is not async: use ClientAccess",
    ),
    (
        'ca.ClientAccess(create_engine("sqlite://"), catalogue=CAT)',
        "InvalidValue: repository must be a Repository, not an Engine: it has no method get",
    ),
    (
        'ca.ClientAccess("sqlite://", catalogue=CAT)',
        "InvalidValue: repository must be a Repository, not a str: it has no method get",
    ),
    (
        "ca.ClientAccess(ca.MemoryRepository(), CAT)",
        "TypeError: ClientAccess.__init__() takes 2 positional arguments but 3 were given",
    ),
    (
        "ca.ClientAccess(ca.MemoryRepository(), catalogue=[])",
        "InvalidValue: catalogue must be a Catalogue, not a list: write Catalogue(…)",
    ),
    (
        "access(clock=datetime.now(UTC))",
        "InvalidValue: clock must be callable, not a datetime: pass a function",
    ),
    (
        "access(clock=datetime.now).handle(ADD)",
        "InvalidValue: clock must have a time zone: write tzinfo=UTC, or datetime.now(UTC)",
    ),
    ("access(policy=30)", "InvalidValue: policy must be a Policy, not an int: write Policy(…)"),
    (
        "ca.Policy(activation_lifetime=30)",
        "InvalidValue: activation_lifetime must be a timedelta, not an int: write timedelta(days=30)",
    ),
    (
        "access().handle([ADD])",
        "InvalidValue: command must be a command, not a list: write AddClient(…), for example",
    ),
    (
        "access().handle(ca.AddClient)",
        "InvalidValue: command must be a command, not the class AddClient: write AddClient(…), for example",
    ),
    (
        "access().handle_all(ADD)",
        "InvalidValue: commands must be an iterable, not an AddClient: write a list of them",
    ),
    (
        "access().handle(ADD,command_id=7)",
        "InvalidValue: command_id must be a str, not an int: write str(…)",
    ),
    (
        'access().clients("north","active")',
        "InvalidValue: client_list must be a ClientList, not a str: write ClientList.ACTIVE",
    ),
    (
        'access().clients("north",ca.ClientList.ACTIVE,limit=5000)',
        "InvalidValue: limit must be from 1 to 1000",
    ),
    (
        'access().clients("north",ca.ClientList.ACTIVE,after=access().clients("north",ca.ClientList.ACTIVE))',
        "InvalidValue: after must be the next of a page, not a Page: pass page.next",
    ),
    (
        "access().client(str(ID),ME)",
        "InvalidValue: client_id must be a UUID, not a str: write UUID('…')",
    ),
    (
        "access().deadlines(datetime(2026,1,1),datetime(2026,2,1))",
        "InvalidValue: since must have a time zone: write tzinfo=UTC, or datetime.now(UTC)",
    ),
    ("access().sign_in(None)", "InvalidValue: email must be a str, not None"),
    (
        "ca.decide(None, ADD, at=datetime(2026, 1, 1), catalogue=CAT)",
        "InvalidValue: at must have a time zone: write tzinfo=UTC, or datetime.now(UTC)",
    ),
    (
        "ca.evolve(None, ADD)",
        "InvalidValue: event must be an event, not an AddClient: pass change.event",
    ),
    ("ca.replay([])", "CorruptRecord: a history is empty: look first whether the client exists"),
    (
        "ca.replay(added().event)",
        "InvalidValue: events must be an iterable, not a ClientAdded: write a list of them",
    ),
    (
        'SqlRepository.open("clients.db")',
        "InvalidValue: url is not a URL of a database, or has a malformed part: write sqlite:///clients.db or postgresql://user@host/name",
    ),
    (
        'SqlRepository("sqlite:///clients.db")',
        "InvalidValue: bind must be an engine or a connection of SQLAlchemy, not a str: use SqlRepository.open(url), or AsyncSqlRepository for an async engine",
    ),
    (
        'SqlRepository.open("postgres://h/d")',
        "InvalidValue: url must begin with sqlite:// or postgresql://",
    ),
    (
        'SqlRepository.open("mysql://h/d")',
        "InvalidValue: url must begin with sqlite:// or postgresql://",
    ),
    (
        'SqlRepository.open("postgresql+asyncpg://h/d")',
        "InvalidValue: url must begin with postgresql:// or postgresql+psycopg://",
    ),
    (
        'SqlRepository.open(Path("clients.db"))',
        "InvalidValue: url is not a URL of a database, or has a malformed part: write sqlite:///clients.db or postgresql://user@host/name",
    ),
    (
        'SqlRepository.open("sqlite+aiosqlite://")',
        "InvalidValue: url must begin with sqlite:// or sqlite+pysqlite://",
    ),
    (
        'SqlRepository(create_async_engine("sqlite+aiosqlite://"))',
        "InvalidValue: bind must be an engine or a connection of SQLAlchemy, not an AsyncEngine: use SqlRepository.open(url), or AsyncSqlRepository for an async engine",
    ),
    (
        'AsyncSqlRepository(create_engine("sqlite://"))',
        "InvalidValue: bind must be an async engine or connection of SQLAlchemy, not an Engine: use AsyncSqlRepository.open(url), or SqlRepository for an engine that is not async",
    ),
    (
        'SqlRepository(create_engine("sqlite://"))',
        "InvalidValue: bind must have a pool that lends a connection to one at a time: pass poolclass=QueuePool",
    ),
    (
        'in_transaction("sqlite://", print)',
        "InvalidValue: engine must be an engine of SQLAlchemy, not a str: use create_engine(url)",
    ),
    (
        'SqlRepository(opened.enter_context(create_engine("sqlite://", poolclass=NullPool).connect())).compact()',
        "InvalidValue: bind must be an engine to compact, not a Connection: write SqlRepository(engine)",
    ),
    (
        "ca.relay(access(), print)",
        "InvalidValue: store must be an OutboxStore, not a ClientAccess: it has no method get",
    ),
    (
        "ca.relay(outbox(), None)",
        "InvalidValue: deliver must be callable, not None: pass a function",
    ),
    (
        "render(added())",
        "InvalidValue: notice must be a notice, not a Change: pass one of change.notices",
    ),
    (
        "render(notice())",
        "InvalidValue: activation_url is needed for a link: pass ActivationLinks(…).url(base)",
    ),
    (
        'render(notice(), activation_url="https://x.example.com/")',
        "InvalidValue: activation_url must be callable, not a str: pass a function",
    ),
    (
        'render(notice(), activation_url=lambda c,a:"https://x.co/a", practice_name="North")',
        "InvalidValue: practice_name must be callable, not a str: pass a function",
    ),
    (
        'ActivationLinks("secret")',
        "InvalidValue: secret_keys must be a sequence of keys, not one key: write [key]",
    ),
    ("ActivationLinks([])", "InvalidValue: secret_keys must have at least one key"),
    (
        'links.url("https://app.example.com")',
        "InvalidValue: base must continue after the host: write https://…/activate/",
    ),
    ('links.url("http://app.example.com/a/")', "InvalidValue: base must begin with https://"),
    (
        "wire.dump(added())",
        "InvalidValue: value must be a client, a command, an event or a notice, not a Change: dump(change.after), for example",
    ),
    (
        "wire.load_client(wire.encode(added().after))",
        "CorruptRecord: a record is a dict with a kind, a format and data; decode() makes one of text",
    ),
    (
        'wire.load_client({"id":"x"})',
        "CorruptRecord: a record is a dict with a kind, a format and data; decode() makes one of text",
    ),
    (
        "wire.load_client(wire.dump(added().event))",
        "CorruptRecord: a record is not of a client: load it as what its kind says",
    ),
    (
        "run_checks(ca.MemoryRepository())",
        "InvalidValue: open_repository must be callable, not a MemoryRepository: write lambda: nullcontext(repository)",
    ),
    (
        "FixedClock(datetime(2026,1,1))",
        "InvalidValue: now must have a time zone: write tzinfo=UTC, or datetime.now(UTC)",
    ),
    (
        'ca.ServiceSetup("standard")',
        "InvalidValue: vat_scheme must be a VatScheme, not a str: write VatScheme.NOT_REGISTERED",
    ),
    (
        'ca.ServiceSetup(ca.VatScheme.CASH, accounts_start="2026-01-01")',
        "InvalidValue: accounts_start must be a date, not a str: write date(2026, 1, 31)",
    ),
    (
        "ca.ServiceSetup(ca.VatScheme.CASH, accounts_start=datetime(2026,1,1))",
        "InvalidValue: accounts_start must be a date, not a datetime: write date(2026, 1, 31)",
    ),
    (
        "ca.relay(outbox(), deliver_async)",
        "InvalidValue: deliver is async, and nothing would await it: use relay_async",
    ),
    (
        "asyncio.run(ca.relay_async(outbox(), deliver_async))",
        "InvalidValue: store is not async: use relay",
    ),
    (
        "links.redeem('https://app.example.com/activate/x')",
        "InvalidLink: this is not a valid activation link",
    ),
]


@pytest.mark.parametrize(("mistake", "message"), MISTAKES)
def test_a_mistake_gets_a_message_that_says_what_to_do(mistake: str, message: str) -> None:
    """What is raised, and its text; a value that was given is not in it."""
    with opened, pytest.raises((ca.ClientAccessError, TypeError)) as caught:
        eval(mistake, globals())
    assert f"{type(caught.value).__name__}: {caught.value}" == message


def test_there_are_at_least_56_of_them() -> None:
    assert len(MISTAKES) >= 56
