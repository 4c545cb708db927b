"""Every command of the command line: what it prints, for people and for programs."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

import client_access.cli
from client_access import (
    AddClient,
    ClientAccess,
    ClientUser,
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
from client_access.cli import main
from client_access.cli.catalogues import EXAMPLE
from client_access.sql import SqlRepository

NORTH = PracticeUser("north", "nora")
VAT = ServiceSetup(VatScheme.CASH)
PAID, ALONE, WAITING, FREE, CUSTOMER, LEFT, GONE = (UUID(int=number) for number in range(1, 8))

Run = Callable[..., tuple[int, str, str]]


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
    """A practice with clients in many a status."""
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
        {"code": "start", "name": "Begin", "monthly_price": 2, "offered": False},
    ]
    file.write_text(json.dumps({"currency": "EUR", "services": services}))
    return file


# ── template and import ──────────────────────────────────────────────────────────────────────────


def test_the_template_can_be_imported(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "template.csv"
    assert run("template", file) == (0, "", "")
    url = f"sqlite:///{tmp_path / 'new.db'}"
    status, output, _ = run("import", file, "--database", url, "--practice", "north")
    assert (status, output.strip()) == (0, "✓ 1 row: 1 added.")
    status, output, _ = run("import", file, "--database", url, "--practice", "north")
    assert (status, output.strip()) == (0, "✓ 1 row: 1 already there.")


def test_the_template_goes_to_standard_output_and_over_no_file(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "template.csv"
    run("template", file)
    done = subprocess.run(
        [sys.executable, "-m", "client_access", "template"], capture_output=True, check=True
    )
    assert done.stdout == file.read_bytes()
    status, _, error = run("template", file)
    assert (status, error) == (2, f"The file {file} cannot be written: File exists.\n")


BAD = "business_name,email,Notes\nA,a@example.com,=1\nB,A@example.com,\n,bad,x\n" + '"open'


def test_a_row_that_is_left_out_is_told_and_written_for_correction(
    run: Run, tmp_path: Path
) -> None:
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

    corrected = left_out.read_text("utf-8-sig").replace("A@example", "b@example")
    left_out.write_text(corrected.replace(",bad,", "C,,"))
    status, output, _ = run("import", left_out, *arguments)
    assert "✗ 3 rows: 2 added and 1 left out." in output
    assert left_out.read_text("utf-8-sig").splitlines()[0] == "business_name,email,Notes,problems"


def test_a_long_report_is_cut_and_a_programs_is_not(run: Run, tmp_path: Path) -> None:
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


def test_an_empty_file_is_told(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "empty.csv"
    file.touch()
    url = f"sqlite:///{tmp_path / 'new.db'}"
    status, output, _ = run("import", file, "--database", url, "--practice", "north")
    assert status == 1
    assert "Row 1: The file is empty." in output


# ── list ─────────────────────────────────────────────────────────────────────────────────────────


def test_list_shows_the_three_lists(run: Run, database: str) -> None:
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


def test_list_goes_through_all_pages(
    run: Run, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("client_access.cli.listing._PAGE", 1)
    _, output, _ = run("list", "--database", database, "--practice", "north", "--json")
    assert len(json.loads(output)) == 4


# ── show ─────────────────────────────────────────────────────────────────────────────────────────


def test_show_tells_what_can_be_done_and_why_not_the_rest(run: Run, database: str) -> None:
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


def test_show_by_the_one_or_the_other(run: Run, database: str, catalogue: Path) -> None:
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
    assert "signed up alone" in output
    status, _, error = run("show", LEFT, *of, "--as", "practice")
    assert (status, error) == (2, "No practice has this client: --as client or --as platform.\n")


def test_show_tells_what_a_client_owes_and_what_nobody_can_do(run: Run, database: str) -> None:
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
    _, output, _ = run("show", PAID, "--database", database, "--json")
    shown = json.loads(output)
    assert shown["client"]["data"]["id"] == str(PAID)
    assert shown["actor"] == "practice"
    assert "give_access" in shown["allowed"]
    assert shown["refused"]["choose_payer"]["code"] == "payer_locked"
    assert shown["refused"]["choose_payer"]["ways_out"]
    assert len(shown["allowed"]) + len(shown["refused"]) == 22


# ── history and invoice ──────────────────────────────────────────────────────────────────────────


def test_history_shows_what_happened(run: Run, database: str) -> None:
    _, output, _ = run("history", PAID, "--database", database)
    lines = output.splitlines()
    assert "Client added." in lines[1]
    assert "practice nora" in lines[1]
    assert "Subscribed to Accounting and Payroll" in output
    _, output, _ = run("history", GONE, "--database", database, "--json")
    assert [event["kind"] for event in json.loads(output)] == ["client_added", "client_deleted"]


def test_invoice_of_a_practice_and_of_a_client(run: Run, database: str, catalogue: Path) -> None:
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
    assert (invoice["currency"], invoice["total"]) == ("EUR", "1.105")
    assert invoice["lines"] == [
        {
            "client_id": str(CUSTOMER),
            "business_name": "Damson",
            "service": "payroll",
            "monthly_price": "1.105",
        }
    ]


# ── What goes wrong ──────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ("show nonsense --database {db}", "nonsense is no client's id, which is a UUID."),
        (f"show {UUID(int=404)} --database {{db}}", "or it has been deleted."),
        (f"show {GONE} --database {{db}}", "or it has been deleted."),
        (f"history {UUID(int=404)} --database {{db}}", "There is no client"),
        ("list --practice x --database sqlite:////none/none.db", "There is no database"),
        ("list --practice x --database sqlite://", "There is no database"),
        ("list --practice x --database nonsense", "is no database that is known here"),
        ("list --practice x --database mysql://u:secret@h/d", "is no database that is known"),
        ("list --practice x --database sqlite:///{dir}/junk", "cannot be opened"),
        ("list --practice x --database sqlite:///{dir}/empty", "holds no clients"),
        (
            "list --practice x --database postgresql://u:secret@127.0.0.1:1/d",
            "postgresql://u:***@127.0.0.1:1/d cannot be opened",
        ),
        ("import {dir}/none --practice x --database {db}", "No such file or directory."),
        ("import {dir} --practice x --database {db}", "Is a directory."),
        ("import {dir}/empty --practice x --database sqlite:///{dir}", "cannot be opened"),
        ("--database sqlite:////none/none.db", "cannot be opened"),
        ("list --practice= --database {db}", "The practice id is blank."),
        ("invoice --practice x --database {db} --catalogue {dir}/none", "cannot be read"),
        ("invoice --practice x --database {db} --catalogue {dir}/junk", "is no JSON object"),
        ("invoice --practice x --database {db} --catalogue {dir}/list", "is no JSON object"),
        ("invoice --practice x --database {db} --catalogue {dir}/price", "is no JSON object"),
        ("invoice --practice x --database {db} --catalogue {dir}/code", "is not sound: code"),
        ("invoice --practice north --database {db} --catalogue {dir}/few", "lacks the service"),
    ],
)
def test_what_a_person_can_put_right_is_told_in_one_sentence(
    run: Run, database: str, tmp_path: Path, arguments: str, told: str
) -> None:
    (tmp_path / "junk").write_bytes(b"\xffjunk" * 1000)
    (tmp_path / "empty").touch()
    (tmp_path / "list").write_text("[]")
    (tmp_path / "few").write_text('{"services": []}')
    service = {"code": "", "name": "A", "monthly_price": 1}
    (tmp_path / "code").write_text(json.dumps({"services": [service]}))
    (tmp_path / "price").write_text(json.dumps({"services": [{**service, "monthly_price": "x"}]}))
    status, output, error = run(*arguments.format(db=database, dir=tmp_path).split(" "))
    assert status == 2
    assert told in error
    assert error.count("\n") == 1
    assert output == ""
    assert "secret" not in error.replace("mysql://u:secret", "")


def test_a_row_that_cannot_be_read_is_told(run: Run, database: str) -> None:
    import sqlite3

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
def test_a_malformed_command_line_is_told_with_its_usage(
    run: Run, capsys: pytest.CaptureFixture[str], arguments: str
) -> None:
    with pytest.raises(SystemExit) as left:
        run(*arguments.split())
    assert left.value.code == 2
    assert "usage: python -m client_access" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "status", "told"),
    [
        (RepositoryError("gone"), 2, "The database does not answer as it should: gone.\n"),
        (KeyboardInterrupt(), 130, "Broken off.\n"),
    ],
)
def test_what_happens_on_the_way_is_told(
    run: Run,
    monkeypatch: pytest.MonkeyPatch,
    error: BaseException,
    status: int,
    told: str,
) -> None:
    def fails(*_: object) -> int:
        raise error

    monkeypatch.setattr("client_access.cli.touring._play", fails)
    assert run() == (status, "", told)


def test_a_reader_that_has_enough_ends_it_quietly(database: str) -> None:
    program = (
        "import sys; from client_access.cli import main;"
        f"sys.exit(main(['show', '{PAID}', '--database', '{database}', '--json']))"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    assert process.stderr.read() == b""
    assert process.wait() == 130
    process.stderr.close()


def test_a_missing_extra_is_told(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_access.cli, "_NEEDED", ("rich", "no_such_package"))
    status, _, error = run()
    assert status == 2
    assert error == "The command line needs no_such_package: pip install 'client-access[cli]'\n"


def test_a_missing_driver_is_told(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_: object, **__: object) -> None:
        raise ModuleNotFoundError("No module named 'psycopg'", name="psycopg")

    monkeypatch.setattr("client_access.cli.stores.create_engine", missing)
    status, _, error = run("list", "--practice", "x", "--database", "postgresql://h/d")
    assert status == 2
    assert error == "This database needs psycopg: pip install 'client-access[postgresql]'\n"


def test_it_runs_as_a_module() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "client_access", "--help"],
        capture_output=True,
        check=True,
        text=True,
    )
    for command in ("template", "import", "list", "show", "history", "invoice"):
        assert f"  {command} " in done.stdout
