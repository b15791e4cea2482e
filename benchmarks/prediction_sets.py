"""How often prediction sets hold the true class: made corpora with speaker effects, and models really retrained.

::

    python benchmarks/prediction_sets.py

Each corpus has speakers with unequal numbers of utterances (8 to 60), unequal shares of classes, a shift of their own,
and a clarity of their own. One speaker is tested by a model of all others, nearest class means with a softmax of
distances as scores. Inner scores come from models of the same kind, as in an evaluation: five folds over the training
speakers, fewer where they are fewer. The first ten speakers of a corpus (fewer with ``--tested``) have sets in turn.

Beside the sets of `pipeline.evaluation.prediction_sets` stand those of weights (Lee, Barber and Willett,
arXiv:2306.06342), whose promise is the same, and two without a promise: one takes utterances as exchangeable, one
calibrates on the test scores of other folds, whose models have heard the tested speaker. Printed is the mean coverage
over speakers in per cent with its Monte Carlo standard error, and the mean size.
"""

import argparse
import time
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

from affex.classifiers.base import inner_folds
from affex.pipeline.evaluation.prediction_sets import thresholds

Floats = NDArray[np.float64]
Numbers = NDArray[np.int64]

SPEAKERS, ALPHAS = (4, 6, 10, 24), (0.05, 0.1, 0.2)
N_CLASSES, N_COLUMNS = 4, 5
CLIPS = (8, 60)
WAYS = ("ours", "weights", "utterances", "other folds")
LINE = "{:>8}{:>7}{:>10}" + "{:>22}" * len(WAYS)


class Corpus(NamedTuple):
    """Rows, ``(n, n_columns)``, classes and speakers, ``(n,)`` each, as numbers."""

    X: Floats
    y: Numbers
    speaker: Numbers


def corpus(rng: np.random.Generator, n_speakers: int) -> Corpus:
    """Return a made corpus."""
    clips = rng.integers(*CLIPS, n_speakers, endpoint=True)
    speaker = np.repeat(np.arange(n_speakers), clips)
    shares = rng.dirichlet(np.full(N_CLASSES, 3.0), n_speakers)
    y = (rng.random(len(speaker))[:, None] > np.cumsum(shares, axis=1)[speaker]).sum(axis=1).clip(max=N_CLASSES - 1)
    means = rng.normal(scale=1.3, size=(N_CLASSES, N_COLUMNS))
    shifts, clarity = (
        rng.normal(scale=0.8, size=(n_speakers, N_COLUMNS)),
        np.exp(rng.normal(scale=0.4, size=n_speakers)),
    )
    X = means[y] * clarity[speaker, None] + shifts[speaker] + rng.normal(size=(len(y), N_COLUMNS))
    return Corpus(X, y, speaker)


def scored(of: Corpus, train: Numbers, test: Numbers) -> Floats:
    """Return the scores that a model of the speakers `train` gives to the rows of the speakers `test`."""
    trained, tested = np.isin(of.speaker, train), np.isin(of.speaker, test)
    n = np.bincount(of.y[trained], minlength=N_CLASSES)
    sums = np.stack([np.bincount(of.y[trained], weights=column, minlength=N_CLASSES) for column in of.X[trained].T], 1)
    far = (n == 0) * 1e6
    distances = ((of.X[tested][:, None] - sums / np.maximum(n, 1)[:, None]) ** 2).sum(axis=2) + far
    scores: Floats = softmax(-distances / 2, axis=1)
    return scores


def inner(of: Corpus, speakers: Numbers) -> tuple[Floats, Numbers]:
    """Return the inner scores of the true classes, and the speakers."""
    given, who = [], []
    for train, test in inner_folds(speakers):
        rows = np.isin(of.speaker, speakers[test])
        values = scored(of, speakers[train], speakers[test])
        given.append(values[np.arange(rows.sum()), of.y[rows]])
        who.append(of.speaker[rows])
    return np.concatenate(given), np.concatenate(who)


def weighted(given: Floats, speakers: Numbers, alpha: float) -> float:
    """Return the threshold by weights: each speaker's are shared by the utterances, and a new one has as much."""
    _, member, n_own = np.unique(speakers, return_inverse=True, return_counts=True)
    order = np.argsort(-given)
    enough = np.flatnonzero(np.cumsum((1 / ((len(n_own) + 1) * n_own[member]))[order]) >= 1 - alpha - 1e-9)
    return float(given[order[enough[0]]]) if len(enough) else -np.inf


def tried(rng: np.random.Generator, of: Corpus, n_speakers: int, n_tested: int) -> dict[tuple[float, str], Floats]:
    """Return each tested speaker's coverage and mean size, ``(n, 2)``, by alpha and way of calibrating."""
    everyone = np.arange(n_speakers)
    tests = [scored(of, np.delete(everyone, s), everyone[[s]]) for s in everyone]
    trues = [of.y[of.speaker == s] for s in everyone]
    tested = [values[np.arange(len(y)), y] for values, y in zip(tests, trues, strict=True)]
    found: dict[tuple[float, str], list[tuple[float, float]]] = {}
    for s in everyone[:n_tested]:
        given, who = inner(of, np.delete(everyone, s))
        places = rng.random((len(tests[s]), n_speakers - 1))
        others = np.concatenate([tested[other] for other in np.delete(everyone, s)])
        other = np.repeat(np.delete(everyone, s), [len(tested[one]) for one in np.delete(everyone, s)])
        for alpha in ALPHAS:
            for name, least in {
                "ours": thresholds(given, who, alpha, places),
                "weights": weighted(given, who, alpha),
                "utterances": weighted(given, np.arange(len(given)), alpha),
                "other folds": thresholds(others, other, alpha, places),
            }.items():
                sets = tests[s] >= np.reshape(least, (-1, 1))
                sets[np.arange(len(sets)), tests[s].argmax(axis=1)] = True
                held = sets[np.arange(len(sets)), trues[s]]
                found.setdefault((alpha, name), []).append((held.mean(), sets.sum(axis=1).mean()))
    return {key: np.array(rows) for key, rows in found.items()}


def coverage(
    n_corpora: int, n_speakers: int, seed: int, n_tested: int = 10
) -> dict[tuple[float, str], tuple[float, float, float]]:
    """Return mean coverage over corpora, its standard error, and the mean size, by alpha and way of calibrating."""
    rng = np.random.default_rng((seed, n_speakers))
    each = [tried(rng, corpus(rng, n_speakers), n_speakers, n_tested) for _ in range(n_corpora)]
    found = {}
    for key in each[0]:
        own = np.array([one[key].mean(axis=0) for one in each])
        found[key] = (own[:, 0].mean(), own[:, 0].std(ddof=1) / np.sqrt(n_corpora), own[:, 1].mean())
    return found


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpora", type=int, default=2000)
    parser.add_argument("--speakers", type=int, nargs="*", default=SPEAKERS)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--tested", type=int, default=10)
    options = parser.parse_args()
    print(LINE.format("speakers", "alpha", "promised", *WAYS))
    for n_speakers in options.speakers:
        begin, found = time.perf_counter(), coverage(options.corpora, n_speakers, options.seed, options.tested)
        for alpha in ALPHAS:
            cells = [found[alpha, name] for name in WAYS]
            words = [f"{100 * held:.1f} ({100 * error:.1f}) size {size:.2f}" for held, error, size in cells]
            print(LINE.format(n_speakers, alpha, f"{100 * (1 - alpha):.0f}", *words), flush=True)
        print(f"{options.corpora} corpora of {n_speakers} speakers: {time.perf_counter() - begin:.0f} s", flush=True)


if __name__ == "__main__":
    main()
