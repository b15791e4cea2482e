"""Raters: the arrow from the votes of named raters to how each of them answers, and who answers at random.

Two questions are asked of each rater. How often does the rater choose what most of the others chose? The interval of
this agreement is Wilson's, so it takes the rater's votes as independent. And how many of the rater's votes follow the
utterance at all? For the second, the class of an utterance is what the other raters say of it by Dawid and Skene's
model (`pipeline.evaluation.dawid_skene`), without the rater's own vote. A rater who follows with the share ``a``
chooses class ``k`` with the probability ``a * typical[c, k] + (1 - a) * own[k]``, where the class is ``c``: as the
typical rater does, or else by the rater's own preferences, whatever is heard (as in MACE, Hovy et al. 2013). How
``a`` is distributed over all raters is estimated from all of them (a mixture over `GRID`, Laird 1978), and each
rater's ``a`` is the mean given that distribution and the rater's own votes. So a rater of few votes is drawn to what
is usual, and the more raters there are, the better is known how seldom random ones are: many raters do not make false
alarms frequent.

A rater looks random if ``a`` is below `RANDOM`. `benchmarks/raters.py` measures how many random raters that finds.

References
----------
A. P. Dawid, A. M. Skene, Maximum likelihood estimation of observer error-rates using the EM algorithm, 1979,
    doi:10.2307/2346806.
D. Hovy, T. Berg-Kirkpatrick, A. Vaswani, E. Hovy, Learning whom to trust with MACE, NAACL-HLT 2013,
    https://aclanthology.org/N13-1132.
N. Laird, Nonparametric maximum likelihood estimation of a mixing distribution, 1978, doi:10.2307/2286284.
"""

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from affex.pipeline.evaluation import dawid_skene
from affex.pipeline.evaluation.dawid_skene import Fitted
from affex.pipeline.evaluation.intervals import ShareInterval, wilson
from affex.pipeline.evaluation.named_votes import NAMELESS
from affex.pipeline.streams.votes import NamedVotes

Numbers = NDArray[np.int64]
Floats = NDArray[np.float64]

#: The shares of votes that follow the utterance, among which raters are distributed.
GRID = np.linspace(0, 1, 11)
#: A rater looks random if fewer of the votes follow the utterance.
RANDOM = 0.35
#: A rater of fewer votes is not judged.
FEW = 10
#: From this number of votes on, nine of ten random raters are found (of made ones, with 5 classes and 5 others an
#: utterance; 50 with 2 others; 100 with 3 classes, or where the others are right in half of the utterances only).
ENOUGH = 30
#: How many votes by all raters' preferences stand beside a rater's own.
PREFERENCE = 10.0
#: The rounds in which the distribution of all raters is estimated.
ROUNDS = 300


@dataclass(frozen=True)
class RaterFigures:
    """How one rater answers.

    Parameters
    ----------
    name
        The rater.
    n_votes
        The votes for a class on utterances with another rater.
    agreement
        The share of the votes that agree with the one class that most of the others chose; a vote of several labels
        agrees in part, and the sum is rounded to whole votes for the interval. None where the others never have one.
    chance
        The same share if the rater gave the same votes in any order.
    follows
        The share of the votes that follow the utterance; None for a rater of fewer than `FEW` votes.
    looks_random
        Whether that is below `RANDOM`.
    confusion
        The votes by the class that most of the others chose (rows) and the rater's own (columns).
    bias
        For each class, the share of the rater's votes for it, less that of the other raters of the same utterances.
    """

    name: str
    n_votes: float
    agreement: ShareInterval | None
    chance: float
    follows: float | None
    looks_random: bool
    confusion: tuple[tuple[float, ...], ...]
    bias: tuple[float, ...]


@dataclass(frozen=True)
class Raters:
    """How the raters of a corpus answer.

    Parameters
    ----------
    classes
        The classes, in the order of `RaterFigures.confusion`.
    raters
        Each rater, those who follow the utterance least first, then those of too few votes.
    n_nameless
        How many votes do not say who gave them; they count among the others' votes.
    converged
        Whether the model of raters came to an end.
    """

    classes: tuple[str, ...]
    raters: tuple[RaterFigures, ...]
    n_nameless: float
    converged: bool

    @property
    def random(self) -> tuple[RaterFigures, ...]:
        """The raters who look random."""
        return tuple(one for one in self.raters if one.looks_random)


@dataclass(frozen=True, eq=False)
class _Pairs:
    """Every rater of every utterance that another rater voted on, too.

    Parameters
    ----------
    rater : (n,) int64
        The number of the rater.
    given : (n, n_classes) float64
        What the rater gave to each class.
    others : (n, n_classes) float64
        What all others together gave.
    classes : (n, n_classes) float64
        The probability of each class, by the votes of the others.
    """

    rater: Numbers
    given: Floats
    others: Floats
    classes: Floats


def raters(votes: NamedVotes | None, classes: Sequence[str]) -> Raters | None:
    """Return how each rater answers; None without names, or where no utterance has two raters.

    Parameters
    ----------
    votes
        As `pipeline.evaluation.named_votes.named_votes` returns them.
    classes
        The classes, in the order of the votes' columns.
    """
    if votes is None or votes.most_raters < 2 or len(classes) < 2:
        return None
    model = dawid_skene.fitted(votes)
    pairs = _pairs(votes, model)
    follows = _follows(votes, model, pairs)
    found = [
        _figures(name, own, follow)
        for name, own, follow in zip(votes.raters, _by_rater(pairs, len(votes.raters)), follows, strict=True)
        if name != NAMELESS and len(own.rater)
    ]
    order = sorted(found, key=lambda one: (one.follows is None, one.follows or 0.0))
    nameless = dict(zip(votes.raters, votes.of_raters.tolist(), strict=True)).get(NAMELESS, 0.0)
    return Raters(tuple(classes), tuple(order), nameless, model.converged)


def _pairs(votes: NamedVotes, model: Fitted) -> _Pairs:
    from scipy.special import logsumexp

    n_raters, n_classes = len(votes.raters), votes.n_classes
    utterance = np.repeat(np.arange(len(votes)), np.diff(votes.given.indptr))
    keys, place = np.unique(utterance * n_raters + votes.rater, return_inverse=True)
    given = np.zeros((len(keys), n_classes))
    np.add.at(given, (place, votes.given.indices % n_classes), votes.given.data)
    row, rater = keys // n_raters, (keys % n_raters).astype(np.int64)
    logs = np.log(model.tables)
    own = np.einsum("pk,pck->pc", given, logs[rater])
    joint = np.log(model.shares) + votes.given @ logs.transpose(0, 2, 1).reshape(-1, n_classes)
    left = joint[row] - own
    several = np.bincount(row, minlength=len(votes))[row] > 1
    probabilities = np.exp(left - logsumexp(left, axis=1, keepdims=True))
    return _Pairs(rater[several], given[several], (votes.totals[row] - given)[several], probabilities[several])


def _follows(votes: NamedVotes, model: Fitted, pairs: _Pairs) -> Floats:
    """Return the share of each rater's votes that follow the utterance, ``(n_raters,)``; NaN for too few votes."""
    n_raters, n_classes = len(votes.raters), votes.n_classes
    weight = pairs.given.sum(axis=1)
    own = np.zeros((n_raters, n_classes))
    np.add.at(own, pairs.rater, pairs.given)
    preferred = own[pairs.rater] - pairs.given + PREFERENCE * own.sum(axis=0) / own.sum()
    by_preference = (pairs.given * preferred).sum(axis=1) / preferred.sum(axis=1) / weight
    counts = (votes.given.T @ model.classes).reshape(n_raters, n_classes, n_classes).transpose(0, 2, 1)
    share = np.ones(n_raters)
    for _ in range(2):  # then random raters no longer count among the typical ones
        typical = np.einsum("r,rck->ck", share, counts) + 0.1
        typical /= typical.sum(axis=1, keepdims=True)
        by_class = np.einsum("pc,ck,pk->p", pairs.classes, typical, pairs.given) / weight
        logs = weight[:, None] * np.log(GRID * by_class[:, None] + (1 - GRID) * by_preference[:, None])
        likelihood = np.zeros((n_raters, len(GRID)))
        np.add.at(likelihood, pairs.rater, logs)
        share = _mixed(likelihood[own.any(axis=1)], likelihood) @ GRID
    return np.where(own.sum(axis=1) >= FEW, share, np.nan)


def _mixed(of: Floats, every: Floats) -> Floats:
    """Return the probability of each point of `GRID` for every rater, with the distribution estimated from some."""
    spread = np.full(len(GRID), 1 / len(GRID))
    for _ in range(ROUNDS):
        counted = _given(of, spread).sum(axis=0) + 1 / len(GRID)
        spread = counted / counted.sum()
    return _given(every, spread)


def _given(likelihood: Floats, spread: Floats) -> Floats:
    joint = spread * np.exp(likelihood - likelihood.max(axis=1, keepdims=True))
    found: Floats = joint / joint.sum(axis=1, keepdims=True)
    return found


def _by_rater(pairs: _Pairs, n_raters: int) -> Iterable[_Pairs]:
    """Yield the pairs of each rater."""
    order = np.argsort(pairs.rater, kind="stable")
    ends = np.searchsorted(pairs.rater[order], np.arange(n_raters + 1))
    for start, end in itertools.pairwise(ends):
        chosen = order[start:end]
        yield _Pairs(pairs.rater[chosen], pairs.given[chosen], pairs.others[chosen], pairs.classes[chosen])


def _figures(name: str, own: _Pairs, follow: float) -> RaterFigures:
    leads = own.others == own.others.max(axis=1, keepdims=True)
    clear = leads.sum(axis=1) == 1
    confusion = leads[clear].T.astype(np.float64) @ own.given[clear]
    n, right = confusion.sum(), np.trace(confusion)
    shares = confusion / n if n else confusion
    whole, others = own.given.sum(axis=0), own.others.sum(axis=0)
    return RaterFigures(
        name=name,
        n_votes=float(whole.sum()),
        agreement=wilson(round(right), round(n)) if round(n) else None,
        chance=float(shares.sum(axis=1) @ shares.sum(axis=0)),
        follows=None if np.isnan(follow) else float(follow),
        looks_random=bool(follow < RANDOM),
        confusion=tuple(map(tuple, confusion.tolist())),
        bias=tuple((whole / whole.sum() - others / others.sum()).tolist()),
    )
