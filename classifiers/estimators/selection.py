"""Selection: from standardised training rows to the columns, or directions, that are kept.

``variance``
    The columns that vary most within their own range: variance over the square of (largest - smallest value). Units
    and offsets have no effect. Columns that are almost constant are removed first.
``anova``
    The columns with the largest F: between classes (`f_classif`), or of the regression on the target
    (`f_regression`).
``pca``
    The leading principal directions, whitened: each has variance 1 among the training rows.
``pfa``
    Principal features: columns, each of which stands for those that vary with it (see `principal`).

The transformers are scikit-learn's, except the last. Every row counts once here, whatever its weight.
"""

import copy
import warnings
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from affex.classifiers.base import Target

Rows = NDArray[np.floating[Any]]
Labels = NDArray[Any]
Floats = NDArray[np.float64]

Select = Literal["none", "variance", "anova", "pca", "pfa"]

#: Searched values where the share is left open: shares of the columns, for `pca` of the variance.
SHARES: dict[Select, tuple[float | None, ...]] = {
    "none": (None,),
    "variance": (0.1, 0.3, 1.0),
    "anova": (0.1, 0.3, 1.0),
    "pca": (0.5, 0.8, 0.95),
    "pfa": (0.1, 0.3, 0.6),
}

#: The share that is kept where no search is possible: the middle of the searched values.
FIXED_SHARES: dict[Select, float | None] = {select: shares[len(shares) // 2] for select, shares in SHARES.items()}


def choices(select: Select, keeps: Sequence[float | None], rows: Rows, y: Labels, target: Target) -> list[Any]:
    """Return a fitted transformer for each share to be kept; with ``none`` they are None.

    Parameters
    ----------
    select
        How columns are chosen.
    keeps
        Shares of the columns, above 0, at most 1; for ``pca`` of the variance, below 1.
    rows : (n_rows, n_columns)
        Training rows without NaN.
    y : (n_rows,)
        Classes or values of the rows.
    target
        Whether `y` holds classes or values.
    """
    if select == "none":
        return [None for _ in keeps]
    shares = [float(keep) for keep in keeps if keep is not None]
    if select == "pca":
        from sklearn.decomposition import PCA

        # One decomposition serves all shares: a smaller share keeps the first of the same directions.
        whole = PCA(max(shares), whiten=True, svd_solver="full").fit(rows)
        return [_leading(whole, share) for share in shares]
    if select == "pfa":
        from affex.classifiers.estimators.principal import PrincipalFeatures

        return [PrincipalFeatures(share).fit(rows) for share in shares]
    from sklearn.feature_selection import SelectPercentile

    score = spread if select == "variance" else between_classes if target == "classes" else along_values
    scored = SelectPercentile(score, percentile=100).fit(rows, y)
    return [copy.copy(scored).set_params(percentile=100 * share) for share in shares]


def chosen(choice: Any, rows: Rows) -> Rows:
    """Return the rows with the columns or directions that a transformer keeps; all columns without a transformer."""
    kept: Rows = rows if choice is None else choice.transform(rows)
    return kept


def spread(rows: Rows, y: Labels | None = None) -> Floats:  # noqa: ARG001 - the form of scikit-learn's scores
    """Return each column's variance over its squared range; 0 for a constant column."""
    reach = np.ptp(rows, axis=0).astype(np.float64)
    share: Floats = rows.var(axis=0, dtype=np.float64) / np.where(reach > 0, reach, 1.0) ** 2
    return share


def between_classes(rows: Rows, y: Labels) -> Floats:
    """Return each column's F statistic between classes; 0 for a constant column."""
    from sklearn.feature_selection import f_classif

    with warnings.catch_warnings(), np.errstate(divide="ignore", invalid="ignore"):
        # Scikit-learn warns of constant columns, which are expected here and rank last.
        warnings.simplefilter("ignore", UserWarning)
        scores: Floats = np.nan_to_num(f_classif(rows.astype(np.float64), y)[0], nan=0.0)
    return scores


def along_values(rows: Rows, y: Labels) -> Floats:
    """Return each column's F statistic of the regression on the values; 0 for a constant column."""
    from sklearn.feature_selection import f_regression

    scores: Floats = f_regression(rows.astype(np.float64), y)[0]
    return scores


def _leading(whole: Any, share: float) -> Any:
    """Return the result of ``PCA(share)``, from a decomposition with a share at least as large."""
    explained = np.cumsum(whole.explained_variance_ratio_)
    n_kept = min(int(np.searchsorted(explained, share, side="right")) + 1, len(explained))
    part = copy.copy(whole).set_params(n_components=share)
    part.n_components_ = n_kept
    for name in ("components_", "explained_variance_", "explained_variance_ratio_", "singular_values_"):
        setattr(part, name, getattr(whole, name)[:n_kept])
    return part
