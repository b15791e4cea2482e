"""Metrics: the arrow from scores to figures such as UAR.

Everything is pooled over all folds and computed once. There are three kinds. Figures of classes come from one
confusion matrix: ``(n_classes, n_classes) int64``, counts of utterances, rows are the true classes, columns the
predicted ones. Figures of scores (AUC, log loss, calibration error) come from ``(n_utterances, n_classes) float64``,
one score a class. Figures of continuous targets (CCC, Pearson, RMSE, MAE) come from two columns of numbers; their
variances are the population's (divided by n), as Lin's are.

An undefined figure (the recall of a class that never occurs, the precision of one that is never predicted, the
correlation with a constant) is NaN, neither 0 nor 1. Invalid input (no utterance, different lengths, a NaN) raises a
`ValueError`.

There are two averages of recall, with different names: UAR gives each class the same weight, WAR each utterance.
`CLASS_METRICS` and `VALUE_METRICS` list all figures that are one number; `class_figure` and `value_figure` compute
them for any subset of the utterances.

References
----------
B. Schuller, S. Steidl, A. Batliner, The INTERSPEECH 2009 Emotion Challenge, doi:10.21437/Interspeech.2009-103
    (unweighted and weighted average recall).
M. Sokolova, G. Lapalme, A systematic analysis of performance measures for classification tasks,
    doi:10.1016/j.ipm.2009.03.002 (recall, precision, F1).
J. Opitz, S. Burst, Macro F1 and Macro F1, arXiv:1911.03347 (why the mean of the classes' F1).
T. Fawcett, An introduction to ROC analysis, doi:10.1016/j.patrec.2005.10.010 (AUC as a share of pairs; several
    classes, one against the rest).
I. J. Good, Rational decisions, doi:10.1111/j.2517-6161.1952.tb00104.x (log loss).
L. I. Lin, A concordance correlation coefficient to evaluate reproducibility, doi:10.2307/2532051 (CCC).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from affex.pipeline.evaluation import reliability

Counts = NDArray[np.int64]
Shares = NDArray[np.float64]
Numbers = NDArray[np.int64]
Labels = Sequence[str] | NDArray[np.str_]

#: Computes the figure of a subset of the utterances, given by their numbers.
Figure = Callable[[Numbers], float]
#: From the true and the predicted class of each utterance, its scores (None where there are none), and the classes.
ClassFunction = Callable[[Labels, Labels, Shares | None, Sequence[str]], float]
#: From the true and the predicted value of each utterance.
ValueFunction = Callable[[ArrayLike, ArrayLike], float]
Function = TypeVar("Function", ClassFunction, ValueFunction)

#: The lower limit of probabilities in the log loss, as in scikit-learn: a score of 0 for the true class costs 36.04.
EPSILON = float(np.finfo(np.float64).eps)
#: The tolerance for the sum of a row of probabilities, which may have been written with few digits.
ROUNDING = 1e-3


@dataclass(frozen=True)
class Metric(Generic[Function]):
    """A figure that is one number.

    Parameters
    ----------
    title
        Its name in reports.
    low, high
        Its range.
    function
        The function that computes it.
    rises
        Whether a larger figure is better.
    each_class
        Whether it is an average over classes, so that a missing class changes its meaning.
    from_sums
        Computes many such figures from sums over utterances: from confusion matrices ``(..., n_classes, n_classes)``,
        or from sums of `moments` ``(..., 8)``, to ``(...)``. Only headline figures have it.
    """

    title: str
    low: float
    high: float
    function: Function
    rises: bool = True
    each_class: bool = False
    from_sums: Callable[[NDArray[Any]], Shares] | None = None


def confusion_matrix(true: Labels, predicted: Labels, classes: Sequence[str]) -> Counts:
    """Return the confusion matrix.

    Parameters
    ----------
    true, predicted : (n_utterances,)
        The true and the predicted class of each utterance.
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
    return _counted(places(true, classes), places(predicted, classes), len(classes))


def places(labels: Labels, classes: Sequence[str]) -> Numbers:
    """Return each label's place among the classes, ``(n_utterances,) int64``.

    Raises
    ------
    ValueError
        If there is no utterance, a class is named twice, or a label is not a class.
    """
    if len(labels) == 0:
        raise ValueError("no utterances: there is nothing to count")
    names, found = np.asarray(classes, dtype=np.str_), np.asarray(labels, dtype=np.str_)
    order = np.argsort(names)
    if len(np.unique(names)) < len(names):
        raise ValueError(f"a class is named twice: {', '.join(classes)}")
    place: Numbers = order[np.searchsorted(names, found, sorter=order).clip(max=len(names) - 1)]
    unknown = np.unique(found[names[place] != found])
    if len(unknown):
        raise ValueError(f"labels that are not classes: {', '.join(unknown)} (classes: {', '.join(classes)})")
    return place


def recalls(confusion: ArrayLike) -> Shares:
    """Return each class's recall, ``TP / (TP + FN)``; NaN for a class that never occurs."""
    return _recalls(_checked(confusion))


def precisions(confusion: ArrayLike) -> Shares:
    """Return each class's precision, ``TP / (TP + FP)``; NaN for a class that is never predicted."""
    counts = _checked(confusion)
    return _shares(np.diag(counts), counts.sum(axis=0))


def f1s(confusion: ArrayLike) -> Shares:
    """Return each class's F1, ``2 TP / (2 TP + FP + FN)``; NaN for a class that neither occurs nor is predicted.

    It is the harmonic mean of recall and precision wherever both are defined.
    """
    return _f1s(_checked(confusion))


def uar(confusion: ArrayLike) -> float:
    """Return the unweighted average recall: the mean recall of the classes that occur.

    Chance is ``1 / n_classes``, however the classes are distributed.
    """
    return float(_uar(_checked(confusion)))


def war(confusion: ArrayLike) -> float:
    """Return the weighted average recall: the recalls weighted by how often each class occurs.

    It is the proportion of correctly predicted utterances. Always predicting the most frequent class reaches that
    class's proportion.
    """
    return float(_war(_checked(confusion)))


def macro_f1(confusion: ArrayLike) -> float:
    """Return the mean of the classes' F1, over the classes that occur or are predicted."""
    return float(_macro_f1(_checked(confusion)))


def weighted_f1(confusion: ArrayLike) -> float:
    """Return the mean of the classes' F1, each weighted by how often the class occurs."""
    return float(_weighted_f1(_checked(confusion)))


def auc(true: Labels, scores: ArrayLike, classes: Sequence[str]) -> float:
    """Return the mean area under the classes' ROC curves, each class against the rest, all with equal weight (macro).

    A class's area is a proportion of pairs: each pair has one utterance of the class and one of another class, and
    counts if the former has the larger score of that class; equal scores count half. The scores of all folds are
    ranked together, so a fold with another scale of scores reduces the area.

    Parameters
    ----------
    true : (n_utterances,)
        The class of each utterance.
    scores : (n_utterances, n_classes)
        One score per class, of any scale.
    classes
        The classes, as the columns of `scores`.

    Returns
    -------
    float
        In [0, 1], .5 by chance; the mean over the classes that occur, NaN where only one does.

    Raises
    ------
    ValueError
        If labels and scores do not fit together, or a score is not a finite number.
    """
    from scipy.stats import rankdata

    place, values = _scored(true, scores, classes)
    there = np.unique(place)
    if len(there) < 2:
        return float("nan")
    own = place[:, None] == there
    n = own.sum(axis=0)
    wins = np.where(own, rankdata(values[:, there], axis=0), 0).sum(axis=0) - n * (n + 1) / 2
    return float(np.mean(wins / (n * (len(place) - n))))


def log_loss(true: Labels, scores: ArrayLike, classes: Sequence[str]) -> float:
    """Return the mean of ``-ln p``, where ``p`` is the probability given to the true class, in nats.

    Probabilities below `EPSILON` count as `EPSILON`. Equal probabilities give ``ln n_classes``. Parameters and errors
    are those of `auc`; scores that are not probabilities raise an error, too.
    """
    place, values = _probabilities(true, scores, classes)
    given = values[np.arange(len(place)), place]
    return float(-np.log(np.clip(given, EPSILON, 1)).mean())


def calibration_error(true: Labels, predicted: Labels, scores: ArrayLike | None, classes: Sequence[str]) -> float:
    """Return the expected calibration error (ECE) of the confidence in the decisions; see `reliability`.

    The confidence is the score of the predicted class, which need not be the largest. Parameters and errors are those
    of `log_loss`.
    """
    place, values = _probabilities(true, scores, classes)
    decided = places(predicted, classes)
    return reliability.calibration_error(values[np.arange(len(place)), decided], decided == place)


def ccc(true: ArrayLike, predicted: ArrayLike) -> float:
    """Return the concordance correlation coefficient, ``2 s_xy / (s_x^2 + s_y^2 + (mean_x - mean_y)^2)``.

    In [-1, 1]; 1 only if every prediction is exact. If one of the two is constant it is 0, if both are, NaN.
    """
    x, y = _columns(true, predicted)
    return float("nan") if _constant(x) and _constant(y) else float(_ccc(_joint(x, y)))


def pearson(true: ArrayLike, predicted: ArrayLike) -> float:
    """Return Pearson's correlation, ``s_xy / (s_x s_y)``; NaN where one of the two is constant."""
    x, y = _columns(true, predicted)
    return float("nan") if _constant(x) or _constant(y) else float(_pearson(_joint(x, y)))


def rmse(true: ArrayLike, predicted: ArrayLike) -> float:
    """Return the root mean squared error, ``sqrt(mean((x - y)^2))``, in the target's unit."""
    x, y = _columns(true, predicted)
    return float(np.sqrt(np.mean((x - y) ** 2)))


def mae(true: ArrayLike, predicted: ArrayLike) -> float:
    """Return the mean absolute error, ``mean(|x - y|)``, in the target's unit."""
    x, y = _columns(true, predicted)
    return float(np.mean(np.abs(x - y)))


def moments(true: ArrayLike, predicted: ArrayLike) -> NDArray[np.float64]:
    """Return the moments whose sums give a continuous target's headline figures, ``(n_utterances, 8) float64``.

    The columns are ``1, x, y, x^2, y^2, x y, |x - y|, (x - y)^2``. The mean of `true` is subtracted from both: this
    does not change the figures, and keeps the squares small.
    """
    x, y = _columns(true, predicted)
    x, y = x - x.mean(), y - x.mean()
    return np.column_stack([np.ones_like(x), x, y, x * x, y * y, x * y, np.abs(x - y), (x - y) ** 2])


def class_figure(
    name: str, true: Labels, predicted: Labels, scores: ArrayLike | None, classes: Sequence[str]
) -> Figure:
    """Return a function that computes one of `CLASS_METRICS` for any subset of the utterances.

    An average over classes is NaN for a subset that lacks one of the classes: its meaning would differ.

    Parameters
    ----------
    name
        The figure's name.
    true, predicted : (n_utterances,)
        The true and the predicted class of each utterance.
    scores : (n_utterances, n_classes), or None
        One score per class; None is enough for figures that need no scores.
    classes
        The classes, as the columns of `scores`.

    Raises
    ------
    ValueError
        If the inputs do not fit together.
    """
    metric = CLASS_METRICS[name]
    is_class, taken_for = places(true, classes), places(predicted, classes)
    if len(is_class) != len(taken_for):
        raise ValueError(f"{len(is_class)} true labels, but {len(taken_for)} predicted ones")
    labels, assigned = np.asarray(true), np.asarray(predicted)
    values = None if scores is None else np.asarray(scores, dtype=np.float64)
    n_there = len(np.unique(is_class))

    def figure(part: Numbers) -> float:
        if metric.each_class and len(np.unique(is_class[part])) < n_there:
            return float("nan")
        if metric.from_sums is not None:
            return float(metric.from_sums(_counted(is_class[part], taken_for[part], len(classes))))
        return metric.function(labels[part], assigned[part], None if values is None else values[part], classes)

    return figure


def value_figure(name: str, true: ArrayLike, predicted: ArrayLike) -> Figure:
    """Return a function that computes one of `VALUE_METRICS` for any subset of the utterances.

    Raises
    ------
    ValueError
        If the inputs do not fit together.
    """
    metric = VALUE_METRICS[name]
    x, y = _columns(true, predicted)
    return lambda part: metric.function(x[part], y[part])


class _Joint(NamedTuple):
    """How two columns vary together; each field ``(...)``."""

    distance: Shares  # of the means
    true: Shares  # variances
    predicted: Shares
    both: Shares  # covariance


def _joint(x: Shares, y: Shares) -> _Joint:
    dx, dy = x - x.mean(), y - y.mean()
    return _Joint(*map(np.asarray, (x.mean() - y.mean(), np.mean(dx * dx), np.mean(dy * dy), np.mean(dx * dy))))


def _joint_of_sums(sums: Shares) -> _Joint:
    mean = sums / sums[..., :1]
    x, y = mean[..., 1], mean[..., 2]
    return _Joint(x - y, mean[..., 3] - x * x, mean[..., 4] - y * y, mean[..., 5] - x * y)


def _ccc(joint: _Joint) -> Shares:
    return _shares(2 * joint.both, joint.true + joint.predicted + joint.distance**2)


def _pearson(joint: _Joint) -> Shares:
    return _shares(joint.both, np.sqrt(np.maximum(joint.true, 0)) * np.sqrt(np.maximum(joint.predicted, 0)))


def _recalls(counts: NDArray[Any]) -> Shares:
    return _shares(_right(counts), counts.sum(axis=-1))


def _f1s(counts: NDArray[Any]) -> Shares:
    return _shares(2 * _right(counts), counts.sum(axis=-2) + counts.sum(axis=-1))


def _uar(counts: NDArray[Any]) -> Shares:
    return np.asarray(np.nanmean(_recalls(counts), axis=-1))


def _war(counts: NDArray[Any]) -> Shares:
    return np.asarray(_right(counts).sum(axis=-1) / counts.sum(axis=(-2, -1)))


def _macro_f1(counts: NDArray[Any]) -> Shares:
    return np.asarray(np.nanmean(_f1s(counts), axis=-1))


def _weighted_f1(counts: NDArray[Any]) -> Shares:
    n = counts.sum(axis=-1)
    return np.asarray(np.nansum(n * _f1s(counts), axis=-1) / n.sum(axis=-1))


def _right(counts: NDArray[Any]) -> NDArray[Any]:
    return np.diagonal(counts, axis1=-2, axis2=-1)


def _shares(part: NDArray[Any], whole: NDArray[Any]) -> Shares:
    shares = np.full(np.shape(whole), np.nan)
    np.divide(part, whole, out=shares, where=np.asarray(whole > 0))
    return shares


def _counted(true: Numbers, predicted: Numbers, n_classes: int) -> Counts:
    return np.bincount(true * n_classes + predicted, minlength=n_classes**2).reshape(n_classes, n_classes)


def _checked(confusion: ArrayLike) -> Counts:
    counts = np.asarray(confusion)
    if counts.ndim != 2 or counts.shape[0] != counts.shape[1]:
        raise ValueError(f"a confusion matrix is square, (n_classes, n_classes); got shape {counts.shape}")
    if not np.issubdtype(counts.dtype, np.integer) or (counts < 0).any():
        raise ValueError("a confusion matrix holds counts: whole numbers, none below 0")
    if counts.sum() == 0:
        raise ValueError("no utterances: every count of the confusion matrix is 0")
    return counts.astype(np.int64)


def _scored(true: Labels, scores: ArrayLike | None, classes: Sequence[str]) -> tuple[Numbers, Shares]:
    if scores is None:
        raise ValueError("this figure is one of scores, and there are none")
    place, values = places(true, classes), np.asarray(scores, dtype=np.float64)
    if values.shape != (len(place), len(classes)):
        raise ValueError(f"scores have shape {values.shape}, expected {(len(place), len(classes))}: one a class")
    if not np.isfinite(values).all():
        raise ValueError(f"utterance number {np.argwhere(~np.isfinite(values))[0][0]} has a score that is not finite")
    return place, values


def _probabilities(true: Labels, scores: ArrayLike | None, classes: Sequence[str]) -> tuple[Numbers, Shares]:
    place, values = _scored(true, scores, classes)
    wrong = (values < 0).any(axis=1) | (values > 1).any(axis=1) | (np.abs(values.sum(axis=1) - 1) > ROUNDING)
    if wrong.any():
        row = int(np.argmax(wrong))
        raise ValueError(f"the scores of utterance number {row} are no probabilities: {values[row].tolist()}")
    return place, values


def _columns(true: ArrayLike, predicted: ArrayLike) -> tuple[Shares, Shares]:
    x, y = np.asarray(true, dtype=np.float64), np.asarray(predicted, dtype=np.float64)
    if x.ndim != 1 or y.ndim != 1:
        raise ValueError(f"values are one number an utterance; got shapes {x.shape} and {y.shape}")
    if len(x) != len(y):
        raise ValueError(f"{len(x)} true values, but {len(y)} predicted ones")
    if len(x) == 0:
        raise ValueError("no utterances: there is nothing to compare")
    for name, column in (("true", x), ("predicted", y)):
        if not np.isfinite(column).all():
            raise ValueError(f"the {name} value of utterance number {np.argmin(np.isfinite(column))} is not finite")
    return x, y


def _constant(column: Shares) -> bool:
    return bool(np.ptp(column) == 0)


def _of_labels(formula: Callable[[Counts], Shares]) -> ClassFunction:
    return lambda true, predicted, _scores, classes: float(formula(confusion_matrix(true, predicted, classes)))


def _of_scores(formula: Callable[..., float]) -> ClassFunction:
    return lambda true, _predicted, scores, classes: formula(true, scores, classes)


#: The figures of classes, by name, headlines first.
CLASS_METRICS: Mapping[str, Metric[ClassFunction]] = {
    "uar": Metric("UAR", 0, 1, _of_labels(_uar), each_class=True, from_sums=_uar),
    "war": Metric("WAR", 0, 1, _of_labels(_war), from_sums=_war),
    "macro_f1": Metric("macro F1", 0, 1, _of_labels(_macro_f1), each_class=True, from_sums=_macro_f1),
    "weighted_f1": Metric("weighted F1", 0, 1, _of_labels(_weighted_f1)),
    "auc": Metric("AUC (one against the rest, macro)", 0, 1, _of_scores(auc), each_class=True),
    "log_loss": Metric("log loss (nats)", 0, np.inf, _of_scores(log_loss), rises=False),
    "calibration_error": Metric("calibration error (ECE)", 0, 1, calibration_error, rises=False),
}
#: The figures of continuous targets, by name; all are headlines.
VALUE_METRICS: Mapping[str, Metric[ValueFunction]] = {
    "ccc": Metric("CCC", -1, 1, ccc, from_sums=lambda sums: _ccc(_joint_of_sums(sums))),
    "pearson": Metric("Pearson", -1, 1, pearson, from_sums=lambda sums: _pearson(_joint_of_sums(sums))),
    "rmse": Metric("RMSE", 0, np.inf, rmse, rises=False, from_sums=lambda s: np.sqrt(s[..., 7] / s[..., 0])),
    "mae": Metric("MAE", 0, np.inf, mae, rises=False, from_sums=lambda s: np.asarray(s[..., 6] / s[..., 0])),
}
#: The figures that have an interval and can be compared.
CLASS_HEADLINES = tuple(name for name, metric in CLASS_METRICS.items() if metric.from_sums is not None)
VALUE_HEADLINES = tuple(VALUE_METRICS)


def headlines(classes: Sequence[str]) -> dict[str, Metric[Any]]:
    """Return the figures that have an interval, by name; the first is the main figure.

    Parameters
    ----------
    classes
        The classes; empty for a continuous target.
    """
    if classes:
        return {name: CLASS_METRICS[name] for name in CLASS_HEADLINES}
    return {name: VALUE_METRICS[name] for name in VALUE_HEADLINES}
