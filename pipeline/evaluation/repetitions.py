"""Repetitions: the arrow from several decisions on the same utterances to one figure, with its interval and spread.

What is repeated is an evaluation with other random numbers, such as other draws of enrolled utterances. The figure is
the mean over the repetitions; its intervals are of that mean over speakers. The spread is over repetitions.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from affex.pipeline.evaluation import drops, intervals, metrics
from affex.pipeline.evaluation.figures import for_others, number
from affex.pipeline.evaluation.intervals import Interval
from affex.pipeline.evaluation.results import Scores, Targets

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Repetitions:
    """A figure of several repetitions.

    Parameters
    ----------
    mean
        The mean over the repetitions, with its interval over clusters, for models trained on others.
    given_models
        The same with the interval of these fitted models.
    spread
        The standard deviation over the repetitions (its square divided by one less than their number); None with one,
        and where it is undefined.
    each
        The figure of each repetition; None where it is undefined.
    """

    mean: Interval
    given_models: Interval
    spread: float | None
    each: tuple[float | None, ...]


def repeated(scores: Scores, name: str, decided: Sequence[Targets], unit: str) -> Repetitions:
    """Return a headline figure of several repetitions.

    Parameters
    ----------
    scores
        The tested utterances and their speakers.
    name
        The figure, one of `metrics.headlines`.
    decided
        The decisions of each repetition, ``(n_tested,)`` each, in the order of the scores.
    unit
        What a cluster is.
    """
    known, found = metrics.headlines(scores.classes)[name], replicates(scores, name, decided)
    own, names = found[:, 0], np.unique(scores.clusters)
    bounds = (known.low, known.high)
    given = intervals.of_replicates(found.mean(axis=0), names, bounds=bounds, unit=unit)
    return Repetitions(
        for_others(given, scores, bounds=bounds),
        given,
        number(float(np.std(own, ddof=1))) if len(own) > 1 else None,
        tuple(map(number, own.tolist())),
    )


def gain(scores: Scores, name: str, decided: Sequence[Targets], before: Sequence[Targets], unit: str) -> Interval:
    """Return how much larger a headline figure is than before, both means over repetitions, with its interval.

    The difference is paired: both are without the same cluster when the jackknife leaves it out. Parameters are those
    of `repeated`.
    """
    known = metrics.headlines(scores.classes)[name]
    reach = known.high - known.low
    difference = replicates(scores, name, decided).mean(axis=0) - replicates(scores, name, before).mean(axis=0)
    return intervals.of_replicates(difference, np.unique(scores.clusters), bounds=(-reach, reach), unit=unit)


def replicates(scores: Scores, name: str, decided: Sequence[Targets]) -> Floats:
    """Return the figure of each repetition, of all utterances and without each cluster, ``(n, 1 + n_clusters)``."""
    metric, member = metrics.headlines(scores.classes)[name], np.unique(scores.clusters, return_inverse=True)[1]
    return np.stack([drops.figures(metric, drops.places_of(one, scores), scores, member) for one in decided])
