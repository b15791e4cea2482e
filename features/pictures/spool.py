"""Spool: collects the encoded pictures of a long utterance, in a temporary file beyond a limit of memory."""

from array import array
from collections.abc import Sequence
from tempfile import SpooledTemporaryFile
from typing import overload

#: The most bytes of an utterance's pictures in memory; beyond it they are in a temporary file.
HELD = 8 * 2**20


class Spool(Sequence[bytes]):
    """Encoded pictures, appended one by one, for `features.base.Rows.crops`. Not safe for several threads at once."""

    def __init__(self) -> None:
        self._file = SpooledTemporaryFile(max_size=HELD)  # noqa: SIM115 - it lasts as long as the spool
        self._ends = array("q", [0])

    def append(self, picture: bytes) -> None:
        """Append the next row's picture; empty bytes for none."""
        self._file.seek(self._ends[-1])
        self._file.write(picture)
        self._ends.append(self._ends[-1] + len(picture))

    def __len__(self) -> int:
        return len(self._ends) - 1

    @overload
    def __getitem__(self, index: int) -> bytes: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[bytes, ...]: ...
    def __getitem__(self, index: int | slice) -> bytes | tuple[bytes, ...]:
        numbers = range(len(self))[index]
        if isinstance(numbers, range):
            return tuple(self[number] for number in numbers)
        self._file.seek(self._ends[numbers])
        return self._file.read(self._ends[numbers + 1] - self._ends[numbers])
