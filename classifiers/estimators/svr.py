"""Support-vector regression with a Gaussian kernel that tunes itself inside its training rows.

The machine is scikit-learn's `SVR` (Chang and Lin 2011, doi:10.1145/1961189.1961199) on a precomputed kernel. Its
predictions equal those of ``SVR(kernel="rbf")`` on standardised targets. The criterion of the search is Lin's
concordance correlation coefficient (CCC; Lin 1989, doi:10.2307/2532051).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import RegressorMixin
from sklearn.svm import SVR

from affex.classifiers.base import Target
from affex.classifiers.estimators.kernel import KernelMachine, gaussians, unchecked
from affex.classifiers.estimators.training import ONE_SPEAKER, Folds, Numbers, Training

Floats = NDArray[np.float64]

#: Searched values where a setting is left open, for targets of standard deviation 1.
COSTS = (0.1, 1.0, 10.0)
EPSILONS = (0.1, 0.3)


@dataclass(eq=False, repr=False)
class RBFRegressor(RegressorMixin, KernelMachine):  # type: ignore[misc]
    """Standardised rows, columns selected or not, a Gaussian kernel, targets standardised.

    The search chooses C, epsilon, gamma and the share of columns kept with the highest CCC. Among equal points it
    chooses the first in grid order (share outside, then C, then epsilon, gamma inside). The CCC is computed once over
    the held-out rows of all inner folds, as in an evaluation. Within one fold the targets of one or two speakers may
    hardly differ: the CCC of a single fold would then depend on chance, and a mean of them would ignore a speaker's
    level. Rows and targets are standardised, and columns selected, anew in every inner fold. With one speaker, or if
    all held-out targets are equal, there is no search: settings that are left open then are `FIXED`.

    Parameters
    ----------
    C
        Cost of leaving the tube by a standard deviation of the target; None searches `COSTS`.
    epsilon
        Half the tube's width, in standard deviations of the target; None searches `EPSILONS`.
    gamma, select, keep, precomputed, device
        As for `KernelMachine`.

    Attributes
    ----------
    best_params_, limits_ : dict
        As for `KernelMachine`.
    grid_ccc_ : (n_shares, n_C, n_epsilon, n_gamma) float64
        The CCC of every point of the grid; present only after a search.
    machine_ : SVR
        Fitted on all training rows.
    mean_, deviation_ : float
        Mean and standard deviation of the training targets.
    """

    _target: ClassVar[Target] = "values"

    epsilon: float | None = None

    @property
    def _open_axes(self) -> dict[str, tuple[float, ...]]:
        return {"C": COSTS if self.C is None else (), "epsilon": EPSILONS if self.epsilon is None else ()}

    def _learn(self, training: Training, inner: Folds | None) -> None:
        self._begin(training)
        folds = training.folds(inner)
        if not folds:
            self._fix(ONE_SPEAKER, C=self.C, epsilon=self.epsilon)
        elif len(np.unique(np.concatenate([training.y[test] for _, test in folds]))) < 2:
            self._fix("all that inner folds leave out has one value", C=self.C, epsilon=self.epsilon)
        else:
            self._search(training, folds)
        kernel, values, weight = self._settle(training)
        self.mean_, self.deviation_ = _moments(values, weight)
        targets = (values - self.mean_) / self.deviation_
        self.machine_ = _machine(self.best_params_["C"], self.best_params_["epsilon"], kernel, targets, weight)

    def _search(self, training: Training, folds: Sequence[tuple[Numbers, Numbers]]) -> None:
        tested = np.concatenate([test for _, test in folds])
        true, weight = training.y[tested], training.weight[tested]
        costs, epsilons = COSTS if self.C is None else (self.C,), EPSILONS if self.epsilon is None else (self.epsilon,)
        with unchecked():
            predicted = np.concatenate([self._try(training, fold, costs, epsilons) for fold in folds], axis=-1)
        self.grid_ccc_ = np.apply_along_axis(lambda values: ccc(true, values, weight), -1, predicted)
        k, c, e, g = np.unravel_index(self.grid_ccc_.argmax(), self.grid_ccc_.shape)
        self._chose({"C": costs[c], "epsilon": epsilons[e], "gamma": self._gammas[g], "keep": self._keeps[k]})

    def predict(self, X: ArrayLike) -> Floats:
        """Return the value of each row, ``(n_rows,)``."""
        kernel = self._kernel(X)
        values: Floats = self.machine_.predict(kernel) * self.deviation_ + self.mean_
        return values

    def _try(
        self,
        training: Training,
        fold: tuple[Numbers, Numbers],
        costs: tuple[float, ...],
        epsilons: tuple[float, ...],
    ) -> Floats:
        """Return the predictions of every point of the grid for the held-out rows; the last axis is the rows."""
        train, test = fold
        weight = training.weight[train]
        mean, deviation = _moments(training.y[train], weight)
        targets = (training.y[train] - mean) / deviation
        predicted = np.empty((len(self._keeps), len(costs), len(epsilons), len(self._gammas), len(test)))
        for k, (within, between) in enumerate(self._distances(training, fold)):
            for g, own, others in gaussians(within, between, self._gammas):
                for (c, cost), (e, epsilon) in product(enumerate(costs), enumerate(epsilons)):
                    machine = _machine(cost, epsilon, own, targets, weight)
                    predicted[k, c, e, g] = machine.predict(others) * deviation + mean
        return predicted


def ccc(true: Floats, predicted: Floats, weight: Floats) -> float:
    """Return Lin's concordance correlation coefficient, ``2 s_xy / (s_x^2 + s_y^2 + (m_x - m_y)^2)``.

    Parameters
    ----------
    true, predicted : (n_rows,) float64
        Values, not all the same.
    weight : (n_rows,) float64
        How many times each row counts.
    """
    both = np.stack([true, predicted])
    means = np.average(both, axis=1, weights=weight)
    (of_true, shared), (_, of_predicted) = np.cov(both, aweights=weight, ddof=0)
    return float(2 * shared / (of_true + of_predicted + (means[0] - means[1]) ** 2))


def _moments(values: Floats, weight: Floats) -> tuple[float, float]:
    """Return the mean and the standard deviation; the latter is 1 if all values are the same."""
    mean = np.average(values, weights=weight)
    return float(mean), float(np.sqrt(np.average((values - mean) ** 2, weights=weight))) or 1.0


def _machine(cost: float, epsilon: float, kernel: Floats, targets: Floats, weight: Floats) -> Any:
    return SVR(C=cost, epsilon=epsilon, kernel="precomputed").fit(kernel, targets, sample_weight=weight)
