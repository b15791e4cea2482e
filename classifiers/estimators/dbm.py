"""Deep Boltzmann machine of several modalities: from z-scored rows to the means of a joint layer.

Each modality, which is one feature's columns, has Gaussian visible units ``v`` and a hidden layer ``h``; one joint
hidden layer ``j`` is above all of them. The energy is the sum over modalities of
``|v - b|^2 / 2 - c h - v W h - h U j``, and ``- d j``.

Srivastava and Salakhutdinov, "Multimodal learning with deep Boltzmann machines" (2014, JMLR 15, pages 2949 to 2980);
training: Salakhutdinov and Hinton, "Deep Boltzmann machines" (2009, PMLR 5, pages 448 to 455). What is missing of a row
is inferred together with the hidden units, by mean field.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from affex.classifiers.estimators.rbm import Schedule, batches, drawn, random_rbm, require_finite, trained

Floats = NDArray[np.float64]


class State(NamedTuple):
    """States, or means, of all units for some rows.

    Parameters
    ----------
    visible, hidden : list of (n_rows, n_units) float64
        Of each modality.
    joint : (n_rows, n_joint) float64
    """

    visible: list[Floats]
    hidden: list[Floats]
    joint: Floats


@dataclass(frozen=True, eq=False)
class Machine:
    """The weights of a deep Boltzmann machine.

    Parameters
    ----------
    below : list of (n_columns, n_hidden) float64
        ``W`` of each modality.
    above : list of (n_hidden, n_joint) float64
        ``U`` of each modality.
    visible, hidden : list of (n_units,) float64
        Biases ``b`` and ``c`` of each modality.
    joint : (n_joint,) float64
        Biases ``d``.
    """

    below: list[Floats]
    above: list[Floats]
    visible: list[Floats]
    hidden: list[Floats]
    joint: Floats

    def visible_means(self, hidden: Sequence[Floats]) -> list[Floats]:
        """Return the mean of each visible unit given hidden ones."""
        parts = zip(self.visible, hidden, self.below, strict=True)
        return [bias + own @ weights.T for bias, own, weights in parts]

    def hidden_means(self, visible: Sequence[Floats], joint: Floats) -> list[Floats]:
        """Return the probability of each hidden unit of a modality given the layers on both sides."""
        parts = zip(self.hidden, visible, self.below, self.above, strict=True)
        return [expit(bias + own @ below + joint @ above.T) for bias, own, below, above in parts]

    def joint_means(self, hidden: Sequence[Floats]) -> Floats:
        """Return the probability of each joint unit given the hidden ones."""
        sums = sum(own @ weights for own, weights in zip(hidden, self.above, strict=True))
        found: Floats = expit(self.joint + sums)
        return found

    def mean_field(self, visible: Sequence[Floats], steps: int) -> State:
        """Return the means of all units by mean field; each step brings them closer to the exact distribution.

        A fixed number of steps makes what is said of a row independent of other rows.

        Parameters
        ----------
        visible : list of (n_rows, n_columns) float64
            NaN where a value is missing; it is inferred, from its bias at first.
        steps
            How often all layers are computed in turn.
        """
        gaps = [np.isnan(own) for own in visible]
        filled = [np.where(gap, bias, own) for gap, bias, own in zip(gaps, self.visible, visible, strict=True)]
        joint = np.full((len(filled[0]), len(self.joint)), 0.5)
        hidden = self.hidden_means(filled, joint)
        for _ in range(steps):
            joint = self.joint_means(hidden)
            inferred = self.visible_means(hidden)
            filled = [np.where(gap, new, own) for gap, new, own in zip(gaps, inferred, filled, strict=True)]
            hidden = self.hidden_means(filled, joint)
        return State(filled, hidden, self.joint_means(hidden))

    def sampled(self, state: State, rng: np.random.Generator) -> State:
        """Return states after one step of Gibbs sampling from other states."""
        hidden = [drawn(means, rng) for means in self.hidden_means(state.visible, state.joint)]
        visible = [means + rng.normal(size=means.shape) for means in self.visible_means(hidden)]
        return State(visible, hidden, drawn(self.joint_means(hidden), rng))

    def moved(self, data: State, weight: Floats, chains: State, rate: float) -> "Machine":
        """Return the machine after a step along the gradient: the data's statistics against those of the chains.

        Parameters
        ----------
        weight : (n_rows,) float64
            How many times each row of the data counts.
        rate
            The learning rate, of which each unit has a share.
        """
        own, made = (weight / weight.sum())[:, None], np.full((len(chains.joint), 1), 1 / len(chains.joint))

        def pair(one: Floats, other: Floats, chain: Floats, other_chain: Floats) -> Floats:
            found: Floats = one.T @ (own * other) - chain.T @ (made * other_chain)
            return rate / len(found) * found

        def single(one: Floats, chain: Floats, n_units: int) -> Floats:
            found: Floats = (own * one).sum(axis=0) - (made * chain).sum(axis=0)
            return rate / n_units * found

        n_hidden = sum(map(len, self.above))
        layers = list(zip(data.visible, data.hidden, chains.visible, chains.hidden, strict=True))
        below = [w + pair(v, h, cv, ch) for w, (v, h, cv, ch) in zip(self.below, layers, strict=True)]
        above = [
            u + len(u) / n_hidden * pair(h, data.joint, ch, chains.joint)
            for u, (_, h, _, ch) in zip(self.above, layers, strict=True)
        ]
        return Machine(
            below,
            above,
            [b + single(v, cv, len(b)) for b, (v, _, cv, _) in zip(self.visible, layers, strict=True)],
            [c + single(h, ch, len(w)) for c, w, (_, h, _, ch) in zip(self.hidden, self.below, layers, strict=True)],
            self.joint + single(data.joint, chains.joint, n_hidden),
        )


@dataclass(eq=False, repr=False)
class JointLayer(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """A transformer from rows to the means of a deep Boltzmann machine's joint layer.

    Parameters
    ----------
    hidden, joint
        Units of each modality's hidden layer, and of the joint layer.
    epochs
        Passes over the rows of each training, first layer by layer, then of the whole; 0 leaves all weights random.
    rate, batch
        The learning rate, of which each unit has a share, and the rows in a batch.
    iterations
        How often the mean field computes all layers in turn.
    chains
        Markov chains of the persistent contrastive divergence.
    seed
        Seeds weights, batches and samples.

    Attributes
    ----------
    widths_ : (n_modalities,) int64
        How many columns each modality has.
    below_, above_, visible_, hidden_, joint_
        See `Machine`.
    """

    hidden: int = 50
    joint: int = 50
    epochs: int = 100
    rate: float = 0.5
    batch: int = 32
    iterations: int = 10
    chains: int = 50
    seed: int = 0

    def fit(
        self,
        X: ArrayLike,
        y: Any = None,  # noqa: ARG002 - the form of scikit-learn's transformers
        *,
        sample_weight: ArrayLike | None = None,
        widths: Sequence[int] | None = None,
    ) -> Self:
        """Train the machine, without labels.

        Parameters
        ----------
        X : (n_rows, n_columns)
            z-scored rows; NaN where a value is missing.
        sample_weight : (n_rows,), optional
            How many times each row counts; None: once.
        widths : (n_modalities,), optional
            How many columns each modality has, side by side. None: all columns are of one.

        Raises
        ------
        ValueError
            If the widths are not those of the columns, or the weights grow without limit.
        """
        rows = validate_data(self, X, dtype=np.float64, ensure_all_finite="allow-nan")
        self.widths_ = np.asarray([rows.shape[1]] if widths is None else widths, dtype=np.int64)
        if self.widths_.sum() != rows.shape[1]:
            raise ValueError(
                f"widths={self.widths_.tolist()}: expected a sum of {rows.shape[1]}, the number of columns"
            )
        rng, schedule = np.random.default_rng(self.seed), Schedule(self.epochs, self.rate, self.batch)
        weight = _check_sample_weight(sample_weight, rows, dtype=np.float64, ensure_non_negative=True)
        visible = [part[weight > 0] for part in self._modalities(rows)]
        weight = weight[weight > 0]
        machine = self._stacked(visible, weight, schedule, rng)
        machine = self._trained(machine, visible, weight, schedule, rng)
        self.below_, self.above_, self.visible_, self.hidden_, self.joint_ = vars(machine).values()
        return self

    def transform(self, X: ArrayLike) -> Floats:
        """Return the joint layer's means, ``(n_rows, joint) float64``."""
        check_is_fitted(self)
        rows = validate_data(self, X, reset=False, dtype=np.float64, ensure_all_finite="allow-nan")
        machine = Machine(self.below_, self.above_, self.visible_, self.hidden_, self.joint_)
        return machine.mean_field(self._modalities(rows), self.iterations).joint

    def _modalities(self, rows: Floats) -> list[Floats]:
        return np.split(rows, np.cumsum(self.widths_)[:-1], axis=1)

    def _stacked(
        self, visible: Sequence[Floats], weight: Floats, schedule: Schedule, rng: np.random.Generator
    ) -> Machine:
        """Return a machine that was trained layer by layer; each machine sees twice the layer that others see, too."""
        firsts, hidden = [], []
        for own in visible:
            known = np.where(np.isnan(own), 0.0, own)  # the mean of a column
            first = random_rbm(own.shape[1], self.hidden, rng, gaussian=True, up=2)
            first = trained(first, known, weight, schedule, rng)
            firsts.append(first)
            hidden.append(first.hidden_means(known))
        top = random_rbm(self.hidden * len(visible), self.joint, rng, gaussian=False, down=2)
        top = trained(top, np.concatenate(hidden, axis=1), weight, schedule, rng)
        return Machine(
            [first.weights for first in firsts],
            np.split(top.weights, len(firsts)),
            [first.visible for first in firsts],
            [(one.hidden + other) / 2 for one, other in zip(firsts, np.split(top.visible, len(firsts)), strict=True)],
            top.hidden,
        )

    def _trained(
        self,
        machine: Machine,
        visible: Sequence[Floats],
        weight: Floats,
        schedule: Schedule,
        rng: np.random.Generator,
    ) -> Machine:
        """Return the machine after training as a whole: mean field of the rows against persistent chains."""
        starts = rng.integers(len(weight), size=self.chains)
        chains = machine.mean_field([own[starts] for own in visible], self.iterations)
        for rate, own in batches(weight, schedule, rng):
            data = machine.mean_field([part[own] for part in visible], self.iterations)
            chains = machine.sampled(chains, rng)
            machine = machine.moved(data, weight[own], chains, rate)
        for weights in (*machine.below, *machine.above):
            require_finite(weights, self.rate)
        return machine

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags
