"""The store: rows kept, keyed and verified, in HDF5 files that any program can read.

The arrow from features to cache. One layout serves the published file of a feature and the small segment
files that a run writes while it goes on (see ``cache/README.md``):

* A *key* says how rows were made (see `Recipe`), a clip's *source* says of what (media bytes and span), and its
  *digest* is the sha256 over key, id, source and rows: whatever verifies is true under that key, wherever
  it is found; whatever does not is computed again.
* Files are read by their seal (see `pipeline.seal`), never by HDF5, which does not survive a hurt file.
* A file becomes visible whole or not at all: written beside its place, fsynced, renamed. HDF5 itself never meets
  a full disk (it would crash the process): segments are built in memory, and room for a published file is
  reserved before HDF5 writes to it.
"""

import contextlib
import hashlib
import io
import itertools
import json
import os
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, BinaryIO

import h5py
import numpy as np
from numpy.typing import NDArray

from pipeline import seal
from pipeline.atomic import reserve, temporary, writing
from pipeline.errors import AffexError
from pipeline.seal import Array, Seal

#: Raised by hand whenever the layout of a file or the meaning of a digest changes.
SCHEMA = 1

#: How many bytes of rows are read at a time when many clips are verified.
BLOCK = 32 * 2**20

#: Room for what HDF5 writes beside the data (headers, attributes), bytes.
SLACK = 2**18 + seal.USER_BLOCK

#: What is written of each failure.
FAILED = ("ids", "source", "message", "digest")

#: How much of a failure's message is kept, characters.
_MESSAGE = 500


@dataclass(frozen=True)
class Recipe:
    """How rows are made: what a file's key stands for.

    Parameters
    ----------
    spec
        Canonical JSON of all that the rows depend on except the media.
    versions
        What else took part, for the record only: package to version.
    """

    spec: str
    versions: Mapping[str, str] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """The sha256 of the spec, as hexadecimal digits."""
        return hashlib.sha256(self.spec.encode()).hexdigest()


@dataclass(frozen=True)
class Entry:
    """One clip that is done: its rows, or why it has none.

    Parameters
    ----------
    source
        What it was made of; empty for a failure that is to be tried again.
    values : (n_rows, n_columns) float32, or None for a failure
    times : (n_rows,) float64, s, or None where rows are no frames
    message
        Why there are no rows.
    """

    id: str
    source: str
    values: NDArray[np.float32] | None = None
    times: NDArray[np.float64] | None = None
    message: str = ""

    def digest(self, key: str) -> str:
        """Return the sha256 that proves this entry under `key`."""
        sha = hashlib.sha256()
        for part in (key, self.id, self.source, self.message):
            sha.update(part.encode() + b"\0")
        for array in (self.values, self.times):
            if array is not None:
                sha.update(f"{array.dtype.str}{array.shape}".encode())
                sha.update(np.ascontiguousarray(array).data)
        return sha.hexdigest()


@dataclass(frozen=True, slots=True)
class Place:
    """Where a verified clip lies: the file, and the number of the clip in it."""

    path: Path
    number: int
    n_rows: int


@dataclass(frozen=True)
class Found:
    """What verifies in one file under one key.

    Parameters
    ----------
    places
        Clip id to (source, place).
    failures
        Clip id to (source, message).
    columns
        The columns' names, or None where they do not verify.
    hurt
        A sentence for each thing that does not verify; empty for a sound file.
    hurt_ids
        The clips among them, as far as their ids can be read.
    """

    places: dict[str, tuple[str, Place]] = field(default_factory=dict)
    failures: dict[str, tuple[str, str]] = field(default_factory=dict)
    columns: tuple[str, ...] | None = None
    hurt: tuple[str, ...] = ()
    hurt_ids: set[str] = field(default_factory=set)


# -- writing -----------------------------------------------------------------------------------------------


def write_segment(folder: Path, recipe: Recipe, columns: Sequence[str], entries: Sequence[Entry]) -> Path:
    """Write finished clips as one small file, whole or not at all.

    Raises
    ------
    AffexError
        If the disk is full or the folder cannot be written.
    """
    image = io.BytesIO()
    _write(image, recipe, columns, Shape.of(entries), entries)
    path = folder / f"{recipe.key[:12]}-{uuid.uuid4().hex[:12]}.h5"
    with writing(path):
        folder.mkdir(parents=True, exist_ok=True)
        with temporary(path) as file:
            file.write(image.getbuffer())
    return path


@dataclass(frozen=True)
class Shape:
    """How much a file will hold; HDF5 is told before the first row is written."""

    n_clips: int
    n_rows: int
    n_failures: int
    id_bytes: int
    message_bytes: int
    framewise: bool

    @classmethod
    def of(cls, entries: Iterable[Entry]) -> "Shape":
        """Return the shape of these entries together."""
        entries = list(entries)
        done = [entry for entry in entries if entry.values is not None]
        return cls(
            n_clips=len(done),
            n_rows=sum(len(entry.values) for entry in done if entry.values is not None),
            n_failures=len(entries) - len(done),
            id_bytes=longest_bytes(entry.id for entry in entries),
            message_bytes=longest_bytes(entry.message[:_MESSAGE] for entry in entries),
            framewise=any(entry.times is not None for entry in done),
        )

    def n_bytes(self, n_columns: int) -> int:
        """Return how large the file will be at the most."""
        per_clip = self.id_bytes + 64 + 64 + 8
        per_failure = self.id_bytes + 64 + 64 + self.message_bytes
        per_row = 4 * n_columns + 8 * self.framewise
        names = 64 * n_columns
        return self.n_clips * per_clip + self.n_failures * per_failure + self.n_rows * per_row + names + SLACK


def publish(path: Path, recipe: Recipe, columns: Sequence[str], shape: Shape, entries: Iterable[Entry]) -> None:
    """Write a feature's file in the order of `entries` and put it in its place at once.

    Raises
    ------
    AffexError
        If the disk is full or the folder cannot be written; what stood there before still does.
    """
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary(path) as file:
            reserve(file, shape.n_bytes(len(columns)))
            _write(file, recipe, columns, shape, entries)


def _write(file: BinaryIO, recipe: Recipe, columns: Sequence[str], shape: Shape, entries: Iterable[Entry]) -> None:
    """Write entries into an empty file and seal it."""
    with h5py.File(_Disguised(file), "w", userblock_size=seal.USER_BLOCK) as h5:
        h5.attrs.update(schema=SCHEMA, key=recipe.key, spec=recipe.spec, versions=json.dumps(dict(recipe.versions)))
        tables = _allocate(h5, columns, shape)
        _fill(tables, recipe, entries)
        arrays = {
            name: Array(table.id.get_offset() or 0, table.shape, table.dtype.str) for name, table in tables.items()
        }
    seal.write(file, Seal(recipe.key, recipe.spec, recipe.versions, arrays, seal.index(file, arrays)))


def _fill(tables: Mapping[str, h5py.Dataset], recipe: Recipe, entries: Iterable[Entry]) -> None:
    index = {name: np.zeros(table.shape, table.dtype) for name, table in tables.items() if name not in seal.ROWS}
    clip = failure = 0
    for entry in entries:
        if entry.values is None:
            kept = replace(entry, message=entry.message[:_MESSAGE])
            for name, text in zip(FAILED, (kept.id, kept.source, kept.message, kept.digest(recipe.key)), strict=True):
                index[f"failed/{name}"][failure] = text.encode()
            failure += 1
            continue
        for name, text in (("ids", entry.id), ("source", entry.source), ("digest", entry.digest(recipe.key))):
            index[name][clip] = text.encode()
        at = index["offsets"][clip]
        end = index["offsets"][clip + 1] = at + len(entry.values)
        tables["values"][at:end] = entry.values
        if entry.times is not None:
            tables["times"][at:end] = entry.times
        clip += 1
    for name, array in index.items():
        if name != "columns":
            tables[name][...] = array


def _allocate(h5: h5py.File, columns: Sequence[str], shape: Shape) -> dict[str, h5py.Dataset]:
    """Create the datasets. `values` comes last, so that a cut file loses the last clips only.

    Text is UTF-8 of fixed width, and so lies where the seal can find it.
    """
    in_order = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    in_order.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
    widths = {"ids": shape.id_bytes, "source": 64, "digest": 64, "message": shape.message_bytes}
    kinds: dict[str, tuple[tuple[int, ...], Any]] = {
        **{name: ((shape.n_clips,), h5py.string_dtype("utf-8", widths[name])) for name in ("ids", "source", "digest")},
        "offsets": ((shape.n_clips + 1,), np.int64),
        "columns": ((len(columns),), h5py.string_dtype("utf-8", longest_bytes(columns))),
        **{f"failed/{name}": ((shape.n_failures,), h5py.string_dtype("utf-8", widths[name])) for name in FAILED},
        **({"times": ((shape.n_rows,), np.float64)} if shape.framewise else {}),
        "values": ((shape.n_rows, len(columns)), np.float32),
    }
    tables = {name: h5.create_dataset(name, *kind, dcpl=in_order) for name, kind in kinds.items()}
    tables["columns"][...] = np.array([name.encode() for name in columns], tables["columns"].dtype)
    if shape.framewise:
        tables["times"].attrs["unit"] = "s"
    return tables


@dataclass(frozen=True)
class _Sealed:
    """A file that is open, and its seal."""

    file: BinaryIO
    seal: Seal

    def whole(self, name: str) -> NDArray[Any]:
        """Return all of a dataset."""
        array = self.seal.arrays[name]
        return seal.rows(self.file, array, 0, array.shape[0])

    def part(self, name: str, begin: int, end: int) -> NDArray[Any] | None:
        """Return some rows of a dataset, or None where the file has no such dataset."""
        array = self.seal.arrays.get(name)
        return None if array is None else seal.rows(self.file, array, begin, end)

    def texts(self, name: str) -> tuple[str, ...]:
        """Return a dataset of text; bytes that are no UTF-8 are damage, and will fail their digest."""
        return tuple(bytes(item).decode("utf-8", "replace") for item in self.whole(name))


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[_Sealed | None]:
    """Open a file to read; None where its seal does not verify."""
    with path.open("rb") as file:
        found, _ = seal.read(file)
        yield None if found is None else _Sealed(file, found)


def survey(path: Path, key: str) -> Found:
    """Find out which clips of a file verify under `key`; nothing in the file is taken on trust.

    A file that is cut short or hurt gives what still verifies. A file made under another key gives nothing.
    """
    with path.open("rb") as file:
        stated, both_sound = seal.read(file)
        if stated is None:
            return Found(hurt=("its seal does not verify",))
        if stated.key != key:
            return Found()
        sealed = _Sealed(file, stated)
        found = Found()
        hurt = [] if both_sound else ["one copy of its seal does not verify"]
        hurt += _survey_clips(sealed, path, key, found)
        hurt += _survey_failures(sealed, key, found)
        if seal.index(file, stated.arrays) != stated.index:
            hurt.append("its index does not verify")
            return replace(found, hurt=tuple(hurt))
        return replace(found, hurt=tuple(hurt), columns=sealed.texts("columns"))


def _survey_clips(sealed: _Sealed, path: Path, key: str, found: Found) -> list[str]:
    """Note every clip that verifies; return a sentence for each that does not."""
    hurt = []
    ids, sources, digests = (sealed.texts(name) for name in ("ids", "source", "digest"))
    for number, values, times in _clips(sealed):
        entry = Entry(ids[number], sources[number], values, times)
        if values is not None and entry.digest(key) == digests[number]:
            found.places[entry.id] = (entry.source, Place(path, number, len(values)))
        else:
            hurt.append(f"clip '{entry.id}' does not verify")
            found.hurt_ids.add(entry.id)
    return hurt


def _survey_failures(sealed: _Sealed, key: str, found: Found) -> list[str]:
    """Note every failure that verifies; return a sentence for each that does not."""
    hurt = []
    for id_, source, message, digest in zip(*(sealed.texts(f"failed/{name}") for name in FAILED), strict=True):
        if Entry(id_, source, message=message).digest(key) == digest:
            found.failures[id_] = (source, message)
        else:
            hurt.append(f"the failure of '{id_}' does not verify")
            found.hurt_ids.add(id_)
    return hurt


def _clips(sealed: _Sealed) -> Iterator[tuple[int, NDArray[np.float32] | None, NDArray[np.float64] | None]]:
    """Yield (number, values, times) of each clip, read in blocks; None for rows that cannot be there."""
    array = sealed.seal.arrays["values"]
    offsets = sealed.whole("offsets")
    sound = (offsets[:-1] >= 0) & (offsets[1:] >= offsets[:-1]) & (offsets[1:] <= array.shape[0])
    begin, end, values, times = 0, -1, None, None
    for number, ok in enumerate(sound):
        at, until = int(offsets[number]), int(offsets[number + 1])
        if not ok:
            yield number, None, None
            continue
        if values is None or at < begin or until > end:
            begin, end = at, max(until, min(array.shape[0], at + BLOCK // max(array.row_bytes, 1)))
            values, times = sealed.part("values", begin, end), sealed.part("times", begin, end)
        rows = slice(at - begin, until - begin)
        yield number, None if values is None else values[rows], None if times is None else times[rows]


def described(path: Path) -> Seal | None:
    """Return what a file says of itself, or None where its seal does not verify."""
    with path.open("rb") as file:
        return seal.read(file)[0]


def entries(places: Iterable[tuple[str, str, Place]], key: str) -> Iterator[Entry]:
    """Yield the clips (id, source, place), each verified again as it is read.

    Raises
    ------
    AffexError
        If a clip no longer verifies.
    """
    for path, group in itertools.groupby(places, key=lambda item: item[2].path):
        with _opened(path) as sealed:
            if sealed is None:
                raise AffexError(f"{path}: its seal does not verify. Run `make features` to mend the file.")
            offsets, digests = sealed.whole("offsets"), sealed.texts("digest")
            for id_, source, place in group:
                rows = int(offsets[place.number]), int(offsets[place.number + 1])
                entry = Entry(id_, source, sealed.part("values", *rows), sealed.part("times", *rows))
                if entry.digest(key) != digests[place.number]:
                    raise AffexError(f"{path}: the rows of '{id_}' do not verify. Run `make features` to mend them.")
                yield entry


@dataclass(frozen=True)
class Table:
    """All clips of a file, verified.

    Parameters
    ----------
    ids
        The clips that have rows, in the file's order.
    columns
        The columns' names.
    offsets : (n_clips + 1,) int64
        Clip ``i`` owns rows ``offsets[i]`` to ``offsets[i + 1]``.
    values : (n_rows, n_columns) float32
    """

    ids: tuple[str, ...]
    columns: tuple[str, ...]
    offsets: NDArray[np.int64]
    values: NDArray[np.float32]


def load(path: Path, key: str) -> Table:
    """Read a published file whole, every clip verified.

    Raises
    ------
    AffexError
        If the file is not there, was made under another key, or does not verify.
    """
    if not path.exists():
        raise AffexError(f"{path} is not there. Run `make features` to make it.")
    found = survey(path, key)
    with _opened(path) as sealed:
        if sealed is None or found.hurt or found.columns is None:
            why = "; ".join(found.hurt[:3]) or "it was made otherwise than affex makes it today"
            raise AffexError(f"{path}: {why}. Run `make features` to mend it.")
        return Table(sealed.texts("ids"), found.columns, sealed.whole("offsets"), sealed.whole("values"))


class _Disguised(io.RawIOBase):
    """A file that grows from nothing for HDF5, though its room on the disk is already taken."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._length = 0

    def seekable(self) -> bool:
        return True

    def readable(self) -> bool:
        return True

    def writable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        return self._file.seek(offset + (self._length if whence == os.SEEK_END else 0))

    def tell(self) -> int:
        return self._file.tell()

    def readinto(self, buffer: Any) -> int:
        return self._file.readinto(buffer) or 0  # type: ignore[attr-defined]

    def write(self, data: Any) -> int:
        written = self._file.write(data)
        self._length = max(self._length, self._file.tell())
        return written

    def truncate(self, size: int | None = None) -> int:
        self._length = self._file.truncate(size)
        return self._length


def longest_bytes(texts: Iterable[str]) -> int:
    """Return the width in bytes that holds every text (1 at the least: HDF5 has no text of width 0)."""
    return max((len(text.encode()) for text in texts), default=1) or 1
