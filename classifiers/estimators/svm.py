"""A support-vector machine with a Gaussian kernel that tunes and calibrates itself inside its training rows.

The machine is scikit-learn's `SVC` (Chang and Lin 2011, doi:10.1145/1961189.1961199) on a precomputed kernel. Its
decisions equal those of ``SVC(kernel="rbf")``. Probabilities are Platt's sigmoids of its decision values, if the inner
data allow them; see `calibration`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import softmax
from sklearn.base import ClassifierMixin
from sklearn.svm import SVC

from affex.classifiers.estimators import libsvm
from affex.classifiers.estimators.calibration import against_decisions, is_uninformative, log_shares, sigmoids, slope
from affex.classifiers.estimators.kernel import KernelMachine, gaussians, unchecked
from affex.classifiers.estimators.training import ONE_SPEAKER, Folds, Labels, Numbers, Rows, Training, Weights, balanced

Floats = NDArray[np.float64]

#: Searched values where the cost is left open.
COSTS = (0.1, 1.0, 10.0, 100.0)

#: Slope of the softmax if there are no rows to fit it to: only the order of such scores counts.
UNCALIBRATED = 1.0


@dataclass(eq=False, repr=False)
class RBFMachine(ClassifierMixin, KernelMachine):  # type: ignore[misc]
    """Standardised rows, columns selected or not, a Gaussian kernel, class weights.

    The search chooses C, gamma and the share of columns kept with the highest mean macro recall over the inner folds.
    Among equal points it chooses the first in grid order (share outside, then C, gamma inside), as scikit-learn's
    ``GridSearchCV`` does. Standardisation and selection are fitted anew in every inner fold. With one speaker, or if no
    inner fold has two classes to learn from, there is no search: settings that are left open then are `FIXED`.

    Parameters
    ----------
    C
        Cost of a training row on the wrong side of the margin; None searches `COSTS`.
    gamma, select, keep, precomputed, device
        As for `KernelMachine`.
    weights
        ``"balanced"``: all classes have the same total weight; ``"none"``: all rows have the same weight.

    Attributes
    ----------
    classes_ : (n_classes,)
    best_params_, limits_ : dict
        As for `KernelMachine`.
    grid_recalls_ : (n_shares, n_C, n_gamma, n_folds) float64
        The macro recall of every trial; present only after a search.
    machine_ : SVC
        Fitted on all training rows.
    sigmoids_ : (n_classes, 2) float64, or None
        Slope and offset from a class's decision value to the log odds of that class; None if one of them does not
        rise, or there are no rows to fit them to.
    slope_ : float
        Factor of the decision values where there are no sigmoids.
    """

    weights: Weights = "balanced"

    @property
    def _open_axes(self) -> dict[str, tuple[float, ...]]:
        return {"C": COSTS if self.C is None else ()}

    def _learn(self, training: Training, inner: Folds | None) -> None:
        self._begin(training)
        every = training.folds(inner)
        folds = [(train, test) for train, test in every if len(np.unique(training.y[train])) > 1]
        self.sigmoids_: Floats | None = None
        self.slope_ = UNCALIBRATED
        if folds:
            self._search(training, folds)
        else:
            why = "no inner fold has two classes to learn from" if every else ONE_SPEAKER
            self._fix(why, C=self.C)
            self.limits_["calibration"] = why
        kernel, classes, weight = self._settle(training)
        self.machine_ = self._machine(self.best_params_["C"], kernel, classes, weight)

    def _search(self, training: Training, folds: Sequence[tuple[Numbers, Numbers]]) -> None:
        costs = COSTS if self.C is None else (self.C,)
        with unchecked():
            trials = [self._try(training, fold, costs) for fold in folds]
        self.grid_recalls_ = np.stack([trial.recalls for trial in trials], axis=-1)
        means = self.grid_recalls_.mean(axis=-1)
        best = np.unravel_index(means.argmax(), means.shape)
        k, c, g = best
        self._chose({"C": costs[c], "gamma": self._gammas[g], "keep": self._keeps[k]})
        tested = np.concatenate([test for _, test in folds])
        decisions = np.concatenate([self._decisions(trial, best) for trial in trials])
        with unchecked():
            self._calibrate(decisions, training.y[tested], training.weight[tested])

    def _calibrate(self, decisions: Floats, true: Labels, weight: Floats) -> None:
        """Fit one sigmoid per class; if they contradict the decisions, fit one slope for all classes."""
        found = sigmoids(decisions, true, weight, self.classes_)
        against, n_flat = against_decisions(found, decisions, weight), int((found[:, 0] == 0).sum())
        if not against and not n_flat:
            self.sigmoids_ = found
            return
        self.slope_ = slope(decisions, true, weight, self.classes_)
        if against or is_uninformative(self.slope_):
            self.limits_["calibration"] = against or "decisions on speakers left out do not depend on the class"
        else:
            self.limits_["sigmoids"] = f"{n_flat} of {len(found)} classes are one speaker's alone"

    def predict(self, X: ArrayLike) -> Labels:
        """Return the machine's own decision for each row: the class with most one-against-one wins.

        Ties go to the first class in `classes_`, as in `SVC`, so the names of the classes have a small effect.
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
        """Return probabilities, ``(n_rows, n_classes)``, calibrated unless `limits_` says otherwise.

        The most probable class of sigmoids may differ from `predict`; with one slope for all classes it never does.
        """
        kernel = self._kernel(X)
        if self.sigmoids_ is None:
            logits = self.slope_ * _decided_first(self.machine_, kernel)
        else:
            logits = log_shares(self.sigmoids_, _per_class(self.machine_, kernel))
        probabilities: Floats = softmax(logits, axis=1)
        return probabilities

    def _try(self, training: Training, fold: tuple[Numbers, Numbers], costs: tuple[float, ...]) -> "_Trial":
        train, test = fold
        codes = np.searchsorted(self.classes_, training.y)  # comparing strings would cost as much as libsvm's work
        weight = balanced(codes[train], training.weight[train], self.weights)
        recall = _MacroRecall(codes[test], training.weight[test])
        recalls = np.empty((len(self._keeps), len(costs), len(self._gammas)))
        machines, kept = np.empty(recalls.shape, object), []
        for k, (within, between) in enumerate(self._distances(training, fold)):
            for g, own, others in gaussians(within, between, self._gammas):
                for c, cost in enumerate(costs):
                    machines[k, c, g] = libsvm.fitted(cost, own, codes[train], weight)
                    recalls[k, c, g] = recall.of(machines[k, c, g].predict(others))
            kept.append(between)
        return _Trial(recalls, machines, kept)

    def _decisions(self, trial: "_Trial", best: tuple[Any, ...]) -> Floats:
        """Return the decision values of a fold's machine, ``(n_tested, n_classes)``; NaN for unknown classes."""
        machine, distances = trial.machines[best], trial.distances[best[0]]
        decisions = np.full((len(distances), len(self.classes_)), np.nan)
        decisions[:, machine.classes_] = _per_class(machine, self._gaussian(distances))
        return decisions

    def _machine(self, cost: float, kernel: Floats, classes: Labels, weight: Floats) -> Any:
        machine = SVC(C=cost, kernel="precomputed")
        return machine.fit(kernel, classes, sample_weight=balanced(classes, weight, self.weights))


@dataclass(frozen=True, eq=False)
class _Trial:
    """The results of one inner fold for every point of the grid."""

    recalls: Floats  # (n_shares, n_C, n_gamma)
    machines: NDArray[np.object_]  # (n_shares, n_C, n_gamma)
    distances: list[Rows]  # per share, (n_test, n_train)


def _per_class(machine: Any, kernel: Floats) -> Floats:
    values = machine.decision_function(kernel)
    return values if values.ndim == 2 else np.column_stack([-values, values])


def _decided_first(machine: Any, kernel: Floats) -> Floats:
    """Return decision values in which the predicted class has the largest value.

    The values are one-against-one wins plus their margins. For equal numbers of wins the machine decides by the order
    of the classes and not by the margins. In that case the two values are swapped.
    """
    values, rows = _per_class(machine, kernel), np.arange(len(kernel))
    decided, largest = np.searchsorted(machine.classes_, machine.predict(kernel)), values.argmax(axis=1)
    both = np.stack([decided, largest])
    values[rows, both] = values[rows, both[::-1]]
    return values


class _MacroRecall:
    """The mean recall of the classes that occur in some rows, where each row counts with its weight."""

    def __init__(self, true: Labels, weight: Floats) -> None:
        self._true, self._weight = true, weight
        self._own = [np.flatnonzero(true == name) for name in np.unique(true)]
        self._all = [weight[rows].sum() for rows in self._own]

    def of(self, predicted: Labels) -> float:
        """Return the mean recall of predictions for these rows."""
        right = self._weight * (self._true == predicted)
        pairs = zip(self._own, self._all, strict=True)
        return float(np.mean([right[rows].sum() / every for rows, every in pairs]))
