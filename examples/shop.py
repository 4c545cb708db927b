"""What the hosts sell. Each of them would read it from a place of its own."""

from decimal import Decimal

from client_access import Catalogue, Service

CATALOGUE = Catalogue(
    [
        Service("start", "Start", Decimal("6.00"), needs_setup=True),
        Service("payroll", "Payroll", Decimal("7.50"), capabilities=("run the payroll",)),
        Service("expenses", "Expenses", Decimal("3.25")),
    ]
)
