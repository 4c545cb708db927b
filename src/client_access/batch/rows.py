"""What a row of a file is, and what can be wrong with it."""

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
"""The columns that are read, in the template's order; all but the business name may be missing."""


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
        columns: the header of the file; none where the problem is the file's as a whole.
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
        """The cells by their column: what to correct and to write back.

        Of columns with the same name the last is here, and cells beyond the header are not: `cells`
        has them all.
        """
        return dict(zip(self.columns, self.cells, strict=False))
