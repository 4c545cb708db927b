"""A kit for testing hosts and repositories (the extra ``testing``).

* Example clients: :func:`examples`, :func:`example_clients`; a clock: :class:`FixedClock`.
* Hypothesis strategies: :mod:`client_access.testing.strategies`.
* Conformance of a repository: :class:`RepositoryConformance` and
  :class:`AsyncRepositoryConformance` for pytest, :func:`run_checks` without it. The checks
  themselves are in :data:`CHECKS`.
* A state machine that compares a repository with the one in memory: :func:`run_machine`.

Examples, checks and clock need neither pytest nor Hypothesis. The rest is imported on first use.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from client_access.errors import needs
from client_access.testing.awaiting import awaited
from client_access.testing.checks import CHECKS, OPTIONAL_PROTOCOLS, Check, ConformanceError
from client_access.testing.clock import FixedClock
from client_access.testing.conformance import Report, run_checks
from client_access.testing.examples import (
    CATALOGUE,
    NORTH,
    SOUTH,
    Example,
    example_clients,
    examples,
)
from client_access.testing.life import Life

if TYPE_CHECKING:
    from client_access.testing import strategies
    from client_access.testing.machine import RepositoryMachine, machine_for, run_machine
    from client_access.testing.suites import AsyncRepositoryConformance, RepositoryConformance

__all__ = [
    "FixedClock",
    "CATALOGUE",
    "NORTH",
    "SOUTH",
    "Example",
    "example_clients",
    "examples",
    "Life",
    "strategies",
    "CHECKS",
    "OPTIONAL_PROTOCOLS",
    "Check",
    "ConformanceError",
    "Report",
    "run_checks",
    "awaited",
    "RepositoryConformance",
    "AsyncRepositoryConformance",
    "RepositoryMachine",
    "machine_for",
    "run_machine",
]

_FROM_AN_EXTRA = {
    "RepositoryConformance": "suites",
    "AsyncRepositoryConformance": "suites",
    "RepositoryMachine": "machine",
    "machine_for": "machine",
    "run_machine": "machine",
}


def __getattr__(name: str) -> object:
    if name == "strategies":
        return import_module("client_access.testing.strategies")
    if name in _FROM_AN_EXTRA:
        with needs("testing"):
            module = import_module(f"client_access.testing.{_FROM_AN_EXTRA[name]}")
        return getattr(module, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
