"""What the tests of the databases share: a practice, its catalogue and some changes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID, uuid4

from sqlalchemy import Engine, text

from client_access import (
    AddClient,
    Catalogue,
    Change,
    ChangeBusinessName,
    Client,
    Payer,
    PlatformUser,
    PracticeUser,
    Service,
    SignIn,
    Subscribe,
    decide,
)

T0 = datetime(2026, 1, 5, 9, tzinfo=UTC)
LEASE = timedelta(minutes=5)
PRACTICE, PLATFORM = PracticeUser("north"), PlatformUser()
CATALOGUE = Catalogue(
    [Service("payroll", "Payroll", Decimal(7)), Service("payslips", "Payslips", Decimal(3))]
)


def added(
    client_id: UUID | None = None, *, name: str = "Oak & Sons", email: str | None = None
) -> Change:
    """Return the change that adds a client."""
    command = AddClient(client_id or uuid4(), PRACTICE, business_name=name, email=email)
    return decide(None, command, at=T0, catalogue=CATALOGUE)


def renamed(client: Client, name: str = "Elm") -> Change:
    """Return the change that gives a client another name."""
    command = ChangeBusinessName(client.id, PLATFORM, business_name=name)
    return decide(client, command, at=T0, catalogue=CATALOGUE)


def subscribed(client: Client, *codes: str, sign_in: SignIn = SignIn.PRACTICE_ONLY) -> Change:
    """Return the change that gives a client its first services; it makes notices."""
    command = Subscribe(
        client.id,
        PRACTICE,
        payer=Payer.PRACTICE,
        sign_in=sign_in,
        services=dict.fromkeys(codes or ("payroll",)),
    )
    return decide(client, command, at=T0, catalogue=CATALOGUE)


def execute(engine: Engine, statement: str) -> None:
    """Execute a statement in a transaction of its own."""
    with engine.begin() as connection:
        connection.execute(text(statement))
