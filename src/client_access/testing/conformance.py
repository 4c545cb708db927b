"""Running the checks without a test framework."""

from __future__ import annotations

from collections.abc import Callable, Collection
from contextlib import AbstractContextManager
from typing import final

from attrs import frozen

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
from client_access.testing.checks import CHECKS, Check, ConformanceError

OPTIONAL_PROTOCOLS: tuple[type, ...] = (
    Lookup,
    History,
    ServiceCounts,
    HostTransaction,
    CommandMemory,
    Erasure,
    OutboxStore,
)
"""What a repository may offer besides the base; checks find out whether it does."""

OpenRepository = Callable[[], AbstractContextManager[Repository]]
"""Opens a repository that is empty, or at least has nothing that anybody needs."""


@final
@frozen
class Report:
    """What came out of the checks.

    Parameters:
        passed: the checks that the repository passed.
        failed: those that it failed, with what is to be done; any other error too.
        skipped: those of protocols that it does not offer, or of threads where it is not safe.
    """

    passed: tuple[Check, ...]
    failed: tuple[tuple[Check, Exception], ...]
    skipped: tuple[Check, ...]

    @property
    def conforms(self) -> bool:
        """Whether no check failed."""
        return not self.failed

    def __str__(self) -> str:
        counts = f"{len(self.passed)} passed, {len(self.failed)} failed"
        lines = [
            f"{check.name}\n  proves: {check.contract}\n  {error}" for check, error in self.failed
        ]
        return "\n\n".join([*lines, f"{counts}, {len(self.skipped)} skipped"])


def reason_to_skip(check: Check, repository: Repository, *, thread_safe: bool = True) -> str | None:
    """Return why a check is not for a repository, or None where it is."""
    if check.threads and not thread_safe:
        return "the repository is not for several threads"
    for protocol in check.protocols:
        if not isinstance(repository, protocol):
            return f"the repository offers no {protocol.__name__}"
    return None


def check_offers(repository: Repository, offers: Collection[type]) -> None:
    """Raise :class:`ConformanceError` unless a repository offers protocols that it means to.

    A method with a slip in its name would otherwise only leave checks out.
    """
    for protocol in offers:
        if not isinstance(repository, protocol):
            names = [name for name in vars(protocol) if not name.startswith("_")]
            lacking = ", ".join(name for name in names if not hasattr(repository, name))
            raise ConformanceError(
                f"The repository means to offer {protocol.__name__} and lacks {lacking}."
            )


def run_checks(
    open_repository: OpenRepository,
    *,
    offers: Collection[type] = (),
    thread_safe: bool = True,
    only: Collection[str] = tuple(CHECKS),
) -> Report:
    """Run the checks, each on a repository opened for it.

    Parameters:
        open_repository: returns a context manager that yields a repository; for one that needs no
            closing, ``lambda: contextlib.nullcontext(MyRepository())``; for one that is awaited,
            ``lambda: awaited(open_async)``.
        offers: optional protocols that the repository means to offer.
        thread_safe: whether it may be used from several threads at once.
        only: the names of the checks to run; all, unless given.

    Raises:
        ConformanceError: it does not offer what it means to.
    """
    passed, failed, skipped = [], [], []
    for name in only:
        check = CHECKS[name]
        with open_repository() as repository:
            check_offers(repository, offers)
            if reason_to_skip(check, repository, thread_safe=thread_safe):
                skipped.append(check)
                continue
            try:
                check(repository)
            except Exception as error:  # whatever an adapter raises is told in the report
                failed.append((check, error))
            else:
                passed.append(check)
    return Report(tuple(passed), tuple(failed), tuple(skipped))
