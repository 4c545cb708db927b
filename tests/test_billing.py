"""Invoices and totals: rules S2, S3, S4, S6, P4, P5."""

from __future__ import annotations

import asyncio
import decimal
from collections import Counter
from collections.abc import Callable, Sequence
from decimal import Decimal
from functools import partial
from itertools import islice
from typing import Any
from uuid import UUID

import pytest
import world
from attrs import evolve
from office import Office
from rules_table import facts
from test_notices import PRICES, clients
from world import CATALOGUE, CLIENT_ID, NORTH, OTHER_ID, PLATFORM, SETUP

import client_access as ca
from client_access.client import invoice_payer
from client_access.questions.billing import total_of
from client_access.testing.checks.frame import shown


def payer_of_lines(client: ca.Client) -> str | None:
    """S6: return who is invoiced for a client's services."""
    status, state = client.status.value, client.payer_state.value
    if status == "deleted" or not state.endswith("locked"):
        return None
    if state == "practice_locked":
        return "practice"
    return "client" if status in {"both_access", "disabled", "unmanaged"} else None


def test_every_client_is_on_the_invoice_of_its_payer_and_on_no_other() -> None:
    """S6: on the practice's in any status but deleted, on its own once it has activated."""
    seen: Counter[tuple[str, str | None]] = Counter()
    for client in clients():
        payer = payer_of_lines(client)
        paying = invoice_payer(client)
        assert (paying and paying.value) == payer
        lines = ca.monthly_lines(client, CATALOGUE)
        wanted = [(code, *PRICES[code]) for code in sorted(facts(client)["services"])]
        assert [(line.service, line.service_name, line.monthly_price) for line in lines] == (
            wanted if payer else []
        )
        assert {(line.client_id, line.business_name) for line in lines} <= {(client.id, "Acme")}

        office = Office()
        _put(office, client)
        own = office.access.next_invoice_of_client(client.id) if _there(client) else None
        assert (own.lines if own else ()) == (lines if payer == "client" else ())
        for practice in ("north", "south", "east"):
            invoice = office.access.next_invoice(practice)
            theirs = payer == "practice" and client.practice_id == practice
            assert invoice.lines == (lines if theirs else ())
            assert invoice.total == sum((line.monthly_price for line in invoice.lines), Decimal(0))
            assert office.access.next_invoice_total(practice) == invoice.total
        if client.services:
            seen[client.status.value, payer] += 1
    assert set(seen) == {
        ("practice_only", "practice"),
        ("awaiting_activation", "practice"),
        ("awaiting_activation", None),
        ("both_access", "practice"),
        ("both_access", "client"),
        ("disabled", "practice"),
        ("unmanaged", "client"),
    }


def _there(client: ca.Client) -> bool:
    return client.status is not ca.Status.DELETED


def _put(office: Office, client: ca.Client) -> None:
    """Store a client without its history."""
    created = world.decide(None, ca.AddClient(client.id, NORTH, business_name="A"), world.T0)
    office.repository.save([evolve(created, after=client)])


FIVE = tuple(UUID(int=n) for n in range(1, 6))


def _many() -> Office:
    """Five clients whose names and ids are in different orders; one pays for itself."""
    office = Office()
    for client_id, name in zip(FIVE, ["beta", "Älpha", "Beta", "alpha", "Zeta"], strict=True):
        office.do(
            ca.AddClient(client_id, NORTH, business_name=name, email=f"c{client_id.int}@b.com"),
            ca.Subscribe(
                client_id,
                NORTH,
                payer=ca.Payer.CLIENT if name == "Zeta" else ca.Payer.PRACTICE,
                sign_in=ca.SignIn.PRACTICE_AND_CLIENT,
                services={"start": SETUP, "payroll": None},
            ),
        )
    return office


def test_an_invoice_is_ordered_by_folded_name_then_id_then_service() -> None:
    """S6: there is one line for each client and service, from all lists in one order."""
    office = _many()
    office.do(ca.GiveAccess(*_alone(office), email="x@y.com", confirm_email="x@y.com"))
    invoice = office.access.next_invoice("north")
    assert [(line.business_name, line.service) for line in invoice.lines] == [
        (name, service)
        for name, services in [
            ("Alone", ("extra",)),
            ("alpha", ("payroll", "start")),
            ("beta", ("payroll", "start")),
            ("Beta", ("payroll", "start")),
            ("Älpha", ("payroll", "start")),
        ]
        for service in services
    ]
    assert invoice.currency == "GBP"
    assert invoice.total == 4 * Decimal("11.50") + Decimal("1.25")
    assert list(office.access.invoice_lines("north")) == list(invoice.lines)
    assert office.access.next_invoice("south") == ca.Invoice((), "GBP")


def _activate(office: Office, client_id: UUID) -> ca.Activate:
    pending = office.client(client_id).activation
    assert pending is not None
    return ca.Activate(client_id, ca.ClientUser(client_id), activation_id=pending.id)


def _alone(office: Office) -> tuple[UUID, ca.Actor]:
    office.do(
        ca.AddClient(OTHER_ID, NORTH, business_name="Alone"),
        ca.Subscribe(
            OTHER_ID,
            NORTH,
            payer=ca.Payer.PRACTICE,
            sign_in=ca.SignIn.PRACTICE_ONLY,
            services={"extra": None},
        ),
    )
    return OTHER_ID, NORTH


class _NotCounting:
    """A repository that does not count services."""

    def __init__(self, memory: ca.MemoryRepository) -> None:
        self.get, self.page = memory.get, memory.page
        self.find_by_email, self.save = memory.find_by_email, memory.save


def _not_counting(office: Office, catalogue: ca.Catalogue) -> ca.ClientAccess:
    return ca.ClientAccess(_NotCounting(office.repository), catalogue=catalogue)


class _OnlyCounting(_NotCounting):
    """A repository that counts services, and fails if its clients are loaded for a total."""

    def __init__(self, memory: ca.MemoryRepository) -> None:
        super().__init__(memory)
        self.service_counts = memory.service_counts
        self.page = self._never

    def _never(self, *args: object, **named: object) -> list[ca.Client]:
        raise AssertionError("clients were loaded")


def test_a_total_is_counted_by_the_repository_if_it_can_and_summed_if_not() -> None:
    office = _many()
    total = office.access.next_invoice("north").total
    for kind in (_NotCounting, _OnlyCounting):
        access = ca.ClientAccess(kind(office.repository), catalogue=CATALOGUE)
        assert access.next_invoice_total("north") == total
        assert access.next_invoice_total("south") == 0


def test_every_client_is_invoiced_if_a_practice_has_more_than_one_batch() -> None:
    """No client is left out or invoiced twice."""
    from client_access.questions.billing import BATCH

    office = Office()
    ids = [UUID(int=n) for n in range(1, BATCH + 12)]
    office.access.handle_all(
        command
        for client_id in ids
        for command in (
            ca.AddClient(client_id, NORTH, business_name=f"{client_id.int % 7}"),
            ca.Subscribe(
                client_id,
                NORTH,
                payer=ca.Payer.PRACTICE,
                sign_in=ca.SignIn.PRACTICE_ONLY,
                services={"extra": None},
            ),
        )
    )
    lines = list(office.access.invoice_lines("north"))
    assert len(lines) == len(ids)
    assert {line.client_id for line in lines} == set(ids)
    assert [(line.business_name, line.client_id) for line in lines] == sorted(
        (line.business_name, line.client_id) for line in lines
    )


# ── While others write ───────────────────────────────────────────────────────────────────────────


def _waiting_and_active(active: int, waiting: int) -> tuple[Office, list[ca.Activate]]:
    """Return clients whose names mix both lists, and the activations of those that wait."""
    office = Office()
    activations = []
    for n in range(1, active + waiting + 1):
        client_id = UUID(int=n)
        subscribe = ca.Subscribe(
            client_id,
            NORTH,
            payer=ca.Payer.PRACTICE,
            sign_in=ca.SignIn.PRACTICE_AND_CLIENT,
            services={"payroll": None, "extra": None},
        )
        activate = ca.Activate(
            client_id, ca.ClientUser(client_id), activation_id=subscribe.activation_id
        )
        name, email = f"{n * 37 % 101:03}", f"c{n}@example.com"
        office.do(ca.AddClient(client_id, NORTH, business_name=name, email=email), subscribe)
        if n <= active:
            office.do(activate)
        else:
            activations.append(activate)
    return office, activations


def test_a_client_that_activates_while_an_invoice_is_read_is_on_it_once() -> None:
    """S6: there is one line for each client and service, at whatever line it activates."""
    for after_lines in (1, 500, 1000, 1401, 1599):
        office, activations = _waiting_and_active(700, 100)
        total = office.access.next_invoice_total("north")
        reading = office.access.invoice_lines("north")
        lines = list(islice(reading, after_lines))
        office.do(activations[0], activations[50], activations[-1])
        lines += reading
        assert len({(line.client_id, line.service) for line in lines}) == len(lines) == 1600
        assert total_of(lines) == total == office.access.next_invoice_total("north")


class _Meanwhile:
    """A repository in memory in which something happens before a page is read."""

    def __init__(self, memory: ca.MemoryRepository, page: int, happens: Callable[[], Any]) -> None:
        self.get, self.save = memory.get, memory.save
        self.find_by_email = memory.find_by_email
        self.pages, self.read = 0, 0
        self._memory, self._page, self._happens = memory, page, happens

    def page(self, *args: Any, **more: Any) -> Sequence[ca.Client]:
        self.pages += 1
        if self.pages == self._page:
            self._happens()
        clients = self._memory.page(*args, **more)
        self.read += len(clients)
        return clients


class _AwaitedMeanwhile:
    """The same, awaited."""

    def __init__(self, inside: _Meanwhile) -> None:
        self._inside = inside
        self.get, self.save, self.find_by_email = inside.get, inside.save, inside.find_by_email

    async def page(self, *args: Any, **more: Any) -> Sequence[ca.Client]:
        return self._inside.page(*args, **more)


def _read_by_both_services(inside: _Meanwhile, awaited: bool) -> ca.Invoice:
    store: Any = _AwaitedMeanwhile(inside) if awaited else inside
    if awaited:
        return asyncio.run(ca.AsyncClientAccess(store, catalogue=CATALOGUE).next_invoice("north"))
    return ca.ClientAccess(store, catalogue=CATALOGUE).next_invoice("north")


@pytest.mark.parametrize("awaited", [False, True])
@pytest.mark.parametrize("renamed", ["", "0", "zz"])
def test_a_client_that_activates_before_any_page_is_neither_missed_nor_doubled(
    monkeypatch: pytest.MonkeyPatch, awaited: bool, renamed: str
) -> None:
    """S6: for every client that waits, before every page, with both services; also if the client is
    renamed at the same time, to come earlier or later.
    """
    monkeypatch.setattr("client_access.questions.billing.BATCH", 3)
    pages = 0
    for page in range(1, 9):
        for who in range(5):
            office, activations = _waiting_and_active(8, 5)
            happens: list[ca.Command] = [activations[who]]
            if renamed:
                client_id = activations[who].client_id
                happens.append(ca.ChangeBusinessName(client_id, PLATFORM, business_name=renamed))
            inside = _Meanwhile(office.repository, page, partial(office.do, *happens))
            invoice = _read_by_both_services(inside, awaited)
            found = Counter((line.client_id, line.service) for line in invoice.lines)
            assert set(found.values()) == {1}, (page, who)
            assert len(found) == 26, (page, who)
            pages = max(pages, inside.pages)
    assert pages >= 7


@pytest.mark.parametrize("awaited", [False, True])
def test_a_client_that_is_renamed_while_an_invoice_is_read_is_on_it_once(
    monkeypatch: pytest.MonkeyPatch, awaited: bool
) -> None:
    """S6: its new name comes later in the order, and still it has its lines once."""
    monkeypatch.setattr("client_access.questions.billing.BATCH", 3)
    for page in range(1, 9):
        for n in range(1, 14):
            office, _ = _waiting_and_active(8, 5)
            rename = ca.ChangeBusinessName(UUID(int=n), PLATFORM, business_name="zz")
            inside = _Meanwhile(office.repository, page, partial(office.do, rename))
            invoice = _read_by_both_services(inside, awaited)
            assert len({(line.client_id, line.service) for line in invoice.lines}) == 26
            assert len(invoice.lines) == 26, (page, n)


async def _first_lines(store: Any, limit: int) -> list[ca.InvoiceLine]:
    access = ca.AsyncClientAccess(store, catalogue=CATALOGUE)
    return [line async for line in access.invoice_lines("north", limit=limit)]


@pytest.mark.parametrize("awaited", [False, True])
@pytest.mark.parametrize(("active", "waiting"), [(100, 0), (0, 100), (60, 40)])
@pytest.mark.parametrize("limit", [1, 2, 3, 10, 199, 200, 201])
def test_the_first_lines_are_read_without_the_other_clients(
    active: int, waiting: int, limit: int, awaited: bool
) -> None:
    """S6: they are the same as those of the whole invoice."""
    office, _ = _waiting_and_active(active, waiting)
    every = office.access.next_invoice("north").lines
    assert len(every) == 200
    inside = _Meanwhile(office.repository, 0, lambda: None)
    if awaited:
        lines = asyncio.run(_first_lines(_AwaitedMeanwhile(inside), limit))
    else:
        access = ca.ClientAccess(inside, catalogue=CATALOGUE)
        lines = list(access.invoice_lines("north", limit=limit))
    assert lines == list(every[:limit])
    # From each of the two lists, and each client has two lines.
    assert inside.read <= 2 * limit


@pytest.mark.parametrize("limit", [0, -1, True, "5"])
def test_a_malformed_limit_of_lines_raises(limit: Any) -> None:
    """Every malformed argument raises InvalidValue."""
    with pytest.raises(ca.InvalidValue, match="limit"):
        list(Office().access.invoice_lines("north", limit=limit))
    with pytest.raises(ca.InvalidValue, match="limit"):
        asyncio.run(_first_lines(_AwaitedMeanwhile(_Meanwhile(Office().repository, 0, int)), limit))


def test_prices_are_the_present_prices_of_the_catalogue() -> None:
    """S6: no client and no event holds a price, so a new price is on the next invoice."""
    office = _many()
    dearer = ca.Catalogue(
        [evolve(service, monthly_price=service.monthly_price * 2) for service in CATALOGUE.services]
    )
    later = ca.ClientAccess(office.repository, catalogue=dearer)
    assert later.next_invoice("north").total == 2 * office.access.next_invoice("north").total
    for client_id in FIVE:
        for event in office.repository.history(client_id):
            assert "5.50" not in shown(event)
            assert "Decimal" not in shown(event)
        assert "Decimal" not in shown(office.client(client_id))


def test_a_service_withdrawn_from_sale_is_invoiced_if_it_is_held() -> None:
    """S4: it stays in the catalogue."""
    held = [client for client in world.clients() if client.holds("legacy")]
    assert any(line.service == "legacy" for c in held for line in ca.monthly_lines(c, CATALOGUE))


def test_a_service_that_the_catalogue_lacks_never_makes_a_smaller_invoice() -> None:
    """S4: every invoice and total with that service raises the host's error."""
    office = _many()
    office.do(_activate(office, FIVE[3]))
    lacking = ca.ClientAccess(office.repository, catalogue=ca.Catalogue(CATALOGUE.services[:1]))
    for ask in (
        lambda: lacking.next_invoice("north"),
        lambda: lacking.next_invoice_total("north"),
        lambda: list(lacking.invoice_lines("north")),
        lambda: ca.monthly_lines(office.client(FIVE[0]), lacking.catalogue),
        lambda: _not_counting(office, lacking.catalogue).next_invoice_total("north"),
    ):
        with pytest.raises(ca.CatalogueIncomplete, match="lacks the service 'payroll'") as raised:
            ask()
        assert raised.value.service == "payroll"
    # A client that is not invoiced yet is not concerned.
    assert lacking.next_invoice_of_client(FIVE[4]).lines == ()
    assert lacking.next_invoice("south").lines == ()
    office.do(_activate(office, FIVE[4]))
    with pytest.raises(ca.CatalogueIncomplete):
        lacking.next_invoice_of_client(FIVE[4])


def test_a_client_that_activates_is_shown_the_lines_that_it_pays_from_then_on() -> None:
    """S6, §9: not before, and not if the practice pays: then no invoice changes."""
    office = _many()
    paying = FIVE[4]
    assert office.access.next_invoice_of_client(paying).lines == ()
    (change,) = office.do(_activate(office, paying))
    invoice = office.access.next_invoice_of_client(paying)
    (notice,) = change.notices
    assert isinstance(notice, ca.ClientInvoiceChanged)
    assert notice.recipient == ca.ToClientService(paying)
    assert (notice.before, notice.after) == ((), invoice.lines)
    assert invoice.total == Decimal("11.50")

    before = office.access.next_invoice("north")
    (change,) = office.do(_activate(office, FIVE[0]))
    assert change.notices == ()
    assert office.access.next_invoice("north") == before


def test_closing_deleting_and_a_transfer_move_the_lines_of_a_client() -> None:
    """S6, L9, L11: a closed client has no lines, and those of a transferred one are on the invoice
    of the practice that takes over. Each practice is told what changes on its own invoice.
    """
    office = _many()
    client_id, _ = _alone(office)
    total = office.access.next_invoice_total("north")
    (change,) = office.do(ca.TransferClient(client_id, PLATFORM, practice_id="south"))
    left, taken = [n for n in change.notices if isinstance(n, ca.PracticeInvoiceChanged)]
    assert (left.recipient, taken.recipient) == (ca.ToPractice("north"), ca.ToPractice("south"))
    assert taken.after == left.before == office.access.next_invoice("south").lines
    assert taken.before == left.after == ()
    assert office.access.next_invoice_total("north") == total - Decimal("1.25")
    assert office.access.next_invoice_total("south") == Decimal("1.25")

    (change,) = office.do(ca.CloseClient(client_id, ca.PracticeUser("south")))
    (notice,) = change.notices
    assert isinstance(notice, ca.PracticeInvoiceChanged)
    assert (notice.before, notice.after) == (taken.after, ())
    assert office.access.next_invoice("south").lines == ()
    assert office.access.next_invoice_total("south") == 0
    (change,) = office.do(ca.DeleteClient(client_id, ca.PracticeUser("south")))
    assert change.notices == ()


def test_the_invoice_of_an_unknown_client_is_refused() -> None:
    """C3, L5: the client never existed, or was deleted."""
    office = Office()
    with pytest.raises(ca.CommandRefused, match="unknown_client") as refused:
        office.access.next_invoice_of_client(CLIENT_ID)
    assert refused.value.command is None
    office.do(ca.AddClient(CLIENT_ID, NORTH, business_name="A"), ca.DeleteClient(CLIENT_ID, NORTH))
    with pytest.raises(ca.CommandRefused, match="unknown_client"):
        office.access.next_invoice_of_client(CLIENT_ID)


# ── Totals before saving, and differences after ──────────────────────────────────────────────────


def test_the_total_of_a_selection_is_known_before_it_is_saved() -> None:
    """S2: from codes or the command's mapping. It is exact, and only of services on offer."""
    assert ca.monthly_total({"start": SETUP, "payroll": None}, CATALOGUE) == Decimal("11.50")
    assert ca.monthly_total(["extra"], CATALOGUE) == Decimal("1.25")
    assert ca.monthly_total([], CATALOGUE) == 0
    for codes in (["legacy"], ["teapot"], "extra", [5]):
        with pytest.raises(ca.InvalidValue) as malformed:
            ca.monthly_total(codes, CATALOGUE)  # type: ignore[arg-type]
        assert malformed.value.field == "services"


def test_prices_add_up_exactly() -> None:
    """No float is involved: thirty times a tenth is three."""
    catalogue = ca.Catalogue([ca.Service("x", "X", Decimal("0.1"))])
    assert ca.monthly_total(["x"] * 30, catalogue) == Decimal("3.0")
    line = ca.InvoiceLine(CLIENT_ID, "A", "x", "X", Decimal("0.1"))
    assert ca.Invoice((line,) * 30, "GBP").total == Decimal(3)


HOSTILE = decimal.Context(prec=2, rounding=decimal.ROUND_UP, Emax=3, Emin=-3, clamp=1)
"""Decimal contexts that a host may have set."""


def test_money_is_exact_whatever_the_host_rounds_to() -> None:
    """S2, S6: no sum and no product depends on the decimal context of the host's thread."""
    catalogue = ca.Catalogue(
        [
            ca.Service("payroll", "Payroll", Decimal("1234.56")),
            ca.Service("penny", "Penny", Decimal("0.01")),
        ]
    )
    three = [UUID(int=n) for n in (1, 2, 3)]
    office = Office(catalogue=catalogue)
    office.access.handle_all(
        command
        for client_id in three
        for command in (
            ca.AddClient(client_id, NORTH, business_name="A"),
            ca.Subscribe(
                client_id,
                NORTH,
                payer=ca.Payer.PRACTICE,
                sign_in=ca.SignIn.PRACTICE_ONLY,
                services={"payroll": None, "penny": None},
            ),
        )
    )
    not_counting = _not_counting(office, catalogue)
    with decimal.localcontext(HOSTILE) as context:
        assert +Decimal("10.1") == 11
        assert ca.monthly_total(["payroll", "penny"], catalogue) == Decimal("1234.57")
        assert ca.monthly_total(["penny"] * 1001, catalogue) == Decimal("10.01")
        assert office.access.next_invoice_total("north") == Decimal("3703.71")
        assert not_counting.next_invoice_total("north") == Decimal("3703.71")
        invoice = office.access.next_invoice("north")
        assert invoice.total == Decimal("3703.71")
        assert str(invoice.total) == "3703.71"
        dearest = ca.Service("x", "X", Decimal("999999999.9999"))
        assert str(dearest.monthly_price) == "999999999.9999"
        assert context.prec == 2


def test_the_differences_between_two_invoices_have_their_causes() -> None:
    """S3: each line that differs is returned with its cause, and no other line."""
    office = _many()
    before = office.access.next_invoice("north")
    office.do(
        ca.RemoveService(FIVE[0], NORTH, service="start"),
        ca.AddService(FIVE[1], NORTH, service="extra"),
        ca.DeleteClient(FIVE[3], NORTH),
    )
    _alone(office)
    dearer = ca.Catalogue(
        [
            evolve(service, monthly_price=Decimal(7)) if service.code == "payroll" else service
            for service in CATALOGUE.services
        ]
    )
    after = ca.ClientAccess(office.repository, catalogue=dearer).next_invoice("north")
    found = ca.differences(before, after)
    assert [
        (d.cause.value, (d.after or d.before).business_name, (d.after or d.before).service)  # type: ignore[union-attr]
        for d in found
    ] == [
        ("client_came", "Alone", "extra"),
        ("price_changed", "beta", "payroll"),
        ("price_changed", "Beta", "payroll"),
        ("service_added", "Älpha", "extra"),
        ("price_changed", "Älpha", "payroll"),
        ("client_left", "alpha", "payroll"),
        ("client_left", "alpha", "start"),
        ("service_removed", "beta", "start"),
    ]
    more = sum(
        (
            (d.after.monthly_price if d.after else 0) - (d.before.monthly_price if d.before else 0)
            for d in found
        ),
        Decimal(0),
    )
    assert more == after.total - before.total
    assert ca.differences(after, after) == ()


def test_the_payer_is_told_exactly_what_changes_on_its_invoice() -> None:
    """S3, §9: the lines in the notice are those that differ between the two invoices."""
    office = _many()
    for command in (
        ca.AddService(FIVE[0], NORTH, service="extra"),
        ca.RemoveService(FIVE[0], NORTH, service="start"),
        ca.DeleteClient(FIVE[0], PLATFORM),
    ):
        before = office.access.next_invoice("north")
        (change,) = office.do(command)
        (notice,) = [n for n in change.notices if isinstance(n, ca.PracticeInvoiceChanged)]
        after = office.access.next_invoice("north")
        assert set(notice.before) - set(notice.after) == set(before.lines) - set(after.lines)
        assert set(notice.after) - set(notice.before) == set(after.lines) - set(before.lines)
        assert notice.currency == "GBP"
