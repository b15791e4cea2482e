"""Aligned chips: from a picture and the points of a face to a small upright picture of it.

The same as dlib's ``get_face_chip`` (King; Boost Software License), written anew, for any picture in which the points
are known: a whole frame or a stored crop. The best similarity maps the five points to their places in the mean face.
A chip that is much smaller than the part it shows is cut from a halved picture. Outside the picture it is black.

Conventions: points are x, y in px, the middle of the first pixel is (0, 0).
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]
Points = NDArray[np.floating]

#: Where the five points lie in the mean face, as a share of its size: the outer and inner corner of the eye that is
#: on the right in the picture, of that on the left, and the base of the nose. From dlib's ``get_face_chip_details``.
MEAN_FACE = np.array(
    [
        (0.8595674595992, 0.2134981538014),
        (0.6460604764104, 0.2289674387677),
        (0.1205750620789, 0.2137274526848),
        (0.3340850613712, 0.2290642403242),
        (0.4901123135679, 0.6277975316475),
    ]
)
#: dlib's halving of a picture moves a point: x -> x / 2 - MOVED.
MOVED = np.array([1.25, 0.75])
#: Halving a picture of this height or width gives an empty one, px.
LEAST_SIZE = 8


@dataclass(frozen=True)
class Placement:
    """The part of a picture that a chip shows: a square, rotated about its middle.

    Parameters
    ----------
    middle
        x and y of its middle, px.
    side
        Its side, px.
    angle
        The angle of the rotation, from x towards y, rad.
    """

    middle: tuple[float, float]
    side: float
    angle: float


def aligned(picture: Picture, points: Points, size: int = 150, padding: float = 0.25) -> Picture:
    """Cut the upright chip of a face; the default ``size`` and ``padding`` are those of dlib's embedding.

    Parameters
    ----------
    picture : (height, width, 3) uint8
    points : (5, 2), px
        The corners of the eyes and the base of the nose, in the order of dlib's 5-point model.
    size
        The chip's height and width, px.
    padding
        The margin around the face, in sizes of the face.

    Returns
    -------
    chip : (size, size, 3) uint8
    """
    return cut(picture, placement(points, size, padding), size)


def placement(points: Points, size: int = 150, padding: float = 0.25) -> Placement:
    """Return the square on which the mean face fits the points best.

    By least squares over similarities (Umeyama 1991, doi:10.1109/34.88573).

    Raises
    ------
    ValueError
        If there are not five points, or they all coincide.
    """
    if np.shape(points) != (5, 2):
        raise ValueError(f"points are {np.shape(points)}: expected (5, 2)")
    mean = (padding + MEAN_FACE) / (2 * padding + 1) * size
    # A similarity without mirroring is a multiplication of complex numbers.
    source, target = mean @ (1, 1j), np.asarray(points, np.float64) @ (1, 1j)
    spread = source - source.mean()
    turn = np.vdot(spread, target - target.mean()) / np.vdot(spread, spread)
    if abs(turn) == 0:
        raise ValueError("the five points coincide: expected the corners of the eyes and the base of the nose, px")
    middle = target.mean() + turn * (size / 2 * (1 + 1j) - source.mean())
    return Placement((float(middle.real), float(middle.imag)), size * abs(turn), float(np.angle(turn)))


def cut(picture: Picture, place: Placement, size: int) -> Picture:
    """Cut the chip of a placement.

    Parameters
    ----------
    picture : (height, width, 3) uint8
    place
        The part of the picture that the chip shows.
    size
        The chip's height and width, px.

    Returns
    -------
    chip : (size, size, 3) uint8
    """
    rectangle = _rectangle(place)
    part, first = _around(picture, rectangle, place.angle, _halvings(rectangle, size))
    rectangle = rectangle - first
    for _ in range(_halvings(rectangle, size)):
        part, rectangle = halved(part), _halved_points(rectangle)
    corners = _turned(_corners(rectangle)[:3], rectangle, place.angle)
    return _warped(part, np.stack([*((corners[1:] - corners[0]) / (size - 1)), corners[0]], axis=1), size)


def _rectangle(place: Placement) -> Points:
    """Return the first and the last point, (2, 2), of a placement before its rotation."""
    half = (place.side - 1) / 2
    return np.array([np.subtract(place.middle, half), np.add(place.middle, half)])


def _corners(rectangle: Points) -> Points:
    (left, top), (right, bottom) = rectangle
    return np.array([(left, top), (right, top), (left, bottom), (right, bottom)])


def _turned(points: Points, rectangle: Points, angle: float) -> Points:
    """Rotate points about a rectangle's middle."""
    middle = rectangle.mean(axis=0)
    cos, sin = math.cos(angle), math.sin(angle)
    turned: Points = (points - middle) @ np.array([(cos, sin), (-sin, cos)]) + middle
    return turned


def _halvings(rectangle: Points, size: int) -> int:
    """Return how many times the picture is halved: while the halved rectangle has at least the chip's area."""
    n = 0
    while True:
        rectangle = _halved_points(rectangle)
        if np.prod(rectangle[1] - rectangle[0] + 1) <= size**2:
            return n
        n += 1


def _halved_points(points: Points) -> Points:
    moved: Points = points / 2 - MOVED
    return moved


def _around(picture: Picture, rectangle: Points, angle: float, halvings: int) -> tuple[Picture, Points]:
    """Return the part of a picture that a chip needs, and its origin, which determines the phase of the halving."""
    corners = _turned(_corners(rectangle), rectangle, angle)
    margin = 4 * 2**halvings - 2
    size = np.array([picture.shape[1], picture.shape[0]])
    first = np.floor(np.clip(corners.min(axis=0) - margin, 0, None) + 0.5).astype(int)
    last = np.floor(np.clip(corners.max(axis=0) + margin, None, size - 1) + 0.5).astype(int)
    left, top = first
    right, bottom = last
    return picture[top : bottom + 1, left : right + 1], first


def halved(picture: Picture) -> Picture:
    """Smooth and halve a picture as dlib's ``pyramid_down<2>``, which truncates fractions.

    Its filter is 1, 4, 6, 4, 1 sixteenths across and down (Burt and Adelson 1983, doi:10.1109/TCOM.1983.1095851).

    Parameters
    ----------
    picture : (height, width, 3) uint8

    Returns
    -------
    picture : ((height - 3) // 2, (width - 3) // 2, 3) uint8
        Empty for a picture of `LEAST_SIZE` or less.
    """
    import cv2

    height, width = picture.shape[:2]
    if min(height, width) <= LEAST_SIZE:
        return picture[:0, :0]
    # OpenCV's filter is the same, but rounds: of 256 times the picture it gives the sums themselves, which fit 16 bits.
    sums = np.asarray(cv2.pyrDown(picture.astype(np.uint16) << 8))
    return (sums[1 : (height - 1) // 2, 1 : (width - 1) // 2] >> 8).astype(np.uint8)


def _warped(picture: Picture, matrix: Points, size: int) -> Picture:
    """Return a picture's values at the pixels of a square, truncated; black where a neighbour is missing.

    Parameters
    ----------
    picture : (height, width, 3) uint8
    matrix : (2, 3)
        From a pixel of the square to its point in the picture.
    size
        The square's side, px.
    """
    import cv2

    if not picture.size:
        return np.zeros((size, size, 3), np.uint8)
    flags, missing = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, (np.nan,) * 3
    values = cv2.warpAffine(picture.astype(np.float32), matrix, (size, size), flags=flags, borderValue=missing)
    return np.asarray(np.nan_to_num(values, copy=False), np.uint8)
