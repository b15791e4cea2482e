"""Sequences: from the rows of utterances, stream by stream, to padded batches.

Each stream is scaled by what its training rows tell: columns to mean 0 and standard deviation 1, pictures by channel.
Plain columns may be reduced to their principal components. A missing value becomes 0, the mean.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.preprocessing import StandardScaler

from affex.classifiers.estimators.training import Numbers, Rows

#: Principal components of more columns than this are computed by the randomised algorithm of Halko et al. 2011,
#: doi:10.1137/090771806.
MANY_COLUMNS = 1000
#: Rows from which the scale of a stream is computed at once.
AT_ONCE = 1 << 14


@dataclass(frozen=True, eq=False)
class Sequences:
    """The rows of utterances, and how they belong together.

    Parameters
    ----------
    streams
        The rows of each stream, ``(n_rows, *row_shape)`` float.
    offsets
        Of each stream, ``(n_utterances + 1,)``: utterance ``i`` has rows ``offsets[i]`` to ``offsets[i + 1]``.
    dialogs : (n_dialogs + 1,)
        Dialog ``i`` has utterances ``dialogs[i]`` to ``dialogs[i + 1]``, in order of time.
    """

    streams: tuple[Rows, ...]
    offsets: tuple[Numbers, ...]
    dialogs: Numbers

    def __len__(self) -> int:
        return len(self.offsets[0]) - 1

    @property
    def row_shapes(self) -> list[tuple[int, ...]]:
        """The shape of a row of each stream."""
        return [rows.shape[1:] for rows in self.streams]

    def first_rows(self, most: int) -> "Sequences":
        """Return sequences of so many rows at the most, the first of each utterance; of all rows if that is 0."""
        if not most:
            return self
        kept = [np.arange(offsets[-1]) - np.repeat(offsets[:-1], np.diff(offsets)) < most for offsets in self.offsets]
        return Sequences(
            tuple(rows[own] for rows, own in zip(self.streams, kept, strict=True)),
            tuple(np.append(0, np.cumsum(np.minimum(np.diff(offsets), most))) for offsets in self.offsets),
            self.dialogs,
        )

    def of_dialogs(self, numbers: Numbers) -> Numbers:
        """Return the utterances of dialogs, dialog after dialog."""
        return np.concatenate([np.arange(self.dialogs[n], self.dialogs[n + 1]) for n in numbers])


def sequences(X: Any, offsets: Any, dialogs: Any) -> Sequences:
    """Return checked sequences.

    Parameters
    ----------
    X : (n_rows, ...) or list of them
        The rows of one stream, or of each.
    offsets : (n_utterances + 1,) or list of them, optional
        Which rows each utterance has; a list if there are several streams. None takes each row as an utterance.
    dialogs : (n_dialogs + 1,), optional
        None takes each utterance as a dialog of its own.

    Raises
    ------
    ValueError
        If they do not fit together, or a value is infinite.
    """
    several = isinstance(offsets, list)
    streams = tuple(np.asarray(rows) for rows in (X if several else [X]))
    limits = offsets if several else [np.arange(len(streams[0]) + 1) if offsets is None else offsets]
    of_streams = tuple(np.asarray(limit, np.int64) for limit in limits)
    n_utterances = len(of_streams[0]) - 1
    if len(of_streams) != len(streams) or any(len(limit) - 1 != n_utterances for limit in of_streams):
        raise ValueError("offsets: expected as many as there are streams, all of the same utterances")
    if any(limit[-1] != len(rows) for limit, rows in zip(of_streams, streams, strict=True)):
        raise ValueError("offsets: expected the last to be the number of the stream's rows")
    if any(np.isinf(rows).any() for rows in streams):
        raise ValueError("Input X contains infinity: expected numbers, or NaN for a missing value")
    found = np.arange(n_utterances + 1) if dialogs is None else np.asarray(dialogs, np.int64)
    if found[-1] != n_utterances:
        raise ValueError(f"dialogs: expected the last to be the number of utterances, {n_utterances}")
    return Sequences(streams, of_streams, found)


@dataclass(frozen=True, eq=False)
class Scale:
    """How the rows of a stream become the input of a network.

    Parameters
    ----------
    mean, deviation : (n_columns,) or (n_channels,) float32
        What is subtracted from each value, and what it is divided by.
    components : (n_components, n_columns) float32, or None
        Principal components of the scaled columns, divided by their standard deviations.
    """

    mean: NDArray[np.float32]
    deviation: NDArray[np.float32]
    components: NDArray[np.float32] | None = None

    def shape(self, row_shape: tuple[int, ...]) -> tuple[int, ...]:
        """Return the shape of a scaled row."""
        return row_shape if self.components is None else (len(self.components),)

    def scaled(self, rows: Rows) -> NDArray[np.float32]:
        """Return scaled rows, 0 for a missing value."""
        scaled: NDArray[np.float32] = ((rows - self.mean) / self.deviation).astype(np.float32)
        scaled[np.isnan(scaled)] = 0.0
        if self.components is None:
            return scaled
        reduced: NDArray[np.float32] = scaled @ self.components.T
        return reduced


def scale(rows: Rows, weight: NDArray[np.float64], n_components: int, seed: int) -> Scale:
    """Return the scale of a stream's training rows, which are read in parts.

    Parameters
    ----------
    rows : (n_rows, *row_shape)
    weight : (n_rows,)
        How many times each row counts; one with weight 0 is not read.
    n_components
        How many principal components are kept, at most; 0 keeps the columns. Pictures are never reduced.
    """
    found = StandardScaler()
    for first in range(0, len(rows), AT_ONCE):
        part = slice(first, first + AT_ONCE)
        counted = weight[part] > 0
        if counted.any():
            columns = rows[part][counted].reshape(-1, rows.shape[-1])
            repeated = np.repeat(weight[part][counted], prod(rows.shape[1:-1]))
            found.partial_fit(columns, sample_weight=repeated)
    mean, deviation = (getattr(found, name, np.full(rows.shape[-1], np.nan)) for name in ("mean_", "scale_"))
    scaled = Scale(np.nan_to_num(mean).astype(np.float32), np.nan_to_num(deviation, nan=1.0).astype(np.float32))
    if not n_components or rows.ndim > 2:
        return scaled
    return Scale(scaled.mean, scaled.deviation, _principal(scaled.scaled(rows[weight > 0]), n_components, seed))


def _principal(rows: NDArray[np.float32], n_components: int, seed: int) -> NDArray[np.float32]:
    from sklearn.decomposition import PCA

    kept = min(n_components, *rows.shape)
    found = PCA(kept, svd_solver="randomized" if rows.shape[1] > MANY_COLUMNS else "full", random_state=seed).fit(rows)
    deviations = np.sqrt(np.maximum(found.explained_variance_, np.finfo(np.float32).eps))
    components: NDArray[np.float32] = (found.components_ / deviations[:, None]).astype(np.float32)
    return components


@dataclass(frozen=True, eq=False)
class Batch:
    """The utterances of some dialogs, padded.

    Parameters
    ----------
    streams
        Of each stream rows ``(n, n_steps, *row_shape)`` float32 and their mask ``(n, n_steps)`` bool.
    dialogs
        How many utterances each dialog has.
    """

    streams: list[tuple[torch.Tensor, torch.Tensor]]
    dialogs: list[int]


def batch(given: Sequences, scales: Sequence[Scale], dialogs: Numbers, device: str) -> Batch:
    """Return the utterances of dialogs as padded rows on a device."""
    numbers = given.of_dialogs(dialogs)
    streams = [
        _padded(rows, offsets, numbers, how, device)
        for rows, offsets, how in zip(given.streams, given.offsets, scales, strict=True)
    ]
    return Batch(streams, np.diff(given.dialogs)[dialogs].tolist())


def _padded(
    rows: Rows, offsets: Numbers, numbers: Numbers, how: Scale, device: str
) -> tuple[torch.Tensor, torch.Tensor]:
    lengths = np.diff(offsets)[numbers]
    mask = np.arange(max(1, lengths.max(initial=0))) < lengths[:, None]
    own = np.concatenate([np.arange(offsets[n], offsets[n + 1]) for n in numbers])
    padded = np.zeros((*mask.shape, *how.shape(rows.shape[1:])), np.float32)
    padded[mask] = how.scaled(rows[own])
    return torch.from_numpy(padded).to(device), torch.from_numpy(mask).to(device)
