"""Parquet with one record per utterance: the arrow from an export to tables with lists in their cells, and back.

The columns of the utterances come first (see `table`). ``features`` holds the rows: of a feature with one row per
utterance ``fixed_size_list<float32>``, of frames ``list<fixed_size_list<float32>>``, with ``times`` as
``list<float64>``, s from the utterance's beginning. They are null where an utterance has no rows. The provenance stands
as ``affex`` in the metadata. Utterances are written in groups of rows, and read one by one.
"""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import numpy as np

from affex.pipeline.exchange import parquet, sizes, table
from affex.pipeline.exchange.record import Export, ExportedUtterance, Part, numbers, own_metadata
from affex.pipeline.manifest.utterance import MEDIA

if TYPE_CHECKING:
    import pyarrow as pa

#: The columns of an utterance's rows, and of their times.
FEATURES, TIMES = "features", "times"
#: The columns that are written even where they are empty.
ALWAYS = ("id", "speaker", "label", "failure")
#: Names of a column's type in a description of it.
KINDS: Mapping[type, str] = {str: "text", float: "float64", int: "int64"}


def columns(export: Export) -> dict[str, tuple[type, list[Any]]]:
    """Return the columns of the utterances by name: type, and one value per utterance, None where it is missing.

    Columns without any value are left out. Of an absolute path, which is that of the exporting machine, only the
    file's name remains.
    """
    found = table.columns(export)
    for medium in (f"{medium}_path" for medium in MEDIA if f"{medium}_path" in found):
        found[medium] = (str, [path and _public(path) for path in found[medium][1]])
    return {name: own for name, own in found.items() if name in ALWAYS or any(value is not None for value in own[1])}


def _public(path: str) -> str:
    return PurePosixPath(path).name if PurePosixPath(path).is_absolute() else path


def write(export: Export, files: Mapping[str, tuple[Path, Sequence[int]]]) -> None:
    """Write the utterances into several tables.

    Parameters
    ----------
    files
        The file of each part, and the numbers of its utterances, in their order.
    """
    import pyarrow.parquet as pq

    own = columns(export)
    schema = _schema(export, own)
    part_of = {number: name for name, (_, members) in files.items() for number in members}
    with ExitStack() as stack:
        writers = {name: stack.enter_context(pq.ParquetWriter(path, schema)) for name, (path, _) in files.items()}
        for name, group in _groups(export, part_of):
            writers[name].write_table(_rows(export, own, group, schema))


#: An utterance's number, and its rows, if it has any.
_Numbered = tuple[int, ExportedUtterance | None]


def _groups(export: Export, part_of: Mapping[int, str]) -> Iterator[tuple[str, list[_Numbered]]]:
    """Yield groups of utterances of one part, in their order within it."""
    waiting: dict[str, list[_Numbered]] = {name: [] for name in part_of.values()}
    sizes_of = dict.fromkeys(waiting, 0)
    for number, exported in _every(export):
        name = part_of[number]
        waiting[name].append((number, exported))
        sizes_of[name] += 0 if exported is None else exported.values.size
        if sizes_of[name] >= parquet.GROUP:
            yield name, waiting[name]
            waiting[name], sizes_of[name] = [], 0
    yield from ((name, group) for name, group in waiting.items() if group)


def _every(export: Export) -> Iterator[_Numbered]:
    """Yield every utterance's number, with its rows, which come in the same order."""
    exported = export.exported_utterances()
    following = next(exported, None)
    for number, utterance in enumerate(export.utterances):
        if following is not None and following.utterance.id == utterance.id:
            yield number, following
            following = next(exported, None)
        else:
            yield number, None


def _schema(export: Export, own: Mapping[str, tuple[type, list[Any]]]) -> "pa.Schema":
    import pyarrow as pa

    kinds = {str: pa.string(), float: pa.float64(), int: pa.int64()}
    row = pa.list_(pa.float32(), len(export.columns))
    of_rows = [(FEATURES, pa.list_(row)), (TIMES, pa.list_(pa.float64()))] if export.framewise else [(FEATURES, row)]
    fields = [*((name, kinds[kind]) for name, (kind, _) in own.items()), *of_rows]
    return pa.schema(fields, metadata={"affex": export.about})


def _rows(
    export: Export, own: Mapping[str, tuple[type, list[Any]]], group: Sequence[_Numbered], schema: "pa.Schema"
) -> "pa.Table":
    """Return the rows of a table for some utterances."""
    import pyarrow as pa

    arrays: list[Any] = [
        pa.array([values[number] for number, _ in group], schema.field(name).type) for name, (_, values) in own.items()
    ]
    some = [one for _, one in group]
    arrays += _of_frames(some, len(export.columns)) if export.framewise else [_of_rows(some, len(export.columns))]
    return pa.Table.from_arrays(arrays, schema=schema)


def _of_rows(some: Sequence[ExportedUtterance | None], n_columns: int) -> "pa.Array":
    """Return one row per utterance, null where there is none."""
    import pyarrow as pa

    empty = np.zeros((1, n_columns), np.float32)
    values = np.concatenate([empty if one is None else one.values for one in some])
    absent = pa.array([one is None for one in some])
    return pa.FixedSizeListArray.from_arrays(pa.array(values.ravel()), n_columns, mask=absent)


def _of_frames(some: Sequence[ExportedUtterance | None], n_columns: int) -> "list[pa.Array]":
    """Return the rows and the times of each utterance, null where there are none."""
    import pyarrow as pa

    ends = itertools.accumulate((0 if one is None else len(one.values) for one in some), initial=0)
    offsets = np.fromiter(ends, np.int32)
    absent = pa.array([one is None for one in some])
    there = [one for one in some if one is not None]
    flat = np.concatenate([one.values.ravel() for one in there] or [np.empty(0, np.float32)])
    times = np.concatenate([one.times for one in there if one.times is not None] or [np.empty(0)])
    values = pa.FixedSizeListArray.from_arrays(pa.array(flat), n_columns)
    return [pa.ListArray.from_arrays(offsets, array, mask=absent) for array in (values, pa.array(times))]


def about(path: Path) -> Mapping[str, Any]:
    """Return the provenance in a table that affex wrote; empty for any other."""
    import pyarrow.parquet as pq

    _require_plausible(path, pq.read_metadata(path))
    metadata = pq.read_schema(path).metadata or {}
    return own_metadata(metadata.get(b"affex", b"").decode("utf-8", "replace"))


def _require_plausible(path: Path, metadata: Any) -> None:
    """Refuse a table with more numbers than a file of its size can plausibly hold."""
    groups = [metadata.row_group(number) for number in range(metadata.num_row_groups)]
    n_numbers = sum(group.column(place).num_values for group in groups for place in range(group.num_columns))
    sizes.require_plausible(str(path), path.stat().st_size, 8 * n_numbers)


def places(path: Path) -> dict[str, tuple[Path, int, int]]:
    """Return where the utterances with rows stand, by id: file, number of the group of rows, row in it."""
    import pyarrow.parquet as pq

    found = {}
    with pq.ParquetFile(path) as file:
        for number in range(file.num_row_groups):
            group = file.read_row_group(number, columns=["id", FEATURES])
            there = group.column(FEATURES).is_valid().to_pylist()
            for row, (id_, has_rows) in enumerate(zip(group.column("id").to_pylist(), there, strict=True)):
                if has_rows:
                    found[id_] = (path, number, row)
    return found


def part(place: tuple[Path, int, int]) -> Part:
    """Return the rows of an utterance, and the times of frames."""
    path, number, row = place
    group = _group(path, number)
    cell = group.column(FEATURES)[row]
    if TIMES not in group.schema.names:
        return Part(numbers(str(path), cell.values.to_numpy()[None]))
    rows = cell.values
    values = rows.flatten().to_numpy().reshape(len(rows), -1)
    return Part(numbers(str(path), values), None, group.column(TIMES)[row].values.to_numpy())


@lru_cache(maxsize=1)
def _group(path: Path, number: int) -> "pa.Table":
    """Return a group of rows; that read last is kept."""
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        names = [name for name in (FEATURES, TIMES) if name in file.schema_arrow.names]
        return file.read_row_group(number, columns=names)
