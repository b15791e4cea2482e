"""Measure the model of raters on made votes: how good its probabilities are, and which random raters it finds.

Random raters answer by preferences of their own, whatever they hear: uniform ones, ones drawn at random, or nearly one
class alone, a third each. The others are right with a probability that is normal over raters, and err half in a way
that all share, half in a way of their own.

    .venv/bin/python benchmarks/raters.py --seeds 20
"""

import argparse
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from affex.pipeline.evaluation import dawid_skene
from affex.pipeline.statistics.raters import raters
from affex.pipeline.streams.votes import NamedVotes


@dataclass(frozen=True)
class Case:
    """How votes are made.

    Parameters
    ----------
    n_raters, n_each, n_beside
        Raters, votes of each, and raters of an utterance.
    n_classes
        Classes; their shares are drawn at random.
    right, spread
        The mean and the standard deviation of the probability with which a rater is right.
    random
        The share of random raters.
    """

    n_raters: int = 60
    n_each: int = 30
    n_beside: int = 6
    n_classes: int = 5
    right: float = 0.65
    spread: float = 0.1
    random: float = 0.1


def made(case: Case, seed: int) -> tuple[NamedVotes, NDArray[np.int64], NDArray[np.bool_]]:
    """Return votes, the class of each utterance, and which raters are random."""
    rng, k = np.random.default_rng(seed), case.n_classes
    n = case.n_raters * case.n_each // case.n_beside
    classes = rng.choice(k, n, p=rng.dirichlet(np.full(k, 5.0)))
    utterance = np.repeat(np.arange(n), case.n_beside)
    rounds = [rng.permutation(case.n_raters) for _ in range(len(utterance) // case.n_raters + 1)]
    rater = np.concatenate(rounds)[: len(utterance)]
    is_random = np.zeros(case.n_raters, dtype=bool)
    is_random[rng.permutation(case.n_raters)[: max(1, round(case.random * case.n_raters))]] = True
    shared = rng.dirichlet(np.ones(k), k)
    tables = np.stack([_random(rng, k) if one else _table(rng, case, shared) for one in is_random])
    ends = tables[rater, classes[utterance]].cumsum(axis=1)
    chosen = (rng.random(len(utterance))[:, None] > ends).sum(axis=1).clip(0, k - 1)
    given = csr_matrix((np.ones(len(utterance)), (utterance, rater * k + chosen)), (n, case.n_raters * k))
    return NamedVotes(given, tuple(f"r{number}" for number in range(case.n_raters)), k), classes, is_random


def _random(rng: np.random.Generator, k: int) -> NDArray[np.float64]:
    """Return the table of a random rater: uniform, of random preferences, or nearly one class alone."""
    kinds = (np.full(k, 1 / k), rng.dirichlet(np.ones(k)), 0.95 * np.eye(k)[rng.integers(k)] + 0.05 / k)
    return np.tile(kinds[rng.integers(3)], (k, 1))


def _table(rng: np.random.Generator, case: Case, shared: NDArray[np.float64]) -> NDArray[np.float64]:
    right = np.clip(rng.normal(case.right, case.spread), 0.35, 0.97)
    errors = (shared + rng.dirichlet(np.ones(case.n_classes), case.n_classes)) / 2
    np.fill_diagonal(errors, 0)
    table: NDArray[np.float64] = (1 - right) * errors / errors.sum(axis=1, keepdims=True)
    np.fill_diagonal(table, right)
    return table


def measured(case: Case, seeds: range) -> tuple[float, float, float, float, float]:
    """Return recall and precision of random raters, the share of right classes by majority and by model, its loss."""
    found = np.zeros(3)
    means = []
    for seed in seeds:
        votes, classes, is_random = made(case, seed)
        model, told = dawid_skene.fitted(votes), raters(votes, [str(k) for k in range(case.n_classes)])
        assert told is not None
        flagged = np.isin(votes.raters, [one.name for one in told.random])
        found += (flagged & is_random).sum(), is_random.sum(), flagged.sum()
        own = np.clip(model.classes[np.arange(len(classes)), classes], 1e-9, 1)
        right = (votes.totals.argmax(axis=1) == classes, model.classes.argmax(axis=1) == classes)
        means.append([*(one.mean() for one in right), -np.log(own).mean()])
    majority, by_model, loss = np.mean(means, axis=0)
    return found[0] / found[1], found[0] / max(found[2], 1), majority, by_model, loss


CASES = {
    **{f"{n} votes each": Case(n_each=n) for n in (10, 15, 20, 30, 50, 100)},
    "50 votes each, 3 raters an utterance": Case(n_each=50, n_beside=3),
    "30 votes each, right in half": Case(right=0.5),
    "60 votes each, right in half": Case(n_each=60, right=0.5),
    "30 votes each, 3 of 10 random": Case(random=0.3),
    "50 votes each, 3 classes": Case(n_each=50, n_classes=3),
    "20 votes each, 300 raters, 6 classes, 8 an utterance": Case(300, 20, 8, 6),
    "200 votes each, 6 raters, 4 classes, 3 an utterance": Case(6, 200, 3, 4),
}


def main() -> None:
    """Print the measurements."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--strength", type=float, nargs="*", default=[], help="also: the loss by STRENGTH")
    wish = parser.parse_args()
    print("case: recall, precision of random raters; right by majority, by model; loss of the model, nats")
    for name, case in CASES.items():
        print(f"{name}: " + ", ".join(f"{value:.3f}" for value in measured(case, range(wish.seeds))))
    for strength in wish.strength:
        dawid_skene.STRENGTH = strength
        losses = [measured(replace(Case(), n_each=n), range(wish.seeds))[-1] for n in (10, 30, 100, 300)]
        print(f"STRENGTH {strength:g}, 10 to 300 votes each: " + ", ".join(f"{loss:.3f}" for loss in losses))


if __name__ == "__main__":
    main()
