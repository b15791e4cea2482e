"""How often intervals of 95 % hold the truth: simulated sets of scores with speaker effects, 4 to 24 speakers.

::

    python benchmarks/intervals.py

The scores are given: speakers differ in how many utterances of each class they have and in how well each class of
theirs is recognised (or in how a predicted value answers to the true one). The truth is the pooled figure of 400 000
speakers. Beside the jackknife of `pipeline.evaluation.intervals` stand percentile bootstraps over speakers and over
utterances. Sets in which a class is one speaker's alone have no interval; they are left out, and counted under "none".

These are intervals for given models. ``benchmarks/retrained.py`` asks the same of models that are really retrained.

Each coverage is followed by its Monte Carlo standard error. Both in per cent.
"""

import argparse
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

from affex.pipeline.evaluation import metrics
from affex.pipeline.evaluation.intervals import Interval, jackknife

Floats = NDArray[np.float64]
Generator = np.random.Generator

SPEAKERS = (4, 6, 10, 24)
POPULATION = 400_000
BLOCK = 10_000  # of the population is drawn at once
CLIPS = 50  # of a speaker, on average
RESAMPLES = 1_000

LINE = "{:15}{:>3}{:>7}{:>13}{:>21}{:>13}{:>6}"

UAR, CCC = metrics.CLASS_METRICS["uar"], metrics.VALUE_METRICS["ccc"]


@dataclass(frozen=True)
class Scored:
    """A set of scores: sums over each speaker's utterances, ``(n_speakers, ...)``, and how to draw utterances again."""

    sums: Floats
    clips_again: Callable[[Generator, int], Floats]


@dataclass(frozen=True)
class Classes:
    """Scores of classes; recalls are logit-normal over speakers, class counts are Dirichlet-multinomial.

    Parameters
    ----------
    counts
        How often the classes occur, in proportion.
    recalls
        The recall of each class by the median speaker.
    """

    name: str
    counts: tuple[float, ...]
    recalls: tuple[float, ...]
    spread: float = 0.6  # of a speaker's logits together, and as much again of each class's
    evenness: float = 20.0  # of the Dirichlet: speakers have a class about half as often to half again as often

    metric = UAR

    def draw(self, rng: Generator, n_speakers: int) -> Scored:
        """Draw speakers and their utterances."""
        n_classes = len(self.counts)
        shares = rng.dirichlet(self.evenness * np.array(self.counts) / sum(self.counts), n_speakers)
        n = rng.multinomial(rng.poisson(CLIPS, n_speakers), shares)
        speaker = rng.normal(0, self.spread, (n_speakers, 1)) + rng.normal(0, self.spread, (n_speakers, n_classes))
        right = rng.binomial(n, expit(logit(self.recalls) + speaker))
        sums = np.zeros((n_speakers, n_classes, n_classes))
        own = np.arange(n_classes)
        sums[:, own, own] = right
        sums[:, own, (own + 1) % n_classes] = n - right  # where to does not matter to UAR
        return Scored(sums, lambda rng, n_sets: _cells_again(rng, sums.sum(axis=0), n_sets))


@dataclass(frozen=True)
class Values:
    """Scores of a continuous target: each speaker has a mean, and predictions with a slope, a bias and a noise."""

    name: str
    metric = CCC

    def draw(self, rng: Generator, n_speakers: int) -> Scored:
        """Draw speakers and their utterances."""
        n = 1 + rng.poisson(CLIPS - 1, n_speakers)
        speaker = np.repeat(np.arange(n_speakers), n)
        x = rng.normal(0, 0.5, n_speakers)[speaker] + rng.normal(size=len(speaker))
        slope, bias = rng.normal(0.5, 0.15, n_speakers), rng.normal(0, 0.3, n_speakers)
        noise = 0.6 * np.exp(rng.normal(0, 0.2, n_speakers))
        y = bias[speaker] + slope[speaker] * x + noise[speaker] * rng.normal(size=len(speaker))
        starts = np.concatenate([[0], np.cumsum(n)[:-1]])
        sums = np.add.reduceat(metrics.moments(x, y), starts, axis=0)
        return Scored(sums, lambda rng, n_sets: _clips_again(rng, x, y, n_sets))


#: Seven classes as frequent as EMO-DB's, well recognised; four as IEMOCAP's, less well; a dimension.
MODELS = (
    Classes("UAR, 7 classes", (127, 81, 46, 69, 71, 62, 79), (0.9, 0.85, 0.75, 0.8, 0.65, 0.9, 0.8)),
    Classes("UAR, 4 classes", (1103, 1636, 1708, 1084), (0.65, 0.5, 0.55, 0.7)),
    Values("CCC"),
)


def _cells_again(rng: Generator, confusion: Floats, n_sets: int) -> Floats:
    """Draw a confusion matrix's utterances again, with replacement."""
    drawn = rng.multinomial(int(confusion.sum()), confusion.ravel() / confusion.sum(), n_sets)
    return drawn.reshape(n_sets, *confusion.shape)


def _clips_again(rng: Generator, x: Floats, y: Floats, n_sets: int) -> Floats:
    """Draw pairs again, with replacement, and return their sums; those that CCC does not need are 0."""
    drawn = rng.integers(0, len(x), (n_sets, len(x)))
    x, y = x[drawn], y[drawn]
    nothing = np.zeros_like(x)
    columns = (np.ones_like(x), x, y, x * x, y * y, x * y, nothing, nothing)
    return np.column_stack([column.sum(axis=1) for column in columns])


def truth(model: Classes | Values, seed: int) -> float:
    """Return the pooled figure of the population, the mean over its blocks."""
    rng = np.random.default_rng([seed, 0])
    blocks = [model.draw(rng, BLOCK).sums.sum(axis=0) for _ in range(POPULATION // BLOCK)]
    return float(np.mean(model.metric.from_sums(np.array(blocks))))


def of_sums(metric: metrics.Metric, sums: Floats) -> Interval:
    """Return the pipeline's interval, from each speaker's sums; without one of the classes UAR is undefined."""

    def figure(speakers: NDArray[np.int64]) -> float:
        pooled = sums[speakers].sum(axis=0)
        lacking = metric.each_class and (pooled.sum(axis=-1) == 0).any()
        return float("nan") if lacking else float(metric.from_sums(pooled))

    return jackknife(figure, np.arange(len(sums)), bounds=(metric.low, metric.high))


def over_speakers(rng: Generator, scored: Scored) -> Floats:
    """Draw speakers again, with replacement, and return the sums of each draw."""
    n = len(scored.sums)
    return np.tensordot(rng.multinomial(n, np.full(n, 1 / n), RESAMPLES), scored.sums, axes=1)


def given_scores(
    model: Classes | Values, n_speakers: int, n_sets: int, seed: int, true: float
) -> dict[str, list[bool]]:
    """Tell of each set of scores which intervals hold the truth; sets without an interval are left out."""
    rng = np.random.default_rng([seed, 1, n_speakers])
    held: dict[str, list[bool]] = {"jackknife": [], "speakers": [], "clips": []}
    for _ in range(n_sets):
        scored = model.draw(rng, n_speakers)
        found = of_sums(model.metric, scored.sums)
        if found.low is None or found.high is None:
            continue
        held["jackknife"].append(found.low <= true <= found.high)
        for name, again in (("speakers", over_speakers(rng, scored)), ("clips", scored.clips_again(rng, RESAMPLES))):
            low, high = np.quantile(model.metric.from_sums(again), [0.025, 0.975])
            held[name].append(bool(low <= true <= high))
    return held


def shown(held: dict[str, list[bool]]) -> Iterator[str]:
    """Yield each coverage with its Monte Carlo standard error, per cent."""
    for hits in held.values():
        share = float(np.mean(hits))
        yield f"{100 * share:5.1f} ({100 * np.sqrt(share * (1 - share) / len(hits)):.1f})"


def main() -> None:
    """Simulate, and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sets", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    began = time.perf_counter()
    print(f"{options.sets} sets, seed {options.seed}; coverage of 95 % intervals, % (Monte Carlo standard error)")
    print("\n" + LINE.format("scores given", "S", "truth", "jackknife", "bootstrap: speakers", "clips", "none"))
    for model in MODELS:
        true = truth(model, options.seed)
        for n_speakers in SPEAKERS:
            held = given_scores(model, n_speakers, options.sets, options.seed, true)
            none = options.sets - len(held["jackknife"])
            print(LINE.format(model.name, n_speakers, f"{true:.3f}", *shown(held), none), flush=True)
    print(f"\n{time.perf_counter() - began:.0f} s")


if __name__ == "__main__":
    main()
