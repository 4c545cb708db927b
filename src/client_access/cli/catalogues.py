"""The services and prices that the command line shows: the host's, else an example's."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

from client_access import Catalogue, InvalidValue, Service
from client_access.cli.failure import Failure

EXAMPLE = Catalogue(
    [
        Service("start", "Start", Decimal("6.00"), needs_setup=True),
        Service("accounting", "Accounting", Decimal("12.00"), needs_setup=True),
        Service("payroll", "Payroll", Decimal("7.50")),
        Service("expenses", "Expenses", Decimal("3.25")),
    ]
)
"""Made up, as all prices are the host's."""

EXAMPLE_NOTE = "Prices are those of the example catalogue; name your own with --catalogue FILE."


def read_catalogue(path: Path) -> Catalogue:
    """Return the catalogue in a JSON file.

    It is an object with a `currency` and `services`: a list of objects with `code`, `name`,
    `monthly_price` (text or number) and, where they differ from false and true, `needs_setup` and
    `offered`.

    Raises:
        Failure: it cannot be read, or is no catalogue.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"), parse_float=Decimal)
        return Catalogue(
            [_service(item) for item in content["services"]], content.get("currency", "GBP")
        )
    except OSError as problem:
        raise Failure(f"The catalogue {path} cannot be read: {problem.strerror}.") from None
    except InvalidValue as problem:
        raise Failure(f"The catalogue {path} is not sound: {problem}.") from None
    except (ValueError, TypeError, KeyError, AttributeError, ArithmeticError, RecursionError):
        raise Failure(
            f"The catalogue {path} is no JSON object with a list of services, each with a code,"
            " a name and a monthly_price."
        ) from None


def _service(item: dict[str, object]) -> Service:
    options = {name: item[name] for name in ("needs_setup", "offered") if name in item}
    return Service(
        item["code"],  # type: ignore[arg-type]  # Service checks the types of what a file holds
        item["name"],  # type: ignore[arg-type]  # likewise
        Decimal(str(item["monthly_price"])),
        **options,  # type: ignore[arg-type]  # likewise
    )
