"""Equivalence: the arrow from the difference of two runs to the probability that it is too small to matter.

A test that is not significant proves no equality. The Bayesian correlated t-test answers the question itself: given
the speakers, how likely is it that one run's expected figure is larger, that the two differ by less than anyone would
care (the region of practical equivalence), or that the other's is larger? The posterior of the expected difference is
Student's t with ``S - 1`` degrees of freedom around the mean of the jackknife's pseudo-values,
``S d - (S - 1) d_s`` with ``d_s`` the difference without speaker ``s``; its squared scale is their variance times
``1 / S + rho / (1 - rho) * k / S``, ``rho = 1 / k`` the share of speakers that one of ``k`` folds tests. With
leave-one-speaker-out, ``k = S``, that is Nadeau and Bengio's ``1 / S + 1 / (S - 1)``. So the models' training is
included. With one fold nothing is known of it, and the second term is left out.

References
----------
G. Corani, A. Benavoli, A Bayesian approach for comparing cross-validated algorithms on multiple data sets,
    doi:10.1007/s10994-015-5486-z.
A. Benavoli, G. Corani, J. Demsar, M. Zaffalon, Time for a change: a tutorial for comparing multiple classifiers
    through Bayesian analysis, JMLR 18(77), 1-36, 2017, https://jmlr.org/papers/v18/16-305.html.
C. Nadeau, Y. Bengio, Inference for the generalization error, doi:10.1023/A:1024068626366.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Probabilities:
    """How likely a difference is below, within and above the region of practical equivalence.

    Parameters
    ----------
    below, within, above
        Of the difference; they add up to 1.
    rope
        The region reaches from minus this to this.
    """

    below: float
    within: float
    above: float
    rope: float


def probabilities(whole: float, without: Floats, n_folds: int, rope: float) -> Probabilities | None:
    """Return where the expected difference lies; None where the speakers leave it open.

    Parameters
    ----------
    whole
        The difference of the pooled figure.
    without : (n_clusters,) float64
        The difference without each cluster.
    n_folds
        The number of folds.
    rope
        Half the width of the region of practical equivalence, in the figure's unit; above 0.

    Returns
    -------
    Probabilities or None
        None with fewer than two clusters, where a difference is undefined, or where no cluster changes it.
    """
    if len(without) < 2 or not (np.isfinite(whole) and np.isfinite(without).all()):
        return None
    pseudo = pseudo_values(whole, without)
    n = len(pseudo)
    training = 1 / (n_folds - 1) * n_folds / n if n_folds > 1 else 0.0
    scale = math.sqrt(float(pseudo.var(ddof=1)) * (1 / n + training))
    if scale <= np.finfo(np.float64).eps * 10:
        return None
    return of_posterior(float(pseudo.mean()), scale, n - 1, rope)


def of_posterior(mean: float, scale: float, freedom: float, rope: float) -> Probabilities:
    """Return where a difference lies whose posterior is Student's t.

    Parameters
    ----------
    mean, scale, freedom
        The centre of the distribution, its scale (above 0), and its degrees of freedom.
    rope
        Half the width of the region of practical equivalence, in the figure's unit; above 0.
    """
    from scipy.special import stdtr

    below, up_to = (float(stdtr(freedom, (end - mean) / scale)) for end in (-rope, rope))
    return Probabilities(below, up_to - below, 1 - up_to, rope)


def pseudo_values(whole: float, without: Floats) -> Floats:
    """Return the jackknife's pseudo-values of a pooled figure, ``(n_clusters,)``: each cluster's part in it."""
    return len(without) * whole - (len(without) - 1) * without
