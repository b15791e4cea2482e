"""Films for the tests: every frame carries its number, as black and white squares that survive any encoder.

A frame is 64 x 64, its number 16 bits in a grid of 4 x 4 squares, the lowest bit at the top left.
"""

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.video.reformatter import Interpolation
from numpy.typing import NDArray

SIDE = 64
#: One key frame in 12. Macroblock trees are left out: with them x264 writes other bytes from one run to the next.
_X264 = {"g": "12", "sc_threshold": "0", "mbtree": "0"}
_EXACT = Interpolation.BILINEAR | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INP
_BITS = 2 ** np.arange(16)

#: Containers and what is put in them: with B-frames where the encoder has them, one key frame in 12.
KINDS = {
    "mp4": ("libx264", _X264),
    "mkv": ("libx264", _X264),
    "ts": ("libx264", _X264),
    "avi": ("mpeg4", {"g": "12", "bf": "2"}),
    "mpg": ("mpeg1video", {"g": "12", "bf": "2"}),
    "webm": ("libvpx-vp9", {"g": "12", "deadline": "realtime", "cpu-used": "8"}),
}


def numbered(number: int) -> NDArray[np.uint8]:
    """Return the picture of a frame's number."""
    squares = np.where(number & _BITS, 255, 0).astype(np.uint8).reshape(4, 4)
    return np.kron(squares, np.ones((SIDE // 4, SIDE // 4), np.uint8))[..., None].repeat(3, axis=2)


def noisy(count: int) -> Iterator[NDArray[np.uint8]]:
    """Yield the pictures of the first `count` numbers under noise, so that their packets are as large as real ones."""
    noise = np.random.default_rng(0)
    for k in range(count):
        clear = np.where(numbered(k) > 127, 190, 60)
        yield (clear + noise.integers(-60, 61, clear.shape)).astype(np.uint8)


def number(picture: NDArray[np.uint8]) -> int:
    """Return the number that a picture carries."""
    step = picture.shape[0] // 4
    squares = picture.reshape(4, step, 4, step * 3).mean(axis=(1, 3)) > 127
    return int(_BITS[squares.ravel()].sum())


def film(
    path: Path,
    pictures: int | Iterable[NDArray[np.uint8]],
    *,
    times: Sequence[float] | None = None,
    rate: int | Fraction = 25,
    codec: str | None = None,
    pixels: str = "yuv420p",
    range_: int | None = None,
    options: dict[str, str] | None = None,
    container: dict[str, str] | None = None,
    turned: Callable[[av.VideoStream], None] | None = None,
) -> Path:
    """Write a video of numbered frames (or of pictures), at a constant rate or at `times` (s)."""
    usual, usual_options = KINDS[path.suffix[1:]]
    codec = codec or usual
    given = map(numbered, range(pictures)) if isinstance(pictures, int) else iter(pictures)
    first = next(given)
    base = Fraction(1, rate) if times is None else Fraction(1, 12800)
    with av.open(str(path), "w", options={"fflags": "+bitexact"} | (container or {})) as out:
        stream = out.add_stream(codec, rate=rate, options=usual_options if options is None else options)
        stream.height, stream.width, stream.pix_fmt = *first.shape[:2], pixels
        stream.time_base = stream.codec_context.time_base = base
        stream.codec_context.thread_count = 1
        if range_ is not None:
            stream.color_range = range_
        if turned is not None:
            turned(stream)
        for k, picture in enumerate(itertools.chain([first], given)):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame = frame.reformat(format=pixels, dst_color_range=range_, interpolation=_EXACT)
            frame.pts, frame.time_base = (k if times is None else round(times[k] / base)), base
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return path
