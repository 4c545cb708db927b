"""The services on offer and what they cost a month (S1, S4, S6)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from decimal import MAX_EMAX, MAX_PREC, MIN_EMIN, Context, Decimal, Inexact
from typing import final
from uuid import UUID

from attrs import Attribute, field, frozen

from client_access.errors import CatalogueIncomplete, InvalidValue
from client_access.values import SERVICE_CODE_LENGTH
from client_access.values.validation import (
    check_text,
    is_a,
    is_text,
    keep,
    to_plain,
    to_text,
    to_tuple,
)

_HIGHEST_PRICE = Decimal(1_000_000_000)
_DECIMAL_PLACES = 4


def is_price(instance: object, attribute: Attribute[Decimal], value: Decimal) -> None:
    """Accept monthly prices."""
    name = attribute.name
    price = keep(instance, attribute, value, Decimal)
    if not price.is_finite():
        raise InvalidValue(name, "must be finite")
    if price.is_signed() or price >= _HIGHEST_PRICE:
        raise InvalidValue(name, f"must be from 0 to below {_HIGHEST_PRICE:,}")
    exponent = price.as_tuple().exponent
    if isinstance(exponent, int) and exponent < -_DECIMAL_PLACES:
        raise InvalidValue(name, f"has more than {_DECIMAL_PLACES} decimal places")


def is_currency(instance: object, attribute: Attribute[str], value: str) -> None:
    """Accept the ISO 4217 code of a currency."""
    code = keep(instance, attribute, value, str)
    check_text(attribute.name, code, 3)
    if re.fullmatch("[A-Z]{3}", code) is None:
        raise InvalidValue(attribute.name, "must be an ISO 4217 code such as GBP")


def _to_capabilities(names: Iterable[str]) -> tuple[str, ...]:
    if isinstance(names, str):
        raise InvalidValue("capabilities", "must be an iterable of names, not a str: write a list")
    given = to_tuple("capabilities", names)
    return tuple(to_text("capabilities", name, SERVICE_CODE_LENGTH) for name in given)


@final
@frozen
class Service:
    """A service that clients can be subscribed to.

    Parameters:
        code: the host's key of the service, at most 64 characters.
        name: its name for people.
        monthly_price: in the catalogue's currency; at most four decimal places, below 10⁹.
        needs_setup: whether additional information is asked for before it can be added (S1).
        offered: False once it is withdrawn from sale: it is still held, but not added (S4).
        capabilities: the names of what can be done inside it, such as `vat_returns`; opaque to this
            library, at most 64 characters each (S7).
    """

    code: str = field(validator=is_text(SERVICE_CODE_LENGTH))
    name: str = field(validator=is_text())
    monthly_price: Decimal = field(validator=is_price)
    needs_setup: bool = field(default=False, validator=is_a(bool))
    offered: bool = field(default=True, validator=is_a(bool))
    capabilities: tuple[str, ...] = field(default=(), converter=_to_capabilities)


def _to_services(services: Iterable[Service]) -> tuple[Service, ...]:
    return to_tuple("services", services)


@final
@frozen
class Catalogue:
    """Every service that is offered or still held, in one currency.

    Parameters:
        services: the services, each code once.
        currency: the ISO 4217 code of the currency of every price.
    """

    services: tuple[Service, ...] = field(converter=_to_services)
    currency: str = field(default="GBP", validator=is_currency)
    _by_code: dict[str, Service] = field(init=False, eq=False, repr=False)

    def __attrs_post_init__(self) -> None:
        by_code: dict[str, Service] = {}
        for service in self.services:
            to_plain("services", service, Service)
            if service.code in by_code:
                raise InvalidValue("services", f"has the code {service.code!r} twice")
            by_code[service.code] = service
        object.__setattr__(self, "_by_code", by_code)

    def get(self, code: str) -> Service | None:
        """Return the service with this code, or None.

        Raises:
            InvalidValue: the code is not a str.
        """
        return self._by_code.get(code if type(code) is str else to_plain("code", code, str))

    def offers(self, code: str) -> bool:
        """Return whether a service with this code can be added (S4).

        Raises:
            InvalidValue: the code is not a str.
        """
        service = self.get(code)
        return service is not None and service.offered

    def held(self, code: str) -> Service:
        """Return a service that a client holds.

        Raises:
            CatalogueIncomplete: the catalogue lacks it (S4).
            InvalidValue: the code is not a str.
        """
        service = self.get(code)
        if service is None:
            raise CatalogueIncomplete(code)
        return service


@final
@frozen
class InvoiceLine:
    """One service of one client on a monthly invoice.

    Parameters:
        client_id: the client that has the service.
        business_name: the client's name.
        service: the service's code.
        service_name: its name for people.
        monthly_price: the catalogue's present price, in its currency.
    """

    client_id: UUID = field(validator=is_a(UUID))
    business_name: str = field(validator=is_text())
    service: str = field(validator=is_text(SERVICE_CODE_LENGTH))
    service_name: str = field(validator=is_text())
    monthly_price: Decimal = field(validator=is_price)


# ── Amounts ──────────────────────────────────────────────────────────────────────────────────────


def exact() -> Context:
    """Return a context in which nothing is rounded, whatever the host's own context."""
    return Context(prec=MAX_PREC, Emin=MIN_EMIN, Emax=MAX_EMAX, clamp=0, flags=[], traps=[Inexact])


def exact_sum(amounts: Iterable[Decimal]) -> Decimal:
    """Return the exact sum of amounts of money."""
    context, total = exact(), Decimal(0)
    for amount in amounts:
        total = context.add(total, amount)
    return total
