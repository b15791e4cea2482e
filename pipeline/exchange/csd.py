"""The format ``.csd``: computational sequences of the CMU-MultimodalSDK (see `pipeline.media.csd`).

An export has two files: the feature, and ``<name>-labels.csd``. The rows of the latter are the labels as numbers, and
its metadata ``affex utterances`` is the table of all utterances as JSON. By default every utterance is an entry: its id
is the key, and intervals count from its beginning (the first may begin a little earlier, because a frame's time is its
middle). For the SDK's alignment, every recording can be an entry instead: its rows are in the time of the recording,
sorted by it, and rows of overlapping utterances appear twice. In an id, %2F stands for a slash, which HDF5 does not
allow in a name, and %5B for ``[``, where the SDK cuts names.

An import takes keys as ids, or else as recordings. Times count from the beginning of the recording, except in files of
affex. A number in brackets, which the SDK's ``align()`` adds, is the number of a part. Files are written and read entry
by entry.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from affex.pipeline.exchange import table
from affex.pipeline.exchange.keyed import gathered, quoted, unquoted
from affex.pipeline.exchange.record import (
    Export,
    Floats,
    Format,
    ImportOptions,
    Part,
    Source,
    numbers,
    own_metadata,
    remarks,
)
from affex.pipeline.manifest.utterance import Utterance
from affex.pipeline.media import csd
from affex.pipeline.media.csd import Entry
from affex.pipeline.storage.atomic import temporaries, writing
from affex.pipeline.text.errors import AffexError
from affex.version import __version__


def write(path: Path, export: Export) -> list[Path]:
    """Write an export; return the files."""
    spans: dict[str, Floats] = {}

    def rows() -> Iterator[tuple[str, Entry]]:
        for exported in export.exported_utterances():
            if np.isnan(exported.intervals).any():
                raise AffexError(
                    f"{exported.utterance.id}: its length could not be read from its media, and a .csd needs it. Check "
                    "the corpus's folder, or use a format that does not need the length."
                )
            spans[exported.utterance.id] = np.array([[exported.intervals.min(), exported.intervals.max()]])
            yield exported.utterance.id, Entry(exported.values, exported.intervals)

    about = {"dataset name": export.corpus, "creator": f"affex {__version__}", "affex": json.loads(export.about)}
    beside = path.with_name(f"{path.stem}-labels.csd")
    names, of = table.label_numbers(export)
    with writing(path), temporaries(path, beside) as (file, other):
        csd.write_into(file, path, export.feature, _keyed(export, rows()), about | {
            "computational sequence description": f"{export.feature} of {export.corpus}, computed by affex",
            "dimension names": list(export.columns),
            "affex failures": dict(export.failures),
        })  # fmt: skip
        labels = _keyed(export, _labels(export.utterances, spans, of)) if names else ()
        csd.write_into(other, beside, "labels", labels, about | {
            "computational sequence description": f"labels of {export.corpus}: shares of votes, and dimensions",
            "dimension names": list(names),
            "affex utterances": {name: values for name, (_, values) in table.columns(export).items()},
        })  # fmt: skip
    return [path, beside]


def _keyed(export: Export, of_utterances: Iterator[tuple[str, Entry]]) -> Iterator[tuple[str, Entry]]:
    return ((quoted(name), entry) for name, entry in gathered(export, of_utterances))


def _labels(utterances: Any, spans: dict[str, Floats], of: Any) -> Iterator[tuple[str, Entry]]:
    """Yield the labels of every utterance, also of those without rows (from 0 to 0 s where the length is unknown)."""
    for utterance in utterances:
        yield utterance.id, Entry(np.array([of(utterance)]), spans.get(utterance.id, _declared(utterance)))


def _declared(utterance: Utterance) -> Floats:
    item = next(iter(utterance.parts()), None)
    end = item.end - (item.start or 0.0) if item and item.end is not None else 0.0
    return np.array([[0.0, end]])


@contextmanager
def reading(path: Path, options: ImportOptions) -> Iterator[Source]:  # noqa: ARG001 - all formats have one signature
    """Open a sequence; entries are read on demand."""
    with csd.reading(path) as sequence:
        record = own_metadata(json.dumps(sequence.metadata.get("affex")))
        keys = {unquoted(key) if record else key: key for key in sequence.entries}
        aligned = any(csd.recording(key)[1] is not None for key in keys.values())

        def read(key: str) -> Part:
            entry = sequence.entries[keys[key]]
            return Part(numbers(f"{path}: '{key}'", entry.features), entry.intervals)

        def base(key: str) -> str:
            recording = csd.recording(keys[key])[0]
            return unquoted(recording) if record else recording

        yield Source(
            _columns(path, sequence, read, keys),
            list(keys),
            read,
            clock="utterance" if record and record.get("by") != "recording" else "media",
            framewise=record.get("framewise") or (None if aligned else record.get("framewise")),
            base=base,
            remarks=_remarks(sequence, record),
            ours=bool(record),
        )


def _columns(path: Path, sequence: csd.Sequence, read: Any, keys: dict[str, str]) -> tuple[str, ...]:
    """Return the columns' names: from the metadata, if these have one name per column."""
    if not keys:
        raise AffexError(f"{path} has no entries.")
    width = read(next(iter(keys))).values.shape[1]
    names = sequence.metadata.get("dimension names")
    if isinstance(names, list) and len(names) == width and len({*map(str, names)}) == width:
        return tuple(map(str, names))
    return tuple(f"x{n}" for n in range(width))


def _remarks(sequence: csd.Sequence, record: Any) -> dict[str, str]:
    if record:
        return remarks(record)
    stated = {name: str(value) for name, value in sequence.metadata.items() if value and name != "dimension names"}
    return {"root name": sequence.name, **stated}


FORMATS = {"csd": Format((".csd",), reading, write, by_recording=True)}
