"""Reading clients from a CSV file: row by row, checked, nothing saved."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from hashlib import sha1
from operator import itemgetter
from typing import IO, final
from uuid import UUID, uuid5

from client_access.batch.rows import (
    BUSINESS_NAME,
    COLUMNS,
    EMAIL,
    REFERENCE,
    CsvRow,
    Problem,
    ProblemCode,
)
from client_access.batch.text import UNREADABLE_CHARACTER, Fault, read_records
from client_access.commands import ImportClient
from client_access.errors import InvalidValue
from client_access.machines.payer import Payer
from client_access.values import ClientKind, ContactDetails, PracticeUser, fold
from client_access.values.email_address import EmailAddress
from client_access.values.validation import NAME_LENGTH, check_text, check_type, to_tuple

_IN_MEMORY = 250_000
"""How many addresses and ids of earlier rows are kept in memory, some 40 MB at the most."""

_IDS = UUID("6f0f7f5c-3b0e-5f0a-9d53-0c6a3c1b7e21")
_KINDS = {"": ClientKind.BUSINESS, **{kind.value: kind for kind in ClientKind}}
_PAYERS = {"": None, **{payer.value: payer for payer in Payer}}
_NOBODY = ContactDetails()


def read_clients_csv(file: IO[bytes], *, by: PracticeUser) -> Iterator[CsvRow]:
    """Yield the rows of a CSV file, one by one; nothing is saved.

    UTF-8 with or without a byte order mark; divided by commas or semicolons; the columns of
    :data:`COLUMNS` in any order, whatever their case. Unknown ones are carried along and not read.
    A problem of the file as a whole comes as the row of its header, with no columns, and ends the
    reading.

    Parameters:
        file: opened for reading bytes; it stays open.
        by: who imports, for which practice.

    Raises:
        InvalidValue: an argument is malformed, or the file was closed before it was read to its
            end. What the file holds never raises anything.
    """
    check_type("by", by, PracticeUser)
    records = read_records(file)
    return _rows(records, by)


def _rows(records: Iterator[tuple[int, list[str] | Fault]], by: PracticeUser) -> Iterator[CsvRow]:
    number, header = next(records, (1, None))
    if header is None:
        yield _broken(1, (), ProblemCode.EMPTY_FILE, None, "The file is empty.")
        return
    if isinstance(header, Fault):
        yield _faulty(number, (), header)
        return
    columns = tuple(header)
    names = [_name_of(column) for column in columns]
    problems = tuple(_problems_of_header(number, names))
    if problems:
        yield CsvRow(number, (), columns, None, problems)
        return
    with closing(_Seen(_IN_MEMORY)) as seen:
        reader = _RowReader(columns, names, by, seen)
        for number, cells in records:
            if isinstance(cells, Fault):
                yield _faulty(number, columns, cells)
            else:
                yield reader.read(number, cells)


def unknown_columns(columns: Iterable[str]) -> list[str]:
    """Return those columns of a header that are not read.

    Raises:
        InvalidValue: these are no columns.
    """
    names = to_tuple("columns", columns)
    for name in names:
        check_type("columns", name, str)
    return [name for name in names if _name_of(name) not in COLUMNS]


def _name_of(column: str) -> str:
    """Return a column as :data:`COLUMNS` has it: "Business Name" is business_name."""
    return "_".join(column.lower().replace("_", " ").replace("-", " ").split())


def _problems_of_header(number: int, names: Sequence[str]) -> Iterator[Problem]:
    if any(UNREADABLE_CHARACTER in name for name in names):
        yield _unreadable(number, None)
    elif BUSINESS_NAME not in names:
        message = f"The column {BUSINESS_NAME} is missing: the first row must name the columns."
        yield Problem(number, BUSINESS_NAME, ProblemCode.MISSING_COLUMN, message)
    for column in COLUMNS:
        if names.count(column) > 1:
            message = f"The column {column} is there more than once."
            yield Problem(number, column, ProblemCode.DOUBLED_COLUMN, message)


@final
class _RowReader:
    """Makes a row of a record, knowing the header and the rows before."""

    def __init__(
        self, columns: tuple[str, ...], names: Sequence[str], by: PracticeUser, seen: _Seen
    ) -> None:
        self._columns = columns
        self._by = by
        self._seen = seen
        # What uuid5 does, without making anew for each row what is the same for all.
        self._ids = uuid5(_IDS, by.practice_id).bytes
        # A column that the file lacks is found in an empty cell, added to each record.
        places = (names.index(name) if name in names else len(columns) for name in COLUMNS)
        self._texts = itemgetter(*places)

    def read(self, number: int, cells: list[str]) -> CsvRow:
        """Return the row, with its command or with everything that is wrong."""
        width = len(self._columns)
        if len(cells) != width:
            message = f"The row has {len(cells)} cells, and the header {width}."
            code = ProblemCode.WRONG_NUMBER_OF_CELLS
            return _broken(number, self._columns, code, None, message, cells)
        row_cells = tuple(cells)
        cells.append("")
        texts: tuple[str, ...] = self._texts(cells)
        command = None
        if UNREADABLE_CHARACTER not in "".join(texts):
            # What is wrong is told below, with everything else that is.
            with suppress(InvalidValue, KeyError):
                command = self._command(*texts)
        problems = () if command else tuple(_problems_of(number, texts))
        if double := self._double(number, texts, command):
            problems = (*problems, double)
        return CsvRow(number, self._columns, row_cells, None if problems else command, problems)

    def _command(
        self,
        reference: str,
        kind: str,
        business_name: str,
        email: str,
        payer: str,
        contact_name: str,
        phone: str,
        address: str,
    ) -> ImportClient:
        check_text(REFERENCE, reference, NAME_LENGTH, blank=True)
        mailbox = EmailAddress(email) if email else None
        if reference:
            own = f"reference {reference}"
        elif mailbox:
            own = f"email {mailbox.key}"
        else:
            own = f"name {fold(business_name)}"
        contact = _NOBODY
        if contact_name or phone or address:
            contact = ContactDetails(contact_name, phone, _lines(address))
        return ImportClient(
            UUID(
                bytes=sha1(self._ids + own.encode(), usedforsecurity=False).digest()[:16], version=5
            ),
            self._by,
            business_name=business_name,
            kind=_KINDS[kind.lower()],
            email=mailbox,
            contact=contact,
            payer=_PAYERS[payer.lower()],
        )

    def _double(
        self, number: int, texts: tuple[str, ...], command: ImportClient | None
    ) -> Problem | None:
        """Tell which earlier row has the same address (E1), or cannot be told from this one."""
        email = command.email if command else _email_or_none(texts[_EMAIL_PLACE])
        if email is not None and (same := self._seen.earlier(email.key, number)):
            message = f"The address is that of row {same} too, and each client needs its own."
            return Problem(number, EMAIL, ProblemCode.SAME_EMAIL, message)
        reference = texts[_REFERENCE_PLACE]
        if command is None or (email is not None and not reference):
            return None
        same = self._seen.earlier(command.client_id.hex, number)
        if same is None:
            return None
        if reference:
            message = f"The reference is that of row {same} too."
            return Problem(number, REFERENCE, ProblemCode.SAME_CLIENT, message)
        message = f"Nothing tells the row from row {same}: give each a reference or an address."
        return Problem(number, BUSINESS_NAME, ProblemCode.SAME_CLIENT, message)


_REFERENCE_PLACE = COLUMNS.index(REFERENCE)
_EMAIL_PLACE = COLUMNS.index(EMAIL)


@final
class _Seen:
    """What earlier rows had. The latest is kept in memory, all before it in a temporary database.

    Parameters:
        in_memory: how much is kept in memory, so that it does not grow with the file.
    """

    def __init__(self, in_memory: int) -> None:
        self._in_memory = in_memory
        self._latest: dict[str, int] = {}
        # A file of SQLite's own that nobody else sees, and only made when it is needed.
        self._database = sqlite3.connect("", isolation_level=None)
        self._database.execute("PRAGMA journal_mode = OFF")
        self._database.execute("CREATE TABLE seen (what TEXT PRIMARY KEY, row INT) WITHOUT ROWID")
        self._spilt = False

    def earlier(self, what: str, row: int) -> int | None:
        """Return the row that had this first, or None and remember this one."""
        found = self._latest.get(what)
        if found is None and self._spilt:
            question = "SELECT row FROM seen WHERE what = ?"
            found = next((row for (row,) in self._database.execute(question, (what,))), None)
        if found is None:
            self._latest[what] = row
            if len(self._latest) > self._in_memory:
                self._spill()
        return found

    def close(self) -> None:
        """Forget all of it."""
        self._database.close()

    def _spill(self) -> None:
        self._database.execute("BEGIN")
        # In order, which is how the database keeps them.
        rows = ((what, self._latest[what]) for what in sorted(self._latest))
        self._database.executemany("INSERT INTO seen VALUES (?, ?)", rows)
        self._database.execute("COMMIT")
        self._latest.clear()
        self._spilt = True


def _problems_of(number: int, texts: Sequence[str]) -> Iterator[Problem]:
    """Tell everything that is wrong with the cells of a row."""
    for column, text in zip(COLUMNS, texts, strict=True):
        if UNREADABLE_CHARACTER in text:
            yield _unreadable(number, column)
            continue
        words = _WORDS.get(column)
        if words is not None and text.lower() not in words:
            choice = " or ".join(word for word in words if word)
            message = f"The {column} must be {choice}, or empty."
            yield Problem(number, column, ProblemCode.UNKNOWN_WORD, message)
        elif column == BUSINESS_NAME and not text:
            message = "The business name is missing."
            yield Problem(number, column, ProblemCode.MISSING_VALUE, message)
        elif reason := _reason_against(column, text):
            message = f"The {column.replace('_', ' ')} {reason.rstrip('.')}."
            yield Problem(number, column, ProblemCode.MALFORMED, message)


_WORDS: Mapping[str, Mapping[str, object]] = {"kind": _KINDS, "payer": _PAYERS}


def _reason_against(column: str, text: str) -> str | None:
    try:
        match column:
            case "reference":
                check_text(column, text, NAME_LENGTH, blank=True)
            case "business_name":
                check_text(column, text, NAME_LENGTH)
            case "email" if text:
                EmailAddress(text)
            case "contact_name":
                ContactDetails(name=text)
            case "phone":
                ContactDetails(phone=text)
            case "address":
                ContactDetails(address=_lines(text))
    except InvalidValue as problem:
        return problem.reason
    return None


def _lines(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


def _email_or_none(text: str) -> EmailAddress | None:
    try:
        return EmailAddress(text)
    except InvalidValue:
        return None


def _unreadable(number: int, column: str | None) -> Problem:
    message = "Some characters cannot be read: save the file as UTF-8."
    return Problem(number, column, ProblemCode.UNREADABLE_CHARACTERS, message)


def _broken(
    number: int,
    columns: tuple[str, ...],
    code: ProblemCode,
    column: str | None,
    message: str,
    cells: Sequence[str] = (),
) -> CsvRow:
    problem = Problem(number, column, code, message)
    return CsvRow(number, columns, tuple(cells), None, (problem,))


def _faulty(number: int, columns: tuple[str, ...], fault: Fault) -> CsvRow:
    return _broken(number, columns, ProblemCode(fault.value), None, _FAULTS[fault])


_FAULTS = {
    Fault.BAD_QUOTING: "A quotation mark is not closed, or stands inside a quoted cell: what it"
    " swallowed was left out.",
    Fault.TOO_LONG: "The row is too long to be read; perhaps a quotation mark is not closed, and"
    " rows after it were swallowed.",
}
