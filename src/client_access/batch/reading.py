"""Reading clients from a CSV file: row by row, checked, nothing saved."""

from __future__ import annotations

import hmac
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from operator import itemgetter
from typing import IO, final
from uuid import UUID

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
from client_access.values.validation import (
    NAME_LENGTH,
    check_text,
    check_type,
    to_secret_key,
    to_tuple,
)

_IDS_OF_PRACTICE = b"client_access.batch: the clients of a practice, 1: "
_KINDS = {"": ClientKind.BUSINESS, **{kind.value: kind for kind in ClientKind}}
_PAYERS = {"": None, **{payer.value: payer for payer in Payer}}
_NOBODY = ContactDetails()


def read_clients_csv(
    file: IO[bytes], *, by: PracticeUser, secret_key: str | bytes, encoding: str = "utf-8"
) -> Iterator[CsvRow]:
    """Yield the rows of a CSV file, one by one; nothing is saved.

    The file separates cells by commas, semicolons or tabs, and may begin with a byte order mark.
    The columns of :data:`COLUMNS` can be in any order and in any case. Unknown columns are kept and
    not read. If something is wrong with the whole file, the only row is its header, without
    columns. Whatever is wrong with a row, the next one is read as if it had been right.

    Parameters:
        file: opened for reading bytes; it stays open.
        by: who imports, for which practice.
        secret_key: makes the ids of the clients, so that nobody else can compute them; at least 16
            bytes, such as `secrets.token_bytes(32)`. Use the same key for every import: with
            another one, a file that is imported again adds its clients again.
        encoding: how the file encodes text, such as `cp1252`.

    Raises:
        InvalidValue: an argument is malformed, or the file was closed before its end was read.
            No content raises anything.
    """
    check_type("by", by, PracticeUser)
    new_id = _ids_of(by.practice_id, to_secret_key("secret_key", secret_key))
    return _rows(read_records(file, encoding), by, new_id)


def _ids_of(practice_id: str, secret_key: bytes) -> Callable[[str], UUID]:
    """Return a function that makes the id of a practice's client of what identifies its row."""
    key = hmac.digest(secret_key, _IDS_OF_PRACTICE + practice_id.encode(), "sha256")
    return lambda own: UUID(bytes=hmac.digest(key, own.encode(), "sha256")[:16], version=4)


def _rows(
    records: Iterator[tuple[int, list[str] | Fault]],
    by: PracticeUser,
    new_id: Callable[[str], UUID],
) -> Iterator[CsvRow]:
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
    reader = _RowReader(columns, names, by, new_id)
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
    missing = BUSINESS_NAME not in names
    if names[0].startswith("sep="):
        message = (
            "The first line names the separator for a spreadsheet: delete it, or save the file as"
            ' "CSV UTF-8".'
        )
        yield Problem(number, None, ProblemCode.SEPARATOR_LINE, message)
    # UTF-16 that is read as UTF-8 has a NUL in each character.
    elif any(UNREADABLE_CHARACTER in name or (missing and "\0" in name) for name in names):
        yield _unreadable(number, None)
    elif missing:
        message = f"The column {BUSINESS_NAME} is missing: the first row must name the columns."
        yield Problem(number, BUSINESS_NAME, ProblemCode.MISSING_COLUMN, message)
    for column in COLUMNS:
        if names.count(column) > 1:
            message = f"The column {column} is there more than once."
            yield Problem(number, column, ProblemCode.DOUBLED_COLUMN, message)


@final
class _RowReader:
    """Makes rows of records, given the header. Remembers addresses and ids, to find doubles."""

    def __init__(
        self,
        columns: tuple[str, ...],
        names: Sequence[str],
        by: PracticeUser,
        new_id: Callable[[str], UUID],
    ) -> None:
        self._columns = columns
        self._by = by
        self._new_id = new_id
        self._rows_by_email: dict[str, int] = {}
        self._rows_by_id: dict[int, int] = {}
        # A missing column is read from an empty cell that is added to each record.
        places = (names.index(name) if name in names else len(columns) for name in COLUMNS)
        self._texts = itemgetter(*places)

    def read(self, number: int, cells: list[str]) -> CsvRow:
        """Return the row, with its command or with all its problems."""
        width = len(self._columns)
        if len(cells) > width and not any(cells[width:]):
            del cells[width:]
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
            own = f"reference {unicodedata.normalize('NFC', reference)}"
        elif mailbox:
            own = f"email {mailbox.key}"
        else:
            check_text(BUSINESS_NAME, business_name, NAME_LENGTH)  # before a long one is folded
            own = f"name {fold(business_name)}"
        contact = _NOBODY
        if contact_name or phone or address:
            contact = ContactDetails(contact_name, phone, _lines(address))
        return ImportClient(
            self._new_id(own),
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
    return Problem(number, column, ProblemCode.UNREADABLE_CHARACTERS, _UNREADABLE)


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


_UNREADABLE = (
    'Some characters cannot be read: save the file as "CSV UTF-8", or import it with its own'
    " encoding, such as cp1252 or utf-16."
)
_FAULTS = {
    Fault.BAD_QUOTING: "A quotation mark is not closed, or is inside a quoted cell. The rows"
    " that it spans were left out.",
    Fault.TOO_LONG: "The row is too long. Perhaps a quotation mark is not closed; the rows that it"
    " spans were left out.",
    Fault.UNREADABLE: _UNREADABLE,
}
