"""Records: what an export says of a corpus, and what a foreign file says of its keys.

Conventions: intervals and times are in seconds. Those of an export count from the utterance's beginning; a foreign
file's count from the utterance's or from its recording's, as its `Source` says. Values are float32.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from affex.pipeline.manifest.utterance import Utterance
from affex.pipeline.text.errors import AffexError

Floats = NDArray[np.float64]

#: What tables of rows call what is not a feature; a feature's column of such a name has `OWN` before it there.
RESERVED = ("id", "utterance", "file", "start", "end", "frame", "time", "timestamp", "frametime")
OWN = "feature."


@dataclass(frozen=True)
class ExportedUtterance:
    """The rows of one utterance on their way out.

    Parameters
    ----------
    values : (n_rows, n_columns) float32
    intervals : (n_rows, 2) float64, s
        From when to when each row holds, from the utterance's beginning; NaN for an end that nobody knows.
    times : (n_rows,) float64, s, or None
        The middle of each frame, just as it is cached; None where the one row stands for the whole utterance.
    """

    utterance: Utterance
    values: NDArray[np.float32]
    intervals: Floats
    times: Floats | None


@dataclass(frozen=True)
class Export:
    """What an export says.

    Parameters
    ----------
    corpus
        The corpus's name.
    feature
        The feature as it was asked for.
    media
        The kind of media that its numbers come from.
    columns
        Its columns' names.
    framewise
        Whether an utterance has one row a frame.
    n_clips, n_rows
        How many utterances have rows, and how many they have together.
    utterances
        The utterances of the corpus.
    failures
        Why the other utterances have no rows, by id.
    provenance
        How the rows were made: spec, key and versions, as in the cache file.
    utterances
        Yields the utterances in the order of the utterances, each read and verified as it is asked for.
    recordings
        The recording that each utterance is a part of, and where it begins there, s, by id, where rows are to stand
        under recordings; those of one then follow each other. Empty where each utterance stands for itself.
    span
        Returns from when to when an utterance lies in its file, s; NaN for an end that nobody knows.
    """

    corpus: str
    feature: str
    media: str
    columns: tuple[str, ...]
    framewise: bool
    n_utterances: int
    n_rows: int
    utterances: Sequence[Utterance]
    failures: Mapping[str, str]
    provenance: Mapping[str, Any]
    exported_utterances: Callable[[], Iterator[ExportedUtterance]]
    recordings: Mapping[str, tuple[str, float]] = field(default_factory=dict)
    span: Callable[[Utterance], tuple[float, float]] = lambda utterance: (0.0, float("nan"))  # noqa: ARG005

    @property
    def about(self) -> str:
        """What every file of ours says of itself, as JSON."""
        return json.dumps(
            {
                "affex": dict(self.provenance),
                "columns": list(self.columns),
                "framewise": self.framewise,
                "by": "recording" if self.recordings else "utterance",
            }
        )


@dataclass(frozen=True)
class Part:
    """What a foreign file says under one key.

    Parameters
    ----------
    values : (n_rows, n_columns) float32
    intervals : (n_rows, 2) float64, s, or None
        From when to when each row holds; None where the file does not say.
    times : (n_rows,) float64, s, or None
        The middle of each row where the file says it itself.
    n_empty
        How many rows beside were left out, because they say that they hold nothing.
    """

    values: NDArray[np.float32]
    intervals: Floats | None = None
    times: Floats | None = None
    n_empty: int = field(default=0, kw_only=True)

    @property
    def middles(self) -> Floats | None:
        """The middle of each row, ``(n_rows,)`` s; None where nothing says when a row holds."""
        if self.times is not None or self.intervals is None:
            return self.times
        middles: Floats = self.intervals.mean(axis=1)
        return middles


@dataclass(frozen=True)
class Source:
    """A foreign file that is open to read.

    Parameters
    ----------
    columns
        The names of its columns.
    keys
        What it has rows of.
    read
        Returns what it says under a key.
    clock
        What times count from where a key is an utterance's id: the beginning of the ``"utterance"``, or of the
        recording (``"media"``). Under the key of a recording it is always that one's.
    framewise
        Whether rows are frames, where the file says so.
    base
        The recording that a key is about, where a key may be a part of one.
    remarks
        What it says of itself, in words, and what was left out of it.
    ours
        Whether affex wrote it: then all of its columns are its feature.
    numbering
        Columns that count its rows.
    """

    columns: tuple[str, ...]
    keys: Sequence[str]
    read: Callable[[str], Part]
    clock: Literal["utterance", "media"] = "utterance"
    framewise: bool | None = None
    base: Callable[[str], str] = lambda key: key
    remarks: Mapping[str, str] = field(default_factory=dict)
    ours: bool = False
    numbering: tuple[str, ...] = ()


@dataclass(frozen=True)
class Wish:
    """What an import is asked for beside its file.

    Parameters
    ----------
    table
        Which table of a database; empty for the only one.
    hop
        How far apart rows are, s, where the file says nothing of time; None where each key has one row.
    transpose
        Whether arrays are ``(columns, rows)``.
    only, without
        Columns that are the feature, and columns that are none, by name or as a shell names files (``AU*_r``).
    """

    table: str = ""
    hop: float | None = None
    transpose: bool = False
    only: tuple[str, ...] = ()
    without: tuple[str, ...] = ()


def said(text: str) -> Mapping[str, Any]:
    """Return what a file of ours says of itself; nothing for another's.

    Raises
    ------
    AffexError
        If it is not as affex writes it.
    """
    try:
        record = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    if not isinstance(record, dict) or "affex" not in record:
        return {}
    if (
        not isinstance(record["affex"], dict)
        or not isinstance(record.get("framewise"), bool | None)
        or record.get("by", "utterance") not in ("utterance", "recording")
    ):
        raise AffexError(
            "what the file says of itself (its record 'affex') is not as affex writes it. Get the file again, or take "
            "that record out of it: then it is read as anybody's."
        )
    return record


def remarks(record: Mapping[str, Any]) -> dict[str, str]:
    """Return what is worth keeping of what a file of ours says."""
    return {name: json.dumps(value) if not isinstance(value, str) else value for name, value in record["affex"].items()}


def numbers(where: str, values: Any) -> NDArray[np.float32]:
    """Return values as float32 rows; what is too large becomes infinite, and will be told.

    Raises
    ------
    AffexError
        If they are no numbers, or no rows of columns.
    """
    array = np.asarray(values)
    if array.dtype.kind not in "fiub" or array.ndim != 2 or not array.shape[1]:
        raise AffexError(
            f"{where}: {array.dtype} of the shape {array.shape}; expected rows of numbers, (rows, columns), and one "
            "column at least."
        )
    with np.errstate(over="ignore"):
        return array.astype(np.float32)


def told_apart(columns: Sequence[str]) -> tuple[str, ...]:
    """Return what a table calls a feature's columns, none as it calls its own, as `faces` has a ``time``.

    Examples
    --------
    >>> told_apart(["time", "score", "feature.time"])
    ('feature.time', 'score', 'feature.feature.time')
    """
    return tuple(f"{OWN}{name}" if name.lower().split(OWN)[-1] in RESERVED else name for name in columns)


def named(source: Source, record: Mapping[str, Any]) -> Source:
    """Return a table that affex wrote with its columns called as the feature calls them."""
    names = record.get("columns")
    if not isinstance(names, list) or len(names) != len(source.columns):
        return source
    return replace(source, columns=tuple(map(str, names)))
