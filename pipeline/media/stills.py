"""Stills: from a photograph to an upright picture, treated as a video of one picture without sound or length.

OpenCV decodes them (its version is part of the key of every video feature): unlike FFmpeg it rejects a picture that was
cut short, and rotates it by its EXIF orientation. FFmpeg decodes the other formats, if it reports no error. Pictures
become RGB of 8 bits: the lower 8 of 16 bits are dropped (in TIFF, rounded), grey is copied to all three channels, an
alpha channel is ignored. A GIF or PNG of several pictures is a video; an animated WebP cannot be read. JPEG has no
checksum: damage inside it is detected only if its end is missing.
"""

from pathlib import Path
from typing import Any

import numpy as np

from affex.pipeline.media.colour import Picture, converter
from affex.pipeline.storage.files import content, opened
from affex.pipeline.text.errors import MediaError

#: Brands of ISO base media files that contain pictures instead of a video (ISO/IEC 23008-12, MIAF).
BRANDS = ("avif", "heic", "heix", "heim", "heis", "mif1")

#: The position of a WebP file's flags, and the bit for animation (Google, WebP Container Specification).
WEBP_FLAGS, ANIMATED = 20, 2

#: The most pixels of a picture: decoding takes 6 bytes per pixel, and a small file may declare any number.
MOST_PIXELS = 2**28

#: Formats whose size FFmpeg always knows, except with no pixels or more than it decodes.
SIZED = ("png_pipe", "jpeg_pipe", "bmp_pipe")

#: The bytes between two JPEG pictures, and the mark of a file with several pictures on purpose, such as one for each
#: eye (CIPA DC-007). In a video of JPEG pictures, the first picture is within this many bytes.
NEXT_JPEG, MULTI_PICTURE, FIRST_BYTES = b"\xff\xd9\xff\xd8", b"MPF\0", 16 * 2**20


def is_still(container: Any, path: Path) -> bool:
    """Return whether an open file is a still picture, not a video."""
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
    """Raise, before decoding, if an open still declares too many pixels.

    Raises
    ------
    MediaError
        The message gives the most pixels allowed.
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
    """Return the picture of a still, ``(height, width, 3) uint8``; `name` stands for it in errors.

    Raises
    ------
    MediaError
        If it cannot be decoded completely.
    """
    data = content(path)
    if data[8:16] == b"WEBPVP8X" and data[WEBP_FLAGS] & ANIMATED:
        raise MediaError(f"{name} is an animated WebP, which cannot be read: save it as a GIF or as a video")
    found = _by_opencv(data)
    if found is None and data[4:8] != b"ftyp" and data[:3] != b"GIF":
        found = _by_ffmpeg(path)
    if found is None:
        raise MediaError(f"{name} is a still picture that is cut short, damaged or in an unknown format")
    return found


def _by_opencv(data: bytes) -> Picture | None:
    import cv2

    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)  # our errors give the reason
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
    except (av.FFmpegError, ValueError):  # PyAV does not support all side data of a frame
        return None
