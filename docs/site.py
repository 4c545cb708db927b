"""What is added to the pages when the site is built: a Sphinx extension.

A page has a line `<!-- site: WHAT NAME -->` where something is to stand that only the site shows:

    names MODULE: GROUP    the public names of a group, from their docstrings
    tests                  each rule with the tests that cite it
    schemas                the fields of the JSON Schemas
    run                    buttons that run the Python of the page, if the playground is built
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Callable
from enum import Enum
from functools import cache
from importlib import import_module
from inspect import cleandoc, isclass, ismodule, isroutine
from itertools import pairwise
from pathlib import Path
from textwrap import indent
from typing import Any, get_args

import attrs

import client_access
from docs.listed import schemas, tested_rules

ROOT = Path(__file__).parents[1]
PLAYGROUND = ROOT / "build" / "site" / "playground" / "index.html"
_PICTURE = re.compile(r"^!\[(.*?)\]\((?:\.\./)*pictures/(.*?)\)$", re.MULTILINE)
_FILE = re.compile(r"\[([^\]]+)\]\((?:\.\./)+((?:examples|src|tests|benchmarks)/[^)]*)\)")
_MARKER = re.compile(r"^<!-- site: (\w+) ?(.*) -->$", re.MULTILINE)
_DEFAULT = re.compile(r"attr_dict\['(\w+)'\]\.default")
_RUN = """```{raw} html
<script type="module" src="../playground/run-blocks.js"></script>
```"""


# ── Public names ─────────────────────────────────────────────────────────────────────────────────


@cache
def groups() -> dict[str, dict[str, list[str]]]:
    """Return the names that public_names.md lists, by module and group."""
    page = (ROOT / "docs" / "reference" / "public_names.md").read_text(encoding="utf-8")
    found: dict[str, dict[str, list[str]]] = {}
    for section in page.split("\n## ")[1:]:
        heading = section.splitlines()[0].strip("`")
        for cells in re.findall(r"^\| (.*?) \| (`.*?`) \|", section, re.MULTILINE):
            names = re.findall(r"`(\w+)`", cells[1])
            module, group = (heading, cells[0])
            if cells[0].startswith("`"):
                module = group = cells[0].strip("`")
            found.setdefault(module, {})[group] = names
    return found


def names(argument: str) -> str:
    """Return the names of one group of a module, or of all its groups, as autodoc reads them."""
    module, _, group = argument.partition(": ")
    lines = [f".. {'currentmodule' if group else 'py:module'}:: {module}", ""]
    for each in [group] if group else groups()[module]:
        for name in groups()[module][each]:
            lines += _documented(module, name)
    return "```{eval-rst}\n" + "\n".join(lines) + "\n```"


def _documented(module: str, name: str) -> list[str]:
    value = getattr(import_module(module), name)
    if isclass(value):
        options = ["   :members:"]
        if issubclass(value, Enum):
            options.append("   :undoc-members:")
        return [f".. autoclass:: {name}", *options, ""]
    if isroutine(value):
        return [f".. autofunction:: {name}", ""]
    if ismodule(value):
        return [f".. py:data:: {name}", "", f"   {(value.__doc__ or '').splitlines()[0]}", ""]
    return [f".. py:data:: {name}", "", indent(_below(name, module), "   "), ""]


def _below(name: str, module: str) -> str:
    """Return the docstring below a name, in the module or in one that it imports from."""
    for path in sorted((ROOT / "src" / Path(*module.split("."))).rglob("*.py")) or [
        (ROOT / "src" / Path(*module.split("."))).with_suffix(".py")
    ]:
        body = ast.parse(path.read_text(encoding="utf-8")).body
        for statement, below in pairwise(body):
            match statement, below:
                case (
                    ast.Assign(targets=[ast.Name(id=found)])
                    | ast.AnnAssign(target=ast.Name(id=found)),
                    ast.Expr(value=ast.Constant(value=str(text))),
                ) if found == name:
                    return cleandoc(text)
    raise LookupError(f"{module}.{name} has no docstring")


# ── Sphinx ───────────────────────────────────────────────────────────────────────────────────────

_NOT_OURS = sys.stdlib_module_names | {"hypothesis", "jinja2", "sqlalchemy"}
_MAKERS: dict[str, Callable[[str], str]] = {
    "names": names,
    "tests": lambda _: tested_rules(),
    "schemas": lambda _: schemas(),
    "run": lambda _: _RUN if PLAYGROUND.exists() else "",
}


def _inline(reference: re.Match[str]) -> str:
    """Return a picture as part of the page, so that it is light or dark as the reader chose."""
    wide = ROOT / "docs" / "pictures" / reference[2]
    narrow = wide.with_stem(f"{wide.stem}_narrow")
    figures = [(narrow, "narrow"), (wide, "wide")] if narrow.exists() else [(wide, "")]
    return "\n\n".join(_figure(path, kind) for path, kind in figures)


def _figure(path: Path, kind: str) -> str:
    svg = path.read_text(encoding="utf-8")
    return f'```{{raw}} html\n<figure class="picture {kind}">\n{svg}</figure>\n```'


def _fill(_app: Any, _name: str, source: list[str]) -> None:
    text = _MARKER.sub(lambda marker: _MAKERS[marker[1]](marker[2]), source[0])
    text = _FILE.sub(r"\1 (`\2`)", text)  # a file of the project is no page of the site
    source[0] = _PICTURE.sub(_inline, text)


def _skip(_app: Any, _what: str, name: str, _value: object, skip: bool, _options: object) -> bool:
    """Leave out the checks of the kit, which a reader runs and does not call."""
    return skip or name.startswith("test_")


def _write_signature(
    _app: Any,
    _what: str,
    _name: str,
    value: Any,
    _options: object,
    signature: str | None,
    returned: str | None,
) -> tuple[str | None, str | None]:
    """Write `Command` for the union of all commands, and what attrs has as a default."""
    if signature and attrs.has(value):
        signature = _DEFAULT.sub(lambda field: _default(value, field[1]), signature)
        signature = signature.replace("NOTHING", "...")  # what is made for each record
    for name, members in _unions().items():
        signature = signature and signature.replace(members, f"~client_access.{name}")
        returned = returned and returned.replace(members, f"~client_access.{name}")
    return signature, returned


def _default(record: Any, field: str) -> str:
    default = getattr(attrs.fields(record), field).default
    return (
        f"{type(default).__name__}.{default.name}" if isinstance(default, Enum) else repr(default)
    )


@cache
def _unions() -> dict[str, str]:
    unions = ("Actor", "Command", "Event", "Notice", "Recipient")
    return {
        name: " | ".join(
            f"~{member.__module__}.{member.__qualname__}"
            for member in get_args(getattr(client_access, name))
        )
        for name in unions
    }


@cache
def _public() -> dict[str, str]:
    """Return the public name of each object, by the module and the name of its definition."""
    found: dict[str, str] = {}
    for module, listed in reversed(groups().items()):
        for name in (name for names in listed.values() for name in names):
            value = getattr(import_module(module), name)
            if defined := getattr(value, "__module__", None):
                found[f"{defined}.{name}"] = f"{module}.{name}"
    return found


def _resolve(app: Any, env: Any, node: Any, contnode: Any) -> Any:
    """Find what a type is public as; what is not ours is shown without a link."""
    target = node.get("reftarget", "")
    if node.get("refdomain") != "py":
        return None
    # A field of an attrs class is described with its class, and has no place of its own.
    if target.partition(".")[0] in _NOT_OURS or node.get("reftype") == "attr":
        return contnode
    domain = env.get_domain("py")
    matches = [
        name
        for name, entry in domain.objects.items()
        if name.endswith(f".{target}") and not entry.aliased
    ]
    public = _public().get(target, matches[0] if len(matches) == 1 else None)
    if public is None:
        return None
    return domain.resolve_xref(env, node["refdoc"], app.builder, "obj", public, node, contnode)


def _mark_signatures(
    _app: Any, _page: str, _template: str, context: dict[str, Any], _doctree: object
) -> None:
    """Say that the lines of a signature are no list of terms, though Sphinx writes them as one."""
    if "body" in context:
        before = '<dl>\n<dd><em class="sig-param">'
        after = before.replace("<dl>", '<dl role="presentation">')
        context["body"] = context["body"].replace(before, after)


def setup(app: Any) -> dict[str, bool]:
    """Add the extension to Sphinx."""
    app.connect("source-read", _fill)
    app.connect("autodoc-skip-member", _skip)
    app.connect("autodoc-process-signature", _write_signature)
    app.connect("missing-reference", _resolve)
    app.connect("html-page-context", _mark_signatures)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
