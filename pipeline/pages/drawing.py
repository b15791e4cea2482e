"""Drawing: from a function that draws to an SVG inside a page, whose ink follows the page's colours.

Text stays text, so that it can be read aloud, searched and enlarged. What is black in matplotlib is the page's ink:
black on paper, light in the dark. The palette is that of Okabe and Ito, "Color Universal Design" (2008), whose colours
people with any kind of colour vision can tell apart; where there are more series than colours, markers differ, too.
"""

import hashlib
import io
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from markupsafe import Markup, escape

from affex.pipeline.pages.page import Picture, Table, data_address
from affex.pipeline.reporting.pictures import drawing

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Okabe and Ito's colours without black and yellow, which vanish on dark and on white paper.
PALETTE = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9")
#: The main colour, and that of what stands beside it for reference.
MAIN, BESIDE = "#0072B2", "#D55E00"
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "*")

#: Stands for the page's ink, and for the ink of lines in the background, while matplotlib draws.
INK, FAINT = "#010203", "#040506"
#: What these become: `currentColor` is CSS's name of the colour of text.
INKS = {INK: "currentColor", FAINT: "var(--line)"}
#: How matplotlib draws for a page. Its fonts are those of the page.
STYLE = {
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "grid.color": FAINT,
    "legend.frameon": False,
    "savefig.transparent": True,
} | dict.fromkeys(("text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color"), INK)


def picture(
    size: tuple[float, float], draw: "Callable[[Figure], None]", caption: str, table: Table | None = None
) -> Picture:
    """Return what a function draws as a picture of a page.

    Parameters
    ----------
    size
        Width and height, inches; a page is about 9 wide.
    draw
        Draws into an empty figure.
    caption
        What the picture shows; also read aloud in its place.
    table
        The numbers that it shows.
    """
    file = io.BytesIO()
    with drawing(*size, file, "svg", STYLE) as figure:
        draw(figure)
    return Picture(_embedded(file.getvalue().decode(), caption, size[0]), caption, table)


def photograph(content: bytes, kind: str, caption: str) -> Picture:
    """Return an image file, such as a contact sheet, as a picture of a page; `kind` as in ``image/png``."""
    image = Markup('<img src="{}" alt="{}">').format(data_address(content, kind), caption)
    return Picture(image, caption)


def styles(number: int) -> list[tuple[str, str]]:
    """Return a colour and a marker for each of several series; all differ as long as there are at most 60."""
    return [
        (PALETTE[place % len(PALETTE)], MARKERS[(place // len(PALETTE) + place) % len(MARKERS)])
        for place in range(number)
    ]


@contextmanager
def axes_of(figure: "Figure") -> "Iterator[Axes]":
    """Yield the only axes of a figure, with a faint grid along the values."""
    axes = figure.subplots()
    axes.grid(axis="x", linewidth=0.6)
    yield axes
    axes.tick_params(length=0)


def _embedded(svg: str, caption: str, width: float) -> Markup:
    """Return an SVG file as an element: names of its own in this page, the page's ink, the caption in its place."""
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg[svg.index("<svg") :], flags=re.S)
    size = re.compile(r' (?:width|height)="[^"]*"')
    svg = re.sub(r"<svg\b[^>]*>", lambda tag: size.sub("", tag[0]), svg, count=1)
    prefix = f"f{hashlib.sha256(svg.encode()).hexdigest()[:8]}-"
    svg = re.sub(r"<[^>]*>", lambda tag: _renamed(tag[0], prefix), svg)  # names of users stand between tags
    label = f' role="img" aria-label="{escape(caption)}" style="max-width: {width * 1.35:.1f}in"'
    return Markup(svg.replace("<svg", f"<svg{label}", 1))  # noqa: S704 - matplotlib escapes the names that it draws


def _renamed(tag: str, prefix: str) -> str:
    """Return a tag of an SVG with names that no other picture of the page has, and with the page's inks."""
    tag = re.sub(r'(\bid="|url\(#|href="#)', rf"\1{prefix}", tag)
    for colour, name in INKS.items():
        tag = tag.replace(colour, name)
    return tag
