"""How often a league finds a planted order, and how often it finds one where there is none.

::

    python benchmarks/league.py
    python benchmarks/league.py --leagues 2000

Leagues of three competitors on 4 to 6 corpora of 6 to 20 speakers, both drawn for each league. First the scores are
given: speakers differ in how well they are recognised, by every competitor alike and by each in its own way, and
corpora differ in which competitor they favour; favours cancel over the corpora of a league. The recalls of neighbours
in the planted order differ by as much as ``--effects`` say, for the median speaker of a middling corpus. Then models
are really retrained: shrunken linear discriminants, leaving one speaker out, each competitor on features of its own,
which tell the class equally well unless an order is planted: then a competitor has fewer columns than the one before.

"order" is the share of leagues in which all three pairs get the right verdict; "wrong" that in which some pair gets a
wrong one: with no effect any verdict is wrong. Beside the test of `pipeline.evaluation.league` stands Demsar's
procedure on the same leagues: Friedman's test of the ranks, and then Wilcoxon's signed-rank test of each pair over
corpora with Holm's correction. Each share is followed by its Monte Carlo standard error. Both in per cent.
"""

import argparse
import functools
import time
from collections.abc import Callable, Mapping
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit
from scipy.stats import wilcoxon

from affex.pipeline.evaluation import metrics
from affex.pipeline.evaluation.intervals import Interval, of_replicates
from affex.pipeline.evaluation.league import InCorpus, Standing, over_corpora
from affex.pipeline.evaluation.significance import holm

Floats = NDArray[np.float64]
Generator = np.random.Generator
#: Each competitor's sums on a corpus, ``(n_speakers, n_classes, n_classes)``.
Sums = Mapping[str, Floats]

NAMES = ("best", "middle", "least")
CORPORA, SPEAKERS = (4, 6), (6, 20)
#: Utterances of a speaker, about; classes; the recall of the middle competitor.
CLIPS, CLASSES, RECALL = 42, 3, 0.65
#: Standard deviations in logits: of a speaker for all competitors, of a speaker for one, of a corpus for one.
COMMON, OWN, FAVOUR = 0.6, 0.3, 0.15
#: Columns that tell the class, for competitors that are planted alike and for those planted in an order.
ALIKE, ORDERED = (8, 8, 8), (14, 8, 4)

UAR = metrics.CLASS_METRICS["uar"]
LINE = "{:24}{:>8}{:>20}{:>16}{:>20}{:>16}"


def sums_of(right: NDArray[np.int64], n: NDArray[np.int64]) -> Floats:
    """Return confusion matrices of a speaker from how many of how many utterances of each class are right."""
    sums, own = np.zeros((*n.shape, n.shape[-1])), np.arange(n.shape[-1])
    sums[..., own, own] = right
    sums[..., own, (own + 1) % n.shape[-1]] = n - right  # where to does not matter to UAR
    return sums


def given(rng: Generator, favours: Floats, effect: float) -> Sums:
    """Draw a corpus's scores; recalls of neighbouring competitors differ by `effect`, logits by `favours` besides."""
    n_speakers = int(rng.integers(SPEAKERS[0], SPEAKERS[1] + 1))
    n = 1 + rng.multinomial(rng.poisson(CLIPS - CLASSES, n_speakers), rng.dirichlet(np.full(CLASSES, 10), n_speakers))
    hard = rng.normal(0, 0.3, CLASSES) + rng.normal(0, 0.3) + rng.normal(0, COMMON, (n_speakers, 1))
    found = {}
    for name, step, favour in zip(NAMES, (effect, 0.0, -effect), favours, strict=True):
        own = rng.normal(0, OWN, (n_speakers, CLASSES)) + favour
        found[name] = sums_of(rng.binomial(n, expit(logit(RECALL + step) + hard + own)), n)
    return found


def retrained(rng: Generator, _: Floats, telling: tuple[int, ...]) -> Sums:
    """Draw a corpus, and train a discriminant a fold and competitor, each on features of its own."""
    n_speakers = int(rng.integers(SPEAKERS[0], SPEAKERS[1] + 1))
    speaker = np.repeat(np.arange(n_speakers), CLIPS)
    y = np.tile(np.repeat(np.arange(CLASSES), CLIPS // CLASSES), n_speakers)
    every, found = rng.normal(0, 0.6, (CLASSES, max(telling))), {}
    for name, columns in zip(NAMES, telling, strict=True):
        voice, manner = (rng.normal(0, 0.4, (n_speakers, k, columns)) for k in (1, CLASSES))
        X = (every[:, :columns] + voice + manner)[speaker, y] + rng.normal(size=(len(y), columns))
        found[name] = np.zeros((n_speakers, CLASSES, CLASSES))
        np.add.at(found[name], (speaker, y, left_out(X, y, speaker)), 1)
    return found


def left_out(X: Floats, y: NDArray[np.int64], speaker: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return what shrunken linear discriminants predict that never heard the speaker; all folds at once.

    A fold's sums are those of all speakers less those of the one left out.
    """
    n_speakers, n_columns = speaker.max() + 1, X.shape[1]
    counts, sums = np.zeros((n_speakers, CLASSES)), np.zeros((n_speakers, CLASSES, n_columns))
    np.add.at(counts, (speaker, y), 1)
    np.add.at(sums, (speaker, y), X)
    squares = np.stack([X[speaker == one].T @ X[speaker == one] for one in range(n_speakers)])
    counts, sums, squares = (whole.sum(axis=0) - whole for whole in (counts, sums, squares))
    means = sums / counts[..., None]
    within = squares - np.einsum("skd,ske,sk->sde", means, means, counts)
    within /= counts.sum(axis=1)[:, None, None]
    level = np.trace(within, axis1=1, axis2=2) / n_columns
    within = 0.9 * within + 0.1 * level[:, None, None] * np.eye(n_columns)
    weights = np.linalg.solve(within, means.transpose(0, 2, 1))
    biases = -0.5 * np.einsum("skd,sdk->sk", means, weights)
    scores = np.einsum("id,idk->ik", X, weights[speaker]) + biases[speaker]
    return np.asarray(scores.argmax(axis=1))


def with_interval(uar: Callable[[Sums], Floats], sums: Sums, bounds: tuple[float, float]) -> Interval:
    """Return a figure with the interval of the pipeline; every speaker has every class."""
    n = len(next(iter(sums.values())))
    pooled = {name: own.sum(axis=0) - np.concatenate([np.zeros_like(own[:1]), own]) for name, own in sums.items()}
    return of_replicates(uar(pooled), np.arange(n), bounds=bounds)


def in_corpus(sums: Sums) -> InCorpus:
    """Return what the competitors reached on a corpus."""
    figures, differences = {}, {}
    for name in NAMES:
        figures[name] = with_interval(lambda of, name=name: UAR.from_sums(of[name]), sums, (0.0, 1.0))
    for one, other in combinations(NAMES, 2):
        differences[one, other] = with_interval(
            lambda of, one=one, other=other: UAR.from_sums(of[one]) - UAR.from_sums(of[other]), sums, (-1.0, 1.0)
        )
    return InCorpus(figures, sums, differences)


def league(rng: Generator, corpus: Callable[[Generator, Floats], Sums], favour: float) -> dict[str, InCorpus]:
    """Draw a league's corpora."""
    n = int(rng.integers(CORPORA[0], CORPORA[1] + 1))
    favours = rng.normal(0, favour, (n, len(NAMES)))
    return {
        f"corpus {number}": in_corpus(corpus(rng, own)) for number, own in enumerate(favours - favours.mean(axis=0))
    }


def winners(found: Standing) -> list[str | None]:
    """Return the winner of each pair by the pipeline's verdict."""
    return [pair.winner for pair in found.pairs]


def demsar(corpora: Mapping[str, InCorpus], found: Standing, alpha: float = 0.05) -> list[str | None]:
    """Return the winner of each pair by Friedman's test and Wilcoxon's with Holm's correction."""
    pairs = [*combinations(NAMES, 2)]
    if found.friedman is None or found.friedman.p > alpha:
        return [None] * len(pairs)
    gaps = [[one.differences[pair].value for one in corpora.values()] for pair in pairs]
    corrected = holm([float(wilcoxon(gap).pvalue) if any(gap) else 1.0 for gap in gaps])
    ahead = [(pair[0] if np.mean(gap) > 0 else pair[1]) for pair, gap in zip(pairs, gaps, strict=True)]
    return [name if p <= alpha else None for name, p in zip(ahead, corrected, strict=True)]


def tried(
    corpus: Callable[[Generator, Floats], Sums], n_leagues: int, seed: int, *, planted: bool, favour: float = FAVOUR
) -> Floats:
    """Return for each league whether the order is found, and whether a verdict is wrong, by both procedures."""
    right = [one for one, _ in combinations(NAMES, 2)] if planted else [None] * 3
    rows = []
    for number in range(n_leagues):
        corpora = league(np.random.default_rng([seed, number]), corpus, favour)
        found = over_corpora(NAMES, corpora, seed=number)
        row = []
        for said in (winners(found), demsar(corpora, found)):
            wrong = [name is not None and name != best for name, best in zip(said, right, strict=True)]
            row += [said == right, any(wrong)]
        rows.append(row)
    return np.array(rows, dtype=np.float64)


def shown(hits: Floats) -> str:
    """Return a share with its Monte Carlo standard error, per cent."""
    share = float(hits.mean())
    return f"{100 * share:5.1f} ({100 * np.sqrt(share * (1 - share) / len(hits)):.1f})"


def main() -> None:
    """Simulate, and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--leagues", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--effects", type=float, nargs="+", default=(0.0, 0.05, 0.08, 0.1))
    parser.add_argument("--only", choices=("given", "retrained"), default=None)
    options = parser.parse_args()
    began = time.perf_counter()
    print(f"{options.leagues} leagues, seed {options.seed}; shares of leagues, % (Monte Carlo standard error)")
    print("\n" + LINE.format("", "effect", "order: this test", "wrong", "order: Demsar", "wrong"))
    cases: list[tuple[str, str, Callable[[Generator, Floats], Sums], bool, float]] = []
    if options.only != "retrained":
        cases += [("corpora alike", "0", functools.partial(given, effect=0.0), False, 0.0)]
        cases += [
            ("corpora favour some", f"{effect:g}", functools.partial(given, effect=effect), effect > 0, FAVOUR)
            for effect in options.effects
        ]
    if options.only != "given":
        cases += [("retrained", "none", functools.partial(retrained, telling=ALIKE), False, 0.0)]
        cases += [("retrained", "columns", functools.partial(retrained, telling=ORDERED), True, 0.0)]
    for name, effect, corpus, planted, favour in cases:
        hits = tried(corpus, options.leagues, options.seed, planted=planted, favour=favour)
        cells = [shown(column) if planted or number % 2 else "-" for number, column in enumerate(hits.T)]
        print(LINE.format(name, effect, *cells), flush=True)
    print(f"\n{time.perf_counter() - began:.0f} s")


if __name__ == "__main__":
    main()
