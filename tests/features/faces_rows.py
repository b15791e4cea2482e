"""Rows of `features.faces` for pictures in which the five points are known, without a detector."""

from collections.abc import Sequence

import numpy as np

from affex.features.base import Rows
from affex.features.detectors import crops
from affex.features.faces import COLUMNS


def found_in(pictures: Sequence[np.ndarray], fives: Sequence[np.ndarray | None]) -> Rows:
    """Return one row a picture, five a second; None for a frame without a face.

    The box is about the five points, of twice the distance between the outer corners of the eyes.
    """
    values = np.zeros((len(pictures), len(COLUMNS)), np.float32)
    held = []
    for row, picture, five in zip(values, pictures, fives, strict=True):
        if five is None:
            held.append(b"")
            continue
        middle, half = (five.min(axis=0) + five.max(axis=0)) / 2, np.linalg.norm(five[0] - five[2])
        row[1:3], row[3:7], row[7:17] = 1, [*(middle - half), *(middle + half)], five.ravel()
        held.append(crops.encoded(picture, row[3:7]))
    return Rows(values, np.arange(len(pictures)) / 5, tuple(held))
