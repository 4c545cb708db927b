"""How often a unit of work is tried again, and how long the pauses between the attempts are."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar, final

from client_access.errors import EmailTaken, StaleClient
from client_access.repository import HostTransaction
from client_access.values.validation import check_callable, check_sync

T = TypeVar("T")

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
        self.attempts: int = 1

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


def repeat_on_conflict(work: Callable[[], T]) -> T:
    """Call `work`, again while another writer was first, and return its result.

    It is for a host that handles commands inside a transaction of its own, of Django for example,
    where a service cannot decide again: `work` begins the transaction, does everything and commits.
    There are at most 20 attempts, with random pauses between them that grow to a second.

    Parameters:
        work: takes nothing. It may be called several times, so it must do nothing that a rollback
            does not undo.

    Raises:
        InvalidValue: `work` cannot be called, or is async.
        StaleClient, EmailTaken: the last attempt failed with it. A note says how often it was
            tried.
        Exception: whatever else `work` raised, at once.
    """
    check_callable("work", work)
    check_sync("work", work, "repeat_on_conflict_async")
    retries = Retries()
    while True:
        try:
            return work()
        except (StaleClient, EmailTaken) as conflict:
            pause = retries.pause_after(conflict)
        time.sleep(pause)
