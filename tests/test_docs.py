"""The documentation: generated pages are up to date, and every link has a target."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

import client_access as ca
from client_access.commands import COMMANDS
from client_access.notices import NOTICES
from client_access.refusals import RULE_OF
from docs.generate import all_refusals, anchor_of, pages, places_of_rules

ROOT = Path(__file__).parents[1]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])


@cache
def generated() -> dict[str, str]:
    """Return every generated page, without writing it."""
    return pages()


@pytest.mark.parametrize(
    "path",
    [
        "README.md",
        "docs/explanation/lifecycle.md",
        "docs/explanation/payer.md",
        "docs/reference/refusals.md",
        "docs/reference/commands.md",
    ],
)
def test_generated_pages_are_up_to_date(path: str) -> None:
    assert path in generated()
    text = (ROOT / path).read_text(encoding="utf-8")
    assert text == generated()[path], "run: python docs/generate.py"


def test_every_code_command_and_notice_is_documented() -> None:
    refusals, commands, notices = (
        (ROOT / "docs" / name).read_text(encoding="utf-8")
        for name in ("reference/refusals.md", "reference/commands.md", "how-to/notices.md")
    )
    for code in ca.RefusalCode:
        assert f"\n## `{code.value}`\n" in refusals
    for command in COMMANDS.values():
        assert commands.count(f"\n| `{command.__name__}` |") == 2
    for notice in NOTICES.values():
        assert notices.count(f"\n| `{notice.__name__}` |") == 1


def test_every_rule_that_a_refusal_cites_is_in_the_rules() -> None:
    """A refusal names a rule by its number; rules.md has it, and refusals.md links to it."""
    cited = {met.refusal.rule for met in all_refusals()} | set(RULE_OF.values())
    assert cited <= places_of_rules().keys()
    refusals = (ROOT / "docs" / "reference" / "refusals.md").read_text(encoding="utf-8")
    for rule in cited:
        assert f"[{rule}](rules.md#{places_of_rules()[rule]})" in refusals


def anchors(text: str) -> set[str]:
    """Return the anchors of a page's headings."""
    headings = re.findall(
        r"^#+ (.*)$", re.sub(r"```.*?```", "", text, flags=re.DOTALL), re.MULTILINE
    )
    return {anchor_of(heading) for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_has_a_target(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        path, _, anchor = target.partition("#")
        other = (page.parent / path) if path else page
        assert other.exists(), target
        if anchor:
            assert anchor in anchors(other.read_text(encoding="utf-8")), target


def test_the_repository_of_the_page_is_typed(tmp_path: Path) -> None:
    """What a reader copies passes `mypy --strict`."""
    text = (ROOT / "docs" / "how-to" / "write_a_repository.md").read_text(encoding="utf-8")
    copied = tmp_path / "json_store.py"
    copied.write_text("\n".join(re.findall(r"```python\n(.*?)```", text, re.DOTALL)), "utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--config-file=", str(copied)],
        cwd=ROOT,
        env={**os.environ, "MYPYPATH": str(ROOT / "src")},
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout


def test_the_first_screen_has_the_two_commands_and_ten_lines_of_code() -> None:
    screen = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()[:50]
    assert any(line.startswith("make tour") for line in screen)
    assert any(line.startswith("make test") for line in screen)
    blocks = re.findall(r"```python\n(.*?)```", "\n".join(screen), re.DOTALL)
    assert len(blocks) == 2
    assert len(blocks[1].splitlines()) == 10
    for command in ("AddClient", "Subscribe", "Activate", "ChoosePayer"):
        assert f"ca.{command}(" in blocks[1]
