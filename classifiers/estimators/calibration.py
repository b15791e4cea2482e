"""Platt's sigmoids: from decision values to probabilities.

Platt, "Probabilistic outputs for support vector machines and comparisons to regularized likelihood methods"
(1999).
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

Floats = NDArray[np.float64]
Labels = NDArray[Any]


def sigmoids(decisions: Floats, true: Labels, weight: Floats, classes: Labels) -> Floats:
    """Return slope and offset from each class's decision value to the log odds of that class.

    Parameters
    ----------
    decisions : (n_rows, n_classes)
        Decision values of rows that were not learned from; NaN does not count.
    true : (n_rows,)
        The class of each.
    weight : (n_rows,)
        How many times each row counts, above 0.
    classes : (n_classes,)
        The classes, in the order of the columns.

    Returns
    -------
    (n_classes, 2) float64
    """
    columns = zip(decisions.T, classes, strict=True)
    return np.array([_sigmoid(values, true == name, weight) for values, name in columns])


def _sigmoid(values: Floats, own: NDArray[np.bool_], weight: Floats) -> tuple[float, float]:
    """Return slope and offset of one sigmoid.

    His targets lie a little inside 0 and 1. A logistic regression takes them as two weighted rows each.
    """
    known = ~np.isnan(values)
    values, own, weight = values[known], own[known], weight[known]
    n_own, n_other = float(weight[own].sum()), float(weight[~own].sum())
    if not n_own or not n_other:  # nothing to place a slope by: flat at the target
        return 0.0, float(np.log((n_own + 1) / (n_other + 1)))
    target = np.where(own, (n_own + 1) / (n_own + 2), 1 / (n_other + 2))
    regression = LogisticRegression(C=np.inf, tol=1e-8, max_iter=1000).fit(
        np.concatenate([values, values])[:, None],
        np.repeat([1, 0], len(values)),
        sample_weight=np.concatenate([weight * target, weight * (1 - target)]),
    )
    return float(regression.coef_[0, 0]), float(regression.intercept_[0])
