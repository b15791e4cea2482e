"""Scored: the arrow from an estimator's answers to rows to the decision on each utterance and its scores."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from affex.pipeline.streams.stream import Numbers

Floats = NDArray[np.float64]


class Scored(NamedTuple):
    """Decisions, one score for each trained class, and the number of utterances with noise only (None: unknown).

    For a continuous target there are no scores, ``(n_utterances, 0)``.
    """

    decided: NDArray[Any]
    scores: Floats
    n_noise: int | None = None


def decisions_of(estimator: Any, X: NDArray[Any]) -> Scored:
    """Return the decision on each row, and scores that sum to 1."""
    from scipy.special import softmax

    from affex.classifiers.estimators import inspection

    decided, answer = estimator.predict(X), inspection.answer_of(estimator)
    if answer == "probabilities":
        return Scored(decided, estimator.predict_proba(X))
    if answer == "decisions":
        return Scored(decided, (decided[:, None] == estimator.classes_).astype(np.float64))
    values = estimator.decision_function(X)
    return Scored(decided, softmax(values if values.ndim == 2 else np.column_stack([-values, values]), axis=1))


def means(values: Floats, offsets: Numbers) -> Floats:
    """Return the mean of the rows of each utterance, exact where they are equal, ``(n_utterances, ...)``."""
    first = values[offsets[:-1]]
    lengths = np.diff(offsets)
    beyond = np.add.reduceat(values - np.repeat(first, lengths, axis=0), offsets[:-1], axis=0)
    means: Floats = first + beyond / lengths.reshape(-1, *[1] * (values.ndim - 1))
    return means


def averaged(decided: NDArray[Any], scores: Floats, offsets: Numbers, classes: Any) -> Scored:
    """Return decisions and mean scores of utterances from those of their rows, or segments.

    The decision is the class with the highest mean; where the estimator decides alike on all rows of an utterance (on
    its only row), it is that decision.
    """
    averages = means(scores, offsets)
    first = decided[offsets[:-1]]
    alike = np.logical_and.reduceat(decided == np.repeat(first, np.diff(offsets)), offsets[:-1])
    return Scored(np.where(alike, first, np.asarray(classes)[averages.argmax(axis=1)]), averages)


def values_of(predicted: NDArray[Any]) -> Scored:
    """Return values as decisions without scores."""
    return Scored(predicted.astype(np.float64), np.empty((len(predicted), 0)))
