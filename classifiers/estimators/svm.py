"""A support-vector machine with a Gaussian kernel that tunes and calibrates itself inside its training rows.

One matrix of squared distances per inner fold serves the whole grid: for each gamma its exponential is the
kernel. The machine is scikit-learn's `SVC` (Chang and Lin 2011, doi:10.1145/1961189.1961199) on that kernel,
and decides what ``SVC(kernel="rbf")`` decides. Probabilities are Platt's sigmoids ("Probabilistic outputs for
support vector machines", 1999) of its decision values.
"""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import log_expit, softmax
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.linear_model import LogisticRegression
from sklearn.metrics.pairwise import euclidean_distances
from sklearn.svm import SVC

from classifiers.estimators.training import Folds, Labels, Rows, checked, checked_rows, standardiser

Floats = NDArray[np.float64]

#: What is searched where a setting is left open; gamma times 1 / n_columns.
COSTS = (0.1, 1.0, 10.0, 100.0)
GAMMAS = (0.1, 0.3, 1.0, 3.0)


class RBFMachine(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Standardised rows, a Gaussian kernel, balanced class weights.

    C and gamma are those with the highest mean macro recall over ``GroupKFold(5)``, the first in grid order
    of equal ones (C outside, gamma inside), as scikit-learn's ``GridSearchCV`` would choose. Standardisation
    is fitted anew in every inner fold.

    Parameters
    ----------
    C
        Cost of a training row on the wrong side; None searches `COSTS`.
    gamma
        Width of the kernel ``exp(-gamma / n_columns * squared distance)``; None searches `GAMMAS`.

    Attributes
    ----------
    classes_ : (n_classes,)
    best_params_ : dict
        ``C`` and ``gamma`` as chosen, in the units of the parameters.
    grid_recalls_ : (n_C, n_gamma, n_folds) float64
        The macro recall of every trial.
    machine_ : SVC
        Fitted on all training rows.
    sigmoids_ : (n_classes, 2) float64
        Slope and offset from a class's decision value to the log odds of that class.
    """

    def __init__(self, C: float | None = None, gamma: float | None = None) -> None:
        self.C = C
        self.gamma = gamma

    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        groups: ArrayLike | None = None,
        *,
        sample_weight: ArrayLike | None = None,
        inner: Folds | None = None,
    ) -> Self:
        """Search, calibrate, then fit on all rows.

        Parameters
        ----------
        X : (n_rows, n_columns)
            NaN where a value is missing.
        y : (n_rows,)
            Classes.
        groups : (n_rows,), optional
            Speakers; inner folds keep each whole. None takes every row for a speaker of its own.

        Raises
        ------
        ValueError
            If there is one class or one speaker only, or if no inner fold leaves two classes to learn from.
        """
        training = checked(self, X, y, groups, sample_weight)
        X, y = training.X, training.y
        costs, gammas = (COSTS if self.C is None else (self.C,)), (GAMMAS if self.gamma is None else (self.gamma,))
        trials = [
            _try(X, y, fold, self.classes_, costs, gammas)
            for fold in training.folds(inner)
            if len(np.unique(y[fold[0]])) > 1
        ]
        if not trials:
            raise ValueError(
                "no inner fold leaves two classes to learn from: tuning needs at least 2 training speakers "
                "for each of 2 classes"
            )
        self.grid_recalls_ = np.stack([trial.recalls for trial in trials], axis=2)
        c, g = np.unravel_index(self.grid_recalls_.mean(axis=2).argmax(), (len(costs), len(gammas)))
        self.best_params_ = {"C": costs[c], "gamma": gammas[g]}
        self.sigmoids_ = _sigmoids(
            np.concatenate([trial.decisions[c, g] for trial in trials]),
            np.concatenate([trial.true for trial in trials]),
            self.classes_,
        )
        self._fit_machine(X, y)
        return self

    def predict(self, X: ArrayLike) -> Labels:
        """Return the machine's own decision on each row: the class with most one-against-one wins.

        Of equally many the first in `classes_`, as in `SVC`; so the names of the classes have a small say.
        """
        kernel = self._kernel(X)
        decision: Labels = self.machine_.predict(kernel)
        return decision

    def decision_function(self, X: ArrayLike) -> Floats:
        """Return the machine's decision values, ``(n_rows, n_classes)``; ``(n_rows,)`` for two classes."""
        kernel = self._kernel(X)
        values: Floats = self.machine_.decision_function(kernel)
        return values

    def predict_proba(self, X: ArrayLike) -> Floats:
        """Return calibrated probabilities, ``(n_rows, n_classes)``; the largest may disagree with `predict`."""
        kernel = self._kernel(X)
        slopes, offsets = self.sigmoids_.T
        probabilities: Floats = softmax(log_expit(slopes * _per_class(self.machine_, kernel) + offsets), axis=1)
        return probabilities

    def _fit_machine(self, X: Rows, y: Labels) -> None:
        self.standardiser_ = standardiser().fit(X)
        self.rows_ = self.standardiser_.transform(X).astype(np.float64)
        self._gamma = self.best_params_["gamma"] / X.shape[1]
        kernel = np.exp(-self._gamma * euclidean_distances(self.rows_, squared=True))
        self.machine_ = _machine(self.best_params_["C"]).fit(kernel, y)

    def _kernel(self, X: ArrayLike) -> Floats:
        rows = checked_rows(self, X)
        rows = self.standardiser_.transform(rows).astype(np.float64)
        kernel: Floats = np.exp(-self._gamma * euclidean_distances(rows, self.rows_, squared=True))
        return kernel

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags


@dataclass(frozen=True, eq=False)
class _Trial:
    """What one inner fold says of every point of the grid."""

    recalls: Floats  # (n_C, n_gamma)
    decisions: Floats  # (n_C, n_gamma, n_rows, n_classes), NaN for a class that the fold did not learn
    true: Labels  # (n_rows,)


def _try(X: Rows, y: Labels, fold: Any, classes: Labels, costs: Any, gammas: Any) -> _Trial:
    train, test = fold
    scale = standardiser().fit(X[train])
    rows, others = (scale.transform(X[part]).astype(np.float64) for part in fold)
    within = euclidean_distances(rows, squared=True)
    between = euclidean_distances(others, rows, squared=True)
    recalls = np.empty((len(costs), len(gammas)))
    decisions = np.full((*recalls.shape, len(test), len(classes)), np.nan)
    learned = np.isin(classes, y[train])
    for g, gamma in enumerate(gammas):
        kernel, kernel_between = (np.exp(-gamma / X.shape[1] * distances) for distances in (within, between))
        for c, cost in enumerate(costs):
            machine = _machine(cost).fit(kernel, y[train])
            recalls[c, g] = _macro_recall(y[test], machine.predict(kernel_between))
            decisions[c, g][:, learned] = _per_class(machine, kernel_between)
    return _Trial(recalls, decisions, y[test])


def _machine(cost: float) -> Any:
    return SVC(C=cost, kernel="precomputed", class_weight="balanced")


def _per_class(machine: Any, kernel: Floats) -> Floats:
    values = machine.decision_function(kernel)
    return values if values.ndim == 2 else np.column_stack([-values, values])


def _macro_recall(true: Labels, predicted: Labels) -> float:
    return float(np.mean([(predicted[true == name] == name).mean() for name in np.unique(true)]))


def _sigmoids(decisions: Floats, true: Labels, classes: Labels) -> Floats:
    return np.array([_sigmoid(values, true == name) for values, name in zip(decisions.T, classes, strict=True)])


def _sigmoid(values: Floats, own: NDArray[np.bool_]) -> tuple[float, float]:
    """Return slope and offset of Platt's sigmoid; NaN values do not count.

    His targets lie a little inside 0 and 1. A logistic regression takes them as two weighted rows each.
    """
    values, own = values[~np.isnan(values)], own[~np.isnan(values)]
    n_own, n_other = int(own.sum()), int((~own).sum())
    if not n_own or not n_other:  # nothing to place a slope by: flat at the target
        return 0.0, float(np.log((n_own + 1) / (n_other + 1)))
    target = np.where(own, (n_own + 1) / (n_own + 2), 1 / (n_other + 2))
    regression = LogisticRegression(C=np.inf, tol=1e-8, max_iter=1000).fit(
        np.concatenate([values, values])[:, None],
        np.repeat([1, 0], len(values)),
        sample_weight=np.concatenate([target, 1 - target]),
    )
    return float(regression.coef_[0, 0]), float(regression.intercept_[0])
