"""The errors that this library raises.

Malformed input raises :class:`InvalidValue`. A command that a rule refuses raises
:class:`~client_access.CommandRefused`, which is defined with the refusals. A problem with stored
data raises a :class:`RepositoryError`. :func:`needs` names the extra that a missing package is in.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID


class ClientAccessError(Exception):
    """The base class of every error that this library raises."""


class InvalidValue(ClientAccessError, ValueError):
    """The caller's input is malformed. It is raised before any rule is checked, except S1 and E6.

    Attributes:
        field: the name of the malformed field or parameter.
        reason: what is wrong with it; it does not repeat the value.
    """

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(field, reason)
        self.field = field
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.field} {self.reason}"


class CatalogueIncomplete(ClientAccessError):
    """The host's catalogue lacks a service that a client holds (S4): nobody's input is wrong.

    Attributes:
        service: the code of the service.
    """

    def __init__(self, service: str) -> None:
        super().__init__(service)
        self.service = service

    def __str__(self) -> str:
        return f"the catalogue lacks the service {self.service!r}, which a client holds"


class InvalidLink(ClientAccessError):
    """A token was not made by these keys for this purpose. The message does not say what failed."""

    def __str__(self) -> str:
        return "this is not a valid activation link"


class RepositoryError(ClientAccessError):
    """The repository failed, or what it stores is not what the caller expected."""


class StaleClient(RepositoryError):
    """The stored client is no longer the one that the change was decided on.

    Attributes:
        client_id: the client that another writer changed, created or deleted first.
    """

    def __init__(self, client_id: UUID) -> None:
        super().__init__(client_id)
        self.client_id = client_id

    def __str__(self) -> str:
        return f"client {self.client_id} was changed by another writer"


class EmailTaken(RepositoryError):
    """Another client has the address that a change gives to this one (E1).

    Attributes:
        client_id: the client that the change is about, never the one that has the address.
    """

    def __init__(self, client_id: UUID) -> None:
        super().__init__(client_id)
        self.client_id = client_id

    def __str__(self) -> str:
        return f"the address meant for client {self.client_id} is taken"


class CorruptRecord(RepositoryError):
    """A stored record or a history is not one that this library can have written.

    Attributes:
        reason: what is wrong with it.
        client_id: the client that it is about, if that is known.
        position: the position of the event in the feed of all events, if it was read there.
    """

    def __init__(
        self, reason: str, client_id: UUID | None = None, position: int | None = None
    ) -> None:
        super().__init__(reason, client_id, position)
        self.reason = reason
        self.client_id = client_id
        self.position = position

    def __str__(self) -> str:
        return self.reason if self.client_id is None else f"client {self.client_id}: {self.reason}"


@contextmanager
def needs(extra: str) -> Iterator[None]:
    """Name the extra to install if an import fails.

    Where these are nested, the outermost extra is named: it is what the caller imports.

    Raises:
        ModuleNotFoundError: a module is missing; the message ends in the command that installs it.
    """
    try:
        yield
    except ModuleNotFoundError as missing:
        raise ModuleNotFoundError(
            f"No module named {missing.name!r}: pip install 'client-access[{extra}]'",
            name=missing.name,
        ) from None
