"""Boosted trees (XGBoost), one row per utterance; each split has a default side for missing values.

Classes use a softmax, values use squared errors. The number of rounds is found on inner folds over the training
speakers. The defaults suit few recordings and many columns: shallow trees (as in Hastie, Tibshirani and Friedman, "The
elements of statistical learning", 2009, section 10.11), a tenth of the columns tried at each split, rows drawn anew
(Friedman 2002, doi:10.1016/S0167-9473(01)00065-2), and coarse histograms, which cost little and lose no accuracy with
some hundred rows.
"""

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from affex.classifiers.base import Classifier, Target


@dataclass(frozen=True, kw_only=True)
class Xgboost(Classifier):
    """Boosted trees.

    Parameters
    ----------
    rounds
        Most rounds; a round grows one tree per class, or one tree for values.
    patience
        How many rounds without improvement on inner speakers end the search for the number of rounds.
    learning_rate
        Weight of each tree.
    max_depth
        Most splits between a tree's root and a leaf.
    subsample
        Share of the rows drawn for each tree.
    colsample_bynode
        Share of the columns drawn for each split.
    max_bin
        Number of histogram bins per column.
    weights
        Classes only: ``balanced``: all classes have the same total weight; ``none``: all rows have the same weight.
    """

    phrase: ClassVar[str] = "boosted trees (XGBoost)"
    prepares: ClassVar[str] = "rows are taken as they are, with a default side of each split for missing values"
    cites: ClassVar[tuple[str, ...]] = ("chen2016", "friedman2002")
    prefers: ClassVar[str] = "compare"
    scores: ClassVar[str] = "class probabilities (softmax of the trees' sums; not calibrated)"
    targets: ClassVar[tuple[Target, ...]] = ("classes", "values")
    tuned: ClassVar[bool] = True
    on_device: ClassVar[bool] = True

    rounds: int = 1000
    patience: int = 20
    learning_rate: float = 0.2
    max_depth: int = 3
    subsample: float = 0.8
    colsample_bynode: float = 0.1
    max_bin: int = 32
    weights: Literal["balanced", "none"] = "balanced"

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, least in (("rounds", 1), ("patience", 1), ("max_depth", 1), ("max_bin", 2)):
            if getattr(self, name) < least:
                raise ValueError(f"{name}={getattr(self, name)}: expected {least} or more")
        for name in ("learning_rate", "subsample", "colsample_bynode"):
            if not 0 < getattr(self, name) <= 1:
                raise ValueError(f"{name}={getattr(self, name)}: expected more than 0, at most 1")
        if self.weights not in ("balanced", "none"):
            raise ValueError(f"weights={self.weights}: expected balanced or none")

    def searched(self, target: Target) -> str:
        """Return how the number of rounds is found."""
        least = f"without less {'log loss' if target == 'classes' else 'squared error'} on the inner folds"
        return f"the number of rounds, at most {self.rounds}, ended by {self.patience} {least}"

    def build(self, *, target: Target = "classes", seed: int, device: str = "cpu") -> Any:
        """Return unfitted `BoostedTrees`, or a `BoostedRegressor`."""
        from affex.classifiers.estimators.xgboost import BoostedRegressor, BoostedTrees

        settings = self.own_settings | {"device": device, "seed": seed}
        if target == "classes":
            return BoostedTrees(**settings)
        del settings["weights"]
        return BoostedRegressor(**settings)


PRESETS: dict[str, Classifier] = {"xgboost": Xgboost()}
