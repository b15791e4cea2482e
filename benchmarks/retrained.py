"""How often intervals hold what retrained models reach: simulated corpora, leave-one-speaker-out, UAR and CCC.

::

    python benchmarks/retrained.py                # 4000 corpora a cell, with seed 0
    python benchmarks/retrained.py --pairs 500    # also retrains without each pair of speakers, on 500 corpora a cell

Each simulated corpus has 4, 6, 10 or 24 speakers with equal or unequal numbers of utterances. Features move with the
class (or the value), with the speaker, and with the speaker's way with it. A model is trained for each speaker left
out, in closed form. The truth is the mean figure, on new speakers, of models trained on as many speakers as a fold's.

Four intervals stand side by side: the jackknife of given models (t with S - 1 degrees of freedom), Nadeau and Bengio's
variance in its place, affex's (`pipeline.evaluation.training_variation`), and with ``--pairs`` the geometric mean of
the jackknife's variance of given models and that of all models trained again without each speaker. Each coverage is
in per cent; behind it the median width against that of the first. ``*`` marks what is outside 93 to 97.

The worlds here are not those on which the interval's form was chosen: other classes, effects, models and seeds. The
first of each kind is as hard as real corpora are; the last is hard on purpose: few columns carry the target, and
speakers differ as much as classes do.
"""

import argparse
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from affex.pipeline.evaluation import training_variation

Floats = NDArray[np.float64]
Generator = np.random.Generator

SPEAKERS = (4, 6, 10, 24)
CLIPS = 50  # of a speaker, on average
UNEQUAL = 0.6  # standard deviation of the logarithm of a speaker's utterances
LEVEL = 0.95
BOUNDS = (93.0, 97.0)
NEW = 100  # new utterances a class on which each model is tested, each of a speaker of its own
AT_ONCE = 2000  # speakers

LINE = "{:26}{:>4}{:>9}{:>7}   " + "{:>13}" * 4


@dataclass(frozen=True)
class Corpora:
    """Simulated corpora under leave-one-speaker-out.

    Parameters
    ----------
    sums : (n_corpora, n_speakers, ...)
        Of each speaker, when left out: what figures are computed from.
    sizes : (n_corpora, n_speakers)
        Utterances of each speaker.
    elsewhere : (n_corpora,)
        The figure of one of the models on new speakers.
    without_pairs : (n_corpora, n_speakers, n_speakers - 1, ...)
        The sums of the other speakers, each left out of models that never heard the first; None if not asked for.
    """

    sums: Floats
    sizes: Floats
    elsewhere: Floats
    without_pairs: Floats | None


class World(Protocol):
    """A kind of corpus, with its figure."""

    @property
    def name(self) -> str:
        """What it is called in the table."""

    @property
    def bounds(self) -> tuple[float, float]:
        """The figure's range."""

    def figure(self, sums: Floats) -> Floats:
        """Return the figure of pooled sums."""

    def draw(self, rng: Generator, n: int, n_speakers: int, *, unequal: bool, pairs: bool) -> Corpora:
        """Return n corpora."""


@dataclass(frozen=True)
class Classes:
    """Classes: means that a speaker shifts, all together (`voice`) and each by itself (`manner`).

    The model is a shrunken linear discriminant, or the nearest class mean.
    """

    name: str
    n_classes: int
    n_columns: int
    effect: float
    voice: float
    manner: float
    shrinkage: float | None  # None: the nearest mean
    bounds: tuple[float, float] = (0.0, 1.0)

    def figure(self, sums: Floats) -> Floats:
        """Return the UAR from right answers and utterances of each class, ``(..., n_classes, 2)``."""
        found: Floats = (sums[..., 0] / sums[..., 1]).mean(axis=-1)
        return found

    def draw(self, rng: Generator, n: int, n_speakers: int, *, unequal: bool, pairs: bool) -> Corpora:
        """Return n corpora; each speaker has every class."""
        sizes = _sizes(rng, n, n_speakers, unequal=unequal, least=self.n_classes + 1)
        means = np.random.default_rng(1).normal(0, self.effect, (self.n_classes, self.n_columns))
        there = np.arange(sizes.max()) < sizes[..., None]
        y = self._drawn_classes(rng, there.shape)
        shifts = rng.normal(0, self.voice, (n, n_speakers, 1, self.n_columns))
        shifts = means + shifts + rng.normal(0, self.manner, (n, n_speakers, self.n_classes, self.n_columns))
        x = np.take_along_axis(shifts, y[..., None], axis=2) + rng.normal(size=(*y.shape, self.n_columns))
        is_class = ((y[..., None] == np.arange(self.n_classes)) & there[..., None]).astype(np.float64)
        own = (is_class.sum(axis=2), is_class.swapaxes(2, 3) @ x, (x * there[..., None]).swapaxes(2, 3) @ x)

        def left_out(kept: NDArray[np.int64]) -> tuple[Floats, Floats, Floats]:
            """Return each kept speaker's sums, each left out of a model of the other kept ones, and these models."""
            weights, offsets = self._fitted(*(_others(part[:, kept]) for part in own))
            answers = (x[:, kept] @ weights + offsets[:, :, None, :]).argmax(axis=-1)
            right = (is_class[:, kept] * (answers == y[:, kept])[..., None]).sum(axis=2)
            return np.stack([right, own[0][:, kept]], axis=-1), weights, offsets

        every = np.arange(n_speakers)
        sums, weights, offsets = left_out(every)
        elsewhere = self._elsewhere(rng, means, weights[:, 0], offsets[:, 0])
        again = [left_out(np.delete(every, one))[0] for one in every] if pairs else []
        return Corpora(sums, sizes, elsewhere, np.stack(again, axis=1) if pairs else None)

    def _drawn_classes(self, rng: Generator, shape: tuple[int, ...]) -> NDArray[np.int64]:
        shares = rng.dirichlet(np.full(self.n_classes, 5.0), shape[:2]).cumsum(axis=-1)
        y: NDArray[np.int64] = (rng.random((*shape, 1)) > shares[:, :, None, :-1]).sum(axis=-1)
        y[..., : self.n_classes] = np.arange(self.n_classes)
        return y

    def _fitted(self, counts: Floats, totals: Floats, scatter: Floats) -> tuple[Floats, Floats]:
        """Return weights ``(..., n_columns, n_classes)`` and offsets ``(..., n_classes)``; classes weigh alike."""
        means = totals / counts[..., None]
        weights = means.swapaxes(-1, -2)
        if self.shrinkage is not None:
            within = (scatter - means.swapaxes(-1, -2) @ totals) / counts.sum(axis=-1)[..., None, None]
            even = np.trace(within, axis1=-2, axis2=-1)[..., None, None] / self.n_columns * np.eye(self.n_columns)
            weights = np.linalg.solve((1 - self.shrinkage) * within + self.shrinkage * even, weights)
        return weights, -0.5 * np.einsum("...kd,...dk->...k", means, weights)

    def _elsewhere(self, rng: Generator, means: Floats, weights: Floats, offsets: Floats) -> Floats:
        """Return the UAR of each model on utterances of new speakers, one of each."""
        spread = np.sqrt(1 + self.voice**2 + self.manner**2)
        x = means[:, None] + spread * rng.normal(size=(len(weights), self.n_classes, NEW, self.n_columns))
        answers = (x.reshape(len(x), -1, self.n_columns) @ weights + offsets[:, None]).argmax(axis=-1)
        right = answers.reshape(len(x), self.n_classes, NEW) == np.arange(self.n_classes)[:, None]
        found: Floats = right.mean(axis=(1, 2))
        return found


@dataclass(frozen=True)
class Values:
    """Values: columns that follow them, each speaker with a level, a shift and a slope; the model is a ridge."""

    name: str
    n_columns: int
    effect: float
    voice: float
    manner: float
    level: float
    alpha: float
    bounds: tuple[float, float] = (-1.0, 1.0)

    def figure(self, sums: Floats) -> Floats:
        """Return the CCC from n and the sums of y, h, yy, hh, yh of true and predicted values, ``(..., 6)``."""
        y, h = sums[..., 1] / sums[..., 0], sums[..., 2] / sums[..., 0]
        squares = (sums[..., 3] + sums[..., 4]) / sums[..., 0] - y**2 - h**2
        return 2 * (sums[..., 5] / sums[..., 0] - y * h) / (squares + (y - h) ** 2)

    def draw(self, rng: Generator, n: int, n_speakers: int, *, unequal: bool, pairs: bool) -> Corpora:
        """Return n corpora."""
        sizes = _sizes(rng, n, n_speakers, unequal=unequal, least=3)
        slopes = np.random.default_rng(1).normal(0, self.effect, self.n_columns)
        there = (np.arange(sizes.max()) < sizes[..., None])[..., None]
        y = rng.normal(0, self.level, (n, n_speakers, 1)) + rng.normal(size=there.shape[:3])
        own = slopes + rng.normal(0, self.manner, (n, n_speakers, 1, self.n_columns))
        x = y[..., None] * own + rng.normal(0, self.voice, (n, n_speakers, 1, self.n_columns))
        x += rng.normal(size=x.shape)
        rows = np.concatenate([np.ones_like(y)[..., None], x, y[..., None]], axis=-1) * there
        moments = rows.swapaxes(2, 3) @ rows
        sums, weights = self._left_out(moments)
        every = range(n_speakers)
        again = [self._left_out(np.delete(moments, one, axis=1))[0] for one in every] if pairs else []
        elsewhere = self._elsewhere(slopes, weights[:, 0])
        return Corpora(sums, sizes, elsewhere, np.stack(again, axis=1) if pairs else None)

    def _left_out(self, moments: Floats) -> tuple[Floats, Floats]:
        """Return each speaker's sums under the ridge of the others, and these ridges."""
        penalty = self.alpha * np.diag([0.0] + [1.0] * self.n_columns)
        others = _others(moments)
        weights = np.linalg.solve(others[..., :-1, :-1] + penalty, others[..., :-1, -1:])[..., 0]
        inputs, output = moments[..., :-1, :-1], moments[..., :-1, -1]
        h, yh = (np.einsum("...i,...i->...", part, weights) for part in (inputs[..., 0, :], output))
        hh = np.einsum("...i,...ij,...j->...", weights, inputs, weights)
        columns = (moments[..., 0, 0], moments[..., 0, -1], h, moments[..., -1, -1], hh, yh)
        return np.stack(columns, axis=-1), weights

    def _elsewhere(self, slopes: Floats, weights: Floats) -> Floats:
        """Return the CCC of each ridge over all speakers there are, from the moments of their distribution."""
        variance = 1 + self.level**2
        covariance = variance * (np.outer(slopes, slopes) + self.manner**2 * np.eye(self.n_columns))
        covariance += (1 + self.voice**2) * np.eye(self.n_columns)
        steep, offset = weights[:, 1:], weights[:, 0]
        predicted = np.einsum("bi,ij,bj->b", steep, covariance, steep)
        return 2 * steep @ slopes * variance / (variance + predicted + offset**2)


WORLDS: tuple[World, ...] = (
    Classes("UAR, discriminant", 6, 12, effect=0.6, voice=0.6, manner=0.3, shrinkage=0.1),
    Values("CCC, ridge", 8, effect=0.4, voice=0.5, manner=0.15, level=0.4, alpha=1.0),
    Classes("UAR, nearest mean", 3, 8, effect=0.4, voice=0.3, manner=0.3, shrinkage=None),
    Values("CCC, strong ridge", 20, effect=0.25, voice=0.4, manner=0.15, level=0.3, alpha=30.0),
    Classes("UAR, hard", 2, 16, effect=0.3, voice=0.5, manner=0.5, shrinkage=0.1),
    Values("CCC, hard", 10, effect=0.3, voice=0.6, manner=0.25, level=0.6, alpha=1.0),
)


def _sizes(rng: Generator, n: int, n_speakers: int, *, unequal: bool, least: int) -> NDArray[np.int64]:
    """Return numbers of utterances, Poisson or log-normal, at most four times the mean."""
    spread = rng.normal(-(UNEQUAL**2) / 2, UNEQUAL, (n, n_speakers))
    drawn = CLIPS * np.exp(spread) if unequal else rng.poisson(CLIPS, (n, n_speakers))
    return np.clip(np.rint(drawn), least, 4 * CLIPS).astype(np.int64)


def _others(parts: Floats) -> Floats:
    """Return the sum of all other speakers, of each speaker, ``(n, n_speakers, ...)``."""
    found: Floats = parts.sum(axis=1, keepdims=True) - parts
    return found


def corpora(world: World, seed: int, n: int, n_speakers: int, *, unequal: bool, pairs: bool) -> Iterator[Corpora]:
    """Yield so many corpora, in blocks."""
    rng = np.random.default_rng([seed, n_speakers, unequal])
    block = max(20, AT_ONCE // n_speakers)
    for start in range(0, n, block):
        yield world.draw(rng, min(block, n - start), n_speakers, unequal=unequal, pairs=pairs)


@dataclass(frozen=True)
class Found:
    """The intervals of many corpora: by method the lower and upper ends, and the truth."""

    truth: float
    ends: dict[str, tuple[Floats, Floats]]

    def cells(self) -> Iterator[str]:
        """Yield the coverage of each method in per cent, and its median width against the first's."""
        first = next(iter(self.ends.values()))
        for low, high in self.ends.values():
            share = 100 * float(np.mean((low <= self.truth) & (self.truth <= high)))
            width = float(np.median(high - low) / np.median(first[1] - first[0]))
            yield f"{share:.1f}{' ' if BOUNDS[0] <= share <= BOUNDS[1] else '*'} {width:.2f}"


def found_in(world: World, blocks: Iterator[Corpora], n_speakers: int) -> Found:
    """Return the intervals of corpora."""
    every = list(blocks)
    sums, sizes, elsewhere = (
        np.concatenate([getattr(block, name) for block in every]) for name in ("sums", "sizes", "elsewhere")
    )
    values, without = world.figure(sums.sum(axis=1)), world.figure(_others(sums))
    effective = sizes.sum(axis=1) ** 2 / (sizes**2).sum(axis=1)
    errors, t = _errors(without), stdtrit(n_speakers - 1, (1 + LEVEL) / 2)

    def plain(reach: Floats) -> tuple[Floats, Floats]:
        return tuple(np.clip(values + end, *world.bounds) for end in (-reach, reach))  # type: ignore[return-value]

    ends = {
        "given models": plain(t * errors),
        "Nadeau-Bengio": plain(t * errors * np.sqrt(1 + n_speakers / (n_speakers - 1))),
        "affex": training_variation.ends(
            values,
            errors,
            effective=effective,
            n_clusters=n_speakers,
            n_folds=n_speakers,
            level=LEVEL,
            bounds=world.bounds,
            of_values=isinstance(world, Values),
        ),
    }
    if every[0].without_pairs is not None:
        again = _errors(np.concatenate([world.figure(block.without_pairs.sum(axis=2)) for block in every]))
        ends["pairs left out"] = plain(t * np.sqrt(errors * np.maximum(again, errors)))
    return Found(float(np.mean(elsewhere)), ends)


def _errors(without: Floats) -> Floats:
    """Return the jackknife's standard errors from the figures without each speaker, ``(n, n_speakers)``."""
    found: Floats = np.sqrt((without.shape[1] - 1) * without.var(axis=1))
    return found


def main() -> None:
    """Simulate, and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sets", type=int, default=4000)
    parser.add_argument("--pairs", type=int, default=0, help="corpora on which pairs of speakers are left out, too")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    n, pairs, began = options.pairs or options.sets, bool(options.pairs), time.perf_counter()
    noise = 100 * np.sqrt(0.95 * 0.05 / n)
    print(f"{n} corpora a cell, seed {options.seed}; coverage of 95 % intervals, % (Monte Carlo error {noise:.1f}),")
    print("and the median width against that of given models\n")
    methods = ("given models", "Nadeau-Bengio", "affex", *(["pairs"] if pairs else []))
    print(LINE.format("", "S", "sizes", "truth", *methods, *[""] * (4 - len(methods))).rstrip())
    for world in WORLDS:
        for n_speakers in SPEAKERS:
            for unequal in (False, True):
                found = found_in(
                    world, corpora(world, options.seed, n, n_speakers, unequal=unequal, pairs=pairs), n_speakers
                )
                cells = [*found.cells()]
                words = ("unequal" if unequal else "equal", f"{found.truth:.3f}", *cells, *[""] * (4 - len(cells)))
                print(LINE.format(world.name, n_speakers, *words).rstrip(), flush=True)
    print(f"\n{time.perf_counter() - began:.0f} s")


if __name__ == "__main__":
    main()
