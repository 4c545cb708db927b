"""Reading clients from a CSV file: row by row, checked, nothing saved."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
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

_IDS = UUID("6f0f7f5c-3b0e-5f0a-9d53-0c6a3c1b7e21")
_KINDS = {"": ClientKind.BUSINESS, **{kind.value: kind for kind in ClientKind}}
_PAYERS = {"": None, **{payer.value: payer for payer in Payer}}
_NOBODY = ContactDetails()


def read_clients_csv(file: IO[bytes], *, by: PracticeUser) -> Iterator[CsvRow]:
    """Yield the rows of a CSV file, one by one; nothing is saved.

    The file is UTF-8, with or without a byte order mark, and separates cells by commas or by
    semicolons. The columns of :data:`COLUMNS` can be in any order and in any case. Unknown columns
    are kept and not read. If something is wrong with the whole file, the only row is its header,
    without columns.

    Parameters:
        file: opened for reading bytes; it stays open.
        by: who imports, for which practice.

    Raises:
        InvalidValue: an argument is malformed, or the file was closed before its end was read.
            No content raises anything.
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
    reader = _RowReader(columns, names, by)
    for number, cells in records:
        if isinstance(cells, Fault):
            yield _faulty(number, columns, cells)
        else:
            yield reader.read(number, cells)


def unknown_columns(columns: Iterable[str]) -> list[str]:
    """Return the columns of a header that are not read.

    Raises:
        InvalidValue: a column is not a text.
    """
    names = to_tuple("columns", columns)
    for name in names:
        check_type("columns", name, str)
    return [name for name in names if _name_of(name) not in COLUMNS]


def _name_of(column: str) -> str:
    """Return a column's name as in :data:`COLUMNS`: business_name for "Business Name"."""
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
    """Makes rows of records, given the header. Remembers addresses and ids, to find doubles."""

    def __init__(self, columns: tuple[str, ...], names: Sequence[str], by: PracticeUser) -> None:
        self._columns = columns
        self._by = by
        self._ids = uuid5(_IDS, by.practice_id)
        self._rows_by_email: dict[str, int] = {}
        self._rows_by_id: dict[int, int] = {}
        # A missing column is read from an empty cell that is added to each record.
        places = (names.index(name) if name in names else len(columns) for name in COLUMNS)
        self._texts = itemgetter(*places)

    def read(self, number: int, cells: list[str]) -> CsvRow:
        """Return the row, with its command or with all its problems."""
        width = len(self._columns)
        if len(cells) != width:
            message = f"The row has {len(cells)} cells, and the header has {width}."
            code = ProblemCode.WRONG_NUMBER_OF_CELLS
            return _broken(number, self._columns, code, None, message, cells)
        row_cells = tuple(cells)
        cells.append("")
        texts: tuple[str, ...] = self._texts(cells)
        command = None
        if UNREADABLE_CHARACTER not in "".join(texts):
            # Any problem is found again below, with all the others.
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
            uuid5(self._ids, own),
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
        """Return a problem if an earlier row has the same address (E1) or the same id."""
        email = command.email if command else _email_or_none(texts[_EMAIL_PLACE])
        if email is not None:
            same = self._rows_by_email.setdefault(email.key, number)
            if same != number:
                message = f"The address is that of row {same} too, and each client needs its own."
                return Problem(number, EMAIL, ProblemCode.SAME_EMAIL, message)
        reference = texts[_REFERENCE_PLACE]
        if command is None or (email is not None and not reference):
            return None
        same = self._rows_by_id.setdefault(command.client_id.int, number)
        if same == number:
            return None
        if reference:
            message = f"The reference is that of row {same} too."
            return Problem(number, REFERENCE, ProblemCode.SAME_CLIENT, message)
        message = f"The row is like row {same}: give each a reference or an address."
        return Problem(number, BUSINESS_NAME, ProblemCode.SAME_CLIENT, message)


_REFERENCE_PLACE = COLUMNS.index(REFERENCE)
_EMAIL_PLACE = COLUMNS.index(EMAIL)


def _problems_of(number: int, texts: Sequence[str]) -> Iterator[Problem]:
    """Yield every problem of the cells of a row."""
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
    Fault.BAD_QUOTING: "A quotation mark is not closed, or is inside a quoted cell. The rows"
    " that it spans were left out.",
    Fault.TOO_LONG: "The row is too long. Perhaps a quotation mark is not closed, and it spans the"
    " rows after it.",
}
