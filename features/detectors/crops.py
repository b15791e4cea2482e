"""Crops: the stored part of a frame, from which every chip can be cut later without the frame.

A crop shows a face's box widened by `WIDENED` about its middle, in whole pixels of the frame; what lies outside the
frame is black. A crop with a side over `LONGEST` is shrunk to it; all crops are JPEG. The position of a crop follows
from the box alone (`area`), and its scale from its own size. So points of the frame can be mapped into the crop.

Conventions: as in `features.detectors.base` for boxes and `features.detectors.chips` for points.
"""

import math

import numpy as np
from numpy.typing import NDArray

from affex.features.detectors.chips import Picture, Points

#: The share of its width and height by which a box is widened.
WIDENED = 0.6
#: The longest side of a crop, px: enough for a chip of 224 px of the box widened by 30 %.
LONGEST = 288
#: A crop gets the first of these JPEG qualities (0 to 100, no chroma subsampling) that keeps it within `MOST` bytes.
QUALITIES = (97, 94, 90, 85, 75, 50)
MOST = 20_000

Box = NDArray[np.floating]


def area(box: Box, widened: float = WIDENED) -> tuple[int, int, int, int]:
    """Return the part of the frame that a widened box covers: left, top, right, bottom (the last two outside), px.

    The sides of a part that is shrunk to `LONGEST` are so many pixels that it can be halved first.
    """
    first, last = np.floor(wider(box, widened) + 0.5).astype(int)
    unit = _unit(float((last - first).max()), LONGEST)
    sides = unit * np.maximum(-(-(last - first) // unit), 1)
    left, top, right, bottom = np.concatenate([first, first + sides]).tolist()
    return left, top, right, bottom


def wider(box: Box, widened: float = WIDENED) -> NDArray[np.float64]:
    """Return the first and the last corner, (2, 2) px, of a box that is widened about its middle."""
    first, last = np.asarray(box, np.float64).reshape(2, 2)
    middle, half = (first + last) / 2, (last - first) * (1 + widened) / 2
    return np.array([middle - half, middle + half])


def cutout(picture: Picture, left: int, top: int, right: int, bottom: int) -> Picture:
    """Return a part of a picture, ``(bottom - top, right - left, 3)``, black outside the picture.

    It is a view of the picture where it lies inside.
    """
    height, width = picture.shape[:2]
    if min(left, top) >= 0 and right <= width and bottom <= height:
        return picture[top:bottom, left:right]
    part = np.zeros((bottom - top, right - left, 3), np.uint8)
    x0, x1 = (min(max(edge, 0), width) for edge in (left, right))
    y0, y1 = (min(max(edge, 0), height) for edge in (top, bottom))
    part[y0 - top : y1 - top, x0 - left : x1 - left] = picture[y0:y1, x0:x1]
    return part


def square(picture: Picture, middle: Points, side: float, size: int) -> tuple[Picture, NDArray[np.int64], float]:
    """Return a square part of a picture at a size, black outside the picture.

    Parameters
    ----------
    picture : (height, width, 3) uint8
    middle : (2,), px
        x and y of its middle; the first pixel reaches from 0 to 1.
    side
        Its side in the picture, px; rounded, so that it can be halved while it is more than twice the size.
    size
        The side of the result, px.

    Returns
    -------
    part : (size, size, 3) uint8
    corner : (2,), px
        x and y of the left upper corner in the picture.
    scale
        How many pixels of the picture are one of the part.
    """
    unit = _unit(side, size)
    whole = unit * max(1, round(side / unit))
    corner = np.floor(np.asarray(middle, np.float64) - whole / 2 + 0.5).astype(int)
    left, top = corner.tolist()
    part = resized(cutout(picture, left, top, left + whole, top + whole), size, size)
    return part, corner, whole / size


def _unit(side: float, size: int) -> int:
    """Return the power of 2 by which a side, px, can be divided without becoming less than a size."""
    return int(2 ** max(0, math.floor(math.log2(max(side, 1) / size))))


def resized(picture: Picture, width: int, height: int) -> Picture:
    """Return a picture at another size: averaged when it shrinks, interpolated when it grows.

    While both sides are even and twice as long as wanted or more, it is halved, which is several times as fast.
    """
    import cv2

    there = picture.shape[1::-1]
    while all(side % 2 == 0 and side >= 2 * wanted for side, wanted in zip(there, (width, height), strict=True)):
        there = there[0] // 2, there[1] // 2
        picture = np.asarray(cv2.resize(picture, there, interpolation=cv2.INTER_AREA))
    if there == (width, height):
        return picture
    shrinks = width * height < there[0] * there[1]
    return np.asarray(
        cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
    )


def stretched(picture: Picture, corners: Points, width: int, height: int) -> Picture:
    """Return a part of a picture, whose edges may lie inside pixels, at a size; black outside the picture.

    It is interpolated at a multiple of that size, at most two pixels apart, so that none is skipped, and then averaged.

    Parameters
    ----------
    picture : (height, width, 3) uint8
    corners : (2, 2), px
        x and y of the left upper and of the right lower corner; the first pixel reaches from 0 to 1.
    width, height
        The size, px.
    """
    import cv2

    sides = np.maximum(np.subtract(*corners[::-1]), 1e-3)
    times = max(1, math.ceil(float((sides / (width, height)).max() / 2)))
    across, down = sides / (width, height) / times
    x, y = corners[0] + (across / 2, down / 2) - 0.5
    matrix, flags = np.array([(across, 0, x), (0, down, y)]), cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    large = np.asarray(cv2.warpAffine(picture, matrix, (times * width, times * height), flags=flags))
    return large if times == 1 else resized(large, width, height)


def encoded(picture: Picture, box: Box) -> bytes:
    """Return the crop of a face, as JPEG."""
    return compressed(cutout(picture, *area(box)))


def compressed(part: Picture) -> bytes:
    """Return a picture as JPEG, shrunk to `LONGEST`, at the best of `QUALITIES` that `MOST` allows."""
    import cv2

    height, width = part.shape[:2]
    shrink = LONGEST / max(height, width)
    if shrink < 1:
        part = resized(part, max(1, round(width * shrink)), max(1, round(height * shrink)))
    colours = (cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444)
    swapped = cv2.cvtColor(part, cv2.COLOR_RGB2BGR)
    for quality in QUALITIES:
        _, jpeg = cv2.imencode(".jpg", swapped, (cv2.IMWRITE_JPEG_QUALITY, quality, *colours))
        if len(jpeg) <= MOST:
            break
    return jpeg.tobytes()


def decoded(crop: bytes) -> Picture:
    """Return the picture of a crop, (height, width, 3) uint8 RGB.

    Raises
    ------
    ValueError
        If the bytes are not a picture.
    """
    import cv2

    picture = cv2.imdecode(np.frombuffer(crop, np.uint8), cv2.IMREAD_COLOR_RGB) if crop else None
    if picture is None:
        raise ValueError(f"a crop of {len(crop)} bytes cannot be decoded as a picture")
    return np.asarray(picture, np.uint8)


def placed(points: Points, box: Box, crop: Picture) -> Points:
    """Map points of the frame into the decoded crop of a box.

    Parameters
    ----------
    points : (n, 2), px of the frame
    box : (4,), px
        The face's box from which the crop was cut.
    crop : (height, width, 3) uint8

    Returns
    -------
    points : (n, 2) float64, px of the crop
    """
    left, top, right, bottom = area(box)
    scale = np.array([crop.shape[1] / (right - left), crop.shape[0] / (bottom - top)])
    moved: Points = (np.asarray(points, np.float64) - (left, top) + 0.5) * scale - 0.5
    return moved
