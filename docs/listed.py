"""Lists that only the site has: the tests of each rule, and the fields of each JSON schema."""

from __future__ import annotations

import ast
import json
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from inspect import cleandoc
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
_TESTS = ("tests", "src/client_access/testing/checks")


# ── Rules ────────────────────────────────────────────────────────────────────────────────────────


def rules() -> dict[str, tuple[str, str]]:
    """Return each rule's text and the anchor of its section, by its number."""
    found: dict[str, tuple[str, str]] = {}
    anchor = ""
    text = (ROOT / "docs" / "reference" / "rules.md").read_text(encoding="utf-8")
    for line in text.splitlines():
        if section := re.fullmatch(r"## (\d+)\. (.*)", line):
            anchor = f"{section[1]}-{section[2].lower().replace(' ', '-')}"
        elif rule := re.match(r"- \*\*([A-Z]\d+)\*\* (.*)", line):
            found[rule[1]] = (rule[2], anchor)
    return found


def citing_tests() -> dict[str, list[tuple[str, str]]]:
    """Return the tests that cite each rule: what each proves, and where it is."""
    found: defaultdict[str, list[tuple[str, str]]] = defaultdict(list)
    for folder in _TESTS:
        for path in sorted((ROOT / folder).rglob("*.py")):
            place = path.relative_to(ROOT).as_posix()
            for name, text in _documented(path):
                sentence = " ".join(cleandoc(text).partition("\n\n")[0].split())
                for rule in dict.fromkeys(re.findall(r"\b([LPEDSCN]\d{1,2})\b", text)):
                    found[rule].append((sentence, f"{place}::{name}" if name else place))
    return found


def _documented(path: Path) -> Iterator[tuple[str, str]]:
    """Yield the name and the docstring of a file of tests and of each test in it."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            name = "" if isinstance(node, ast.Module) else node.name
            if text := ast.get_docstring(node):
                yield name, text


def tested_rules() -> str:
    """Return the list of all rules, each with its tests."""
    tests = citing_tests()
    lines = []
    for rule, (text, anchor) in rules().items():
        lines += ["", f"## {rule}", "", f"{text} [Rule {rule}](rules.md#{anchor})", ""]
        lines += [f"- {sentence}<br>`{place}`" for sentence, place in tests[rule]]
    return "\n".join(lines)


# ── JSON Schemas ─────────────────────────────────────────────────────────────────────────────────


def schemas() -> str:
    """Return a table of the fields of every schema."""
    lines = []
    for name, title in (
        ("door", "The door"),
        ("client", "The record of a client"),
        ("command", "Records of commands"),
        ("event", "Records of events"),
        ("notice", "Records of notices"),
    ):
        path = ROOT / "docs" / "schemas" / f"{name}.json"
        schema = json.loads(path.read_text(encoding="utf-8"))
        lines += ["", f"## {title}"]
        for kind, definition in schema.get("$defs", schema).items():
            lines += _fields(kind, definition)
    return "\n".join(lines)


def _fields(name: str, definition: Mapping[str, Any]) -> Iterator[str]:
    yield from ("", f"### `{name}`", "", definition.get("description", ""), "")
    if fields := definition.get("properties"):
        required = definition.get("required", ())
        yield from ("| field | what it is | required |", "|---|---|---|")
        for field, schema in fields.items():
            yield f"| `{field}` | {_what(schema)} | {'yes' if field in required else ''} |"
    else:
        yield f"{_what(definition).capitalize()}."


def _what(schema: Mapping[str, Any]) -> str:
    """Return what a schema allows, in a few words."""
    match schema:
        case {"$ref": str(target)}:
            return f"`{target.rpartition('/')[2]}`"
        case {"const": value}:
            return f"`{value}`"
        case {"enum": [*values]}:
            return ", ".join(f"`{value}`" for value in values)
        case {"anyOf": [*options]} | {"oneOf": [*options]}:
            return " or ".join(map(_what, options))
        case {"type": [*types]}:
            return " or ".join(types)
        case {"type": "array", "items": items}:
            return f"array of {_what(items)}"
        case {"type": str(kind), "format": str(form)}:
            return f"{kind}, {form}"
        case {"type": str(kind), "maxLength": int(length)}:
            return f"{kind}, at most {length} characters"
        case {"type": str(kind)}:
            return kind
        case _:
            return "anything"
