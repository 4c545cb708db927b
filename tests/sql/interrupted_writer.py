"""Interrupt writers at any moment, and print what each interrupted call raised, once a kind.

    python interrupted_writer.py URL own|host CALLS

Every interruption is followed by a write on another connection, which fails if anything is locked.
"""

from __future__ import annotations

import random
import signal
import sys
import traceback
import warnings
from typing import NoReturn

from sql.shop import added
from sqlalchemy import create_engine, event

from client_access.sql import SqlRepository


def _interrupt(*_: object) -> NoReturn:
    raise KeyboardInterrupt


def main(url: str, host: bool, calls: int) -> None:
    """Write until so many calls were interrupted."""
    # A signal may come while the pool or the interpreter handles a connection, which is then lost.
    warnings.simplefilter("ignore", ResourceWarning)
    chance = random.Random(5)
    signal.signal(signal.SIGALRM, _interrupt)
    raised: list[str] = []
    engine = create_engine(url)
    with SqlRepository.open(url) as repository, SqlRepository.open(url) as other:
        if url.startswith("sqlite"):
            other.close()  # a lock that is held shows within a second
            event.listen(
                other._bind, "connect", lambda one, _: one.execute("PRAGMA busy_timeout = 1000")
            )

        def save(to: SqlRepository) -> None:
            """Save, and be interrupted at some moment of it, or not."""
            changes = [added() for _ in range(20)]
            try:
                signal.setitimer(signal.ITIMER_REAL, chance.uniform(0.0005, 0.01))
                to.save(changes)
            finally:
                signal.setitimer(signal.ITIMER_REAL, 0)

        while len(raised) < calls:
            try:
                if host:
                    with engine.begin() as connection:
                        save(SqlRepository(connection))
                else:
                    save(repository)
            except BaseException as error:
                raised.append(type(error).__name__)
                if not isinstance(error, KeyboardInterrupt):
                    traceback.print_exc()
                other.save([added()])
    engine.dispose()
    sys.stdout.write("".join(f"{name}\n" for name in sorted(set(raised))))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2] == "host", int(sys.argv[3]))
