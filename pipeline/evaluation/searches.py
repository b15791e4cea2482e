"""Searches: the arrow from what each fold chose to warnings about choices at the edge of what was tried.

Where a choice stands at the edge, a better value may lie beyond it.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from affex.classifiers.base import Axis
from affex.pipeline.evaluation.training_limits import Chosen


def sentences(axes: Sequence[Axis], of: Sequence[Chosen]) -> Iterator[str]:
    """Yield a sentence for each value at the edge of an axis that some folds chose.

    Parameters
    ----------
    of
        The chosen hyperparameters and the limits of each fold; one whose settings were fixed has not searched.
    """
    searched = [params for params, limits in of if "search" not in limits]
    for axis in axes:
        edges = (dict.fromkeys(axis.edges(params[axis.name])) for params in searched if axis.name in params)
        counts = Counter(value for own in edges for value in own)
        for value, n in sorted(counts.items()):
            yield (
                f"the search stands at the edge of its grid in {n} of {len(of)} folds: {axis.name}={_shown(value)}, of "
                f"{_tried(axis)}; what lies beyond was not tried"
            )


def _tried(axis: Axis) -> str:
    if axis.is_range:
        return " to ".join(map(_shown, axis.values))
    return ", ".join(map(_shown, sorted(axis.values)))


def _shown(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
