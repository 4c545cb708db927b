"""How Sphinx builds the site: make docs."""

import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

import client_access  # noqa: E402 - found by the line above
from docs.site import PLAYGROUND  # noqa: E402

project = "client_access"
author = "The client_access maintainers"
version = release = client_access.__version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
    "docs.site",
]
exclude_patterns = ["_*", "schemas/*.py"]
templates_path = ["_templates"]
nitpicky = True

# Headings have the anchors that a reader of the Markdown files knows.
myst_heading_anchors = 4
myst_enable_extensions = ["attrs_block", "colon_fence"]

# A name between single backticks in a docstring is code, as in Markdown.
default_role = "code"
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
autodoc_typehints_format = "short"
add_module_names = False
python_maximum_signature_line_length = 80
napoleon_numpy_docstring = False
toc_object_entries_show_parents = "hide"

# The copy button leaves out prompts and what a program prints.
copybutton_selector = "div:not(.highlight-text) > div.highlight > pre"

# The playground is linked if `make docs` has built it, which it does where there is npm.
if PLAYGROUND.exists():
    html_context = {"playground": "playground/index.html"}
    tags.add("playground")  # type: ignore[name-defined]  # noqa: F821 - Sphinx defines it

html_theme = "furo"
html_favicon = "../site/playground/icon.svg"
html_theme_options = {
    "light_css_variables": {
        "color-brand-primary": "#4338ca",
        "color-brand-content": "#4338ca",
        "color-brand-visited": "#4338ca",
        "color-highlight-on-target": "#eef0ff",
    },
    "dark_css_variables": {
        "color-brand-primary": "#a5a6fb",
        "color-brand-content": "#a5a6fb",
        "color-brand-visited": "#a5a6fb",
        "color-highlight-on-target": "#1f2147",
    },
}
html_title = "client_access"
html_sidebars = {
    "**": [
        "sidebar/brand.html",
        "sidebar/search.html",
        "sidebar/scroll-start.html",
        "sidebar/playground.html",
        "sidebar/navigation.html",
        "sidebar/scroll-end.html",
    ]
}
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_js_files = [(name, {"defer": "defer"}) for name in ("tables.js", "scrolling.js")]
html_copy_source = False
html_show_sourcelink = False
html_domain_indices = False
html_show_copyright = False

# Internal names in the signatures of public ones: type variables, and the rows of the tables.
nitpick_ignore_regex = [
    ("py:class", r"(client_access\..*\.)?(T|R|Said|Key|Step|Edge|FullRepository)")
]
