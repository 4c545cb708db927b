"""Writing rows back as CSV, to be corrected and read again."""

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
    """Write rows as CSV that :func:`read_clients_csv` reads back, and no spreadsheet executes.

    Parameters:
        file: opened for writing bytes; it stays open.
        rows: each the texts by column, as :attr:`CsvRow.texts` and :func:`texts_of` return them, or
            the cells in the order of the columns, as they stand in :attr:`CsvRow.cells`. A column
            that a mapping lacks is left empty, and what it has beyond the columns is not written;
            cells are written as they are, however many.
        columns: the header, in order.

    Raises:
        InvalidValue: an argument is malformed; a row is told when it is come to.
    """
    try:
        each = iter(rows)
    except TypeError:
        raise InvalidValue("rows", "must be an iterable") from None
    write_records(file, _records(_header(columns), each))


def _header(columns: Sequence[str]) -> tuple[str, ...]:
    check_type("columns", columns, Sequence)
    if isinstance(columns, str):
        raise InvalidValue("columns", "must be several texts, not one")
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
    """Return the texts of a command by column: what imports a client with the same details.

    As with every row that is read, the client's id follows from the practice and the reference,
    else the address, else the name. White space around a text is lost, and a text with U+FFFD, by
    which a file that is no UTF-8 is told, does not come back.

    Parameters:
        command: the command.
        reference: what the row is to be known by, where it is more than address or name.

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
