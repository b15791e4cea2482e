"""Stills: a photograph is a video of one picture, upright, that has no sound and no length.

OpenCV decodes them (its version is part of every key of a feature that sees): unlike FFmpeg it refuses a picture that
was cut short, and turns one as its EXIF orientation says. What it does not know, FFmpeg decodes, where it finds nothing
wrong. Pictures become RGB of 8 bits: of 16 bits the lower 8 are left out (of TIFF, rounded), grey is the same in all
three, an alpha channel is left out. A GIF or PNG of several pictures is a video; an animated WebP cannot be read. JPEG
has no checksum: damage inside one is noticed only where its end is missing.
"""

from pathlib import Path
from typing import Any

import numpy as np

from affex.pipeline.media.colour import Picture, converter
from affex.pipeline.storage.files import content, opened
from affex.pipeline.text.errors import MediaError

#: What an ISO base media file is called by that holds pictures in the place of a video (ISO/IEC 23008-12, MIAF).
BRANDS = ("avif", "heic", "heix", "heim", "heis", "mif1")

#: Where a WebP file says what is in it, and the bit that says animation (Google, WebP Container Specification).
WEBP_FLAGS, ANIMATED = 20, 2

#: A picture has at most this many pixels: it takes 6 bytes each to decode, and a small file may declare any number.
MOST_PIXELS = 2**28

#: Formats whose size FFmpeg always knows, unless there are no pixels or more than it decodes.
SIZED = ("png_pipe", "jpeg_pipe", "bmp_pipe")

#: Where one JPEG picture ends and the next begins, and what is in one that has others behind it on purpose, as a
#: picture for each eye (CIPA DC-007); of a video of JPEG pictures the first lies within so many bytes.
NEXT_JPEG, MULTI_PICTURE, FIRST_BYTES = b"\xff\xd9\xff\xd8", b"MPF\0", 16 * 2**20


def is_still(container: Any, path: Path) -> bool:
    """Tell whether an open file is a picture and no film."""
    kind = container.format.name
    if kind == "gif":
        return bool(container.streams.video[0].frames == 1)
    if kind in ("jpeg_pipe", "mjpeg"):
        return _is_one_jpeg(path)
    return (
        kind.endswith("_pipe")
        or kind in ("ico", "image2")
        or container.metadata.get("major_brand", "").strip() in BRANDS
    )


def require_small(stream: Any, name: str) -> None:
    """Refuse an open still that declares too many pixels, before they are decoded.

    Raises
    ------
    MediaError
        Saying how many there may be.
    """
    n_pixels = stream.codec_context.width * stream.codec_context.height
    is_beyond = not n_pixels and stream.container.format.name in SIZED
    if is_beyond or n_pixels > MOST_PIXELS:
        raise MediaError(f"{name} declares no pixels, or more than can be decoded: at most {MOST_PIXELS}")


def _is_one_jpeg(path: Path) -> bool:
    with opened(path) as file:
        data = file.read(FIRST_BYTES)
    return NEXT_JPEG not in data or MULTI_PICTURE in data


def picture(path: Path, name: str) -> Picture:
    """Return what a still shows, ``(height, width, 3) uint8``.

    Parameters
    ----------
    path
        The file.
    name
        What errors call it.

    Raises
    ------
    MediaError
        If it cannot be decoded, whole.
    """
    data = content(path)
    if data[8:16] == b"WEBPVP8X" and data[WEBP_FLAGS] & ANIMATED:
        raise MediaError(f"{name} is an animated WebP, which cannot be read: save it as a GIF or as a film")
    found = _by_opencv(data)
    if found is None and data[4:8] != b"ftyp" and data[:3] != b"GIF":
        found = _by_ffmpeg(path)
    if found is None:
        raise MediaError(f"{name} is a still picture that is cut short, damaged or of a kind that cannot be read")
    return found


def _by_opencv(data: bytes) -> Picture | None:
    import cv2

    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)  # errors say what is wrong
    try:
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error:
        return None
    return None if pixels is None else np.ascontiguousarray(pixels[..., ::-1])


def _by_ffmpeg(path: Path) -> Picture | None:
    import av

    try:
        with av.open(str(path)) as container:
            stream = container.streams.video[0]
            stream.codec_context.options = {"err_detect": "explode"}
            frame = next(container.decode(stream), None)
            return None if frame is None or frame.is_corrupt else converter()(frame)
    except (av.FFmpegError, ValueError):  # PyAV does not know all that a frame may carry
        return None
