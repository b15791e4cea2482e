"""The records between the cache and other formats: an export of a corpus, and a foreign file as a source.

Conventions: intervals and times are seconds. Those of an export count from the utterance's beginning. Those of a
foreign file count from the beginning of the utterance or of its recording, see `Source.clock`. Values are float32.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from affex.pipeline.manifest.utterance import Utterance
from affex.pipeline.text.errors import AffexError

Floats = NDArray[np.float64]

#: Names that tables of rows use themselves. A feature's column of such a name gets the prefix `OWN`.
RESERVED = ("id", "utterance", "file", "start", "end", "frame", "time", "timestamp", "frametime")
OWN = "feature."


@dataclass(frozen=True)
class ExportedUtterance:
    """The rows of one utterance in an export.

    Parameters
    ----------
    utterance
        The utterance.
    values : (n_rows, n_columns) float32
    intervals : (n_rows, 2) float64, s
        The interval of each row, from the utterance's beginning; NaN for an unknown end.
    times : (n_rows,) float64, s, or None
        The middle of each frame, as cached; None for a row that stands for the whole utterance.
    """

    utterance: Utterance
    values: NDArray[np.float32]
    intervals: Floats
    times: Floats | None


@dataclass(frozen=True)
class Export:
    """An export of one feature of a corpus.

    Parameters
    ----------
    corpus
        The corpus's name.
    feature
        The feature's spec.
    media
        The kind of media from which the feature is computed.
    columns
        The names of its columns.
    framewise
        Whether rows are frames.
    n_utterances, n_rows
        The number of utterances with rows, and the number of their rows.
    utterances
        All utterances of the corpus.
    failures
        The reasons why the other utterances have no rows, by id.
    provenance
        The origin of the rows: spec, key and versions, as in the cache file.
    exported_utterances
        Yields the utterances with rows in the order of `utterances`, each read and verified on demand.
    recordings
        The recording of each utterance, and the utterance's beginning in it, s, by id, if an entry is a recording. The
        utterances of one recording then follow each other. Empty if an entry is an utterance.
    span
        Returns begin and end of an utterance in its file, s; NaN for an unknown end.
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
        """The metadata that every exported file contains, as JSON."""
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
    """The content of a foreign file under one key.

    Parameters
    ----------
    values : (n_rows, n_columns) float32
    intervals : (n_rows, 2) float64, s, or None
        The interval of each row; None where the file has none.
    times : (n_rows,) float64, s, or None
        The middle of each row, if the file has it.
    n_empty
        The number of further rows that were left out because no face was found in them.
    """

    values: NDArray[np.float32]
    intervals: Floats | None = None
    times: Floats | None = None
    n_empty: int = field(default=0, kw_only=True)

    @property
    def middles(self) -> Floats | None:
        """The middle of each row, ``(n_rows,)`` s; None where the file has no times."""
        if self.times is not None or self.intervals is None:
            return self.times
        middles: Floats = self.intervals.mean(axis=1)
        return middles


@dataclass(frozen=True)
class Source:
    """A foreign file that is open for reading.

    Parameters
    ----------
    columns
        The names of its columns.
    keys
        The names under which it has rows.
    read
        Returns the content of a key.
    clock
        The origin of times where a key is an utterance's id: the beginning of the ``"utterance"``, or of the recording
        (``"media"``). Where a key is a recording, the origin is always that recording's beginning.
    framewise
        Whether rows are frames; None where the file does not say.
    base
        Returns the recording of a key, where a key may be a part of a recording.
    remarks
        The file's own metadata as text, and what was left out.
    ours
        Whether affex wrote the file: then all of its columns are the feature.
    numbering
        Columns that count the rows.
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
class ImportOptions:
    """The options of an import.

    Parameters
    ----------
    table
        The table of a database; empty for the only one.
    hop
        The time between rows, s, where the file has no times; None where each key has one row.
    transpose
        Whether arrays are ``(columns, rows)``.
    only, without
        Columns to take and columns to leave out, by name or by shell pattern (``AU*_r``).
    """

    table: str = ""
    hop: float | None = None
    transpose: bool = False
    only: tuple[str, ...] = ()
    without: tuple[str, ...] = ()


@dataclass(frozen=True)
class Format:
    """A format.

    Parameters
    ----------
    endings
        The suffixes of its files; empty for a folder, which FORMAT names.
    reading
        Opens a file or folder.
    write
        Writes an export and returns the files; None for a format that is only read.
    by_recording
        Whether an entry can be a recording, see `Export.recordings`.
    """

    endings: tuple[str, ...]
    reading: Callable[[Path, ImportOptions], AbstractContextManager[Source]]
    write: Callable[[Path, Export], list[Path]] | None = None
    by_recording: bool = False


def own_metadata(text: str) -> Mapping[str, Any]:
    """Return the metadata of a file that affex wrote; an empty mapping for other files.

    Raises
    ------
    AffexError
        If affex cannot have written the metadata in this form.
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
            "its metadata 'affex' are not as affex writes them. Get the file again, or remove these metadata: affex "
            "then reads it as a foreign file."
        )
    return record


def remarks(record: Mapping[str, Any]) -> dict[str, str]:
    """Return the provenance in the metadata of a file that affex wrote, as text."""
    return {name: json.dumps(value) if not isinstance(value, str) else value for name, value in record["affex"].items()}


def numbers(where: str, values: Any) -> NDArray[np.float32]:
    """Return values as float32 rows; too large values become infinite, and make their utterance a failure.

    Raises
    ------
    AffexError
        If they are not numbers, or not two-dimensional.
    """
    array = np.asarray(values)
    if array.dtype.kind not in "fiub" or array.ndim != 2 or not array.shape[1]:
        raise AffexError(
            f"{where}: {array.dtype} of the shape {array.shape}; expected numbers of the shape (rows, columns), with "
            "at least one column."
        )
    with np.errstate(over="ignore"):
        return array.astype(np.float32)


def distinct_columns(columns: Sequence[str]) -> tuple[str, ...]:
    """Return the names of a feature's columns in a table, with a prefix where the table uses the name itself.

    Examples
    --------
    >>> distinct_columns(["time", "score", "feature.time"])
    ('feature.time', 'score', 'feature.feature.time')
    """
    return tuple(f"{OWN}{name}" if name.lower().split(OWN)[-1] in RESERVED else name for name in columns)


def named(source: Source, record: Mapping[str, Any]) -> Source:
    """Return a table that affex wrote, with the feature's own column names."""
    names = record.get("columns")
    if not isinstance(names, list) or len(names) != len(source.columns):
        return source
    return replace(source, columns=tuple(map(str, names)))
