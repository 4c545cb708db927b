"""The conformance checks, grouped by protocol: each a plain function that takes a repository."""

# Importing a group registers its checks, in this order.
from client_access.testing.checks import (
    addresses,
    erasing,
    listing,
    optional,
    outbox,
    paging,
    reading,
    remembering,
    saving,
    writers,
)
from client_access.testing.checks.frame import CHECKS, Check, ConformanceError

__all__ = [
    "CHECKS",
    "Check",
    "ConformanceError",
    "addresses",
    "erasing",
    "listing",
    "optional",
    "outbox",
    "paging",
    "reading",
    "remembering",
    "saving",
    "writers",
]
