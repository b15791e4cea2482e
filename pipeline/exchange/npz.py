"""The format ``.npz``: all in one archive of numpy's arrays, which needs no pickle to be read.

It holds ``values (n_rows, n_columns) float32``, ``intervals (n_rows, 2)`` and, for frames, ``times (n_rows,)`` s from
the utterance's beginning, ``ids`` and ``offsets`` (utterance ``i`` owns rows ``offsets[i]`` to ``offsets[i + 1]``),
``columns``, ``about`` (JSON), and ``utterances/<field>``, a table of all utterances of the corpus, with empty text, NaN
or -1 where there is nothing.

Written clip by clip into files beside it, and read by mapping none of them: an archive is read whole.
"""

import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.atomic import temporary
from pipeline.errors import AffexError
from pipeline.exchange import table
from pipeline.exchange.record import Export, Part, Source, Wish, numbers, remarks, said

#: What stands for nothing in an array of a type.
BLANK: dict[type, Any] = {str: "", float: float("nan"), int: -1}


def write(path: Path, export: Export) -> list[Path]:
    """Write an export; return the files."""
    with temporary(path) as file, zipfile.ZipFile(file, "w", allowZip64=True) as archive:
        ids, lengths = _rows(archive, export)
        _put(archive, "ids", np.array(ids, np.str_))
        _put(archive, "offsets", np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64))
        _put(archive, "columns", np.array(export.columns, np.str_))
        _put(archive, "about", np.array(export.about, np.str_))
        for name, (kind, values) in table.columns(export).items():
            filled = [BLANK[kind] if value is None else value for value in values]
            _put(archive, f"utterances/{name}", np.array(filled, np.str_ if kind is str else kind))
    return [path]


def _rows(archive: zipfile.ZipFile, export: Export) -> tuple[list[str], list[int]]:
    """Write the rows of all clips; return the clips' ids, and how many rows each has."""
    ids, lengths = [], []
    small = ("intervals", *(["times"] if export.framewise else []))
    shapes = {"intervals": (export.n_rows, 2), "times": (export.n_rows,)}
    with tempfile.TemporaryFile() as intervals, tempfile.TemporaryFile() as times:
        beside = dict(zip(("intervals", "times"), (intervals, times), strict=True))
        with archive.open("values.npy", "w", force_zip64=True) as values:
            _head(values, (export.n_rows, len(export.columns)), np.float32)
            for clip in export.clips():
                values.write(np.ascontiguousarray(clip.values).tobytes())
                intervals.write(np.ascontiguousarray(clip.intervals, "<f8").tobytes())
                times.write(b"" if clip.times is None else np.ascontiguousarray(clip.times, "<f8").tobytes())
                ids.append(clip.utterance.id)
                lengths.append(len(clip.values))
        for name in small:
            beside[name].seek(0)
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                _head(member, shapes[name], np.float64)
                while chunk := beside[name].read(2**22):
                    member.write(chunk)
    return ids, lengths


def _head(file: Any, shape: tuple[int, ...], kind: Any) -> None:
    """Write the header of an array whose numbers follow."""
    header = {"descr": np.dtype(kind).newbyteorder("<").str, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, header)


def _put(archive: zipfile.ZipFile, name: str, array: NDArray[Any]) -> None:
    with archive.open(f"{name}.npy", "w") as member:
        np.lib.format.write_array(member, array, allow_pickle=False)


@contextmanager
def reading(path: Path, wish: Wish) -> Iterator[Source]:  # noqa: ARG001 - all formats are opened alike
    """Open an archive that has at least ``values``, ``ids`` and ``offsets``."""
    with _refusing(path):
        if not zipfile.is_zipfile(path):
            raise AffexError(f"{path} is no archive of numpy's arrays (.npz), or it was cut short.")
    with _refusing(path), np.load(path, allow_pickle=False) as archive:
        missing = [name for name in ("values", "ids", "offsets") if name not in archive.files]
        if missing:
            raise AffexError(
                f"{path} has no array {' and no '.join(missing)}: expected values (rows, columns), ids, and offsets "
                "(utterance i owns rows offsets[i] to offsets[i + 1])."
            )
        arrays = {
            name: archive[name]
            for name in ("values", "ids", "offsets", "intervals", "times", "columns", "about")
            if name in archive.files
        }
    yield _source(path, arrays)


def _source(path: Path, arrays: dict[str, NDArray[Any]]) -> Source:
    values, offsets = numbers(f"{path}: values", arrays["values"]), arrays["offsets"]
    ids = [str(name) for name in arrays["ids"].ravel()]
    n_rows = len(values)
    if offsets.shape != (len(ids) + 1,) or offsets[0] != 0 or offsets[-1] != n_rows or (np.diff(offsets) < 0).any():
        raise AffexError(f"{path}: the offsets do not share {n_rows} rows among {len(ids)} ids.")
    for name, shape in (("intervals", (n_rows, 2)), ("times", (n_rows,))):
        if name in arrays and arrays[name].shape != shape:
            raise AffexError(f"{path}: {name} of the shape {arrays[name].shape}; expected {shape}, one a row.")
    number = {name: i for i, name in enumerate(ids)}
    if len(number) < len(ids):
        twice = sorted({name for name in ids if ids.count(name) > 1})
        raise AffexError(f"{path}: {len(twice)} ids come twice: {', '.join(twice[:5])}. Expected each once.")
    record = said(str(arrays["about"])) if "about" in arrays else {}

    def read(key: str) -> Part:
        rows = slice(int(offsets[number[key]]), int(offsets[number[key] + 1]))
        return Part(values[rows], *(arrays[name][rows] if name in arrays else None for name in ("intervals", "times")))

    columns = (
        tuple(map(str, arrays["columns"])) if "columns" in arrays else tuple(f"{n}" for n in range(values.shape[1]))
    )
    return Source(columns, ids, read, framewise=record.get("framewise"), remarks=remarks(record) if record else {})


@contextmanager
def _refusing(path: Path) -> Iterator[None]:
    """Turn what numpy and zipfile say of a file that is none into a sentence."""
    try:
        yield
    except (OSError, ValueError, zipfile.BadZipFile, EOFError, TypeError) as error:
        raise AffexError(f"{path} cannot be read as an archive of numpy's arrays without pickle: {error}.") from error
