"""Variation of training: the arrow from the interval of given models to one that includes their training.

The jackknife of `pipeline.evaluation.intervals` takes predictions as given. A reader asks for more: what do models
trained on so many speakers reach on new speakers, on average, whoever the training speakers were? The fitted models of
the folds share almost all their training speakers, so their errors go together, and the jackknife cannot see that. No
unbiased estimate of this part can be made from one cross-validation (Bengio and Grandvalet 2004). Two values mostly
enclose it:

* The jackknife's variance is too small: it has no part of what all folds share.
* Nadeau and Bengio's takes two folds' errors to correlate by the share of speakers that a fold tests. With ``k`` folds
  it is ``1 + k / (k - 1)`` times the jackknife's.

For figures of classes the interval uses their geometric mean: a decision changes only where scores are close, so much
of what a training speaker changes does not show. A predicted value follows each change of slope and offset, so figures
of values (CCC, errors) have the whole of Nadeau and Bengio's.

Two more corrections matter with few speakers. The degrees of freedom are one less than the geometric mean of the number
of speakers and of their effective number ``1 / sum(share^2)``, which is Satterthwaite's if the variance of a speaker's
part goes with the speaker's utterances: one speaker of four who has half of them is no quarter of the evidence. And
the ends are computed on the arcsine scale of the figure's place in its range (on the logarithmic scale for an error
without an upper end), where the variance depends less on the figure, and then transformed back, so none lies beyond
the range.

With one fold (a split, one corpus tested by a model of others) there is no fold to compare, and nothing is known of
the variation of training: the interval stays that of the given model.

All these choices were made on simulated corpora of other parameters and seeds than those whose coverage
``benchmarks/retrained.py`` reports. ``docs/evaluation.md`` has that table, and where the interval is too narrow.

References
----------
C. Nadeau, Y. Bengio, Inference for the generalization error, doi:10.1023/A:1024068626366.
Y. Bengio, Y. Grandvalet, No unbiased estimator of the variance of k-fold cross-validation, JMLR 5, 1089-1105, 2004.
F. E. Satterthwaite, An approximate distribution of estimates of variance components, doi:10.2307/3002019.
M. S. Bartlett, The use of transformations, doi:10.2307/3001536 (arcsine and logarithm).
"""

import dataclasses
import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from affex.pipeline.evaluation.intervals import Interval

Floats = NDArray[np.float64]


def method(*, of_values: bool) -> str:
    """Return what intervals that include training are, in words."""
    times = "1 + k / (k - 1)" if of_values else "the square root of 1 + k / (k - 1)"
    scale = "on the arcsine scale" + (" (errors: on the logarithmic one)" if of_values else "")
    return (
        f"delete-one-cluster jackknife of the pooled figure, its variance times {times} for k folds, t with "
        f"sqrt(S * effective S) - 1 degrees of freedom, {scale}"
    )


def with_training(
    given: Interval, sizes: ArrayLike, n_folds: int, *, bounds: tuple[float, float], of_values: bool
) -> Interval:
    """Return the interval for models trained on other speakers, from that of the given models.

    Parameters
    ----------
    given
        The figure with its jackknife interval.
    sizes : (n_clusters,)
        The number of utterances of each cluster.
    n_folds
        The number of folds; with one, or where there is no interval, the given one is returned.
    bounds
        The figure's range; the upper end may be infinite.
    of_values
        Whether the figure is of predicted values; else of classes.
    """
    if given.standard_error is None or n_folds < 2:
        return given
    low, high = ends(
        given.value,
        given.standard_error,
        effective=effective_number(sizes),
        n_clusters=given.n_clusters,
        n_folds=n_folds,
        level=given.level,
        bounds=bounds,
        of_values=of_values,
    )
    error = given.standard_error * math.sqrt(inflation(n_folds, of_values=of_values))
    return dataclasses.replace(given, low=float(low), high=float(high), standard_error=error, includes_training=True)


def ends(
    values: ArrayLike,
    errors: ArrayLike,
    *,
    effective: ArrayLike,
    n_clusters: int,
    n_folds: int,
    level: float,
    bounds: tuple[float, float],
    of_values: bool,
) -> tuple[Floats, Floats]:
    """Return the ends of intervals that include training, ``(...)`` each.

    Parameters
    ----------
    values, errors : (...)
        Figures, and their jackknife standard errors for given models.
    effective : (...)
        The effective number of clusters of each figure.
    n_clusters, n_folds, level, bounds, of_values
        As for `with_training`.
    """
    from scipy.special import stdtrit

    freedom = np.maximum(np.sqrt(n_clusters * np.asarray(effective)) - 1, 1)
    reach = stdtrit(freedom, (1 + level) / 2) * np.asarray(errors) * math.sqrt(inflation(n_folds, of_values=of_values))
    return _around(np.asarray(values, dtype=np.float64), reach, bounds)


def inflation(n_folds: int, *, of_values: bool) -> float:
    """Return how many times the variance with training is that of given models: see the module's text."""
    whole = 1 + n_folds / (n_folds - 1)
    return whole if of_values else math.sqrt(whole)


def effective_number(sizes: ArrayLike) -> float:
    """Return how many equal clusters a figure over clusters of these sizes is worth, ``1 / sum(share^2)`` (Kish)."""
    own = np.asarray(sizes, dtype=np.float64)
    return float(own.sum() ** 2 / (own**2).sum())


def _around(values: Floats, reach: Floats, bounds: tuple[float, float]) -> tuple[Floats, Floats]:
    """Return the ends at a distance from values, which is transformed with the scale (delta method)."""
    least, most = bounds
    if math.isinf(most):
        with np.errstate(divide="ignore", invalid="ignore"):
            factor = np.exp(np.where(values > least, reach / (values - least), 0.0))
        return least + (values - least) / factor, least + (values - least) * factor
    place = np.clip((values - least) / (most - least), 0.0, 1.0)
    angle, slope = np.arcsin(np.sqrt(place)), 2 * np.sqrt(place * (1 - place)) * (most - least)
    with np.errstate(divide="ignore", invalid="ignore"):
        own = np.where(slope > 0, reach / slope, 0.0)
    low, high = (np.sin(np.clip(angle + end, 0.0, math.pi / 2)) ** 2 for end in (-own, own))
    return least + (most - least) * low, least + (most - least) * high
