"""Views of a face: from a chip to the same chip turned, scaled and mirrored, so that a vector does not hang on one.

Zhou et al. 2019, Exploring emotion features and fusion strategies for audio-video emotion recognition
(doi:10.1145/3340555.3355713): the features of 18 views of a frame, three rotations times three scales times the mirror
image, are averaged (F-Mean), or averaged with their standard deviations beside (F-MeanStd).

Conventions: chips are ``(height, width, 3) uint8``; a rotation is about the middle, deg, counter-clockwise; a scale
above 1 enlarges what is in the middle. Where a view shows more than the chip, the chip is mirrored at its edges.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from affex.features.detectors.chips import Picture

Vectors = NDArray[np.float32]

#: One view, the chip itself; the mean over views; the mean, and the standard deviation beside.
Views = Literal["one", "mean", "meanstd"]

#: The source's setting; its other one is -15, 0, 15 deg and 0.75, 1, 1.25.
ROTATIONS, SCALES = "-2+0+2", "1+1.03+1.07"
#: The largest rotation either way, deg; the smallest and the largest scale; the most views of a chip.
MOST_DEGREES, SMALLEST, LARGEST, MOST = 180.0, 0.25, 4.0, 64


@dataclass(frozen=True)
class View:
    """A view of a chip: turned by deg, scaled, then mirrored or not."""

    degrees: float = 0.0
    scale: float = 1.0
    mirrored: bool = False

    def of(self, chip: Picture) -> Picture:
        """Return the view of a chip, of its size; the chip itself if nothing is changed."""
        import cv2

        if (self.degrees, self.scale) != (0, 1):
            height, width = chip.shape[:2]
            matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), self.degrees, self.scale)
            edge = cv2.BORDER_REFLECT_101
            chip = np.asarray(cv2.warpAffine(chip, matrix, (width, height), flags=cv2.INTER_LINEAR, borderMode=edge))
        return np.ascontiguousarray(chip[:, ::-1]) if self.mirrored else chip


def views_of(rotations: str, scales: str, *, flip: bool) -> tuple[View, ...]:
    """Return all views: each rotation at each scale and, with `flip`, the mirror image of each.

    Raises
    ------
    ValueError
        If a text is no list of numbers as in ``"-2+0+2"``, a number is out of range, or there are too many views.
    """
    degrees = _numbers("rotations", rotations, -MOST_DEGREES, MOST_DEGREES, f"in deg, as in {ROTATIONS}")
    factors = _numbers("scales", scales, SMALLEST, LARGEST, f"as in {SCALES}")
    found = tuple(View(*one) for one in itertools.product(degrees, factors, (False, True) if flip else (False,)))
    if len(found) > MOST:
        raise ValueError(f"rotations={rotations}, scales={scales}: {len(found)} views; expected {MOST} at most")
    return found


def _numbers(name: str, text: str, least: float, most: float, example: str) -> tuple[float, ...]:
    try:
        found = tuple(map(float, text.split("+")))
    except ValueError:
        found = ()
    if not found or len(set(found)) < len(found) or not all(least <= number <= most for number in found):
        raise ValueError(f"{name}={text}: expected different numbers from {least:g} to {most:g}, {example}")
    return found


def merged(vectors: Vectors, views: Views) -> Vectors:
    """Return one row for each chip, of the vectors of its views ``(n_chips, n_views, width)``.

    Returns
    -------
    rows : (n_chips, width) float32, or (n_chips, 2 * width) with the standard deviations
        Those of the views themselves, divided by their number.
    """
    exact = vectors.astype(np.float64)
    parts = [exact.mean(axis=1)] + ([exact.std(axis=1)] if views == "meanstd" else [])
    return np.hstack(parts).astype(np.float32)


def columns(names: Sequence[str], views: Views) -> tuple[str, ...]:
    """Return the names of a row's numbers, of the network's own names."""
    return (*names, *(f"{name}_std" for name in names)) if views == "meanstd" else tuple(names)
