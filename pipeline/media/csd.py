"""Computational sequences, the ``.csd`` files that others exchange features and labels in: read and written.

Beside the flow: a corpus takes its labels from one, and an export makes one of a cached feature. The format is that of
CMU-MultimodalSDK (Zadeh, Liang, Poria, Vij, Cambria, Morency, "Multi-attention Recurrent Network for Human
Communication Comprehension", AAAI 2018, arXiv:1802.00923; https://github.com/CMU-MultiComp-Lab/CMU-MultimodalSDK),
which is HDF5 laid out as

* ``/<root name>/data/<key>/features``, ``(n_rows, ...)``: numbers of any width, or text, as words are;
* ``/<root name>/data/<key>/intervals``, ``(n_rows, 2)``: from when to when each row holds, s of the whole recording;
* ``/<root name>/metadata/<key>``, ``(1,)``: text that is JSON.

Conventions: a key is a recording's name; in a file that was aligned to another it is followed by the number of the row
aligned to, from 0: ``"v0[2]"`` (see `recording`). One entry is in memory at a time, however large the file. Published
files hold rows with NaN, intervals that begin before 0 or overlap, and rows in any order: all of that is given as it
stands. A hurt file is refused in words wherever the HDF5 library notices it; of files with random bits turned, some
still read, as other values, and about one in two thousand ends the process inside the library.
"""

import contextlib
import io
import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import h5py
import numpy as np
from numpy.typing import ArrayLike, NDArray

from pipeline.atomic import temporary, writing
from pipeline.errors import AffexError

#: What the SDK wants said of a sequence (its ``metadataconfigs.py``). A comma that is missing there makes one
#: key of "dimension names" and "computational sequence version", so that it finds every file wanting; it only warns.
METADATA = (
    "root name",
    "computational sequence description",
    "dimension names",
    "computational sequence version",
    "alignment compatible",
    "dataset name",
    "dataset version",
    "creator",
    "contact",
    "featureset bib citation",
    "dataset bib citation",
)

KEY = re.compile(r"(?P<recording>.*?)\[(?P<number>\d+)\]")

#: What h5py raises where a file is not what it says it is.
HURT = (OSError, KeyError, RuntimeError, ValueError, TypeError, AttributeError, MemoryError, OverflowError)


@dataclass(frozen=True, eq=False)
class Entry:
    """What a sequence says of one recording, or of one row of what it was aligned to.

    Parameters
    ----------
    features : (n_rows, ...) float, int or str
        As wide as they were written.
    intervals : (n_rows, 2) float64, s
        From when to when each row holds, from the recording's beginning.
    """

    features: NDArray[Any]
    intervals: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Sequence:
    """A computational sequence that is open to read.

    Parameters
    ----------
    name
        Its root name, as in ``"All Labels"``.
    metadata
        What it says of itself; of the keys in `METADATA`, those that are there.
    entries
        Key to entry, each read from the file when it is asked for, and not kept.
    """

    name: str
    metadata: Mapping[str, Any]
    entries: Mapping[str, Entry]


def recording(key: str) -> tuple[str, int | None]:
    """Return the recording that a key is about, and the number of the row it was aligned to, None for the whole.

    Examples
    --------
    >>> recording("v0[2]"), recording("v0")
    (('v0', 2), ('v0', None))
    """
    aligned = KEY.fullmatch(key)
    return (aligned["recording"], int(aligned["number"])) if aligned else (key, None)


# -- reading -----------------------------------------------------------------------------------------------


@contextlib.contextmanager
def reading(path: Path) -> Iterator[Sequence]:
    """Open a computational sequence; its entries can be read within the block.

    Raises
    ------
    AffexError
        If the file is not there, is no HDF5 or is damaged, or has no such layout. Likewise when an entry is asked for
        that is damaged, has not as many features as intervals, or intervals that are no pairs of numbers.
    """
    with contextlib.ExitStack() as stack:
        with _in_words(f"{path} cannot be read as a computational sequence"):
            file = stack.enter_context(h5py.File(path, "r"))
            root = _root(path, file)
            sequence = Sequence(root.name.removeprefix("/"), _metadata(path, root), _Entries(path, root["data"]))
        yield sequence


class _Entries(Mapping[str, Entry]):
    """The entries of an open file."""

    def __init__(self, path: Path, data: h5py.Group) -> None:
        self._path = path
        self._data = data
        self._keys = dict.fromkeys(data)

    def __len__(self) -> int:
        return len(self._keys)

    def __iter__(self) -> Iterator[str]:
        return iter(self._keys)

    def __contains__(self, key: object) -> bool:
        return key in self._keys

    def __getitem__(self, key: str) -> Entry:
        if key not in self._keys:
            raise KeyError(key)
        where = f"{self._path}: '{key}'"
        with _in_words(f"{where} cannot be read"):
            group = self._data[key]
            missing = [name for name in ("features", "intervals") if name not in group]
            if missing:
                raise AffexError(f"{where} has no '{missing[0]}'. Expected features and intervals of each recording.")
            return _entry(where, _array(group["features"]), _array(group["intervals"]))


def _root(path: Path, file: h5py.File) -> h5py.Group:
    """Return the group that all is in: the first, as the SDK takes it."""
    for name in file:
        if isinstance(file[name], h5py.Group) and isinstance(file[name].get("data"), h5py.Group):
            return file[name]
    held = ", ".join(f"'{name}'" for name in file) or "nothing"
    raise AffexError(
        f"{path} is HDF5, but no computational sequence: looked for a group that holds a group 'data', found {held}."
    )


def _metadata(path: Path, root: h5py.Group) -> dict[str, Any]:
    group = root.get("metadata", {})
    return {key: _said(f"{path}: the metadata '{key}'", group[key]) for key in group}


def _said(where: str, dataset: h5py.Dataset) -> Any:
    """Return what a metadata dataset says; as the text that it is where that is no JSON, like the SDK."""
    texts = np.ravel(dataset[()])
    if len(texts) != 1:
        raise AffexError(f"{where} holds {len(texts)} values, expected one text.")
    text = texts[0].decode("utf-8", "replace") if isinstance(texts[0], bytes) else str(texts[0])
    try:
        return json.loads(text)
    except ValueError:
        return text


def _array(dataset: h5py.Dataset) -> NDArray[Any]:
    """Return a dataset, text of any kind decoded."""
    values = np.asarray(dataset[()])
    if values.dtype.kind not in "SO":
        return values
    texts = [x.decode("utf-8", "replace") if isinstance(x, bytes) else str(x) for x in values.ravel().tolist()]
    return np.array(texts, np.str_).reshape(values.shape)


def _entry(where: str, features: ArrayLike, intervals: ArrayLike) -> Entry:
    """Return an entry whose two halves belong together."""
    values, spans = np.asarray(features), np.asarray(intervals)
    if values.ndim < 2 or values.dtype.kind not in "fiubU":
        raise AffexError(
            f"{where}: the features have the shape {values.shape} and the type {values.dtype}, "
            "expected (n_rows, n_columns) of numbers or text."
        )
    if spans.ndim != 2 or spans.shape[1] != 2 or spans.dtype.kind not in "fiu" or not np.isfinite(spans).all():
        raise AffexError(
            f"{where}: the intervals have the shape {spans.shape} and the type {spans.dtype}, "
            "expected (n_rows, 2) of finite numbers."
        )
    if len(values) != len(spans):
        raise AffexError(f"{where} has {len(values)} rows of features and {len(spans)} intervals, expected one each.")
    return Entry(values, spans.astype(np.float64))


@contextlib.contextmanager
def _in_words(what: str) -> Iterator[None]:
    """Turn what HDF5 says of a file into a sentence."""
    try:
        yield
    except HURT as error:
        why = (error.strerror if isinstance(error, OSError) else None) or error
        raise AffexError(f"{what} ({why}). Is it the right file, and whole? Get it again if so.") from error


# -- writing -----------------------------------------------------------------------------------------------


def write(path: Path, name: str, entries: Iterable[tuple[str, Entry]], metadata: Mapping[str, Any]) -> None:
    """Write a computational sequence, whole or not at all, one entry at a time.

    Parameters
    ----------
    name
        Its root name.
    entries
        Key and entry of each recording. A key cannot hold a slash, which parts the levels of HDF5.
    metadata
        What is said of it, as JSON can; what the SDK wants beside is written as null, its way to say "not known".

    Raises
    ------
    AffexError
        If a name cannot be HDF5's or comes twice, an entry's features and intervals do not belong together, or the disk
        is full or the folder cannot be written; what stood there before still does.
    """
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary(path) as file:
            write_into(file, path, name, entries, metadata)


def write_into(
    file: BinaryIO, path: Path, name: str, entries: Iterable[tuple[str, Entry]], metadata: Mapping[str, Any]
) -> None:
    """Write a computational sequence into an open file that will lie at `path`; as `write`, but for the disk's errors.

    Raises
    ------
    OSError
        If the disk is full.
    """
    said = {**dict.fromkeys(METADATA), **metadata, "root name": name}
    room = _Room(file.fileno())
    with h5py.File(room, "w") as h5:
        root = h5.create_group(_name(path, "root name", name))
        _write_entries(path, room, root.create_group("data"), entries)
        group = root.create_group("metadata")
        for key, value in said.items():
            group[_name(path, "metadata", key)] = np.array([json.dumps(value)], h5py.string_dtype())
    room.require()


def _write_entries(path: Path, room: "_Room", data: h5py.Group, entries: Iterable[tuple[str, Entry]]) -> None:
    for key, entry in entries:
        where = f"{path}: '{key}'"
        if _name(path, "key", key) in data:
            raise AffexError(f"{where} comes twice, expected one entry a key.")
        sound = _entry(where, entry.features, entry.intervals)
        group = data.create_group(key)
        group["features"] = _text(sound.features) if sound.features.dtype.kind == "U" else sound.features
        group["intervals"] = sound.intervals
        room.require()


def _text(texts: NDArray[np.str_]) -> NDArray[Any]:
    """Return text as HDF5 keeps it: UTF-8 of a fixed width, like the published words."""
    encoded = np.char.encode(texts, "utf-8")
    return encoded.astype(h5py.string_dtype("utf-8", max(encoded.dtype.itemsize, 1)))


def _name(path: Path, kind: str, name: str) -> str:
    """Refuse what HDF5 cannot name a thing."""
    if not name or name == "." or "/" in name or "\0" in name:
        raise AffexError(f"{path}: the {kind} '{name}' cannot be written: HDF5 names are not empty and have no slash.")
    return name


class _Room(io.RawIOBase):
    """A file for HDF5 that never seems full: HDF5 would say nothing of it, or take the process with it.

    Once the disk refuses, nothing more is written, and `require` raises what the system said.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._at = 0
        self._length = 0
        self._refused: OSError | None = None

    def require(self) -> None:
        """Raise what the system said if it refused to write."""
        if self._refused is not None:
            raise self._refused

    def seekable(self) -> bool:
        return True

    def readable(self) -> bool:
        return True

    def writable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        self._at = offset + {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._length}[whence]
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: Any) -> int:
        part = os.pread(self._descriptor, len(buffer), self._at)
        buffer[: len(part)] = part
        self._at += len(part)
        return len(part)

    def write(self, data: Any) -> int:
        rest = memoryview(data).cast("B")
        size = len(rest)
        try:
            while self._refused is None and len(rest):
                written = os.pwrite(self._descriptor, rest, self._at + size - len(rest))
                rest = rest[written:]
        except OSError as error:
            self._refused = error
        self._at += size
        self._length = max(self._length, self._at)
        return size

    def truncate(self, size: int | None = None) -> int:
        self._length = self._at if size is None else size
        try:
            os.ftruncate(self._descriptor, self._length)
        except OSError as error:
            self._refused = error
        return self._length
