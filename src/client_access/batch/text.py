"""CSV as text: bytes to records and back. Nothing here is about clients."""

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
"""The longest record, in characters. It bounds the memory that a record can take."""

UNREADABLE_CHARACTER = "\ufffd"
"""Replaces bytes that cannot be decoded."""

# The start of a cell that a spreadsheet would execute as a formula. It may ignore white space and
# apostrophes before it, and in some languages it accepts full-width characters.
_FORMULA = re.compile(r"['\s]*[=+\-@\t\r\n＝＋－＠]")  # noqa: RUF001 - the full-width forms are meant
# A quoted cell, up to its end or the end of the line. Other quotation marks are ordinary text.
_QUOTED = re.compile('(?:^|(?<=[,;])) *"(?:[^"]|"")*(?:"|$)')


class Fault(Enum):
    """Why a record is not valid CSV."""

    BAD_QUOTING = "bad_quoting"
    TOO_LONG = "too_long"


class _TooLong(Exception):
    """A record is longer than RECORD_LENGTH."""


@final
class _Lines:
    """The lines of a file, for `csv.reader`. Raises _TooLong for a record that is too long."""

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
        """Count the length of a record from here."""
        self._room = RECORD_LENGTH

    def delimiter(self) -> str:
        """Return what separates the cells of the first line: a comma or a semicolon."""
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
    """Yield the records of a CSV file with their numbers, from 1. Skip blank ones, but count them.

    The file is UTF-8, with or without a byte order mark; U+FFFD replaces what is not UTF-8. Cells
    have no white space around them, and no apostrophe that :func:`write_records` added.

    Parameters:
        file: opened for reading bytes; it stays open.

    Raises:
        InvalidValue: the file is not open for reading bytes, or was closed meanwhile.
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
        with suppress(ValueError):  # the file was closed meanwhile
            text.detach()


def write_records(file: IO[bytes], records: Iterable[Iterable[str]]) -> None:
    """Write records as CSV, in UTF-8 with a byte order mark, by which spreadsheets recognise it.

    An apostrophe is added before any cell that a spreadsheet would execute as a formula.

    Parameters:
        file: opened for writing bytes; it stays open.
        records: the cells of each record.

    Raises:
        InvalidValue: the file is not open for writing bytes, or a cell is not a text that UTF-8 can
            encode.
    """
    _check(file, "writable", "writing")
    # Unlike a TextIOWrapper, this leaves the file open when writing fails.
    text = codecs.getwriter("utf-8-sig")(file)
    each = ([_harmless(cell) for cell in cells] for cells in records)
    for header in islice(each, 1):
        # Readers guess the separator from the header, and a bare semicolon would mislead them.
        if any(";" in cell for cell in header):
            csv.writer(text, quoting=csv.QUOTE_ALL).writerow(header)
        else:
            csv.writer(text).writerow(header)
    csv.writer(text).writerows(each)
    file.flush()


def _check(file: object, method: str, purpose: str) -> None:
    try:
        able = not isinstance(file, io.TextIOBase) and getattr(file, method)()
    except (AttributeError, TypeError, ValueError):  # not a file, or a closed one
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
        raise InvalidValue(
            "rows", "have half of a surrogate pair, which is not a character"
        ) from None
    return "'" + cell if _FORMULA.match(cell) else cell


def _bare(cell: str) -> str:
    """Undo :func:`_harmless` for a cell with an apostrophe, and remove white space around it."""
    cell = cell.lstrip()
    if cell[0] == "'" and _FORMULA.match(cell, 1):
        cell = cell[1:]
    return cell.strip()
