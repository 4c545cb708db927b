"""Clients from a CSV file: read row by row, checked, imported, and written back (rules L1, E1).

    for outcome in import_clients(access, read_clients_csv(file, by=PracticeUser("north"))):
        print(outcome.row.number, outcome.result, outcome.problems)

Reading saves nothing. Every row comes back as an :class:`~client_access.ImportClient` or with what
is wrong with it, whatever the file holds. A client's id follows from the practice and the row's own
reference, else its address, else its name, so that a file uploaded twice adds nobody twice.

Memory does not grow with the file: the addresses and ids of earlier rows, which tell doubles, are
kept by SQLite in a temporary file that ends with the reading, all but the latest.
"""

from client_access.batch.importing import CHUNK, ImportOutcome, ImportResult, import_clients
from client_access.batch.reading import read_clients_csv, unknown_columns
from client_access.batch.rows import COLUMNS, CsvRow, Problem, ProblemCode
from client_access.batch.writing import texts_of, write_clients_csv

__all__ = [
    "CHUNK",
    "COLUMNS",
    "CsvRow",
    "ImportOutcome",
    "ImportResult",
    "Problem",
    "ProblemCode",
    "import_clients",
    "read_clients_csv",
    "texts_of",
    "unknown_columns",
    "write_clients_csv",
]
