"""Sizes: checks on foreign files before memory is allocated for them.

A header may declare any size, and a compressed file of a megabyte may unpack to terabytes. Both are detected before the
content is read.
"""

import math
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from affex.pipeline.text.errors import AffexError

#: A file is refused if it unpacks to more than `ROOM` bytes and to more than `RATIO` times its own size.
ROOM, RATIO = 2**30, 100

#: The readers of a numpy array's header, by the version of the format. Other versions are for records, not for numbers.
HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}


def require_plausible(where: str, packed: int, unpacked: int) -> None:
    """Refuse a file that would unpack to much more than its own size.

    Parameters
    ----------
    packed, unpacked
        The size of the file, and of its unpacked content, bytes.

    Raises
    ------
    AffexError
        If so; the message has both sizes.
    """
    if unpacked > max(ROOM, RATIO * packed):
        raise AffexError(
            f"{where} has {packed} bytes and would unpack to {unpacked}. affex does not read files that unpack to more "
            f"than {RATIO} times their size. If the file is right, split it, or write it without compression."
        )


def array(where: str, file: IO[bytes], size: int) -> NDArray[Any]:
    """Return an array in numpy's own format.

    Parameters
    ----------
    size
        The size of the file, bytes.

    Raises
    ------
    AffexError
        If it holds Python objects (pickles, which are never read), or another size than its header declares.
    ValueError
        If it is not such an array.
    """
    version = np.lib.format.read_magic(file)
    if version not in HEADERS:
        raise AffexError(f"{where} is an array of format version {version}; expected {' or '.join(map(str, HEADERS))}.")
    shape, _, kind = HEADERS[version](file)
    if kind.hasobject:
        raise AffexError(f"{where} cannot be read as an array without pickle: it holds Python objects.")
    declared, held = math.prod(shape) * kind.itemsize, size - file.tell()
    if declared != held:
        raise AffexError(f"{where} declares {kind} of the shape {shape}, {declared} bytes, but has {held} bytes.")
    file.seek(0)
    found: NDArray[Any] = np.lib.format.read_array(file, allow_pickle=False)
    return found


def declared(file: IO[bytes]) -> tuple[int, ...]:
    """Return the shape in the header of an array in numpy's own format; raise `ValueError` as `array` does."""
    version = np.lib.format.read_magic(file)
    if version not in HEADERS:
        raise ValueError(f"an array of the version {version}")
    return tuple(HEADERS[version](file)[0])
