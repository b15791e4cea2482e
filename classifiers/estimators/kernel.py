"""What support-vector machines with a Gaussian kernel share, whatever they predict.

One matrix of squared distances per inner fold (and share of columns kept) serves the whole grid: for each gamma its
exponential is the kernel. Where no fold fits the scaling of the rows, one matrix serves all folds, and the machine
takes blocks of it in the place of rows.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn import config_context

from affex.classifiers.estimators.selection import FIXED_SHARES, SHARES
from affex.classifiers.estimators.space import Space, spaces
from affex.classifiers.estimators.training import Labels, Learner, Numbers, Rows, Training, checked_rows

Floats = NDArray[np.float64]

#: What is searched where gamma is left open; times 1 / n_columns kept.
GAMMAS = (0.1, 0.3, 1.0, 3.0)

#: What is left open where nothing can be searched for: scikit-learn's defaults (its C, epsilon, and gamma="scale").
FIXED = {"C": 1.0, "epsilon": 0.1, "gamma": 1.0}


class KernelMachine(Learner):
    """Rows in their space, a Gaussian kernel on their distances, and what is searched of both.

    Whoever inherits has the settings `gamma`, `select`, `keep`, `precomputed` and `device`, and finds
    `best_params_` and `limits_`.
    """

    def _begin(self, training: Training) -> None:
        """Refuse rows that are no distances where they should be."""
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
        """Yield, for each share of columns, an inner fold's distances: among its training rows, to those left out."""
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
        """Take fixed settings for those left open (None), and say why nothing was searched for."""
        settings = {**open_, "gamma": self.gamma, "keep": self.keep}
        fixed = FIXED | {"keep": FIXED_SHARES[self.select]}
        self._chose({name: fixed[name] if value is None else value for name, value in settings.items()})
        if any(value is None and fixed[name] is not None for name, value in settings.items()):
            self.limits_["search"] = why

    def _chose(self, point: Mapping[str, float | None]) -> None:
        """Keep what the search found; a share of columns that nobody selected from says nothing."""
        self.best_params_: dict[str, Any] = {
            name: value for name, value in point.items() if name != "keep" or self.select != "none"
        }

    def _settle(self, training: Training) -> tuple[Floats, Labels, Floats]:
        """Learn the space of all training rows that count; return their kernel, targets and weights."""
        counted = training.counted
        if self.precomputed:
            self.counted_ = counted
            distances: Rows = training.X[np.ix_(counted, counted)]
        else:
            (self.space_,) = self._spaces(training, counted, (self.best_params_.get("keep"),))
            distances = self.space_.distances()
        return self._gaussian(distances), training.y[counted], training.weight[counted]

    def _kernel(self, X: ArrayLike) -> Floats:
        """Return the kernel from rows, or distances, as they come to the training rows that count."""
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
    """Yield the number of each gamma and its kernels on two matrices of distances; they hold until the next ones."""
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
    """Spare scikit-learn's checks of what was checked already, or was made here: they cost as much as small fits."""
    with config_context(assume_finite=True, skip_parameter_validation=True):
        yield
