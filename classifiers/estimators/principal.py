"""Principal feature analysis: from scaled columns to a few that represent all columns that vary with them.

Lu, Cohen, Zhou and Tian, "Feature selection using principal feature analysis" (ACM Multimedia 2007,
doi:10.1145/1291233.1291297). Each column has loadings on the leading principal directions. Columns with similar
loadings (whatever their sign) carry the same information. k-means clusters the loadings, and the column nearest to each
cluster centre is kept. Columns, unlike directions, have names, so the result shows for example which markers suffice.
"""

import math
import warnings
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from sklearn.feature_selection import SelectorMixin
from sklearn.utils.validation import check_is_fitted, validate_data

#: Share of variance that the directions with compared loadings explain, as in the publication's examples.
VARIANCE = 0.9

#: Number of k-means runs, each from another seed; the best run counts.
STARTS = 10


@dataclass(eq=False, repr=False)
class PrincipalFeatures(SelectorMixin, BaseEstimator):  # type: ignore[misc]
    """A transformer that keeps principal columns of rows that are scaled already.

    Parameters
    ----------
    keep
        The share of the columns that is kept, above 0, at most 1; rounded up.
    seed
        Seeds where the clusters start.

    Attributes
    ----------
    support_ : (n_columns,) bool
        Which columns are kept; fewer than requested if columns repeat each other or do not vary.
    n_directions_ : int
        Number of directions used: those that explain `VARIANCE`, at most as many as columns are kept.
    """

    keep: float = 0.3
    seed: int = 0

    def fit(self, X: ArrayLike, y: Any = None) -> Self:  # noqa: ARG002 - the form of scikit-learn's transformers
        """Choose the columns.

        Parameters
        ----------
        X : (n_rows, n_columns)
            Scaled rows without NaN.
        y
            Not needed.

        Raises
        ------
        ValueError
            If there is one row only, or `keep` is not a valid share.
        """
        if not 0 < self.keep <= 1:
            raise ValueError(f"keep={self.keep}: expected more than 0, at most 1")
        rows = validate_data(self, X, dtype=np.float64, ensure_min_samples=2)
        varying = np.flatnonzero(np.ptp(rows, axis=0) > 0)
        self.support_ = np.zeros(rows.shape[1], bool)
        n_kept = math.ceil(self.keep * rows.shape[1])
        if n_kept >= len(varying):
            self.support_[varying] = True
            self.n_directions_ = len(varying)
            return self
        loadings = self._loadings(rows[:, varying], n_kept)
        self.support_[varying[_nearest(loadings, n_kept, self.seed)]] = True
        return self

    def _loadings(self, rows: NDArray[np.float64], most: int) -> NDArray[np.float64]:
        """Return the loading of each column on each leading direction, ``(n_columns, n_directions)``."""
        found = PCA().fit(rows)
        explained = np.cumsum(found.explained_variance_ratio_)
        self.n_directions_ = min(most, int(np.searchsorted(explained, VARIANCE)) + 1, len(explained))
        # Rounding makes the loadings of columns that repeat each other equal.
        shares: NDArray[np.float64] = np.abs(found.components_[: self.n_directions_].T).round(9)
        return shares

    def _get_support_mask(self) -> NDArray[np.bool_]:
        check_is_fitted(self)
        mask: NDArray[np.bool_] = self.support_
        return mask


def _nearest(points: NDArray[np.float64], n_clusters: int, seed: int) -> NDArray[np.int64]:
    """Return the index of the point nearest to the centre of each cluster that is not empty."""
    with warnings.catch_warnings():
        # Equal points form fewer clusters than requested, which is sufficient.
        warnings.simplefilter("ignore", ConvergenceWarning)
        found = KMeans(n_clusters, n_init=STARTS, random_state=seed).fit(points)
    distances = np.linalg.norm(points - found.cluster_centers_[found.labels_], axis=1)
    order = np.lexsort((distances, found.labels_))
    _, first = np.unique(found.labels_[order], return_index=True)
    return np.asarray(order[first], np.int64)
