"""Measure a CSV import into SQLite beside raw executemany: python benchmarks/batch.py [ROWS].

The raw side reads the same file with `csv.reader`, and writes the rows that the import wrote to the
tables of clients and events, in one transaction. Rounds are interleaved, and medians are shown.
Only the ratio means anything. Memory is the peak of a separate process that imports the file, minus
its memory before the import.
"""

from __future__ import annotations

import csv
import gc
import sqlite3
import statistics
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter, process_time

from client_access import Catalogue, ClientAccess, PracticeUser, Service
from client_access.batch import (
    COLUMNS,
    ImportResult,
    import_clients,
    read_clients_csv,
    write_clients_csv,
)
from client_access.sql import SqlRepository

ROUNDS = 5
TABLES = ("client_access_client", "client_access_event")
CATALOGUE = Catalogue([Service("payroll", "Payroll", Decimal(7))])
PRACTICE = PracticeUser("practice")
KEY = b"the key of the benchmark"


def write_file(path: Path, rows: int) -> None:
    """Write a file of clients like those of the example: most have an address."""

    def texts() -> Iterator[dict[str, str]]:
        for number in range(rows):
            values = (
                f"C{number:06}",
                "individual" if number % 7 == 0 else "business",
                f"Größe & Söhne {number}" if number % 10 == 0 else f"Harbour Lane {number} Ltd",
                "" if number % 8 == 0 else f"office{number}@firm-{number % 999}.example.com",
                "practice" if number % 3 else "",
                f"Ann Example {number}",
                f"020 7946 {number % 10_000:04}",
                f"{number} Larkspur Row\nLondon",
            )
            yield dict(zip(COLUMNS, values, strict=True))

    with path.open("wb") as file:
        write_clients_csv(file, texts())


def read(path: Path) -> int:
    """Read the file and make commands; save nothing."""
    with path.open("rb") as file:
        return sum(
            row.command is not None for row in read_clients_csv(file, by=PRACTICE, secret_key=KEY)
        )


def import_all(path: Path, database: Path) -> int:
    """Import the file into a new database."""
    added = 0
    with SqlRepository.open(f"sqlite:///{database}") as repository, path.open("rb") as file:
        access = ClientAccess(repository, catalogue=CATALOGUE)
        for outcome in import_clients(access, read_clients_csv(file, by=PRACTICE, secret_key=KEY)):
            added += outcome.result is ImportResult.ADDED
    return added


def rows_of(database: Path) -> dict[str, list[tuple[object, ...]]]:
    """Return the rows that an import wrote."""
    with sqlite3.connect(database) as connection:
        return {t: connection.execute(f"SELECT * FROM {t}").fetchall() for t in TABLES}


def insert_raw(path: Path, database: Path, rows: dict[str, list[tuple[object, ...]]]) -> None:
    """Read the file with `csv.reader`, and insert the given rows in one transaction."""
    SqlRepository.open(f"sqlite:///{database}").close()
    connection = sqlite3.connect(database)
    connection.execute("PRAGMA synchronous = FULL")
    with path.open(encoding="utf-8-sig", newline="") as file:
        for _ in csv.reader(file):
            pass
    with connection:
        for table, values in rows.items():
            places = ", ".join("?" * len(values[0]))
            connection.executemany(f"INSERT INTO {table} VALUES ({places})", values)
    connection.close()


def peak_memory() -> float:
    """Return the peak memory of this process in MB. Works on Linux only."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def _medians(taken: list[tuple[float, float]]) -> tuple[float, float]:
    wall, cpu = zip(*taken, strict=True)
    return statistics.median(wall), statistics.median(cpu)


def main() -> None:
    """Measure both sides in turn, and print a line for each."""
    if sys.argv[1:2] == ["--memory"]:
        before = peak_memory()
        import_all(Path(sys.argv[2]), Path(sys.argv[3]))
        sys.stdout.write(f"{peak_memory() - before:.0f}\n")
        return
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    with TemporaryDirectory() as name:
        folder = Path(name)
        file = folder / "clients.csv"
        write_file(file, count)
        assert import_all(file, folder / "first.db") == count
        rows = rows_of(folder / "first.db")
        # Garbage collections during an import do not visit the rows of the raw side.
        gc.freeze()
        seconds: dict[str, list[tuple[float, float]]] = {
            "raw": [],
            "reading only": [],
            "import": [],
        }
        for turn in range(ROUNDS):
            for side, taken in seconds.items():
                database = folder / f"{side}{turn}.db"
                start, cpu = perf_counter(), process_time()
                match side:
                    case "raw":
                        insert_raw(file, database, rows)
                    case "reading only":
                        read(file)
                    case _:
                        import_all(file, database)
                taken.append((perf_counter() - start, process_time() - cpu))
                database.unlink(missing_ok=True)
        raw, raw_cpu = _medians(seconds["raw"])
        for side, taken in seconds.items():
            median, cpu = _medians(taken)
            sys.stdout.write(
                f"{side:14}{median:7.2f} s{median / count * 1e6:8.1f} µs a row{median / raw:7.2f}"
                f"   processor alone{cpu:7.2f} s{cpu / raw_cpu:7.2f}\n"
            )
        command = [sys.executable, __file__, "--memory", str(file), str(folder / "memory.db")]
        peak = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
        sys.stdout.write(f"peak memory of an import above an idle process: {peak} MB\n")


if __name__ == "__main__":
    main()
