"""Exponents of streams: which weights a search tries, how they are written, and by what they are judged."""

from itertools import product

import numpy as np

from affex.classifiers.estimators.training import Labels

Exponents = tuple[float, ...]

#: Exponents that are searched.
AUTO = "auto"
#: In how many steps a search shares the weight out among two streams; among more, in as many as there are streams.
STEPS = 4
#: The most streams that a search weighs: there are 35 ways for four.
MOST_STREAMS = 4


def shares(n_streams: int) -> list[Exponents]:
    """Return the exponents that a search tries: equal ones first, then the others; their sum is `n_streams`."""
    steps = STEPS if n_streams == 2 else n_streams
    whole = [parts for parts in product(range(steps + 1), repeat=n_streams) if sum(parts) == steps]
    found = sorted(whole, key=lambda parts: (max(parts) - min(parts), parts))
    return [tuple(n_streams * part / steps for part in parts) for parts in found]


def spelled(exponents: Exponents) -> str:
    """Return exponents as they are typed, as in ``1.5/0.5``."""
    return "/".join(f"{one:g}" for one in exponents)


def mean_recall(true: Labels, said: Labels) -> float:
    """Return the mean recall of the classes that inner folds tested (UAR)."""
    return float(np.mean([np.mean(said[true == name] == name) for name in np.unique(true)]))
