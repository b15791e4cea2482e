"""Sphinx reads this: the site of the documentation, from the pages beside it and from the docstrings.

``make docs`` gathers the pages and builds the site (`tools/docs_site.py`).
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from affex import __version__

project = "affex"
author = "the authors of affex"
version = release = __version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "numpydoc",
    "myst_parser",
    "sphinx_gallery.gen_gallery",
    "pages_for_all",
]
smartquotes = False  # which would make one dash of the two of an option
exclude_patterns = ["gallery/GALLERY_HEADER.rst"]

html_theme = "furo"
html_title = "affex"
html_static_path = ["_static"]
html_css_files = ["affex.css"]
html_copy_source = False
html_show_sphinx = False
html_show_copyright = False

# Markdown: every heading is an anchor, as where pages are read beside the code.
myst_heading_anchors = 4

# Docstrings are numpydoc's; the type of a parameter stands in the signature.
default_role = "autolink"
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
autosummary_generate = False
numpydoc_show_class_members = False

# Links to the sites of other projects would need a network to be checked, and so would the names that they document.
nitpick_ignore_regex = [("py:.*", r"(?!affex\.).*")]
# Type variables, and what stands in annotations and is of no use to a reader.
nitpick_ignore = [
    ("py:class", "affex.pipeline.corpora.search.Key"),
    ("py:class", "affex.pipeline.corpora.tables.Key"),
    ("py:class", "affex.pipeline.corpora.tables.Value"),
    ("py:class", "affex.pipeline.evaluation.metrics.Metric"),
    ("py:class", "affex.features.networks.asking.Ask"),
]

sphinx_gallery_conf = {
    "examples_dirs": "gallery",
    "gallery_dirs": "examples",
    "image_scrapers": ("gallery_pictures.described",),
    "reset_modules": ("matplotlib",),
    "within_subsection_order": "FileNameSortKey",
    "download_all_examples": False,
    "min_reported_time": 1e9,
    "write_computation_times": False,  # a page that would load scripts from a network
    "abort_on_example_error": False,
    "only_warn_on_example_error": False,
}
