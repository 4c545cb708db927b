"""`Sessions`: calls in a session do the same as outside of it."""

from __future__ import annotations

from client_access.client import Client
from client_access.errors import StaleClient
from client_access.repository import Repository, Sessions
from client_access.testing.checks.frame import (
    OPTIONAL_PROTOCOLS,
    ConformanceError,
    FullRepository,
    check,
    expect_equal,
    expect_error,
    expect_saved,
)
from client_access.testing.checks.scene import Scene
from client_access.values import ContactDetails


@check(Sessions)
def session_does_the_same(repository: FullRepository) -> None:
    """Sessions.in_session: "The repository that it gets does the same as this one"."""
    advice = (
        "in_session() must call work() once, and the repository that it gives to work() must read "
        "and save as this one does."
    )
    life = Scene(repository).added()
    before, change = life.client, life.decide(life.new_contact(ContactDetails("Ann")))
    found: list[Client | None] = []

    def work(session: Repository) -> str:
        found.extend([session.get(before.id), session.find_by_email(before.email_key)])
        with expect_saved(advice):
            session.save([change])
        with expect_error(StaleClient, before.id, advice):
            session.save([change])
        found.append(session.get(before.id))
        return "the result"

    result = repository.in_session(work)
    expect_equal(result, "the result", "in_session() must return what work() returned.")
    found.append(repository.get(before.id))
    expect_equal(found, [before, before, change.after, change.after], advice)


@check(Sessions)
def session_keeps_what_was_saved_if_work_fails(repository: FullRepository) -> None:
    """Sessions.in_session: "what was saved stays, even if `work` then raises an error"."""
    life = Scene(repository).added()
    change = life.decide(life.new_contact(ContactDetails("Ann")))
    raised = ArithmeticError("made up")

    def work(session: Repository) -> None:
        session.save([change])
        raise raised

    advice = "in_session() must raise the very error that work() raised."
    try:
        repository.in_session(work)
    except Exception as error:
        if error is not raised:
            raise ConformanceError(f"{type(error).__name__} was raised: {advice}") from error
    else:
        raise ConformanceError(f"Nothing was raised: {advice}")
    expect_equal(
        repository.get(life.client_id),
        change.after,
        "work() raised an error after it had saved, and what it saved must stay: in_session() must "
        "not roll it back.",
    )


@check(Sessions)
def session_offers_all_that_the_repository_offers(repository: FullRepository) -> None:
    """Sessions.in_session: it "offers the protocols that this one offers"."""

    def lacking(session: Repository) -> list[str]:
        return [
            protocol.__name__
            for protocol in OPTIONAL_PROTOCOLS
            if isinstance(repository, protocol) and not isinstance(session, protocol)
        ]

    expect_equal(
        repository.in_session(lacking),
        [],
        "work() got a repository without protocols that the repository has: a command with an id "
        "needs CommandMemory there too.",
    )
