"""Probabilities of classes: their temperature, the weights of a mixture of them, and logarithms without infinity.

References
----------
C. Guo, G. Pleiss, Y. Sun, K. Q. Weinberger, On calibration of modern neural networks, arXiv:1706.04599 (temperature).
M. Stone, The opinion pool, doi:10.1214/aoms/1177704873 (a mixture of distributions as the common opinion).
A. P. Dempster, N. M. Laird, D. B. Rubin, Maximum likelihood from incomplete data via the EM algorithm,
    doi:10.1111/j.2517-6161.1977.tb01600.x.
"""

import numpy as np
from numpy.typing import NDArray

from affex.pipeline.evaluation import metrics

Floats = NDArray[np.float64]
Numbers = NDArray[np.int64]

#: The range of temperatures: at the lowest, the scores of an always correct member become certain; at the highest, the
#: scores of an uninformative member become uniform.
TEMPERATURES = (0.1, 1000.0)
#: The search for mixture weights ends when every weight changes by at most this much, or after this many steps.
TOLERANCE, MOST_STEPS = 1e-8, 10_000


def temperature(values: Floats, place: Numbers) -> float:
    """Return the temperature of least log loss, each class weighing the same.

    Parameters
    ----------
    values : (n, n_classes) float64
        Probabilities.
    place : (n,) int64
        The place of the true class.

    Returns
    -------
    float
        Within `TEMPERATURES`. The loss is convex in ``1 / T``, so it has one minimum.
    """
    from scipy.optimize import minimize_scalar

    weight = balance(place)

    def loss(log_temperature: float) -> float:
        given = tempered(values, np.exp(log_temperature))[np.arange(len(place)), place]
        return float(-(weight * log(given)).sum())

    found = minimize_scalar(loss, bounds=tuple(np.log(TEMPERATURES)), method="bounded", options={"xatol": 1e-6})
    return float(np.exp(found.x))


def mixture_weights(given: Floats, weight: Floats) -> Floats:
    """Return the mixture weights with the largest likelihood of the true classes, by EM.

    Each step, ``w_m <- sum_i b_i w_m q_mi / sum_l w_l q_li``, raises ``sum_i b_i log sum_m w_m q_mi``.

    Parameters
    ----------
    given : (n_members, n) float64
        The probability ``q`` that each member gave to the true class.
    weight : (n,) float64
        How much each utterance counts, ``b``; they sum to 1.

    Returns
    -------
    (n_members,) float64
        Not negative, summing to 1.
    """
    given = np.maximum(given, metrics.EPSILON)
    weights = np.full(len(given), 1 / len(given))
    for _ in range(MOST_STEPS):
        last, mixed = weights, (weights[:, None] * given).sum(axis=0)
        weights = last * (weight * given / mixed).sum(axis=1)
        if np.abs(weights - last).max() <= TOLERANCE:
            break
    shares: Floats = weights / weights.sum()
    return shares


def tempered(values: Floats, temperatures: Floats | float) -> Floats:
    """Return probabilities at a temperature, in the same shape."""
    from scipy.special import softmax

    tempered: Floats = softmax(log(values) / temperatures, axis=-1)
    return tempered


def log(probabilities: Floats) -> Floats:
    """Return logarithms; probabilities below `metrics.EPSILON` count as `metrics.EPSILON`."""
    logarithms: Floats = np.log(np.maximum(probabilities, metrics.EPSILON))
    return logarithms


def balance(place: Numbers) -> Floats:
    """Return utterance weights that give all occurring classes the same total weight; they sum to 1."""
    _, own, counts = np.unique(place, return_inverse=True, return_counts=True)
    return 1 / (len(counts) * counts[own])
