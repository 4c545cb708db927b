"""The conformance checks: plain functions that take a repository, grouped by subject."""

# Importing a group registers its checks, in this order.
from client_access.testing.checks import (
    addresses,
    deadlines,
    erasing,
    feeding,
    listing,
    locking,
    optional,
    outbox,
    paging,
    reading,
    remembering,
    saving,
    searching,
    sessions,
    settling,
    writers,
)
from client_access.testing.checks.frame import (
    CHECKS,
    OPTIONAL_PROTOCOLS,
    Check,
    ConformanceError,
)

__all__ = [
    "CHECKS",
    "OPTIONAL_PROTOCOLS",
    "Check",
    "ConformanceError",
    "addresses",
    "deadlines",
    "erasing",
    "feeding",
    "listing",
    "locking",
    "optional",
    "outbox",
    "paging",
    "reading",
    "remembering",
    "saving",
    "searching",
    "settling",
    "sessions",
    "writers",
]
