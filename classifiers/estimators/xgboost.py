"""Boosted trees that stop where they stop helping with speakers they were not grown on.

Chen and Guestrin, "XGBoost: a scalable tree boosting system" (2016, doi:10.1145/2939672.2939785).
"""

import json
import warnings
from typing import Any, Self

import numpy as np
import xgboost as xgb
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin

from classifiers.estimators.training import Folds, Labels, balanced, checked, checked_rows

Floats = NDArray[np.float64]


class BoostedTrees(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Histogram trees with a softmax, balanced class weights; what is missing is NaN.

    The folds of ``GroupKFold(5)`` are boosted side by side until the mean of their log losses on the groups
    left out has not improved for `patience` rounds. A machine of the best number of rounds is then fitted on
    all rows. It runs on one thread and repeats itself to the bit.

    Parameters
    ----------
    rounds
        At most so many rounds; each grows one tree a class.
    patience
        How many rounds without improvement end the search.
    learning_rate, max_depth, subsample, colsample_bynode, max_bin
        XGBoost's, under its own names.
    device
        ``"cpu"`` or ``"cuda"``.
    seed
        Seeds the draws of rows and columns.

    Attributes
    ----------
    classes_ : (n_classes,)
    best_params_ : dict
        ``rounds`` as chosen.
    booster_ : xgboost.Booster
        Fitted on all training rows.
    """

    def __init__(
        self,
        rounds: int = 1000,
        patience: int = 20,
        learning_rate: float = 0.2,
        max_depth: int = 3,
        subsample: float = 0.8,
        colsample_bynode: float = 0.1,
        max_bin: int = 32,
        device: str = "cpu",
        seed: int = 0,
    ) -> None:
        self.rounds = rounds
        self.patience = patience
        self.learning_rate = learning_rate
        self.max_depth = max_depth
        self.subsample = subsample
        self.colsample_bynode = colsample_bynode
        self.max_bin = max_bin
        self.device = device
        self.seed = seed

    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        groups: ArrayLike | None = None,
        *,
        sample_weight: ArrayLike | None = None,
        inner: Folds | None = None,
    ) -> Self:
        """Search for the number of rounds, then fit on all rows.

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
            If there is one class or one speaker only, or no such device.
        """
        training = checked(self, X, y, groups, sample_weight)
        _require_device(self.device)
        codes = np.searchsorted(self.classes_, training.y)
        rows = xgb.DMatrix(training.X, codes, weight=balanced(codes, training.weight), nthread=1)
        losses = xgb.cv(
            self._settings(),
            rows,
            self.rounds,
            folds=training.folds(inner),
            early_stopping_rounds=self.patience,
            as_pandas=False,
        )["test-mlogloss-mean"]
        self.best_params_ = {"rounds": int(np.argmin(losses)) + 1}
        self.booster_ = xgb.train(self._settings(), rows, self.best_params_["rounds"])
        return self

    def predict_proba(self, X: ArrayLike) -> Floats:
        """Return the softmax of the trees' sums, ``(n_rows, n_classes)``."""
        rows = xgb.DMatrix(checked_rows(self, X), nthread=1)
        probabilities: Floats = self.booster_.predict(rows).astype(np.float64)
        probabilities /= probabilities.sum(axis=1, keepdims=True)  # float32 sums to 1 but for its rounding
        return probabilities

    def predict(self, X: ArrayLike) -> Labels:
        """Return the most probable class of each row."""
        probabilities = self.predict_proba(X)
        best: Labels = self.classes_[probabilities.argmax(axis=1)]
        return best

    def _settings(self) -> dict[str, Any]:
        return {
            "objective": "multi:softprob",
            "num_class": len(self.classes_),
            "eval_metric": "mlogloss",
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

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags


def _require_device(device: str) -> None:
    """Refuse a CUDA device that is not there; XGBoost itself warns and goes on with the CPU."""
    if not device.startswith("cuda"):
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        probe = xgb.train({"device": device}, xgb.DMatrix(np.eye(2), [0, 1]), 1)
    if json.loads(probe.save_config())["learner"]["generic_param"]["device"] == "cpu":
        raise ValueError(f"device={device}: XGBoost finds no such device on this machine; expected cpu")
