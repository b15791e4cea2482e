"""Pictures of a corpus: the arrow from counts, quantities and shares to SVG."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from affex.pipeline.pages.drawing import BESIDE, FAINT, INK, MAIN, axes_of, picture
from affex.pipeline.pages.page import Picture, Table
from affex.pipeline.reporting.pictures import shown
from affex.pipeline.statistics.counts import Counts, Crossed
from affex.pipeline.statistics.recordings import Quantity, Spread
from affex.pipeline.statistics.variance import Shares

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: The width of a picture, inches, and of one of two side by side.
WIDTH, HALF = 8.6, 4.3
#: The height of a row, inches.
ROW = 0.24
#: The most cells that have their number written in them.
NUMBERED = 320
#: With more rows, a heat map names its columns above as well.
TALL = 25
#: The most rows of bars: further ones are in the table.
MOST_BARS = 60


def bars(counts: Counts, table: Table) -> Picture:
    """Draw the utterances by a field, one bar a value; of many values the most frequent."""
    every = (
        sorted(counts.counts, key=lambda one: -one.n)[:MOST_BARS] if len(counts.counts) > MOST_BARS else counts.counts
    )
    names, numbers = shown([one.name for one in every]), [one.n for one in every]

    def draw(figure: "Figure") -> None:
        with axes_of(figure) as axes:
            axes.barh(range(len(names)), numbers, height=0.7, color=MAIN)
            for place, number in enumerate(numbers):
                axes.annotate(f" {number}", (number, place), va="center")
            _rows(axes, names)
            axes.set_xlabel("utterances")
            axes.margins(x=0.1)

    left_out = f"; the {MOST_BARS} most frequent of {len(counts.counts)}" if len(counts.counts) > MOST_BARS else ""
    return picture((HALF, 0.7 + ROW * len(names)), draw, f"Utterances by {counts.by}{left_out}.", table)


def heat_map(crossed: Crossed, table: Table) -> Picture:
    """Draw how many utterances each speaker has of each class, the more the darker."""
    counts = np.array(crossed.counts)
    n_speakers, n_classes = counts.shape
    height, width = 1.3 + 0.2 * n_speakers, min(WIDTH, max(HALF, 1.8 + 0.45 * n_classes))

    def draw(figure: "Figure") -> None:
        axes = figure.subplots()
        axes.pcolormesh(_inks(counts), edgecolors=FAINT, linewidth=0.4)
        for row, column in np.argwhere(counts >= 0) if counts.size <= NUMBERED else ():
            axes.text(column + 0.5, row + 0.5, str(counts[row, column]), ha="center", va="center", fontsize=8)
        names = shown(crossed.classes)
        axes.set_xticks(np.arange(n_classes) + 0.5, names, rotation=45, ha="right", rotation_mode="anchor")
        axes.set_yticks(np.arange(n_speakers) + 0.5, shown(crossed.speakers))
        axes.set_ylim(n_speakers, 0)
        axes.tick_params(length=0)
        axes.set(xlabel="class", ylabel="speaker")
        if n_speakers > TALL:  # the lower names may be out of sight
            above = axes.secondary_xaxis("top")
            above.set_xticks(np.arange(n_classes) + 0.5, names, rotation=45, ha="left", rotation_mode="anchor")
            above.tick_params(length=0)

    empty = int((counts == 0).sum())
    caption = (
        f"Utterances of each speaker (rows) in each class (columns), from none (empty) to {counts.max()} (darkest); "
        f"{empty} of {counts.size} cells are empty."
    )
    return picture((width, height), draw, caption, table)


def _inks(
    counts: NDArray[np.int64],
) -> NDArray[np.float64]:
    """Return the main colour of each cell, the more opaque the more utterances: it is seen on light and on dark."""
    from matplotlib.colors import to_rgb

    inks = np.empty((*counts.shape, 4))
    inks[..., :3] = to_rgb(MAIN)
    inks[..., 3] = np.where(counts > 0, 0.08 + 0.62 * counts / max(1, counts.max()), 0)
    return inks


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
        (top, *below)[-1].set_xlabel(f"{quantity.title}{_unit(quantity)}")

    caption = f"{quantity.title.capitalize()}{_unit(quantity)} of all measured utterances (above)"
    more = ", and of each class: ends (line), quartiles (bar), median (dot)" if n_rows else ""
    return picture((HALF, 0.7 + sum(heights)), draw, f"{caption}{more}.", table)


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
            for place, (_, value, chance) in enumerate(rows):
                axes.barh(place, value, height=0.6, color=BESIDE if place > 2 else MAIN)
                axes.annotate(f" {value:.1%}", (value, place), va="center")
                if chance is not None:
                    axes.plot([chance] * 2, [place - 0.4, place + 0.4], color=INK, linewidth=1.5)
            _rows(axes, [name for name, _, _ in rows])
            axes.set_xlabel("share of the variance of all columns")
            axes.set_xlim(0, max(0.1, 1.2 * shares.both))

    caption = "Share of the variance that speaker and class explain; upright lines: what random groups would explain."
    return picture((HALF, 1.9), draw, caption, table)


def _rows(axes: "Axes", names: Sequence[str]) -> None:
    """Name the rows of a picture, the first on top."""
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.5, -0.5)
