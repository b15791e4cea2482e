"""Moments: the arrow from the scores of rows over time to which moment of an utterance tells the class.

Utterances are cut into `PARTS` equal parts by the order of their rows. Each part decides by itself, by the class with
the highest mean score of its rows (or by their mean value): its figure says how much a model would know that heard
only this part, trained as it is on all. Which moment and which region of the face carry an emotion is the question of
Kim and Mower Provost 2016, doi:10.1145/2993148.2993151.
"""

import dataclasses

import numpy as np

from affex.pipeline.evaluation import metrics
from affex.pipeline.evaluation.figures import interval_of, part_of, recall_of
from affex.pipeline.evaluation.results import MomentFigures, PartFigures, Scores
from affex.pipeline.streams.moments import Moments

#: Parts of an utterance.
PARTS = 5


def of_moments(moments: Moments, scores: Scores, unit: str) -> MomentFigures:
    """Return the figures of the parts of the tested utterances.

    Parameters
    ----------
    moments
        Of each tested utterance, in the order of `scores`.
    unit
        What clusters are.
    """
    metric = next(iter(metrics.headlines(scores.classes)))
    return MomentFigures("", metric, tuple(_part(moments, scores, unit, metric, number) for number in range(PARTS)))


def _part(moments: Moments, scores: Scores, unit: str, metric: str, number: int) -> PartFigures:
    numbers, values = moments.of_part(number, PARTS)
    place = number / PARTS, (number + 1) / PARTS
    if not len(numbers):
        return PartFigures(*place, 0, None, {})
    own = part_of(scores, numbers)
    if scores.classes:
        decided = np.array(scores.classes)[values.argmax(axis=1)]
        own = dataclasses.replace(own, predicted=decided, values=values)
    else:
        own = dataclasses.replace(own, predicted=values[:, 0])
    recalls = {name: recall_of(own, name, unit) for name in scores.classes}
    return PartFigures(*place, len(numbers), interval_of(own, metric, unit), recalls)
