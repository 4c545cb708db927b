"""The tour: every procedure, on a database, and every client replayed in the end."""

from __future__ import annotations

import io
import os
import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from uuid import UUID

import pytest
from rich.cells import cell_len

from client_access import (
    AddClient,
    ChangeEmail,
    Client,
    ClientAccess,
    DeleteClient,
    EnableAccess,
    MemoryRepository,
    PracticeUser,
    RefusalCode,
)
from client_access.cli import main
from client_access.cli.catalogues import EXAMPLE
from client_access.cli.screen import Screen
from client_access.cli.tour.play import play
from client_access.cli.tour.stage import Stage, TourBroken
from client_access.sql import SqlRepository

REPLAYED = re.compile(r"(\d+) of (\d+) clients are what their histories make of them\.")


@pytest.fixture(autouse=True)
def _eighty_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    for name in ("FORCE_COLOR", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)


def url_of(path: Path) -> str:
    return f"sqlite:///{path}"


def replayed(output: str) -> tuple[int, int]:
    found = REPLAYED.search(output)
    assert found is not None
    return int(found[1]), int(found[2])


def test_the_tour_ends_with_every_client_replayed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    output = capsys.readouterr().out
    same, all_of_them = replayed(output)
    assert same == all_of_them == 85
    assert "\x1b" not in output
    assert max(cell_len(line) for line in output.splitlines()) <= 80
    assert not [line for line in output.splitlines() if line != line.rstrip()]


def test_it_shows_every_procedure_and_every_kind_of_answer(
    capsys: pytest.CaptureFixture[str],
) -> None:
    main([])
    output = capsys.readouterr().out
    headings = re.findall(r"^(\d+)  \S", output, flags=re.MULTILINE)
    assert headings == [str(number) for number in range(1, 17)]
    for code in (
        RefusalCode.PAYER_LOCKED,
        RefusalCode.EMAIL_TAKEN,
        RefusalCode.CLIENT_PAYS,
        RefusalCode.NOT_INVITED_BY_PRACTICE,
        RefusalCode.ACTIVATION_UNKNOWN,
        RefusalCode.EMAILS_DIFFER,
        RefusalCode.DIRECT_DEBIT_MISSING,
        RefusalCode.UNKNOWN_CLIENT,
    ):
        assert code.value in output
    for text in ("New Client Invitation", "mailto:", "80 already there", "no longer has access"):
        assert text in output


def test_a_second_walk_on_the_same_database_says_so_and_loses_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    database = tmp_path / "tour.db"
    assert main(["--database", url_of(database)]) == 0
    assert "This is walk" not in capsys.readouterr().out
    question = "SELECT id, data FROM client_access_client ORDER BY id"
    with closing(sqlite3.connect(database)) as connection:
        before = dict(connection.execute(question))
    for walk in (2, 3):
        assert main(["--database", url_of(database)]) == 0
        output = " ".join(capsys.readouterr().out.split())
        assert f"This is walk {walk} on this database." in output
        assert f"your-practice-{walk}" in output
        assert replayed(output) == (85 * walk, 85 * walk)
    with closing(sqlite3.connect(database)) as connection:
        after = dict(connection.execute(question))
    assert before.items() <= after.items()


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        (
            "UPDATE client_access_client SET data = replace(data, 'Copper Kettle', 'Brass Kettle')",
            "otherwise than its history says",
        ),
        (
            "UPDATE client_access_client SET data = '{' WHERE data LIKE '%Copper Kettle%'",
            "cannot be read",
        ),
        (
            "DELETE FROM client_access_event WHERE data LIKE '%Copper Kettle%'",
            "cannot be read",
        ),
    ],
)
def test_a_tampered_row_is_found(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], statement: str, told: str
) -> None:
    database = tmp_path / "tour.db"
    assert main(["--database", url_of(database)]) == 0
    with sqlite3.connect(database) as connection:
        connection.execute(statement)
    connection.close()
    capsys.readouterr()
    assert main(["--database", url_of(database)]) == 1
    output = " ".join(capsys.readouterr().out.split())
    assert told in output
    assert replayed(output) == (169, 170)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("business_name\n", "There is no row in it."),
        ("business_name,email\nOnly,only@example.com\n", "1 row: 1 added."),
        ("business_name,kind\n" + ",robot\n" * 6, "… and 7 more."),
        ("name\nA\n", "The column business_name is missing"),
    ],
)
def test_any_file_of_clients_will_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str, told: str
) -> None:
    """Who is missing for a procedure is played by a stand-in."""
    file = tmp_path / "own.csv"
    file.write_text(content)
    assert main(["--clients", str(file)]) == 0
    output = capsys.readouterr().out
    same, all_of_them = replayed(output)
    assert same == all_of_them
    assert told in output
    assert str(file) in output.replace("\n", "").replace(" ", "")


def test_a_file_that_is_not_there_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--clients", str(tmp_path / "none.csv")]) == 2
    assert "There is no file" in capsys.readouterr().err


def test_a_file_that_cannot_be_read_ends_it_in_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is told when the file is come to, and by its name where that is known."""
    assert main(["--clients", "/proc/self/mem"]) == 2
    assert capsys.readouterr().err == "Reading or writing failed: Input/output error.\n"

    file = tmp_path / "own.csv"
    file.touch()

    def forbidden(path: Path, *_: object) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "open", forbidden)
    assert main(["--clients", str(file)]) == 2
    assert capsys.readouterr().err == f"Reading or writing {file} failed: Permission denied.\n"


def test_a_repository_that_does_not_tell_all_its_clients_is_proved_for_those_of_the_walk() -> None:
    output = io.StringIO()
    file = Path(__file__).parents[2] / "src/client_access/examples/clients.csv"
    assert play(MemoryRepository(), file=file, screen=Screen(output), about=())
    assert replayed(output.getvalue()) == (85, 85)


def test_a_terminal_gets_colours_unless_it_wants_none(tmp_path: Path) -> None:
    environment = {**os.environ, "FORCE_COLOR": "1", "TERM": "xterm-256color"}
    colour = run_tour(environment)
    assert "\x1b[36mPractice" in colour
    none = run_tour({**environment, "NO_COLOR": "1"})
    assert "\x1b[36m" not in none
    assert not re.findall(r"\x1b\[(?:\d+;)*3[0-9]m", none)


def test_a_stream_that_lacks_a_character_gets_another() -> None:
    environment = {**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    environment.pop("FORCE_COLOR", None)
    assert "Caf? ?b?ne" in run_tour(environment)


def run_tour(environment: dict[str, str]) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "client_access"],
        env=environment,
        capture_output=True,
        check=True,
        encoding="utf-8",
    )
    return done.stdout


def test_an_address_that_another_practice_has_ends_it_in_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    url = url_of(tmp_path / "tour.db")
    with SqlRepository.open(url) as repository:
        ClientAccess(repository, catalogue=EXAMPLE).handle(
            AddClient(
                UUID(int=1),
                PracticeUser("other"),
                business_name="A",
                email="press@pomegranate-prnt.example.com",
            )
        )
    assert main(["--database", url]) == 2
    assert capsys.readouterr().err.startswith("This email address is in use already")


# ── A tour that meets something else than it shows ───────────────────────────────────────────────


@pytest.fixture
def stage() -> Stage:
    return Stage(
        MemoryRepository(), catalogue=EXAMPLE, screen=Screen(io.StringIO()), file=Path(), run=1
    )


def added(stage: Stage, email: str | None = None) -> Client:
    client = stage.pick(with_address=email is not None)
    assert (client.email.is_mailable) is (email is not None)
    return client


def test_it_breaks_off_where_something_is_not_refused(stage: Stage) -> None:
    client = added(stage)
    with pytest.raises(TourBroken, match="was accepted"):
        stage.refuse("deletes it", DeleteClient(client.id, stage.practice), RefusalCode.EMAIL_TAKEN)


def test_it_breaks_off_where_nothing_changes(stage: Stage) -> None:
    client = added(stage, "a@example.com")
    same = ChangeEmail(client.id, stage.practice, email=client.email)
    with pytest.raises(TourBroken, match="ChangeEmail changed nothing"):
        stage.ask("keeps it", same)


def test_breaking_off_is_told_in_a_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: object) -> None:
        raise TourBroken("nothing fits")

    monkeypatch.setattr(Stage, "scene", broken)
    assert main([]) == 1
    assert capsys.readouterr().err == "The tour broke off: nothing fits.\n"


def test_it_breaks_off_where_something_is_refused_for_another_reason(stage: Stage) -> None:
    client = added(stage)
    with pytest.raises(TourBroken, match="email_taken was expected, not not_in_this_status"):
        stage.refuse("enables it", EnableAccess(client.id, stage.practice), RefusalCode.EMAIL_TAKEN)
