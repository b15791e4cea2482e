"""Standard columns: from rows to columns of mean 0 and standard deviation 1, without those that do not vary."""

import numpy as np
from numpy.typing import NDArray

#: A column varies if its standard deviation is more than this share of its largest value: less is rounding of float32.
ROUNDING = 1e-6


def varying(X: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Return which columns vary, ``(n_columns,) bool``."""
    if not len(X):
        return np.zeros(X.shape[1], bool)
    largest = np.abs(X).max(axis=0).astype(np.float64)
    is_varying: NDArray[np.bool_] = X.std(axis=0, dtype=np.float64) > ROUNDING * np.maximum(largest, 1e-30)
    return is_varying


def standardised(X: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the z-scores of the columns that vary, ``(n_rows, n_varying) float64``."""
    values = X[:, varying(X)].astype(np.float64)
    values -= values.mean(axis=0)
    values /= np.sqrt((values**2).mean(axis=0))
    return values
