"""The documentation: generated pages are up to date, and every link has a target."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
import world

import client_access as ca
from client_access.commands import COMMANDS
from client_access.notices import NOTICES
from client_access.refusals import RULE_OF
from docs.generate import ACTORS, all_refusals, anchor_of, pages, places_of_rules
from docs.listed import citing_tests, rules
from docs.site import groups, names
from docs.snippets import module_of

ROOT = Path(__file__).parents[1]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])


@cache
def generated() -> dict[str, str]:
    """Return every generated page, without writing it."""
    return pages()


def test_generated_files_are_up_to_date() -> None:
    """Pages and pictures that come from the code are those of the code."""
    for path, text in generated().items():
        assert (ROOT / path).read_text(encoding="utf-8") == text, "run: python docs/generate.py"


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


def test_the_table_of_commands_is_what_decide_does() -> None:
    """§8: an actor is named in a cell exactly if `decide` gets past actor and status there."""
    page = (ROOT / "docs" / "reference" / "commands.md").read_text(encoding="utf-8")
    head, _, *rows = re.findall(r"^\|(.*)\|$", page.partition("\n## Each")[0], re.MULTILINE)
    columns = [cell.strip(" `") for cell in head.split("|")][1:]
    written = {
        (name.strip(" `"), column, actor)
        for name, *cells in (row.split("|") for row in rows)
        for column, cell in zip(columns, cells, strict=True)
        for actor in cell.replace(",", " ").split()
    }
    assert len(written) > 100
    assert written == set(_what_decide_lets_by())


def _what_decide_lets_by() -> Iterator[tuple[str, str, str]]:
    for client in (None, *world.clients()):
        if client is not None and client.status is ca.Status.DELETED:
            continue
        for by in world.ACTORS:
            for command in world.commands(by):
                creates = isinstance(command, ca.AddClient | ca.ImportClient | ca.RegisterCustomer)
                if creates is not (client is None):
                    continue
                match world.outcome(client, command, world.SOON):
                    case ca.Refusal(code=code) if code in NOT_IN_THE_TABLE:
                        continue
                column = client.status.value if client else "new id"
                yield type(command).__name__, column, ACTORS[type(by)]


NOT_IN_THE_TABLE = {
    ca.RefusalCode.UNKNOWN_CLIENT,
    ca.RefusalCode.ACTOR_NOT_ALLOWED,
    ca.RefusalCode.NOT_IN_THIS_STATUS,
}


def test_every_public_name_is_in_the_reference_with_a_docstring() -> None:
    """Each group of public names has its place on the site, and what it shows there."""
    pages = (ROOT / "docs" / "reference" / "names").glob("*.md")
    markers = re.findall(
        r"^<!-- site: names (.*) -->$",
        "\n".join(page.read_text(encoding="utf-8") for page in pages),
        re.MULTILINE,
    )
    shown = "\n".join(names(marker) for marker in markers)
    documented = re.findall(r"^\.\. (?:auto\w+|py:data):: (\w+)$", shown, re.MULTILINE)
    listed = [name for module in groups().values() for group in module.values() for name in group]
    assert sorted(documented) == sorted(listed)


def test_every_rule_has_a_test_that_cites_it() -> None:
    """The site lists the tests of each rule; none is without, and none is invented."""
    tests = citing_tests()
    assert [rule for rule in rules() if not tests[rule]] == []
    assert tests.keys() <= rules().keys()


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


def test_the_python_of_a_page_keeps_its_line_numbers() -> None:
    """`make check` runs mypy on every page, and its errors name the lines of the page."""
    page = "# A page\n\n```python\nx = 1\n```\n\n```text\n1\n```\n```python\nx + 1\n```\n"
    assert module_of(page).splitlines() == [*[""] * 3, "x = 1", *[""] * 6, "x + 1", ""]


def test_the_first_screen_has_the_two_commands_and_ten_lines_of_code() -> None:
    screen = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()[:50]
    assert any(line.startswith("make tour") for line in screen)
    assert any(line.startswith("make test") for line in screen)
    blocks = re.findall(r"```python\n(.*?)```", "\n".join(screen), re.DOTALL)
    assert len(blocks) == 2
    assert len(blocks[1].splitlines()) == 10
    for command in ("AddClient", "Subscribe", "Activate", "ChoosePayer"):
        assert f"ca.{command}(" in blocks[1]
