"""Compiled functions: librosa's, which numba compiles when they are imported, one process after another.

numba keeps what it compiles of a universal function in two files, and writes them one after another. Processes that
compile at the same time may leave two files that do not fit together, and then every later call ends its process with a
segmentation fault (https://github.com/numba/numba/issues/10128). On a fresh installation the workers of a cluster would
do so.
"""

import contextlib
import functools
import os
import tempfile
from pathlib import Path

#: Processes of a user wait for each other by this file.
LOCK = Path(tempfile.gettempdir(), f"affex-{os.getuid()}-librosa.lock")


@functools.cache
def prepared() -> None:
    """Import those modules of librosa whose functions numba compiles, while no other process of this user does."""
    from filelock import FileLock

    with contextlib.ExitStack() as stack:
        with contextlib.suppress(OSError):  # without locks, it is as it was
            stack.enter_context(FileLock(LOCK))
        import librosa.core.audio
        import librosa.core.pitch
        import librosa.feature
        import librosa.sequence  # noqa: F401
