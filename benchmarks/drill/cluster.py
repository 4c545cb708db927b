"""Three PostgreSQL servers under Patroni, and the etcd that they agree in, all on loopback."""

from __future__ import annotations

import json
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psycopg

NODES = ("one", "two", "three")
TTL = 20  # seconds after which a primary that says nothing is replaced; Patroni's least


class Missing(Exception):
    """A program is not installed, or none of the machine's users may run it."""


def free_ports(count: int) -> list[int]:
    """Return ports of loopback that nobody listens on."""
    with ExitStack() as sockets:
        found = [sockets.enter_context(socket.socket()) for _ in range(count)]
        for each in found:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in found]


def programs() -> dict[str, Path]:
    """Return the paths of the programs that the drill needs.

    Raises:
        Missing: one of them is not installed.
    """
    servers = sorted(
        Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name)
    )
    path = os.pathsep.join([*map(str, servers[-1:]), os.environ.get("PATH", os.defpath)])
    found = {name: shutil.which(name, path=path) for name in ("etcd", "patroni", "postgres")}
    if lacking := [name for name, place in found.items() if place is None]:
        raise Missing(
            f"the drill needs {', '.join(lacking)}. On Debian:\n"
            "  apt-get install --no-install-recommends patroni etcd-server postgresql"
        )
    return {name: Path(place) for name, place in found.items() if place is not None}


def _unprivileged() -> dict[str, Any]:
    """Return the arguments that run a process as `postgres`, if this one is root's.

    Raises:
        Missing: there is no such user.
    """
    if os.geteuid() != 0:
        return {}
    try:
        owner = pwd.getpwnam("postgres")
    except KeyError:
        raise Missing("root needs a user named postgres to run PostgreSQL as") from None
    return {"user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": []}


def until(ready: Callable[[], bool], seconds: float, what: str) -> None:
    """Wait until something is so.

    Raises:
        TimeoutError: it is not so after that many seconds.
    """
    end = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > end:
            raise TimeoutError(f"{what}: not within {seconds:g} seconds")
        time.sleep(0.25)


class Cluster:
    """The servers, from the start to the end, as a context manager.

    PostgreSQL does not run as root. Root runs the servers as the user `postgres`.
    """

    def __init__(self) -> None:
        self._programs = programs()
        self._run_as = _unprivileged()
        self._folder = Path(tempfile.mkdtemp(prefix="client-access-drill-"))
        if self._run_as:
            os.chown(self._folder, self._run_as["user"], self._run_as["group"])
        self.password = secrets.token_hex(16)
        etcd_client, etcd_peer, *ports = free_ports(2 + 2 * len(NODES))
        self._etcd_ports = etcd_client, etcd_peer
        self._ports = dict(zip(NODES, ports[: len(NODES)], strict=True))
        self._rest = dict(zip(NODES, ports[len(NODES) :], strict=True))
        self._started: dict[str, subprocess.Popen[bytes]] = {}
        self.logs = self._folder / "logs"

    # ── From start to end ────────────────────────────────────────────────────────────────────────

    def __enter__(self) -> Self:
        try:
            self.logs.mkdir()
            self._start_etcd()
            for node in NODES:
                self.start(node)
            until(self._has_begun, 180, "a primary, a synchronous standby and another")
            self._make_database()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Stop every process that was started here, by its id, and remove the folder."""
        names = [*NODES, "etcd"]
        running = [self._started[name] for name in names if name in self._started]
        for process in running[:-1]:  # Patroni stops its PostgreSQL
            process.terminate()
        end = time.monotonic() + 30
        for process in running[:-1]:
            with suppress(subprocess.TimeoutExpired):
                process.wait(max(0.1, end - time.monotonic()))
        for node in NODES:
            for pid in (*self._server(node), *self._manager(node)):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        for process in running[-1:]:
            process.kill()
        for process in running:
            process.wait(10)
        shutil.rmtree(self._folder, ignore_errors=True)

    def _run(self, name: str, command: Sequence[str | Path], **environment: str) -> None:
        postgres = self._programs["postgres"].parent
        with (self.logs / name).open("ab") as log:
            self._started[name] = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self._folder,
                env={
                    "PATH": f"{postgres}{os.pathsep}/usr/bin{os.pathsep}/bin",
                    "HOME": str(self._folder),
                    "LC_ALL": "C.UTF-8",
                    **environment,
                },
                **self._run_as,
                start_new_session=True,  # Ctrl-C reaches the drill, which then stops them in order
            )

    def _start_etcd(self) -> None:
        client, peer = (f"http://127.0.0.1:{port}" for port in self._etcd_ports)
        self._run(
            "etcd",
            [
                self._programs["etcd"],
                f"--data-dir={self._folder / 'etcd'}",
                f"--listen-client-urls={client}",
                f"--advertise-client-urls={client}",
                f"--listen-peer-urls={peer}",
                f"--initial-advertise-peer-urls={peer}",
                f"--initial-cluster=default={peer}",
            ],
        )
        until(lambda: _answer(f"{client}/health") is not None, 30, "etcd")

    def start(self, node: str) -> None:
        """Start Patroni for a node, and with it PostgreSQL."""
        settings = self._folder / f"{node}.json"  # JSON is YAML
        settings.write_text(json.dumps(self._settings(node)))
        self._run(node, [self._programs["patroni"], settings])

    def _settings(self, node: str) -> dict[str, Any]:
        postgresql, rest = (f"127.0.0.1:{port[node]}" for port in (self._ports, self._rest))
        roles = {"superuser": "postgres", "replication": "replicator", "rewind": "rewinder"}
        dynamic = {
            "ttl": TTL,
            "loop_wait": 2,
            "retry_timeout": 5,
            "maximum_lag_on_failover": 1048576,
            # Replace a primary that died, instead of starting it again.
            "master_start_timeout": 0,
            # A commit is answered when another server has it too, and waits if there is none.
            "synchronous_mode": True,
            "synchronous_mode_strict": True,
            "postgresql": {
                "use_pg_rewind": True,
                "use_slots": True,
                "parameters": {"max_connections": 60, "wal_keep_size": "256MB"},
            },
        }
        return {
            "scope": "drill",
            "name": node,
            "restapi": {"listen": rest, "connect_address": rest},
            "etcd3": {"host": f"127.0.0.1:{self._etcd_ports[0]}"},
            "bootstrap": {
                "dcs": dynamic,
                "initdb": [{"encoding": "UTF8"}, {"locale": "C.UTF-8"}, "data-checksums"],
                "pg_hba": [
                    "host all all 127.0.0.1/32 scram-sha-256",
                    "host replication replicator 127.0.0.1/32 scram-sha-256",
                ],
            },
            "postgresql": {
                "listen": postgresql,
                "connect_address": postgresql,
                "data_dir": str(self._data(node)),
                "bin_dir": str(self._programs["postgres"].parent),
                "pgpass": str(self._folder / f"{node}.pgpass"),
                "authentication": {
                    role: {"username": name, "password": self.password}
                    for role, name in roles.items()
                },
                "parameters": {
                    "unix_socket_directories": "",
                    "password_encryption": "scram-sha-256",
                },
            },
        }

    def _make_database(self) -> None:
        hosts = ",".join(["127.0.0.1"] * len(NODES))
        with psycopg.connect(
            host=hosts,
            port=",".join(str(port) for port in self._ports.values()),
            user="postgres",
            password=self.password,
            dbname="postgres",
            target_session_attrs="read-write",
            autocommit=True,
        ) as connection:
            connection.execute(f"CREATE ROLE app LOGIN PASSWORD '{self.password}'")
            connection.execute("CREATE DATABASE clients OWNER app")

    # ── Asking ───────────────────────────────────────────────────────────────────────────────────

    @property
    def url(self) -> str:
        """The URL of the database: all servers, of which only the primary is wanted.

        The password is not in it: it is `PGPASSWORD` in the environment.
        """
        hosts = "&".join(f"host=127.0.0.1:{port}" for port in self._ports.values())
        return (
            f"postgresql://app@/clients?{hosts}&target_session_attrs=read-write&connect_timeout=3"
        )

    def members(self) -> dict[str, str]:
        """Return the role of each member that runs: `leader`, `sync_standby` or `replica`."""
        for port in self._rest.values():
            told = _answer(f"http://127.0.0.1:{port}/cluster")
            if told is not None:
                return {
                    member["name"]: member["role"]
                    for member in told.get("members", ())
                    if member.get("state") in ("running", "streaming")
                }
        return {}

    def is_whole(self) -> bool:
        """Return whether a primary, a synchronous standby and another standby run."""
        return sorted(self.members().values()) == ["leader", "replica", "sync_standby"]

    def _has_begun(self) -> bool:
        ended = [name for name, process in self._started.items() if process.poll() is not None]
        if ended:
            log = (self.logs / ended[0]).read_text(encoding="utf-8", errors="replace")
            raise RuntimeError(f"{ended[0]} has ended:\n{log[-2000:]}")
        return self.is_whole()

    def primary(self) -> str:
        """Return the name of the primary."""
        return next(name for name, role in self.members().items() if role == "leader")

    # ── Disturbing ───────────────────────────────────────────────────────────────────────────────

    def kill_server(self, node: str) -> None:
        """Kill PostgreSQL; Patroni lives and notices."""
        for pid in self._server(node):
            os.kill(pid, signal.SIGKILL)

    def kill_machine(self, node: str) -> None:
        """Kill Patroni and PostgreSQL at once, as if the machine had lost its power."""
        for pid in (*self._manager(node), *self._server(node)):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._started.pop(node).wait(10)

    def kill_manager(self, node: str) -> None:
        """Kill Patroni alone. PostgreSQL goes on, and does not know when it is replaced."""
        for pid in self._manager(node):
            os.kill(pid, signal.SIGKILL)
        self._started.pop(node).wait(10)

    def freeze_machine(self, node: str) -> None:
        """Stop Patroni and PostgreSQL where they are. Their connections stay open."""
        for pid in (*self._manager(node), *self._server(node)):
            os.kill(pid, signal.SIGSTOP)

    def switch_over(self, node: str) -> None:
        """Ask for a change of primary, as before maintenance, and wait for the answer."""
        candidate = next(name for name, role in self.members().items() if role == "sync_standby")
        _answer(
            f"http://127.0.0.1:{self._rest[node]}/switchover",
            {"leader": node, "candidate": candidate},
        )

    def _data(self, node: str) -> Path:
        return self._folder / "data" / node

    def _manager(self, node: str) -> list[int]:
        process = self._started.get(node)
        return [process.pid] if process is not None and process.poll() is None else []

    def _server(self, node: str) -> list[int]:
        """Return the process ids of a node's PostgreSQL: the first one, then its children."""
        data = self._data(node)
        try:
            pid = int((data / "postmaster.pid").read_text().split("\n", 1)[0])
            if Path(f"/proc/{pid}/cwd").resolve() != data.resolve():
                return []  # a file that was left behind, and the id of another process
            children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        except (OSError, ValueError):
            return []
        return [pid, *map(int, children)]


def _answer(url: str, question: object = None) -> Any:
    """Return the JSON that an HTTP server of the cluster answers; None if it does not."""
    data = None if question is None else json.dumps(question).encode()
    try:
        with urllib.request.urlopen(url, data, timeout=60 if data else 3) as answer:
            text = answer.read()
    except urllib.error.HTTPError as error:
        if data is not None:
            raise RuntimeError(f"{url}: {error.read().decode(errors='replace')}") from None
        return None
    except OSError:
        return None
    try:
        return json.loads(text)
    except ValueError:
        return {}
