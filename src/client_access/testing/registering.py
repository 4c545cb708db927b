"""What `hypothesis.strategies.from_type` makes of the types of this library.

Hypothesis calls :func:`register` when it is imported, by the entry point in `pyproject.toml`, as
its documentation advises for libraries. The strategies are imported when one is asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeVar

from client_access.client import Client
from client_access.commands import COMMANDS
from client_access.events import EVENTS
from client_access.notices import NOTICES
from client_access.values import (
    ClientUser,
    ContactDetails,
    HeldService,
    PlatformUser,
    Policy,
    PracticeUser,
    ServiceSetup,
)
from client_access.values.catalogue import Catalogue
from client_access.values.email_address import EmailAddress

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

T = TypeVar("T")

TYPES: tuple[type, ...] = (
    *(Client, EmailAddress, ContactDetails, ServiceSetup, HeldService, Catalogue, Policy),
    *(PracticeUser, ClientUser, PlatformUser),
    *COMMANDS.values(),
    *EVENTS.values(),
    *NOTICES.values(),
)
"""The types that are registered; `Command`, `Event`, `Notice` and `Actor` are unions of them."""


def register() -> None:
    """Register a strategy for each of the types."""
    from hypothesis.strategies import register_type_strategy  # noqa: PLC0415  # an extra

    for kind in TYPES:
        register_type_strategy(kind, _strategy)


def _strategy(kind: type[T]) -> SearchStrategy[T]:
    typed: Any = import_module("client_access.testing.strategies.typed")
    strategy: SearchStrategy[T] = typed.of_type(kind)
    return strategy
