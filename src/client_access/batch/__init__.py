"""Import clients from a CSV file: read, check, import, and write back (rules L1, E1).

    rows = read_clients_csv(file, by=PracticeUser("north"), secret_key=key)
    for outcome in import_clients(access, rows):
        print(outcome.row.number, outcome.result, outcome.problems)

Reading saves nothing. Every row comes back with an :class:`~client_access.ImportClient` or with its
problems, whatever the file holds. A client's id is made with the key from the practice and the
row's reference, or else its address, or else its name. So a file that is uploaded twice adds no
client twice, and nobody without the key can compute an id, to take it first or to find out whether
an address was ever imported.

Rows are read one by one. Only their addresses and ids are kept, to find doubles: some 25 MB for
100,000 rows.
"""

from client_access.batch.importing import (
    CHUNK,
    ImportOutcome,
    ImportResult,
    import_clients,
    import_clients_async,
)
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
    "import_clients_async",
    "read_clients_csv",
    "texts_of",
    "unknown_columns",
    "write_clients_csv",
]
