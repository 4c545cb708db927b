"""Each command of the command line: what it prints for people and for programs."""

from __future__ import annotations

import csv
import json
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy

from client_access import (
    AddClient,
    ClientAccess,
    ClientUser,
    CloseClient,
    ContactDetails,
    DeleteClient,
    InvitePractice,
    Payer,
    PlatformUser,
    PracticeUser,
    RegisterCustomer,
    RepositoryError,
    ServiceSetup,
    SignIn,
    StopManaging,
    Subscribe,
    VatScheme,
)
from client_access.batch import COLUMNS
from client_access.cli import main, showing
from client_access.cli.arguments import EXAMPLE
from client_access.cli.stores import file_of
from client_access.commands import COMMANDS
from client_access.sql import SqlRepository

NORTH = PracticeUser("north", "nora")
VAT = ServiceSetup(VatScheme.CASH)
PAID, ALONE, WAITING, FREE, CUSTOMER, LEFT, GONE = (UUID(int=number) for number in range(1, 8))

Run = Callable[..., tuple[int, str, str]]

_OLDER = sqlalchemy.__version__.startswith("2.0.")
# SQLAlchemy 2.0 does not decode the name of a database; SQLite itself then does, once.
_PERCENT = "%" if _OLDER else "%25"
_SAYS_WHY = pytest.mark.skipif(
    _OLDER, reason="SQLAlchemy 2.0 ignores such a part of a URL, or fails later, and says less"
)


@pytest.fixture(autouse=True)
def _eighty_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    def run_it(*arguments: object) -> tuple[int, str, str]:
        status = main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return run_it


@pytest.fixture
def database(tmp_path: Path) -> str:
    """A practice with clients in several statuses."""
    url = f"sqlite:///{tmp_path / 'clients.db'}"
    with SqlRepository.open(url) as repository:
        access = ClientAccess(repository, catalogue=EXAMPLE)

        def add(client_id: UUID, name: str, **options: Any) -> None:
            access.handle(AddClient(client_id, NORTH, business_name=name, **options))

        def subscribe(client_id: UUID, sign_in: SignIn, **services: ServiceSetup | None) -> None:
            access.handle(
                Subscribe(
                    client_id, NORTH, payer=Payer.PRACTICE, sign_in=sign_in, services=services
                )
            )

        contact = ContactDetails("Ann", "020", "1 Road\nTown")
        add(PAID, "[bold]Äpple[/bold] :smile:", contact=contact)
        subscribe(PAID, SignIn.PRACTICE_ONLY, payroll=None, accounting=VAT)
        add(WAITING, "Birch", email="birch@example.com")
        subscribe(WAITING, SignIn.PRACTICE_AND_CLIENT, start=VAT)
        add(FREE, "Cedar")
        for client_id, name in ((CUSTOMER, "Damson"), (LEFT, "Elder")):
            access.handle(
                RegisterCustomer(
                    client_id,
                    PlatformUser(),
                    business_name=name,
                    email=f"{name}@example.com",
                    services={"payroll": None},
                )
            )
        access.handle(InvitePractice(CUSTOMER, ClientUser(CUSTOMER), practice_id="north"))
        add(GONE, "Fir")
        access.handle(DeleteClient(GONE, NORTH))
    return url


@pytest.fixture
def catalogue(tmp_path: Path) -> Path:
    file = tmp_path / "catalogue.json"
    services = [
        {"code": "payroll", "name": "Lönen", "monthly_price": 1.105},
        {"code": "accounting", "name": "Boeken", "monthly_price": "1000", "needs_setup": True},
        {
            "code": "start",
            "name": "Begin",
            "monthly_price": 2,
            "offered": False,
            "capabilities": ["run_reports"],
        },
    ]
    file.write_text(json.dumps({"currency": "EUR", "services": services}))
    return file


# ── template and import ──────────────────────────────────────────────────────────────────────────


def test_the_template_is_filled_in_and_imported_once(run: Run, tmp_path: Path) -> None:
    """An empty template adds nobody, and a file that is imported twice adds nobody twice."""
    file = tmp_path / "template.csv"
    assert run("template", file) == (0, "", "")
    assert file.read_text("utf-8-sig") == ",".join(COLUMNS) + "\n"
    arguments = ("--database", f"sqlite:///{tmp_path / 'new.db'}", "--practice", "north")
    status, output, _ = run("import", file, *arguments)
    assert (status, output.strip()) == (0, "✓ The file has no rows.")
    with file.open("a") as filled_in:
        filled_in.write("1001,business,Example Bakery,bakery@example.com,practice,,,\r\n")
    for expected in ("✓ 1 row: 1 added.", "✓ 1 row: 1 already there."):
        status, output, _ = run("import", file, *arguments)
        assert (status, output.strip()) == (0, expected)


def test_the_template_goes_to_standard_output_and_overwrites_no_file(
    run: Run, tmp_path: Path
) -> None:
    """A template that somebody has filled in is not lost."""
    file = tmp_path / "template.csv"
    run("template", file)
    done = subprocess.run(
        [sys.executable, "-m", "client_access", "template"], capture_output=True, check=True
    )
    assert done.stdout == file.read_bytes()
    status, _, error = run("template", file)
    assert (status, error) == (2, f"The file {file} cannot be written: File exists.\n")


BAD = "business_name,email,Notes\nA,a@example.com,=1\nB,A@example.com,\n,bad,x\n" + '"open'


def test_a_row_that_is_left_out_is_reported_and_written_for_correction(
    run: Run, tmp_path: Path
) -> None:
    """The file of left out rows can be corrected and imported."""
    file, left_out = tmp_path / "bad.csv", tmp_path / "left.csv"
    url = f"sqlite:///{tmp_path / 'new.db'}"
    file.write_text(BAD)
    arguments = ("--database", url, "--practice", "north", "--left-out", left_out)
    status, output, _ = run("import", file, *arguments)
    assert status == 1
    assert "✗ 4 rows: 1 added and 3 left out." in output
    assert "Columns not read: Notes." in output
    assert "Row 3, email: The address is that of row 2 too" in output
    assert str(left_out) in output.replace("\n", "").replace(" ", "")

    assert "with a different one for --left-out" in " ".join(output.split())

    corrected = left_out.read_text("utf-8-sig").replace("A@example", "b@example")
    left_out.write_text(corrected.replace(",bad,", "C,,"))
    again = tmp_path / "left-again.csv"
    status, output, _ = run("import", left_out, *arguments[:-1], again)
    assert "✗ 3 rows: 2 added and 1 left out." in output
    header, *rows = again.read_text("utf-8-sig").splitlines()
    assert header == "problems,business_name,email,Notes"
    assert len(rows) == 1


def test_a_row_that_is_left_out_is_written_cell_by_cell_as_it_is(run: Run, tmp_path: Path) -> None:
    """Nothing is lost: neither a second column of the same name nor a cell beyond the header."""
    file, left_out = tmp_path / "bad.csv", tmp_path / "left.csv"
    file.write_text(
        "business_name,email,notes,notes\nX,nope,first,second\nY,y@example.com,,,one more\nZ\n"
    )
    url = f"sqlite:///{tmp_path / 'new.db'}"
    run("import", file, "--database", url, "--practice", "north", "--left-out", left_out)
    with left_out.open(encoding="utf-8-sig", newline="") as written:
        header, *rows = csv.reader(written)
    assert header == ["problems", "business_name", "email", "notes", "notes"]
    assert [cells for _, *cells in rows] == [
        ["X", "nope", "first", "second"],
        ["Y", "y@example.com", "", "", "one more"],
        ["Z"],
    ]
    assert [why.partition(":")[0] for why, *_ in rows] == ["Row 2, email", "Row 3", "Row 4"]


@pytest.mark.parametrize(
    ("first", "second", "corrected"),
    [
        (",Smith,,", ",Smith,,", ",Smith,other@example.com,"),
        (",Smith,,", ",Smith,,", "2,Smith,,"),
        (",Smith,s@example.com,", ",Jones,S@example.com,", ",Jones,j@example.com,"),
        # The bad payer was reported, but not that the row may be a duplicate.
        (",Smith,,", ",Smith,,bank", ",Smith,other@example.com,"),
    ],
)
def test_a_row_that_was_left_out_is_not_mistaken_for_an_existing_client(
    run: Run, tmp_path: Path, first: str, second: str, corrected: str
) -> None:
    """However often it is imported unchanged: it may be another client with the same name.

    Once corrected it is imported, whether or not its problems are removed from the file.
    """
    file, left_out, again = (tmp_path / f"{name}.csv" for name in ("all", "left", "again"))
    file.write_text(f"reference,business_name,email,payer\n{first}\n{second}\n")
    arguments = ("--database", f"sqlite:///{tmp_path / 'new.db'}", "--practice", "north")
    assert run("import", file, *arguments, "--left-out", left_out)[0] == 1
    # Clients are not recognised by their payer.
    left_out.write_text(left_out.read_text("utf-8-sig").replace(",bank", ","))
    status, output, _ = run("import", left_out, *arguments, "--left-out", again)
    assert status == 1
    assert "✗ 1 row: 1 left out." in output
    assert "Columns not read" not in output
    problem = "Row 2: The row was left out before, and a client with its reference, address or name"
    assert problem in " ".join(output.split())
    header, row = again.read_text("utf-8-sig").splitlines()
    assert header == "problems,reference,business_name,email,payer"
    assert row.endswith(second.replace(",bank", ","))
    report = json.loads(run("import", again, *arguments, "--json")[1])
    assert (report["left_out"], report["ignored_columns"]) == (1, [])
    assert [problem["code"] for problem in report["problems"]] == ["same_client"]

    emptied = f"{header}\n,{second.replace(',bank', ',')}\n"
    again.write_text(emptied)
    assert "1 row: 1 already there." in run("import", again, *arguments)[1]
    again.write_text(f"{header}\nwhatever it was,{corrected}\n")
    assert "1 row: 1 added." in run("import", again, *arguments)[1]


@pytest.mark.parametrize("other_name", ["itself", "relative", "symbolic link", "hard link"])
def test_a_file_is_not_emptied_while_it_is_imported(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, other_name: str
) -> None:
    """The rows that are left out never go to the imported file, under any of its names."""
    monkeypatch.chdir(tmp_path)
    file, left_out = tmp_path / "clients.csv", tmp_path / "left.csv"
    file.write_text(BAD)
    match other_name:
        case "itself":
            left_out = file
        case "relative":
            left_out = Path("clients.csv")
        case "symbolic link":
            left_out.symlink_to(file)
        case _:
            left_out.hardlink_to(file)
    arguments = ("--database", f"sqlite:///{tmp_path / 'new.db'}", "--practice", "north")
    status, output, error = run("import", file, *arguments, "--left-out", left_out)
    assert (status, output) == (2, "")
    assert error == (f"--left-out must be a different file: {left_out} is the file to import.\n")
    assert file.read_text() == BAD
    assert not (tmp_path / "new.db").exists()


@pytest.mark.parametrize("ending", ["", "-wal", "-shm", "-journal"])
@pytest.mark.parametrize(
    "name",
    [
        "clients.db",
        "{dir}/clients.db",
        "file:clients.db?uri=true",
        f"file:{{dir}}/cl{_PERCENT}69ents.db?uri=true",
    ],
)
@pytest.mark.parametrize("there", [True, False], ids=["existing", "created by the import"])
def test_a_database_is_not_overwritten_with_rows_that_are_left_out(
    run: Run,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    database: str,
    there: bool,
    name: str,
    ending: str,
) -> None:
    """Nor are SQLite's files beside it, under any of their names."""
    monkeypatch.chdir(tmp_path)
    clients, file = tmp_path / "clients.db", tmp_path / "bad.csv"
    file.write_text(BAD)
    if not there:
        clients.unlink()
    url = f"sqlite:///{name.format(dir=tmp_path)}"
    left_out = f"clients.db{ending}"
    status, output, error = run(
        "import", file, "--database", url, "--practice", "north", "--left-out", left_out
    )
    assert (status, output) == (2, "")
    what = "a file of the database" if ending else "the database"
    assert error == f"--left-out must be a different file: {left_out} is {what}.\n"
    assert run("list", "--practice", "north", "--database", database)[0] == 0
    assert run("show", PAID, "--database", database)[0] == (0 if there else 2)


def test_a_database_is_not_overwritten_through_a_link_to_it(
    run: Run, tmp_path: Path, database: str
) -> None:
    """A symbolic or a hard link is another name of the same file."""
    file, symbolic, hard = tmp_path / "bad.csv", tmp_path / "symbolic", tmp_path / "hard"
    file.write_text(BAD)
    symbolic.symlink_to(tmp_path / "clients.db")
    hard.hardlink_to(tmp_path / "clients.db")
    arguments = ("import", file, "--database", database, "--practice", "north", "--left-out")
    for left_out in (symbolic, hard):
        status, _, error = run(*arguments, left_out)
        assert status == 2
        assert error == f"--left-out must be a different file: {left_out} is the database.\n"
    assert run("show", PAID, "--database", database)[0] == 0


def test_a_database_is_found_by_a_uri_of_sqlite(run: Run, tmp_path: Path, database: str) -> None:
    """SQLite's own kind of URI can open a database read-only."""
    assert (tmp_path / "clients.db").exists()
    for mode in ("rw", "ro"):
        url = f"sqlite:///file:{tmp_path}/clients.db?uri=true&mode={mode}"
        assert run("show", PAID, "--database", url) == run("show", PAID, "--database", database)
    missing = f"sqlite:///file:{tmp_path}/none.db?uri=true"
    assert run("show", PAID, "--database", missing)[2].startswith("There is no database")


@pytest.mark.parametrize("name", ["", "/:memory:", "/file::memory:?uri=true"])
def test_a_database_in_memory_has_no_file_to_overwrite(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """--left-out accepts any file then."""
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "bad.csv"
    file.write_text(BAD)
    url = f"sqlite://{name}"
    arguments = ("--database", url, "--practice", "north", "--left-out", "clients.db")
    assert run("import", file, *arguments)[0] == 1
    assert Path("clients.db").read_text("utf-8-sig").startswith("problems,business_name")
    assert file_of("postgresql://h/d") is None


def test_an_earlier_file_of_left_out_rows_is_overwritten(
    run: Run, tmp_path: Path, database: str
) -> None:
    """It is not needed any more: the file that it came from is imported again."""
    file, left_out = tmp_path / "bad.csv", tmp_path / "left.csv"
    file.write_text(BAD)
    left_out.write_text("what was wrong before")
    arguments = ("--database", database, "--practice", "north", "--left-out", left_out)
    assert run("import", file, *arguments)[0] == 1
    assert left_out.read_text("utf-8-sig").startswith("problems,business_name")


def test_a_file_without_the_required_column_is_not_written_for_correction(
    run: Run, tmp_path: Path
) -> None:
    """Its rows were not read: the file itself has to be corrected."""
    file, left_out = tmp_path / "bad.csv", tmp_path / "left.csv"
    file.write_text("name,email\nA,a@example.com\n")
    arguments = ("--database", f"sqlite:///{tmp_path / 'new.db'}", "--practice", "north")
    status, output, _ = run("import", file, *arguments, "--left-out", left_out)
    assert status == 1
    assert "The column business_name is missing" in output
    assert "Correct the file and import it again." in output
    assert not left_out.exists()


def test_a_long_report_is_shortened_for_people_only(run: Run, tmp_path: Path) -> None:
    """--json has every problem."""
    file = tmp_path / "bad.csv"
    file.write_text("business_name,email\n" + ",a@example.com\n" * 30)
    arguments = (file, "--database", f"sqlite:///{tmp_path / 'new.db'}", "--practice", "north")
    status, output, _ = run("import", *arguments)
    assert status == 1
    assert "… and 39 more." in output
    assert "Correct the rows and import the file again" in output
    status, output, _ = run("import", *arguments, "--json")
    report = json.loads(output)
    assert status == 1
    assert (report["added"], report["already_there"], report["left_out"]) == (0, 0, 30)
    assert len(report["problems"]) == 59
    assert report["problems"][0] == {
        "row": 2,
        "column": "business_name",
        "code": "missing_value",
        "message": "The business name is missing.",
    }


def test_an_empty_file_is_reported(run: Run, tmp_path: Path) -> None:
    """A file without a header is a problem of row 1."""
    file = tmp_path / "empty.csv"
    file.touch()
    url = f"sqlite:///{tmp_path / 'new.db'}"
    status, output, _ = run("import", file, "--database", url, "--practice", "north")
    assert status == 1
    assert "Row 1: The file is empty." in output


# ── list ─────────────────────────────────────────────────────────────────────────────────────────


def test_list_shows_the_three_lists(run: Run, database: str) -> None:
    """C1: each client is in one list, with its label; markup in a name is shown as it is."""
    status, output, _ = run("list", "--database", database, "--practice", "north")
    assert status == 0
    for text in (
        "Active Clients",
        "[bold]Äpple[/bold] :smile:",
        "My company has access",
        "New Client Invitation",
        str(CUSTOMER),
        "Imported Clients",
        "nobody",
    ):
        assert text in output
    assert "\x1b" not in output


def test_list_by_list_and_search_and_limit(run: Run, database: str) -> None:
    """C2: the options narrow the lists, for people and for programs."""
    of = ("list", "--database", database, "--practice", "north")
    _, output, _ = run(*of, "--list", "inactive", "--search", "BIR")
    assert "Birch" in output
    assert "Cedar" not in output
    assert "Active Clients" not in output.replace("Inactive Clients", "")
    _, output, _ = run(*of, "--limit", "1")
    assert "… and more; --limit shows them." in output
    _, output, _ = run(*of, "--json", "--list", "inactive")
    rows = json.loads(output)
    assert [(row["business_name"], row["email"], row["label"]) for row in rows] == [
        ("Birch", "birch@example.com", "Awaiting Client Activation"),
        ("Cedar", None, "Inactive"),
        ("Damson", None, "New Client Invitation"),
    ]
    assert rows[0]["client_id"] == str(WAITING)
    _, output, _ = run(*of, "--json", "--limit", "1")
    assert [row["list"] for row in json.loads(output)] == ["active", "inactive"]


def test_list_has_the_closed_clients(run: Run, database: str) -> None:
    """C1: in a list of their own, without services and without an address (L9)."""
    with SqlRepository.open(database) as repository:
        ClientAccess(repository, catalogue=EXAMPLE).handle(CloseClient(PAID, NORTH))
    of = ("list", "--database", database, "--practice", "north")
    _, output, _ = run(*of)
    closed = output[output.index("Closed Clients") :]
    assert "Äpple" in closed
    assert "Closed\n" in closed
    _, output, _ = run(*of, "--list", "closed", "--json")
    (row,) = json.loads(output)
    assert (row["list"], row["label"], row["email"]) == ("closed", "Closed", None)
    _, output, _ = run("history", PAID, "--database", database)
    assert "Client closed; its services ended." in output


def test_list_is_searched_by_address(run: Run, database: str) -> None:
    """C2: by part of the address; nobody learns the address of a client that only invites."""
    of = ("list", "--database", database, "--practice", "north", "--search")
    _, output, _ = run(*of, " BIRCH@ex ")
    assert "Birch" in output
    assert "Cedar" not in output
    assert "Damson" not in run(*of, "damson@")[1]


def test_list_goes_through_all_pages(
    run: Run, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A list longer than a page is complete."""
    monkeypatch.setattr("client_access.cli.listing._PAGE", 1)
    _, output, _ = run("list", "--database", database, "--practice", "north", "--json")
    assert len(json.loads(output)) == 4


# ── show ─────────────────────────────────────────────────────────────────────────────────────────


def test_show_says_what_can_be_done_and_why_not_the_rest(run: Run, database: str) -> None:
    """Each refused command has its code, its rule and its ways out."""
    status, output, _ = run("show", PAID, "--database", database)
    assert status == 0
    for text in (
        "[bold]Äpple[/bold] :smile:",
        "My company has access",
        "the practice, for good",
        "Accounting (£12.00) and Payroll (£7.50)",
        "What the practice can do now",
        "Give access",
        "payer_locked, rule P2",
        "→ The practice gives the client access.",
        "Prices are those of the example catalogue",
        "1 Road",
    ):
        assert text in output


def test_show_for_each_actor(run: Run, database: str, catalogue: Path) -> None:
    """--as chooses the actor; without it, it is the client's practice, if it has one."""
    of = ("--database", database, "--catalogue", catalogue)
    _, output, _ = run("show", PAID, *of, "--as", "platform")
    assert "What the platform can do now" in output
    assert "Boeken (€1,000.00) and Lönen (€1.105)" in output
    assert "example catalogue" not in output
    _, output, _ = run("show", WAITING, *of, "--as", "client")
    assert "What the client can do now" in output
    assert "activation  sent" in output
    _, output, _ = run("show", CUSTOMER, *of)
    assert "Accept practice invitation" in output
    assert "invited" in output
    _, output, _ = run("show", FREE, *of)
    assert "who pays  undecided" in output
    _, output, _ = run("show", LEFT, *of)
    assert "What the platform can do now" in output
    assert "signed up by itself" in output
    status, _, error = run("show", LEFT, *of, "--as", "practice")
    assert (status, error) == (2, "No practice has this client: --as client or --as platform.\n")


def test_show_says_what_a_client_owes_and_if_nothing_can_be_done(run: Run, database: str) -> None:
    """P6: direct debit details are owed after the practice has left."""
    with SqlRepository.open(database) as repository:
        access = ClientAccess(repository, catalogue=EXAMPLE)
        client = repository.get(WAITING)
        assert client is not None
        assert client.activation is not None
        from client_access import Activate

        itself = ClientUser(WAITING)
        access.handle(Activate(WAITING, itself, activation_id=client.activation.id))
        access.handle(StopManaging(WAITING, NORTH))
    _, output, _ = run("show", WAITING, "--database", database, "--as", "client")
    assert "owes      direct debit details by" in output
    _, output, _ = run("show", FREE, "--database", database, "--as", "client")
    assert "Nothing." in output


def test_show_for_programs(run: Run, database: str) -> None:
    """--json has every command, allowed or refused."""
    _, output, _ = run("show", PAID, "--database", database, "--json")
    shown = json.loads(output)
    assert shown["client"]["data"]["id"] == str(PAID)
    assert shown["actor"] == "practice"
    assert "give_access" in shown["allowed"]
    assert shown["refused"]["choose_payer"]["code"] == "payer_locked"
    assert shown["refused"]["choose_payer"]["ways_out"]
    assert len(shown["allowed"]) + len(shown["refused"]) == len(COMMANDS)
    assert shown["undelivered_activation"] == []
    of = ("--database", database, "--json")
    _, output, _ = run("show", WAITING, *of)
    advice = json.loads(output)["undelivered_activation"]
    assert advice[0] == "The practice sends the activation again."
    assert advice[-1] == "Contact Support."


def test_show_advises_what_to_do_if_the_activation_never_arrives(run: Run, database: str) -> None:
    """E5: the practice sees the advice before anybody has followed a link, the client does not."""
    title = "If the activation email never arrives"
    _, output, _ = run("show", WAITING, "--database", database)
    advice = output[output.index(title) : output.index("What the practice can do now")]
    assert [line.strip("→ ") for line in advice.splitlines()[1:] if line] == [
        "The practice sends the activation again.",
        "The practice checks the email address and enters the right one.",
        "Look for the activation email in the junk folder.",
        "Contact Support.",
    ]
    for client, actor in ((WAITING, "client"), (PAID, "practice")):
        assert title not in run("show", client, "--database", database, "--as", actor)[1]


# ── history and invoice ──────────────────────────────────────────────────────────────────────────


def test_history_shows_what_happened(run: Run, database: str) -> None:
    """A deleted client has a history too."""
    _, output, _ = run("history", PAID, "--database", database)
    lines = output.splitlines()
    assert "Client added." in lines[1]
    assert "practice nora" in lines[1]
    assert "Subscribed to Accounting and Payroll" in output
    _, output, _ = run("history", GONE, "--database", database, "--json")
    assert [event["kind"] for event in json.loads(output)] == ["client_added", "client_deleted"]


def test_history_comes_in_pages(run: Run, database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """However it is cut, the output is the same; `--after` and `--limit` show a part of it."""
    of = ("history", WAITING, "--database", database)
    _, whole, _ = run(*of, "--json")
    events = json.loads(whole)
    assert whole == json.dumps(events, indent=2) + "\n"
    versions = [event["data"]["version"] for event in events]
    assert len(versions) > 1
    _, table, _ = run(*of)
    for size in (1, len(versions)):
        monkeypatch.setattr(showing, "_PAGE", size)
        assert run(*of, "--json")[1] == whole
        assert [line.split() for line in run(*of)[1].splitlines()] == [
            line.split() for line in table.splitlines()
        ]
        some = json.loads(run(*of, "--after", 1, "--limit", 1, "--json")[1])
        assert [event["data"]["version"] for event in some] == versions[1:2]
    assert run(*of, "--after", 999, "--json") == (0, "[]\n", "")
    assert run(*of, "--after", 999) == (0, "", "")


def test_invoice_of_a_practice_and_of_a_client(run: Run, database: str, catalogue: Path) -> None:
    """S6: a long invoice is shortened, but its total is not."""
    _, output, _ = run("invoice", "--practice", "north", "--database", database, "--limit", 2)
    assert "… 1 more lines" in output
    assert "£25.50" in output
    assert "example catalogue" in output
    of = ("--database", database, "--catalogue", catalogue)
    _, output, _ = run("invoice", "--practice", "north", *of)
    assert "€1,003.105" in output
    assert "example" not in output
    _, output, _ = run("invoice", "--client", CUSTOMER, *of, "--json")
    invoice = json.loads(output)
    assert run("invoice", "--client", CUSTOMER, *of)[1].count("Damson") == 1
    assert (invoice["currency"], invoice["total"]) == ("EUR", "1.105")
    assert invoice["lines"] == [
        {
            "client_id": str(CUSTOMER),
            "business_name": "Damson",
            "service": "payroll",
            "monthly_price": "1.105",
        }
    ]


# ── Errors ──────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("show nonsense --database {db}", "nonsense is not a client's id, which is a UUID."),
        (f"show {UUID(int=404)} --database {{db}}", "or it has been deleted."),
        (f"show {GONE} --database {{db}}", "or it has been deleted."),
        (f"history {UUID(int=404)} --database {{db}}", "There is no client"),
        ("list --practice x --database sqlite:////none/none.db", "There is no database"),
        ("list --practice x --database sqlite://", "There is no database"),
        ("list --practice x --database nonsense", "is not a valid database URL"),
        ("list --practice x --database mysql://u:secret@h/d", "is not a valid database URL"),
        ("list --practice x --database sqlite:///{dir}/junk", "cannot be opened"),
        ("list --practice x --database sqlite:///{dir}/empty", "has no tables for clients"),
        (
            "list --practice x --database postgresql://u:secret@127.0.0.1:1/d",
            "postgresql://u:***@127.0.0.1:1/d cannot be opened",
        ),
        ("import {dir}/none --practice x --database {db}", "No such file or directory."),
        ("import {dir} --practice x --database {db}", "Is a directory."),
        ("import {dir}/empty --practice x --database sqlite:///{dir}", "cannot be opened"),
        ("import {dir}/bad --practice x --database sqlite:////none/none.db", "cannot be opened"),
        (
            "list --practice= --database {db}",
            "The practice id is blank: write at least one visible character.",
        ),
        (
            "list --practice x --database postgresql://u:secret@h:port/d",
            "is not a valid database URL",
        ),
        (
            "list --practice x --database sqlite+nonsense:///{dir}/clients.db",
            "is not a valid database URL",
        ),
        pytest.param(
            "list --practice x --database sqlite:///{dir}/clients.db?timeout=x",
            "a malformed part: write sqlite",
            marks=_SAYS_WHY,
        ),
        pytest.param(
            "list --practice x --database sqlite:///{dir}/clients.db?nonsense=1",
            "would be ignored",
            marks=_SAYS_WHY,
        ),
        pytest.param(
            "list --practice x --database sqlite:///{dir}/clients.db?mode=ro",
            "would be ignored",
            marks=_SAYS_WHY,
        ),
        pytest.param(
            "list --practice x --database sqlite:///{dir}/\udcff.db",
            "is not a valid database URL",
            marks=_SAYS_WHY,
        ),
        ("list --practice x --database sqlite:///{dir}/later", "of version 9, which is later"),
        ("import {dir}/few --practice x --database sqlite:///{dir}/later", "of version 9, which"),
        ("import /proc/self/mem --practice x --database {db}", "/proc/self/mem cannot be read"),
        (
            "import {dir}/bad --practice x --database {db} --left-out /dev/full",
            "The file /dev/full cannot be written: No space left on device.",
        ),
        ("import {dir}/bad --practice x --database {db} --encoding hex", "not the name of a text"),
        ("import {dir}/bad --practice x --database {db} --key-file {dir}/junk", "is not a key,"),
        (
            "import {dir}/bad --practice x --database {db} --key-file {dir}/no/x",
            "cannot be used: No",
        ),
        (
            "import {dir}/bad --practice x --database {db} --key-file {dir}/k --left-out {dir}/k",
            "k is the secret key.",
        ),
        (
            "import {dir}/bad --practice x --database {db} --left-out {dir}/clients.db.key",
            "clients.db.key is the secret key.",
        ),
        (
            "import {dir}/bad --practice x --database postgresql://u:secret@h/d",
            "with --key-file: the database has none.",
        ),
        ("template /dev/full/x", "The file /dev/full/x cannot be written: Not a directory."),
        ("invoice --practice x --database {db} --catalogue {dir}/none", "cannot be read"),
        ("invoice --practice x --database {db} --catalogue {dir}/deep", "is not a JSON object"),
        ("invoice --practice x --database {db} --catalogue {dir}/junk", "is not a JSON object"),
        ("invoice --practice x --database {db} --catalogue {dir}/list", "is not a JSON object"),
        ("invoice --practice x --database {db} --catalogue {dir}/price", "is not a JSON object"),
        ("invoice --practice x --database {db} --catalogue {dir}/code", "is not valid: code"),
        (
            "invoice --practice north --database {db} --catalogue {dir}/few",
            "lacks the service start, which a client holds.\n",
        ),
    ],
)
def test_a_problem_is_reported_in_one_sentence(
    run: Run, database: str, tmp_path: Path, arguments: str, message: str
) -> None:
    """On standard error, with exit status 2, no traceback and no password."""
    (tmp_path / "junk").write_bytes(b"\xffjunk" * 1000)
    (tmp_path / "empty").touch()
    (tmp_path / "bad").write_text(BAD)
    (tmp_path / "clients.db.key").write_text("the-secret-key-of-this-database")
    (tmp_path / "deep").write_text("[" * 200_000)
    later = f"sqlite:///{tmp_path / 'later'}"
    with SqlRepository.open(later):
        pass
    with sqlite3.connect(tmp_path / "later") as connection:
        connection.execute("UPDATE client_access_schema SET version = 9")
    connection.close()
    (tmp_path / "list").write_text("[]")
    (tmp_path / "few").write_text('{"services": []}')
    service = {"code": "", "name": "A", "monthly_price": 1}
    (tmp_path / "code").write_text(json.dumps({"services": [service]}))
    (tmp_path / "price").write_text(json.dumps({"services": [{**service, "monthly_price": "x"}]}))
    status, output, error = run(*arguments.format(db=database, dir=tmp_path).split(" "))
    assert status == 2
    assert message in error
    assert error.count("\n") == 1
    assert output == ""
    assert ":secret" not in error


def test_a_corrupt_row_is_reported(run: Run, database: str) -> None:
    """Every command that reads it fails."""
    with sqlite3.connect(database.removeprefix("sqlite:///")) as connection:
        connection.execute("UPDATE client_access_client SET data = '{'")
    connection.close()
    for arguments in (("show", PAID), ("list", "--practice", "north")):
        status, _, error = run(*arguments, "--database", database)
        assert status == 2
        assert error.startswith("A stored record cannot be read: ")


@pytest.mark.parametrize(
    "arguments", ["nonsense", "list", "invoice --database x", "list --limit 0"]
)
def test_a_malformed_command_line_shows_the_usage(
    run: Run, capsys: pytest.CaptureFixture[str], arguments: str
) -> None:
    """As argparse reports it."""
    with pytest.raises(SystemExit) as left:
        run(*arguments.split())
    assert left.value.code == 2
    assert "usage: python -m client_access" in capsys.readouterr().err


@pytest.mark.parametrize("limit", ["0", "-1", "x", "1000001", "9" * 23, "9" * 5000])
@pytest.mark.parametrize("command", ["list --practice x", "outbox", "invoice --practice x"])
def test_an_invalid_limit_is_reported(
    run: Run, capsys: pytest.CaptureFixture[str], command: str, limit: str
) -> None:
    """In words, and before the database is opened."""
    with pytest.raises(SystemExit) as left:
        run(*command.split(), "--database", "sqlite:////none/none.db", "--limit", limit)
    assert left.value.code == 2
    message = "argument --limit: must be a whole number from 1 to 1,000,000\n"
    assert capsys.readouterr().err.endswith(message)


@pytest.mark.parametrize(
    ("error", "status", "message"),
    [
        (RepositoryError("gone"), 2, "The database failed: gone.\n"),
        (KeyboardInterrupt(), 130, "Interrupted.\n"),
    ],
)
def test_a_failure_in_the_middle_is_reported(
    run: Run,
    monkeypatch: pytest.MonkeyPatch,
    error: BaseException,
    status: int,
    message: str,
) -> None:
    """Nothing is printed on standard output."""

    def fails(*_: object) -> int:
        raise error

    monkeypatch.setattr("client_access.cli.listing.opened", fails)
    arguments = ("list", "--practice", "x", "--database", "sqlite://")
    assert run(*arguments) == (status, "", message)


def test_a_missing_driver_is_reported(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the command that installs it."""

    def missing(*_: object, **__: object) -> None:
        raise ModuleNotFoundError("No module named 'psycopg'", name="psycopg")

    monkeypatch.setattr("client_access.cli.stores.create_engine", missing)
    status, _, error = run("list", "--practice", "x", "--database", "postgresql://h/d")
    assert status == 2
    assert error == "No module named 'psycopg': pip install 'client-access[postgresql]'\n"


@pytest.mark.parametrize("arguments", [[], ["--help"]])
def test_the_help_names_every_command(arguments: list[str]) -> None:
    """Without arguments the help is printed too, with exit status 0."""
    done = subprocess.run(
        [sys.executable, "-m", "client_access", *arguments],
        capture_output=True,
        check=True,
        text=True,
    )
    for command in (
        "template",
        "import",
        "list",
        "invoice",
        "show",
        "history",
        "outbox",
        "retry",
        "discard",
        "purge",
        "compact",
        "refresh",
    ):
        assert f"  {command} " in done.stdout
