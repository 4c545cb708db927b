"""Kill the primary while four writers give commands and two relays deliver, then count.

    make drill
    make drill DRILL_ARGS="--kills 4 --switchovers 2 --seed 7"

Needs the programs etcd, patroni and postgres, and ends with what to install if they are missing.
Root runs them as the user postgres. They listen on loopback only, and every process that was
started is stopped at the end. It takes about a minute for each disturbance.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from client_access.sql import SqlRepository
from drill.cluster import Cluster, Missing, until
from drill.counting import answers, count, errors, silence
from drill.writer import insist

WRITERS, RELAYS = 4, 2


class Disturbance(NamedTuple):
    """What was done to the primary, when, and until when it counts."""

    what: str
    at: float
    whole: float


def plan(kills: int, switchovers: int, chance: random.Random) -> list[str]:
    """Return what to do to the primary, in random order; every kind of kill takes its turn."""
    kinds = ["PostgreSQL killed", "machine killed", "Patroni killed", "machine frozen"]
    chosen = [kinds[number % len(kinds)] for number in range(kills)]
    chosen += ["switched over"] * switchovers
    chance.shuffle(chosen)
    return chosen


def disturb(cluster: Cluster, what: str, chance: random.Random) -> Disturbance:
    """Do something to the primary, and wait until the cluster is whole again, or will not be."""
    primary = cluster.primary()
    at = time.time()
    match what:
        case "PostgreSQL killed":
            cluster.kill_server(primary)
        case "machine killed":
            cluster.kill_machine(primary)
        case "Patroni killed":
            cluster.kill_manager(primary)
        case "machine frozen":
            cluster.freeze_machine(primary)
        case _:
            cluster.switch_over(primary)
    until(
        lambda: any(
            role == "leader" and name != primary for name, role in cluster.members().items()
        ),
        120,
        f"another primary ({what})",
    )
    if what == "machine frozen":
        cluster.kill_machine(primary)  # as a watchdog would
    if what.startswith(("machine", "Patroni")):
        time.sleep(chance.uniform(0, 5))
        cluster.start(primary)
    with suppress(TimeoutError):  # a server may fail to come back; the others go on
        until(cluster.is_whole, 180, "a whole cluster")
    return Disturbance(what, at, time.time())


@contextmanager
def running(
    folder: Path, environment: dict[str, str]
) -> Iterator[tuple[list[subprocess.Popen[bytes]], list[subprocess.Popen[bytes]]]]:
    """Yield the processes of the writers and of the relays, and end them."""
    started: list[subprocess.Popen[bytes]] = []

    def start(module: str, name: str, *arguments: str) -> subprocess.Popen[bytes]:
        with (folder / f"{name}.log").open("wb") as log:
            command = [sys.executable, "-m", f"drill.{module}", *arguments]
            process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        started.append(process)
        return process

    try:
        relays = [start("relayer", f"relay{n}", str(folder / "delivered")) for n in range(RELAYS)]
        writers = [
            start("writer", f"writer{n}", str(n), str(folder / f"journal{n}"))
            for n in range(WRITERS)
        ]
        yield writers, relays
    finally:
        for process in started:
            if process.poll() is None:
                process.kill()
            process.wait(10)


def end(processes: Sequence[subprocess.Popen[bytes]], what: str) -> None:
    """Ask processes to end, and wait until they have.

    Raises:
        RuntimeError: one of them failed.
    """
    for process in processes:
        process.terminate()
    until(lambda: all(process.poll() is not None for process in processes), 150, what)
    if any(process.returncode for process in processes):
        raise RuntimeError(f"{what}: one of them failed")


def say(line: str) -> None:
    """Print a line at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def drill(kills: int, switchovers: int, seed: int) -> bool:
    """Run the drill; return whether nothing was lost or doubled."""
    chance = random.Random(seed)
    begun = time.time()
    with (
        tempfile.TemporaryDirectory(prefix="client-access-drill-") as name,
        Cluster() as cluster,
    ):
        folder = Path(name)
        say(f"{time.time() - begun:5.0f} s  three servers run; the seed is {seed}")
        os.environ["PGPASSWORD"] = cluster.password
        environment = {**os.environ, "DRILL_URL": cluster.url}
        SqlRepository.open(cluster.url).close()  # makes the tables
        done = []
        try:
            with running(folder, environment) as (writers, relays):
                until(lambda: _have_begun(folder), 120, "the first commands")
                for what in plan(kills, switchovers, chance):
                    time.sleep(chance.uniform(3, 10))
                    done.append(disturb(cluster, what, chance))
                    whole = cluster.is_whole()
                    say(
                        f"{done[-1].at - begun:5.0f} s  {what}; {'' if whole else 'not '}whole "
                        f"again {done[-1].whole - done[-1].at:.0f} s later"
                    )
                    if not whole:
                        break
                time.sleep(chance.uniform(3, 6))
                end(writers, "the end of the writers")
                with SqlRepository.open(cluster.url) as repository:
                    until(
                        lambda: insist(repository.outbox_state)[0].waiting == 0,
                        180,
                        "an empty outbox",
                    )
                    end(relays, "the end of the relays")
                    answered = answers(sorted(folder.glob("journal*")))
                    counted = count(answered, repository, folder / "delivered")
                    heard = errors(folder.glob("*.log"))
                    parked = repository.outbox_state().parked
        except BaseException:
            _show(folder, cluster.logs)
            raise
    say("")
    silences = []
    for each in done:
        silences.append(silence(answered, each.at, each.whole))
        say(f"{each.what}: {silences[-1]:.1f} s in which no command was accepted")
    for message, times in heard.most_common():
        say(f"{times:6} × {message}")
    seconds = answered[-1].answered - answered[0].begun
    say(
        f"commands: {counted.accepted:,} accepted in {seconds:.0f} s, {counted.repeated} of them "
        f"repeated, {counted.lost} lost, {counted.doubled} doubled"
    )
    say(
        f"notices: {counted.made:,} made, {counted.delivered:,} delivered, "
        f"{counted.undelivered} lost, {counted.redelivered} delivered twice, {parked} parked"
    )
    say(
        f"{sum(silences):.1f} s without a primary in all; "
        f"the slowest command took {counted.longest:.1f} s"
    )
    return not (counted.lost or counted.doubled or counted.undelivered or parked)


def _have_begun(folder: Path) -> bool:
    journals = list(folder.glob("journal*"))
    return len(journals) == WRITERS and all(journal.stat().st_size for journal in journals)


def _show(folder: Path, logs: Path) -> None:
    """Show the end of every log."""
    for path in (*sorted(folder.glob("*.log")), *sorted(logs.iterdir())):
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()[-15:]
        say("\n".join([f"── {path.name} ──", *lines]))


def _interrupt(*_: object) -> None:
    """End the drill. A second signal does not keep it from stopping what it started."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


def main() -> int:
    """Read the arguments, and run the drill."""
    parser = argparse.ArgumentParser(prog="drill", description=__doc__.partition("\n")[0])
    parser.add_argument("--kills", type=int, default=4)
    parser.add_argument("--switchovers", type=int, default=1)
    parser.add_argument("--seed", type=int, default=random.randrange(1000))
    asked = parser.parse_args()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)
    try:
        good = drill(asked.kills, asked.switchovers, asked.seed)
    except Missing as missing:
        sys.stderr.write(f"{missing}\n")
        return 2
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
