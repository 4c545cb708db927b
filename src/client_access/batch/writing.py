"""Writing rows back as CSV, to be corrected and read again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import IO

from client_access._validation import check_type
from client_access.batch.rows import COLUMNS
from client_access.batch.text import write_records
from client_access.commands import ImportClient


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
