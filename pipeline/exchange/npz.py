"""The format ``.npz``: one archive of numpy arrays, which can be read without pickle.

An export has ``values (n_rows, n_columns) float32``, ``intervals (n_rows, 2)`` and, for frames, ``times (n_rows,)`` s
from the utterance's beginning, ``ids`` and ``offsets`` (utterance ``i`` has rows ``offsets[i]`` to ``offsets[i + 1]``),
``columns``, ``about`` (JSON), and ``utterances/<field>``, a table of all utterances of the corpus, with empty text, NaN
or -1 for missing values. It is written utterance by utterance by way of temporary files, and read completely.
"""

import tempfile
import zipfile
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from affex.pipeline.exchange import arrays as keyed
from affex.pipeline.exchange import sizes, table
from affex.pipeline.exchange.record import Export, Format, ImportOptions, Part, Source, numbers, own_metadata, remarks
from affex.pipeline.storage.atomic import temporary
from affex.pipeline.text.errors import AffexError

#: The arrays that are read.
READ = ("values", "ids", "offsets", "intervals", "times", "columns", "about")

#: The missing value in an array of each type.
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
    """Write the rows of all utterances; return the utterances' ids, and the number of rows of each."""
    ids, lengths = [], []
    small = ("intervals", *(["times"] if export.framewise else []))
    shapes = {"intervals": (export.n_rows, 2), "times": (export.n_rows,)}
    with tempfile.TemporaryFile() as intervals, tempfile.TemporaryFile() as times:
        beside = dict(zip(("intervals", "times"), (intervals, times), strict=True))
        with archive.open("values.npy", "w", force_zip64=True) as values:
            _head(values, (export.n_rows, len(export.columns)), np.float32)
            for exported in export.exported_utterances():
                values.write(np.ascontiguousarray(exported.values).tobytes())
                intervals.write(np.ascontiguousarray(exported.intervals, "<f8").tobytes())
                times.write(b"" if exported.times is None else np.ascontiguousarray(exported.times, "<f8").tobytes())
                ids.append(exported.utterance.id)
                lengths.append(len(exported.values))
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
def reading(path: Path, options: ImportOptions) -> Iterator[Source]:
    """Open an archive with ``values``, ``ids`` and ``offsets``, or with one array per utterance, named by it."""
    with ExitStack() as stack:
        with _refusing(path):
            if not zipfile.is_zipfile(path):
                raise AffexError(f"{path} is not an archive of numpy arrays (.npz), or it was truncated.")
            archive = stack.enter_context(zipfile.ZipFile(path))
            members = {member.filename.removesuffix(".npy"): member for member in archive.infolist()}
            if members and not {*READ} & {*members}:
                source = _keyed(path, archive, members, options)
            else:
                source = _source(path, _arrays(path, archive))
        yield source


def _keyed(
    path: Path, archive: zipfile.ZipFile, members: Mapping[str, zipfile.ZipInfo], options: ImportOptions
) -> Source:
    """Return an archive of arrays, each named by its utterance or recording, as a source."""
    sizes.require_plausible(str(path), path.stat().st_size, sum(member.file_size for member in members.values()))

    def shape(member: zipfile.ZipInfo) -> tuple[int, ...]:
        with archive.open(member) as file:
            return sizes.declared(file)

    def read(key: str) -> NDArray[Any]:
        with _refusing(path), archive.open(members[key]) as file:
            return sizes.array(f"{path}: {key}", file, members[key].file_size)

    return keyed.source(str(path), {key: shape(member) for key, member in members.items()}, read, options)


def _arrays(path: Path, archive: zipfile.ZipFile) -> dict[str, NDArray[Any]]:
    """Return the arrays of an archive that are needed, by name."""
    members = {member.filename.removesuffix(".npy"): member for member in archive.infolist()}
    if len(members) < len(archive.infolist()):
        raise AffexError(f"{path} has an array twice; expected each once.")
    missing = [name for name in ("values", "ids", "offsets") if name not in members]
    if missing:
        raise AffexError(
            f"{path} has no array {' and no '.join(missing)}: expected values (rows, columns), ids, and offsets "
            "(utterance i has rows offsets[i] to offsets[i + 1])."
        )
    wanted = {name: members[name] for name in READ if name in members}
    sizes.require_plausible(str(path), path.stat().st_size, sum(member.file_size for member in wanted.values()))
    found = {}
    for name, member in wanted.items():
        with archive.open(member) as file:
            found[name] = sizes.array(f"{path}: {name}", file, member.file_size)
    return found


def _source(path: Path, arrays: dict[str, NDArray[Any]]) -> Source:
    values = numbers(f"{path}: values", arrays["values"])
    for name, (kinds, shape) in _layout(len(values), values.shape[1]).items():
        if name in arrays:
            _require(f"{path}: {name}", arrays[name], kinds, shape)
    offsets, ids = arrays["offsets"].astype(np.int64), _texts(arrays["ids"])
    if len(offsets) != len(ids) + 1 or offsets[0] != 0 or offsets[-1] != len(values) or (np.diff(offsets) < 0).any():
        raise AffexError(f"{path}: the offsets do not assign {len(values)} rows to {len(ids)} ids.")
    number = {name: i for i, name in enumerate(ids)}
    if len(number) < len(ids):
        twice = sorted(name for name, count in Counter(ids).items() if count > 1)
        raise AffexError(f"{path}: {len(twice)} ids appear twice: {', '.join(twice[:5])}. Expected each once.")
    record = own_metadata(str(arrays["about"])) if "about" in arrays else {}

    def read(key: str) -> Part:
        rows = slice(int(offsets[number[key]]), int(offsets[number[key] + 1]))
        return Part(values[rows], *(arrays[name][rows] if name in arrays else None for name in ("intervals", "times")))

    columns = _texts(arrays["columns"]) if "columns" in arrays else [f"{n}" for n in range(values.shape[1])]
    return Source(
        tuple(columns),
        ids,
        read,
        framewise=record.get("framewise"),
        remarks=remarks(record) if record else {},
        ours=bool(record),
    )


def _layout(n_rows: int, n_columns: int) -> dict[str, tuple[str, tuple[int | None, ...]]]:
    """Return the allowed types of arrays, as numpy's kind letters, and their shapes (None for any length)."""
    return {
        "ids": ("USiu", (None,)),
        "offsets": ("iu", (None,)),
        "intervals": ("fiu", (n_rows, 2)),
        "times": ("fiu", (n_rows,)),
        "columns": ("USiu", (n_columns,)),
        "about": ("U", ()),
    }


def _require(where: str, array: NDArray[Any], kinds: str, shape: tuple[int | None, ...]) -> None:
    fits = array.ndim == len(shape) and all(wanted in (None, n) for n, wanted in zip(array.shape, shape, strict=True))
    if array.dtype.kind not in kinds or not fits:
        words = {"U": "text", "f": "numbers", "i": "whole numbers"}
        kind = next(word for letter, word in words.items() if letter in kinds)
        lengths = ", ".join("any" if n is None else str(n) for n in shape)
        raise AffexError(f"{where} is {array.dtype} of the shape {array.shape}; expected {kind} of ({lengths}).")


def _texts(array: NDArray[Any]) -> list[str]:
    if array.dtype.kind == "S":
        array = np.char.decode(array, "utf-8", "replace")
    return [str(text) for text in array]


@contextmanager
def _refusing(path: Path) -> Iterator[None]:
    """Convert errors of numpy and zipfile on a damaged file to an `AffexError`."""
    try:
        yield
    except (OSError, ValueError, zipfile.BadZipFile, EOFError, TypeError) as error:
        raise AffexError(f"{path} cannot be read as an archive of numpy arrays without pickle: {error}.") from error


FORMATS = {"npz": Format((".npz",), reading, write)}
