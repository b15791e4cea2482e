"""What a contact sheet shows of a model: scores of rows over time, and where a network looks."""

from typing import TYPE_CHECKING

import numpy as np

from affex.pipeline.contact_sheet.record import Look, OverTime
from affex.pipeline.contact_sheet.style import COLOURS, LOST, MARK, OUTLINE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import ListedColormap


def draw_scores(found: OverTime, axes: "Axes", beside: "Axes") -> None:
    """Draw one line per class, the utterance's own class thick; the legend stands beside."""
    names = found.classes or (found.predicted,)
    for number, (name, values) in enumerate(zip(names, found.values.T, strict=True)):
        is_true = name == found.true
        axes.plot(
            found.times, values, "o-", color=COLOURS[number % len(COLOURS)], label=name + " (true)" * is_true,
            linewidth=2.4 if is_true else 1, markersize=3 if len(found.times) < 100 else 0,
        )  # fmt: skip
    if found.classes:
        beside.legend(*axes.get_legend_handles_labels(), loc="center left", fontsize=7, frameon=False, borderpad=0)
        axes.set_ylim(-0.02, 1.02)
    axes.set_ylabel("score of rows" if found.classes else "value of rows")
    words = f"{found.run}: decided {found.predicted}, true {found.true}"
    axes.set_title(words, fontsize=8, loc="left", pad=2)


def draw_look(axes: "Axes", look: Look, most: float) -> None:
    """Draw a picture with the fall of the score over it, and the outline of the sampled part.

    Parameters
    ----------
    most
        The fall that is drawn in full colour: the greatest of all pictures that are shown.
    """
    from matplotlib.patches import Polygon
    from matplotlib.patheffects import withStroke

    height, width = look.picture.shape[:2]
    extent = (0, width, height, 0)
    grey = look.picture if look.picture.ndim == 3 else np.repeat(look.picture[..., None], 3, axis=2)
    axes.imshow(grey, extent=extent, aspect="auto", vmin=0, vmax=1)
    strength = np.clip(look.fall / max(most, 1e-9), 0, 1)
    axes.imshow(np.ones_like(strength), extent=extent, aspect="auto", alpha=0.6 * strength, cmap=_one_colour())
    if look.region is not None:
        outlined = [withStroke(linewidth=3, foreground=OUTLINE)]
        axes.add_patch(Polygon(look.region, fill=False, edgecolor=MARK, linewidth=1.6, path_effects=outlined))


def _one_colour() -> "ListedColormap":
    from matplotlib.colors import ListedColormap

    return ListedColormap([LOST])
