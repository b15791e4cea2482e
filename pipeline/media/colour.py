"""Colour: from a decoded frame to an upright RGB picture, or a half of it.

Conventions: pictures are ``(height, width, 3) uint8``, black is 0 and white 255. swscale converts with the
range and matrix of the stream: limited or full (if unknown: limited, or full for grey and RGB streams), BT.709, BT.2020
or BT.601 (also if unknown). Its exact algorithms are chosen, which give the same result on every CPU: the fast ones
darken full-range and 10-bit white to
253. More bits are rounded to 8, an alpha channel is ignored. Pixels that are not square are not resized.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]

#: The halves of a picture, as in the split screens of IEMOCAP.
REGIONS: dict[str, Callable[[Picture], Picture]] = {
    "left": lambda picture: picture[:, : picture.shape[1] // 2],
    "right": lambda picture: picture[:, picture.shape[1] // 2 :],
    "top": lambda picture: picture[: picture.shape[0] // 2],
    "bottom": lambda picture: picture[picture.shape[0] // 2 :],
}


def converter() -> Callable[[Any], Picture]:
    """Return a function from a video frame to its upright RGB picture; use one per file: it keeps swscale's tables."""
    from av.video.reformatter import ColorRange, Interpolation, VideoReformatter

    reformatter = VideoReformatter()
    exact = Interpolation.BILINEAR | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT | Interpolation.BITEXACT

    def convert(frame: Any) -> Picture:
        plain = reformatter.reformat(
            frame,
            format="gbrp" if _has_quick_planes(frame) else "rgb24",
            dst_color_range=ColorRange.JPEG,
            interpolation=exact,
            threads=1,
        )
        return _upright(_interleaved(plain), _matrix(frame))

    return convert


def _has_quick_planes(frame: Any) -> bool:
    """Whether swscale computes the same values in planes, in less than half the time; not at odd sizes."""
    is_even = frame.width % 2 == frame.height % 2 == 0
    return bool(is_even and frame.format.is_planar and not frame.format.is_rgb)


def _interleaved(frame: Any) -> Picture:
    """Return the picture of a frame in the format ``rgb24`` or ``gbrp``."""
    if frame.format.name == "rgb24":
        return np.asarray(frame.to_ndarray(), np.uint8)
    import cv2

    lines = (np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size) for plane in frame.planes)
    green, blue, red = (line[: frame.height, : frame.width] for line in lines)
    return np.asarray(cv2.merge((red, green, blue)))


def _matrix(frame: Any) -> NDArray[np.int32] | None:
    """Return the first two rows and columns of the frame's display matrix, 16.16 fixed point."""
    from av.sidedata.sidedata import Type

    try:
        data = [data for data in frame.side_data if data.type == Type.DISPLAYMATRIX]
    except ValueError:  # PyAV 18 cannot read side data that include EXIF, but gives the rotation of a frame
        turns = round(frame.rotation / 90) % 4
        a, b = ((1, 0), (0, -1), (-1, 0), (0, 1))[turns]
        return np.array([[a, b], [-b, a]], np.int32)
    return np.frombuffer(data[0], np.int32).reshape(3, 3)[:2, :2] if data else None


def _upright(picture: Picture, matrix: NDArray[np.int32] | None) -> Picture:
    """Rotate and mirror a picture by its display matrix, to the nearest quarter turn.

    The point (x, y) is shown at (a x + c y, b x + d y) for the matrix ((a, b), (c, d)) (ISO/IEC 14496-12, 6.2.2).
    """
    if matrix is None:
        return picture
    (a, b), (c, d) = matrix.tolist()
    if abs(b) > abs(a):
        picture, a, d = picture.swapaxes(0, 1), c, b
    return picture[:: -1 if d < 0 else 1, :: -1 if a < 0 else 1]
