"""Reliability: the arrow from the confidence in each decision to how often decisions of that confidence are right.

Confidences are put into `BINS` bins of equal width, ``((b - 1) / 10, b / 10]``, as in the reliability diagrams of
Niculescu-Mizil and Caruana.

References
----------
A. Niculescu-Mizil, R. Caruana, Predicting good probabilities with supervised learning, doi:10.1145/1102351.1102430.
M. P. Naeini, G. F. Cooper, M. Hauskrecht, Obtaining well calibrated probabilities using Bayesian binning, AAAI 2015,
    doi:10.1609/aaai.v29i1.9602 (the expected calibration error).
G. W. Brier, Verification of forecasts expressed in terms of probability,
    doi:10.1175/1520-0493(1950)078<0001:VOFEIT>2.0.CO;2.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Numbers = NDArray[np.int64]

#: Bins of equal width.
BINS = 10


@dataclass(frozen=True)
class Bin:
    """The decisions whose confidence lies in a range.

    Parameters
    ----------
    low, high
        The range; `high` belongs to it, and of the first bin 0, too.
    n
        How many utterances were decided with such a confidence.
    confidence, correct
        The mean of the confidences, and the share of right decisions; None without an utterance.
    """

    low: float
    high: float
    n: int
    confidence: float | None
    correct: float | None


def bins_of(confidence: Floats, right: NDArray[np.bool_]) -> tuple[Bin, ...]:
    """Return the bins of reliability.

    Parameters
    ----------
    confidence : (n,) float64
        The probability that each decision was given.
    right : (n,) bool
        Whether the decision was right.
    """
    place = _places(confidence)
    counts, sums, hits = (_sums(place, weights) for weights in (None, confidence, right))
    return tuple(
        Bin(b / BINS, (b + 1) / BINS, int(n), float(total / n) if n else None, float(hit / n) if n else None)
        for b, (n, total, hit) in enumerate(zip(counts, sums, hits, strict=True))
    )


def calibration_error(confidence: Floats, right: NDArray[np.bool_]) -> float:
    """Return the expected calibration error, ``sum_b n_b / n |right_b - mean_b|``; parameters as `bins_of`."""
    return float(np.abs(_sums(_places(confidence), right - confidence)).sum() / len(confidence))


def brier(values: Floats, place: Numbers) -> float:
    """Return the Brier score, ``mean_i sum_c (p_ic - y_ic)^2``: 0 at best, 2 at worst.

    Parameters
    ----------
    values : (n, n_classes) float64
        Probabilities.
    place : (n,) int64
        The place of the true class.
    """
    return float(((values - np.eye(values.shape[1])[place]) ** 2).sum(axis=1).mean())


def _places(confidence: Floats) -> Numbers:
    places: Numbers = np.clip(np.ceil(confidence * BINS).astype(np.int64) - 1, 0, BINS - 1)
    return places


def _sums(place: Numbers, weights: NDArray[np.generic] | None) -> Floats:
    return np.bincount(place, weights=weights, minlength=BINS).astype(np.float64)
