"""Importing from CSV: whatever a file holds, every row has a command or problems."""

from __future__ import annotations

import asyncio
import csv
import gc
import hmac
import io
from collections import Counter
from collections.abc import Callable, Iterator
from decimal import Decimal
from itertools import chain
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from test_async_service import AwaitedMemory, WithoutMemory

from client_access import (
    AddClient,
    AsyncClientAccess,
    Catalogue,
    Client,
    ClientAccess,
    ClientKind,
    ContactDetails,
    DeleteClient,
    ImportClient,
    InvalidValue,
    MemoryRepository,
    Payer,
    PlatformUser,
    PracticeUser,
    Service,
)
from client_access.batch import (
    COLUMNS,
    CsvRow,
    ImportOutcome,
    ImportResult,
    Problem,
    ProblemCode,
    import_clients,
    import_clients_async,
    read_clients_csv,
    texts_of,
    unknown_columns,
    write_clients_csv,
)
from client_access.batch.text import RECORD_LENGTH

NORTH = PracticeUser("north", "nora")
SOUTH = PracticeUser("south")
KEY = b"the secret key of the tests"
CATALOGUE = Catalogue([Service("payroll", "Payroll", Decimal(7))])
EXAMPLE = (Path(__file__).parents[1] / "examples" / "tour" / "clients.csv").read_bytes()


def rows_of(content: bytes | str, by: PracticeUser = NORTH) -> list[CsvRow]:
    raw = content.encode() if isinstance(content, str) else content
    return list(read_clients_csv(io.BytesIO(raw), by=by, secret_key=KEY))


def problems_of(content: bytes | str) -> list[tuple[int, str | None, str]]:
    return [
        (problem.row, problem.column, problem.code.value)
        for row in rows_of(content)
        for problem in row.problems
    ]


def written(*rows: dict[str, str], columns: tuple[str, ...] = COLUMNS) -> bytes:
    file = io.BytesIO()
    write_clients_csv(file, rows, columns=columns)
    return file.getvalue()


def service() -> ClientAccess:
    return ClientAccess(MemoryRepository(), catalogue=CATALOGUE)


def imported(access: ClientAccess, content: bytes, **options: Any) -> list[ImportOutcome]:
    rows = read_clients_csv(io.BytesIO(content), by=NORTH, secret_key=KEY)
    return list(import_clients(access, rows, **options))


def results(outcomes: list[ImportOutcome]) -> Counter[ImportResult]:
    return Counter(outcome.result for outcome in outcomes)


# ── Reading ──────────────────────────────────────────────────────────────────────────────────────


def test_a_whole_row_becomes_a_command() -> None:
    (row,) = rows_of(
        "reference,kind,business_name,email,payer,contact_name,phone,address\r\n"
        '7,Individual,Ann Ash,Ann@Example.com,PRACTICE,Bo,020,"1 Road\r\nTown\rEnd"\r\n'
    )
    assert row.number == 2
    assert row.problems == ()
    assert row.command == ImportClient(
        row.command.client_id if row.command else NORTH,  # type: ignore[arg-type]  # never NORTH
        NORTH,
        business_name="Ann Ash",
        kind=ClientKind.INDIVIDUAL,
        email="Ann@Example.com",
        contact=ContactDetails("Bo", "020", "1 Road\nTown\nEnd"),
        payer=Payer.PRACTICE,
    )


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"], ids=["bare", "byte order mark"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"], ids=["LF", "CRLF", "CR"])
@pytest.mark.parametrize("between", [",", ";"])
def test_every_common_spelling_of_a_file_is_read(mark: bytes, end: str, between: str) -> None:
    lines = [
        between.join(["Phone", "Business Name", "colour", "E-Mail", "EMAIL"]),
        between.join(["1", '"Zoë, Ltd; one"', "red", "", "zoe@example.com"]),
        "",
        between * 4,
        between.join(["", " Plain ", "", "", ""]),
    ]
    rows = rows_of(mark + end.join(lines).encode())
    assert [(row.number, row.command and row.command.business_name) for row in rows] == [
        (2, "Zoë, Ltd; one"),
        (5, "Plain"),
    ]
    assert rows[0].command is not None
    assert rows[0].command.contact == ContactDetails(phone="1")
    assert str(rows[0].command.email) == "zoe@example.com"
    assert unknown_columns(rows[0].columns) == ["colour", "E-Mail"]
    assert rows[0].texts["colour"] == "red"


def test_the_example_has_eighty_valid_clients() -> None:
    rows = rows_of(EXAMPLE)
    assert len(rows) == 80
    assert not [row.problems for row in rows if row.problems]
    commands = [row.command for row in rows if row.command]
    assert {command.kind for command in commands} == set(ClientKind)
    domains = {command.email.key.rpartition("@")[2] for command in commands if command.email}
    assert all(
        f".{domain}".endswith((".example.com", ".example.org", ".example.net"))
        for domain in domains
    )
    assert 5 < sum(command.email is None for command in commands) < 20
    assert sum(not command.business_name.isascii() for command in commands) > 10


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", (1, None, "empty_file")),
        (b"\n\n , \n", (1, None, "empty_file")),
        (b"\xef\xbb\xbf", (1, None, "empty_file")),
        ("name,email\nA,a@example.com\n", (1, "business_name", "missing_column")),
        ("\nemail\n", (2, "business_name", "missing_column")),
        ("business_name,Business-Name\nA,B", (1, "business_name", "doubled_column")),
        ("business_name,email\n".encode("utf-16"), (1, None, "unreadable_characters")),
        ('"business_name', (1, None, "bad_quoting")),
        ("business_name" + "," * RECORD_LENGTH, (1, None, "too_long")),
    ],
)
def test_what_is_wrong_with_a_file_ends_the_reading(
    content: bytes | str, problem: tuple[int, str | None, str]
) -> None:
    assert problems_of(content) == [problem]
    # An empty header marks a problem of the whole file.
    assert [row.columns for row in rows_of(content)] == [()]


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ("A", [(2, None, "wrong_number_of_cells")]),
        ("A,,,,x", [(2, None, "wrong_number_of_cells")]),
        ("A,,,,, ", []),
        ('"A,,,', [(2, None, "bad_quoting")]),
        ('"A"x,,,', [(2, None, "bad_quoting")]),
        ("A" * RECORD_LENGTH + ",,,", [(2, None, "too_long")]),
        ('"' + "A\n" * RECORD_LENGTH, [(2, None, "too_long")]),
        (",,,", []),
        (",a@example.com,,", [(2, "business_name", "missing_value")]),
        ("A,,bank,", [(2, "payer", "unknown_word")]),
        ("A,nobody,,", [(2, "email", "malformed")]),
        ("A,a@client.invalid,,", [(2, "email", "malformed")]),
        ("A\0B,,,", [(2, "business_name", "malformed")]),
        ("A" * 201 + ",,,", [(2, "business_name", "malformed")]),
        ("A,,," + "1" * 51, [(2, "phone", "malformed")]),
        (b"A\xff,,,", [(2, "business_name", "unreadable_characters")]),
        (
            b"\xff,nobody,bank," + b"1" * 51,
            [
                (2, "business_name", "unreadable_characters"),
                (2, "email", "malformed"),
                (2, "payer", "unknown_word"),
                (2, "phone", "malformed"),
            ],
        ),
    ],
)
def test_every_problem_of_a_row_is_reported(
    row: bytes | str, expected: list[tuple[int, str, str]]
) -> None:
    raw = row.encode() if isinstance(row, str) else row
    found = problems_of(b"business_name,email,payer,phone\n" + raw)
    assert found[: len(expected) or 1] == expected


@pytest.mark.parametrize("column", ["reference", "contact_name", "address", "kind"])
def test_every_other_column_is_checked_too(column: str) -> None:
    code = "unknown_word" if column == "kind" else "malformed"
    content = f"business_name,{column}\nA," + "x" * 2000
    assert problems_of(content) == [(2, column, code)]


def test_a_row_after_one_that_cannot_be_read_is_read() -> None:
    rows = rows_of(b'business_name\nA\n"B"x\nC\n' + b"D" * (2 * RECORD_LENGTH) + b"\nE\n")
    assert [row.command.business_name if row.command else "?" for row in rows] == list("A?C?E")


# ── Ids and doubles ──────────────────────────────────────────────────────────────────────────────


def ids_of(content: str, by: PracticeUser = NORTH) -> list[object]:
    return [row.command and row.command.client_id for row in rows_of(content, by)]


def test_an_id_is_made_from_the_practice_and_the_reference_or_else_the_address_or_the_name() -> (
    None
):
    header = "reference,business_name,email\n"
    first = ids_of(header + "1,A,a@example.com")
    assert first == ids_of("email,reference,business_name\nother@example.com,1,B")
    assert first != ids_of(header + "1,A,a@example.com", SOUTH)
    assert first != ids_of(header + "2,A,a@example.com")

    by_address = ids_of(header + ",A,a@example.com")
    assert by_address == ids_of(header + ",B,A@EXAMPLE.com")
    assert by_address not in (first, ids_of(header + ",A,b@example.com"))

    by_name = ids_of(header + ",Straße,")
    assert by_name == ids_of(header + ",STRASSE,")
    assert by_name != ids_of(header + ",Strass,")
    # Ids must never change, or a file that is uploaded again would add its clients twice.
    purpose = b"client_access.batch: the clients of a practice, 1: north"
    key = hmac.digest(KEY, purpose, "sha256")
    id_bytes = hmac.digest(key, b"name strasse", "sha256")[:16]
    assert by_name == [UUID(bytes=id_bytes, version=4)]
    # A reference, an address and a name never make the same id.
    assert len({*ids_of(header + "a,,"), *ids_of(header + "a,b,"), *ids_of(header + ",a,")}) == 3


def test_like_rows_and_doubled_addresses_are_reported() -> None:
    content = (
        "reference,business_name,email\n"
        "1,A,a@example.com\n"
        "2,B,A@EXAMPLE.com\n"
        "1,C,c@example.com\n"
        ",D,d@example.com\n"
        ",E,D@example.com\n"
        ",F,\n"
        ",f,\n"
        ",G,c@example.com\n"
    )
    assert problems_of(content) == [
        (3, "email", "same_email"),
        (4, "reference", "same_client"),
        (6, "email", "same_email"),
        (8, "business_name", "same_client"),
        (9, "email", "same_email"),
    ]
    messages = [problem.message for row in rows_of(content) for problem in row.problems]
    assert [message.partition("row ")[2][0] for message in messages[:3]] == ["2", "2", "5"]
    assert ["row 7" in messages[3], "row 4" in messages[4]] == [True, True]


def test_a_double_is_found_however_far_apart() -> None:
    """All earlier addresses are compared, not only the last ones (E1)."""
    names = [f"{number},n{number}@example.com" for number in range(50)]
    content = "business_name,email\n" + "\n".join([*names, names[0], names[49], "x,"])
    assert problems_of(content) == [(52, "email", "same_email"), (53, "email", "same_email")]


# ── Importing ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("chunk", [1, 7, 80, 2000])
def test_the_same_file_twice_adds_no_client_twice(chunk: int) -> None:
    access = service()
    assert results(imported(access, EXAMPLE, chunk=chunk)) == {ImportResult.ADDED: 80}
    before = {
        row.command.client_id: access.repository.get(row.command.client_id)
        for row in rows_of(EXAMPLE)
        if row.command
    }
    assert results(imported(access, EXAMPLE, chunk=chunk)) == {ImportResult.ALREADY_THERE: 80}
    assert before == {client_id: access.repository.get(client_id) for client_id in before}


@pytest.mark.parametrize("chunk", [1, 2, 3, 4, 500])
def test_outcomes_come_in_the_order_of_the_rows_whatever_the_chunk(chunk: int) -> None:
    access = service()
    access.handle(
        AddClient(ids_of("business_name\nX")[0], NORTH, business_name="T", email="t@example.com")  # type: ignore[arg-type]  # it is a UUID
    )
    content = b"business_name,email\nA,\n,\n,q@example.com\nB,t@example.com\nA,\nC,c@example.com\n"
    found = [
        (outcome.row.number, outcome.result.value, [p.code.value for p in outcome.problems])
        for outcome in imported(access, content, chunk=chunk)
    ]
    assert found == [
        (2, "added", []),
        (4, "left_out", ["missing_value"]),
        (5, "left_out", ["email_taken"]),
        (6, "left_out", ["same_client"]),
        (7, "added", []),
    ]


def test_nothing_is_saved_before_an_outcome_is_asked_for() -> None:
    access = service()
    outcomes = import_clients(
        access, read_clients_csv(io.BytesIO(EXAMPLE), by=NORTH, secret_key=KEY), chunk=10
    )
    (first,) = [row.command for row in rows_of(EXAMPLE)[:1]]
    assert first is not None
    assert access.repository.get(first.client_id) is None
    next(outcomes)
    assert access.repository.get(first.client_id) is not None


def test_a_client_that_was_deleted_does_not_come_back() -> None:
    access = service()
    content = b"business_name\nA\n"
    (outcome,) = imported(access, content)
    assert outcome.row.command is not None
    access.handle(DeleteClient(outcome.row.command.client_id, NORTH))
    (again,) = imported(access, content)
    assert again.result is ImportResult.LEFT_OUT
    assert [problem.code for problem in again.problems] == [ProblemCode.CLIENT_GONE]


class Bare:
    """A repository that has only what every repository must have."""

    def __init__(self) -> None:
        inner = MemoryRepository()
        self.get, self.save = inner.get, inner.save
        self.find_by_email, self.page = inner.find_by_email, inner.page


def test_a_repository_without_lookup_of_many_clients_is_enough() -> None:
    access = ClientAccess(Bare(), catalogue=CATALOGUE)
    assert results(imported(access, EXAMPLE)) == {ImportResult.ADDED: 80}
    assert results(imported(access, EXAMPLE)) == {ImportResult.ALREADY_THERE: 80}


@pytest.mark.parametrize("chunk", [0, -1, True, "x"])
def test_a_malformed_chunk_raises_at_once(chunk: Any) -> None:
    with pytest.raises(InvalidValue, match="chunk"):
        import_clients(service(), [], chunk=chunk)


def test_one_client_twice_in_a_chunk_is_added_once_and_then_there() -> None:
    """L1: the outcome of a row is that of its own command, not of another with the same id."""
    content = b"business_name,email\nA,a@example.com\nB,\n"
    once, again = (
        read_clients_csv(io.BytesIO(content), by=NORTH, secret_key=KEY) for _ in range(2)
    )
    outcomes = list(import_clients(service(), chain(once, again)))
    assert [outcome.result.value for outcome in outcomes] == [
        "added",
        "added",
        "already_there",
        "already_there",
    ]


def test_one_client_twice_in_a_chunk_is_left_out_only_if_its_address_is_taken() -> None:
    """E1: the first row is refused for its address, and the second one is not."""
    access = service()
    access.handle(AddClient(uuid4(), NORTH, business_name="T", email="t@example.com"))
    header = b"reference,business_name,email\n"
    taken, free = (
        read_clients_csv(io.BytesIO(header + row), by=NORTH, secret_key=KEY)
        for row in (b"1,A,t@example.com\n", b"1,A,a@example.com\n")
    )
    first, second = import_clients(access, chain(taken, free))
    assert [problem.code for problem in first.problems] == [ProblemCode.EMAIL_TAKEN]
    assert second.result is ImportResult.ADDED


@pytest.mark.parametrize("rows", [None, 5, [5], [None]])
def test_rows_of_the_wrong_type_raise(rows: Any) -> None:
    """Every malformed argument raises InvalidValue."""
    with pytest.raises(InvalidValue, match="rows"):
        list(import_clients(service(), rows))


def test_a_row_of_another_actor_raises_before_its_chunk_is_saved() -> None:
    """Only a practice imports (rules §8), so such a row is malformed and not refused."""
    access = service()
    good, other = rows_of("business_name\nA\nB\n")
    assert good.command is not None
    assert other.command is not None
    platforms = evolve(other, command=evolve(other.command, by=PlatformUser()))
    with pytest.raises(InvalidValue, match="rows must be a PracticeUser"):
        list(import_clients(access, [good, platforms]))
    assert access.repository.get(good.command.client_id) is None
    with pytest.raises(InvalidValue, match="rows must be an ImportClient"):
        list(import_clients(access, [evolve(good, command="add it")]))  # type: ignore[arg-type]  # the test


@pytest.mark.parametrize("columns", [5, None, ["business_name", 5]])
def test_columns_of_the_wrong_type_raise(columns: Any) -> None:
    """Every malformed header raises InvalidValue."""
    with pytest.raises(InvalidValue, match="columns"):
        unknown_columns(columns)
    with pytest.raises(InvalidValue, match="columns"):
        write_clients_csv(io.BytesIO(), [], columns=columns)


def test_one_text_is_not_a_header() -> None:
    """A str is a sequence of str, and would become a column for each letter."""
    with pytest.raises(InvalidValue, match="columns must be a sequence of texts"):
        write_clients_csv(io.BytesIO(), [], columns="email")


@pytest.mark.parametrize(
    "rows",
    [
        5,
        None,
        [5],
        ["text"],
        [{"business_name": 5}],
        [{"business_name": None}],
        [{"business_name": "half \ud83d of a pair"}],
        [("A", 5)],
        [b"A"],
    ],
)
def test_rows_that_cannot_be_written_raise(rows: Any) -> None:
    """Every malformed row raises InvalidValue."""
    with pytest.raises(InvalidValue, match="rows"):
        write_clients_csv(io.BytesIO(), rows)


def test_a_file_that_cannot_be_read_or_written_raises_at_once(tmp_path: Path) -> None:
    """A closed file, a file opened for the wrong direction, or a class instead of a file."""
    closed = io.BytesIO()
    closed.close()
    with (tmp_path / "file").open("wb") as writing:
        no_sources: list[Any] = [closed, writing, io.BytesIO]
        for file in no_sources:
            with pytest.raises(InvalidValue, match="file must be a file opened for reading"):
                read_clients_csv(file, by=NORTH, secret_key=KEY)
    with (tmp_path / "file").open("rb") as reading:
        no_targets: list[Any] = [closed, reading, io.BytesIO]
        for file in no_targets:
            with pytest.raises(InvalidValue, match="file must be a file opened for writing"):
                write_clients_csv(file, [])


def test_a_file_that_is_closed_too_early_raises() -> None:
    """Rows are read lazily, which is easy to forget around a `with`."""
    with io.BytesIO(EXAMPLE) as file:
        none_read = read_clients_csv(file, by=NORTH, secret_key=KEY)
        some_read = read_clients_csv(file, by=NORTH, secret_key=KEY)
        next(some_read)
    for rows in (none_read, some_read):
        with pytest.raises(InvalidValue, match="closed before it was read to its end"):
            list(rows)


def test_a_file_stays_open_when_writing_fails() -> None:
    """The caller closes it."""

    class Full(io.BytesIO):
        def write(self, _: object) -> int:
            raise OSError(28, "No space left on device")

    file = Full()
    with pytest.raises(OSError, match="No space left"):
        write_clients_csv(file, [])
    gc.collect()
    assert not file.closed


def test_other_malformed_arguments_raise_at_once() -> None:
    with pytest.raises(InvalidValue, match="by"):
        read_clients_csv(io.BytesIO(), by="north", secret_key=KEY)  # type: ignore[arg-type]  # the test
    with pytest.raises(InvalidValue, match="access"):
        import_clients("x", [])  # type: ignore[arg-type]  # the test
    with pytest.raises(InvalidValue, match="file"):
        read_clients_csv("clients.csv", by=NORTH, secret_key=KEY)  # type: ignore[arg-type]  # the test
    with pytest.raises(InvalidValue, match="file"):
        read_clients_csv(io.StringIO(), by=NORTH, secret_key=KEY)  # type: ignore[arg-type]  # the test
    with pytest.raises(InvalidValue, match="file"):
        write_clients_csv(io.StringIO(), [])  # type: ignore[arg-type]  # the test
    with pytest.raises(InvalidValue, match="command"):
        texts_of("x")  # type: ignore[arg-type]  # the test
    (row,) = rows_of("business_name\nA\n")
    assert row.command is not None
    with pytest.raises(InvalidValue, match="reference"):
        texts_of(row.command, reference=5)  # type: ignore[arg-type]  # the test


def test_the_file_stays_open() -> None:
    file = io.BytesIO(EXAMPLE)
    list(read_clients_csv(file, by=NORTH, secret_key=KEY))
    read_clients_csv(file, by=NORTH, secret_key=KEY)
    file.seek(0)
    next(read_clients_csv(file, by=NORTH, secret_key=KEY))
    write_clients_csv(file, [])
    assert not file.closed


# ── Writing back ─────────────────────────────────────────────────────────────────────────────────

TEXTS = st.text(st.characters(codec="utf-8"), max_size=30)
STARTS = ["=", "+", "-", "@", "\t", "\r", "'", "''=", " =", "\uff1d"]
CELLS = st.one_of(TEXTS, st.tuples(st.sampled_from(STARTS), TEXTS).map("".join))


def test_clients_are_written_and_read_back() -> None:
    rows = rows_of(EXAMPLE)
    again = rows_of(written(*(row.texts for row in rows)))
    assert [row.command for row in again] == [row.command for row in rows]
    commands = [row.command for row in rows if row.command]
    references = [row.texts["reference"] for row in rows]
    by_commands = written(
        *(texts_of(c, reference=r) for c, r in zip(commands, references, strict=True))
    )
    assert [row.command for row in rows_of(by_commands)] == commands


@given(st.tuples(CELLS, CELLS, CELLS, st.text("a \t\n=", max_size=8)))
def test_a_command_comes_back_from_its_texts_without_white_space_around_them(
    details: tuple[str, str, str, str],
) -> None:
    """`texts_of` keeps all details except white space around a text and texts with U+FFFD."""
    try:
        command = import_of(*details)
    except InvalidValue:  # a text that no client can have
        return
    (row,) = rows_of(written(texts_of(command, reference="1")))
    if "\ufffd" in "".join(details):
        assert {problem.code for problem in row.problems} == {ProblemCode.UNREADABLE_CHARACTERS}
        return
    assert row.command is not None
    bare = import_of(*(text.strip() for text in details))
    assert evolve(row.command, client_id=bare.client_id) == bare


def import_of(business_name: str, contact_name: str, phone: str, address: str) -> ImportClient:
    contact = ContactDetails(contact_name, phone, address)
    return ImportClient(
        UUID(int=1),
        NORTH,
        business_name=business_name,
        kind=ClientKind.INDIVIDUAL,
        email="Ann@Example.com",
        contact=contact,
        payer=Payer.CLIENT,
    )


@pytest.mark.parametrize(
    ("header", "row"),
    [
        ("business_name,email,notes,notes", "X,nope,first,second"),
        ("business_name,email,,", "X,nope,first,second"),
        ("business_name,email", "X,x@example.com,one more,"),
        ("business_name,email", "X"),
    ],
)
def test_cells_are_written_back_as_they_are(header: str, row: str) -> None:
    """A row is written back whole, with doubled columns and extra cells."""
    (read,) = rows_of(f"{header}\n{row}\n")
    assert read.problems
    file = io.BytesIO()
    write_clients_csv(file, [read.cells], columns=read.columns)
    assert file.getvalue().decode("utf-8-sig").splitlines() == [header, row]


# Names of columns that are not read, made of what divides and quotes cells.
NAMES = st.one_of(st.text(";x"), st.text('";,\n\r= x'), CELLS).filter(
    lambda name: "\ufffd" not in name and unknown_columns([name]) == [name]
)


@given(st.lists(NAMES, max_size=4), st.integers(0, 4), st.sampled_from(["A", "A;B;C", '"A,']))
def test_a_row_is_read_back_whatever_its_columns_are_called(
    others: list[str], place: int, name: str
) -> None:
    """Readers guess the separator from the header, and no name in it misleads them."""
    columns = (*others[:place], "business_name", *others[place:])
    (row,) = rows_of(written({"business_name": name}, columns=columns))
    assert row.columns == tuple(column.strip() for column in columns)
    assert row.command is not None
    assert row.command.business_name == name


@pytest.mark.parametrize(
    ("header", "columns"),
    [
        ('"a;b;c\nd",business_name', ("a;b;c\nd", "business_name")),
        ('"a ""b;c;d""",business_name', ('a "b;c;d"', "business_name")),
        ('"a;b;c", "d;e",business_name', ("a;b;c", "d;e", "business_name")),
        ('"a,b,c";business_name', ("a,b,c", "business_name")),
        ('5" wide;"x";business_name', ('5" wide', "x", "business_name")),
        ('5" wide;business_name', ('5" wide', "business_name")),
    ],
)
def test_quoted_text_in_a_header_does_not_decide_the_separator(
    header: str, columns: tuple[str, ...]
) -> None:
    """A quotation mark inside a cell quotes nothing."""
    (row,) = rows_of(f"{header}\nA\n")
    assert row.columns == columns


@given(st.lists(st.tuples(*[CELLS] * len(COLUMNS)), max_size=4))
def test_any_cell_is_read_back_and_none_is_a_formula(rows: list[tuple[str, ...]]) -> None:
    content = written(*(dict(zip(COLUMNS, cells, strict=True)) for cells in rows))
    for record in csv.reader(io.StringIO(content.decode("utf-8-sig"), newline="")):
        for cell in record:
            assert not cell.lstrip(" '").startswith(("=", "+", "-", "@")) or cell[0] == "'"
            assert not cell.startswith(("=", "+", "-", "@", "\t", "\r"))
    back = [row for row in rows_of(content) if row.number > 1]
    expected = [cells for row in rows if any(cells := [text.strip() for text in row])]
    assert [list(row.cells) for row in back] == expected


def test_a_header_is_not_a_formula_either() -> None:
    content = written({"=cmd|' /C calc'!A0": "x"}, columns=("=cmd|' /C calc'!A0",))
    assert b"'=cmd" in content
    assert b",=" not in content


# ── Hostile files ────────────────────────────────────────────────────────────────────────────────


@given(
    st.one_of(
        st.binary(max_size=300),
        st.text("\",;\n\r\0' =aé@.", max_size=300).map(str.encode),
        st.text('",;\n\r\0 aé@.x', max_size=300).map(
            lambda t: b"business_name,email\n" + t.encode()
        ),
        st.binary(max_size=300).map(lambda raw: b"reference;email;business_name\n" + raw),
    )
)
def test_no_file_raises_anything(content: bytes) -> None:
    for row in rows_of(content):
        assert (row.command is None) == bool(row.problems)
        for problem in row.problems:
            assert isinstance(problem, Problem)
            assert problem.row == row.number
            assert problem.message.endswith(".")
            assert "\ufffd" not in problem.message


def test_a_reader_that_is_not_exhausted_leaves_nothing_behind() -> None:
    rows: Iterator[CsvRow] = read_clients_csv(io.BytesIO(EXAMPLE), by=NORTH, secret_key=KEY)
    next(rows)
    del rows


def test_a_corrected_row_is_imported() -> None:
    access = service()
    content = b"business_name,email,notes\nA,nobody,=1+1\n"
    (outcome,) = imported(access, content)
    texts = {**outcome.row.texts, "email": "somebody@example.com"}
    corrected = written(texts, columns=outcome.row.columns)
    (again,) = imported(access, corrected)
    assert again.result is ImportResult.ADDED
    assert again.row.texts["notes"] == "=1+1"


def test_a_client_of_another_practice_is_left_out() -> None:
    access = service()
    content = b"business_name\nA\n"
    (outcome,) = imported(access, content)
    assert outcome.row.command is not None
    repository = access.repository
    assert isinstance(repository, MemoryRepository)
    stored = repository.get(outcome.row.command.client_id)
    assert isinstance(stored, Client)
    moved = evolve(stored, practice_id="south")
    repository._clients[stored.id] = moved  # what stop managing and an invitation lead to
    assert [o.result for o in imported(access, content)] == [ImportResult.LEFT_OUT]


@pytest.mark.parametrize("repository", [AwaitedMemory, WithoutMemory])
@pytest.mark.parametrize("chunk", [1, 7, 2000])
def test_the_async_service_imports_with_the_same_outcomes(
    repository: Callable[..., Any], chunk: int
) -> None:
    """Twice the same file, through a repository with and without lookup of many clients."""
    inner = AwaitedMemory()
    other = AsyncClientAccess(
        inner if repository is AwaitedMemory else repository(inner), catalogue=CATALOGUE
    )

    async def import_async() -> list[ImportOutcome]:
        rows = read_clients_csv(io.BytesIO(EXAMPLE), by=NORTH, secret_key=KEY)
        return [outcome async for outcome in import_clients_async(other, rows, chunk=chunk)]

    access = service()
    for _ in range(2):
        assert asyncio.run(import_async()) == imported(access, EXAMPLE, chunk=chunk)
    with pytest.raises(InvalidValue, match="access"):
        import_clients_async(access, [])  # type: ignore[arg-type]  # the test
