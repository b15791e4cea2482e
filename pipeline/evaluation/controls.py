"""Controls: the arrow from a fold without a text to folds that lack equally many utterances, drawn at random.

A fold of ``loso+text`` trains on fewer utterances than one of ``loso``, which alone makes figures lower. A size-matched
control trains on what ``loso`` would train on, without as many utterances of each speaker and class as the text took
away, drawn at random. Its texts are on both sides. So the difference between the fold and its controls is what hearing
the text is worth. A control takes over the hyperparameters that its fold chose; nothing is searched.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from affex.pipeline.evaluation import intervals, metrics
from affex.pipeline.evaluation.figures import figure_of
from affex.pipeline.evaluation.folds import Fold
from affex.pipeline.evaluation.intervals import Interval
from affex.pipeline.evaluation.results import Scores, Targets
from affex.pipeline.streams.examples import Examples

Numbers = NDArray[np.int64]

#: The protocol that has controls.
SCHEME = "loso+text"
#: How many are drawn where LEAK=1 asks for them and no number is given.
DRAWS = 10


@dataclass(frozen=True)
class Control:
    """What models reach that heard the tested texts and were trained on equally many utterances.

    Parameters
    ----------
    metric
        The name of the main figure.
    figures
        The figure of each draw.
    mean
        The mean over the draws, with its interval over speakers.
    deviation
        The standard deviation over the draws; None with one.
    difference
        The run's own figure minus the mean, with its interval over speakers.
    n_removed
        How many utterances a fold leaves out of training because of their text, on average.
    """

    metric: str
    figures: tuple[float, ...]
    mean: Interval
    deviation: float | None
    difference: Interval
    n_removed: float


def drawn(examples: Examples, fold: Fold, n_draws: int, seed: tuple[int, int]) -> Iterator[Numbers]:
    """Yield the training utterances of each control of a fold; none if the fold's texts take nothing away.

    Parameters
    ----------
    examples
        Their groups are speakers.
    seed
        The seed of the evaluation, and the number of the fold.
    """
    out = removed(examples, fold)
    if not len(out):
        return
    whole = np.union1d(fold.train, out)
    cell = _cells(examples)
    for draw in range(n_draws):
        rng = np.random.default_rng((*seed, draw))
        taken = [
            rng.choice(whole[cell[whole] == own], int((cell[out] == own).sum()), replace=False)
            for own in np.unique(cell[out])
        ]
        yield np.setdiff1d(whole, np.concatenate(taken))


def removed(examples: Examples, fold: Fold) -> Numbers:
    """Return the utterances of other speakers than the tested ones on which a fold does not train."""
    speakers = examples.groups[: len(examples.y)]
    others = np.flatnonzero(~np.isin(speakers, speakers[fold.test]))
    return np.setdiff1d(others, fold.train)


def _cells(examples: Examples) -> Numbers:
    """Return the number of each utterance's speaker and class; of the speaker alone where values are predicted."""
    _, cell = np.unique(examples.groups[: len(examples.y)], return_inverse=True)
    if not examples.classes:
        return cell.astype(np.int64)
    names, label = np.unique(examples.y, return_inverse=True)
    return (cell * len(names) + label).astype(np.int64)


def control_of(scores: Scores, decided: NDArray[Any], unit: str, n_removed: float) -> Control:
    """Return the figures of controls.

    Parameters
    ----------
    scores
        Those of the run.
    decided : (n_draws, n_tested) str or float64
        What each control decided on the same utterances.
    """
    metric, known = next(iter(metrics.headlines(scores.classes).items()))
    own, drawn_ = figure_of(scores, metric), [figure_of(_as(scores, one), metric) for one in decided]
    reach, every = known.high - known.low, np.arange(len(scores))
    found = [one(every) for one in drawn_]

    def mean(part: Numbers) -> float:
        return float(np.mean([one(part) for one in drawn_]))

    return Control(
        metric=metric,
        figures=tuple(found),
        mean=intervals.jackknife(mean, scores.clusters, bounds=(known.low, known.high), unit=unit),
        deviation=float(np.std(found, ddof=1)) if len(found) > 1 else None,
        difference=intervals.jackknife(
            lambda part: own(part) - mean(part), scores.clusters, bounds=(-reach, reach), unit=unit
        ),
        n_removed=n_removed,
    )


def _as(scores: Scores, predicted: Targets) -> Scores:
    """Return scores with other decisions; the figures of controls are those of decisions, not of scores."""
    return replace(scores, predicted=predicted)
