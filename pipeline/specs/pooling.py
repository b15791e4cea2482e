"""Pooling: within the arrow from the cache to a table, from the frames of an utterance to one row.

A statistic is computed over the frames of an utterance, column by column: a column ``found`` becomes ``found.mean``,
``found.std`` and so on. If ``found`` is 0, as in a frame without a face, all other columns except ``time`` are
meaningless, and the frame does not count for them. The cache contains the frames, so pooling does not change its key.
The statistics of `pipeline.specs.matrices` look at all columns together, except ``found`` and ``time``.

`PLAIN` statistics give each frame the same weight, `WEIGHTED` ones weight a frame by the quality of its face. The
feature itself, or a feature that it is computed from (`quality_feature`), gives this quality in the columns `QUALITY`.
The weight, see `qualities`, is a product of four factors in [0, 1], and 0 without a face. It compares a frame only with
other frames of its utterance and learns nothing from any corpus, so nothing leaks from test to training speakers.
"""

import itertools
from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from affex.features.base import Feature
from affex.pipeline.specs import column_groups, matrices
from affex.pipeline.specs.matrices import MATRICES
from affex.pipeline.text.errors import UsageError, unknown

Floats = NDArray[np.float64]

#: The column that states whether the other columns of a frame are valid, and the column that is always valid.
FOUND, TIME = "found", "time"

#: The columns that give the quality of a face, as `features.faces` has them.
QUALITY = ("score", "sharpness", "yaw", "inside")

#: Along an axis of the frames of an utterance. The standard deviation is that of the frames themselves (divided by
#: their number, not by one less), so an utterance of one frame has one: 0.
PLAIN: dict[str, Callable[..., Floats]] = {"mean": np.mean, "std": np.std, "min": np.min, "max": np.max}


def _weighted_mean(frames: Floats, weights: Floats) -> Floats:
    # From the first frame on, so that a column that does not vary has exactly that value.
    mean: Floats = frames[0] + weights @ (frames - frames[0]) / weights.sum()
    return mean


def _weighted_std(frames: Floats, weights: Floats) -> Floats:
    variance: Floats = weights @ (frames - _weighted_mean(frames, weights)) ** 2 / weights.sum()
    return np.sqrt(variance)


#: Of frames ``(n_frames, n_columns)`` and their weights ``(n_frames,)``, not all 0.
WEIGHTED: dict[str, Callable[[Floats, Floats], Floats]] = {"qmean": _weighted_mean, "qstd": _weighted_std}

#: The names of all statistics, in the order of their columns.
STATISTICS = (*PLAIN, *WEIGHTED, *MATRICES)

#: The default statistics for pooling frames.
DEFAULT = tuple(PLAIN)


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


def columns(names: Sequence[str], pool: Sequence[str], only: Sequence[str] = (), dims: int = 0) -> tuple[str, ...]:
    """Return the names of pooled columns: one statistic of all columns, then the next.

    Parameters
    ----------
    names
        Those of the frames' columns.
    only, dims
        As in `pooled`.
    """
    own, together = column_groups.chosen(names, only), mixed(names, only)
    lines = tuple(f"projected_{i:0{len(str(dims - 1))}}" for i in range(dims)) if dims else together
    return tuple(
        name
        for statistic in pool
        for name in (
            matrices.columns(lines, statistic) if statistic in MATRICES else [f"{one}.{statistic}" for one in own]
        )
    )


def mixed(names: Sequence[str], only: Sequence[str] = ()) -> tuple[str, ...]:
    """Return the columns that the statistics of matrices look at together."""
    beside = (FOUND, TIME) if FOUND in names else ()
    return tuple(name for name in column_groups.chosen(names, only) if name not in beside)


def is_of_matrices(pool: Sequence[str]) -> bool:
    """Return whether any of the statistics looks at several columns together."""
    return any(name in MATRICES for name in pool)


def is_weighted(pool: Sequence[str]) -> bool:
    """Return whether any of the statistics uses the quality of frames."""
    return any(name in WEIGHTED for name in pool)


def quality_feature(feature: Feature) -> Feature | None:
    """Return the feature that gives the quality of a feature's frames: itself, an input of it, or None."""
    if feature.framewise and {FOUND, *QUALITY} <= set(feature.columns):
        return feature
    inputs = (*feature.beside, *filter(None, [feature.upstream]))
    return next(filter(None, map(quality_feature, inputs)), None)


def qualities(values: NDArray[np.float32], offsets: NDArray[np.int64], names: Sequence[str]) -> Floats:
    """Return the quality of the face in each frame, from 0 to 1.

    It is the product of

    * ``score`` and of ``sharpness``, each as a share of its median over the utterance's faces, 1 at most. Their scales
    are
      the detector's and the camera's, so only a comparison within an utterance has a meaning; it is with the median, so
      that the better half counts in full and no single frame outweighs the others. (Where the median is not above 0:
      1.)
    * 1 / (1 + ``yaw`` ** 2). That measure grows as the tangent of the head's angle, so the weight falls as the squared
      cosine (of a head whose nose stands as far before its eyes as their outer corners are from the middle between
      them; of flatter faces more slowly): 1 from the front, 0.8 at 0.5, one half at 1, where the nose comes before
      the outer corner of an eye.
    * ``inside``, the share of the box that lies in the frame.

    That the detector's score can weigh the frames of an utterance is from Ranjan et al. 2018, Crystal loss and quality
    pooling for unconstrained face verification and recognition, arXiv:1804.01159; sharpness and pose are among the
    components of a face's quality in ISO/IEC 29794-5:2025. The product is this project's own.

    Parameters
    ----------
    values : (n_rows, n_columns) float32
        The frames of all utterances, one utterance after another.
    offsets : (n_clips + 1,) int64
        Utterance ``i`` owns rows ``offsets[i]`` to ``offsets[i + 1]``.
    names
        Those of the columns, `FOUND` and `QUALITY` among them.

    Returns
    -------
    weights : (n_rows,) float64
        0 in frames without a face.
    """
    weights = np.zeros(len(values))
    parts = values[:, [names.index(name) for name in QUALITY]].astype(np.float64)
    found = values[:, names.index(FOUND)] == 1
    for begin, end in itertools.pairwise(offsets):
        faces = begin + np.flatnonzero(found[begin:end])
        if len(faces):
            score, sharpness, yaw, inside = parts[faces].T
            weights[faces] = _share(score) * _share(sharpness) * inside / (1 + yaw**2)
    return weights


def _share(values: Floats) -> Floats:
    """Return values as shares of their median, 0 at least and 1 at most."""
    median = float(np.median(values))
    return np.clip(values / median, 0, 1) if median > 0 else np.ones_like(values)


def pooled(
    values: NDArray[np.float32],
    offsets: NDArray[np.int64],
    names: Sequence[str],
    pool: Sequence[str],
    weights: Floats | None = None,
    only: Sequence[str] = (),
    dims: int = 0,
) -> NDArray[np.float32]:
    """Pool the frames of each utterance.

    Parameters
    ----------
    values : (n_rows, n_columns) float32
        The frames of all utterances, one utterance after another.
    offsets : (n_clips + 1,) int64
        Utterance ``i`` owns rows ``offsets[i]`` to ``offsets[i + 1]``, one at least.
    names
        Those of the columns.
    pool
        The statistics; computed in double precision, where a column that does not vary deviates by exactly 0.
    weights : (n_rows,) float64
        The quality of each frame, for `WEIGHTED` statistics; if it is 0 for all frames that count, they count equally.
    only
        The beginnings of the names of the columns that are kept; empty for all.
    dims
        To how many columns `matrices.projection` reduces those that a matrix is made of; 0 for none.

    Returns
    -------
    rows : (n_clips, n) float32
        Columns as in `columns`; NaN in an utterance where no frame counts for a column.
    """
    alone = [name for name in pool if name not in MATRICES]
    blocks = [_column_by_column(values, offsets, names, alone, weights, column_groups.places(names, only))]
    if len(alone) < len(pool):
        places = [names.index(name) for name in mixed(names, only)]
        given = values[:, places].astype(np.float64)
        if dims:
            given = given @ matrices.projection(len(places), dims)
        counts = values[:, names.index(FOUND)] == 1 if FOUND in names else np.ones(len(values), bool)
        blocks += [_together(given, counts, offsets, name) for name in pool if name in MATRICES]
    return np.hstack(blocks)


def _column_by_column(
    values: NDArray[np.float32],
    offsets: NDArray[np.int64],
    names: Sequence[str],
    pool: Sequence[str],
    weights: Floats | None,
    kept: Sequence[int],
) -> NDArray[np.float32]:
    n_utterances, n_columns = len(offsets) - 1, values.shape[1]
    rows = np.full((n_utterances, len(pool), n_columns), np.nan, np.float32)
    for utterance, (begin, end) in enumerate(itertools.pairwise(offsets)):
        frames = values[begin:end].astype(np.float64)
        for chosen, counting in _parts(frames, names):
            part = frames[counting][:, chosen]
            heavy = None if weights is None else _counting(weights[begin:end][counting])
            for number, name in enumerate(pool):
                rows[utterance, number, chosen] = _statistic(name, part, heavy)
    return rows[:, :, kept].reshape(n_utterances, len(pool) * len(kept))


def _together(
    values: Floats, counts: NDArray[np.bool_], offsets: NDArray[np.int64], statistic: str
) -> NDArray[np.float32]:
    rows = np.full((len(offsets) - 1, matrices.size(values.shape[1], statistic)), np.nan, np.float32)
    for row, (begin, end) in zip(rows, itertools.pairwise(offsets), strict=True):
        frames = values[begin:end][counts[begin:end]]
        if len(frames):
            row[:] = MATRICES[statistic](frames)
    return rows


def _parts(frames: Floats, names: Sequence[str]) -> Iterator[tuple[NDArray[np.bool_], NDArray[np.bool_]]]:
    """Yield which columns, ``(n_columns,) bool``, with which frames count for them, ``(n_frames,) bool``."""
    always = np.isin(names, [FOUND, TIME]) if FOUND in names else np.ones(len(names), bool)
    yield always, np.ones(len(frames), bool)
    if FOUND in names and (found := frames[:, names.index(FOUND)] == 1).any():
        yield ~always, found


def _counting(weights: Floats) -> Floats:
    """Return the weights of the frames of an utterance; if all are 0, the frames count equally."""
    return weights if weights.any() else np.ones_like(weights)


def _statistic(name: str, frames: Floats, weights: Floats | None) -> Floats:
    if name in PLAIN:
        return PLAIN[name](frames, axis=0)
    if weights is None:
        raise ValueError(f"{name} needs the weights of the frames")
    return WEIGHTED[name](frames, weights)
