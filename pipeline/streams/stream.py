"""A stream: one feature's rows of a corpus, with their times; and one stream's rows at another one's times."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from affex.pipeline.caching.feature_rows import Contents, Times, Values
from affex.pipeline.text.errors import UsageError

Numbers = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Unread:
    """Rows of utterances that lie in a feature's file.

    Parameters
    ----------
    contents
        What the file holds.
    numbers : (n,) int64
        Which of the file's utterances, in the order of the rows.
    """

    contents: Contents
    numbers: Numbers


@dataclass(frozen=True, eq=False)
class Stream:
    """One feature's rows of some utterances; rows in the cache are read and verified at their first use.

    Parameters
    ----------
    feature
        The feature's spec; several specs, separated by blanks, if their columns are side by side.
    columns
        The columns' names.
    offsets : (n_utterances + 1,) int64
        Utterance ``i`` owns rows ``offsets[i]`` to ``offsets[i + 1]``; none where it lacks the feature.
    rows
        Values, (n_rows, n_columns) float32, and times; or their place in a file.
    framewise
        Whether an utterance has one row per frame, not one row.
    row_shape
        The shape of what a row holds, as in ``(height, width, channels)``; empty for plain columns.
    widths
        How many columns each feature has, if several are side by side; empty for one feature.
    """

    feature: str
    columns: tuple[str, ...]
    offsets: Numbers
    rows: tuple[Values, Times] | Unread
    framewise: bool = False
    row_shape: tuple[int, ...] = ()
    widths: tuple[int, ...] = ()

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @functools.cached_property
    def _held(self) -> tuple[Values, Times]:
        rows = self.rows
        return rows.contents.read(rows.numbers) if isinstance(rows, Unread) else rows

    @property
    def flat(self) -> Values:
        """The rows as plain columns, ``(n_rows, n_columns) float32``."""
        return self._held[0]

    @property
    def values(self) -> Values:
        """The rows, ``(n_rows, *row_shape) float32``; of plain columns ``(n_rows, n_columns)``."""
        return self.flat.reshape(-1, *self.row_shape) if self.row_shape else self.flat

    @property
    def times(self) -> Times:
        """The middle of each row's frame, ``(n_rows,) float64``, s; None where rows have no times."""
        return self._held[1]

    @property
    def lengths(self) -> Numbers:
        """How many rows each utterance has, ``(n_utterances,)``."""
        return np.diff(self.offsets)

    def read(self) -> "Stream":
        """Return the stream with its rows in memory."""
        return replace(self, rows=self._held)

    def take(self, chosen: Numbers | Sequence[int]) -> "Stream":
        """Return the stream of the chosen utterances, in the order given; rows that are not read yet stay so."""
        chosen = np.asarray(chosen, dtype=np.int64)
        if np.array_equal(chosen, np.arange(len(self))):
            return self
        offsets = offsets_of(self.lengths[chosen])
        if isinstance(self.rows, Unread) and "_held" not in vars(self):
            place = np.cumsum(self.lengths > 0) - 1
            numbers = self.rows.numbers[place[chosen[self.lengths[chosen] > 0]]]
            return replace(self, offsets=offsets, rows=replace(self.rows, numbers=numbers))
        own, (values, times) = rows_of(self.offsets, chosen), self._held
        return replace(self, offsets=offsets, rows=(values[own], None if times is None else times[own]))


def rows_of(offsets: Numbers, chosen: Numbers) -> Numbers:
    """Return the numbers of the rows that the chosen utterances own, utterance after utterance."""
    lengths = np.diff(offsets)[chosen]
    begins = np.cumsum(lengths) - lengths
    rows: Numbers = np.arange(lengths.sum()) + np.repeat(offsets[chosen] - begins, lengths)
    return rows


def offsets_of(lengths: Numbers) -> Numbers:
    """Return the offsets of utterances with so many rows, ``(n_utterances + 1,) int64``."""
    return np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)


def side_by_side(streams: Sequence[Stream]) -> Stream:
    """Return streams of one row per utterance as one, their columns side by side; NaN for a missing stream.

    A single stream of frames is returned as it is; several are combined if they have the same rows, as after `aligned`.

    Raises
    ------
    UsageError
        If streams of several rows an utterance have not the same rows.
    """
    first = streams[0]
    if len(streams) == 1 and (first.framewise or (first.lengths == 1).all()):
        return replace(first, row_shape=())
    require_alike(streams)
    offsets = first.offsets if first.framewise else np.arange(len(first) + 1)
    values = np.full((offsets[-1], sum(len(stream.columns) for stream in streams)), np.nan, np.float32)
    at = 0
    for stream in streams:
        own = slice(None) if stream.framewise else np.flatnonzero(stream.lengths)
        values[own, at : at + len(stream.columns)] = stream.flat
        at += len(stream.columns)
    names = first.columns if len(streams) == 1 else tuple(f"{s.feature}.{name}" for s in streams for name in s.columns)
    feature = " ".join(stream.feature for stream in streams)
    rows, widths = (values, first.times if first.framewise else None), tuple(len(stream.columns) for stream in streams)
    return Stream(feature, names, offsets, rows, first.framewise, widths=widths if len(streams) > 1 else first.widths)


def require_alike(streams: Sequence[Stream]) -> None:
    """Raise an error if frames would be combined with other rows.

    Raises
    ------
    UsageError
        The message names the features of frames.
    """
    framewise = [stream.feature for stream in streams if stream.framewise]
    alike = len(framewise) == len(streams) and all(np.array_equal(s.offsets, streams[0].offsets) for s in streams)
    if framewise and not alike:
        raise UsageError(alone(framewise))


def alone(framewise: Sequence[str]) -> str:
    """Return why frames cannot be combined with other rows, and the remedies."""
    return (
        f"The frames of {' and '.join(framewise)} cannot stand side by side with other rows: name one feature, pool "
        f"frames (as in {framewise[0]}:pool=mean+std), or fuse scores (FUSION=late)."
    )


def aligned(stream: Stream, to: Stream, how: Literal["nearest", "linear"] = "nearest") -> Stream:
    """Return a stream's rows at the times of another stream of the same utterances.

    Parameters
    ----------
    stream
        The stream to align. If an utterance has one row without a time, every time gets that row; if it has no row,
        NaN.
    to
        Its times are taken.
    how
        ``"nearest"``: the row whose time is nearest, the earlier of two. ``"linear"``: between the rows before and
        after, in proportion to the times. Before the first row and after the last one, these are repeated.

    Raises
    ------
    UsageError
        If `to` has no times.
    """
    if to.times is None:
        raise UsageError(
            f"{to.feature} has no times that {stream.feature} could be aligned to: name a feature of frames."
        )
    values = np.full((to.offsets[-1], len(stream.columns)), np.nan, np.float32)
    for utterance in range(len(to)):
        own = slice(stream.offsets[utterance], stream.offsets[utterance + 1])
        wanted = slice(to.offsets[utterance], to.offsets[utterance + 1])
        if own.stop > own.start:
            times = np.zeros(1) if stream.times is None else stream.times[own]
            values[wanted] = _at(stream.flat[own], times, to.times[wanted], how)
    return replace(stream, offsets=to.offsets, rows=(values, to.times), framewise=True)


def _at(rows: Values, times: NDArray[np.float64], wanted: NDArray[np.float64], how: str) -> Values:
    """Return the rows of one utterance at the times that are wanted."""
    after = np.clip(np.searchsorted(times, wanted), 0, len(times) - 1)
    before = np.maximum(after - 1, 0)
    gap = times[after] - times[before]
    share = np.clip(np.divide(wanted - times[before], gap, out=np.ones_like(gap), where=gap > 0), 0, 1)
    if how == "nearest":
        return rows[np.where(share > 0.5, after, before)]
    found: Values = (rows[before] + share[:, None] * (rows[after] - rows[before].astype(np.float64))).astype(np.float32)
    return found
