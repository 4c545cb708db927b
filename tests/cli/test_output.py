"""Whatever reads the output: no traceback, nothing incomplete, nothing that controls a terminal."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from client_access import AddClient, ClientAccess, PracticeUser
from client_access.cli import main
from client_access.cli.arguments import EXAMPLE
from client_access.cli.ending import complain, harmless
from client_access.cli.screen import Screen, print_json
from client_access.sql import SqlRepository

ROOT = Path(__file__).parents[2]
FAILED, INTERRUPTED, PIPE_CLOSED = 2, 130, 141
NAME = "École 中"
NORTH = PracticeUser("north")
ENVIRONMENT = {**os.environ, "PYTHONUTF8": "0", "PYTHONUNBUFFERED": ""}
"""Output is buffered, as usual, so that some of it fails only at the very end."""
HOSTILE = "\x1b]0;owned\x07\x1b[31mred\x9b1m\u202e"


@pytest.fixture
def database(tmp_path: Path) -> str:
    """A database with one client, with a name that is not ASCII."""
    url = f"sqlite:///{tmp_path / 'clients.db'}"
    with SqlRepository.open(url) as repository:
        access = ClientAccess(repository, catalogue=EXAMPLE)
        access.handle(AddClient(uuid4(), NORTH, business_name=NAME))
    return url


def run(
    arguments: Sequence[object], *, shell: str = "", **variables: str
) -> subprocess.CompletedProcess[bytes]:
    """Run the command line in its own process, in a shell that redirects its output."""
    command = ["sh", "-c", f'"$@" {shell}', "sh", sys.executable, "-m", "client_access"]
    return subprocess.run(
        [*command, *map(str, arguments)],
        env={**ENVIRONMENT, **variables},
        capture_output=True,
        check=False,
    )


def listing(database: str, *more: str) -> list[str]:
    return ["list", "--database", database, "--practice", "north", *more]


# ── Whatever reads the output ─────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_a_stream_that_lacks_characters_gets_all_of_the_json(database: str, encoding: str) -> None:
    """JSON is ASCII, which every stream can write."""
    done = run(listing(database, "--json"), PYTHONIOENCODING=encoding)
    assert (done.returncode, done.stderr) == (0, b"")
    assert [row["business_name"] for row in json.loads(done.stdout)] == [NAME]


def test_a_stream_that_lacks_characters_gets_question_marks(database: str) -> None:
    """Better than a traceback."""
    done = run(listing(database), PYTHONIOENCODING="ascii")
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"?cole ?" in done.stdout


@pytest.mark.parametrize("unbuffered", ["", "1"], ids=["buffered", "unbuffered"])
@pytest.mark.parametrize("command", ["list", "list --json", "list --help", "template", "--help"])
def test_a_full_disk_is_reported_in_one_sentence(
    database: str, command: str, unbuffered: str
) -> None:
    """Once only, whether it happens at once or at the very end."""
    arguments = [command] if "list" not in command else listing(database, *command.split()[1:])
    done = run(arguments, shell=">/dev/full", PYTHONUNBUFFERED=unbuffered)
    assert done.stderr == b"Reading or writing failed: No space left on device.\n"
    assert done.returncode == FAILED


@pytest.mark.parametrize("command", ["list", "list --json", "template", "--help"])
def test_a_closed_standard_output_is_reported_in_one_sentence(database: str, command: str) -> None:
    """Nothing else is done then."""
    arguments = [command] if "list" not in command else listing(database, *command.split()[1:])
    done = run(arguments, shell=">&-")
    assert (done.returncode, done.stderr) == (
        FAILED,
        b"There is no standard output to print to.\n",
    )


def test_a_closed_or_full_standard_error_changes_nothing(database: str) -> None:
    """The exit status still says that it failed."""
    for shell in ("2>&-", "2>/dev/full"):
        done = run(["show", "nonsense", "--database", database], shell=shell)
        assert (done.returncode, done.stdout) == (FAILED, b"")


@pytest.mark.parametrize("unbuffered", ["", "1"], ids=["buffered", "unbuffered"])
@pytest.mark.parametrize("command", ["list", "list --json", "template", "--help"])
def test_a_reader_that_closes_the_pipe_ends_it_quietly(
    database: str, command: str, unbuffered: str
) -> None:
    """The exit status is the one that a shell gives for a program that SIGPIPE stops."""
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
    assert process.returncode == PIPE_CLOSED


def test_an_incomplete_json_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that is nearly full takes a part of a text, and fails only at the next one."""

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


# ── Interruption and missing packages ─────────────────────────────────────────────────────────────


def test_an_interruption_while_modules_are_loaded_is_reported(tmp_path: Path) -> None:
    """Loading takes a while, and somebody may press Ctrl-C during it."""
    (tmp_path / "rich").mkdir()
    (tmp_path / "rich" / "__init__.py").write_text(
        "import os, signal\n"
        # A shell starts what it runs in the background with the signal ignored.
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "os.kill(os.getpid(), signal.SIGINT)\n"
    )
    done = run(["list"], PYTHONPATH=str(tmp_path))
    assert (done.returncode, done.stdout, done.stderr) == (INTERRUPTED, b"", b"Interrupted.\n")


# ── Text from files and databases ─────────────────────────────────────────────────────────────────


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
def test_text_that_controls_a_terminal_is_made_harmless(text: str, shown: str) -> None:
    """Each control character is replaced by one character; the rest is unchanged."""
    assert harmless(text) == shown


def test_a_screen_prints_markup_as_text_and_no_control_characters() -> None:
    """Names, headers and paths come from files and databases."""
    stream = io.StringIO()
    screen = Screen(stream)
    text = f"[red]{HOSTILE}[/red]"
    screen.heading(text)
    screen.paragraph(text)
    screen.line(text, mark=text)
    screen.problem(text)
    screen.verdict(text, good=True)
    screen.facts([(text, text)], indent=0)
    screen.table(("", ""), [(text, text)])
    screen.named(text, text, text)
    printed = stream.getvalue()
    assert not set(printed) & set("\x1b\x07\x9b\u202e")
    assert printed.count("[red]") > 10


def test_a_header_does_not_control_the_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The name of a column that is not read is shown on one line."""
    monkeypatch.setenv("COLUMNS", "80")
    file = tmp_path / "hostile.csv"
    file.write_text(f'business_name,"{HOSTILE}\n✓ 9 rows: 9 added."\n,x\n', encoding="utf-8")
    main(["import", str(file), "--database", f"sqlite:///{tmp_path / 'n.db'}", "--practice", "n"])
    output = capsys.readouterr().out
    assert not set(output) & set("\x1b\x07\x9b\u202e")
    assert "Columns not read: �]0;owned��[31mred�1m� ✓ 9 rows: 9 added.." in output


def test_json_does_not_control_the_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is often printed on one."""
    file = tmp_path / "hostile.csv"
    file.write_text(f"business_name,{HOSTILE}\nA,x\n", encoding="utf-8")
    url = f"sqlite:///{tmp_path / 'n.db'}"
    main(["import", str(file), "--database", url, "--practice", "n", "--json"])
    output = capsys.readouterr().out
    assert output.replace("\n", "").isascii()
    assert output.replace("\n", "").isprintable()
    assert json.loads(output)["ignored_columns"] == [HOSTILE]


def test_a_message_is_harmless_and_on_one_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """It may contain names that somebody else chose."""
    complain(f"The file {HOSTILE}\n cannot be read.")
    error = capsys.readouterr().err
    assert error == "The file �]0;owned��[31mred�1m�  cannot be read.\n"
