"""Pictures of sound: from the frames of an utterance to segments of them, each a picture of bands by frames."""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from affex.features.base import Rows, Values


def segments(frames: Values, length: int, step: int) -> Values:
    """Return the segments of some frames; if there are too few for one segment, the last frame is repeated.

    Parameters
    ----------
    frames : (n_frames, n_columns) float32
    length, step : int
        The length of a segment and the step to the next, in frames.

    Returns
    -------
    segments : (n_segments, length, n_columns) float32
    """
    filled = np.pad(frames, ((0, max(0, length - len(frames))), (0, 0)), mode="edge")
    windows: Values = np.lib.stride_tricks.sliding_window_view(filled, length, axis=0)[::step]
    return windows.transpose(0, 2, 1)


def picture_rows(frames: Values, times: NDArray[np.float64], length: int, step: int, n_channels: int = 1) -> Rows:
    """Return a row for each segment: its picture line by line and channel by channel, at the middle of its frames.

    Parameters
    ----------
    frames : (n_frames, n_channels * n_bands) float32
        All bands of the first channel, then of the next.
    times : (n_frames,) float64, s
        The middle of each frame.
    """
    pictures = segments(frames, length, step)
    # (n, frames, channels * bands) to (n, bands, frames, channels)
    values = pictures.reshape(*pictures.shape[:2], n_channels, -1).transpose(0, 3, 1, 2).reshape(len(pictures), -1)
    middles = [times[begin : begin + length].mean() for begin in step * np.arange(len(pictures))]
    return Rows(np.ascontiguousarray(values), np.array(middles))


@cache
def picture_columns(stem: str, n_bands: int, length: int, channels: tuple[str, ...] = ("",)) -> tuple[str, ...]:
    """Return the columns of pictures, as in ``m00_f00``, ``m00_f00_d1``, ``m00_f01``, ..."""
    b_digits, f_digits = (max(2, len(str(n - 1))) for n in (n_bands, length))
    return tuple(
        f"{stem}{band:0{b_digits}}_f{frame:0{f_digits}}{channel}"
        for band in range(n_bands)
        for frame in range(length)
        for channel in channels
    )


def check_pictures(frames: int, step: int) -> None:
    """Raise if pictures of so many frames, one every so many, are not plausible.

    Raises
    ------
    ValueError
        The message gives the allowed range.
    """
    if not 1 <= frames <= 1000:
        raise ValueError(f"frames={frames}: expected 1 to 1000 a segment")
    if not 1 <= step <= frames:
        raise ValueError(f"step={step}: expected 1 to the segment's {frames} frames")
