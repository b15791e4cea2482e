"""Shared parts of support-vector machines with a Gaussian kernel: from scaled rows to kernels and searched settings.

One matrix of squared distances per inner fold (and share of columns kept) serves the whole grid: the kernel of each
gamma is computed from it. If no fold fits the scaling of the rows, one matrix serves all folds, and the machine takes
blocks of this matrix instead of rows.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn import config_context

from affex.classifiers.base import Axis
from affex.classifiers.estimators.selection import FIXED_SHARES, SHARES, Select
from affex.classifiers.estimators.space import Space, spaces
from affex.classifiers.estimators.training import Labels, Learner, Numbers, Rows, Training, checked_rows

Floats = NDArray[np.float64]

#: Searched values of gamma, as multiples of 1 / n_columns kept.
GAMMAS = (0.1, 0.3, 1.0, 3.0)

#: Settings where no search is possible: scikit-learn's defaults (C, epsilon, and gamma="scale").
FIXED = {"C": 1.0, "epsilon": 0.1, "gamma": 1.0}


@dataclass(eq=False, repr=False)
class KernelMachine(Learner):
    """Base of the kernel machines: rows in their space, a Gaussian kernel on their distances, and the search over both.

    Parameters
    ----------
    C
        Cost of a training row; None searches for it.
    gamma
        Width of the kernel ``exp(-gamma * mean squared distance of the columns kept)``; None searches `GAMMAS`.
    select
        How columns are selected: ``"none"``, ``"variance"``, ``"anova"``, ``"pca"`` or ``"pfa"``.
    keep
        The share kept of the columns (``"pca"``: of the variance); None searches `SHARES`.
    precomputed
        Whether the input is mean squared distances instead of rows: ``(n_train, n_train)`` to fit,
        ``(n_rows, n_train)`` to predict.
    device
        Where distances are computed, ``"cpu"`` or ``"cuda"``.

    Attributes
    ----------
    best_params_ : dict
        ``C``, ``gamma`` and further settings as chosen, in the units of the parameters, and ``keep`` where columns are
        selected.
    limits_ : dict
        What the rows were too few for; see `classifiers.base.LIMITS`.
    """

    C: float | None = None
    gamma: float | None = None
    select: Select = "none"
    keep: float | None = None
    precomputed: bool = False
    device: str = "cpu"

    @property
    def search_axes(self) -> tuple[Axis, ...]:
        """What the search tries of each setting that is left open."""
        tried = {**self._open_axes, "gamma": self._gammas if self.gamma is None else ()}
        # A share of 1 keeps all columns; there is no larger one.
        keep = Axis("keep", SHARES[self.select], above=SHARES[self.select][-1] != 1)
        shares = (keep,) if self.keep is None and self.select != "none" else ()
        return (*(Axis(name, values) for name, values in tried.items() if values), *shares)

    @property
    def _open_axes(self) -> dict[str, tuple[float, ...]]:
        """The values that are tried of each setting of the machine; none where it is given."""
        raise NotImplementedError

    def _begin(self, training: Training) -> None:
        """Reset the state; refuse rows that are not distances if distances are required."""
        self.limits_: dict[str, str] = {}
        if not self.precomputed:
            return
        if self.select != "none":
            raise ValueError(f"select={self.select}: no column can be selected where distances stand for the rows")
        if training.X.shape[0] != training.X.shape[1]:
            raise ValueError(
                f"distances among the training rows are square, (n_train, n_train); got shape {training.X.shape}"
            )
        if (training.X < 0).any():
            raise ValueError(f"squared distances are 0 or more; got {training.X.min()}")

    @property
    def _gammas(self) -> tuple[float, ...]:
        return GAMMAS if self.gamma is None else (self.gamma,)

    @property
    def _keeps(self) -> tuple[float | None, ...]:
        return SHARES[self.select] if self.keep is None else (self.keep,)

    def _distances(self, training: Training, fold: tuple[Numbers, Numbers]) -> Iterator[tuple[Rows, Rows]]:
        """Yield an inner fold's distances for each share of columns: among its training rows, and to its test rows."""
        train, test = fold
        if self.precomputed:
            yield training.X[np.ix_(train, train)], training.X[np.ix_(test, train)]
            return
        for space in self._spaces(training, train, self._keeps):
            yield space.distances(), space.distances(training.X[test])

    def _spaces(self, training: Training, train: Numbers, keeps: tuple[float | None, ...]) -> Iterator[Space]:
        return spaces(
            training.X[train],
            training.y[train],
            training.weight[train],
            target=self._target,
            select=self.select,
            keeps=keeps,
            device=self.device,
        )

    def _fix(self, why: str, **open_: float | None) -> None:
        """Set fixed values for the settings left open (None), and record why no search was possible."""
        settings = {**open_, "gamma": self.gamma, "keep": self.keep}
        fixed = FIXED | {"keep": FIXED_SHARES[self.select]}
        self._chose({name: fixed[name] if value is None else value for name, value in settings.items()})
        if any(value is None and fixed[name] is not None for name, value in settings.items()):
            self.limits_["search"] = why

    def _chose(self, point: Mapping[str, float | None]) -> None:
        """Store the result of the search; the share of columns only if columns were selected."""
        self.best_params_: dict[str, Any] = {
            name: value for name, value in point.items() if name != "keep" or self.select != "none"
        }

    def _settle(self, training: Training) -> tuple[Floats, Labels, Floats]:
        """Fit the space on all training rows that count; return their kernel, targets and weights."""
        counted = training.counted
        if self.precomputed:
            self.counted_ = counted
            distances: Rows = training.X[np.ix_(counted, counted)]
        else:
            (self.space_,) = self._spaces(training, counted, (self.best_params_.get("keep"),))
            distances = self.space_.distances()
        return self._gaussian(distances), training.y[counted], training.weight[counted]

    def _kernel(self, X: ArrayLike) -> Floats:
        """Return the kernel between raw rows, or their distances, and the training rows that count."""
        rows = checked_rows(self, X)
        return self._gaussian(rows[:, self.counted_] if self.precomputed else self.space_.distances(rows))

    def _gaussian(self, distances: Rows) -> Floats:
        return gaussian(distances, self.best_params_["gamma"])

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = not self.precomputed
        tags.input_tags.pairwise = self.precomputed
        return tags


def gaussians(within: Rows, between: Rows, gammas: Sequence[float]) -> Iterator[tuple[int, Floats, Floats]]:
    """Yield the index of each gamma and its kernels on two distance matrices; the next step overwrites them."""
    own, others = np.empty(within.shape), np.empty(between.shape)
    for number, gamma in enumerate(gammas):
        yield number, gaussian(within, gamma, own), gaussian(between, gamma, others)


def gaussian(distances: Rows, gamma: float, out: Floats | None = None) -> Floats:
    """Return ``exp(-gamma * distance)``."""
    kernel = np.empty(distances.shape) if out is None else out
    np.multiply(distances, -gamma, out=kernel)
    return np.exp(kernel, out=kernel)


@contextmanager
def unchecked() -> Iterator[None]:
    """Skip scikit-learn's checks of arrays that are already checked or made here: they cost as much as small fits."""
    with config_context(assume_finite=True, skip_parameter_validation=True):
        yield
