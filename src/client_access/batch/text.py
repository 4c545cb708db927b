"""CSV as text: bytes to records and back, whatever the bytes are. Knows nothing of clients."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from enum import Enum
from itertools import islice
from typing import IO, final

from client_access.errors import InvalidValue
from client_access.values.validation import check_type

RECORD_LENGTH = 65_536
"""The longest record, in characters, so that no file makes the reader hold more than that."""

UNREADABLE_CHARACTER = "\ufffd"
"""What stands where bytes could not be decoded."""

# What makes a spreadsheet take a cell for a formula, after white space and apostrophes that it may
# ignore; the full-width forms count in some of its languages.
_FORMULA = re.compile(r"['\s]*[=+\-@\t\r\n＝＋－＠]")  # noqa: RUF001 - the full-width forms are meant
# A quoted cell, to its end or the line's; a quotation mark that begins no cell is a letter of it.
_QUOTED = re.compile('(?:^|(?<=[,;])) *"(?:[^"]|"")*(?:"|$)')


class Fault(Enum):
    """Why a record could not be read as CSV."""

    BAD_QUOTING = "bad_quoting"
    TOO_LONG = "too_long"


class _TooLong(Exception):
    """A record is longer than is read."""


@final
class _Lines:
    """The lines of a file as `csv.reader` asks for them, a record's length at the most at once."""

    def __init__(self, text: io.TextIOWrapper) -> None:
        self._text = text
        self._room = RECORD_LENGTH
        self._first: list[str] = []

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        line = self._first.pop() if self._first else self._read(RECORD_LENGTH + 1)
        if not line:
            raise StopIteration
        self._room -= len(line)
        if self._room < 0:
            while line and not line.endswith(("\n", "\r")):
                line = self._read(RECORD_LENGTH)
            raise _TooLong
        return line

    def begin_record(self) -> None:
        """Allow for a whole record again."""
        self._room = RECORD_LENGTH

    def delimiter(self) -> str:
        """Return what divides the cells of the first line: a comma or a semicolon."""
        line = self._read(RECORD_LENGTH + 1)
        self._first.append(line)
        bare = _QUOTED.sub("", line)
        return ";" if bare.count(";") > bare.count(",") else ","

    def _read(self, length: int) -> str:
        try:
            return self._text.readline(length)
        except ValueError:
            raise _closed() from None


def read_records(file: IO[bytes]) -> Iterator[tuple[int, list[str] | Fault]]:
    """Yield the records of a CSV file with their numbers, from 1; blank ones are only counted.

    UTF-8 with or without a byte order mark; what is not UTF-8 becomes U+FFFD. Cells come without
    white space around them, and without what :func:`write_records` put before a formula.

    Parameters:
        file: opened for reading bytes; it stays open.

    Raises:
        InvalidValue: the file is not opened for reading bytes, or was closed meanwhile.
    """
    _check(file, "readable", "reading")
    return _records(file)


def _records(file: IO[bytes]) -> Iterator[tuple[int, list[str] | Fault]]:
    try:
        text = io.TextIOWrapper(file, "utf-8-sig", errors="replace", newline="")
    except ValueError:
        raise _closed() from None
    try:
        lines = _Lines(text)
        reader = csv.reader(lines, delimiter=lines.delimiter(), skipinitialspace=True, strict=True)
        number = 0
        while True:
            number += 1
            lines.begin_record()
            try:
                cells = [_bare(cell) if "'" in cell else cell.strip() for cell in next(reader)]
            except StopIteration:
                return
            except csv.Error:
                yield number, Fault.BAD_QUOTING
            except _TooLong:
                yield number, Fault.TOO_LONG
            else:
                if any(cells):
                    yield number, cells
    finally:
        with suppress(ValueError):  # a file that was closed meanwhile has nothing to be detached
            text.detach()


def write_records(file: IO[bytes], records: Iterable[Iterable[str]]) -> None:
    """Write records as CSV: UTF-8 with a byte order mark, by which spreadsheets know it.

    No cell is a formula to a spreadsheet: an apostrophe is put before what would be one.

    Parameters:
        file: opened for writing bytes; it stays open.
        records: the cells of each.

    Raises:
        InvalidValue: the file is not opened for writing bytes, or a cell is no text that UTF-8 can
            write.
    """
    _check(file, "writable", "writing")
    # Unlike a TextIOWrapper, this leaves the file open when writing fails.
    text = codecs.getwriter("utf-8-sig")(file)
    each = ([_harmless(cell) for cell in cells] for cells in records)
    for header in islice(each, 1):
        # By it a reader guesses what divides cells, and a bare semicolon would mislead it.
        if any(";" in cell for cell in header):
            csv.writer(text, quoting=csv.QUOTE_ALL).writerow(header)
        else:
            csv.writer(text).writerow(header)
    csv.writer(text).writerows(each)
    file.flush()


def _check(file: object, method: str, purpose: str) -> None:
    try:
        able = not isinstance(file, io.TextIOBase) and getattr(file, method)()
    except (AttributeError, TypeError, ValueError):  # no file, or one that is closed
        able = False
    if not able:
        raise InvalidValue("file", f"must be a file opened for {purpose} bytes")


def _closed() -> InvalidValue:
    return InvalidValue("file", "was closed before it was read to its end")


def _harmless(cell: str) -> str:
    check_type("rows", cell, str)
    try:
        cell.encode()
    except UnicodeEncodeError:
        raise InvalidValue("rows", "hold half of a surrogate pair, which is no character") from None
    return "'" + cell if _FORMULA.match(cell) else cell


def _bare(cell: str) -> str:
    """Undo :func:`_harmless`, of a cell with an apostrophe, and remove white space around it."""
    cell = cell.lstrip()
    if cell[0] == "'" and _FORMULA.match(cell, 1):
        cell = cell[1:]
    return cell.strip()
