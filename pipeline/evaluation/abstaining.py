"""Abstaining: the arrow from scores to how accurate a model is where it decides only if it is confident enough.

Test utterances are ordered by the score of the decided class, the run's own confidence. The accuracy of the most
confident share of them, its coverage, is one point of the curve (El-Yaniv and Wiener 2010). The area above it, up to 1,
is the mean risk over all coverages (AURC, Geifman et al. 2019): less is better; in random order it is the share of
wrong decisions. Utterances of equal confidence come together: within them accuracy is that of a random order. All folds
are ordered together, so that one with another scale of scores costs.

References
----------
R. El-Yaniv, Y. Wiener, On the foundations of noise-free selective classification, Journal of Machine Learning Research
    11, 1605-1641, 2010.
Y. Geifman, G. Uziel, R. El-Yaniv, Bias-reduced uncertainty estimation for deep neural classifiers, ICLR 2019,
    arXiv:1805.08206 (the area).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from affex.pipeline.evaluation import intervals, metrics
from affex.pipeline.evaluation.figures import for_others
from affex.pipeline.evaluation.intervals import Interval
from affex.pipeline.evaluation.results import Scores

Floats = NDArray[np.float64]

#: The coverages at which the accuracy is stated.
COVERAGES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
#: The accuracies for which the coverage is stated.
ACCURACIES = (0.8, 0.9, 0.95)


@dataclass(frozen=True)
class AtCoverage:
    """The accuracy (WAR) of the most confident share of the test utterances, with its interval over clusters."""

    coverage: float
    accuracy: Interval


@dataclass(frozen=True)
class AtAccuracy:
    """The largest share of most confident test utterances whose accuracy is not below one; 0 where none is."""

    accuracy: float
    coverage: float


@dataclass(frozen=True)
class Abstaining:
    """How accurate the model is where it decides only on what it is most confident of.

    Parameters
    ----------
    area
        The area under the curve of risk (share of wrong decisions) over coverage, with its interval over clusters.
    at_random, at_best
        The area if the order were random, and if all wrong decisions came last.
    curve
        Accuracies by coverage, rising.
    reaching
        Coverages by accuracy. The threshold is chosen on the test utterances, so new speakers may fall short of it.
    """

    area: Interval
    at_random: float
    at_best: float
    curve: tuple[AtCoverage, ...]
    reaching: tuple[AtAccuracy, ...]


def abstaining_of(scores: Scores, unit: str) -> Abstaining | None:
    """Return how accurate the most confident decisions are; None where values are predicted, which have no scores.

    Parameters
    ----------
    unit
        What a cluster is.
    """
    if not scores.classes:
        return None
    decided = metrics.places(scores.predicted, scores.classes)
    confidence, right = scores.values[np.arange(len(scores)), decided], scores.predicted == scores.true
    names, member = np.unique(scores.clusters, return_inverse=True)
    parts = [np.ones(len(scores), bool), *(member != number for number in range(len(names)))]
    found = np.stack([_figures(confidence[part], right[part]) for part in parts if part.any()])
    area, *at = (for_others(intervals.of_replicates(column, names, unit=unit), scores) for column in found.T)
    accuracies = by_coverage(confidence, right)
    ordered = np.sort(right)[::-1]
    return Abstaining(
        area=area,
        at_random=float(1 - right.mean()),
        at_best=area_of(by_coverage(np.arange(len(right), 0, -1), ordered)),
        curve=tuple(map(AtCoverage, COVERAGES, at)),
        reaching=tuple(AtAccuracy(wanted, _reaching(accuracies, wanted)) for wanted in ACCURACIES),
    )


def in_words(found: Abstaining) -> str:
    """Return the area, and how much is decided at which accuracy, in words."""
    area = found.area
    ends = "" if area.low is None or area.high is None else f" [{area.low:.3f}, {area.high:.3f}]"
    reached = ", ".join(f"{at.accuracy:.0%} right of the most confident {at.coverage:.0%}" for at in found.reaching)
    return (
        f"area under risk and coverage (AURC) {area.value:.3f}{ends}, at random {found.at_random:.3f}, at best "
        f"{found.at_best:.3f}; {reached}"
    )


def by_coverage(confidence: NDArray[np.float64] | NDArray[np.int64], right: NDArray[np.bool_]) -> Floats:
    """Return the accuracy of the most confident utterance, of the two most confident ones, and so on, ``(n,)``.

    Parameters
    ----------
    confidence : (n,)
        Of each decision.
    right : (n,) bool
        Whether it is right.
    """
    _, tie, n = np.unique(-np.asarray(confidence), return_inverse=True, return_counts=True)
    share = np.bincount(tie, weights=right) / n
    accuracies: Floats = np.cumsum(np.repeat(share, n)) / np.arange(1, len(right) + 1)
    return accuracies


def area_of(accuracies: Floats) -> float:
    """Return the mean risk over all coverages (AURC) from the accuracies of `by_coverage`."""
    return float(np.mean(1 - accuracies))


def _figures(confidence: Floats, right: NDArray[np.bool_]) -> Floats:
    """Return the area, and the accuracy at each of `COVERAGES`, ``(1 + n_coverages,)``."""
    accuracies = by_coverage(confidence, right)
    places = np.maximum(np.ceil(np.round(np.array(COVERAGES) * len(right), 9)).astype(np.int64), 1) - 1
    return np.array([area_of(accuracies), *accuracies[places]])


def _reaching(accuracies: Floats, wanted: float) -> float:
    enough = np.flatnonzero(accuracies >= wanted)
    return float((enough[-1] + 1) / len(accuracies)) if len(enough) else 0.0
