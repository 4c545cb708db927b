"""How often a unit of work is tried again, and how long the pauses between the attempts are."""

from __future__ import annotations

from typing import final

from client_access.repository import HostTransaction

ATTEMPTS = 20
"""How often a unit of work is tried before its error is raised."""

FIRST_PAUSE, LONGEST_PAUSE = 0.01, 1.0
"""The longest pause after the first attempt, and after any, in seconds."""


@final
class Retries:
    """The attempts at one unit of work.

    Parameters:
        repository: where the work is done. Inside a host's transaction there is one attempt: the
            host repeats the transaction.

    Attributes:
        attempts: how many have begun.
    """

    def __init__(self, repository: object = None) -> None:
        self._repository = repository
        self.attempts = 1

    def pause_after(self, error: Exception) -> float:
        """Return how many seconds to wait after a failed attempt, before the next one.

        The pause is random, so that writers that met once do not meet again. Its limit doubles with
        each attempt.

        Raises:
            Exception: the given error, if that was the last attempt.
        """
        repository = self._repository
        if isinstance(repository, HostTransaction) and repository.in_host_transaction:
            raise error
        if self.attempts >= ATTEMPTS:
            error.add_note(f"Tried {self.attempts} times.")
            raise error
        longest = min(FIRST_PAUSE * 2 ** (self.attempts - 1), LONGEST_PAUSE)
        self.attempts += 1
        import random  # noqa: PLC0415  # it takes long to load, and conflicts are rare

        return random.uniform(0, longest)
