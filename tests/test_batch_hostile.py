"""Hostile CSV: what is wrong with a record ends with it, and no program finds a formula."""

from __future__ import annotations

import csv
import io
from itertools import chain
from time import process_time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from client_access import InvalidValue, PracticeUser
from client_access.batch import CsvRow, read_clients_csv, write_clients_csv
from client_access.batch.text import RECORD_LENGTH, Fault, read_records, write_records

NORTH = PracticeUser("north")
KEY = b"the secret key of the tests"


def rows_of(content: str | bytes, encoding: str = "utf-8") -> list[CsvRow]:
    raw = content.encode() if isinstance(content, str) else content
    rows = read_clients_csv(io.BytesIO(raw), by=NORTH, secret_key=KEY, encoding=encoding)
    return list(rows)


def results_of(content: str | bytes, encoding: str = "utf-8") -> list[str]:
    """Return the name or the problems of each row."""
    return [
        row.command.business_name
        if row.command
        else " ".join(problem.code.value for problem in row.problems)
        for row in rows_of(content, encoding)
    ]


# ── Records ──────────────────────────────────────────────────────────────────────────────────────

LIKE_ROWS = "Phantom,phantom@example.com,\n" * 2300
"""Some 66 kB that look like rows."""


@pytest.mark.parametrize(
    ("record", "problem"),
    [
        (f'Acme,a@example.com,"{LIKE_ROWS}"', "too_long"),
        (f'Acme,a@example.com,{"x" * 70_000},"{LIKE_ROWS}"', "too_long"),
        (f'Acme,a@example.com,"{"x" * 70_000}"",\n{LIKE_ROWS}"', "too_long"),
        ('Acme,"a@example.com"x,"\nPhantom,p@example.com,\n"', "bad_quoting"),
        ('Acme,a@example.com,one more,"\nPhantom,p@example.com,\n"', "wrong_number_of_cells"),
        ('Acme,nobody,"\nPhantom,p@example.com,\n"', "malformed"),
    ],
    ids=["long", "long line", "long quotation", "quoting", "cells", "malformed"],
)
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"], ids=["LF", "CRLF", "CR"])
def test_reading_goes_on_at_the_next_record(record: str, problem: str, end: str) -> None:
    """Never inside a quotation: a cell whose lines look like rows makes no client."""
    content = f"business_name,email,notes\n{record}\nBirch,b@example.com,\nCedar,c@example.com,\n"
    assert results_of(content.replace("\n", end)) == [problem, "Birch", "Cedar"]
    assert [row.number for row in rows_of(content.replace("\n", end))] == [2, 3, 4]


@pytest.mark.parametrize("over", range(-2, 4))
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"], ids=["LF", "CRLF", "CR"])
@pytest.mark.parametrize("quote", ["", '"'])
def test_a_long_record_ends_with_its_line_wherever_the_pieces_end(
    over: int, end: str, quote: str
) -> None:
    """The row after it keeps its number, even if a piece ends inside of CRLF."""
    length = RECORD_LENGTH + over - len(end) - 2 * len(quote)
    for length_of_record in (length, length + RECORD_LENGTH, length + RECORD_LENGTH + 1):
        content = f"business_name{end}{quote}{'x' * length_of_record}{quote}{end}B{end}"
        last = rows_of(content)[-1]
        assert (last.number, last.cells) == (3, ("B",))


@pytest.mark.parametrize("over", range(-3, 4))
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"], ids=["LF", "CRLF", "CR"])
@pytest.mark.parametrize("quote", ["", '"'])
@pytest.mark.parametrize("start", ["", "\ufeff", "\n"], ids=["plain", "BOM", "blank"])
def test_a_long_first_record_ends_with_its_line_too(
    over: int, end: str, quote: str, start: str
) -> None:
    """It is read twice, because it decides the delimiter; the records after it are blank, and B."""
    length = RECORD_LENGTH + over - len(end) - 2 * len(quote)
    for length_of_record in (length, length + RECORD_LENGTH, length + RECORD_LENGTH + 1):
        content = f"{start}{quote}{'x' * length_of_record}{quote}{end}{end}B{end}"
        found = dict(read_records(io.BytesIO(content.encode())))
        first = 1 + start.count("\n")
        too_long = length_of_record > RECORD_LENGTH - len(end) - 2 * len(quote)
        assert list(found) == [first, first + 2]
        assert (found[first] is Fault.TOO_LONG) is too_long
        assert found[first + 2] == ["B"]


def _as_python_reads(text: str, delimiter: str) -> list[list[str]]:
    reader = csv.reader(
        io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True, strict=False
    )
    return [[cell.strip() for cell in cells] for cells in reader]


RECORDS = st.text('ab"",;\n\r \t=', max_size=40)


@given(RECORDS, st.sampled_from(",;\t"), st.booleans())
@example('"a"b,"c\nd"\n', ",", True)
@example(' "a""\n"b', ",", True)
def test_whatever_is_wrong_with_a_record_the_next_ones_are_read_as_if_it_had_been_right(
    text: str, delimiter: str, long: bool
) -> None:
    """Records begin where Python's own reader begins them, which does not mind bad quoting."""
    # The first record decides the delimiter. The last cell makes a quoted record too long.
    header = delimiter.join("abc")
    tail = '"' + "\n" * RECORD_LENGTH + '"' if long else "z"
    content = f"{header}\n{tail}\n{text}\nlast{delimiter}"
    expected = _as_python_reads(content, delimiter)
    found = dict(read_records(io.BytesIO(content.encode())))
    for number, cells in enumerate(expected, 1):
        if number in found and not isinstance(found[number], Fault):
            assert found[number] == cells
    # Nothing else was read, and only blank records were passed over.
    assert set(found) <= set(range(1, len(expected) + 1))
    assert all(not any(expected[n - 1]) for n in set(range(1, len(expected) + 1)) - set(found))


# ── Delimiters, encodings and blank cells ────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "start",
    [
        "business_name;email\n",
        '"business\nname";email\n',
        '"business\r\nname";"email"\n',
        "\n\nbusiness_name;email\n",
        ",,\n;\nbusiness_name;email\n",
        '"";"\n"\nbusiness_name;email\n',
        "\ufeff\nbusiness_name;email\n",
        "business_name;email;,\n",
        "business_name\temail\n",
    ],
)
def test_the_first_record_that_is_not_blank_decides_the_delimiter(start: str) -> None:
    """Not the first line, which may be blank or a part of a header."""
    delimiter = "\t" if "\t" in start else ";"
    columns = start.strip("\n").count(delimiter, start.find("email")) * delimiter
    (row,) = rows_of(f"{start}Acme, Ltd{delimiter}a@example.com{columns}\n")
    assert row.command is not None
    assert row.command.business_name == "Acme, Ltd"
    assert str(row.command.email) == "a@example.com"


def test_cells_that_are_blank_beyond_the_header_do_not_leave_a_row_out() -> None:
    """Spreadsheets write them; what is not blank still leaves the row out."""
    content = "business_name,email\nA,,,\nB,b@example.com,  ,\nC,,,x\n"
    assert results_of(content) == ["A", "B", "wrong_number_of_cells"]
    assert rows_of(content)[0].cells == ("A", "")


TABLE = "business_name;email\r\nMüller & Söhne;m@example.com\r\n"


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (TABLE.encode("cp1252"), "unreadable_characters"),
        (TABLE.encode("utf-16"), "unreadable_characters"),
        (TABLE.encode("utf-16-le"), "unreadable_characters"),
        (TABLE.encode("utf-16-be"), "unreadable_characters"),
        (b"sep=;\r\n" + TABLE.encode(), "separator_line"),
        (b"SEP=,\r\nbusiness_name\r\n", "separator_line"),
        (b"sep=\t\r\nbusiness_name\r\n", "separator_line"),
        (b'"sep=;"\r\nbusiness_name\r\n', "separator_line"),
    ],
)
def test_what_a_spreadsheet_writes_is_refused_in_words_that_say_what_to_do(
    content: bytes, code: str
) -> None:
    (row,) = rows_of(content)
    (problem,) = row.problems
    assert problem.code.value == code
    assert 'save the file as "CSV UTF-8"' in problem.message


@pytest.mark.parametrize("encoding", ["cp1252", "utf-16", "UTF-16LE", "utf-8", "utf-8-sig", "mac"])
@pytest.mark.parametrize("delimiter", [";", "\t"])
def test_a_file_in_another_encoding_is_read_by_who_knows_it(encoding: str, delimiter: str) -> None:
    """A byte order mark is not read, whether or not the encoding has one."""
    encoding = {"mac": "mac_roman"}.get(encoding, encoding)
    content = TABLE.replace(";", delimiter).encode(encoding)
    assert results_of(content, encoding) == ["Müller & Söhne"]
    if encoding.startswith(("utf", "UTF")):
        marked = ("\ufeff" + TABLE).encode(encoding)
        assert results_of(marked, encoding) in (["Müller & Söhne"], ["missing_column"])


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "iso2022_jp_2", "ascii", "cp1252"])
def test_bytes_that_are_not_in_the_encoding_are_reported(encoding: str) -> None:
    """Also where the encoding cannot replace them: nothing else is raised."""
    results = results_of(b"business_name\nA\x81\xff\n", encoding)
    # Newer Pythons find a replacement in Punycode, and with it another header.
    expected = ["unreadable_characters"], ["missing_column"]
    assert results in (expected if encoding == "punycode" else expected[:1])


@pytest.mark.parametrize(
    "encoding", ["nope", "hex", "rot13", "idna", "undefined", "", "x\0y", "\udcff", 5, None]
)
def test_an_unknown_encoding_raises_at_once(encoding: str) -> None:
    with pytest.raises(InvalidValue, match="encoding"):
        read_clients_csv(io.BytesIO(), by=NORTH, secret_key=KEY, encoding=encoding)


# ── Ids ──────────────────────────────────────────────────────────────────────────────────────────


def _id(content: str, secret_key: str | bytes = KEY) -> object:
    (row,) = read_clients_csv(io.BytesIO(content.encode()), by=NORTH, secret_key=secret_key)
    assert row.command is not None
    return row.command.client_id


def test_an_id_needs_the_secret_key() -> None:
    """Without it, nobody can compute an id, to take it or to confirm an address."""
    for row in ("1,A,", ",A,a@example.com", ",A,"):
        content = f"reference,business_name,email\n{row}\n"
        assert _id(content) == _id(content, KEY.decode())
        assert _id(content) != _id(content, KEY + b"!")


@pytest.mark.parametrize(
    "secret_key", [b"", b"fifteen bytes!!", "fifteen bytes!!", 5, None, "\ud800" * 16]
)
def test_a_short_or_malformed_key_raises_at_once(secret_key: bytes) -> None:
    """And is not repeated."""
    with pytest.raises(InvalidValue, match="secret_key") as raised:
        read_clients_csv(io.BytesIO(), by=NORTH, secret_key=secret_key)
    assert "fifteen" not in str(raised.value)


def test_a_reference_is_the_same_however_its_characters_are_composed() -> None:
    header = "reference,business_name\n"
    assert _id(header + "Zo\u00eb,A") == _id(header + "Zoe\u0308,B")
    assert results_of(header + "Zo\u00eb,A\nZoe\u0308,B") == ["A", "same_client"]


@pytest.mark.parametrize(
    "header",
    [
        "business_name,notes",
        "reference,business_name",
        "email,business_name",
        "phone,business_name",
    ],
)
def test_a_long_text_is_measured_before_it_is_folded(header: str) -> None:
    """Normalising 65,000 combining marks takes seconds."""
    marks = "\u0316\u0301" * 32_000
    before = process_time()
    assert len(rows_of(f"{header}\n{marks},A\n")) == 1
    assert process_time() - before < 1


# ── Formulas ─────────────────────────────────────────────────────────────────────────────────────

CELLS = st.one_of(
    st.text("ab,;:|\t\r\n'\" =+-@\uff1d\x0b", max_size=12), st.text(max_size=20)
).filter(lambda text: text.isprintable() or not any("\ud800" <= c <= "\udfff" for c in text))


@given(st.lists(st.lists(CELLS, min_size=1, max_size=4), max_size=3))
@example([["Acme;=1+1"]])
@example([["x", 'Acme;"=1+1']])
@example([["x", "Acme\n=1+1"]])
@example([["x", "Acme;'\t"]])
def test_no_cell_is_a_formula_whatever_delimiter_a_file_is_opened_with(
    records: list[list[str]],
) -> None:
    file = io.BytesIO()
    write_records(file, records)
    text = file.getvalue().decode("utf-8-sig")
    for delimiter in ",;\t|:":
        for spaces in (True, False):
            opened = csv.reader(
                io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=spaces
            )
            for cell in chain.from_iterable(opened):
                # The end of a row may stand in a quotation that another delimiter opens.
                assert not cell.removeprefix("\r\n").startswith(tuple("=+-@\t\r"))
                assert not cell.strip().startswith(tuple("=+-@"))


@given(st.lists(CELLS, min_size=1, max_size=4))
@example(["Acme;'\t"])
@example([";'=", "\n'=", ",,'=", "\t\t", "'\n", ";''="])
def test_any_cell_is_read_back_without_the_apostrophes_that_were_added(cells: list[str]) -> None:
    file = io.BytesIO()
    write_clients_csv(file, [["x", *cells]], columns=["business_name", *"abcd"[: len(cells)]])
    read = dict(read_records(io.BytesIO(file.getvalue())))
    assert read[2] == ["x", *(cell.strip() for cell in cells)]


@pytest.mark.parametrize("part", ["\t", "\r", "\n", "'", ",'", ", ", "\n ", '\t"', '";'])
def test_a_long_cell_is_written_and_read_in_linear_time(part: str) -> None:
    cell = part * (30_000 // len(part))
    before = process_time()
    file = io.BytesIO()
    write_records(file, [["x"], [cell]])
    list(read_records(io.BytesIO(file.getvalue())))
    assert process_time() - before < 2
