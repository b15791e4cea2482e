"""The format ``.csv`` as affex writes it: one row per row of the feature, identified by file, start and end.

Columns: ``file``, ``start``, ``end`` (the span of the utterance in its file, s), for frames ``frame`` (the middle of
the frame, s from the utterance's beginning), then the feature's own. audformat and nkululeko read such tables as
features. ``<name>-utterances.csv`` is the table of all utterances, which begins with the same three columns and ``id``.
``<name>-about.json`` has the provenance (see `about`); with it, an import restores the exported rows exactly. Numbers
have as many digits as necessary. Tables are written utterance by utterance, and read completely. A ``.tsv`` has tabs.
"""

import csv
import hashlib
import math
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from affex.pipeline.exchange import about, table
from affex.pipeline.exchange.record import Export, Part, Source, distinct_columns, remarks
from affex.pipeline.manifest.utterance import Utterance
from affex.pipeline.storage.atomic import temporaries
from affex.pipeline.text import csv_cells
from affex.pipeline.text.errors import AffexError

#: The columns that identify a row's utterance, and the column of a frame's middle.
SPAN, FRAME = ("file", "start", "end"), "frame"

Span = tuple[str, str, str]


def write(path: Path, export: Export) -> list[Path]:
    """Write an export; return the files.

    Raises
    ------
    AffexError
        If two utterances are the same span of the same file.
    """
    delimiter, spans = _delimiter(path), _spans(export)
    first = dict(zip(SPAN, zip(*spans.values(), strict=True), strict=True)) if spans else {}
    others = _beside(path)
    with temporaries(path, *others) as (rows, utterances, record):
        digests = {
            path.name: _put(rows, _rows(export, spans, delimiter)),
            others[0].name: _put(utterances, table.lines(export, first, delimiter)),
        }
        record.write(about.text(export, digests))
    return [path, *others]


def _beside(path: Path) -> tuple[Path, Path]:
    """Return the paths of the table of utterances and of the provenance that belong to a table."""
    return path.with_name(f"{path.stem}-utterances{path.suffix}"), path.with_name(f"{path.stem}-about.json")


def _delimiter(path: Path) -> str:
    return "\t" if path.suffix.lower() == ".tsv" else ","


def _put(file: BinaryIO, lines: Iterable[str]) -> str:
    """Write lines; return the sha256 of them all."""
    sha = hashlib.sha256()
    for line in lines:
        content = line.encode()
        sha.update(content)
        file.write(content)
    return sha.hexdigest()


def _spans(export: Export) -> dict[str, Span]:
    """Return the cells that identify each utterance, by id."""
    spans = {utterance.id: _span(export, utterance) for utterance in export.utterances}
    owners: dict[Span, str] = {}
    for id_, span in spans.items():
        if (other := owners.setdefault(span, id_)) != id_:
            raise AffexError(
                f"{id_}: {other} is the same span of {span[0]}, and a .csv identifies rows by their span only. Export "
                "as .csd, .npz or .parquet."
            )
    return spans


def _span(export: Export, utterance: Utterance) -> Span:
    item = next(iter(utterance.parts(export.media)), None)
    begin, end = export.span(utterance)
    return item.path if item else utterance.id, repr(float(begin)), "" if math.isnan(end) else repr(float(end))


def _rows(export: Export, spans: Mapping[str, Span], delimiter: str) -> Iterator[str]:
    yield csv_cells.line([*SPAN, *([FRAME] if export.framewise else []), *distinct_columns(export.columns)], delimiter)
    for exported in export.exported_utterances():
        before = csv_cells.line(spans[exported.utterance.id], delimiter)[:-1]
        middles = (
            [[]] * len(exported.values)
            if exported.times is None
            else [[repr(time)] for time in exported.times.tolist()]
        )
        for middle, values in zip(middles, exported.values.astype(np.str_).tolist(), strict=True):
            yield delimiter.join([before, *middle, *values]) + "\n"


def ours(path: Path) -> Source | None:
    """Return the rows of a table that affex wrote, if its provenance lies beside it; None for any other table.

    Raises
    ------
    AffexError
        If the table, or the table of utterances, was changed since affex wrote it.
    """
    utterances, beside = _beside(path)
    record = about.read(beside)
    if path.name not in record.get("files", {}):
        return None
    for file in (path, utterances):
        about.require(file, beside, record)
    return _source(path, _ids(utterances), record)


def written(path: Path) -> list[Path]:
    """Return the files that an import of a table reads: the table, and the files that affex wrote with it."""
    others = _beside(path)
    return [path, *others] if path.name in about.read(others[1]).get("files", {}) else [path]


def _ids(path: Path) -> dict[Span, str]:
    with path.open(encoding="utf-8", newline="") as lines:
        rows = csv.reader(lines, delimiter=_delimiter(path))
        next(rows, None)
        return {(file, start, end): csv_cells.restored(id_) for file, start, end, id_, *_ in rows}


def _source(path: Path, ids: Mapping[Span, str], record: Mapping[str, Any]) -> Source:
    first = len(SPAN) + bool(record["framewise"])
    parts: dict[str, Part] = {}
    with path.open(encoding="utf-8", newline="") as lines:
        rows = csv.reader(lines, delimiter=_delimiter(path))
        next(rows, None)
        for (file, start, end), of in groupby(rows, key=lambda row: tuple(row[: len(SPAN)])):
            numbers = [[float(cell) for cell in row[len(SPAN) :]] for row in of]
            values = np.array([row[first - len(SPAN) :] for row in numbers], np.float32)
            times = np.array([row[0] for row in numbers]) if record["framewise"] else None
            parts[ids[file, start, end]] = Part(values, times=times)
    columns = tuple(map(str, record["columns"]))
    return Source(
        columns, list(parts), parts.__getitem__, framewise=record["framewise"], remarks=remarks(record), ours=True
    )
