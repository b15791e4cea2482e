"""Calibration: the arrow from a result whose scores are probabilities to its reliability, with an interval.

Where scores are no probabilities there is nothing to be calibrated, and the record says why.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from affex.pipeline.evaluation import intervals, metrics, reliability, training_limits
from affex.pipeline.evaluation.intervals import Interval
from affex.pipeline.evaluation.reliability import Bin
from affex.pipeline.evaluation.results import About, FoldSummary, Scores

#: With any of these limits, the scores of a fold are no probabilities.
NO_PROBABILITIES = ("calibration", training_limits.FUSION)


@dataclass(frozen=True)
class Calibration:
    """How far the probabilities can be trusted.

    Parameters
    ----------
    bins
        How often decisions of some confidence are right; empty without probabilities.
    error
        The expected calibration error of the confidence in the decisions, with its interval over clusters. Chance alone
        makes it larger than 0: the fewer the utterances of a bin, the more.
    brier
        The Brier score: 0 at best, 2 at worst.
    reason
        Why there is no calibration; empty where there is.
    """

    bins: tuple[Bin, ...] = ()
    error: Interval | None = None
    brier: float | None = None
    reason: str = ""


def calibration_of(scores: Scores, about: About, folds: Sequence[FoldSummary]) -> Calibration:
    """Return the calibration of all tested utterances."""
    if reason := no_probabilities(scores, about, folds):
        return Calibration(reason=reason)
    true, decided = (metrics.places(labels, scores.classes) for labels in (scores.true, scores.predicted))
    confidence, right = scores.values[np.arange(len(scores)), decided], decided == true
    error = intervals.jackknife(
        lambda part: reliability.calibration_error(confidence[part], right[part]), scores.clusters, unit=about.unit
    )
    return Calibration(reliability.bins_of(confidence, right), error, reliability.brier(scores.values, true))


def no_probabilities(scores: Scores, about: About, folds: Sequence[FoldSummary]) -> str:
    """Return why the scores of a result are no probabilities of classes; empty if they are."""
    if not scores.classes:
        return "values are predicted, and they have no probabilities"
    if not about.probabilities:
        return f"the scores are no probabilities ({about.scores})"
    met = [fold.limits[name] for fold in folds for name in NO_PROBABILITIES if name in fold.limits]
    why = training_limits.AND.join(dict.fromkeys(met))
    return f"in {len(met)} of {len(folds)} folds the scores are no probabilities ({why})" if met else ""
