"""Votes: who chose which class of which utterance, as one matrix that folds take rows of."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class NamedVotes:
    """The votes of raters who are told apart.

    Parameters
    ----------
    given : (n_utterances, n_raters * n_classes) float64, sparse rows
        Column ``r * n_classes + k`` is what rater ``r`` gave to class ``k``: 1 for a vote of one label, ``1 / n`` for
        each of ``n`` labels. What a rater gave to labels outside the classes is not in it.
    raters
        The raters' names.
    n_classes
        The number of classes.
    """

    given: Any
    raters: tuple[str, ...]
    n_classes: int

    def __len__(self) -> int:
        return int(self.given.shape[0])

    def take(self, numbers: Numbers) -> "NamedVotes":
        """Return the votes on some utterances, in this order."""
        return NamedVotes(self.given[numbers], self.raters, self.n_classes)

    @property
    def rated(self) -> NDArray[np.bool_]:
        """Which utterances have a vote for a class, ``(n_utterances,)``."""
        found: NDArray[np.bool_] = np.diff(self.given.indptr) > 0
        return found

    @property
    def of_raters(self) -> Floats:
        """How many votes each rater gave, ``(n_raters,)``; a vote that lies half outside the classes counts half."""
        summed: Floats = np.asarray(self.given.sum(axis=0)).reshape(len(self.raters), self.n_classes).sum(axis=1)
        return summed

    @property
    def most_raters(self) -> int:
        """The most raters of one utterance."""
        pairs = np.unique(np.repeat(np.arange(len(self)), np.diff(self.given.indptr)) * len(self.raters) + self.rater)
        return int(np.bincount(pairs // len(self.raters)).max()) if len(pairs) else 0

    @property
    def rater(self) -> Numbers:
        """The rater of each entry of `given`, in the order of the rows."""
        found: Numbers = (self.given.indices // self.n_classes).astype(np.int64)
        return found

    @property
    def totals(self) -> Floats:
        """What all raters together gave to each class of each utterance, ``(n_utterances, n_classes)``."""
        from scipy.sparse import csr_matrix

        chosen = np.arange(self.given.shape[1]) % self.n_classes
        fold = csr_matrix((np.ones(len(chosen)), (np.arange(len(chosen)), chosen)), (len(chosen), self.n_classes))
        summed: Floats = (self.given @ fold).toarray()
        return summed
