"""Pooling: within the arrow from the cache to a matrix, from the frames of a clip to one row.

A statistic runs over the frames of a clip, each counting alike, column by column: a column ``found`` becomes
``found.mean``, ``found.std`` and so on. Where ``found`` is 0, as in a frame without a face, the other columns but
``time`` stand for nothing, and the frame does not count for them. What is pooled is cached by frames: how it is pooled
is no part of a key.
"""

import itertools
from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import UsageError, unknown

Floats = NDArray[np.float64]

#: The column that says whether the others of a frame stand for anything, and one that does in any case.
FOUND, TIME = "found", "time"

#: Along an axis of the frames of a clip. The standard deviation is that of the frames themselves (divided by their
#: number, not by one less), so a clip of one frame has one: 0.
STATISTICS: dict[str, Callable[..., Floats]] = {"mean": np.mean, "std": np.std, "min": np.min, "max": np.max}

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


def pooled(
    values: NDArray[np.float32], offsets: NDArray[np.int64], names: Sequence[str], pool: Sequence[str]
) -> NDArray[np.float32]:
    """Pool the frames of each clip.

    Parameters
    ----------
    values : (n_rows, n_columns) float32
        The frames of all clips, one clip after another.
    offsets : (n_clips + 1,) int64
        Clip ``i`` owns rows ``offsets[i]`` to ``offsets[i + 1]``, one at least.
    names
        Those of the columns.
    pool
        The statistics; computed in double precision, where a column that does not vary deviates by exactly 0.

    Returns
    -------
    rows : (n_clips, len(pool) * n_columns) float32
        Columns as in `columns`; NaN in a clip where no frame counts for a column.
    """
    n_clips, n_columns = len(offsets) - 1, values.shape[1]
    rows = np.full((n_clips, len(pool), n_columns), np.nan, np.float32)
    for clip, (begin, end) in enumerate(itertools.pairwise(offsets)):
        frames = values[begin:end].astype(np.float64)
        for chosen, counting in _parts(frames, names):
            for number, name in enumerate(pool):
                rows[clip, number, chosen] = STATISTICS[name](counting, axis=0)
    return rows.reshape(n_clips, len(pool) * n_columns)


def _parts(frames: Floats, names: Sequence[str]) -> Iterator[tuple[NDArray[np.bool_], Floats]]:
    """Yield which columns, ``(n_columns,) bool``, with what counts for them: frames that have something in them."""
    always = np.isin(names, [FOUND, TIME]) if FOUND in names else np.ones(len(names), bool)
    yield always, frames[:, always]
    if FOUND in names and (found := frames[:, names.index(FOUND)] == 1).any():
        yield ~always, frames[found][:, ~always]
