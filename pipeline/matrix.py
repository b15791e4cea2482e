"""The rows of a corpus, ready to be learned from: each utterance's rows and the table beside them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.manifest import Utterance


@dataclass(frozen=True)
class Matrix:
    """The rows of some utterances under some features.

    Parameters
    ----------
    X : (n_rows, n_columns) float32
        The rows of all utterances, one utterance after another; a feature that an utterance lacks is NaN.
    offsets : (n_utterances + 1,) int64
        Utterance ``i`` owns rows ``offsets[i]`` to ``offsets[i + 1]``, so no clip can straddle two folds.
    utterances : tuple of Utterance
        The table beside the rows: id, speaker, label and the rest.
    columns : tuple of str
        The columns' names.
    present : (n_utterances, n_features) bool
        Which features each utterance has.
    """

    X: NDArray[np.float32]
    offsets: NDArray[np.int64]
    utterances: tuple[Utterance, ...]
    columns: tuple[str, ...]
    present: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.utterances)

    @property
    def speakers(self) -> NDArray[np.str_]:
        """The speaker of each utterance, ``(n_utterances,)``."""
        return np.array([utterance.speaker for utterance in self.utterances])

    @property
    def lengths(self) -> NDArray[np.int64]:
        """How many rows each utterance has, ``(n_utterances,)``."""
        return np.diff(self.offsets)

    def take(self, chosen: NDArray[np.int64] | Sequence[int]) -> "Matrix":
        """Return the matrix of the chosen utterances, in the order given; rows follow."""
        chosen = np.asarray(chosen, dtype=np.int64)
        rows = [np.arange(self.offsets[i], self.offsets[i + 1]) for i in chosen]
        return Matrix(
            X=self.X[np.concatenate(rows)] if rows else self.X[:0],
            offsets=np.concatenate([[0], np.cumsum(self.lengths[chosen])]).astype(np.int64),
            utterances=tuple(self.utterances[i] for i in chosen),
            columns=self.columns,
            present=self.present[chosen],
        )


def normalised_by_speaker(matrix: Matrix) -> Matrix:
    """Return the matrix with every column z-scored within each speaker.

    A speaker's mean and standard deviation come from all of that speaker's rows, those of a speaker who is
    tested among them (without labels): **transductive**, and said wherever a number rests on it. A column
    that does not vary within a speaker becomes zero there.
    """
    X = matrix.X.copy()
    speaker_of_row = np.repeat(matrix.speakers, matrix.lengths)
    for speaker in np.unique(speaker_of_row):
        rows = speaker_of_row == speaker
        values = X[rows].astype(np.float64)
        seen = np.isfinite(values)
        count = np.maximum(seen.sum(axis=0), 1)
        mean = np.where(seen, values, 0.0).sum(axis=0) / count
        centred = values - mean
        deviation = np.sqrt(np.where(seen, centred**2, 0.0).sum(axis=0) / count)
        # A constant column's deviation is rounding noise, not exactly zero.
        flat = deviation <= 1e-7 * np.maximum(np.abs(mean), 1e-30)
        X[rows] = np.where(flat & seen, 0.0, centred / np.where(flat, 1.0, deviation))
    return Matrix(X, matrix.offsets, matrix.utterances, matrix.columns, matrix.present)
