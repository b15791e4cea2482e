"""Segments: from the rows of utterances to stretches of them, each of which is learned by itself."""

import numpy as np

from affex.pipeline.streams.stream import Numbers, offsets_of


def segments_of(offsets: Numbers, length: int, step: int) -> tuple[Numbers, Numbers, Numbers]:
    """Return the segments of the rows of each utterance.

    Rows that fill no segment are left out; with too few rows for one, the last row is repeated; without a row, the
    segment has none.

    Parameters
    ----------
    offsets : (n_utterances + 1,) int64
        Utterance ``i`` owns rows ``offsets[i]`` to ``offsets[i + 1]``.
    length, step
        How many rows a segment has, and how many lie from its beginning to the next one's.

    Returns
    -------
    rows : (n,) int64
        The numbers of the rows, segment after segment.
    offsets : (n_segments + 1,) int64
        Segment ``i`` has ``rows[offsets[i]]`` to ``rows[offsets[i + 1]]``.
    n_segments : (n_utterances,) int64
        How many segments each utterance has.
    """
    lengths = np.diff(offsets)
    n_segments = np.maximum(lengths - length, 0) // step + 1
    owner = np.repeat(np.arange(len(lengths)), n_segments)
    begins = step * (np.arange(len(owner)) - np.repeat(np.cumsum(n_segments) - n_segments, n_segments))
    places = np.minimum(begins[:, None] + np.arange(length), lengths[owner, None] - 1)
    rows = (offsets[owner, None] + places)[lengths[owner] > 0].ravel()
    return rows, offsets_of(np.where(lengths[owner] > 0, length, 0)), n_segments
