"""Running the checks without a test framework."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager
from textwrap import wrap
from traceback import extract_tb
from typing import final

from attrs import frozen

from client_access.repository import Locks, Repository
from client_access.testing.checks import CHECKS, Check, ConformanceError
from client_access.testing.checks.frame import names_of
from client_access.values.validation import wrong_type

OpenRepository = Callable[[], AbstractContextManager[Repository]]
"""Opens a repository that is empty, or at least holds nothing that anybody needs."""

_WIDTH = 100


@final
@frozen
class Report:
    """The results of the checks.

    Parameters:
        passed: the checks that passed.
        failed: the checks that failed, with the error that each raised.
        skipped: the checks that do not apply, with the reason: a protocol that the repository does
            not offer, or several threads although it is not thread-safe.
    """

    passed: tuple[Check, ...]
    failed: tuple[tuple[Check, Exception], ...]
    skipped: tuple[tuple[Check, str], ...]

    @property
    def conforms(self) -> bool:
        """Whether no check failed."""
        return not self.failed

    def __str__(self) -> str:
        failures = [
            "\n".join([check.name, *_lines(f"proves: {check.contract}"), *_lines(_said(error)), ""])
            for check, error in self.failed
        ]
        counts = f"{len(self.passed)} passed, {len(self.failed)} failed"
        reasons = Counter(reason for _, reason in self.skipped)
        skipped = [f"{number} skipped: {reason}" for reason, number in reasons.items()]
        return "\n".join([*failures, counts, *skipped])


def _lines(text: str) -> Iterator[str]:
    for line in text.splitlines():
        yield from wrap(line.strip(), _WIDTH, initial_indent="  ", subsequent_indent="  ")


def _said(error: Exception) -> str:
    """Return the message of a check; of any other error, also its name and where it was raised."""
    if isinstance(error, ConformanceError):
        return str(error)
    *_, last = extract_tb(error.__traceback__)
    return f"{type(error).__name__}: {error} ({last.filename}, line {last.lineno}, in {last.name})"


def reason_to_skip(check: Check, repository: Repository, *, thread_safe: bool = True) -> str | None:
    """Return why a check does not apply to a repository, or None if it does."""
    if check.threads and not thread_safe:
        return "the repository is not thread-safe"
    for protocol in check.protocols:
        if not isinstance(repository, protocol):
            return f"the repository does not offer {protocol.__name__}"
    if Locks in check.protocols and getattr(repository, "in_host_transaction", False):
        return "the repository works in a transaction of its host, where nothing is locked"
    return None


def check_offers(repository: Repository, offers: Collection[type]) -> None:
    """Check that a repository offers these protocols.

    Without this, a misspelt method would only cause checks to be skipped.

    Raises:
        ConformanceError: it lacks a method or a property of one of them.
    """
    for protocol in offers:
        if not isinstance(repository, protocol):
            name = protocol.__name__
            lacking = [member for member in names_of(protocol) if not hasattr(repository, member)]
            raise ConformanceError(
                f"The repository should offer {name}, but it lacks {', '.join(lacking)}: add what "
                f"is missing, or take {name} out of `offers`."
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
        open_repository: returns a context manager that yields a repository. For a repository that
            needs no closing, pass ``lambda: contextlib.nullcontext(MyRepository())``; for an async
            one, ``lambda: awaited(open_async)``.
        offers: the optional protocols that the repository should offer.
        thread_safe: whether it may be used from several threads at once.
        only: the names of the checks to run; all of them by default.

    Raises:
        ConformanceError: the repository does not offer a protocol in `offers`.
        InvalidValue: `open_repository` cannot be called.
    """
    if not callable(open_repository):
        raise wrong_type(
            "open_repository", "callable", open_repository, "write lambda: nullcontext(repository)"
        )
    passed, failed, skipped = [], [], []
    for name in only:
        check = CHECKS[name]
        with open_repository() as repository:
            check_offers(repository, offers)
            if reason := reason_to_skip(check, repository, thread_safe=thread_safe):
                skipped.append((check, reason))
                continue
            try:
                check(repository)
            except Exception as error:  # any error of an adapter belongs in the report
                failed.append((check, error))
            else:
                passed.append(check)
    return Report(tuple(passed), tuple(failed), tuple(skipped))
