"""What our estimators ask of training rows, and what they learn of them first: means and scales."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import check_consistent_length
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

Rows = NDArray[np.floating[Any]]
Labels = NDArray[Any]


def checked(estimator: Any, X: ArrayLike, y: ArrayLike, groups: ArrayLike | None) -> tuple[Rows, Labels, Labels]:
    """Return rows, labels and groups as arrays; without groups each row is a group of its own.

    Rows may hold NaN, for a value that is not there. Sets the estimator's ``n_features_in_`` and ``classes_``.

    Raises
    ------
    ValueError
        If they do not fit together, or are of one class only.
    """
    rows, labels = validate_data(estimator, X, y, dtype=(np.float64, np.float32), ensure_all_finite="allow-nan")
    check_classification_targets(labels)
    group_of_row = np.arange(len(rows)) if groups is None else np.asarray(groups)
    check_consistent_length(rows, group_of_row)
    estimator.classes_ = np.unique(labels)
    if len(estimator.classes_) < 2:
        raise ValueError(
            f"telling classes apart needs rows of at least 2 classes, found 1 class: {estimator.classes_[0]!s}"
        )
    return rows, labels, group_of_row


def checked_rows(estimator: Any, X: ArrayLike) -> Rows:
    """Return rows to be scored as an array, if they are like those the estimator was fitted on.

    Raises
    ------
    NotFittedError
        If it was not fitted.
    ValueError
        If the rows have another number of columns, or infinite values.
    """
    check_is_fitted(estimator)
    rows: Rows = validate_data(estimator, X, reset=False, dtype=(np.float64, np.float32), ensure_all_finite="allow-nan")
    return rows


def standardiser() -> Any:
    """Return the transformer that puts a column's mean where a value is missing, then makes all z-scores.

    Mean and standard deviation are those of the rows that it is fitted on; a column without any value there
    is dropped.
    """
    return make_pipeline(SimpleImputer(), StandardScaler())
