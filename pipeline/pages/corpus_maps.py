"""Maps of a corpus: the arrow from points to an SVG in which each group has a colour and a mark of its own.

The SVG is written here rather than by matplotlib: all points of a group are one path, a tenth of the size.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from affex.pipeline.pages.drawing import FAINT, INK, INKS, MARKERS, PALETTE
from affex.pipeline.pages.page import Picture
from affex.pipeline.statistics.maps import Map
from affex.pipeline.text.printable import printable

Points = NDArray[np.float64]

#: The width of a map, its least height, its margin, and the radius of a mark, in units of the SVG.
SIDE, LEAST, MARGIN, RADIUS = 400, 200, 12, 4
#: The page's palette and its ink.
COLOURS = (*PALETTE, INKS[INK])
#: With more groups only the largest ones are marked, the others are small dots.
MOST = 30
#: How each mark is drawn from its middle, with a radius of 1.
GLYPHS = {
    "o": ((-1, 0), None),
    "s": ((-0.85, -0.85), ((0.85, -0.85), (0.85, 0.85), (-0.85, 0.85))),
    "^": ((0, -1.1), ((1, 0.8), (-1, 0.8))),
    "v": ((0, 1.1), ((1, -0.8), (-1, -0.8))),
    "<": ((-1.1, 0), ((0.8, -1), (0.8, 1))),
    ">": ((1.1, 0), ((-0.8, -1), (-0.8, 1))),
    "D": ((0, -1.2), ((1.2, 0), (0, 1.2), (-1.2, 0))),
    "P": ((-0.35, -1.1), ((0.35, -1.1), (0.35, -0.35), (1.1, -0.35), (1.1, 0.35), (0.35, 0.35), (0.35, 1.1),
                          (-0.35, 1.1), (-0.35, 0.35), (-1.1, 0.35), (-1.1, -0.35), (-0.35, -0.35))),
    "X": ((0, -0.5), ((0.6, -1.1), (1.1, -0.6), (0.5, 0), (1.1, 0.6), (0.6, 1.1), (0, 0.5), (-0.6, 1.1), (-1.1, 0.6),
                      (-0.5, 0), (-1.1, -0.6), (-0.6, -1.1))),
    "*": ((0, -1.3), ((0.35, -0.45), (1.25, -0.4), (0.55, 0.2), (0.8, 1.1), (0, 0.6), (-0.8, 1.1), (-0.55, 0.2),
                      (-1.25, -0.4), (-0.35, -0.45))),
}  # fmt: skip


@dataclass(frozen=True)
class Mark:
    """An entry of the legend: the drawn mark, the group's name, and how many points it has."""

    glyph: Markup
    name: str
    n: int


@dataclass(frozen=True)
class Drawn:
    """A map with its legend."""

    picture: Picture
    legend: tuple[Mark, ...]


@dataclass(frozen=True)
class _Group:
    """The points of a group in units of the SVG, ``(n, 2)``, with colour and mark; the rest is faint."""

    name: str
    points: Points
    colour: str
    mark: str
    radius: float = RADIUS


def drawn(of: Map, groups: Sequence[str], by: str) -> Drawn:
    """Draw a map whose points are coloured and marked by group.

    Parameters
    ----------
    groups
        The class or the speaker of each point; empty where unknown.
    by
        What a group is, in a word.
    """
    points, height = _placed(of)
    parts = _grouped(points, groups)
    caption = f"{of.method} by {by}: {len(groups)} utterances, {len({name for name in groups if name})} {_plural(by)}."
    paths = Markup("").join(_path(part) for part in parts)
    image = Markup(
        '<svg viewBox="0 0 {side} {height}" role="img" aria-label="{caption}"><rect x="1" y="1" width="{inner}" '
        'height="{lower}" rx="6" style="fill: none; stroke: {faint}"/>{paths}</svg>'
    ).format(
        side=SIDE, height=height, inner=SIDE - 2, lower=height - 2, caption=caption, faint=INKS[FAINT], paths=paths
    )
    return Drawn(Picture(image, caption), tuple(_mark(part) for part in reversed(parts)))


def _plural(word: str) -> str:
    return f"{word}es" if word.endswith("s") else f"{word}s"


def _placed(of: Map) -> tuple[Points, int]:
    """Return the points in units of the SVG, both axes with the same scale, and the height of the SVG."""
    points = np.column_stack([of.x, of.y])
    low, high = points.min(axis=0), points.max(axis=0)
    across, up = np.maximum(high - low, 1e-12)
    inner = SIDE - 2 * MARGIN
    scale = min(inner / across, inner / up)
    height = int(np.clip(np.ceil(up * scale) + 2 * MARGIN, LEAST, SIDE))
    placed: Points = (points - (low + high) / 2) * (scale, -scale) + (SIDE / 2, height / 2)
    return placed, height


def _grouped(points: Points, groups: Sequence[str]) -> list[_Group]:
    """Return the groups as they are drawn, the first at the back; the legend has the reverse order."""
    counts = Counter(name for name in groups if name)
    named = sorted(sorted(counts), key=lambda name: -counts[name])[:MOST] if len(counts) > MOST else sorted(counts)
    own = np.array(groups)
    found = [
        _Group(name, points[own == name], colour, mark)
        for name, (colour, mark) in zip(named, _styles(len(named)), strict=True)
    ]
    rest = [("others", np.array([bool(name) and name not in named for name in groups])), ("unknown", own == "")]
    others = [_Group(name, points[here], INKS[FAINT], "o", RADIUS / 2) for name, here in rest if here.any()]
    return [*reversed(others), *reversed(found)]


def _styles(number: int) -> list[tuple[str, str]]:
    """Return a colour and a mark for each of several groups; all differ as long as there are at most 70."""
    n_colours, n_marks = len(COLOURS), len(MARKERS)
    return [(COLOURS[i % n_colours], MARKERS[(i // n_colours + i) % n_marks]) for i in range(number)]


def _path(group: _Group) -> Markup:
    """Return all points of a group as one path."""
    start, corners = GLYPHS[group.mark]
    steps = "".join(_at(point, start, corners, group.radius) for point in group.points)
    return Markup('<path d="{}" style="{}"><title>{}</title></path>').format(
        steps, _style(group), f"{printable(group.name)} ({len(group.points)})"
    )


def _style(group: _Group) -> str:
    return f"fill: {group.colour}; fill-opacity: .8; stroke: var(--paper); stroke-width: .6"


def _at(
    point: Points,
    start: tuple[float, float],
    corners: Sequence[tuple[float, float]] | None,
    radius: float,
) -> str:
    """Return the commands that draw a mark at a point."""
    x, y = point + np.multiply(start, radius)
    if corners is None:
        arc = f"a{radius:g} {radius:g} 0 1 0"
        return f"M{x:.1f} {y:.1f}{arc} {2 * radius:g} 0{arc} {-2 * radius:g} 0"
    turns = np.diff(np.array([start, *corners]) * radius, axis=0)
    return f"M{x:.1f} {y:.1f}l" + " ".join(f"{dx:g} {dy:g}" for dx, dy in np.round(turns, 1)) + "z"


def _mark(group: _Group) -> Mark:
    start, corners = GLYPHS[group.mark]
    path = _at(np.array([7.0, 7.0]), start, corners, group.radius)
    glyph = Markup('<svg viewBox="0 0 14 14" aria-hidden="true"><path d="{}" style="{}"/></svg>')
    return Mark(glyph.format(path, _style(group)), group.name, len(group.points))
