"""Effects: the arrow from rows to the columns that a class shifts most, from speaker to speaker.

The unit is the speaker, since utterances of one speaker resemble each other. A speaker's difference in a column is the
mean of the class minus the mean of the speaker's other classes (each class counts the same). The effect size is the
mean difference over speakers by its standard deviation, Cohen's d_z, corrected for its bias at few speakers (Hedges):
how reliably the class shifts the column, not how far. How far stands beside it, in standard deviations of the column
over all utterances. The test is the paired t test over speakers. The p-values of all columns and classes together are
corrected for the rate of false discoveries.

References
----------
D. Lakens, Calculating and reporting effect sizes to facilitate cumulative science, doi:10.3389/fpsyg.2013.00863 (d_z).
L. V. Hedges, Distribution theory for Glass's estimator of effect size, doi:10.3102/10769986006002107 (the correction).
Y. Benjamini, Y. Hochberg, Controlling the false discovery rate, doi:10.1111/j.2517-6161.1995.tb02031.x.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from affex.pipeline.statistics.standard import standardised, varying

Floats = NDArray[np.float64]
Names = NDArray[np.str_]

#: With fewer speakers that have a class and another one, the class has no effect sizes.
LEAST_SPEAKERS = 3
#: The rate of false discoveries among the columns called significant.
ALPHA = 0.05
#: The level of intervals.
LEVEL = 0.95
#: How many columns of each class are kept.
SHOWN = 8
#: A standard deviation over speakers below this is rounding, in standard deviations of the column.
ROUNDING = 1e-9


@dataclass(frozen=True)
class Effect:
    """How a class shifts a column.

    Parameters
    ----------
    column
        The column's name.
    size
        Hedges' correction of d_z over speakers; positive where the class has larger values.
    shift, low, high
        The mean difference over speakers, in standard deviations of the column over all utterances, and the ends of its
        95 % interval (of t, over speakers).
    p, corrected
        The two-sided p-value, and the same corrected for all columns and classes.
    """

    column: str
    size: float
    shift: float
    low: float
    high: float
    p: float
    corrected: float


@dataclass(frozen=True)
class ClassEffects:
    """The columns that a class shifts most.

    Parameters
    ----------
    label
        The class.
    n_speakers
        The speakers with this class and another one.
    n_significant
        The number of columns with a corrected p-value below `ALPHA`.
    largest
        The largest effects, at most `SHOWN`, the largest first; empty with fewer than `LEAST_SPEAKERS`.
    """

    label: str
    n_speakers: int
    n_significant: int
    largest: tuple[Effect, ...]


@dataclass(frozen=True)
class Effects:
    """The effects of all classes, and how many columns and tests there were."""

    n_columns: int
    n_tests: int
    classes: tuple[ClassEffects, ...]


@dataclass(frozen=True, eq=False)
class _Tested:
    """The differences of a class, of all columns: size, shift, half of its interval, p; each ``(n_columns,)``."""

    n_speakers: int
    size: Floats
    shift: Floats
    reach: Floats
    p: Floats


def effects(X: NDArray[np.float32], columns: Sequence[str], speakers: Sequence[str], labels: Sequence[str]) -> Effects:
    """Return the largest effects of each class.

    Parameters
    ----------
    X : (n_utterances, n_columns) float32
        One row an utterance, finite.
    columns
        The names of the columns.
    speakers, labels
        The speaker and the class of each utterance.
    """
    if not len(X):
        return Effects(0, 0, ())
    names = [name for name, varies in zip(columns, varying(X), strict=True) if varies]
    who, classes = np.asarray(speakers), np.unique(np.asarray(labels))
    differences = _differences(standardised(X), who, np.asarray(labels), classes)
    tested = [_tested(found) for found in differences]
    corrected = false_discovery(np.concatenate([one.p for one in tested])) if tested else np.empty(0)
    parts = np.split(corrected, len(tested)) if tested else []
    found = tuple(
        _of_class(str(label), names, one, part) for label, one, part in zip(classes, tested, parts, strict=True)
    )
    return Effects(len(names), int(np.isfinite(corrected).sum()), found)


def _differences(
    Z: Floats, speakers: NDArray[np.str_], labels: NDArray[np.str_], classes: NDArray[np.str_]
) -> list[Floats]:
    """Return for each class the difference of each speaker who has it and another one, ``(n_speakers, n_columns)``."""
    found: list[list[Floats]] = [[] for _ in classes]
    for speaker in np.unique(speakers):
        own = speakers == speaker
        means = {label: Z[own & (labels == label)].mean(axis=0) for label in np.unique(labels[own])}
        whole = sum(means.values())
        for number, label in enumerate(classes):
            if label in means and len(means) > 1:
                found[number].append(means[label] - (whole - means[label]) / (len(means) - 1))
    return [np.array(rows).reshape(len(rows), Z.shape[1]) for rows in found]


def _tested(differences: Floats) -> _Tested:
    """Return size, shift and p-value of the differences of a class; NaN with too few speakers or without spread."""
    from scipy.stats import t as student

    n, n_columns = differences.shape
    if n < LEAST_SPEAKERS:
        nothing = np.full(n_columns, np.nan)
        return _Tested(n, nothing, nothing, nothing, nothing)
    mean, spread = differences.mean(axis=0), differences.std(axis=0, ddof=1)
    ratio = np.divide(mean, spread, out=np.full(n_columns, np.nan), where=spread > ROUNDING)
    p: Floats = 2 * student.sf(np.abs(ratio) * math.sqrt(n), n - 1)
    reach: Floats = student.ppf((1 + LEVEL) / 2, n - 1) * spread / math.sqrt(n)
    return _Tested(n, ratio * correction(n - 1), mean, reach, p)


def correction(freedom: int) -> float:
    """Return Hedges' factor for some degrees of freedom, by the gamma function."""
    return math.exp(math.lgamma(freedom / 2) - math.lgamma((freedom - 1) / 2)) / math.sqrt(freedom / 2)


def false_discovery(p: Floats) -> Floats:
    """Return p-values corrected as Benjamini and Hochberg do; NaN stays, and does not count."""
    corrected = np.full(len(p), np.nan)
    known = np.flatnonzero(np.isfinite(p))
    falling = known[np.argsort(-p[known], kind="stable")]
    scaled = p[falling] * len(known) / np.arange(len(known), 0, -1)
    corrected[falling] = np.minimum(np.minimum.accumulate(scaled), 1)
    return corrected


def _of_class(label: str, names: Sequence[str], tested: _Tested, corrected: Floats) -> ClassEffects:
    known = np.flatnonzero(np.isfinite(corrected))
    ends = (tested.shift - tested.reach, tested.shift + tested.reach)
    largest = known[np.argsort(-np.abs(tested.size[known]), kind="stable")][:SHOWN]
    return ClassEffects(
        label=label,
        n_speakers=tested.n_speakers,
        n_significant=int((corrected[known] < ALPHA).sum()),
        largest=tuple(
            Effect(names[i], *(float(values[i]) for values in (tested.size, tested.shift, *ends, tested.p, corrected)))
            for i in largest
        ),
    )
