"""Boosted trees with early stopping on held-out training speakers.

Chen and Guestrin, "XGBoost: a scalable tree boosting system" (2016, doi:10.1145/2939672.2939785).
"""

import json
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import xgboost as xgb
from numpy.typing import ArrayLike, NDArray
from sklearn.base import ClassifierMixin, RegressorMixin

from affex.classifiers.base import Axis, Target
from affex.classifiers.estimators.training import (
    ONE_SPEAKER,
    Folds,
    Labels,
    Learner,
    Training,
    Weights,
    balanced,
    checked_rows,
)

Floats = NDArray[np.float64]

#: Most rounds if their number cannot be searched for: XGBoost's default.
FIXED_ROUNDS = 100


@dataclass(eq=False, repr=False)
class _Boosted(Learner):
    """Boosted histogram trees for classes and values; a missing value is NaN.

    The inner folds are boosted side by side until the mean of their losses on the held-out groups has not improved for
    `patience` rounds. A machine with the best number of rounds is then fitted on all rows. It runs on one thread and
    its results are reproducible to the bit.

    Parameters
    ----------
    rounds
        Most rounds.
    patience
        How many rounds without improvement end the search; with 0 there is none, and `rounds` is their number.
    learning_rate, max_depth, subsample, colsample_bynode, max_bin
        XGBoost's parameters of the same names.
    device
        ``"cpu"`` or ``"cuda"``.
    seed
        Seeds the draws of rows and columns.

    Attributes
    ----------
    best_params_ : dict
        ``rounds`` as chosen; with one training speaker, at most `FIXED_ROUNDS`.
    limits_ : dict
        What the rows were too few for; see `classifiers.base.LIMITS`.
    booster_ : xgboost.Booster
        Fitted on all training rows.
    """

    rounds: int = 1000
    patience: int = 20
    learning_rate: float = 0.2
    max_depth: int = 3
    subsample: float = 0.8
    colsample_bynode: float = 0.1
    max_bin: int = 32
    device: str = "cpu"
    seed: int = 0

    @property
    def search_axes(self) -> tuple[Axis, ...]:
        """The numbers of rounds among which the search chooses; there is none below 1."""
        return (Axis("rounds", (1, self.rounds), is_range=True, below=False),)

    def _boost(self, training: Training, targets: Labels, weight: Floats, inner: Folds | None) -> None:
        """Search for the number of rounds with the least mean loss on the inner folds, then fit on all rows."""
        _require_device(self.device)
        rows = xgb.DMatrix(training.X, targets, weight=weight, nthread=1)
        folds = training.folds(inner) if self.patience else []
        self.limits_ = {} if folds or not self.patience else {"search": ONE_SPEAKER}
        fixed = min(self.rounds, FIXED_ROUNDS) if self.patience else self.rounds
        self.best_params_ = {"rounds": self._rounds(rows, folds) if folds else fixed}
        self.booster_ = xgb.train(self._settings(), rows, self.best_params_["rounds"])

    def _rounds(self, rows: xgb.DMatrix, folds: Folds) -> int:
        settings = self._settings()
        losses = xgb.cv(settings, rows, self.rounds, folds=folds, early_stopping_rounds=self.patience, as_pandas=False)[
            f"test-{settings['eval_metric']}-mean"
        ]
        return int(np.argmin(losses)) + 1

    def _predicted(self, X: ArrayLike) -> Floats:
        rows = xgb.DMatrix(checked_rows(self, X), nthread=1)
        predicted: Floats = self.booster_.predict(rows).astype(np.float64)
        return predicted

    def _settings(self) -> dict[str, Any]:
        return self._objective() | {
            "tree_method": "hist",
            "learning_rate": self.learning_rate,
            "max_depth": self.max_depth,
            "subsample": self.subsample,
            "colsample_bynode": self.colsample_bynode,
            "max_bin": self.max_bin,
            "device": self.device,
            "seed": self.seed,
            "nthread": 1,
        }

    def _objective(self) -> dict[str, Any]:
        raise NotImplementedError

    def __getstate__(self) -> dict[str, Any]:
        """Return the state with the booster as XGBoost's own JSON, so that a saved file needs no pickle."""
        state = dict(super().__getstate__())
        if "booster_" in state:
            state["booster_"] = self.booster_.save_raw("json").decode()
        return state

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        super().__setstate__(dict(state))
        if "booster_" in state:
            self.booster_ = xgb.Booster({"nthread": 1})
            self.booster_.load_model(bytearray(state["booster_"].encode()))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags


@dataclass(eq=False, repr=False)
class BoostedTrees(ClassifierMixin, _Boosted):  # type: ignore[misc]
    """Boosted trees with a softmax and class weights; the loss is the log loss. A round grows one tree per class.

    Parameters
    ----------
    weights
        ``"balanced"``: all classes have the same total weight; ``"none"``: all rows have the same weight.

    Attributes
    ----------
    classes_ : (n_classes,)
    """

    weights: Weights = "balanced"

    def _learn(self, training: Training, inner: Folds | None) -> None:
        codes = np.searchsorted(self.classes_, training.y)
        self._boost(training, codes, balanced(codes, training.weight, self.weights), inner)

    def predict_proba(self, X: ArrayLike) -> Floats:
        """Return the softmax of the trees' sums, ``(n_rows, n_classes)``."""
        probabilities = self._predicted(X)
        probabilities /= probabilities.sum(axis=1, keepdims=True)  # float32 sums to 1 except for rounding
        return probabilities

    def predict(self, X: ArrayLike) -> Labels:
        """Return the most probable class of each row."""
        probabilities = self.predict_proba(X)
        best: Labels = self.classes_[probabilities.argmax(axis=1)]
        return best

    def _objective(self) -> dict[str, Any]:
        return {"objective": "multi:softprob", "num_class": len(self.classes_), "eval_metric": "mlogloss"}


class BoostedRegressor(RegressorMixin, _Boosted):  # type: ignore[misc]
    """Boosted trees on squared errors; the loss is their root mean. A round grows one tree."""

    _target: ClassVar[Target] = "values"

    def _learn(self, training: Training, inner: Folds | None) -> None:
        self._boost(training, training.y, training.weight, inner)

    def predict(self, X: ArrayLike) -> Floats:
        """Return the value of each row, ``(n_rows,)``, in the precision of float32."""
        return self._predicted(X)

    def _objective(self) -> dict[str, Any]:
        return {"objective": "reg:squarederror", "eval_metric": "rmse"}


def _require_device(device: str) -> None:
    """Refuse a CUDA device that does not exist; XGBoost itself would only warn and use the CPU."""
    if not device.startswith("cuda"):
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        probe = xgb.train({"device": device}, xgb.DMatrix(np.eye(2), [0, 1]), 1)
    if json.loads(probe.save_config())["learner"]["generic_param"]["device"] == "cpu":
        raise ValueError(f"device={device}: XGBoost finds no such device on this machine; expected cpu")
