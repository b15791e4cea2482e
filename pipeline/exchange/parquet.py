"""The format ``.parquet``: a table with one row per row of the feature, and a second table of the utterances.

Columns: ``id``, ``start`` and ``end`` (float64, s from the utterance's beginning), for frames ``time`` (float64, s),
then the feature's own (float32). ``<name>-utterances.parquet`` is the table of all utterances of the corpus. Both have
the provenance as ``affex`` in their metadata. They are written and read in groups of rows.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from affex.pipeline.exchange import rows, sizes, table
from affex.pipeline.exchange.columns import FOUND, plain
from affex.pipeline.exchange.record import (
    Export,
    ExportedUtterance,
    Format,
    ImportOptions,
    Source,
    distinct_columns,
    named,
    own_metadata,
)
from affex.pipeline.storage.atomic import temporaries
from affex.pipeline.text.errors import AffexError, UsageError

if TYPE_CHECKING:
    import pyarrow as pa

#: The approximate number of numbers that are written at a time: 16 MiB.
GROUP = 2**22


def write(path: Path, export: Export) -> list[Path]:
    """Write an export; return the files."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    times = [("time", pa.float64())] if export.framewise else []
    kinds = [("id", pa.string()), ("start", pa.float64()), ("end", pa.float64()), *times]
    fields = [*kinds, *((name, pa.float32()) for name in distinct_columns(export.columns))]
    schema = pa.schema(fields, metadata={"affex": export.about})
    beside = path.with_name(f"{path.stem}-utterances.parquet")
    types = {str: pa.string(), float: pa.float64(), int: pa.int64()}
    columns = table.columns(export)
    arrays = [pa.array(values, types[kind]) for kind, values in columns.values()]
    with temporaries(path, beside) as (file, other):
        with pq.ParquetWriter(file, schema) as writer:
            for exported_utterances in _groups(export):
                writer.write_table(_rows(exported_utterances, schema))
        pq.write_table(pa.table(arrays, list(columns), metadata={"affex": export.about}), other)
    return [path, beside]


def _groups(export: Export) -> Iterator[list[ExportedUtterance]]:
    some: list[ExportedUtterance] = []
    size = 0
    for exported in export.exported_utterances():
        some.append(exported)
        size += exported.values.size
        if size >= GROUP:
            yield some
            some, size = [], 0
    if some:
        yield some


def _rows(exported_utterances: list[ExportedUtterance], schema: "pa.Schema") -> "pa.Table":
    """Return the rows of some utterances as a table."""
    import pyarrow as pa

    ids = [exported.utterance.id for exported in exported_utterances for _ in exported.values]
    intervals = np.concatenate([exported.intervals for exported in exported_utterances])
    times = (
        [np.concatenate([exported.times for exported in exported_utterances if exported.times is not None])]
        if "time" in schema.names
        else []
    )
    values = np.concatenate([exported.values for exported in exported_utterances])
    return pa.table([ids, *intervals.T, *times, *values.T], schema=schema)


@contextmanager
def reading(path: Path, options: ImportOptions) -> Iterator[Source]:
    """Open a table."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        require_plausible(path)
        file = pq.ParquetFile(path)
    except (OSError, pa.ArrowException) as error:
        raise AffexError(f"{path} cannot be read as Parquet: {error}.") from error
    with file:
        schema = file.schema_arrow
        kinds = {field.name: field.type for field in schema}
        _require_whole(path, schema)
        lists = [name for name, kind in kinds.items() if _is_list(kind) and name.lower() not in rows.KEYS]
        if lists or any(plain(name) == FOUND and pa.types.is_boolean(kinds[name]) for name in kinds):
            spread = _spread(path, file.read(), lists)
            _require_readable(path, {field.name: field.type for field in spread.schema})
            yield rows.of_frame(str(path), spread.to_pandas(ignore_metadata=True), {}, options)
            return
        _require_readable(path, kinds)
        role = rows.roles(str(path), schema.names, lambda name: _is_number(kinds[name]))
        record = own_metadata((schema.metadata or {}).get(b"affex", b"").decode("utf-8", "replace"))
        # A named index (of pandas, openSMILE, audinterface) is stored as ordinary columns.
        index = file.read(columns=role.index).to_pandas(ignore_metadata=True)[role.index]
        whole = _whole(file, kinds)
        values = _values(path, file, role.features)
        yield named(rows.source(str(path), role, index, values, record, options, whole), record)


def _require_whole(path: Path, schema: "pa.Schema") -> None:
    """Refuse a table of the format ``datasets`` that affex wrote: as a foreign one it has columns of labels.

    Raises
    ------
    UsageError
        If so; the message names the folder.
    """
    record = own_metadata((schema.metadata or {}).get(b"affex", b"").decode("utf-8", "replace"))
    if record and any(_is_nested(field.type) for field in schema):
        raise UsageError(f"{path} is a part of what affex exported: import its whole folder, FILE={path.parents[1]}.")


def _is_nested(kind: Any) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_nested(kind))


def require_plausible(path: Path) -> None:
    """Refuse a table with more rows than a file of its size can plausibly hold.

    Raises
    ------
    AffexError
        If so; the message has both sizes.
    """
    import pyarrow.parquet as pq

    metadata = pq.read_metadata(path)
    n_numbers = metadata.num_rows * metadata.num_columns
    sizes.require_plausible(str(path), path.stat().st_size, 8 * n_numbers)


def _require_readable(path: Path, kinds: dict[str, Any]) -> None:
    """Refuse columns of lists and records where text or numbers are needed."""
    import pyarrow as pa

    lists = [name for name, kind in kinds.items() if pa.types.is_nested(kind)]
    if lists and not any(map(_is_number, kinds.values())):
        raise AffexError(
            f"{path}: the columns {', '.join(lists[:5])} hold lists or records. Expected one number per column."
        )
    if kinds and (key := next((name for name in kinds if name.lower() in rows.KEYS), next(iter(kinds)))) in lists:
        raise AffexError(
            f"{path}: the column {key}, which identifies the utterances, holds lists or records; expected text."
        )


def _is_number(kind: Any) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_floating(kind) or pa.types.is_integer(kind))


def _is_list(kind: Any) -> bool:
    """Return whether a column holds lists of numbers, for example embeddings."""
    import pyarrow as pa

    lists = (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list)
    return any(is_one(kind) for is_one in lists) and _is_number(kind.value_type)


def _spread(path: Path, table: "pa.Table", lists: list[str]) -> "pa.Table":
    """Return a table with each column of lists spread over columns ``name0``, ``name1`` ..."""
    import pyarrow as pa

    spread = table.drop_columns(lists)
    for name in lists:
        cells = table.column(name).to_pylist()
        lengths = {len(cell) for cell in cells if cell is not None}
        if len(lengths) != 1 or 0 in lengths:
            raise AffexError(
                f"{path}: the lists of the column {name} have {min(lengths, default=0)} to {max(lengths, default=0)} "
                "numbers; expected the same number in every row."
            )
        width = min(lengths)
        values = np.array([[np.nan] * width if cell is None else cell for cell in cells], np.float64)
        for n in range(width):
            spread = spread.append_column(f"{name}{n}", pa.array(values[:, n]))
    return spread


def _whole(file: Any, kinds: dict[str, Any]) -> Any:
    """Return a function from a column's name to its whole numbers, or to None if it is not such a column."""
    import pyarrow as pa

    def whole(name: str) -> NDArray[np.int64] | None:
        if not pa.types.is_integer(kinds[name]):
            return None
        column = file.read(columns=[name]).column(name)
        return None if column.null_count else column.to_numpy().astype(np.int64)

    return whole


def _values(path: Path, file: Any, features: tuple[str, ...]) -> Any:
    """Return a function from row numbers to values, which caches the group of rows read last."""
    import pyarrow as pa

    sizes = [file.metadata.row_group(number).num_rows for number in range(file.num_row_groups)]
    begins = np.concatenate([[0], np.cumsum(sizes)])

    @lru_cache(maxsize=1)
    def group(number: int) -> NDArray[Any]:
        try:
            read = file.read_row_group(number, columns=list(features))
        except (OSError, pa.ArrowException) as error:
            raise AffexError(f"{path}: the rows from number {begins[number]} on cannot be read: {error}.") from error
        columns = [read.column(name).to_numpy().astype(np.float64) for name in features]
        return np.stack(columns, axis=1)

    def values(wanted: NDArray[np.int64]) -> NDArray[Any]:
        found = np.empty((len(wanted), len(features)))
        of = np.searchsorted(begins, wanted, side="right") - 1
        for number in np.unique(of):
            found[of == number] = group(int(number))[wanted[of == number] - begins[number]]
        return found

    return values


FORMATS = {"parquet": Format((".parquet",), reading, write)}
