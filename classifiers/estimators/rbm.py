"""Restricted Boltzmann machine: parts from rows to the means of hidden units, trained by contrastive divergence.

Visible units are binary, or Gaussian with a variance of 1 (z-scored columns); hidden units are binary. With visible
units ``v``, hidden units ``h``, weights ``W`` and biases ``b``, ``c``, the energies are ``-b v - c h - v W h`` and
``|v - b|^2 / 2 - c h - v W h``.

Hinton, "Training products of experts by minimizing contrastive divergence" (2002, doi:10.1162/089976602760128018).
scikit-learn's ``BernoulliRBM`` has binary visible units only, and no weights of rows.
"""

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

Floats = NDArray[np.float64]

#: Hinton, "A practical guide to training restricted Boltzmann machines" (2012, doi:10.1007/978-3-642-35289-8_32),
#: section 9; the smaller of its two values, since corpora have few rows.
MOMENTUM = 0.5


@dataclass(frozen=True, eq=False)
class Rbm:
    """A restricted Boltzmann machine.

    Parameters
    ----------
    weights : (n_visible, n_hidden) float64
    visible : (n_visible,) float64
        Biases of the visible units.
    hidden : (n_hidden,) float64
        Biases of the hidden units.
    gaussian
        Whether visible units are Gaussian, not binary.
    up, down
        How many copies of the other layer a hidden unit, and a visible unit, sees. 2 stands for a layer that a deep
        Boltzmann machine has on the other side (Salakhutdinov and Hinton 2009, section 3.2).
    """

    weights: Floats
    visible: Floats
    hidden: Floats
    gaussian: bool
    up: int = 1
    down: int = 1

    def hidden_means(self, visible: Floats) -> Floats:
        """Return the probability of each hidden unit given visible ones, ``(n_rows, n_hidden)``."""
        found: Floats = expit(self.hidden + self.up * (visible @ self.weights))
        return found

    def visible_means(self, hidden: Floats) -> Floats:
        """Return the mean of each visible unit given hidden ones, ``(n_rows, n_visible)``."""
        sums: Floats = self.visible + self.down * (hidden @ self.weights.T)
        return sums if self.gaussian else np.asarray(expit(sums))

    def visible_sample(self, hidden: Floats, rng: np.random.Generator) -> Floats:
        """Return visible units drawn given hidden ones, ``(n_rows, n_visible)``."""
        means = self.visible_means(hidden)
        return means + rng.normal(size=means.shape) if self.gaussian else drawn(means, rng)

    def free_energy(self, visible: Floats) -> Floats:
        """Return the energy of rows with all states of the hidden units summed out, ``(n_rows,)``.

        That is ``-log sum_h exp(-E(v, h))``, of a machine that sees one copy of each layer.
        """
        own = -visible @ self.visible if not self.gaussian else ((visible - self.visible) ** 2).sum(axis=1) / 2
        found: Floats = own - np.logaddexp(0, self.hidden + visible @ self.weights).sum(axis=1)
        return found


class Gradient(NamedTuple):
    """An estimate of the gradient of the mean log-likelihood of rows, for weights and biases."""

    weights: Floats
    visible: Floats
    hidden: Floats


class Schedule(NamedTuple):
    """How a machine is trained.

    Parameters
    ----------
    epochs
        Passes over the rows; 0 leaves the weights as they are drawn.
    rate
        The learning rate at the beginning, of which each visible unit has a share; it falls to 0 in equal steps.
    batch
        Rows in a batch.
    """

    epochs: int
    rate: float
    batch: int


def drawn(means: Floats, rng: np.random.Generator) -> Floats:
    """Return binary units drawn with the given probabilities."""
    return (rng.random(means.shape) < means).astype(np.float64)


def random_rbm(
    n_visible: int, n_hidden: int, rng: np.random.Generator, *, gaussian: bool, up: int = 1, down: int = 1
) -> Rbm:
    """Return a machine with random weights.

    Their variance is ``2 / (n_visible + n_hidden)`` (Glorot and Bengio 2010), so that sums do not grow with the number
    of columns.
    """
    weights = rng.normal(size=(n_visible, n_hidden)) * np.sqrt(2 / (n_visible + n_hidden))
    return Rbm(weights, np.zeros(n_visible), np.zeros(n_hidden), gaussian, up, down)


def contrast(rbm: Rbm, rows: Floats, weight: Floats, rng: np.random.Generator, steps: int = 1) -> Gradient:
    """Return the gradient by contrastive divergence: the rows, against what the machine makes of them in some steps.

    Parameters
    ----------
    rows : (n_rows, n_visible) float64
    weight : (n_rows,) float64
        How many times each row counts.
    steps
        How often hidden and visible units are drawn in turn.
    """
    first = last = rbm.hidden_means(rows)
    made = rows
    for _ in range(steps):
        made = rbm.visible_sample(drawn(last, rng), rng)
        last = rbm.hidden_means(made)
    share = (weight / weight.sum())[:, None]
    return Gradient(
        rows.T @ (share * first) - made.T @ (share * last),
        (share * (rows - made)).sum(axis=0),
        (share * (first - last)).sum(axis=0),
    )


def trained(rbm: Rbm, rows: Floats, weight: Floats, schedule: Schedule, rng: np.random.Generator) -> Rbm:
    """Return a machine trained on rows by contrastive divergence with one step.

    Parameters
    ----------
    rows : (n_rows, n_visible) float64
        Of binary units, numbers from 0 to 1; of Gaussian ones, z-scores.
    weight : (n_rows,) float64
        How many times each row counts.

    Raises
    ------
    ValueError
        If the weights grow without limit.
    """
    pace = Gradient(*(np.zeros_like(part) for part in (rbm.weights, rbm.visible, rbm.hidden)))
    for rate, own in batches(weight, schedule, rng):
        found = contrast(rbm, rows[own], weight[own], rng)
        pace = Gradient(*(MOMENTUM * before + now for before, now in zip(pace, found, strict=True)))
        step = rate / len(rbm.visible)
        rbm = replace(
            rbm,
            weights=rbm.weights + step * pace.weights,
            visible=rbm.visible + step * pace.visible,
            hidden=rbm.hidden + step * pace.hidden,
        )
    require_finite(rbm.weights, schedule.rate)
    return rbm


def batches(weight: Floats, schedule: Schedule, rng: np.random.Generator) -> "list[tuple[float, NDArray[np.int64]]]":
    """Return the learning rate and the numbers of the rows of each batch; rows that do not count are in none."""
    counted = np.flatnonzero(weight > 0)
    found = []
    for epoch in range(schedule.epochs):
        order, rate = rng.permutation(counted), schedule.rate * (1 - epoch / schedule.epochs)
        found += [(rate, order[at : at + schedule.batch]) for at in range(0, len(order), schedule.batch)]
    return found


def require_finite(weights: Floats, rate: float) -> None:
    """Refuse weights that grew without limit.

    Raises
    ------
    ValueError
        If a weight is not finite; the message names the rate.
    """
    if not np.isfinite(weights).all():
        raise ValueError(f"rate={rate}: the weights of a Boltzmann machine grew without limit; expected a smaller rate")
