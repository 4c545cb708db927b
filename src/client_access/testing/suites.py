"""The checks as pytest classes: subclass one, and override one fixture.

Each check of :mod:`client_access.testing.checks` is a method, `test_` and its name. To leave a
check out, override its method and skip, with the reason.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import nullcontext
from typing import ClassVar

import pytest

from client_access.repository import Repository
from client_access.testing.awaiting import OpenAsyncRepository, awaited
from client_access.testing.checks import CHECKS, Check
from client_access.testing.conformance import check_offers, reason_to_skip
from client_access.testing.machine import run_machine


class RepositoryConformance:
    """The checks for a repository.

    A subclass has a name that begins with `Test`, and overrides the fixture :meth:`repository`.
    """

    offers: ClassVar[Collection[type]] = ()
    """The optional protocols that the repository should offer; a missing one is a failure."""

    thread_safe: ClassVar[bool] = True
    """Whether the repository may be used from several threads at once."""

    examples: ClassVar[int] = 20
    """How many random runs compare the repository with the one in memory."""

    @pytest.fixture
    def repository(self) -> Iterator[Repository]:
        """Yield a repository; all tests may share one, if nobody needs what it holds."""
        raise NotImplementedError("override the fixture `repository` to yield your repository")

    def test_offers_what_it_should(self, repository: Repository) -> None:
        """The repository offers every protocol in `offers`."""
        check_offers(repository, self.offers)

    def test_behaves_like_the_repository_in_memory(self, repository: Repository) -> None:
        """Random runs have the same answers and leave the same clients."""
        run_machine(lambda: nullcontext(repository), examples=self.examples)


class AsyncRepositoryConformance(RepositoryConformance):
    """The same checks for an async repository.

    A subclass overrides the fixture :meth:`open_repository`. Each check has an event loop of its
    own, on which the repository is opened, used and closed.
    """

    @pytest.fixture
    def open_repository(self) -> OpenAsyncRepository:
        """Return a function that returns an async context manager that yields the repository."""
        raise NotImplementedError("override the fixture `open_repository`")

    @pytest.fixture
    def repository(self, open_repository: OpenAsyncRepository) -> Iterator[Repository]:
        """Yield the repository as a synchronous one."""
        with awaited(open_repository) as repository:
            yield repository


def _as_test(check: Check) -> Callable[[RepositoryConformance, Repository], None]:
    def test(self: RepositoryConformance, repository: Repository) -> None:
        if reason := reason_to_skip(check, repository, thread_safe=self.thread_safe):
            pytest.skip(reason)
        check(repository)

    test.__name__ = f"test_{check.name}"
    test.__qualname__ = f"{RepositoryConformance.__name__}.{test.__name__}"
    test.__doc__ = check.contract
    return test


for _check in CHECKS.values():
    setattr(RepositoryConformance, f"test_{_check.name}", _as_test(_check))
