"""Moments and amounts in words."""

from __future__ import annotations

import re
from datetime import datetime
from decimal import Decimal

from client_access.values import to_utc

_MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)

# ISO 4217 currencies without a minor unit.
_WHOLE = re.compile("BIF|CLP|DJF|GNF|ISK|JPY|KMF|KRW|PYG|RWF|UGX|UYI|VND|VUV|XAF|XOF|XPF")


def moment(at: datetime) -> str:
    """Return a moment in words, in UTC, such as `4 February 2026, 09:00 UTC`."""
    at = to_utc("at", at)
    return f"{at.day} {_MONTHS[at.month - 1]} {at.year}, {at:%H:%M} UTC"


def money(amount: Decimal, currency: str) -> str:
    """Return an amount with its currency, such as `£1,234.50`. It is never rounded.

    Only pounds have their sign, which readers of English letters take for nothing else. The sign of
    a dollar or a krone would leave open whose it is, so other currencies have their code, as in
    `EUR 1,234.50`.
    """
    whole, _, places = f"{amount:,f}".partition(".")
    places = places.rstrip("0").ljust(0 if _WHOLE.fullmatch(currency) else 2, "0")
    figures = f"{whole}.{places}" if places else whole
    return f"£{figures}" if currency == "GBP" else f"{currency} {figures}"
