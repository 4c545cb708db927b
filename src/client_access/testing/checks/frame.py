"""What a check is made of: its name, the sentence that it proves, and what it says on failure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol, TypeVar, cast, final, runtime_checkable
from uuid import UUID

from attrs import frozen

from client_access.errors import EmailTaken, RepositoryError, StaleClient
from client_access.repository import (
    CommandMemory,
    Erasure,
    History,
    HostTransaction,
    Lookup,
    OutboxStore,
    Repository,
    ServiceCounts,
)


class ConformanceError(AssertionError):
    """A repository does not keep its contract; the message says what to do about it."""


# A protocol that builds on two others, for checks that need more than the base.


@runtime_checkable
class WithLookup(Repository, Lookup, Protocol):
    """A repository that answers for many clients at once."""


@runtime_checkable
class WithHistory(Repository, History, Protocol):
    """A repository that keeps every event."""


@runtime_checkable
class WithServiceCounts(Repository, ServiceCounts, Protocol):
    """A repository that counts services."""


@runtime_checkable
class WithHostTransaction(Repository, HostTransaction, Protocol):
    """A repository that may work inside a transaction of its host."""


@runtime_checkable
class WithCommandMemory(Repository, CommandMemory, Protocol):
    """A repository that remembers outcomes."""


@runtime_checkable
class WithErasure(Repository, Erasure, Protocol):
    """A repository that erases people."""


@runtime_checkable
class WithErasureAndHistory(Repository, Erasure, History, Protocol):
    """A repository that erases people, from their histories too."""


@runtime_checkable
class WithErasureAndOutbox(Repository, Erasure, OutboxStore, Protocol):
    """A repository that erases people, from their notices too."""


@runtime_checkable
class WithErasureAndMemory(Repository, Erasure, CommandMemory, Protocol):
    """A repository that erases people, from remembered outcomes too."""


@runtime_checkable
class WithErasureAndLookup(Repository, Erasure, Lookup, Protocol):
    """A repository that erases people, and answers for many clients at once."""


@runtime_checkable
class WithErasureAndServiceCounts(Repository, Erasure, ServiceCounts, Protocol):
    """A repository that erases people, and counts services."""


@runtime_checkable
class WithErasureHistoryAndMemory(Repository, Erasure, History, CommandMemory, Protocol):
    """A repository that erases people, from histories and from remembered outcomes too."""


@runtime_checkable
class WithMemoryAndHistory(Repository, CommandMemory, History, Protocol):
    """A repository that remembers outcomes, and keeps every event."""


@runtime_checkable
class WithMemoryAndOutbox(Repository, CommandMemory, OutboxStore, Protocol):
    """A repository that remembers outcomes, and keeps notices until they are delivered."""


@runtime_checkable
class WithOutbox(Repository, OutboxStore, Protocol):
    """A repository that keeps notices until they are delivered."""


@final
@frozen
class Check:
    """One conformance check.

    Parameters:
        name: its own, stable name.
        contract: what it proves, with the sentence of the contract that says so.
        protocols: the protocols that a repository must offer for it, besides the base.
        threads: whether it uses the repository from several threads at once.
    """

    name: str
    contract: str
    protocols: tuple[type, ...]
    threads: bool
    _run: Callable[[Repository], None]

    def applies(self, repository: object) -> bool:
        """Tell whether a repository offers what the check is about."""
        return all(isinstance(repository, protocol) for protocol in self.protocols)

    def __call__(self, repository: Repository) -> None:
        """Check a repository.

        It may hold other clients: a check makes practices, clients and addresses of its own. Those
        of the outbox deliver, to nobody, what others have left waiting.

        Raises:
            ConformanceError: the repository does not keep its contract.
        """
        self._run(repository)


CHECKS: dict[str, Check] = {}
"""Every check by its name."""

R = TypeVar("R", bound=Repository)


def check(
    *protocols: type, threads: bool = False
) -> Callable[[Callable[[R], None]], Callable[[R], None]]:
    """Make a plain function a check; its docstring is the contract that it proves.

    Parameters:
        protocols: the protocols that it needs, besides the base.
        threads: whether it uses the repository from several threads at once.
    """

    def register(run: Callable[[R], None]) -> Callable[[R], None]:
        name = run.__name__
        CHECKS[name] = Check(
            name,
            (run.__doc__ or "").strip(),
            protocols,
            threads,
            # Whoever runs it asks `applies` first, so it gets a repository of its own kind.
            cast("Callable[[Repository], None]", run),
        )
        return run

    return register


def expect(holds: bool, advice: str) -> None:
    """Raise :class:`ConformanceError` with what to do, unless something holds."""
    if not holds:
        raise ConformanceError(advice)


def expect_equal(found: object, wanted: object, advice: str) -> None:
    """Raise :class:`ConformanceError` unless the two are equal, and show both."""
    if found != wanted:
        raise ConformanceError(f"{advice}\n  found:  {found!r}\n  wanted: {wanted!r}")


@contextmanager
def expect_error(
    error: type[StaleClient | EmailTaken], client_id: UUID, advice: str
) -> Iterator[None]:
    """Expect what is done within to raise an error that names a client.

    Raises:
        ConformanceError: it raises none, another, or one that names another client.
    """
    try:
        yield
    except error as raised:
        expect_equal(
            raised.client_id,
            client_id,
            f"{error.__name__} names the wrong client: it is raised with the id of the client "
            "whose change could not be saved.",
        )
    except Exception as other:
        raise ConformanceError(
            f"{type(other).__name__} was raised where {error.__name__} must be: {advice}"
        ) from other
    else:
        raise ConformanceError(advice)


@contextmanager
def expect_saved(advice: str) -> Iterator[None]:
    """Expect what is saved within to be accepted.

    Raises:
        ConformanceError: the repository refuses it.
    """
    try:
        yield
    except RepositoryError as error:
        raise ConformanceError(f"save() raised {type(error).__name__}: {advice}") from error
