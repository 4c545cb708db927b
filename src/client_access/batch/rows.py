"""The rows of a file and their problems."""

from __future__ import annotations

from enum import Enum
from typing import final

from attrs import frozen

from client_access.commands import ImportClient

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
"""The columns that are read, in the template's order. Only the business name is required."""


class ProblemCode(Enum):
    """The problems of a file, a row or a cell."""

    EMPTY_FILE = "empty_file"
    SEPARATOR_LINE = "separator_line"
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
    # Found when a row is imported:
    EMAIL_TAKEN = "email_taken"
    CLIENT_GONE = "client_gone"
    DIFFERENT_CLIENT = "different_client"


@final
@frozen
class Problem:
    """A problem of a row.

    Parameters:
        row: the row's number, as a spreadsheet counts: the header is 1.
        column: the column of the problem; None if it is not in one column.
        code: the problem, for programs, and for the words of another language.
        message: the problem, in an English sentence for people.
    """

    row: int
    column: str | None
    code: ProblemCode
    message: str


@final
@frozen
class CsvRow:
    """A row of a file: a command, or problems.

    Parameters:
        number: as a spreadsheet counts: the header is row 1, and blank rows count too.
        columns: the header of the file; empty if the whole file has a problem.
        cells: the texts of the row, without white space around them. If the row has a problem,
            there may be more or fewer than columns.
        command: the command that imports the client; None if there are problems.
        problems: all the problems.
    """

    number: int
    columns: tuple[str, ...]
    cells: tuple[str, ...]
    command: ImportClient | None
    problems: tuple[Problem, ...]

    @property
    def texts(self) -> dict[str, str]:
        """The cells by column, to correct and to write back.

        If columns share a name, only the last is here, and cells beyond the header are missing.
        `cells` has them all.
        """
        return dict(zip(self.columns, self.cells, strict=False))
