"""`UnitsOfWork`: a command is handled as without it, in one unit of work."""

from __future__ import annotations

from contextlib import suppress

from client_access.client import Client
from client_access.errors import StaleClient
from client_access.repository import Repository, UnitsOfWork
from client_access.testing.checks.frame import (
    OPTIONAL_PROTOCOLS,
    ConformanceError,
    FullRepository,
    check,
    expect_equal,
)
from client_access.testing.checks.scene import Scene
from client_access.values import ContactDetails


@check(UnitsOfWork)
def unit_of_work_does_the_same(repository: FullRepository) -> None:
    """UnitsOfWork.in_unit_of_work: "The repository that it gets does the same as this one"."""
    life = Scene(repository).added()
    before, change = life.client, life.decide(life.new_contact(ContactDetails("Ann")))
    found: list[Client | None] = []

    def work(unit: Repository) -> str:
        found.extend([unit.get(before.id), unit.find_by_email(before.email_key)])
        for _ in range(2):
            with suppress(StaleClient):  # the second is refused
                unit.save([change])
        found.append(unit.get(before.id))
        return "the result"

    result = repository.in_unit_of_work(work)
    expect_equal(result, "the result", "in_unit_of_work() must return what work() returned.")
    expect_equal(
        [*found, repository.get(before.id)],
        [before, before, change.after, change.after],
        "in_unit_of_work() must call work() once, and the repository that it gives to work() must "
        "read and save as this one does.",
    )


@check(UnitsOfWork)
def unit_of_work_keeps_what_it_saved_if_it_fails(repository: FullRepository) -> None:
    """UnitsOfWork.in_unit_of_work: "what was saved stays, even if `work` then raises an error"."""
    life = Scene(repository).added()
    change = life.decide(life.new_contact(ContactDetails("Ann")))
    raised = ArithmeticError("made up")

    def work(unit: Repository) -> None:
        unit.save([change])
        raise raised

    advice = "in_unit_of_work() must raise the very error that work() raised."
    try:
        repository.in_unit_of_work(work)
    except Exception as error:
        if error is not raised:
            raise ConformanceError(f"{type(error).__name__} was raised: {advice}") from error
    else:
        raise ConformanceError(f"Nothing was raised: {advice}")
    expect_equal(
        repository.get(life.client_id),
        change.after,
        "work() raised an error after it had saved, and what it saved must stay: "
        "in_unit_of_work() must not roll it back.",
    )


@check(UnitsOfWork)
def unit_of_work_offers_all_that_the_repository_offers(repository: FullRepository) -> None:
    """UnitsOfWork.in_unit_of_work: it "offers the protocols that this one offers"."""

    def lacking(unit: Repository) -> list[str]:
        return [
            protocol.__name__
            for protocol in OPTIONAL_PROTOCOLS
            if isinstance(repository, protocol) and not isinstance(unit, protocol)
        ]

    expect_equal(
        repository.in_unit_of_work(lacking),
        [],
        "work() got a repository without protocols that the repository has: a command with an id "
        "needs CommandMemory there too.",
    )
