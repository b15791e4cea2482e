"""Sizes: what a foreign file may unpack to, and arrays that hold what their header declares.

A header may declare anything, and a packed file of a megabyte may unpack to terabytes: both are found before anything
is made of them.
"""

import math
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from affex.pipeline.text.errors import AffexError

#: A file that unpacks to more bytes than `ROOM`, and to more than `RATIO` times its own size, is not read.
ROOM, RATIO = 2**30, 100

#: The header of an array of numpy, by the version of its format; others are of records, and no rows of numbers.
HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}


def require_plausible(where: str, packed: int, unpacked: int) -> None:
    """Refuse what would unpack to much more than it is.

    Parameters
    ----------
    packed, unpacked
        Bytes.

    Raises
    ------
    AffexError
        With both.
    """
    if unpacked > max(ROOM, RATIO * packed):
        raise AffexError(
            f"{where} has {packed} bytes and would unpack to {unpacked}: more than {RATIO} times as much is not read. "
            "If it is right, split it, or write it unpacked."
        )


def array(where: str, file: IO[bytes], size: int) -> NDArray[Any]:
    """Return an array in numpy's own format.

    Parameters
    ----------
    size
        How many bytes the file has.

    Raises
    ------
    AffexError
        If it holds Python's objects (pickles, which are never read), or other bytes than its header declares.
    ValueError
        If it is no such array.
    """
    version = np.lib.format.read_magic(file)
    if version not in HEADERS:
        raise AffexError(f"{where} is an array of the version {version}; expected {' or '.join(map(str, HEADERS))}.")
    shape, _, kind = HEADERS[version](file)
    if kind.hasobject:
        raise AffexError(f"{where} cannot be read as an array without pickle: it holds Python's objects.")
    declared, held = math.prod(shape) * kind.itemsize, size - file.tell()
    if declared != held:
        raise AffexError(f"{where} declares {kind} of the shape {shape}, {declared} bytes, and holds {held} of them.")
    file.seek(0)
    found: NDArray[Any] = np.lib.format.read_array(file, allow_pickle=False)
    return found


def declared(file: IO[bytes]) -> tuple[int, ...]:
    """Return the shape that the header of an array in numpy's own format declares; raises `ValueError` as `array`."""
    version = np.lib.format.read_magic(file)
    if version not in HEADERS:
        raise ValueError(f"an array of the version {version}")
    return tuple(HEADERS[version](file)[0])
