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
from client_access.values.validation import check_type, to_plain

RECORD_LENGTH = 65_536
"""The longest record, in characters. It bounds the memory that a record can take."""

UNREADABLE_CHARACTER = "\ufffd"
"""Replaces bytes that cannot be decoded."""

_DELIMITERS = ",;\t"

# A quoted cell, up to its end. Other quotation marks are ordinary text.
_QUOTED = re.compile(rf'(?:\A|(?<=[{_DELIMITERS}])) *"[^"]*(?:""[^"]*)*(?:"|\Z)')
_BLANK = re.compile(rf'[\s"{_DELIMITERS}]*')


def _before_formulas(mark: str) -> re.Pattern[str]:
    """Return a pattern of the places, with this mark, where a spreadsheet would find a formula.

    It would at the start of a cell. It would also inside of one, if it opens the file with a
    delimiter that the file does not have. It may ignore white space, apostrophes and quotation
    marks before a formula, and in some languages it accepts full-width characters.
    """
    begins = r"=+\-@\t\r＝＋－＠"  # noqa: RUF001 - the full-width forms are meant
    return re.compile(
        rf"""\A{mark}(?=['"\s]*?[{begins}\n])"""
        rf"""|(?<=[,;:|\t\r\n]){mark}(?=(?:['"]|[^\S\n])*?[{begins}])"""
    )


_FORMULAS, _HARMLESS_FORMULAS = _before_formulas(""), _before_formulas("'")


class Fault(Enum):
    """Why a record is not valid CSV."""

    BAD_QUOTING = "bad_quoting"
    TOO_LONG = "too_long"
    UNREADABLE = "unreadable_characters"


class _TooLong(Exception):
    """A record is longer than RECORD_LENGTH."""


@final
class _Quotation:
    """Follows the quotation marks of a record that comes in pieces, which may end anywhere.

    Whatever is wrong with them, it finds the end of the record where `csv.reader` does if it is not
    strict.

    Parameters:
        delimiters: what can separate cells.
    """

    def __init__(self, delimiters: str) -> None:
        # Nothing in it can match in two ways, so it takes linear time. Possessive quantifiers would
        # say so, but Python before 3.11.5 gets them wrong.
        other, quoted, close = f"[^{delimiters}]", r'"[^"]*(?:""[^"]*)*', r'"(?!")'
        self._cells = re.compile(
            rf'(?: *(?![ "]){other}*[{delimiters}]| *{quoted}{close}{other}*[{delimiters}])* *'
            rf"(?:{quoted}(?:(?P<closed>{close})(?P<after>{other}+)?|(?P<open>\Z))"
            rf'|(?![ "])(?P<bare>{other}+))?'
        )
        self._before = ""

    def add(self, piece: str) -> bool:
        """Add a piece, and return whether the record goes on after it."""
        cells = self._cells.match(self._before + piece)
        assert cells is not None  # the pattern matches any text
        self._before = _SAME_END[cells.lastgroup]
        return self._before == '"' or not piece.endswith(("\n", "\r"))


_SAME_END = {None: "", "bare": "x", "after": "x", "open": '"', "closed": '""'}
"""A short text that ends as the cells do: before a cell, in one, in a quotation, or after it."""


@final
class _Records:
    """The records of a file as texts, for `csv.reader`. Raises _TooLong for one that is too long.

    Each ends at the first line end outside of a quotation, whether or not `csv.reader` accepts it.
    So whatever is wrong with a record, the next one begins in its place.

    Attributes:
        blank: how many blank records were skipped at the start.
        delimiter: what separates the cells.
    """

    def __init__(self, text: io.TextIOWrapper) -> None:
        self._text = text
        self._ahead: list[str] = []  # pieces to read again, the last one first
        self.blank = 0
        self.delimiter = self._find_delimiter()

    def __iter__(self) -> _Records:
        return self

    def __next__(self) -> str:
        record = self._read()
        if '"' in record or len(record) >= RECORD_LENGTH:  # less its byte order mark
            record = "".join(self._whole(record, self.delimiter))
            if len(record) > RECORD_LENGTH:
                raise _TooLong
        if not record:
            raise StopIteration
        return record

    def _find_delimiter(self) -> str:
        """Return what separates most cells of the first record that is not blank."""
        first = self._read().removeprefix("\ufeff")  # the byte order mark
        while True:
            pieces = self._whole(first, _DELIMITERS, skip=False)
            record = "".join(pieces)
            if not record or len(record) > RECORD_LENGTH or not _BLANK.fullmatch(record):
                self._ahead += reversed(pieces)
                return max(_DELIMITERS, key=_QUOTED.sub("", record).count)
            self.blank += 1
            first = self._read()

    def _whole(self, first: str, delimiters: str, *, skip: bool = True) -> list[str]:
        """Read the rest of a record. Return its pieces, and of one that is too long only some.

        Parameters:
            first: its first piece.
            delimiters: what can separate cells.
            skip: whether to read the others of one that is too long.
        """
        quotation = _Quotation(delimiters)
        pieces, piece, length = [first], first, len(first)
        while (
            (skip or length <= RECORD_LENGTH) and quotation.add(piece) and (piece := self._read())
        ):
            if length <= RECORD_LENGTH:
                pieces.append(piece)
            length += len(piece)
        return pieces

    def _read(self) -> str:
        """Return a line, or a piece of one that is longer than any record."""
        piece = self._read_up_to_limit()
        if len(piece) > RECORD_LENGTH and piece.endswith("\r"):
            after = self._read_up_to_limit()
            if after == "\n":  # the limit was between the two characters of a line end
                return piece + after
            self._ahead.append(after)
        return piece

    def _read_up_to_limit(self) -> str:
        if self._ahead:
            return self._ahead.pop()
        try:
            return self._text.readline(RECORD_LENGTH + 1)
        except UnicodeError:  # a few encodings cannot replace what they cannot decode
            raise
        except ValueError:
            raise _closed() from None


def read_records(
    file: IO[bytes], encoding: str = "utf-8"
) -> Iterator[tuple[int, list[str] | Fault]]:
    """Yield the records of a CSV file with their numbers, from 1. Skip blank ones, but count them.

    A byte order mark is not read, and U+FFFD replaces what cannot be decoded. Cells have no white
    space around them, and no apostrophe that :func:`write_records` added.

    Parameters:
        file: opened for reading bytes; it stays open.
        encoding: how the file encodes text.

    Raises:
        InvalidValue: the file is not open for reading bytes, or was closed meanwhile; or the
            encoding is not known.
    """
    _check(file, "readable", "reading")
    return _records(file, _to_encoding(encoding))


def _to_encoding(name: object) -> str:
    encoding = to_plain("encoding", name, str)
    try:
        b"a".decode(encoding, "replace")
    except (LookupError, ValueError):
        raise InvalidValue("encoding", "is not the name of a text encoding") from None
    return encoding


def _records(file: IO[bytes], encoding: str) -> Iterator[tuple[int, list[str] | Fault]]:
    try:
        text = io.TextIOWrapper(file, encoding, errors="replace", newline="")
    except ValueError:
        raise _closed() from None
    number = 1
    try:
        records = _Records(text)
        number += records.blank
        delimiter = records.delimiter
        reader = csv.reader(records, delimiter=delimiter, skipinitialspace=True, strict=True)
        while True:
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
            number += 1
    except UnicodeError:
        yield number, Fault.UNREADABLE
    finally:
        with suppress(ValueError):  # the file was closed meanwhile
            text.detach()


def write_records(file: IO[bytes], records: Iterable[Iterable[str]]) -> None:
    """Write records as CSV, in UTF-8 with a byte order mark, by which spreadsheets recognise it.

    An apostrophe is added where a spreadsheet would find a formula: at the start of a cell, and
    after what it may take for a delimiter.

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
        # Readers guess the delimiter from the header, and another one outside quotes would mislead.
        if any(other in cell for cell in header for other in _DELIMITERS[1:]):
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
    return _FORMULAS.sub("'", cell)


def _bare(cell: str) -> str:
    """Undo :func:`_harmless` for a cell with an apostrophe, and remove white space around it."""
    return _HARMLESS_FORMULAS.sub("", cell.lstrip()).strip()
