"""Runs the Python blocks of a page of the documentation, and returns what they print."""

from __future__ import annotations

import ast
import json
import traceback
from contextlib import redirect_stdout
from io import StringIO

_PAGES: dict[str, dict[str, object]] = {}


def run(asked: str) -> str:
    """Run a block, and return what it printed, as JSON.

    Parameters:
        asked: JSON with the `page` and the `code`. The blocks of one page share their names.

    Returns:
        JSON with `printed`, and `error`: the exception that the block raised, or null.
    """
    given = json.loads(asked)
    names = _PAGES.setdefault(given["page"], {"__name__": "__main__"})
    printed = StringIO()
    error = None
    with redirect_stdout(printed):
        try:
            exec(compile(ast.parse(given["code"]), "<block>", "exec"), names)
        except BaseException as problem:  # also SystemExit: the page shows it
            error = "".join(traceback.format_exception_only(problem)).strip()
    return json.dumps({"printed": printed.getvalue(), "error": error}, ensure_ascii=False)
