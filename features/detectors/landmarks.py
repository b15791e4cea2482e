"""Landmarks: from a frame and a face's box to the points of the face.

dlib's shape predictors (Kazemi and Sullivan 2014, doi:10.1109/CVPR.2014.241): `FIVE` are the corners of the eyes and
the base of the nose, for alignment; `SIXTY_EIGHT` are the points of iBUG's scheme.

**The 68-point model was trained on iBUG 300-W, whose terms exclude commercial use** (Sagonas et al. 2016,
doi:10.1016/j.imavis.2016.01.002); King marked the training pictures of the 5-point model himself.

Conventions: points are x, y in px, the middle of the first pixel is (0, 0); dlib gives whole pixels, `five` and
`refined` fractions of pixels.
"""

from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from affex.features.detectors.chips import Picture, Points, placement
from affex.features.detectors.crops import Box, square
from affex.features.networks.base import Pictures, check_picture
from affex.features.networks.dlib_weights import LANDMARKS_5, LANDMARKS_68
from affex.features.networks.weights import packaged

#: The weight file of each number of points.
MODELS = {5: LANDMARKS_5, 68: LANDMARKS_68}

#: The share by which a box is widened in the search for the five points, and the size of that part when searched, px.
SHOWN_WIDENED, SHOWN = 0.5, 180
#: The five points are the mean of those found from boxes that are moved by these shares of the box: the corners of an
#: equilateral triangle. Boxes that differ by 10 % then give faces whose sizes differ by .6 % (median over 38 faces).
MOVES = np.array([(0.0, 0.03), (-0.026, -0.015), (0.026, -0.015)])
#: The middle and the side of the square that `features.detectors.mmod` returns for the mean face, in sizes of that
#: face. The median over 50 frames of 25 utterances, made symmetric.
BOX_MIDDLE, BOX_SIDE = (0.49, 0.39), 1.26

#: The size of an `Upright` picture, px, and its margin around the face (as in `chips.placement`).
#: One pixel of it is 0.005 of the distance between the outer corners of the eyes, for any crop.
UPRIGHT_SIZE, UPRIGHT_PADDING = 600, 0.5
#: The middle and the side of the square that dlib's HOG detector returns for the mean face, in sizes of that face: the
#: model of 68 points was trained on such squares. The median over 102 frames of 25 utterances, made symmetric.
HOG_MIDDLE, HOG_SIDE = (0.49, 0.505), 1.32


def landmarks(frame: Pictures, box: NDArray[np.floating], points: Literal[5, 68] = 5) -> NDArray[np.float32]:
    """Find the points of a face.

    Parameters
    ----------
    frame : (height, width, 3) uint8, RGB
    box : (4,), px
        The box of the face: x0, y0, x1, y1, as detectors return it.
    points
        How many: 5 or 68.

    Returns
    -------
    points : (n_points, 2) float32, px

    Raises
    ------
    ValueError
        If there is no model with that number of points, or the box is empty.
    WeightError
        If the package with the models is missing or contains other files.
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


def five(picture: Picture, box: Box) -> NDArray[np.float64]:
    """Find the five points of a face in fractions of pixels, almost independently of the box.

    Parameters
    ----------
    picture : (height, width, 3) uint8, RGB
    box : (4,), px
        The box of the face, or of one that overlaps it by most of its area.

    Returns
    -------
    points : (5, 2) float64, px

    Raises
    ------
    WeightError
        If the package with the models is missing or contains other files.
    """
    first, last = squared(box).reshape(2, 2)
    side = (1 + SHOWN_WIDENED) * (last - first)[0]
    shown, corner, scale = square(picture, (first + last) / 2, side, SHOWN)
    corners = (np.array([first, last]) - corner) / scale
    moves = MOVES * SHOWN / (1 + SHOWN_WIDENED)
    moved = [landmarks(shown, (corners + move).ravel()) for move in moves]
    points = np.mean(moved, axis=0, dtype=np.float64)
    there: NDArray[np.float64] = (points + 0.5) * scale - 0.5 + corner
    return there


def squared(box: Box) -> NDArray[np.float64]:
    """Return the square about a box's middle with the mean of its sides: dlib's landmarks were trained on squares."""
    first, last = np.asarray(box, np.float64).reshape(2, 2)
    middle, half = (first + last) / 2, (last - first).mean() / 2
    return np.concatenate([middle - half, middle + half])


def box_of(points: Points) -> Box:
    """Return the square box, (4,) float32 px, that `features.detectors.mmod` would return for the mean face.

    Parameters
    ----------
    points : (5, 2), px
        The corners of the eyes and the base of the nose.
    """
    face = placement(points, 1, 0)
    # A similarity without mirroring is a multiplication of complex numbers.
    way = np.subtract(BOX_MIDDLE, 0.5) @ (1, 1j) * face.side * np.exp(1j * face.angle)
    middle, half = np.array(face.middle) + (way.real, way.imag) + 0.5, BOX_SIDE * face.side / 2
    return np.concatenate([middle - half, middle + half]).astype(np.float32)


def refined(picture: Picture, five: Points) -> NDArray[np.float64]:
    """Find the 68 points of a face from its five points, in fractions of pixels.

    The search runs in the `Upright` face, in the square that dlib's detector would return. So the points depend neither
    on the head's roll, nor on the boxes of a detector, nor on the face's size.

    Parameters
    ----------
    picture : (height, width, 3) uint8, RGB
    five : (5, 2), px
        The corners of the eyes and the base of the nose, in the order of dlib's 5-point model.

    Returns
    -------
    points : (68, 2) float64, px
        In fractions of pixels.

    Raises
    ------
    ValueError
        If `five` are not five points of a face.
    WeightError
        If the package with the models is missing or contains other files.
    """
    face = upright(picture, five)
    return face.back(landmarks(face.picture, in_upright(HOG_MIDDLE, (HOG_SIDE, HOG_SIDE)), 68))


@dataclass(frozen=True)
class Upright:
    """A face rotated upright and enlarged to a fixed size, with its position in the original picture.

    Parameters
    ----------
    picture : (UPRIGHT_SIZE, UPRIGHT_SIZE, 3) uint8, RGB
        Black outside the original picture.
    turn, origin
        With points as complex numbers, a point of this picture is at ``point * turn + origin`` in the original.
    """

    picture: Picture
    turn: complex
    origin: complex

    def back(self, points: Points) -> NDArray[np.float64]:
        """Map points, (n, 2) px, back into the original picture."""
        there = np.asarray(points, np.float64) @ (1, 1j) * self.turn + self.origin
        return np.stack([there.real, there.imag], axis=1)


def upright(picture: Picture, five: Points) -> Upright:
    """Rotate a face upright and enlarge it by its five points; parameters and errors as in `refined`."""
    import cv2

    place = placement(five, UPRIGHT_SIZE, UPRIGHT_PADDING)
    # A similarity without mirroring is a multiplication of complex numbers.
    turn = complex(place.side / UPRIGHT_SIZE * np.exp(1j * place.angle))
    origin = complex(*place.middle) - turn * UPRIGHT_SIZE / 2 * (1 + 1j)
    matrix = np.array([(turn.real, -turn.imag, origin.real), (turn.imag, turn.real, origin.imag)])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    turned = cv2.warpAffine(picture, matrix, (UPRIGHT_SIZE, UPRIGHT_SIZE), flags=flags)
    return Upright(np.asarray(turned), turn, origin)


def in_upright(middle: tuple[float, float], size: tuple[float, float]) -> NDArray[np.float64]:
    """Return a box of the mean face, in sizes of that face, as a box of `Upright.picture`, (4,) px."""
    face = UPRIGHT_SIZE / (2 * UPRIGHT_PADDING + 1)
    there, half = (UPRIGHT_PADDING + np.array(middle)) * face, np.array(size) / 2 * face
    return np.concatenate([there - half, there + half])


@cache
def _predictor(points: int) -> Any:
    import dlib

    return dlib.shape_predictor(str(packaged(MODELS[points])))
