"""What an import needs and how it ends: its key, the file's encoding, Ctrl-C; a long invoice."""

from __future__ import annotations

import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from time import monotonic, sleep
from uuid import UUID

import pytest

from client_access import (
    AddClient,
    ClientAccess,
    Payer,
    PracticeUser,
    SignIn,
    Subscribe,
)
from client_access.batch import read_clients_csv
from client_access.cli import main
from client_access.cli.arguments import EXAMPLE
from client_access.sql import SqlRepository

NORTH = PracticeUser("north")

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("COLUMNS", "80")

    def run_it(*arguments: object) -> tuple[int, str, str]:
        status = main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return run_it


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "clients.csv"
    path.write_text("business_name,email\nAcme,a@example.com\nBirch,\n")
    return path


# ── The secret key ───────────────────────────────────────────────────────────────────────────────


def test_the_key_is_made_beside_the_database_once(run: Run, file: Path, tmp_path: Path) -> None:
    """For its owner alone; with it, a file that is imported again adds nobody."""
    database, key = tmp_path / "new.db", tmp_path / "new.db.key"
    arguments = ("import", file, "--database", f"sqlite:///{database}", "--practice", "north")
    status, _, error = run(*arguments)
    assert status == 0
    assert error == (
        f"The secret key {key} was made. Keep it: without it, clients that are imported again are"
        " not recognised.\n"
    )
    assert key.stat().st_mode & 0o777 == 0o600
    made = key.read_text()
    status, output, error = run(*arguments)
    assert (status, output.strip(), error) == (0, "✓ 2 rows: 2 already there.", "")
    assert key.read_text() == made


def test_the_ids_are_those_of_the_library_with_the_same_key(
    run: Run, file: Path, tmp_path: Path
) -> None:
    """So a host and the command line can import the same files."""
    url, key = f"sqlite:///{tmp_path / 'new.db'}", tmp_path / "host.key"
    key.write_text("a-secret-key-of-the-host\r\n")
    run("import", file, "--database", url, "--practice", "north", "--key-file", key)
    assert not (tmp_path / "new.db.key").exists()
    with SqlRepository.open(url) as repository, file.open("rb") as opened:
        for row in read_clients_csv(opened, by=NORTH, secret_key="a-secret-key-of-the-host"):
            assert row.command is not None
            assert repository.get(row.command.client_id) is not None


def test_with_another_key_nobody_is_recognised(run: Run, file: Path, tmp_path: Path) -> None:
    """Who has an address is found by it and left out; the others are added again."""
    arguments = ("import", file, "--database", f"sqlite:///{tmp_path / 'new.db'}")
    run(*arguments, "--practice", "north")
    key = tmp_path / "other.key"
    status, output, _ = run(*arguments, "--practice", "north", "--key-file", key)
    assert status == 1
    assert "2 rows: 1 added and 1 left out." in output


# ── The file's encoding ──────────────────────────────────────────────────────────────────────────


def test_an_encoding_is_named_for_a_file_that_is_not_utf_8(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "excel.csv"
    file.write_bytes("business_name;email\r\nMüller;\r\n".encode("cp1252"))
    url = f"sqlite:///{tmp_path / 'new.db'}"
    arguments = ("import", file, "--database", url, "--practice", "north")
    status, output, _ = run(*arguments)
    assert status == 1
    assert 'save the file as "CSV UTF-8"' in " ".join(output.split())
    assert run(*arguments, "--encoding", "cp1252")[0] == 0
    listed = json.loads(run("list", "--database", url, "--practice", "north", "--json")[1])
    assert [row["business_name"] for row in listed] == ["Müller"]


# ── Ctrl-C ───────────────────────────────────────────────────────────────────────────────────────

# A shell starts what it runs in the background with the signal ignored.
PROGRAM = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from client_access.cli import main
sys.exit(main())
"""


def _stored(database: Path) -> int:
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as connection:
        count: int = connection.execute("SELECT count(*) FROM client_access_client").fetchone()[0]
    connection.close()
    return count


def _wait_until(condition: Callable[[], bool]) -> None:
    end = monotonic() + 120
    while not condition():
        assert monotonic() < end
        sleep(0.05)


@pytest.mark.parametrize("rows", [0, 4900])
def test_an_import_that_is_interrupted_says_how_far_it_came(
    run: Run, tmp_path: Path, rows: int
) -> None:
    """Importing again adds the rest. Two chunks of rows are saved when the signal comes, and the
    import waits for the rest of its file, which is a pipe.
    """
    file, database = tmp_path / "clients.csv", tmp_path / "new.db"
    content = "business_name\n" + "".join(f"Client {n}\n" for n in range(rows))
    os.mkfifo(file)
    url = f"sqlite:///{database}"
    arguments = ["import", str(file), "--database", url, "--practice", "north"]
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *arguments],
        # A signal that meets coverage with its lock held would stop the process for ever.
        env={name: value for name, value in os.environ.items() if not name.startswith("COV")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process, file.open("w") as pipe:
        pipe.write(content)
        pipe.flush()
        key = database.with_name("new.db.key")
        _wait_until(lambda: key.exists() and _stored(database) >= rows - 900)
        process.send_signal(signal.SIGINT)
        output, error = process.communicate(timeout=60)
    assert (process.returncode, output) == (130, "")
    last = error.splitlines()[-1]
    assert last.endswith(
        "Import the file again to go on: what was imported is saved, and no client is added twice."
    )
    if not rows:
        assert last.startswith("Interrupted before the first row. Import")
        return
    found = re.match(r"Interrupted after row ([\d,]+)\. ([\d,]+) rows: ([\d,]+) added\. ", last)
    assert found is not None, last
    row, count, added = (int(number.replace(",", "")) for number in found.groups())
    assert 2000 <= count == added == row - 1 <= _stored(database) == 4000

    file.unlink()
    file.write_text(content)
    status, output, _ = run(*arguments)
    assert (status, output.strip()) == (0, "✓ 4,900 rows: 900 added and 4,000 already there.")


def test_an_import_that_is_interrupted_at_once_says_so(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As above, in this process, so that coverage sees it."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("client_access.cli.importing._import", interrupt)
    file, url = tmp_path / "clients.csv", f"sqlite:///{tmp_path / 'new.db'}"
    status, output, error = run("import", str(file), "--database", url, "--practice", "north")
    assert (status, output) == (130, "")
    assert error.startswith("Interrupted before the first row. Import the file again to go on")


# ── A long invoice ───────────────────────────────────────────────────────────────────────────────


def test_a_limited_invoice_loads_few_clients(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S6: the total and the number of the other lines come from counts."""
    url = f"sqlite:///{tmp_path / 'clients.db'}"
    with SqlRepository.open(url) as repository:
        access = ClientAccess(repository, catalogue=EXAMPLE)
        for n in range(200):
            subscribed = Subscribe(
                UUID(int=n),
                NORTH,
                payer=Payer.PRACTICE,
                sign_in=SignIn.PRACTICE_ONLY,
                services={"payroll": None},
            )
            access.handle_all([AddClient(UUID(int=n), NORTH, business_name=f"{n:03}"), subscribed])
    loaded: list[object] = []
    page = SqlRepository.page

    def counted(*arguments: object, **options: object) -> object:
        found = page(*arguments, **options)  # type: ignore[arg-type]  # passed on
        loaded.extend(found)
        return found

    monkeypatch.setattr(SqlRepository, "page", counted)
    of = ("invoice", "--practice", "north", "--database", url)
    output = run(*of, "--limit", 3)[1]
    assert len(loaded) == 3
    assert "… 197 more lines" in output
    assert "£1,477.50" in output
    assert "£1,500.00" in output

    invoice = json.loads(run(*of, "--limit", 3, "--json")[1])
    assert (invoice["total"], len(invoice["lines"])) == ("1500.00", 3)
    assert len(loaded) == 6
    invoice = json.loads(run(*of, "--json")[1])
    assert (invoice["total"], len(invoice["lines"])) == ("1500.00", 200)
    assert "… 150 more lines" in run(*of)[1]
    assert "more lines" not in run(*of, "--limit", 200)[1]
