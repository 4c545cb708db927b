"""Whatever takes the output, or does not: no traceback, nothing by halves, no commands to it."""

from __future__ import annotations

import io
import json
import os
import signal
import sqlite3
import subprocess
import sys
import tomllib
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

import client_access.cli
from client_access import AddClient, ClientAccess, PracticeUser
from client_access.cli import main
from client_access.cli.arguments import print_json
from client_access.cli.catalogues import EXAMPLE
from client_access.cli.output import complain, harmless
from client_access.cli.screen import Screen
from client_access.sql import SqlRepository

ROOT = Path(__file__).parents[2]
FAILED, BROKEN_OFF, ENOUGH = 2, 130, 141
NAME = "École 中"
NORTH = PracticeUser("north")
ENVIRONMENT = {**os.environ, "PYTHONUTF8": "0", "PYTHONUNBUFFERED": ""}
"""Output is buffered, as usual, so that some of it fails at the very end only."""
HOSTILE = "\x1b]0;owned\x07\x1b[31mred\x9b1m\u202e"


@pytest.fixture
def database(tmp_path: Path) -> str:
    """A database with one client, whose name is not ASCII."""
    url = f"sqlite:///{tmp_path / 'clients.db'}"
    with SqlRepository.open(url) as repository:
        access = ClientAccess(repository, catalogue=EXAMPLE)
        access.handle(AddClient(uuid4(), NORTH, business_name=NAME))
    return url


def run(
    arguments: Sequence[object], *, shell: str = "", **variables: str
) -> subprocess.CompletedProcess[bytes]:
    """Run the command line in a process of its own, in a shell that does more with its output."""
    command = ["sh", "-c", f'"$@" {shell}', "sh", sys.executable, "-m", "client_access"]
    return subprocess.run(
        [*command, *map(str, arguments)],
        env={**ENVIRONMENT, **variables},
        capture_output=True,
        check=False,
    )


def listing(database: str, *more: str) -> list[str]:
    return ["list", "--database", database, "--practice", "north", *more]


# ── Whatever takes it ────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_a_stream_that_lacks_characters_gets_all_of_the_json(database: str, encoding: str) -> None:
    """JSON is ASCII, whatever the stream can take."""
    done = run(listing(database, "--json"), PYTHONIOENCODING=encoding)
    assert (done.returncode, done.stderr) == (0, b"")
    assert [row["business_name"] for row in json.loads(done.stdout)] == [NAME]


def test_a_stream_that_lacks_characters_gets_others_for_them(database: str) -> None:
    """People get a question mark for what their terminal lacks."""
    done = run(listing(database), PYTHONIOENCODING="ascii")
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"?cole ?" in done.stdout


@pytest.mark.parametrize("unbuffered", ["", "1"], ids=["buffered", "unbuffered"])
@pytest.mark.parametrize("command", ["list", "list --json", "list --help", "template", "--help"])
def test_a_full_disk_is_told_in_one_sentence(database: str, command: str, unbuffered: str) -> None:
    """What cannot be printed is told, and once only, whether at once or at the very end."""
    arguments = [command] if "list" not in command else listing(database, *command.split()[1:])
    done = run(arguments, shell=">/dev/full", PYTHONUNBUFFERED=unbuffered)
    assert done.stderr == b"Reading or writing failed: No space left on device.\n"
    assert done.returncode == FAILED


@pytest.mark.parametrize("command", ["list", "list --json", "template", "--help"])
def test_a_closed_standard_output_is_told_in_one_sentence(database: str, command: str) -> None:
    """Nothing is done at all then."""
    arguments = [command] if "list" not in command else listing(database, *command.split()[1:])
    done = run(arguments, shell=">&-")
    assert (done.returncode, done.stderr) == (
        FAILED,
        b"There is no standard output to print to.\n",
    )


def test_a_closed_standard_error_ends_nothing(database: str) -> None:
    """Nor does a full one: there is nobody to be told, and the status tells."""
    for shell in ("2>&-", "2>/dev/full"):
        done = run(["show", "nonsense", "--database", database], shell=shell)
        assert (done.returncode, done.stdout) == (FAILED, b"")


@pytest.mark.parametrize("unbuffered", ["", "1"], ids=["buffered", "unbuffered"])
@pytest.mark.parametrize("command", ["list", "list --json", "template", "--help"])
def test_a_reader_that_has_enough_ends_it_quietly_and_alike(
    database: str, command: str, unbuffered: str
) -> None:
    """The status is the one that a shell gives for any program that SIGPIPE stops."""
    arguments = [command] if "list" not in command else listing(database, *command.split()[1:])
    process = subprocess.Popen(
        [sys.executable, "-m", "client_access", *arguments],
        env={**ENVIRONMENT, "PYTHONUNBUFFERED": unbuffered},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    with process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == ENOUGH


def test_half_of_a_json_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that is nearly full takes a part of a text, and says so with the next one only."""

    class NearlyFull(io.RawIOBase):
        room = 40

        def writable(self) -> bool:
            return True

        def write(self, content: Any) -> int:
            if not self.room:
                raise OSError(28, "No space left on device")
            taken = min(self.room, len(content))
            self.room -= taken
            return taken

    unbuffered = io.TextIOWrapper(NearlyFull(), write_through=True)  # type: ignore[type-var]  # as python -u does
    monkeypatch.setattr(sys, "stdout", unbuffered)
    with pytest.raises(OSError, match="No space left"):
        print_json(["one of many"] * 100)


# ── Being broken off ─────────────────────────────────────────────────────────────────────────────


def test_breaking_off_while_it_is_loaded_is_told_as_later(tmp_path: Path) -> None:
    """Loading takes a while, in which somebody may press Ctrl-C too."""
    (tmp_path / "rich").mkdir()
    (tmp_path / "rich" / "__init__.py").write_text(
        f"import os, signal; os.kill(os.getpid(), signal.{signal.SIGINT.name})"
    )
    done = run(["list"], PYTHONPATH=str(tmp_path))
    assert (done.returncode, done.stdout, done.stderr) == (BROKEN_OFF, b"", b"Broken off.\n")


def test_everything_that_the_extra_brings_is_looked_for() -> None:
    """So that whatever is missing is told in a sentence; each is imported by its own name."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras: dict[str, list[str]] = project["optional-dependencies"]
    needed = extras["sql"] + extras["links"] + extras["templates"]
    (own, rich) = extras["cli"]
    assert own == "client-access[sql,links,templates]"
    names = {requirement.partition(">")[0].lower() for requirement in [*needed, rich]}
    assert set(client_access.cli._NEEDED) == names


# ── What comes from files and databases ──────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("École 中 👩‍🌾", "École 中 👩‍🌾"),
        ("two\nlines\tand a tab", "two\nlines\tand a tab"),
        ("\x1b[31mred\x7f", "�[31mred�"),
        ("\x9b1m", "�1m"),
        ("\u202egnp.exe", "�gnp.exe"),
        ("\u2028", "�"),
        ("\udcff", "�"),
    ],
)
def test_text_that_commands_a_terminal_is_made_harmless(text: str, shown: str) -> None:
    """And nothing else is changed, nor any length."""
    assert harmless(text) == shown


def test_a_screen_prints_no_commands_and_no_markup_wherever_a_text_stands() -> None:
    """Names, headers and paths come from files and databases."""
    stream = io.StringIO()
    screen = Screen(stream)
    text = f"[red]{HOSTILE}[/red]"
    screen.heading(text)
    screen.paragraph(text)
    screen.line(text, label=text, mark=text)
    screen.sent(text, text)
    screen.problem(text)
    screen.verdict(text, good=True)
    screen.facts([(text, text)])
    screen.table(("", ""), [(text, text)])
    screen.named(text, text, text)
    screen.excerpt(text, [(text, text)])
    printed = stream.getvalue()
    assert not set(printed) & set("\x1b\x07\x9b\u202e")
    assert printed.count("[red]") > 10


def test_a_header_commands_no_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A column that is not read is named, harmlessly and on one line."""
    monkeypatch.setenv("COLUMNS", "80")
    file = tmp_path / "hostile.csv"
    file.write_text(f'business_name,"{HOSTILE}\n✓ 9 rows: 9 added."\n,x\n', encoding="utf-8")
    main(["import", str(file), "--database", f"sqlite:///{tmp_path / 'n.db'}", "--practice", "n"])
    output = capsys.readouterr().out
    assert not set(output) & set("\x1b\x07\x9b\u202e")
    assert "Columns not read: �]0;owned��[31mred�1m� ✓ 9 rows: 9 added.." in output


def test_json_commands_no_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It is often read on one."""
    file = tmp_path / "hostile.csv"
    file.write_text(f"business_name,{HOSTILE}\nA,x\n", encoding="utf-8")
    url = f"sqlite:///{tmp_path / 'n.db'}"
    main(["import", str(file), "--database", url, "--practice", "n", "--json"])
    output = capsys.readouterr().out
    assert output.replace("\n", "").isascii()
    assert output.replace("\n", "").isprintable()
    assert json.loads(output)["ignored_columns"] == [HOSTILE]


def test_what_goes_wrong_is_told_harmlessly_and_on_one_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """It may name what somebody else has named."""
    complain(f"The file {HOSTILE}\n cannot be read.")
    error = capsys.readouterr().err
    assert error == "The file �]0;owned��[31mred�1m�  cannot be read.\n"


def test_a_bad_id_in_a_database_ends_the_tour_in_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever is stored: a row that cannot be read is told as such."""
    database = tmp_path / "tour.db"
    assert main(["--database", f"sqlite:///{database}"]) == 0
    with closing(sqlite3.connect(database)) as connection:
        connection.execute(
            "UPDATE client_access_client SET id = 'zz'"
            " WHERE id = (SELECT min(id) FROM client_access_client)"
        )
        connection.commit()
    capsys.readouterr()
    assert main(["--database", f"sqlite:///{database}"]) == FAILED
    error = capsys.readouterr().err
    assert error.startswith("A stored record cannot be read: ")
    assert error.count("\n") == 1
