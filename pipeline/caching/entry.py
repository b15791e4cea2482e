"""Entries: the stored data of an utterance, and the digest that verifies them.

Rows may have pictures (crops). The pictures of a file are never in memory together: they are read on demand, and pass
through digests and copies in blocks.
"""

import hashlib
import os
import re
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from affex.features.pictures.spool import Pictures

#: Approximate size of the pictures in memory at a time, bytes.
CHUNK = 4 * 2**20

#: Name of a file in which a worker leaves pictures for the driver.
SPILLED = re.compile(r"[0-9a-f]{12}\.crops\.tmp")

#: The name of the devices among a file's versions.
DEVICE = "device"

#: The stored length of a failure's message, characters.
MESSAGE = 500


@dataclass(frozen=True)
class Recipe:
    """The definition of rows, which a file's key stands for.

    Parameters
    ----------
    spec
        Canonical JSON of all dependencies of the rows except the media.
    versions
        Other packages that took part, for the record only: package to version; for imported rows also their origin,
        for rows of networks the devices that computed them.
    """

    spec: str
    versions: Mapping[str, str] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """The sha256 of the spec, in hexadecimal digits."""
        return hashlib.sha256(self.spec.encode()).hexdigest()

    def on(self, *devices: str) -> "Recipe":
        """Return the recipe with a record of the devices on which rows were computed; they differ in the last bits."""
        named = ", ".join(sorted({device for device in devices if device}))
        return replace(self, versions={**self.versions, DEVICE: named} if named else self.versions)


@dataclass(frozen=True)
class Entry:
    """A finished utterance: its rows, or the reason why it has none.

    Parameters
    ----------
    source
        What it was made of; empty for a failure that is to be tried again.
    values : (n_rows, n_columns) float32, or None for a failure
    times : (n_rows,) float64, s, or None if rows are not frames
    message
        The reason why there are no rows.
    crops : n_rows encoded pictures, or None if rows have no pictures
    """

    id: str
    source: str
    values: NDArray[np.float32] | None = None
    times: NDArray[np.float64] | None = None
    message: str = ""
    crops: Sequence[bytes] | None = None

    def digest(self, key: str) -> str:
        """Return the sha256 that verifies this entry under `key`."""
        sha = hashlib.sha256()
        for part in (key, self.id, self.source, self.message):
            sha.update(part.encode() + b"\0")
        for array in (self.values, self.times):
            if array is not None:
                sha.update(f"{array.dtype.str}{array.shape}".encode())
                sha.update(np.ascontiguousarray(array).data)
        if self.crops is not None:
            sha.update(b"crops" + lengths(self.crops).astype("<i8").tobytes())
            for chunk in chunks(self.crops):
                sha.update(chunk)
        return sha.hexdigest()


@dataclass(frozen=True, slots=True)
class Place:
    """The place of a verified utterance: the file, the number of the utterance in it, and its size.

    Parameters
    ----------
    crop_bytes
        The total size of its pictures in bytes.
    """

    path: Path
    number: int
    n_rows: int
    crop_bytes: int = 0


@dataclass(frozen=True, eq=False)
class Crops(Pictures):
    """Pictures in an open file, read on demand (by any thread).

    Parameters
    ----------
    begin
        The byte of the file at offset 0.
    room
        The size of all pictures in the file, bytes.
    offsets : (n + 1,) int64
        As for `Pictures`.
    """

    file: BinaryIO
    begin: int
    room: int
    offsets: NDArray[np.int64]  # type: ignore[assignment]

    def part(self, numbers: range) -> "Crops":
        """Return successive pictures, still in the file."""
        if numbers.step != 1:
            raise ValueError("pictures are read in their order")
        return replace(self, offsets=self.offsets[numbers.start : numbers.start + len(numbers) + 1])

    def read(self, begin: int, end: int) -> bytes:
        """Return the bytes of a half-open range of offsets; bytes beyond the end of a truncated file are zero."""
        return os.pread(self.file.fileno(), end - begin, self.begin + begin).ljust(end - begin, b"\0")

    @property
    def is_sound(self) -> bool:
        """Whether the offsets are valid for this file."""
        return bool(self.offsets[0] >= 0 and self.offsets[-1] <= self.room and (np.diff(self.offsets) >= 0).all())


@dataclass(frozen=True, eq=False)
class Spilled(Pictures):
    """Pictures in a file of their own, in which a worker passes them to the driver.

    Parameters
    ----------
    offsets : (n + 1,) int64
        As for `Pictures`.
    """

    path: Path
    offsets: NDArray[np.int64]  # type: ignore[assignment]

    def read(self, begin: int, end: int) -> bytes:
        """Return the bytes of a half-open range of offsets."""
        with self.path.open("rb") as file:
            file.seek(begin)
            return file.read(end - begin)


def spill(crops: Sequence[bytes], folder: Path) -> Spilled:
    """Write pictures into a file of their own, whose name marks it for removal at the end of its run."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{uuid.uuid4().hex[:12]}.crops.tmp"
    with path.open("wb") as file:
        for chunk in chunks(crops):
            file.write(chunk)
    return Spilled(path, np.concatenate([[0], np.cumsum(lengths(crops))]))


def lengths(crops: Sequence[bytes]) -> NDArray[np.int64]:
    """Return the size of each picture in bytes, (n,) int64."""
    return np.diff(crops.offsets) if isinstance(crops, Pictures) else np.array([len(crop) for crop in crops], np.int64)


def chunks(crops: Sequence[bytes]) -> Iterator[bytes]:
    """Yield the bytes of all pictures, one after another, in blocks of some MiB; those in memory in one."""
    if not isinstance(crops, Pictures):
        yield b"".join(crops)
        return
    end = int(crops.offsets[-1])
    for at in range(int(crops.offsets[0]), end, CHUNK):
        yield crops.read(at, min(at + CHUNK, end))


@dataclass(frozen=True)
class Shape:
    """The size of a file's content, which HDF5 needs before the first row is written.

    Parameters
    ----------
    crop_bytes
        The total size of the rows' pictures in bytes; None without pictures or without rows.
    """

    n_utterances: int
    n_rows: int
    n_failures: int
    id_bytes: int
    message_bytes: int
    framewise: bool
    crop_bytes: int | None = None

    @classmethod
    def of(cls, entries: Iterable[Entry]) -> "Shape":
        """Return the total size of these entries."""
        entries = list(entries)
        done = [entry for entry in entries if entry.values is not None]
        pictured = [int(lengths(entry.crops).sum()) for entry in done if entry.crops is not None]
        return cls(
            n_utterances=len(done),
            n_rows=sum(len(entry.values) for entry in done if entry.values is not None),
            n_failures=len(entries) - len(done),
            id_bytes=longest_bytes(entry.id for entry in entries),
            message_bytes=longest_bytes(entry.message[:MESSAGE] for entry in entries),
            framewise=any(entry.times is not None for entry in done),
            crop_bytes=sum(pictured) if pictured else None,
        )


def longest_bytes(texts: Iterable[str]) -> int:
    """Return the width in bytes that holds every text (at least 1: HDF5 has no text of width 0)."""
    return max((len(text.encode()) for text in texts), default=1) or 1
