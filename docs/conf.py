"""Sphinx reads this: the site of the documentation, from the pages of this folder and from the docstrings.

``make docs`` builds it into ``_build/html``. The pages are Markdown that also reads well where it lies; see "The
documentation" in CONTRIBUTING.
"""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "extensions"))

from affex import __version__  # noqa: E402

project = "affex"
author = "affex's authors"
version = release = __version__
copyright = "affex's authors, MIT licence"  # noqa: A001

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "numpydoc",
    "myst_parser",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["_build", "extensions", "gallery/*.md", "gallery/*.txt"]

html_theme = "furo"
html_title = "affex"
html_static_path = ["_static"]
html_css_files = ["affex.css"]
html_copy_source = False
html_show_sphinx = False

# Markdown: every heading is an anchor, as on the pages of a repository.
myst_heading_anchors = 4
myst_enable_extensions = ["deflist"]

# Docstrings are numpydoc; the type of a parameter stands in the signature.
default_role = "autolink"
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autosummary_generate = False
numpydoc_show_class_members = False

# Names of other projects are not linked, since links to their sites would need a network to be checked.
nitpick_ignore_regex = [("py:.*", r"(?!affex\.).*")]

sphinx_gallery_conf = {
    "examples_dirs": "gallery",
    "gallery_dirs": "examples",
    "filename_pattern": r"plot_",
    "download_all_examples": False,
    "show_memory": False,
    "show_signature": False,
    "min_reported_time": 1e9,
    "matplotlib_animations": False,
}
