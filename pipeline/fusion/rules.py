"""Fusion rules: the arrow from several models' scores for the same utterances to one decision on each.

A rule is fitted to the members' inner scores of a fold's training utterances (from models that were not trained on
those utterances), and then applied to their scores of the test utterances; a rule that learns nothing is only applied.
Scores of classes are probabilities and sum to 1 for each utterance. If a member lacks an utterance, the others are
weighted as if that member did not exist. Nothing is random.

References
----------
J. Kittler, M. Hatef, R. P. W. Duin, J. Matas, On combining classifiers, doi:10.1109/34.667881 (mean, product, vote;
    here with equal priors).
Y. Fan, X. Lu, D. Li, Y. Liu, Video-based emotion recognition using CNN-RNN and C3D hybrid networks,
    doi:10.1145/2993148.2997632 (weights by how well each member does on validation data).
Y. Ivanov, T. Serre, J. Bouvrie, Error weighted classifier combination for multi-modal human identification, MIT
    AIM-2005-035 (Bayes).
A. Metallinou, S. Lee, S. Narayanan, Audio-visual emotion recognition using Gaussian mixture models for face and voice,
    doi:10.1109/ISM.2008.40 (Bayes, and an SVM on the classifiers' percentages).
D. H. Wolpert, Stacked generalization, doi:10.1016/S0893-6080(05)80023-1 (fusion fitted to what was left out).
L. Breiman, Stacked regressions, doi:10.1007/BF00117832 (why weights of values are not negative).
L. I. Lin, A concordance correlation coefficient to evaluate reproducibility, doi:10.2307/2532051 (CCC).
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from affex.classifiers.base import Axis
from affex.pipeline.evaluation import metrics
from affex.pipeline.execution.threads import one_thread
from affex.pipeline.fusion.aligned_scores import AlignedScores
from affex.pipeline.fusion.probabilities import Floats, Numbers, balance, log, mixture_weights, temperature, tempered

#: Classes as str, or values as float64.
Targets = NDArray[Any]


class Opinion(NamedTuple):
    """The fused decisions and scores.

    Parameters
    ----------
    predicted : (n,) str or float64
        The class decided on, or the value.
    values : (n, n_classes) float64
        One score a class, summing to 1; no columns where values are predicted.
    """

    predicted: Targets
    values: Floats


@dataclass(frozen=True, eq=False)
class Rule(ABC):
    """A fusion rule; an instance holds its fitted parameters."""

    #: Whether it learns anything.
    learns: ClassVar[bool] = True
    #: Whether it uses the members' scores, rather than only their decisions or predicted values.
    reads_scores: ClassVar[bool] = True
    #: The kind of the fused scores.
    scores: ClassVar[str]
    #: Whether the fused scores are probabilities, whatever those of the members are; else they are only if those are.
    calibrates: ClassVar[bool] = False
    #: Its sources: keys of ``pipeline/publishing/references.toml``.
    cites: ClassVar[tuple[str, ...]] = ()

    @classmethod
    @abstractmethod
    def fit(cls, inner: AlignedScores) -> Self:
        """Fit the rule to the members' scores of utterances on which they were not trained.

        Raises
        ------
        ValueError
            If there is too little to learn from.
        """

    @abstractmethod
    def apply(self, aligned: AlignedScores) -> Opinion:
        """Return the fused decisions and scores."""

    @property
    def best_params(self) -> Mapping[str, Any]:
        """The fitted parameters in readable form; lists are in the order of the members."""
        return {}

    @property
    def search_axes(self) -> tuple[Axis, ...]:
        """What a search for hyperparameters tried; empty without a search."""
        return ()

    @property
    def limits(self) -> Mapping[str, str]:
        """The steps for which there was too little training data; see `classifiers.base.LIMITS`."""
        return {}


class _Fixed(Rule):
    """A rule that learns nothing."""

    learns = False

    @classmethod
    def fit(cls, inner: AlignedScores) -> Self:  # noqa: ARG003
        """Return the rule as it is."""
        return cls()


class Mean(_Fixed):
    """The mean of the members' probabilities, ``P(k) = 1/M sum_m p_m(k)`` (Kittler's sum rule)."""

    cites: ClassVar[tuple[str, ...]] = ("kittler1998",)
    scores = "mean of the members' probabilities"

    def apply(self, aligned: AlignedScores) -> Opinion:
        """Return the mean, and the class with the largest mean."""
        return _most_probable(_pooled(aligned.values, aligned.present), aligned.classes)


class Product(_Fixed):
    """The product of the members' probabilities, ``P(k) ~ prod_m p_m(k)``, normalised (Kittler's product rule).

    Members are assumed independent and classes equally frequent. A probability near 0 from one member excludes a class,
    so probabilities below `metrics.EPSILON` count as `metrics.EPSILON`: no member can veto a class completely.
    """

    cites: ClassVar[tuple[str, ...]] = ("kittler1998",)
    scores = "normalised product of the members' probabilities"

    def apply(self, aligned: AlignedScores) -> Opinion:
        """Return the product, and the class with the largest product."""
        from scipy.special import softmax

        joint = np.where(aligned.present[..., None], log(aligned.values), 0.0).sum(axis=0)
        return _most_probable(softmax(joint, axis=1), aligned.classes)


class Vote(_Fixed):
    """A majority vote: each member's own decision counts as one (Kittler's majority vote rule).

    Among classes with equally many votes, the class with the largest mean probability wins.
    """

    reads_scores = False
    cites: ClassVar[tuple[str, ...]] = ("kittler1998",)
    scores = "shares of the members' votes; of equal shares the larger mean probability decides"

    def apply(self, aligned: AlignedScores) -> Opinion:
        """Return the shares of the votes, and the class elected."""
        votes = (_decided(aligned)[..., None] == np.arange(len(aligned.classes))) & aligned.present[..., None]
        counts = votes.sum(axis=0)
        first = counts == counts.max(axis=1, keepdims=True)
        elected = np.where(first, self._preference(aligned, votes), -1.0).argmax(axis=1)
        return Opinion(np.array(aligned.classes)[elected], counts / counts.sum(axis=1, keepdims=True))

    def _preference(self, aligned: AlignedScores, votes: NDArray[np.bool_]) -> Floats:  # noqa: ARG002 - for `OrderedVote`
        """Return the tie-breaker between classes with equally many votes, (n, n_classes), 0 or more."""
        return _pooled(aligned.values, aligned.present)


@dataclass(frozen=True, eq=False)
class Mixture(Rule):
    """A mixture of the members' calibrated probabilities, ``P(k) = sum_m w_m q_m(k)`` (Stone's opinion pool).

    Each member is calibrated by one temperature, ``q_m(k) ~ p_m(k)^(1 / T_m)`` (Guo et al.), which makes overconfident
    and underconfident members comparable; it minimises the log loss. The weights are not negative and sum to 1; they
    maximise the likelihood, found by EM from equal weights (the problem is concave). Both give each class the same
    weight, regardless of its frequency.

    Parameters
    ----------
    weights, temperatures : (n_members,) float64
    """

    cites: ClassVar[tuple[str, ...]] = ("stone1961", "guo2017")
    scores: ClassVar[str] = "mixture of the members' probabilities, temperatures and weights fitted on inner scores"
    calibrates = True

    weights: Floats
    temperatures: Floats

    @classmethod
    def fit(cls, inner: AlignedScores) -> Self:
        """Fit each temperature on all scores of its member, then the weights on utterances that all members have.

        A member without any utterance has no weight.

        Raises
        ------
        ValueError
            If there is no utterance that all members have.
        """
        with_scores, common = _common(inner)
        place = metrics.places(inner.true, inner.classes)
        weights, temperatures = np.zeros(len(inner.present)), np.ones(len(inner.present))
        for m in np.flatnonzero(with_scores):
            temperatures[m] = temperature(inner.values[m, inner.present[m]], place[inner.present[m]])
        calibrated = tempered(inner.values[:, common], temperatures[:, None, None])
        given = calibrated[:, np.arange(int(common.sum())), place[common]]
        weights[with_scores] = mixture_weights(given[with_scores], balance(place[common]))
        return cls(weights, temperatures)

    def apply(self, aligned: AlignedScores) -> Opinion:
        """Return the mixture, and its most probable class."""
        calibrated = tempered(aligned.values, self.temperatures[:, None, None])
        return _most_probable(_pooled(calibrated, aligned.present, self.weights), aligned.classes)

    @property
    def best_params(self) -> Mapping[str, Any]:
        """Weights and temperatures."""
        return {"weights": self.weights, "temperatures": self.temperatures}


@dataclass(frozen=True, eq=False)
class AccuracyWeighted(Rule):
    """The mean weighted by each member's accuracy, ``P(k) = sum_m a_m p_m(k) / sum_m a_m`` (as in Fan et al.).

    The accuracy is the share of the member's inner decisions that are right. Members without a right decision have no
    weight (if none has any, all weigh the same).

    Parameters
    ----------
    accuracies : (n_members,) float64
    """

    cites: ClassVar[tuple[str, ...]] = ("fan2016",)
    scores: ClassVar[str] = "mean of the members' probabilities, weighted by the accuracies of their inner decisions"

    accuracies: Floats

    @classmethod
    def fit(cls, inner: AlignedScores) -> Self:
        """Count the members' right inner decisions."""
        right = (_decided(inner) == metrics.places(inner.true, inner.classes)) & inner.present
        return cls(right.sum(axis=1) / np.maximum(inner.present.sum(axis=1), 1))

    def apply(self, aligned: AlignedScores) -> Opinion:
        """Return the weighted mean, and its most probable class."""
        return _most_probable(_pooled(aligned.values, aligned.present, self.accuracies), aligned.classes)

    @property
    def best_params(self) -> Mapping[str, Any]:
        """The accuracies."""
        return {"accuracies": self.accuracies}


@dataclass(frozen=True, eq=False)
class ErrorWeighted(Rule):
    """Weights by each member's inner confusions, ``P(j) = 1/M sum_m sum_k P_m(true j | decided k) p_m(k)``.

    ``P_m(true j | decided k) = (n_jk + 1) / (sum_j n_jk + n_classes)``, where ``n_jk`` counts the member's inner
    decisions for class ``k`` on utterances of class ``j``. By Laplace's rule of succession, the distribution is uniform
    for a class that the member never decided on. The counts are not balanced, so frequent classes are favoured (Ivanov
    et al.; Metallinou et al.).

    Parameters
    ----------
    meaning : (n_members, n_classes, n_classes) float64
        ``[m, j, k]`` is ``P_m(true j | decided k)``.
    """

    cites: ClassVar[tuple[str, ...]] = ("metallinou2008",)
    scores: ClassVar[str] = "the members' probabilities, passed through the errors of their inner decisions; their mean"

    meaning: Floats

    @classmethod
    def fit(cls, inner: AlignedScores) -> Self:
        """Count the members' inner errors."""
        n_classes = len(inner.classes)
        place, counts = metrics.places(inner.true, inner.classes), np.ones((len(inner.present), n_classes, n_classes))
        for own, decided, present in zip(counts, _decided(inner), inner.present, strict=True):
            np.add.at(own, (place[present], decided[present]), 1)
        return cls(counts / counts.sum(axis=1, keepdims=True))

    def apply(self, aligned: AlignedScores) -> Opinion:
        """Return the probabilities, and the most probable class."""
        understood = (self.meaning[:, None] * aligned.values[:, :, None]).sum(axis=-1)
        return _most_probable(_pooled(understood, aligned.present), aligned.classes)

    @property
    def best_params(self) -> Mapping[str, Any]:
        """How often each member was right when it decided on a class."""
        return {"precisions": np.diagonal(self.meaning, axis1=1, axis2=2)}


@dataclass(frozen=True, eq=False)
class Stacked(Rule):
    """An RBF-SVM on all members' probabilities side by side (Wolpert's stacking; Metallinou et al.).

    The SVM is tuned and calibrated on inner folds over the training speakers, and imputes members' missing values.

    Parameters
    ----------
    machine : affex.classifiers.estimators.svm.RBFMachine
        Fitted.
    """

    cites: ClassVar[tuple[str, ...]] = ("wolpert1992", "metallinou2008")
    scores: ClassVar[str] = (
        "probabilities of an RBF-SVM on the members' probabilities, calibrated by sigmoids on inner folds; "
        "the largest may belong to another class than the machine's own decision"
    )
    calibrates = True

    machine: Any

    @classmethod
    def fit(cls, inner: AlignedScores) -> Self:
        """Fit the machine.

        Raises
        ------
        ValueError
            If there are too few speakers or classes to learn from.
        """
        from affex.classifiers.estimators.svm import RBFMachine

        with one_thread():  # the order of summation must not depend on the number of cores
            return cls(RBFMachine().fit(_side_by_side(inner), inner.true, groups=inner.clusters))

    def apply(self, aligned: AlignedScores) -> Opinion:
        """Return the machine's probabilities, and its own decision."""
        rows, values = _side_by_side(aligned), np.zeros((len(aligned), len(aligned.classes)))
        with one_thread():
            probabilities, predicted = self.machine.predict_proba(rows), self.machine.predict(rows)
        values[:, [aligned.classes.index(name) for name in self.machine.classes_]] = probabilities
        return Opinion(predicted.astype(np.str_), values)

    @property
    def best_params(self) -> Mapping[str, Any]:
        """Cost and width of the machine."""
        return {**self.machine.best_params_}

    @property
    def search_axes(self) -> tuple[Axis, ...]:
        """The values of cost and width that the search tries."""
        axes: tuple[Axis, ...] = self.machine.search_axes
        return axes

    @property
    def limits(self) -> Mapping[str, str]:
        """The steps for which the machine had too few rows."""
        return {**self.machine.limits_}


class MeanValue(_Fixed):
    """The mean of the members' values, ``1/M sum_m x_m``."""

    reads_scores = False
    scores = "mean of the members' values"

    def apply(self, aligned: AlignedScores) -> Opinion:
        """Return the mean."""
        return _valued(_pooled(aligned.predicted[..., None], aligned.present)[:, 0])


@dataclass(frozen=True, eq=False)
class Combination(Rule):
    """The linear combination of the members' values that has the largest CCC, ``mean + sum_m w_m (x_m - mean_m)``.

    No weight is negative (Breiman). Among all combinations in one direction, the combination with the targets' mean and
    standard deviation has the largest CCC, which then equals Pearson's correlation; and the least-squares direction has
    the largest correlation. So the weights are those of non-negative least squares, scaled to the targets' standard
    deviation. If a member lacks an utterance, its mean replaces the missing value. If no member correlates positively
    with the targets, all weights are 0 and the prediction is the targets' mean.

    Parameters
    ----------
    mean : float
        Of the targets.
    weights, means : (n_members,) float64
        Of the members' values.
    """

    cites: ClassVar[tuple[str, ...]] = ("breiman1996", "lin1989")
    scores: ClassVar[str] = "linear combination of the members' values with the largest CCC on inner values"

    mean: float
    weights: Floats
    means: Floats

    @classmethod
    def fit(cls, inner: AlignedScores) -> Self:
        """Fit the weights on utterances that all members have; a member without any utterance has no weight.

        Raises
        ------
        ValueError
            If there is no utterance that all members have.
        """
        from scipy.optimize import nnls

        with_scores, common = _common(inner)
        means, weights = np.zeros(len(with_scores)), np.zeros(len(with_scores))
        predicted, true = inner.predicted[np.ix_(with_scores, common)], inner.true[common]
        means[with_scores], mean = predicted.mean(axis=1), float(true.mean())
        centred = predicted - means[with_scores, None]
        weights[with_scores], _ = nnls(centred.T, true - mean)
        deviation = float(np.std((weights[with_scores, None] * centred).sum(axis=0)))
        return cls(mean, weights * (np.std(true) / deviation if deviation > 0 else 0.0), means)

    def apply(self, aligned: AlignedScores) -> Opinion:
        """Return the combination."""
        predicted = np.where(aligned.present, aligned.predicted, self.means[:, None])
        return _valued(self.mean + (self.weights[:, None] * (predicted - self.means[:, None])).sum(axis=0))

    @property
    def best_params(self) -> Mapping[str, Any]:
        """Weights, and the prediction if every member predicts its mean."""
        return {"weights": self.weights, "mean": self.mean}


def _common(inner: AlignedScores) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return which members have any utterance, ``(n_members,)``, and which utterances all of these have, ``(n,)``.

    Raises
    ------
    ValueError
        If there is no such utterance.
    """
    with_scores = np.asarray(inner.present.any(axis=1))
    common = np.asarray(inner.present[with_scores].all(axis=0))
    if not with_scores.any() or not common.any():
        raise ValueError("no training utterance has scores of all members, so weights cannot be fitted")
    return with_scores, common


def _pooled(values: Floats, present: NDArray[np.bool_], weights: Floats | None = None) -> Floats:
    """Return the weighted mean over the members present, ``(n, n_columns)``; equal weights where theirs are all 0."""
    own = present * (np.ones(len(present)) if weights is None else weights)[:, None]
    own = np.where(own.sum(axis=0) > 0, own, present)
    pooled: Floats = np.where(present[..., None], (own / own.sum(axis=0))[..., None] * values, 0.0).sum(axis=0)
    return pooled


def _most_probable(values: Floats, classes: tuple[str, ...]) -> Opinion:
    return Opinion(np.array(classes)[values.argmax(axis=1)], values)


def _valued(values: Floats) -> Opinion:
    return Opinion(values, np.empty((len(values), 0)))


def _decided(aligned: AlignedScores) -> Numbers:
    """Return the place of each member's decision, ``(n_members, n)``; 0 where it is not present."""
    predicted = np.where(aligned.present, aligned.predicted, aligned.classes[0])
    return metrics.places(predicted.ravel(), aligned.classes).reshape(predicted.shape)


def _side_by_side(aligned: AlignedScores) -> Floats:
    """Return all members' probabilities as one row an utterance, NaN where a member is not present."""
    return np.concatenate(list(np.where(aligned.present[..., None], aligned.values, np.nan)), axis=1)
