"""Metrics: the arrow from scores to the few numbers that are read.

Everything is computed from one confusion matrix, pooled over all folds: ``(n_classes, n_classes) int64``,
counts of utterances, rows are the true classes, columns the predicted ones. All metrics are shares in
[0, 1], without unit. A share of nothing (the recall of a class that never occurs, the precision of one that
is never predicted) is NaN: it is undefined, neither 0 nor 1.

There are two averages, and every figure's name says which it is: UAR gives each class the same weight,
WAR each utterance.

References
----------
B. Schuller, S. Steidl, A. Batliner, The INTERSPEECH 2009 Emotion Challenge, doi:10.21437/Interspeech.2009-103
    (unweighted and weighted average recall).
M. Sokolova, G. Lapalme, A systematic analysis of performance measures for classification tasks,
    doi:10.1016/j.ipm.2009.03.002 (recall, precision, F1).
J. Opitz, S. Burst, Macro F1 and Macro F1, arXiv:1911.03347 (why the mean of the classes' F1).
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

Counts = NDArray[np.int64]
Shares = NDArray[np.float64]


def confusion_matrix(true: Sequence[str], predicted: Sequence[str], classes: Sequence[str]) -> Counts:
    """Count how often each class was taken for each.

    Parameters
    ----------
    true, predicted : (n_utterances,)
        The class of each utterance, and what it was taken for.
    classes
        The order of rows and columns.

    Returns
    -------
    (n_classes, n_classes) int64
        ``[i, j]`` utterances of class ``i`` were predicted as class ``j``.

    Raises
    ------
    ValueError
        If the lengths differ, there is no utterance, a class is named twice, or a label is not a class.
    """
    if len(true) != len(predicted):
        raise ValueError(f"{len(true)} true labels, but {len(predicted)} predicted ones")
    if len(true) == 0:
        raise ValueError("no utterances: there is nothing to count")
    place = {name: i for i, name in enumerate(classes)}
    if len(place) < len(classes):
        raise ValueError(f"a class is named twice: {', '.join(classes)}")
    strange = sorted({str(label) for label in (*true, *predicted) if label not in place})
    if strange:
        raise ValueError(f"labels that are not classes: {', '.join(strange)} (classes: {', '.join(classes)})")
    counts = np.zeros((len(classes), len(classes)), dtype=np.int64)
    np.add.at(counts, ([place[label] for label in true], [place[label] for label in predicted]), 1)
    return counts


def recalls(confusion: ArrayLike) -> Shares:
    """Return each class's recall, ``TP / (TP + FN)``; NaN for a class that never occurs."""
    counts = _checked(confusion)
    return _shares(np.diag(counts), counts.sum(axis=1))


def precisions(confusion: ArrayLike) -> Shares:
    """Return each class's precision, ``TP / (TP + FP)``; NaN for a class that is never predicted."""
    counts = _checked(confusion)
    return _shares(np.diag(counts), counts.sum(axis=0))


def f1s(confusion: ArrayLike) -> Shares:
    """Return each class's F1, ``2 TP / (2 TP + FP + FN)``; NaN for one neither there nor predicted.

    It is the harmonic mean of recall and precision wherever both are defined.
    """
    counts = _checked(confusion)
    return _shares(2 * np.diag(counts), counts.sum(axis=0) + counts.sum(axis=1))


def uar(confusion: ArrayLike) -> float:
    """Return the unweighted average recall: the mean recall of the classes that occur.

    Chance is ``1 / n_classes``, however the classes are distributed.
    """
    return float(np.nanmean(recalls(confusion)))


def war(confusion: ArrayLike) -> float:
    """Return the weighted average recall: the recalls weighted by how often each class occurs.

    It is the share of utterances predicted right; always guessing the most frequent class reaches that
    class's share.
    """
    counts = _checked(confusion)
    return float(np.trace(counts) / counts.sum())


def macro_f1(confusion: ArrayLike) -> float:
    """Return the mean of the classes' F1, over the classes that occur or are predicted."""
    return float(np.nanmean(f1s(confusion)))


def _checked(confusion: ArrayLike) -> Counts:
    counts = np.asarray(confusion)
    if counts.ndim != 2 or counts.shape[0] != counts.shape[1]:
        raise ValueError(f"a confusion matrix is square, (n_classes, n_classes); got shape {counts.shape}")
    if not np.issubdtype(counts.dtype, np.integer) or (counts < 0).any():
        raise ValueError("a confusion matrix holds counts: whole numbers, none below 0")
    if counts.sum() == 0:
        raise ValueError("no utterances: every count of the confusion matrix is 0")
    return counts.astype(np.int64)


def _shares(part: Counts, whole: Counts) -> Shares:
    return np.where(whole > 0, part / np.maximum(whole, 1), np.nan)
