"""Calibration: from a support-vector machine's decision values to probabilities.

Each class has a sigmoid if the inner data allow it (Platt, "Probabilistic outputs for support vector machines and
comparisons to regularized likelihood methods", 1999). With few speakers some sigmoids do not rise: the class would then
lose probability the more the machine decides for it. In that case all classes share one slope, in a softmax that keeps
the order of the decision values (a temperature: Guo et al., "On calibration of modern neural networks", 2017,
arXiv:1706.04599).
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import log_expit, log_softmax
from sklearn.linear_model import LogisticRegression

Floats = NDArray[np.float64]
Labels = NDArray[Any]

#: Range of the slope for all classes. At the lower bound the decision values say almost nothing about the class.
SLOPES = (1e-3, 1e3)

#: Largest share of the rows they were fitted to on which sigmoids may contradict the decisions. It is 0 to 10 % on all
#: of EMO-DB, and up to 50 % with two or three training speakers.
MOST_AGAINST = 0.2


def sigmoids(decisions: Floats, true: Labels, weight: Floats, classes: Labels) -> Floats:
    """Return slope and offset from each class's decision value to the log odds of that class.

    Parameters
    ----------
    decisions : (n_rows, n_classes)
        Decision values of held-out rows; NaN does not count.
    true : (n_rows,)
        The class of each row.
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


def log_shares(found: Floats, decisions: Floats) -> Floats:
    """Return the log of each class's sigmoid, ``(n_rows, n_classes)``; normalised to sum 1, they are probabilities."""
    slopes, offsets = found.T
    shares: Floats = log_expit(slopes * decisions + offsets)
    return shares


def against_decisions(found: Floats, decisions: Floats, weight: Floats) -> str:
    """Return in words how sigmoids contradict the decisions that they were fitted to; empty if they do not.

    They contradict the decisions if a sigmoid falls, or if the class with the largest share differs from the class
    with the largest decision value in more than `MOST_AGAINST` of the rows.
    """
    n_falling = int((found[:, 0] < 0).sum())
    if n_falling:
        return f"{n_falling} of {len(found)} sigmoids fall where the decision rises"
    known = ~np.isnan(decisions)
    shares = np.where(known, log_shares(found, decisions), -np.inf)
    against = shares.argmax(axis=1) != np.where(known, decisions, -np.inf).argmax(axis=1)
    share = float(np.average(against, weights=weight))
    return f"sigmoids contradict {share:.0%} of the decisions" if share > MOST_AGAINST else ""


def slope(decisions: Floats, true: Labels, weight: Floats, classes: Labels) -> float:
    """Return the slope in `SLOPES` with the most likely softmax of decision values; all classes weigh the same.

    Parameters
    ----------
    decisions, true, weight, classes
        As for `sigmoids`; a row whose own class has no decision value does not count.

    Returns
    -------
    float
        The only minimum of the loss, which is convex in the slope; the lower bound of `SLOPES` if no row counts.
    """
    place = np.searchsorted(classes, true)
    known = ~np.isnan(decisions[np.arange(len(true)), place])
    if not known.any():
        return SLOPES[0]
    place, weight, values = place[known], weight[known], np.where(np.isnan(decisions[known]), -np.inf, decisions[known])
    weight = weight / np.bincount(place, weights=weight)[place]

    def loss(log_slope: float) -> float:
        given = log_softmax(np.exp(log_slope) * values, axis=1)[np.arange(len(place)), place]
        return float(-(weight * given).sum())

    found = minimize_scalar(loss, bounds=tuple(np.log(SLOPES)), method="bounded", options={"xatol": 1e-6})
    return float(np.exp(found.x))


def is_uninformative(found: float) -> bool:
    """Return whether a slope is the lower bound of `SLOPES`, within the tolerance of the search."""
    return found < 1.01 * SLOPES[0]


def _sigmoid(values: Floats, own: NDArray[np.bool_], weight: Floats) -> tuple[float, float]:
    """Return slope and offset of one sigmoid.

    Platt's targets lie a little inside 0 and 1. A logistic regression takes each of them as two weighted rows.
    """
    known = ~np.isnan(values)
    values, own, weight = values[known], own[known], weight[known]
    n_own, n_other = float(weight[own].sum()), float(weight[~own].sum())
    if not n_own or not n_other:  # no second class to fit a slope to: flat at the target
        return 0.0, float(np.log((n_own + 1) / (n_other + 1)))
    target = np.where(own, (n_own + 1) / (n_own + 2), 1 / (n_other + 2))
    regression = LogisticRegression(C=np.inf, tol=1e-8, max_iter=1000).fit(
        np.concatenate([values, values])[:, None],
        np.repeat([1, 0], len(values)),
        sample_weight=np.concatenate([weight * target, weight * (1 - target)]),
    )
    return float(regression.coef_[0, 0]), float(regression.intercept_[0])
