"""Figures: the arrow from scores to a figure of all tested utterances, or of any part of them, with its interval."""

import dataclasses
from typing import Any

import numpy as np
from numpy.typing import NDArray

from affex.pipeline.evaluation import intervals, metrics
from affex.pipeline.evaluation.intervals import Interval
from affex.pipeline.evaluation.results import Scores


def confusion_of(scores: Scores) -> metrics.Counts:
    """Return the confusion matrix of all tested utterances, ``(n_classes, n_classes) int64``."""
    return metrics.confusion_matrix(scores.true, scores.predicted, scores.classes)


def figure_of(scores: Scores, name: str) -> metrics.Figure:
    """Return the function that gives a figure for any part of the tested utterances."""
    if scores.classes:
        return metrics.class_figure(name, scores.true, scores.predicted, scores.values, scores.classes)
    return metrics.value_figure(name, scores.true, scores.predicted)


def interval_of(scores: Scores, name: str, unit: str) -> Interval:
    """Return a figure of all tested utterances with its interval over clusters, which are `unit`s."""
    known = metrics.headlines(scores.classes)[name]
    return intervals.jackknife(figure_of(scores, name), scores.clusters, bounds=(known.low, known.high), unit=unit)


def recall_of(scores: Scores, name: str, unit: str) -> Interval:
    """Return the recall of a class with its interval over clusters, which are `unit`s.

    Clusters without the class count: leaving one of them out does not change the recall.
    """
    own, right = scores.true == name, (scores.true == name) & (scores.predicted == name)

    def recall(part: NDArray[np.int64]) -> float:
        return float(right[part].sum() / n) if (n := own[part].sum()) else float("nan")

    return intervals.jackknife(recall, scores.clusters, unit=unit)


def part_of(scores: Scores, chosen: NDArray[Any]) -> Scores:
    """Return the scores of some of the tested utterances, by number or as a mask, ``(n_tested,) bool``."""
    rows = ("ids", "clusters", "folds", "true", "predicted", "values")
    return dataclasses.replace(scores, **{name: getattr(scores, name)[chosen] for name in rows})


def overall(scores: Scores, name: str) -> float | None:
    """Return a figure of all tested utterances; None if it is undefined."""
    return number(figure_of(scores, name)(np.arange(len(scores))))


def number(figure: float) -> float | None:
    """Return a figure; None if it is undefined."""
    return float(figure) if np.isfinite(figure) else None
