"""The format audformat: a database is a folder with a header ``db.yaml`` and tables in Parquet.

An export has two segmented tables. ``utterances`` has the metadata of every utterance of the corpus, with labels under
the scheme ``label``. The other table has the feature's name. Its columns are ``utterance`` (the id), for frames
``time`` (the middle, from the utterance's beginning, as cached), and the feature's own. The index is file, start and
end in the time of the file, as audformat requires: to the nanosecond, and never before the file's beginning. audformat
holds tables in memory, so an export needs memory for the whole feature.

An import never reads pickles, and no header that creates anything other than plain data.
"""

import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from affex.pipeline.exchange import parquet, rows, table
from affex.pipeline.exchange.record import (
    Export,
    ExportedUtterance,
    Floats,
    Format,
    ImportOptions,
    Source,
    distinct_columns,
    named,
    own_metadata,
)
from affex.pipeline.manifest.utterance import Media, Utterance
from affex.pipeline.storage import atomic
from affex.pipeline.text.errors import AffexError, UsageError, unknown

if TYPE_CHECKING:
    import audformat
    import pandas as pd

HEADER = "db.yaml"

#: The greatest size of a header, bytes, and its greatest number of nodes with all references resolved.
LONGEST_HEADER, MOST_NODES = 2**24, 10**6

#: The table of utterances.
UTTERANCES = "utterances"

#: The names of audformat's types.
TYPES = {str: "str", float: "float", int: "int"}


def write(path: Path, export: Export) -> list[Path]:
    """Write an export into a folder; return the files."""
    import audformat
    import pandas as pd

    if path.exists() and any(path.iterdir()):
        raise UsageError(f"{path} is not empty: name a new folder for the database.")
    database = audformat.Database(
        export.corpus,
        usage="other",
        description=f"{export.feature} of {export.corpus}, exported by affex; media are not included",
        meta={"affex": export.about},
    )
    with warnings.catch_warnings():  # audformat adds columns one by one, about which pandas warns
        warnings.simplefilter("ignore", pd.errors.PerformanceWarning)
        _add_utterances(database, export)
        _add_rows(database, export)
        with atomic.staging(path) as beside:
            made = beside / path.name
            database.save(str(made), storage_format="parquet", verbose=False)
            for file in made.iterdir():
                atomic.sync(file)
            made.replace(path)
    return sorted(path.iterdir())


def _add_utterances(database: Any, export: Export) -> None:
    import audformat

    columns = table.columns(export)
    labels = sorted({label for label in columns["label"][1] if label is not None})
    speakers = sorted({speaker for speaker in columns["speaker"][1] if speaker})
    database.schemes["label"] = audformat.Scheme(labels=labels, description="emotion") if labels else _text()
    database.schemes["speaker"] = audformat.Scheme(labels=speakers) if speakers else _text()
    database.schemes["split"] = audformat.Scheme(labels=["train", "validation", "test"])
    for name in TYPES.values():
        database.schemes[name] = audformat.Scheme(name)
    index = _index(export, [(utterance, _whole(utterance, export.media)) for utterance in export.utterances])
    made = database[UTTERANCES] = audformat.Table(index, description="every utterance of the corpus")
    for name, (kind, values) in columns.items():
        column = "utterance" if name == "id" else name
        scheme = name if name in ("label", "speaker", "split") else TYPES[kind]
        made[column] = audformat.Column(scheme_id=scheme)
        made[column].set([None if value in ("", None) else value for value in values])


def _text() -> "audformat.Scheme":
    import audformat

    return audformat.Scheme("str")


def _add_rows(database: Any, export: Export) -> None:
    import audformat
    import pandas as pd

    exported_utterances = list(export.exported_utterances())
    beside: dict[str, Any] = {
        "utterance": [exported.utterance.id for exported in exported_utterances for _ in exported.values]
    }
    if export.framewise:
        beside["time"] = np.concatenate(
            [exported.times for exported in exported_utterances if exported.times is not None] or [np.empty(0)]
        )
    index = _index(
        export,
        [(exported.utterance, span) for exported in exported_utterances for span in _in_file(exported, export.media)],
    )
    values = (
        np.concatenate([exported.values for exported in exported_utterances])
        if exported_utterances
        else np.empty((0, len(export.columns)))
    )
    frame = pd.concat(
        [
            pd.DataFrame(beside, index=index),
            pd.DataFrame(values, index=index, columns=list(distinct_columns(export.columns))),
        ],
        axis=1,
    )
    made = database[_table_name(export.feature)] = audformat.Table(index, description=export.feature)
    for name in frame.columns:
        made[name] = audformat.Column(scheme_id="str" if name == "utterance" else "float")
    made.set(frame)


def _table_name(feature: str) -> str:
    return re.sub(r"[^\w.-]+", "_", feature)


def _medium(utterance: Utterance, kind: str) -> Media:
    """Return the media of a row: of the feature's kind, or of any kind."""
    item = next(iter(utterance.parts(kind)), None)
    if item is None:
        raise AffexError(
            f"{utterance.id} has no media, and audformat identifies rows by their file. Use another format."
        )
    return item


def _whole(utterance: Utterance, kind: str) -> tuple[float, float]:
    item = _medium(utterance, kind)
    return item.start or 0.0, float("nan") if item.end is None else item.end


def _in_file(exported: ExportedUtterance, kind: str) -> Floats:
    """Return the interval of each row in the time of the file, ``(n_rows, 2)`` s."""
    begin = _medium(exported.utterance, kind).start or 0.0
    if exported.times is None:
        return np.array([_whole(exported.utterance, kind)])
    return np.maximum(exported.intervals + begin, 0.0)


def _index(export: Export, spans: list[tuple[Utterance, Any]]) -> Any:
    """Return a segmented index.

    Raises
    ------
    AffexError
        If two utterances are the same span of the same file.
    """
    import audformat
    import pandas as pd

    files = [_medium(utterance, export.media).path for utterance, _ in spans]
    begins, ends = np.array([span for _, span in spans], float).reshape(-1, 2).T
    index = audformat.segmented_index(files, _durations(begins), _durations(ends))
    if index.has_duplicates:
        number = int(np.flatnonzero(index.duplicated(keep=False))[0])
        raise AffexError(
            f"{spans[number][0].id}: another utterance, or another row, has the same span of {files[number]}, and "
            "audformat identifies rows by their span only. Export as .csd, .npz or .parquet."
        )
    assert isinstance(index, pd.MultiIndex)
    return index


def _durations(seconds: Floats) -> Any:
    import pandas as pd

    return pd.to_timedelta(np.round(seconds * 1e9), unit="ns")


@contextmanager
def reading(path: Path, options: ImportOptions) -> Iterator[Source]:
    """Open a table of a database; it is read completely into memory."""
    import audformat

    _require_plain(path)
    try:
        database = audformat.Database.load(str(path), verbose=False)
        name = _chosen(path, database, options.table)
        frame = database[name].df
    except AffexError:
        raise
    except Exception as error:  # a foreign database may raise any error
        raise AffexError(f"{path} cannot be read as an audformat database: {type(error).__name__}: {error}.") from error
    yield _source(
        f"{path}: {name}", frame, own_metadata(str(database.meta.get("affex", ""))), dict(database.meta), options
    )


def _require_plain(path: Path) -> None:
    """Refuse a database that could run code when it is read.

    Raises
    ------
    AffexError
        If the header is not plain YAML, or a table is a pickle.
    """
    import yaml

    pickles = sorted(file.name for file in path.rglob("*.pkl"))
    if pickles:
        raise AffexError(
            f"{path} has tables that are pickles ({', '.join(pickles[:3])}), and affex never reads pickles. Save the "
            "database with storage_format='parquet', and remove the pickles."
        )
    try:
        if (path / HEADER).stat().st_size > LONGEST_HEADER:
            raise AffexError(f"{path / HEADER} has more than {LONGEST_HEADER} bytes.")
        text = (path / HEADER).read_text(encoding="utf-8")
        _require_small(yaml.compose(text, Loader=yaml.SafeLoader))
        header = yaml.safe_load(text)
    except (OSError, yaml.YAMLError, ValueError, RecursionError) as error:
        why = str(error) or type(error).__name__
        raise AffexError(f"{path / HEADER} cannot be read as a plain header: {why}.") from error
    if not isinstance(header, dict):
        raise AffexError(f"{path / HEADER} is not the header of an audformat database.")
    _require_own_tables(path, header)


def _require_small(node: Any) -> None:
    """Refuse YAML that becomes very large or endless when its references are resolved."""
    sizes: dict[int, int] = {}

    def size(node: Any) -> int:
        if id(node) not in sizes:
            sizes[id(node)] = MOST_NODES  # a node that contains itself is endless
            children = node.value if isinstance(node.value, list) else []
            flat = (one for child in children for one in (child if isinstance(child, tuple) else (child,)))
            sizes[id(node)] = 1 + sum(map(size, flat))
        return sizes[id(node)]

    if node is not None and size(node) >= MOST_NODES:
        raise ValueError(f"with its references resolved it has more than {MOST_NODES} nodes")


def _require_own_tables(path: Path, header: dict[str, Any]) -> None:
    """Refuse tables whose names lead out of the folder, or whose content is implausibly large."""
    for kind in ("tables", "misc_tables"):
        for name in header.get(kind) or ():
            if not re.fullmatch(r"[^/\\\0]+", str(name)):
                raise AffexError(f"{path / HEADER}: '{name}' is not the name of a table: it has a slash.")
            file = path / f"db.{name}.parquet"
            if file.is_file():
                parquet.require_plausible(file)


def _chosen(path: Path, database: Any, wanted: str) -> str:
    """Return the name of the table to read."""
    names = [*database.tables, *database.misc_tables]
    if wanted and wanted not in names:
        raise unknown(f"table of {path}", wanted, names)
    left = [wanted] if wanted else [name for name in names if name != UTTERANCES or len(names) == 1]
    if len(left) != 1:
        raise UsageError(f"{path} has {len(left)} tables. Choose one with --table NAME: {', '.join(left)}.")
    return left[0]


def _source(where: str, frame: "pd.DataFrame", record: Any, meta: dict[str, Any], options: ImportOptions) -> Source:
    import pandas as pd

    flat = frame.reset_index()
    for name in flat.columns:
        if pd.api.types.is_timedelta64_dtype(flat[name]):
            flat[name] = flat[name].dt.total_seconds()
        elif not pd.api.types.is_numeric_dtype(flat[name]):
            flat[name] = flat[name].astype("string")
    found = rows.of_frame(where, flat, record, options)
    if record:
        return named(found, record)
    stated = {name: str(value) for name, value in meta.items()}
    return replace(found, clock="media", framewise=None, remarks={**stated, **found.remarks})


FORMATS = {"audformat": Format((), reading, write)}
