"""Telltales: the arrow from feature columns to those that alone determine the label or the speaker.

A code of the label among the features, or a row number of a table that was sorted by label, makes every figure
worthless, whatever the folds are. Measured values hardly ever repeat. So the check covers only columns with integer or
repeated values, and reports only columns that are improbable by chance.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

from affex.pipeline.streams.stream import Stream

Floats = NDArray[np.float32]

#: A finding with a larger probability by chance, over all columns checked, is not reported.
CHANCE = 1e-3

#: The number of utterances in the sample that shows whether a column's values repeat.
SAMPLE = 128


def ranges(stream: Stream) -> tuple[Floats, Floats]:
    """Return the least and the greatest value that each utterance has in each column, ``(n_utterances, n_columns)``."""
    if (stream.lengths == 1).all():
        return stream.flat, stream.flat
    least, greatest = (np.full((len(stream), len(stream.columns)), np.nan, np.float32) for _ in range(2))
    begins, some = stream.offsets[:-1], stream.lengths > 0
    least[some] = np.minimum.reduceat(stream.flat, begins[some], axis=0)
    greatest[some] = np.maximum.reduceat(stream.flat, begins[some], axis=0)
    return least, greatest


def telltales(least: Floats, greatest: Floats, names: NDArray[Any]) -> list[int]:
    """Return the numbers of the columns that determine a name.

    Parameters
    ----------
    least, greatest : (n_utterances, n_columns)
        See `ranges`; NaN where an utterance has no rows.
    names : (n_utterances,) str or float
        The label, the value or the speaker of each utterance.
    """
    return _columns(least, greatest, names, _in_order if np.issubdtype(names.dtype, np.number) else _in_blocks)


def marks(least: Floats, greatest: Floats, names: NDArray[Any]) -> list[int]:
    """Return the numbers of the columns that mark one name: one value for all that have it, another for the rest.

    A one-hot coded label has one such column per label; no single column determines the label. With only two names,
    the mark of one determines both (see `telltales`). Continuous targets have no marks.
    """
    if np.issubdtype(names.dtype, np.number) or len(np.unique(names)) < 3:
        return []
    return _columns(least, greatest, names, _as_mark)


Test = Callable[[Floats, Floats, NDArray[Any]], float]


def _columns(least: Floats, greatest: Floats, names: NDArray[Any], test: Test) -> list[int]:
    """Return the numbers of the columns with a probability by chance below `CHANCE`, over all columns checked."""
    found = {}
    for number in _candidates(least):
        known = np.isfinite(least[:, number])
        low, high = least[known, number], greatest[known, number]
        if len(low) and _is_code(low, high):
            found[number] = test(low, high, names[known])
    return [number for number, chance in found.items() if chance < np.log(CHANCE / len(found))]


def _candidates(least: Floats) -> list[int]:
    """Return the columns that may contain codes, judged by a sample; columns with missing values always may."""
    sample = np.sort(least[:: max(1, len(least) // SAMPLE)], axis=0)
    repeats = 2 * np.count_nonzero(np.diff(sample, axis=0), axis=0) < len(sample)
    whole = (sample == np.rint(sample)).all(axis=0)
    return [int(number) for number in np.flatnonzero(repeats | whole | np.isnan(least).any(axis=0))]


def _is_code(least: Floats, greatest: Floats) -> bool:
    """Return whether a column varies and contains integers or repeated values."""
    if least.min() == greatest.max():
        return False
    whole = all(bool((values == np.rint(values)).all()) for values in (least, greatest))
    return whole or (2 * len(np.unique(least)) <= len(least) and bool((least == greatest).all()))


def _in_blocks(least: Floats, greatest: Floats, names: NDArray[Any]) -> float:
    """Return the log probability that a column determines names by chance; 0 if it does not determine them."""
    _, which, counts = np.unique(names, return_inverse=True, return_counts=True)
    return min(_apart(least, greatest, which, counts), _pure(least, greatest, which, counts / len(names)))


def _apart(least: Floats, greatest: Floats, which: NDArray[np.int64], counts: NDArray[np.int64]) -> float:
    """Judge that the ranges of no two names overlap: one order of blocks among all orders."""
    low, high = np.full(len(counts), np.inf), np.full(len(counts), -np.inf)
    np.minimum.at(low, which, least)
    np.maximum.at(high, which, greatest)
    order = np.argsort(low)
    if not (high[order][:-1] < low[order][1:]).all():
        return 0.0
    return float(gammaln(len(counts) + 1) + gammaln(counts + 1).sum() - gammaln(len(which) + 1))


def _pure(least: Floats, greatest: Floats, which: NDArray[np.int64], shares: NDArray[np.float64]) -> float:
    """Judge that every value belongs to one name: all but the first with a value have the name of that one."""
    if (least != greatest).any():
        return 0.0
    pairs = {*zip(least.tolist(), which.tolist(), strict=True)}
    n_values = len({value for value, _ in pairs})
    if len(pairs) > n_values or 2 * n_values > len(which):
        return 0.0
    return float((len(which) - n_values) * np.log((shares**2).sum()))


def _as_mark(least: Floats, greatest: Floats, names: NDArray[Any]) -> float:
    """Judge that one of two values stands where one name does, and nowhere else: one choice of places among all."""
    if (least != greatest).any() or len(np.unique(least)) != 2:
        return 0.0
    for value in np.unique(least):
        those, n = names[least == value], len(names)
        if (those == those[0]).all() and len(those) == np.count_nonzero(names == those[0]):
            k = len(those)
            return float(gammaln(k + 1) + gammaln(n - k + 1) - gammaln(n + 1) + np.log(2 * len(np.unique(names))))
    return 0.0


def _in_order(least: Floats, greatest: Floats, values: NDArray[Any]) -> float:
    """Judge that a column has the order of the target values, or the opposite order."""
    if (least != greatest).any():
        return 0.0
    steps = np.diff(values[np.lexsort((values, least))])
    backwards = np.diff(values[np.lexsort((-values, least))])
    if (steps < 0).any() and (backwards > 0).any():
        return 0.0
    _, counts = np.unique(values, return_counts=True)
    return float(np.log(2) + gammaln(counts + 1).sum() - gammaln(len(values) + 1))


def sentences(names: list[str], says: str) -> Iterator[str]:
    """Yield the warnings for the columns that determine something alone, if there are any."""
    if names:
        shown = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
        subject = "columns {} of the features each say by themselves" if names[1:] else "column {} of the features says"
        yield (
            f"the {subject.format(shown)} {says}: unless that was measured, leave it out "
            "(`affex import ... --without NAME`)"
        )
