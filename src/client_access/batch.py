"""Clients from a CSV file: read row by row, checked, imported, and written back (rules L1, E1).

    for outcome in import_clients(access, read_clients_csv(file, by=PracticeUser("north"))):
        print(outcome.row.number, outcome.result, outcome.problems)

Reading saves nothing. Every row comes back as an :class:`~client_access.ImportClient` or with what
is wrong with it, whatever the file holds. A client's id follows from the practice and the row's own
reference, else its address, else its name, so that a file uploaded twice adds nobody twice.

Memory does not grow with the file: the addresses and ids of earlier rows, which tell doubles, are
kept by SQLite in a temporary file that ends with the reading, all but the latest.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from enum import Enum
from hashlib import sha1
from itertools import islice
from operator import itemgetter
from typing import IO, final
from uuid import UUID, uuid5

from attrs import frozen

from client_access._csv_text import UNREADABLE_CHARACTER, Fault, read_records, write_records
from client_access._validation import NAME_LENGTH, check_text, check_type
from client_access.client import Client
from client_access.commands import ImportClient
from client_access.errors import InvalidValue
from client_access.machines.payer import Payer
from client_access.refusals import CommandRefused, RefusalCode
from client_access.repository import Lookup, Repository
from client_access.service import ClientAccess
from client_access.values import ClientKind, ContactDetails, EmailAddress, PracticeUser, fold

REFERENCE = "reference"
BUSINESS_NAME = "business_name"
EMAIL = "email"

COLUMNS = (
    REFERENCE,
    "kind",
    BUSINESS_NAME,
    EMAIL,
    "payer",
    "contact_name",
    "phone",
    "address",
)
"""The columns that are read, in the template's order; all but the business name may be missing."""

CHUNK = 2000
"""How many rows are decided on and saved together."""

_IN_MEMORY = 250_000
"""How many addresses and ids of earlier rows are kept in memory, some 40 MB at the most."""

_IDS = UUID("6f0f7f5c-3b0e-5f0a-9d53-0c6a3c1b7e21")
_KINDS = {"": ClientKind.BUSINESS, **{kind.value: kind for kind in ClientKind}}
_PAYERS = {"": None, **{payer.value: payer for payer in Payer}}
_NOBODY = ContactDetails()


# ── Rows and their problems ──────────────────────────────────────────────────────────────────────


class ProblemCode(Enum):
    """What can be wrong with a file, a row or a cell."""

    EMPTY_FILE = "empty_file"
    MISSING_COLUMN = "missing_column"
    DOUBLED_COLUMN = "doubled_column"
    BAD_QUOTING = "bad_quoting"
    TOO_LONG = "too_long"
    WRONG_NUMBER_OF_CELLS = "wrong_number_of_cells"
    UNREADABLE_CHARACTERS = "unreadable_characters"
    MISSING_VALUE = "missing_value"
    UNKNOWN_WORD = "unknown_word"
    MALFORMED = "malformed"
    SAME_EMAIL = "same_email"
    SAME_CLIENT = "same_client"
    # Told when a row is imported:
    EMAIL_TAKEN = "email_taken"
    CLIENT_GONE = "client_gone"


@final
@frozen
class Problem:
    """What is wrong with a row.

    Parameters:
        row: the row's number, as a spreadsheet counts: the header is 1.
        column: the column, where the problem lies in one.
        code: what is wrong, for programs.
        message: what is wrong, in one sentence for people.
    """

    row: int
    column: str | None
    code: ProblemCode
    message: str


@final
@frozen
class CsvRow:
    """A row of a file: a command, or what is wrong.

    Parameters:
        number: as a spreadsheet counts: the header is row 1, blank rows count too.
        columns: the header of the file.
        cells: the texts of the row, white space around them removed.
        command: what imports the client; None where anything is wrong.
        problems: everything that is wrong.
    """

    number: int
    columns: tuple[str, ...]
    cells: tuple[str, ...]
    command: ImportClient | None
    problems: tuple[Problem, ...]

    @property
    def texts(self) -> dict[str, str]:
        """The cells by their column: what to correct and to write back."""
        return dict(zip(self.columns, self.cells, strict=False))


# ── Reading ──────────────────────────────────────────────────────────────────────────────────────


def read_clients_csv(file: IO[bytes], *, by: PracticeUser) -> Iterator[CsvRow]:
    """Yield the rows of a CSV file, one by one; nothing is saved.

    UTF-8 with or without a byte order mark; divided by commas or semicolons; the columns of
    :data:`COLUMNS` in any order, whatever their case. Unknown ones are carried along and not read.
    A problem of the file as a whole comes as the row of its header, and ends the reading.

    Parameters:
        file: opened for reading bytes; it stays open.
        by: who imports, for which practice.

    Raises:
        InvalidValue: an argument is malformed. What the file holds never raises anything.
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
        yield CsvRow(number, columns, columns, None, problems)
        return
    with closing(_Seen(_IN_MEMORY)) as seen:
        reader = _RowReader(columns, names, by, seen)
        for number, cells in records:
            if isinstance(cells, Fault):
                yield _faulty(number, columns, cells)
            else:
                yield reader.read(number, cells)


def unknown_columns(columns: Iterable[str]) -> list[str]:
    """Return those columns of a header that are not read."""
    return [column for column in columns if _name_of(column) not in COLUMNS]


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


# ── Importing ────────────────────────────────────────────────────────────────────────────────────


class ImportResult(Enum):
    """What became of a row."""

    ADDED = "added"
    ALREADY_THERE = "already_there"
    LEFT_OUT = "left_out"


@final
@frozen
class ImportOutcome:
    """A row that was imported, or why not.

    Parameters:
        row: the row.
        result: what became of it. Who is there already is left as it is, whatever the row says.
        problems: why it was left out.
    """

    row: CsvRow
    result: ImportResult
    problems: tuple[Problem, ...]


def import_clients(
    access: ClientAccess, rows: Iterable[CsvRow], *, chunk: int = CHUNK
) -> Iterator[ImportOutcome]:
    """Import the rows that can be, and yield what became of each, in order.

    Rows are saved as the outcomes are asked for, a chunk in one transaction; a row that is left out
    stops no other. Should it break off, the same file imported again adds what is missing.

    Parameters:
        access: where to.
        rows: as :func:`read_clients_csv` yields them.
        chunk: how many rows are decided on and saved together.

    Raises:
        InvalidValue: an argument is malformed.
        StaleClient, EmailTaken, RepositoryError: as :meth:`~client_access.ClientAccess.handle`.
    """
    check_type("access", access, ClientAccess)
    check_type("chunk", chunk, int)
    if chunk < 1:
        raise InvalidValue("chunk", "must be at least 1")
    return _outcomes(access, iter(rows), chunk)


def _outcomes(access: ClientAccess, rows: Iterator[CsvRow], chunk: int) -> Iterator[ImportOutcome]:
    while part := list(islice(rows, chunk)):
        commands = [row.command for row in part if row.command is not None]
        decided = access.handle_each(commands)
        refused = {
            command.client_id: outcome.refusal.code
            for command, outcome in zip(commands, decided, strict=True)
            if isinstance(outcome, CommandRefused)
        }
        exist = [i for i, code in refused.items() if code is RefusalCode.CLIENT_EXISTS]
        clients = _clients(access.repository, exist)
        for row in part:
            if row.command is None:
                yield ImportOutcome(row, ImportResult.LEFT_OUT, row.problems)
            elif row.command.client_id not in refused:
                yield ImportOutcome(row, ImportResult.ADDED, ())
            else:
                yield _refused(row, row.command, clients.get(row.command.client_id))


def _refused(row: CsvRow, command: ImportClient, client: Client | None) -> ImportOutcome:
    if client is None:
        message = "The address is in use already, and each client needs its own."
        problem = Problem(row.number, EMAIL, ProblemCode.EMAIL_TAKEN, message)
    elif isinstance(command.by, PracticeUser) and client.practice_id == command.by.practice_id:
        return ImportOutcome(row, ImportResult.ALREADY_THERE, ())
    else:
        message = (
            "This client was there before and has been deleted, or its practice's access has ended:"
            " to add it again, give the row a reference of its own."
        )
        problem = Problem(row.number, None, ProblemCode.CLIENT_GONE, message)
    return ImportOutcome(row, ImportResult.LEFT_OUT, (problem,))


def _clients(repository: Repository, client_ids: Sequence[UUID]) -> Mapping[UUID, Client]:
    if isinstance(repository, Lookup):
        return repository.get_many(client_ids)
    found = {client_id: repository.get(client_id) for client_id in client_ids}
    return {client_id: client for client_id, client in found.items() if client is not None}


# ── Writing back ─────────────────────────────────────────────────────────────────────────────────


def write_clients_csv(
    file: IO[bytes],
    rows: Iterable[Mapping[str, str]],
    *,
    columns: Sequence[str] = COLUMNS,
) -> None:
    """Write rows as CSV that :func:`read_clients_csv` reads back, and no spreadsheet executes.

    Parameters:
        file: opened for writing bytes; it stays open.
        rows: the texts by column, as :attr:`CsvRow.texts` and :func:`texts_of` return them; what
            a row lacks is left empty.
        columns: the header, in order.
    """
    write_records(file, _records(columns, rows))


def _records(columns: Sequence[str], rows: Iterable[Mapping[str, str]]) -> Iterator[Sequence[str]]:
    yield columns
    for row in rows:
        yield [row.get(column, "") for column in columns]


def texts_of(command: ImportClient, *, reference: str = "") -> dict[str, str]:
    """Return the texts of a command by column: what imports the same client.

    Parameters:
        command: the command.
        reference: what the row is to be known by, where it is more than address or name.
    """
    check_type("command", command, ImportClient)
    values = (
        reference,
        command.kind.value,
        command.business_name,
        str(command.email or ""),
        command.payer.value if command.payer else "",
        command.contact.name,
        command.contact.phone,
        command.contact.address,
    )
    return dict(zip(COLUMNS, values, strict=True))
