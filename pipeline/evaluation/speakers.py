"""Speakers: the arrow from speakers and targets to warnings about speakers with only one class.

Normalisation by speaker removes what all rows of a speaker have in common. If all have one class, it also removes the
class: the figure then falls, even below chance. Without normalisation, class and speaker are confounded for such
speakers: a model may learn the speaker instead of the emotion, and the data cannot separate the two.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from affex.pipeline.evaluation.folds import Clusters
from affex.pipeline.streams.table import SpeakerNorm

#: How many speakers have how many of the classes.
Spread = Mapping[int, int]


@dataclass(frozen=True)
class ClassLost:
    """The loss of class information through normalisation by speaker.

    Parameters
    ----------
    n, of
        The number of speakers concerned, and of all speakers.
    what
        ``"class"`` or ``"value"``: the target, of which each of those speakers has only one.
    """

    n: int
    of: int
    what: str


def spread(clusters: Clusters, y: NDArray[Any]) -> Spread:
    """Return the number of speakers by their number of different targets, in descending order of speakers."""
    pairs = np.unique(np.stack([_numbers(clusters.of), _numbers(y)]), axis=1)
    _, n_targets = np.unique(pairs[0], return_counts=True)
    return dict(Counter(sorted(n_targets.tolist())).most_common())


def in_words(found: Spread, n_classes: int, unit: str) -> str:
    """Return how many speakers have how many classes, as in ``26 of 29 speakers have 1 of 4 classes, 3 have 4``."""
    n_all, ((first, n_first), *others) = sum(found.values()), found.items()
    if list(found) == [n_classes]:
        return f"all {n_all} {unit}s have all {n_classes} classes"
    rest = "".join(f", {n} {'has' if n == 1 else 'have'} {k}" for k, n in others)
    return f"{n_first} of {n_all} {unit}s {'has' if n_first == 1 else 'have'} {first} of {n_classes} classes{rest}"


def taken_away(found: Spread, norm: SpeakerNorm, y: NDArray[Any]) -> ClassLost | None:
    """Return for how many of all speakers normalisation removes the class or value; None if it removes nothing."""
    return ClassLost(found[1], sum(found.values()), _kind(y)) if norm and found.get(1) else None


def warnings(clusters: Clusters, y: NDArray[Any], norm: SpeakerNorm) -> tuple[str, ...]:
    """Return warnings about speakers with only one class, or only one value."""
    found, unit = spread(clusters, y), clusters.unit
    lost, target = taken_away(found, norm, y), _kind(y)
    if lost:
        return (
            f"{lost.n} of {lost.of} {unit}s have one {target} only: normalisation by speaker takes the {target} "
            f"away with the {unit}, so that figures fall, even below chance; see what they are without it",
        )
    n = _with_several(clusters, y) if target == "class" else 0
    if not n:
        return ()
    return (
        f"{n} of {sum(found.values())} {unit}s have several utterances, all of one class: there, who speaks and which "
        f"class it is are the same thing to a model, and it may have learned the former; with a {unit} on both sides "
        "of a fold (random-k) that alone is enough",
    )


def _kind(y: NDArray[Any]) -> str:
    return "value" if y.dtype.kind == "f" else "class"


def _with_several(clusters: Clusters, y: NDArray[Any]) -> int:
    """Return how many speakers have several utterances, all of one class."""
    own = {name: y[clusters.of == name] for name in np.unique(clusters.of)} if len(y) else {}
    return sum(len(targets) > 1 and len(np.unique(targets)) == 1 for targets in own.values())


def _numbers(names: NDArray[Any]) -> NDArray[np.int64]:
    numbers: NDArray[np.int64] = np.unique(names, return_inverse=True)[1]
    return numbers
