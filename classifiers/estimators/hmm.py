"""Hidden Markov models: from the frames of utterances to one model per class, with Gaussian emissions of streams.

hmmlearn (https://hmmlearn.readthedocs.io) runs the recursions (forward, backward, Viterbi) and expectation
maximisation. The emissions are those of a multi-stream HMM (Young et al., "The HTK book", 2006, section 7.1; Dupont and
Luettin 2000, doi:10.1109/6046.865479): all streams share one chain of states, and a state's density is the product of
the streams' densities, each with an exponent. A missing value is left out of the product, which for a diagonal
covariance is the density of the values that are there.

Maximum likelihood says nothing of the exponents: the models learn from all streams alike, and exponents weigh them when
utterances are scored. Those with which inner speakers are classified best can be searched (Potamianos et al. 2003,
doi:10.1109/JPROC.2003.817150).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Any, Literal, Self

import numpy as np
from hmmlearn.base import BaseHMM, ConvergenceMonitor
from numpy.typing import ArrayLike, NDArray
from scipy.special import softmax
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.utils.validation import check_is_fitted

from affex.classifiers.base import Axis
from affex.classifiers.estimators.exponents import AUTO, MOST_STREAMS, Exponents, mean_recall, shares, spelled
from affex.classifiers.estimators.training import (
    ONE_SPEAKER,
    Folds,
    Labels,
    Numbers,
    Rows,
    Training,
    Weights,
    checked,
    checked_rows,
    fitted_scale,
    standardised,
)

Floats = NDArray[np.float64]
Topology = Literal["left-right", "ergodic"]

#: Fewest frames per state of a class.
FRAMES_A_STATE = 10
#: Expectation maximisation ends when the log-likelihood per frame rises by less than this.
TOLERANCE = 1e-3
#: What is added to each count of a transition that is allowed, so that none has the probability 0.
PSEUDO_COUNT = 1.0
#: A state that fewer frames belong to keeps its Gaussian.
LEAST_FRAMES = 1e-3


class KnownEmissions(BaseHMM):  # type: ignore[misc]
    """A chain whose rows are log-probabilities of the states already, ``(n_rows, n_states)``."""

    def _check(self) -> None:
        """Accept what was set."""

    def _compute_log_likelihood(self, X: Floats) -> Floats:
        return X


def chain(start: Floats, transitions: Floats) -> KnownEmissions:
    """Return a chain of known probabilities.

    Parameters
    ----------
    start : (n_states,) float64
        The probability of each first state.
    transitions : (n_states, n_states) float64
        ``[i, j]`` is the probability of state ``j`` after state ``i``.
    """
    found = KnownEmissions(len(start))
    found.startprob_, found.transmat_ = start, transitions
    return found


class _Steps(ConvergenceMonitor):  # type: ignore[misc]
    """Counts the steps without a message: the floor may lower the log-likelihood a little."""

    def report(self, log_prob: float) -> None:
        self.history.append(log_prob)
        self.iter += 1


class _Emitting(BaseHMM):  # type: ignore[misc]
    """A chain with Gaussian emissions in training; a row holds the values, then the exponent of each (0: missing)."""

    def begin(self, gaussians: "Gaussians", start: Floats, transitions: Floats, floor: float) -> Self:
        """Set where expectation maximisation begins."""
        self.gaussians_, self.floor_ = gaussians, floor
        self.startprob_, self.transmat_ = start, transitions
        return self

    def _init(self, X: Floats, lengths: Numbers) -> None:
        """Keep what `begin` has set."""

    def _check(self) -> None:
        """Accept what was set."""

    def _compute_log_likelihood(self, X: Floats) -> Floats:
        return self.gaussians_.log_density(*np.split(X, 2, axis=1))

    def _initialize_sufficient_statistics(self) -> dict[str, Any]:
        sums = np.zeros((3, *self.gaussians_.means.shape))
        return {**super()._initialize_sufficient_statistics(), "sums": sums}

    def _accumulate_sufficient_statistics(
        self, stats: dict[str, Any], X: Floats, lattice: Floats, posteriors: Floats, fwdlattice: Floats,
        bwdlattice: Floats,
    ) -> None:  # fmt: skip
        super()._accumulate_sufficient_statistics(stats, X, lattice, posteriors, fwdlattice, bwdlattice)
        values, exponents = np.split(X, 2, axis=1)
        stats["sums"] += _sums(posteriors, values, exponents > 0)

    def _do_mstep(self, stats: dict[str, Any]) -> None:
        super()._do_mstep(stats)
        self.gaussians_ = _gaussians(stats["sums"], self.floor_, self.gaussians_)

    def _compute_lower_bound(self, curr_logprob: float) -> float:
        return curr_logprob


@dataclass(frozen=True, eq=False)
class Gaussians:
    """A Gaussian of diagonal covariance for each state: `means` and `variances`, ``(n_states, n_columns) float64``."""

    means: Floats
    variances: Floats

    def log_density(self, values: Floats, exponents: Floats) -> Floats:
        """Return ``sum_d e_d log N(x_d)`` of each row and state, ``(n_rows, n_states)``.

        Parameters
        ----------
        values, exponents : (n_rows, n_columns) float64
            Values, 0 where one is missing, and their exponents ``e``, 0 there.
        """
        precisions = 1 / self.variances
        weighted = exponents * values
        found: Floats = -0.5 * (
            (weighted * values) @ precisions.T
            - 2 * weighted @ (self.means * precisions).T
            + exponents @ (self.means**2 * precisions + np.log(2 * np.pi * self.variances)).T
        )
        return found


def _sums(shares: Floats, values: Floats, present: NDArray[np.bool_]) -> Floats:
    """Return, for each state and column, how many frames it has, their sum, and that of their squares."""
    own: Floats = np.stack([shares.T @ present, shares.T @ values, shares.T @ values**2])
    return own


def _gaussians(sums: Floats, floor: float, before: Gaussians) -> Gaussians:
    """Return the Gaussians of sums as `_sums` returns them; of too few frames those that were `before`."""
    n, first, second = sums
    enough = n > LEAST_FRAMES
    n = np.where(enough, n, 1.0)
    means = first / n
    variances = np.maximum(second / n - means**2, 0) + floor
    return Gaussians(np.where(enough, means, before.means), np.where(enough, variances, before.variances))


@dataclass(eq=False, repr=False)
class ClassChains(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """A hidden Markov model per class, on the standardised frames of one or several streams, in float64.

    All classes have the same prior probability, as in the mean of class recalls, unless `weights` says otherwise.

    Parameters
    ----------
    states
        Number of states; fewer for a class with less than `FRAMES_A_STATE` frames for each.
    topology
        ``"left-right"``: an utterance begins in the first state, and a state is followed by itself or the next one.
        ``"ergodic"``: every state may follow every state.
    exponents
        Of each stream's density when utterances are scored, also as text, ``"1.5/0.5"``; a single one holds for all
        streams. The models learn from all streams alike, except for those with 0, which are left out. ``"auto"``:
        those of `shares` with the greatest UAR on inner folds.
    components
        Principal components of each stream's columns that are kept; 0 keeps the columns.
    iterations
        Most steps of expectation maximisation.
    floor
        Added to every variance; the variance of all training frames is 1.
    weights
        ``"balanced"``: classes have equal priors; ``"none"``: priors follow the number of training utterances.
    seed
        Seeds where the states of ``"ergodic"`` begin.

    Attributes
    ----------
    classes_ : (n_classes,)
    class_log_prior_ : (n_classes,) float64
    starts_, transitions_, means_, variances_ : list of ndarray
        Of each class.
    exponents_ : tuple of float
        The exponent of each stream's density when utterances are scored.
    best_params_ : dict
        How many states each class has: what the number of training frames allowed. The exponents, if they were
        searched.
    limits_ : dict
        Why exponents were not searched.
    """

    states: int = 3
    topology: Topology = "left-right"
    exponents: Exponents | str = (1.0,)
    components: int = 0
    iterations: int = 20
    floor: float = 0.01
    weights: Weights = "balanced"
    seed: int = 0

    def fit(
        self,
        X: Any,
        y: ArrayLike,
        groups: ArrayLike | None = None,
        *,
        sample_weight: ArrayLike | None = None,
        inner: Folds | None = None,
        offsets: Any = None,
    ) -> Self:
        """Fit the scales of the streams, then one model per class.

        Parameters
        ----------
        X : (n_rows, ...), or list of them
            The rows of one stream, or of each; NaN where a value is missing.
        y : (n_utterances,)
            Classes.
        groups : (n_utterances,), optional
            The speaker of each utterance, for the inner folds.
        sample_weight : (n_utterances,), optional
            All equal: expectation maximisation counts each utterance once.
        inner
            The inner folds, as (train, validation) numbers of utterances; None for those of `inner_folds`.
        offsets : (n_utterances + 1,), or list of them, optional
            Which rows each utterance has, the same of all streams; None takes each row as an utterance.

        Raises
        ------
        ValueError
            If the arguments do not fit together, or a class has no frame.
        """
        if offsets is None:
            training = checked(self, X, y, groups, sample_weight)
            streams, limits = [training.X], np.arange(len(training.X) + 1)
        else:
            streams, limits = _streams(X, offsets)
            training = checked(self, np.zeros((len(limits) - 1, 1)), y, groups, sample_weight)
            self.n_features_in_ = sum(rows.shape[1] for rows in streams)
        if (training.weight != training.weight[0]).any():
            raise ValueError(
                "Hidden Markov models take every utterance alike; expected the same sample_weight for all, "
                f"found {training.weight.min():g} to {training.weight.max():g}"
            )
        self.limits_: dict[str, str] = {}
        self.exponents_ = self._settled(streams, limits, training, inner)
        self.widths_ = [rows.shape[1] for rows in streams]
        self.scales_ = [fitted_scale(rows) for rows in streams]
        self.bases_ = [self._basis(scale, rows) for scale, rows in zip(self.scales_, streams, strict=True)]
        self.class_log_prior_ = self._log_prior(training.y)
        self.starts_: list[Floats] = []
        self.transitions_: list[Floats] = []
        self.means_: list[Floats] = []
        self.variances_: list[Floats] = []
        kept = tuple(float(one > 0) for one in self.exponents_)
        for name in self.classes_:
            own = _chosen(streams, limits, np.flatnonzero(training.y == name))
            self._learn(name, *self._frames(*own, kept))
        self.best_params_: dict[str, Any] = {
            f"states.{name}": len(own) for name, own in zip(self.classes_, self.starts_, strict=True)
        }
        if self._searches and len(streams) > 1:
            self.best_params_["exponents"] = spelled(self.exponents_)
        return self

    @property
    def search_axes(self) -> tuple[Axis, ...]:
        """The exponents that a search tries, if there is one; how many streams there are, `fit` knows alone."""
        return (Axis("exponents", ("each way to share their sum out among the streams",)),) if self._searches else ()

    @property
    def _searches(self) -> bool:
        return self.exponents == AUTO

    def _settled(self, streams: list[Rows], limits: Numbers, training: Training, inner: Folds | None) -> Exponents:
        """Return the exponents of streams: those that were given, or those that classify inner speakers best."""
        n_streams = len(streams)
        if not self._searches:
            given = self.exponents
            found = tuple(map(float, given.split("/"))) if isinstance(given, str) else tuple(given)
            if len(found) not in (1, n_streams):
                raise ValueError(f"{len(found)} exponents of {n_streams} streams; expected one, or one for each")
            return found * (n_streams if len(found) == 1 else 1)
        if n_streams > MOST_STREAMS:
            raise ValueError(
                f"exponents=auto weighs {MOST_STREAMS} streams at most, found {n_streams}; expected a number for each"
            )
        equal = (1.0,) * n_streams
        if n_streams == 1:
            return equal
        folds = training.folds(inner)
        if not folds:
            self.limits_ = {"search": ONE_SPEAKER}
            return equal
        right = self._right(streams, limits, training.y, folds)
        if not right:
            self.limits_ = {"search": "no inner fold has frames of two classes to learn from"}
            return equal
        return max(right, key=lambda tried: right[tried])

    def _right(
        self, streams: list[Rows], limits: Numbers, y: Labels, folds: Sequence[tuple[Numbers, Numbers]]
    ) -> dict[Exponents, float]:
        """Return the UAR of each of the tried exponents on inner folds; empty if none can be learned from."""
        true: list[Labels] = []
        said: dict[Exponents, list[Labels]] = {one: [] for one in shares(len(streams))}
        for train, validation in folds:
            own, at = _chosen(streams, limits, train)
            held, ends = _chosen(streams, limits, validation)
            try:
                learned = self._learned_with(list(said), own, y[train], at)
            except ValueError:  # one class, or a class without frames, is left of this fold
                continue
            true.append(y[validation])
            for exponents, answers in said.items():
                model = learned[tuple(map(bool, exponents))]
                model.exponents_ = exponents
                answers.append(model.predict(held, [ends] * len(streams)))
        if not true:
            return {}
        return {one: mean_recall(np.concatenate(true), np.concatenate(answers)) for one, answers in said.items()}

    def _learned_with(
        self, tried: Sequence[Exponents], streams: list[Rows], y: Labels, limits: Numbers
    ) -> dict[tuple[bool, ...], Self]:
        """Return the models of each set of streams that some exponents keep."""
        kept = dict.fromkeys(tuple(map(bool, one)) for one in tried)
        return {
            some: clone(self)
            .set_params(exponents=tuple(map(float, some)))
            .fit(streams, y, offsets=[limits] * len(streams))
            for some in kept
        }

    def log_likelihood(self, X: Any, offsets: Any = None) -> Floats:
        """Return ``log p(frames | class)`` of each utterance, ``(n_utterances, n_classes)``; 0 without a frame."""
        check_is_fitted(self)
        if offsets is None:
            rows = checked_rows(self, X)
            streams, limits = [rows], np.arange(len(rows) + 1)
        else:
            streams, limits = _streams(X, offsets)
        if [rows.shape[1] for rows in streams] != list(self.widths_):
            raise ValueError(f"X: expected streams of {self.widths_} columns, found {[s.shape[1] for s in streams]}")
        found = np.zeros((len(limits) - 1, len(self.classes_)))
        if not limits[-1]:
            return found
        values, exponents, limits = self._frames(streams, limits, self.exponents_)
        learned = zip(self.starts_, self.transitions_, self.means_, self.variances_, strict=True)
        for code, (start, transitions, means, variances) in enumerate(learned):
            emitted, own = Gaussians(means, variances).log_density(values, exponents), chain(start, transitions)
            for number in np.flatnonzero(np.diff(limits)):
                found[number, code] = own.score(emitted[limits[number] : limits[number + 1]])
        return found

    def predict_proba(self, X: Any, offsets: Any = None) -> Floats:
        """Return ``P(class | frames)`` of each utterance, ``(n_utterances, n_classes)``."""
        posterior: Floats = softmax(self.log_likelihood(X, offsets) + self.class_log_prior_, axis=1)
        return posterior

    def predict(self, X: Any, offsets: Any = None) -> Labels:
        """Return the most probable class of each utterance."""
        joint = self.log_likelihood(X, offsets) + self.class_log_prior_
        best: Labels = self.classes_[joint.argmax(axis=1)]
        return best

    def _learn(self, name: str, values: Floats, exponents: Floats, limits: Numbers) -> None:
        """Fit the model of a class to its frames."""
        if not len(values):
            raise ValueError(f"no training utterance of {name} has a frame; expected one at least")
        n_states = min(self.states, max(1, len(values) // FRAMES_A_STATE))
        begun = self._begun(n_states, values, limits)
        start, transitions = _counted(begun, limits, n_states, self.topology)
        every = _sums(np.ones((len(values), n_states)), values, exponents > 0)
        whole = _gaussians(every, self.floor, Gaussians(every[0] * 0.0, every[0] * 0.0 + 1.0))
        gaussians = _gaussians(_sums(np.eye(n_states)[begun], values, exponents > 0), self.floor, whole)
        model = _Emitting(
            n_states, startprob_prior=1 + PSEUDO_COUNT, transmat_prior=1 + PSEUDO_COUNT, n_iter=self.iterations
        ).begin(gaussians, start, transitions, self.floor)
        model.monitor_ = _Steps(TOLERANCE * len(values), self.iterations, verbose=False)
        lengths = np.diff(limits)
        model.fit(np.hstack([values, exponents]), lengths[lengths > 0])
        self.starts_.append(model.startprob_)
        self.transitions_.append(model.transmat_)
        self.means_.append(model.gaussians_.means)
        self.variances_.append(model.gaussians_.variances)

    def _begun(self, n_states: int, values: Floats, limits: Numbers) -> Numbers:
        """Return the state of each frame at first: of equal parts of an utterance, or of clusters of frames."""
        if self.topology == "left-right":
            lengths = np.repeat(np.diff(limits), np.diff(limits))
            place = np.arange(len(values)) - np.repeat(limits[:-1], np.diff(limits))
            parts: Numbers = (place * n_states) // lengths
            return parts
        if n_states == 1:
            return np.zeros(len(values), np.int64)
        clusters: Numbers = KMeans(n_states, n_init=1, random_state=self.seed).fit_predict(values).astype(np.int64)
        return clusters

    def _basis(self, scale: Any, rows: Rows) -> Floats | None:
        """Return the principal components of a stream, divided by their deviations; None if columns are kept."""
        if not self.components:
            return None
        own = standardised(scale, rows)[~np.isnan(rows).all(axis=1)].astype(np.float64)
        found = PCA(min(self.components, *own.shape), svd_solver="full").fit(own)
        basis: Floats = found.components_ / np.sqrt(np.maximum(found.explained_variance_, self.floor))[:, None]
        return basis

    def _frames(self, streams: Sequence[Rows], limits: Numbers, powers: Exponents) -> tuple[Floats, Floats, Numbers]:
        """Return the streams' values side by side, 0 where one is missing, their exponents, and the same limits."""
        values, exponents = [], []
        for rows, scale, basis, power in zip(streams, self.scales_, self.bases_, powers, strict=True):
            own, present = standardised(scale, rows).astype(np.float64), ~np.isnan(rows)
            if basis is not None:
                own = own @ basis.T
                present = np.repeat(present.any(axis=1, keepdims=True), own.shape[1], axis=1)
            values.append(np.where(present, own, 0.0))
            exponents.append(power * present)
        return np.hstack(values), np.hstack(exponents), limits

    def _log_prior(self, y: Labels) -> Floats:
        if self.weights == "balanced":
            return np.full(len(self.classes_), -np.log(len(self.classes_)))
        _, counts = np.unique(y, return_counts=True)
        prior: Floats = np.log(counts / len(y))
        return prior

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags


def _counted(states: Numbers, limits: Numbers, n_states: int, topology: Topology) -> tuple[Floats, Floats]:
    """Return the shares of first states and of transitions, of known states; what the topology forbids is 0."""
    lengths = np.diff(limits)
    first = np.zeros(len(states), np.bool_)
    first[limits[:-1][lengths > 0]] = True
    start, transitions = np.full(n_states, PSEUDO_COUNT), np.full((n_states, n_states), PSEUDO_COUNT)
    np.add.at(start, states[first], 1)
    followed = ~first[1:]
    np.add.at(transitions, (states[:-1][followed], states[1:][followed]), 1)
    if topology == "left-right":
        start = np.eye(n_states)[0]
        transitions *= np.eye(n_states) + np.eye(n_states, k=1)
    return start / start.sum(), transitions / transitions.sum(axis=1, keepdims=True)


def _streams(X: Any, offsets: Any) -> tuple[list[Rows], Numbers]:
    """Return the checked rows of each stream as plain columns, and the limits of utterances, the same for all.

    Raises
    ------
    ValueError
        If streams have not the same frames, or a value is infinite.
    """
    several = isinstance(offsets, list)
    streams = [np.asarray(rows) for rows in (X if several else [X])]
    streams = [rows.reshape(len(rows), prod(rows.shape[1:])) for rows in streams]
    limits = [np.asarray(limit, np.int64) for limit in (offsets if several else [offsets])]
    if len(streams) != len(limits) or not all(np.array_equal(limit, limits[0]) for limit in limits):
        raise ValueError("offsets: the streams of a hidden Markov model are aligned; expected the same of each stream")
    if any(len(rows) != limits[0][-1] for rows in streams):
        raise ValueError("offsets: expected the last to be the number of the stream's rows")
    if any(np.isinf(rows).any() for rows in streams):
        raise ValueError("Input X contains infinity: expected numbers, or NaN for a missing value")
    return streams, limits[0]


def _chosen(streams: Sequence[Rows], limits: Numbers, numbers: Numbers) -> tuple[list[Rows], Numbers]:
    """Return the rows of some utterances, and their limits."""
    lengths = np.diff(limits)[numbers]
    own = np.concatenate([np.arange(limits[n], limits[n + 1]) for n in numbers])
    return [rows[own] for rows in streams], np.append(0, np.cumsum(lengths))
