"""Landmarks: from a frame and a face's box to the points of the face.

dlib's shape predictors (Kazemi and Sullivan 2014, doi:10.1109/CVPR.2014.241): `FIVE` are the corners of the eyes and
the base of the nose, for alignment; `SIXTY_EIGHT` are the points of iBUG's scheme.

**The 68-point model was trained on iBUG 300-W, whose terms exclude commercial use** (Sagonas et al. 2016,
doi:10.1016/j.imavis.2016.01.002); the 5-point model was trained on pictures that King marked himself.

Conventions: points are x, y in px, the middle of the first pixel is (0, 0); dlib gives whole pixels.
"""

from functools import cache
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from features.networks.base import Pictures, check_picture
from features.networks.dlib_weights import LANDMARKS_5, LANDMARKS_68
from features.networks.weights import packaged

#: The weight file of each number of points.
MODELS = {5: LANDMARKS_5, 68: LANDMARKS_68}


def landmarks(frame: Pictures, box: NDArray[np.floating], points: Literal[5, 68] = 5) -> NDArray[np.float32]:
    """Find the points of a face.

    Parameters
    ----------
    frame : (height, width, 3) uint8, RGB
    box : (4,), px
        The face: x0, y0, x1, y1, as detectors give it.
    points
        How many: 5 or 68.

    Returns
    -------
    points : (n_points, 2) float32, px

    Raises
    ------
    ValueError
        If there is no model of that many points, or the box is empty.
    WeightError
        If the package with the models is missing or holds other files.
    """
    import dlib

    if points not in MODELS:
        raise ValueError(f"points={points}: expected 5 or 68")
    check_picture(frame)
    left, top, right, bottom = (round(float(edge)) for edge in box)
    if right <= left or bottom <= top:
        raise ValueError(f"box {box}: expected x0 < x1 and y0 < y1, px")
    shape = _predictor(points)(np.ascontiguousarray(frame), dlib.rectangle(left, top, right - 1, bottom - 1))
    return np.array([(part.x, part.y) for part in shape.parts()], np.float32)


@cache
def _predictor(points: int) -> Any:
    import dlib

    return dlib.shape_predictor(str(packaged(MODELS[points])))
