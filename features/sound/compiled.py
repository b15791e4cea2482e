"""Compiled functions: the first call in a process, one process after another.

numba keeps what it compiles of librosa's universal functions in two files each, and writes them one after another.
Processes that compile at the same time may leave two files that do not fit together, and then this call and all later
ones end their process with a segmentation fault (https://github.com/numba/numba/issues/10128). On a fresh installation
the workers of a cluster would do so.
"""

import contextlib
import os
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

_within = threading.RLock()
_done: set[str] = set()


@contextlib.contextmanager
def first_alone(name: str) -> Iterator[None]:
    """Let no other process of this user on this machine be inside, if this process is inside for the first time.

    Parameters
    ----------
    name
        Names the functions that are called inside.
    """
    if name in _done:
        yield
        return
    from filelock import FileLock

    with _within, contextlib.ExitStack() as stack:
        with contextlib.suppress(OSError):  # without locks, the first call is as it was
            stack.enter_context(FileLock(lock_of(name)))
        yield
        _done.add(name)


def lock_of(name: str) -> Path:
    """Return the file by which processes wait for each other."""
    return Path(tempfile.gettempdir(), f"affex-{os.getuid()}-{name}.lock")
