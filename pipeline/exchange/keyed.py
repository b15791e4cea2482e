"""Entries: the arrow from utterances to entries, in formats with one entry per utterance or per recording."""

from collections.abc import Iterator
from itertools import groupby

import numpy as np

from affex.pipeline.exchange.record import Export
from affex.pipeline.media.csd import Entry


def gathered(export: Export, of_utterances: Iterator[tuple[str, Entry]]) -> Iterator[tuple[str, Entry]]:
    """Yield name and entry: one per utterance, or for parts of recordings one per recording, in its time."""
    for name, group in groupby(of_utterances, key=lambda found: export.recordings.get(found[0], (found[0],))[0]):
        parts = [(entry, export.recordings.get(id_, (name, 0.0))[1]) for id_, entry in group]
        features = np.concatenate([entry.features for entry, _ in parts])
        intervals = np.concatenate([entry.intervals + begin for entry, begin in parts])
        order = np.argsort(intervals[:, 0], kind="stable") if len(parts) > 1 else slice(None)
        yield name, Entry(features[order], intervals[order])


def quoted(name: str) -> str:
    """Return the key or file name for a name: without slashes and opening brackets.

    Examples
    --------
    >>> quoted("dialog/e[1]"), unquoted(quoted("dialog/e[1]"))
    ('dialog%2Fe%5B1]', 'dialog/e[1]')
    """
    return name.replace("%", "%25").replace("/", "%2F").replace("[", "%5B")


def unquoted(key: str) -> str:
    """Return the name that a key stands for: the inverse of `quoted`."""
    return key.replace("%5B", "[").replace("%2F", "/").replace("%25", "%")
