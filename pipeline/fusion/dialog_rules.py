"""Fusion rules of dialogs: the arrow from scores of the turns of a dialog to decisions that depend on one another.

These rules read in what order the turns follow each other (`AlignedScores.dialogs`, `AlignedScores.turns`), and fuse
the scores of one model or of several. Both begin with one temperature a member, as `rules.Mixture` fits it.

References
----------
A. Metallinou, M. Woellmer, A. Katsamanis, F. Eyben, B. Schuller, S. Narayanan, Context-sensitive learning for enhanced
    audiovisual emotion classification, doi:10.1109/T-AFFC.2011.40 (HMM + HMM, HMM + LSTM).
L. R. Rabiner, A tutorial on hidden Markov models and selected applications in speech recognition, doi:10.1109/5.18626
    (Viterbi, forward and backward).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import numpy as np

from affex.classifiers.base import Axis
from affex.pipeline.evaluation import metrics
from affex.pipeline.execution.threads import one_thread
from affex.pipeline.fusion.aligned_scores import AlignedScores
from affex.pipeline.fusion.probabilities import Floats, Numbers, log, temperature, tempered
from affex.pipeline.fusion.rules import Mixture, Opinion, Product, Rule


@dataclass(frozen=True, eq=False)
class Chain(Rule):
    """A Markov chain over the classes of a dialog's turns, decoded by Viterbi (the upper HMM of Metallinou et al.).

    A member's probability of a class, calibrated with equal priors, is in proportion to the likelihood of the turn
    given the class. The chain's emission is the product of all members', as of streams that are independent given the
    class; one more temperature corrects for those that are not. The shares of first classes, and of a class after
    another one, are counted in the training dialogs, each count plus 1 (Laplace's rule of succession). The counts are
    not balanced, so frequent classes are favoured. An utterance outside dialogs is a chain of one turn.

    Parameters
    ----------
    temperatures : (n_members,) float64
    temperature : float
        Of the product.
    start : (n_classes,) float64
        The probability of a dialog's first class.
    transitions : (n_classes, n_classes) float64
        ``[i, j]`` is the probability of class ``j`` after class ``i``.
    """

    cites: ClassVar[tuple[str, ...]] = ("metallinou2012", "rabiner1989")
    scores: ClassVar[str] = (
        "posterior probabilities of a Markov chain over the turns of a dialog, given the scores of all its turns; "
        "decisions are those of the most probable path, and the largest score may belong to another class"
    )
    calibrates = True

    temperatures: Floats
    temperature: float
    start: Floats
    transitions: Floats

    @classmethod
    def fit(cls, inner: AlignedScores) -> Self:
        """Fit the temperatures, and count the classes of first turns and of pairs of turns.

        Raises
        ------
        ValueError
            If there is no utterance that all members have, or no dialog has two turns.
        """
        order, limits = sequences(inner)
        if not (np.diff(limits) > 1).any():
            raise ValueError("no training dialog has two turns with a class, so no transition can be learned")
        place, n_classes = metrics.places(inner.true, inner.classes)[order], len(inner.classes)
        start, transitions = np.ones(n_classes), np.ones((n_classes, n_classes))
        first = np.isin(np.arange(len(order)), limits)
        np.add.at(start, place[first], 1)
        np.add.at(transitions, (place[:-1][~first[1:]], place[1:][~first[1:]]), 1)
        temperatures = Mixture.fit(inner).temperatures
        together = temperature(_product(inner, temperatures), metrics.places(inner.true, inner.classes))
        shares = start / start.sum(), transitions / transitions.sum(axis=1, keepdims=True)
        return cls(temperatures, together, *shares)

    def apply(self, aligned: AlignedScores) -> Opinion:
        """Return the posteriors of the turns, and the classes of the most probable path."""
        from affex.classifiers.estimators.hmm import chain

        order, limits = sequences(aligned)
        emissions = log(tempered(_product(aligned, self.temperatures), self.temperature))[order]
        decoder, lengths = chain(self.start, self.transitions), np.diff(limits)
        values, decided = np.empty_like(emissions), np.empty(len(order), np.int64)
        with one_thread():
            _, decided[order] = decoder.decode(emissions, lengths)
            values[order] = decoder.predict_proba(emissions, lengths)
        return Opinion(np.array(aligned.classes)[decided], values)

    @property
    def best_params(self) -> Mapping[str, Any]:
        """The temperatures of the members and of their product, and the chain's probabilities."""
        heats = {"temperatures": self.temperatures, "temperature": self.temperature}
        return heats | {"start": self.start, "transitions": self.transitions}


@dataclass(frozen=True, eq=False)
class Recurrent(Rule):
    """An LSTM over the scores of a dialog's turns so far (the second half of HMM + LSTM of Metallinou et al.).

    It reads the logarithms of the members' probabilities, each calibrated by one temperature as in `rules.Mixture`.
    The number of epochs is found on inner speakers. The seed is always 0.

    Parameters
    ----------
    temperatures : (n_members,) float64
    network : affex.classifiers.estimators.nets.estimator.NetClassifier
        Fitted.
    """

    cites: ClassVar[tuple[str, ...]] = ("metallinou2012",)
    scores: ClassVar[str] = (
        "class probabilities of an LSTM over the members' calibrated scores of a dialog's turns (softmax; not "
        "calibrated again)"
    )
    calibrates = True

    temperatures: Floats
    network: Any

    @classmethod
    def fit(cls, inner: AlignedScores) -> Self:
        """Fit the temperatures, then the network.

        Raises
        ------
        ValueError
            If there is no utterance that all members have, or too few classes to learn from.
        """
        from affex.classifiers.estimators.nets.estimator import NetClassifier

        temperatures = Mixture.fit(inner).temperatures
        rows, (order, limits) = _logarithms(inner, temperatures), sequences(inner)
        network = NetClassifier(trunk="none", turns="lstm", units=32, batch=128, rate=1e-2, seed=0)
        with one_thread():  # the order of summation must not depend on the number of cores
            network.fit(
                rows[order],
                inner.true[order],
                groups=inner.clusters[order],
                offsets=np.arange(len(order) + 1),
                dialogs=limits,
            )
        return cls(temperatures, network)

    def apply(self, aligned: AlignedScores) -> Opinion:
        """Return the network's probabilities, and its most probable class."""
        rows, (order, limits) = _logarithms(aligned, self.temperatures), sequences(aligned)
        values = np.zeros((len(aligned), len(aligned.classes)))
        columns = np.array([aligned.classes.index(name) for name in self.network.classes_], dtype=np.int64)
        with one_thread():
            found = self.network.predict_proba(rows[order], offsets=np.arange(len(order) + 1), dialogs=limits)
        values[np.ix_(order, columns)] = found
        return Opinion(np.array(aligned.classes)[values.argmax(axis=1)], values)

    @property
    def best_params(self) -> Mapping[str, Any]:
        """The temperatures, and the number of epochs."""
        return {"temperatures": self.temperatures, **self.network.best_params_}

    @property
    def search_axes(self) -> tuple[Axis, ...]:
        """The numbers of epochs that the search tries."""
        axes: tuple[Axis, ...] = self.network.search_axes
        return axes

    @property
    def limits(self) -> Mapping[str, str]:
        """The steps for which the network had too few rows."""
        return {**self.network.limits_}


def sequences(aligned: AlignedScores) -> tuple[Numbers, Numbers]:
    """Return the utterances dialog after dialog, each in order of time; one outside dialogs is a dialog of its own.

    Returns
    -------
    order : (n,) int64
        The numbers of the utterances.
    limits : (n_dialogs + 1,) int64
        Dialog ``d`` has ``order[limits[d]]`` to ``order[limits[d + 1]]``.
    """
    if aligned.dialogs is None or aligned.turns is None:
        return np.arange(len(aligned)), np.arange(len(aligned) + 1)
    alone = aligned.dialogs == ""
    _, of = np.unique(aligned.dialogs, return_inverse=True)
    of = np.where(alone, len(aligned) + np.arange(len(aligned)), of)
    order = np.lexsort((aligned.turns, of))
    begins = np.flatnonzero(np.diff(of[order], prepend=-1))
    return order, np.append(begins, len(order))


def _product(aligned: AlignedScores, temperatures: Floats) -> Floats:
    """Return the normalised product of the members' calibrated probabilities, ``(n, n_classes)``."""
    return Product().apply(replace(aligned, values=tempered(aligned.values, temperatures[:, None, None]))).values


def _logarithms(aligned: AlignedScores, temperatures: Floats) -> Floats:
    """Return all members' calibrated log-probabilities as one row an utterance, NaN where a member is not present."""
    found = log(tempered(aligned.values, temperatures[:, None, None]))
    return np.concatenate(list(np.where(aligned.present[..., None], found, np.nan)), axis=1)
