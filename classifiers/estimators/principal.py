"""Principal feature analysis: a few columns that stand for all, each for those that vary with it.

Lu, Cohen, Zhou and Tian, "Feature selection using principal feature analysis" (ACM Multimedia 2007,
doi:10.1145/1291233.1291297). Of the leading principal directions each column has a share, its loadings; columns with
alike loadings (whatever their sign) say the same, so the loadings are parted into clusters by k-means, and of each
cluster the column nearest its centre is kept. Unlike directions, columns can be named: which markers suffice, say.
"""

import math
import warnings
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from sklearn.feature_selection import SelectorMixin
from sklearn.utils.validation import check_is_fitted, validate_data

#: How much of the variance the directions explain whose loadings are compared, as in the publication's examples.
VARIANCE = 0.9

#: k-means starts so often, from seeds of its own, and the best end counts.
STARTS = 10


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
        Which columns are kept; fewer than asked for where columns repeat each other or do not vary.
    n_directions_ : int
        How many directions were looked at: those that explain `VARIANCE`, no more than columns are kept.
    """

    def __init__(self, keep: float = 0.3, seed: int = 0) -> None:
        self.keep = keep
        self.seed = seed

    def fit(self, X: ArrayLike, y: Any = None) -> Self:  # noqa: ARG002 - the form of scikit-learn's transformers
        """Find the columns.

        Parameters
        ----------
        X : (n_rows, n_columns)
            Without NaN, scaled.
        y
            Not needed.

        Raises
        ------
        ValueError
            If there is one row only, or `keep` is no share.
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
        """Return the share that each column has of each leading direction, ``(n_columns, n_directions)``."""
        found = PCA().fit(rows)
        explained = np.cumsum(found.explained_variance_ratio_)
        self.n_directions_ = min(most, int(np.searchsorted(explained, VARIANCE)) + 1, len(explained))
        # Rounded, so that columns that repeat each other fall together.
        shares: NDArray[np.float64] = np.abs(found.components_[: self.n_directions_].T).round(9)
        return shares

    def _get_support_mask(self) -> NDArray[np.bool_]:
        check_is_fitted(self)
        mask: NDArray[np.bool_] = self.support_
        return mask


def _nearest(points: NDArray[np.float64], n_clusters: int, seed: int) -> NDArray[np.int64]:
    """Return the number of the point nearest the centre of each cluster that has any."""
    with warnings.catch_warnings():
        # Points that fall together make fewer clusters than were asked for, and fewer will do.
        warnings.simplefilter("ignore", ConvergenceWarning)
        found = KMeans(n_clusters, n_init=STARTS, random_state=seed).fit(points)
    distances = np.linalg.norm(points - found.cluster_centers_[found.labels_], axis=1)
    order = np.lexsort((distances, found.labels_))
    _, first = np.unique(found.labels_[order], return_index=True)
    return np.asarray(order[first], np.int64)
