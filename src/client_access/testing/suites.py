"""The checks as pytest classes: subclass one, and give it one fixture.

Every check of :mod:`client_access.testing.checks` is a method `test_` with its name, so that one
can be left out by overriding it, with the reason in plain sight.
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
    """What every repository must do, and what it must do if it offers more.

    A subclass, whose name begins with `Test`, overrides the fixture :meth:`repository`.
    """

    offers: ClassVar[Collection[type]] = ()
    """The optional protocols that the repository means to offer; lacking one is then a failure."""

    thread_safe: ClassVar[bool] = True
    """Whether the repository may be used from several threads at once."""

    examples: ClassVar[int] = 20
    """How many random courses the repository is driven through beside the one in memory."""

    @pytest.fixture
    def repository(self) -> Iterator[Repository]:
        """Yield a repository; one may be shared by all tests, if nobody needs what is in it."""
        raise NotImplementedError("override the fixture `repository` to yield your repository")

    def test_offers_what_it_means_to(self, repository: Repository) -> None:
        """The protocols in `offers` are all there."""
        check_offers(repository, self.offers)

    def test_does_as_the_repository_in_memory_does(self, repository: Repository) -> None:
        """Random courses of commands, good and bad: the same answers, the same clients."""
        run_machine(lambda: nullcontext(repository), examples=self.examples)


class AsyncRepositoryConformance(RepositoryConformance):
    """The same checks, for a repository that is awaited.

    A subclass overrides the fixture :meth:`open_repository`; each check runs on an event loop of
    its own, on which the repository is opened and closed.
    """

    @pytest.fixture
    def open_repository(self) -> OpenAsyncRepository:
        """Return a function that returns an async context manager, which yields the repository."""
        raise NotImplementedError("override the fixture `open_repository`")

    @pytest.fixture
    def repository(self, open_repository: OpenAsyncRepository) -> Iterator[Repository]:
        """Yield the repository as one that need not be awaited."""
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
