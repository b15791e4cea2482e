"""Files that become visible whole or not at all: written beside their place, fsynced, renamed."""

import contextlib
import errno
import os
import uuid
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from pipeline.errors import AffexError


@contextlib.contextmanager
def temporary(path: Path) -> Iterator[BinaryIO]:
    """Open a file beside `path` that takes its place, durably, once the block ends without an error."""
    beside = path.with_name(f"{path.name}.{uuid.uuid4().hex[:8]}.tmp")
    try:
        with beside.open("w+b") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
    with contextlib.suppress(OSError):  # not every file system can sync a folder
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def write_text(path: Path, lines: Iterable[str]) -> None:
    """Write a text file whole or not at all.

    Raises
    ------
    AffexError
        If the disk is full or the folder cannot be written.
    """
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary(path) as file:
            for line in lines:
                file.write(line.encode())


def reserve(file: BinaryIO, n_bytes: int) -> None:
    """Take room on the disk for `n_bytes`, so that a full disk shows here and not inside HDF5."""
    if hasattr(os, "posix_fallocate"):
        with contextlib.suppress(OSError):
            os.posix_fallocate(file.fileno(), 0, n_bytes)
            return
    for _ in range(0, n_bytes, 2**20):
        file.write(bytes(2**20))
    file.flush()
    file.seek(0)


@contextlib.contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn the operating system's refusals into sentences."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise AffexError(
                f"The disk is full: {path} could not be written. All clips finished so far are kept; "
                "make room and run the same command again to go on."
            ) from error
        raise AffexError(f"{path} cannot be written: {error.strerror or error}. Is it the right folder?") from error
