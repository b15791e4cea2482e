"""Moments: scores of the rows of utterances over time, from an estimator that scores them one by one."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Numbers = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Moments:
    """The scores of each row, or segment, of some utterances.

    Parameters
    ----------
    offsets : (n_utterances + 1,) int64
        Utterance ``i`` has moments ``offsets[i]`` to ``offsets[i + 1]``.
    times : (n_moments,) float64
        The middle of each row or segment, s from the utterance's beginning.
    values : (n_moments, n_classes) float64
        One score per class; ``(n_moments, 1)`` for a continuous target, the value itself.
    """

    offsets: Numbers
    times: Floats
    values: Floats

    def take(self, chosen: Numbers | Sequence[int]) -> "Moments":
        """Return the moments of some utterances, in the order given."""
        chosen = np.asarray(chosen, np.int64)
        lengths = np.diff(self.offsets)[chosen]
        offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        own = np.arange(offsets[-1]) + np.repeat(self.offsets[chosen] - offsets[:-1], lengths)
        return Moments(offsets, self.times[own], self.values[own])

    def of_part(self, number: int, n_parts: int) -> tuple[Numbers, Floats]:
        """Return the means of the scores in one of equal parts of each utterance, for those that have rows there.

        Row ``k`` of ``n`` lies at ``(k + 0.5) / n`` of an utterance.

        Returns
        -------
        numbers : (n,) int64
            The utterances.
        values : (n, n_classes) float64
        """
        lengths = np.diff(self.offsets)
        owner = np.repeat(np.arange(len(lengths)), lengths)
        place = (np.arange(len(owner)) - self.offsets[owner] + 0.5) / lengths[owner]
        own = np.flatnonzero((place * n_parts).astype(np.int64) == number)
        numbers, begins, counts = np.unique(owner[own], return_index=True, return_counts=True)
        if not len(numbers):
            return numbers, np.empty((0, self.values.shape[1]))
        return numbers, np.add.reduceat(self.values[own], begins, axis=0) / counts[:, None]


def together(parts: Sequence[Moments]) -> Moments:
    """Return the moments of the utterances of several parts, one part after another."""
    lengths = np.concatenate([np.diff(part.offsets) for part in parts])
    return Moments(
        np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
        np.concatenate([part.times for part in parts]),
        np.concatenate([part.values for part in parts]),
    )
