"""Gaussian mixtures: from standardised frames to one mixture per class, all initialised from a common mixture.

The common mixture is fitted to the training frames of all classes. Each class's mixture starts from it and is fitted
to the frames of the class. Thus the same component means the same sounds in every class, and differences between
mixtures come from the classes and not from the initialisation. Reynolds, Quatieri and Dunn couple speaker models to a
background model in this way ("Speaker verification using adapted Gaussian mixture models", 2000,
doi:10.1006/dspr.1999.0361). Here the expectation maximisation of scikit-learn's `GaussianMixture` replaces their
adaptation.
"""

import warnings
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import softmax
from sklearn.base import ClassifierMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture

from affex.classifiers.estimators.selection import choices, chosen
from affex.classifiers.estimators.training import (
    Folds,
    Labels,
    Learner,
    Rows,
    Training,
    Weights,
    checked_rows,
    fitted_scale,
    standardised,
)

Floats = NDArray[np.float64]

#: Fewest frames per component of a class.
FRAMES_A_COMPONENT = 10


@dataclass(eq=False, repr=False)
class ClassMixtures(ClassifierMixin, Learner):  # type: ignore[misc]
    """A mixture of Gaussians with diagonal covariance per class, on standardised frames, in float32.

    All classes have the same prior probability, as in the mean of class recalls, unless `weights` says otherwise.

    Parameters
    ----------
    components
        Number of Gaussians of a mixture; fewer if there are too few frames (see `components_`).
    iterations
        Most steps of expectation maximisation, for the common mixture and for each class's mixture.
    floor
        Added to every variance; the variance of all training frames is 1.
    weights
        ``"balanced"``: classes have equal priors; ``"none"``: priors follow the number of training frames.
    noise
        0: no noise model. Otherwise one more mixture is fitted to frames that `is_quiet` selects by this share;
        the classes are fitted to the other frames.
    select
        ``"none"``: all columns; ``"pfa"``: principal features alone (see `PrincipalFeatures`).
    keep
        The share of the columns that is kept; required if columns are selected.
    seed
        Seeds the start of the common mixture.

    Attributes
    ----------
    classes_ : (n_classes,)
    class_log_prior_ : (n_classes,) float64
    components_ : dict
        How many Gaussians each class has.
    mixtures_ : list of GaussianMixture
        One per class.
    choice_ : PrincipalFeatures or None
        Which columns are kept; None for all.
    noise_ : GaussianMixture or None
        Mixture of the quiet frames; None if `noise` is 0 or no training frame is quiet.
    best_params_ : dict
        What the number of training frames allowed: how many Gaussians each class and the noise have, and how many
        frames the noise had.
    """

    components: int = 64
    iterations: int = 20
    floor: float = 0.01
    weights: Weights = "balanced"
    noise: float = 0.0
    select: Literal["none", "pfa"] = "none"
    keep: float | None = None
    seed: int = 0

    def _learn(self, training: Training, inner: Folds | None) -> None:  # noqa: ARG002 - nothing is tuned
        """Fit the common mixture, then one mixture per class, and that of noise.

        Speakers only define the frames among which a frame is quiet (all frames, without speakers). Expectation
        maximisation counts every frame once: unequal weights are refused, and so is a class with quiet frames only.
        """
        X, y = training.X, training.y
        if (training.weight != training.weight[0]).any():
            raise ValueError(
                "Gaussian mixtures take every frame alike; expected the same sample_weight for all, "
                f"found {training.weight.min():g} to {training.weight.max():g}"
            )
        self.scale_ = fitted_scale(X)
        frames = standardised(self.scale_, X).astype(np.float32)
        speakers = training.groups if training.has_groups else np.zeros(len(X))
        quiet = is_quiet(frames[:, 0], speakers, self.noise)
        (self.choice_,) = choices(self.select, [self.keep], frames, y, "classes")
        frames = chosen(self.choice_, frames)
        common = fitted_mixture(self._mixture(self._affordable(frames)), frames)
        self._require_speech(y, quiet)
        self.mixtures_ = [self._grown(common, frames[(y == name) & ~quiet]) for name in self.classes_]
        self.noise_ = self._grown(common, frames[quiet]) if quiet.any() else None
        self.components_ = {
            name: mixture.n_components for name, mixture in zip(self.classes_, self.mixtures_, strict=True)
        }
        self.class_log_prior_ = self._log_prior(y[~quiet])
        self.best_params_ = self._decided(int(quiet.sum()))

    def log_likelihood(self, X: ArrayLike) -> Floats:
        """Return ``log p(row | class)`` of standardised rows, ``(n_rows, n_classes)``."""
        frames = self._frames(X)
        return np.column_stack([mixture.score_samples(frames) for mixture in self.mixtures_])

    def noise_log_likelihood(self, X: ArrayLike) -> Floats:
        """Return ``log p(row | noise)`` of standardised rows, ``(n_rows,)``; -inf without a noise model."""
        frames = self._frames(X)
        if self.noise_ is None:
            return np.full(len(frames), -np.inf)
        likelihood: Floats = self.noise_.score_samples(frames)
        return likelihood

    def predict_proba(self, X: ArrayLike) -> Floats:
        """Return ``P(class | row)``, ``(n_rows, n_classes)``."""
        posterior: Floats = softmax(self.log_likelihood(X) + self.class_log_prior_, axis=1)
        return posterior

    def predict(self, X: ArrayLike) -> Labels:
        """Return the most probable class of each row."""
        joint = self.log_likelihood(X) + self.class_log_prior_
        best: Labels = self.classes_[joint.argmax(axis=1)]
        return best

    def _frames(self, X: ArrayLike) -> Floats:
        """Return rows as input of the mixtures, in double precision, because sums over thousands follow."""
        rows = checked_rows(self, X)
        frames: Floats = chosen(self.choice_, standardised(self.scale_, rows)).astype(np.float64)
        return frames

    def _log_prior(self, y: Labels) -> Floats:
        if self.weights == "balanced":
            return np.full(len(self.classes_), -np.log(len(self.classes_)))
        _, counts = np.unique(y, return_counts=True)
        prior: Floats = np.log(counts / len(y))
        return prior

    def _require_speech(self, y: Labels, quiet: NDArray[np.bool_]) -> None:
        for name in self.classes_:
            if quiet[y == name].all():
                raise ValueError(
                    f"all {int((y == name).sum())} training frames of {name} are quiet: with noise={self.noise:g} they "
                    "count as noise, and none is left to train the class on; expected a smaller noise"
                )

    def _decided(self, n_quiet: int) -> dict[str, int]:
        decided = {f"components.{name}": n for name, n in self.components_.items()}
        if not self.noise:
            return decided
        return decided | {"noise.frames": n_quiet, "noise.components": self.noise_.n_components if self.noise_ else 0}

    def _affordable(self, frames: Rows) -> int:
        return min(self.components, max(1, len(frames) // FRAMES_A_COMPONENT))

    def _mixture(self, n_components: int, **start: Rows) -> Any:
        return GaussianMixture(
            n_components,
            covariance_type="diag",
            max_iter=self.iterations,
            reg_covar=self.floor,
            init_params="k-means++",
            random_state=self.seed,
            **start,
        )

    def _grown(self, common: Any, frames: Rows) -> Any:
        """Fit a class's mixture, starting from the components of the common mixture with most of the class's frames."""
        held = common.predict_proba(frames).sum(axis=0)
        kept = np.argsort(-held, kind="stable")[: self._affordable(frames)]
        mixture = self._mixture(
            len(kept),
            weights_init=common.weights_[kept] / common.weights_[kept].sum(),
            means_init=common.means_[kept],
            precisions_init=common.precisions_[kept],
        )
        return fitted_mixture(mixture, frames)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags


def is_quiet(level: Rows, speakers: Labels, share: float) -> NDArray[np.bool_]:
    """Return which frames are so quiet that they may contain no speech.

    Parameters
    ----------
    level : (n_rows,)
        Loudness of each frame, on any logarithmic scale, such as dB.
    speakers : (n_rows,)
        The speaker of each frame, because voices and rooms differ in loudness.
    share
        A frame is quiet below this share of the range from its speaker's 5th to 95th percentile. Percentiles
        are used so that no click and no digital silence sets the scale.

    Returns
    -------
    (n_rows,) bool
        No frame is quiet if the share is 0.
    """
    quiet = np.zeros(len(level), dtype=np.bool_)
    for speaker in np.unique(speakers) if share else ():
        own = speakers == speaker
        low, high = np.percentile(level[own], (5, 95))
        quiet[own] = level[own] < low + share * (high - low)
    return quiet


def fitted_mixture(mixture: Any, frames: Rows) -> Any:
    """Return a mixture of scikit-learn fitted to frames in its number of steps, without a word if more would help."""
    with warnings.catch_warnings():
        # The number of steps is a setting, so missing convergence after these steps is expected.
        warnings.simplefilter("ignore", ConvergenceWarning)
        # `GaussianMixture` needs at least two rows. A repeated row gives the same result.
        return mixture.fit(frames if len(frames) > 1 else np.repeat(frames, 2, axis=0))
