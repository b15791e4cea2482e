"""Significance: the arrow from several runs on the same utterances to tests of which run is better.

Two runs are compared by a paired permutation test over speakers: if they were equally good, each speaker's whole set
of predictions could as well have come from the other run, so they are swapped speaker by speaker and the difference of
the pooled figure is computed again. With up to `MOST_EXACT` speakers every way of swapping is tried, so the p-value is
exact; with more, `DRAWS` ways are drawn. Utterances are never swapped one by one: those of a speaker are alike.

Over few speakers no difference, however large, can reach a small p: the least one is ``2^(1 - S)`` for ``S`` speakers.
Where Holm's correction for the number of pairs puts even that above alpha, no run is called better. That a test is not
significant is no proof of equality: that has a test of its own (`pipeline.evaluation.equivalence`).

The permutation test and the interval of the difference concern these runs' predictions only: they do not include the
variation due to the training speakers. The test of equality does.

References
----------
R. A. Fisher, The Design of Experiments, 1935, chapter 3 (the test); E. J. G. Pitman, Significance tests which may be
    applied to samples from any populations, doi:10.2307/2984124.
B. Phipson, G. K. Smyth, Permutation p-values should never be zero, doi:10.2202/1544-6115.1585 (p of drawn ways).
S. Holm, A simple sequentially rejective multiple test procedure, Scandinavian Journal of Statistics 6, 65-70, 1979.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from affex.pipeline.evaluation import conclusions, metrics
from affex.pipeline.evaluation.equivalence import Probabilities, probabilities
from affex.pipeline.evaluation.intervals import Interval, jackknife

Floats = NDArray[np.float64]

#: Up to so many speakers all ways of swapping are tried: 2^13 of them, the mirrored ones aside.
MOST_EXACT = 14
#: With more speakers, how many ways are drawn.
DRAWS = 10_000
#: How many ways are computed at once, which bounds the memory.
BLOCK = 1024
#: Differences that differ by less, relative to the figures, count as equal: summation order may cause that much.
ROUNDING = 1e-12

BETTER = "better"
SAME = "the same predictions"


@dataclass(frozen=True, eq=False)
class Predictions:
    """A run's predictions, as far as a comparison needs them.

    Parameters
    ----------
    true, predicted : (n_utterances,) str or float64
        The true class or value of each utterance, and the predicted one.
    clusters : (n_utterances,) str
        The speaker (or video, or session) of each utterance.
    classes
        All classes; None for continuous targets.
    n_folds
        In how many folds they were tested; None for as many as clusters.
    """

    true: NDArray[Any]
    predicted: NDArray[Any]
    clusters: NDArray[Any]
    classes: tuple[str, ...] | None = None
    n_folds: int | None = None


@dataclass(frozen=True)
class Comparison:
    """The difference between two runs, with its interval, p-values and verdict.

    Parameters
    ----------
    one, other
        The runs' names.
    difference
        The figure of `one` minus that of `other`, with its jackknife interval over speakers, for the given models.
    p
        The two-sided p-value of this pair alone.
    p_holm
        The same after Holm's correction for all pairs.
    least_p
        The least `p` that a test over so many speakers can reach.
    exact
        Whether all ways of swapping were tried.
    likely
        How likely the expected difference is below, within and above the region of practical equivalence; None if the
        figure has no such region, or too little is known.
    verdict
        `BETTER`; `SAME`; or, where the test is not significant, ``"equal within 0.01"`` or ``"too few speakers to tell
        (10)"``.
    winner
        The better run where the verdict is `BETTER`, else None.
    """

    one: str
    other: str
    difference: Interval
    p: float
    p_holm: float
    least_p: float
    exact: bool
    likely: Probabilities | None
    verdict: str
    winner: str | None


def pairwise(
    runs: Mapping[str, Predictions],
    metric: str = "uar",
    *,
    alpha: float = 0.05,
    seed: int = 0,
    unit: str = "speaker",
    rope: float | None = None,
    against: str = "",
) -> tuple[Comparison, ...]:
    """Compare every two runs, or one run with each of the others.

    Parameters
    ----------
    runs
        Two runs at least, by name, on the same utterances in the same order.
    metric
        A headline figure: one of `metrics.CLASS_HEADLINES` or `metrics.VALUE_HEADLINES`.
    alpha
        The level of significance, over all pairs together.
    seed
        Seeds the draws where not all ways of swapping are tried; each pair sees the same ones.
    unit
        What a cluster is, for the words of a verdict.
    rope
        The largest difference that does not matter, in the figure's unit; None for `conclusions.ROPE`, and for none
        where the figure is an error in the target's unit.
    against
        The run with which each of the others is compared; empty for every pair. Holm's correction is for these pairs
        only, so the choice must not depend on the figures.

    Returns
    -------
    tuple of Comparison
        One a pair, in the order of the runs; `against` is the second of each pair.

    Raises
    ------
    ValueError
        If there are fewer than two runs, they are not on the same utterances, the metric is no headline figure of
        their kind, it is undefined for a run, or `against` is none of the runs.
    """
    _check(runs, metric)
    if against and against not in runs:
        raise ValueError(f"run '{against}' is not among the runs that are compared")
    others = (name for name in runs if name != against)
    pairs = [(name, against) for name in others] if against else list(combinations(runs, 2))
    figures = {name: _figure(run, metric) for name, run in runs.items()}
    sums = {name: sums_of(run) for name, run in runs.items()}
    n_clusters = len(next(iter(sums.values())))
    found = {pair: p_of_swaps([(sums[pair[0]], sums[pair[1]])], metric, seed) for pair in pairs}
    corrected = dict(zip(pairs, holm(list(found.values())), strict=True))
    clusters = next(iter(runs.values())).clusters
    rope = conclusions.rope_of(_of(metric).high, rope) or 0.0
    compared = []
    for one, other in pairs:
        difference = _difference(figures[one], figures[other], metric, clusters, unit)
        is_open = rope == 0 or difference.low is None
        likely = None if is_open else _likely(sums[one], sums[other], _n_folds(runs, one, other), metric, rope)
        verdict = _verdict(runs[one], runs[other], difference, metric, corrected[one, other], alpha, unit, likely)
        winner = (one if _of(metric).rises == (difference.value > 0) else other) if verdict == BETTER else None
        compared.append(
            Comparison(
                one=one,
                other=other,
                difference=difference,
                p=found[one, other],
                p_holm=corrected[one, other],
                least_p=least_p(n_clusters),
                exact=n_clusters <= MOST_EXACT,
                likely=likely,
                verdict=verdict,
                winner=winner,
            )
        )
    return tuple(compared)


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p-values corrected for their number by Holm's step-down procedure, in the order given.

    The smallest is multiplied by their number, the next by one less, and so on; none is less than one before it, and
    none above 1.
    """
    order = np.argsort(p_values, kind="stable")
    stepped = np.asarray(p_values)[order] * np.arange(len(order), 0, -1)
    corrected = np.empty(len(order))
    corrected[order] = np.minimum(np.maximum.accumulate(stepped), 1)
    return [float(p) for p in corrected]


def least_p(n_clusters: int) -> float:
    """Return the least two-sided p that a test over so many speakers can reach."""
    least = 2.0 ** (1 - n_clusters)
    return least if n_clusters <= MOST_EXACT else max(least, 1 / (DRAWS + 1))


def p_of_swaps(strata: Sequence[tuple[Floats, Floats]], metric: str, seed: int, widened: float = 1.0) -> float:
    """Return the two-sided p-value of a pair: how often the mean difference over strata is as large after swaps.

    A difference that is undefined after a swap counts as extreme: that can only make the test more careful.

    Parameters
    ----------
    strata
        For each corpus, the sums of its clusters by the one and by the other run, each ``(n_clusters, ...)``. Clusters
        are swapped within their corpus, and the figure is pooled over a corpus; corpora count equally.
    metric, seed
        As `pairwise`.
    widened
        By how much differences after swaps are stretched, for doubt that swaps of these predictions do not show.
    """
    sizes = [len(one) for one, _ in strata]
    n_clusters = sum(sizes)
    exact = n_clusters <= MOST_EXACT
    formula = _of(metric).from_sums
    assert formula is not None
    ways = _all_ways(n_clusters) if exact else np.random.default_rng(seed).integers(0, 2, (DRAWS, n_clusters), np.int8)
    columns = np.split(ways, np.cumsum(sizes)[:-1], axis=1)
    differences, observed, slack = np.zeros(len(ways)), 0.0, 0.0
    for (one, other), own in zip(strata, columns, strict=True):
        observed += _differences(one, other, np.zeros((1, len(one))), formula)[0]
        slack += ROUNDING * float(np.abs(formula(one.sum(axis=0))) + np.abs(formula(other.sum(axis=0))))
        blocks = (own[start : start + BLOCK] for start in range(0, len(own), BLOCK))
        differences += np.concatenate([_differences(one, other, block, formula) for block in blocks])
    n_extreme = int(np.sum(~(widened * np.abs(differences) < np.abs(observed) - slack)))
    return n_extreme / len(ways) if exact else (n_extreme + 1) / (len(ways) + 1)


def _all_ways(n_clusters: int) -> NDArray[np.int64]:
    """Return all ways of swapping that leave the last cluster alone, ``(2^(S - 1), S)`` of 0 and 1.

    The others are their mirror images: the same difference with the other sign.
    """
    return np.arange(2 ** (n_clusters - 1))[:, None] >> np.arange(n_clusters) & 1


def _differences(one: Floats, other: Floats, ways: NDArray[Any], formula: Callable[[Floats], Floats]) -> Floats:
    """Return the difference of the pooled figure under each way of swapping, ``(n_ways,)``."""
    gain = np.tensordot(ways.astype(np.float64), other - one, axes=1)
    return formula(one.sum(axis=0) + gain) - formula(other.sum(axis=0) - gain)


def sums_of(run: Predictions) -> Floats:
    """Return each cluster's sums, from which the figures of any union of clusters follow."""
    names, member = np.unique(run.clusters, return_inverse=True)
    if run.classes is None:
        sums = np.zeros((len(names), 8))
        np.add.at(sums, member, metrics.moments(run.true, run.predicted))
        return sums
    counts = np.zeros((len(names), len(run.classes), len(run.classes)))
    places = (metrics.places(labels, run.classes) for labels in (run.true, run.predicted))
    np.add.at(counts, (member, *places), 1)
    return counts


def _figure(run: Predictions, metric: str) -> metrics.Figure:
    if run.classes is None:
        return metrics.value_figure(metric, run.true, run.predicted)
    return metrics.class_figure(metric, run.true, run.predicted, None, run.classes)


def _difference(one: metrics.Figure, other: metrics.Figure, metric: str, clusters: NDArray[Any], unit: str) -> Interval:
    reach = _of(metric).high - _of(metric).low
    return jackknife(lambda rows: one(rows) - other(rows), clusters, bounds=(-reach, reach), unit=unit)


def _likely(one: Floats, other: Floats, n_folds: int, metric: str, rope: float) -> Probabilities | None:
    """Return where the expected difference lies, from each cluster's sums, ``(n_clusters, ...)``."""
    formula = _of(metric).from_sums
    assert formula is not None
    all_of_one, all_of_other = one.sum(axis=0), other.sum(axis=0)
    whole = float(formula(all_of_one) - formula(all_of_other))
    without = formula(all_of_one - one) - formula(all_of_other - other)
    return probabilities(whole, without, n_folds, rope)


def _n_folds(runs: Mapping[str, Predictions], *names: str) -> int:
    """Return the number of folds of runs; of several numbers the least, which makes the test most careful."""
    every = (runs[name] for name in names)
    return min(len(np.unique(run.clusters)) if run.n_folds is None else run.n_folds for run in every)


def _verdict(
    one: Predictions,
    other: Predictions,
    difference: Interval,
    metric: str,
    p_holm: float,
    alpha: float,
    unit: str,
    likely: Probabilities | None,
) -> str:
    """Return the verdict in words; of two runs that differ, whose figure is better is not in it."""
    if np.array_equal(one.predicted, other.predicted):
        return SAME
    n, rises = difference.n_clusters, _of(metric).rises
    found = conclusions.of_test(difference.value, p_holm, alpha, n, likely, rises=rises)
    if found in ("better", "worse"):
        return BETTER
    return conclusions.in_words(found, n, unit, rope=likely.rope if likely else None)


def _of(metric: str) -> metrics.Metric[Any]:
    return metrics.CLASS_METRICS[metric] if metric in metrics.CLASS_METRICS else metrics.VALUE_METRICS[metric]


def _check(runs: Mapping[str, Predictions], metric: str) -> None:
    if len(runs) < 2:
        raise ValueError(f"a comparison needs at least 2 runs, got {len(runs)}")
    first_name, first = next(iter(runs.items()))
    headlines = metrics.VALUE_HEADLINES if first.classes is None else metrics.CLASS_HEADLINES
    if metric not in headlines:
        raise ValueError(f"'{metric}' cannot be compared here; what can: {', '.join(headlines)}")
    for name, run in runs.items():
        if not len(run.true) == len(run.predicted) == len(run.clusters):
            lengths = f"{len(run.true)} true, {len(run.predicted)} predicted, {len(run.clusters)} clusters"
            raise ValueError(f"run '{name}' has columns of different lengths: {lengths}")
        if run.classes != first.classes:
            raise ValueError(f"runs '{first_name}' and '{name}' have other classes: {first.classes}, {run.classes}")
        if not (np.array_equal(run.true, first.true) and np.array_equal(run.clusters, first.clusters)):
            raise ValueError(f"runs '{first_name}' and '{name}' are not on the same utterances in the same order")
        if np.isnan(_figure(run, metric)(np.arange(len(run.true)))):
            raise ValueError(f"the {_of(metric).title} of run '{name}' is undefined, so it cannot be compared")
