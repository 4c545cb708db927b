"""What checks are made of: the type that they run on, their registration, and what they expect."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol, TypeVar, cast, final
from uuid import UUID

from attrs import AttrsInstance, asdict, fields, frozen, has

from client_access.errors import EmailTaken, RepositoryError, StaleClient
from client_access.repository import (
    CommandMemory,
    Deadlines,
    Erasure,
    EventFeed,
    History,
    HostTransaction,
    Locks,
    Lookup,
    OutboxStore,
    Repository,
    ServiceCounts,
    Sessions,
)

OPTIONAL_PROTOCOLS: tuple[type, ...] = (
    Lookup,
    History,
    EventFeed,
    ServiceCounts,
    Deadlines,
    HostTransaction,
    Locks,
    Sessions,
    CommandMemory,
    Erasure,
    OutboxStore,
)
"""What a repository may offer besides :class:`~client_access.Repository`."""


class ConformanceError(AssertionError):
    """A repository breaks its contract; the message says how, and what to do about it."""


class FullRepository(
    Repository,
    Lookup,
    History,
    EventFeed,
    ServiceCounts,
    Deadlines,
    HostTransaction,
    Locks,
    Sessions,
    CommandMemory,
    Erasure,
    OutboxStore,
    Protocol,
):
    """A repository with every optional method; a check uses only the protocols that it names."""


def names_of(protocol: type) -> list[str]:
    """Return the names of a protocol's methods and properties."""
    return [name for name in vars(protocol) if not name.startswith("_")]


@final
@frozen
class Check:
    """One conformance check.

    Parameters:
        name: a stable name, unique among the checks.
        contract: what it proves, with the sentence of the contract that it cites.
        protocols: the optional protocols that it uses.
        threads: whether it uses the repository from several threads at once.
    """

    name: str
    contract: str
    protocols: tuple[type, ...]
    threads: bool
    _run: Callable[[FullRepository], None]

    def applies(self, repository: object) -> bool:
        """Return whether a repository offers the protocols that the check uses."""
        return all(isinstance(repository, protocol) for protocol in self.protocols)

    def __call__(self, repository: Repository) -> None:
        """Check a repository for which :meth:`applies` is true.

        The repository need not be empty: a check creates practices, clients and addresses of its
        own. The checks of the outbox empty it first.

        Raises:
            ConformanceError: the repository breaks its contract.
        """
        # The check uses no other optional methods than those of its protocols.
        self._run(cast("FullRepository", repository))


CHECKS: dict[str, Check] = {}
"""Every check by its name."""

F = TypeVar("F", bound=Callable[[FullRepository], None])


def check(*protocols: type, threads: bool = False) -> Callable[[F], F]:
    """Register a function as a check; its docstring cites the contract that it proves.

    Parameters:
        protocols: the optional protocols that it uses.
        threads: whether it uses the repository from several threads at once.
    """

    def register(run: F) -> F:
        name, contract = run.__name__, (run.__doc__ or "").strip()
        CHECKS[name] = Check(name, contract, protocols, threads, run)
        return run

    return register


def shown(value: object) -> str:
    """Return every field of a value as text, also those that `repr` hides.

    The values of this library hide personal data. What a check saves is made up.
    """
    if isinstance(value, list | tuple):
        return f"[{', '.join(shown(each) for each in value)}]"
    if not has(type(value)):
        return repr(value)
    return f"{type(value).__name__}({asdict(cast('AttrsInstance', value))})"


_MANY = 6
_LONG = 100


def differences(found: object, wanted: object, where: str = "") -> Iterator[str]:
    """Yield what differs between two values, one line for each part that differs.

    Parameters:
        found, wanted: the values; attrs classes, sequences and mappings are taken apart.
        where: the path that leads to them.
    """
    if found == wanted and type(found) is type(wanted):
        return
    if isinstance(found, list | tuple) and isinstance(wanted, list | tuple):
        if len(found) != len(wanted):
            yield f"{where or 'the answer'}: {len(found)} found, {len(wanted)} wanted"
        for index, (one, other) in enumerate(zip(found, wanted, strict=False)):
            yield from differences(one, other, f"{where}[{index}]")
    elif isinstance(found, dict) and isinstance(wanted, dict):
        for key in dict.fromkeys([*wanted, *found]):
            yield from differences(
                found.get(key, _MISSING), wanted.get(key, _MISSING), f"{where}[{key!r}]"
            )
    elif type(found) is type(wanted) and has(type(found)):
        for each in fields(cast("type[AttrsInstance]", type(found))):
            one, other = getattr(found, each.name), getattr(wanted, each.name)
            yield from differences(one, other, f"{where}.{each.name}".lstrip("."))
    else:
        yield f"{where or 'the answer'}: {_cut(shown(found))} found, {_cut(shown(wanted))} wanted"


class _Missing:
    def __repr__(self) -> str:
        return "nothing"


_MISSING = _Missing()


def _cut(text: str) -> str:
    return text if len(text) <= _LONG else f"{text[:_LONG]}..."


def expect(holds: bool, advice: str) -> None:
    """Raise :class:`ConformanceError` with some advice unless something holds."""
    if not holds:
        raise ConformanceError(advice)


def expect_equal(found: object, wanted: object, advice: str) -> None:
    """Raise :class:`ConformanceError` with what differs unless two values are equal."""
    if found != wanted:
        lines = list(differences(found, wanted))
        if len(lines) > _MANY:
            lines[_MANY:] = [f"and {len(lines) - _MANY} more"]
        raise ConformanceError("\n  ".join([advice, *lines]))


@contextmanager
def expect_error(
    error: type[StaleClient | EmailTaken], client_id: UUID, advice: str
) -> Iterator[None]:
    """Expect the block to raise an error that names a client.

    Raises:
        ConformanceError: the block raises nothing, another error, or names another client.
    """
    try:
        yield
    except error as raised:
        expect_equal(
            raised.client_id,
            client_id,
            f"{error.__name__} names the wrong client: raise it with the id of the client whose "
            "change could not be saved.",
        )
    except Exception as other:
        raise ConformanceError(
            f"{error.__name__} was expected, and {type(other).__name__} was raised: {advice}"
        ) from other
    else:
        raise ConformanceError(advice)


@contextmanager
def expect_saved(advice: str) -> Iterator[None]:
    """Expect the repository to accept what the block saves.

    Raises:
        ConformanceError: the repository refuses it.
    """
    try:
        yield
    except RepositoryError as error:
        raise ConformanceError(f"{type(error).__name__} was raised: {advice}") from error
