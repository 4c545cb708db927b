"""How often a unit of work is tried again after a conflict with another writer."""

from __future__ import annotations

from typing import final

from client_access.repository import HostTransaction

ATTEMPTS = 10
"""How often a unit of work is decided before its conflict is raised."""


@final
class Retries:
    """The attempts at one unit of work.

    Parameters:
        attempts: how many are allowed, the first included.
    """

    def __init__(self, attempts: int) -> None:
        self._allowed = attempts
        self._made = 0

    @classmethod
    def on(cls, repository: object) -> Retries:
        """Return those that a repository allows: one if its host repeats the transaction."""
        hosted = isinstance(repository, HostTransaction) and repository.in_host_transaction
        return cls(1 if hosted else ATTEMPTS)

    def failed(self, conflict: Exception) -> None:
        """Count a failed attempt, and raise its conflict if it was the last."""
        self._made += 1
        if self._made >= self._allowed:
            conflict.add_note(f"Tried {self._made} times; another writer was first each time.")
            raise conflict
