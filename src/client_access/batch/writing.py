"""Writing rows as CSV, to correct and read again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import IO

from client_access.batch.rows import COLUMNS, REFERENCE
from client_access.batch.text import write_records
from client_access.commands import ImportClient
from client_access.errors import InvalidValue
from client_access.values.validation import NAME_LENGTH, check_text, check_type


def write_clients_csv(
    file: IO[bytes],
    rows: Iterable[Mapping[str, str] | Sequence[str]],
    *,
    columns: Sequence[str] = COLUMNS,
) -> None:
    """Write rows as CSV that :func:`read_clients_csv` reads back, and that spreadsheets do not run.

    Parameters:
        file: opened for writing bytes; it stays open.
        rows: each row is a mapping of texts by column, as `CsvRow.texts` and :func:`texts_of`
            return it, or a sequence of cells, as in `CsvRow.cells`. A column that is missing
            in a mapping is left empty, and one that is not in `columns` is not written. Sequences
            are written unchanged.
        columns: the header, in order.

    Raises:
        InvalidValue: an argument is malformed; for a row, when it is reached.
    """
    try:
        each = iter(rows)
    except TypeError:
        raise InvalidValue("rows", "must be an iterable") from None
    write_records(file, _records(_header(columns), each))


def _header(columns: Sequence[str]) -> tuple[str, ...]:
    check_type("columns", columns, Sequence)
    if isinstance(columns, str):
        raise InvalidValue("columns", "must be a sequence of texts, not one text")
    for column in columns:
        check_type("columns", column, str)
    return tuple(columns)


def _records(columns: tuple[str, ...], rows: Iterator[object]) -> Iterator[Sequence[str]]:
    yield columns
    for row in rows:
        if isinstance(row, Mapping):
            yield [row.get(column, "") for column in columns]
        elif isinstance(row, Sequence) and not isinstance(row, str):
            yield row
        else:
            raise InvalidValue("rows", "must each be a mapping or a sequence of texts")


def texts_of(command: ImportClient, *, reference: str = "") -> dict[str, str]:
    """Return the texts of a command by column, for a row that imports the same details.

    The id of the client is made from the row again, so it may not be the command's. White space
    around a text is lost. A text with U+FFFD cannot be read back, because that character marks a
    file that is not UTF-8.

    Parameters:
        command: the command.
        reference: the row's reference; without one, its address or else its name identifies it.

    Raises:
        InvalidValue: an argument is malformed.
    """
    check_text(REFERENCE, reference, NAME_LENGTH, blank=True)
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
