"""What estimators learn of rows first: scikit-learn's means and scales, to the bit."""

import numpy as np
import pytest
from sklearn.preprocessing import StandardScaler

from affex.classifiers.estimators.training import fitted_scale


def hard(n_rows, n_columns, dtype, seed):
    """Columns of all sizes, far from 0, constant, or -0."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_rows, n_columns)) * 10.0 ** rng.integers(-8, 8, n_columns)
    X += 10.0 ** rng.integers(-3, 6, n_columns) * (rng.random(n_columns) < 0.5)
    X[:, rng.random(n_columns) < 0.1], X[:, 0] = 3.3, -0.0
    return X.astype(dtype), (rng.integers(1, 4, n_rows) / 3, np.ones(n_rows), rng.random(n_rows) + 0.01)[seed % 3]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize(("n_rows", "n_columns"), [(1, 2), (7, 1), (50, 3), (333, 40), (97, 1500)])
def test_the_scale_is_scikit_learns_to_the_bit(n_rows, n_columns, seed, order, dtype):
    X, weight = hard(n_rows, n_columns, dtype, seed)
    X = np.asarray(X, order=order)
    with np.errstate(invalid="ignore"):
        theirs, ours = StandardScaler().fit(X, sample_weight=weight), fitted_scale(X, weight)
    for name in ("mean_", "var_", "scale_", "n_samples_seen_", "n_features_in_"):
        assert np.asarray(getattr(ours, name)).tobytes() == np.asarray(getattr(theirs, name)).tobytes(), name
    assert vars(ours).keys() == vars(theirs).keys()
