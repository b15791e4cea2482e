"""Pictures of a corpus: the arrow from quantities and shares to SVG."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from affex.pipeline.pages.drawing import BESIDE, INK, MAIN, axes_of, picture
from affex.pipeline.pages.page import Picture, Table
from affex.pipeline.reporting.pictures import shown
from affex.pipeline.statistics.identity import ALIKE, Identity
from affex.pipeline.statistics.recordings import Quantity, Spread
from affex.pipeline.statistics.variance import Shares
from affex.pipeline.text.printable import printable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: The width of a picture, of two side by side, and the height of a row, inches.
WIDTH, ROW = 4.3, 0.24
#: The most speakers of a matrix whose names can be read.
MOST_NAMES = 40


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


def identity_picture(found: Identity, table: Table) -> Picture:
    """Draw how alike every two speakers' names are, as shaded cells; the most alike where there are many."""
    chosen = alike_first(found)[:MOST_NAMES]
    values = np.array(found.likeness)[np.ix_(chosen, chosen)]
    names = shown([found.names[place] for place in chosen])
    side = max(2.6, min(WIDTH, 1.2 + ROW * len(chosen)))

    def draw(figure: "Figure") -> None:
        axes = figure.subplots()
        cells = axes.pcolormesh(values, vmin=-1, vmax=1, cmap="cividis", edgecolors="none")
        axes.set_xticks(np.arange(len(chosen)) + 0.5, names, rotation=90)
        axes.set_yticks(np.arange(len(chosen)) + 0.5, names)
        axes.invert_yaxis()
        axes.set_aspect("equal")
        axes.tick_params(length=0)
        for pair in found.same:
            if {pair.first, pair.second} <= {found.names[place] for place in chosen}:
                a, b = (chosen.index(found.names.index(name)) for name in (pair.first, pair.second))
                for x, y in ((a, b), (b, a)):
                    axes.plot(x + 0.5, y + 0.5, "o", color=BESIDE, markersize=4)
        figure.colorbar(cells, ax=axes, label="likeness", shrink=0.8)

    some = "" if len(chosen) == len(found.names) else f" (the {len(chosen)} most alike of {len(found.names)})"
    marked = f"; a dot marks the {len(found.same)} that are reported" if found.same else ""
    alike = _most_alike(found)
    caption = (
        f"How alike every two speakers are by {found.feature}{some}: 1 for one person{marked}. The most alike are "
        f"{alike[0]} and {alike[1]}, {alike[2]:.2f}; from {ALIKE} on, two names are reported."
    )
    return picture((side + 0.6, side), draw, caption, table)


def alike_first(found: Identity) -> list[int]:
    """Return the places of the names in order; of more than `MOST_NAMES`, of those with the nearest neighbours."""
    if len(found.names) <= MOST_NAMES:
        return list(range(len(found.names)))
    nearest = (np.array(found.likeness) - 2 * np.eye(len(found.names))).max(axis=1)
    return sorted(np.argsort(-nearest, kind="stable")[:MOST_NAMES].tolist())


def _most_alike(found: Identity) -> tuple[str, str, float]:
    """Return the two names that are the most alike, and their likeness."""
    apart = np.array(found.likeness) - 1e9 * np.eye(len(found.names))
    a, b = np.unravel_index(apart.argmax(), apart.shape)
    return printable(found.names[a]), printable(found.names[b]), float(apart[a, b])


def _rows(axes: "Axes", names: Sequence[str]) -> None:
    """Name the rows of a picture, the first on top."""
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.5, -0.5)
