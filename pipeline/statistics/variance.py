"""Variance: the arrow from rows to how much of their spread speaker and class explain.

Columns are standardised, so each counts the same, and the shares are those of the sum of squares of all columns
together: the squared Euclidean distances from the mean. Speaker and class are additive effects. What both explain
beyond the one alone is the unique share of the other. If the classes are not in the same proportions for every speaker,
a part of the spread can be put down to either, and belongs to neither's unique share.

All of it follows from the sums of each speaker's rows of each class (the cells), so the jackknife over speakers costs
little. With more than `MOST` speakers, groups of speakers are left out.

References
----------
B. H. McArdle, M. J. Anderson, Fitting multivariate models to community data: a comment on distance-based redundancy
    analysis, doi:10.1890/0012-9658(2001)082[0290:FMMTCD]2.0.CO;2 (shares of the sum of squared distances).
"""

import functools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from affex.pipeline.evaluation.intervals import Interval, jackknife
from affex.pipeline.statistics.standard import standardised, varying

Floats = NDArray[np.float64]
Numbers = NDArray[np.int64]

#: The most clusters of the jackknife.
MOST = 60


@dataclass(frozen=True)
class Shares:
    """How much of the spread of some rows speaker and class explain; shares of 1 with intervals over speakers.

    Parameters
    ----------
    n_utterances, n_columns
        The utterances with a speaker, a class and rows; the columns that vary.
    n_speakers, n_classes
        Among these utterances.
    speaker, label, both
        What each explains alone, and both together (eta squared).
    only_speaker, only_label
        What the one explains beyond the other.
    speaker_by_chance, label_by_chance
        What a random assignment of the utterances to as many groups explains on average: ``(k - 1) / (n - 1)``.
    """

    n_utterances: int
    n_columns: int
    n_speakers: int
    n_classes: int
    speaker: Interval
    label: Interval
    both: Interval
    only_speaker: Interval
    only_label: Interval
    speaker_by_chance: float
    label_by_chance: float


@dataclass(frozen=True, eq=False)
class _Cells:
    """The rows of each speaker and class: their number, their sum, and their sum of squares over all columns.

    Parameters
    ----------
    speaker, label : (n_cells,) int64
        The numbers of speaker and class.
    n : (n_cells,) float64
    sums : (n_cells, n_columns) float64
    squares : (n_cells,) float64
    """

    speaker: Numbers
    label: Numbers
    n: Floats
    sums: Floats
    squares: Floats

    def take(self, chosen: Numbers) -> "_Cells":
        """Return some of the cells; speakers and classes are numbered anew."""
        speaker, label = (np.unique(of[chosen], return_inverse=True)[1] for of in (self.speaker, self.label))
        return _Cells(speaker, label, self.n[chosen], self.sums[chosen], self.squares[chosen])


def shares(X: NDArray[np.float32], speakers: Sequence[str], labels: Sequence[str]) -> Shares | None:
    """Return what speaker and class explain; None with fewer than two speakers or classes, or without any spread.

    Parameters
    ----------
    X : (n_utterances, n_columns) float32
        One row an utterance, finite.
    speakers, labels
        The speaker and the class of each.
    """
    who, of_speaker = np.unique(np.asarray(speakers), return_inverse=True)
    names, of_class = np.unique(np.asarray(labels), return_inverse=True)
    if min(len(who), len(names)) < 2 or not varying(X).any():
        return None
    n, cells = len(X), _cells(standardised(X), of_speaker, of_class)
    remembered = _Remembered(cells)
    speaker, label, both, only_speaker, only_label = (
        jackknife(functools.partial(_share, remembered, number), cells.speaker % MOST) for number in range(5)
    )
    return Shares(
        n_utterances=n,
        n_columns=cells.sums.shape[1],
        n_speakers=len(who),
        n_classes=len(names),
        speaker=speaker,
        label=label,
        both=both,
        only_speaker=only_speaker,
        only_label=only_label,
        speaker_by_chance=(len(who) - 1) / (n - 1),
        label_by_chance=(len(names) - 1) / (n - 1),
    )


def _cells(Z: Floats, of_speaker: Numbers, of_class: Numbers) -> _Cells:
    n_classes = of_class.max() + 1
    codes, place = np.unique(of_speaker * n_classes + of_class, return_inverse=True)
    order = np.argsort(place, kind="stable")
    starts = np.searchsorted(place[order], np.arange(len(codes)))
    n = np.bincount(place).astype(np.float64)
    squares = np.bincount(place, weights=(Z**2).sum(axis=1)).astype(np.float64)
    return _Cells(codes // n_classes, codes % n_classes, n, np.add.reduceat(Z[order], starts), squares)


class _Remembered:
    """The shares of some cells, each set computed once."""

    def __init__(self, cells: _Cells) -> None:
        self._of = functools.cache(lambda chosen: _explained(cells.take(np.frombuffer(chosen, np.int64))))

    def shares(self, chosen: Numbers) -> Floats:
        """Return `_explained` of the chosen cells."""
        return self._of(chosen.astype(np.int64).tobytes())


def _share(remembered: _Remembered, number: int, chosen: Numbers) -> float:
    return float(remembered.shares(chosen)[number])


def _explained(cells: _Cells) -> Floats:
    """Return the shares of speaker, class, both, only speaker and only class; NaN without any spread.

    The model of both is fitted to what speakers leave unexplained (Frisch, Waugh and Lovell), so that only a system of
    the size of the classes is solved.
    """
    n, whole = cells.n.sum(), cells.sums.sum(axis=0)
    mean = float(whole @ whole) / n
    spread = float(cells.squares.sum()) - mean
    if spread <= 0:
        return np.full(5, np.nan)
    by_speaker, n_speaker = _summed(cells, cells.speaker)
    by_class, n_class = _summed(cells, cells.label)
    table = np.zeros((len(n_speaker), len(n_class)))
    table[cells.speaker, cells.label] = cells.n
    speaker, label = ((sums**2).sum(axis=1) @ (1 / n) for sums, n in ((by_speaker, n_speaker), (by_class, n_class)))
    rest = by_class - table.T @ (by_speaker / n_speaker[:, None])
    system = np.diag(n_class) - table.T @ (table / n_speaker[:, None])
    both = speaker + float((rest * (np.linalg.pinv(system, hermitian=True) @ rest)).sum())
    one, other, together = (np.clip((value - mean) / spread, 0, 1) for value in (speaker, label, both))
    return np.array([one, other, together, max(0, together - other), max(0, together - one)])


def _summed(cells: _Cells, groups: Numbers) -> tuple[Floats, Floats]:
    """Return the sum of the rows of each group, ``(n_groups, n_columns)``, and the number of its rows."""
    order = np.argsort(groups, kind="stable")
    starts = np.searchsorted(groups[order], np.arange(groups.max() + 1))
    return np.add.reduceat(cells.sums[order], starts), np.bincount(groups, weights=cells.n).astype(np.float64)
