"""Encoded pictures one after another, each read when it is used; those of a long utterance in a temporary file."""

from abc import ABC, abstractmethod
from array import array
from collections.abc import Sequence
from tempfile import SpooledTemporaryFile
from typing import overload

#: The most bytes of an utterance's pictures in memory; beyond it they are in a temporary file.
HELD = 8 * 2**20


class Pictures(Sequence[bytes], ABC):
    """Encoded pictures that stand one after another.

    Attributes
    ----------
    offsets : (n + 1,) int64
        Picture ``i`` has the bytes from ``offsets[i]`` up to, not including, ``offsets[i + 1]``.
    """

    offsets: Sequence[int]

    @abstractmethod
    def read(self, begin: int, end: int) -> bytes:
        """Return the bytes of a half-open range of offsets."""

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @overload
    def __getitem__(self, index: int) -> bytes: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[bytes]: ...
    def __getitem__(self, index: int | slice) -> bytes | Sequence[bytes]:
        numbers = range(len(self))[index]
        if isinstance(numbers, range):
            return self.part(numbers)
        return self.read(int(self.offsets[numbers]), int(self.offsets[numbers + 1]))

    def part(self, numbers: range) -> Sequence[bytes]:
        """Return some of the pictures."""
        return tuple(self[number] for number in numbers)


class Spool(Pictures):
    """Pictures, appended one by one, for `features.base.Rows.crops`. Not safe for several threads at once."""

    offsets: "array[int]"

    def __init__(self) -> None:
        self._file = SpooledTemporaryFile(max_size=HELD)  # noqa: SIM115 - it lasts as long as the spool
        self.offsets = array("q", [0])

    def append(self, picture: bytes) -> None:
        """Append the next row's picture; empty bytes for none."""
        self._file.seek(self.offsets[-1])
        self._file.write(picture)
        self.offsets.append(self.offsets[-1] + len(picture))

    def read(self, begin: int, end: int) -> bytes:
        """Return the bytes of a half-open range of offsets."""
        self._file.seek(begin)
        return self._file.read(end - begin)
