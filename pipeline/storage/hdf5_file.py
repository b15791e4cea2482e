"""The file that HDF5 writes to, without the system's errors: of a full disk, HDF5 would crash the process."""
# ruff: noqa: D102 - the methods are those of `io.RawIOBase`

import io
import os
from typing import Any, BinaryIO


class Hdf5File(io.RawIOBase):
    """An empty file for h5py. After the first error nothing more is written, and `require` raises that error."""

    def __init__(self, file: BinaryIO) -> None:
        self._descriptor = file.fileno()
        self._at = 0
        self._length = 0
        self._error: OSError | None = None

    def require(self) -> None:
        """Raise the system's first error of writing, if any."""
        if self._error is not None:
            raise self._error

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
            while self._error is None and len(rest):
                written = os.pwrite(self._descriptor, rest, self._at + size - len(rest))
                rest = rest[written:]
        except OSError as error:
            self._error = error
        self._at += size
        self._length = max(self._length, self._at)
        return size

    def truncate(self, size: int | None = None) -> int:
        self._length = self._at if size is None else size
        try:
            os.ftruncate(self._descriptor, self._length)
        except OSError as error:
            self._error = error
        return self._length
