"""League: the arrow from runs of the same competitors on several corpora to one verdict over these corpora.

What is estimated is the mean over these corpora of the difference of two competitors' pooled figures, each corpus
counting equally, however many speakers it has. The test swaps the two runs' predictions speaker by speaker, as
`pipeline.evaluation.significance` does within one corpus, independently within each corpus, and computes the mean
difference again; Holm's correction is for all pairs. So the speakers of all corpora decide together: a test over the
corpora themselves (Demsar's: Friedman's, then Wilcoxon's for each pair) needs six corpora before p can fall below .05
for one pair at all, and finds little below ten (``benchmarks/league.py`` has both on the same simulated leagues).

Swaps take the predictions as given, and do not see that other training speakers would have given other models. Both
that part of the variance and the part that swaps see fall with the number of speakers alike, so their ratio hardly
depends on it. Without an allowance, leagues of retrained models of equal worth get a verdict in 6 % instead of 5 %;
therefore variances are taken as larger by `TRAINING`. A single corpus's own pairs, which are those of `compare`,
have no such allowance.

The test concerns these corpora. Where corpora differ in which competitor they favour, it says what holds on average
over them, and nothing of another corpus. Therefore each pair also has the interval of Student's t over the corpora's
differences (`OverCorpora.across`), which takes them as a sample of corpora; and there are average ranks with Friedman's
test, whose p is exact.

A corpus with too few speakers to decide anything alone (fewer than `conclusions.FEWEST`, or so few that no p can reach
alpha) still enters with its equal share: leaving it out would change what is estimated, and the test holds its level
however few speakers a corpus has. The interval becomes wide instead.

References
----------
J. Demsar, Statistical comparisons of classifiers over multiple data sets, JMLR 7, 1-30, 2006 (ranks, Friedman's test).
M. Friedman, The use of ranks to avoid the assumption of normality, doi:10.1080/01621459.1937.10503522.
E. J. G. Pitman, Significance tests which may be applied to samples from any populations, doi:10.2307/2984124.
F. E. Satterthwaite, An approximate distribution of estimates of variance components, doi:10.2307/3002019 (the degrees
    of freedom of a sum of variances).
S. Holm, A simple sequentially rejective multiple test procedure, Scandinavian Journal of Statistics 6, 65-70, 1979.
"""

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from affex.pipeline.evaluation import conclusions, metrics
from affex.pipeline.evaluation.equivalence import Probabilities, of_posterior
from affex.pipeline.evaluation.intervals import Interval
from affex.pipeline.evaluation.significance import BETTER, DRAWS, MOST_EXACT, holm, least_p, p_of_swaps

Floats = NDArray[np.float64]
#: Two competitors.
Pair = tuple[str, str]

#: How much training adds to the variance of a difference, as a share of what swaps of finished predictions show:
#: chosen so that verdicts on retrained models of equal worth stay below 5 % (``benchmarks/league.py``).
TRAINING = 1 / 4
#: The same for a standard error.
WIDENED = math.sqrt(1 + TRAINING)
#: With more competitors than this, the permutations of Friedman's test are drawn.
MOST_RANKED = 4


@dataclass(frozen=True, eq=False)
class InCorpus:
    """What the competitors reached on one corpus; all on the same utterances.

    Parameters
    ----------
    figures
        The pooled figure of each competitor that has one, with its interval over speakers.
    sums : each (n_clusters, ...) float64
        The sums of each competitor's clusters (`pipeline.evaluation.significance.sums_of`).
    differences
        The figure of the first less that of the second of each pair, with its interval.
    """

    figures: Mapping[str, Interval]
    sums: Mapping[str, Floats]
    differences: Mapping[Pair, Interval]


@dataclass(frozen=True)
class Placed:
    """A competitor over corpora.

    Parameters
    ----------
    name
        The competitor.
    mean
        Its mean figure over the corpora on which all competitors have one, with an interval over their speakers.
    rank
        Its mean rank there, 1 the best; NaN if there is no such corpus.
    """

    name: str
    mean: Interval
    rank: float


@dataclass(frozen=True)
class OverCorpora:
    """The difference between two competitors over the corpora on which both have a figure.

    Parameters
    ----------
    one, other
        The competitors.
    difference
        The mean over corpora of the figure of `one` less that of `other`, with its interval over speakers, which allows
        for training.
    n_corpora, n_better
        Over how many corpora, and in how many of them `one` has the better figure.
    p, p_holm, least_p, exact, verdict, winner
        As in `pipeline.evaluation.significance.Comparison`.
    across
        The same mean with Student's interval over the corpora's differences, which takes them as a sample of corpora.
    """

    one: str
    other: str
    difference: Interval
    n_corpora: int
    n_better: int
    p: float
    p_holm: float
    least_p: float
    exact: bool
    verdict: str
    winner: str | None
    across: Interval


@dataclass(frozen=True)
class Friedman:
    """Friedman's test of whether competitors differ in rank over corpora; `exact` if all permutations were computed."""

    statistic: float
    p: float
    exact: bool


@dataclass(frozen=True)
class Standing:
    """The verdict over corpora.

    Parameters
    ----------
    placed
        The competitors in the order given.
    pairs
        Every pair that some corpus has.
    corpora
        The corpora on which all competitors have a figure: means and ranks are over them.
    friedman
        None with fewer than two such corpora.
    """

    placed: tuple[Placed, ...]
    pairs: tuple[OverCorpora, ...]
    corpora: tuple[str, ...]
    friedman: Friedman | None


def over_corpora(
    competitors: Sequence[str],
    corpora: Mapping[str, InCorpus],
    metric: str = "uar",
    *,
    alpha: float = 0.05,
    seed: int = 0,
) -> Standing:
    """Return the verdict over corpora.

    Parameters
    ----------
    competitors
        Their names, in the order of the output.
    corpora
        What they reached on each corpus; a competitor may lack a corpus.
    metric
        The figure: one of `metrics.CLASS_HEADLINES` or `metrics.VALUE_HEADLINES`.
    alpha
        The level of significance, over all pairs together.
    seed
        Seeds the draws where not all ways of swapping are tried.
    """
    known = _of(metric)
    whole = {name: one for name, one in corpora.items() if set(competitors) <= one.figures.keys()}
    values = np.array([[one.figures[name].value for name in competitors] for one in whole.values()])
    ranks = _ranks(values.reshape(len(whole), len(competitors)), rises=known.rises)
    means = ranks.mean(axis=0) if len(ranks) else np.full(len(competitors), np.nan)
    bounds = (known.low, known.high)
    placed = [
        Placed(name, mean_of([one.figures[name] for one in whole.values()], bounds), float(rank))
        for name, rank in zip(competitors, means, strict=True)
    ]
    pairs = {pair: _with(pair, corpora) for pair in itertools.combinations(competitors, 2)}
    there = {pair: found for pair, found in pairs.items() if found}
    p_values = [
        p_of_swaps([(own.sums[one], own.sums[other]) for own in found.values()], metric, seed, WIDENED)
        for (one, other), found in there.items()
    ]
    judged = [
        _judged(pair, found, known, p, p_holm, alpha)
        for (pair, found), p, p_holm in zip(there.items(), p_values, holm(p_values), strict=True)
    ]
    is_tested = len(whole) > 1 and len(competitors) > 1
    return Standing(tuple(placed), tuple(judged), tuple(whole), friedman(ranks, seed) if is_tested else None)


def mean_of(parts: Sequence[Interval], bounds: tuple[float, float], widened: float = 1.0) -> Interval:
    """Return the mean of independent figures, each counting equally, with its interval.

    With standard errors ``e_c`` of ``C`` corpora, that of the mean is ``sqrt(sum e_c^2) / C``, and the degrees of
    freedom of its t distribution are Satterthwaite's, ``(sum e_c^2)^2 / sum(e_c^4 / (S_c - 1))``.

    Parameters
    ----------
    parts
        The figure of each corpus. One without a standard error leaves the mean without an interval; its reason is then
        the mean's.
    bounds
        The range of the figure.
    widened
        By how much the standard error is larger.
    """
    n = sum(part.n_clusters for part in parts)
    if not parts:
        return Interval(math.nan, None, None, None, 0.95, 0, "no corpus has it")
    value, level = float(np.mean([part.value for part in parts])), parts[0].level
    lacking = next((part for part in parts if part.standard_error is None), None)
    if lacking:
        return Interval(value, None, None, None, level, n, lacking.reason)
    variances = np.array([part.standard_error for part in parts], dtype=np.float64) ** 2
    error = widened * math.sqrt(variances.sum()) / len(parts)
    reach = _quantile(level, _freedom(parts)) * error if error else 0.0
    low, high = (min(max(end, bounds[0]), bounds[1]) for end in (value - reach, value + reach))
    return Interval(value, low, high, error, level, n)


def _freedom(parts: Sequence[Interval]) -> float:
    """Return Satterthwaite's degrees of freedom of the mean of independent figures, not all without variance."""
    variances = np.array([part.standard_error for part in parts], dtype=np.float64) ** 2
    freedom = np.array([part.n_clusters - 1 for part in parts], dtype=np.float64)
    return float(variances.sum() ** 2 / (variances**2 / freedom).sum())


def _likely(parts: Sequence[Interval], difference: Interval, rope: float | None) -> Probabilities | None:
    """Return how likely the mean difference is too small to matter; None where that is open."""
    if rope is None or difference.standard_error is None:
        return None
    if not difference.standard_error:  # the same predictions everywhere
        return Probabilities(0.0, 1.0, 0.0, rope)
    return of_posterior(difference.value, difference.standard_error, _freedom(parts), rope)


def across(values: Sequence[float], bounds: tuple[float, float], *, level: float = 0.95) -> Interval:
    """Return the mean of the corpora's differences with Student's interval over corpora; they count as clusters."""
    n, mean = len(values), float(np.mean(values))
    if n < 2:
        return Interval(mean, None, None, None, level, n, "1 corpus: an interval over corpora needs at least 2")
    error = float(np.std(values, ddof=1)) / math.sqrt(n)
    reach = _quantile(level, n - 1) * error
    low, high = (min(max(end, bounds[0]), bounds[1]) for end in (mean - reach, mean + reach))
    return Interval(mean, low, high, error, level, n)


def friedman(ranks: Floats, seed: int = 0) -> Friedman:
    """Return Friedman's test of ranks; p is the share of permutations within corpora with as large a statistic.

    Parameters
    ----------
    ranks : (n_corpora, n_competitors) float64
        The ranks on each corpus; equal figures share their mean rank.
    seed
        Seeds the permutations that are drawn with more than `MOST_RANKED` competitors.
    """
    n, k = ranks.shape
    expected = n * (k + 1) / 2
    spread = float(((ranks - (k + 1) / 2) ** 2).sum())  # n k (k + 1)(k - 1) / 12 without ties
    observed = float(((ranks.sum(axis=0) - expected) ** 2).sum())
    statistic = (k - 1) * observed / spread if spread else 0.0
    if k > MOST_RANKED:
        rng = np.random.default_rng(seed)
        sums = sum(rng.permuted(np.tile(row, (DRAWS, 1)), axis=1) for row in ranks)
        n_extreme = int(np.sum(((sums - expected) ** 2).sum(axis=1) >= observed - 1e-9))
        return Friedman(statistic, (n_extreme + 1) / (DRAWS + 1), exact=False)
    sums, shares = np.zeros((1, k)), np.ones(1, np.float64)
    for row in ranks:  # the distribution of the rank sums, one corpus after the other
        ways = np.array([*itertools.permutations(row)])
        every = (sums[:, None] + ways[None]).reshape(-1, k)
        sums, place = np.unique(every, axis=0, return_inverse=True)
        shares = np.asarray(np.bincount(place.ravel(), np.repeat(shares, len(ways)) / len(ways)))
    extreme = ((sums - expected) ** 2).sum(axis=1) >= observed - 1e-9
    return Friedman(statistic, min(1.0, float(shares[extreme].sum())), exact=True)


def is_undecidable(n_clusters: int, n_pairs: int, alpha: float) -> bool:
    """Return whether so few speakers decide no pair, whatever the figures are."""
    return n_clusters < conclusions.FEWEST or least_p(n_clusters) * n_pairs > alpha


def _with(pair: Pair, corpora: Mapping[str, InCorpus]) -> dict[str, InCorpus]:
    """Return the corpora on which both competitors have a figure."""
    return {name: one for name, one in corpora.items() if pair in one.differences}


def _judged(
    pair: Pair, found: Mapping[str, InCorpus], known: metrics.Metric[Any], p: float, p_holm: float, alpha: float
) -> OverCorpora:
    one, other = pair
    parts = [_certain(pair, own) for own in found.values()]
    values = [part.value for part in parts]
    reach = known.high - known.low
    difference = mean_of(parts, (-reach, reach), WIDENED)
    n_clusters, rope = difference.n_clusters, conclusions.rope_of(known.high)
    likely = _likely(parts, difference, rope)
    verdict = conclusions.of_test(difference.value, p_holm, alpha, n_clusters, likely, rises=known.rises)
    return OverCorpora(
        one=one,
        other=other,
        difference=difference,
        n_corpora=len(parts),
        n_better=sum((value > 0) == known.rises and value != 0 for value in values),
        p=p,
        p_holm=p_holm,
        least_p=least_p(n_clusters),
        exact=n_clusters <= MOST_EXACT,
        verdict=BETTER
        if verdict in ("better", "worse")
        else conclusions.in_words(verdict, n_clusters, "speaker", rope=rope),
        winner={"better": one, "worse": other}.get(verdict),
        across=across(values, (-reach, reach)),
    )


def _certain(pair: Pair, own: InCorpus) -> Interval:
    """Return the difference on a corpus; of two runs alike to the last count it is 0, without doubt."""
    found = own.differences[pair]
    if found.standard_error is None and np.array_equal(own.sums[pair[0]], own.sums[pair[1]]):
        return Interval(0.0, 0.0, 0.0, 0.0, found.level, found.n_clusters)
    return found


def _ranks(values: Floats, *, rises: bool) -> Floats:
    """Return the ranks in each row, 1 the best; equal values share their mean rank."""
    from scipy.stats import rankdata

    return np.asarray(rankdata(-values if rises else values, axis=1), dtype=np.float64) if len(values) else values


def _quantile(level: float, freedom: float) -> float:
    from scipy.special import stdtrit

    return float(stdtrit(freedom, (1 + level) / 2))


def _of(metric: str) -> metrics.Metric[Any]:
    return metrics.CLASS_METRICS[metric] if metric in metrics.CLASS_METRICS else metrics.VALUE_METRICS[metric]
