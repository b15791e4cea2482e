"""Arena: memory that two processes share, in blocks, for the pictures on their way to a network.

It is anonymous memory of Linux, which a small ``/dev/shm`` does not limit, or else a temporary file. Its pages are
reserved at once: a process that writes to pages that the system does not have is killed. Where they cannot be
reserved there is no arena, and pictures go through pipes.
"""

import mmap
import os
import tempfile
from queue import SimpleQueue

#: Bytes of a block: a picture of 1280 x 720, 15 squares of 256 x 256 or 20 chips of 224 x 224.
BLOCK = 3 * 2**20
#: Blocks of each process: more requests than this are rarely under way from one process.
BLOCKS = 6


def reserved(size: int = BLOCK * BLOCKS) -> int | None:
    """Return the descriptor of an open file with this many bytes of reserved memory; None if there are none.

    Parameters
    ----------
    size
        Bytes.
    """
    try:
        number = _opened()
    except OSError:
        return None
    try:
        os.posix_fallocate(number, 0, size)
    except (OSError, AttributeError):  # too little memory, or a system without this call
        os.close(number)
        return None
    return number


def _opened() -> int:
    if hasattr(os, "memfd_create"):
        return os.memfd_create("affex")
    number, name = tempfile.mkstemp()
    os.unlink(name)  # noqa: PTH108 - the file lives as long as its descriptor
    return number


class Arena:
    """The memory behind a descriptor, as blocks that are lent and returned.

    Parameters
    ----------
    number
        The descriptor from `reserved`.
    """

    def __init__(self, number: int) -> None:
        self.memory = mmap.mmap(number, 0)
        self._free: SimpleQueue[int] = SimpleQueue()
        for first in range(0, len(self.memory) - BLOCK + 1, BLOCK):
            self._free.put(first)

    def lend(self) -> int:
        """Return the first byte of a free block; wait for one."""
        return self._free.get()

    def give_back(self, first: int) -> None:
        """Make a block free again."""
        self._free.put(first)
