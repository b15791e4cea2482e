"""Pictures of a corpus: the arrow from quantities and shares to SVG."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from affex.pipeline.pages.drawing import BESIDE, INK, MAIN, axes_of, picture
from affex.pipeline.pages.page import Picture, Table
from affex.pipeline.reporting.pictures import shown
from affex.pipeline.statistics.recordings import Quantity, Spread
from affex.pipeline.statistics.variance import Shares

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: The width of a picture, of two side by side, and the height of a row, inches.
WIDTH, ROW = 4.3, 0.24


def quantity_picture(quantity: Quantity, table: Table) -> Picture:
    """Draw the histogram of a quantity over all utterances, and below it quartiles and ends of each class."""
    n_rows = len(quantity.classes)
    heights = [1.3, max(0.4, ROW * n_rows)] if n_rows else [1.3]

    def draw(figure: "Figure") -> None:
        top, *below = figure.subplots(len(heights), 1, sharex=True, height_ratios=heights, squeeze=False)[:, 0]
        edges = np.array(quantity.edges)
        top.bar(edges[:-1], np.sum(quantity.histogram, axis=0), np.diff(edges), align="edge", color=MAIN, alpha=0.75)
        top.set_ylabel("utterances")
        for axes in below:
            _draw_spreads(axes, quantity.classes)
        lowest = (top, *below)[-1]
        lowest.set_xlabel(f"{quantity.title}{_unit(quantity)}")
        lowest.locator_params(axis="x", nbins=6)

    unit = f" ({quantity.unit})" if quantity.unit else ""
    caption = f"{quantity.title.capitalize()}{unit} of all measured utterances (above)"
    more = ", and of each class: ends (line), quartiles (bar), median (dot)" if n_rows else ""
    return picture((WIDTH, 0.7 + sum(heights)), draw, f"{caption}{more}.", table)


def _unit(quantity: Quantity) -> str:
    return f", {quantity.unit}" if quantity.unit else ""


def _draw_spreads(axes: "Axes", classes: Sequence[Spread]) -> None:
    places = range(len(classes))
    axes.hlines(places, [c.least for c in classes], [c.most for c in classes], color=MAIN, linewidth=0.8)
    axes.barh(
        places,
        [c.three_quarters - c.quarter for c in classes],
        left=[c.quarter for c in classes],
        height=0.5,
        color=MAIN,
        alpha=0.5,
    )
    axes.plot([c.median for c in classes], places, "o", color=BESIDE, markersize=4)
    _rows(axes, shown([c.name for c in classes]))


def shares_picture(shares: Shares, table: Table) -> Picture:
    """Draw what speaker and class explain, with what chance would."""
    rows = (
        ("speaker", shares.speaker, shares.speaker_by_chance),
        ("class", shares.label, shares.label_by_chance),
        ("both", shares.both, None),
        ("only speaker", shares.only_speaker, None),
        ("only class", shares.only_label, None),
    )

    def draw(figure: "Figure") -> None:
        with axes_of(figure) as axes:
            for place, (_, share, chance) in enumerate(rows):
                axes.barh(place, share.value, height=0.6, color=BESIDE if place > 2 else MAIN)
                end = share.value if share.low is None or share.high is None else share.high
                axes.plot([share.value if share.low is None else share.low, end], [place] * 2, color=INK, linewidth=1)
                axes.annotate(f" {share.value:.1%}", (end, place), va="center")
                if chance is not None:
                    axes.plot([chance] * 2, [place - 0.45, place + 0.45], color=INK, linewidth=1, linestyle=":")
            _rows(axes, [name for name, _, _ in rows])
            axes.set_xlabel("share of the variance of all columns")
            axes.set_xlim(0, max(0.1, 1.25 * max(share.high or share.value for _, share, _ in rows)))

    caption = (
        "Share of the variance that speaker and class explain, with 95 % intervals over speakers (lines); dotted: what "
        "random groups would explain."
    )
    return picture((WIDTH, 1.9), draw, caption, table)


def _rows(axes: "Axes", names: Sequence[str]) -> None:
    """Name the rows of a picture, the first on top."""
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.5, -0.5)
