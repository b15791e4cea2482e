"""The store: rows kept, keyed and verified, in HDF5 files that any program can read.

The arrow from features to cache. One layout serves the published file of a feature and the small segment
files that a run writes while it goes on (see ``cache/README.md``):

* A *key* says how rows were made (see `Recipe`), a clip's *source* says of what (media bytes and span), and its
  *digest* is the sha256 over key, id, source and rows: whatever verifies is true under that key, wherever
  it is found; whatever does not is computed again.
* A file becomes visible whole or not at all: written beside its place, fsynced, renamed. HDF5 itself never meets
  a full disk (it would crash the process): segments are built in memory, and room for a published file is
  reserved before HDF5 writes to it.
"""

import contextlib
import hashlib
import io
import json
import os
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import h5py
import numpy as np
from numpy.typing import NDArray

from pipeline.atomic import reserve, temporary, writing
from pipeline.errors import AffexError

#: Raised by hand whenever the layout of a file or the meaning of a digest changes.
SCHEMA = 1

#: How many bytes of rows are read at a time when many clips are verified.
BLOCK = 32 * 2**20

#: Room for what HDF5 writes beside the data (headers, attributes), bytes.
SLACK = 2**18

#: Longer than any file, bytes.
ENDLESS = 2**40

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


@dataclass(frozen=True)
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
    """

    places: dict[str, tuple[str, Place]] = field(default_factory=dict)
    failures: dict[str, tuple[str, str]] = field(default_factory=dict)
    columns: tuple[str, ...] | None = None
    hurt: tuple[str, ...] = ()


# -- writing -----------------------------------------------------------------------------------------------


def write_segment(folder: Path, recipe: Recipe, columns: Sequence[str], entries: Sequence[Entry]) -> Path:
    """Write finished clips as one small file, whole or not at all.

    Raises
    ------
    AffexError
        If the disk is full or the folder cannot be written.
    """
    image = io.BytesIO()
    shape = Shape.of(entries)
    with h5py.File(image, "w") as h5:
        _fill(h5, recipe, columns, shape, entries)
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
            with h5py.File(_Disguised(file, 0), "w") as h5:
                _fill(h5, recipe, columns, shape, entries)


def _fill(h5: h5py.File, recipe: Recipe, columns: Sequence[str], shape: Shape, entries: Iterable[Entry]) -> None:
    """Write entries into an empty file. `values` comes last, so that a cut file loses the last clips only."""
    h5.attrs.update(schema=SCHEMA, key=recipe.key, spec=recipe.spec, versions=json.dumps(dict(recipe.versions)))
    tables = _allocate(h5, columns, shape)
    ids, sources, digests, offsets = (
        np.zeros(tables[name].shape, tables[name].dtype) for name in ("ids", "source", "digest", "offsets")
    )
    failed: dict[str, list[str]] = {"ids": [], "source": [], "digest": [], "message": []}
    clip = 0
    for entry in entries:
        if entry.values is None:
            entry = Entry(entry.id, entry.source, message=entry.message[:_MESSAGE])  # noqa: PLW2901
            for name, text in zip(
                failed, (entry.id, entry.source, entry.digest(recipe.key), entry.message), strict=True
            ):
                failed[name].append(text)
            continue
        ids[clip], sources[clip] = entry.id.encode(), entry.source.encode()
        digests[clip] = entry.digest(recipe.key).encode()
        at, end = offsets[clip], offsets[clip] + len(entry.values)
        offsets[clip + 1] = end
        tables["values"][at:end] = entry.values
        if entry.times is not None:
            tables["times"][at:end] = entry.times
        clip += 1
    for name, array in (("ids", ids), ("source", sources), ("digest", digests), ("offsets", offsets)):
        tables[name][...] = array
    for name, texts in failed.items():
        tables[f"failed/{name}"][...] = np.array([text.encode() for text in texts], tables[f"failed/{name}"].dtype)
    h5.attrs["index"] = _index_digest(h5)


def _allocate(h5: h5py.File, columns: Sequence[str], shape: Shape) -> dict[str, h5py.Dataset]:
    """Create the datasets; text is UTF-8 of fixed width, since references into a heap do not survive damage."""

    def text(name: str, n: int, width: int) -> h5py.Dataset:
        return h5.create_dataset(name, (n,), h5py.string_dtype("utf-8", width))

    tables = {
        "ids": text("ids", shape.n_clips, shape.id_bytes),
        "source": text("source", shape.n_clips, 64),
        "digest": text("digest", shape.n_clips, 64),
        "offsets": h5.create_dataset("offsets", (shape.n_clips + 1,), np.int64),
        "columns": text("columns", len(columns), longest_bytes(columns)),
        "failed/ids": text("failed/ids", shape.n_failures, shape.id_bytes),
        "failed/source": text("failed/source", shape.n_failures, 64),
        "failed/digest": text("failed/digest", shape.n_failures, 64),
        "failed/message": text("failed/message", shape.n_failures, shape.message_bytes),
    }
    tables["columns"][...] = np.array([name.encode() for name in columns], tables["columns"].dtype)
    if shape.framewise:
        tables["times"] = h5.create_dataset("times", (shape.n_rows,), np.float64)
        tables["times"].attrs["unit"] = "s"
    tables["values"] = h5.create_dataset("values", (shape.n_rows, len(columns)), np.float32)
    return tables


# -- reading -----------------------------------------------------------------------------------------------


def survey(path: Path, key: str) -> Found:
    """Find out which clips of a file verify under `key`; nothing in the file is taken on trust.

    A file that is cut short or hurt gives what still verifies. A file made under another key gives nothing.
    """
    found = Found()
    hurt: list[str] = []
    columns = None
    try:
        with _opened(path) as h5:
            _survey_clips(h5, path, key, found, hurt)
            _survey_failures(h5, key, found, hurt)
            index = _attribute(h5, "index")
            if index == _index_digest(h5) and _attribute(h5, "key") == key == Recipe(_attribute(h5, "spec")).key:
                columns = _texts(h5, "columns")
            else:
                hurt.append("the index does not verify")
    except (OSError, KeyError, ValueError, RuntimeError, TypeError) as error:
        hurt.append(f"not readable as HDF5: {error}")
    return Found(found.places, found.failures, columns, tuple(hurt))


def _survey_clips(h5: h5py.File, path: Path, key: str, found: Found, hurt: list[str]) -> None:
    ids, sources, digests = _texts(h5, "ids"), _texts(h5, "source"), _texts(h5, "digest")
    offsets = h5["offsets"][:]
    for number, values, times in _clips(h5, offsets):
        entry = Entry(ids[number], sources[number], values, times)
        if values is not None and entry.digest(key) == digests[number]:
            found.places[entry.id] = (entry.source, Place(path, number, len(values)))
        else:
            hurt.append(f"clip {entry.id!r} does not verify")


def _survey_failures(h5: h5py.File, key: str, found: Found, hurt: list[str]) -> None:
    names = ("ids", "source", "message", "digest")
    for id_, source, message, digest in zip(*(_texts(h5, f"failed/{name}") for name in names), strict=True):
        if Entry(id_, source, message=message).digest(key) == digest:
            found.failures[id_] = (source, message)
        else:
            hurt.append(f"the failure of {id_!r} does not verify")


def _clips(
    h5: h5py.File, offsets: NDArray[np.int64]
) -> Iterator[tuple[int, NDArray[np.float32] | None, NDArray[np.float64] | None]]:
    """Yield (number, values, times) of each clip, read in blocks; None for rows that cannot be there."""
    values, times = h5["values"], h5.get("times")
    n_rows = len(values)
    row_bytes = max(4 * values.shape[1], 1)
    sound = (offsets[:-1] >= 0) & (offsets[1:] >= offsets[:-1]) & (offsets[1:] <= n_rows)
    begin, end, block = 0, 0, values[:0]
    block_times = None
    for number, ok in enumerate(sound):
        at, until = int(offsets[number]), int(offsets[number + 1])
        if not ok:
            yield number, None, None
            continue
        if at < begin or until > end:
            begin, end = at, max(until, min(n_rows, at + BLOCK // row_bytes))
            block = values[begin:end]
            block_times = None if times is None else times[begin:end]
        rows = slice(at - begin, until - begin)
        yield number, block[rows], None if block_times is None else block_times[rows]


def described(path: Path) -> tuple[str, str, Mapping[str, str]] | None:
    """Return a file's key, spec and versions as it states them, or None where it cannot be read."""
    try:
        with _opened(path) as h5:
            return (
                _attribute(h5, "key"),
                _attribute(h5, "spec"),
                json.loads(_attribute(h5, "versions")),
            )
    except (OSError, KeyError, ValueError, RuntimeError, TypeError):
        return None


def counted(path: Path) -> tuple[int, int, int]:
    """Return how many clips, rows and failures a file states; zeros where it cannot be read."""
    try:
        with _opened(path) as h5:
            return len(h5["ids"]), len(h5["values"]), len(h5["failed/ids"])
    except (OSError, KeyError, ValueError, RuntimeError, TypeError):
        return 0, 0, 0


def entries(places: Iterable[tuple[str, str, Place]], key: str) -> Iterator[Entry]:
    """Yield the clips (id, source, place), each verified again as it is read.

    Raises
    ------
    AffexError
        If a clip no longer verifies.
    """
    with contextlib.ExitStack() as stack:
        current: Path | None = None
        for id_, source, place in places:
            if place.path != current:
                stack.close()
                h5 = stack.enter_context(_opened(place.path))
                offsets, digests = h5["offsets"][:], _texts(h5, "digest")
                current = place.path
            rows = slice(int(offsets[place.number]), int(offsets[place.number + 1]))
            times = h5["times"][rows] if "times" in h5 else None
            entry = Entry(id_, source, h5["values"][rows], times)
            if entry.digest(key) != digests[place.number]:
                raise AffexError(
                    f"{place.path}: the rows of {id_!r} do not verify. Run `make features` to mend the file."
                )
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
    if found.hurt or found.columns is None:
        raise AffexError(f"{path}: {'; '.join(found.hurt[:3])}. Run `make features` to mend it.")
    with _opened(path) as h5:
        return Table(_texts(h5, "ids"), found.columns, h5["offsets"][:], h5["values"][:])


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[h5py.File]:
    """Open a file to read, cut short or not, without HDF5's lock: nobody writes to it ever again."""
    with path.open("rb") as file, h5py.File(_Disguised(file, ENDLESS), "r") as h5:
        yield h5


class _Disguised(io.RawIOBase):
    """A file that tells HDF5 another length than it has.

    To write, one that grows from nothing though its room is already taken: HDF5 would not begin in it else.
    To read, one that goes on with zeros after its end: HDF5 refuses a file that was cut, though its rest is sound.
    """

    def __init__(self, file: BinaryIO, length: int) -> None:
        self._file = file
        self._length = length

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
        view = memoryview(buffer).cast("B")
        read = self._file.readinto(view) or 0  # type: ignore[attr-defined]
        view[read:] = bytes(len(view) - read)
        return len(view)

    def write(self, data: Any) -> int:
        written = self._file.write(data)
        self._length = max(self._length, self._file.tell())
        return written

    def truncate(self, size: int | None = None) -> int:
        self._length = self._file.truncate(size)
        return self._length


def _texts(h5: h5py.File, name: str) -> tuple[str, ...]:
    """Return a dataset of fixed-width text; bytes that are no UTF-8 are damage, and will fail their digest."""
    return tuple(bytes(item).decode("utf-8", "replace") for item in h5[name][:])


def _attribute(h5: h5py.File, name: str) -> str:
    value = h5.attrs[name]
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _index_digest(h5: h5py.File) -> str:
    """Return the sha256 over all that is not proved clip by clip."""
    sha = hashlib.sha256()
    for name in ("schema", "key", "spec", "versions"):
        sha.update(str(h5.attrs[name]).encode("utf-8", "replace") + b"\0")
    for name in (
        "ids",
        "source",
        "digest",
        "offsets",
        "columns",
        *(f"failed/{n}" for n in ("ids", "source", "digest", "message")),
    ):
        sha.update(np.ascontiguousarray(h5[name][:]).tobytes() + b"\0")
    return sha.hexdigest()


def longest_bytes(texts: Iterable[str]) -> int:
    """Return the width in bytes that holds every text (1 at the least: HDF5 has no text of width 0)."""
    return max((len(text.encode()) for text in texts), default=1) or 1
