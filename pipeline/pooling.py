"""Pooling: within the arrow from the cache to a matrix, from the frames of a clip to one row.

A statistic runs over all frames of a clip, each counting alike, column by column: a column ``found`` becomes
``found.mean``, ``found.std`` and so on. What is pooled is cached by frames: how it is pooled is no part of a key.
"""

import itertools
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import UsageError, unknown

Floats = NDArray[np.float64]


def _mean(frames: Floats) -> Floats:
    # Measured from the least frame, what does not vary has exactly its own value as mean, and no deviation.
    least: Floats = frames.min(axis=0)
    mean: Floats = least + (frames - least).mean(axis=0)
    return mean


def _std(frames: Floats) -> Floats:
    deviation: Floats = (frames - frames.min(axis=0)).std(axis=0)
    return deviation


def _min(frames: Floats) -> Floats:
    least: Floats = frames.min(axis=0)
    return least


def _max(frames: Floats) -> Floats:
    most: Floats = frames.max(axis=0)
    return most


#: From the frames of a clip, (n_frames, n_columns) float64, to one row. The standard deviation is that of the frames
#: themselves (divided by their number, not by one less), so a clip of one frame has one: 0.
STATISTICS: dict[str, Callable[[Floats], Floats]] = {"mean": _mean, "std": _std, "min": _min, "max": _max}

#: What frames are pooled by when nobody says.
DEFAULT = tuple(STATISTICS)


def statistics(text: str) -> tuple[str, ...]:
    """Return the statistics of a text as in ``"mean+std"``, in the order of `STATISTICS`.

    Raises
    ------
    UsageError
        If one is unknown, or comes twice.
    """
    names = text.split("+")
    for name in names:
        if name not in STATISTICS:
            raise unknown("statistic of pool", name, STATISTICS)
    if len(set(names)) < len(names):
        raise UsageError(f"pool={text} names a statistic twice.")
    return tuple(name for name in STATISTICS if name in names)


def columns(names: Sequence[str], pool: Sequence[str]) -> tuple[str, ...]:
    """Return the names of pooled columns: one statistic of all columns, then the next."""
    return tuple(f"{name}.{statistic}" for statistic in pool for name in names)


def pooled(values: NDArray[np.float32], offsets: NDArray[np.int64], pool: Sequence[str]) -> NDArray[np.float32]:
    """Pool the frames of each clip.

    Parameters
    ----------
    values : (n_rows, n_columns) float32
        The frames of all clips, one clip after another.
    offsets : (n_clips + 1,) int64
        Clip ``i`` owns rows ``offsets[i]`` to ``offsets[i + 1]``, one at least.
    pool
        The statistics; they are computed in double precision.

    Returns
    -------
    rows : (n_clips, len(pool) * n_columns) float32
        Columns as in `columns`.
    """
    n_clips, n_columns = len(offsets) - 1, values.shape[1]
    rows = np.empty((n_clips, len(pool), n_columns), np.float32)
    for clip, (begin, end) in enumerate(itertools.pairwise(offsets)):
        frames = values[begin:end].astype(np.float64)
        for number, name in enumerate(pool):
            rows[clip, number] = STATISTICS[name](frames)
    return rows.reshape(n_clips, len(pool) * n_columns)
