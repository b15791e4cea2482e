"""Counts: the arrow from utterances to how many there are of each kind, and how classes meet speakers."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from affex.pipeline.manifest.utterance import Utterance

#: The fields by which utterances are counted beside the class, with their words.
FIELDS = {"speaker": "speaker", "sex": "sex", "session": "session", "split": "split", "part": "part"}
#: The dimensions of an utterance.
DIMENSIONS = ("valence", "arousal", "dominance")

#: Less information than this is rounding, nats.
ROUNDING = 1e-9


@dataclass(frozen=True)
class Count:
    """How many utterances have a name: a class, a speaker."""

    name: str
    n: int


@dataclass(frozen=True)
class Counts:
    """The utterances by a field.

    Parameters
    ----------
    by
        The field, in a word.
    counts
        How many utterances have each value, in the order of names.
    n_unknown
        How many have no value.
    """

    by: str
    counts: tuple[Count, ...]
    n_unknown: int


@dataclass(frozen=True)
class Crossed:
    """How many utterances each speaker has of each class.

    Parameters
    ----------
    classes, speakers
        The names of the columns and of the rows.
    counts : (n_speakers, n_classes)
        The numbers of utterances.
    determined
        How much of the class the speaker determines: the uncertainty coefficient ``I(class; speaker) / H(class)``
        (H. Theil, On the estimation of relationships involving qualitative variables, doi:10.1086/224909), adjusted
        for chance: what speakers at random would determine is subtracted above and below (N. X. Vinh, J. Epps,
        J. Bailey, Information theoretic measures for clusterings comparison, Journal of Machine Learning Research 11,
        2837-2854, 2010). 0 if speakers have the classes as if at random, 1 if each speaker has one class; NaN with
        fewer than two classes, or with as many speakers as utterances.
    """

    classes: tuple[str, ...]
    speakers: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]
    determined: float

    @property
    def of_one_class(self) -> tuple[str, ...]:
        """The speakers with utterances of a single class."""
        return tuple(name for name, row in zip(self.speakers, self.counts, strict=True) if sum(map(bool, row)) == 1)

    @property
    def lacking(self) -> dict[str, tuple[str, ...]]:
        """The classes that a speaker has no utterance of, by speaker; speakers with all classes are left out."""
        found = {
            name: tuple(label for label, n in zip(self.classes, row, strict=True) if not n)
            for name, row in zip(self.speakers, self.counts, strict=True)
        }
        return {name: labels for name, labels in found.items() if labels}

    @property
    def n_speakers_of(self) -> dict[str, int]:
        """How many speakers have each class."""
        columns = zip(self.classes, zip(*self.counts, strict=True), strict=True)
        return {label: sum(map(bool, column)) for label, column in columns}


@dataclass(frozen=True)
class Dimension:
    """The values of a dimension, in the corpus's own units."""

    name: str
    n: int
    least: float
    mean: float
    deviation: float
    most: float


def by_class(labels: Sequence[str | None]) -> Counts:
    """Return the utterances by class."""
    return _counts("class", labels)


def by_fields(utterances: Sequence[Utterance]) -> tuple[Counts, ...]:
    """Return the utterances by each field that any of them has."""
    every = (_counts(word, [getattr(u, name) for u in utterances]) for name, word in FIELDS.items())
    return tuple(counts for counts in every if counts.counts)


def _counts(by: str, values: Sequence[str | None]) -> Counts:
    found = Counter(value or "" for value in values)
    named = sorted((name, n) for name, n in found.items() if name)
    return Counts(by, tuple(Count(name, n) for name, n in named), found[""])


def crossed(labels: Sequence[str | None], speakers: Sequence[str]) -> Crossed:
    """Return how classes meet speakers, of the utterances that have both."""
    pairs = Counter((who, label) for who, label in zip(speakers, labels, strict=True) if who and label)
    classes = tuple(sorted({label for _, label in pairs}))
    names = tuple(sorted({who for who, _ in pairs}))
    table = tuple(tuple(pairs[who, label] for label in classes) for who in names)
    return Crossed(classes, names, table, _determined(np.array(table, dtype=np.int64)))


def _determined(table: NDArray[np.int64]) -> float:
    """Return the adjusted uncertainty coefficient of the columns given the rows."""
    from sklearn.metrics import mutual_info_score
    from sklearn.metrics.cluster import expected_mutual_information

    if table.ndim < 2 or table.shape[1] < 2:
        return math.nan
    shares = table.sum(axis=0) / table.sum()
    entropy = float(-(shares * np.log(shares)).sum())
    chance = float(expected_mutual_information(table, int(table.sum())))
    if entropy - chance < ROUNDING:
        return math.nan
    found = float(mutual_info_score(None, None, contingency=table))
    return float(np.clip((found - chance) / (entropy - chance), 0, 1))


def dimensions(utterances: Sequence[Utterance]) -> tuple[Dimension, ...]:
    """Return the spread of each dimension that any utterance has."""
    values = {name: [v for u in utterances if (v := getattr(u, name)) is not None] for name in DIMENSIONS}
    return tuple(
        Dimension(name, len(found), min(found), float(np.mean(found)), float(np.std(found)), max(found))
        for name, found in values.items()
        if found
    )
