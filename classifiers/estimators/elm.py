"""Extreme learning machine: parts from standardised rows to scores, through a hidden layer that nothing trains.

Huang, Zhu and Siew, "Extreme learning machine: Theory and applications" (2006, doi:10.1016/j.neucom.2005.12.126): the
weights of the hidden layer are drawn at random, and only the output is fitted, by least squares with a penalty.
"""

from dataclasses import dataclass
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin
from sklearn.linear_model import Ridge
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

Floats = NDArray[np.float64]


@dataclass(eq=False, repr=False)
class RandomLayer(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """A transformer from rows to the outputs of hidden units with random weights.

    Parameters
    ----------
    units
        How many hidden units.
    activation
        Of a unit's sum ``w x + b``, where ``x`` is scaled by ``1 / sqrt(n_columns)``, so that the sums of standardised
        rows have a deviation of about 1, whatever the number of columns.
    seed
        Seeds the weights, which are drawn from a normal distribution.

    Attributes
    ----------
    weights_ : (n_columns, units) float64
    biases_ : (units,) float64
    """

    units: int = 1000
    activation: Literal["sigmoid", "tanh", "relu"] = "sigmoid"
    seed: int = 0

    def fit(self, X: ArrayLike, y: Any = None) -> Self:  # noqa: ARG002 - the form of scikit-learn's transformers
        """Draw the weights; the rows only give the number of columns."""
        rows = validate_data(self, X)
        rng = np.random.default_rng(self.seed)
        self.weights_ = rng.normal(size=(rows.shape[1], self.units)) / np.sqrt(rows.shape[1])
        self.biases_ = rng.normal(size=self.units)
        return self

    def transform(self, X: ArrayLike) -> Floats:
        """Return the outputs of the hidden units, ``(n_rows, units) float64``."""
        from scipy.special import expit

        check_is_fitted(self)
        functions = {"sigmoid": expit, "tanh": np.tanh, "relu": lambda sums: np.maximum(sums, 0)}
        rows = validate_data(self, X, reset=False)
        found: Floats = functions[self.activation](rows @ self.weights_ + self.biases_)
        return found


@dataclass(eq=False, repr=False)
class RidgeShares(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Ridge regression on the share of each class, which is 1 for a row's class and 0 for the others.

    A row that stands several times, with the weights of its classes, is a row with soft targets: to the squared error,
    both are the same.

    Parameters
    ----------
    alpha
        Strength of the L2 penalty.

    Attributes
    ----------
    classes_ : (n_classes,)
        The classes.
    ridge_ : Ridge
        The regression.
    """

    alpha: float = 1.0

    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Fit the regression.

        Parameters
        ----------
        X : (n_rows, n_columns)
            Rows without NaN.
        y : (n_rows,)
            Classes.
        sample_weight : (n_rows,)
            How many times each row counts; None: once.
        """
        rows, y = validate_data(self, X, y)
        check_classification_targets(y)
        self.classes_, place = np.unique(y, return_inverse=True)
        self.ridge_ = Ridge(self.alpha).fit(rows, np.eye(len(self.classes_))[place], sample_weight)
        return self

    def predict_proba(self, X: ArrayLike) -> Floats:
        """Return the predicted shares, none below 0, scaled to a sum of 1, ``(n_rows, n_classes) float64``."""
        check_is_fitted(self)
        predicted = self.ridge_.predict(validate_data(self, X, reset=False)).reshape(-1, len(self.classes_))
        shares = np.maximum(predicted, 0)
        found: Floats = shares / shares.sum(axis=1, keepdims=True)
        return found

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Return the class with the largest share, ``(n_rows,)``."""
        largest = self.predict_proba(X).argmax(axis=1)
        decided: NDArray[Any] = self.classes_[largest]
        return decided
