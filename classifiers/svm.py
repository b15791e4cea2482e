"""Support-vector machines with a Gaussian kernel, on one row per utterance: for classes, and for values.

Cost, width, the tube of the regression and the share of columns kept are searched within the training speakers. For
classes `predict` is the machine's own decision. Probabilities are calibrated on the decision values of inner folds, on
speakers that those machines were not trained on. With too few training speakers the settings are fixed, the
probabilities follow the order of the decision values, and the estimator's `limits_` says so.
"""

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from affex.classifiers.base import Classifier, Target


@dataclass(frozen=True, kw_only=True)
class Svm(Classifier):
    """A support-vector machine.

    Parameters
    ----------
    C
        Cost of a training row on the wrong side, or outside the tube; none: searched in .1 1 10 100, for values
        in .1 1 10.
    gamma
        Width of the kernel, times 1 / n_columns kept; none: searched in .1 .3 1 3.
    epsilon
        Values only: half the tube's width, in standard deviations of the target; none: searched in .1 .3.
    select
        ``variance``: the columns that vary most within their own range; ``anova``: those with the largest F
        between classes, or of the regression on the values; ``pca``: the leading principal directions, whitened;
        ``pfa``: principal features (Lu et al. 2007), columns each of which represents those that vary with it.
    keep
        Share of the columns that is kept, for ``pca`` of the variance; none: searched in .1 .3 1, for ``pca`` in
        .5 .8 .95, for ``pfa`` in .1 .3 .6.
    weights
        Classes only: ``balanced``: all classes have the same total weight; ``none``: all rows have the same weight.
    """

    phrase: ClassVar[str] = "a support-vector machine with a Gaussian (RBF) kernel"
    prepares: ClassVar[str] = "missing values become the column's mean, and columns are z-scored"
    prefers: ClassVar[str] = "compare"
    scores: ClassVar[str] = (
        "probabilities, calibrated by sigmoids on inner folds over the training speakers; "
        "the largest may belong to another class than the machine's own decision; "
        "where inner folds do not bear that (limits of a fold), in the order of the decision values"
    )
    targets: ClassVar[tuple[Target, ...]] = ("classes", "values")
    tuned: ClassVar[bool] = True
    on_device: ClassVar[bool] = True

    C: float | None = None
    gamma: float | None = None
    epsilon: float | None = None
    select: Literal["none", "variance", "anova", "pca", "pfa"] = "none"
    keep: float | None = None
    weights: Literal["balanced", "none"] = "balanced"

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, value in (("C", self.C), ("gamma", self.gamma)):
            if value is not None and not value > 0:
                raise ValueError(f"{name}={value}: expected more than 0, or none to search for it")
        if self.epsilon is not None and not self.epsilon >= 0:
            raise ValueError(f"epsilon={self.epsilon}: expected 0 or more, or none to search for it")
        if self.select not in ("none", "variance", "anova", "pca", "pfa"):
            raise ValueError(f"select={self.select}: expected none, variance, anova, pca or pfa")
        if self.weights not in ("balanced", "none"):
            raise ValueError(f"weights={self.weights}: expected balanced or none")
        if self.keep is not None:
            self._require_share(self.keep)

    def _require_share(self, keep: float) -> None:
        if self.select == "none":
            raise ValueError(f"keep={keep}: nothing is selected; expected select=variance, anova, pca or pfa beside it")
        # The last directions hold rounding errors only, and whitening would turn these into noise.
        if not (0 < keep < 1 or (keep == 1 and self.select != "pca")):
            most = "less than 1" if self.select == "pca" else "at most 1"
            raise ValueError(f"keep={keep}: expected more than 0, {most}, or none to search for it")

    @property
    def in_threads(self) -> bool:
        """Whether no columns are selected: libsvm and matrix products release the lock; selections filter warnings."""
        return self.select == "none"

    @property
    def cites(self) -> tuple[str, ...]:  # type: ignore[override]
        """What a paper that uses it cites."""
        own = ("pedregosa2011", "chang2011", "guo2017")
        return (*own, "lu2007") if self.select == "pfa" else own

    def searched(self, target: Target) -> str:
        """Return the grid over what is left open, and the criterion."""
        from affex.classifiers.estimators import selection, svm, svr
        from affex.classifiers.estimators.kernel import GAMMAS

        of_values = target == "values"
        grids = {
            "C": None if self.C is not None else svr.COSTS if of_values else svm.COSTS,
            "gamma (times one over the number of columns)": GAMMAS if self.gamma is None else None,
            "epsilon": svr.EPSILONS if of_values and self.epsilon is None else None,
            "the share kept of the columns": selection.SHARES[self.select] if self.keep is None else None,
        }
        open_ = [
            f"{name} of {', '.join(f'{value:g}' for value in grid)}"
            for name, grid in grids.items()
            if grid and None not in grid
        ]
        best = "the CCC pooled over" if of_values else "the mean macro recall over"
        return f"{'; '.join(open_)}; by {best} the inner folds" if open_ else ""

    def distances(
        self, X: NDArray[np.float32], others: NDArray[np.float32] | None = None, *, device: str
    ) -> NDArray[np.float64] | None:
        """Return the squared distance of every pair of rows, mean over columns; None with NaN or a selection.

        The training rows of each fold determine the imputation and the selection.
        """
        from affex.classifiers.estimators.distances import squared_distances

        if self.select != "none" or np.isnan(X).any():
            return None
        found = squared_distances(X, others, device=device)
        found /= max(1, X.shape[1])
        return found

    def build(self, *, target: Target = "classes", precomputed: bool = False, device: str = "cpu") -> Any:
        """Return an unfitted `RBFMachine`, or `RBFRegressor`.

        Raises
        ------
        ValueError
            If columns are to be selected from distances, or classes predicted with an epsilon.
        """
        from affex.classifiers.estimators.svm import RBFMachine
        from affex.classifiers.estimators.svr import RBFRegressor

        if precomputed and self.select != "none":
            raise ValueError(f"select={self.select}: no column can be selected where distances stand for the rows")
        settings = self.own_settings | {"precomputed": precomputed, "device": device}
        if target == "values":
            del settings["weights"]
            return RBFRegressor(**settings)
        if settings.pop("epsilon") is not None:
            raise ValueError(f"epsilon={self.epsilon} is for values: classes have no tube")
        return RBFMachine(**settings)


PRESETS: dict[str, Classifier] = {"svm": Svm()}
