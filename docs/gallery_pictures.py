"""Pictures of the gallery with a text alternative: what a script gives a figure as its label says what it shows."""

import re
from typing import Any

from matplotlib import pyplot
from sphinx_gallery.scrapers import matplotlib_scraper


def described(block: Any, variables: dict[str, Any], gallery: dict[str, Any]) -> str:
    """Save the open figures; return the lines that show them, with each figure's label as its text alternative.

    Raises
    ------
    ValueError
        If a figure has no label.
    """
    texts = [" ".join(pyplot.figure(number).get_label().split()) for number in pyplot.get_fignums()]
    if not all(len(text.split()) > 5 for text in texts):
        raise ValueError(f"{variables['src_file']}: say what each figure shows, as in figure.set_label('...')")
    lines: str = matplotlib_scraper(block, variables, gallery)
    left = iter(texts)
    return re.sub(r":alt:.*", lambda _: f":alt: {next(left)}", lines)
