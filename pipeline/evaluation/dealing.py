"""Dealing: the arrow from names and how many utterances each has to groups of about equally many utterances."""

from collections.abc import Mapping


def evenly(counts: Mapping[str, int], k: int) -> dict[str, int]:
    """Return the group, 0 to ``k - 1``, of each name.

    Names are taken in descending order of their number of utterances; each joins the group with the fewest. So no
    random numbers are used, and equal counts give equal groups on every machine.
    """
    size, group_of = [0] * k, {}
    for name in sorted(counts, key=lambda name: (-counts[name], name)):
        group_of[name] = size.index(min(size))
        size[group_of[name]] += counts[name]
    return group_of
