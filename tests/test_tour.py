"""The tour: every procedure on a database, and every client replayed at the end."""

from __future__ import annotations

import io
import os
import pty
import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, redirect_stdout
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

import pytest
from rich.cells import cell_len

from client_access import (
    AddClient,
    ChangeEmail,
    ClientAccess,
    DeleteClient,
    EnableAccess,
    PracticeUser,
    RefusalCode,
)
from client_access.cli.ending import Failure
from client_access.commands import COMMANDS
from client_access.sql import SqlRepository
from examples.tour.__main__ import PROMPT, SCENES, main
from examples.tour.screen import TourScreen
from examples.tour.stage import CATALOGUE, Stage

ROOT = Path(__file__).parents[1]
REPLAYED = re.compile(r"(\d+) of (\d+) clients equal what is replayed from their histories\.")


@pytest.fixture(scope="module", autouse=True)
def _eighty_columns() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("COLUMNS", "80")
        for name in ("FORCE_COLOR", "NO_COLOR"):
            environment.delenv(name, raising=False)
        yield


class Played(NamedTuple):
    """A tour that was played once, for the tests that only look at it."""

    database: Path
    output: str


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Played:
    """The database of a whole tour, and what it printed."""
    database = tmp_path_factory.mktemp("tour") / "tour.db"
    with redirect_stdout(io.StringIO()) as output:
        assert main(["--database", url_of(database)]) == 0
    return Played(database, output.getvalue())


@pytest.fixture
def database(played: Played, tmp_path: Path) -> Path:
    """A copy of that database."""
    return Path(shutil.copy(played.database, tmp_path))


def url_of(path: Path) -> str:
    return f"sqlite:///{path}"


def replayed(output: str) -> tuple[int, int]:
    found = REPLAYED.search(output)
    assert found is not None
    return int(found[1]), int(found[2])


def test_the_tour_ends_with_every_client_replayed(capsys: pytest.CaptureFixture[str]) -> None:
    """No line is longer than the terminal, and none ends in blanks."""
    assert main([]) == 0
    output = capsys.readouterr().out
    same, all_of_them = replayed(output)
    assert same == all_of_them == 88
    assert "\x1b" not in output
    assert max(cell_len(line) for line in output.splitlines()) <= 80
    assert not [line for line in output.splitlines() if line != line.rstrip()]


def test_it_shows_every_procedure_and_many_refusals(played: Played) -> None:
    """§10: the procedures of the guide, in its order, and what the guide leaves open."""
    headings = re.findall(r"^(\d+)  \S", played.output, flags=re.MULTILINE)
    assert headings == [str(number) for number in range(1, 24)]
    for code in (
        RefusalCode.PAYER_LOCKED,
        RefusalCode.EMAIL_TAKEN,
        RefusalCode.CLIENT_PAYS,
        RefusalCode.NOT_INVITED_BY_PRACTICE,
        RefusalCode.ACTIVATION_UNKNOWN,
        RefusalCode.EMAILS_DIFFER,
        RefusalCode.DIRECT_DEBIT_MISSING,
        RefusalCode.UNKNOWN_CLIENT,
        RefusalCode.INVITATION_PENDING,
        RefusalCode.ACTOR_NOT_ALLOWED,
    ):
        assert code.value in played.output
    for text in ("New Client Invitation", "mailto:", "80 already there", "no longer has access"):
        assert text in played.output


def test_every_step_shows_its_call(played: Played) -> None:
    """Together they give every command of rules §8 but one."""
    output = played.output
    steps = re.findall(r"^(?:Practice|Client|Platform)  .*\n(?: {10}.*\n)*", output, re.MULTILINE)
    assert len(steps) > 100
    for step in steps:
        assert re.search(r"^ {10}[a-z_]+(\.[a-z_]+)?\(.*\)$", step, re.MULTILINE), step
    called = set(re.findall(r"\b([A-Z][A-Za-z]+)\(…\)", output))
    known = {command.__name__ for command in COMMANDS.values()}
    assert called <= known
    # `import_clients` gives ImportClient, and a redeemed link is Activate.
    assert known - called == {"ImportClient", "Activate", "WithdrawPracticeInvitation"}


def test_two_refusals_of_an_opened_client_are_shown_whole(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """§10.3: why a command is not offered, and what helps."""
    main(["--only", "3"])
    output = capsys.readouterr().out
    for command, code in (
        ("Choose payer", "payer_locked"),
        ("Withdraw access", "not_in_this_stat"),
    ):
        assert re.search(rf"✗ {command}: {code}\w*, rule \S+\n +\w.*\.\n +→ .*\.\n", output)


def test_a_placeholder_is_seen_and_its_client_is_found_by_a_part_of_its_name(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """§10.14, E2, C2: the placeholder itself is not searched."""
    main(["--only", "14"])
    output = capsys.readouterr().out
    assert re.search(r"\b[0-9a-f]{32}@placeholder\.invalid", output)
    nobody, found = re.findall(r"Active Clients with “(?:invalid|fernle)”\n.*\n(.*)\n", output)
    assert nobody.strip() == "│  nobody"
    assert found.split("  ")[2] == "Fernleigh Allotment Society"


@pytest.mark.parametrize("number", range(1, len(SCENES) + 1))
def test_one_scene_can_be_played_with_what_it_needs(
    capsys: pytest.CaptureFixture[str], number: int
) -> None:
    """The scenes before it that it needs are played, but not shown."""
    assert main(["--only", str(number)]) == 0
    output = capsys.readouterr().out
    assert re.findall(r"^(\d+)  \S", output, flags=re.MULTILINE) == [str(number)]


@pytest.mark.parametrize("number", [2, 20, 21])
def test_one_scene_can_be_played_again_on_the_same_database(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], number: int
) -> None:
    """E1: a scene that imports nobody, too, leaves the practice a client to be recognised by."""
    arguments = ["--only", str(number), "--database", url_of(tmp_path / "tour.db")]
    assert main(arguments) == main(arguments) == 0
    assert "This is run 2" in capsys.readouterr().out


def test_a_terminal_pauses_between_scenes_unless_asked_not_to() -> None:
    """Enter shows the next scene; there is no pause before the first and after the last."""
    assert played_on_a_terminal().count(PROMPT) == len(SCENES) - 1
    assert played_on_a_terminal("--no-pause").count(PROMPT) == 0


def played_on_a_terminal(*arguments: str) -> str:
    terminal, its_end = pty.openpty()
    os.write(terminal, b"\n" * len(SCENES))
    with subprocess.Popen(
        [sys.executable, "-m", "examples.tour", *arguments],
        cwd=ROOT,
        env={**os.environ, "COLUMNS": "100"},
        stdin=its_end,
        stdout=its_end,
    ) as tour:
        os.close(its_end)
        output = bytearray()
        try:
            while block := os.read(terminal, 1 << 16):
                output += block
        except OSError:  # Linux reports the end of a terminal as an error
            pass
    os.close(terminal)
    assert tour.returncode == 0
    return output.decode()


def test_a_second_run_on_the_same_database_says_so_and_changes_no_client(
    played: Played, database: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """E1: every run needs addresses of its own."""
    assert "This is run" not in played.output
    question = "SELECT id, data FROM client_access_client ORDER BY id"
    with closing(sqlite3.connect(database)) as connection:
        before = dict(connection.execute(question))
    for number in (2, 3):
        assert main(["--database", url_of(database)]) == 0
        output = " ".join(capsys.readouterr().out.split())
        assert f"This is run {number} on this database." in output
        assert f"your-practice-{number}" in output
        assert replayed(output) == (88 * number, 88 * number)
    with closing(sqlite3.connect(database)) as connection:
        after = dict(connection.execute(question))
    assert before.items() <= after.items()


@pytest.mark.parametrize(
    ("statement", "problem"),
    [
        (
            "UPDATE client_access_client SET data = replace(data, 'Copper Kettle', 'Brass Kettle')",
            "differs from its history",
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
    database: Path, capsys: pytest.CaptureFixture[str], statement: str, problem: str
) -> None:
    """The exit status is 1, and all other clients are still compared."""
    with sqlite3.connect(database) as connection:
        connection.execute(statement)
    connection.close()
    assert main(["--database", url_of(database)]) == 1
    output = " ".join(capsys.readouterr().out.split())
    assert problem in output
    assert replayed(output) == (175, 176)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("business_name\n", "The file has no rows."),
        ("business_name,email\nOnly,only@example.com\n", "1 row: 1 added."),
        ("business_name,kind\n" + ",robot\n" * 6, "… and 7 more."),
        ("name\nA\n", "The column business_name is missing"),
    ],
)
def test_it_runs_with_any_file_of_clients(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str, expected: str
) -> None:
    """If the file has too few clients for a procedure, stand-ins are imported."""
    file = tmp_path / "own.csv"
    file.write_text(content)
    assert main(["--clients", str(file)]) == 0
    output = capsys.readouterr().out
    same, all_of_them = replayed(output)
    assert same == all_of_them
    assert expected in output
    assert str(file) in output.replace("\n", "").replace(" ", "")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("--clients {dir}/none.csv", "There is no file {dir}/none.csv.\n"),
        ("--database sqlite:////none/none.db", "The database sqlite:////none/none.db cannot be"),
    ],
)
def test_a_missing_file_or_database_is_reported(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: str, message: str
) -> None:
    """In one sentence, with exit status 2."""
    assert main(arguments.format(dir=tmp_path).split()) == 2
    error = capsys.readouterr().err
    assert error.startswith(message.format(dir=tmp_path))
    assert error.count("\n") == 1


def test_a_file_that_cannot_be_read_is_reported(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """By its name, if that is known."""
    assert main(["--clients", "/proc/self/mem"]) == 2
    assert capsys.readouterr().err == "Reading or writing failed: Input/output error.\n"

    file = tmp_path / "own.csv"
    file.touch()

    def forbidden(path: Path, *_: object) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "open", forbidden)
    assert main(["--clients", str(file)]) == 2
    assert capsys.readouterr().err == f"Reading or writing {file} failed: Permission denied.\n"


def test_a_terminal_gets_colours_unless_it_wants_none() -> None:
    """NO_COLOR is respected."""
    environment = {**os.environ, "FORCE_COLOR": "1", "TERM": "xterm-256color"}
    colour = run_scene(1, environment)
    assert "\x1b[36mPractice" in colour
    none = run_scene(1, {**environment, "NO_COLOR": "1"})
    assert "\x1b[36m" not in none
    assert not re.findall(r"\x1b\[(?:\d+;)*3[0-9]m", none)


def test_a_stream_that_lacks_a_character_gets_a_question_mark() -> None:
    """Better than a traceback."""
    environment = {**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    environment.pop("FORCE_COLOR", None)
    assert "Caf? ?b?ne" in run_scene(13, environment)


def run_scene(number: int, environment: dict[str, str]) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "examples.tour", "--only", str(number)],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        check=True,
        encoding="utf-8",
    )
    return done.stdout


def test_an_unexpected_refusal_is_reported(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """E1: another practice's client has an address of the tour."""
    url = url_of(tmp_path / "tour.db")
    with SqlRepository.open(url) as repository:
        ClientAccess(repository, catalogue=CATALOGUE).handle(
            AddClient(
                UUID(int=1),
                PracticeUser("other"),
                business_name="A",
                email="press@pomegranate-prnt.example.com",
            )
        )
    assert main(["--database", url]) == 2
    assert capsys.readouterr().err.startswith("This email address is in use already")


# ── The tour checks the answers that it shows ─────────────────────────────────────────────────────


@pytest.fixture
def stage(sqlite: str) -> Iterator[Stage]:
    with SqlRepository.open(sqlite) as repository:
        yield Stage(repository, screen=TourScreen(io.StringIO()), file=Path(), run=1)


def test_it_fails_if_a_command_is_not_refused(stage: Stage) -> None:
    """A scene that expects a refusal."""
    delete = DeleteClient(stage.pick(with_address=False).id, stage.practice)
    with pytest.raises(Failure, match="DeleteClient was accepted"):
        stage.refuse("deletes it.", delete, RefusalCode.EMAIL_TAKEN)


def test_it_fails_if_a_command_is_refused_for_another_reason(stage: Stage) -> None:
    """A scene that expects a certain refusal."""
    enable = EnableAccess(stage.pick(with_address=False).id, stage.practice)
    with pytest.raises(Failure, match="email_taken was expected, not not_in_this_status"):
        stage.refuse("enables it.", enable, RefusalCode.EMAIL_TAKEN)


def test_it_fails_if_nothing_changes(stage: Stage) -> None:
    """A scene that expects a change."""
    client = stage.pick(with_address=True)
    same = ChangeEmail(client.id, stage.practice, email=client.email)
    with pytest.raises(Failure, match="ChangeEmail changed nothing"):
        stage.ask("keeps its address.", same)


def test_a_screen_prints_no_control_characters() -> None:
    """Names come from a file or a database that somebody else wrote."""
    output, text = io.StringIO(), "[red]\x1b[31m\x9b1m\u202e[/red]"
    screen = TourScreen(output)
    screen.asked(text, text, text)
    screen.accepted(text)
    screen.sent(text, text)
    screen.excerpt(text, text, [(text, text)])
    assert not set(output.getvalue()) & set("\x1b\x9b\u202e")
    assert output.getvalue().count("[red]") == 10


def test_a_corrupt_id_is_reported(database: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """In one sentence, with exit status 2."""
    with closing(sqlite3.connect(database)) as connection:
        connection.execute(
            "UPDATE client_access_client SET id = 'zz'"
            " WHERE id = (SELECT min(id) FROM client_access_client)"
        )
        connection.commit()
    assert main(["--database", url_of(database)]) == 2
    error = capsys.readouterr().err
    assert error.startswith("A stored record cannot be read: ")
    assert error.count("\n") == 1
