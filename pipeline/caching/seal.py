"""The seal: with it, affex reads and verifies its files without the HDF5 library.

HDF5 may crash the process on a file with damaged headers, and refuses a truncated file. So each file begins with a seal
(in HDF5's user block, which HDF5 skips). It has the position of each dataset, the key, and the sha256 of everything
that is not verified per utterance. The file has two copies of the seal, each with its own sha256: if one is damaged,
affex detects it and uses the other.
"""

import hashlib
import json
import math
import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

#: The size of one copy, bytes; two make HDF5's user block, whose size is a power of two.
COPY = 2**14
USER_BLOCK = 2 * COPY

#: The datasets that the digests verify per utterance; the seal covers everything else.
ROWS = ("values", "times", "crop_offsets", "crops")

#: The description of a file whose seal is sound, but whose datasets are not where the seal says.
REWRITTEN = "rewritten by another program (as h5repack does), or damaged throughout: no data is where affex wrote it"

_MAGIC = b"affex seal 1\n"
_CHUNK = 2**22


@dataclass(frozen=True)
class Array:
    """The position of a dataset in a file: its first byte, its shape and its numpy type."""

    offset: int
    shape: tuple[int, ...]
    dtype: str

    @property
    def row_bytes(self) -> int:
        """The number of bytes of one row."""
        return np.dtype(self.dtype).itemsize * math.prod(self.shape[1:])

    @property
    def end(self) -> int:
        """The byte after the last."""
        return self.offset + self.shape[0] * self.row_bytes


@dataclass(frozen=True)
class Seal:
    """The content of a seal.

    Parameters
    ----------
    key, spec, versions
        How its rows were made (see `pipeline.caching.store.Recipe`).
    arrays
        The position of each dataset.
    index
        The sha256 of everything after the seal except `ROWS`.
    """

    key: str
    spec: str
    versions: Mapping[str, str]
    arrays: Mapping[str, Array]
    index: str


def write(file: BinaryIO, seal: Seal) -> None:
    """Write both copies of a seal into a file's user block.

    Raises
    ------
    ValueError
        If the seal does not fit.
    """
    text = json.dumps(asdict(seal), sort_keys=True).encode()
    head = _MAGIC + hashlib.sha256(text).hexdigest().encode() + b"\n"
    if len(head) + len(text) > COPY:
        raise ValueError(f"a seal of {len(text)} bytes does not fit into {COPY}")
    file.seek(0)
    file.write(2 * (head + text).ljust(COPY, b"\0"))


def read(file: BinaryIO) -> tuple[Seal | None, bool]:
    """Return a file's seal (None where neither copy verifies), and whether both copies are sound."""
    file.seek(0)
    copies = [file.read(COPY), file.read(COPY)]
    seals = [_verified(copy) for copy in copies]
    return seals[0] or seals[1], seals[0] is not None and copies[0] == copies[1]


def _verified(copy: bytes) -> Seal | None:
    head = len(_MAGIC) + 65
    text = copy[head:].rstrip(b"\0")
    if copy[:head] != _MAGIC + hashlib.sha256(text).hexdigest().encode() + b"\n":
        return None
    record = json.loads(text)
    record["arrays"] = {
        name: Array(item["offset"], tuple(item["shape"]), item["dtype"]) for name, item in record["arrays"].items()
    }
    return Seal(**record)


def index(file: BinaryIO, arrays: Mapping[str, Array]) -> str:
    """Return the sha256 of everything after the seal except the rows."""
    sha = hashlib.sha256()
    for begin, end in _others(file, arrays):
        file.seek(begin)
        while begin < end and (chunk := file.read(min(_CHUNK, end - begin))):
            sha.update(chunk)
            begin += len(chunk)  # noqa: PLW2901 - the loop continues from here
    return sha.hexdigest()


def _others(file: BinaryIO, arrays: Mapping[str, Array]) -> Iterator[tuple[int, int]]:
    """Yield the spans of bytes (begin, end) that are neither the seal nor rows."""
    begin = USER_BLOCK
    for array in sorted((arrays[name] for name in ROWS if name in arrays), key=lambda array: array.offset):
        if array.end > array.offset:
            yield begin, array.offset
            begin = array.end
    yield begin, max(begin, file.seek(0, os.SEEK_END))


def rows(file: BinaryIO, array: Array, begin: int, end: int) -> NDArray[np.generic]:
    """Return the rows from `begin` to before `end`; bytes beyond the end of a truncated file are zero."""
    found = np.empty((end - begin, *array.shape[1:]), array.dtype)
    fill(file, array, begin, found)
    return found


def fill(file: BinaryIO, array: Array, begin: int, rows: NDArray[Any]) -> None:
    """Read rows from `begin` on into their place; bytes beyond the end of a truncated file are zero.

    Parameters
    ----------
    rows : (n_rows, ...)
        Contiguous; as many as are read.
    """
    if not rows.nbytes:
        return
    view = memoryview(rows.reshape(-1).view(np.uint8))  # type: ignore[arg-type]
    file.seek(array.offset + begin * array.row_bytes)
    done = 0
    while done < len(view) and (n := file.readinto(view[done:])):  # type: ignore[attr-defined]
        done += n
    view[done:] = bytes(len(view) - done)
