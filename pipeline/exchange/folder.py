"""A folder of ``.npy`` as affex writes it: one array per utterance or recording, and tables.

An array has the name of its utterance's id or its recording (with %2F for a slash). It holds frames
``(n_rows, n_columns) float32``, or one row per utterance ``(n_columns,)``. ``utterances.csv`` is the table of all
utterances; its first column ``name`` is the utterance's array (empty for none). ``rows.csv`` has the interval of each
row of each array, and for frames the middle, ``time``, s. ``about.json`` has the provenance (see `about`); with it, an
import restores the exported rows exactly. Arrays are written and read one by one.
"""

import csv
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

from affex.pipeline import media
from affex.pipeline.exchange import about, sizes, table
from affex.pipeline.exchange.keyed import gathered, quoted, unquoted
from affex.pipeline.exchange.record import Export, Floats, Part, Source, numbers, remarks
from affex.pipeline.media.csd import Entry
from affex.pipeline.storage import atomic
from affex.pipeline.text import csv_cells
from affex.pipeline.text.errors import AffexError, UsageError

UTTERANCES, ROWS, ABOUT = "utterances.csv", "rows.csv", "about.json"


def write(path: Path, export: Export) -> list[Path]:
    """Write an export into a folder; return the files.

    Raises
    ------
    UsageError
        If the folder is not empty.
    AffexError
        If the file system does not distinguish two names.
    """
    if path.exists() and any(path.iterdir()):
        raise UsageError(f"{path} is not empty: name a new folder for the arrays.")
    with atomic.staging(path) as beside:
        made = beside / path.name
        made.mkdir()
        _fill(made, export)
        for file in made.iterdir():
            atomic.sync(file)
        made.replace(path)
    return sorted(path.iterdir())


def _fill(made: Path, export: Export) -> None:
    names = set()
    with (made / ROWS).open("w", encoding="utf-8", newline="") as rows:
        rows.write(csv_cells.line(["name", "start", "end", *(["time"] if export.framewise else [])]))
        for name, entry in gathered(export, _entries(export)):
            _put(made / f"{quoted(name)}.npy", entry, flat=not (export.framewise or export.recordings))
            rows.writelines(csv_cells.line([quoted(name), *map(_cell, times)]) for times in entry.intervals.tolist())
            names.add(name)
    of = [export.recordings.get(utterance.id, (utterance.id,))[0] for utterance in export.utterances]
    first = {"name": [quoted(name) if name in names else "" for name in of]}
    with (made / UTTERANCES).open("w", encoding="utf-8", newline="") as utterances:
        utterances.writelines(table.lines(export, first))
    digests = {file.name: media.digest(file) for file in made.iterdir()}
    (made / ABOUT).write_bytes(about.text(export, digests))


def _entries(export: Export) -> Iterator[tuple[str, Entry]]:
    """Yield id, and rows with their intervals and, in a third column, times."""
    for exported in export.exported_utterances():
        if export.recordings and np.isnan(exported.intervals).any():
            raise AffexError(
                f"{exported.utterance.id}: its length could not be read from its media, and BY=recording needs it. "
                "Check the corpus's folder."
            )
        times = exported.intervals if exported.times is None else np.column_stack([exported.intervals, exported.times])
        yield exported.utterance.id, Entry(exported.values, times)


def _put(path: Path, entry: Entry, *, flat: bool) -> None:
    if path.exists():
        raise AffexError(
            f"{path.name} would be the file of two arrays on this file system. Export as .npz or .parquet."
        )
    np.save(path, entry.features[0] if flat else entry.features, allow_pickle=False)


def _cell(seconds: float) -> str:
    return "" if np.isnan(seconds) else repr(seconds)


def ours(path: Path) -> Source | None:
    """Return the rows of a folder that affex wrote; None for any other.

    Raises
    ------
    AffexError
        If a table, or an array when it is read, was changed since affex wrote it.
    """
    beside = path / ABOUT
    record = about.read(beside)
    if ROWS not in record.get("files", {}):
        return None
    about.require(path / ROWS, beside, record)
    spans = _spans(path / ROWS)

    def read(name: str) -> Part:
        file = path / f"{quoted(name)}.npy"
        about.require(file, beside, record)
        return _part(file, spans[name])

    columns = tuple(map(str, record["columns"]))
    return Source(
        columns,
        list(spans),
        read,
        clock="media" if record["by"] == "recording" else "utterance",
        framewise=record["framewise"],
        remarks=remarks(record),
        ours=True,
    )


def _spans(path: Path) -> dict[str, Floats]:
    """Return the intervals of each array's rows, with times in a third column."""
    with path.open(encoding="utf-8", newline="") as lines:
        rows = csv.reader(lines)
        next(rows, None)
        return {
            unquoted(csv_cells.restored(name)): np.array([[float(cell or "nan") for cell in row[1:]] for row in of])
            for name, of in groupby(rows, key=lambda row: row[0])
        }


def _part(path: Path, spans: Floats) -> Part:
    with path.open("rb") as file:
        array: Any = sizes.array(str(path), file, path.stat().st_size)
    values = numbers(str(path), array[None] if array.ndim == 1 else array)
    return Part(values, spans[:, :2], spans[:, 2] if spans.shape[1] > 2 else None)
