"""Motion: from what is measured in some frames to how fast it changes, by the clock and never across a gap.

Unlike `features.sound.frames`, where frames follow each other evenly and without end: pictures come when they come, and
a face is lost and found again. What follows without a loss is a run, and each run is by itself.
"""

import itertools

import numpy as np
from numpy.typing import NDArray

from affex.features.base import Values

#: A derivative is estimated over so many frames of its run at the least: as many as a parabola has parameters.
LEAST = 3


def runs(numbers: NDArray[np.integer]) -> list[slice]:
    """Return the runs in the rising numbers of frames: where one number is missing, another run begins.

    Returns
    -------
    runs : list of slice
        Of the positions in `numbers`, in order.
    """
    edges = [0, *(np.flatnonzero(np.diff(numbers) > 1) + 1).tolist(), len(numbers)]
    return [slice(begin, end) for begin, end in itertools.pairwise(edges) if begin < end]


def with_derivatives(
    static: Values, times: NDArray[np.float64], parts: list[slice], derivatives: int, span: float
) -> Values:
    """Append the first derivatives with respect to time, or the first and the second.

    At each frame those of the parabola that fits the frames around it best (Savitzky and Golay 1964,
    doi:10.1021/ac60214a047, for times of any spacing): the frames of its run within half of `span`, and in any case
    the three nearest, which lie to one side of it at the ends of a run. A run of two frames has the slope of its line
    and no curvature; a single frame stands still: both are 0.

    Parameters
    ----------
    static : (n_frames, n) float32
    times : (n_frames,) float64, s
        Rising.
    parts
        The runs, as `runs` gives them.
    derivatives
        0, 1 or 2.
    span
        How long a stretch of time a derivative is estimated over, s.

    Returns
    -------
    values : (n_frames, n * (1 + derivatives)) float32
        A second (a second squared).
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
    """Widen a window to the nearest frames until it has `LEAST`, or all there are."""
    while end - begin < min(LEAST, len(times)):
        if end == len(times) or (begin > 0 and times[frame] - times[begin - 1] <= times[end] - times[frame]):
            begin -= 1
        else:
            end += 1
    return slice(begin, end)
