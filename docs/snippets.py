"""Check the types of the documentation's Python: each page is a module, its blocks in order.

Everything outside of the blocks becomes an empty line, so mypy's line numbers are the page's.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").glob("**/*.md")])
# A folder that stays, because mypy repeats what it found in a file that has not changed.
FOLDER = ROOT / ".mypy_cache" / "snippets"
OPTIONS = (
    "--check-untyped-defs",
    "--strict-equality",
    "--warn-redundant-casts",
    "--enable-error-code=truthy-bool",
    # A page uses a name again for another value.
    "--allow-redefinition",
)


def module_of(page: str) -> str:
    """Return the Python of a page, each line with the number that it has there."""
    lines, inside = [], False
    for line in page.splitlines():
        fence = re.match(r"```(\w*)$", line)
        lines.append("" if fence or not inside else line)
        if fence:
            inside = fence[1] == "python"
    return "\n".join(lines) + "\n"


def main() -> int:
    """Run mypy on every page, and print its errors with the names of the pages."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    modules: dict[str, str] = {}
    for page in PAGES:
        path = page.relative_to(ROOT)
        module = FOLDER / f"{'_'.join(path.with_suffix('').parts)}.py"
        module.write_text(module_of(page.read_text(encoding="utf-8")), encoding="utf-8")
        modules[str(module.relative_to(ROOT))] = str(path)
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--config-file=", *OPTIONS, *modules],
        cwd=ROOT,
        env={**os.environ, "MYPYPATH": "src"},
        check=False,
        capture_output=True,
        text=True,
    )
    output = done.stdout + done.stderr
    for own, name in modules.items():
        output = output.replace(own, name)
    print(output, end="")
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
