"""What can go wrong, and by whose fault.

Malformed input is :class:`InvalidValue`, a rule's no is :class:`~client_access.CommandRefused`
(which stands with the refusals), trouble with stored data is a :class:`RepositoryError`. Nothing
else leaves the library.
"""

from __future__ import annotations

from uuid import UUID


class ClientAccessError(Exception):
    """The root of every error that this library raises."""


class InvalidValue(ClientAccessError, ValueError):
    """Malformed input: the caller's fault, told before any rule is asked.

    Attributes:
        field: the name of the field or parameter that is malformed.
        reason: what is wrong with it, without repeating the value.
    """

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(field, reason)
        self.field = field
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.field} {self.reason}"


class RepositoryError(ClientAccessError):
    """Stored data and the caller's expectation of it do not fit together."""


class StaleClient(RepositoryError):
    """The stored client is not at the version that the change was decided on.

    Attributes:
        client_id: the client that another writer changed, created or deleted first.
    """

    def __init__(self, client_id: UUID) -> None:
        super().__init__(client_id)
        self.client_id = client_id

    def __str__(self) -> str:
        return f"client {self.client_id} was changed by another writer"


class EmailTaken(RepositoryError):
    """Another client has the address that a change would give to this one (E1).

    Attributes:
        client_id: the client whose change could not be saved, never the one that has the address.
    """

    def __init__(self, client_id: UUID) -> None:
        super().__init__(client_id)
        self.client_id = client_id

    def __str__(self) -> str:
        return f"the address meant for client {self.client_id} is taken"


class CorruptRecord(RepositoryError):
    """A stored record or a history is none that this library can have written.

    Attributes:
        reason: what does not fit.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
