"""Derivatives with respect to time: from the values of some frames to their rates of change, never across a gap.

`features.sound.frames` has evenly spaced frames without gaps. Pictures here have irregular times, and a face may be
lost and found again. Consecutive frames without a loss are a run; each run is processed by itself.
"""

import itertools

import numpy as np
from numpy.typing import NDArray

from affex.features.base import Values

#: The fewest frames of a run over which a derivative is estimated: as many as a parabola has parameters.
LEAST = 3


def runs(numbers: NDArray[np.integer]) -> list[slice]:
    """Return the runs in increasing frame numbers: a new run begins after each missing number.

    Returns
    -------
    runs : list of slice
        Slices of positions in `numbers`, in order.
    """
    edges = [0, *(np.flatnonzero(np.diff(numbers) > 1) + 1).tolist(), len(numbers)]
    return [slice(begin, end) for begin, end in itertools.pairwise(edges) if begin < end]


def with_derivatives(
    static: Values, times: NDArray[np.float64], parts: list[slice], derivatives: int, span: float
) -> Values:
    """Append the first, or the first and second, derivatives with respect to time.

    Each frame has the derivatives of the parabola that fits the frames around it best (Savitzky and Golay 1964,
    doi:10.1021/ac60214a047, for times of any spacing). These are the frames of its run within half of `span`, and at
    least the three nearest ones. At the ends of a run they lie on one side. A run of two frames has the slope of its
    line and curvature 0; a single frame has both 0.

    Parameters
    ----------
    static : (n_frames, n) float32
    times : (n_frames,) float64, s
        Increasing.
    parts
        The runs, as `runs` returns them.
    derivatives
        0, 1 or 2.
    span
        The time over which a derivative is estimated, s.

    Returns
    -------
    values : (n_frames, n * (1 + derivatives)) float32
        Derivatives are per second (per second squared).
    """
    moved = np.zeros((derivatives, *static.shape))
    for part in parts if derivatives else []:
        moved[:, part] = _of_run(static[part].astype(np.float64), times[part], span)[:derivatives]
    return np.concatenate([static, *moved], axis=1, dtype=np.float32)


def _of_run(static: NDArray[np.float64], times: NDArray[np.float64], span: float) -> NDArray[np.float64]:
    """Return the first and the second derivatives of one run, (2, n_frames, n)."""
    moved = np.zeros((2, *static.shape))
    first = np.searchsorted(times, times - span / 2, "left")
    last = np.searchsorted(times, times + span / 2, "right")
    for frame, (begin, end) in enumerate(zip(first, last, strict=True)):
        window = _at_least(times, frame, int(begin), int(end))
        since = times[window] - times[frame]
        powers = np.stack([np.ones_like(since), since, since**2 / 2], axis=1)[:, : len(since)]
        moved[: powers.shape[1] - 1, frame] = np.linalg.pinv(powers)[1:] @ (static[window] - static[frame])
    return moved


def _at_least(times: NDArray[np.float64], frame: int, begin: int, end: int) -> slice:
    """Widen a window to the nearest frames until it has `LEAST` frames, or all of the run."""
    while end - begin < min(LEAST, len(times)):
        if end == len(times) or (begin > 0 and times[frame] - times[begin - 1] <= times[end] - times[frame]):
            begin -= 1
        else:
            end += 1
    return slice(begin, end)
