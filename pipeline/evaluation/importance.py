"""Importance: the arrow from fitted models to the groups of columns that their decisions on unheard speakers need.

After a fold is scored, the columns of one group at a time are permuted, all in one way, among the fold's test
utterances, and the fitted model decides again. Nothing is fitted again, and nothing of the test utterances reaches a
training. What the pooled figure loses is the importance of the group. Columns that vary together stand in one group,
since each alone could be replaced by the others (`pipeline.specs.column_families`); groups may still replace each
other, so that a group without importance need not be without information. In a fold of one speaker, permuting keeps
what all utterances of the speaker have in common.

References
----------
L. Breiman, Random forests, doi:10.1023/A:1010933404324 (permutation importance).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from affex.pipeline.evaluation import metrics
from affex.pipeline.evaluation.folds import Fold
from affex.pipeline.evaluation.intervals import Interval
from affex.pipeline.streams.examples import Examples
from affex.pipeline.streams.stream import Stream

Numbers = NDArray[np.int64]
#: Decisions: places among the classes, or values.
Decisions = NDArray[Any]

#: How often each group is permuted.
REPEATS = 5
#: Most bytes of permuted rows at a time, unless one trial has more.
BYTES = 2**24


@dataclass(frozen=True)
class ColumnGroup:
    """What a group of columns is worth.

    Parameters
    ----------
    name, n_columns
        The group, and how many columns it has.
    after
        The pooled figure with the group permuted, the mean over the repeats; None if it is undefined.
    drop
        How much lower that is than the figure itself, with its interval over clusters.
    """

    name: str
    n_columns: int
    after: float | None
    drop: Interval


@dataclass(frozen=True)
class Importance:
    """The groups of columns that the models' decisions on unheard speakers need.

    Parameters
    ----------
    figure, before
        The name of the main figure (``"uar"``, ``"ccc"``), and its value.
    repeats
        How often each group was permuted.
    groups
        The groups, that with the largest drop first; empty if none was permuted.
    reason
        Why none was; empty otherwise.
    """

    figure: str = ""
    before: float | None = None
    repeats: int = 0
    groups: tuple[ColumnGroup, ...] = ()
    reason: str = ""


#: That of a fusion, which reads no columns.
OF_MEMBERS = Importance(reason="a fusion reads the members' scores, and no columns")


def permuted(
    decide: Callable[[Examples, Fold], Decisions],
    examples: Examples,
    fold: Fold,
    groups: Sequence[Numbers],
    seed: Sequence[int],
) -> Decisions:
    """Return a fitted model's decisions on a fold's test utterances with each group of columns permuted.

    Parameters
    ----------
    decide
        Returns the model's decisions on the test utterances of a fold, ``(n_tested,)``.
    examples
        The rows, one an utterance; they are not changed.
    groups
        The columns of each group.
    seed
        Seeds the permutations; those of one repeat are the same for all groups.

    Returns
    -------
    (n_groups, n_repeats, n_tested) int16, or float64
        The place of the class decided on, or the value.
    """
    rng, n = np.random.default_rng(seed), len(fold.test)
    stream = examples.streams[0].take(fold.test)
    trials = [(columns, order) for order in [rng.permutation(n) for _ in range(REPEATS)] for columns in groups]
    at_once = max(1, BYTES // max(1, stream.flat.nbytes))  # many models decide faster on many rows together
    found = [
        decided
        for begin in range(0, len(trials), at_once)
        for decided in _decided(decide, examples, fold, stream, trials[begin : begin + at_once])
    ]
    return np.stack(found).reshape(REPEATS, len(groups), n).swapaxes(0, 1)


def _decided(
    decide: Callable[[Examples, Fold], Decisions],
    examples: Examples,
    fold: Fold,
    stream: Stream,
    trials: Sequence[tuple[Numbers, Numbers]],
) -> Decisions:
    """Return the decisions on the test utterances in some trials, ``(n_trials, n_tested)``."""
    n, n_rows = len(fold.test), len(trials) * len(fold.test)
    rows = np.tile(stream.flat, (len(trials), 1))
    for number, (columns, order) in enumerate(trials):
        rows[number * n : (number + 1) * n, columns] = stream.flat[np.ix_(order, columns)]
    # Only the targets of the training utterances are there, since they may weigh scores; of these there are no rows.
    y = np.concatenate([np.tile(examples.y[fold.test], len(trials)), examples.y[fold.train]])
    alone = replace(stream, offsets=np.arange(n_rows + 1), rows=(rows, None))
    where = Fold(fold.name, np.arange(n_rows, n_rows + len(fold.train)), np.arange(n_rows))
    decided = decide(replace(examples, streams=(alone,), y=y), where)
    places = metrics.places(decided, examples.classes).astype(np.int16) if examples.classes else decided
    return places.reshape(len(trials), n)
