"""Forgotten outcomes are purged, files are compacted, and outdated columns are written again."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
import world
from sqlalchemy import create_engine

import client_access as ca
from client_access.cli import main
from client_access.sql import SqlRepository

SECRET = "Secret Undertaking"


@pytest.fixture
def url(database: str) -> str:
    """A database with a client, and with more forgotten outcomes than one call of purge deletes."""
    with SqlRepository.open(database) as repository:
        long_ago = ca.utc_now() - timedelta(days=30)
        access = ca.ClientAccess(repository, catalogue=world.CATALOGUE, clock=lambda: long_ago)
        access.handle(
            ca.AddClient(world.CLIENT_ID, world.NORTH, business_name=SECRET), command_id="add"
        )
    execute(
        database,
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1500)"
        " INSERT INTO client_access_outcome (command_id, client_id, until, data)"
        " SELECT 'copy ' || i, client_id, until, data FROM client_access_outcome, n",
    )
    return database


def execute(url: str, statement: str) -> None:
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.exec_driver_sql(statement)
    engine.dispose()


def run(capsys: pytest.CaptureFixture[str], command: str, url: str) -> str:
    """Run a command, which succeeds, and return its line."""
    assert main([command, "--database", url]) == 0
    return capsys.readouterr().out.strip()


def test_purge_deletes_every_forgotten_outcome(
    url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """However many calls that takes; what is remembered stays."""
    rename = ca.ChangeBusinessName(world.CLIENT_ID, world.NORTH, business_name="Acme")
    with SqlRepository.open(url) as repository:
        access = ca.ClientAccess(repository, catalogue=world.CATALOGUE)
        change = access.handle(rename, command_id="rename")
    assert run(capsys, "purge", url) == "✓ forgotten outcomes deleted: 1,501"
    assert run(capsys, "purge", url) == "✓ forgotten outcomes deleted: 0"
    with SqlRepository.open(url) as repository:
        access = ca.ClientAccess(repository, catalogue=world.CATALOGUE)
        assert access.handle(rename, command_id="rename") == change


def test_compact_leaves_nothing_of_a_deleted_client_in_the_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """L5, down to the bytes."""
    url = f"sqlite:///{tmp_path / 'clients.db'}"
    with SqlRepository.open(url) as repository:
        access = ca.ClientAccess(repository, catalogue=world.CATALOGUE)
        access.handle(ca.AddClient(world.CLIENT_ID, world.NORTH, business_name=SECRET))
        repository.erase(world.CLIENT_ID)
    assert run(capsys, "compact", url) == "✓ compacted"
    for file in tmp_path.iterdir():
        assert SECRET.encode() not in file.read_bytes(), file


def test_compact_works_on_every_database(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    """On PostgreSQL too."""
    assert run(capsys, "compact", url) == "✓ compacted"


def test_refresh_writes_outdated_columns_again(
    url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """It says how many clients it has written."""
    execute(url, "UPDATE client_access_client SET folded_name = 'x'")
    assert run(capsys, "refresh", url) == "✓ clients written again: 1"
    assert run(capsys, "refresh", url) == "✓ clients written again: 0"


@pytest.mark.parametrize("command", ["purge", "compact", "refresh"])
def test_a_database_that_does_not_exist_is_not_made(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    """The exit status is 2, and one line says why."""
    missing = tmp_path / "none.db"
    assert main([command, "--database", f"sqlite:///{missing}"]) == 2
    assert capsys.readouterr().err == f"There is no database sqlite:///{missing}.\n"
    assert not missing.exists()
