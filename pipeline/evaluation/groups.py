"""Groups: the arrow from what is known of the utterances (sex, part, session, ...) to figures of each group.

A group is all tested utterances with one value of an attribute. Its figure is pooled over them, with an interval over
the speakers in the group. A group may lack classes, so that its UAR is over fewer classes than that of another group.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from affex.pipeline.evaluation import metrics
from affex.pipeline.evaluation.figures import interval_of, overall, part_of
from affex.pipeline.evaluation.intervals import Interval
from affex.pipeline.evaluation.results import Scores
from affex.pipeline.manifest.utterance import Utterance

#: The fields of an utterance that make groups.
FIELDS = ("sex", "part", "session", "split", "corpus")
#: An attribute makes groups if it has so many values: with one there is nothing to compare, and many are no groups.
LEAST, MOST = 2, 20

#: By attribute, the value of each utterance, ``(n_utterances,) str``; empty where it is not known.
Attributes = Mapping[str, NDArray[np.str_]]


@dataclass(frozen=True)
class GroupFigures:
    """The figures of the utterances with one value of an attribute.

    Parameters
    ----------
    attribute, name
        The attribute, such as ``"sex"``, and its value.
    n, n_clusters, n_classes
        How many utterances were tested, of how many speakers (or what `About.unit` is), and how many classes they have;
        UAR is over these. 0 where values are predicted.
    interval
        The main figure (UAR or CCC) with its interval over the group's speakers.
    war
        The share of utterances that were recognised; None where values are predicted.
    """

    attribute: str
    name: str
    n: int
    n_clusters: int
    n_classes: int
    interval: Interval
    war: float | None


def attributes_of(utterances: Sequence[Utterance], target: str = "label") -> dict[str, NDArray[np.str_]]:
    """Return what is known of utterances and makes groups, by attribute, ``(n_utterances,) str``.

    Parameters
    ----------
    target
        What is predicted: it makes no groups.
    """
    known: dict[str, Callable[[Utterance], str | None]] = {name: _field(name) for name in FIELDS}
    aspects = dict.fromkeys(name for utterance in utterances for name, _ in utterance.aspects)
    known |= {name: _aspect(name) for name in aspects if name not in known}
    columns = {
        name: np.array([value(utterance) or "" for utterance in utterances], dtype=np.str_)
        for name, value in known.items()
        if name != target
    }
    return {name: column for name, column in columns.items() if LEAST <= len(_names(column)) <= MOST}


def of_groups(scores: Scores, attributes: Attributes, unit: str) -> tuple[GroupFigures, ...]:
    """Return the figures of each group of the tested utterances.

    Parameters
    ----------
    attributes
        By attribute, the value of each tested utterance, ``(n_tested,) str``.
    unit
        The kind of cluster.
    """
    return tuple(_figures(scores, attributes, unit))


def _figures(scores: Scores, attributes: Attributes, unit: str) -> Iterator[GroupFigures]:
    main = next(iter(metrics.headlines(scores.classes)))
    for attribute, column in attributes.items():
        names = _names(column)
        for name in names if LEAST <= len(names) <= MOST else ():
            own = part_of(scores, column == name)
            yield GroupFigures(
                attribute=attribute,
                name=name,
                n=len(own),
                n_clusters=len(np.unique(own.clusters)),
                n_classes=len(np.unique(own.true)) if scores.classes else 0,
                interval=interval_of(own, main, unit),
                war=overall(own, "war") if scores.classes else None,
            )


def _names(column: NDArray[np.str_]) -> list[str]:
    return [name for name in np.unique(column).tolist() if name]


def _field(name: str) -> Callable[[Utterance], str | None]:
    return lambda utterance: getattr(utterance, name)


def _aspect(name: str) -> Callable[[Utterance], str | None]:
    return lambda utterance: dict(utterance.aspects).get(name)
