"""Build the playground: the page, Pyodide, and the packages that it imports, in one folder.

Nothing in the folder refers to anything outside it, so any server of static files can serve it.
Run by `make playground`, which has installed Pyodide from npm before. With `--serve`, serve what is
built on this machine. With `--tests`, pack what the tests of the core need in the same runtime.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from contextlib import suppress
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "site" / "playground"
RUNTIME = ROOT / "site" / "node_modules" / "pyodide"
BUILT = ROOT / "build" / "site" / "playground"

RUNTIME_FILES = (
    "pyodide.mjs",
    "pyodide.asm.mjs",
    "pyodide.asm.wasm",
    "pyodide-lock.json",
    "python_stdlib.zip",
)
PACKAGES = (
    "attrs",
    "cattrs",
    "email-validator",
    "idna",
    "itsdangerous",
    "Jinja2",
    "msgspec",
    "six",
    "transitions",
    "typing_extensions",
)
"""What `client_access` imports in the page: pure wheels, and those that PyPI has for Pyodide.
email-validator asks no name server here, so dnspython is left out."""
WITHOUT_COMPILED = ("MarkupSafe",)
"""What has a compiled part for speed only, which the page goes without."""
FOR_TESTS = (
    "hypothesis",
    "iniconfig",
    "markdown-it-py",
    "mdurl",
    "opentelemetry-api",
    "packaging",
    "pluggy",
    "Pygments",
    "pytest",
    "rich",
    "sortedcontainers",
    "SQLAlchemy",
    "structlog",
    "sybil",
    "tzdata",
)
"""What the tests import besides."""
_NOT_PACKED = {"build", "dist", "node_modules", "__pycache__", "htmlcov"}
"""Folders that tools make, besides the hidden ones."""

_ALWAYS = (2020, 1, 1, 0, 0, 0)


def build(into: Path) -> None:
    """Build the playground in a folder, which is emptied first."""
    shutil.rmtree(into, ignore_errors=True)
    shutil.copytree(PAGE, into, ignore=shutil.ignore_patterns("py", "__pycache__"))
    (into / "pyodide").mkdir()
    for name in RUNTIME_FILES:
        shutil.copyfile(RUNTIME / name, into / "pyodide" / name)
    with TemporaryDirectory() as wheels:
        _collect(Path(wheels))
        _pack(sorted(Path(wheels).glob("*.whl")), into / "packages.zip")
    loaded = [into / "packages.zip", *((into / "pyodide") / name for name in RUNTIME_FILES)]
    sizes = {str(path.relative_to(into)): path.stat().st_size for path in loaded}
    (into / "sizes.json").write_text(json.dumps(sizes), "utf-8")


def pack_tests(into: Path) -> None:
    """Pack what the tests import, all of `client_access`, and the files of the repository."""
    into.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as wheels, ZipFile(into, "w") as packed:
        _collect(Path(wheels), FOR_TESTS)
        for wheel in sorted(Path(wheels).glob("*.whl")):
            with ZipFile(wheel) as content:
                for name in content.namelist():
                    _add(packed, f"packages/{name}", content.read(name))
        for path in sorted(ROOT.rglob("*")):
            part = path.relative_to(ROOT)
            if path.is_file() and not _is_made(part):
                _add(packed, f"repository/{part.as_posix()}", path.read_bytes())


def _collect(into: Path, more: tuple[str, ...] = ()) -> None:
    """Put the wheels of everything that the page imports into a folder."""
    python = json.loads((RUNTIME / "pyodide-lock.json").read_text("utf-8"))["info"]
    major, minor, _ = python["python"].split(".")
    platform = f"pyemscripten_{python['abi_version']}_wasm32"
    _pip("wheel", "--no-deps", "--wheel-dir", str(into), str(ROOT))
    _download(
        into,
        PACKAGES + more,
        *("--platform", platform, "--python-version", f"{major}.{minor}"),
        *("--implementation", "cp", "--abi", f"cp{major}{minor}"),
    )
    _download(into, WITHOUT_COMPILED)


def _download(into: Path, names: tuple[str, ...], *options: str) -> None:
    wheels = ("--only-binary", ":all:", "--no-deps", "--dest", str(into))
    _pip("download", *wheels, *options, "--constraint", str(ROOT / "constraints.txt"), *names)


def _pip(*arguments: str) -> None:
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "-qq")
    subprocess.run([*pip, *arguments], check=True, cwd=ROOT)


def _pack(wheels: list[Path], into: Path) -> None:
    """Pack what the wheels install, and the bridge, into one archive."""
    with ZipFile(into, "w") as packed:
        for wheel in wheels:
            with ZipFile(wheel) as content:
                for name in content.namelist():
                    if _is_needed(name):
                        _add(packed, name, content.read(name))
        for part in sorted((PAGE / "py" / "playground").glob("*.*")):
            _add(packed, f"playground/{part.name}", part.read_bytes())


def _is_made(part: Path) -> bool:
    """Return whether a path is not a part of the source: made by a tool, or hidden."""
    return any(name in _NOT_PACKED or name.startswith(".") for name in part.parts)


def _is_needed(name: str) -> bool:
    """Return whether the page needs a file of a wheel: not its papers, nor what cannot run."""
    left_out = (".dist-info/", "/tests/", "client_access/sql/", "client_access/testing/")
    other_machine = name.endswith((".so", ".pyd")) and "wasm32" not in name
    return not (any(part in name for part in left_out) or name.endswith(".pyi") or other_machine)


def _add(packed: ZipFile, name: str, content: bytes) -> None:
    packed.writestr(ZipInfo(name, _ALWAYS), content, ZIP_DEFLATED, 9)


class _Handler(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing of each request."""


def serve() -> None:
    """Serve the built site on 127.0.0.1, on port 8000 or the next free one, until Ctrl-C."""
    handler = partial(_Handler, directory=str(BUILT.parent))
    for port in range(8000, 8100):
        try:
            server = ThreadingHTTPServer(("127.0.0.1", port), handler)
        except OSError:
            continue
        sys.stdout.write(f"http://127.0.0.1:{port}/{BUILT.name}/  (Ctrl-C ends it)\n")
        sys.stdout.flush()
        with server, suppress(KeyboardInterrupt):
            server.serve_forever()
        return
    sys.exit("No port from 8000 to 8099 is free.")


if __name__ == "__main__":
    if "--serve" in sys.argv:
        serve()
    elif "--tests" in sys.argv:
        pack_tests(ROOT / "build" / "pyodide-tests.zip")
    else:
        build(BUILT)
