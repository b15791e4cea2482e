"""Figures: the arrow from scores to a figure of all tested utterances, or of any part of them, with its interval."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from affex.pipeline.evaluation import intervals, metrics
from affex.pipeline.evaluation.intervals import Interval
from affex.pipeline.evaluation.results import Scores
from affex.pipeline.evaluation.training_variation import with_training


def confusion_of(scores: Scores) -> metrics.Counts:
    """Return the confusion matrix of all tested utterances, ``(n_classes, n_classes) int64``."""
    return metrics.confusion_matrix(scores.true, scores.predicted, scores.classes)


def figure_of(scores: Scores, name: str) -> metrics.Figure:
    """Return the function that gives a figure for any part of the tested utterances."""
    if scores.classes:
        return metrics.class_figure(name, scores.true, scores.predicted, scores.values, scores.classes)
    return metrics.value_figure(name, scores.true, scores.predicted)


def interval_of(scores: Scores, name: str, unit: str, seeds: Sequence[Scores] = ()) -> Interval:
    """Return a figure of all tested utterances with its interval over clusters, for models trained on others.

    With one fold it is the interval of the given model (`pipeline.evaluation.training_variation`).

    Parameters
    ----------
    unit
        What a cluster is.
    seeds
        The scores with further seeds: the figure is then the mean over all seeds.
    """
    known = metrics.headlines(scores.classes)[name]
    return for_others(given_models(scores, name, unit, seeds), scores, bounds=(known.low, known.high))


def for_others(given: Interval, scores: Scores, *, bounds: tuple[float, float] = (0.0, 1.0)) -> Interval:
    """Return the interval of a figure for models trained on other speakers, from that of these fitted models.

    Parameters
    ----------
    given
        The jackknife interval of the figure of all tested utterances.
    scores
        What was tested, and in which folds.
    bounds
        The figure's range.
    """
    sizes, of_values = _sizes(scores.clusters), not scores.classes
    return with_training(given, sizes, n_folds(scores), bounds=bounds, of_values=of_values)


def given_models(scores: Scores, name: str, unit: str, seeds: Sequence[Scores] = ()) -> Interval:
    """Return a figure of all tested utterances with its interval over clusters, for these fitted models.

    Parameters are those of `interval_of`.
    """
    known = metrics.headlines(scores.classes)[name]
    each = [figure_of(own, name) for own in (scores, *seeds)]

    def mean(part: NDArray[np.int64]) -> float:
        return float(np.mean([figure(part) for figure in each]))

    return intervals.jackknife(mean, scores.clusters, bounds=(known.low, known.high), unit=unit)


def n_folds(scores: Scores) -> int:
    """Return in how many folds the utterances were tested."""
    return len(np.unique(scores.folds))


def _sizes(clusters: NDArray[Any]) -> NDArray[np.int64]:
    """Return the number of utterances of each cluster."""
    return np.unique(clusters, return_counts=True)[1]


def recall_of(scores: Scores, name: str, unit: str) -> Interval:
    """Return the recall of a class with its interval over clusters, which are `unit`s, for models trained on others.

    Clusters without the class count: leaving one of them out does not change the recall.
    """
    own, right = scores.true == name, (scores.true == name) & (scores.predicted == name)

    def recall(part: NDArray[np.int64]) -> float:
        return float(right[part].sum() / n) if (n := own[part].sum()) else float("nan")

    given = intervals.jackknife(recall, scores.clusters, unit=unit)
    return with_training(given, _sizes(scores.clusters[own]), n_folds(scores), bounds=(0.0, 1.0), of_values=False)


def part_of(scores: Scores, chosen: NDArray[Any]) -> Scores:
    """Return the scores of some of the tested utterances, by number or as a mask, ``(n_tested,) bool``."""
    rows = ("ids", "clusters", "folds", "true", "predicted", "values")
    return dataclasses.replace(scores, **{name: getattr(scores, name)[chosen] for name in rows})


def overall(scores: Scores, name: str) -> float | None:
    """Return a figure of all tested utterances; None if it is undefined."""
    return number(figure_of(scores, name)(np.arange(len(scores))))


def mean_overall(every: Sequence[Scores], name: str) -> float | None:
    """Return the mean of a figure over scores with several seeds; None if it is undefined with one of them."""
    found = [own for scores in every if (own := overall(scores, name)) is not None]
    return float(np.mean(found)) if len(found) == len(every) else None


def number(figure: float) -> float | None:
    """Return a figure; None if it is undefined."""
    return float(figure) if np.isfinite(figure) else None
