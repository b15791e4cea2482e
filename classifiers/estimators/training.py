"""Training: from raw arguments of ``fit`` to checked training rows, and their means and scales."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.preprocessing import StandardScaler
from sklearn.utils import check_consistent_length
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from affex.classifiers.base import Target, inner_folds

Rows = NDArray[np.floating[Any]]
Labels = NDArray[Any]
Floats = NDArray[np.float64]
Numbers = NDArray[np.int64]

#: Pairs of (train, test) row numbers.
Folds = Iterable[tuple[ArrayLike, ArrayLike]]

#: Why a search or a calibration is impossible: inner folds leave speakers out.
ONE_SPEAKER = "1 training speaker"

#: Whether all classes have the same total weight, or all rows the same weight.
Weights = Literal["balanced", "none"]


@dataclass(frozen=True, eq=False)
class Training:
    """Checked training data of an estimator.

    Parameters
    ----------
    X : (n_rows, n_columns)
        Rows, float32 or float64; NaN where a value is missing.
    y : (n_rows,)
        Classes, or float64 values.
    weight : (n_rows,) float64
        How many times each row counts.
    groups : (n_rows,)
        The speaker of each row; without groups each row is a group of its own.
    has_groups
        Whether groups were given.
    """

    X: Rows
    y: Labels
    weight: Floats
    groups: Labels
    has_groups: bool = True

    @property
    def counted(self) -> Numbers:
        """The indices of the rows with a weight above 0."""
        return np.flatnonzero(self.weight > 0)

    @property
    def n_groups(self) -> int:
        """The number of groups among the rows that count."""
        return len(np.unique(self.groups[self.weight > 0]))

    def folds(self, inner: Folds | None) -> list[tuple[Numbers, Numbers]]:
        """Return the inner folds, given or from `inner_folds`, without rows that do not count.

        The list is empty if no fold is given and all rows that count belong to one group, or if `inner` is empty.

        Raises
        ------
        ValueError
            If no fold has rows on both sides.
        """
        counts = self.weight > 0
        if inner is None and self.n_groups < 2:
            return []
        if inner is None:
            own = np.flatnonzero(np.isin(self.groups, self.groups[counts]))
            inner = [(own[train], own[test]) for train, test in inner_folds(self.groups[own])]
        pairs = list(inner)
        if not pairs:
            return []
        numbered = ((np.asarray(train, np.int64), np.asarray(test, np.int64)) for train, test in pairs)
        counted = ((train[counts[train]], test[counts[test]]) for train, test in numbered)
        found = [(train, test) for train, test in counted if len(train) and len(test)]
        if not found:
            raise ValueError("no inner fold has rows to learn from and rows to test, of those that count")
        return found


class Learner(BaseEstimator):  # type: ignore[misc]
    """An estimator that learns from checked rows of speakers: the shared `fit` of all estimators.

    A subclass defines its target (`_target`) and learns in `_learn`.
    """

    _target: ClassVar[Target] = "classes"

    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        groups: ArrayLike | None = None,
        *,
        sample_weight: ArrayLike | None = None,
        inner: Folds | None = None,
    ) -> Self:
        """Search for the settings left open on inner folds, then fit on all rows.

        Parameters
        ----------
        X : (n_rows, n_columns)
            NaN where a value is missing.
        y : (n_rows,)
            Classes, or values.
        groups : (n_rows,), optional
            Speakers; inner folds keep each speaker whole. None treats every row as a speaker of its own.
        sample_weight : (n_rows,), optional
            How many times each row counts in every step; class weights multiply it.
        inner
            Inner folds, as pairs of (train, test) row numbers, instead of folds by speaker.

        Raises
        ------
        ValueError
            If all targets are equal, the arguments do not fit together, or the settings do not fit the rows.
        """
        self._learn(checked(self, X, y, groups, sample_weight, target=self._target), inner)
        return self

    def _learn(self, training: Training, inner: Folds | None) -> None:
        raise NotImplementedError


def checked(
    estimator: Any,
    X: ArrayLike,
    y: ArrayLike,
    groups: ArrayLike | None,
    sample_weight: ArrayLike | None,
    *,
    target: Target = "classes",
) -> Training:
    """Return the checked training data of an estimator; set its ``n_features_in_`` and, for classes, ``classes_``.

    Rows may hold NaN for a missing value if the estimator's tags allow it.

    Raises
    ------
    ValueError
        If rows, targets, groups and weights do not fit together, a weight is below 0, or all targets are equal.
    """
    numeric = target == "values"
    rows, targets = validate_data(estimator, X, y, y_numeric=numeric, **_finite(estimator))
    group_of_row = np.arange(len(rows)) if groups is None else np.asarray(groups)
    check_consistent_length(rows, group_of_row)
    weight = _check_sample_weight(sample_weight, rows, dtype=np.float64, ensure_non_negative=True)
    if not numeric:
        check_classification_targets(targets)
    counted = np.unique(targets[weight > 0])
    if len(counted) < 2:
        raise ValueError(_too_few(counted, len(rows), target))
    if numeric:
        targets = targets.astype(np.float64)
    else:
        estimator.classes_ = counted
    return Training(rows, targets, weight, group_of_row, groups is not None)


def checked_rows(estimator: Any, X: ArrayLike) -> Rows:
    """Return rows to be scored as an array, after a check against the rows that the estimator was fitted on.

    Raises
    ------
    NotFittedError
        If it was not fitted.
    ValueError
        If the rows have another number of columns, or infinite values.
    """
    check_is_fitted(estimator)
    rows: Rows = validate_data(estimator, X, reset=False, **_finite(estimator))
    return rows


def balanced(y: Labels, weight: Floats, weights: Weights = "balanced") -> Floats:
    """Return the weight of each row, multiplied by the class weight that gives all classes the same total weight.

    A class's weight is that of scikit-learn's ``"balanced"``, ``n / (n_classes * n_own)``, where `n` counts
    each row as often as its weight says. With ``weights="none"`` each row keeps its own.
    """
    if weights == "none":
        return weight
    _, own = np.unique(y, return_inverse=True)
    counts = np.bincount(own, weights=weight)
    of_class = weight.sum() / (len(counts) * counts)
    product: Floats = of_class[own] * weight
    return product


def fitted_scale(X: Rows, weight: Floats | None = None) -> StandardScaler:
    """Return the means and standard deviations of columns, where each value counts with its row's weight.

    Values that are missing do not count.
    """
    with np.errstate(invalid="ignore"):  # the mean of a column without any value is NaN
        if weight is not None and X.shape[1] > 1 and X.flags.c_contiguous and weight.sum() and not np.isnan(X).any():
            return _scale_of_whole_rows(X, weight)
        return StandardScaler().fit(X, sample_weight=weight)


def _scale_of_whole_rows(X: Rows, weight: Floats) -> StandardScaler:
    """Return the result of `StandardScaler`, to the bit, in a fifth of the time; needs C order and no missing value.

    The variance is that of two passes, corrected (Chan, Golub and LeVeque 1983, doi:10.2307/2683386).
    """
    weight, rows = weight.astype(X.dtype).astype(np.float64), X.astype(np.float64)
    count = np.cumsum(weight)[-1]
    mean = (weight @ rows) / count
    rows -= mean
    drift = weight @ rows
    np.square(rows, out=rows)
    variance = (weight @ rows - drift**2 / count) / count
    scale = StandardScaler()
    scale.n_features_in_, scale.n_samples_seen_ = X.shape[1], count
    scale.mean_, scale.var_, scale.scale_ = mean + 0.0, variance, np.sqrt(variance)
    # A variance that comes from rounding alone means a constant column.
    least = np.finfo(np.float64).eps
    scale.scale_[variance <= count * least * variance + (count * mean * least) ** 2] = 1.0
    return scale


def standardised(scale: StandardScaler, X: Rows) -> Rows:
    """Return z-scores; 0, the mean, for a missing value or a column without values in training."""
    rows: Rows = scale.transform(X)
    rows[np.isnan(rows)] = 0.0
    return rows


def _finite(estimator: Any) -> dict[str, Any]:
    allowed = "allow-nan" if estimator.__sklearn_tags__().input_tags.allow_nan else True
    return {"dtype": (np.float64, np.float32), "ensure_all_finite": allowed}


def _too_few(counted: Labels, n_rows: int, target: Target) -> str:
    if target == "classes":
        found = f"1 class: {counted[0]!s}" if len(counted) else "none with a weight above 0"
        return f"classification needs rows of at least 2 classes, found {found}"
    found = f"{counted[0]!s} only" if len(counted) else "none with a weight above 0"
    return f"regression needs rows of at least 2 different values, found {found} (n_samples={n_rows})"
