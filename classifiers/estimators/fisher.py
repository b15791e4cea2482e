"""Fisher vectors: from the frames of each utterance to one row, by a mixture of Gaussians learned from training frames.

Perronnin, Sanchez and Mensink 2010, Improving the Fisher kernel for large-scale image classification
(doi:10.1007/978-3-642-15561-1_11). An utterance is described by how its frames would change the mixture: the mean
gradients of their log-likelihood with respect to weights, means and variances, each divided by its standard deviation.
Then come the signed square root and the length of 1. scikit-image computes the gradients.
"""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.decomposition import PCA
from sklearn.mixture import GaussianMixture
from sklearn.utils.validation import check_is_fitted

from affex.classifiers.base import Axis
from affex.classifiers.estimators.gmm import FRAMES_A_COMPONENT, fitted_mixture
from affex.classifiers.estimators.svm import RBFMachine
from affex.classifiers.estimators.training import (
    Folds,
    Labels,
    Numbers,
    Rows,
    Weights,
    checked,
    checked_rows,
    fitted_scale,
    standardised,
)

Floats = NDArray[np.float64]

#: Principal components of more columns than this come from the randomised algorithm of Halko et al. 2011,
#: doi:10.1137/090771806.
MANY_COLUMNS = 1000
#: Steps of expectation maximisation, and what is added to every variance; the variance of a column is 1.
STEPS, FLOOR = 50, 1e-3


@dataclass(eq=False, repr=False)
class FisherMachine(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """A support-vector machine on the Fisher vectors of utterances; scale, components, mixture are learned from frames.

    Inner folds of the machine's search share the mixture, which knows frames but no class.

    Parameters
    ----------
    gaussians
        Gaussians of the mixture; fewer if there are less than ten frames for each.
    components
        Principal components of the standardised columns that the mixture sees, at most; 0 for the columns themselves.
    most_frames
        From how many frames, evenly spread over the training frames, components and mixture are learned, at most.
    C, gamma, weights, device
        As for `RBFMachine`.
    seed
        Seeds the start of the mixture.

    Attributes
    ----------
    classes_ : (n_classes,)
    scale_, pca_, mixture_
        The scale of columns, their components (None if there are none), and the mixture.
    svm_ : RBFMachine
        Fitted on Fisher vectors.
    best_params_, limits_ : dict
        As for `RBFMachine`, and how many Gaussians there are.
    """

    gaussians: int = 16
    components: int = 32
    most_frames: int = 50000
    C: float | None = None
    gamma: float | None = None
    weights: Weights = "balanced"
    device: str = "cpu"
    seed: int = 0

    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        groups: ArrayLike | None = None,
        *,
        sample_weight: ArrayLike | None = None,
        inner: Folds | None = None,
        offsets: ArrayLike | None = None,
    ) -> Self:
        """Learn the mixture from frames, then the machine from the Fisher vectors of utterances.

        Parameters
        ----------
        X : (n_rows, n_columns)
            Frames; NaN where a value is missing.
        y : (n_utterances,)
            Classes.
        groups : (n_utterances,), optional
            Speakers; inner folds keep each speaker whole. None treats every utterance as a speaker of its own.
        sample_weight : (n_utterances,), optional
            How many times each utterance counts in the machine; the mixture counts each frame of those above 0 once.
        inner
            Inner folds, as pairs of (train, test) numbers of utterances, instead of folds by speaker.
        offsets : (n_utterances + 1,), optional
            Utterance ``i`` has rows ``offsets[i]`` to ``offsets[i + 1]``; None takes each row as an utterance.

        Raises
        ------
        ValueError
            If the arguments do not fit together.
        """
        rows, limits = self._checked(X, y, groups, sample_weight, offsets)
        self._learn(rows, limits, sample_weight)
        self.svm_ = RBFMachine(C=self.C, gamma=self.gamma, weights=self.weights, device=self.device)
        self.svm_.fit(self._vectors(rows, limits), y, groups, sample_weight=sample_weight, inner=inner)
        self.classes_ = self.svm_.classes_
        self.limits_ = self.svm_.limits_
        self.best_params_ = {**self.svm_.best_params_, "gaussians": self.mixture_.n_components}
        return self

    @property
    def search_axes(self) -> tuple[Axis, ...]:
        """What the search of the machine tries."""
        return RBFMachine(C=self.C, gamma=self.gamma).search_axes

    def vectors(self, X: ArrayLike, offsets: ArrayLike | None = None) -> Floats:
        """Return the Fisher vector of each utterance, ``(n_utterances, 2 * n_gaussians * n_components + n_gaussians)``.

        An utterance without frames has zeros.
        """
        rows = checked_rows(self, X)
        return self._vectors(rows, _limits(offsets, len(rows)))

    def predict(self, X: ArrayLike, offsets: ArrayLike | None = None) -> Labels:
        """Return the machine's decision for each utterance."""
        rows = self.vectors(X, offsets)
        decided: Labels = self.svm_.predict(rows)
        return decided

    def predict_proba(self, X: ArrayLike, offsets: ArrayLike | None = None) -> Floats:
        """Return the machine's probabilities, ``(n_utterances, n_classes)``."""
        rows = self.vectors(X, offsets)
        found: Floats = self.svm_.predict_proba(rows)
        return found

    def _checked(self, X: ArrayLike, y: ArrayLike, groups: Any, weight: Any, offsets: Any) -> tuple[Rows, Numbers]:
        if offsets is None:
            rows = checked(self, X, y, groups, weight).X
            return rows, _limits(None, len(rows))
        rows = np.asarray(X)
        limits = _limits(offsets, len(rows))
        # The targets, of which there is one an utterance; then the number of columns.
        checked(self, np.zeros((len(limits) - 1, 1)), y, groups, weight)
        self.n_features_in_ = rows.shape[1]
        return checked_rows(self, rows), limits

    def _learn(self, rows: Rows, limits: Numbers, weight: ArrayLike | None) -> None:
        counts = np.ones(len(limits) - 1) if weight is None else np.asarray(weight, np.float64)
        frames = np.flatnonzero(np.repeat(counts > 0, np.diff(limits)))
        if len(frames) > self.most_frames:
            frames = frames[np.linspace(0, len(frames) - 1, self.most_frames).round().astype(np.int64)]
        own = rows[frames].astype(np.float64)
        self.scale_ = fitted_scale(own)
        scaled = standardised(self.scale_, own)
        kept = min(self.components, *scaled.shape)
        self.pca_ = _components(kept, self.seed, many=scaled.shape[1] > MANY_COLUMNS).fit(scaled) if kept else None
        seen = scaled if self.pca_ is None else self.pca_.transform(scaled)
        n_gaussians = min(self.gaussians, max(1, len(seen) // FRAMES_A_COMPONENT))
        mixture = GaussianMixture(
            n_gaussians,
            covariance_type="diag",
            max_iter=STEPS,
            reg_covar=FLOOR,
            init_params="k-means++",
            random_state=self.seed,
        )
        self.mixture_ = fitted_mixture(mixture, seen)

    def _vectors(self, rows: Rows, limits: Numbers) -> Floats:
        check_is_fitted(self, "mixture_")
        scaled = standardised(self.scale_, rows.astype(np.float64)).astype(np.float64)
        seen: Floats = scaled if self.pca_ is None else self.pca_.transform(scaled)
        n_numbers = self.mixture_.n_components * (2 * seen.shape[1] + 1)
        vectors = np.zeros((len(limits) - 1, n_numbers))
        for vector, begin, end in zip(vectors, limits[:-1], limits[1:], strict=True):
            if begin < end:
                vector[:] = fisher_vector(seen[begin:end], self.mixture_)
        return vectors

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags


def fisher_vector(frames: Floats, mixture: GaussianMixture) -> Floats:
    """Return the improved Fisher vector of frames ``(n_frames, d)``: signed square roots, scaled to length 1."""
    from skimage.feature import fisher_vector as gradients

    found = gradients(frames, mixture)
    rooted = np.sign(found) * np.sqrt(np.abs(found))
    length = np.linalg.norm(rooted)
    scaled: Floats = rooted / length if length else rooted
    return scaled


def _components(n: int, seed: int, *, many: bool) -> PCA:
    return PCA(n, svd_solver="randomized" if many else "covariance_eigh", random_state=seed)


def _limits(offsets: ArrayLike | None, n_rows: int) -> Numbers:
    """Return which rows each utterance has; each row is one without offsets."""
    if offsets is None:
        return np.arange(n_rows + 1)
    limits = np.asarray(offsets, np.int64)
    if limits[0] != 0 or limits[-1] != n_rows or (np.diff(limits) < 0).any():
        raise ValueError(f"offsets: expected numbers that rise from 0 to {n_rows}, the number of rows")
    return limits
