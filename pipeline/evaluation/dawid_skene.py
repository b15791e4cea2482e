"""Dawid and Skene's model: the arrow from votes of named raters to the classes that they speak for.

An utterance has one class, which is not observed. A rater ``r`` who meets class ``c`` chooses class ``k`` with the
probability ``theta[r, c, k]``, independently of the other raters. Expectation maximisation finds the raters' tables and
the probabilities of each utterance's class. So a rater who often errs, or answers at random, counts little, and one who
takes sadness for neutrality is understood so.

* It begins with the shares of the votes, so no random number is used.
* A vote of several labels counts in parts: the probability of a part is raised to its weight.
* A rater of few votes is held near the typical rater: each class of a rater's table has `STRENGTH` votes of all raters'
  table (from the shares of the votes) beside the rater's own. The share of each class has one vote beside its own.
* It ends where no probability of a class changes by more than `CLOSE` in a round, after `MOST_ROUNDS` at the latest.
  What it climbs, the log-likelihood with the logarithm of these priors, never falls.

References
----------
A. P. Dawid, A. M. Skene, Maximum likelihood estimation of observer error-rates using the EM algorithm, Applied
    Statistics 28(1), 1979, doi:10.2307/2346806.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from affex.pipeline.evaluation.named_votes import NAMELESS
from affex.pipeline.streams.examples import Examples
from affex.pipeline.streams.votes import NamedVotes

Numbers = NDArray[np.int64]
Floats = NDArray[np.float64]

#: How many votes of the typical rater stand beside a rater's own, in each class: of 4, 8, 16, 32 and 64, 16 and 32 give
#: the best probabilities of the classes of made votes, for raters of 10 to 300 votes (`benchmarks/raters.py`).
STRENGTH = 16.0
#: A training utterance does not count for a class of a smaller probability: each class makes a row of its own.
NEGLIGIBLE = 1e-3
#: A rater of fewer votes than this is said to be held near the typical rater.
FEW = 10
#: EM ends where no probability changes by more than this in a round.
CLOSE = 1e-4
#: The most rounds.
MOST_ROUNDS = 500


@dataclass(frozen=True, eq=False)
class Fitted:
    """The model of some votes.

    Parameters
    ----------
    classes : (n_utterances, n_classes) float64
        The probability of each class of each utterance; the classes' shares where it has no vote.
    tables : (n_raters, n_classes, n_classes) float64
        ``tables[r, c, k]``: the probability that rater ``r`` chooses class ``k`` where the class is ``c``.
    shares : (n_classes,) float64
        The share of each class.
    objective
        Before each round, the log-likelihood plus the logarithm of the priors, nats.
    converged
        Whether it ended before `MOST_ROUNDS`.
    """

    classes: Floats
    tables: Floats
    shares: Floats
    objective: tuple[float, ...]
    converged: bool


def fitted(votes: NamedVotes) -> Fitted:
    """Return the model of votes.

    Raises
    ------
    ValueError
        If there is no vote.
    """
    rated = votes.rated
    if not rated.any():
        raise ValueError("there is no vote for a class")
    given, whole = votes.given[rated], votes.totals[rated]
    found = whole / whole.sum(axis=1, keepdims=True)
    typical = _typical(found, whole)
    objective: list[float] = []
    for _ in range(MOST_ROUNDS):
        tables, shares = _maximised(given, found, typical)
        before = found
        found, likelihood = _expected(given, tables, shares)
        objective.append(likelihood + float((STRENGTH * typical * np.log(tables)).sum() + np.log(shares).sum()))
        if np.abs(found - before).max() <= CLOSE:
            break
    every = np.tile(shares, (len(rated), 1))
    every[rated] = found
    return Fitted(every, tables, shares, tuple(objective), bool(np.abs(found - before).max() <= CLOSE))


def soft_targets(examples: Examples, train: Numbers) -> Examples:
    """Return examples whose soft targets come from the votes on the training utterances, and from no other.

    An utterance without a vote for a class counts for its label. Examples without named votes are returned as they are.

    Parameters
    ----------
    train : (n_train,) int64
        The numbers of the training utterances.
    """
    if examples.votes is None:
        return examples
    own = examples.votes.take(train)
    targets = np.zeros((len(examples.y), len(examples.classes)))
    labels = np.equal.outer(np.asarray(examples.y[train]), np.array(examples.classes)).astype(np.float64)
    targets[train] = np.where(own.rated[:, None], _rounded(fitted(own).classes), labels) if own.rated.any() else labels
    return replace(examples, shares=targets)


def _rounded(classes: Floats) -> Floats:
    """Return probabilities without negligible ones, scaled to a sum of 1."""
    kept = np.where(classes < NEGLIGIBLE, 0, classes)
    whole: Floats = kept / kept.sum(axis=1, keepdims=True)
    return whole


def notes(votes: NamedVotes) -> Iterator[str]:
    """Yield what a reader of a result with this model must know of its votes, a sentence each."""
    given = {name: n for name, n in zip(votes.raters, votes.of_raters.tolist(), strict=True) if n}
    named = {name: n for name, n in given.items() if name != NAMELESS}
    few = sum(n < FEW for n in named.values())
    held = f"; {few} of them gave fewer than {FEW}, and are held near the typical rater" if few else ""
    yield f"the model of raters knows {len(named)} raters, {np.median([*named.values()]):g} votes each (median){held}"
    if NAMELESS in given:
        yield f"{given[NAMELESS]:g} votes do not say who gave them: they count as those of one more rater"
    if n := int((~votes.rated).sum()):
        yield f"{n} of {len(votes)} utterances have no vote for a class: they count for their label"


def _typical(found: Floats, whole: Floats) -> Floats:
    """Return the table of all raters together, ``(n_classes, n_classes)``, with one vote more everywhere."""
    counts = found.T @ whole + 1
    table: Floats = counts / counts.sum(axis=1, keepdims=True)
    return table


def _maximised(given: Any, found: Floats, typical: Floats) -> tuple[Floats, Floats]:
    """Return the raters' tables and the classes' shares for given probabilities of the classes."""
    n_classes = found.shape[1]
    counts = (given.T @ found).reshape(-1, n_classes, n_classes).transpose(0, 2, 1) + STRENGTH * typical
    shares = found.sum(axis=0) + 1
    return counts / counts.sum(axis=2, keepdims=True), shares / shares.sum()


def _expected(given: Any, tables: Floats, shares: Floats) -> tuple[Floats, float]:
    """Return the probabilities of the classes for given tables and shares, and the log-likelihood, nats."""
    from scipy.special import logsumexp

    joint = np.log(shares) + given @ np.log(tables).transpose(0, 2, 1).reshape(-1, len(shares))
    whole = logsumexp(joint, axis=1, keepdims=True)
    return np.exp(joint - whole), float(whole.sum())
