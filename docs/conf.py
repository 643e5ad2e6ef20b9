"""How Sphinx builds these pages: `sphinx-build -W -b html docs docs/_build/html`."""

from sphinx.application import Sphinx

from flask_vtex_seller import __version__

project = "flask-vtex-seller"
author = "the flask-vtex-seller contributors"
project_copyright = author
version = release = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = f"{project} {version}"

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

napoleon_numpy_docstring = False
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 100


def setup(app: Sphinx) -> None:
    """Listen before napoleon does, which has the priority 500."""
    app.connect("autodoc-process-docstring", _keep_colons, priority=100)


def _keep_colons(app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]) -> None:
    # napoleon reads an attribute's first line as "type: description"; ours are sentences that may hold a colon
    if what in {"attribute", "data", "property"} and lines and ":" in lines[0]:
        lines.insert(0, "\\ ")  # an escaped space, which reStructuredText drops
