"""The notices that wait for delivery are listed, and parked ones are made due again."""

from __future__ import annotations

import json
from uuid import UUID

import pytest
import world

import client_access as ca
from client_access.cli import main
from client_access.service.outbox import RelayPolicy, relay
from client_access.sql import SqlRepository

FAILED = 2


@pytest.fixture
def parked(sqlite: str) -> UUID:
    """The id of a parked notice; another notice waits behind it."""
    with SqlRepository.open(sqlite) as repository:
        access = ca.ClientAccess(repository, catalogue=world.CATALOGUE)
        by = world.NORTH
        access.handle(
            ca.AddClient(world.CLIENT_ID, by, business_name="Acme", email="acme@example.com")
        )
        access.handle(
            ca.Subscribe(
                world.CLIENT_ID,
                by,
                payer=ca.Payer.PRACTICE,
                sign_in=ca.SignIn.PRACTICE_AND_CLIENT,
                services={"payroll": None},
            )
        )

        def deliver(notice: ca.Notice) -> None:
            raise ConnectionError

        relay(repository, deliver, policy=RelayPolicy(attempts=1))
        first, _ = repository.waiting(parked=True, limit=2)
        access.handle(ca.ResendActivation(world.CLIENT_ID, by))
    return first.notice.id


def lines(capsys: pytest.CaptureFixture[str], *arguments: str, status: int = 0) -> list[str]:
    assert main(arguments) == status
    return capsys.readouterr().out.splitlines()


def test_outbox_shows_waiting_and_parked_notices_and_retry_makes_them_due(
    sqlite: str, parked: UUID, capsys: pytest.CaptureFixture[str]
) -> None:
    """The exit status is 1 if a notice is not parked."""
    (waiting,) = json.loads("".join(lines(capsys, "outbox", "--database", sqlite, "--json")))
    assert waiting["kind"] == "activation_email"
    assert waiting["attempts"] == 0
    shown = "\n".join(lines(capsys, "outbox", "--parked", "--database", sqlite))
    assert str(parked) in shown
    assert "parked, tried 1 ×" in shown
    assert lines(capsys, "outbox", "--parked", "--limit", "1", "--database", sqlite)[-1] == (
        "… and more; --limit shows them."
    )

    assert lines(capsys, "retry", str(parked), "--database", sqlite) == [
        f"    ✓ {parked} is due again"
    ]
    assert lines(capsys, "retry", str(parked), "--database", sqlite, status=1) == [
        f"    ✗ {parked} is not parked"
    ]
    assert len(lines(capsys, "retry", "--all", "--database", sqlite)) == 1
    assert lines(capsys, "retry", "--all", "--database", sqlite) == ["nothing"]
    assert lines(capsys, "outbox", "--parked", "--database", sqlite) == ["nothing"]
    shown = "\n".join(lines(capsys, "outbox", "--database", sqlite))
    assert "UTC, not tried yet" in shown


def test_the_outbox_is_counted_and_a_parked_notice_is_discarded(
    sqlite: str, parked: UUID, capsys: pytest.CaptureFixture[str]
) -> None:
    """The exit status is 1 if a notice is not parked; a discarded one is never delivered."""
    to = ["--database", sqlite]
    (shown,) = lines(capsys, "outbox", "--count", *to)
    assert shown.startswith("1 waiting, the oldest since 2")
    assert shown.endswith(" UTC; 2 parked")
    counted = json.loads("".join(lines(capsys, "outbox", "--count", "--json", *to)))
    assert (counted["waiting"], counted["parked"]) == (1, 2)
    assert lines(capsys, "discard", str(parked), *to) == [f"    ✓ {parked} is discarded"]
    assert lines(capsys, "discard", str(parked), *to, status=1) == [f"    ✗ {parked} is not parked"]
    with SqlRepository.open(sqlite) as repository:
        delivered: list[UUID] = []
        relay(repository, lambda notice: delivered.append(notice.id))
        assert parked not in delivered
    (shown,) = lines(capsys, "outbox", "--count", *to)
    assert shown == "0 waiting; 1 parked"


def test_retry_without_valid_notices_is_an_error(
    sqlite: str, parked: UUID, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is reported in one line, with exit status 2."""
    for arguments in ([], ["--all", str(parked)], ["parked"]):
        assert main(["retry", *arguments, "--database", sqlite]) == FAILED
        assert capsys.readouterr().err.count("\n") == 1
