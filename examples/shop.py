"""What the hosts share: what is sold, and the settings by which they work on one database."""

import os
from decimal import Decimal

from sqlalchemy import URL, make_url

from client_access import Catalogue, Service

CATALOGUE = Catalogue(
    [
        Service("start", "Start", Decimal("6.00"), needs_setup=True),
        Service("payroll", "Payroll", Decimal("7.50"), capabilities=("run the payroll",)),
        Service("expenses", "Expenses", Decimal("3.25")),
    ]
)
PRACTICES = {"north": "North & Partners", "south": "South Accountants"}

LINKS_KEY = os.environ.get("LINKS_KEY", "a toy: make yours with secrets.token_urlsafe(32)")


def database_url(sqlite_driver: str) -> URL:
    """Return the URL of the database, with the driver to use for SQLite."""
    url = make_url(os.environ.get("DATABASE_URL", "sqlite:///clients.db"))
    drivers = {"sqlite": f"sqlite+{sqlite_driver}", "postgresql": "postgresql+psycopg"}
    return url.set(drivername=drivers[url.get_backend_name()])
