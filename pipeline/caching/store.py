"""The store: the arrow from features to cache, as verified rows in HDF5 files that any program can read.

One layout serves the published file of a feature and the small segment files that a run writes while it goes on (see
``cache/README.md``):

* A *key* identifies how rows were made (see `Recipe`). An utterance's *source* identifies its input (media bytes and
  span). Its *digest* is the sha256 of key, id, source and rows. Rows that verify are valid under that key in any file;
  others are computed again (see `pipeline.caching.entry`).
* Files are read with their seal (see `pipeline.caching.seal`), never with HDF5, which may crash on a damaged file.
* A file becomes visible completely or not at all: it is written under a temporary name, fsynced and renamed. HDF5
  itself never meets a full disk, which would crash the process (see `pipeline.storage.hdf5_file`).
"""

import contextlib
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

from affex.features.base import Rows
from affex.pipeline.caching import seal
from affex.pipeline.caching.entry import MESSAGE, Crops, Entry, Place, Recipe, Shape, chunks, lengths, longest_bytes
from affex.pipeline.caching.seal import Array, Seal
from affex.pipeline.storage.atomic import temporary, writing
from affex.pipeline.storage.hdf5_file import Hdf5File
from affex.pipeline.text.errors import AffexError

#: Increased by hand whenever the layout of a file or the meaning of a digest changes.
SCHEMA = 1

#: Bytes of rows per read when many utterances are verified.
BLOCK = 32 * 2**20

#: The stored fields of each failure.
FAILED = ("ids", "source", "message", "digest")


@dataclass(frozen=True)
class Found:
    """The verified content of one file under one key.

    Parameters
    ----------
    places
        Utterance id to (source, place).
    failures
        Utterance id to (source, message).
    columns
        The columns' names, or None if they do not verify.
    damaged
        A sentence for each part that does not verify; empty for a sound file.
    hurt_ids
        The damaged utterances, as far as their ids are readable.
    """

    places: dict[str, tuple[str, Place]] = field(default_factory=dict)
    failures: dict[str, tuple[str, str]] = field(default_factory=dict)
    columns: tuple[str, ...] | None = None
    damaged: tuple[str, ...] = ()
    damaged_ids: set[str] = field(default_factory=set)


# -- writing -----------------------------------------------------------------------------------------------


def write_segment(
    folder: Path, recipe: Recipe, columns: Sequence[str], entries: Iterable[Entry], shape: Shape | None = None
) -> Path:
    """Write finished utterances as one small file, completely or not at all.

    Parameters
    ----------
    shape
        The total size, if known; otherwise the entries are read once more.

    Raises
    ------
    AffexError
        If the disk is full or the folder cannot be written.
    """
    if shape is None:
        entries = list(entries)
        shape = Shape.of(entries)
    path = folder / f"{recipe.key[:12]}-{uuid.uuid4().hex[:12]}.h5"
    publish(path, recipe, columns, shape, entries)
    return path


def publish(path: Path, recipe: Recipe, columns: Sequence[str], shape: Shape, entries: Iterable[Entry]) -> None:
    """Write a feature's file in the order of `entries` and move it into place in one step.

    Raises
    ------
    AffexError
        If the disk is full or the folder cannot be written; the previous file then stays.
    """
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary(path) as file:
            _write(file, recipe, columns, shape, entries)


def _write(file: BinaryIO, recipe: Recipe, columns: Sequence[str], shape: Shape, entries: Iterable[Entry]) -> None:
    """Write entries into an empty file and seal it."""
    target = Hdf5File(file)
    with h5py.File(target, "w", userblock_size=seal.USER_BLOCK) as h5:
        h5.attrs.update(schema=SCHEMA, key=recipe.key, spec=recipe.spec, versions=json.dumps(dict(recipe.versions)))
        tables = _allocate(h5, columns, shape)
        _fill(tables, recipe, _until_error(entries, target))
        arrays = {
            name: Array(table.id.get_offset() or 0, table.shape, table.dtype.str) for name, table in tables.items()
        }
    target.require()
    seal.write(file, Seal(recipe.key, recipe.spec, recipe.versions, arrays, seal.index(file, arrays)))


def _until_error(entries: Iterable[Entry], target: Hdf5File) -> Iterator[Entry]:
    """Yield entries; raise the system's error as soon as one was not written."""
    for entry in entries:
        yield entry
        target.require()


def _fill(tables: Mapping[str, h5py.Dataset], recipe: Recipe, entries: Iterable[Entry]) -> None:
    index = {name: np.zeros(table.shape, table.dtype) for name, table in tables.items() if name not in seal.ROWS}
    utterance = failure = crop = 0
    for entry in entries:
        if entry.values is None:
            kept = replace(entry, message=entry.message[:MESSAGE])
            for name, text in zip(FAILED, (kept.id, kept.source, kept.message, kept.digest(recipe.key)), strict=True):
                index[f"failed/{name}"][failure] = text.encode()
            failure += 1
            continue
        for name, text in (("ids", entry.id), ("source", entry.source), ("digest", entry.digest(recipe.key))):
            index[name][utterance] = text.encode()
        at = index["offsets"][utterance]
        end = index["offsets"][utterance + 1] = at + len(entry.values)
        tables["values"][at:end] = entry.values
        if entry.times is not None:
            tables["times"][at:end] = entry.times
        if entry.crops is not None:
            crop = _fill_crops(tables, int(at), crop, entry.crops)
        utterance += 1
    for name, array in index.items():
        if name != "columns":
            tables[name][...] = array


def _fill_crops(tables: Mapping[str, h5py.Dataset], row: int, begin: int, crops: Sequence[bytes]) -> int:
    """Write an utterance's pictures from the byte `begin` on, the first beside `row`; return the end byte."""
    ends = begin + np.cumsum(lengths(crops))
    tables["crop_offsets"][row + 1 : row + 1 + len(ends)] = ends
    for chunk in chunks(crops):
        tables["crops"][begin : begin + len(chunk)] = np.frombuffer(chunk, np.uint8)
        begin += len(chunk)
    return begin


def _allocate(h5: h5py.File, columns: Sequence[str], shape: Shape) -> dict[str, h5py.Dataset]:
    """Create the datasets. The largest come last, so that a truncated file loses only its last utterances.

    Text is UTF-8 of fixed width, so the seal can locate it.
    """
    in_order = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    in_order.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
    widths = {"ids": shape.id_bytes, "source": 64, "digest": 64, "message": shape.message_bytes}
    kinds: dict[str, tuple[tuple[int, ...], Any]] = {
        **{
            name: ((shape.n_utterances,), h5py.string_dtype("utf-8", widths[name]))
            for name in ("ids", "source", "digest")
        },
        "offsets": ((shape.n_utterances + 1,), np.int64),
        "columns": ((len(columns),), h5py.string_dtype("utf-8", longest_bytes(columns))),
        **{f"failed/{name}": ((shape.n_failures,), h5py.string_dtype("utf-8", widths[name])) for name in FAILED},
        **({"times": ((shape.n_rows,), np.float64)} if shape.framewise else {}),
        **({} if shape.crop_bytes is None else {"crop_offsets": ((shape.n_rows + 1,), np.int64)}),
        "values": ((shape.n_rows, len(columns)), np.float32),
        **({} if shape.crop_bytes is None else {"crops": ((shape.crop_bytes,), np.uint8)}),
    }
    tables = {name: h5.create_dataset(name, *kind, dcpl=in_order) for name, kind in kinds.items()}
    tables["columns"][...] = np.array([name.encode() for name in columns], tables["columns"].dtype)
    if shape.framewise:
        tables["times"].attrs["unit"] = "s"
    return tables


@dataclass(frozen=True)
class Sealed:
    """An open file and its seal."""

    file: BinaryIO
    seal: Seal

    @property
    def n_bytes(self) -> int:
        """The size of the file in bytes."""
        return self.file.seek(0, os.SEEK_END)

    def whole(self, name: str) -> NDArray[Any]:
        """Return a whole dataset."""
        array = self.seal.arrays[name]
        return seal.rows(self.file, array, 0, array.shape[0])

    def rows(self, begin: int, end: int) -> Rows:
        """Return some rows; their pictures stay in the file."""
        part: dict[str, NDArray[Any]] = {
            name: seal.rows(self.file, array, begin, end)
            for name, array in self.seal.arrays.items()
            if name in ("values", "times")
        }
        return Rows(part["values"], part.get("times"), self.crops(begin, end))

    def crops(self, begin: int, end: int) -> Crops | None:
        """Return the pictures of some rows, still in the file; None if rows have no pictures."""
        arrays = self.seal.arrays
        if "crops" not in arrays:
            return None
        offsets: NDArray[Any] = seal.rows(self.file, arrays["crop_offsets"], begin, end + 1)
        return Crops(self.file, arrays["crops"].offset, arrays["crops"].shape[0], offsets)

    def texts(self, name: str) -> tuple[str, ...]:
        """Return a dataset of text; invalid UTF-8 is damage, and fails its digest later."""
        return tuple(bytes(item).decode("utf-8", "replace") for item in self.whole(name))


def _file(path: Path) -> BinaryIO:
    """Open a file; a FIFO or a folder of that name is treated as an empty file, which has no seal."""
    return io.BytesIO() if path.exists() and not path.is_file() else path.open("rb")


@contextlib.contextmanager
def opened(path: Path) -> Iterator[Sealed | None]:
    """Open a file to read; None if its seal does not verify."""
    with _file(path) as file:
        found, _ = seal.read(file)
        yield None if found is None else Sealed(file, found)


def survey(path: Path, key: str, *, rows: bool = True) -> Found:
    """Return which utterances of a file verify under `key`; no part of the file is trusted.

    A truncated or damaged file yields the utterances that still verify. A file with another key yields nothing.

    Parameters
    ----------
    rows
        Whether rows are read and verified. Otherwise an utterance is listed if the file is long enough for its rows.
        The caller must verify rows when it reads them, and the size of the pictures is unknown.
    """
    with _file(path) as file:
        stated, both_sound = seal.read(file)
        if stated is None:
            return Found(damaged=("its seal does not verify",))
        if stated.key != key:
            return Found()
        sealed = Sealed(file, stated)
        found = Found()
        damaged = [] if both_sound else ["one copy of its seal does not verify"]
        damaged += _survey_utterances(sealed, path, key, found) if rows else _list_utterances(sealed, path, found)
        damaged += _survey_failures(sealed, key, found)
        if seal.index(file, stated.arrays) != stated.index:
            moved = damaged and not found.places and not found.failures
            return replace(found, damaged=(seal.REWRITTEN,) if moved else (*damaged, "its index does not verify"))
        return replace(found, damaged=tuple(damaged), columns=sealed.texts("columns"))


def _survey_utterances(sealed: Sealed, path: Path, key: str, found: Found) -> list[str]:
    """Record every utterance that verifies; return a sentence for each other one."""
    damaged = []
    ids, sources, digests = (sealed.texts(name) for name in ("ids", "source", "digest"))
    for number, rows in _utterances(sealed):
        entry = _entry(ids[number], sources[number], rows)
        if entry is not None and entry.digest(key) == digests[number]:
            found.places[entry.id] = (entry.source, _place(path, number, entry))
        else:
            damaged.append(f"utterance '{ids[number]}' does not verify")
            found.damaged_ids.add(ids[number])
    return damaged


def _list_utterances(sealed: Sealed, path: Path, found: Found) -> list[str]:
    """Record every utterance whose rows may exist, unread; return a sentence if some cannot exist."""
    offsets, array = sealed.whole("offsets"), sealed.seal.arrays["values"]
    counts = np.diff(offsets)
    ends = [sealed.seal.arrays[name].end for name in seal.ROWS if name in sealed.seal.arrays]
    if (counts < 0).any() or offsets[0] or offsets[-1] != array.shape[0] or max(ends) > sealed.n_bytes:
        return ["some of its rows are not there"]
    texts = zip(sealed.texts("ids"), sealed.texts("source"), counts.tolist(), strict=True)
    found.places.update({id_: (source, Place(path, n, count)) for n, (id_, source, count) in enumerate(texts)})
    return []


def _entry(id_: str, source: str, rows: Rows | None) -> Entry | None:
    """Return an utterance with its rows; None if its rows or pictures cannot be in the file."""
    if rows is None or (isinstance(rows.crops, Crops) and not rows.crops.is_sound):
        return None
    return Entry(id_, source, rows.values, rows.times, crops=rows.crops)


def _place(path: Path, number: int, entry: Entry) -> Place:
    n_rows = 0 if entry.values is None else len(entry.values)
    return Place(path, number, n_rows, 0 if entry.crops is None else int(lengths(entry.crops).sum()))


def places(path: Path, entries: Iterable[Entry]) -> dict[str, Place]:
    """Return the places of utterances that were written into a file in this order, by id; failures have no place."""
    done = (entry for entry in entries if entry.values is not None)
    return {entry.id: _place(path, number, entry) for number, entry in enumerate(done)}


def _survey_failures(sealed: Sealed, key: str, found: Found) -> list[str]:
    """Record every failure that verifies; return a sentence for each other one."""
    damaged = []
    for id_, source, message, digest in zip(*(sealed.texts(f"failed/{name}") for name in FAILED), strict=True):
        if Entry(id_, source, message=message).digest(key) == digest:
            found.failures[id_] = (source, message)
        else:
            damaged.append(f"the failure of '{id_}' does not verify")
            found.damaged_ids.add(id_)
    return damaged


def _utterances(sealed: Sealed) -> Iterator[tuple[int, Rows | None]]:
    """Yield (number, rows) of each utterance, read in blocks; None for rows that cannot be in the file."""
    array = sealed.seal.arrays["values"]
    offsets = sealed.whole("offsets")
    sound = (offsets[:-1] >= 0) & (offsets[1:] >= offsets[:-1]) & (offsets[1:] <= array.shape[0])
    begin, end, block = 0, -1, None
    for number, ok in enumerate(sound):
        at, until = int(offsets[number]), int(offsets[number + 1])
        if not ok:
            yield number, None
            continue
        if block is None or at < begin or until > end:
            begin, end = at, max(until, min(array.shape[0], at + BLOCK // max(array.row_bytes, 1)))
            block = sealed.rows(begin, end)
        yield number, _some(block, slice(at - begin, until - begin))


def _some(block: Rows, rows: slice) -> Rows:
    return Rows(
        block.values[rows],
        None if block.times is None else block.times[rows],
        None if block.crops is None else block.crops[rows],
    )


def columns(path: Path) -> tuple[str, ...] | None:
    """Return the names of a file's columns, or None if its seal or its index does not verify."""
    with opened(path) as sealed:
        if sealed is None or seal.index(sealed.file, sealed.seal.arrays) != sealed.seal.index:
            return None
        return sealed.texts("columns")


def described(path: Path) -> Seal | None:
    """Return the seal of a file, or None if it does not verify."""
    with _file(path) as file:
        return seal.read(file)[0]


def entries(places: Iterable[tuple[str, str, Place]], key: str) -> Iterator[Entry]:
    """Yield the utterances (id, source, place); each is verified again as it is read.

    Pictures stay in the file, and are readable until the next step of the iteration.

    Raises
    ------
    AffexError
        If an utterance no longer verifies.
    """
    for path, group in itertools.groupby(places, key=lambda item: item[2].path):
        with reading(path) as reader:
            for id_, source, place in group:
                yield reader.entry(place.number, key, id_, source)


class Reader:
    """An open file for reading single utterances."""

    def __init__(self, path: Path, sealed: Sealed, again: str) -> None:
        self._path, self._again = path, again
        self._sealed = sealed
        self._offsets = sealed.whole("offsets")
        self.ids, self.sources, self.digests = (sealed.texts(name) for name in ("ids", "source", "digest"))

    def entry(self, number: int, key: str, id_: str | None = None, source: str | None = None) -> Entry:
        """Return an utterance's verified entry; the digest also covers values that come from the file.

        Raises
        ------
        AffexError
            If it does not verify.
        """
        id_, source = id_ or self.ids[number], source or self.sources[number]
        rows = self._sealed.rows(int(self._offsets[number]), int(self._offsets[number + 1]))
        entry = _entry(id_, source, rows)
        if entry is None or entry.digest(key) != self.digests[number]:
            raise AffexError(f"{self._path}: the rows of '{id_}' do not verify. Run {self._again} to mend them.")
        return entry

    def find(self, id_: str, key: str) -> Entry | None:
        """Return an utterance by id, verified: its rows, or its failure; None if the file has neither.

        Raises
        ------
        AffexError
            If its rows do not verify.
        """
        if id_ in self.ids:
            return self.entry(self.ids.index(id_), key)
        found = Found()
        _survey_failures(self._sealed, key, found)
        source, message = found.failures.get(id_, ("", ""))
        return Entry(id_, source, message=message) if message else None


@contextlib.contextmanager
def reading(path: Path, again: str = "the same command again") -> Iterator[Reader]:
    """Open a file to read single utterances; `again` is the command that makes or repairs it.

    Raises
    ------
    AffexError
        If its seal does not verify.
    """
    with opened(path) as sealed:
        if sealed is None:
            raise AffexError(f"{path}: its seal does not verify. Run {again} to mend the file.")
        yield Reader(path, sealed, again)


def digests(places: Mapping[str, Place]) -> dict[str, bytes]:
    """Return the digest of each utterance, by id."""
    found = {}
    for path, group in itertools.groupby(places.items(), key=lambda item: item[1].path):
        with reading(path) as reader:
            found.update({id_: bytes.fromhex(reader.digests[place.number]) for id_, place in group})
    return found
