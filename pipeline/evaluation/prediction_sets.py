"""Prediction sets: the arrow from inner scores to sets of classes that hold the true one as often as promised.

A set holds every class whose score is large enough. How large is found on scores of speakers that no model at hand was
trained on: the inner scores of a fold, which models of a part of its training speakers gave to the others. Scores of
other folds will not do, since their models have heard the tested speaker.

Utterances of a speaker resemble each other, so speakers count, not utterances. For each test utterance one utterance of
each of the `K` calibration speakers is drawn, and the threshold is the ``ceil((K + 1)(1 - alpha))``-th largest of their
scores (subsampling once, Dunn, Wasserman and Ramdas 2023). A random utterance of a new speaker then has its class in
its set with a probability of at least ``1 - alpha`` and at most ``1 - alpha + 1 / (K + 1)``, whatever the model and the
distribution, where speakers are exchangeable and calibration and test scores come from one model. Fewer than
``1 / alpha - 1`` speakers cannot promise that: every set is then all classes. The draws depend on the seed and on the
utterance's id. (Weights for all utterances of each speaker, as in Lee, Barber and Willett, arXiv:2306.06342, need no
draws and promise the same, but with few speakers their sets are far larger: 99.5 % for 90 % with 9.)

Here inner models gave the calibration scores, and the fold's model, trained on all of its training speakers, those of
the test: more speakers make its scores better, if anything, so sets hold the class more often. Retrained models confirm
that (``benchmarks/prediction_sets.py``). The decided class is always in its set, which can only add.

References
----------
R. Dunn, L. Wasserman, A. Ramdas, Distribution-free prediction sets for two-layer hierarchical models,
    doi:10.1080/01621459.2022.2060112 (one utterance of each speaker).
M. Sadinle, J. Lei, L. Wasserman, Least ambiguous set-valued classifiers with bounded error levels,
    doi:10.1080/01621459.2017.1395341 (sets of all classes with a large enough score).
"""

import hashlib
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from affex.pipeline.evaluation import intervals, metrics
from affex.pipeline.evaluation.intervals import Interval
from affex.pipeline.evaluation.results import Labels, Scores

Floats = NDArray[np.float64]

#: A product with alpha may miss a whole number by as much, by rounding alone.
ROUNDING = 1e-9


@dataclass(frozen=True)
class SpeakerSets:
    """The share of a speaker's utterances whose set holds the true class, and the mean size of the sets."""

    name: str
    n: int
    coverage: float
    size: float


@dataclass(frozen=True)
class PredictionSets:
    """Sets of classes, and how often they hold the true one.

    Parameters
    ----------
    alpha
        How often a set may lack the true class.
    promise
        What is promised, in words.
    n_calibration
        The least and the largest number of calibration speakers of a fold.
    n_all
        In how many folds all sets are all classes, since there are too few calibration speakers.
    coverage, size
        The share of sets that hold the true class, and the mean size; the means over speakers of the speakers' own,
        with intervals over speakers.
    coverage_sd, size_sd
        Their standard deviation over speakers; None with one speaker.
    sizes
        How many utterances have a set of so many classes, by size.
    per_speaker
        The speakers' own.
    """

    alpha: float
    promise: str
    n_calibration: tuple[int, int]
    n_all: int
    coverage: Interval
    size: Interval
    coverage_sd: float | None
    size_sd: float | None
    sizes: Mapping[int, int]
    per_speaker: tuple[SpeakerSets, ...]


def thresholds(given: Floats, speakers: NDArray[Any], alpha: float, places: Floats) -> Floats:
    """Return the least score of a class that is in a set, ``(n_tested,)``; minus infinity where all classes are.

    Parameters
    ----------
    given : (n,) float64
        The score of the true class of each calibration utterance.
    speakers : (n,) str or int64
        Who speaks in it.
    alpha
        How often a set may lack the true class, between 0 and 1.
    places : (n_tested, n_speakers) float64
        Which utterance of each calibration speaker is drawn for each test utterance, uniform from 0 to 1.
    """
    _, member, n_own = np.unique(speakers, return_inverse=True, return_counts=True)
    rank = math.ceil((len(n_own) + 1) * (1 - alpha) - ROUNDING)
    if rank > len(n_own):
        return np.full(len(places), -np.inf)
    of_speaker = given[np.argsort(member, kind="stable")]
    drawn = of_speaker[(np.cumsum(n_own) - n_own) + np.floor(places * n_own).astype(np.int64)]
    ordered: Floats = np.sort(drawn, axis=1)
    return ordered[:, -rank]


def is_enough(n_speakers: int, alpha: float) -> bool:
    """Return whether so many calibration speakers can promise anything: ``1 / alpha - 1`` of them."""
    return n_speakers >= 1 / alpha - 1 - ROUNDING


def sets_of(scores: Scores, inner: Sequence[Scores], alpha: float, seed: int = 0) -> NDArray[np.bool_]:
    """Return which classes are in the set of each test utterance, ``(n_tested, n_classes) bool``.

    Nothing is read of the test utterances but their ids, scores and decisions.

    Parameters
    ----------
    inner
        The inner scores of each fold that has any; of the others, sets are all classes.
    alpha
        How often a set may lack the true class.
    seed
        Seeds the draws of calibration utterances.
    """
    found = np.ones((len(scores), len(scores.classes)), dtype=bool)
    for fold in inner:
        tested = scores.folds == fold.folds[0]
        n_speakers = len(np.unique(fold.clusters))
        places = np.stack([_places(id_, seed, n_speakers) for id_ in scores.ids[tested].tolist()])
        least = thresholds(_of_true(fold), fold.clusters, alpha, places)
        found[tested] = scores.values[tested] >= least[:, None]
    found[np.arange(len(scores)), metrics.places(scores.predicted, scores.classes)] = True
    return found


def prediction_sets(
    scores: Scores, inner: Sequence[Scores], alpha: float, unit: str, seed: int = 0
) -> PredictionSets | None:
    """Return how often sets hold the true class, and how large they are; None without an alpha.

    Parameters
    ----------
    scores, inner, alpha, seed
        As `sets_of`; an alpha of 0 for no sets.
    unit
        What a cluster is.
    """
    if not alpha:
        return None
    sets = sets_of(scores, inner, alpha, seed)
    held = sets[np.arange(len(scores)), metrics.places(scores.true, scores.classes)]
    names, member = np.unique(scores.clusters, return_inverse=True)
    n_own, sizes = np.bincount(member), sets.sum(axis=1)
    coverage, size = (np.bincount(member, weights=column) / n_own for column in (held, sizes))
    known = {str(fold.folds[0]): len(np.unique(fold.clusters)) for fold in inner}
    n_speakers = [known.get(name, 0) for name in np.unique(scores.folds).tolist()]
    return PredictionSets(
        alpha=alpha,
        promise=promise(alpha, unit),
        n_calibration=(min(n_speakers), max(n_speakers)),
        n_all=sum(not is_enough(n, alpha) for n in n_speakers),
        coverage=_mean(coverage, names, 1.0, unit),
        size=_mean(size, names, float(len(scores.classes)), unit),
        coverage_sd=float(np.std(coverage, ddof=1)) if len(names) > 1 else None,
        size_sd=float(np.std(size, ddof=1)) if len(names) > 1 else None,
        sizes=dict(sorted(Counter(sizes.tolist()).items())),
        per_speaker=tuple(map(SpeakerSets, names.tolist(), n_own.tolist(), coverage.tolist(), size.tolist())),
    )


def promise(alpha: float, unit: str) -> str:
    """Return what is promised, in words."""
    return (
        f"at least {1 - alpha:.0%} of random utterances of new {unit}s have their class in the set, over {unit}s "
        f"together and not for each (conformal prediction with one utterance of each calibration {unit}, Dunn, "
        "Wasserman and Ramdas 2023), for scores as the inner models give them"
    )


def in_words(found: PredictionSets, unit: str) -> str:
    """Return how often sets hold the true class, and how large they are, in words."""
    sizes = ", ".join(f"{n} of {size}" for size, n in found.sizes.items())
    return (
        f"alpha {found.alpha:g}: {_of(found.coverage, found.coverage_sd)} of a {unit}'s sets hold the class, with "
        f"{_of(found.size, found.size_sd)} classes on average (means over {unit}s, sd over {unit}s); by size: {sizes}"
    )


def notes(found: PredictionSets, unit: str, n_folds: int) -> Iterator[str]:
    """Yield what is promised of the sets, and where they are all classes, a sentence each."""
    yield f"prediction sets: {found.promise}"
    if found.n_all:
        needed, (least, most) = math.ceil(1 / found.alpha - 1 - ROUNDING), found.n_calibration
        there = f"{least}" if least == most else f"{least} to {most}"
        yield (
            f"in {found.n_all} of {n_folds} folds every prediction set is all classes: alpha {found.alpha:g} needs "
            f"{needed} calibration {unit}s at least, and there are {there}"
        )


def _of(mean: Interval, spread: float | None) -> str:
    ends = "" if mean.low is None or mean.high is None else f" [{mean.low:.3f}, {mean.high:.3f}]"
    return f"{mean.value:.3f}{ends}" + ("" if spread is None else f" (sd {spread:.3f})")


def _places(id_: str, seed: int, n_speakers: int) -> Floats:
    """Return which utterance of each calibration speaker is drawn for a test utterance, uniform from 0 to 1."""
    digest = int.from_bytes(hashlib.sha256(id_.encode()).digest()[:8], "little")
    return np.random.default_rng((seed, digest)).random(n_speakers)


def _of_true(scores: Scores) -> Floats:
    """Return the score of each utterance's true class, ``(n,)``."""
    return scores.values[np.arange(len(scores)), metrics.places(scores.true, scores.classes)]


def _mean(own: Floats, names: Labels, high: float, unit: str) -> Interval:
    """Return the mean over speakers, with its interval."""
    without = (own.sum() - own) / max(1, len(own) - 1)
    return intervals.of_replicates(np.array([own.mean(), *without]), names, bounds=(0.0, high), unit=unit)
