"""The package's layout: imports run downwards only, and the core needs no extra."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import client_access

ROOT = Path(client_access.__file__).parent

CORE = """
    errors
    values.validation  values  values.email_address  values.catalogue
    machines  machines.table  machines.lifecycle  machines.payer  machines.activation
    machines.practice_invitation  machines.direct_debit
    client
    commands
    events
    refusals
    notices
    change
    chapters  chapters.rules  chapters.ways_out  chapters.telling  chapters.guards
    chapters.adding  chapters.subscriptions  chapters.activation
    chapters.access  chapters.managing  chapters.closing
    chapters.invitations  chapters.details
    deciding
    questions  questions.lists  questions.billing  questions.sign_in  questions.consequences
    questions.deadlines
    repository  repository.awaited  repository.erasing  repository.feeding
    repository.memory
    service.clock  service.retries  service.observing  service.unit  service.once  service
    service.awaited  service.outbox
    client_access
"""
"""The modules of the core from the bottom up: each imports only from those before it."""

OUTSIDE = {
    "__main__",
    "batch",
    "cli",
    "links",
    "rendering",
    "sql",
    "testing",
    "questions.texts",
    "wire",
}
"""What is built on the core, and may need an extra: the core imports none of it."""

EXTRAS = (
    "sqlalchemy cattrs itsdangerous hypothesis pytest rich jinja2 psycopg aiosqlite sybil greenlet"
)


def _modules() -> dict[str, Path]:
    """Return the path of every module by its name within the package."""
    found = {}
    for path in ROOT.rglob("*.py"):
        parts = path.relative_to(ROOT).with_suffix("").parts
        name = ".".join(part for part in parts if part != "__init__")
        found[name or "client_access"] = path
    return found


MODULES = _modules()


def _imported(path: Path) -> Iterator[str]:
    """Yield the modules of the package that a module imports, also inside functions."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name} imports relatively"
            module = node.module or ""
            # A name may be a module, or something in one.
            names = [
                deeper if deeper.removeprefix("client_access.") in MODULES else module
                for deeper in (f"{module}.{alias.name}" for alias in node.names)
            ]
        else:
            continue
        for name in names:
            if name.split(".")[0] == "client_access":
                yield name.removeprefix("client_access.")


def test_every_module_is_in_the_order_or_outside_it() -> None:
    """A new module must be added to the order, or be outside the core."""
    inside = {name for name in MODULES if not {name, name.split(".")[0]} & OUTSIDE}
    assert inside == set(CORE.split())


def test_the_top_floor_has_at_most_24_entries() -> None:
    """A reader takes in the whole package at a glance."""
    assert len([path for path in ROOT.iterdir() if path.name != "__pycache__"]) <= 24


def test_imports_run_downwards_only() -> None:
    """A module of the core imports only from the modules before it."""
    order = {name: place for place, name in enumerate(CORE.split())}
    upwards = [
        (name, imported)
        for name in order
        for imported in _imported(MODULES[name])
        if order.get(imported, len(order)) >= order[name]
    ]
    assert upwards == []


def test_nothing_is_imported_inside_functions_of_the_core() -> None:
    """An import inside a function would hide an import upwards; the exceptions save time."""
    inner = {
        (name, ast.unparse(imported))
        for name in CORE.split()
        for node in ast.walk(ast.parse(MODULES[name].read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        for imported in ast.walk(node)
        if isinstance(imported, ast.Import | ast.ImportFrom)
    }
    assert inner == {
        ("values.email_address", "import email_validator"),
        ("service.once", "from hashlib import sha256"),
        ("service.awaited", "from asyncio import sleep"),
        ("service.retries", "import random"),
        ("client", "from urllib.parse import quote"),
    }


def test_importing_the_core_imports_no_extra() -> None:
    """Importing the core imports no package of an extra, and no module that is built on the core.

    The tests import the extras, so this one starts another interpreter.
    """
    program = "import client_access, sys; print('\\n'.join(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    loaded = {name.split(".")[0] for name in done.stdout.split()}
    assert "transitions" in loaded
    # It is imported with the first address.
    assert loaded.isdisjoint([*EXTRAS.split(), "email_validator"])
    ours = {name for name in done.stdout.split() if name.startswith("client_access.")}
    assert ours == {f"client_access.{name}" for name in CORE.split()} - {
        "client_access.client_access"
    }


def test_the_core_has_no_clock_no_randomness_and_no_input_or_output() -> None:
    """Everything that a decision looks at is an argument."""
    shells = {name for name in CORE.split() if name.startswith(("service", "repository"))}
    for name in set(CORE.split()) - shells:
        for node in ast.walk(ast.parse(MODULES[name].read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom | ast.Import):
                names = [alias.name for alias in node.names]
                module = getattr(node, "module", "") or ""
                assert not {module, *names} & {"random", "secrets", "os", "time", "socket", "io"}
                # A new activation's id is made with the command, before any decision.
                assert "uuid4" not in names or name == "commands"
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                assert node.func.id not in {"open", "print", "input"}
            elif isinstance(node, ast.Attribute):
                assert node.attr not in {"now", "today", "utcnow"}, name
