"""What the theme leaves open for people who use a keyboard or a screen reader; a Sphinx extension."""

from typing import Any

from sphinx.application import Sphinx


def setup(app: Sphinx) -> dict[str, Any]:
    """Change the pages after the theme has made its parts of them."""
    app.connect("html-page-context", mended, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def mended(_app: Sphinx, _page: str, _template: str, context: dict[str, Any], _doctree: Any) -> None:
    """Say the level of the headings of the navigation; let the keyboard reach code and tables that are scrolled."""
    tree = context.get("furo_navigation_tree", "")
    context["furo_navigation_tree"] = tree.replace('role="heading"', 'role="heading" aria-level="2"')
    body = context.get("body", "")
    context["body"] = body.replace("<pre>", '<pre tabindex="0">').replace("<table ", '<table tabindex="0" ')
